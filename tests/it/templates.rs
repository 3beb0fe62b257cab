//! Templates in `dvc.yaml`: what is run, skipped, listed and added.

use crate::support::TestRepo;

const PIPELINE: &str = "\
# kept
vars:
- sizes: [1, 2]
stages:
  prep:
    foreach: [us, eu]
    do:
      cmd: echo ${item} ${scale} > ${item}.txt
      outs: ['${item}.txt']
  fit:
    matrix:
      size: ${sizes}
    cmd: cat us.txt eu.txt > fit-${key}.txt && echo ${options} >> fit-${key}.txt
    deps: [us.txt, eu.txt]
    outs: ['fit-${key}.txt']
";

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", PIPELINE)
        .write("params.yaml", "scale: 3\noptions: {lr: 1e-5, on: true}\n")
        .write(".gitignore", "/*.txt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

#[test]
fn groups_run_once_and_again_when_a_value_changes() {
    let repo = project();
    let run = repo.exp("run -n first").success();
    assert_eq!(run.started(), ["prep@us", "prep@eu", "fit@1", "fit@2"]);
    assert_eq!(repo.read("fit-2.txt"), "us 3\neu 3\n--lr 1e-05 --on\n");
    let lock = repo.read("dvc.lock");
    let run = repo.exp("run").success();
    assert_eq!(run.started(), [""; 0]);
    assert_eq!(repo.read("dvc.lock"), lock);
    // a value that only 'fit' uses
    let run = repo
        .exp("run -n second -S options.lr=0.5 -s fit@2")
        .success();
    assert_eq!(run.started(), ["fit@2"]);
    assert_eq!(repo.read("fit-2.txt"), "us 3\neu 3\n--lr 0.5 --on\n");
    let run = repo.exp("run -n third -s fit").success();
    assert_eq!(run.started(), ["fit@1"]);
    // checkpoints are read with the values of their own trees
    repo.exp("apply --force first").success();
    assert_eq!(repo.read("fit-1.txt"), "us 3\neu 3\n--lr 1e-05 --on\n");
    repo.check();
}

#[test]
fn a_name_that_is_nearly_right_is_offered() {
    let repo = project();
    repo.exp("run perp")
        .refused(128)
        .says("fatal: no stage 'perp' in 'dvc.yaml'")
        .says("hint: did you mean 'prep'?");
    repo.exp("run fit@3")
        .refused(128)
        .says("hint: did you mean 'fit@");
    repo.write("params.yaml", "scael: 3\noptions: {}\n");
    repo.exp("run")
        .refused(128)
        .says("'${scale}' in 'cmd' of stage 'prep@us' has no value")
        .says("hint: did you mean '${scael}'?");
}

#[test]
fn a_stage_is_added_beside_templates() {
    let repo = project();
    repo.exp("stage list --name-only fit prep@eu")
        .success()
        .prints("fit@1\nfit@2\nprep@eu\n");
    repo.exp("stage add -n last -d 'fit-${sizes[0]}.txt' -o 'out/${scale}.txt' 'echo > out/${scale}.txt'")
    .success();
    assert_eq!(
        repo.read("dvc.yaml"),
        format!(
            "{PIPELINE}  last:
    cmd: echo > out/${{scale}}.txt
    deps:
    - fit-${{sizes[0]}}.txt
    outs:
    - out/${{scale}}.txt
"
        )
    );
    repo.exp("stage add -n prep echo")
        .refused(128)
        .says("fatal: stage 'prep' already exists in 'dvc.yaml'");
    repo.exp("stage add -f -n fit -o fit.txt touch fit.txt")
        .success();
    repo.exp("stage list --name-only")
        .success()
        .prints("prep@us\nprep@eu\nfit\nlast\n");
}

#[test]
fn files_of_values_are_code_whatever_their_name() {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml");
    // one stage of a group, with checkpoints
    let (top, stage) = pipeline.split_once("  train:\n").unwrap();
    let stage = stage
        .replace("\n", "\n  ")
        .replace("sh train.sh", "sh train.sh ${used}");
    let grouped = format!("vars: [values]\n{top}  train:\n    foreach: [one]\n    do:\n  {stage}");
    repo.write("dvc.yaml", grouped.trim_end());
    repo.git("add .").success();
    repo.git("commit -q -m grouped").success();
    repo.write("values", "used: 1\nunused: 2\n");
    repo.epochs(2);
    repo.exp("run -n calm").success();
    assert_eq!(repo.checkpoints("calm").len(), 2);
    assert_eq!(
        repo.ask(&format!("show {}:values", repo.tip("calm"))),
        "used: 1\nunused: 2"
    );
    repo.write("values", "used: 1\nunused: 3\n");
    repo.exp("run -n bold")
        .success()
        .prints("Experiment 'bold': fork of checkpoint");
    repo.exp("run")
        .success()
        .prints("Experiment 'bold': resume from checkpoint");
    repo.exp("apply calm").success();
    assert_eq!(repo.read("values"), "used: 1\nunused: 2\n");
    repo.check();
}

#[test]
fn each_commit_is_read_with_its_own_values() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  a:\n    cmd: touch ${name}.txt\n    outs: ['${name}.txt']\n",
    );
    for name in ["one", "two"] {
        repo.write("params.yaml", format!("name: {name}\n"));
        repo.git("add .").success();
        repo.git(&format!("commit -q -m {name}")).success();
    }
    repo.write("params.yaml", "name: three\n");
    let shown: serde_json::Value =
        serde_json::from_str(&repo.exp("show --json -n 2").success().text()).unwrap();
    let outs = |row: &serde_json::Value| {
        let outs = row["data"]["outs"].as_object().unwrap();
        outs.keys().cloned().collect::<Vec<_>>().join(" ")
    };
    let outs: Vec<String> = shown.as_array().unwrap().iter().map(outs).collect();
    assert_eq!(outs, ["three.txt", "two.txt", "one.txt"]);
}
