//! One repository, both tools in turn: each goes on where the other stopped, and finds nothing to do
//! where nothing changed.

use super::{dvc, dvc_ends, experiment_step};
use crate::support::{TestRepo, oracle};
use std::path::Path;

/// The tutorial in DVC 2's format; runs make two steps.
fn tutorial() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.git("config exp.dvcFormat 2").success();
    repo.epochs(2);
    repo
}

/// Asserts that `older` is a checkpoint of the experiment `name`, so that nothing was started anew.
#[track_caller]
fn assert_grew_from(repo: &TestRepo, name: &str, older: &str) {
    let chain = repo.checkpoints(name);
    assert!(chain.iter().any(|commit| commit == older), "{chain:?}");
}

/// The rates at which the model in the workspace was trained, step by step.
fn rates(repo: &TestRepo) -> Vec<String> {
    let model = repo.read("model.pt");
    let lines = model.lines().enumerate();
    lines
        .map(|(step, line)| line.replace(&format!("step {step} lr "), ""))
        .collect()
}

#[test]
fn runs_go_on_where_the_other_tool_stopped() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = tutorial();
    repo.exp("run -n calm").success();
    let ours = repo.tip("calm");
    let (said, _) = dvc(&two, &repo, "exp run");
    assert!(said.contains("Existing checkpoint experiment 'calm' will be resumed"));
    assert_grew_from(&repo, "calm", &ours);
    let theirs = repo.tip("calm");
    repo.exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_grew_from(&repo, "calm", &theirs);
    assert_eq!(rates(&repo), ["0.0001"; 6]);
    assert_eq!(experiment_step(&repo, "calm"), 5);

    // they fork ours, we go on with their fork
    let ours = repo.tip("calm");
    let (said, _) = dvc(&two, &repo, "exp run -S lr=0.5 -n bold");
    assert!(said.contains("Modified checkpoint experiment based on 'calm' will be created"));
    assert_grew_from(&repo, "bold", &ours);
    repo.exp("run")
        .success()
        .prints("Experiment 'bold': resume from checkpoint");
    assert_eq!(repo.tip("calm"), ours);
    assert_eq!(rates(&repo)[5..], ["0.0001", "0.5", "0.5", "0.5", "0.5"]);
    let fsck = repo.ask("fsck --strict --no-dangling");
    assert_eq!(fsck, "");
}

#[test]
fn what_one_applied_the_other_goes_on_from() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = tutorial();
    dvc(&two, &repo, "exp run -n calm");
    dvc(&two, &repo, "exp run -S lr=0.5 -n bold");

    // we apply, they run: the tip grows, a middle one is forked or, unchanged, refused
    let tip = repo.tip("calm");
    repo.exp("apply calm").success();
    let (said, _) = dvc(&two, &repo, "exp run");
    assert!(said.contains("Existing checkpoint experiment 'calm' will be resumed"));
    assert_grew_from(&repo, "calm", &tip);
    let middle = repo.checkpoints("calm")[0].clone();
    repo.exp(&format!("apply {}", &middle[..7])).success();
    let (code, _, said) = dvc_ends(&two, &repo, "exp run");
    assert_eq!(code, 255);
    assert!(
        said.contains("Nothing to do for unchanged checkpoint"),
        "{said}"
    );
    repo.exp(&format!("apply {middle}")).success();
    dvc(&two, &repo, "exp run -S seed=3 -n third");
    assert_eq!(repo.checkpoints("third")[0], middle);
    assert_eq!(rates(&repo), ["0.0001"; 3]);

    // they apply, we run
    let tip = repo.tip("bold");
    dvc(&two, &repo, "exp apply bold");
    repo.exp("run")
        .success()
        .prints("Experiment 'bold': resume from checkpoint");
    assert_grew_from(&repo, "bold", &tip);
    dvc(&two, &repo, &format!("exp apply {middle}"));
    repo.exp("run -S seed=4 -n fourth")
        .success()
        .prints("Experiment 'fourth': fork of checkpoint");
    assert_eq!(repo.checkpoints("fourth")[0], middle);
    assert_eq!(rates(&repo), ["0.0001"; 3]);
    let message = repo.ask(&format!(
        "log -1 --format=%B {}",
        repo.checkpoints("fourth")[1]
    ));
    assert!(
        message.contains(&format!("Exp-Fork-Of: {middle} - ")),
        "{message}"
    );
}

#[test]
fn of_two_runs_that_say_the_same_the_later_one_counts() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = tutorial();
    repo.exp("run -n calm").success();
    // the same steps again: 'dvc.lock' is that of 'calm' as well
    dvc(&two, &repo, "exp run --reset -n again");
    let again = repo.tip("again");
    repo.exp("run")
        .success()
        .prints("Experiment 'again': resume from checkpoint");
    assert_grew_from(&repo, "again", &again);
    assert_eq!(repo.checkpoints("calm").len(), 2);
    // and of ours
    repo.exp("run --reset -n ours").success();
    let (said, _) = dvc(&two, &repo, "exp run");
    assert!(said.contains("Existing checkpoint experiment 'ours' will be resumed"));
}

/// Stages of which none has a checkpoint output: only those can be up to date.
const PIPELINE: &str = "\
stages:
  prepare:
    cmd: mkdir -p data && printf 'a\\r\\nb\\r\\n' >data/text && cp raw.txt data/raw
    deps:
    - raw.txt
    outs:
    - data
  train:
    cmd:
    - cat data/raw data/text >model.txt
    - 'echo \"{\\\"acc\\\": $(sed -n \"s/^lr: //p\" params.yaml)}\" >metrics.json'
    deps:
    - data
    params:
    - lr
    - conf.json:
      - deep.list
    outs:
    - model.txt:
        persist: true
    metrics:
    - metrics.json:
        cache: false
";

fn stages(format: &str) -> TestRepo {
    let repo = TestRepo::project();
    repo.git(&format!("config exp.dvcFormat {format}"))
        .success();
    repo.write("dvc.yaml", PIPELINE)
        .write("raw.txt", "raw\r\n")
        .write("params.yaml", "lr: 1e-3\n")
        .write("conf.json", "{\"deep\": {\"list\": [1, 2.5]}}\n")
        .write(".gitignore", "/data\n/model.txt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// Our run is up to date for DVC, and DVC's for us.
fn nothing_to_do(program: &Path, format: &str) {
    let repo = stages(format);
    repo.exp("run -n calm").success();
    let (said, _) = dvc(program, &repo, "status");
    assert_eq!(said, "Data and pipelines are up to date.\n");
    let before = repo.read("dvc.lock");
    let (said, _) = dvc(program, &repo, "repro");
    assert_eq!(said.matches("didn't change, skipping").count(), 2, "{said}");
    assert_eq!(repo.read("dvc.lock"), before);

    let repo = stages(format);
    dvc(program, &repo, "exp run -n calm");
    let before = repo.read("dvc.lock");
    let said = repo.exp("run -n again").success().text();
    assert_eq!(said.matches("didn't change, skipping").count(), 2, "{said}");
    assert_eq!(repo.read("dvc.lock"), before);
    let trees = ["calm", "again"].map(|name| super::tree(&repo, &repo.tip(name)));
    assert_eq!(trees[0], trees[1]);
    // one param changed: one stage runs
    repo.write("params.yaml", "lr: 0.1\n");
    let said = repo.exp("run -n more").success().text();
    assert_eq!(said.matches("didn't change, skipping").count(), 1, "{said}");
    let (said, _) = dvc(program, &repo, "status");
    assert_eq!(said, "Data and pipelines are up to date.\n");
}

#[test]
fn nothing_is_left_to_do_for_dvc_2() {
    if let Some(program) = oracle("GIT_EXP_DVC2") {
        nothing_to_do(&program, "2");
    }
}

#[test]
fn nothing_is_left_to_do_for_dvc_3() {
    if let Some(program) = oracle("GIT_EXP_DVC3") {
        nothing_to_do(&program, "3");
    }
}
