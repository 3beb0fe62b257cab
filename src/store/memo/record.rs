//! One file's hashes as the memo stores them: 120 bytes, sorted by the first 16.
//!
//! ```text
//! device, inode: u64 each, the highest byte first
//! size: u64, mtime: i64, ctime or birth: i64
//! day on which it was last of use, since the epoch: u16
//! flags: u8: md5 of DVC 3, of DVC 2, sha256 known; birth instead of ctime; then five zeros
//! md5 of DVC 3, md5 of DVC 2, sha256: 16, 16 and 32 bytes
//! checksum of all that: u64
//! ```
//!
//! Numbers are little endian where nothing else is said.

use super::{Known, Stat};
use crate::digest::{Hex, checksum};

pub(super) const SIZE: usize = 120;
const SUM: usize = SIZE - 8;
const SEEN: usize = 40;
const FLAGS: usize = 42;

const V3: u8 = 1;
const V2: u8 = 2;
const SHA256: u8 = 4;
const GUARDED: u8 = 8;

/// See above. What does not fit its checksum is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record(pub(super) [u8; SIZE]);

/// What records are sorted by.
pub(super) type Key = [u8; 16];

pub(super) fn key(stat: &Stat) -> Key {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&stat.device.to_be_bytes());
    key[8..].copy_from_slice(&stat.inode.to_be_bytes());
    key
}

impl Record {
    pub(super) fn new(stat: &Stat, known: &Known, today: u16) -> Self {
        let mut record = Record([0; SIZE]);
        record.0[..16].copy_from_slice(&key(stat));
        record.0[16..24].copy_from_slice(&stat.size.to_le_bytes());
        record.0[24..32].copy_from_slice(&stat.mtime.to_le_bytes());
        record.0[32..40].copy_from_slice(&stat.changed.to_le_bytes());
        record.0[FLAGS] = if stat.guarded { GUARDED } else { 0 };
        record.take(V3, 48, known.v3.as_ref());
        record.take(V2, 64, known.v2.as_ref());
        record.take(SHA256, 80, known.sha256.as_ref());
        record.see(today);
        record
    }

    pub(super) fn key(&self) -> Key {
        self.fixed(0)
    }

    /// Whether nothing has damaged it.
    pub(super) fn is_whole(&self) -> bool {
        u64::from_le_bytes(self.fixed(SUM)) == checksum(&self.0[..SUM])
    }

    pub(super) fn stat(&self) -> Stat {
        Stat {
            device: u64::from_be_bytes(self.fixed(0)),
            inode: u64::from_be_bytes(self.fixed(8)),
            size: u64::from_le_bytes(self.fixed(16)),
            mtime: i64::from_le_bytes(self.fixed(24)),
            changed: i64::from_le_bytes(self.fixed(32)),
            guarded: self.0[FLAGS] & GUARDED != 0,
        }
    }

    pub(super) fn known(&self) -> Known {
        Known {
            v3: self.give(V3, 48, 16),
            v2: self.give(V2, 64, 16),
            sha256: self.give(SHA256, 80, 32),
        }
    }

    /// The day on which it was last of use.
    pub(super) fn seen(&self) -> u16 {
        u16::from_le_bytes(self.fixed(SEEN))
    }

    pub(super) fn see(&mut self, today: u16) {
        self.0[SEEN..FLAGS].copy_from_slice(&today.to_le_bytes());
        let sum = checksum(&self.0[..SUM]);
        self.0[SUM..].copy_from_slice(&sum.to_le_bytes());
    }

    fn take<const N: usize>(&mut self, flag: u8, at: usize, hash: Option<&Hex<N>>) {
        let Some(hash) = hash else { return };
        self.0[FLAGS] |= flag;
        for (place, byte) in self.0[at..].iter_mut().zip(hash.bytes()) {
            *place = byte;
        }
    }

    fn give<const N: usize>(&self, flag: u8, at: usize, length: usize) -> Option<Hex<N>> {
        (self.0[FLAGS] & flag != 0).then(|| Hex::of(&self.0[at..at + length]))
    }

    fn fixed<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.0[at..at + N]);
        bytes
    }
}
