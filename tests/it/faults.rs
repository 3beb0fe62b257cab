//! Disks that fill up or turn read-only while training goes on: a warning, never the training.
//!
//! Each run has a mount namespace of its own, in which the trainer itself breaks the disk and mends it.

use crate::support::{ONE_STAGE, Outcome, TestRepo, program, skip};
use std::process::{Command, Stdio};

/// Breaks and mends what a test names, between steps. The third is trained after it is mended.
const TRAINER: &str = r#"set -eu
signal="$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
n=0
step() {
    head -c "$SIZE" /dev/urandom > model.pt
    echo "{\"step\": $n}" > metrics.json
    echo "$n" >> ../trained
    n=$((n + 1))
    : > "$signal"
    while [ -e "$signal" ]; do sleep 0.005; done
}
read_only() { mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"; }
fill() { cat /dev/zero > "$1/filler" 2>/dev/null || :; }
step
eval "$BREAK"
step
eval "$MEND"
step
"#;

const SMALL: &str = "1000";
/// Copied while training waits, where a small one is kept in memory.
const LARGE: &str = "1500000";

/// Returns a project, or `None` where no mount namespace can be made.
fn project() -> Option<TestRepo> {
    let possible = Command::new("unshare")
        .args(["-m", "mount", "--bind", "/tmp", "/tmp"])
        .stderr(Stdio::null())
        .status();
    if program("unshare").is_none() || !possible.is_ok_and(|status| status.success()) {
        skip("no mount namespace can be made: that needs root");
        return None;
    }
    let repo = TestRepo::project();
    repo.write("train.sh", TRAINER)
        .write("dvc.yaml", ONE_STAGE)
        .write(".gitignore", "/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    // So that a step's checkpoint is there before the disk breaks.
    repo.git("config exp.sync true").success();
    Some(repo)
}

/// Runs where `before` was done to the disks; `after` comes last.
fn run(
    repo: &TestRepo,
    size: &str,
    [breaks, mends]: [&str; 2],
    [before, after]: [&str; 2],
) -> Outcome {
    repo.env("SIZE", size)
        .env("BREAK", breaks)
        .env("MEND", mends);
    let script = format!("{before}; git exp run -n calm; status=$?; {after}; exit $status");
    repo.sh(&format!("exec unshare -m sh -c '{script}'"))
}

/// All steps were trained, `steps` of them are checkpoints that apply, and the experiment says why not all.
fn holds(repo: &TestRepo, steps: &[&str], why: &str) {
    let trained = std::fs::read_to_string(repo.base().join("trained")).unwrap();
    assert_eq!(trained, "0\n1\n2\n");
    let checkpoints = repo.checkpoints("calm");
    let metrics = |commit: &String| repo.ask(&format!("show {commit}:metrics.json"));
    let found: Vec<String> = checkpoints.iter().map(metrics).collect();
    let expected = steps.iter().map(|step| format!("{{\"step\": {step}}}"));
    assert_eq!(found, expected.collect::<Vec<_>>());
    let note = repo.note("calm");
    let incomplete = note["incomplete"].as_str().unwrap_or_default();
    assert!(incomplete.contains(why), "{note}");
    assert!(!repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    repo.check();
    for commit in &checkpoints {
        repo.exp(&format!("apply {commit}")).success();
        assert_eq!(repo.read("metrics.json").trim(), metrics(commit));
    }
    repo.check();
}

const READ_ONLY: &str = "Read-only file system";

#[test]
fn a_cache_that_turns_read_only_costs_a_warning() {
    for size in [SMALL, LARGE] {
        let Some(repo) = project() else { return };
        let faults = ["read_only .dvc/cache", "umount .dvc/cache"];
        let said = run(&repo, size, faults, ["true", "true"]).code(3).said();
        assert_eq!(said.matches("warning: ").count(), 1, "{said}");
        assert!(said.contains(READ_ONLY), "{said}");
        assert!(
            said.contains("error: the stages finished, but checkpoints are missing: "),
            "{said}"
        );
        holds(&repo, &["0", "2"], READ_ONLY);
    }
}

#[test]
fn a_cache_that_stays_read_only_leaves_what_was_saved() {
    for size in [SMALL, LARGE] {
        let Some(repo) = project() else { return };
        let outcome = run(
            &repo,
            size,
            ["read_only .dvc/cache", "true"],
            ["true", "true"],
        );
        let looked = outcome.code(3).says(READ_ONLY);
        looked.prints("Ran experiment 'calm': 1 new checkpoint, the tip is ");
        holds(&repo, &["0"], READ_ONLY);
        // Mended, the next run needs no help.
        repo.env("BREAK", "true").env("MEND", "true");
        repo.exp("run")
            .success()
            .prints("Experiment 'calm': resume from checkpoint");
        assert!(repo.note("calm")["incomplete"].is_null());
    }
}

#[test]
fn a_cache_that_is_read_only_from_the_start_is_a_reason_to_refuse() {
    let Some(repo) = project() else { return };
    repo.write(
        "dvc.yaml",
        "stages:\n  plain:\n    cmd: echo made > model.pt\n    outs:\n    - model.pt\n",
    );
    repo.exp("run -n calm").success();
    let note = repo.note("calm");
    let read_only = "mount --bind .dvc/cache .dvc/cache && mount -o remount,bind,ro .dvc/cache";
    repo.sh(&format!(
        "exec unshare -m sh -c '{read_only}; git exp run -f'"
    ))
    .refused(128)
    .says("fatal: cannot create a folder in '")
    .says(READ_ONLY);
    assert_eq!(repo.read("model.pt"), "made\n");
    assert_eq!(repo.note("calm"), note);
    repo.check();
}

#[test]
fn a_full_cache_costs_a_warning() {
    for size in [SMALL, LARGE] {
        let Some(repo) = project() else { return };
        repo.write(".dvc/config", "[cache]\n    dir = ../../small\n");
        repo.git("commit -qam 'a cache elsewhere'").success();
        let before = "mkdir ../small && mount -t tmpfs -o size=8m tmpfs ../small";
        let after = "cp -a ../small ../kept && umount ../small && cp -a ../kept/. ../small";
        let faults = ["fill ../small", "rm ../small/filler"];
        let said = run(&repo, size, faults, [before, after]).code(3).said();
        assert!(said.contains("No space left on device"), "{said}");
        holds(&repo, &["0", "2"], "No space left on device");
    }
}

#[test]
fn git_objects_that_cannot_be_written_cost_a_warning() {
    for folder in [".git/objects", ".git/refs", ".git"] {
        let Some(repo) = project() else { return };
        let faults = [format!("read_only {folder}"), format!("umount {folder}")];
        let faults = [faults[0].as_str(), faults[1].as_str()];
        let said = run(&repo, SMALL, faults, ["true", "true"]).code(3).said();
        assert!(said.contains(READ_ONLY), "{folder}: {said}");
        holds(&repo, &["0", "2"], READ_ONLY);
    }
}

#[test]
fn a_git_directory_that_stays_read_only_leaves_what_was_saved() {
    let Some(repo) = project() else { return };
    let outcome = run(&repo, SMALL, ["read_only .git", "true"], ["true", "true"]);
    let looked = outcome.code(3).says(READ_ONLY);
    looked.prints("Ran experiment 'calm': 1 new checkpoint, the tip is ");
    repo.check();
    repo.env("BREAK", "true").env("MEND", "true");
    repo.exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(repo.checkpoints("calm").len(), 4);
    repo.check();
}

#[test]
fn a_full_git_directory_costs_a_warning() {
    let Some(repo) = project() else { return };
    let before = "cp -a .git ../git && mount -t tmpfs -o size=4m tmpfs .git && cp -a ../git/. .git";
    let after = "cp -a .git ../full && umount .git && cp -a ../full/. .git";
    let faults = ["fill .git", "rm .git/filler"];
    let said = run(&repo, SMALL, faults, [before, after]).code(3).said();
    assert!(said.contains("No space left on device"), "{said}");
    holds(&repo, &["0", "2"], "No space left on device");
}

#[test]
fn a_checkpoint_that_would_leave_no_room_for_training_is_skipped() {
    let Some(repo) = project() else { return };
    // Outputs, cache and captures on one small disk, as on a rented machine.
    let before = "cp -a . ../disk.0 && mkdir ../disk && mount -t tmpfs -o size=12m tmpfs ../disk \
                  && cp -a ../disk.0/. ../disk && cd ../disk";
    let after = "cp -a . ../disk.1; cd ..; umount disk; rm -rf disk repo; mv disk.1 repo";
    let faults = ["head -c 5000000 /dev/zero > filler", "rm filler"];
    let said = run(&repo, LARGE, faults, [before, after]).code(3).said();
    assert!(said.contains("too little for its own next save"), "{said}");
    holds(&repo, &["0", "2"], "too little for its own next save");
}
