//! A pipeline in several `dvc.yaml` files: found as DVC finds them, each with its own `dvc.lock`.

use crate::support::TestRepo;
use snapbox::str;

const TRAIN: &str = "\
stages:
  train:
    cmd: exec sh train.sh
    deps:
    - train.sh
    - ../prep/d
    params:
    - lr
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
metrics:
- extra.json
";

/// Trains two steps from where its model is, and signals after each.
const TRAINER: &str = "\
for step in 1 2; do
    cat ../prep/d/a >> model.pt
    echo \"{\\\"lines\\\": $(wc -l < model.pt)}\" > metrics.json
    : > $DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT
    while [ -e $DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT ]; do sleep 0.01; done
done
";

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("raw.txt", "1\n")
        .write(
            "dvc.yaml",
            "stages:
  report:
    cmd: cat train/model.pt > report.txt
    deps: [train/model.pt]
    outs: [report.txt]
  lone:
    cmd: echo lone > lone.txt
    outs: [lone.txt]
",
        )
        .write(
            "prep/dvc.yaml",
            "stages:
  prep:
    cmd: mkdir d && cp ../raw.txt d/a
    deps: [../raw.txt]
    outs: [d/]
",
        )
        .write("train/dvc.yaml", TRAIN)
        .write("train/train.sh", TRAINER)
        .write("train/params.yaml", "lr: 0.1\n")
        .write("train/extra.json", "{\"extra\": 1}\n")
        .write("old/dvc.yaml", "not: a pipeline\n")
        .write(".dvcignore", "/old\n");
    repo.git("add .").success();
    repo.git("commit -q -m pipelines").success();
    repo
}

#[test]
fn a_run_goes_through_all_folders() {
    let repo = project();
    let run = repo.exp("run -n one").success();
    assert_eq!(
        run.started(),
        [
            "prep/dvc.yaml:prep",
            "train/dvc.yaml:train",
            "report",
            "lone"
        ]
    );
    run.prints("Generating lock file 'prep/dvc.lock'\n")
        .prints("Generating lock file 'dvc.lock'\n");
    for file in ["dvc.lock", "prep/dvc.lock", "train/dvc.lock"] {
        let text = repo.read(file);
        assert_eq!(
            repo.ask(&format!("show {}:{file}", repo.tip("one"))),
            text.trim_end()
        );
    }
    assert!(repo.read("train/dvc.lock").contains("- path: ../prep/d\n"));
    assert!(repo.read("train/.gitignore").contains("/model.pt\n"));
    let note = repo.note("one");
    assert_eq!(note["metrics"]["train/metrics.json"]["data"]["lines"], 2);
    assert_eq!(note["params"]["train/params.yaml"]["data"]["lr"], 0.1);
    assert!(note["outs"]["prep/d"]["md5"].is_string());

    // from a folder, names and targets are as they are there
    repo.sh("cd train && git exp run --dry ../dvc.yaml:lone train")
        .success()
        .stdout(str![[r#"
Stage '../prep/dvc.yaml:prep' didn't change, skipping
Running stage 'train': a checkpoint stage always runs
> exec sh train.sh
Stage '../dvc.yaml:lone' didn't change, skipping

"#]]);
    repo.sh("cd train && git exp run")
        .success()
        .prints("Stage '../prep/dvc.yaml:prep' didn't change, skipping\nRunning stage 'train'")
        .prints("Updating lock file 'dvc.lock'\n");
    assert_eq!(
        repo.note("one")["metrics"]["train/metrics.json"]["data"]["lines"],
        4
    );
    repo.check();
}

#[test]
fn checkpoints_of_a_folder_are_applied_forked_and_compared() {
    let repo = project();
    repo.exp("run -n one").success();
    let model = "1\n1\n";
    assert_eq!(repo.read("train/model.pt"), model);
    repo.exp("apply one~2").success();
    assert_eq!(repo.read("train/model.pt"), "1\n");
    assert!(!repo.exists("dvc.lock"));
    repo.exp("undo").success();
    assert_eq!(repo.read("train/model.pt"), model);

    repo.exp("run -n two -S train/params.yaml:lr=0.5")
        .success()
        .prints("Experiment 'two': fork of checkpoint");
    assert_eq!(repo.read("train/model.pt"), "1\n1\n1\n1\n");
    assert_eq!(repo.read("report.txt"), "1\n1\n1\n1\n");
    repo.exp("params diff one two")
        .success()
        .prints("train/params.yaml  lr       0.1    0.5");
    repo.exp("metrics diff one two")
        .success()
        .prints("train/metrics.json  lines");
    repo.exp("diff one two")
        .success()
        .prints("train/params.yaml");
    repo.exp("show --csv")
        .success()
        .prints("parent,lines,extra,lr,prep/d,raw.txt,train/model.pt");
    repo.exp("metrics show")
        .success()
        .prints("train/extra.json");
    repo.check();
}

#[test]
fn an_isolated_run_starts_where_one_stands() {
    let repo = project();
    repo.write("prep/new.txt", "new\n").write(
        "prep/dvc.yaml",
        "stages:\n  new: {cmd: cat new.txt > made.txt, deps: [new.txt], outs: [made.txt]}\n",
    );
    repo.sh("cd prep && git exp run --temp -n apart")
        .success()
        .prints("Running stage 'new'")
        .prints("Generating lock file 'dvc.lock'\n");
    assert!(!repo.exists("prep/dvc.lock"));
    let tip = repo.tip("apart");
    repo.git(&format!("show {tip}:prep/dvc.lock"))
        .success()
        .prints("cmd: cat new.txt > made.txt");
    repo.check();
}

#[test]
fn what_was_never_committed_is_shown_after_a_run() {
    let repo = project();
    repo.write(
        "new/dvc.yaml",
        "stages:\n  new: {cmd: 'cp ../train/extra.json m.json', metrics: [m.json: {cache: false}]}\n",
    );
    repo.exp("run new/dvc.yaml -n new").success();
    repo.exp("metrics show").success().prints("new/m.json");
    repo.check();
}

#[test]
fn files_are_found_as_dvc_finds_them() {
    let repo = project();
    repo.exp("stage list --all --name-only")
        .success()
        .stdout(str![[r#"
report
lone
prep/dvc.yaml:prep
train/dvc.yaml:train

"#]]);
    repo.sh("cd train && git exp stage list")
        .success()
        .stdout(str![[r#"
train  Outputs model.pt; Reports metrics.json

"#]]);
    repo.exp("run train")
        .refused(128)
        .says("fatal: no stage 'train' in 'dvc.yaml'\nhint: did you mean 'train/dvc.yaml:train'?");
    // where DVC would give up, the nearest file above is meant
    repo.sh("mkdir train/empty && cd train/empty && git exp stage list --name-only")
        .success()
        .stdout("../dvc.yaml:train\n");
    repo.write(".dvcignore", "");
    repo.exp("run")
        .refused(128)
        .says("cannot parse 'old/dvc.yaml', line 1, column 1: unknown key 'not' in the file");
    // what git ignores is nobody's
    repo.write(".gitignore", "/old/\n");
    repo.exp("run --dry").success();
    repo.check();
}
