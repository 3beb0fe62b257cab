//! What a ref transaction is about to lock, so that a kill leaves no lock for ever.
//!
//! One small file per transaction, `<common dir>/git-exp/locks/<pid>-<n>`, exists while the
//! transaction runs, and its writer holds an OS lock on it: whether the writer lives is asked of the
//! kernel, in all worktrees alike, and a process id that came round again misleads nobody.
//! Each line is the new value of a ref (`-`: none, or packed-refs) and the path of a lock.

use super::refs::{RefChange, lock_path};
use super::{Store, age, durable};
use crate::error::{Context, Result};
use std::fs::TryLockError;
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A lock of ours and one that git holds for milliseconds look alike until it gets older than this.
const SETTLED: Duration = Duration::from_secs(1);

/// No transaction, waiting included, takes as long; a younger lock is not of a dead one.
const LONGEST: Duration = Duration::from_secs(120);

const PACKED_REFS_LOCK: &str = "packed-refs.lock";

/// The declared locks of one transaction; goes with the value.
pub(super) struct Intent {
    path: PathBuf,
    /// Held locked until the value goes.
    _file: std::fs::File,
}

impl Intent {
    /// Declares the locks of `changes`; they may be taken after this.
    ///
    /// The file appears complete and locked: whoever is killed before that has declared nothing.
    pub fn declare(common_dir: &Path, changes: &[RefChange]) -> std::io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = folder(common_dir);
        fs_err::create_dir_all(&folder)?;
        let mut file = durable::temporary_in(durable::parent(&folder), 0o666)?;
        file.as_file().lock()?;
        file.write_all(text(common_dir, changes).as_bytes())?;
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{}-{number}", std::process::id()));
            // Not synced: a lock that a power cut leaves is older than the machine's start, see below.
            match file.persist_noclobber(&path) {
                Ok(_file) => return Ok(Intent { path, _file }),
                // Of a process that had our id, and is dead: its locks come first. Or that has it now, in
                // another container: then the next number is free.
                Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    clear(common_dir, &path)?;
                    file = failed.file;
                }
                Err(failed) => return Err(failed.error),
            }
        }
    }
}

impl Drop for Intent {
    fn drop(&mut self) {
        // A leftover of a live transaction is cleared by the next command.
        let _ = fs_err::remove_file(&self.path);
    }
}

impl Store {
    /// Removes the locks that killed processes of ours left behind, and returns their paths.
    ///
    /// Locks of live processes, and of git itself, stay.
    pub fn clear_stale_locks(&self) -> Result<Vec<PathBuf>> {
        let folder = folder(&self.common_dir);
        let doing = || format!("cannot clear stale locks in '{}'", folder.display());
        let entries = match fs_err::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.context(doing)?,
        };
        let mut removed = Vec::new();
        for entry in entries {
            let path = entry.context(doing)?.path();
            removed.extend(clear(&self.common_dir, &path).context(doing)?);
        }
        Ok(removed)
    }
}

/// Removes the locks of these changes that were made before the machine started: their writers are
/// dead, whoever they were, and a power cut may have taken the intent.
pub(super) fn clear_locks_before_boot(
    common_dir: &Path,
    changes: &[RefChange],
) -> std::io::Result<()> {
    let Some(start) = age::boot() else {
        return Ok(());
    };
    let locks = changes
        .iter()
        .map(|change| lock_path(common_dir, &change.name))
        .chain([common_dir.join(PACKED_REFS_LOCK)]);
    for lock in locks {
        let Ok(made) = fs_err::metadata(&lock).and_then(|metadata| metadata.modified()) else {
            continue;
        };
        // The age as well: clocks may be set while the machine runs.
        if made < start && age::since(made) > LONGEST {
            match fs_err::remove_file(&lock) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

fn folder(common_dir: &Path) -> PathBuf {
    common_dir.join("git-exp").join("locks")
}

fn text(common_dir: &Path, changes: &[RefChange]) -> String {
    let mut text = String::new();
    for change in changes {
        let value = match change.new {
            Some(id) => id.to_string(),
            None => "-".to_owned(),
        };
        let lock = lock_path(common_dir, &change.name);
        let lock = lock.strip_prefix(common_dir).unwrap_or(&lock);
        text.push_str(&format!("{value} {}\n", lock.display()));
    }
    text.push_str(&format!("- {PACKED_REFS_LOCK}\n"));
    text
}

/// Removes the locks of one intent whose writer is dead, then the intent.
fn clear(common_dir: &Path, intent: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut file = match fs_err::OpenOptions::new()
        .read(true)
        .write(true)
        .open(intent)
    {
        Ok(file) => file.into_parts().0,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(Vec::new()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let written = file.metadata()?.modified()?;
    let mut text = String::new();
    file.rewind()?;
    file.read_to_string(&mut text)?;
    let mut removed = Vec::new();
    for line in text.lines() {
        let Some((value, lock)) = line.split_once(' ') else {
            continue;
        };
        let inside = lock.ends_with(".lock") && !lock.split('/').any(|part| part == "..");
        let lock = common_dir.join(lock);
        if inside && is_left_behind(&lock, value, written)? {
            match fs_err::remove_file(&lock) {
                Ok(()) => removed.push(lock),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }
    match fs_err::remove_file(intent) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(removed),
    }
}

/// Whether a lock is that of the transaction whose intent was `written` then: made after it, with
/// nothing else in it than the new value, and there for longer than git ever holds one.
fn is_left_behind(lock: &Path, value: &str, written: SystemTime) -> std::io::Result<bool> {
    loop {
        let (made, content) = match fs_err::metadata(lock).and_then(|metadata| {
            let made = metadata.modified()?;
            Ok((made, fs_err::read(lock)?))
        }) {
            Ok(seen) => seen,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let ours = lock.ends_with(PACKED_REFS_LOCK)
            || content.is_empty()
            || content.trim_ascii_end() == value.as_bytes();
        // File times are coarser than the clock: a few milliseconds of slack.
        let in_time = made + Duration::from_millis(20) >= written && made <= written + LONGEST;
        if !ours || !in_time {
            return Ok(false);
        }
        let age = age::since(made);
        if age >= SETTLED {
            return Ok(true);
        }
        std::thread::sleep(SETTLED - age);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "ages of files")]

    use super::*;
    use crate::id::ObjectId;
    use crate::store::testing::Sandbox;

    fn backdate(path: &Path, by: Duration) {
        let file = fs_err::File::open(path).unwrap().into_parts().0;
        let time = age::now() - by;
        file.set_times(std::fs::FileTimes::new().set_modified(time))
            .unwrap();
    }

    /// What a kill leaves: the intent unlocked, the locks in place.
    fn killed(sandbox: &Sandbox, reference: &str, new: ObjectId) -> PathBuf {
        let changes = [RefChange::create(reference, new)];
        let intent = Intent::declare(&sandbox.path(".git"), &changes).unwrap();
        let path = intent.path.clone();
        let left = path.with_file_name("left");
        fs_err::copy(&path, &left).unwrap();
        drop(intent);
        backdate(&left, Duration::from_secs(5));
        left
    }

    #[test]
    fn locks_of_the_dead_go() {
        let sandbox = Sandbox::new();
        let new = sandbox.commit("one");
        let store = sandbox.store();
        assert_eq!(store.clear_stale_locks().unwrap(), Vec::<PathBuf>::new());
        let intent = killed(&sandbox, "refs/git-exp/a", new);
        let lock = sandbox.path(".git/refs/git-exp/a.lock");
        sandbox.write(".git/refs/git-exp/a.lock", format!("{new}\n"));
        sandbox.write(".git/packed-refs.lock", "");
        backdate(&lock, Duration::from_secs(4));
        let packed = sandbox.path(".git/packed-refs.lock");
        backdate(&packed, Duration::from_secs(4));
        assert_eq!(
            store.clear_stale_locks().unwrap(),
            [lock.clone(), packed.clone()]
        );
        assert!(!lock.exists() && !packed.exists() && !intent.exists());
        store
            .change_refs(&[RefChange::create("refs/git-exp/a", new)])
            .unwrap();
    }

    #[test]
    fn locks_of_others_stay() {
        let sandbox = Sandbox::new();
        let new = sandbox.commit("one");
        let store = sandbox.store();
        let lock = sandbox.path(".git/refs/git-exp/a.lock");

        // Another value: git's.
        killed(&sandbox, "refs/git-exp/a", new);
        sandbox.write(".git/refs/git-exp/a.lock", format!("{}\n", "1".repeat(40)));
        backdate(&lock, Duration::from_secs(4));
        assert_eq!(store.clear_stale_locks().unwrap(), Vec::<PathBuf>::new());

        // Older than the intent.
        killed(&sandbox, "refs/git-exp/a", new);
        sandbox.write(".git/refs/git-exp/a.lock", "");
        backdate(&lock, Duration::from_secs(60));
        assert_eq!(store.clear_stale_locks().unwrap(), Vec::<PathBuf>::new());

        // A live writer.
        let changes = [RefChange::create("refs/git-exp/a", new)];
        let intent = Intent::declare(&sandbox.path(".git"), &changes).unwrap();
        sandbox.write(".git/refs/git-exp/a.lock", "");
        backdate(&lock, Duration::from_secs(4));
        assert_eq!(store.clear_stale_locks().unwrap(), Vec::<PathBuf>::new());
        assert!(lock.exists() && intent.path.exists());
    }

    #[test]
    fn locks_from_before_the_start_of_the_machine_go() {
        let sandbox = Sandbox::new();
        let new = sandbox.commit("one");
        let changes = [RefChange::create("refs/git-exp/a", new)];
        let lock = sandbox.path(".git/refs/git-exp/a.lock");
        let clear = || clear_locks_before_boot(&sandbox.path(".git"), &changes).unwrap();
        sandbox.write(".git/refs/git-exp/a.lock", "");
        clear();
        assert!(lock.exists());
        let Some(start) = age::boot() else {
            eprintln!("skipped: the start of the machine is not known here");
            return;
        };
        backdate(&lock, age::since(start) + Duration::from_secs(3600));
        clear();
        assert!(!lock.exists());
    }

    #[test]
    fn an_intent_points_nowhere_else() {
        let sandbox = Sandbox::new();
        let new = sandbox.commit("one");
        let intent = killed(&sandbox, "refs/git-exp/a", new);
        sandbox.write("precious.lock", "");
        fs_err::write(&intent, "- ../precious.lock\nnonsense\n").unwrap();
        backdate(&intent, Duration::from_secs(5));
        backdate(&sandbox.path("precious.lock"), Duration::from_secs(4));
        assert_eq!(
            sandbox.store().clear_stale_locks().unwrap(),
            Vec::<PathBuf>::new()
        );
        assert!(sandbox.path("precious.lock").exists());
    }
}
