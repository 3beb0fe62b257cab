//! What a power cut cannot take: every object that a ref leads to is synced before the ref moves.

use crate::support::{TestRepo, program, skip};

/// Stages that are no checkpoints before and after one that is, each with files that git keeps.
const PIPELINE: &str = "\
stages:
  prepare:
    cmd: mkdir -p parts && echo 1 > parts/one.txt && echo 2 > two.txt
    outs:
    - parts:
        cache: false
    - two.txt
  train:
    cmd: sh train.sh
    deps:
    - two.txt
    - train.sh
    params:
    - lr
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
  judge:
    cmd: wc -c < model.pt > size.txt
    deps:
    - model.pt
    metrics:
    - size.txt:
        cache: false
";

/// Runs `words` and returns each sync and rename that succeeded, in the order of their ends.
fn traced(repo: &TestRepo, words: &str) -> Vec<String> {
    let calls = "fsync,fdatasync,syncfs,rename,renameat,renameat2";
    repo.sh(&format!(
        "rm -f ../log; strace -f -y -qq -z -o ../log -e trace={calls} git-exp-{words}"
    ))
    .success();
    let log = std::fs::read_to_string(repo.base().join("log")).unwrap();
    log.lines().map(str::to_owned).collect()
}

/// Asserts that what `name` leads to and HEAD does not was synced before its ref moved for the last time.
fn assert_synced(repo: &TestRepo, name: &str, calls: &[String]) {
    let moved = calls.iter().rposition(|call| {
        call.contains(" rename") && call.contains("/refs/exps/") && call.contains(name)
    });
    let before = &calls[..moved.expect("the ref moved")];
    let synced = |path: &str| {
        let path = format!("/.git/{path}>");
        before
            .iter()
            .any(|call| call.contains("sync(") && call.contains(&path))
    };
    let tip = repo.tip(name);
    let objects = repo.ask(&format!("rev-list --objects {tip} --not HEAD"));
    let mut count = 0;
    for line in objects.lines() {
        let (id, path) = line.split_once(' ').unwrap_or((line, "a commit"));
        let (folder, file) = id.split_at(2);
        assert!(synced(&format!("objects/{folder}/{file}")), "{path}: {id}");
        assert!(synced(&format!("objects/{folder}")), "folder of {path}");
        count += 1;
    }
    assert!(count > 5, "{objects}");
}

#[test]
fn a_ref_leads_to_nothing_that_is_not_synced() {
    if program("strace").is_none() {
        skip("there is no strace to see syncs with");
        return;
    }
    let repo = TestRepo::tutorial();
    repo.write("dvc.yaml", PIPELINE);
    repo.git("add .").success();
    repo.git("commit -qm 'three stages'").success();
    // A stage that is no checkpoint is all that there is to commit.
    let calls = traced(&repo, "run -n first prepare");
    assert_synced(&repo, "first", &calls);
    // The first stage is skipped, the last one is committed at the end.
    let calls = traced(&repo, "run -n second --reset");
    assert_synced(&repo, "second", &calls);
    repo.check();
}
