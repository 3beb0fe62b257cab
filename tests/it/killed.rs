//! What a killed run has captured: training was told that it is taken, so the next command records it.

use crate::support::{Running, TestRepo, program, skip};
use rustix::process::{Signal, kill_process};

/// Signals after each step; before each but the first it waits for a file `go-<step>`. A large model,
/// written at even steps only, and a folder of curves that git has.
const TRAINER: &str = r#"
signal=$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT
mkdir -p curves
for step in 0 1 2 3; do
    if [ $step != 0 ]; then
        : > paused-$step
        while [ ! -e go-$step ]; do sleep 0.01; done
    fi
    if [ $((step % 2)) = 0 ]; then
        { echo "model $step"; head -c 2000000 /dev/zero; } > model.pt
    fi
    echo "curve $step" > curves/$step.tsv
    echo "{\"step\": $step}" > metrics.json
    : > "$signal"
    while [ -e "$signal" ]; do sleep 0.01; done
done
"#;

const PIPELINE: &str = "\
stages:
  train:
    cmd: sh train.sh
    deps:
    - train.sh
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
    plots:
    - curves:
        cache: false
";

/// The checkpoint of `step` exists; the one after it has been captured, and its record hangs.
///
/// A lock on the experiment's ref, as a `git` at work has it, holds the recorder up.
fn held_up_after(step: u32) -> (TestRepo, Running) {
    held_up_in(TestRepo::project(), PIPELINE, step)
}

/// The same for another pipeline in a project that may have more files.
fn held_up_in(repo: TestRepo, pipeline: &str, step: u32) -> (TestRepo, Running) {
    repo.write("train.sh", TRAINER)
        .write("dvc.yaml", pipeline)
        .write(".gitignore", "/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -qm 'created pipeline'").success();
    let mut run = repo.start_exp("run -n calm");
    for next in 1..=step {
        go(&repo, &mut run, next);
    }
    run.wait_for("Checkpoint experiment iteration", step as usize + 1);
    let lock = lock(&repo);
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "").unwrap();
    go(&repo, &mut run, step + 1);
    // It pauses again, so it has been answered.
    run.wait_until("the answer", || {
        repo.exists(&format!("paused-{}", step + 2))
    });
    (repo, run)
}

fn go(repo: &TestRepo, run: &mut Running, step: u32) {
    run.wait_until("a pause", || repo.exists(&format!("paused-{step}")));
    repo.write(&format!("go-{step}"), "");
}

fn lock(repo: &TestRepo) -> std::path::PathBuf {
    let baseline = repo.ask("rev-parse HEAD");
    let (two, rest) = baseline.split_at(2);
    repo.root()
        .join(format!(".git/refs/exps/{two}/{rest}/calm.lock"))
}

/// Kills the runner and its trainer, and takes the lock away.
fn kill(repo: &TestRepo, run: &mut Running) {
    run.signal_group(Signal::KILL);
    run.end();
    run.wait_until("the end of the runner", || !repo.is_running());
    std::fs::remove_file(lock(repo)).unwrap();
}

/// The checkpoint of `step` has what was there at its signal.
fn holds(repo: &TestRepo, step: usize) {
    let id = &repo.checkpoints("calm")[step];
    assert_eq!(
        repo.ask(&format!("show {id}:metrics.json")),
        format!("{{\"step\": {step}}}")
    );
    let curves = repo.ask(&format!("ls-tree --name-only {id} curves/"));
    assert_eq!(curves.lines().count(), step + 1);
    let lock = repo.ask(&format!("show {id}:dvc.lock"));
    let entry = &lock[lock.find("path: model.pt").unwrap()..];
    let md5 = entry
        .lines()
        .find_map(|line| line.trim().strip_prefix("md5: "))
        .unwrap();
    let object = repo
        .root()
        .join(format!(".dvc/cache/files/md5/{}/{}", &md5[..2], &md5[2..]));
    let model = std::fs::read(object).unwrap();
    let expected = format!("model {}\n", step / 2 * 2);
    assert!(model.starts_with(expected.as_bytes()), "model of {step}");
    assert_eq!(model.len(), 2_000_000 + expected.len());
}

fn leftovers(repo: &TestRepo) -> usize {
    let folder = repo.root().join(".dvc/cache/git-exp");
    std::fs::read_dir(folder).map_or(0, |entries| entries.count())
}

#[test]
fn a_captured_checkpoint_is_recorded_by_the_next_run() {
    // Nothing is recorded but the copy of the model, which is in the cache already.
    let (repo, mut run) = held_up_after(1);
    kill(&repo, &mut run);
    assert_eq!(repo.checkpoints("calm").len(), 2);
    repo.sh("touch go-1 go-2 go-3").success();
    repo.exp("run")
        .success()
        .says("recorded checkpoint 3 of 'calm' (id00001), which a killed run had captured")
        .prints("Experiment 'calm': resume from checkpoint id00001, training loads model.pt ");
    for step in 0..3 {
        holds(&repo, step);
    }
    assert_eq!(leftovers(&repo), 0);
    repo.check();
}

#[test]
fn templates_have_the_values_that_the_killed_run_had() {
    let stage = PIPELINE.strip_prefix("stages:\n  train:\n").unwrap();
    let stage = stage
        .replace("    ", "      ")
        .replace("model.pt", "${model}.pt");
    let pipeline =
        format!("vars: [values]\nstages:\n  train:\n    foreach: ['${{model}}']\n    do:\n{stage}");
    let repo = TestRepo::project();
    repo.write("values", "model: model\n");
    let (repo, mut run) = held_up_in(repo, &pipeline, 0);
    kill(&repo, &mut run);
    repo.write("values", "model: other\n");
    repo.exp("run --dry")
        .success()
        .says("recorded checkpoint 2 of 'calm' (id00001), which a killed run had captured");
    for step in 0..2 {
        holds(&repo, step);
    }
    repo.write("values", "model: model\n");
    repo.exp("status")
        .success()
        .prints("* unfinished  calm  checkpoint 2");
    repo.check();
}

#[test]
fn what_was_unchanged_since_the_last_checkpoint_is_looked_up() {
    // The model of step 1 is that of step 0, and of the curves only one is new.
    let (repo, mut run) = held_up_after(0);
    kill(&repo, &mut run);
    assert_eq!(repo.checkpoints("calm").len(), 1);
    repo.exp("run --dry")
        .success()
        .says("recorded checkpoint 2 of 'calm' (id00001), which a killed run had captured");
    assert_eq!(repo.checkpoints("calm").len(), 2);
    for step in 0..2 {
        holds(&repo, step);
    }
    // The lockfile in the workspace is that of the newest checkpoint.
    let tip = repo.tip("calm");
    assert_eq!(
        repo.read("dvc.lock").trim_end(),
        repo.ask(&format!("show {tip}:dvc.lock"))
    );
    repo.exp("status")
        .success()
        .prints("* unfinished  calm  checkpoint 2");
    assert_eq!(leftovers(&repo), 0);
    repo.check();
}

#[test]
fn the_first_checkpoint_of_an_experiment_is_recorded_too() {
    let repo = TestRepo::tutorial();
    let code = repo.read("train.sh");
    let pause = "while [ ! -e go ]";
    repo.write(
        "train.sh",
        code.replace(pause, &format!(": > paused; {pause}")),
    );
    repo.epochs(3).env("PAUSE_AT", "2");
    let lock = lock(&repo);
    std::fs::create_dir_all(lock.parent().unwrap()).unwrap();
    std::fs::write(&lock, "").unwrap();
    let mut run = repo.start_exp("run -n calm -S lr=0.5 -M 'my words'");
    run.wait_until("the pause", || repo.exists("paused"));
    kill(&repo, &mut run);
    repo.exp("list").success().stdout(snapbox::str![""]);

    // Whatever comes next, they come first.
    repo.write("params.yaml", "lr: 7\nseed: 1\nweight_decay: 0\n");
    repo.exp("apply calm~1 --force")
        .success()
        .says("recorded checkpoint 1 of 'calm' (id00001), which a killed run had captured")
        .says("recorded checkpoint 2 of 'calm' (id00002), which a killed run had captured");
    let checkpoints = repo.checkpoints("calm");
    assert_eq!(checkpoints.len(), 2);
    for id in &checkpoints {
        assert_eq!(repo.ask(&format!("log -1 --format=%s {id}")), "my words");
        assert!(
            repo.ask(&format!("show {id}:params.yaml"))
                .contains("lr: 0.5")
        );
        let code = repo.ask(&format!("show {id}:train.sh"));
        assert!(code.contains("paused"));
    }
    let show = repo.exp("show --csv").success().text();
    assert_eq!(show.matches(",473987,0.5,0,").count(), 3, "{show}");
    repo.check();
}

#[test]
fn a_lockfile_that_somebody_wrote_since_stays() {
    let (repo, mut run) = held_up_after(0);
    kill(&repo, &mut run);
    repo.write("dvc.lock", "schema: '2.0'\n");
    repo.exp("run --dry").success();
    assert_eq!(repo.checkpoints("calm").len(), 2);
    assert_eq!(repo.read("dvc.lock"), "schema: '2.0'\n");
}

#[test]
fn captures_of_another_boot_and_damaged_ones_are_not_believed() {
    let (repo, mut run) = held_up_after(0);
    kill(&repo, &mut run);
    repo.sh(
        "sed -i 's/\"boot\":\"[^\"]*\"/\"boot\":\"of yesterday\"/' .dvc/cache/git-exp/run-*/plan",
    )
    .success();
    repo.exp("run --dry")
        .success()
        .says("warning: a checkpoint that was captured before this machine stopped is lost");
    assert_eq!(repo.checkpoints("calm").len(), 1);
    assert_eq!(leftovers(&repo), 0);

    let (repo, mut run) = held_up_after(0);
    kill(&repo, &mut run);
    repo.sh("sed -i 's/\"outputs\":/\"outputs\",/' .dvc/cache/git-exp/run-*/journal")
        .success();
    repo.exp("run --dry").success().says(
        "warning: a checkpoint that a killed run of 'calm' has captured is lost: a captured checkpoint is damaged",
    );
    assert_eq!(repo.checkpoints("calm").len(), 1);
    assert_eq!(leftovers(&repo), 0);
    repo.check();
}

#[test]
fn what_cannot_be_recorded_now_stays_for_later() {
    let (repo, mut run) = held_up_after(0);
    kill(&repo, &mut run);
    // Where the next checkpoint's ref should go, there is no room.
    let objects = repo.root().join(".git/objects");
    let aside = repo.base().join("objects");
    std::fs::rename(&objects, &aside).unwrap();
    std::fs::write(&objects, "").unwrap();
    let outcome = repo.sh("git-exp-run --dry");
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    let _refused = outcome.code(128);
    assert_eq!(leftovers(&repo), 1);
    repo.exp("run --dry").success();
    assert_eq!(repo.checkpoints("calm").len(), 2);
    holds(&repo, 1);
}

#[test]
fn attaching_records_it_and_goes_on() {
    let (repo, mut run) = held_up_after(0);
    let (runner, _) = repo.processes().unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    run.wait_until("the end of the runner", || !repo.is_running());
    std::fs::remove_file(lock(&repo)).unwrap();
    repo.sh("touch go-2 go-3").success();
    let attached = repo.exp("resume --attach").code(1);
    assert_eq!(
        attached
            .text()
            .matches("Checkpoint experiment iteration")
            .count(),
        3
    );
    assert_eq!(repo.checkpoints("calm").len(), 4);
    for step in 0..4 {
        holds(&repo, step);
    }
    assert_eq!(leftovers(&repo), 0);
    repo.check();
}

#[test]
fn recording_it_can_be_killed_as_well() {
    if program("strace").is_none() {
        skip("there is no strace to kill with");
        return;
    }
    let (repo, mut run) = held_up_after(1);
    kill(&repo, &mut run);
    repo.sh("cp -a . ../saved").success();
    let step = match std::env::var("GIT_EXP_CUT") {
        Ok(all) if all == "all" => 1,
        _ => 4,
    };
    let mut killed = 0;
    for call in [
        "rename",
        "renameat2",
        "unlink",
        "linkat",
        "fsync",
        "fdatasync",
    ] {
        for at in (1..).step_by(step) {
            // In the same place: the leftovers name their owner by its path.
            repo.sh("find . -mindepth 1 -delete && cp -a ../saved/. .")
                .success();
            let cut = format!(
                "strace -f -qq -o ../log -e inject={call}:signal=KILL:when={at} git-exp-run --dry"
            );
            let survived = repo.sh(&format!("{cut}; test $? != 137 || echo killed"));
            let survived = !survived.success().text().contains("killed");
            repo.exp("run --dry").success();
            for step in 0..3 {
                holds(&repo, step);
            }
            assert_eq!(repo.checkpoints("calm").len(), 3, "{call} {at}");
            assert_eq!(leftovers(&repo), 0, "{call} {at}");
            repo.exp("status")
                .success()
                .prints("* unfinished  calm  checkpoint 3");
            repo.check();
            if survived {
                break;
            }
            killed += 1;
        }
    }
    eprintln!("recording for a killed run was killed at {killed} points");
    assert!(killed > 4, "{killed}");
}

#[test]
fn stages_that_had_ended_are_not_lost() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:
  one:
    cmd: echo 1 > one.txt
    outs:
    - one.txt
  two:
    cmd: mkdir -p two && echo 2 > two/a && cat one.txt > two/b
    deps:
    - one.txt
    outs:
    - two
  three:
    cmd: echo 3 > three.json
    deps:
    - two
    metrics:
    - three.json:
        cache: false
  last:
    cmd: test -e ../go || kill -9 $PPID $$; touch last.txt
    deps:
    - three.json
    outs:
    - last.txt
",
    );
    repo.git("add .").success();
    repo.git("commit -q -m 'four stages'").success();
    repo.sh("git-exp-run -n calm; test $? = 137").success();
    repo.exp("run --dry").success();
    assert_eq!(leftovers(&repo), 0);
    let lock = repo.read("dvc.lock");
    assert!(
        lock.contains("three.json") && !lock.contains("last"),
        "{lock}"
    );
    // All that it speaks of is there: nothing but the last stage has to run.
    repo.write("../go", "");
    let said = repo.exp("run -n calm").success().text();
    for (stage, words) in [
        ("one", "didn't change"),
        ("two", "didn't change"),
        ("three", "didn't change"),
    ] {
        assert!(said.contains(&format!("'{stage}' {words}")), "{said}");
    }
    repo.sh("rm -r one.txt two").success();
    repo.exp("apply --force calm").success();
    assert_eq!(repo.read("two/b"), "1\n");
    repo.check();
}
