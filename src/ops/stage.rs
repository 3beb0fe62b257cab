//! Adds stages to `dvc.yaml`, and describes those that are there.

use super::ignore;
use crate::error::{Context, Error, Result};
use crate::pipeline::draft::Draft;
use crate::pipeline::paths::{self, PathProblem};
use crate::pipeline::{Output, OutputKind, PIPELINE_FILE, Pipeline, Stage, edit, parse};
use crate::store::sources::InWorkspace;
use crate::store::{Store, durable};
use std::io::ErrorKind;
use std::path::Path;

/// Longest description in a list, in characters.
const LONGEST_DESCRIPTION: usize = 80;

/// What [`add`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// Whether a stage of that name was there.
    pub replaced: bool,
    /// Files to commit, relative to where the user stands, sorted.
    pub files: Vec<String>,
    /// Outputs that git does not ignore yet, because their folder is not there.
    pub later: Vec<String>,
}

/// Reads and checks the project's `dvc.yaml` files. Errors if there is none, with a hint.
pub fn pipeline(store: &Store) -> Result<Pipeline> {
    let pipeline = store.current_pipeline()?;
    if pipeline.files.is_empty() && !store.project()?.join(PIPELINE_FILE).exists() {
        return Err(Error::missing(format!(
            "no '{PIPELINE_FILE}' in '{}'",
            store.project()?.display()
        ))
        .hint("git exp stage add"));
    }
    Ok(pipeline)
}

/// Returns the text of a pipeline file of the project, or `None`.
fn read(store: &Store, path: &str) -> Result<Option<String>> {
    let bytes = match fs_err::read(store.project()?.join(path)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(|| format!("cannot read '{path}'")),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Error::corrupt(format!("'{path}' is not UTF-8 text"))),
    }
}

/// Adds `draft` to the `dvc.yaml` in `folder`, and its cached outputs to `.gitignore`.
///
/// `folder` is where the user stands, absolute: paths of the draft are relative to it. With `force` a
/// stage of the same name is replaced. Nothing is written before everything has been checked.
pub fn add(store: &Store, folder: &Path, mut draft: Draft, force: bool) -> Result<Added> {
    draft.check()?;
    let project = store.project()?;
    let here = folder.canonicalize().ok();
    let here = here.as_deref().and_then(|here| {
        let below = here.strip_prefix(project).ok()?;
        below.to_str().map(str::to_owned)
    });
    let Some(folder) = here else {
        return Err(
            Error::refused("a pipeline stands inside of its project, and this is outside")
                .hint(format!("cd '{}'", project.display())),
        );
    };
    let path = paths::below(&folder, PIPELINE_FILE);
    draft.wdir = match &draft.wdir {
        Some(written) => wdir(project, &folder, written)?,
        None => None,
    };
    let old = read(store, &path)?;
    let mut replaced = false;
    if let Some(text) = &old {
        let pipeline = parse::parse_in(text, &path, &folder, &InWorkspace(project))?;
        let is_it = |stage: &Stage| stage.name == draft.name;
        let is_group = pipeline.has_group(&path, &draft.name);
        if is_group || pipeline.stages.iter().any(is_it) {
            if !force {
                return Err(Error::refused(format!(
                    "stage '{}' already exists in '{path}'",
                    draft.name
                ))
                .hint("use --force to replace it"));
            }
            // as it is written, templates and all
            if let Some(stage) = parse::written_stage(text, &path, &draft.name)? {
                draft.keep_from(&stage);
            }
            replaced = true;
        }
    }
    let before = old.as_deref().unwrap_or_default();
    let text = edit::set_stage(before, &path, &draft.name, &draft.to_value())?;
    let pipeline = parse::parse_draft(&text, &path, &folder, &InWorkspace(project))?;
    let mut stages = pipeline.stages.iter();
    let stage = stages
        .find(|stage| stage.name == draft.name)
        .ok_or_else(|| Error::missing(format!("no stage '{}' in '{path}'", draft.name)))?;
    check_git(store, stage)?;

    if text != before {
        durable::write(&project.join(&path), text.as_bytes())?;
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
    files.push(path.clone());
    let from_here = |path: &String| paths::from(&folder, path);
    let mut files: Vec<String> = files.iter().map(from_here).collect();
    files.sort();
    Ok(Added {
        replaced,
        files,
        later: ignored.later.iter().map(from_here).collect(),
    })
}

/// Returns `wdir` as DVC writes it: normalised, none for the folder of the file. It must be there.
fn wdir(project: &Path, base: &str, written: &str) -> Result<Option<String>> {
    let path = paths::join(base, written).map_err(|problem| match problem {
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
    Ok(Some(paths::from(base, &path)).filter(|path| path != "."))
}

/// Refuses cached outputs that git tracks already, and a `dvc.yaml` that git will never see.
fn check_git(store: &Store, stage: &Stage) -> Result<()> {
    if let Some(out) = stage.outside_outs.iter().find(|out| out.cache) {
        let path = stage.written(&out.path);
        let what = format!("output '{path}' lies outside of the project and cannot be cached");
        return Err(Error::refused(what).hint(format!("--outs-no-cache '{path}'")));
    }
    let file = &stage.file;
    let path = store.tree_path(file);
    if store.is_ignored(&path, false)? && !store.is_tracked(&path)? {
        return Err(Error::refused(format!("git ignores '{file}'"))
            .hint(format!("git check-ignore -v {file}")));
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

/// Returns the stages that `targets` name, each with what it does in a line; without targets those of
/// the `dvc.yaml` where the user stands, or `all`.
pub fn list(pipeline: &Pipeline, targets: &[String], all: bool) -> Result<Vec<(String, String)>> {
    let mut stages: Vec<&Stage> = Vec::new();
    for target in targets {
        stages.extend(pipeline.stages_named(target)?);
    }
    if targets.is_empty() {
        let own = pipeline.own_file();
        stages.extend(pipeline.stages.iter().filter(|it| all || it.file == own));
    }
    let mut seen = std::collections::HashSet::new();
    stages.retain(|stage| seen.insert(stage.address()));
    if all || !targets.is_empty() {
        // as DVC, to which a '.dvc' file is a stage without a command
        let data = pipeline.data_for(&[], targets);
        stages.extend(data.into_iter().map(|data| &data.stage));
    }
    let lines = stages.into_iter();
    Ok(lines
        .map(|stage| (pipeline.shown(stage), description(stage)))
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
        let outs = stage.all_outs().filter(wanted);
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
