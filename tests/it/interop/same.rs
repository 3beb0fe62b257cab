//! The same pipeline, run by DVC and by us from the same baseline: what must be equal byte for byte.

use super::{cache_objects, copy, differences, dvc, tree};
use crate::support::{TestRepo, oracle};
use std::collections::BTreeSet;

/// Everything a stage can have. The stages depend on each other and stand in another order; DVC 2 runs
/// those that do not in any order.
const PIPELINE: &str = "\
stages:
  evaluate:
    wdir: eval
    cmd: sh eval.sh
    deps:
    - ../model.txt
    - eval.sh
    params:
    - threshold
    - ../conf.json:
      - a.b
    outs:
    - report.txt
    metrics:
    - scores.yaml:
        cache: false
  train:
    cmd: |
      sh train.sh
      echo trained
    deps:
    - train.sh
    - dir
    params:
    - lr
    - nested.deep
    - list
    - conf.json:
    outs:
    - model.txt:
        checkpoint: true
    - late.txt
    - kept.txt:
        persist: true
    - history.txt:
        cache: false
        persist: true
    metrics:
    - metrics.json:
        cache: false
    plots:
    - plot.csv:
        cache: false
        x: step
        y: loss
  prep:
    cmd:
    - mkdir -p dir/sub
    - sh prep.sh 'a b'
    deps:
    - raw.txt
    - prep.sh
    params:
    - scale
    outs:
    - dir
    - tool.sh
  last:
    cmd: echo last > last.txt
    deps:
    - eval/report.txt
    outs:
    - last.txt:
        cache: false
metrics:
- top.json
plots:
- curve:
    x: step
    y:
      plot.csv: loss
";

/// With `SIGNAL` set, DVC's protocol by hand; `late.txt` is not there at the first signal.
const TRAINER: &str = "\
set -eu
step=0
[ ! -e model.txt ] || step=$(wc -l <model.txt)
end=$((step + 2))
[ -e history.txt ] || echo start >history.txt
echo step,loss >plot.csv
while [ $step -lt $end ]; do
    echo \"step $step\" >>model.txt
    echo \"step $step\" >>kept.txt
    echo \"$step\" >>history.txt
    echo \"$step,0.$step\" >>plot.csv
    echo \"{\\\"step\\\": $step, \\\"loss\\\": 0.$step}\" >metrics.json
    echo \"{\\\"top\\\": $step}\" >top.json
    [ $step = 0 ] || echo late >late.txt
    if [ -n \"${DVC_CHECKPOINT:-}\" ]; then
        : >\"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT\"
        while [ -e \"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT\" ]; do sleep 0.01; done
    fi
    step=$((step + 1))
done
";

const PREPARATION: &str = "\
set -eu
mkdir -p dir/sub
printf 'one\\r\\ntwo\\r\\n' >dir/crlf.txt
printf 'x\\000y\\r\\n' >dir/binary
printf '%s' \"$1\" >'dir/sub/n é.txt'
: >dir/empty
printf '#!/bin/sh\\r\\n' >tool.sh
chmod +x tool.sh
";

const PARAMS: &str = "\
# comments stay
lr: 1e-3
nested: {deep: {b: 2, a: [1, 2.50, null]}, other: 1}
list: [on, 'off', 012, 1_000]
scale: 1.0e+16
";

/// A project with one commit.
fn project(pipeline: &str) -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", pipeline)
        .write("train.sh", TRAINER)
        .write("prep.sh", PREPARATION)
        .write(
            "eval/eval.sh",
            "wc -l <../model.txt >report.txt\necho \"lines: $(cat report.txt)\" >scores.yaml\n",
        )
        .write("eval/params.yaml", "threshold: .5\n")
        .write("conf.json", "{\"a\": {\"b\": 1.0, \"c\": \"x: y\"}}\n")
        .write("params.yaml", PARAMS)
        .write("raw.txt", "raw\r\ntext\r\n")
        .write(
            ".gitignore",
            "/model.txt\n/late.txt\n/kept.txt\n/dir\n/tool.sh\n",
        )
        .write("eval/.gitignore", "/report.txt\n");
    // DVC 3 says of a dependency that it can be executed; DVC 2 does not, but for the first checkpoint
    // after one has changed
    repo.sh("chmod +x prep.sh").success();
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// Asserts that after a run of `name` in both, the two cannot be told apart; returns what each made.
///
/// DVC's run cache keeps metrics and plots with `cache: false` as objects too: those are only there.
#[track_caller]
fn assert_same(ours: &TestRepo, theirs: &TestRepo, name: &str, but: &[&str]) {
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"), "dvc.lock");
    let [mut own, mut other] = [ours, theirs].map(|repo| tree(repo, &repo.tip(name)));
    for path in but {
        assert_ne!(own.remove(*path), other.remove(*path), "{path} is the same");
    }
    let trees = differences(&own, &other);
    assert!(trees.is_empty(), "trees of the tips: {trees:#?}");
    let (objects, mut others) = (cache_objects(ours), cache_objects(theirs));
    let in_git: BTreeSet<Vec<u8>> = theirs
        .checkpoints(name)
        .iter()
        .flat_map(|commit| tree(theirs, commit).into_values())
        .map(|entry| {
            let id = entry.split(' ').nth(2).unwrap().to_owned();
            let blob = theirs
                .command("git")
                .args(["cat-file", "blob", &id])
                .output();
            blob.unwrap().stdout
        })
        .collect();
    others.retain(|path, _| {
        let file = theirs.root().join(".dvc/cache").join(path);
        objects.contains_key(path)
            || !(file.is_dir() || in_git.contains(&std::fs::read(file).unwrap()))
    });
    let objects = differences(&objects, &others);
    assert!(objects.is_empty(), "cache: {objects:#?}");
}

/// Asserts that the trees before the tip are the same, one by one; DVC's last commit may repeat the one before.
#[track_caller]
fn assert_same_chain(ours: &TestRepo, theirs: &TestRepo, name: &str, but: &[&str]) {
    let trees = |repo: &TestRepo| {
        let chain = repo.checkpoints(name);
        let mut trees: Vec<_> = chain.iter().map(|commit| tree(repo, commit)).collect();
        trees.dedup();
        trees.pop();
        for tree in &mut trees {
            tree.retain(|path, _| !but.contains(&path.as_str()));
        }
        trees
    };
    let (ours, theirs) = (trees(ours), trees(theirs));
    for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let found = differences(ours, theirs);
        assert!(found.is_empty(), "checkpoint {}: {found:#?}", number + 1);
    }
    assert_eq!(ours.len(), theirs.len(), "checkpoints");
}

#[test]
fn a_checkpoint_run_in_style_2() {
    let Some(program) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let ours = project(PIPELINE);
    ours.git("config exp.dvcFormat 2").success();
    let theirs = copy(&ours, "theirs");
    dvc(&program, &theirs, "exp run -n first");
    ours.exp("run -n first").success();
    assert_same(&ours, &theirs, "first", &[]);
    assert_same_chain(&ours, &theirs, "first", &["top.json"]);

    // on with another param; '-S' of DVC lays out the whole file anew: 'prep' did not change
    dvc(&program, &theirs, "exp run -n second -S lr=0.5");
    ours.exp("run -n second -S lr=0.5").success();
    assert_same(&ours, &theirs, "second", &["params.yaml"]);
    assert_same_chain(&ours, &theirs, "second", &["top.json", "params.yaml"]);
    ours.check();
}

#[test]
fn a_run_in_style_3() {
    let Some(program) = oracle("GIT_EXP_DVC3") else {
        return;
    };
    let ours = project(&PIPELINE.replace(":\n        checkpoint: true", ""));
    let theirs = copy(&ours, "theirs");
    dvc(&program, &theirs, "exp run -n first");
    ours.exp("run -n first").success();
    assert_same(&ours, &theirs, "first", &[]);

    dvc(&program, &theirs, "exp run -n second -S lr=0.5");
    ours.exp("run -n second -S lr=0.5").success();
    assert_same(&ours, &theirs, "second", &["params.yaml"]);
    ours.check();
}
