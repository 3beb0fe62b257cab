//! One file of the memo: `git-exp memo 1\n` and records, sorted.

use super::record::{Key, Record, SIZE};
use std::cmp::Ordering;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(super) const HEADER: &[u8; 15] = b"git-exp memo 1\n";

/// So many records are looked up one by one; for more, all is read.
const FEW: usize = 8;
/// A file that is no longer than this, in bytes, is read at once, too.
const SHORT: usize = 8192;

/// An open file of the memo.
pub(super) struct Shard {
    file: File,
    /// All of it, where it was read.
    bytes: Option<Vec<u8>>,
    count: usize,
}

impl Shard {
    /// Opens a file of which `wanted` records are needed; `None` if it is not there, or something else.
    pub(super) fn open(path: &Path, wanted: usize) -> Option<Self> {
        let file = fs_err::File::open(path).ok()?.into_parts().0;
        let length = usize::try_from(file.metadata().ok()?.len()).ok()?;
        let bytes = match wanted > FEW || length <= SHORT {
            true => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, 0).ok()?;
                Some(bytes)
            }
            false => None,
        };
        let shard = Shard {
            file,
            bytes,
            count: length.checked_sub(HEADER.len())? / SIZE,
        };
        let mut header = [0; HEADER.len()];
        shard.read(&mut header, 0)?;
        (header == *HEADER).then_some(shard)
    }

    /// Returns the record of an inode; a damaged one is nothing.
    pub(super) fn find(&self, key: &Key) -> Option<Record> {
        let mut range = 0..self.count;
        while !range.is_empty() {
            let middle = range.start + range.len() / 2;
            let mut found = Key::default();
            self.read(&mut found, place(middle))?;
            match found.cmp(key) {
                Ordering::Less => range.start = middle + 1,
                Ordering::Greater => range.end = middle,
                Ordering::Equal => return self.record(middle).filter(Record::is_whole),
            }
        }
        None
    }

    /// Returns all records that are not damaged.
    pub(super) fn all(&self) -> Vec<Record> {
        let records = (0..self.count).map_while(|at| self.record(at));
        records.filter(Record::is_whole).collect()
    }

    fn record(&self, at: usize) -> Option<Record> {
        let mut record = Record([0; SIZE]);
        self.read(&mut record.0, place(at))?;
        Some(record)
    }

    fn read(&self, to: &mut [u8], at: usize) -> Option<()> {
        match &self.bytes {
            Some(bytes) => to.copy_from_slice(bytes.get(at..at + to.len())?),
            None => self.file.read_exact_at(to, at as u64).ok()?,
        }
        Some(())
    }
}

/// Returns where a record begins; its key is the first of it.
fn place(record: usize) -> usize {
    HEADER.len() + record * SIZE
}
