//! The stages of one run, in order or beside each other: until the end, a failure or an interrupt.

use super::Options;
use super::judge::{Judge, fed_by};
use super::outcome::Outcome;
use super::restore::Restorer;
use super::tally::Tally;
use crate::digest::Format;
use crate::error::{Error, Result};
use crate::lockfile::LockEntry;
use crate::ops::log::RunLog;
use crate::ops::record::{Queue, StageFacts};
use crate::pipeline::{Stage, paths};
use crate::reason::Reason;
use crate::runner::Runner;
use crate::runner::stage::WrittenFile;
use crate::store::Store;
use std::ffi::OsString;
use std::path::Path;

/// What the stages of a run share.
pub struct Stages<'a> {
    /// The repository.
    pub store: &'a Store,
    /// Decides which of them run.
    pub judge: &'a Judge<'a>,
    /// Restores outputs.
    pub restorer: &'a Restorer<'a>,
    /// What the stages print.
    pub log: &'a RunLog,
    /// The variables that every stage gets.
    pub environment: Vec<(String, OsString)>,
}

impl Stages<'_> {
    /// Visits `stages` in order. What fails in between ends the run, not the recording of what was saved.
    pub fn visit(
        &self,
        stages: &[&Stage],
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Outcome {
        let mut awaited = self.pass_by(stages, runner);
        let outcome = self.visit_all(stages, &mut awaited, runner, classify);
        for stage in awaited {
            self.pass(stage, runner);
        }
        outcome
    }

    fn visit_all<'s>(
        &self,
        stages: &[&'s Stage],
        awaited: &mut Vec<&'s Stage>,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Outcome
    where
        Self: 's,
    {
        let mut tally = Tally::new(self.options().on_failure);
        // A checkpoint is one state of the workspace: a stage that has them is alone in it.
        let is_alone = |stage: &Stage| self.options().jobs < 2 || stage.has_checkpoint();
        for span in stages.chunk_by(|a, b| !is_alone(a) && !is_alone(b)) {
            let flow = match is_alone(span[0]) {
                true => self.visit_alone(span[0], &mut tally, awaited, runner, classify),
                false => self.visit_beside(span, &mut tally, awaited, runner, classify),
            };
            if flow.is_break() {
                return tally.outcome;
            }
        }
        tally.finish()
    }

    pub(super) fn options(&self) -> &Options {
        self.judge.options
    }

    /// Waits for what a stage reads and the recorder is reading, having been written a moment ago.
    pub(super) fn wait_for_record(&self, stage: &Stage, ran: &[&Stage], queue: &Queue) {
        if let Some((_, path)) = fed_by(stage, ran) {
            queue.wait_until_read(&self.store.progress(), path);
        }
    }

    /// Returns the stage's name as the user would type it.
    pub(super) fn shown(&self, stage: &Stage) -> String {
        self.judge.inputs.pipeline.shown(stage)
    }

    /// Returns the reason for a stage to run whatever `dvc.lock` says of it.
    pub(super) fn forced(&self, stage: &Stage, ran: &[&Stage]) -> Option<Reason> {
        let options = self.options();
        if options.force {
            return Some(Reason::Forced);
        }
        let upstream = fed_by(stage, ran).filter(|_| options.force_downstream && !stage.frozen);
        upstream.map(|(upstream, _)| Reason::Follows(self.shown(upstream)))
    }

    /// Refuses a copy that a stage reads, if one that ran has written something else than it is a copy of:
    /// copies are brought up to date before a run only.
    pub(super) fn check_copies(&self, stage: &Stage, ran: &[&Stage]) -> Result<()> {
        let Judge { place, inputs, .. } = self.judge;
        let pipeline = &inputs.pipeline;
        for (data, source, writer) in pipeline.copies_between(ran, stage) {
            let md5 = |path: &str| -> Result<Option<String>> {
                Ok(place.digest(path)?.map(|digest| digest.md5(Format::V3)))
            };
            let copy = data.stage.outs.first().map(|out| out.path.as_str());
            if md5(copy.unwrap_or_default())? != md5(source)? {
                let shown = paths::from(&pipeline.folder, data.path());
                return Err(Error::refused(format!(
                    "'{shown}' is a copy of '{source}', which stage '{}' has just written anew",
                    self.shown(writer)
                ))
                .hint("run again: copies are brought up to date when a run begins"));
            }
        }
        Ok(())
    }

    /// Has the recorder keep what the other stages made earlier: `dvc.lock` goes on describing it.
    ///
    /// Returns those that a visited stage reads from: what they made may have to be brought back first.
    fn pass_by<'s>(&'s self, visited: &[&Stage], runner: &mut Runner<'_, Queue>) -> Vec<&'s Stage> {
        let mut awaited = Vec::new();
        for stage in &self.judge.inputs.pipeline.stages {
            if visited.iter().any(|visited| visited.is(stage)) {
                continue;
            }
            match visited.iter().any(|reader| reads(reader, stage)) {
                true => awaited.push(stage),
                false => self.pass(stage, runner),
            }
        }
        awaited
    }

    /// Has the recorder keep what a stage made earlier, if `dvc.lock` describes it.
    pub(super) fn pass(&self, stage: &Stage, runner: &mut Runner<'_, Queue>) {
        if let Some(facts) = self.passed(stage) {
            runner.recorder.skip_stage(facts);
        }
    }

    /// Returns what `dvc.lock` says of a stage that is not visited.
    pub(super) fn passed(&self, stage: &Stage) -> Option<StageFacts> {
        let entry = self.judge.lockfiles.entry(stage)?;
        Some(StageFacts {
            stage: stage.clone(),
            entry: LockEntry {
                outs: Vec::new(),
                ..entry.clone()
            },
        })
    }
}

/// Whether a stage reads what another one writes.
pub(super) fn reads(stage: &Stage, writer: &Stage) -> bool {
    fed_by(stage, &[writer]).is_some()
}
