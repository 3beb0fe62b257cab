//! Sees the signal file the moment it appears, and knows which tracked files were written.
//!
//! Two inotify queues instead of one: only the queue of the signal folder wakes the runner, so a model
//! that is written in a million small pieces wakes nobody. The other queue is read when a signal has
//! been seen; the kernel queues an event inside the writing call, so a write before the signal is in
//! that queue by then. Where inotify is missing (other systems) or out of watches, the signal file is
//! polled every [`POLL_INTERVAL`], and what was written is not known.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::ops::Bound;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the signal file is looked for where nothing can be watched.
pub const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// How long a stage without checkpoints goes unwatched: the kernel takes ten milliseconds to end a
/// watch, longer than many a stage takes.
pub const UNWATCHED: Duration = Duration::from_millis(50);

/// Wakes when something appears in the folders of the signal files; by default it never does.
#[derive(Debug, Default)]
pub struct SignalWatch {
    queue: Option<OwnedFd>,
    folders: Vec<PathBuf>,
}

impl SignalWatch {
    /// Watches `folders`; those that cannot be watched make it a polling one.
    pub fn new(folders: &[&Path]) -> Self {
        let queue = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        let flags = WatchFlags::CREATE
            | WatchFlags::MOVED_TO
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ONLYDIR;
        let all_watched = queue.as_ref().is_some_and(|queue| {
            folders
                .iter()
                .all(|folder| inotify::add_watch(queue, *folder, flags).is_ok())
        });
        SignalWatch {
            queue: queue.filter(|_| all_watched),
            folders: folders.iter().map(|folder| folder.to_path_buf()).collect(),
        }
    }

    /// Whether it still watches these folders, and none of them went meanwhile. Forgets events.
    pub fn has(&self, folders: &[&Path]) -> bool {
        let Some(queue) = &self.queue else {
            return false;
        };
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(queue, &mut buffer);
        while let Ok(event) = reader.next() {
            if event.events().contains(ReadFlags::IGNORED) {
                return false;
            }
        }
        self.folders == folders
    }

    /// Returns what to poll for readability, or `None` if the caller must look every [`POLL_INTERVAL`].
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.queue.as_ref().map(|queue| queue.as_fd())
    }

    /// Forgets the events that woke us; the files themselves are looked at next.
    pub fn drain(&self) {
        let Some(queue) = &self.queue else { return };
        let mut buffer = [0_u8; 4096];
        while rustix::io::read(queue, &mut buffer).is_ok_and(|read| read > 0) {}
    }
}

const COMES_OR_GOES: ReadFlags = ReadFlags::CREATE
    .union(ReadFlags::DELETE)
    .union(ReadFlags::MOVED_FROM)
    .union(ReadFlags::MOVED_TO);

/// Watches the folders of tracked files; by default, none.
#[derive(Debug, Default)]
pub struct WriteWatch {
    queue: Option<OwnedFd>,
    folders: HashMap<i32, PathBuf>,
    /// All that were to be watched. Of one that is not there, the next one above it is.
    wanted: BTreeSet<PathBuf>,
}

impl WriteWatch {
    /// Watches `folders`, each given relative to `root`; none at all if there are more than `limit`.
    pub fn new(root: &Path, folders: impl IntoIterator<Item = PathBuf>, limit: usize) -> Self {
        let mut watch = WriteWatch {
            queue: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok(),
            ..WriteWatch::default()
        };
        for wanted in folders {
            for folder in wanted.ancestors() {
                match watch.add(root, folder, limit) {
                    Ok(()) => break,
                    Err(Errno::NOENT | Errno::NOTDIR) => {}
                    Err(_) => return WriteWatch::default(),
                }
            }
            watch.wanted.insert(wanted);
        }
        watch
    }

    fn add(&mut self, root: &Path, folder: &Path, limit: usize) -> Result<(), Errno> {
        let Some(queue) = &self.queue else {
            return Err(Errno::NOSYS);
        };
        let flags = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let descriptor = inotify::add_watch(queue, root.join(folder), flags)?;
        self.folders.insert(descriptor, folder.to_owned());
        if self.folders.len() > limit {
            return Err(Errno::NOSPC);
        }
        Ok(())
    }

    /// Whether anything is watched at all.
    pub fn works(&self) -> bool {
        self.queue.is_some()
    }

    /// Returns what was written since the last call, each path as its folder was given. `None` if that
    /// is not known, now and from then on: there is no watch, or it lost a folder or an event.
    pub fn take(&mut self) -> Option<BTreeSet<PathBuf>> {
        let paths = self.read();
        if paths.is_none() {
            *self = WriteWatch::default();
        }
        paths
    }

    fn wants_below(&self, path: &Path) -> bool {
        let mut next = self
            .wanted
            .range::<Path, _>((Bound::Included(path), Bound::Unbounded));
        next.next().is_some_and(|folder| folder.starts_with(path))
    }

    fn read(&self) -> Option<BTreeSet<PathBuf>> {
        let mut paths = BTreeSet::new();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(self.queue.as_ref()?, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Some(paths),
                Err(_) => return None,
            };
            let lost = ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED;
            if event.events().intersects(lost) {
                return None;
            }
            let folder = self.folders.get(&event.wd());
            if let (Some(folder), Some(name)) = (folder, event.file_name()) {
                let path = folder.join(OsStr::from_bytes(name.to_bytes()));
                // One of the folders, or above one: what it holds now is not what was watched.
                if event.events().contains(ReadFlags::ISDIR)
                    && event.events().intersects(COMES_OR_GOES)
                    && self.wants_below(&path)
                {
                    return None;
                }
                paths.insert(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_are_known_by_path_and_only_once() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("sub")).unwrap();
        let folders = [PathBuf::new(), PathBuf::from("sub")];
        let mut watch = WriteWatch::new(folder.path(), folders, 2);
        fs_err::write(folder.path().join("a"), "1").unwrap();
        fs_err::write(folder.path().join("sub/b"), "1").unwrap();
        let expected = [PathBuf::from("a"), PathBuf::from("sub/b")].into();
        assert_eq!(watch.take(), Some(expected));
        assert_eq!(watch.take(), Some(BTreeSet::new()));
    }

    #[test]
    fn a_folder_that_goes_away_is_not_trusted_any_more() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("sub")).unwrap();
        let mut watch = WriteWatch::new(folder.path(), [PathBuf::from("sub")], 1);
        fs_err::remove_dir(folder.path().join("sub")).unwrap();
        assert_eq!(watch.take(), None);
        assert!(!watch.works());
    }

    #[test]
    fn the_signal_folder_becomes_readable() {
        let folder = tempfile::tempdir().unwrap();
        let watch = SignalWatch::new(&[folder.path()]);
        let fd = watch.fd().unwrap();
        let mut fds = [rustix::event::PollFd::new(
            &fd,
            rustix::event::PollFlags::IN,
        )];
        let none = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        assert_eq!(rustix::event::poll(&mut fds, Some(&none)).unwrap(), 0);
        fs_err::write(folder.path().join("DVC_CHECKPOINT"), "").unwrap();
        assert_eq!(rustix::event::poll(&mut fds, Some(&none)).unwrap(), 1);
        watch.drain();
        assert_eq!(rustix::event::poll(&mut fds, Some(&none)).unwrap(), 0);
    }
}
