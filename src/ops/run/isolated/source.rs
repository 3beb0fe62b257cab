//! What an isolated run starts from: the code, the resume point, and what stages wrote before.

use crate::error::{Context, Result};
use crate::event::Events;
use crate::id::ObjectId;
use crate::ops::resume::point_of;
use crate::ops::run::data::Data;
use crate::ops::run::inputs::Inputs;
use crate::ops::run::pull::Puller;
use crate::ops::run::{Options, code, written_paths};
use crate::store::Store;
use crate::store::copy_tree::copy_tree;
use crate::store::objects::Batch;
use crate::store::resolve::Resolved;
use crate::store::scan::{PathSet, Scanner};
use crate::store::state::ResumePoint;
use std::collections::BTreeSet;

/// The start of an isolated run.
pub struct Source {
    /// Where HEAD is.
    pub head: ObjectId,
    /// The code, with `-S` carried out where the workspace is the source.
    pub tree: ObjectId,
    /// What a plain run would go on from.
    pub point: Option<ResumePoint>,
    /// What is left to do of what was asked for.
    pub options: Options,
    /// What stages wrote into the workspace without the cache, `dvc.lock` files among it.
    outputs: Vec<String>,
}

impl Source {
    /// Reads the workspace: tracked files as they are, untracked code, and the resume point.
    pub fn of_workspace(store: &Store, options: &Options, events: &mut dyn Events) -> Result<Self> {
        let project = store.project()?.to_owned();
        let head = store.head()?.require_commit()?;
        let inputs = Inputs::read(store, options)?;
        let stages = inputs.pipeline.select(&options.targets, options.reach)?;
        let cache = store.cache()?;
        let files = inputs.pipeline.data_of_run(&stages, &options.targets)?;
        let puller = Puller::asked_for(options, store, &cache);
        let mut data = Data::look(
            store,
            (&cache, store.dvc_format(&cache)?),
            &inputs,
            &files,
            &stages,
            puller.as_ref(),
        )?;
        if let Some(puller) = &puller {
            puller.say(events);
        }
        let written = written_paths(store, &project, &inputs);
        let mut scanner = Scanner::new(store, written.clone())?;
        let outs = inputs.pipeline.stages.iter().flat_map(|stage| &stage.outs);
        let ignore_files: BTreeSet<String> = outs
            .clone()
            .filter_map(|out| Some(format!("{}/.gitignore", out.path.rsplit_once('/')?.0)))
            .chain([".gitignore".to_owned()])
            .collect();
        let ignore_files: Vec<String> = ignore_files.into_iter().collect();
        // what was changed is in the cache for whoever runs it, and recorded there only
        let mut edits = std::mem::take(&mut data.edits);
        edits.extend(inputs.edits.clone());
        data.store(&cache, &project)?;
        let batch = Batch::new(store);
        let tree = code::snapshot(
            &batch,
            &mut scanner,
            &inputs,
            &edits,
            &written,
            &ignore_files,
            events,
        )?;
        batch.sync()?;
        let cached = outs
            .filter(|out| out.cache)
            .map(|out| store.tree_path(&out.path));
        let cached = PathSet::new(cached);
        let outputs = written.iter().filter(|path| !cached.covers(path));
        Ok(Source {
            head,
            tree,
            point: store.current_point()?,
            options: Options {
                set_params: Vec::new(),
                folder: Some(store.standing()?),
                ..options.clone()
            },
            outputs: outputs.map(|path| path.to_string()).collect(),
        })
    }

    /// Takes a checkpoint, to go on from, or another commit, to start at.
    pub fn of_revision(store: &Store, revision: &str, options: &Options) -> Result<Self> {
        let target = store.resolve(revision)?;
        let from = match &target {
            Resolved {
                commit,
                experiment: Some(experiment),
            } if *commit != experiment.baseline => Some(point_of(store, revision, &target)?.0),
            _ => None,
        };
        Ok(Source {
            head: from.as_ref().map_or(target.commit, |from| from.baseline),
            tree: store.tree_of(target.commit)?,
            options: Options {
                from: from.as_ref().map(|from| from.checkpoint),
                folder: Some(store.standing()?),
                ..options.clone()
            },
            point: from,
            outputs: Vec::new(),
        })
    }

    /// Copies what stages wrote into the workspace without the cache.
    pub fn bring_outputs(&self, store: &Store, own: &Store) -> Result<()> {
        for path in &self.outputs {
            let (from, to) = (store.worktree().join(path), own.worktree().join(path));
            if fs_err::symlink_metadata(&from).is_ok() {
                copy_tree(&from, &to, &|_| false).context(|| format!("cannot copy '{path}'"))?;
            }
        }
        Ok(())
    }
}
