//! What has been hashed and is not yet in the cache, in a tree and in `dvc.lock`.
//!
//! Putting things in place syncs them, and a sync takes longer than a trivial stage: what ended stages
//! have left is put in place together, when nothing else comes for a moment or a commit needs it. Until
//! then their entries stay in the journal, so that a kill costs none of it.

use super::recorder::Recording;
use crate::checkpoint::NoteOutput;
use crate::digest::{DirDigest, FileDigest, Format, Md5Hex, PathDigest};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::lockfile::Lockfiles;
use crate::pipeline::Stage;
use crate::store::journal;
use crate::store::objects::{Batch, EntryKind, TreeChange};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// How many captured bytes may wait to be put in place with others; more are put in place at once.
const MOST_DEFERRED: u64 = 1 << 20;

/// How long the recorder waits for the next stage to end before it puts in place what waits.
pub(super) const SETTLE_AFTER: Duration = Duration::from_millis(100);

/// What waits to be put in place.
#[derive(Default)]
pub(super) struct Pending {
    /// Finished files of DVC 3's format, with their names.
    pub files: Vec<(PathBuf, Md5Hex)>,
    /// Those of them that are copies, with the journal's entry that needs them.
    pub copies: Vec<(u64, PathBuf, FileDigest)>,
    /// The digests of outputs among them that are files.
    pub single: Vec<FileDigest>,
    /// Directories among them, whose listings are known by their paths …
    pub listings: Vec<String>,
    /// … and those of stages that have ended.
    ended: Vec<DirDigest>,
    /// Stages whose entries go to the run cache.
    pub runs: Vec<Stage>,
    /// Of the tree, in order.
    changes: Vec<TreeChange>,
    /// How many bytes were captured.
    bytes: u64,
    /// The lockfiles and the notes' outputs as they were before, should this be lost; `None` if
    /// nothing waits.
    before: Option<Box<(Lockfiles, IndexMap<String, NoteOutput>)>>,
}

/// How much waited at some moment.
pub(super) struct Mark {
    first: bool,
    files: usize,
    copies: usize,
    listings: usize,
    bytes: u64,
}

impl Recording {
    /// Whether something waits to be put in place.
    pub(super) fn is_unsettled(&self) -> bool {
        self.pending.before.is_some()
    }

    /// Whether so much waits that it should not wait for more.
    pub(super) fn is_settling_due(&self) -> bool {
        self.pending.bytes > MOST_DEFERRED
    }

    /// Remembers what stands now, should the capture that is added from here on not be readable.
    pub(super) fn begin(&mut self, bytes: u64) -> Mark {
        let pending = &mut self.pending;
        let mark = Mark {
            first: pending.before.is_none(),
            files: pending.files.len(),
            copies: pending.copies.len(),
            listings: pending.listings.len(),
            bytes: pending.bytes,
        };
        pending.bytes += bytes;
        if mark.first {
            pending.before = Some(Box::new((self.lockfiles.clone(), self.outs.clone())));
        }
        mark
    }

    /// Has the run cache keep the entry that `dvc.lock` gets of a stage.
    pub(super) fn save_run_of(&mut self, stage: &Stage) {
        self.pending.runs.push(stage.clone());
    }

    /// Tells the run cache, whose objects are in place by now. It only saves time: what fails is a warning.
    fn save_runs(&self, stages: &[Stage], events: &mut dyn FnMut(Event)) {
        let entries = stages
            .iter()
            .filter_map(|stage| self.lockfiles.entry(stage));
        for entry in entries {
            if let Err(error) = self.cache.save_run(entry) {
                events(Event::Warning(error.chain()));
            }
        }
    }

    /// Forgets what was added since the mark.
    pub(super) fn back_to(&mut self, mark: &Mark) {
        let pending = &mut self.pending;
        pending.files.truncate(mark.files);
        pending.copies.truncate(mark.copies);
        pending.listings.truncate(mark.listings);
        pending.bytes = mark.bytes;
        if mark.first {
            pending.before = None;
        }
    }

    /// Adds the tree's part of a capture that is complete.
    pub(super) fn add_changes(&mut self, changes: Vec<TreeChange>) {
        self.pending.changes.extend(changes);
    }

    /// Forgets what outputs hold, except for what waits.
    pub(super) fn forget_digests(&mut self) {
        let pending = &mut self.pending;
        let mut waiting = Vec::new();
        for path in pending.listings.drain(..) {
            match self.digests.remove(&path) {
                Some(PathDigest::Dir(directory)) => pending.ended.push(directory),
                // A capture that could not be read has taken it: nothing may speak of it.
                _ => waiting.push(path),
            }
        }
        pending.listings = waiting;
        self.digests.clear();
    }

    /// Puts everything in place that waits; `taken` is told when the captured bytes are held no longer.
    /// With `commit`, a commit is made if the tree differs from the last one.
    pub(super) fn settle(
        &mut self,
        batch: &Batch<'_>,
        commit: bool,
        taken: &mut dyn FnMut(),
        events: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let runs = std::mem::take(&mut self.pending.runs);
        let texts = match self.place(batch) {
            Ok(texts) => texts,
            Err(error) => {
                self.lose();
                return Err(error);
            }
        };
        self.pending.before = None;
        self.plan_due = true;
        taken();
        self.save_runs(&runs, events);
        let saved = match commit && self.committed_tree != Some(self.tree) {
            true => Some(self.commit(batch, events)?),
            false => None,
        };
        self.late_saved();
        for (path, text) in &texts {
            if let Err(error) = self.write_lockfile(path, text, events) {
                events(Event::Warning(error.chain()));
            }
        }
        saved.into_iter().for_each(events);
        Ok(())
    }

    /// Gives up what waits: the lockfile must not claim what was not recorded.
    pub(super) fn lose(&mut self) {
        if let Some(before) = std::mem::take(&mut self.pending).before {
            (self.lockfiles, self.outs) = *before;
        }
    }

    /// Lets entries of the journal go once what they tell is in place and would not be lost with us.
    pub(super) fn let_go(&mut self) {
        if self.is_unsettled() {
            return;
        }
        let held = std::mem::take(&mut self.held);
        // What is committed, the experiment's tip tells.
        if !held.is_empty() && std::mem::take(&mut self.plan_due) {
            self.save_plan();
        }
        // A capture that stays needs its stage, and comes after those before it.
        let is_stage = |kind| kind == journal::EntryKind::Stage;
        let captures = held.iter().filter(|(_, kind)| !is_stage(*kind));
        let stages = held.iter().filter(|(_, kind)| is_stage(*kind));
        for (number, kind) in captures.chain(stages) {
            self.give_up(*number, *kind);
        }
    }

    /// Fills cache and tree with what waits; returns the texts of the lockfiles by path.
    fn place(&mut self, batch: &Batch<'_>) -> Result<BTreeMap<String, String>> {
        let Pending {
            files,
            copies,
            single,
            listings,
            ended,
            mut changes,
            before,
            ..
        } = std::mem::take(&mut self.pending);
        self.pending.before = before;
        for entry in copies.chunk_by(|a, b| a.0 == b.0) {
            let digests: Vec<_> = entry
                .iter()
                .map(|(_, path, digest)| (path.clone(), digest.clone()))
                .collect();
            self.journal.add_digests(entry[0].0, &digests)?;
        }
        // Only names of DVC 2's format can stand for other bytes.
        let inserted = self.cache.insert_all(&self.copies, &files, Format::V3)?;
        let known = listings.iter().filter_map(|path| self.digests.get(path));
        let known = known.flat_map(PathDigest::files).chain(&single);
        let known = known.chain(ended.iter().flat_map(|listing| listing.files.values()));
        self.cache.remember(&inserted, Format::V3, known);
        for listing in &ended {
            self.cache.insert_listing(Format::V3, listing)?;
        }
        for path in &listings {
            let Some(PathDigest::Dir(listing)) = self.digests.get(path) else {
                return Err(Error::io(format!("what '{path}' held is not known")));
            };
            self.cache.insert_listing(Format::V3, listing)?;
        }
        let texts = self.lockfiles.texts();
        for (path, text) in &texts {
            changes.push(TreeChange {
                path: self.store().tree_path(path).into_bytes(),
                entry: Some((EntryKind::Blob, batch.blob(text.as_bytes())?)),
            });
        }
        self.tree = batch.tree(self.tree, &changes)?;
        Ok(texts)
    }
}
