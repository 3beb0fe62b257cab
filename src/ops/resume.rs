//! The first half of going on from a named checkpoint: it is in the workspace, and a run from it would
//! not be refused. The run itself is another program's work, see [`super::run::Options::from`].
//!
//! The experiment keeps its baseline wherever HEAD is, so this works in a fresh clone and after HEAD
//! has moved on. Whether the same ref grows or a fork starts is for the run to decide.

use super::apply::{apply_resolved, foresee};
use super::claim::{claim, numbered};
use super::run::{self, Ahead, Options};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::experiment::{Experiment, ExperimentName, experiment_ref};
use crate::id::{ObjectId, short};
use crate::params::{self, Assignment};
use crate::pipeline::{PIPELINE_FILE, Pipeline};
use crate::store::Store;
use crate::store::resolve::Resolved;
use crate::store::run_record::Running;
use crate::store::sources::{Edited, InTree};
use crate::store::state::ResumePoint;
use std::collections::BTreeMap;

/// Makes what `revision` names, or what was last recorded or applied here, the resume point, and
/// returns it for a run to go on from. `None` where `options.dry` says what would run, and that is said.
///
/// Refused, with nothing changed, for what [`super::apply::apply`] and [`run::run`] refuse, for a
/// revision that is no checkpoint, and for an experiment that another worktree is running.
pub fn prepare(
    store: &Store,
    revision: Option<&str>,
    options: &Options,
    events: &mut dyn Events,
) -> Result<Option<ObjectId>> {
    store.project()?;
    store.check_identity()?;
    let _lock = claim(store, "resume", events)?;
    let (word, target) = match revision {
        Some(revision) => (revision.to_owned(), store.resolve(revision)?),
        None => last(store)?,
    };
    let (point, experiment) = point_of(store, &word, &target)?;
    // The workspace is the checkpoint already, with what the user has edited since.
    let in_place = store.current_point()?.as_ref() == Some(&point)
        && store.head()?.commit == Some(point.baseline);
    if !in_place {
        let (pipeline, edits) = check(store, &experiment, point.checkpoint, options)?;
        if options.dry {
            let ahead = Ahead {
                point: &point,
                transition: &foresee(store, &target, options.force)?,
                pipeline,
                edits,
            };
            run::say_ahead(store, ahead, options, events)?;
            return Ok(None);
        }
        apply_resolved(store, &word, &target, options.force, events)?;
    }
    Ok(Some(point.checkpoint))
}

/// Returns what was last recorded or applied here.
fn last(store: &Store) -> Result<(String, Resolved)> {
    let Some(point) = store.current_point()? else {
        return Err(
            Error::missing("nothing was run or applied in this worktree yet")
                .hint("git exp resume <experiment>")
                .hint("git exp list --all-commits"),
        );
    };
    let experiments = store.experiments()?;
    let same = experiments.into_iter().find(|experiment| {
        experiment.name.as_str() == point.name && experiment.baseline == point.baseline
    });
    // It may have been renamed since, or removed.
    let experiment = match same {
        Some(experiment) => Some(experiment),
        None => store.containing(point.checkpoint)?,
    };
    let target = Resolved {
        commit: point.checkpoint,
        experiment,
    };
    Ok((short(&point.checkpoint), target))
}

pub(super) fn point_of(
    store: &Store,
    word: &str,
    target: &Resolved,
) -> Result<(ResumePoint, Experiment)> {
    let Some(experiment) = &target.experiment else {
        return Err(
            Error::refused(format!("'{word}' is not a checkpoint of an experiment"))
                .hint("git exp show --all-commits"),
        );
    };
    if target.commit == experiment.baseline {
        let name = &experiment.name;
        return Err(Error::refused(format!(
            "'{word}' is the baseline of experiment '{name}', not a checkpoint"
        ))
        .hint("git exp run --reset"));
    }
    let trailers = store.checkpoint(target.commit)?.trailers;
    let point = ResumePoint {
        checkpoint: target.commit,
        baseline: experiment.baseline,
        name: experiment.name.as_str().to_owned(),
        experiment_id: trailers.id.unwrap_or_default(),
    };
    Ok((point, experiment.clone()))
}

/// Finds what the run would refuse before the workspace is changed for it. Returns the checkpoint's
/// pipeline, and the params files that `-S` changes, by file.
fn check(
    store: &Store,
    experiment: &Experiment,
    checkpoint: ObjectId,
    options: &Options,
) -> Result<(Pipeline, BTreeMap<String, String>)> {
    options.check_hydra(store)?;
    if let Some(name) = &options.name {
        let name = ExperimentName::parse(name)?;
        let taken = store
            .find_ref(&experiment_ref(experiment.baseline, &name))?
            .is_some();
        if taken && name != experiment.name && !options.force {
            return Err(
                Error::refused(format!("experiment '{name}' already exists"))
                    .hint("use --force to replace it, or --name to choose another name"),
            );
        }
    }
    // A changed param makes a fork, which gets in nobody's way.
    if checkpoint == experiment.tip && options.set_params.is_empty() {
        let name = experiment.name.as_str();
        let is_it = |run: &&Running| run.name == name && run.baseline == experiment.baseline;
        if let Some(run) = store.orphans()?.iter().find(is_it) {
            let processes = numbered(&run.alive());
            let worktree = run.worktree.display();
            return Err(Error::refused(format!(
                "the runner of '{name}' in '{worktree}' died, but its training goes on ({processes})"
            ))
            .hint(format!("cd {worktree} && git exp resume --attach"))
            .hint(format!("git exp resume {name}~1 makes a fork")));
        }
        if let Some(run) = store.running()?.iter().find(is_it) {
            return Err(Error::refused(format!(
                "experiment '{name}' is running in '{}' (process {})",
                run.worktree.display(),
                run.pid
            ))
            .hint(format!("git exp resume {name}~1 makes a fork")));
        }
    }
    let read = |file: &str| -> Result<String> {
        let bytes = store.read_blob(checkpoint, &store.tree_path(file))?;
        let bytes = bytes.ok_or_else(|| {
            let id = short(&checkpoint);
            Error::missing(format!("checkpoint {id} has no '{file}'"))
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let mut by_file: BTreeMap<String, Vec<Assignment>> = BTreeMap::new();
    for typed in &options.set_params {
        let assignment = Assignment::parse(typed)?;
        let file = assignment.file.clone();
        by_file.entry(file).or_default().push(assignment);
    }
    let mut texts = BTreeMap::new();
    for (file, assignments) in by_file {
        let text = params::assign(&file, &read(&file)?, &assignments)?;
        texts.insert(file, text);
    }
    // templates may name what `-S` changes
    let sources = Edited {
        files: &InTree {
            store,
            tree: checkpoint,
        },
        texts: &texts,
    };
    let pipeline = store.pipeline_with(checkpoint, &sources)?;
    if pipeline.files.is_empty() && pipeline.stageless.is_empty() {
        let id = short(&checkpoint);
        return Err(Error::missing(format!(
            "checkpoint {id} has no '{PIPELINE_FILE}'"
        )));
    }
    pipeline.select(&options.targets, options.reach)?;
    Ok((pipeline, texts))
}
