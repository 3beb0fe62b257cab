//! What training finds when it starts is of one step: model, metrics and histories of the same
//! checkpoint, whatever the workspace had before.

use crate::support::TestRepo;

/// Says what it loads, then makes `EPOCHS` steps. `LOSE` more are made and never signalled, and then it
/// fails: what a crash between two signals leaves.
const TRAINER: &str = r#"set -eu
signal="$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
lines() { if [ -e "$1" ]; then wc -l < "$1"; else echo none; fi; }
names() { if [ -e "$1" ]; then ls "$1" | tr '\n' ' '; else echo none; fi; }
echo "loaded: model $(lines model.pt), shards $(names shards), metrics $(cat metrics.json 2>/dev/null || echo none), history $(lines history.csv), images $(names images)"
n=0
[ ! -e model.pt ] || n=$(wc -l < model.pt)
step() {
    echo "step $n" >> model.pt
    mkdir -p shards images
    echo "$n" > "shards/$n"
    echo "$n" > metrics.json
    echo "$n" >> history.csv
    echo "$n" > "images/$n"
    n=$((n + 1))
}
for _ in $(seq "${EPOCHS:-2}"); do
    step
    : > "$signal"
    while [ -e "$signal" ]; do sleep 0.005; done
done
[ -n "${LOSE:-}" ] || exit 0
step
exit 7
"#;

const PIPELINE: &str = "\
stages:
  train:
    cmd: exec sh train.sh
    deps:
    - train.sh
    params:
    - lr
    outs:
    - model.pt:
        checkpoint: true
    - shards:
        checkpoint: true
    - images:
        persist: true
    metrics:
    - metrics.json:
        cache: false
    plots:
    - history.csv:
        cache: false
        persist: true
";

const NOTHING: &str = "loaded: model none, shards none, metrics none, history none, images none";
const ONE: &str = "loaded: model 1, shards 0 , metrics 0, history 1, images 0 ";
const TWO: &str = "loaded: model 2, shards 0 1 , metrics 1, history 2, images 0 1 ";
const FOUR: &str = "loaded: model 4, shards 0 1 2 3 , metrics 3, history 4, images 0 1 2 3 ";

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("train.sh", TRAINER)
        .write("dvc.yaml", PIPELINE)
        .write("params.yaml", "lr: 1\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// A run of two checkpoints, then a step that no checkpoint has and a crash.
fn crashed() -> TestRepo {
    let repo = project();
    repo.env("LOSE", "yes");
    repo.exp("run -n calm").code(1).prints(NOTHING);
    repo.env("LOSE", "");
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.remember();
    repo
}

#[test]
fn a_resumed_run() {
    let repo = crashed();
    repo.exp("run").success().prints(TWO);
    repo.exp("run --name x").success().prints(FOUR);
    repo.check();
}

#[test]
fn a_fork_of_the_tip() {
    let repo = crashed();
    repo.exp("run -n bold -S lr=2").success().prints(TWO);
    repo.check();
}

#[test]
fn a_fork_of_an_earlier_checkpoint() {
    let repo = crashed();
    repo.exp("apply calm~1").success();
    repo.exp("run -n bold").success().prints(ONE);
    // From the state of another experiment, too.
    repo.exp("resume calm~1 -n third").success().prints(ONE);
    repo.exp("resume calm").success().prints(TWO);
    repo.check();
}

#[test]
fn a_reset_run() {
    let repo = crashed();
    repo.exp("run --reset -n anew").success().prints(NOTHING);
    repo.exp("run --reset -n again").success().prints(NOTHING);
    repo.check();
}

#[test]
fn a_first_run_after_a_crash_before_its_first_checkpoint() {
    let repo = project();
    repo.env("LOSE", "yes").epochs(0);
    repo.exp("run -n calm").code(1).prints(NOTHING);
    assert_eq!(repo.read("history.csv"), "0\n");
    repo.env("LOSE", "").epochs(2);
    repo.exp("run -n calm")
        .success()
        .prints(NOTHING)
        .says("'git exp undo --force' brings them back");
    repo.exp("undo --force").success();
    assert_eq!(repo.read("history.csv"), "0\n");
    repo.check();
}

#[test]
fn a_new_experiment_on_committed_results() {
    let repo = project();
    repo.exp("run -n calm").success();
    repo.git("add dvc.lock metrics.json history.csv .gitignore")
        .success();
    repo.git("commit -qm results").success();
    // The model goes on where 'dvc.lock' says it stands; so do the histories, after a crash too.
    repo.env("LOSE", "yes").epochs(0);
    repo.exp("run -n bold").code(1).prints(TWO);
    assert_eq!(repo.read("history.csv"), "0\n1\n2\n");
    repo.env("LOSE", "").epochs(2);
    repo.exp("run -n bold").success().prints(TWO);
    assert_eq!(repo.checkpoints("bold").len(), 2);
    repo.exp("run --reset -n anew").success().prints(NOTHING);
    repo.check();
    // Without the model there is nothing to go on from, histories included.
    repo.git("checkout -q .").success();
    repo.sh("rm -rf .dvc/cache model.pt shards .git/git-exp/resume.json")
        .success();
    repo.exp("run -n lost")
        .success()
        .says("training starts without it")
        .prints(NOTHING);
    repo.check();
}

#[test]
fn what_was_edited_by_hand_is_kept_and_not_loaded() {
    let repo = project();
    repo.exp("run -n calm").success();
    repo.write("model.pt", "by hand\n")
        .write("history.csv", "by hand\n")
        .write("shards/extra", "by hand\n");
    repo.exp("run").success().prints(TWO);
    repo.exp("undo --force").success();
    assert_eq!(repo.read("model.pt"), "by hand\n");
    assert_eq!(repo.read("history.csv"), "by hand\n");
    assert_eq!(repo.read("shards/extra"), "by hand\n");
    repo.check();
}

#[test]
fn every_checkpoint_is_of_one_step() {
    let repo = project();
    repo.epochs(4).exp("run -n calm").success();
    for (count, commit) in repo.checkpoints("calm").iter().enumerate() {
        repo.exp(&format!("apply {commit}")).success();
        assert_eq!(repo.read("model.pt").lines().count(), count + 1);
        assert_eq!(repo.read("history.csv").lines().count(), count + 1);
        assert_eq!(repo.read("metrics.json"), format!("{count}\n"));
        for folder in ["shards", "images"] {
            let names = std::fs::read_dir(repo.root().join(folder)).unwrap();
            assert_eq!(names.count(), count + 1, "{folder}");
        }
    }
    repo.check();
}
