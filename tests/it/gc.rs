//! `git exp gc`: experiments of baselines that nobody wants any more.

use crate::support::TestRepo;
use snapbox::str;
use std::io::Write;
use std::process::Stdio;

/// An experiment of the first commit with two checkpoints, and one of the second with one.
fn two_baselines() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(2).exp("run -n older").success();
    repo.git("commit -q --allow-empty -m next").success();
    repo.epochs(1).exp("run --reset -n newer").success();
    repo
}

fn names(repo: &TestRepo) -> Vec<String> {
    let list = repo.ask("for-each-ref --format=%(refname:lstrip=4) refs/exps");
    let mut names: Vec<String> = list.lines().map(str::to_owned).collect();
    names.sort();
    names
}

/// Runs `git exp gc -w` with an answer on standard input.
fn answer(repo: &TestRepo, text: &str) -> Option<i32> {
    let mut child = repo
        .command("git")
        .args(["exp", "gc", "-w"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    child.wait().unwrap().code()
}

#[test]
fn shows_first_what_goes() {
    let repo = two_baselines();
    repo.exp("gc -w --dry-run").success().stdout(str![[r#"
  older  2 checkpoints, 51 bytes
1 experiment would be removed: 2 checkpoints, 51 bytes of outputs.

"#]]);
    assert_eq!(names(&repo), ["newer", "older"]);
    repo.exp("gc -w -f").success().stdout(str![[r#"
  older  2 checkpoints, 51 bytes
1 experiment will be removed: 2 checkpoints, 51 bytes of outputs.
Removed 1 experiments. To remove unused cache files use 'dvc gc'.

"#]]);
    assert_eq!(names(&repo), ["newer"]);
    repo.exp("gc -w -f").success().stdout(str![[r#"
No experiments to remove.

"#]]);
    repo.exp("undo").success();
    assert_eq!(names(&repo), ["newer", "older"]);
    repo.check();
}

#[test]
fn asks_and_takes_no_for_an_answer() {
    let repo = two_baselines();
    assert_eq!(answer(&repo, "n\n"), Some(1));
    assert_eq!(answer(&repo, ""), Some(1));
    assert_eq!(names(&repo), ["newer", "older"]);
    assert_eq!(answer(&repo, "what\ny\n"), Some(0));
    assert_eq!(names(&repo), ["newer"]);
}

#[test]
fn commits_of_branches_and_tags_keep_theirs() {
    let repo = two_baselines();
    repo.exp("gc -A -f").success().stdout(str![[r#"
No experiments to remove.

"#]]);
    repo.git("branch old HEAD~1").success();
    repo.exp("gc -a -f").success().prints("No experiments");
    repo.git("branch -D old").success();
    repo.git("tag old HEAD~1").success();
    // HEAD is no tag
    repo.exp("gc -T -w -f").success().prints("No experiments");
    repo.exp("gc -T -f").success();
    assert_eq!(names(&repo), ["older"]);
    repo.exp("undo").success();
    repo.git("tag -d old").success();
    repo.exp("gc -w -a -f -q").success().stdout(str![]);
    assert_eq!(names(&repo), ["newer"]);
}

#[test]
fn a_day_divides() {
    let repo = two_baselines();
    // The test's clock stands in April 2005.
    repo.exp("gc --date 2005-01-01 -f")
        .success()
        .prints("No experiments");
    repo.exp("gc --date 2005-12-31 -w -f").success();
    assert_eq!(names(&repo), ["newer"]);
    repo.exp("gc --date 2005-12-31 -f").success();
    assert_eq!(names(&repo), [""; 0]);
    repo.exp("gc --date yesterday -f").refused(129);
    repo.exp("gc -f").refused(129);
}

#[test]
fn a_running_one_is_kept() {
    let repo = TestRepo::tutorial();
    repo.epochs(2).env("PAUSE_AT", "1");
    let mut running = repo.start_exp("run -n busy");
    running.wait_for("Checkpoint experiment iteration", 1);
    repo.git("commit -q --allow-empty -m next").success();
    repo.exp("gc -w -f")
        .success()
        .says("warning: kept 'busy': it is running");
    assert_eq!(names(&repo), ["busy"]);
    repo.write("go", "");
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
}
