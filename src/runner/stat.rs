//! When an unchanged stat means unchanged content.
//!
//! A file that is written twice within the clock's grain can have one stat for two contents. So a stat
//! is only trusted if it was already older than the grain when the content was read: the rule git uses
//! for its index ("racy git"), with ctime beside mtime, since mtime can be set at will.

use crate::capture::AsOf;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// What tells one content of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Mode with the file type.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    mtime: Nanoseconds,
    ctime: Nanoseconds,
}

/// Since the epoch, from 1677 to 2262. A folder of many files is remembered by them.
type Nanoseconds = i64;

/// Returns the time, to be compared with the time stamps of files.
#[expect(
    clippy::disallowed_methods,
    reason = "the age of files; the time of commits comes from git"
)]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// How close to "now" a time stamp may be and still tell two writes apart on ordinary file systems.
const FINE_GRAIN: Duration = Duration::from_millis(20);
/// The same on file systems that store whole seconds (or two, as FAT does).
const COARSE_GRAIN: Duration = Duration::from_secs(2);

/// A file of so many bytes takes longer to hash than to wait for.
const LARGE: u64 = 8 << 20;
/// A folder that takes so many bytes itself, beyond its first block, has a hundred files or more.
const MANY_FILES: u64 = 4097;

/// Waits until what these files and folders look like tells their contents from all later ones, if one
/// of them is large: twenty milliseconds, and to read it once more would take longer.
pub fn let_settle(paths: impl Iterator<Item = PathBuf>) {
    let now = nanos(now());
    let mut stats =
        paths.filter_map(|path| Some(FileStat::from_rustix(&rustix::fs::stat(path).ok()?)));
    let is_young = |stat: FileStat| {
        let least = if stat.is_dir() { MANY_FILES } else { LARGE };
        stat.size >= least && !stat.is_settled(now)
    };
    if stats.any(is_young) {
        std::thread::sleep(FINE_GRAIN + Duration::from_millis(1));
    }
}

impl FileStat {
    /// Takes over what `lstat` or `fstat` said.
    pub fn from_rustix(stat: &rustix::fs::Stat) -> Self {
        let nanos = |seconds: Nanoseconds, nanos: Nanoseconds| {
            seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
        };
        FileStat {
            device: stat.st_dev,
            inode: stat.st_ino,
            mode: stat.st_mode,
            size: stat.st_size as u64,
            mtime: nanos(stat.st_mtime, stat.st_mtime_nsec as Nanoseconds),
            ctime: nanos(stat.st_ctime, stat.st_ctime_nsec as Nanoseconds),
        }
    }

    /// Returns what the recorder may remember the file by.
    pub fn as_of(&self) -> AsOf {
        AsOf {
            device: self.device,
            inode: self.inode,
            size: self.size,
            mtime: self.mtime,
            ctime: self.ctime,
        }
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        rustix::fs::FileType::from_raw_mode(self.mode).is_file()
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        rustix::fs::FileType::from_raw_mode(self.mode).is_dir()
    }

    /// Whether it is a symbolic link.
    pub fn is_symlink(&self) -> bool {
        rustix::fs::FileType::from_raw_mode(self.mode).is_symlink()
    }

    /// Whether the owner may execute it.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }

    /// The later of mtime and ctime, in nanoseconds since the epoch.
    pub fn newest(&self) -> i128 {
        self.mtime.max(self.ctime).into()
    }

    /// When it was written last, in nanoseconds since the epoch.
    pub fn mtime(&self) -> i128 {
        self.mtime.into()
    }

    /// Whether a content read at `read_at` (nanoseconds since the epoch) can be told by this stat from all later ones.
    pub fn is_settled(&self, read_at: i128) -> bool {
        let whole_seconds = self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0;
        let grain = if whole_seconds {
            COARSE_GRAIN
        } else {
            FINE_GRAIN
        };
        read_at - self.newest() > grain.as_nanos() as i128
    }
}

/// Returns nanoseconds since the epoch.
pub fn nanos(time: SystemTime) -> i128 {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(mtime: Nanoseconds, ctime: Nanoseconds) -> FileStat {
        FileStat {
            device: 1,
            inode: 2,
            mode: 0o100_644,
            size: 3,
            mtime,
            ctime,
        }
    }

    const SECOND: Nanoseconds = 1_000_000_000;
    const MILLI: Nanoseconds = 1_000_000;

    #[test]
    fn a_stat_younger_than_the_grain_is_not_trusted() {
        let at = 100 * SECOND + 7;
        assert!(!stat(at, at).is_settled((at + 19 * MILLI).into()));
        assert!(stat(at, at).is_settled((at + 21 * MILLI).into()));
    }

    #[test]
    fn ctime_counts_even_if_mtime_was_set_back() {
        let at = 100 * SECOND + 7;
        assert!(!stat(SECOND, at).is_settled((at + 5 * MILLI).into()));
    }

    #[test]
    fn whole_seconds_need_two_seconds() {
        let at = 100 * SECOND;
        assert!(!stat(at, at).is_settled((at + SECOND + 500 * MILLI).into()));
        assert!(stat(at, at).is_settled((at + 2 * SECOND + MILLI).into()));
    }

    #[test]
    fn a_clock_that_went_back_trusts_nothing() {
        let at = 100 * SECOND + 7;
        assert!(!stat(at, at).is_settled((at - 3600 * SECOND).into()));
    }

    #[test]
    fn waits_for_large_files() {
        let dir = tempfile::tempdir().unwrap();
        let paths = ["none", "large"].map(|name| dir.path().join(name));
        fs_err::write(&paths[1], vec![1; LARGE as usize]).unwrap();
        let_settle(paths.iter().cloned());
        let stat = FileStat::from_rustix(&rustix::fs::stat(&paths[1]).unwrap());
        assert!(stat.is_settled(nanos(now())));
    }
}
