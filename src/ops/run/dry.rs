//! `--dry`: says which stages would run, and why; nothing is changed.

use super::cached::Restorable;
use super::data::Data;
use super::inputs::Inputs;
use super::judge::{Course, Foreseen, Judge, Verdict, fed_by};
use super::place::{Changes, Place};
use super::pull::Puller;
use super::{Options, facts, origin, written_paths};
use crate::digest::Format;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::id::ObjectId;
use crate::lockfile::Lockfiles;
use crate::pipeline::{DataFile, Pipeline, Stage, paths};
use crate::reason::{Difference, Reason};
use crate::store::Store;
use crate::store::scan::Scanner;
use crate::store::state::ResumePoint;
use crate::store::transition::Transition;
use std::collections::BTreeMap;

/// What a run would rest on.
pub struct Dry<'a> {
    /// Where stages would find what they read and wrote.
    pub place: Place<'a>,
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
    /// Knows what could be fetched, if it shall be.
    pub puller: Option<&'a Puller<'a>>,
}

impl Dry<'_> {
    /// Says of each of `stages` whether it would run.
    ///
    /// Behind a stage that would run, a stage may have to run too: that depends on what the first one writes.
    /// `foreseen` is what will be in place before the first stage.
    pub fn say(
        &self,
        stages: &[&Stage],
        foreseen: Foreseen<'_>,
        events: &mut dyn Events,
    ) -> Result<()> {
        let lockfiles = self.lockfiles()?;
        let judge = Judge {
            place: self.place,
            inputs: self.inputs,
            options: self.options,
            lockfiles: &lockfiles,
            format: self.format,
            puller: self.puller,
        };
        let pipeline = &self.inputs.pipeline;
        let mut starting: Vec<&Stage> = Vec::new();
        let mut stood_in: Vec<&Stage> = Vec::new();
        let mut foreseen = foreseen;
        for stage in stages {
            let lost = judge.lost_dependencies(stage)?;
            foresee(lost, &mut foreseen);
            let copied = || {
                let copies = pipeline.copies_between(&starting, stage).into_iter();
                copies.map(|(_, path, writer)| (writer, path)).next()
            };
            let upstream = fed_by(stage, &starting).or_else(copied);
            let upstream = upstream.filter(|_| !stage.frozen);
            let followed = upstream.or_else(|| fed_by(stage, &stood_in));
            let followed = followed.filter(|_| self.options.force_downstream && !stage.frozen);
            let forced = match followed {
                _ if self.options.force => Some(Reason::Forced),
                Some((writer, _)) => Some(Reason::Follows(pipeline.shown(writer))),
                None => None,
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
            // What it reads may be written anew, or be the same.
            let is_open = match &course {
                Course::Pass | Course::BringBack(_) | Course::StandIn(_) => true,
                Course::Run => why.is_empty(),
                Course::Verify(_) => false,
            };
            match (course, upstream.filter(|_| is_open)) {
                (_, Some((writer, path))) => events.emit(Event::StageMayStart {
                    stage: name,
                    path: path.to_owned(),
                    writer: pipeline.shown(writer),
                }),
                (Course::Run, None) => events.emit(Event::StageStarts { stage: name, why }),
                (Course::Pass, None) => {
                    events.emit(Event::StageSkipped {
                        stage: name,
                        frozen: stage.frozen,
                    });
                    continue;
                }
                (Course::BringBack(outputs), None) => {
                    foresee(outputs, &mut foreseen);
                    events.emit(Event::StageRestored { stage: name, why });
                    continue;
                }
                (Course::StandIn(outputs), None) => {
                    stood_in.push(stage);
                    foresee(outputs, &mut foreseen);
                    events.emit(Event::StageRestored { stage: name, why });
                    continue;
                }
                (Course::Verify(_), None) => {
                    events.emit(Event::StageVerified { stage: name, why });
                    continue;
                }
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
            (None, false) => self.place.store.current_point()?,
        };
        let store = self.place.store;
        let recorded = match point.filter(|point| point.baseline == self.baseline) {
            Some(point) => origin::training(store, point.checkpoint, self.inputs)?,
            None => None,
        };
        let recorded = recorded.unwrap_or_else(|| self.inputs.lockfiles.clone());
        Ok(recorded.with_others_of(&self.inputs.lockfiles))
    }
}

/// A checkpoint that would be put into the workspace before the run.
pub(crate) struct Ahead<'a> {
    /// The resume point that it would be.
    pub point: &'a ResumePoint,
    /// What would change in the workspace.
    pub transition: &'a Transition,
    /// Its pipeline, `-S` carried out.
    pub pipeline: Pipeline,
    /// New texts of params files, by file.
    pub edits: BTreeMap<String, String>,
}

/// Says what a run would do if a checkpoint were in the workspace.
pub(crate) fn say_ahead(
    store: &Store,
    ahead: Ahead<'_>,
    options: &Options,
    events: &mut dyn Events,
) -> Result<()> {
    let (project, cache) = (store.project()?, store.cache()?);
    let changes = Changes::of(ahead.transition);
    let place = Place {
        store,
        project,
        cache: &cache,
        changes: Some(&changes),
    };
    let inputs = Inputs::of_place(place, ahead.pipeline, ahead.edits)?;
    let stages = inputs.pipeline.select(&options.targets, options.reach)?;
    let files = inputs.pipeline.data_of_run(&stages, &options.targets)?;
    let format = store.dvc_format(&cache)?;
    // what is put there is what its '.dvc' file says
    let is_as_now = |data: &&DataFile| {
        let outs = data.stage.outs.iter().map(|out| out.path.as_str());
        place.is_as_now(outs.chain([data.path()]))
    };
    let (as_now, put): (Vec<_>, Vec<_>) = files.into_iter().partition(is_as_now);
    let readers = if options.allow_missing {
        &[]
    } else {
        &stages[..]
    };
    let puller = options.pull.then(|| Puller::dry(store, &cache));
    let puller = puller.as_ref();
    let data = Data::look(store, (&cache, format), &inputs, &as_now, readers, puller)?;
    let foreseen = data.foreseen(&cache, format, &stages)?;
    data.say(events);
    for data in put {
        events.emit(Event::DataChecked {
            file: paths::from(&inputs.pipeline.folder, data.path()),
            changed: false,
        });
    }
    let outputs = written_paths(store, project, &inputs);
    facts::check(
        place,
        &inputs,
        &stages,
        &Scanner::new(store, outputs)?,
        &mut store.ignore_rules()?,
        options.allow_missing,
    )?;
    let dry = Dry {
        place,
        format,
        inputs: &inputs,
        options,
        from: Some(ahead.point),
        baseline: ahead.point.baseline,
        puller,
    };
    dry.say(&stages, foreseen, events)
}

fn foresee<'p>(outputs: Vec<Restorable<'p>>, foreseen: &mut Foreseen<'p>) {
    let outputs = outputs.into_iter();
    foreseen.extend(outputs.map(|(output, hash)| (output.path.as_str(), hash)));
}

fn say_commands(stage: &Stage, events: &mut dyn Events) {
    for line in stage.cmd.lines() {
        events.emit(Event::CommandStarts {
            stage: None,
            line: line.to_owned(),
        });
    }
}
