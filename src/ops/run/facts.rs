//! What a stage reads, hashed once when it starts.

use super::inputs::Inputs;
use super::outside;
use super::place::Place;
use crate::digest::{Format, PathDigest};
use crate::error::{Error, Result};
use crate::lockfile::{LockEntry, LockedHash, LockedPath, Lockfiles};
use crate::ops::record::StageFacts;
use crate::params::ParamsFile;
use crate::pipeline::{ParamsDependency, Stage, paths};
use crate::store::scan::Scanner;
use crate::store::tracked::IgnoreRules;
use crate::value::Map;
use indexmap::IndexMap;
use std::path::Path;

/// Refuses what would fail later: missing dependencies and params, cached outputs that git tracks, an ignored lockfile.
pub fn check(
    place: Place<'_>,
    inputs: &Inputs,
    stages: &[&Stage],
    scanner: &Scanner,
    rules: &mut IgnoreRules<'_>,
    allow_missing: bool,
) -> Result<()> {
    let (pipeline, params) = (&inputs.pipeline, &inputs.params);
    let (store, project) = (place.store, place.project);
    for lockfile in pipeline.lock_files() {
        let path = store.tree_path(&lockfile);
        let is_used = stages.iter().any(|stage| stage.lock_file() == lockfile);
        if is_used && !scanner.is_tracked(path.as_bytes()) && rules.matches(&path, false)? {
            return Err(Error::refused(format!("'{lockfile}' is ignored by git"))
                .hint(format!("git check-ignore -v {path} names the rule")));
        }
    }
    for stage in stages {
        let name = pipeline.shown(stage);
        let is_optional = stage.frozen || allow_missing;
        outside::check_addresses(inputs, stage, allow_missing)?;
        outside::check_outputs(pipeline, stage)?;
        let is_path = |dep: &&String| !paths::is_url(dep);
        for dep in stage.deps.iter().filter(is_path).filter(|_| !is_optional) {
            if pipeline.writer_of(dep).is_none()
                && pipeline.data_of(dep).is_none()
                && !place.has(dep)?
            {
                return Err(Error::missing(format!(
                    "dependency '{dep}' of stage '{name}' does not exist"
                )));
            }
        }
        for dependency in stage.params.iter().filter(|_| !stage.frozen) {
            // what another stage writes is there when this one starts
            if pipeline.writer_of(&dependency.file).is_none() {
                selected(stage, dependency, params.get(&dependency.file))?;
            }
        }
        for output in &stage.outs {
            if let Some(file) = in_the_way(project, &output.path) {
                return Err(Error::refused(format!(
                    "'{file}' is in the way of output '{}' of stage '{name}': it is not a folder",
                    output.path
                )));
            }
        }
        for output in stage.outs.iter().filter(|output| output.cache) {
            if scanner.is_tracked(store.tree_path(&output.path).as_bytes()) {
                return Err(Error::refused(format!(
                    "output '{}' of stage '{name}' is already tracked by git",
                    output.path
                ))
                .hint(format!("git rm -r --cached '{}'", output.path)));
            }
        }
    }
    Ok(())
}

/// Returns what stands where a folder of `path` has to be.
fn in_the_way<'p>(project: &Path, path: &'p str) -> Option<&'p str> {
    let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
    ends.into_iter()
        .find(|folder| fs_err::metadata(project.join(folder)).is_ok_and(|stat| !stat.is_dir()))
}

/// Reads and hashes what the stage reads. A dependency that is not there has no content, and params
/// that another stage has not written yet are left out.
pub fn collect(
    place: Place<'_>,
    stage: &Stage,
    inputs: &Inputs,
    lockfiles: &Lockfiles,
    format: Format,
) -> Result<StageFacts> {
    let old = lockfiles.entry(stage);
    let mut deps = Vec::new();
    let deps_here = stage.deps.iter().filter(|dep| !paths::is_url(dep));
    place.read_ahead(deps_here.map(String::as_str));
    for (dep, written) in stage.written_deps() {
        if paths::is_url(dep) {
            let dataset = inputs.pipeline.dataset(dep);
            let locked = dataset.and_then(|dataset| lockfiles.dataset(dataset));
            deps.push(match locked {
                Some(locked) => LockedPath::of_dataset(dep, locked),
                None => LockedPath {
                    path: dep.to_owned(),
                    ..LockedPath::default()
                },
            });
            continue;
        }
        let digest = place.digest(dep)?;
        let path = written.to_owned();
        let before = old
            .and_then(|old| old.deps.iter().find(|entry| entry.path == path))
            .and_then(|entry| entry.hash.as_ref());
        deps.push(LockedPath {
            path,
            hash: digest.map(|digest| locked(&digest, before, format)),
            ..LockedPath::default()
        });
    }
    deps.sort_by(|a, b| a.path.cmp(&b.path));
    let entry = LockEntry {
        cmd: Some(stage.cmd.to_value()),
        deps,
        params: locked_params(place, stage, inputs)?,
        ..LockEntry::default()
    };
    Ok(StageFacts {
        stage: stage.clone(),
        entry,
    })
}

/// Returns how `dvc.lock` records a content; an entry that still describes it keeps its form.
pub fn locked(digest: &PathDigest, before: Option<&LockedHash>, format: Format) -> LockedHash {
    let format = before
        .filter(|before| digest.md5(before.format) == before.md5)
        .map_or(format, |before| before.format);
    LockedHash {
        format,
        md5: digest.md5(format),
        size: Some(digest.size()),
        nfiles: digest.nfiles(),
        // DVC 2 has it of outputs only
        isexec: format == Format::V3 && digest.isexec(),
    }
}

/// Returns the params that a stage reads: those of the start, and those that another stage has written
/// as they are now.
fn locked_params(
    place: Place<'_>,
    stage: &Stage,
    inputs: &Inputs,
) -> Result<IndexMap<String, Map>> {
    let mut locked = IndexMap::new();
    for dependency in &stage.params {
        let file = &dependency.file;
        let values = match inputs.pipeline.writer_of(file) {
            None => selected(stage, dependency, inputs.params.get(file))?,
            Some(_) => {
                let text = place.read(file)?;
                let made = text.map(|text| ParamsFile::parse(file, text.as_bytes()));
                match selected(stage, dependency, made.transpose()?.as_ref()) {
                    Ok(values) => values,
                    // not there yet
                    Err(_) => continue,
                }
            }
        };
        locked.insert(stage.written(file).to_owned(), values);
    }
    Ok(locked)
}

/// Returns the params of one file that a stage reads.
pub(super) fn selected(
    stage: &Stage,
    dependency: &ParamsDependency,
    parsed: Option<&ParamsFile>,
) -> Result<Map> {
    let (file, stage) = (&dependency.file, stage.address());
    let Some(parsed) = parsed else {
        return Err(Error::missing(format!(
            "params file '{file}' of stage '{stage}' does not exist"
        )));
    };
    let mut selection = parsed.select(dependency.keys.as_deref())?;
    if !selection.missing.is_empty() {
        let names = selection.missing.join("', '");
        return Err(Error::missing(format!(
            "params '{names}' of stage '{stage}' are not in '{file}'"
        )));
    }
    selection.values.sort_keys();
    Ok(selection.values)
}
