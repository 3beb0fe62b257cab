//! `git exp branch`: a checkpoint to a git branch.

use crate::support::TestRepo;
use snapbox::str;

fn trained() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(3).exp("run -n first").success();
    repo
}

#[test]
fn names_the_branch_and_the_next_command() {
    let repo = trained();
    repo.exp("branch first keep").success().stdout(str![[r#"
Git branch 'keep' has been created from experiment 'first'.
To switch to the new branch run:

	git checkout keep

"#]]);
    assert_eq!(repo.ask("rev-parse keep"), repo.tip("first"));
    assert_eq!(
        repo.ask("reflog -1 --format=%gs keep"),
        "git exp: created from experiment 'first'"
    );
    repo.check();
}

#[test]
fn a_middle_checkpoint_is_cut_there() {
    let repo = trained();
    repo.exp("branch first~2")
        .success()
        .prints("of experiment 'first'.")
        .prints("git checkout first-branch");
    assert_eq!(
        repo.ask("rev-parse first-branch"),
        repo.ask(&format!("rev-parse {}~2", repo.tip("first")))
    );
    assert_eq!(repo.ask("rev-list --count main..first-branch"), "1");
}

#[test]
fn refuses_what_git_would() {
    let repo = trained();
    repo.exp("branch first main").refused(128).stderr(str![[r#"
fatal: a branch named 'main' already exists

"#]]);
    repo.exp("branch first main/sub")
        .refused(128)
        .says("a branch named 'main' already exists");
    repo.exp("branch first bad..name")
        .refused(128)
        .says("'bad..name' is not a valid branch name");
    repo.exp("branch main keep")
        .refused(128)
        .says("'main' is not a checkpoint of any experiment");
    assert_eq!(repo.ask("branch --format=%(refname:short)"), "main");
}
