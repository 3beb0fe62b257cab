//! What stages read outside of the repository: no tree has it, only `dvc.lock` says what it was.

use super::facts;
use super::inputs::Inputs;
use crate::error::{Error, Result};
use crate::lockfile::Lockfiles;
use crate::pipeline::{Pipeline, Stage};
use crate::store::Store;
use crate::store::cache::Cache;

/// Whether something there differs from what `recorded` says that `stages` read.
pub fn is_changed(
    store: &Store,
    cache: &Cache,
    inputs: &Inputs,
    stages: &[&Stage],
    recorded: &Lockfiles,
) -> Result<bool> {
    let project = store.project()?;
    for stage in stages.iter().filter(|stage| !stage.frozen) {
        let Some(entry) = recorded.entry(stage) else {
            continue;
        };
        for dep in stage.deps.iter().filter(|dep| store.is_elsewhere(dep)) {
            let locked = entry
                .dep(stage.written(dep))
                .and_then(|dep| dep.hash.as_ref());
            if let Some(hash) = locked
                && let Some(digest) = cache.digest(&project.join(dep))?
                && digest.md5(hash.format) != hash.md5
            {
                return Ok(true);
            }
        }
        for params in &stage.params {
            if store.is_elsewhere(&params.file)
                && let Some(locked) = entry.params.get(stage.written(&params.file))
                && facts::selected(stage, params, inputs.params.get(&params.file))? != *locked
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Refuses what a stage reads by a path that leads out of the repository: from a worktree of its own
/// it leads elsewhere.
pub fn check_bound(store: &Store, pipeline: &Pipeline, stages: &[&Stage]) -> Result<()> {
    for stage in stages.iter().filter(|stage| !stage.frozen) {
        let mut bound = stage.bound_inputs();
        if let Some(path) = bound.find(|path| store.is_elsewhere(path)) {
            let (written, name) = (stage.written(path), pipeline.shown(stage));
            return Err(Error::refused(format!(
                "'{written}', which stage '{name}' reads, leads out of the repository: from a worktree of its own it leads elsewhere"
            ))
            .hint("write it as an absolute path, or run without '--temp'"));
        }
    }
    Ok(())
}
