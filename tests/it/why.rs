//! Why a stage runs, in one line, when it does and with `--dry`.

use crate::support::TestRepo;

const PIPELINE: &str = "\
stages:
  prep:
    cmd: sh prep.sh
    deps:
    - prep.sh
    - raw.txt
    outs:
    - data
  train:
    cmd: sh train.sh
    deps:
    - data
    - train.sh
    params:
    - lr
    - opt
    outs:
    - model.txt
    metrics:
    - m.json:
        cache: false
  last:
    cmd: cat model.txt > last.txt
    deps:
    - model.txt
    outs:
    - last.txt
";

const TRAINER: &str = "cat data/x params.yaml > model.txt\necho '{\"acc\": 1}' > m.json\n";

/// A pipeline without checkpoints that has run once; the result is committed.
pub fn three_stages() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", PIPELINE)
        .write(
            "prep.sh",
            "mkdir data\ncp raw.txt data/x\necho y > data/y\n",
        )
        .write("train.sh", TRAINER)
        .write("raw.txt", "raw\n")
        .write(
            "params.yaml",
            "lr: 0.1\nopt: {name: sgd, decay: 0}\nseed: 1\n",
        )
        .write(".gitignore", "/data\n/model.txt\n/last.txt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo.exp("run -n first").success();
    repo.git("add .").success();
    repo.git("commit -q -m 'ran pipeline'").success();
    repo
}

/// What a run, or one with `--dry`, says of each stage.
pub fn stages(said: &str) -> String {
    let is_about_a_stage = |line: &&str| {
        ["Running stage '", "Stage '", "Verifying outputs"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let lines: Vec<&str> = said.lines().filter(is_about_a_stage).collect();
    lines.join("\n")
}

#[track_caller]
fn assert_says(repo: &TestRepo, words: &str, expected: &[&str]) {
    let said = repo.exp(words).success().text();
    assert_eq!(stages(&said), expected.join("\n"), "{words}\n{said}");
}

#[test]
fn a_stage_that_runs_says_why() {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", PIPELINE)
        .write("prep.sh", "mkdir data\ncp raw.txt data/x\n")
        .write("train.sh", TRAINER)
        .write("raw.txt", "raw\n")
        .write("params.yaml", "lr: 0.1\nopt: {name: sgd, decay: 0}\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    assert_says(
        &repo,
        "run",
        &[
            "Running stage 'prep': not in dvc.lock",
            "Running stage 'train': not in dvc.lock",
            "Running stage 'last': not in dvc.lock",
        ],
    );
    assert_says(
        &repo,
        "run -S lr=0.2 -S opt.name=adam",
        &[
            "Stage 'prep' didn't change, skipping",
            "Running stage 'train': params.yaml: lr 0.1 → 0.2, opt.name sgd → adam",
            "Running stage 'last': model.txt changed",
        ],
    );
    repo.write("prep.sh", "mkdir data\ncp raw.txt data/x # the same\n");
    assert_says(
        &repo,
        "run",
        &[
            "Running stage 'prep': prep.sh changed",
            "Stage 'train' didn't change, skipping",
            "Stage 'last' didn't change, skipping",
        ],
    );
    assert_says(
        &repo,
        "run --force -s last",
        &["Running stage 'last': forced"],
    );
    repo.write(
        "dvc.yaml",
        PIPELINE
            .replace("cmd: sh prep.sh", "cmd: sh  prep.sh")
            .replace(
                "    - model.txt\n    outs:",
                "    - model.txt\n    - raw.txt\n    outs:",
            ),
    );
    assert_says(
        &repo,
        "run",
        &[
            "Running stage 'prep': cmd 'sh prep.sh' → 'sh  prep.sh'",
            "Stage 'train' didn't change, skipping",
            "Running stage 'last': raw.txt is new in deps",
        ],
    );
    let quiet = repo.exp("run -q -f -s last").success();
    assert_eq!(quiet.text(), "");
}

#[test]
fn stages_that_always_run_say_so() {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml")
        + "  clock:\n    cmd: echo tick\n  look:\n    cmd: cat model.pt > seen.txt\n    deps: [model.pt]\n    outs: [seen.txt]\n    always_changed: true\n";
    repo.write("dvc.yaml", pipeline);
    repo.epochs(1).exp("run -n calm").success();
    assert_says(
        &repo,
        "run",
        &[
            "Running stage 'train': a checkpoint stage always runs",
            "Running stage 'clock': it has neither deps nor outs",
            "Running stage 'look': model.pt changed",
        ],
    );
    assert_says(
        &repo,
        "run -s look -S seed=1",
        &["Running stage 'look': always_changed"],
    );
    assert_says(
        &repo,
        "run -s train -S lr=0.5",
        &["Running stage 'train': params.yaml: lr 0.0001 → 0.5, seed 473987 → 1"],
    );
}

#[test]
fn dry_says_why_each_stage_would_run() {
    let repo = three_stages();
    assert_says(
        &repo,
        "run --dry",
        &[
            "Stage 'prep' didn't change, skipping",
            "Stage 'train' didn't change, skipping",
            "Stage 'last' didn't change, skipping",
        ],
    );
    repo.remember();
    let said = repo.exp("run --dry -S lr=0.2").success();
    let said = said.stdout(snapbox::str![[r#"
Stage 'prep' didn't change, skipping
Running stage 'train': params.yaml: lr 0.1 → 0.2
> sh train.sh
Running stage 'last' if stage 'train' changes 'model.txt':
> cat model.txt > last.txt

"#]]);
    said.stderr("");
    assert_eq!(repo.read("params.yaml").lines().next(), Some("lr: 0.1"));
    assert_eq!(repo.ask("status --porcelain"), "");

    repo.write("raw.txt", "other\n");
    let frozen = repo
        .read("dvc.yaml")
        .replace("  last:\n", "  last:\n    frozen: true\n");
    repo.write("dvc.yaml", frozen);
    assert_says(
        &repo,
        "run --dry",
        &[
            "Running stage 'prep': raw.txt changed",
            "Running stage 'train' if stage 'prep' changes 'data':",
            "Stage 'last' is frozen, skipping",
        ],
    );
    // what a stage that runs first will make need not be there
    repo.sh("rm -r data model.txt last.txt dvc.lock .dvc/cache")
        .success();
    repo.write("dvc.yaml", PIPELINE);
    assert_says(
        &repo,
        "run --dry train",
        &[
            "Running stage 'prep': not in dvc.lock",
            "Running stage 'train': not in dvc.lock",
        ],
    );
    assert!(!repo.exists("data"));
    repo.check();
}
