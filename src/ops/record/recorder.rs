//! One capture to one commit.

use super::contents::Taken;
use super::settle::Pending;
use super::unread::Unread;
use crate::checkpoint::{FileData, Fork, Note, NoteDependency, NoteOutput, Status};
use crate::digest::{FileDigest, Format, PathDigest};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::experiment::{self, ExperimentName};
use crate::id::ObjectId;
use crate::lockfile::{LockEntry, LockedPath, Lockfiles};
use crate::pipeline::paths::dataset;
use crate::pipeline::{Reported, Stage};
use crate::runner::Capture;
use crate::store::bstr::BString;
use crate::store::cache::Cache;
use crate::store::capture_dir::CaptureDir;
use crate::store::journal::{self, Journal};
use crate::store::objects::{Batch, TreeChange};
use crate::store::refs::Expected;
use crate::store::scan::Scanner;
use crate::store::{Store, durable};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The experiment that a run adds to.
#[derive(Debug, Clone)]
pub struct Experiment {
    /// Its name.
    pub name: ExperimentName,
    /// Its `Exp-Id`.
    pub id: String,
    /// Its baseline.
    pub baseline: ObjectId,
    /// The commit its next checkpoint grows from.
    pub parent: ObjectId,
    /// What its ref must be now.
    pub expected: Expected,
    /// An experiment of its name that goes, undoably, when its first checkpoint exists.
    pub replaces: Option<experiment::Experiment>,
    /// The notes commit to build on.
    pub notes: Option<ObjectId>,
    /// What its notes ref is now: one that a killed run left behind is not built on, but replaced.
    pub notes_at: Option<ObjectId>,
    /// Notes of the checkpoints before the fork, to start the notes ref with.
    pub inherited: Vec<(ObjectId, Vec<u8>)>,
    /// The number of the next checkpoint.
    pub number: u64,
    /// `Exp-Fork-Of` of its first commit.
    pub fork_of: Option<Fork>,
}

impl Experiment {
    /// Describes an experiment without a checkpoint that starts at its baseline.
    pub fn new(name: ExperimentName, id: String, baseline: ObjectId) -> Self {
        Experiment {
            name,
            id,
            baseline,
            parent: baseline,
            expected: Expected::Absent,
            replaces: None,
            notes: None,
            notes_at: None,
            inherited: Vec::new(),
            number: 1,
            fork_of: None,
        }
    }
}

/// What is known of a stage when it starts: read once, for `dvc.lock` and for the note.
#[derive(Debug, Clone)]
pub struct StageFacts {
    /// The stage.
    pub stage: Stage,
    /// Command, dependencies and params as `dvc.lock` will have them.
    pub entry: LockEntry,
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Finish {
    /// What the tip's note says.
    pub status: Option<Status>,
    /// Exit status of the command that failed.
    pub exit: Option<i32>,
    /// Why a checkpoint is missing.
    pub incomplete: Option<String>,
}

/// What a run has recorded.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// The newest checkpoint, if this run made or found one.
    pub tip: Option<ObjectId>,
    /// How many this run made.
    pub count: u64,
    /// The name they stand under: another one than asked for, if somebody else moved the ref.
    pub name: String,
}

/// The recorder's state between two checkpoints.
pub struct Recording {
    pub(super) cache: Cache,
    pub(super) format: Format,
    pub(super) experiment: Experiment,
    pub(super) message: Option<String>,
    pub(super) scanner: Scanner,
    pub(super) tree: ObjectId,
    pub(super) committed_tree: Option<ObjectId>,
    pub(super) lockfiles: Lockfiles,
    pub(super) params: IndexMap<String, FileData>,
    pub(super) metric_files: Vec<String>,
    pub(super) reported: Arc<Reported>,
    /// Files that training reported before this run, until a capture says what they are now.
    pub(super) reported_before: Vec<TreeChange>,
    pub(super) metrics: BTreeMap<String, FileData>,
    /// Where copies and journal lie; see [`Recording::make_folder`].
    folder: CaptureDir,
    pub(super) copies: PathBuf,
    pub(super) facts: Option<StageFacts>,
    pub(super) outs: IndexMap<String, NoteOutput>,
    pub(super) deps: IndexMap<String, NoteDependency>,
    pub(super) digests: HashMap<String, PathDigest>,
    pub(super) tip: Option<ObjectId>,
    pub(super) count: u64,
    pub(super) next_copy: u64,
    pub(super) missed: Option<String>,
    pub(super) last_note: Option<Note>,
    /// Found by late looks, and not yet in a tree that will not be lost.
    pub(super) late: BTreeSet<BString>,
    pub(super) journal: Journal,
    /// The code as it was when the run started.
    pub(super) started: ObjectId,
    /// The stages of the run.
    pub(super) stages: Vec<String>,
    /// The entry of the stage that runs.
    pub(super) stage_entry: Option<u64>,
    /// Stages that were skipped, of which the note is not told yet.
    pub(super) unnoted: Vec<StageFacts>,
    /// Entries of skipped stages that no plan tells yet.
    pub(super) skipped: Vec<u64>,
    /// The entry that is being recorded.
    pub(super) entry: Option<u64>,
    /// What copies of that entry hash to, where a killed recorder has moved them into the cache.
    pub(super) moved: HashMap<PathBuf, FileDigest>,
    /// How much of what was captured is not hashed.
    pub(super) unread: Unread,
    /// Goes on for a killed recorder: what that one knew of unchanged outputs is looked up.
    pub(super) recalls: bool,
    /// What has been hashed and is not yet in place.
    pub(super) pending: Pending,
    /// Entries of the journal whose work is done, to go when it is in place.
    pub(super) held: Vec<(u64, journal::EntryKind)>,
    /// Something is in place that neither a commit nor the plan tells.
    pub(super) plan_due: bool,
    /// What jobs have written that no sync has reached: the commit that has it syncs it.
    pub(super) unsynced: Vec<ObjectId>,
    /// The workspace's `dvc.lock` is somebody else's by now.
    pub(super) leaves_lockfile: bool,
    /// The workspace's `dvc.lock` is not what the run goes on from: it was edited, or removed.
    pub(super) restores_lockfiles: bool,
}

impl Recording {
    /// Starts a recording on `tree`, the code as it is run, with copies and journal in `folder`.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is one fact about the run; a struct of them would be this one"
    )]
    pub fn new(
        cache: Cache,
        format: Format,
        experiment: Experiment,
        scanner: Scanner,
        tree: ObjectId,
        lockfiles: Lockfiles,
        folder: &CaptureDir,
    ) -> Result<Self> {
        Ok(Recording {
            cache,
            format,
            experiment,
            message: None,
            scanner,
            tree,
            committed_tree: None,
            lockfiles,
            params: IndexMap::new(),
            metric_files: Vec::new(),
            reported: Arc::default(),
            reported_before: Vec::new(),
            metrics: BTreeMap::new(),
            folder: folder.clone(),
            copies: folder.copies()?,
            facts: None,
            outs: IndexMap::new(),
            deps: IndexMap::new(),
            digests: HashMap::new(),
            tip: None,
            count: 0,
            next_copy: 0,
            missed: None,
            last_note: None,
            late: BTreeSet::new(),
            journal: folder.journal(),
            started: tree,
            stages: Vec::new(),
            stage_entry: None,
            unnoted: Vec::new(),
            skipped: Vec::new(),
            entry: None,
            moved: HashMap::new(),
            unread: Unread::default(),
            recalls: false,
            pending: Pending::default(),
            held: Vec::new(),
            plan_due: false,
            unsynced: Vec::new(),
            leaves_lockfile: false,
            restores_lockfiles: false,
        })
    }

    /// Makes the folder for copies and journal: before the first stage starts nothing comes into it.
    pub(super) fn make_folder(&self) -> Result<()> {
        self.folder.make(&self.cache, self.store().git_dir())
    }

    /// Returns the folder for the copies of captures.
    pub fn copies(&self) -> &Path {
        &self.copies
    }

    /// Returns the repository.
    pub(super) fn store(&self) -> &Store {
        self.scanner.store()
    }

    /// Returns what knows the files that git tracks.
    pub fn scanner(&self) -> &Scanner {
        &self.scanner
    }

    /// The stages of this run, in order.
    pub fn with_stages(mut self, stages: Vec<String>) -> Self {
        self.stages = stages;
        self
    }

    /// Objects of the tree that no sync has reached.
    pub fn with_unsynced(mut self, unsynced: Vec<ObjectId>) -> Self {
        self.unsynced = unsynced;
        self
    }

    /// What `-M` gave.
    pub fn with_message(mut self, message: Option<String>) -> Self {
        self.message = message;
        self
    }

    /// Params by file, as they are at the start, and the files that are metrics.
    pub fn with_files(
        mut self,
        params: IndexMap<String, FileData>,
        metric_files: Vec<String>,
    ) -> Self {
        self.params = params;
        self.metric_files = metric_files;
        self
    }

    /// Files that training code reported before, for a run in which no stage has to run.
    pub fn with_reported(mut self, files: Vec<TreeChange>) -> Self {
        self.reported_before = files;
        self
    }

    /// What `.dvc` files track, by path.
    pub fn with_data(mut self, outs: Vec<(String, NoteOutput)>) -> Self {
        self.outs.extend(outs);
        self
    }

    /// The tip that the experiment has already, and its tree: no second commit is made of that.
    pub fn resuming(mut self, tip: Option<(ObjectId, ObjectId)>) -> Self {
        (self.tip, self.committed_tree) = tip.unzip();
        self
    }

    /// The tree of another experiment: no commit is made if this one comes to the same.
    pub fn unless_same(mut self, tree: Option<ObjectId>) -> Self {
        self.committed_tree = self.committed_tree.or(tree);
        self
    }

    /// Whether the workspace's `dvc.lock` differs from what the run goes on from: no stage need run that
    /// writes it anew.
    pub fn restoring_lockfiles(mut self, restores: bool) -> Self {
        self.restores_lockfiles = restores;
        self
    }

    /// What the run has recorded so far.
    pub fn recorded(&self) -> Recorded {
        Recorded {
            tip: self.tip,
            count: self.count,
            name: self.experiment.name.as_str().to_owned(),
        }
    }

    /// What follows is about this entry of the journal.
    pub(super) fn start_entry(&mut self, number: Option<u64>) {
        self.entry = number;
        self.moved = match number.filter(|_| self.recalls) {
            Some(number) => self.journal.digests(number),
            None => HashMap::new(),
        };
    }

    /// A stage starts: its captures follow.
    pub fn start_stage(&mut self, facts: StageFacts) -> Result<()> {
        self.note_skipped()?;
        self.note_deps(&facts);
        self.forget_digests();
        self.facts = Some(facts);
        Ok(())
    }

    pub(super) fn note_deps(&mut self, facts: &StageFacts) {
        // what a dataset is, only 'dvc.lock' says, as in DVC
        let deps = facts.stage.written_deps();
        for (path, written) in deps.filter(|(path, _)| dataset(path).is_none()) {
            let entry = facts.entry.deps.iter().find(|dep| dep.path == written);
            let hash = entry.and_then(|dep| dep.hash.as_ref());
            self.deps.insert(
                facts.stage.noted(path),
                NoteDependency {
                    md5: hash.map(|hash| hash.md5.clone()),
                    size: hash.and_then(|hash| hash.size),
                    nfiles: hash.and_then(|hash| hash.nfiles),
                },
            );
        }
    }

    /// Records one capture; a commit is made if it was signalled and the tree differs from the last
    /// one. What was not signalled waits for [`Recording::settle`], unless it is large.
    pub(super) fn record(
        &mut self,
        batch: &Batch<'_>,
        capture: Capture,
        taken: &mut dyn FnMut(),
        events: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let signalled = capture.signalled;
        let mark = self.begin(capture.bytes);
        let reading = self.unread.take(capture.bytes, capture.output_files());
        let added = self.add(batch, capture);
        drop(reading);
        if let Err(error) = added {
            self.back_to(&mark);
            return Err(error);
        }
        if signalled || self.is_settling_due() {
            self.settle(batch, signalled, taken, events)?;
        }
        Ok(())
    }

    /// Adds a capture to what waits to be put in place.
    fn add(&mut self, batch: &Batch<'_>, capture: Capture) -> Result<()> {
        self.reported = capture.reported;
        self.reported_before.clear();
        let facts = self
            .facts
            .clone()
            .ok_or_else(|| Error::io("a capture came before its stage"))?;
        let saves_run = !capture.signalled && facts.stage.saves_runs();
        let mut entry = facts.entry.clone();
        let mut changes = Vec::new();
        let old = self.lockfiles.entry(&facts.stage);
        let old = old.cloned().unwrap_or_default();
        for captured in capture.outputs {
            let Some(output) = facts.stage.out(&captured.path) else {
                continue;
            };
            let path = facts.stage.written(&output.path);
            let before = old.out(path).and_then(|out| out.hash.as_ref());
            let taken = Taken {
                output,
                content: captured.content,
                is_stored: output.cache || saves_run,
            };
            let hash = self.output(batch, taken, before, &mut changes)?;
            entry.outs.push(LockedPath {
                path: path.to_owned(),
                hash,
                ..LockedPath::default()
            });
        }
        entry.outs.extend(self.outside_outputs(&facts.stage)?);
        for file in capture.files {
            self.file(batch, &file.path, file.file, &mut changes)?;
        }
        if let Some(tracked) = &capture.late {
            self.look_late(batch, tracked, &mut changes)?;
        }
        self.add_changes(changes);
        self.lockfiles.set(&facts.stage, entry);
        if saves_run {
            self.save_run_of(&facts.stage);
        }
        Ok(())
    }

    /// Ends the run: commits what is not committed yet if `commit`, and writes the status into the tip's note.
    pub(super) fn finish(
        &mut self,
        batch: &Batch<'_>,
        finish: &Finish,
        commit: bool,
        events: &mut dyn FnMut(Event),
    ) -> Result<()> {
        if commit {
            self.keep_reported(batch)?;
        }
        if commit && self.committed_tree != Some(self.tree) {
            let saved = self.commit(batch, events)?;
            events(saved);
        }
        if commit && self.restores_lockfiles {
            for (path, text) in self.lockfiles.texts() {
                self.write_lockfile(&path, &text, events)?;
            }
        }
        let Some(tip) = self.tip else { return Ok(()) };
        // A note that we cannot read, or that DVC's checkpoint never had, is better left alone.
        let Some(known) = self.tip_note(tip)? else {
            return Ok(());
        };
        let mut note = known.clone();
        note.status = finish.status;
        note.exit = finish.exit;
        note.incomplete = finish.incomplete.clone().or(self.missed.clone());
        if note == known {
            return Ok(());
        }
        let entries = [(tip, note.to_text().into_bytes())];
        self.move_notes(batch, &entries)
    }

    /// A checkpoint could not be recorded; the tip's note will say so.
    pub fn missed(&mut self, reason: &str) {
        self.missed.get_or_insert_with(|| reason.to_owned());
        // Captures that wait already may say 'unchanged' of what has just been lost.
        self.forget_digests();
        self.recalls = false;
    }

    pub(super) fn write_lockfile(
        &self,
        path: &str,
        text: &str,
        events: &mut dyn FnMut(Event),
    ) -> Result<()> {
        if self.leaves_lockfile {
            return Ok(());
        }
        let full = self.store().project()?.join(path);
        let now = fs_err::read(&full).ok();
        if now.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        durable::write(&full, text.as_bytes())?;
        events(Event::LockfileWritten {
            path: path.to_owned(),
            created: now.is_none(),
        });
        Ok(())
    }
}
