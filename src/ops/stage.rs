//! Adds stages to `dvc.yaml`, and describes those that are there.

use super::ignore;
use crate::error::{Context, Error, Result};
use crate::pipeline::draft::Draft;
use crate::pipeline::paths::{self, PathProblem};
use crate::pipeline::{Output, OutputKind, Pipeline, Stage, edit, parse};
use crate::store::sources::InWorkspace;
use crate::store::{Store, durable};
use std::io::ErrorKind;
use std::path::Path;

/// The one pipeline file of a project that is read.
pub const PIPELINE_FILE: &str = "dvc.yaml";
/// Longest description in a list, in characters.
const LONGEST_DESCRIPTION: usize = 80;

/// What [`add`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Whether a stage of that name was there.
    pub replaced: bool,
    /// Files to commit, relative to the project's root, sorted.
    pub files: Vec<String>,
    /// Outputs that git does not ignore yet, because their folder is not there.
    pub later: Vec<String>,
}

/// Reads and checks the project's `dvc.yaml`. Errors if there is none, with a hint.
pub fn pipeline(store: &Store) -> Result<Pipeline> {
    match read(store)? {
        Some(text) => parse::parse(&text, PIPELINE_FILE, &InWorkspace(store.project()?)),
        None => Err(Error::missing(format!(
            "no '{PIPELINE_FILE}' in '{}'",
            store.project()?.display()
        ))
        .hint("git exp stage add")),
    }
}

/// Returns the text of the project's `dvc.yaml`, or `None`.
fn read(store: &Store) -> Result<Option<String>> {
    let bytes = match fs_err::read(store.project()?.join(PIPELINE_FILE)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(|| format!("cannot read '{PIPELINE_FILE}'")),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Error::corrupt(format!(
            "'{PIPELINE_FILE}' is not UTF-8 text"
        ))),
    }
}

/// Adds `draft` to `dvc.yaml`, and its cached outputs to `.gitignore`.
///
/// `folder` is where the user stands, absolute: paths of the draft are relative to it. With `force` a
/// stage of the same name is replaced. Nothing is written before everything has been checked.
pub fn add(store: &Store, folder: &Path, mut draft: Draft, force: bool) -> Result<Added> {
    draft.check()?;
    let project = store.project()?;
    if folder.canonicalize().ok().as_deref() != Some(project) {
        return Err(
            Error::refused("pipelines in subdirectories are not supported yet")
                .hint(format!("cd '{}'", project.display())),
        );
    }
    draft.wdir = match &draft.wdir {
        Some(written) => wdir(project, written)?,
        None => None,
    };
    let old = read(store)?;
    let mut replaced = false;
    if let Some(text) = &old {
        let pipeline = parse::parse(text, PIPELINE_FILE, &InWorkspace(project))?;
        let is_group = pipeline.groups.contains(&draft.name);
        if is_group || pipeline.find(&draft.name).is_some() {
            if !force {
                return Err(Error::refused(format!(
                    "stage '{}' already exists in '{PIPELINE_FILE}'",
                    draft.name
                ))
                .hint("use --force to replace it"));
            }
            // as it is written, templates and all
            if let Some(stage) = parse::written_stage(text, PIPELINE_FILE, &draft.name)? {
                draft.keep_from(&stage);
            }
            replaced = true;
        }
    }
    let before = old.as_deref().unwrap_or_default();
    let text = edit::set_stage(before, PIPELINE_FILE, &draft.name, &draft.to_value())?;
    let pipeline = parse::parse_draft(&text, PIPELINE_FILE, &InWorkspace(project))?;
    let stage = pipeline.stage(&draft.name)?;
    check_git(store, stage)?;

    if text != before {
        durable::write(&project.join(PIPELINE_FILE), text.as_bytes())?;
    }
    // in the order of the options, as DVC does it, not in that of the file
    let typed = draft.outs.iter().filter_map(|out| {
        let path = paths::join(&stage.wdir, &out.path).ok()?;
        stage.out(&path)
    });
    let mut outs: Vec<&Output> = typed.collect();
    // those whose paths are templates
    for out in &stage.outs {
        if !outs.contains(&out) {
            outs.push(out);
        }
    }
    let ignored = ignore::outputs(store, outs)?;
    let mut files = ignored.files;
    files.push(PIPELINE_FILE.to_owned());
    files.sort();
    Ok(Added {
        replaced,
        files,
        later: ignored.later,
    })
}

/// Returns `wdir` as DVC writes it: normalised, none for the project itself. It must be there.
fn wdir(project: &Path, written: &str) -> Result<Option<String>> {
    let path = paths::join("", written).map_err(|problem| match problem {
        PathProblem::Malformed => Error::usage(format!("working directory '{written}' {problem}")),
        _ => Error::refused(format!("working directory '{written}' {problem}")),
    })?;
    let folder = project.join(&path);
    if !folder.is_dir() {
        let what = match folder.exists() {
            true => "is not a directory",
            false => "does not exist",
        };
        return Err(Error::missing(format!(
            "working directory '{written}' {what}"
        )));
    }
    Ok(Some(path).filter(|path| !path.is_empty()))
}

/// Refuses cached outputs that git tracks already, and a `dvc.yaml` that git will never see.
fn check_git(store: &Store, stage: &Stage) -> Result<()> {
    if store.is_ignored(&store.tree_path(PIPELINE_FILE), false)?
        && !store.is_tracked(&store.tree_path(PIPELINE_FILE))?
    {
        return Err(Error::refused(format!("git ignores '{PIPELINE_FILE}'"))
            .hint(format!("git check-ignore -v {PIPELINE_FILE}")));
    }
    for out in stage.outs.iter().filter(|out| out.cache) {
        let path = &out.path;
        if store.is_tracked(&store.tree_path(path))? {
            return Err(
                Error::refused(format!("output '{path}' is already tracked by git"))
                    .hint(format!("git rm -r --cached '{path}'"))
                    .hint("an output that git shall keep is declared without the cache, with --outs-no-cache"),
            );
        }
    }
    Ok(())
}

/// Returns the stages that `targets` name (all when empty), each with what it does in a line.
pub fn list<'p>(pipeline: &'p Pipeline, targets: &[String]) -> Result<Vec<(&'p str, String)>> {
    let mut stages: Vec<&Stage> = Vec::new();
    for target in targets {
        if target == PIPELINE_FILE {
            stages.extend(&pipeline.stages);
        } else {
            let name = target.rsplit(':').next().unwrap_or(target);
            stages.extend(pipeline.stages_named(name)?);
        }
    }
    if targets.is_empty() {
        stages.extend(&pipeline.stages);
    }
    let mut seen = std::collections::HashSet::new();
    stages.retain(|stage| seen.insert(&stage.name));
    let lines = stages.into_iter();
    Ok(lines
        .map(|stage| (stage.name.as_str(), description(stage)))
        .collect())
}

/// Returns the first line of `desc`, or what the stage writes or reads; cut after 80 characters.
fn description(stage: &Stage) -> String {
    let own = stage.desc.as_deref().filter(|desc| !desc.is_empty());
    let text = match own {
        Some(desc) => {
            let line = desc.lines().find(|line| !line.is_empty());
            line.unwrap_or(desc).trim().to_owned()
        }
        None => what_it_does(stage),
    };
    if text.chars().count() <= LONGEST_DESCRIPTION {
        return text;
    }
    let cut: String = text.chars().take(LONGEST_DESCRIPTION - 1).collect();
    cut + "…"
}

fn what_it_does(stage: &Stage) -> String {
    let join = |paths: Vec<&str>| {
        let written: Vec<&str> = paths.into_iter().map(|path| stage.written(path)).collect();
        written.join(", ")
    };
    let outs = |wanted: fn(&&Output) -> bool| -> Vec<&str> {
        let outs = stage.outs.iter().filter(wanted);
        outs.map(|out| out.path.as_str()).collect()
    };
    let plain = outs(|out| out.kind == OutputKind::Out);
    let reports = outs(|out| out.kind != OutputKind::Out);
    let inputs: Vec<&str> = stage.inputs().collect();
    match (plain.is_empty(), reports.is_empty()) {
        (true, true) if inputs.is_empty() => "No outputs or dependencies".to_owned(),
        (true, true) => format!("Depends on {}", join(inputs)),
        (false, true) => format!("Outputs {}", join(plain)),
        (true, false) => format!("Reports {}", join(reports)),
        (false, false) => format!("Outputs {}; Reports {}", join(plain), join(reports)),
    }
}
