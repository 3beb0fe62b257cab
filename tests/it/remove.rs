//! `git exp remove`: experiments away, notes with them.

use crate::support::TestRepo;
use snapbox::str;

/// Three experiments of one baseline.
fn three() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(1);
    for name in ["exp-a", "exp-b", "other"] {
        repo.exp(&format!("run --reset -n {name}")).success();
    }
    repo
}

fn names(repo: &TestRepo) -> Vec<String> {
    let list = repo.ask("for-each-ref --format=%(refname:lstrip=4) refs/exps");
    list.lines().map(str::to_owned).collect()
}

#[test]
fn by_name_and_by_pattern() {
    let repo = three();
    repo.exp("remove other").success().stdout(str![[r#"
Removed experiments: 'other'

"#]]);
    assert_eq!(names(&repo), ["exp-a", "exp-b"]);
    repo.exp("remove exp-*").success().stdout(str![[r#"
Removed experiments: 'exp-a', 'exp-b'

"#]]);
    assert_eq!(repo.ask("for-each-ref refs/exps refs/notes"), "");
    repo.check();
}

#[test]
fn all_but_those_to_keep() {
    let repo = three();
    repo.exp("remove --keep exp-b").success().stdout(str![[r#"
Removed experiments: 'exp-a', 'other'

"#]]);
    repo.exp("remove -A").success().stdout(str![[r#"
Removed experiments: 'exp-b'

"#]]);
    repo.exp("remove -A").success().stdout(str![[r#"
No experiments to remove.

"#]]);
}

#[test]
fn by_baseline() {
    let repo = three();
    repo.git("commit -q --allow-empty -m next").success();
    repo.exp("run --reset -n newer").success();
    repo.exp("remove --rev HEAD").success().stdout(str![[r#"
Removed experiments: 'newer'

"#]]);
    repo.exp("remove --rev HEAD").success().stdout(str![[r#"
No experiments to remove.

"#]]);
    repo.exp("remove --rev HEAD -n 2")
        .success()
        .stdout(str![[r#"
Removed experiments: 'exp-a', 'exp-b', 'other'

"#]]);
}

#[test]
fn an_unknown_name_removes_nothing() {
    let repo = three();
    repo.exp("remove exp-a othr").refused(128).stderr(str![[r#"
fatal: no experiment is called 'othr'
hint: did you mean 'other'?

"#]]);
    assert_eq!(names(&repo).len(), 3);
    repo.exp("remove").refused(129);
    repo.exp("remove -A other").refused(129);
}

#[test]
fn dvcs_marks_go_with_their_experiment() {
    let repo = three();
    let tip = repo.tip("exp-a");
    repo.git(&format!("update-ref refs/exps/exec/EXEC_APPLY {tip}"))
        .success();
    repo.git(&format!(
        "update-ref refs/exps/exec/EXEC_CHECKPOINT {}",
        repo.tip("other")
    ))
    .success();
    repo.exp("remove exp-a").success();
    assert_eq!(
        repo.ask("for-each-ref --format=%(refname) refs/exps/exec"),
        "refs/exps/exec/EXEC_CHECKPOINT"
    );
    repo.check();
}

#[test]
fn a_running_one_is_refused() {
    let repo = TestRepo::tutorial();
    repo.epochs(3).env("PAUSE_AT", "1");
    let mut running = repo.start_exp("run -n busy");
    running.wait_for("Checkpoint experiment iteration", 1);
    repo.exp("remove busy")
        .refused(128)
        .says("fatal: experiment 'busy' is running");
    repo.exp("remove --all-commits").refused(128);
    repo.write("go", "");
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
    repo.exp("remove busy").success();
    repo.check();
}
