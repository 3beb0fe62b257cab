//! What stages read outside of the project: no tree has it, so `dvc.lock` and the notes tell.

use crate::support::TestRepo;

/// Training that goes on from its model, and reads what lies beside the repository.
fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("../near/data.txt", "1\n")
        .write("../near/params.yaml", "lr: 0.1\n")
        .write(
            "dvc.yaml",
            "\
stages:
  train:
    cmd: cat ../near/data.txt >> model.pt
    deps: [../near/data.txt]
    params: [{../near/params.yaml: [lr]}]
    outs: [model.pt: {checkpoint: true}]
",
        );
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    repo
}

#[test]
fn a_change_outside_makes_a_fork() {
    let repo = project();
    repo.exp("run -n one").success();
    repo.exp("run").success();
    assert_eq!(repo.checkpoints("one").len(), 2);
    assert_eq!(repo.read("model.pt"), "1\n1\n");
    repo.write("../near/data.txt", "2\n");
    repo.exp("run -n two").success();
    // the chain of the fork holds what it goes on from
    assert_eq!(repo.checkpoints("two").len(), 3);
    assert_eq!(repo.checkpoints("one").len(), 2);
    repo.write("../near/params.yaml", "lr: 0.2\n");
    repo.exp("run -n three").success();
    assert_eq!(repo.checkpoints("three").len(), 4);

    // by where it is from the project, wherever that is
    let note = repo.note("two");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, ["../near/data.txt"]);
    assert_eq!(note["params"]["../near/params.yaml"]["data"]["lr"], 0.1);
    let note = repo.note("three");
    assert_eq!(note["params"]["../near/params.yaml"]["data"]["lr"], 0.2);
    let shown = repo.ask("exp show --json");
    assert!(shown.contains("\"../near/data.txt\""), "{shown}");
    let base = repo.base().to_str().unwrap();
    assert!(!shown.contains(base), "{shown}");
    repo.exp("apply one").success();
    repo.check();
}

#[test]
fn nothing_is_written_there() {
    let repo = project();
    repo.exp("run -S ../near/params.yaml:lr=0.5")
        .refused(128)
        .says("'../near/params.yaml' is outside of the project");
    std::fs::remove_file(repo.base().join("near/data.txt")).unwrap();
    repo.exp("run")
        .refused(128)
        .says("near/data.txt' of stage 'train' does not exist");
    let params = repo.base().join("near/params.yaml");
    assert_eq!(std::fs::read_to_string(params).unwrap(), "lr: 0.1\n");
}

#[test]
fn a_worktree_of_its_own_reads_the_same_or_nothing() {
    let repo = project();
    repo.exp("run --temp -n one")
        .refused(128)
        .says("'../near/data.txt', which stage 'train' reads, leads out of the repository");
    let there = repo.base().join("near/data.txt");
    let there = there.to_str().unwrap();
    let text = format!("stages:\n  a: {{cmd: cp {there} a, deps: [{there}], outs: [a]}}\n");
    repo.write("dvc.yaml", text);
    repo.exp("run --temp -n two").success();
    repo.exp("apply two").success();
    assert_eq!(repo.read("a"), "1\n");
    let note = repo.note("two");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, [there]);
    // what a template needs is not found there
    let text = "vars: [../near/params.yaml]\nstages:\n  a: {cmd: 'echo ${lr} > a', outs: [a]}\n";
    repo.write("dvc.yaml", text);
    repo.exp("run -n three").success();
    assert_eq!(
        repo.note("three")["params"]["../near/params.yaml"]["data"]["lr"],
        0.1
    );
    repo.exp("run --temp -n four")
        .refused(128)
        .says("'../near/params.yaml' in 'vars' does not exist")
        .says("it is looked for in");
    repo.check();
}

#[test]
fn the_rest_of_the_repository_comes_along() {
    let repo = TestRepo::empty();
    repo.write("p/.dvc/config", "")
        .write("p/.dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
        .write("lib/train.py", "one\n")
        .write("lib/vars.yaml", "lr: 1\n")
        .write(
            "p/dvc.yaml",
            "\
vars: [../lib/vars.yaml]
stages:
  train:
    cmd: cat ../lib/train.py >> model.pt; echo ${lr} >> model.pt
    deps: [../lib]
    outs: [model.pt: {checkpoint: true}]
",
        );
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    let run = |words: &str| repo.sh(&format!("cd p && git exp {words}"));
    run("run -n one").success();
    run("run").success();
    assert_eq!(repo.checkpoints("one").len(), 2);
    // the code of an experiment, wherever in the repository it lies
    repo.write("lib/train.py", "two\n");
    run("run -n two").success();
    assert_eq!(repo.read("p/model.pt"), "one\n1\none\n1\ntwo\n1\n");
    let tip = repo.tip("two");
    assert_eq!(repo.ask(&format!("show {tip}:lib/train.py")), "two");
    repo.write("lib/train.py", "three\n");
    run("run --temp --reset -n three").success();
    let note = repo.note("three");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, ["../lib"]);
    run("show").success();
    repo.check();
}
