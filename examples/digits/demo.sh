#!/usr/bin/env bash
# The whole story of checkpoints on real data, in a scratch repository that is kept.
# Needs Rust, git and python3. Ends with an error if any step does not do what it says.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)

say() { printf '\n# %s\n' "$*"; }

# Shows a command as a person types it, then runs it.
try() {
    local shown
    shown=$(printf ' %q' "$@")
    shown=${shown//\\,/,}
    printf '\n$%s\n' "$shown"
    "$@"
}

die() {
    printf '\ndemo: %s\n' "$*" >&2
    exit 1
}

command -v python3 >/dev/null || die "python3 is needed for the training code"

say "Building the binaries (the first time takes some minutes)"
cargo build --quiet --release --locked --bins --manifest-path "$top/Cargo.toml"
PATH=${CARGO_TARGET_DIR:-$top/target}/release:$PATH
export PATH
export GIT_PAGER=cat GIT_PAGER_IN_USE=true COLUMNS="${COLUMNS:-100}"
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE 2>/dev/null || true

scratch=$(mktemp -d "${TMPDIR:-/tmp}/git-exp-digits-XXXXXX")
cd "$scratch"

say "A project: training code, params, data. It lives in $scratch"
git init --quiet --initial-branch=main
git config user.name >/dev/null || git config user.name "Demo"
git config user.email >/dev/null || git config user.email "demo@example.org"
cp "$here/train.py" "$here/params.yaml" "$here/digits.csv.gz" .
try git exp init
try git exp stage add --name train --deps train.py --deps digits.csv.gz \
    --params seed,lr,weight_decay,hidden --checkpoints model.json \
    --metrics-no-cache metrics.json --plots-no-cache predictions.json \
    --plots-no-cache history python3 train.py
try git add .
try git commit --quiet -m "created pipeline"
head=$(git rev-parse HEAD)

say "Training. Ctrl-C after four checkpoints."
printf '\n$ git exp run\n'
: >run.log
set -m # a process group of its own, so that the signal reaches what a terminal would reach
# through python3, because a shell cannot take back that whoever started this ignores Ctrl-C
hears_ctrl_c='import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp(sys.argv[1], sys.argv[1:])'
EPOCHS=1000 python3 -c "$hears_ctrl_c" git exp run >run.log 2>&1 &
run=$!
set +m
for _ in $(seq 1200); do
    [ "$(grep -c 'Checkpoint experiment iteration' run.log)" -ge 4 ] && break
    kill -0 "$run" 2>/dev/null || break
    sleep 0.05
done
kill -INT -- "-$run"
status=0
wait "$run" || status=$?
cat run.log
rm run.log
[ "$status" -eq 130 ] || die "the run ended with $status, not by Ctrl-C"
[ "$(git rev-parse HEAD)" = "$head" ] || die "HEAD moved"

first=$(git exp list --name-only | head -n 1)
try git exp show
saved=$(git rev-list --count "$head..$(git for-each-ref --format='%(objectname)' "refs/exps/*/*/$first")")
[ "$saved" -ge 4 ] || die "$saved checkpoints instead of four or more"

say "Back to an earlier checkpoint, and on from there with a lower rate"
try git exp apply "$first~2"
EPOCHS=5 try git exp run -n calm --set-param lr=0.005
try git exp show

say "What the lower rate changed, and a page of plots"
try git exp metrics diff "$first" calm
try git exp plots diff "$first" calm
[ -s dvc_plots/index.html ] || die "no page of plots"

say "Once more from the beginning"
EPOCHS=2 try git exp run --reset -n afresh
try git exp show

say "Keep the best checkpoint: its files, and a branch"
try git exp apply "calm@{best:acc}"
try git exp branch calm calm-digits
try git add .
try git commit --quiet -m "trained"
python3 - <<'PYTHON' || die "the network did not learn"
import json
acc = json.load(open("metrics.json"))["acc"]
raise SystemExit(acc < 0.9)
PYTHON

say "Tidy up: only experiments of the present commit stay"
try git exp gc --workspace --force
try git exp show
try git fsck --strict --no-dangling

say "Yours to go on with:"
cat <<TEXT

    cd $scratch
    PATH=${CARGO_TARGET_DIR:-$top/target}/release:\$PATH
    git exp run                  # goes on training from the model you kept
    git exp show                 # what there is
    git exp undo                 # brings back what gc took, then:
    git exp plots diff calm afresh   # a page to open in a browser
    git exp -h                   # what else there is
    git log --oneline calm-digits

    cargo install --locked --path $top     # to keep the commands
TEXT
