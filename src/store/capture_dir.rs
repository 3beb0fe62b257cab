//! Where copies of outputs wait to be recorded: a folder per run, with a lock that dies with the run.
//!
//! It lies in `<cache>/git-exp/`, which DVC's `gc` passes over (its objects lie one level below two
//! letters), so that a copy becomes an object by rename; or in `.dvc/tmp/git-exp/` where the cache is
//! on another file system than the project, so that training waits for a copy on one disk only.
//! Beside what the run puts there (see [`super::journal`]) it holds `lock` and `owner`, the git directory of the run's worktree.

use super::cache::Cache;
use super::journal::Journal;
use super::{durable, journal, leftovers};
use crate::error::{Context, Error, Result};
use crate::id;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;
use tempfile::NamedTempFile;

const LOCK: &str = "lock";
const OWNER: &str = "owner";

/// A run's folder, locked for as long as a handle to it lives; dropping the last one keeps the folder.
#[derive(Debug, Clone)]
pub struct CaptureDir(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Not there before the folder is.
    lock: OnceLock<File>,
    journal: Journal,
}

impl CaptureDir {
    fn new(path: PathBuf, lock: OnceLock<File>) -> Self {
        let journal = Journal::at(&path);
        CaptureDir(Arc::new(Inner {
            path,
            lock,
            journal,
        }))
    }

    /// Returns the journal that lies in it.
    pub fn journal(&self) -> Journal {
        self.0.journal.clone()
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns how many bytes can still be written beside the captures.
    pub fn free_space(&self) -> Result<u64> {
        free_space(self.path())
    }

    /// Returns when it was made, by the clock of its file system.
    pub fn made(&self) -> Result<SystemTime> {
        fs_err::metadata(self.path().join(OWNER))
            .and_then(|stat| stat.modified())
            .context(|| format!("cannot read '{}'", self.path().display()))
    }

    /// Returns the folder in it for the copies of this process; makes one if the folder is there.
    pub fn copies(&self) -> Result<PathBuf> {
        match self.0.lock.get() {
            None => Ok(self.path().join(journal::FIRST_COPIES)),
            Some(_) => journal::new_copies(self.path())
                .context(|| format!("cannot create a folder in '{}'", self.path().display())),
        }
    }

    /// Makes it for the run in the worktree whose git directory is `owner`, with the folder for copies.
    /// Does nothing where it is there.
    pub fn make(&self, cache: &Cache, owner: &Path) -> Result<()> {
        if self.0.lock.get().is_some() {
            return Ok(());
        }
        let path = self.path();
        let doing = || format!("cannot create the folder '{}'", path.display());
        cache.create_dir(durable::parent(path)).context(doing)?;
        fs_err::create_dir(path).context(doing)?;
        let make = || -> io::Result<Option<File>> {
            fs_err::write(path.join(OWNER), owner.as_os_str().as_bytes())?;
            let lock = fs_err::File::create_new(path.join(LOCK))?.into_file();
            let lock = take(path, lock)?;
            fs_err::create_dir(path.join(journal::FIRST_COPIES))?;
            Ok(lock)
        };
        let made = make().context(doing);
        match made.and_then(|lock| lock.ok_or_else(|| Error::io(doing()))) {
            Ok(lock) => {
                let _ours = self.0.lock.set(lock);
                Ok(())
            }
            Err(error) => {
                // The next stage tries again.
                let _stays = fs_err::remove_dir_all(path);
                Err(error)
            }
        }
    }

    /// Removes the folder with everything in it, if it was made.
    pub fn remove(self) -> Result<()> {
        match self.0.lock.get() {
            None => Ok(()),
            Some(_) => fs_err::remove_dir_all(self.path())
                .context(|| format!("cannot remove '{}'", self.path().display())),
        }
    }
}

impl Cache {
    /// Returns where a run has its folder. Nothing is made before [`CaptureDir::make`]: a run in which
    /// nothing has to run needs none. Refuses where none can be made.
    pub fn capture_dir(&self) -> Result<CaptureDir> {
        let base = self.captures_base()?;
        let cannot = || format!("cannot create a folder in '{}'", base.display());
        match rustix::fs::access(&base, rustix::fs::Access::WRITE_OK) {
            Err(rustix::io::Errno::NOENT) => self.create_dir(&base).context(cannot)?,
            writable => writable.context(cannot)?,
        }
        let name = format!("run-{:016x}", u64::from_le_bytes(id::random()?));
        Ok(CaptureDir::new(base.join(name), OnceLock::new()))
    }

    /// Returns, locked, the folders that killed runs of the worktree `owner` left behind, and old ones
    /// that nobody owns. The caller holds the run lock of that worktree.
    pub fn leftover_captures(&self, owner: &Path) -> Result<Vec<CaptureDir>> {
        let mut leftovers = Vec::new();
        for base in self.captures_bases() {
            leftovers::clear_old(&base)?;
            let cannot = || format!("cannot list '{}'", base.display());
            let entries = match fs_err::read_dir(&base) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).context(cannot),
            };
            for entry in entries {
                let path = entry.context(cannot)?.path();
                // A folder that vanishes, or belongs to another repository, is nobody's loss.
                let is_left_behind = match fs_err::read(path.join(OWNER)) {
                    Ok(found) => found == owner.as_os_str().as_bytes(),
                    Err(_) => path.is_dir() && leftovers::is_old(&path),
                };
                if !is_left_behind {
                    continue;
                }
                // It may have been killed before it made its lock.
                let lock = fs_err::OpenOptions::new()
                    .create(true)
                    .truncate(false)
                    .write(true)
                    .open(path.join(LOCK))
                    .and_then(|lock| take(&path, lock.into_file()));
                if let Ok(Some(lock)) = lock {
                    leftovers.push(CaptureDir::new(path, lock.into()));
                }
            }
        }
        leftovers.sort_by(|a, b| a.path().cmp(b.path()));
        Ok(leftovers)
    }

    /// Creates a temporary file that becomes an object by rename.
    pub(super) fn temporary(&self) -> io::Result<NamedTempFile> {
        let [folder, _] = self.captures_bases();
        self.create_dir(&folder)?;
        durable::temporary_in(&folder, 0o600)
    }

    fn captures_bases(&self) -> [PathBuf; 2] {
        [
            self.dir.join("git-exp"),
            self.project.join(".dvc/tmp/git-exp"),
        ]
    }

    /// Returns the folder for captures on the file system of the outputs.
    fn captures_base(&self) -> Result<PathBuf> {
        let cannot = |path: &Path| format!("cannot create the directory '{}'", path.display());
        self.create_dir(&self.dir).context(|| cannot(&self.dir))?;
        let device = |path: &Path| fs_err::metadata(path).map(|stat| stat.dev());
        let same = device(&self.dir).ok() == device(&self.project).ok();
        let [in_cache, in_project] = self.captures_bases();
        Ok(if same { in_cache } else { in_project })
    }
}

/// Returns how many bytes an ordinary user can still write on the file system of `path`.
pub fn free_space(path: &Path) -> Result<u64> {
    let stat = rustix::fs::statvfs(path)
        .context(|| format!("cannot find out the free space at '{}'", path.display()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Locks the folder, or returns `None` if another process has it, or had it and removed it.
fn take(dir: &Path, lock: File) -> io::Result<Option<File>> {
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let ours = lock.metadata()?;
    let there = fs_err::metadata(dir.join(LOCK));
    Ok(there
        .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        .then_some(lock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_killed_run_left_behind_and_only_that() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join(".dvc/cache"), root.path());
        fs_err::create_dir(root.path().join(".dvc")).unwrap();
        let owner = Path::new("/repo/.git");
        assert!(cache.leftover_captures(owner).unwrap().is_empty());

        let make = |owner: &Path| {
            let folder = cache.capture_dir().unwrap();
            folder.make(&cache, owner).unwrap();
            folder
        };
        let (running, killed) = (make(owner), make(owner));
        running.make(&cache, owner).unwrap();
        let killed_path = killed.path().to_owned();
        fs_err::write(killed.path().join("model"), "x").unwrap();
        drop(killed);
        drop(make(Path::new("/other/.git")));
        assert!(killed_path.starts_with(root.path().join(".dvc/cache/git-exp")));

        let leftovers = cache.leftover_captures(owner).unwrap();
        assert_eq!(leftovers.len(), 1);
        assert_eq!(leftovers[0].path(), killed_path);
        // They are ours now.
        assert!(cache.leftover_captures(owner).unwrap().is_empty());
        for leftover in leftovers {
            leftover.remove().unwrap();
        }
        assert!(!killed_path.exists());
        assert!(running.path().exists());
        assert!(running.free_space().unwrap() > 0);
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "ages of files")]
    fn a_folder_that_was_never_finished_goes_too() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join(".dvc/cache"), root.path());
        let owner = Path::new("/repo/.git");
        let base = root.path().join(".dvc/cache/git-exp");
        for name in ["run-unlocked", "run-old", "run-young"] {
            fs_err::create_dir_all(base.join(name)).unwrap();
        }
        fs_err::write(base.join("run-unlocked/owner"), "/repo/.git").unwrap();
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
        let folder = fs_err::File::open(base.join("run-old")).unwrap();
        let times = std::fs::FileTimes::new().set_modified(old);
        folder.file().set_times(times).unwrap();
        let found = cache.leftover_captures(owner).unwrap();
        let names: Vec<_> = found.iter().map(|left| left.path().file_name()).collect();
        assert_eq!(
            names,
            [Some("run-old".as_ref()), Some("run-unlocked".as_ref())]
        );
    }
}
