//! One capture to one commit.

use crate::capture::{CapturedContent, CapturedFile, Content};
use crate::checkpoint::{
    FileData, Fork, Note, NoteDependency, NoteOutput, ParsedNote, Status, Trailers,
    new_experiment_id,
};
use crate::digest::{self, DirDigest, FileDigest, Format, PathDigest};
use crate::error::{Context, Error, Result};
use crate::event::Event;
use crate::experiment::{self, ExperimentName, experiment_ref, notes_ref};
use crate::id::ObjectId;
use crate::lockfile::{LockEntry, LockedHash, LockedPath, Lockfile};
use crate::ops::remove::take_away;
use crate::pipeline::{Output, OutputKind, Reported, Stage, paths};
use crate::runner::Capture;
use crate::store::Store;
use crate::store::bstr::BString;
use crate::store::cache::Cache;
use crate::store::capture_dir::CaptureDir;
use crate::store::durable;
use crate::store::journal::Journal;
use crate::store::objects::{Batch, EntryKind, TreeChange};
use crate::store::refs::{Expected, MoveError, RefChange};
use crate::store::scan::Scanner;
use crate::store::state::ResumePoint;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A finished file on the cache's file system.
struct NewFile {
    path: PathBuf,
    digest: FileDigest,
    /// A copy of the capture, not a file that was made of its bytes.
    is_copy: bool,
}

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
    pub(super) store: Store,
    pub(super) cache: Cache,
    pub(super) format: Format,
    pub(super) experiment: Experiment,
    pub(super) message: Option<String>,
    pub(super) scanner: Scanner,
    pub(super) tree: ObjectId,
    pub(super) committed_tree: Option<ObjectId>,
    pub(super) lockfile: Lockfile,
    pub(super) params: IndexMap<String, FileData>,
    pub(super) metric_files: Vec<String>,
    pub(super) reported: Arc<Reported>,
    /// Files that training reported before this run, until a capture says what they are now.
    pub(super) reported_before: Vec<TreeChange>,
    pub(super) metrics: BTreeMap<String, FileData>,
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
    /// Entries of skipped stages that no plan tells yet.
    pub(super) skipped: Vec<u64>,
    /// The entry that is being recorded.
    entry: Option<u64>,
    /// What copies of that entry hash to, where a killed recorder has moved them into the cache.
    moved: HashMap<PathBuf, FileDigest>,
    /// Goes on for a killed recorder: what that one knew of unchanged outputs is looked up.
    pub(super) recalls: bool,
    /// The workspace's `dvc.lock` is somebody else's by now.
    pub(super) leaves_lockfile: bool,
}

impl Recording {
    /// Starts a recording on `tree`, the code as it is run, with copies and journal in `folder`.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is one fact about the run; a struct of them would be this one"
    )]
    pub fn new(
        store: Store,
        cache: Cache,
        format: Format,
        experiment: Experiment,
        scanner: Scanner,
        tree: ObjectId,
        lockfile: Lockfile,
        folder: &CaptureDir,
    ) -> Result<Self> {
        Ok(Recording {
            store,
            cache,
            format,
            experiment,
            message: None,
            scanner,
            tree,
            committed_tree: None,
            lockfile,
            params: IndexMap::new(),
            metric_files: Vec::new(),
            reported: Arc::default(),
            reported_before: Vec::new(),
            metrics: BTreeMap::new(),
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
            skipped: Vec::new(),
            entry: None,
            moved: HashMap::new(),
            recalls: false,
            leaves_lockfile: false,
        })
    }

    /// Returns the folder for the copies of captures.
    pub fn copies(&self) -> &Path {
        &self.copies
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

    /// The tree that the experiment's tip has already: no second commit is made of it.
    pub fn resuming(mut self, tree: Option<ObjectId>) -> Self {
        self.committed_tree = tree;
        self.tip = tree.map(|_| self.experiment.parent);
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
    pub fn start_stage(&mut self, facts: StageFacts) {
        self.note_deps(&facts.entry);
        self.digests.clear();
        self.facts = Some(facts);
    }

    pub(super) fn note_deps(&mut self, entry: &LockEntry) {
        for dep in &entry.deps {
            let hash = dep.hash.as_ref();
            self.deps.insert(
                dep.path.clone(),
                NoteDependency {
                    md5: hash.map(|hash| hash.md5.clone()),
                    size: hash.and_then(|hash| hash.size),
                    nfiles: hash.and_then(|hash| hash.nfiles),
                },
            );
        }
    }

    /// Records one capture; a commit is made if it was signalled and the tree differs from the last one.
    pub fn record(&mut self, capture: Capture, events: &mut dyn FnMut(Event)) -> Result<()> {
        let store = self.store.clone();
        let batch = Batch::new(&store);
        let signalled = capture.signalled;
        self.reported = capture.reported;
        self.reported_before.clear();
        let facts = self
            .facts
            .clone()
            .ok_or_else(|| Error::io("a capture came before its stage"))?;
        let mut entry = facts.entry.clone();
        let mut changes = Vec::new();
        let old = self
            .lockfile
            .stages
            .get(&facts.stage.name)
            .cloned()
            .unwrap_or_default();
        for captured in capture.outputs {
            let Some(output) = facts.stage.out(&captured.path) else {
                continue;
            };
            let hash = self.output(&batch, output, captured.content, &old, &mut changes)?;
            entry.outs.push(LockedPath {
                path: facts.stage.written(&output.path).to_owned(),
                hash,
                ..LockedPath::default()
            });
        }
        for file in capture.files {
            self.file(&batch, &file.path, file.file, &mut changes)?;
        }
        if let Some(tracked) = &capture.late {
            self.look_late(&batch, tracked, &mut changes)?;
        }
        // The lockfile must not claim what was not recorded.
        let mut lockfile = self.lockfile.clone();
        lockfile.set(&facts.stage.name, entry);
        let text = lockfile.to_text();
        changes.push(TreeChange {
            path: self.store.tree_path("dvc.lock").into_bytes(),
            entry: Some((EntryKind::Blob, batch.blob(text.as_bytes())?)),
        });
        self.tree = batch.tree(self.tree, &changes)?;
        self.lockfile = lockfile;
        let saved = match signalled && self.committed_tree != Some(self.tree) {
            true => Some(self.commit(&batch, events)?),
            false => None,
        };
        self.late_saved();
        if let Err(error) = self.write_lockfile(&text, events) {
            events(Event::Warning(error.chain()));
        }
        saved.into_iter().for_each(events);
        Ok(())
    }

    /// Ends the run: commits what is not committed yet if `commit`, and writes the status into the tip's note.
    pub fn finish(
        &mut self,
        finish: &Finish,
        commit: bool,
        events: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let store = self.store.clone();
        let batch = Batch::new(&store);
        if commit {
            self.keep_reported(&batch)?;
        }
        if commit && self.committed_tree != Some(self.tree) {
            let saved = self.commit(&batch, events)?;
            events(saved);
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
        self.move_notes(&batch, &entries)
    }

    /// A checkpoint could not be recorded; the tip's note will say so.
    pub fn missed(&mut self, reason: &str) {
        self.missed.get_or_insert_with(|| reason.to_owned());
        // Captures that wait already may say 'unchanged' of what has just been lost.
        self.digests.clear();
        self.recalls = false;
    }

    fn tip_note(&self, tip: ObjectId) -> Result<Option<Note>> {
        if let Some(note) = &self.last_note {
            return Ok(Some(note.clone()));
        }
        let Some(notes) = self.experiment.notes else {
            return Ok(None);
        };
        let Some(text) = self.store.read_note(notes, tip)? else {
            return Ok(None);
        };
        Ok(Note::parse(&text, tip).ok().and_then(ParsedNote::known))
    }

    /// Makes a checkpoint of the tree, and returns what to say when `dvc.lock` is written too.
    fn commit(&mut self, batch: &Batch<'_>, events: &mut dyn FnMut(Event)) -> Result<Event> {
        let number = self.experiment.number;
        if let Some(replaced) = self.experiment.replaces.take() {
            take_away(&self.store, "run", &[replaced])?;
            self.experiment.notes_at = None;
        }
        let commit = loop {
            let commit = self.write_commit(batch)?;
            let mut notes = self.experiment.inherited.clone();
            let note = self.note(number);
            notes.push((commit, note.to_text().into_bytes()));
            self.move_notes(batch, &notes)?;
            let change = RefChange {
                name: experiment_ref(self.experiment.baseline, &self.experiment.name),
                new: Some(commit),
                expected: self.experiment.expected,
            };
            match self.store.change_refs(&[change]) {
                Ok(()) => {
                    self.last_note = Some(note);
                    break commit;
                }
                Err(MoveError::Other(error)) => return Err(error),
                Err(MoveError::Moved(_)) => self.go_on_as_fork(events)?,
            }
        };
        // From here on the checkpoint exists; what fails now must not say that it does not.
        self.experiment.inherited.clear();
        self.experiment.expected = Expected::Is(commit);
        self.experiment.parent = commit;
        self.experiment.number += 1;
        self.experiment.fork_of = None;
        self.committed_tree = Some(self.tree);
        self.tip = Some(commit);
        self.count += 1;
        let point = ResumePoint {
            checkpoint: commit,
            baseline: self.experiment.baseline,
            name: self.experiment.name.as_str().to_owned(),
            experiment_id: self.experiment.id.clone(),
        };
        if let Err(error) = self.store.set_resume_point(Some(&point)) {
            events(Event::Warning(error.chain()));
        }
        Ok(Event::CheckpointSaved { id: commit, number })
    }

    fn write_commit(&self, batch: &Batch<'_>) -> Result<ObjectId> {
        let number = self.experiment.number;
        let trailers = Trailers {
            id: Some(self.experiment.id.clone()),
            number: Some(number),
            baseline: Some(self.experiment.baseline.to_string()),
            fork_of: self.experiment.fork_of.clone(),
        };
        let subject = self
            .message
            .clone()
            .unwrap_or_else(|| format!("{}: checkpoint {number}", self.experiment.name.as_str()));
        batch.commit(
            self.tree,
            &[self.experiment.parent],
            &trailers.message(&subject),
        )
    }

    /// Somebody moved, made or removed our ref: grow under a new name from our own last commit.
    fn go_on_as_fork(&mut self, events: &mut dyn FnMut(Event)) -> Result<()> {
        let old = self.experiment.clone();
        let name = free_name(&self.store, old.baseline)?;
        events(Event::Warning(format!(
            "experiment '{}' was changed by another process; this run goes on as '{}'",
            old.name.as_str(),
            name.as_str()
        )));
        if old.parent != old.baseline
            && let Some(notes) = old.notes
            && old.inherited.is_empty()
        {
            let chain = self.store.chain(old.parent, old.baseline)?;
            self.experiment.inherited = self.store.notes_of(notes, &chain)?;
        }
        if old.parent != old.baseline && old.fork_of.is_none() {
            self.experiment.fork_of = Some(Fork {
                commit: old.parent,
                id: Some(old.id),
                name: old.name.as_str().to_owned(),
            });
        }
        self.experiment.name = name.clone();
        self.experiment.id = new_experiment_id()?;
        self.experiment.expected = Expected::Absent;
        self.experiment.notes = None;
        self.experiment.notes_at = None;
        if let Ok(Some(mut record)) = self.store.run_record() {
            record.name = name.as_str().to_owned();
            record.experiment_id = self.experiment.id.clone();
            self.store.set_run_record(Some(&record))?;
        }
        self.save_plan();
        Ok(())
    }

    fn move_notes(&mut self, batch: &Batch<'_>, entries: &[(ObjectId, Vec<u8>)]) -> Result<()> {
        loop {
            let notes = batch.notes(self.experiment.notes, entries)?;
            batch.sync()?;
            let change = RefChange::update(
                notes_ref(self.experiment.baseline, &self.experiment.name),
                self.experiment.notes_at,
                notes,
            );
            match self.store.change_refs(&[change]) {
                Ok(()) => {
                    self.experiment.notes = Some(notes);
                    self.experiment.notes_at = Some(notes);
                    return Ok(());
                }
                Err(MoveError::Other(error)) => return Err(error),
                // A person added a note, or another run has, or wants, the same name, which the
                // experiment's own ref will tell: either way their notes stay.
                Err(MoveError::Moved(now)) => {
                    self.experiment.notes = now;
                    self.experiment.notes_at = now;
                }
            }
        }
    }

    pub(super) fn note(&self, number: u64) -> Note {
        Note {
            id: self.experiment.id.clone(),
            number,
            time: self.store.now(),
            metrics: self
                .metrics
                .iter()
                .map(|(file, data)| (file.clone(), data.clone()))
                .collect(),
            params: self.params.clone(),
            deps: self.deps.clone(),
            outs: self.outs.clone(),
            message: self.message.clone(),
            ..Note::default()
        }
    }

    fn write_lockfile(&self, text: &str, events: &mut dyn FnMut(Event)) -> Result<()> {
        if self.leaves_lockfile {
            return Ok(());
        }
        let path = self.store.project()?.join("dvc.lock");
        let now = fs_err::read(&path).ok();
        if now.as_deref() == Some(text.as_bytes()) {
            return Ok(());
        }
        durable::write(&path, text.as_bytes())?;
        events(Event::LockfileWritten {
            created: now.is_none(),
        });
        Ok(())
    }

    fn output(
        &mut self,
        batch: &Batch<'_>,
        output: &Output,
        content: CapturedContent,
        old: &LockEntry,
        changes: &mut Vec<TreeChange>,
    ) -> Result<Option<LockedHash>> {
        let tree_path = self.store.tree_path(&output.path);
        if !output.cache {
            self.tree_changes(batch, &tree_path, &content, changes)?;
        }
        self.show_output(&output.path, &content);
        let before = old
            .outs
            .iter()
            .find(|entry| entry.path == output.path)
            .and_then(|entry| entry.hash.as_ref());
        let Some((mut digest, files)) = self.digest(output, content, before)? else {
            self.outs.shift_remove(&output.path);
            self.digests.remove(&output.path);
            return Ok(None);
        };
        let format = kept_format(before, &digest).unwrap_or(self.format);
        if output.cache {
            if let Some(entry) = self.entry {
                let copies = files.iter().filter(|file| file.is_copy);
                let copies: Vec<_> = copies
                    .map(|file| (file.path.clone(), file.digest.clone()))
                    .collect();
                self.journal.add_digests(entry, &copies)?;
            }
            let named: Vec<(PathBuf, String)> = files
                .into_iter()
                .map(|file| (file.path, file.digest.md5(format).to_owned()))
                .collect();
            // A text of other line ends may stand there under DVC 2's name: the note tells its sha256.
            for (name, stored) in self.cache.insert_all(&named, format)? {
                tell_stored(&mut digest, format, &name, &stored);
            }
            if let PathDigest::Dir(directory) = &digest {
                self.cache.insert_listing(format, directory)?;
            }
        }
        let hash = LockedHash {
            format,
            md5: digest.md5(format),
            size: Some(digest.size()),
            nfiles: digest.nfiles(),
            isexec: digest.isexec(),
        };
        if output.kind == OutputKind::Out {
            self.outs.insert(
                output.path.clone(),
                NoteOutput {
                    md5: Some(hash.md5.clone()),
                    sha256: output.cache.then(|| digest.sha256()),
                    size: hash.size,
                    nfiles: hash.nfiles,
                    cache: output.cache,
                    data_source: false,
                },
            );
        }
        self.digests.insert(output.path.clone(), digest);
        Ok(Some(hash))
    }

    /// Hashes captured files; returns those whose bytes are not known yet, as files with their md5 names.
    fn digest(
        &mut self,
        output: &Output,
        content: CapturedContent,
        before: Option<&LockedHash>,
    ) -> Result<Option<(PathDigest, Vec<NewFile>)>> {
        let path = &output.path;
        let lost = || Error::corrupt(format!("the last copy of '{path}' could not be recorded"));
        let known = match self.digests.get(path) {
            Some(known) => Some(known.clone()),
            None => self.recall(output, before)?,
        };
        let mut files = Vec::new();
        let digest = match content {
            CapturedContent::Missing => return Ok(None),
            CapturedContent::File(file) => {
                let isexec = file.executable;
                match (file.content, known) {
                    (Content::Unchanged, Some(PathDigest::File { digest, .. })) => {
                        PathDigest::File { digest, isexec }
                    }
                    (Content::Unchanged, _) => return Err(lost()),
                    (content, _) => PathDigest::File {
                        digest: self.hash(content, &mut files)?,
                        isexec,
                    },
                }
            }
            CapturedContent::Directory {
                complete,
                changed,
                removed,
            } => {
                let mut directory = match known {
                    Some(PathDigest::Dir(directory)) if !complete => directory.files,
                    _ if complete => IndexMap::new(),
                    _ => return Err(lost()),
                };
                for gone in removed {
                    directory.shift_remove(&gone);
                }
                for (relative, file) in changed {
                    let digest = self.hash(file.content, &mut files)?;
                    directory.insert(relative, digest);
                }
                PathDigest::Dir(DirDigest::new(directory))
            }
        };
        Ok(Some((digest, files)))
    }

    fn hash(&mut self, content: Content, files: &mut Vec<NewFile>) -> Result<FileDigest> {
        let doing = || "cannot read a captured copy".to_owned();
        let (digest, path, is_copy) = match content {
            Content::Bytes(bytes) => {
                let path = self.copies.join(format!("r{}", self.next_copy));
                self.next_copy += 1;
                fs_err::write(&path, &bytes)
                    .context(|| "cannot write to the cache's file system".to_owned())?;
                (digest::bytes(&bytes), path, false)
            }
            Content::Copy { path, .. } => {
                let file = match fs_err::File::open(&path) {
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                        return self.moved(&path);
                    }
                    file => file.context(doing)?,
                };
                (digest::read(file).context(doing)?, path, true)
            }
            Content::Unchanged | Content::Link(_) => {
                return Err(Error::io("a captured file has no bytes"));
            }
        };
        files.push(NewFile {
            path,
            digest: digest.clone(),
            is_copy,
        });
        Ok(digest)
    }

    /// Returns what a copy hashes to that is not there any more because it is in the cache already.
    fn moved(&self, copy: &Path) -> Result<FileDigest> {
        let is_stored = |digest: &&FileDigest| {
            let mut formats = [Format::V2, Format::V3].into_iter();
            formats.any(|format| {
                let md5 = digest.md5(format);
                self.cache.has(format, md5, Some(digest.size))
            })
        };
        let digest = self.moved.get(copy).filter(is_stored).cloned();
        digest.ok_or_else(|| Error::corrupt("a captured copy is gone"))
    }

    fn tree_changes(
        &mut self,
        batch: &Batch<'_>,
        tree_path: &str,
        content: &CapturedContent,
        changes: &mut Vec<TreeChange>,
    ) -> Result<()> {
        let gone = |path: String| TreeChange {
            path: path.into_bytes(),
            entry: None,
        };
        match content {
            CapturedContent::Missing => changes.push(gone(tree_path.to_owned())),
            CapturedContent::File(file) => changes.extend(self.blob(batch, tree_path, file)?),
            CapturedContent::Directory {
                complete,
                changed,
                removed,
            } => {
                if *complete {
                    changes.push(gone(tree_path.to_owned()));
                }
                changes.extend(
                    removed
                        .iter()
                        .map(|path| gone(format!("{tree_path}/{path}"))),
                );
                for (path, file) in changed {
                    changes.extend(self.blob(batch, &format!("{tree_path}/{path}"), file)?);
                }
            }
        }
        Ok(())
    }

    fn file(
        &mut self,
        batch: &Batch<'_>,
        path: &Path,
        file: Option<CapturedFile>,
        changes: &mut Vec<TreeChange>,
    ) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        let bytes = path.as_os_str().as_bytes();
        let text = path.to_string_lossy();
        if let Some(project_path) = text.strip_prefix(&self.store.tree_path("")) {
            self.show(project_path, file.as_ref());
        }
        match file {
            None => changes.push(TreeChange {
                path: bytes.to_vec(),
                entry: None,
            }),
            Some(file) => changes.extend(self.blob(batch, &text, &file)?),
        }
        Ok(())
    }

    fn blob(
        &mut self,
        batch: &Batch<'_>,
        path: &str,
        file: &CapturedFile,
    ) -> Result<Option<TreeChange>> {
        let kind = if file.executable {
            EntryKind::BlobExecutable
        } else {
            EntryKind::Blob
        };
        let entry = match &file.content {
            Content::Unchanged => return Ok(None),
            Content::Bytes(bytes) => (kind, self.scanner.blob(batch, path.as_bytes(), bytes)?),
            Content::Copy { path, .. } => (kind, batch.blob_from_file(path)?),
            Content::Link(target) => (EntryKind::Link, batch.blob(target)?),
        };
        Ok(Some(TreeChange {
            path: path.as_bytes().to_vec(),
            entry: Some(entry),
        }))
    }

    /// Takes over the metrics and params in an output.
    fn show_output(&mut self, path: &str, content: &CapturedContent) {
        match content {
            CapturedContent::Missing => self.show(path, None),
            CapturedContent::File(file) => self.show(path, Some(file)),
            CapturedContent::Directory {
                changed, removed, ..
            } => {
                for relative in removed {
                    self.show(&format!("{path}/{relative}"), None);
                }
                for (relative, file) in changed {
                    self.show(&format!("{path}/{relative}"), Some(file));
                }
            }
        }
    }

    /// Takes over a metrics file, or a params file that training wrote; `None` is one that is gone.
    fn show(&mut self, path: &str, file: Option<&CapturedFile>) {
        let is = |list: &[String]| list.iter().any(|known| known == path);
        let is_metric = is(&self.metric_files) || is(&self.reported.metrics);
        let is_param = is(&self.reported.params);
        match file.map(|file| &file.content) {
            None => {
                let stays = |file: &String| !paths::is_within(file, path);
                self.metrics.retain(|file, _| stays(file));
                if is_param {
                    self.params.shift_remove(path);
                }
            }
            Some(Content::Bytes(bytes)) if is_metric => {
                let data = crate::metrics::file_data(path, bytes);
                self.metrics.insert(path.to_owned(), data);
            }
            Some(Content::Bytes(bytes)) if is_param => {
                let data = crate::params::file_data(path, bytes);
                self.params.insert(path.to_owned(), data);
            }
            Some(_) => {}
        }
    }
}

/// Takes over the sha256 of what the cache holds under `name` instead of our bytes.
fn tell_stored(digest: &mut PathDigest, format: Format, name: &str, stored: &FileDigest) {
    let tell = |file: &mut FileDigest| {
        if file.md5(format) == name {
            file.sha256.clone_from(&stored.sha256);
        }
    };
    match digest {
        PathDigest::File { digest, .. } => tell(digest),
        PathDigest::Dir(directory) => directory.files.values_mut().for_each(tell),
    }
}

/// Returns a random name that no experiment of the baseline has.
pub fn free_name(store: &Store, baseline: ObjectId) -> Result<ExperimentName> {
    ExperimentName::random(|name| {
        !matches!(store.find_ref(&experiment_ref(baseline, name)), Ok(None))
    })
}

/// Returns the format of an entry that still describes this content: unchanged entries keep their form.
pub(super) fn kept_format(before: Option<&LockedHash>, digest: &PathDigest) -> Option<Format> {
    let before = before?;
    (digest.md5(before.format) == before.md5).then_some(before.format)
}
