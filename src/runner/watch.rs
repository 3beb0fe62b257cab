//! Sees the signal file the moment it appears, and knows which tracked files were written.
//!
//! Two inotify queues instead of one: only the queue of the signal folder wakes the runner, so a model
//! that is written in a million small pieces wakes nobody. The other queue is read when a signal has
//! been seen; the kernel queues an event inside the writing call, so a write before the signal is in
//! that queue by then. Where inotify is missing (other systems) or out of watches, the signal file is
//! polled every [`POLL_INTERVAL`] and [`Written::Unknown`] is the answer.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the signal file is looked for where nothing can be watched.
pub const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Wakes when something appears in the folders of the signal files.
#[derive(Debug)]
pub struct SignalWatch {
    queue: Option<OwnedFd>,
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
        }
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

/// Which tracked files were written since the last question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// Exactly these, as given to [`WriteWatch::new`]'s folders, joined with the file's name.
    Paths(BTreeSet<PathBuf>),
    /// Watching failed or overflowed: any may have been.
    Unknown,
}

/// Watches the folders of tracked files.
#[derive(Debug)]
pub struct WriteWatch {
    queue: Option<OwnedFd>,
    folders: HashMap<i32, PathBuf>,
}

impl WriteWatch {
    /// Watches `folders`, each given relative to `root`.
    pub fn new(root: &Path, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let unwatched = WriteWatch {
            queue: None,
            folders: HashMap::new(),
        };
        let Ok(queue) = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC) else {
            return unwatched;
        };
        let flags = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let mut watched = HashMap::new();
        for folder in folders {
            match inotify::add_watch(&queue, root.join(&folder), flags) {
                Ok(descriptor) => drop(watched.insert(descriptor, folder)),
                // A folder of tracked files that were all deleted: nothing there can be written unseen,
                // because making it again happens in its parent.
                Err(Errno::NOENT | Errno::NOTDIR) => {}
                Err(_) => return unwatched,
            }
        }
        WriteWatch {
            queue: Some(queue),
            folders: watched,
        }
    }

    /// Whether anything is watched at all.
    pub fn works(&self) -> bool {
        self.queue.is_some()
    }

    /// Returns what was written since the last call.
    pub fn take(&mut self) -> Written {
        let Some(queue) = &self.queue else {
            return Written::Unknown;
        };
        let mut paths = BTreeSet::new();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(queue, &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => {
                    if event
                        .events()
                        .intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED)
                    {
                        self.queue = None;
                        return Written::Unknown;
                    }
                    if let (Some(folder), Some(name)) =
                        (self.folders.get(&event.wd()), event.file_name())
                    {
                        paths.insert(folder.join(OsStr::from_bytes(name.to_bytes())));
                    }
                }
                Err(Errno::AGAIN) => return Written::Paths(paths),
                Err(_) => {
                    self.queue = None;
                    return Written::Unknown;
                }
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
        let mut watch = WriteWatch::new(folder.path(), [PathBuf::new(), PathBuf::from("sub")]);
        fs_err::write(folder.path().join("a"), "1").unwrap();
        fs_err::write(folder.path().join("sub/b"), "1").unwrap();
        let expected = [PathBuf::from("a"), PathBuf::from("sub/b")].into();
        assert_eq!(watch.take(), Written::Paths(expected));
        assert_eq!(watch.take(), Written::Paths(BTreeSet::new()));
    }

    #[test]
    fn a_folder_that_goes_away_is_not_trusted_any_more() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("sub")).unwrap();
        let mut watch = WriteWatch::new(folder.path(), [PathBuf::from("sub")]);
        fs_err::remove_dir(folder.path().join("sub")).unwrap();
        assert_eq!(watch.take(), Written::Unknown);
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
