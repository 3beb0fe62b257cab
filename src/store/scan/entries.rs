//! What a scan knows of each path: from the user's index, and from HEAD.
//!
//! A run keeps one for every file that git tracks. Nearly all are what the index says, so those are no
//! more than a number; what the scan knows better is kept beside.

use super::FileState;
use crate::id::ObjectId;
use crate::store::path_set::PathSet;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stat, stat};
use gix::worktree::IndexPersistedOrInMemory;

/// The paths of a scan, in order.
pub(super) struct Entries {
    /// As the user has it; for attributes, excludes and filters too.
    pub(super) index: IndexPersistedOrInMemory,
    /// When the index was written: it vouches for no later stat.
    checked: stat::Time,
    list: Vec<Entry>,
}

struct Entry {
    /// The place in the index; [`NOT_THERE`] for a path that it does not have.
    place: u32,
    role: Role,
    /// What is not as the index and, alike, HEAD have it.
    own: Option<Box<Own>>,
}

const NOT_THERE: u32 = u32::MAX;

struct Own {
    /// Empty for a path of the index.
    path: BString,
    state: State,
}

/// What is known of one path.
#[derive(Clone, Copy, Default)]
pub(super) struct State {
    /// What the scanner's tree has.
    pub(super) in_tree: Option<FileState>,
    /// What `stat` stands for.
    pub(super) known: Option<FileState>,
    pub(super) stat: Stat,
    /// Stats at or after this moment are not trusted.
    pub(super) checked: stat::Time,
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

impl State {
    /// Whether the known content is in the object database for sure.
    pub(super) fn stored(&self) -> bool {
        self.checked != stat::Time::default()
    }
}

impl Entries {
    /// Lists the paths of the index; HEAD is taken to be the same until [`Entries::join_head`].
    pub(super) fn new(index: IndexPersistedOrInMemory, outputs: &PathSet) -> Self {
        let timestamp = index.timestamp();
        let checked = stat::Time {
            secs: timestamp.unix_seconds() as u32,
            nsecs: timestamp.nanoseconds(),
        };
        // With its size known, for it may be large and lives as long as the run.
        let mut list = Vec::with_capacity(index.entries().len());
        let entries = index.entries().iter().zip(0..);
        list.extend(
            entries
                .filter(|(entry, _)| !entry.mode.is_sparse())
                .map(|(entry, place)| Entry {
                    place,
                    role: role(entry, entry.path(&index), outputs),
                    own: None,
                }),
        );
        Entries {
            index,
            checked,
            list,
        }
    }

    /// Notes what HEAD has at each path, and adds the paths that only HEAD has.
    pub(super) fn join_head(&mut self, head: &gix::index::File, outputs: &PathSet) {
        let sparse: Vec<BString> = self
            .index
            .entries()
            .iter()
            .filter(|entry| entry.mode.is_sparse())
            .map(|entry| entry.path(&self.index).to_owned())
            .collect();
        let mut dropped = Vec::new();
        let mut heads = head.entries().iter().peekable();
        for at in 0..self.list.len() {
            while let Some(entry) = heads.next_if(|entry| entry.path(head) < self.path(at)) {
                dropped.push(entry);
            }
            let same = heads.next_if(|entry| entry.path(head) == self.path(at));
            let in_tree = same.and_then(|entry| state_of(entry.mode, entry.id));
            if self.state(at).in_tree != in_tree {
                self.state_mut(at).in_tree = in_tree;
            }
        }
        let dropped = dropped.into_iter().chain(heads);
        let mut dropped: Vec<Entry> = dropped
            .filter(|entry| !sparse.iter().any(|dir| entry.path(head).starts_with(dir)))
            .map(|entry| {
                let path = entry.path(head);
                let role = match outputs.covers(path) {
                    true => Role::Output,
                    false => Role::Dropped,
                };
                let in_tree = state_of(entry.mode, entry.id);
                Entry::own(path.to_owned(), role, in_tree)
            })
            .collect();
        if !dropped.is_empty() {
            self.list.append(&mut dropped);
            self.sort();
        }
    }

    /// Adds a path that is not there; [`Entries::sort`] goes before anything else.
    pub(super) fn push(&mut self, path: BString, role: Role) {
        self.list.push(Entry::own(path, role, None));
    }

    /// Puts what was added into its place, once.
    pub(super) fn sort(&mut self) {
        let mut list = std::mem::take(&mut self.list);
        list.sort_by(|a, b| self.path_of(a).cmp(self.path_of(b)));
        list.dedup_by(|b, a| self.path_of(a) == self.path_of(b));
        self.list = list;
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn path(&self, at: usize) -> &BStr {
        self.path_of(&self.list[at])
    }

    fn path_of<'a>(&'a self, entry: &'a Entry) -> &'a BStr {
        match (entry.place, &entry.own) {
            (NOT_THERE, Some(own)) => own.path.as_bstr(),
            (place, _) => self.index.entries()[place as usize].path(&self.index),
        }
    }

    /// Returns where `path` is, or would be.
    pub(super) fn position(&self, path: &BStr) -> std::result::Result<usize, usize> {
        self.list
            .binary_search_by(|entry| self.path_of(entry).cmp(path))
    }

    pub(super) fn role(&self, at: usize) -> Role {
        self.list[at].role
    }

    pub(super) fn set_role(&mut self, at: usize, role: Role) {
        self.list[at].role = role;
    }

    pub(super) fn state(&self, at: usize) -> State {
        let entry = &self.list[at];
        match &entry.own {
            Some(own) => own.state,
            None => {
                let entry = &self.index.entries()[entry.place as usize];
                let known = match entry.flags.contains(Flags::INTENT_TO_ADD) {
                    true => None,
                    false => state_of(entry.mode, entry.id),
                };
                State {
                    in_tree: known,
                    known,
                    stat: entry.stat,
                    checked: self.checked,
                }
            }
        }
    }

    pub(super) fn state_mut(&mut self, at: usize) -> &mut State {
        let state = self.state(at);
        let own = self.list[at].own.get_or_insert_with(|| {
            Box::new(Own {
                path: BString::default(),
                state,
            })
        });
        &mut own.state
    }
}

impl Entry {
    fn own(path: BString, role: Role, in_tree: Option<FileState>) -> Self {
        let state = State {
            in_tree,
            ..State::default()
        };
        Entry {
            place: NOT_THERE,
            role,
            own: Some(Box::new(Own { path, state })),
        }
    }
}

fn role(entry: &gix::index::Entry, path: &BStr, outputs: &PathSet) -> Role {
    let kept = Flags::SKIP_WORKTREE | Flags::ASSUME_VALID;
    if entry.mode == Mode::COMMIT || entry.flags.intersects(kept) {
        Role::Kept
    } else if outputs.covers(path) {
        Role::Output
    } else {
        Role::Scanned
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
