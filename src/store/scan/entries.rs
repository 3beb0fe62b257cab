//! What a scan knows of each path: from the user's index, and from HEAD.

use super::FileState;
use crate::id::ObjectId;
use crate::store::path_set::PathSet;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stat, stat};

pub(super) struct Entry {
    pub(super) path: BString,
    /// What `self.tree` has.
    pub(super) in_tree: Option<FileState>,
    /// What `stat` stands for.
    pub(super) known: Option<FileState>,
    pub(super) stat: Stat,
    /// Stats at or after this moment are not trusted.
    pub(super) checked: stat::Time,
    pub(super) role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The work tree decides.
    Scanned,
    /// Stays as the tree has it.
    Output,
    /// Stays as the index has it.
    Kept,
    /// HEAD has it, the index does not.
    Dropped,
}

impl Entry {
    /// Whether the known content is in the object database for sure.
    pub(super) fn stored(&self) -> bool {
        self.checked != stat::Time::default()
    }
}

pub(super) fn from_index(index: &gix::index::File, outputs: &PathSet) -> Vec<Entry> {
    let timestamp = index.timestamp();
    let checked = stat::Time {
        secs: timestamp.unix_seconds() as u32,
        nsecs: timestamp.nanoseconds(),
    };
    // With its size known, for it may be large and lives as long as the run.
    let mut entries = Vec::with_capacity(index.entries().len());
    entries.extend(
        index
            .entries()
            .iter()
            .filter(|entry| !entry.mode.is_sparse())
            .map(|entry| {
                let path = entry.path(index).to_owned();
                let known = (!entry.flags.contains(Flags::INTENT_TO_ADD))
                    .then(|| state_of(entry.mode, entry.id))
                    .flatten();
                let role = if entry.mode == Mode::COMMIT
                    || entry
                        .flags
                        .intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
                {
                    Role::Kept
                } else if outputs.covers(&path) {
                    Role::Output
                } else {
                    Role::Scanned
                };
                Entry {
                    path,
                    in_tree: None,
                    known,
                    stat: entry.stat,
                    checked,
                    role,
                }
            }),
    );
    entries
}

/// Notes what HEAD has at each path, and adds the paths that only HEAD has.
pub(super) fn join_head(
    entries: &mut Vec<Entry>,
    head: &gix::index::File,
    index: &gix::index::File,
    outputs: &PathSet,
) {
    let sparse: Vec<&BStr> = index
        .entries()
        .iter()
        .filter(|entry| entry.mode.is_sparse())
        .map(|entry| entry.path(index))
        .collect();
    let mut dropped = Vec::new();
    let mut at = 0;
    for entry in head.entries() {
        let path = entry.path(head);
        let state = state_of(entry.mode, entry.id);
        while at < entries.len() && entries[at].path.as_bstr() < path {
            at += 1;
        }
        if at < entries.len() && entries[at].path.as_bstr() == path {
            entries[at].in_tree = state;
        } else if !sparse.iter().any(|dir| path.starts_with(dir)) {
            dropped.push(Entry {
                path: path.to_owned(),
                in_tree: state,
                known: None,
                stat: Stat::default(),
                checked: stat::Time::default(),
                role: if outputs.covers(path) {
                    Role::Output
                } else {
                    Role::Dropped
                },
            });
        }
    }
    if !dropped.is_empty() {
        entries.append(&mut dropped);
        entries.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

pub(super) fn state_of(mode: Mode, id: ObjectId) -> Option<FileState> {
    Some(FileState {
        kind: mode.to_tree_entry_mode()?.kind(),
        id,
    })
}

pub(super) fn unmerged_paths(index: &gix::index::File) -> Vec<&BStr> {
    let mut paths: Vec<&BStr> = index
        .entries()
        .iter()
        .filter(|entry| entry.flags.stage_raw() != 0)
        .map(|entry| entry.path(index))
        .collect();
    paths.dedup();
    paths
}
