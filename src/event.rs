//! What can happen during an operation, as values; operations emit them, the screen words them.

use crate::id::{ObjectId, short};
use crate::reason::Reason;
use std::fmt;

/// Something a person may want to know while an operation runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Goes on, after saying what is wrong.
    Warning(String),
    /// A remark of the kind git writes to stderr.
    Status(String),
    /// A new run starts: nothing to build on.
    RunStarts(RunStart),
    /// A killed run is gone on with: its training lives.
    Attached {
        /// The experiment.
        name: String,
        /// The stage that trains.
        stage: String,
        /// The process of its command.
        pid: u32,
    },
    /// A stage starts, or would start.
    StageStarts {
        /// Its name, as one who stands where the user does writes it.
        stage: String,
        /// Why; nothing where that is not known.
        why: Vec<Reason>,
    },
    /// A stage would start if another one, which would run before it, changes what it reads.
    StageMayStart {
        /// Its name.
        stage: String,
        /// What it reads.
        path: String,
        /// The stage that writes it.
        writer: String,
    },
    /// One command line of a stage starts.
    CommandStarts {
        /// The stage's name, where it runs beside others.
        stage: Option<String>,
        /// As in `dvc.yaml`.
        line: String,
    },
    /// A stage is up to date.
    StageSkipped {
        /// Its name, as one who stands where the user does writes it.
        stage: String,
        /// Whether it is never run.
        frozen: bool,
    },
    /// A stage need not run: the outputs that it would write are in the cache.
    StageRestored {
        /// Its name.
        stage: String,
        /// Why it is not up to date.
        why: Vec<Reason>,
    },
    /// The outputs of a frozen stage are recorded as they are.
    StageVerified {
        /// Its name.
        stage: String,
        /// Why it is not up to date.
        why: Vec<Reason>,
    },
    /// What a `.dvc` file tracks was looked at.
    DataChecked {
        /// Its path, relative to where the user stands.
        file: String,
        /// Whether something else is tracked now, and was recorded.
        changed: bool,
    },
    /// A `dvc.lock` was written; `created` if it was not there.
    LockfileWritten {
        /// Its path, relative to where the user stands.
        path: String,
        /// Whether it was not there before.
        created: bool,
    },
    /// A checkpoint exists.
    CheckpointSaved {
        /// The commit.
        id: ObjectId,
        /// Its count along the chain, from 1.
        number: u64,
    },
}

/// How a run relates to what was there.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStart {
    /// Which of the three.
    pub mode: RunMode,
    /// The experiment's name.
    pub name: String,
    /// The checkpoint it goes on from.
    pub from: Option<ObjectId>,
    /// Checkpoint outputs that training will load: path and md5.
    pub loads: Vec<(String, String)>,
}

/// New, resume or fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// A fresh chain from HEAD.
    New,
    /// The same ref grows.
    Resume,
    /// A new experiment grows from a checkpoint.
    Fork,
}

impl fmt::Display for RunStart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let from = self.from.map(|from| short(&from)).unwrap_or_default();
        write!(out, "Experiment '{}': ", self.name)?;
        match self.mode {
            RunMode::New => write!(out, "new")?,
            RunMode::Resume => write!(out, "resume from checkpoint {from}")?,
            RunMode::Fork => write!(out, "fork of checkpoint {from}")?,
        }
        for (number, (path, md5)) in self.loads.iter().enumerate() {
            let before = if number == 0 { ", training loads" } else { "," };
            write!(out, "{before} {path} {}", &md5[..md5.len().min(7)])?;
        }
        Ok(())
    }
}

/// Receives events; operations are given one.
pub trait Events {
    /// Takes one event.
    fn emit(&mut self, event: Event);
}

impl<F: FnMut(Event)> Events for F {
    fn emit(&mut self, event: Event) {
        self(event)
    }
}
