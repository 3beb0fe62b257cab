//! `git exp checkpoint --run`: asks a run from outside.

use crate::support::{Running, TestRepo};

/// A stage without signals: it writes a step, and waits for a file `go-<step>` before the next.
const SILENT: &str = r#"
set -eu
for step in 0 1; do
    echo "weights $step" > model.pt
    printf '{"step": %d}\n' $step > metrics.json
    echo "wrote $step"
    while [ ! -e "go-$step" ]; do sleep 0.01; done
done
"#;

fn silent() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.write("train.sh", SILENT);
    let pipeline = repo.read("dvc.yaml");
    let plots = "    plots:\n    - predictions.json:\n        cache: false\n";
    repo.write("dvc.yaml", pipeline.replace(plots, ""));
    repo.git("commit -qam 'never signals'").success();
    repo
}

/// Starts the run and waits until it has written its first step.
fn start(repo: &TestRepo) -> Running {
    let mut run = repo.start_exp("run -n calm");
    run.wait_for("wrote 0", 1);
    run
}

fn metrics(repo: &TestRepo, commit: &str) -> String {
    repo.ask(&format!("show {commit}:metrics.json"))
}

#[test]
fn takes_the_state_of_a_run_that_never_signals() {
    let repo = silent();
    repo.remember();
    let mut run = start(&repo);
    repo.exp("checkpoint --run calm").success();
    run.wait_for("Checkpoint experiment iteration", 1);
    // The same state again is no second checkpoint.
    repo.exp("checkpoint --run calm").success();
    repo.write("go-0", "");
    run.wait_for("wrote 1", 1);
    repo.exp("checkpoint --run calm").success();
    run.wait_for("Checkpoint experiment iteration", 2);
    repo.write("go-1", "");
    assert_eq!(run.end().0, 0);
    let checkpoints = repo.checkpoints("calm");
    assert_eq!(checkpoints.len(), 2);
    for (step, commit) in checkpoints.iter().enumerate() {
        assert_eq!(metrics(&repo, commit), format!("{{\"step\": {step}}}"));
        repo.exp(&format!("apply --force {commit}")).success();
        assert_eq!(repo.read("model.pt"), format!("weights {step}\n"));
    }
    repo.check();
}

#[test]
fn finds_the_run_in_another_worktree() {
    let repo = silent();
    repo.git("worktree add -q ../linked").success();
    let linked = repo.beside("linked");
    let mut run = start(&linked);
    repo.exp("checkpoint --run calm").success();
    run.wait_for("Checkpoint experiment iteration", 1);
    for step in [0, 1] {
        linked.write(&format!("go-{step}"), "");
    }
    assert_eq!(run.end().0, 0);
    assert_eq!(linked.checkpoints("calm").len(), 2);
}

#[test]
fn fails_where_there_is_nobody_to_ask() {
    let repo = silent();
    repo.exp("checkpoint --run calm")
        .refused(128)
        .says("fatal: experiment 'calm' is not running");
    let mut run = start(&repo);
    repo.exp("checkpoint --run clam")
        .refused(128)
        .says("hint: git exp checkpoint --run calm");
    run.signal_group(rustix::process::Signal::KILL);
    // git, which started it, may be gone a moment earlier.
    run.wait_until("the end of the run", || {
        let status = repo.exp("status").success().text();
        !status.contains("calm")
    });
    repo.exp("checkpoint --run calm")
        .refused(128)
        .says("fatal: experiment 'calm' is not running");
}

#[test]
fn a_stage_that_cannot_have_checkpoints_says_so() {
    let repo = silent();
    let pipeline = repo.read("dvc.yaml");
    repo.write(
        "dvc.yaml",
        pipeline.replace(":\n        checkpoint: true", ""),
    );
    let mut run = start(&repo);
    repo.exp("checkpoint --run calm").refused(128).says(
        "fatal: the run of 'calm' cannot take a checkpoint: stage 'train' has no output with 'checkpoint: true'",
    );
    for step in [0, 1] {
        repo.write(&format!("go-{step}"), "");
    }
    assert_eq!(run.end().0, 0);
}

/// Somebody asks while the model is being written to all the time, and gets what training signals.
#[test]
fn while_training_writes_its_own_signal_will_do() {
    let repo = silent();
    repo.write(
        "train.sh",
        r#"
set -eu
echo '{"step": 0}' > metrics.json
echo "wrote 0"
while [ ! -e .git/git-exp/requests/request-* ]; do echo more >> model.pt; sleep 0.01; done
# Older than the signal for sure.
sleep 0.05
echo end >> model.pt
: > "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
while [ -e "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT" ]; do sleep 0.01; done
while [ ! -e go-1 ]; do echo more >> model.pt; sleep 0.01; done
"#,
    );
    let mut run = start(&repo);
    repo.exp("checkpoint --run calm").success();
    repo.write("go-1", "");
    assert_eq!(run.end().0, 0);
    let first = &repo.checkpoints("calm")[0];
    repo.exp(&format!("apply --force {first}")).success();
    assert!(repo.read("model.pt").ends_with("end\n"));
}

#[test]
fn a_run_that_ends_leaves_nobody_waiting() {
    let repo = silent();
    // By its time stamp the model was written this very moment, at all times.
    repo.write(
        "train.sh",
        "
echo '{\"step\": 0}' > metrics.json
echo more > model.pt
touch -t 210001010000 model.pt
echo 'wrote 0'
while [ ! -e go-1 ]; do sleep 0.01; done
exit 3
",
    );
    let mut run = start(&repo);
    let mut asker = repo.start_exp("checkpoint --run calm");
    asker.wait_for("waiting until the run in", 1);
    repo.write("go-1", "");
    assert_eq!(run.end().0, 1);
    let (status, said) = asker.end();
    assert_eq!(status, 128, "{said}");
    assert!(
        said.contains("fatal: the run of 'calm' ended before it took this checkpoint"),
        "{said}"
    );
}
