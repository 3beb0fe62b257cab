//! How many captured bytes the recorder has not read yet.
//!
//! A stage that reads what the stage before has written asks for the hash of what the recorder is
//! reading at that moment. It waits for that instead of reading it a second time.

use crate::progress::Progress;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is smaller, in bytes, is read twice sooner than waited for.
const WORTH_WAITING: u64 = 1 << 20;
/// The same of files.
const MANY_FILES: u64 = 100;
/// How often the wait looks, which is a thousandth of what it waits for at least.
const PAUSE: Duration = Duration::from_millis(1);

/// Shared by the runner's side, which adds, and the recorder, which takes away.
#[derive(Debug, Clone, Default)]
pub(super) struct Unread(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    /// Of all captures.
    left: AtomicU64,
    /// Of the one that is being read.
    current: AtomicU64,
    /// In how many files.
    files: AtomicU64,
}

impl Unread {
    /// A capture of so many bytes in so many files is on its way.
    pub fn add(&self, bytes: u64, files: u64) {
        self.0.left.fetch_add(bytes, Ordering::AcqRel);
        self.0.files.fetch_add(files, Ordering::AcqRel);
    }

    /// Starts with such a capture; all of it counts as read when the result is dropped.
    pub fn take(&self, bytes: u64, files: u64) -> Taken {
        self.0.current.store(bytes, Ordering::Release);
        Taken(self.clone(), files)
    }

    /// Counts what is read of the capture.
    pub fn count<R: Read>(&self, reader: R) -> impl Read {
        Counted(reader, self.clone())
    }

    /// Waits until all is read that was on its way, as long as somebody reads it, which `goes_on` tells.
    pub fn wait(&self, progress: &Progress, what: &str, goes_on: impl Fn() -> bool) {
        let mut left = self.left();
        if left < WORTH_WAITING && self.files() < MANY_FILES {
            return;
        }
        let piece = progress.begin(what, left);
        while (left > 0 || self.files() > 0) && goes_on() {
            std::thread::sleep(PAUSE);
            let now = self.left();
            piece.add(left.saturating_sub(now));
            left = now;
        }
    }

    fn left(&self) -> u64 {
        self.0.left.load(Ordering::Acquire)
    }

    fn files(&self) -> u64 {
        self.0.files.load(Ordering::Acquire)
    }

    fn subtract(&self, bytes: u64) {
        let less = |of: u64| Some(of.saturating_sub(bytes));
        let before = self
            .0
            .current
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        let bytes = bytes.min(before.unwrap_or_default());
        self.0.left.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// A capture that is being read.
pub(super) struct Taken(Unread, u64);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.subtract(u64::MAX);
        let files = &self.0.0.files;
        files.fetch_sub(self.1, Ordering::AcqRel);
    }
}

struct Counted<R>(R, Unread);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.subtract(count as u64);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_down_to_nothing() {
        let unread = Unread::default();
        unread.add(100, 1);
        unread.add(10, 1);
        let taken = unread.take(100, 1);
        let mut buffer = [0; 64];
        assert_eq!(unread.count(&[1; 60][..]).read(&mut buffer).unwrap(), 60);
        assert_eq!(unread.left(), 50);
        // Longer than it was when it was captured.
        assert_eq!(unread.count(&[1; 64][..]).read(&mut buffer).unwrap(), 64);
        assert_eq!(unread.left(), 10);
        drop(taken);
        assert_eq!(unread.left(), 10);
        drop(unread.take(10, 1));
        assert_eq!(unread.left(), 0);
    }

    #[test]
    fn waits_for_large_captures_only() {
        let unread = Unread::default();
        let wait = |goes_on: &dyn Fn() -> bool| unread.wait(&Progress::default(), "x", goes_on);
        unread.add(WORTH_WAITING - 1, 1);
        wait(&|| panic!("not waited for"));
        unread.add(1, 0);
        wait(&|| {
            drop(unread.take(WORTH_WAITING, 1));
            true
        });
        assert_eq!((unread.left(), unread.files()), (0, 0));
        unread.add(0, MANY_FILES);
        wait(&|| {
            drop(unread.take(0, MANY_FILES));
            true
        });
        unread.add(WORTH_WAITING, 1);
        wait(&|| false);
    }
}
