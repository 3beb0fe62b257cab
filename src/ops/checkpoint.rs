//! The client's side of a signal: asks the run above for a checkpoint and waits until it is taken.
//!
//! Training waits for this, so it opens no repository: it makes the file, looks for its end, and now
//! and then asks the kernel whether there still is a run that could answer.

use crate::error::{Context, Error, Result};
use crate::store::lock::RunProbe;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Variables that number the processes of one training; all but number 0 leave signalling to it.
const RANKS: [&str; 3] = ["RANK", "LOCAL_RANK", "SLURM_PROCID"];
/// Between two looks at the file: a twentieth of the time waited so far, within these bounds.
const SHORTEST: Duration = Duration::from_micros(100);
const LONGEST: Duration = Duration::from_millis(10);
/// Between two looks at the lock of the run.
const PROBE: Duration = Duration::from_millis(100);

/// Returns the project whose run this process belongs to, or `None` if there is nothing to signal:
/// outside of runs, and in all but the first of several processes.
pub fn project(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let is_another = |name: &str| {
        let rank: Option<i64> = variable(name).and_then(|text| text.to_str()?.trim().parse().ok());
        rank.is_some_and(|rank| rank != 0)
    };
    if RANKS.iter().any(|name| is_another(name)) {
        return None;
    }
    variable("DVC_ROOT")
        .filter(|root| !root.is_empty())
        .map(PathBuf::from)
}

/// Signals the run of the project at `root` and returns when the checkpoint has been captured.
///
/// Errors, with the signal file gone, when no run is at work there, or not any more.
pub fn signal(root: &Path) -> Result<()> {
    let path = root.join(".dvc/tmp/DVC_CHECKPOINT");
    let Some(probe) = RunProbe::above(root)? else {
        return Err(nobody(root));
    };
    if !probe.is_held()? {
        return Err(nobody(root));
    }
    loop {
        match fs_err::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
        {
            Ok(file) => {
                // Kept open, so that no later signal can have the same number.
                let stat = file.file().metadata();
                let stat = stat.context(|| format!("cannot read '{}'", path.display()))?;
                return wait(&path, (stat.dev(), stat.ino()), &probe);
            }
            // Another process's signal: it may be answered by a capture that began before we were
            // called, so it does not count for us.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if let Some(theirs) = identity(&path) {
                    wait(&path, theirs, &probe)?;
                }
            }
            Err(error) => return Err(error).context(|| "cannot signal a checkpoint".to_owned()),
        }
    }
}

/// Waits until `path` is gone or another file than `file`.
fn wait(path: &Path, file: (u64, u64), probe: &RunProbe) -> Result<()> {
    let start = Instant::now();
    let mut probed = start;
    while identity(path) == Some(file) {
        if probed.elapsed() >= PROBE {
            probed = Instant::now();
            if !probe.is_held()? {
                // The last look of a run comes before it gives the lock back.
                if identity(path) != Some(file) {
                    return Ok(());
                }
                fs_err::remove_file(path).context(|| "cannot take the signal back".to_owned())?;
                return Err(
                    Error::refused("the run ended before it took this checkpoint")
                        .hint("git exp status"),
                );
            }
        }
        std::thread::sleep((start.elapsed() / 20).clamp(SHORTEST, LONGEST));
    }
    Ok(())
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let stat = fs_err::symlink_metadata(path).ok()?;
    Some((stat.dev(), stat.ino()))
}

fn nobody(root: &Path) -> Error {
    Error::refused(format!(
        "no 'git exp run' is at work in '{}'",
        root.display()
    ))
    .hint("git exp run")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use crate::store::lock::RunLock;
    use crate::store::testing::Sandbox;

    fn project_of(variables: &[(&str, &str)]) -> Option<PathBuf> {
        project(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        })
    }

    #[test]
    fn only_the_first_process_of_a_run_signals() {
        let root = ("DVC_ROOT", "/project");
        let here = Some(PathBuf::from("/project"));
        assert_eq!(project_of(&[]), None);
        assert_eq!(project_of(&[("DVC_ROOT", "")]), None);
        assert_eq!(project_of(&[root]), here);
        assert_eq!(project_of(&[root, ("RANK", "0")]), here);
        assert_eq!(project_of(&[root, ("RANK", "")]), here);
        assert_eq!(
            project_of(&[root, ("RANK", "0"), ("LOCAL_RANK", "1")]),
            None
        );
        assert_eq!(project_of(&[root, ("SLURM_PROCID", "12")]), None);
    }

    #[test]
    fn waits_for_its_own_answer() {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/tmp/DVC_CHECKPOINT", "of another process");
        let _lock = RunLock::try_take(&sandbox.store()).unwrap().unwrap();
        let root = sandbox.path("");
        let file = root.join(".dvc/tmp/DVC_CHECKPOINT");
        std::thread::scope(|scope| {
            let client = scope.spawn(|| signal(&root));
            fs_err::remove_file(&file).unwrap();
            while !file.exists() {
                assert!(!client.is_finished());
                std::thread::yield_now();
            }
            fs_err::remove_file(&file).unwrap();
            client.join().unwrap().unwrap();
        });
        assert!(!file.exists());
    }

    #[test]
    fn leaves_nothing_behind_where_nobody_answers() {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/tmp/.keep", "");
        let root = sandbox.path("");
        let file = root.join(".dvc/tmp/DVC_CHECKPOINT");
        assert_eq!(signal(&root).unwrap_err().kind(), Kind::Refused);
        assert!(!file.exists());
        let lock = RunLock::try_take(&sandbox.store()).unwrap().unwrap();
        std::thread::scope(|scope| {
            let client = scope.spawn(|| signal(&root));
            while !file.exists() {
                std::thread::yield_now();
            }
            drop(lock);
            assert_eq!(client.join().unwrap().unwrap_err().kind(), Kind::Refused);
        });
        assert!(!file.exists());
    }
}
