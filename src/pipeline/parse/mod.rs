//! `dvc.yaml` to [`Pipeline`]: every error names file, line, column and key.
//!
//! Templates are resolved first (see [`template`]); what follows reads a tree without them.

mod stage;

use super::check::{self, Placed, Spot};
use super::schema::File;
use super::stage::{Stage, address};
use super::template::{self, Sources};
use super::{PIPELINE_FILE, Pipeline, paths, reports};
use crate::error::Result;
use crate::yaml::{self, Node};

/// The params file of keys that name none.
pub const DEFAULT_PARAMS: &str = "params.yaml";

const TOP_KEYS: &[&str] = &[
    "stages",
    "vars",
    "params",
    "metrics",
    "plots",
    "artifacts",
    "datasets",
];
/// Parses the text of `origin` (its path, for messages) in the project's root.
pub fn parse(text: &str, origin: &str, sources: &dyn Sources) -> Result<Pipeline> {
    parse_in(text, origin, "", sources)
}

/// Parses the text of a `dvc.yaml` in `folder` (relative to the project's root, `/` between parts).
///
/// The paths of the result are relative to the project's root all the same. DVCLive 2 writes such
/// a file (`dvclive/dvc.yaml`), which is read with it.
pub fn parse_in(text: &str, origin: &str, folder: &str, sources: &dyn Sources) -> Result<Pipeline> {
    let file = File {
        origin,
        folder,
        sources,
        is_draft: false,
    };
    parse_file(text, file, sources)
}

/// Parses what `origin` is to say after a change; errors say what is wrong, without a line.
pub fn parse_draft(
    text: &str,
    origin: &str,
    folder: &str,
    sources: &dyn Sources,
) -> Result<Pipeline> {
    let file = File {
        origin,
        folder,
        sources,
        is_draft: true,
    };
    parse_file(text, file, sources)
}

/// Returns a stage as it is written, templates included; `None` if there is none of that name, or if
/// it is a group.
pub fn written_stage(text: &str, origin: &str, name: &str) -> Result<Option<Stage>> {
    let file = File {
        origin,
        folder: "",
        sources: &template::Alone,
        is_draft: false,
    };
    let root = yaml::parse(text, origin)?;
    let stages = root.get("stages").and_then(Node::as_map);
    let found = stages
        .unwrap_or_default()
        .iter()
        .find(|(key, _)| key.as_str() == Some(name));
    match found {
        Some((key, node)) if node.get("cmd").is_some() && node.get("matrix").is_none() => {
            let mut place = Placed::new(Spot::of(file, key));
            stage::read(file, (name, key), node, &mut place).map(Some)
        }
        _ => Ok(None),
    }
}

fn parse_file(text: &str, file: File<'_>, sources: &dyn Sources) -> Result<Pipeline> {
    let (pipeline, placed) = parse_part(text, file, sources)?;
    let stages: Vec<&Stage> = pipeline.stages.iter().collect();
    check::outputs(&stages, &placed)?;
    check::cycles(&pipeline, &placed)?;
    Ok(pipeline)
}

/// Parses one of the files of a project; that it fits the others is for [`super::project`] to check.
pub(super) fn parse_part(
    text: &str,
    file: File<'_>,
    sources: &dyn Sources,
) -> Result<(Pipeline, Vec<Placed>)> {
    let written = yaml::parse(text, file.origin)?;
    let path = paths::below(file.folder, PIPELINE_FILE);
    if written.is_null() {
        let pipeline = Pipeline {
            stageless: vec![path],
            ..Pipeline::default()
        };
        return Ok((pipeline, Vec::new()));
    }
    for (key, _, node) in file.known_map(&written, &"the file", TOP_KEYS)? {
        // as in DVC, a template cannot stand for such a list
        if matches!(key, "params" | "metrics") {
            file.list(node, &format!("top-level '{key}'"))?;
        }
    }
    let resolved = template::resolve(file, &written, sources)?;
    let mut pipeline = Pipeline {
        groups: resolved
            .groups
            .iter()
            .map(|group| address(&path, group))
            .collect(),
        vars: resolved.used,
        vars_files: resolved.files,
        ..Pipeline::default()
    };
    let entries = file.map(&resolved.root, &"the file")?;
    let mut placed = Vec::new();
    for (key, _, node) in entries {
        match key {
            "stages" => {
                for (name, name_node, definition) in file.map(node, &"'stages'")? {
                    let mut place = Placed::new(Spot::of(file, name_node));
                    let stage = stage::read(file, (name, name_node), definition, &mut place)?;
                    pipeline.stages.push(stage);
                    placed.push(place);
                }
            }
            "params" => pipeline.params = reports::files(file, node, "top-level 'params'")?,
            "metrics" => pipeline.metrics = reports::files(file, node, "top-level 'metrics'")?,
            "plots" => pipeline.plots = reports::plots(file, node)?,
            "artifacts" => pipeline.artifacts = reports::artifacts(file, node)?,
            _ => pipeline.datasets = reports::datasets(file, node)?,
        }
    }
    match pipeline.stages.is_empty() {
        true => pipeline.stageless.push(path),
        false => pipeline.files.push(path),
    }
    Ok((pipeline, placed))
}

#[cfg(test)]
mod tests;
