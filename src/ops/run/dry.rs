//! `--dry`: says which stages would run, and why; nothing is changed.

use super::inputs::Inputs;
use super::judge::{Course, Foreseen, Judge, Verdict, fed_by};
use super::{Options, origin};
use crate::digest::Format;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::id::ObjectId;
use crate::lockfile::Lockfiles;
use crate::pipeline::{Pipeline, Stage};
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
    /// What new entries of `dvc.lock` are like.
    pub format: Format,
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
        let lockfiles = self.lockfiles()?;
        let judge = Judge {
            project: self.project,
            cache: self.cache,
            inputs: self.inputs,
            options: self.options,
            lockfiles: &lockfiles,
            format: self.format,
        };
        let pipeline = &self.inputs.pipeline;
        let mut starting: Vec<&Stage> = Vec::new();
        let mut foreseen = Foreseen::new();
        for stage in stages {
            let lost = judge.lost_dependencies(stage)?.into_iter();
            foreseen.extend(lost.map(|(output, hash)| (output.path.as_str(), hash)));
            let upstream = fed_by(stage, &starting).filter(|_| !stage.frozen);
            let forced = match upstream {
                _ if self.options.force => Some(Reason::Forced),
                Some((writer, _)) if self.options.force_downstream => {
                    Some(Reason::Follows(pipeline.shown(writer)))
                }
                _ => None,
            };
            let Verdict {
                mut why, course, ..
            } = judge.verdict(stage, forced, &foreseen)?;
            if upstream.is_some() {
                let is_made =
                    |reason: &Reason| matches!(reason, Reason::Dependency(_, Difference::Missing));
                why.retain(|reason| !is_made(reason));
            }
            let name = pipeline.shown(stage);
            match (course, upstream) {
                (Course::Pass | Course::CheckOut(_), Some((writer, path))) => {
                    events.emit(Event::StageMayStart {
                        stage: name,
                        path: path.to_owned(),
                        writer: pipeline.shown(writer),
                    });
                }
                (Course::Run, Some((writer, path))) if why.is_empty() => {
                    events.emit(Event::StageMayStart {
                        stage: name,
                        path: path.to_owned(),
                        writer: pipeline.shown(writer),
                    });
                }
                (Course::Pass, None) => {
                    events.emit(Event::StageSkipped {
                        stage: name,
                        frozen: stage.frozen,
                    });
                    continue;
                }
                (Course::CheckOut(outputs), None) => {
                    let outputs = outputs.into_iter();
                    foreseen.extend(outputs.map(|(output, hash)| (output.path.as_str(), hash)));
                    events.emit(Event::StageRestored { stage: name, why });
                    continue;
                }
                (Course::Verify(_), _) => {
                    events.emit(Event::StageVerified { stage: name, why });
                    continue;
                }
                (Course::Run, _) => events.emit(Event::StageStarts { stage: name, why }),
            }
            starting.push(stage);
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
        let recorded = recorded.unwrap_or_else(|| self.inputs.lockfiles.clone());
        Ok(recorded.with_others_of(&self.inputs.lockfiles))
    }
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
            stage: None,
            line: line.to_owned(),
        });
    }
}
