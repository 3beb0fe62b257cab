//! Packing after a run, by git itself and beside whatever comes next.

use crate::store::Store;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// Loose objects in one of git's 256 folders from which on `gc.auto` (6700) is reached.
const DUE: usize = 27;

/// Starts `git maintenance run --auto` in a process group of its own if git would find something to do.
///
/// The number of loose objects is estimated as git does, from the folder `17`. Without a git program
/// nothing happens: packing is a convenience.
pub fn start_if_due(store: &Store) {
    let folder = store.common_dir().join("objects/17");
    let loose = fs_err::read_dir(folder).map_or(0, Iterator::count);
    if loose < DUE {
        return;
    }
    let mut git = Command::new("git");
    git.args(["maintenance", "run", "--auto", "--quiet"])
        .current_dir(match store.is_temporary() {
            true => store.common_dir(),
            false => store.worktree(),
        });
    git.stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    let _without_git = git.spawn();
}
