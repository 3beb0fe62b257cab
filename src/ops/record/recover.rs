//! Finishes what killed runs have captured: training was told that those checkpoints are taken.

use super::job::{Job, Work};
use super::plan::pipeline_of;
use super::queue::Queue;
use super::recorder::{Finish, Recording};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, Events};
use crate::id::short;
use crate::pipeline::Stage;
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::capture_dir::CaptureDir;
use crate::store::journal::{Entry, EntryKind, Plan};

/// What a killed run has captured or begun and not recorded.
pub struct Backlog {
    pub(super) jobs: Vec<Job>,
}

impl Queue {
    /// Takes over what a killed run has not recorded.
    pub fn take_over(&mut self, backlog: Backlog) -> Result<()> {
        self.send_all(backlog.jobs)
    }
}

impl Backlog {
    /// Reads the journal in `folder`. Entries that are damaged are told and given up.
    pub fn read(
        store: &Store,
        folder: &CaptureDir,
        plan: &Plan,
        events: &mut dyn Events,
    ) -> Result<Self> {
        let pipeline = pipeline_of(store, plan)?;
        let mut jobs = Vec::new();
        for entry in folder.journal().entries()? {
            match Job::read(&entry, &pipeline) {
                Ok(job) => jobs.push(job),
                Err(error) => lost(events, &plan.name, &error),
            }
        }
        Ok(Backlog { jobs })
    }

    /// Whether it tells what `stage` reads, which its captures need.
    pub fn describes(&self, stage: &Stage) -> bool {
        self.jobs
            .iter()
            .any(|job| matches!(&job.work, Work::Stage(facts) if facts.stage.is(stage)))
    }
}

/// Records what killed runs of this worktree have captured, and removes what they have left.
///
/// The caller holds the run lock, and nobody trains here. What cannot be recorded now, but may be
/// later, is an error, and stays.
pub fn recover(store: &Store, events: &mut dyn Events) -> Result<()> {
    if store.project().is_err() {
        return Ok(());
    }
    let cache = store.cache()?;
    for folder in cache.leftover_captures(store.git_dir())? {
        finish(store, &cache, &folder, events).map_err(|error| {
            Error::new(
                error.kind(),
                "cannot record a checkpoint that a killed run has captured",
            )
            .caused_by(error)
            .hint(format!("rm -r '{}' gives it up", folder.path().display()))
        })?;
        folder.remove()?;
    }
    Ok(())
}

fn finish(
    store: &Store,
    cache: &Cache,
    folder: &CaptureDir,
    events: &mut dyn Events,
) -> Result<()> {
    let journal = folder.journal();
    let is_capture = |entry: &Entry| entry.kind == EntryKind::Capture;
    if !journal.entries()?.iter().any(is_capture) {
        return Ok(());
    }
    let Some(plan) = journal.read_plan() else {
        events.emit(Event::Warning(
            "a checkpoint that was captured before this machine stopped is lost".to_owned(),
        ));
        return Ok(());
    };
    store.check_identity()?;
    let backlog = Backlog::read(store, folder, &plan, events)?;
    let mut recording = Recording::of_plan(store, cache, folder, &plan)?;
    recording.leave_foreign_lockfile(&plan)?;
    let mut tell = |event| match event {
        Event::CheckpointSaved { id, number } => events.emit(Event::Status(format!(
            "recorded checkpoint {number} of '{}' ({}), which a killed run had captured",
            plan.name,
            short(&id)
        ))),
        Event::LockfileWritten { .. } => {}
        other => events.emit(other),
    };
    let mut damaged = Vec::new();
    for job in backlog.jobs {
        let is_capture = matches!(job.work, Work::Capture(_));
        let mut done = recording.perform(store, job, &mut || {}, &mut tell);
        // One that is damaged shall not cost those before it.
        if is_capture && done.is_ok() && recording.is_unsettled() {
            let work = Work::Settle;
            done = recording.perform(store, Job { number: None, work }, &mut || {}, &mut tell);
        }
        match done {
            Ok(()) => {}
            Err(error) if error.kind() == Kind::Corrupt => damaged.push(error),
            Err(error) => return Err(error),
        }
    }
    if recording.missed.is_some() {
        let work = Work::Finish(Finish::default(), false);
        let job = Job { number: None, work };
        recording.perform(store, job, &mut || {}, &mut tell)?;
    }
    for error in &damaged {
        lost(events, &plan.name, error);
    }
    Ok(())
}

fn lost(events: &mut dyn Events, name: &str, error: &Error) {
    events.emit(Event::Warning(format!(
        "a checkpoint that a killed run of '{name}' has captured is lost: {}",
        error.chain()
    )));
}
