//! Pipelines without checkpoint outputs: their experiments are alternatives, each of HEAD, as in DVC.

use crate::support::TestRepo;

/// One stage: a copy of the params, and a file that it goes on writing.
fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "\
stages:
  fit:
    cmd: cp params.yaml copy; echo x >> model; echo live=$DVCLIVE_RESUME
    params: [lr]
    outs:
    - copy
    - model: {persist: true}
",
    )
    .write("params.yaml", "lr: 1\n")
    .write(".gitignore", "/copy\n/model\n");
    repo.git("add .").success();
    repo.git("commit -q -m one-stage").success();
    repo
}

#[track_caller]
fn starts_at_head(repo: &TestRepo, name: &str) {
    assert_eq!(
        repo.ask(&format!("rev-parse {}~1", repo.tip(name))),
        repo.ask("rev-parse HEAD"),
        "{name}"
    );
}

#[test]
fn each_starts_at_head() {
    let repo = project();
    repo.exp("run -n one").success();
    for (name, lr) in [("two", 2), ("three", 3)] {
        repo.exp(&format!("run -n {name} -S lr={lr}"))
            .success()
            .prints(&format!("Experiment '{name}': new\n"))
            .prints("live=\n");
        starts_at_head(&repo, name);
    }
    // nor is one that was applied gone on from
    repo.exp("apply one").success();
    repo.exp("run -n four -S lr=4").success();
    starts_at_head(&repo, "four");
    // and nobody expected that after a commit
    repo.git("add dvc.lock params.yaml").success();
    repo.git("commit -q -m four").success();
    repo.remember();
    let said = repo.exp("run -n five -S lr=5").success();
    assert!(!said.said().contains("warning"), "{}", said.said());
    starts_at_head(&repo, "five");
    repo.check();
}

#[test]
fn what_would_be_the_same_is_another_one_where_it_was_asked_for() {
    let repo = project();
    repo.exp("run -n one").success();
    repo.exp("run")
        .success()
        .prints("Experiment 'one': resume from checkpoint")
        .prints("0 new checkpoints");
    assert_eq!(repo.checkpoints("one").len(), 1);
    let status = repo.exp("status").success().text();
    assert!(
        !status.contains("goes on from") && !status.contains('*'),
        "{status}"
    );
    repo.exp("run -n two")
        .success()
        .prints("Experiment 'two': new\n")
        .prints("Stage 'fit' didn't change, skipping\n");
    starts_at_head(&repo, "two");
    let tree = |name: &str| repo.ask(&format!("rev-parse {}^{{tree}}", repo.tip(name)));
    assert_eq!(tree("one"), tree("two"));
    // what runs anew may come to something else
    repo.exp("run -f -n three").success().prints("live=\n");
    starts_at_head(&repo, "three");
    repo.check();
}

#[test]
fn one_that_comes_to_the_same_is_not_kept() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  look: {cmd: cp ../given copy, always_changed: true, outs: [copy]}\n",
    )
    .write("../given", "1")
    .write(".gitignore", "/copy\n")
    .write(".dvc/config", "[cache]\n    type = symlink\n");
    repo.git("add .").success();
    repo.git("commit -q -m one-stage").success();
    repo.exp("run -n one").success();
    for words in ["run", "run -f"] {
        repo.exp(words).success().prints(
            "Nothing differs from experiment 'one': there is no new one (-n <name> makes one).\n",
        );
        assert_eq!(repo.exp("list --name-only").success().text(), "one\n");
        repo.sh("test -L copy").success();
    }
    repo.write("../given", "2");
    repo.exp("run").success().prints("1 new checkpoint");
    let names = repo.exp("list --name-only").success().text();
    assert_eq!(names.lines().count(), 2, "{names}");
    names.lines().for_each(|name| starts_at_head(&repo, name));
    repo.check();
}

#[test]
fn a_stage_goes_on_writing_what_dvc_lock_records() {
    let repo = project();
    repo.exp("run -n one").success();
    repo.sh("rm model").success();
    repo.exp("run -n two -S lr=2").success();
    assert_eq!(repo.read("model"), "x\nx\n");
    // somebody's own goes to undo, as everything that is replaced
    repo.sh("rm model; echo mine > model").success();
    repo.exp("run -n three -S lr=3").success();
    assert_eq!(repo.read("model"), "x\nx\nx\n");
    repo.exp("undo --force").success();
    assert_eq!(repo.read("model"), "mine\n");
    // what the cache has lost is left as it is
    repo.sh("rm model; echo other > model; rm -r .dvc/cache/files")
        .success();
    repo.exp("run -n four -S lr=4").success();
    assert_eq!(repo.read("model"), "other\nx\n");
    repo.check();
}

#[test]
fn training_does_not_go_on_from_one() {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml");
    repo.write(
        "dvc.yaml",
        pipeline + "  prep:\n    cmd: echo 1 > prep.txt\n    outs: [prep.txt]\n",
    );
    repo.write(".gitignore", repo.read(".gitignore") + "/prep.txt\n");
    repo.git("add .").success();
    repo.git("commit -q -m prep").success();
    repo.epochs(2);
    repo.exp("run -n before prep").success();
    repo.exp("run -n calm train")
        .success()
        .prints("Experiment 'calm': new\n");
    repo.exp("run train")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(repo.checkpoints("calm").len(), 4);
    // a stage beside it is run for what is trained
    repo.exp("run -f prep")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    repo.check();
}
