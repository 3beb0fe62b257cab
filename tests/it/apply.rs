//! `git exp apply`: a checkpoint into the workspace, with nothing lost on the way.

use crate::support::TestRepo;
use snapbox::str;

/// The tutorial after a run of three epochs.
fn trained() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(3).exp("run -n first").success();
    repo
}

const STEP_0: &str = "{\"step\": 0, \"loss\": 1.0, \"acc\": 0.0}\n";
const STEP_2: &str = "{\"step\": 2, \"loss\": 0.3333, \"acc\": 0.6667}\n";

#[test]
fn brings_back_code_params_metrics_and_weights() {
    let repo = trained();
    repo.exp("apply first~2")
        .success()
        .stdout(str![[r#"
Changes for experiment 'first~2' have been applied to your current workspace.

"#]])
        .stderr(str![""]);
    assert_eq!(repo.read("metrics.json"), STEP_0);
    assert_eq!(repo.read("model.pt"), "step 0 lr 0.0001\n");
    repo.exp("apply first").success();
    assert_eq!(repo.read("metrics.json"), STEP_2);
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.git("status --porcelain").success().stdout(str![[r#"
?? dvc.lock
?? metrics.json
?? predictions.json

"#]]);
    repo.check();
}

#[test]
fn a_param_comes_back_with_its_experiment() {
    let repo = trained();
    repo.write("params.yaml", "seed: 473987\nlr: 0.5\nweight_decay: 0\n");
    repo.exp("run -n second").success();
    assert!(repo.read("params.yaml").contains("lr: 0.5"));
    repo.exp("apply first").success();
    assert!(repo.read("params.yaml").contains("lr: 0.0001"));
    repo.exp("apply second").success();
    assert!(repo.read("params.yaml").contains("lr: 0.5"));
    repo.check();
}

#[test]
fn the_next_run_goes_on_from_it() {
    let repo = trained();
    repo.exp("apply first~1").success();
    repo.epochs(1).exp("run -n fork").success();
    assert_eq!(
        repo.ask(&format!("rev-parse {}^", repo.tip("fork"))),
        repo.ask(&format!("rev-parse {}^", repo.tip("first")))
    );
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.check();
}

#[test]
fn unsaved_code_is_refused_and_nothing_touched() {
    let repo = trained();
    repo.write("params.yaml", "seed: 1\nlr: 7\nweight_decay: 0\n");
    repo.write("train.sh", "# gone\n");
    repo.exp("apply first~2").refused(128).stderr(str![[r#"
fatal: apply would overwrite your unsaved changes: 'params.yaml', 'train.sh'
hint: commit or stash them
hint: use --force to replace them; 'git exp undo' brings them back

"#]]);
    // DVC's option for what is the default here.
    for options in ["--no-force", "--force --no-force"] {
        let line = format!("apply {options} first~2");
        repo.exp(&line).refused(128).says("your unsaved changes");
    }
    assert_eq!(repo.read("metrics.json"), STEP_2);
    assert!(repo.read("params.yaml").contains("lr: 7"));
    assert_eq!(repo.ask("for-each-ref refs/git-exp"), "");

    repo.exp("apply --force first~2").success().stderr(str![[r#"
Saved 'params.yaml', 'train.sh' first; 'git exp undo' brings them back.

"#]]);
    assert!(repo.read("params.yaml").contains("lr: 0.0001"));
    repo.exp("undo").success();
    assert!(repo.read("params.yaml").contains("lr: 7"));
    assert_eq!(repo.read("train.sh"), "# gone\n");
    assert_eq!(repo.read("metrics.json"), STEP_2);
    repo.check();
}

#[test]
fn edits_elsewhere_that_the_checkpoint_shares_stay() {
    let repo = trained();
    repo.write("notes.txt", "mine, untracked\n");
    repo.write("helper.py", "mine too\n");
    repo.exp("apply first~1").success();
    assert_eq!(repo.read("notes.txt"), "mine, untracked\n");
    assert_eq!(repo.read("helper.py"), "mine too\n");
}

#[test]
fn unsaved_outputs_are_saved_then_replaced() {
    let repo = trained();
    repo.write("model.pt", "hours of work\n");
    repo.write("metrics.json", "{\"step\": 99}\n");
    repo.exp("apply first~2").success().stderr(str![[r#"
Saved 'metrics.json', 'model.pt' first; 'git exp undo' brings them back.

"#]]);
    assert_eq!(repo.read("model.pt"), "step 0 lr 0.0001\n");
    // `dvc gc` would not know the object.
    std::fs::remove_dir_all(repo.root().join(".dvc/cache")).unwrap();
    repo.exp("undo").success().stdout(str![[r#"
Took back: apply first~2

"#]]);
    assert_eq!(repo.read("model.pt"), "hours of work\n");
    assert_eq!(repo.read("metrics.json"), "{\"step\": 99}\n");
    repo.check();
}

#[test]
fn a_missing_object_is_an_error_before_anything_changes() {
    let repo = trained();
    let lock = repo.ask(&format!("show {}~2:dvc.lock", repo.tip("first")));
    let at = lock.find("path: model.pt").unwrap();
    let md5 = lock[at..].split(" md5: ").nth(1).unwrap();
    let md5 = md5.lines().next().unwrap().to_owned();
    let object = repo
        .root()
        .join(format!(".dvc/cache/files/md5/{}/{}", &md5[..2], &md5[2..]));
    std::fs::remove_file(object).unwrap();
    let refused = repo.exp("apply first~2").refused(128);
    assert_eq!(
        refused.said(),
        format!("fatal: not in the cache: '{md5}' of 'model.pt'\n")
    );
    assert_eq!(repo.read("metrics.json"), STEP_2);

    repo.write(".dvc/config", "['remote \"store\"']\n    url = /nowhere\n");
    repo.git("commit -qam remote").success();
    repo.git("remote add origin ../origin").success();
    repo.exp("apply first~2")
        .refused(128)
        .says("hint: dvc exp pull origin first");
}

#[test]
fn a_commit_without_outputs_takes_them_away() {
    let repo = trained();
    repo.exp("apply main").success();
    for path in ["model.pt", "metrics.json", "predictions.json", "dvc.lock"] {
        assert!(!repo.exists(path), "{path}");
    }
    repo.git("status --porcelain").success().stdout(str![""]);
    repo.exp("undo").success();
    assert_eq!(repo.read("metrics.json"), STEP_2);
    assert_eq!(repo.read("model.pt").lines().count(), 3);
}

#[test]
fn files_that_head_tracks_and_the_checkpoint_lacks_go() {
    let repo = trained();
    repo.write("later.py", "after the run\n");
    repo.git("add later.py").success();
    repo.git("commit -qm later").success();
    repo.exp("apply first").success();
    assert!(!repo.exists("later.py"));
    repo.exp("undo").success();
    assert_eq!(repo.read("later.py"), "after the run\n");
    repo.write("later.py", "edited\n");
    repo.exp("apply first").refused(128).says("'later.py'");
    assert_eq!(repo.read("later.py"), "edited\n");
    repo.check();
}

#[test]
fn links_and_modes_come_back() {
    let repo = TestRepo::tutorial();
    repo.write("tool.sh", "#!/bin/sh\n");
    repo.sh("chmod +x tool.sh && ln -s data/digits.csv link && mkdir -p deep/er && echo 1 > deep/er/file")
        .success();
    repo.git("add .").success();
    repo.git("commit -qm tools").success();
    repo.epochs(1).exp("run -n first").success();
    repo.sh(
        "rm -r tool.sh link deep && git rm -rq --cached tool.sh link deep && git commit -qm less",
    )
    .success();
    repo.remember();
    repo.exp("apply first").success();
    repo.sh("test -x tool.sh && test -L link && cat link deep/er/file")
        .success()
        .stdout(str![[r#"
0,1,2
3,4,5
1

"#]]);
    repo.check();
}

#[test]
fn a_link_in_the_way_is_not_followed() {
    let repo = TestRepo::tutorial();
    repo.write("deep/file", "1\n");
    repo.git("add .").success();
    repo.git("commit -qm deep").success();
    repo.epochs(1).exp("run -n first").success();
    repo.sh("rm -r deep && mkdir ../outside && ln -s ../outside deep")
        .success();
    repo.exp("apply --force first")
        .refused(128)
        .stderr(str![[r#"
fatal: in the way of what would be written: 'deep'
hint: move them away, then try again

"#]]);
    repo.sh("ls ../outside").success().stdout(str![""]);
}

#[test]
fn a_running_experiment_is_not_disturbed() {
    let repo = trained();
    repo.env("PAUSE_AT", "4");
    repo.write("params.yaml", "seed: 473987\nlr: 1\nweight_decay: 0\n");
    let mut running = repo.start_exp("run -n second");
    running.wait_for("Checkpoint experiment iteration", 1);
    repo.exp("apply first~2")
        .refused(128)
        .says("cannot apply while experiment 'second' is running here");
    repo.write("go", "");
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
    repo.check();
}

#[test]
fn dvc_2_is_told_where_to_go_on() {
    let repo = trained();
    assert_eq!(repo.ask("for-each-ref refs/exps/exec"), "");
    let tip = repo.tip("first");
    repo.git(&format!("update-ref refs/exps/exec/EXEC_APPLY {tip}"))
        .success();
    repo.exp("apply first~1").success();
    let applied = repo.ask(&format!("rev-parse {tip}~1"));
    for name in ["EXEC_APPLY", "EXEC_CHECKPOINT"] {
        assert_eq!(
            repo.ask(&format!("rev-parse refs/exps/exec/{name}")),
            applied
        );
    }
    repo.exp("undo").success();
    assert_eq!(repo.ask("rev-parse refs/exps/exec/EXEC_APPLY"), tip);
    repo.check();
}

#[test]
fn a_cut_off_apply_is_finished_by_the_next_command() {
    let repo = trained();
    repo.exp("apply first~2").success();
    // What a kill in the middle leaves: the intent, and only some of the files changed.
    let record = repo.ask("show refs/git-exp/undo/main/1:record.json");
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    repo.exp("undo").success();
    repo.write("metrics.json", STEP_0);
    std::fs::write(
        repo.root().join(".git/git-exp/intent"),
        record["transition"].to_string(),
    )
    .unwrap();
    // Nothing left to undo, but the intent is finished first by whatever takes the run lock.
    repo.exp("apply first~2").success();
    assert_eq!(repo.read("metrics.json"), STEP_0);
    assert_eq!(repo.read("model.pt"), "step 0 lr 0.0001\n");
    assert!(!repo.exists(".git/git-exp/intent"));
    repo.check();
}

#[test]
fn an_unknown_revision_offers_names() {
    let repo = trained();
    repo.exp("apply frist").refused(128).stderr(str![[r#"
fatal: unknown revision 'frist'
hint: did you mean 'first'?

"#]]);
    repo.exp("apply").refused(129);
}

#[test]
fn quiet_says_nothing_of_success() {
    let repo = TestRepo::tutorial();
    repo.epochs(2)
        .exp("run -q -n calm")
        .success()
        .stdout(str![]);
    for words in [
        "apply -q calm~1",
        "undo -q",
        "branch -q calm kept",
        "remove -q calm",
        "gc -q -w -f",
    ] {
        repo.exp(words).success().stdout(str![]).stderr(str![]);
    }
}
