//! What tells one content of a file from another without reading it.

use crate::capture::AsOf;
use rustix::time::{ClockId, clock_gettime};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

/// How much older than the moment of reading a file's times must be, in nanoseconds, for a later
/// write to be sure to show in them: some ticks of the kernel's clock.
const SETTLED: i64 = 20_000_000;
/// The same where the file system keeps whole seconds.
const SETTLED_COARSE: i64 = 2_000_000_000;

/// Identifies the content of a file, whatever its path is.
///
/// That is its inode, size, mtime and ctime. Giving a file another name changes its ctime, taking one
/// away too: the object of a cache whose outputs are hard links would be another one with each worktree
/// that comes or goes. So of a file that nobody may write to, as those objects are, the time of its birth
/// stands for its ctime: it tells the inode from any other that had its number before. What it does not
/// tell is a write by who made the file writable, put back its mtime to the nanosecond, and its mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    pub(super) mtime: i64,
    /// The ctime, or the time of birth.
    pub(super) changed: i64,
    /// Whether it is the time of birth.
    pub(super) guarded: bool,
}

impl Stat {
    /// Takes what matters of `metadata`.
    pub fn of(metadata: &Metadata) -> Self {
        let birth = match metadata.mode() & 0o222 {
            0 => metadata.created().ok().and_then(since_epoch),
            _ => None,
        };
        Stat {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: birth.unwrap_or_else(|| nanoseconds(metadata.ctime(), metadata.ctime_nsec())),
            guarded: birth.is_some(),
        }
    }

    /// Returns the bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether both are of one inode.
    pub fn is_same_file(&self, other: &Stat) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether the other one is of this file as it was before it got, or lost, another name.
    pub fn differs_in_change_only(&self, other: &Stat) -> bool {
        let changed = self.changed;
        self.changed != other.changed && *self == Stat { changed, ..*other }
    }

    /// Whether a write after `now` (nanoseconds since the epoch) is sure to change this stat.
    pub fn is_settled(&self, now: i64) -> bool {
        let margin = if self.is_coarse() {
            SETTLED_COARSE
        } else {
            SETTLED
        };
        self.newest().saturating_add(margin) < now
    }

    /// Whether the kernel's clock has ticked since, so that a write from now on changes this stat.
    pub(super) fn is_past(&self, tick: i64) -> bool {
        !self.is_coarse() && self.newest() < tick
    }

    /// Whether the kernel has stamped this file between two ticks of its clock (`tick` is the last one), as
    /// Linux from 6.13 on does where a file was asked for its times before. Having been asked for this
    /// stat, it gives the next write another time, too. Where file systems have that: [`Grain`].
    pub(super) fn is_between_ticks(&self, tick: i64) -> bool {
        !self.guarded && self.changed > tick
    }

    fn newest(&self) -> i64 {
        self.mtime.max(self.changed)
    }

    fn is_coarse(&self) -> bool {
        self.mtime % 1_000_000_000 == 0 && self.changed % 1_000_000_000 == 0
    }
}

impl From<AsOf> for Stat {
    /// Of a file that may be written to: what was captured never is anything else.
    fn from(seen: AsOf) -> Self {
        Stat {
            device: seen.device,
            inode: seen.inode,
            size: seen.size,
            mtime: seen.mtime,
            changed: seen.ctime,
            guarded: false,
        }
    }
}

/// How a file system stamps its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grain {
    device: u64,
    /// One of those that Linux stamps between ticks, by its own clock: a server may have another one.
    may_be_fine: bool,
}

impl Grain {
    /// Looks at the file system of `folder`; `None` where that fails.
    #[cfg(target_os = "linux")]
    pub fn of(folder: &Path) -> Option<Self> {
        const EXT4: u64 = 0xef53;
        const XFS: u64 = 0x5846_5342;
        const BTRFS: u64 = 0x9123_683e;
        const TMPFS: u64 = 0x0102_1994;
        let kind = rustix::fs::statfs(folder).ok()?.f_type as u64;
        Some(Grain {
            device: fs_err::metadata(folder).ok()?.dev(),
            may_be_fine: [EXT4, XFS, BTRFS, TMPFS].contains(&(kind & 0xffff_ffff)),
        })
    }

    /// Looks at the file system of `folder`: nothing is known of it here.
    #[cfg(not(target_os = "linux"))]
    pub fn of(_folder: &Path) -> Option<Self> {
        None
    }

    /// Whether a file of this stat may be stamped between ticks.
    pub fn is_fine(self, stat: &Stat) -> bool {
        self.may_be_fine && self.device == stat.device
    }
}

/// Returns the time that file systems stamp files with, in nanoseconds since the epoch.
pub fn now() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    nanoseconds(now.tv_sec, now.tv_nsec)
}

/// Returns the kernel's clock as it stands in the stamps of files that are written now.
pub(super) fn tick() -> i64 {
    #[cfg(target_os = "linux")]
    let now = clock_gettime(ClockId::RealtimeCoarse);
    #[cfg(not(target_os = "linux"))]
    let now = clock_gettime(ClockId::Realtime);
    nanoseconds(now.tv_sec, now.tv_nsec)
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

/// Some file systems say 0 instead of nothing.
fn since_epoch(time: SystemTime) -> Option<i64> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos())
        .ok()
        .filter(|time| *time > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn stat(mtime: i64) -> Stat {
        Stat {
            device: 1,
            inode: 7,
            size: 3,
            mtime,
            changed: mtime,
            guarded: false,
        }
    }

    #[test]
    fn does_not_trust_a_file_written_as_it_was_read() {
        let at = 1_700_000_000_123_456_789;
        assert!(!stat(at).is_settled(at));
        assert!(!stat(at).is_settled(at + SETTLED));
        assert!(stat(at).is_settled(at + SETTLED + 1));
        let coarse = 1_700_000_000_000_000_000;
        assert!(!stat(coarse).is_settled(coarse + SETTLED + 1));
        assert!(stat(coarse).is_settled(coarse + SETTLED_COARSE + 1));
        // A clock that was set back: never trusted.
        assert!(!stat(at).is_settled(at - 1));
    }

    fn look(path: &Path) -> Stat {
        Stat::of(&fs_err::metadata(path).unwrap())
    }

    fn set_mode(path: &Path, mode: u32) {
        fs_err::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn an_object_stays_the_same_whatever_links_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let [object, link] = ["object", "link"].map(|name| dir.path().join(name));
        fs_err::write(&object, "1").unwrap();
        if fs_err::metadata(&object).unwrap().created().is_err() {
            return;
        }
        let writable = look(&object);
        set_mode(&object, 0o444);
        let before = look(&object);
        assert_ne!(before, writable);
        fs_err::hard_link(&object, &link).unwrap();
        assert_eq!((look(&object), look(&link)), (before, before));
        fs_err::remove_file(&link).unwrap();
        assert_eq!(look(&object), before);

        let settled = before.newest();
        while tick() <= settled {
            std::thread::yield_now();
        }
        set_mode(&object, 0o644);
        fs_err::write(&object, "2").unwrap();
        set_mode(&object, 0o444);
        assert_ne!(look(&object), before);
    }

    #[test]
    fn a_copy_with_the_same_times_is_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
        let time = fs_err::metadata(dir.path()).unwrap().modified().unwrap();
        let times = std::fs::FileTimes::new().set_modified(time);
        let mut stats = Vec::new();
        for (path, text) in [(&one, "1"), (&two, "2")] {
            fs_err::write(path, text).unwrap();
            let file = fs_err::File::options().write(true).open(path).unwrap();
            file.file().set_times(times).unwrap();
            set_mode(path, 0o444);
            stats.push(look(path));
        }
        assert_eq!(stats[0].mtime, stats[1].mtime);
        assert_ne!(stats[0], stats[1]);
    }
}
