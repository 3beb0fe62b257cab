//! One OS lock per worktree for a run; whether a run is alive is asked of the kernel.
//!
//! The lock file stays when the run is over: only the lock on it means something.

use super::Store;
use super::durable;
use super::run_record::{RunRecordFile, Running};
use crate::error::{Context, Result};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Below a worktree's git directory.
const LOCK: &str = "git-exp/run.lock";
/// A probe holds the lock for microseconds: so often, and with such pauses, a taker looks again.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(1);

/// Held by a run for as long as it lives; the kernel drops it with the process.
#[derive(Debug)]
pub struct RunLock {
    pub(crate) _file: File,
}

impl RunLock {
    /// Takes this worktree's run lock (`<git dir>/git-exp/run.lock`), or returns `None` when a run holds it.
    pub fn try_take(store: &Store) -> Result<Option<Self>> {
        Self::try_take_in(&store.git_dir)
    }

    /// Takes that of the worktree whose git directory this is.
    pub(super) fn try_take_in(git_dir: &Path) -> Result<Option<Self>> {
        let path = git_dir.join(LOCK);
        take(&path).context(|| format!("cannot lock '{}'", path.display()))
    }
}

/// Looks at a worktree's run lock without opening the repository: for what training waits for.
#[derive(Debug)]
pub struct RunProbe {
    path: PathBuf,
}

impl RunProbe {
    /// Finds the worktree that `folder` is in; `None` if it is in none.
    ///
    /// Only `.git` at or above `folder` counts, a folder or the file of a linked worktree or a
    /// submodule: a stage does not see `GIT_DIR`.
    pub fn above(folder: &Path) -> Result<Option<Self>> {
        let folder = fs_err::canonicalize(folder)
            .context(|| format!("cannot read '{}'", folder.display()))?;
        for folder in folder.ancestors() {
            let git = folder.join(".git");
            let Ok(stat) = fs_err::metadata(&git) else {
                continue;
            };
            if stat.is_dir() {
                let path = git.join(LOCK);
                return Ok(Some(RunProbe { path }));
            }
            let text = fs_err::read(&git).context(|| format!("cannot read '{}'", git.display()))?;
            if let Some(git_dir) = text.strip_prefix(b"gitdir: ") {
                let git_dir = folder.join(OsStr::from_bytes(git_dir.trim_ascii_end()));
                let path = git_dir.join(LOCK);
                return Ok(Some(RunProbe { path }));
            }
        }
        Ok(None)
    }

    /// Looks at the worktree whose git directory this is.
    pub(crate) fn of(git_dir: &Path) -> Self {
        RunProbe {
            path: git_dir.join(LOCK),
        }
    }

    /// Whether a run is at work there.
    pub fn is_held(&self) -> Result<bool> {
        is_held(&self.path).context(|| format!("cannot look at the lock '{}'", self.path.display()))
    }
}

impl Store {
    /// Returns what runs now, in any worktree of this repository: the run records whose lock is held.
    pub fn running(&self) -> Result<Vec<Running>> {
        let running = self.running_in()?;
        Ok(running.into_iter().map(|(_, record)| record).collect())
    }

    /// The same, each with the git directory of its worktree.
    pub fn running_in(&self) -> Result<Vec<(PathBuf, Running)>> {
        let records = self.run_records()?.into_iter();
        let held = records.filter(|(_, _, held)| *held);
        Ok(held.map(|(git_dir, record, _)| (git_dir, record)).collect())
    }

    /// Returns the runs that died while their command lives on, in any worktree of this repository.
    pub fn orphans(&self) -> Result<Vec<Running>> {
        Ok(self
            .run_records()?
            .into_iter()
            .filter_map(|(_, record, held)| (!held).then_some(record))
            .filter(|record| !record.alive().is_empty())
            .collect())
    }

    /// Returns the run records of all worktrees, by git directory, and whether each one's lock is held.
    fn run_records(&self) -> Result<Vec<(PathBuf, Running, bool)>> {
        let mut records = Vec::new();
        for git_dir in self.worktrees()?.into_iter().map(|tree| tree.git_dir) {
            // The record first: one that is found beside a held lock was written under it or is
            // the one before, which a new run removes before it does anything else.
            let Some(record) = RunRecordFile::of(&git_dir).read()? else {
                continue;
            };
            let lock = git_dir.join(LOCK);
            let held = is_held(&lock)
                .context(|| format!("cannot look at the lock '{}'", lock.display()))?;
            records.push((git_dir, record, held));
        }
        Ok(records)
    }
}

fn take(path: &Path) -> io::Result<Option<RunLock>> {
    durable::make_dirs(durable::parent(path), |dir| fs_err::create_dir(dir))?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)?;
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        match file.try_lock() {
            Ok(()) => return Ok(Some(RunLock { _file: file })),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether a run holds the lock. Takes a shared one for a moment, so that probes do not see each other.
fn is_held(path: &Path) -> io::Result<bool> {
    let file = match fs_err::File::open(path) {
        Ok(file) => file.into_file(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::run_record::StageCommand;
    use crate::store::state::Process;
    use crate::store::testing::Sandbox;

    /// A process that another test forks right now shares our descriptors until it executes.
    fn wait_until(condition: impl Fn() -> bool) {
        let patience = std::time::Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(std::time::Instant::now() < patience);
            std::thread::yield_now();
        }
    }

    #[test]
    fn one_holder_at_a_time_and_none_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK);
        assert!(!is_held(&path).unwrap());
        let lock = take(&path).unwrap().unwrap();
        assert!(is_held(&path).unwrap());
        assert!(take(&path).unwrap().is_none());
        drop(lock);
        wait_until(|| !is_held(&path).unwrap());
        assert!(take(&path).unwrap().is_some());
    }

    #[test]
    fn a_probe_finds_the_lock_of_its_own_worktree() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.git(&["worktree", "add", "-q", "linked"]);
        sandbox.write("a/b/file", "");
        sandbox.write("linked/a/file", "");
        let probe = |path| RunProbe::above(&sandbox.path(path)).unwrap().unwrap();
        let (main, linked) = (probe("a/b"), probe("linked/a"));
        assert!(!main.is_held().unwrap());
        let lock = RunLock::try_take(&sandbox.store_at("linked")).unwrap();
        assert!(lock.is_some());
        assert!(linked.is_held().unwrap() && !main.is_held().unwrap());
        let outside = tempfile::tempdir().unwrap();
        assert!(RunProbe::above(outside.path()).unwrap().is_none());
        assert!(RunProbe::above(&outside.path().join("gone")).is_err());
    }

    #[test]
    fn a_probe_does_not_keep_a_run_from_starting() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(LOCK);
        drop(take(&path).unwrap());
        wait_until(|| {
            let probe = fs_err::File::open(&path).unwrap().into_file();
            if probe.try_lock_shared().is_err() {
                return false;
            }
            std::thread::scope(|scope| {
                let taker = scope.spawn(|| take(&path).unwrap().is_some());
                drop(probe);
                taker.join().unwrap()
            })
        });
    }

    #[test]
    fn sees_runs_and_orphans_of_all_worktrees() {
        let sandbox = Sandbox::new();
        let baseline = sandbox.commit("one");
        sandbox.git(&["worktree", "add", "-q", "linked"]);
        let (main, linked) = (sandbox.store(), sandbox.store_at("linked"));
        let record = |store: &Store| Running {
            worktree: store.worktree.clone(),
            name: "warm-lynx".to_owned(),
            experiment_id: String::new(),
            baseline,
            pid: std::process::id(),
            commands: vec![StageCommand {
                stage: "train".to_owned(),
                line: 0,
                process: Process::describe(std::process::id()),
            }],
            started: 0,
        };
        assert!(main.running().unwrap().is_empty());
        let lock = RunLock::try_take(&linked).unwrap().unwrap();
        linked.set_run_record(Some(&record(&linked))).unwrap();
        assert_eq!(main.running().unwrap(), [record(&linked)]);
        assert_eq!(linked.running().unwrap(), [record(&linked)]);
        assert!(main.orphans().unwrap().is_empty());
        assert!(RunLock::try_take(&main).unwrap().is_some());

        // The runner died; its command, played by this process, did not.
        drop(lock);
        wait_until(|| main.running().unwrap().is_empty());
        assert_eq!(main.orphans().unwrap(), [record(&linked)]);
        linked.set_run_record(None).unwrap();
        assert!(main.orphans().unwrap().is_empty());
    }
}
