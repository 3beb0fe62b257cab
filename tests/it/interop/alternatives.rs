//! Experiments without checkpoints, one after the other: the same commits and files as in DVC.

use super::{copy, dvc};
use crate::support::{TestRepo, oracle};
use serde_json::Value;
use std::path::Path;

const PIPELINE: &str = "\
stages:
  fit:
    cmd: cp params.yaml copy; echo x >> model; echo h >> history
    params: [lr]
    outs:
    - copy
    - model: {persist: true}
    - history: {persist: true, cache: false}
";

/// What is done in a shell before each run, and its words.
const RUNS: &[(&str, &str)] = &[
    ("true", "-n a"),
    ("true", "-S lr=2 -n b"),
    ("true", "-n same"),
    ("rm model", "-S lr=3 -n c"),
    ("rm model; echo mine > model", "-S lr=4 -n d"),
    ("rm model; echo mine > model", "-f -n e"),
    ("echo mine > history", "-S lr=5 -n f"),
    ("rm history", "-S lr=1 -n g"),
    (
        "git add dvc.lock history; git commit -qm next",
        "-S lr=7 -n h",
    ),
];

/// Returns the experiments of HEAD by name, with the number of their commits and the params of their tip.
fn experiments(json: &str) -> Vec<(String, usize, Value)> {
    let states: Value = serde_json::from_str(json).unwrap();
    let mut found = Vec::new();
    for experiment in states[1]["experiments"].as_array().into_iter().flatten() {
        let revisions = experiment["revs"].as_array().unwrap();
        found.push((
            experiment["name"].as_str().unwrap().to_owned(),
            revisions.len(),
            revisions[0]["data"]["params"].clone(),
        ));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn compare(program: &Path, format: &str) {
    let ours = TestRepo::project();
    ours.git(&format!("config exp.dvcFormat {format}"))
        .success();
    ours.write("dvc.yaml", PIPELINE)
        .write("params.yaml", "lr: 1\n")
        .write(".gitignore", "/copy\n/model\n");
    ours.git("add .").success();
    ours.git("commit -q -m one-stage").success();
    let theirs = copy(&ours, "theirs");
    for (before, words) in RUNS {
        for repo in [&ours, &theirs] {
            repo.sh(before).success();
            repo.remember();
        }
        ours.exp(&format!("run {words}")).success();
        dvc(program, &theirs, &format!("exp run {words}"));
        let (json, _) = dvc(program, &theirs, "exp show --json");
        assert_eq!(
            experiments(&ours.exp("show --json").success().text()),
            experiments(&json),
            "{before}; {words}"
        );
        for file in ["model", "copy", "history", "params.yaml", "dvc.lock"] {
            assert_eq!(
                ours.read(file),
                theirs.read(file),
                "{file} after {before}; {words}"
            );
        }
    }
    ours.check();
}

#[test]
fn with_dvc_2() {
    if let Some(program) = oracle("GIT_EXP_DVC2") {
        compare(&program, "2");
    }
}

#[test]
fn with_dvc_3() {
    if let Some(program) = oracle("GIT_EXP_DVC3") {
        compare(&program, "3");
    }
}
