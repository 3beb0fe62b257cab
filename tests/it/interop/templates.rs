//! A pipeline of templates, run by DVC 3 and by us: one lockfile, and each calls the other's work done.

use super::{copy, dvc, same_json};
use crate::support::{TestRepo, oracle};

const PIPELINE: &str = "\
vars:
- conf/sizes.yaml
- greeting: hello
stages:
  prep:
    foreach: ${regions}
    do:
      cmd: mkdir -p ${out} && echo ${item.scale} ${greeting} > ${out}/${key}.txt
      deps: ['raw/${key}.csv']
      params: ['regions.${key}.scale']
      outs: ['${out}/${key}.txt']
  fit:
    matrix:
      size: ${sizes}
      kind: [flat, {deep: true}]
    wdir: ${work}
    vars: [{suffix: txt}]
    cmd: sh fit.sh ${train} --size ${item.size} > fit-${key}.${suffix}
    deps: ['../${out}/eu.txt', fit.sh]
    outs: ['fit-${key}.txt']
  report:
    cmd:
    - cat ${work}/*.txt > report.txt
    - echo \\${HOME} > /dev/null
    deps: ['${work}']
    metrics:
    - report.txt:
        cache: false
";

const PARAMS: &str = "\
out: prepared
work: work
regions: {us: {scale: 1e-5}, eu: {scale: 2}}
train: {lr: 0.1, flag: true, off: false, names: [a, b c], deep: {none: null}}
";

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", PIPELINE)
        .write("params.yaml", PARAMS)
        .write("conf/sizes.yaml", "sizes: [1, 2.50]\nunused: x\n")
        .write("work/fit.sh", "echo \"$@\"\n")
        .write("work/.gitignore", "/fit-*.txt\n")
        .write("raw/us.csv", "1\n")
        .write("raw/eu.csv", "2\n")
        .write(".gitignore", "/prepared\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

#[test]
fn dvc_3_and_we_resolve_and_run_the_same() {
    let Some(program) = oracle("GIT_EXP_DVC3") else {
        return;
    };
    let ours = project();
    let theirs = copy(&ours, "theirs");
    dvc(&program, &theirs, "repro");
    ours.exp("run -n first").success();
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    let (status, _) = dvc(&program, &ours, "status");
    assert_eq!(status, "Data and pipelines are up to date.\n");
    let (listed, _) = dvc(&program, &ours, "stage list");
    assert_eq!(ours.exp("stage list").success().text(), listed);
    let (listed, _) = dvc(&program, &ours, "stage list fit prep@us");
    assert_eq!(ours.exp("stage list fit prep@us").success().text(), listed);
    // what templates took of 'conf/sizes.yaml' is shown, in notes and in commits alike
    let (shown, _) = dvc(&program, &ours, "exp show --json");
    assert!(shown.contains("sizes.1"), "{shown}");
    same_json(&ours.exp("show --json").success().text(), &shown);

    // templates see what '-S' sets: a size more is two stages more, the rest is skipped
    let words = "-S conf/sizes.yaml:sizes=[1,2.5,3]";
    dvc(&program, &theirs, &format!("exp run -n second {words}"));
    ours.exp(&format!("run -n second {words}")).success();
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
    let (status, _) = dvc(&program, &ours, "status");
    assert_eq!(status, "Data and pipelines are up to date.\n");
    ours.check();
}
