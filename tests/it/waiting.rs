//! How long a signal waits: for the capture, for room in the queue, or, if asked for, for the record.

use crate::support::TestRepo;

/// The tutorial's project, whose trainer does `before` ahead of each signal and `after` behind it.
fn trained(before: &str, after: &str) -> TestRepo {
    let repo = TestRepo::tutorial();
    let code = repo.read("train.sh");
    let signal = "    checkpoint\n";
    assert!(code.contains(signal));
    repo.write(
        "train.sh",
        code.replace(signal, &format!("{before}\n{signal}{after}\n")),
    );
    repo.git("commit -qam 'a slower trainer'").success();
    repo
}

#[test]
fn with_sync_a_checkpoint_exists_when_its_signal_is_answered() {
    // From the second epoch on, the ref cannot be moved at once.
    let repo = trained(
        r#"
    lock=$(echo .git/refs/exps/*/*/calm).lock
    if [ "$step" -gt 0 ]; then
        : > "$lock"
        (sleep 0.2; rm "$lock") &
    fi"#,
        "    git for-each-ref --format='%(objectname)' 'refs/exps/*/*/calm' >> .git/seen",
    );
    repo.git("config exp.sync true").success();
    repo.epochs(4).exp("run -n calm").success();
    let seen = repo.read(".git/seen");
    assert_eq!(seen.lines().collect::<Vec<_>>(), repo.checkpoints("calm"));
    repo.check();
}

#[test]
fn with_sync_a_lost_record_leaves_nobody_waiting() {
    let repo = trained(
        "    [ $step != 1 ] || { mv .dvc/cache/files .git/away; : > .dvc/cache/files; }",
        "    [ $step != 1 ] || { rm .dvc/cache/files; mv .git/away .dvc/cache/files; }",
    );
    repo.git("config exp.sync true").success();
    repo.epochs(3)
        .exp("run -n calm")
        .code(3)
        .says("warning: a checkpoint could not be saved: ");
    assert_eq!(repo.checkpoints("calm").len(), 2);
    repo.check();
}

#[test]
fn a_signal_that_finds_the_queue_full_waits_and_says_so() {
    // Whoever reads a pipe waits for its writer: the first record, for the lockfile that it replaces.
    let repo = trained("    [ $step != 0 ] || mkfifo dvc.lock", "");
    repo.git("config exp.pending 1").success();
    let mut run = repo.epochs(3).start_exp("run -n calm");
    run.wait_for(
        "training waits: earlier checkpoints are still being written",
        1,
    );
    assert!(repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    // The first is in the cache and waits for the lockfile, the second waits for the first.
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    // The writer, with nothing to write.
    repo.write("dvc.lock", "");
    let (status, said) = run.end();
    assert_eq!(status, 0, "{said}");
    assert_eq!(said.matches("training waits").count(), 1, "{said}");
    assert_eq!(repo.checkpoints("calm").len(), 3);
    repo.check();
}
