//! Our commands on experiments that the two DVCs made, checkpoint chains of 2.58 included.

use super::{dvc, experiment_step, same_json};
use crate::support::{TestRepo, oracle};
use std::path::Path;

#[test]
fn a_chain_of_dvc_2_is_as_good_as_ours() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = TestRepo::tutorial();
    repo.epochs(3);
    dvc(&two, &repo, "exp run -n calm");
    // DVC 2 ends each run with a commit that repeats the last one
    let second = repo.checkpoints("calm")[1].clone();
    dvc(&two, &repo, &format!("exp apply {second}"));
    repo.epochs(2);
    dvc(&two, &repo, "exp run -S lr=0.5 -n bold");
    let lock = repo.read("dvc.lock");
    commands_on_theirs(&two, &repo);
    plots_of_theirs(&two, &repo);

    // the fork is drawn as one, and shared checkpoints stand there once
    let shown = repo.exp("show --csv").success().text();
    assert_eq!(shown.lines().count(), 1 + 2 + 4 + 3, "{shown}");
    assert!(shown.contains(&format!(",{},", &second[..7])), "{shown}");

    for (revision, steps) in [
        ("calm", 3),
        (&*second, 2),
        ("calm~3", 1),
        ("bold~2", 3),
        ("bold@{last}", 4),
    ] {
        repo.exp(&format!("apply {revision}")).success();
        assert_eq!(repo.read("model.pt").lines().count(), steps, "{revision}");
    }
    assert_eq!(repo.read("dvc.lock"), lock);
    repo.exp("undo").success();
    repo.exp(&format!("branch {} early", &second[..7]))
        .success();
    assert_eq!(repo.ask("rev-parse early"), second);

    // we go on with theirs by name; what DVC made has no id, ours has one from there on
    repo.exp("resume calm")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(experiment_step(&repo, "calm"), 4);
    repo.exp("resume bold~1 -n third --force")
        .success()
        .prints("Experiment 'third': fork of checkpoint");
    repo.exp("remove bold").success();
    let (names, _) = dvc(&two, &repo, "exp list --name-only");
    assert_eq!(names, "calm\nthird\n");
    repo.exp("undo").success();
    let (names, _) = dvc(&two, &repo, "exp list --name-only");
    assert_eq!(names, "bold\ncalm\nthird\n");
    assert_eq!(repo.ask("fsck --strict --no-dangling"), "");
}

#[test]
fn experiments_of_dvc_3_are_as_good_as_ours() {
    let Some(three) = oracle("GIT_EXP_DVC3") else {
        return;
    };
    let repo = TestRepo::tutorial();
    // DVC 3 knows no checkpoints, and removes outputs before each run
    repo.epochs(3);
    dvc(&three, &repo, "exp run -n calm");
    repo.epochs(2);
    dvc(&three, &repo, "exp run -S lr=0.5 -n bold");
    commands_on_theirs(&three, &repo);
    // DVC 3 does not say which experiment it left in the workspace: its '-S' is an edit like any other
    repo.exp("apply calm")
        .refused(128)
        .says("unsaved changes: 'params.yaml'");
    repo.exp("apply bold").success();
    for (revision, steps) in [("calm", 3), ("bold@{first}", 2)] {
        repo.exp(&format!("apply {revision}")).success();
        assert_eq!(repo.read("model.pt").lines().count(), steps, "{revision}");
    }
    repo.exp("resume calm")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(experiment_step(&repo, "calm"), 4);
    repo.exp("remove bold").success();
    let (names, _) = dvc(&three, &repo, "exp list --name-only");
    assert_eq!(names, "calm\n");
}

/// The reading commands say what DVC's say of `calm` and `bold`.
fn commands_on_theirs(program: &Path, repo: &TestRepo) {
    for words in [
        "exp diff --json calm bold",
        "exp diff --json",
        "exp diff --json --all calm",
        "metrics diff --json calm bold",
        "metrics diff --json --all calm",
        "params diff --json calm bold",
        "metrics show --json -A",
    ] {
        let (theirs, _) = dvc(program, repo, words);
        let ours = words.strip_prefix("exp ").unwrap_or(words);
        same_json(&repo.exp(ours).success().text(), &theirs);
    }
    let (theirs, _) = dvc(program, repo, "exp show --json -f");
    same_json(&repo.exp("show --json").success().text(), &theirs);
}

/// The points that are drawn, and where they come from, are DVC 2's.
fn plots_of_theirs(program: &Path, repo: &TestRepo) {
    let (theirs, _) = dvc(program, repo, "plots diff --json calm bold");
    let points = |text: &str| -> serde_json::Value {
        let plots: serde_json::Value = serde_json::from_str(text).unwrap();
        let plot = &plots["data"]["predictions.json"][0];
        serde_json::json!([
            plot["revisions"],
            plot["datapoints"],
            plot["content"]["data"]
        ])
    };
    let ours = repo.exp("plots diff --json calm bold").success().text();
    assert_eq!(points(&ours), points(&theirs));
}
