//! What a run goes on from: nothing, the tip (resume), or a checkpoint that something differs from (fork).
//!
//! Only training goes on. A run of stages without checkpoint outputs starts at the baseline whatever ran
//! before, as in DVC: its experiments are alternatives, not steps. Where nothing changed since the last
//! one there would be two that are the same; it stays with that one.

use super::Options;
use super::code;
use super::inputs::{Inputs, parse_lockfiles};
use super::outside;
use super::why;
use crate::checkpoint::{Checkpoint, Fork, new_experiment_id};
use crate::digest::PathDigest;
use crate::error::{Error, Result};
use crate::event::{Event, Events, RunMode};
use crate::experiment::{self, ExperimentName, experiment_ref, notes_ref};
use crate::id::{ObjectId, short};
use crate::lockfile::Lockfiles;
use crate::ops::record::{Experiment, free_name};
use crate::pipeline::{Output, Stage, paths};
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::refs::Expected;
use crate::store::scan::{PathSet, Scanner};
use crate::store::state::ResumePoint;

/// What a run goes on from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// New, resume or fork.
    pub mode: RunMode,
    /// The checkpoint to go on from.
    pub from: Option<ObjectId>,
    /// Its lockfiles, if it is a state of training: what the stages load is what they say.
    pub training: Option<Lockfiles>,
    /// Whether `--reset` was given.
    pub reset: bool,
    /// The experiment that will grow.
    pub experiment: Experiment,
    /// The one that a new experiment may turn out to be the same as; then it is not kept.
    pub twin: Option<Twin>,
}

/// The tip of an experiment from which nothing differs so far.
#[derive(Debug, Clone)]
pub struct Twin {
    /// The experiment's name.
    pub name: String,
    /// Its tip.
    pub tip: ObjectId,
    /// What the tip holds.
    pub tree: ObjectId,
}

/// What the decision rests on.
pub struct Question<'a> {
    /// The repository.
    pub store: &'a Store,
    /// Where model files must be for training to load them.
    pub cache: &'a Cache,
    /// The baseline of the experiment that will grow.
    pub baseline: ObjectId,
    /// Knows what git tracks.
    pub scanner: &'a Scanner,
    /// The code as it would run now.
    pub tree: ObjectId,
    /// Pipeline, params, lockfile.
    pub inputs: &'a Inputs,
    /// The stages to visit.
    pub stages: &'a [&'a Stage],
    /// Paths that stages write, and `dvc.lock`.
    pub outputs: &'a PathSet,
    /// The name that was asked for.
    pub name: Option<&'a ExperimentName>,
    /// The resume point, if the run goes on from it whatever HEAD is.
    pub from: Option<&'a ResumePoint>,
    /// What else was asked for.
    pub options: &'a Options,
}

impl Origin {
    /// Decides; refuses a name that is taken.
    pub fn decide(question: &Question<'_>, events: &mut dyn Events) -> Result<Self> {
        let Question {
            store,
            baseline,
            name,
            from,
            options,
            ..
        } = *question;
        let point = match (from, options.reset) {
            (_, true) => None,
            (Some(from), false) => Some(from.clone()),
            (None, false) => question.usable_point(events)?,
        };
        let Some(point) = point else {
            return question.new_chain();
        };
        let chain = store.chain(point.checkpoint, baseline)?;
        let Some(at) = question.newest_intact(&chain)? else {
            events.emit(Event::Warning(format!(
                "no checkpoint of experiment '{}' has its model in the cache any more, so a new experiment starts",
                point.name
            )));
            return question.new_chain();
        };
        if at > 0 {
            events.emit(Event::Warning(format!(
                "the model of checkpoint {} is damaged or not in the cache; going on from {} instead",
                short(&point.checkpoint),
                short(&chain[at].id)
            )));
        }
        let from = &chain[at];
        let number = from.trailers.number.unwrap_or((chain.len() - at) as u64) + 1;
        let point_name = ExperimentName::of_ref(&point.name);
        let tip = store.find_ref(&experiment_ref(baseline, &point_name))?;
        let notes = store.find_ref(&notes_ref(baseline, &point_name))?;
        let made_by_us = from.trailers.id.is_some();
        let Question {
            scanner,
            tree,
            inputs,
            outputs,
            ..
        } = *question;
        let training = training(store, from.id, question.inputs)?;
        let is_alternative = question.from.is_none() && training.is_none();
        if is_alternative && question.is_named_anew(&point) {
            return question.new_chain();
        }
        if tip == Some(from.id)
            && !question.grows_elsewhere(&point_name)?
            && !code::is_changed(
                store,
                scanner,
                from.tree,
                tree,
                inputs,
                outputs,
                !made_by_us,
            )?
            && !question.is_changed_outside(from.id)?
        {
            if is_alternative && question.runs_again() {
                let twin = Twin {
                    name: point.name,
                    tip: from.id,
                    tree: from.tree,
                };
                return Ok(Origin {
                    twin: Some(twin),
                    ..question.new_chain()?
                });
            }
            if let Some(name) = name.filter(|name| name.as_str() != point.name) {
                events.emit(Event::Warning(format!(
                    "nothing changed, so experiment '{}' goes on; the name '{}' is not used",
                    point.name,
                    name.as_str()
                )));
            }
            let id = match point.experiment_id {
                id if id.is_empty() => new_experiment_id()?,
                id => id,
            };
            let experiment = Experiment {
                name: point_name,
                id,
                baseline,
                parent: from.id,
                expected: Expected::Is(from.id),
                replaces: None,
                notes,
                notes_at: notes,
                inherited: Vec::new(),
                number,
                fork_of: None,
            };
            return Ok(Origin {
                mode: RunMode::Resume,
                from: Some(from.id),
                training,
                reset: false,
                experiment,
                twin: None,
            });
        }
        if is_alternative {
            return question.new_chain();
        }
        let mut experiment = question.fresh(from.id, number)?;
        experiment.fork_of = Some(Fork {
            commit: from.id,
            id: Some(point.experiment_id).filter(|id| !id.is_empty()),
            name: point.name,
        });
        if let Some(notes) = notes {
            experiment.inherited = store.notes_of(notes, &chain[at..])?;
        }
        Ok(Origin {
            mode: RunMode::Fork,
            from: Some(from.id),
            training,
            reset: false,
            experiment,
            twin: None,
        })
    }

    /// Returns the commit that a resumed experiment has already, with its tree, which gets no second one.
    pub fn resumed(&self, store: &Store) -> Result<Option<(ObjectId, ObjectId)>> {
        match (self.mode, self.from) {
            (RunMode::Resume, Some(from)) => Ok(Some((from, store.checkpoint(from)?.tree))),
            _ => Ok(None),
        }
    }
}

/// Returns the lockfiles of a commit, if it has any.
fn recorded(store: &Store, commit: ObjectId, inputs: &Inputs) -> Result<Option<Lockfiles>> {
    let texts = store.lockfile_texts_in(commit, &inputs.pipeline)?;
    // Most often they are the workspace's, which have been read.
    if texts == inputs.lockfile_texts {
        return Ok(Some(inputs.lockfiles.clone()));
    }
    let parsed = parse_lockfiles(&texts)?;
    Ok(Some(parsed).filter(|_| !texts.is_empty()))
}

/// Returns the lockfiles of a commit that holds a state of training: they have a checkpoint output of the
/// pipeline.
pub(super) fn training(
    store: &Store,
    commit: ObjectId,
    inputs: &Inputs,
) -> Result<Option<Lockfiles>> {
    let stages = inputs.pipeline.stages.iter();
    let trains: Vec<&Stage> = stages.filter(|stage| stage.has_checkpoint()).collect();
    if trains.is_empty() {
        return Ok(None);
    }
    let has_checkpoint = |lockfiles: &Lockfiles| {
        trains.iter().any(|stage| {
            let mut outs = stage.outs.iter().filter(|out| out.checkpoint);
            let entry = lockfiles.entry(stage);
            entry.is_some_and(|entry| outs.any(|out| entry.out(stage.written(&out.path)).is_some()))
        })
    };
    Ok(recorded(store, commit, inputs)?.filter(has_checkpoint))
}

impl Question<'_> {
    /// Whether an experiment was asked for by another name than that of `point`.
    fn is_named_anew(&self, point: &ResumePoint) -> bool {
        self.name.is_some_and(|name| name.as_str() != point.name)
    }

    /// Whether a stage runs though nothing changed, and may come to something else.
    fn runs_again(&self) -> bool {
        let runs_always = |stage: &&Stage| why::always(stage).is_some();
        self.options.force || self.stages.iter().any(runs_always)
    }

    /// Whether a run of another worktree adds to this experiment, or training that outlived one does.
    fn grows_elsewhere(&self, name: &ExperimentName) -> Result<bool> {
        let (store, baseline) = (self.store, self.baseline);
        if store.worktrees()?.len() < 2 {
            return Ok(false);
        }
        let mut runs = store.running()?;
        runs.extend(store.orphans()?);
        Ok(runs.iter().any(|run| {
            run.name == name.as_str()
                && run.baseline == baseline
                && run.worktree != store.worktree()
        }))
    }

    /// Whether what lies outside of the repository is not as the checkpoint's run read it.
    fn is_changed_outside(&self, from: ObjectId) -> Result<bool> {
        let is_there = |path: &str| self.store.is_elsewhere(path) || paths::is_url(path);
        let reads_there = |stage: &&Stage| stage.inputs().any(is_there);
        if !self.stages.iter().any(reads_there) {
            return Ok(false);
        }
        match recorded(self.store, from, self.inputs)? {
            Some(then) => {
                outside::is_changed(self.store, self.cache, self.inputs, self.stages, &then)
            }
            None => Ok(false),
        }
    }

    fn new_chain(&self) -> Result<Origin> {
        let experiment = self.fresh(self.baseline, 1)?;
        Ok(Origin {
            mode: RunMode::New,
            from: None,
            training: None,
            reset: self.options.reset,
            experiment,
            twin: None,
        })
    }

    /// Returns the resume point, if an experiment of this baseline still has it.
    fn usable_point(&self, events: &mut dyn Events) -> Result<Option<ResumePoint>> {
        let (store, baseline) = (self.store, self.baseline);
        let Some(point) = store.current_point()? else {
            return Ok(None);
        };
        if point.baseline != baseline {
            if let Ok(None) = training(store, point.checkpoint, self.inputs) {
                return Ok(None);
            }
            events.emit(Event::Warning(format!(
                "HEAD has moved since checkpoint {} of experiment '{}', so a new experiment starts",
                short(&point.checkpoint),
                point.name
            )));
            return Ok(None);
        }
        // An experiment that was removed is not gone on from.
        let experiments = store
            .experiments()?
            .into_iter()
            .filter(|experiment| experiment.baseline == baseline);
        for experiment in experiments {
            let has = |chain: Vec<Checkpoint>| {
                chain
                    .iter()
                    .any(|checkpoint| checkpoint.id == point.checkpoint)
            };
            if experiment.tip == point.checkpoint || has(store.chain(experiment.tip, baseline)?) {
                return Ok(Some(point));
            }
        }
        Ok(None)
    }

    /// Returns the position in `chain` of the newest checkpoint whose checkpoint outputs can be loaded.
    fn newest_intact(&self, chain: &[Checkpoint]) -> Result<Option<usize>> {
        let loads = |output: &Output| output.checkpoint && output.cache;
        if !self.stages.iter().any(|stage| stage.outs.iter().any(loads)) {
            return Ok((!chain.is_empty()).then_some(0));
        }
        for (at, checkpoint) in chain.iter().enumerate() {
            let pipeline = &self.inputs.pipeline;
            let lockfiles = self.store.lockfiles_in(checkpoint.id, pipeline)?;
            if self.can_be_loaded(&lockfiles)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    fn can_be_loaded(&self, lockfiles: &Lockfiles) -> Result<bool> {
        let project = self.store.project()?;
        for stage in self.stages {
            let Some(entry) = lockfiles.entry(stage) else {
                continue;
            };
            for output in stage
                .outs
                .iter()
                .filter(|output| output.checkpoint && output.cache)
            {
                let Some(hash) = entry
                    .out(stage.written(&output.path))
                    .and_then(|out| out.hash.as_ref())
                else {
                    continue;
                };
                let (format, md5) = (hash.format, &hash.md5);
                let here = self.cache.missing(format, md5)?.is_empty();
                // Not compared with the object: who edits a linked output damages both alike.
                let is_it = |digest: PathDigest| digest.md5(format) == *md5;
                let place = project.join(&output.path);
                if here && self.cache.digest(&place)?.is_some_and(is_it) {
                    continue;
                }
                if !here || !self.cache.verify(format, md5, None)?.is_empty() {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn fresh(&self, parent: ObjectId, number: u64) -> Result<Experiment> {
        let (store, baseline) = (self.store, self.baseline);
        let name = match self.name {
            Some(name) => name.clone(),
            None => free_name(store, baseline)?,
        };
        let replaces = match store.find_ref(&experiment_ref(baseline, &name))? {
            None => None,
            Some(tip) if self.options.force => Some(experiment::Experiment {
                baseline,
                name: name.clone(),
                tip,
            }),
            Some(_) => {
                return Err(Error::refused(format!(
                    "experiment '{}' already exists",
                    name.as_str()
                ))
                .hint("use --force to replace it, or --name to choose another name"));
            }
        };
        let notes = notes_ref(baseline, &name);
        Ok(Experiment {
            name,
            id: new_experiment_id()?,
            baseline,
            parent,
            expected: Expected::Absent,
            replaces,
            notes: None,
            notes_at: store.find_ref(&notes)?,
            inherited: Vec::new(),
            number,
            fork_of: None,
        })
    }
}
