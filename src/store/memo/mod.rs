//! Hashes of files that did not change since they were read: `<common dir>/git-exp/memo`, rebuildable.
//!
//! A file is known by its inode and times, not by its path, so that all worktrees of a repository, the
//! cache and whatever links to it share what was read once. [`Stat`] says what is trusted of a stat, and
//! when. What is remembered complete, with all hashes, was read; a name alone is that of the object
//! that a file was made from.
//!
//! Files `00` to `ff` hold the records of neighbouring inodes together: the files of a folder, made one
//! after the other, are found in a few of them, and one file in a few hundred bytes. A file is written
//! anew by whoever adds to it, beside itself, and renamed; it is not synced, each record has a checksum.
//! A lock keeps two writers from losing what the other adds; where it cannot be had, that is all that
//! is lost. Records that were of no use for 90 days go when their file is written, and those
//! beyond a limit, the oldest first.

mod record;
mod shard;
mod stat;

pub use stat::{Stat, now};

use super::durable;
use crate::digest::{FileDigest, Format, Hex, Md5Hex, Sha256Hex};
use record::{Record, key};
use shard::{HEADER, Shard};
use stat::{Grain, tick};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Files from this size on, in bytes, are worth waiting for a tick.
const WORTH_A_TICK: u64 = 1024 * 1024;
/// To place so many files takes longer than a tick anyway.
const MANY: usize = 64;
/// How often, and how long each time, a tick is waited for: 12 ms, more than one at 100 Hz.
const TICK_POLLS: u32 = 24;
const TICK_POLL: Duration = Duration::from_micros(500);

/// How many inodes that follow each other lie in one file.
const NEIGHBOURS: u64 = 1024;
/// For how many days a record stays that is of no use.
const KEPT: u16 = 90;
/// After how many days its use is noted again.
const NOTED: u16 = 7;
/// How many records a file holds at most: 256 times 16,384, half a gigabyte in all.
const MOST: usize = 16 * 1024;

/// So many records are written at once: what is held of each adds up.
pub const TOGETHER: usize = 2048;

/// A writer holds the lock for a millisecond: so often, and with such pauses, another one looks again.
const ATTEMPTS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(1);

/// Hashes of one file, as far as they are known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    v2: Option<Md5Hex>,
    v3: Option<Md5Hex>,
    sha256: Option<Sha256Hex>,
}

/// Hashes of the files of a repository. One without a directory knows nothing and remembers nothing.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    dir: Option<PathBuf>,
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

    /// Whether all hashes are known: somebody has read the file.
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
    /// Keeps hashes in a directory, which is made when there are some.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Memo {
            dir: Some(dir.into()),
        }
    }

    /// Whether anything is remembered.
    pub fn is_kept(&self) -> bool {
        self.dir.is_some()
    }

    /// Calls `found` with the position of each file of which something is known, and with that, in no order.
    pub fn find(&self, stats: impl IntoIterator<Item = Stat>, mut found: impl FnMut(usize, Known)) {
        let Some(dir) = &self.dir else { return };
        let mut wanted: Vec<(usize, Stat)> = stats.into_iter().enumerate().collect();
        wanted.sort_unstable_by_key(|(_, stat)| shard_of(stat));
        let today = today();
        let mut of_use_again = Vec::new();
        for wanted in wanted.chunk_by(|(_, a), (_, b)| shard_of(a) == shard_of(b)) {
            let path = dir.join(file_name(shard_of(&wanted[0].1)));
            let Some(shard) = Shard::open(&path, wanted.len()) else {
                continue;
            };
            for (position, stat) in wanted {
                let record = shard.find(&key(stat));
                let Some(mut record) = record.filter(|record| record.stat() == *stat) else {
                    continue;
                };
                found(*position, record.known());
                if today.abs_diff(record.seen()) >= NOTED {
                    record.see(today);
                    of_use_again.push(record);
                }
            }
        }
        self.add(of_use_again);
    }

    /// Returns what is known of one file.
    pub fn get(&self, stat: &Stat) -> Option<Known> {
        let mut known = None;
        self.find([*stat], |_, it| known = Some(it));
        known
    }

    /// Remembers hashes of files. Each stat was taken before the file was read, and is sure to be
    /// changed by a write after that ([`Stat::is_settled`]).
    pub fn put(&self, files: impl IntoIterator<Item = (Stat, Known)>) {
        if !self.is_kept() {
            return;
        }
        let today = today();
        let records = files.into_iter();
        let mut records = records.map(|(stat, known)| Record::new(&stat, &known, today));
        loop {
            let some: Vec<Record> = records.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            self.add(some);
        }
    }

    /// Remembers hashes of files that we have just put in place ourselves.
    ///
    /// Where their times do not tell them from a later write yet, it waits for the next tick of the
    /// kernel's clock, some milliseconds at most, if one of them is large or if they are many. Else those
    /// that are too young are not remembered.
    pub fn put_own(&self, mut files: Vec<(Stat, Known)>) {
        let Some(dir) = self.dir.as_deref().filter(|_| !files.is_empty()) else {
            return;
        };
        let grain = Grain::of(durable::parent(dir));
        let is_fine = |stat: &Stat| grain.is_some_and(|grain| grain.is_fine(stat));
        let first = tick();
        let is_told = |stat: &Stat, tick: i64| {
            stat.is_past(tick) || is_fine(stat) && stat.is_between_ticks(first)
        };
        let many = files.len() >= MANY;
        let is_waited_for = |tick: i64| {
            let worth_it = |stat: &Stat| many || stat.size >= WORTH_A_TICK;
            files
                .iter()
                .any(|(stat, _)| worth_it(stat) && !is_told(stat, tick))
        };
        for _ in 0..TICK_POLLS {
            if !is_waited_for(tick()) {
                break;
            }
            std::thread::sleep(TICK_POLL);
        }
        let tick = tick();
        files.retain(|(stat, _)| is_told(stat, tick));
        self.put(files);
    }

    /// Adds records to their files. A failure is no error: hashing again gives the same.
    fn add(&self, mut records: Vec<Record>) {
        let Some(dir) = self.dir.as_deref().filter(|_| !records.is_empty()) else {
            return;
        };
        if fs_err::create_dir_all(dir).is_err() {
            return;
        }
        let _lock = lock(dir);
        records.sort_by_key(|record| shard_of(&record.stat()));
        for records in records.chunk_by(|a, b| shard_of(&a.stat()) == shard_of(&b.stat())) {
            let path = dir.join(file_name(shard_of(&records[0].stat())));
            let _not_remembered = durable::write_unsynced(&path, &merged(&path, records, today()));
        }
    }
}

/// Returns the new content of a file of the memo: what it has, and `new`.
fn merged(path: &Path, new: &[Record], today: u16) -> Vec<u8> {
    let mut records = Shard::open(path, usize::MAX)
        .map(|shard| shard.all())
        .unwrap_or_default();
    records.retain(|record| today.abs_diff(record.seen()) <= KEPT);
    records.extend_from_slice(new);
    // Of one inode the last one counts, but a name is no reason to forget what was read.
    records.sort_by_key(Record::key);
    records.dedup_by(|newer, older| {
        let same = newer.key() == older.key();
        let is_less = || newer.stat() == older.stat() && !newer.known().is_complete();
        if same && !(older.known().is_complete() && is_less()) {
            *older = *newer;
        }
        same
    });
    if records.len() > MOST {
        records.sort_by_key(|record| std::cmp::Reverse(record.seen()));
        records.truncate(MOST);
        records.sort_by_key(Record::key);
    }
    let mut bytes = Vec::with_capacity(HEADER.len() + records.len() * record::SIZE);
    bytes.extend_from_slice(HEADER);
    records
        .iter()
        .for_each(|record| bytes.extend_from_slice(&record.0));
    bytes
}

/// Returns which file has the record of this inode.
fn shard_of(stat: &Stat) -> u8 {
    let neighbours = (stat.inode / NEIGHBOURS) ^ stat.device.rotate_left(32);
    (neighbours.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

fn file_name(shard: u8) -> String {
    format!("{shard:02x}")
}

/// Keeps other writers out until it is dropped; `None` where that cannot be.
fn lock(dir: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    let file = options.open(dir.join("lock")).ok()?;
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(std::fs::TryLockError::Error(_)) => return None,
        }
    }
    None
}

/// Returns the day, since the epoch.
fn today() -> u16 {
    const DAY: i64 = 24 * 60 * 60 * 1_000_000_000;
    u16::try_from(now() / DAY).unwrap_or_default()
}

#[cfg(test)]
mod tests;
