//! A script as root of a user namespace: it may mount file systems and set limits that are its own.

use super::{TestRepo, program, skip};

const UNSHARE: &str = "unshare --user --map-root-user --mount";

/// Runs `script` from the work tree and returns all it printed, redacted; `None`, with the reason
/// printed, where such namespaces are not allowed.
#[track_caller]
pub fn run(repo: &TestRepo, script: &str) -> Option<String> {
    let try_out = format!("{UNSHARE} mount -t tmpfs tmpfs /mnt 2>&1 || true");
    let why = match program("unshare") {
        None => "there is no 'unshare'".to_owned(),
        Some(_) => repo.sh(&try_out).success().text(),
    };
    if !why.trim().is_empty() {
        skip(&format!("no user namespace to work in: {}", why.trim()));
        return None;
    }
    repo.write("../script.sh", format!("set -e\n{script}"));
    let run = repo.sh(&format!("{UNSHARE} sh ../script.sh 2>&1"));
    Some(repo.redact(&run.success().text()))
}
