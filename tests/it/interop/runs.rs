//! The run cache: both write the same files, and each uses what the other has written.

use super::{copy, dvc};
use crate::support::{TestRepo, oracle};
use crate::why::stages;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const PIPELINE: &str = "\
stages:
  prep:
    wdir: sub
    cmd:
    - mkdir -p data/more
    - sh prep.sh
    deps: [prep.sh, ../raw]
    params: [{../params.yaml: [size, weights, model, odd]}]
    outs: [data, tool.sh]
  train:
    cmd: |
      sh train.sh
      echo \"é\" >> $LOG
    deps: [train.sh, sub/data]
    params: [lr, {conf.json: null}]
    outs: [model]
    metrics:
    - metrics.json: {cache: false}
    plots:
    - curves: {cache: false}
  keeps:
    cmd: cat model > kept; echo keeps >> $LOG
    deps: [model]
    outs: [{kept: {persist: true}}]
";

const PARAMS: &str = "\
lr: 1e-3
size: 3
weights: {10: ten, 9: nine, 1: one}
model: {size: 7, nfiles: 1, z: [{size: 1, b: ü}]}
odd: [1.0e+16, 012, null, 'x: y', 12345678901234567890123, -0.0]
";

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", PIPELINE)
        .write("params.yaml", PARAMS)
        .write("conf.json", "{\"a\": {\"nfiles\": 2}}\n")
        .write("raw/é", "raw\r\n")
        .write(
            "sub/prep.sh",
            "cp ../raw/é data/x\necho y > data/more/y\necho '#!' > tool.sh\nchmod +x tool.sh\necho prep >> $LOG\n",
        )
        .write(
            "train.sh",
            "cat sub/data/x params.yaml > model\necho '{\"acc\": 1}' > metrics.json\nmkdir -p curves\necho 1 > curves/a.csv\necho 2 > curves/b.csv\necho train >> $LOG\n",
        )
        .write(".gitignore", "/model\n/kept\n")
        .write("sub/.gitignore", "/data\n/tool.sh\n");
    repo.sh("chmod +x train.sh").success();
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// All files below the cache with their bytes.
fn cache(repo: &TestRepo) -> BTreeMap<PathBuf, Vec<u8>> {
    let top = repo.root().join(".dvc/cache");
    let mut found = BTreeMap::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("cache/git-exp") => {}
                true => folders.push(path),
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    found.insert(path.strip_prefix(&top).unwrap().to_owned(), bytes);
                }
            }
        }
    }
    found
}

/// What ran since the last look.
fn ran(repo: &TestRepo) -> String {
    let log = repo.base().join("log");
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    std::fs::write(&log, "").unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn each_uses_the_others(program: &Path, format: &str) {
    let ours = project();
    ours.git(&format!("config exp.dvcFormat {format}"))
        .success();
    let log = ours.base().join("log");
    ours.env("LOG", log.to_str().unwrap());
    let theirs = copy(&ours, "theirs");
    theirs.env("LOG", log.to_str().unwrap());
    for (words, changed) in [("", "prep train é keeps"), (" -S lr=0.5", "train é keeps")] {
        ours.exp(&format!("run{words}")).success();
        assert_eq!(ran(&ours), changed);
        if !words.is_empty() {
            theirs.write("params.yaml", ours.read("params.yaml"));
        }
        dvc(program, &theirs, "repro");
        assert_eq!(ran(&ours), changed);
        assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    }
    let (own, other) = (cache(&ours), cache(&theirs));
    let names = |cache: &BTreeMap<PathBuf, Vec<u8>>| cache.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&own), names(&other));
    assert!(own == other, "the same names with other bytes");
    let is_run = |path: &&PathBuf| path.starts_with("runs");
    assert_eq!(own.keys().filter(is_run).count(), 3);

    // each with what the other wrote, all outputs gone, at the first learning rate
    for repo in [&ours, &theirs] {
        repo.write("params.yaml", PARAMS);
        repo.sh("rm -r dvc.lock model metrics.json curves sub/data sub/tool.sh")
            .success();
    }
    for repo in [&ours, &theirs] {
        std::fs::rename(
            repo.root().join(".dvc/cache"),
            repo.base().join(format!(
                "{}-cache",
                repo.root().file_name().unwrap().display()
            )),
        )
        .unwrap();
    }
    ours.sh("mv ../theirs-cache .dvc/cache").success();
    theirs.sh("mv ../repo-cache .dvc/cache").success();
    let said = ours.exp("run --reset -n again").success().text();
    assert_eq!(
        stages(&said),
        "Stage 'prep' is cached - skipping run, checking out outputs: not in dvc.lock\n\
         Stage 'train' is cached - skipping run, checking out outputs: not in dvc.lock\n\
         Running stage 'keeps': not in dvc.lock"
    );
    assert_eq!(ran(&ours), "keeps");
    let (said, _) = dvc(program, &theirs, "repro");
    assert_eq!(
        said.matches("is cached - skipping run").count(),
        2,
        "{said}"
    );
    assert_eq!(ran(&ours), "keeps");
    // DVC 2 forgets that a file it restores can be executed
    let lock = match format {
        "2" => ours.read("dvc.lock").replace("      isexec: true\n", ""),
        _ => ours.read("dvc.lock"),
    };
    assert_eq!(lock, theirs.read("dvc.lock"));
    for file in ["model", "metrics.json", "curves/b.csv", "sub/data/more/y"] {
        assert_eq!(ours.read(file), theirs.read(file), "{file}");
    }
    ours.sh("test -x sub/tool.sh").success();
    let (said, _) = dvc(program, &ours, "status");
    assert!(said.contains("up to date"), "{said}");
    assert_eq!(names(&cache(&ours)), names(&other), "nothing was added");
    ours.check();
}

#[test]
fn the_run_cache_of_dvc_3() {
    let Some(program) = oracle("GIT_EXP_DVC3") else {
        return;
    };
    each_uses_the_others(&program, "3");
}

#[test]
fn the_run_cache_of_dvc_2() {
    let Some(program) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    each_uses_the_others(&program, "2");
}
