//! What stages read outside of the repository, on the disk or at addresses: no tree has it, only
//! `dvc.lock` says what it was.

use super::facts;
use super::inputs::Inputs;
use crate::error::{Error, Result};
use crate::lockfile::{LockedPath, Lockfiles};
use crate::pipeline::{Pipeline, Stage, paths};
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
        let elsewhere = stage
            .written_deps()
            .filter(|(dep, _)| store.is_elsewhere(dep));
        for (dep, written) in elsewhere {
            let locked = entry.dep(written).and_then(|dep| dep.hash.as_ref());
            if let Some(hash) = locked
                && let Some(digest) = cache.digest(&project.join(dep))?
                && digest.md5(hash.format) != hash.md5
            {
                return Ok(true);
            }
        }
        for dep in stage
            .deps
            .iter()
            .filter(|dep| paths::dataset(dep).is_some())
        {
            let locked = entry.dep(dep).and_then(LockedPath::dataset);
            let dataset = inputs.pipeline.dataset(dep);
            let now = dataset.and_then(|dataset| inputs.lockfiles.dataset(dataset));
            let now = now.map(|now| LockedPath::of_dataset(dep, now));
            if let (Some(locked), Some(now)) = (locked, now)
                && now.dataset().is_some_and(|now| !now.same(locked))
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

/// Refuses addresses of which nobody here can tell what is there: there is no network.
///
/// What a dataset is, `dvc.lock` tells. Of what may be missing, a stage needs nothing unless it runs.
pub fn check_addresses(inputs: &Inputs, stage: &Stage, allow_missing: bool) -> Result<()> {
    let name = inputs.pipeline.shown(stage);
    let addresses = stage.deps.iter().filter(|dep| paths::is_url(dep));
    for dep in addresses.filter(|_| !stage.frozen) {
        let Some(dataset) = paths::dataset(dep) else {
            if allow_missing {
                continue;
            }
            return Err(cannot_look(dep, &name));
        };
        let what = |what| Error::missing(format!("'{dep}', which stage '{name}' reads, {what}"));
        let Some(described) = inputs.pipeline.dataset(dep) else {
            return Err(what("is in no 'datasets' of a 'dvc.yaml'"));
        };
        if inputs.lockfiles.dataset(described).is_none() {
            let file = described.lock_file();
            return Err(
                what(&format!("is not what '{file}' records, or is not recorded"))
                    .hint(format!("dvc dataset update {dataset}")),
            );
        }
    }
    Ok(())
}

/// An error about a stage that needs to know what is at an address.
pub fn cannot_look(address: &str, stage: &str) -> Error {
    Error::refused(format!(
        "stage '{stage}' reads '{address}', and addresses are not looked at here"
    ))
    .hint("fetch it with 'dvc import-url', and read the file that this makes")
    .hint("'--allow-missing' takes it as unchanged, and a stage with 'frozen: true' is not run")
}

/// Refuses outputs that nobody here can keep: cached ones outside of the project, as DVC 3 does when the
/// stage has run, and those at addresses.
pub fn check_outputs(pipeline: &Pipeline, stage: &Stage) -> Result<()> {
    for out in stage.outside_outs.iter().filter(|_| !stage.frozen) {
        let (path, name) = (stage.written(&out.path), pipeline.shown(stage));
        let what = format!("output '{path}' of stage '{name}'");
        if paths::is_url(&out.path) {
            return Err(Error::refused(format!(
                "{what} is at an address, which is not looked at here"
            )));
        }
        if out.cache {
            let what = format!("{what} lies outside of the project and cannot be cached");
            return Err(Error::refused(what).hint("say 'cache: false' of it"));
        }
    }
    Ok(())
}

/// Refuses what a stage reads or writes by a path that leads out of the repository: from a worktree of its own
/// it leads elsewhere.
pub fn check_bound(store: &Store, pipeline: &Pipeline, stages: &[&Stage]) -> Result<()> {
    for stage in stages.iter().filter(|stage| !stage.frozen) {
        let mut bound = stage.bound_paths();
        if let Some(path) = bound.find(|path| store.is_elsewhere(path)) {
            let (written, name) = (stage.written(path), pipeline.shown(stage));
            return Err(Error::refused(format!(
                "'{written}' of stage '{name}' leads out of the repository: from a worktree of its own it leads elsewhere"
            ))
            .hint("write it as an absolute path, or run without '--temp'"));
        }
    }
    Ok(())
}
