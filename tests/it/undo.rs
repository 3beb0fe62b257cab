//! `git exp undo`: the last apply, remove or gc, taken back.

use crate::support::TestRepo;
use snapbox::str;

fn trained() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(3).exp("run -n first").success();
    repo
}

#[test]
fn nothing_to_undo_is_said() {
    let repo = TestRepo::tutorial();
    repo.exp("undo").refused(128).stderr(str![[r#"
fatal: nothing to undo in this worktree

"#]]);
    repo.exp("undo --list").success().stdout(str![""]);
}

#[test]
fn takes_back_one_after_the_other() {
    let repo = trained();
    repo.exp("apply first~2").success();
    repo.exp("apply first~1").success();
    let list = repo.exp("undo --list").success().text();
    let titles: Vec<&str> = list
        .lines()
        .map(|line| line.rsplit('\t').next().unwrap())
        .collect();
    assert_eq!(titles, ["apply first~1", "apply first~2"]);
    repo.exp("undo").success();
    assert_eq!(repo.read("model.pt").lines().count(), 1);
    repo.exp("undo").success();
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.exp("undo").refused(128);
    assert_eq!(repo.ask("for-each-ref refs/git-exp"), "");
    repo.check();
}

#[test]
fn brings_the_resume_point_back() {
    let repo = trained();
    repo.exp("apply first~2").success();
    repo.exp("undo").success();
    let before = repo.tip("first");
    repo.epochs(1).exp("run").success();
    assert_eq!(
        repo.ask(&format!("rev-parse {}^", repo.tip("first"))),
        before
    );
    repo.check();
}

#[test]
fn changes_made_since_are_refused_or_saved() {
    let repo = trained();
    repo.exp("apply first~2").success();
    repo.write("metrics.json", "mine\n");
    repo.write("model.pt", "mine too\n");
    repo.exp("undo").refused(128).stderr(str![[r#"
fatal: undo would overwrite changes made since: 'metrics.json', 'model.pt'
hint: commit or stash them
hint: use --force to save them as an undo entry of their own

"#]]);
    assert_eq!(repo.read("model.pt"), "mine too\n");
    repo.exp("undo --force").success();
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.exp("undo").success().stdout(str![[r#"
Took back: undo apply first~2

"#]]);
    assert_eq!(repo.read("metrics.json"), "mine\n");
    assert_eq!(repo.read("model.pt"), "mine too\n");
    repo.check();
}

#[test]
fn an_entry_reads_with_plain_git() {
    let repo = trained();
    repo.write("metrics.json", "mine\n");
    repo.exp("apply first~2").success();
    repo.git("show refs/git-exp/undo/main/1:before/metrics.json")
        .success()
        .stdout(str![[r#"
mine

"#]]);
    repo.git("log -1 --format=%s refs/git-exp/undo/main/1")
        .success()
        .stdout(str![[r#"
git exp apply first~2

"#]]);
    repo.check();
}

#[test]
fn worktrees_have_their_own_lists() {
    let repo = trained();
    repo.git("worktree add -q -b side ../main").success();
    let other = repo.beside("main");
    other.exp("apply first~2").success();
    repo.exp("undo").refused(128);
    repo.exp("apply first~1").success();
    other.exp("undo").success().prints("apply first~2");
    repo.exp("undo").success().prints("apply first~1");
}

#[test]
fn experiments_come_back_with_their_notes() {
    let repo = trained();
    let refs = repo.ask("for-each-ref refs/exps refs/notes");
    repo.exp("remove first").success();
    assert_eq!(repo.ask("for-each-ref refs/exps refs/notes"), "");
    repo.git("gc -q --prune=now").success();
    repo.exp("undo").success().stdout(str![[r#"
Took back: remove first

"#]]);
    assert_eq!(repo.ask("for-each-ref refs/exps refs/notes"), refs);
    repo.check();
}

#[test]
fn a_name_taken_since_is_not_replaced() {
    let repo = trained();
    repo.exp("remove first").success();
    repo.exp("run --reset -n first").success();
    let tip = repo.tip("first");
    // The outputs of the removed experiment, which the new run replaced, come first.
    repo.exp("undo").success().prints("run first");
    repo.exp("undo")
        .refused(128)
        .says("fatal: cannot undo: changed since: 'refs/exps/");
    assert_eq!(repo.tip("first"), tip);
}
