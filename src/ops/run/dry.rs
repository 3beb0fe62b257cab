//! `--dry`: says which stages would run, and why; nothing is changed.

use super::inputs::Inputs;
use super::{Options, facts, origin, why};
use crate::error::Result;
use crate::event::{Event, Events};
use crate::id::ObjectId;
use crate::lockfile::Lockfiles;
use crate::pipeline::{Pipeline, Stage, paths};
use crate::reason::{Difference, Reason};
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::state::ResumePoint;
use std::path::Path;

/// What a run would rest on.
pub struct Dry<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The project's root.
    pub project: &'a Path,
    /// Where outputs would come from.
    pub cache: &'a Cache,
    /// Pipeline and params.
    pub inputs: &'a Inputs,
    /// What was asked for.
    pub options: &'a Options,
    /// The checkpoint that `options` goes on from.
    pub from: Option<&'a ResumePoint>,
    /// The baseline of the experiment that would grow.
    pub baseline: ObjectId,
}

impl Dry<'_> {
    /// Says of each of `stages` whether it would run.
    ///
    /// Behind a stage that would run, a stage may have to run too: that depends on what the first one writes.
    pub fn say(&self, stages: &[&Stage], events: &mut dyn Events) -> Result<()> {
        let format = self.store.dvc_format(self.cache)?;
        let lockfiles = self.lockfiles()?;
        let mut starting: Vec<&Stage> = Vec::new();
        for stage in stages {
            let facts = facts::collect(
                self.project,
                self.cache,
                stage,
                &self.inputs.params,
                &lockfiles,
                format,
                facts::Missing::IsToldAbout,
            )?;
            let mut why = match self.options.force {
                true => vec![Reason::Forced],
                false => why::reasons(self.project, self.cache, stage, &facts, &lockfiles)?,
            };
            let upstream = fed_by(stage, &starting);
            if upstream.is_some() {
                let is_made =
                    |reason: &Reason| matches!(reason, Reason::Dependency(_, Difference::Missing));
                why.retain(|reason| !is_made(reason));
            }
            let name = self.inputs.pipeline.shown(stage);
            if !why.is_empty() {
                starting.push(stage);
                events.emit(Event::StageStarts { stage: name, why });
            } else if let Some((writer, path)) = upstream.filter(|_| !stage.frozen) {
                starting.push(stage);
                events.emit(Event::StageMayStart {
                    stage: name,
                    path: path.to_owned(),
                    writer: self.inputs.pipeline.shown(writer),
                });
            } else {
                events.emit(Event::StageSkipped {
                    stage: name,
                    frozen: stage.frozen,
                });
                continue;
            }
            say_commands(stage, events);
        }
        Ok(())
    }

    /// Returns the lockfiles of the checkpoint that the run would most likely go on from, else the workspace's.
    fn lockfiles(&self) -> Result<Lockfiles> {
        let point = match (self.from, self.options.reset) {
            (_, true) => None,
            (Some(from), false) => Some(from.clone()),
            (None, false) => self.store.current_point()?,
        };
        let point = point.filter(|point| point.baseline == self.baseline);
        let recorded = match point {
            Some(point) => origin::recorded(self.store, point.checkpoint, self.inputs)?,
            None => None,
        };
        Ok(recorded.unwrap_or_else(|| self.inputs.lockfiles.clone()))
    }
}

/// Returns one of `starting` that writes what `stage` reads, and what that is.
fn fed_by<'s>(stage: &'s Stage, starting: &[&'s Stage]) -> Option<(&'s Stage, &'s str)> {
    let meet = |a: &str, b: &str| paths::is_within(a, b) || paths::is_within(b, a);
    starting.iter().find_map(|writer| {
        let mut inputs = stage.inputs();
        let path = inputs.find(|input| writer.outs.iter().any(|out| meet(input, &out.path)))?;
        Some((*writer, path))
    })
}

/// Says that all of `stages` would run, for a run whose files are not in the workspace yet.
pub fn say_all(pipeline: &Pipeline, stages: &[&Stage], events: &mut dyn Events) {
    for stage in stages {
        events.emit(Event::StageStarts {
            stage: pipeline.shown(stage),
            why: Vec::new(),
        });
        say_commands(stage, events);
    }
}

fn say_commands(stage: &Stage, events: &mut dyn Events) {
    for line in stage.cmd.lines() {
        events.emit(Event::CommandStarts {
            line: line.to_owned(),
        });
    }
}
