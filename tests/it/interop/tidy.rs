//! The commands that keep and tidy, beside DVC 2.58 on the same experiments.

use super::{copy, dvc, dvc_ends};
use crate::support::{TestRepo, oracle};

/// Three commits with an experiment of each, the first tagged `old`; the branch `side` is at the second.
fn three_baselines() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.git("config exp.dvcFormat 2").success();
    repo.git("tag old").success();
    repo.epochs(1).exp("run -n one").success();
    repo.exp("run -n fork -S lr=0.5").success();
    repo.git("commit -q -a -m two").success();
    repo.exp("run --reset -n two").success();
    repo.git("branch side").success();
    repo.git("commit -q --allow-empty -m three").success();
    repo.exp("run --reset -n three").success();
    repo
}

fn names(repo: &TestRepo) -> Vec<String> {
    let text = repo.exp("list -A --name-only").success().text();
    let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn the_same_experiments_stay() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = three_baselines();
    let days = ["2000-01-01", "2030-01-01"].map(|day| format!("gc --date {day} -f"));
    let all = [
        "gc -w -f",
        "gc -a -f",
        "gc -T -f",
        "gc -w -T -f",
        "gc -A -f",
        &days[0],
        &days[1],
        "remove one two",
        "remove --rev HEAD~1",
        "remove --rev HEAD -n 2",
        "remove -A",
    ];
    for (number, words) in all.into_iter().enumerate() {
        let [ours, theirs] = ["ours", "theirs"].map(|who| copy(&repo, &format!("{who}{number}")));
        ours.exp(words).success();
        dvc(&two, &theirs, &format!("exp {words}"));
        assert_eq!(names(&ours), names(&theirs), "{words}");
        // all of it comes back
        if names(&ours) != names(&repo) {
            ours.exp("undo").success();
            assert_eq!(names(&ours), names(&repo), "undo of {words}");
        }
    }
}

#[test]
fn lists_and_branches_are_dvcs() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = three_baselines();
    for words in [
        "list --name-only",
        "list --name-only --rev HEAD~1",
        "list --name-only --rev old",
        "list --name-only --rev side -n 2",
        "list --name-only --rev HEAD -n -1",
        "list --name-only -A",
    ] {
        let lines = |text: &str| -> Vec<String> {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            // DVC lists baselines in the order of a hash table
            lines.sort();
            lines
        };
        let (theirs, _) = dvc(&two, &repo, &format!("exp {words}"));
        assert_eq!(
            lines(&repo.exp(words).success().text()),
            lines(&theirs),
            "{words}"
        );
    }

    let [ours, theirs] = ["ours", "theirs"].map(|who| copy(&repo, who));
    for words in [
        "branch three",
        "branch fork kept",
        "branch one side",
        "branch nope",
        "branch three a..b",
    ] {
        let (code, out, _) = dvc_ends(&two, &theirs, &format!("exp {words}"));
        if code == 0 {
            assert_eq!(ours.exp(words).success().text(), out, "{words}");
        } else {
            ours.exp(words).refused(128);
        }
    }
    let branches = "for-each-ref refs/heads";
    assert_eq!(ours.ask(branches), theirs.ask(branches));
}
