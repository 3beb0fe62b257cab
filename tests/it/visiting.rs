//! Which stages a run visits, and what happens when their data is missing or one of them fails.

use crate::support::TestRepo;
use crate::why::{stages, three_stages};

#[track_caller]
fn assert_says(repo: &TestRepo, words: &str, expected: &[&str]) {
    let said = repo.exp(words).success().text();
    assert_eq!(stages(&said), expected.join("\n"), "{words}\n{said}");
}

/// The stages that a run would run.
fn visited(repo: &TestRepo, words: &str) -> String {
    let said = repo.exp(&format!("run --dry {words}")).success().text();
    let names = said
        .lines()
        .filter_map(|line| line.strip_prefix("Running stage '")?.split('\'').next());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn pipelines_folders_and_all_of_it() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  a: {cmd: echo > a, outs: [a]}\n  b: {cmd: cp a b, deps: [a], outs: [b]}\n  \
         alone: {cmd: echo > alone, outs: [alone]}\n",
    )
    .write(
        "sub/dvc.yaml",
        "stages:\n  c: {cmd: cp ../a c, deps: [../a], outs: [c]}\n  d: {cmd: echo > d, outs: [d]}\n",
    )
    .write("sub/deep/dvc.yaml", "stages:\n  e: {cmd: echo > e, outs: [e]}\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipelines'").success();
    for (words, expected) in [
        ("", "a b alone"),
        ("-s", "a b alone"),
        ("b", "a b"),
        ("-s b", "b"),
        ("--downstream a", "a b sub/dvc.yaml:c"),
        ("-p b", "a b sub/dvc.yaml:c"),
        ("-p alone", "alone"),
        (
            "-P",
            "a b alone sub/dvc.yaml:c sub/dvc.yaml:d sub/deep/dvc.yaml:e",
        ),
        (
            "-R sub",
            "a sub/dvc.yaml:c sub/dvc.yaml:d sub/deep/dvc.yaml:e",
        ),
        (
            "-R -s sub",
            "sub/dvc.yaml:c sub/dvc.yaml:d sub/deep/dvc.yaml:e",
        ),
        ("-s sub/deep/", "sub/deep/dvc.yaml:e"),
        ("-R alone", "alone"),
    ] {
        assert_eq!(visited(&repo, words), expected, "{words}");
    }
    repo.exp("run -s -p b").refused(129);
    repo.exp("run nowhere/").refused(128);
    repo.exp("run -P -n all").success();
    assert!(repo.exists("sub/deep/e") && repo.exists("sub/deep/dvc.lock"));
    repo.check();
}

#[test]
fn what_reads_from_a_stage_that_ran_runs_too() {
    let repo = three_stages();
    repo.write("prep.sh", repo.read("prep.sh") + "# the same\n");
    assert_says(
        &repo,
        "run --dry --force-downstream",
        &[
            "Running stage 'prep': prep.sh changed",
            "Running stage 'train': 'prep' ran",
            "Running stage 'last': 'train' ran",
        ],
    );
    assert_says(
        &repo,
        "run --force-downstream",
        &[
            "Running stage 'prep': prep.sh changed",
            "Running stage 'train': 'prep' ran",
            "Running stage 'last': 'train' ran",
        ],
    );
    assert_says(
        &repo,
        "run --force-downstream",
        &[
            "Stage 'prep' didn't change, skipping",
            "Stage 'train' didn't change, skipping",
            "Stage 'last' didn't change, skipping",
        ],
    );
    // To be brought back is not to run, alone or beside others.
    for words in [
        "run --dry --force-downstream",
        "run --force-downstream",
        "run --force-downstream -j 2",
    ] {
        repo.sh("rm model.txt; echo edited > model.txt").success();
        assert_says(
            &repo,
            words,
            &[
                "Stage 'prep' didn't change, skipping",
                "Stage 'train' is cached - skipping run, checking out outputs: model.txt changed",
                "Stage 'last' didn't change, skipping",
            ],
        );
    }
    repo.check();
}

#[test]
fn data_that_is_missing_can_be_allowed_or_waited_for() {
    let repo = three_stages();
    repo.sh("rm -r data model.txt .dvc/cache/files").success();
    let skipped = [
        "Stage 'prep' didn't change, skipping",
        "Stage 'train' didn't change, skipping",
        "Stage 'last' didn't change, skipping",
    ];
    assert_says(&repo, "run --dry --allow-missing", &skipped);
    let tip = repo.tip("first");
    repo.exp("run --pull prep")
        .refused(128)
        .says("fatal: 'data' cannot be pulled: DVC's config has no default remote\nhint: dvc remote add --default <name> <folder>\n");
    assert!(!repo.exists("data"));
    repo.sh("rm raw.txt").success();
    let said = repo.exp("run --allow-missing train").success().text();
    assert_eq!(stages(&said), skipped[..2].join("\n"));
    assert!(!repo.exists("model.txt"));
    // what has changed runs, and needs its data then
    repo.exp("run --allow-missing train -S lr=0.2 -n second")
        .refused(128)
        .says("dependency 'data' of stage 'train' does not exist");
    repo.exp("run").refused(128).says("dependency 'raw.txt'");
    assert_eq!(repo.tip("first"), tip);
}

#[test]
fn what_dvc_lock_said_comes_back_where_nothing_runs() {
    let repo = three_stages();
    let lock = repo.read("dvc.lock");
    let tip = repo.tip("first");
    let (without_last, _) = lock.split_once("  last:\n").unwrap();
    for damage in ["", without_last] {
        repo.write("dvc.lock", damage);
        if damage.is_empty() {
            repo.sh("rm dvc.lock").success();
        }
        let run = repo.exp("run").success();
        assert!(!run.text().contains("Running stage"), "{}", run.text());
        assert_eq!(repo.read("dvc.lock"), lock);
        assert_eq!(repo.tip("first"), tip);
    }
    repo.check();
}

#[test]
fn data_that_is_missing_comes_from_a_remote() {
    let repo = three_stages();
    let remote = "[core]\n    remote = near\n['remote \"near\"']\n    url = ../../near\n\
         ['remote \"far\"']\n    url = s3://bucket/store\n";
    repo.write(".dvc/config.local", remote);
    repo.sh(
        "mkdir ../near; cp -r .dvc/cache/files ../near/; rm -r data model.txt last.txt .dvc/cache/files",
    )
    .success();
    let tip = repo.tip("first");
    // Nothing is fetched where nothing shall be changed.
    let checked_out = |stage: &str, why: &str| {
        format!("Stage '{stage}' is cached - skipping run, checking out outputs: {why}")
    };
    let [data, model] = [
        checked_out("prep", "data is missing"),
        checked_out("train", "model.txt is missing"),
    ];
    let last = checked_out("last", "last.txt is missing");
    let expected = [data.as_str(), model.as_str(), last.as_str()];
    assert_says(&repo, "run --pull --dry", &expected);
    assert!(!repo.exists(".dvc/cache/files"));
    let run = repo.exp("run --pull").success();
    assert_eq!(stages(&run.text()), expected.join("\n"));
    run.says("Fetched 3 objects from remote 'near'")
        .says("Fetched 1 object from remote 'near'");
    assert_eq!(repo.read("data/y"), "y\n");
    assert_eq!(repo.tip("first"), tip);
    repo.check();

    // what the remote lacks, too, is made anew, and one that is no folder is DVC's to ask
    repo.sh("rm -r model.txt .dvc/cache/files ../near/files/md5/*; mkdir -p .dvc/cache/files")
        .success();
    repo.exp("run --pull train")
        .success()
        .says("Data of stage 'train' is in no cache and no remote: it is made anew");
    assert!(repo.exists("model.txt"));
    repo.sh("rm -r model.txt .dvc/cache/files").success();
    repo.write(".dvc/config.local", remote.replace("= near", "= far"));
    repo.exp("run --pull train")
        .refused(128)
        .says("remote 'far' is at 's3://bucket/store', and objects are fetched from folders only\nhint: dvc pull\n");
}

#[test]
fn what_a_stage_reads_comes_back_from_the_cache() {
    let repo = three_stages();
    repo.sh("rm -r data last.txt").success();
    let said = repo.exp("run -n second -s train -S lr=0.2").success();
    assert_eq!(
        stages(&said.text()),
        "Running stage 'train': params.yaml: lr 0.1 → 0.2"
    );
    assert!(
        said.said()
            .contains("Stage 'train' reads 'data', now checked out from the cache"),
        "{}",
        said.said()
    );
    assert_eq!(repo.read("data/y"), "y\n");
    assert!(!repo.exists("last.txt"));
    // The stage that wrote it did not run, and is in the checkpoint with all it made.
    let note = repo.note("second");
    let locked = "data\n      hash: md5\n      md5: ";
    let lock = repo.read("dvc.lock");
    let md5 = lock.split(locked).nth(1).unwrap().lines().next().unwrap();
    assert_eq!(note["outs"]["data"]["md5"], md5);
}

#[test]
fn a_stage_that_fails_can_be_worked_around() {
    let pipeline = "\
stages:
  bad: {cmd: 'echo > bad; exit 3', outs: [bad]}
  after: {cmd: cp bad after, deps: [bad], outs: [after]}
  behind: {cmd: cp after behind, deps: [after], outs: [behind]}
  good: {cmd: echo > good, outs: [good]}
  worse: {cmd: exit 4, outs: [worse]}
  fine: {cmd: echo > fine, outs: [fine]}
";
    let project = || {
        let repo = TestRepo::project();
        repo.write("dvc.yaml", pipeline);
        repo.git("add .").success();
        repo.git("commit -q -m 'created pipeline'").success();
        repo
    };
    let repo = project();
    repo.exp("run").code(1);
    assert!(!repo.exists("good"));
    repo.exp("run -k -n first")
        .code(1)
        .says("warning: stage 'bad' failed: 'echo > bad; exit 3' exited with status 3")
        .says("warning: stage 'behind' is left out: it reads what 'after' writes")
        .says("error: 2 stages failed");
    assert!(repo.exists("good") && repo.exists("fine") && !repo.exists("after"));
    // what did run need not run again
    let said = repo.exp("run -k").code(1).text();
    assert!(
        said.contains("Stage 'good' didn't change, skipping"),
        "{said}"
    );

    let repo = project();
    repo.exp("run --ignore-errors -n first").success();
    // DVC copies what the failed stage left behind, too
    assert!(repo.exists("behind") && repo.exists("fine"));
    let lock = repo.ask(&format!("show {}:dvc.lock", repo.tip("first")));
    assert!(
        lock.contains("  fine:") && !lock.contains("  bad:"),
        "{lock}"
    );
    repo.check();
}

#[test]
fn asks_before_a_stage_runs() {
    let repo = three_stages();
    repo.write("raw.txt", "other\n");
    let asked = |answers: &str| repo.sh(&format!("printf '{answers}' | git exp run -i -n asked"));
    asked("maybe\nn\n")
        .code(128)
        .says("Run stage 'prep'? [y/n] Run stage 'prep'? [y/n] ")
        .says("fatal: stage 'prep' was not confirmed");
    asked("").code(128).says("stage 'prep' was not confirmed");
    assert_eq!(repo.read("data/x"), "raw\n");
    asked("y\ny\ny\n").success();
    assert_eq!(repo.read("data/x"), "other\n");
}

#[test]
fn metrics_are_shown_at_the_end() {
    let repo = three_stages();
    let said = repo.exp("run -m -S lr=0.2 -n second").success().text();
    let table = "Revision    Path    acc\nsecond      m.json  1\n";
    assert!(said.ends_with(table), "{said}");
}

#[test]
fn a_frozen_stage_keeps_what_it_has() {
    let repo = three_stages();
    let frozen = repo
        .read("dvc.yaml")
        .replace("  train:\n", "  train:\n    frozen: true\n");
    repo.write("dvc.yaml", &frozen).write("raw.txt", "other\n");
    repo.sh("rm train.sh model.txt").success();
    assert_says(
        &repo,
        "run",
        &[
            "Running stage 'prep': raw.txt changed",
            "Stage 'train' is cached - skipping run, checking out outputs: model.txt is missing",
            "Stage 'last' didn't change, skipping",
        ],
    );
    // another command is recorded, not run
    repo.write("train.sh", "exit 1\n").write(
        "dvc.yaml",
        frozen.replace("cmd: sh train.sh", "cmd: sh  train.sh"),
    );
    assert_says(
        &repo,
        "run train",
        &["Verifying outputs of frozen stage 'train': cmd 'sh train.sh' → 'sh  train.sh'"],
    );
    let lock = repo.read("dvc.lock");
    assert!(lock.contains("cmd: sh  train.sh"), "{lock}");
    assert_says(&repo, "run train", &["Stage 'train' is frozen, skipping"]);
    repo.sh("rm -r model.txt .dvc/cache").success();
    repo.exp("run train")
        .code(1)
        .says("output 'model.txt' does not exist");
    repo.check();
}
