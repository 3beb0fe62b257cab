//! What a stage reads, hashed aside where that takes long: others start meanwhile, and Ctrl-C is heard.

use super::stages::Stages;
use crate::error::Result;
use crate::ops::record::Queue;
use crate::pipeline::{Stage, paths};
use crate::runner::Runner;
use std::path::PathBuf;
use std::thread::JoinHandle;

/// To read so many bytes takes as long as a person waits without asking why.
const LONG: u64 = 64 << 20;

/// A thread that hashes; what it finds is asked for again, and known then.
pub(super) struct Reading(JoinHandle<()>);

impl Reading {
    /// Whether it has come to its end.
    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }
}

impl Stages<'_> {
    /// Begins to read what decides about a stage; `None` where that takes no time worth a thread.
    pub(super) fn begin_reading(&self, stage: &Stage) -> Option<Reading> {
        if stage.frozen {
            return None;
        }
        let place = &self.judge.place;
        let deps = stage.deps.iter().filter(|dep| !paths::is_url(dep));
        // What is run anyway does not depend on what it made.
        let outs = stage.outs.iter().filter(|_| !self.options().force);
        let read = deps.chain(outs.map(|out| &out.path));
        let read: Vec<PathBuf> = read.map(|path| place.project.join(path)).collect();
        let unread: u64 = read.iter().map(|path| place.cache.unread(path)).sum();
        if unread < LONG {
            return None;
        }
        let cache = place.cache.clone();
        let hash = move || {
            for path in read {
                let _told_to_who_asks = cache.digest(&path);
            }
        };
        let thread = std::thread::Builder::new().name("reader".into());
        thread.spawn(hash).ok().map(Reading)
    }

    /// Reads what decides about a stage while nothing else is at work. Returns whether it was interrupted.
    pub(super) fn read_alone(&self, stage: &Stage, runner: &mut Runner<'_, Queue>) -> Result<bool> {
        let Some(reading) = self.begin_reading(stage) else {
            return Ok(false);
        };
        while !reading.is_over() {
            runner.rest()?;
            if runner.interrupts.signal().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
