//! `git exp run`: new, resume, fork, reset, failures, and what stays untouched.

use crate::support::TestRepo;
use std::os::unix::fs::MetadataExt;

#[test]
fn saves_a_checkpoint_per_signal_and_touches_nothing_else() {
    let repo = TestRepo::tutorial();
    repo.epochs(3);
    repo.remember();
    let run = repo.exp("run -n calm").success();
    assert_eq!(
        run.text()
            .matches("Checkpoint experiment iteration")
            .count(),
        3
    );
    assert_eq!(repo.checkpoints("calm").len(), 3);
    repo.check();
}

#[test]
fn resumes_what_did_not_change() {
    let repo = TestRepo::tutorial();
    repo.epochs(2);
    repo.exp("run -n calm").success();
    repo.exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(repo.checkpoints("calm").len(), 4);
    assert_eq!(repo.read("model.pt").lines().count(), 4);
    repo.check();
}

#[test]
fn what_to_add_is_what_the_checkpoint_has_and_head_has_not() {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml") + "    - a b:\n        cache: false\n";
    let code =
        repo.read("train.sh") + ". ./more.sh\nmkdir -p 'a b'; echo 1 > 'a b/1'; echo 2 > 'a b/2'\n";
    repo.write("dvc.yaml", pipeline)
        .write("train.sh", code)
        .write("more.sh", ":\n")
        .write("params.yaml", "seed: 1\nlr: 0.1\nweight_decay: 0\n");
    let said = repo.exp("run -n calm").success().text();
    let line = said.lines().find(|line| line.starts_with("\tgit add "));
    let line = line.unwrap().trim();
    assert_eq!(
        line,
        "git add 'a b' dvc.lock dvc.yaml metrics.json more.sh params.yaml predictions.json train.sh"
    );
    repo.sh(line).success();
    repo.git("commit -q -m 'saved files from experiment'")
        .success();
    assert_eq!(repo.ask("status --porcelain"), "");
    let trees = ["HEAD", &repo.tip("calm")].map(|commit| repo.ask(&format!("rev-parse {commit}:")));
    assert_eq!(trees[0], trees[1]);

    // from another folder it is the same files
    let said = repo.sh("cd data && git exp run").success().text();
    let line = said.lines().find(|line| line.starts_with("\tgit add "));
    let line = line.unwrap().trim();
    assert!(line.starts_with("git add :/dvc.lock "), "{line}");
    repo.sh(&format!("cd data && {line}")).success();
    assert!(repo.ask("status --porcelain").starts_with("M  dvc.lock\n"));
}

#[test]
fn forks_when_code_changed() {
    let repo = TestRepo::tutorial();
    repo.epochs(2);
    repo.exp("run -n calm").success();
    let code = repo.read("train.sh");
    repo.write("train.sh", format!("{code}# better\n"));
    repo.exp("run -n bold")
        .success()
        .prints("Experiment 'bold': fork of checkpoint");
    assert_eq!(repo.checkpoints("calm").len(), 2);
    assert_eq!(repo.checkpoints("bold").len(), 4);
    assert_eq!(repo.read("model.pt").lines().count(), 4);
    repo.check();
}

#[test]
fn starts_anew_with_reset() {
    let repo = TestRepo::tutorial();
    repo.epochs(2);
    repo.exp("run -n calm").success();
    repo.exp("run --reset -n anew")
        .success()
        .prints("Experiment 'anew': new");
    assert_eq!(repo.checkpoints("anew").len(), 2);
    assert_eq!(repo.read("model.pt").lines().count(), 2);
    repo.check();
}

#[test]
fn keeps_what_was_saved_before_a_failure() {
    let repo = TestRepo::tutorial();
    repo.epochs(3);
    repo.env("FAIL_AT", "2");
    repo.exp("run -n calm")
        .code(1)
        .says("error: stage 'train' failed: 'sh train.sh' exited with status 3");
    assert_eq!(repo.checkpoints("calm").len(), 2);
    let calm = repo.tip("calm");

    // What it has written since is not mixed into a checkpoint, and not hidden either.
    repo.write(
        "train.sh",
        repo.read("train.sh")
            .replace("exit 3", "echo x >>model.pt; exit 3"),
    );
    repo.env("FAIL_AT", "3");
    repo.exp("run -n torn")
        .code(1)
        .says("written after the last checkpoint, and in the workspace only: 'model.pt'");
    assert_eq!(repo.ask(&format!("rev-parse {}~1", repo.tip("torn"))), calm);
    assert!(repo.read("model.pt").ends_with("x\n"));
    repo.check();
}

#[test]
fn refuses_a_name_that_is_taken() {
    let repo = TestRepo::tutorial();
    repo.epochs(1);
    repo.exp("run -n calm").success();
    repo.exp("run --reset -n calm")
        .refused(128)
        .says("fatal: experiment 'calm' already exists");
    assert_eq!(repo.checkpoints("calm").len(), 1);
}

#[test]
fn a_pipeline_without_stages_has_nothing_to_run() {
    let repo = TestRepo::tutorial();
    repo.write("dvc.yaml", "stages: {}\nmetrics: [metrics.json]\n");
    for words in ["run", "run --dry", "run dvc.yaml", "run -P", "run --temp"] {
        let run = repo.exp(words).success();
        run.stderr("there are no stages to run\n");
    }
    repo.write(
        "dvc.yaml",
        "stages:\n  s:\n    foreach: []\n    do: {cmd: x}\n",
    );
    let run = repo.exp("run s -S lr=0.5").success();
    run.stderr("there are no stages to run\n");
    assert!(repo.read("params.yaml").contains("lr: 0.5"));
    repo.git("for-each-ref refs/exps").success().stdout("");
}

#[test]
fn names_a_missing_dependency_before_anything_runs() {
    let repo = TestRepo::tutorial();
    repo.sh("rm train.sh").success();
    repo.exp("run")
        .refused(128)
        .says("fatal: dependency 'train.sh' of stage 'train' does not exist");
    assert!(!repo.exists("dvc.lock"));
}

#[test]
fn what_nothing_holds_is_kept_before_a_reset() {
    let repo = TestRepo::tutorial();
    repo.epochs(1);
    repo.exp("run -n calm").success();
    repo.write("model.pt", "weights by hand\n");
    repo.exp("run --reset -n anew")
        .success()
        .says("Saved 'model.pt' first; 'git exp undo --force' brings it back.");
    assert_eq!(repo.read("model.pt").lines().count(), 1);
    repo.exp("undo --force").success();
    assert_eq!(repo.read("model.pt"), "weights by hand\n");
    repo.check();
}

#[test]
fn a_lost_model_is_replaced_by_the_newest_intact_one() {
    let repo = TestRepo::tutorial();
    repo.epochs(3);
    repo.exp("run -n calm").success();
    repo.sh("object=$(sed -n '/path: model.pt/,/md5: [0-9a-f]/s/.*md5: //p' dvc.lock | tail -n 1); \
             rm -f model.pt .dvc/cache/files/md5/$(echo $object | cut -c1-2)/$(echo $object | cut -c3-)")
        .success();
    repo.exp("run -n next")
        .success()
        .says("is damaged or not in the cache; going on from")
        .prints("Experiment 'next': fork of checkpoint");
    assert_eq!(repo.read("model.pt").lines().count(), 5);
    repo.check();
}

#[test]
fn a_ref_that_somebody_moves_makes_the_run_a_fork() {
    let repo = TestRepo::tutorial();
    repo.epochs(3).env("PAUSE_AT", "2");
    let mut running = repo.start_exp("run -n calm");
    running.wait_for("Checkpoint experiment iteration", 2);
    let second = repo.tip("calm");
    repo.sh("name=$(git for-each-ref --format='%(refname)' 'refs/exps/*/*/calm'); git update-ref $name $name^")
        .success();
    repo.write("go", "");
    let (status, said) = running.end();
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains("experiment 'calm' was changed by another process; this run goes on as '"),
        "{said}"
    );
    let names = repo.exp("list --name-only").success().text();
    assert_eq!(names.split_whitespace().count(), 2, "{names}");
    assert_eq!(repo.checkpoints("calm").len(), 1);
    let all = repo.ask("log --format=%H --glob=refs/exps/*");
    assert!(all.contains(&second), "{all}");
    repo.check();
}

#[test]
fn a_missing_output_fails_its_stage() {
    let repo = TestRepo::tutorial();
    repo.write(
        "dvc.yaml",
        "stages:\n  make:\n    cmd: echo\n    outs:\n    - out.txt\n",
    );
    repo.exp("run")
        .code(1)
        .says("error: stage 'make' failed: output 'out.txt' does not exist");
}

#[test]
fn a_folder_that_is_not_there_fails_its_stage() {
    let repo = TestRepo::tutorial();
    repo.write(
        "dvc.yaml",
        "stages:\n  a: {cmd: echo > a, outs: [a]}\n  b: {cmd: echo, wdir: gone, deps: [../a]}\n  c: {cmd: echo > c, outs: [c]}\n",
    );
    let said = "error: stage 'b' failed: its 'wdir' 'gone' does not exist";
    repo.exp("run").code(1).says(said);
    repo.exp("run -k -j 2").code(1).says(said);
    assert_eq!(repo.read("dvc.lock").matches("cmd:").count(), 2);
    repo.write("gone/x", "");
    repo.exp("run").success();
}

#[test]
fn replacing_an_experiment_can_be_undone() {
    let repo = TestRepo::tutorial();
    repo.epochs(1);
    repo.exp("run -n calm").success();
    let old = repo.tip("calm");
    repo.exp("run --reset -f -n calm").success();
    assert_ne!(repo.tip("calm"), old);
    repo.exp("undo --list").success().prints("run calm");
    repo.check();
}

/// The tutorial with a stage behind training, all of whose results git keeps.
fn two_stages() -> TestRepo {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml")
        + "  evaluate:\n    cmd: \"echo '{\\\"lines\\\": '$(wc -l <model.pt)} >scores.json\"\n    deps:\n    - model.pt\n    metrics:\n    - scores.json:\n        cache: false\ntop: 0\n";
    repo.write(
        "dvc.yaml",
        pipeline.replace("top: 0", "metrics:\n- top.json"),
    );
    let code = repo.read("train.sh") + "echo '{\"top\": 1}' > top.json\n";
    repo.write("train.sh", code);
    repo.git("commit -q -a -m 'two stages'").success();
    repo.epochs(2).exp("run -n calm").success();
    repo
}

/// The files of a checkpoint, and the metrics that its note has.
fn contents(repo: &TestRepo, commit: &str) -> (String, String) {
    let note = repo.ask(&format!("log -1 --notes=exps/* --format=%N {commit}"));
    let note: serde_json::Value = serde_json::from_str(&note).unwrap();
    let metrics = note["metrics"].as_object().unwrap().keys();
    let metrics: Vec<&str> = metrics.map(String::as_str).collect();
    let files = repo.ask(&format!("ls-tree -r --name-only {commit}"));
    (files, metrics.join(" "))
}

#[test]
fn a_run_of_some_stages_keeps_what_the_others_made() {
    let repo = two_stages();
    let tip = repo.tip("calm");
    let (files, metrics) = contents(&repo, &tip);
    assert_eq!(metrics, "metrics.json scores.json top.json");
    // nothing has to run: nothing new to save
    repo.exp("run -s evaluate")
        .success()
        .prints("Stage 'evaluate' didn't change, skipping");
    assert_eq!(repo.tip("calm"), tip);
    for words in [
        "run -f -s evaluate -n one -S lr=0.5",
        "run train",
        "run --downstream evaluate",
    ] {
        repo.exp(words).success();
        let name = "one";
        let now = contents(&repo, &repo.tip(name));
        assert_eq!(now, (files.clone(), metrics.clone()), "{words}");
    }
    // a checkpoint on the way has what was made before it, as 'dvc.lock' says
    let second = repo.checkpoints("one")[3].clone();
    let lock = repo.ask(&format!("show {second}:dvc.lock"));
    assert!(lock.contains("path: scores.json"), "{lock}");
    assert_eq!(contents(&repo, &second).0, files);
    repo.check();
}

#[test]
fn nothing_to_do_makes_no_checkpoint() {
    let repo = TestRepo::tutorial();
    repo.write(
        "dvc.yaml",
        "stages:\n  one:\n    cmd: echo 1 > one.txt\n    outs:\n    - one.txt\n  two:\n    cmd: cat one.txt > two.txt\n    deps:\n    - one.txt\n    outs:\n    - two.txt\n",
    );
    repo.exp("run -n calm").success();
    let tip = repo.tip("calm");
    let lock = repo.read("dvc.lock");
    for words in ["run", "run -f", "run"] {
        repo.exp(words).success();
        assert_eq!(repo.tip("calm"), tip, "{words}");
    }
    assert_eq!(repo.ask(&format!("show {tip}:dvc.lock")), lock.trim_end());
    repo.check();
}

#[test]
fn a_checkpoint_names_its_deps_from_the_root_of_the_project() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  a:\n    wdir: sub\n    cmd: cat ../x > y\n    deps: [../x, z]\n    outs: [y]\n",
    )
    .write("x", "x\n")
    .write("sub/z", "z\n")
    .write("sub/.gitignore", "/y\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo.exp("run -n first").success();
    let shown: serde_json::Value =
        serde_json::from_str(&repo.exp("show --json").success().text()).unwrap();
    let [workspace, first] =
        ["/0/data/deps", "/1/experiments/0/revs/0/data/deps"].map(|at| shown.pointer(at).unwrap());
    let names: Vec<&String> = first.as_object().unwrap().keys().collect();
    assert_eq!(names, ["x", "sub/z"]);
    assert_eq!(first, workspace);
}

#[test]
fn outputs_are_links_between_runs_where_the_cache_wants_it() {
    for kind in ["hardlink", "symlink"] {
        let repo = TestRepo::tutorial();
        repo.write(".dvc/config", format!("[cache]\n    type = {kind}\n"));
        repo.git("commit -q -a -m 'link outputs'").success();
        let assert_linked = |lines: usize| {
            let model = repo.root().join("model.pt");
            let stat = fs_err::metadata(&model).unwrap();
            assert_eq!(stat.mode() & 0o777, 0o444);
            assert_eq!(model.is_symlink(), kind == "symlink");
            assert_eq!(stat.nlink() == 2, kind == "hardlink");
            assert_eq!(repo.read("model.pt").lines().count(), lines);
        };
        repo.epochs(2).exp("run -n calm").success();
        assert_linked(2);
        // Training writes to a file of its own, and the object stays as it is.
        repo.exp("run").success();
        assert_linked(4);
        repo.exp("apply calm~2").success();
        assert_linked(2);
        repo.check();
    }
}
