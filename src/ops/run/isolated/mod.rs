//! A run in a worktree of its own: the workspace is read, and nothing in it changes.
//!
//! The worktree ([`crate::store::temporary`]) starts as the workspace is, or as a revision is. In it
//! runs what would run in the workspace, by the same code; what stays are the experiment's refs and
//! notes and the objects of the cache. Any number of them may be at work at once: each has its own
//! run lock.

mod copies;
mod data;
mod source;

use super::inputs::Inputs;
use super::outside;
use super::{Options, Report, run_claimed};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::ops::sweep::sweep;
use crate::pipeline::Stage;
use crate::store::Store;
use crate::store::temporary::Temporary;
use copies::Copies;
use source::Source;
use std::path::PathBuf;

/// What a run in a worktree of its own starts from.
#[derive(Debug, Clone, Default)]
pub struct Isolation {
    /// `--rev`: a checkpoint to go on from, or a commit to start at; the workspace without it.
    pub revision: Option<String>,
    /// `-C`, as typed: files and folders of the workspace that come along whatever they are.
    pub copy_paths: Vec<PathBuf>,
}

/// Runs in a worktree that goes with the run. Errors before the first stage leave nothing behind.
pub fn run_isolated(
    store: &Store,
    options: &Options,
    isolation: &Isolation,
    events: &mut dyn Events,
) -> Result<Report> {
    store.check_identity()?;
    store.project()?;
    let copies = Copies::check(store, &isolation.copy_paths)?;
    sweep(store, events);
    let source = match &isolation.revision {
        Some(revision) => Source::of_revision(store, revision, options)?,
        None => Source::of_workspace(store, options, events)?,
    };
    let made = store.make_temporary(source.head, source.tree)?;
    let report = run_in(&made, store, &source, &copies, events);
    // What it came to is told, whatever becomes of the folder; the next command tries again.
    if let Err(error) = made.remove() {
        events.emit(Event::Warning(error.chain()));
    }
    let report = report?;
    Ok(Report {
        to_add: Vec::new(),
        elsewhere: true,
        ..report
    })
}

fn run_in(
    made: &Temporary,
    store: &Store,
    source: &Source,
    copies: &Copies,
    events: &mut dyn Events,
) -> Result<Report> {
    let own = made.open_for(store)?;
    source.bring_outputs(store, &own)?;
    copies.make(&made.top())?;
    own.set_resume_point(source.point.as_ref())?;
    let options = &source.options;
    let inputs = Inputs::read(&own, options)?;
    let stages = inputs.pipeline.select(&options.targets, options.reach)?;
    outside::check_bound(&own, &inputs.pipeline, &stages)?;
    data::check_out(&own, source.tree, &inputs.pipeline, &stages)?;
    let may_be_missing = options.allow_missing || options.pull;
    for stage in stages.iter().filter(|_| !may_be_missing) {
        for dep in &stage.deps {
            let pipeline = &inputs.pipeline;
            if pipeline.writer_of(dep).is_none() && pipeline.data_of(dep).is_none() {
                came_along(store, &own, stage, dep)?;
            }
        }
    }
    run_claimed(&own, options, None, events)
}

/// Refuses a dependency that only the workspace has, where it would be missing for no visible reason.
fn came_along(store: &Store, own: &Store, stage: &Stage, dep: &str) -> Result<()> {
    let here = store.project()?.join(dep);
    if own.project()?.join(dep).exists() || !here.exists() {
        return Ok(());
    }
    // As typed from here, if it can be.
    let from = std::env::current_dir().unwrap_or_default();
    let typed = here.strip_prefix(&from).unwrap_or(&here);
    Err(Error::missing(format!(
        "dependency '{dep}' of stage '{}' is in the workspace only: neither git nor the cache has it",
        stage.address()
    ))
    .hint(format!("add --copy-paths '{}'", typed.display())))
}
