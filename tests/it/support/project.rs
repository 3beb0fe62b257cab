//! The tutorial's project with a trainer that needs nothing but `sh`.

use super::TestRepo;

/// Learns nothing, slowly enough to see: the model is the list of its steps with the rate of each.
///
/// Goes on from `model.pt` if it is there. `EPOCHS` is how many steps it makes; `FAIL_AT` a step at
/// which it fails (before it saves), `PAUSE_AT` one before which it waits for a file `go`.
const TRAINER: &str = r#"#!/bin/sh
# A stand-in for training code: writes model, metrics and predictions, and signals after each epoch.
set -eu

param() { sed -n "s/^$1: *//p" params.yaml; }

checkpoint() {
    [ -n "${DVC_ROOT:-}" ] && [ -n "${DVC_CHECKPOINT:-}" ] || return 0
    : > "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
    while [ -e "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT" ]; do sleep 0.01; done
}

lr=$(param lr)
step=0
[ ! -e model.pt ] || step=$(wc -l < model.pt)
end=$((step + ${EPOCHS:-3}))
while [ "$step" -lt "$end" ]; do
    if [ "$step" = "${PAUSE_AT:-}" ]; then
        while [ ! -e go ]; do sleep 0.01; done
    fi
    if [ "$step" = "${FAIL_AT:-}" ]; then
        echo "cannot learn step $step" >&2
        exit 3
    fi
    echo "step $step lr $lr" >> model.pt
    loss=$((10000 / (step + 1)))
    if [ "$step" = 0 ]; then
        printf '{"step": 0, "loss": 1.0, "acc": 0.0}\n' > metrics.json
    else
        printf '{"step": %d, "loss": 0.%04d, "acc": 0.%04d}\n' "$step" "$loss" "$((10000 - loss))" > metrics.json
    fi
    printf '[{"actual": "%d", "predicted": "%d"}]\n' "$((step % 3))" "$((step % 2))" > predictions.json
    checkpoint
    step=$((step + 1))
done
"#;

const PIPELINE: &str = "\
stages:
  train:
    cmd: sh train.sh
    deps:
    - data
    - train.sh
    params:
    - lr
    - seed
    - weight_decay
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
    plots:
    - predictions.json:
        cache: false
";

impl TestRepo {
    /// Makes the tutorial's project, committed as `created pipeline`.
    ///
    /// A stage `train` with the checkpoint output `model.pt`, `metrics.json`, `predictions.json` and
    /// the params `seed`, `lr` and `weight_decay`; data that git tracks.
    pub fn tutorial() -> Self {
        let repo = Self::project();
        repo.write("train.sh", TRAINER)
            .write("params.yaml", "seed: 473987\nlr: 0.0001\nweight_decay: 0\n")
            .write("data/digits.csv", "0,1,2\n3,4,5\n")
            .write("dvc.yaml", PIPELINE)
            .write(".gitignore", "/model.pt\n");
        repo.git("add .").success();
        repo.git("commit -q -m 'created pipeline'").success();
        repo
    }

    /// Makes a repository that `git exp init` has made ready, with nothing in it and one commit.
    pub fn project() -> Self {
        let repo = Self::empty();
        repo.write(".dvc/config", "")
            .write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
            .write(".dvcignore", "# Add patterns of files dvc should ignore, which could improve\n# the performance. Learn more at\n# https://dvc.org/doc/user-guide/dvcignore\n");
        repo.git("add .").success();
        repo.git("commit -q -m 'made ready'").success();
        repo
    }
}

/// One stage that goes on from its model and reports metrics, for a `train.sh` of a test's own.
pub const ONE_STAGE: &str = "\
stages:
  train:
    cmd: exec sh train.sh
    deps:
    - train.sh
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
";
