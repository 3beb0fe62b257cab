//! Hashes of files that did not change since they were read: `<git dir>/git-exp/memo`, rebuildable.
//!
//! One text file per output or dependency, named by the md5 of its path, a line per file:
//! `<inode> <size> <mtime> <ctime> <md5 of V2> <md5 of V3> <sha256> <path>`, times in nanoseconds, `-`
//! for what is not known, the path as JSON. A line that cannot be read counts as absent.

use super::durable;
use crate::digest::{self, FileDigest, Format, Hex, Md5Hex, Sha256Hex};
use rustix::time::{ClockId, clock_gettime};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much older than the moment of reading a file's times must be, in nanoseconds, for a later
/// write to be sure to show in them: some ticks of the kernel's clock.
const SETTLED: i64 = 20_000_000;
/// The same where the file system keeps whole seconds.
const SETTLED_COARSE: i64 = 2_000_000_000;

/// Files from this size on, in bytes, are worth waiting for a tick.
const WORTH_A_TICK: u64 = 1024 * 1024;
/// How often, and how long each time, a tick is waited for: 12 ms, more than one at 100 Hz.
const TICK_POLLS: u32 = 24;
const TICK_POLL: Duration = Duration::from_micros(500);

/// What identifies the content of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    inode: u64,
    size: u64,
    mtime: i64,
    ctime: i64,
}

/// Hashes of one file, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    v2: Option<Md5Hex>,
    v3: Option<Md5Hex>,
    sha256: Option<Sha256Hex>,
}

/// The memo of one path (a file, or a directory's files by relative path).
#[derive(Debug, Default)]
pub struct Memo {
    file: Option<PathBuf>,
    entries: HashMap<String, (Stat, Known)>,
    changed: bool,
}

impl Stat {
    /// Takes what matters of `metadata`.
    pub fn of(metadata: &Metadata) -> Self {
        Stat {
            inode: metadata.ino(),
            size: metadata.size(),
            mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns the bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
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
    fn is_past(&self, tick: i64) -> bool {
        !self.is_coarse() && self.newest() < tick
    }

    fn newest(&self) -> i64 {
        self.mtime.max(self.ctime)
    }

    fn is_coarse(&self) -> bool {
        self.mtime % 1_000_000_000 == 0 && self.ctime % 1_000_000_000 == 0
    }
}

impl Known {
    /// Knows everything.
    pub fn all(digest: &FileDigest) -> Self {
        Known {
            v2: Some(*digest.md5(Format::V2)),
            v3: Some(digest.md5),
            sha256: Some(digest.sha256),
        }
    }

    /// Knows the name in one format.
    pub fn name(format: Format, md5: &str) -> Self {
        let mut known = Known::default();
        match format {
            Format::V2 => known.v2 = Hex::parse(md5),
            Format::V3 => known.v3 = Hex::parse(md5),
        }
        known
    }

    /// Returns the name in `format`, or `None` if it is not known.
    pub fn md5(&self, format: Format) -> Option<&str> {
        match format {
            Format::V2 => self.v2.as_deref(),
            Format::V3 => self.v3.as_deref(),
        }
    }

    /// Whether all hashes are known.
    pub fn is_complete(&self) -> bool {
        self.v2.is_some() && self.v3.is_some() && self.sha256.is_some()
    }

    /// Returns all hashes, or `None` if one is not known.
    pub fn digest(&self, size: u64) -> Option<FileDigest> {
        let (v2, v3, sha256) = (self.v2?, self.v3?, self.sha256?);
        Some(FileDigest {
            md5: v3,
            md5_text: (v2 != v3).then(|| Box::new(v2)),
            sha256,
            size,
        })
    }
}

impl Memo {
    /// Loads the memo of `path` from `dir`. Without a directory nothing is remembered.
    pub fn load(dir: Option<&Path>, path: &Path) -> Self {
        let Some(dir) = dir else {
            return Memo::default();
        };
        let file = dir.join(&*digest::bytes(path.as_os_str().as_bytes()).md5);
        let text = fs_err::read_to_string(&file).unwrap_or_default();
        Memo {
            entries: text.lines().filter_map(parse_line).collect(),
            file: Some(file),
            changed: false,
        }
    }

    /// Returns what is known of the file at `relpath` (empty: the path itself), if it still has this stat.
    pub fn get(&self, relpath: &str, stat: &Stat) -> Option<&Known> {
        let (then, known) = self.entries.get(relpath)?;
        (then == stat).then_some(known)
    }

    /// Remembers hashes of a file whose stat was taken before it was read, at the time `now`.
    /// A file that was written just then is not remembered.
    pub fn put(&mut self, relpath: &str, stat: Stat, known: Known, now: i64) {
        if self.file.is_some() && stat.is_settled(now) {
            self.entries.insert(relpath.to_owned(), (stat, known));
            self.changed = true;
        }
    }

    /// Remembers the names of files that we have just put in place ourselves.
    ///
    /// Waits for the next tick of the kernel's clock, some milliseconds at most, if a large file is
    /// among them: reading that again would take longer. Small ones are then remembered or not.
    pub fn put_own(&mut self, format: Format, files: Vec<(String, String, Metadata)>) {
        if self.file.is_none() {
            return;
        }
        let files: Vec<_> = files
            .into_iter()
            .map(|(relpath, md5, stat)| (relpath, md5, Stat::of(&stat)))
            .collect();
        let waits_for = |tick: i64| {
            files
                .iter()
                .any(|(_, _, stat)| stat.size >= WORTH_A_TICK && !stat.is_past(tick))
        };
        for _ in 0..TICK_POLLS {
            if !waits_for(tick()) {
                break;
            }
            std::thread::sleep(TICK_POLL);
        }
        let tick = tick();
        for (relpath, md5, stat) in files {
            if stat.is_past(tick) && self.get(&relpath, &stat).is_none() {
                let known = Known::name(format, &md5);
                self.entries.insert(relpath, (stat, known));
                self.changed = true;
            }
        }
    }

    /// Forgets the files that `keep` does not name.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|relpath, _| keep(relpath));
        self.changed |= self.entries.len() != before;
    }

    /// Writes the memo if it changed. A failure is no error: hashing again gives the same.
    pub fn save(self) {
        let Some(file) = self.file.filter(|_| self.changed) else {
            return;
        };
        let mut text = String::new();
        for (relpath, (stat, known)) in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{} {} {} {} {} {} {} {}",
                stat.inode,
                stat.size,
                stat.mtime,
                stat.ctime,
                known.v2.as_deref().unwrap_or("-"),
                known.v3.as_deref().unwrap_or("-"),
                known.sha256.as_deref().unwrap_or("-"),
                serde_json::Value::from(relpath.as_str()),
            );
        }
        let _ = fs_err::create_dir_all(durable::parent(&file))
            .map(|()| durable::write_unsynced(&file, text.as_bytes()));
    }
}

/// Returns the time that file systems stamp files with, in nanoseconds since the epoch.
pub fn now() -> i64 {
    let now = clock_gettime(ClockId::Realtime);
    nanoseconds(now.tv_sec, now.tv_nsec)
}

/// Returns the kernel's clock as it stands in the stamps of files that are written now.
fn tick() -> i64 {
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

fn parse_line(line: &str) -> Option<(String, (Stat, Known))> {
    let mut fields = line.splitn(8, ' ');
    let stat = Stat {
        inode: fields.next()?.parse().ok()?,
        size: fields.next()?.parse().ok()?,
        mtime: fields.next()?.parse().ok()?,
        ctime: fields.next()?.parse().ok()?,
    };
    let known = Known {
        v2: Hex::parse(fields.next()?),
        v3: Hex::parse(fields.next()?),
        sha256: Hex::parse(fields.next()?),
    };
    let relpath = serde_json::from_str(fields.next()?).ok()?;
    Some((relpath, (stat, known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(mtime: i64) -> Stat {
        Stat {
            inode: 7,
            size: 3,
            mtime,
            ctime: mtime,
        }
    }

    #[test]
    fn reads_back_what_it_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let digest = digest::bytes(b"one\r\n");
        let mut memo = Memo::load(Some(dir.path()), Path::new("/p/out"));
        memo.put("a \"b\"/ü\n", stat(5), Known::all(&digest), now());
        memo.put("n", stat(6), Known::name(Format::V2, &digest.md5), now());
        memo.save();
        let memo = Memo::load(Some(dir.path()), Path::new("/p/out"));
        let known = memo.get("a \"b\"/ü\n", &stat(5)).unwrap();
        assert_eq!(known.digest(5).as_ref(), Some(&digest));
        let known = memo.get("n", &stat(6)).unwrap();
        assert_eq!(known.md5(Format::V2), Some(&*digest.md5));
        assert_eq!(known.md5(Format::V3), None);
        assert_eq!(known.digest(3), None);
        assert_eq!(memo.get("n", &stat(7)), None);
        let other = Memo::load(Some(dir.path()), Path::new("/p/other"));
        assert_eq!(other.get("n", &stat(6)), None);
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

    #[test]
    fn remembers_a_large_file_that_we_wrote_ourselves() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("model");
        fs_err::write(&file, vec![1; WORTH_A_TICK as usize]).unwrap();
        let metadata = fs_err::metadata(&file).unwrap();
        let mut memo = Memo::load(Some(dir.path()), &file);
        let md5 = digest::bytes(b"").md5;
        memo.put_own(
            Format::V3,
            vec![(String::new(), md5.to_string(), metadata.clone())],
        );
        let known = memo.get("", &Stat::of(&metadata)).unwrap();
        assert_eq!(known.md5(Format::V3), Some(&*md5));
        fs_err::write(&file, vec![2; WORTH_A_TICK as usize]).unwrap();
        let metadata = fs_err::metadata(&file).unwrap();
        assert_eq!(memo.get("", &Stat::of(&metadata)), None);
    }

    #[test]
    fn damage_is_absence() {
        let dir = tempfile::tempdir().unwrap();
        let mut memo = Memo::load(Some(dir.path()), Path::new("x"));
        memo.put("", stat(5), Known::name(Format::V3, "feed"), now());
        memo.save();
        let file = fs_err::read_dir(dir.path())
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path();
        fs_err::write(&file, "nonsense\n1 2 3\n").unwrap();
        let memo = Memo::load(Some(dir.path()), Path::new("x"));
        assert_eq!(memo.get("", &stat(5)), None);
    }
}
