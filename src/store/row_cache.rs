//! Rows that were read before: `<common dir>/git-exp/rows`, rebuildable, ignored when damaged.
//!
//! A row never changes for one commit and one note, so that pair is its key; a chain of rows is
//! known by tip, baseline and notes commit. With all chains known, `git exp show` reads refs and
//! this file, and no object at all.
//!
//! ```text
//! "git-exp rows <version>\n", checksum: u64
//! texts:  u32 count, lengths: u32 each, then all bytes; everything else names texts by number
//! rows:   u32 count, ends: u32 each, then each row's bytes; sorted by commit, then by note
//! chains: count, then tip, baseline, notes, row count, row numbers
//! ```
//!
//! Fixed numbers are little endian; all others are seven bits a byte, the lowest first. The file is
//! written anew as a whole, beside itself, and renamed; two writers at once cost one of them its
//! rows, nothing more. It is not synced: after a power cut the checksum tells.

mod decode;
mod encode;

use super::Store;
use super::survey::LocalZone;
use crate::digest::checksum;
use crate::id::ObjectId;
use crate::listing::NotedRow;
use decode::File;
use std::collections::HashMap;
use std::path::PathBuf;

/// From this many rows read anew on, writing the file is worth it.
const WORTH_WRITING: usize = 64;
/// So many rows of baselines are kept, about 10 MB.
const MOST_BASELINES: usize = 20_000;

/// What a chain's rows depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChainKey {
    /// Its newest commit.
    pub tip: ObjectId,
    /// The commit before its oldest one; the tip itself for a row alone.
    pub baseline: ObjectId,
    /// The notes commit, where the experiment has notes.
    pub notes: Option<ObjectId>,
}

impl ChainKey {
    /// Returns the key of a commit that is read by itself, from its tree.
    pub fn alone(commit: ObjectId) -> Self {
        ChainKey {
            tip: commit,
            baseline: commit,
            notes: None,
        }
    }

    fn is_alone(&self) -> bool {
        self.tip == self.baseline
    }
}

/// The file's content, and what was read since.
#[derive(Default)]
pub struct RowCache {
    path: Option<PathBuf>,
    file: Option<File>,
    fresh: HashMap<ChainKey, Vec<NotedRow>>,
    /// Rows that were not in the file.
    read_anew: usize,
}

impl RowCache {
    /// Opens the file; a missing or damaged one is empty. Times of its rows get the offset of `zone`.
    pub fn load(store: &Store, zone: &LocalZone) -> Self {
        let path = store.common_dir().join("git-exp").join(name(store));
        let file = fs_err::read(&path)
            .ok()
            .and_then(|bytes| File::parse(bytes, zone));
        RowCache {
            path: Some(path),
            file,
            ..Self::default()
        }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.file.is_none() && self.fresh.is_empty()
    }

    /// Returns a chain's rows, tip first, or `None`.
    pub fn chain(&self, key: &ChainKey) -> Option<Vec<NotedRow>> {
        if let Some(rows) = self.fresh.get(key) {
            return Some(rows.clone());
        }
        self.file.as_ref()?.chain(key)
    }

    /// Returns the row of a commit as its note, or its tree, says.
    pub fn row(&self, commit: ObjectId, note: Option<ObjectId>) -> Option<NotedRow> {
        self.file.as_ref()?.row(commit, note)
    }

    /// Returns a commit's first parent, if any row of the commit is known.
    pub fn parent(&self, commit: ObjectId) -> Option<ObjectId> {
        self.file.as_ref()?.parent(commit)
    }

    /// Remembers a chain, `read_anew` of whose rows were not known.
    pub fn put(&mut self, key: ChainKey, rows: Vec<NotedRow>, read_anew: usize) {
        self.read_anew += read_anew;
        self.fresh.insert(key, rows);
    }

    /// Writes what is worth keeping: chains of today's experiments, and baselines. Failing to is
    /// no error: the next command reads the objects again.
    pub fn save(self, store: &Store) {
        if self.read_anew < WORTH_WRITING {
            return;
        }
        let Some(path) = &self.path else { return };
        let chains = self.worth_keeping(store);
        let Some(bytes) = encode::file(&chains) else {
            return;
        };
        let Some(folder) = path.parent() else { return };
        let written = fs_err::create_dir_all(folder)
            .and_then(|()| tempfile::NamedTempFile::new_in(folder))
            .and_then(|file| {
                fs_err::write(file.path(), &bytes)?;
                Ok(file.persist(path)?)
            });
        // a read-only repository can be read as well as any other
        drop(written);
    }

    fn worth_keeping(&self, store: &Store) -> HashMap<ChainKey, Vec<NotedRow>> {
        let mut chains = self.fresh.clone();
        let Some(file) = &self.file else {
            return chains;
        };
        let tips: std::collections::HashSet<(ObjectId, ObjectId)> = store
            .experiments()
            .unwrap_or_default()
            .into_iter()
            .map(|experiment| (experiment.tip, experiment.baseline))
            .collect();
        let replaced: std::collections::HashSet<(ObjectId, ObjectId)> =
            chains.keys().map(|key| (key.tip, key.baseline)).collect();
        let mut baselines = 0;
        for key in file.chains() {
            let place = (key.tip, key.baseline);
            let wanted = match key.is_alone() {
                true => {
                    baselines += 1;
                    baselines <= MOST_BASELINES
                }
                false => tips.contains(&place),
            };
            if wanted
                && !replaced.contains(&place)
                && let Some(rows) = file.chain(key)
            {
                chains.insert(*key, rows);
            }
        }
        chains
    }
}

/// Projects in folders of one repository have files of their own.
fn name(store: &Store) -> String {
    let prefix = store.tree_path("");
    match prefix.trim_end_matches('/') {
        "" => "rows".to_owned(),
        folder => format!("rows-{:016x}", checksum(folder.as_bytes())),
    }
}

fn magic() -> String {
    format!("git-exp rows {}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests;
