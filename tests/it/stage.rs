//! `git exp stage`: `dvc.yaml` grows, and nothing else in it changes.

use crate::support::{TestRepo, oracle};
use snapbox::str;

#[test]
fn the_tutorials_stage() {
    let repo = TestRepo::empty();
    repo.exp("init -q").success();
    repo.exp(
        "stage add --name train --deps data/MNIST --deps train.py --checkpoints model.pt \
         --plots-no-cache predictions.json --params seed,lr,weight_decay --live dvclive python train.py",
    )
    .success()
    .stdout(str![])
    .stderr(str![[r#"
Added stage 'train' in 'dvc.yaml'

To track the changes with git, run:

	git add .gitignore dvc.yaml

"#]]);
    snapbox::assert_data_eq!(
        repo.read("dvc.yaml"),
        str![[r#"
stages:
  train:
    cmd: python train.py
    deps:
    - data/MNIST
    - train.py
    params:
    - lr
    - seed
    - weight_decay
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - dvclive/metrics.json:
        cache: false
        persist: true
    plots:
    - dvclive/plots:
        cache: false
        persist: true
    - predictions.json:
        cache: false

"#]]
    );
    assert_eq!(repo.read(".gitignore"), "/model.pt\n");
    repo.check();
}

#[test]
fn dvc_reads_what_is_written() {
    let repo = TestRepo::empty();
    repo.exp("init -q").success();
    repo.write(
        "dvc.yaml",
        "# ours\nstages:\n  first: # one\n    cmd: x\n    outs: [a]\n",
    );
    repo.exp("stage add -n second -d a -o b -c c -p lr --live dvclive echo 'a: b'")
        .success();
    repo.exp("stage add -f -n first -o a -M m.json echo")
        .success();
    for variable in ["GIT_EXP_DVC2", "GIT_EXP_DVC3"] {
        let Some(dvc) = oracle(variable) else {
            continue;
        };
        let dvc = dvc.display();
        let ours = repo.exp("stage list").success().text();
        let theirs = repo.sh(&format!("{dvc} stage list")).success().text();
        assert_eq!(ours, theirs, "{variable}");
    }
}

#[test]
fn stages_are_listed_with_what_they_do() {
    let repo = TestRepo::project();
    repo.exp("stage list").refused(128).stderr(str![[r#"
fatal: no 'dvc.yaml' in '[ROOT]/repo'
hint: git exp stage add

"#]]);
    repo.write(
        "dvc.yaml",
        "stages:
  train: {cmd: x, deps: [train.py], params: [lr], outs: [m.pt], metrics: [a.json], plots: [b.csv]}
  x: {cmd: echo, deps: [m.pt], params: [lr, {f.yaml: [a]}]}
  lonely: {cmd: echo}
  described: {cmd: echo, desc: \"\\n\\n  some text that is long enough to be cut when it reaches eighty columns of text, or so I think\"}
  rep: {cmd: echo, metrics: [z.json]}
",
    );
    // as DVC 2.58.2 prints it
    repo.exp("stage list").success().stdout(str![[r#"
train      Outputs m.pt; Reports a.json, b.csv
x          Depends on m.pt, params.yaml, f.yaml
lonely     No outputs or dependencies
described  some text that is long enough to be cut when it reaches eighty columns of text,…
rep        Reports z.json

"#]]);
    repo.exp("stage list --names-only --all")
        .success()
        .stdout(str![[r#"
train
x
lonely
described
rep

"#]]);
    repo.exp("stage list rep dvc.yaml:x rep")
        .success()
        .stdout(str![[r#"
rep  Reports z.json
x    Depends on m.pt, params.yaml, f.yaml

"#]]);
    repo.exp("stage list trian").refused(128).stderr(str![[r#"
fatal: no stage 'trian' in 'dvc.yaml'
hint: did you mean 'train'?

"#]]);
}

#[test]
fn a_broken_pipeline_names_the_place() {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", "stages:\n  train:\n    cmd: x\n    dep: [a]\n");
    for command in ["stage list", "stage add -n other echo"] {
        repo.exp(command).refused(128).stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 4, column 5: unknown key 'dep' in stage 'train'
hint: did you mean 'deps'?
hint: allowed there: cmd, wdir, deps, params, outs, metrics, plots, frozen, always_changed, desc, meta, live, vars, foreach, do, matrix

"#]]);
    }
}

#[test]
fn wrong_options_are_usage_errors() {
    let repo = TestRepo::project();
    repo.exp("stage add -n a.b echo")
        .refused(129)
        .stderr(str![[r#"
fatal: bad stage name 'a.b': it has '.' in it
hint: use letters, digits, '-' and '_'

"#]]);
    repo.exp("stage add -n a").refused(129);
    repo.exp("stage add echo").refused(129);
    repo.exp("stage").code(129);
    repo.exp("stage add -n x --run echo").refused(129);
    repo.exp("stage add -n x --external echo").refused(128);
    assert!(!repo.exists("dvc.yaml"));
}

#[test]
fn a_project_in_a_folder_has_paths_of_its_own() {
    let repo = TestRepo::empty();
    repo.write("sub/x", "").git("add .").success();
    repo.sh("cd sub && git exp init -q --subdir && git exp stage add -q -n t -o out/m -o m echo")
        .success()
        .stderr(str![[r#"
warning: 'out/m' is not in a '.gitignore' yet: its folder does not exist; 'git exp run' adds it

"#]]);
    assert_eq!(repo.read("sub/.gitignore"), "/m\n");
    repo.sh("cd sub && git exp stage add -n u -o x echo")
        .refused(128)
        .stderr(str![[r#"
fatal: output 'x' is already tracked by git
hint: git rm -r --cached 'x'
hint: an output that git shall keep is declared without the cache, with --outs-no-cache

"#]]);
}
