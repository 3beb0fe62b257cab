//! Two at once: real processes, of which exactly one wins what only one can have, and none loses a
//! checkpoint.

use crate::support::{Running, TestRepo, wait_for};

/// Makes linked worktrees beside the tutorial, each on a branch of its own at the same commit.
fn with_worktrees<const N: usize>(repo: &TestRepo, names: [&str; N]) -> [TestRepo; N] {
    names.map(|name| {
        repo.git(&format!("worktree add -q -b {name} ../{name}"))
            .success();
        repo.beside(name)
    })
}

/// Names of all experiments, and how many checkpoints each has.
fn experiments(repo: &TestRepo) -> Vec<(String, usize)> {
    let list = repo.ask("for-each-ref --format=%(refname:lstrip=4) refs/exps");
    let count = |name: &str| repo.checkpoints(name).len();
    list.lines()
        .map(|name| (name.to_owned(), count(name)))
        .collect()
}

#[test]
fn the_second_run_in_a_worktree_is_refused_and_the_first_does_not_notice() {
    let repo = TestRepo::tutorial();
    repo.epochs(3).env("PAUSE_AT", "1");
    let mut running = repo.start_exp("run -n calm");
    running.wait_for("Checkpoint experiment iteration", 1);
    let before = repo.sh("find . -type f ! -path './.git/objects/*' -exec md5sum {} + | sort");
    let before = before.success().text();
    for second in [
        "run",
        "run -n bold",
        "run --reset -f -n calm",
        "resume",
        "undo",
    ] {
        let refused = repo.exp(second).refused(128).said();
        let named = [
            "while experiment 'calm' is running here (process ",
            "nothing to undo",
        ];
        assert!(
            named.iter().any(|part| refused.contains(part)),
            "{second}: {refused}"
        );
    }
    let after = repo.sh("find . -type f ! -path './.git/objects/*' -exec md5sum {} + | sort");
    assert_eq!(after.success().text(), before);
    repo.write("go", "");
    let (status, said) = running.end();
    assert_eq!(status, 0, "{said}");
    assert_eq!(experiments(&repo), [("calm".to_owned(), 3)]);
    assert!(!said.contains("warning"), "{said}");
    repo.check();
}

#[test]
fn of_many_that_start_at_once_one_runs() {
    let repo = TestRepo::tutorial();
    repo.epochs(2).env("PAUSE_AT", "0");
    let mut all: Vec<Running> = (0..5)
        .map(|number| repo.start_exp(&format!("run -n exp-{number}")))
        .collect();
    // All but one end by themselves.
    for _ in 0..4 {
        let at = wait_for("a refusal", || all.iter().position(Running::is_gone));
        let (status, said) = all.swap_remove(at).end();
        assert_eq!(status, 128, "{said}");
        assert!(said.contains("fatal: cannot run while "), "{said}");
    }
    repo.write("go", "");
    let (status, said) = all.remove(0).end();
    assert_eq!(status, 0, "{said}");
    assert_eq!(experiments(&repo).len(), 1);
    assert_eq!(experiments(&repo)[0].1, 2);
    repo.check();
}

#[test]
fn worktrees_of_one_repository_do_not_wait_for_each_other() {
    let repo = TestRepo::tutorial();
    repo.epochs(4);
    let trees = with_worktrees(&repo, ["one", "two", "three", "four"]);
    let mut runs: Vec<Running> = trees
        .iter()
        .zip(["a", "b", "c", "d"])
        .map(|(tree, name)| {
            let rate = name.as_bytes()[0];
            tree.start_exp(&format!("run -n exp-{name} -S lr=0.{rate}"))
        })
        .collect();
    let main = repo.exp("run -n main");
    for run in &mut runs {
        let (status, said) = run.end();
        assert_eq!(status, 0, "{said}");
        // One cache for all of them, and each says so once.
        assert_eq!(
            said.matches("this worktree uses the cache at '").count(),
            1,
            "{said}"
        );
        assert!(!said.contains("warning"), "{said}");
    }
    main.success();
    let names = ["exp-a", "exp-b", "exp-c", "exp-d", "main"];
    assert_eq!(experiments(&repo), names.map(|name| (name.to_owned(), 4)));
    for tree in &trees {
        assert!(!tree.exists(".dvc/cache"));
        tree.check();
    }
    repo.check();
    // Every checkpoint of each can be had in each.
    for name in names {
        assert_eq!(repo.note(name)["status"], "done");
        trees[0].exp(&format!("apply {name}")).success();
        assert_eq!(trees[0].read("model.pt").lines().count(), 4);
        assert_eq!(
            trees[0].read("dvc.lock"),
            repo.ask(&format!("show {}:dvc.lock", repo.tip(name))) + "\n"
        );
    }
    repo.git("worktree remove --force ../two").success();
    repo.exp("apply exp-b").success();
    repo.check();
}

#[test]
fn two_that_want_one_name_both_keep_all_they_save() {
    let repo = TestRepo::tutorial();
    repo.epochs(3).env("PAUSE_AT", "0");
    let [one, two] = with_worktrees(&repo, ["one", "two"]);
    let mut first = one.start_exp("run -n same");
    let mut second = two.start_exp("run -n same");
    first.wait_for("> sh train.sh", 1);
    second.wait_for("> sh train.sh", 1);
    one.write("go", "");
    two.write("go", "");
    let (first, second) = (first.end(), second.end());
    assert_eq!((first.0, second.0), (0, 0), "{} {}", first.1, second.1);
    let said = first.1 + &second.1;
    let warning =
        "warning: experiment 'same' was changed by another process; this run goes on as '";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    let all = experiments(&repo);
    assert_eq!(all.len(), 2, "{all:?}");
    assert!(all.iter().all(|(_, count)| *count == 3), "{all:?}");
    one.check();
    two.check();
}

#[test]
fn git_works_beside_a_run() {
    let repo = TestRepo::tutorial();
    // Training cannot end before git's second round beside it has begun.
    repo.epochs(60).env("PAUSE_AT", "55");
    let baseline = repo.ask("rev-parse HEAD");
    let mut running = repo.start_exp("run -n calm");
    running.wait_for("Checkpoint experiment iteration", 1);
    let mut rounds = 0;
    while !running.is_gone() {
        rounds += 1;
        if rounds == 2 {
            repo.write("go", "");
        }
        repo.git("pack-refs --all --prune").success();
        repo.git("gc -q").success();
        repo.git("commit -q --allow-empty -m meanwhile").success();
        repo.git("branch -f other").success();
        for look in [
            "show -A",
            "show -A --json",
            "list -A",
            "status",
            "metrics show",
            "diff",
        ] {
            repo.exp(look).success();
        }
    }
    let (status, said) = running.end();
    assert_eq!(status, 0, "{said}");
    assert!(rounds > 1, "the run was over too soon");
    assert!(!said.contains("warning"), "{said}");
    let tip = repo.tip("calm");
    assert_eq!(
        repo.ask(&format!("rev-list --count {baseline}..{tip}")),
        "60"
    );
    repo.remember();
    repo.check();
}

#[test]
fn two_that_change_refs_at_once_lose_nothing() {
    let repo = TestRepo::tutorial();
    repo.epochs(1);
    for number in 0..12 {
        repo.exp(&format!("run --reset -n exp-{number}")).success();
    }
    // Each removes some and keeps some on a branch; no two the same.
    let mut all: Vec<Running> = (0..6)
        .flat_map(|number| {
            [
                repo.start_exp(&format!("remove exp-{number}")),
                repo.start_exp(&format!("branch exp-{} kept-{number}", number + 6)),
            ]
        })
        .collect();
    for running in &mut all {
        let (status, said) = running.end();
        assert_eq!(status, 0, "{said}");
    }
    assert_eq!(experiments(&repo).len(), 6);
    let branches = repo.ask("for-each-ref --format=%(refname) refs/heads/kept-*");
    assert_eq!(branches.lines().count(), 6);
    // Each of them can be taken back.
    let undone = repo.exp("undo --list").success().text();
    assert_eq!(undone.lines().count(), 6, "{undone}");
    for _ in 0..6 {
        repo.exp("undo").success();
    }
    assert_eq!(experiments(&repo).len(), 12);
    repo.check();
}
