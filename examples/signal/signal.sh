#!/bin/sh
# Signals a checkpoint from a shell.
checkpoint() {
    [ -n "${DVC_CHECKPOINT:-}" ] || return 0
    : >"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
    while [ -e "$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT" ]; do sleep 0.01; done
}
