//! Checkpoints of training that only says which step is complete, as DVCLive from 2.16 on does, and goes on.

use crate::support::TestRepo;

/// `step_done <n>` is what DVCLive leaves, which writes its 'dvc.yaml' first; `saved <n>` waits, as a long epoch does, until so many
/// checkpoints exist. `learn <n>` writes the model and the metrics of a step.
const LIVE: &str = r#"
run=$DVC_ROOT/.dvc/tmp/exps/run
step_done() {
    mkdir -p "$run"
    sleep 0.02
    printf '{"pid": %d, "step": %d}' $$ "$1" > "$run/DVCLIVE_STEP_COMPLETED"
}
saved() {
    until [ "$(git rev-list --count --glob=refs/exps/* ^HEAD)" -ge "$1" ]; do sleep 0.01; done
}
learn() {
    echo "weights $1" > model.pt
    printf '{"step": %d, "loss": 0.%d}\n' "$1" "$1" > metrics.json
}
"#;

fn trained_by(script: &str) -> TestRepo {
    let repo = TestRepo::project();
    repo.write("train.sh", format!("set -eu\n{LIVE}\n{script}"))
        .write(
            "dvc.yaml",
            "\
stages:
  train:
    cmd: sh train.sh
    deps: [train.sh]
    outs: [{model.pt: {checkpoint: true}}]
    metrics: [{metrics.json: {cache: false}}]
",
        )
        .write(".gitignore", "/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// The steps of the checkpoints, of which model and metrics are of one and the same.
fn steps(repo: &TestRepo) -> Vec<u64> {
    let checkpoints = repo.checkpoints("calm");
    let step = |commit: &String| {
        let metrics = repo.ask(&format!("show {commit}:metrics.json"));
        let metrics: serde_json::Value = serde_json::from_str(&metrics).unwrap();
        let step = metrics["step"].as_u64().unwrap();
        repo.exp(&format!("apply --force {commit}")).success();
        assert_eq!(repo.read("model.pt"), format!("weights {step}\n"));
        step
    };
    checkpoints.iter().map(step).collect()
}

#[test]
fn each_completed_step_is_a_checkpoint() {
    let repo = trained_by("for n in 0 1 2 3; do learn $n; step_done $n; saved $((n + 1)); done");
    let run = repo.exp("run -n calm").success();
    assert!(!run.said().contains("DVCLive"), "{}", run.said());
    assert_eq!(steps(&repo), [0, 1, 2, 3]);
    repo.check();
}

#[test]
fn a_step_whose_model_is_newer_is_passed_over_and_counted() {
    let repo = trained_by(
        "
for n in 0 1; do learn $n; step_done $n; saved $((n + 1)); done
learn 2
touch -d '2100-01-01' model.pt
step_done 2
learn 3
step_done 3
saved 3
",
    );
    let run = repo.exp("run -n calm").success();
    let said = "1 of 4 steps of DVCLive have no checkpoint: training did not wait for them, and had written on\n";
    assert_eq!(run.said(), said);
    assert_eq!(steps(&repo), [0, 1, 3]);
    repo.check();
}

#[test]
fn a_step_whose_metrics_are_of_another_is_passed_over() {
    let repo = trained_by(
        "
for n in 0 1; do learn $n; step_done $n; saved $((n + 1)); done
learn 7
step_done 2
learn 3
step_done 3
saved 3
",
    );
    let run = repo.exp("run -n calm").success();
    assert!(run.said().contains("1 of 4 steps"), "{}", run.said());
    assert_eq!(steps(&repo), [0, 1, 3]);
    repo.check();
}

#[test]
fn steps_that_no_metrics_tell_are_no_checkpoints() {
    let repo = trained_by(
        "
learn 0
echo '{\"loss\": 1}' > metrics.json
step_done 0
learn 1
echo '{\"loss\": 2}' > metrics.json
step_done 1
exit 3
",
    );
    repo.exp("run -n calm")
        .code(1)
        .says("steps of DVCLive have no checkpoint: no metrics file says of which step it is");
    assert_eq!(repo.ask("for-each-ref refs/exps"), "");
    repo.check();
}

/// The next model is begun within the tick of the clock in which the step was complete.
#[test]
fn in_a_hurry_no_model_is_taken_for_that_of_another_step() {
    let repo = trained_by(
        "
n=0
while [ $n -lt 60 ]; do
    : > model.pt
    learn $n
    step_done $n
    n=$((n + 1))
done
",
    );
    repo.exp("run -n calm").success();
    let steps = steps(&repo);
    assert_eq!(steps.last(), Some(&59));
    assert!(steps.is_sorted(), "{steps:?}");
    repo.check();
}

/// The model of a step may be written after it, if a signal that waits follows.
#[test]
fn who_waits_for_an_answer_chooses_the_moment() {
    let repo = trained_by(
        "
signal() {
    : > \"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT\"
    while [ -e \"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT\" ]; do sleep 0.01; done
}
learn 0
signal
for n in 1 2 3; do
    printf '{\"step\": %d}' $n > metrics.json
    step_done $n
    sleep 0.05
    learn $n
    signal
done
",
    );
    let run = repo.exp("run -n calm").success();
    assert!(!run.said().contains("DVCLive"), "{}", run.said());
    assert_eq!(steps(&repo), [0, 1, 2, 3]);
}

#[test]
fn a_stage_without_checkpoint_outputs_may_use_dvclive_all_the_same() {
    let repo = trained_by("for n in 0 1; do learn $n; step_done $n; done");
    let pipeline = repo.read("dvc.yaml");
    repo.write(
        "dvc.yaml",
        pipeline.replace("{model.pt: {checkpoint: true}}", "model.pt"),
    );
    let run = repo.exp("run -n calm").success();
    assert!(!run.said().contains("DVCLive"), "{}", run.said());
    assert_eq!(steps(&repo), [1]);
}
