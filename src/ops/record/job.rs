//! The jobs of a recording: how each is done, and how it stands in the journal until it is.

use super::recorder::{Finish, Recording, StageFacts};
use crate::capture::Capture;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::lockfile::Lockfile;
use crate::pipeline::Pipeline;
use crate::store::Store;
use crate::store::journal::{Entry, EntryKind};
use crate::store::objects::Batch;
use std::io::Write;
use std::panic::AssertUnwindSafe;

/// Something to record.
pub(super) struct Job {
    /// Its entry in the journal, if it stands there.
    pub number: Option<u64>,
    pub work: Work,
}

pub(super) enum Work {
    /// A stage starts: captures of it follow.
    Stage(Box<StageFacts>),
    /// A stage does not have to run.
    Skipped(Box<StageFacts>),
    Capture(Capture),
    /// Nothing else comes for now: put in place what waits.
    Settle,
    /// The run is over; whether what is not committed yet shall be.
    Finish(Finish, bool),
}

impl Work {
    fn kind(&self) -> Option<EntryKind> {
        match self {
            Work::Stage(_) => Some(EntryKind::Stage),
            Work::Skipped(_) => Some(EntryKind::Skipped),
            Work::Capture(_) => Some(EntryKind::Capture),
            Work::Settle | Work::Finish(..) => None,
        }
    }
}

impl Job {
    /// Reads an entry of the journal; `pipeline` is that of its run.
    pub fn read(entry: &Entry, pipeline: &Pipeline) -> Result<Self> {
        let facts = || StageFacts::parse(&entry.bytes, pipeline).map(Box::new);
        let work = match entry.kind {
            EntryKind::Stage => Work::Stage(facts()?),
            EntryKind::Skipped => Work::Skipped(facts()?),
            EntryKind::Capture => Work::Capture(Capture::parse_manifest(&entry.bytes)?),
        };
        Ok(Job {
            number: Some(entry.number),
            work,
        })
    }
}

impl StageFacts {
    /// Writes them as a `dvc.lock` with this stage only, under its address.
    pub(super) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let mut lockfile = Lockfile::default();
        lockfile.set(&self.stage.address(), self.entry.clone());
        out.write_all(lockfile.to_text().as_bytes())
    }

    fn parse(text: &[u8], pipeline: &Pipeline) -> Result<Self> {
        let damaged = || Error::corrupt("the journal of the run is damaged");
        let text = std::str::from_utf8(text).map_err(|_| damaged())?;
        let lockfile = Lockfile::parse(text, "the journal of the run")?;
        let (address, entry) = lockfile.stages.into_iter().next().ok_or_else(damaged)?;
        let mut stages = pipeline.stages.iter();
        let stage = stages
            .find(|stage| stage.address() == address)
            .ok_or_else(damaged)?;
        Ok(StageFacts {
            stage: stage.clone(),
            entry,
        })
    }
}

impl Recording {
    /// Does a job, and takes its entry out of the journal when what it did is safe without it.
    ///
    /// An error, a caught panic included, costs this checkpoint only; the entry stays until
    /// [`Recording::give_up`].
    ///
    /// `taken` is told when the bytes of a capture are held no longer, if that is before it returns.
    /// `store` is another handle on the recording's own: making one costs more than a small job.
    pub(super) fn perform(
        &mut self,
        store: &Store,
        job: Job,
        taken: &mut dyn FnMut(),
        events: &mut dyn FnMut(Event),
    ) -> Result<()> {
        let kind = job.work.kind();
        self.start_entry(job.number);
        let batch = Batch::new(store);
        batch.adopt(std::mem::take(&mut self.unsynced));
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| match job.work {
            Work::Stage(facts) => self.start_stage(*facts),
            Work::Skipped(facts) => self.skip_stage(&batch, *facts),
            Work::Capture(capture) => self.record(&batch, capture, taken, events),
            Work::Settle => self.settle(&batch, false, taken, events),
            Work::Finish(finish, commit) => self.finish(&batch, &finish, commit, events),
        }));
        self.unsynced = batch.into_unsynced();
        let done = done.unwrap_or_else(|_| {
            self.lose();
            Err(Error::io("an internal error"))
        });
        if let Err(error) = &done {
            self.missed(&error.chain());
            return done;
        }
        match (kind, job.number) {
            // It says what the stage's captures are about as long as they come.
            (Some(EntryKind::Stage), Some(number)) => {
                if !self.is_unsettled() {
                    self.save_plan_of_skipped();
                }
                let before = self.stage_entry.replace(number);
                self.held
                    .extend(before.map(|before| (before, EntryKind::Stage)));
            }
            (Some(EntryKind::Skipped), Some(number)) => self.skipped.push(number),
            (Some(EntryKind::Capture), Some(number)) => {
                self.held.push((number, EntryKind::Capture));
            }
            _ => {}
        }
        self.let_go();
        Ok(())
    }

    /// Puts what skipped stages have into the plan, once a stage starts and there is one.
    fn save_plan_of_skipped(&mut self) {
        let skipped = std::mem::take(&mut self.skipped);
        if !skipped.is_empty() {
            self.save_plan();
        }
        for number in skipped {
            self.give_up(number, EntryKind::Skipped);
        }
    }

    /// Takes an entry out of the journal: it has been recorded, or cannot be.
    pub(super) fn give_up(&self, number: u64, kind: EntryKind) {
        // One that stays is recorded once more after a kill, which changes nothing.
        let _stays = self.journal.remove(number, kind);
    }
}
