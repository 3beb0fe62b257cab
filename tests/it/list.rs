//! `git exp list`.

use crate::support::TestRepo;
use snapbox::str;

#[test]
fn names_experiments_under_their_baselines() {
    let repo = TestRepo::tutorial();
    repo.exp("list").success().stdout("");
    repo.epochs(1);
    repo.exp("run -n calm").success();
    repo.exp("run -n bold -S lr=0.5").success();
    repo.exp("list").success().stdout(str![[r#"
main:
	id00002 [bold]
	id00001 [calm]

"#]]);
    repo.git("tag v1").success();
    repo.git("commit -q --allow-empty -m next").success();
    repo.exp("list").success().stdout("");
    repo.exp("list -A").success().stdout(str![[r#"
v1:
	id00002 [bold]
	id00001 [calm]

"#]]);
    repo.exp("list -n 2 --name-only").success().stdout(str![[r#"
bold
calm

"#]]);
    let tip = repo.tip("bold");
    let ids = repo.exp("list --rev v1 --sha-only").success().text();
    assert_eq!(ids.lines().next(), Some(tip.as_str()));
    repo.exp("list origin").refused(128).stderr(str![[r#"
fatal: cannot list experiments of remote 'origin' yet
hint: git ls-remote origin 'refs/exps/*'

"#]]);
    repo.exp("list --name-only --sha-only").refused(129);
}

#[test]
fn needs_no_project() {
    let repo = TestRepo::empty();
    repo.exp("list").success().stdout("");
    repo.git("commit -q --allow-empty -m first").success();
    repo.exp("list -A").success().stdout("");
}
