//! DVCLive and DVC's own `make_checkpoint`, unmodified, under `git exp run`.

use crate::support::{TestRepo, oracle};
use std::path::Path;

/// Learns in steps that DVCLive counts: the model is the list of its steps.
const LIVE_2: &str = "\
import os
from dvclive import Live

live = Live()
live.log_param('kind', 'toy')
epochs = int(os.environ.get('EPOCHS', 3))
rate = [line.split()[1] for line in open('params.yaml') if line.startswith('lr')][0]
for _ in range(epochs):
    with open('model.pt', 'a') as model:
        model.write(f'step {live.step} lr {rate}\\n')
    live.log_metric('loss', 1 / (1 + live.step))
    live.log_metric('train/acc', live.step / 10)
    if live.step >= 2:
        live.log_metric('late', live.step)
    live.next_step()
live.end()
";

/// The same for DVCLive 3, whose steps are long: each lasts until its end has become a checkpoint.
const LIVE_3: &str = "\
import os, subprocess, time
from dvclive import Live

def count():
    words = ['git', 'rev-list', '--count', '--glob=refs/exps/*', '^HEAD']
    return int(subprocess.run(words, capture_output=True, check=True, text=True).stdout)

with Live() as live:
    live.log_param('kind', 'toy')
    rate = [line.split()[1] for line in open('params.yaml') if line.startswith('lr')][0]
    for _ in range(int(os.environ.get('EPOCHS', 3))):
        before = count()
        with open('model.pt', 'a') as model:
            model.write(f'step {live.step} lr {rate}\\n')
        live.log_metric('loss', 1 / (1 + live.step))
        live.log_metric('train/acc', live.step / 10)
        live.next_step()
        while count() == before:
            time.sleep(0.01)
";

const DECLARED: &str = "    - dvclive:
        cache: false
        persist: true
";

/// As `git exp stage add --live dvclive` writes it.
const BY_LIVE: &str = "    metrics:
    - dvclive/metrics.json:
        cache: false
        persist: true
    plots:
    - dvclive/plots:
        cache: false
        persist: true
";

fn pipeline(more_outs: &str) -> String {
    format!(
        "\
stages:
  train:
    cmd: python3 train.py
    deps:
    - train.py
    params:
    - lr
    outs:
    - model.pt:
        checkpoint: true
{more_outs}"
    )
}

/// A project that trains with the Python of the DVC that `variable` names; `None` where there is none.
fn project(variable: &str, trainer: &str, more_outs: &str) -> Option<TestRepo> {
    let dvc = oracle(variable)?;
    let repo = TestRepo::project();
    let ours = Path::new(env!("CARGO_BIN_EXE_git-exp")).parent().unwrap();
    let python = dvc.parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    repo.env("PATH", &format!("{}:{python}:{path}", ours.display()))
        .env("DVC_STUDIO_OFFLINE", "true");
    repo.write("train.py", trainer)
        .write("params.yaml", "lr: 0.1\n")
        .write("dvc.yaml", pipeline(more_outs))
        .write(".gitignore", "/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    Some(repo)
}

/// The rows of `loss.tsv` in a checkpoint.
fn history(repo: &TestRepo, commit: &str, name: &str) -> String {
    repo.ask(&format!("show {commit}:dvclive/plots/metrics/{name}.tsv"))
}

/// The `step` that the note of each checkpoint has for `dvclive/metrics.json`.
fn noted_steps(repo: &TestRepo, name: &str) -> Vec<String> {
    let notes = repo.ask(&format!(
        "for-each-ref --format=%(refname) refs/notes/exps/*/*/{name}"
    ));
    let step = |commit: &String| {
        let note = repo.ask(&format!("notes --ref={notes} show {commit}"));
        let note: serde_json::Value = serde_json::from_str(&note).unwrap();
        note["metrics"]["dvclive/metrics.json"]["data"]["step"].to_string()
    };
    repo.checkpoints(name).iter().map(step).collect()
}

fn live_2_goes_on_and_back(more_outs: &str) {
    let Some(repo) = project("GIT_EXP_DVC2", LIVE_2, more_outs) else {
        return;
    };
    repo.epochs(3).exp("run -n calm").success();
    repo.epochs(2)
        .exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(noted_steps(&repo, "calm"), ["0", "1", "2", "3", "4"]);
    let tip = repo.tip("calm");
    assert_eq!(
        history(&repo, &tip, "loss"),
        "step\tloss\n0\t1.0\n1\t0.5\n2\t0.3333333333333333\n3\t0.25\n4\t0.2"
    );
    assert_eq!(history(&repo, &tip, "late"), "step\tlate\n2\t2\n3\t3\n4\t4");
    let shown = repo.exp("show --json").success().text();
    assert!(shown.contains("dvclive/metrics.json"), "{shown}");
    let params = repo.ask(&format!("show {tip}:dvclive/params.yaml"));
    assert_eq!(params, "kind: toy");

    // a fork of an earlier checkpoint knows nothing of what came after it
    let second = repo.checkpoints("calm")[1].clone();
    repo.exp(&format!("apply {second}")).success();
    assert_eq!(
        repo.read("dvclive/plots/metrics/loss.tsv"),
        "step\tloss\n0\t1.0\n1\t0.5\n"
    );
    assert!(!repo.exists("dvclive/plots/metrics/late.tsv"));
    repo.epochs(1).exp("run -n bold -S lr=0.5").success();
    assert_eq!(noted_steps(&repo, "bold"), ["0", "1", "2"]);
    let tip = repo.tip("bold");
    assert_eq!(
        history(&repo, &tip, "loss"),
        "step\tloss\n0\t1.0\n1\t0.5\n2\t0.3333333333333333"
    );
    assert_eq!(
        repo.read("model.pt"),
        "step 0 lr 0.1\nstep 1 lr 0.1\nstep 2 lr 0.5\n"
    );
    repo.check();
}

#[test]
fn dvclive_2_goes_on_and_back_undeclared() {
    live_2_goes_on_and_back("");
}

#[test]
fn dvclive_2_goes_on_and_back_as_an_output() {
    live_2_goes_on_and_back(DECLARED);
}

#[test]
fn dvclive_2_goes_on_and_back_as_stage_add_declares_it() {
    live_2_goes_on_and_back(BY_LIVE);
}

/// DVCLive 3 asks for no checkpoint: it says that a step is complete, and goes on.
fn live_3_goes_on_and_back(more_outs: &str) {
    let Some(repo) = project("GIT_EXP_DVC3", LIVE_3, more_outs) else {
        return;
    };
    let run = repo.epochs(3).exp("run -n calm").success();
    assert!(!run.said().contains("of DVCLive"), "{}", run.said());
    // It adds 'dvc.yaml' to the index when it ends, whoever runs it.
    repo.remember();
    assert_eq!(noted_steps(&repo, "calm"), ["0", "1", "2"]);
    repo.epochs(2)
        .exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    repo.remember();
    assert_eq!(noted_steps(&repo, "calm"), ["0", "1", "2", "3", "4"]);
    for (step, commit) in repo.checkpoints("calm").iter().enumerate() {
        assert_eq!(history(&repo, commit, "loss").lines().count(), step + 2);
        repo.exp(&format!("apply --force {commit}")).success();
        assert_eq!(repo.read("model.pt").lines().count(), step + 1);
    }
    let shown = repo.exp("show --json").success().text();
    assert!(shown.contains("dvclive/metrics.json"), "{shown}");
    let params = repo.ask(&format!("show {}:dvclive/params.yaml", repo.tip("calm")));
    assert_eq!(params, "kind: toy");

    let second = repo.checkpoints("calm")[1].clone();
    repo.exp(&format!("apply --force {second}")).success();
    repo.epochs(1).exp("run -n bold -S lr=0.5").success();
    repo.remember();
    assert_eq!(noted_steps(&repo, "bold"), ["0", "1", "2"]);
    assert_eq!(
        repo.read("model.pt"),
        "step 0 lr 0.1\nstep 1 lr 0.1\nstep 2 lr 0.5\n"
    );
    repo.check();
}

#[test]
fn dvclive_3_in_a_hurry_loses_steps_and_mixes_none() {
    let hurry = "\
from dvclive import Live
with Live() as live:
    for step in range(40):
        with open('model.pt', 'wb') as model:
            model.write(b'%d\\n' % step * 300000)
        live.log_metric('loss', 1 / (1 + step))
        live.next_step()
";
    let Some(repo) = project("GIT_EXP_DVC3", hurry, "") else {
        return;
    };
    repo.exp("run -n calm").success();
    repo.remember();
    let steps = noted_steps(&repo, "calm");
    assert_eq!(steps.last().unwrap(), "39");
    for (step, commit) in steps.iter().zip(repo.checkpoints("calm")) {
        repo.exp(&format!("apply --force {commit}")).success();
        let model = repo.read("model.pt");
        assert_eq!(model.lines().count(), 300_000, "of step {step}");
        assert!(model.lines().all(|line| line == step), "of step {step}");
        let last = history(&repo, &commit, "loss");
        assert!(last.lines().last().unwrap().starts_with(step), "{last}");
    }
    repo.check();
}

#[test]
fn dvclive_3_goes_on_and_back_undeclared() {
    live_3_goes_on_and_back("");
}

#[test]
fn dvclive_3_goes_on_and_back_as_an_output() {
    live_3_goes_on_and_back(DECLARED);
}

#[test]
fn make_checkpoint_of_dvc_2_waits_for_each_of_its_checkpoints() {
    let trainer = "\
import json, os
from dvc.api import make_checkpoint
first = len(open('model.pt').readlines()) if os.path.exists('model.pt') else 0
for step in range(first, first + 3):
    open('model.pt', 'a').write(f'{step}\\n')
    json.dump({'step': step}, open('metrics.json', 'w'))
    make_checkpoint()
";
    let metrics = "    metrics:\n    - metrics.json:\n        cache: false\n";
    let Some(repo) = project("GIT_EXP_DVC2", trainer, metrics) else {
        return;
    };
    repo.exp("run -n calm").success();
    repo.exp("run").success().prints("resume");
    let steps = repo.checkpoints("calm");
    let steps: Vec<String> = steps
        .iter()
        .map(|commit| repo.ask(&format!("show {commit}:metrics.json")))
        .collect();
    let expected: Vec<String> = (0..6).map(|step| format!("{{\"step\": {step}}}")).collect();
    assert_eq!(steps, expected);
    repo.check();
}

/// DVC up to 2.33 told DVCLive 0.x where to write; `live` is what old files of it still say.
#[test]
fn the_live_key_of_old_files_still_tells_where_to_write() {
    let repo = TestRepo::project();
    let trainer = "\
env | grep -E '^DVC(LIVE_|_CHECKPOINT)' | sort > env.txt
mkdir -p $DVCLIVE_PATH
printf 'timestamp\\tstep\\tloss\\n1\\t0\\t0.5\\n' > $DVCLIVE_PATH/loss.tsv
printf '{\"step\": 0, \"loss\": 0.5}' > $DVCLIVE_PATH.json
echo weights > model.pt
: > ../.dvc/tmp/DVC_CHECKPOINT
while [ -e ../.dvc/tmp/DVC_CHECKPOINT ]; do sleep 0.01; done
";
    repo.write("sub/train.sh", trainer).write(
        "dvc.yaml",
        "\
stages:
  train:
    cmd: sh train.sh
    wdir: sub
    deps: [train.sh]
    outs:
    - model.pt:
        checkpoint: true
    live:
      logs:
        html: false
  other:
    cmd: env | grep ^DVCLIVE > other.txt; true
",
    );
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo.exp("run -n calm").success();
    assert_eq!(
        repo.read("sub/env.txt"),
        "DVCLIVE_HTML=0\nDVCLIVE_PATH=logs\nDVCLIVE_SUMMARY=1\nDVC_CHECKPOINT=1\n"
    );
    assert_eq!(repo.read("other.txt"), "");
    let tip = repo.tip("calm");
    let summary = repo.ask(&format!("show {tip}:sub/logs.json"));
    assert_eq!(summary, "{\"step\": 0, \"loss\": 0.5}");
    let shown = repo.exp("show --json").success().text();
    assert!(shown.contains("sub/logs.json"), "{shown}");
    repo.ask(&format!("show {tip}:sub/logs/loss.tsv"));
    repo.check();
}
