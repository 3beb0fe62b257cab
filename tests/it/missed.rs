//! Checkpoints that cannot be saved: they cost themselves and a remark, not the training.

use crate::support::{TestRepo, namespace};

const SIGNAL: &str = r#"
signal() {
    : > "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
    while [ -e "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT" ]; do sleep 0.01; done
}
wait_for() { while [ ! -e "$1" ]; do sleep 0.01; done; }
"#;

/// A project whose trainer is this script; `signal` makes a checkpoint of `big.bin` and `model.pt`.
fn trained_by(script: &str) -> TestRepo {
    let repo = TestRepo::project();
    repo.write("train.sh", format!("set -eu\n{SIGNAL}\n{script}"))
        .write(
            "dvc.yaml",
            "\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh]
    outs: [big.bin, {model.pt: {checkpoint: true}}]
",
        )
        .write(".gitignore", "/big.bin\n/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// What the note of the tip says.
fn note(repo: &TestRepo, name: &str) -> serde_json::Value {
    let notes = repo.ask(&format!(
        "for-each-ref --format=%(refname) refs/notes/exps/*/*/{name}"
    ));
    let text = repo.ask(&format!("notes --ref={notes} show {}", repo.tip(name)));
    serde_json::from_str(&text).unwrap()
}

/// The checkpoint describes `big.bin` as it is in the workspace.
fn describes_big_bin(repo: &TestRepo, commit: &str) {
    let md5 = repo
        .sh("md5sum < big.bin | cut -d ' ' -f 1")
        .success()
        .text();
    let lock = repo.ask(&format!("show {commit}:dvc.lock"));
    assert!(lock.contains(md5.trim()), "{md5}{lock}");
}

/// In the second of three signals the model is nothing that can be read.
const LOST_AT_CAPTURE: &str = "
head -c 2000000 /dev/zero > big.bin
echo 0 > model.pt
signal
echo changed >> big.bin
rm model.pt
mkfifo model.pt
# Old enough for its stat to be believed.
sleep 0.05
signal
rm model.pt
echo 2 > model.pt
signal
echo over
";

#[test]
fn a_lost_capture_costs_only_itself() {
    let repo = trained_by(LOST_AT_CAPTURE);
    repo.exp("run -n calm")
        .code(3)
        .says("warning: this checkpoint could not be saved: output 'model.pt' is neither a file nor a directory")
        .says("the stages finished, but checkpoints are missing: output 'model.pt' is neither")
        .prints("over");
    let checkpoints = repo.checkpoints("calm");
    assert_eq!(checkpoints.len(), 2);
    describes_big_bin(&repo, &checkpoints[1]);
    let note = note(&repo, "calm");
    assert_eq!(note["status"], "done");
    assert!(note["incomplete"].as_str().unwrap().contains("'model.pt'"));
    assert!(!repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    repo.check();
}

#[test]
fn with_stop_the_first_lost_capture_ends_training() {
    let repo = trained_by(LOST_AT_CAPTURE);
    repo.git("config exp.onError stop").success();
    let run = repo
        .exp("run -n calm")
        .code(1)
        .says("error: stage 'train' was stopped: output 'model.pt' is neither a file");
    assert!(!run.text().contains("over"), "{}", run.text());
    assert_eq!(repo.checkpoints("calm").len(), 1);
    assert_eq!(note(&repo, "calm")["status"], "failed");
    assert!(!repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    repo.check();
}

/// During the second of three signals the cache is away; the third one waits for a file `go`.
const LOST_AT_RECORD: &str = "
head -c 2000000 /dev/zero > big.bin
echo 0 > model.pt
signal
wait_for dvc.lock
echo changed >> big.bin
mv .dvc/cache/files away
: > .dvc/cache/files
sleep 0.05
signal
wait_for go
rm .dvc/cache/files
mv away .dvc/cache/files
echo 2 > model.pt
signal
echo over
";

#[test]
fn a_lost_record_costs_only_itself() {
    let repo = trained_by(LOST_AT_RECORD);
    let mut run = repo.start_exp("run -n calm");
    run.wait_for("warning: a checkpoint could not be saved: ", 1);
    repo.write("go", "");
    let (status, said) = run.end();
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("checkpoints are missing: "), "{said}");
    let checkpoints = repo.checkpoints("calm");
    assert_eq!(checkpoints.len(), 2);
    describes_big_bin(&repo, &checkpoints[1]);
    let incomplete = &note(&repo, "calm")["incomplete"];
    assert!(incomplete.is_string(), "{incomplete}");
    repo.sh("rm -f big.bin model.pt").success();
    repo.exp("apply --force calm").success();
    assert_eq!(repo.read("model.pt"), "2\n");
    repo.check();
}

#[test]
fn with_stop_the_first_lost_record_ends_training() {
    let repo = trained_by(LOST_AT_RECORD);
    repo.git("config exp.onError stop").success();
    let run = repo
        .exp("run -n calm")
        .code(1)
        .says("error: stage 'train' was stopped: ");
    assert!(!run.text().contains("over"), "{}", run.text());
    assert_eq!(repo.checkpoints("calm").len(), 1);
    repo.check();
}

#[test]
fn what_training_needs_for_its_own_next_save_is_left_free() {
    // 3 MiB fit three times into 16 MiB, not four times; the second model is 6 MiB.
    let repo = trained_by(
        "
head -c 3145728 /dev/zero > big.bin
echo 0 > model.pt
signal
head -c 6291456 /dev/zero > big.bin
echo 1 > model.pt
signal
head -c 1000 /dev/zero > big.bin
echo 2 > model.pt
signal
echo over
",
    );
    let script = "
mkdir ../small
mount -t tmpfs -o size=16m tmpfs ../small
git clone -q . ../small/repo
cd ../small/repo
status=0
git exp run -n calm || status=$?
echo status $status
git log --format='%h %s' $(git for-each-ref --format='%(objectname)' 'refs/exps/*/*/calm')
git fsck --strict
echo left behind: $(ls .dvc/cache/git-exp | wc -l)
";
    let Some(said) = namespace::run(&repo, script) else {
        return;
    };
    let count = |part: &str| said.lines().filter(|line| line.contains(part)).count();
    let warning = "this checkpoint could not be saved: cannot capture output 'big.bin': a copy of 6.0 MiB would leave ";
    assert_eq!(count(warning), 1, "{said}");
    assert!(said.lines().any(|line| line == "over"), "{said}");
    assert_eq!(count("status 3"), 1, "{said}");
    assert_eq!(count(" calm: checkpoint "), 2, "{said}");
    // Nothing stays behind that fills the disk.
    assert_eq!(count("left behind: 0"), 1, "{said}");
}
