//! What has been recorded as a commit with its note, and the refs that move to them.

use super::recorder::Recording;
use crate::checkpoint::{Fork, Note, ParsedNote, Trailers, new_experiment_id};
use crate::error::Result;
use crate::event::Event;
use crate::experiment::{ExperimentName, experiment_ref, notes_ref};
use crate::id::ObjectId;
use crate::ops::remove::take_away;
use crate::store::Store;
use crate::store::objects::Batch;
use crate::store::refs::{Expected, MoveError, RefChange};
use crate::store::state::ResumePoint;

impl Recording {
    /// Returns the note of the newest checkpoint, if it has one that can be understood.
    pub(super) fn tip_note(&self, tip: ObjectId) -> Result<Option<Note>> {
        if let Some(note) = &self.last_note {
            return Ok(Some(note.clone()));
        }
        let Some(notes) = self.experiment.notes else {
            return Ok(None);
        };
        let Some(text) = self.store().read_note(notes, tip)? else {
            return Ok(None);
        };
        Ok(Note::parse(&text, tip).ok().and_then(ParsedNote::known))
    }

    /// Makes a checkpoint of the tree, and returns what to say when `dvc.lock` is written too.
    pub(super) fn commit(
        &mut self,
        batch: &Batch<'_>,
        events: &mut dyn FnMut(Event),
    ) -> Result<Event> {
        self.note_skipped()?;
        let number = self.experiment.number;
        if let Some(replaced) = self.experiment.replaces.take() {
            take_away(self.store(), "run", &[replaced])?;
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
            match self.store().change_refs(&[change]) {
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
        self.plan_due = false;
        self.tip = Some(commit);
        self.count += 1;
        let point = ResumePoint {
            checkpoint: commit,
            baseline: self.experiment.baseline,
            name: self.experiment.name.as_str().to_owned(),
            experiment_id: self.experiment.id.clone(),
        };
        if let Err(error) = self.store().set_resume_point(Some(&point)) {
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
        let name = free_name(self.store(), old.baseline)?;
        events(Event::Warning(format!(
            "experiment '{}' was changed by another process; this run goes on as '{}'",
            old.name.as_str(),
            name.as_str()
        )));
        if old.parent != old.baseline
            && let Some(notes) = old.notes
            && old.inherited.is_empty()
        {
            let chain = self.store().chain(old.parent, old.baseline)?;
            self.experiment.inherited = self.store().notes_of(notes, &chain)?;
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
        if let Ok(Some(mut record)) = self.store().run_record() {
            record.name = name.as_str().to_owned();
            record.experiment_id = self.experiment.id.clone();
            self.store().set_run_record(Some(&record))?;
        }
        self.save_plan();
        Ok(())
    }

    /// Sets notes, and moves the notes ref to them.
    pub(super) fn move_notes(
        &mut self,
        batch: &Batch<'_>,
        entries: &[(ObjectId, Vec<u8>)],
    ) -> Result<()> {
        loop {
            let notes = batch.notes(self.experiment.notes, entries)?;
            batch.sync()?;
            let change = RefChange::update(
                notes_ref(self.experiment.baseline, &self.experiment.name),
                self.experiment.notes_at,
                notes,
            );
            match self.store().change_refs(&[change]) {
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
            time: self.store().now(),
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
}

/// Returns a random name that no experiment of the baseline has.
pub fn free_name(store: &Store, baseline: ObjectId) -> Result<ExperimentName> {
    ExperimentName::random(|name| {
        !matches!(store.find_ref(&experiment_ref(baseline, name)), Ok(None))
    })
}
