//! `dvc.yaml` to [`Pipeline`]: every error names file, line, column and key.
//!
//! What DVC knows and we do not yet (templates, `vars`, `foreach`, `matrix`, paths outside of the
//! project) is refused by name: a pipeline that is half understood would run the wrong thing.

mod stage;

use super::check::{self, Placed};
use super::schema::File;
use super::{Pipeline, reports};
use crate::error::Result;
use crate::yaml::read::{self, Node};

/// The params file of keys that name none.
pub const DEFAULT_PARAMS: &str = "params.yaml";

const TOP_KEYS: &[&str] = &[
    "stages",
    "params",
    "metrics",
    "plots",
    "artifacts",
    "datasets",
];
const LATER_KEYS: &[&str] = &["vars", "foreach", "do", "matrix"];

/// Parses the text of `origin` (its path, for messages) in the project's root.
pub fn parse(text: &str, origin: &str) -> Result<Pipeline> {
    parse_in(text, origin, "")
}

/// Parses the text of a `dvc.yaml` in `folder` (relative to the project's root, `/` between parts).
///
/// The paths of the result are relative to the project's root all the same. DVCLive 2 writes such
/// a file (`dvclive/dvc.yaml`): see [`Pipeline::absorb_reports`].
pub fn parse_in(text: &str, origin: &str, folder: &str) -> Result<Pipeline> {
    parse_file(
        text,
        File {
            origin,
            folder,
            is_draft: false,
        },
    )
}

/// Parses what `origin` is to say after a change; errors say what is wrong, without a line.
pub fn parse_draft(text: &str, origin: &str) -> Result<Pipeline> {
    parse_file(
        text,
        File {
            origin,
            folder: "",
            is_draft: true,
        },
    )
}

fn parse_file(text: &str, file: File<'_>) -> Result<Pipeline> {
    let root = read::parse(text, file.origin)?;
    let mut pipeline = Pipeline::default();
    if root.is_null() {
        return Ok(pipeline);
    }
    refuse_later_keys(file, &root, "at the top")?;
    let entries = file.known_map(&root, "the file", TOP_KEYS)?;
    file.refuse_templates(&root)?;
    let mut placed = Vec::new();
    for (key, _, node) in entries {
        match key {
            "stages" => {
                for (name, name_node, definition) in file.map(node, "'stages'")? {
                    let mut place = Placed::new(name_node);
                    let stage = stage::read(file, name, definition, &mut place)?;
                    pipeline.stages.push(stage);
                    placed.push(place);
                }
            }
            "params" => pipeline.params = reports::files(file, node, "top-level 'params'")?,
            "metrics" => pipeline.metrics = reports::files(file, node, "top-level 'metrics'")?,
            "plots" => pipeline.plots = reports::plots(file, node)?,
            "artifacts" => pipeline.artifacts = reports::artifacts(file, node)?,
            _ => {
                let items = file.list(node, "'datasets'")?;
                pipeline.datasets = items.iter().map(Node::to_value).collect();
            }
        }
    }
    check::outputs(file, &pipeline.stages, &placed)?;
    check::cycles(file, &pipeline.stages, &placed)?;
    Ok(pipeline)
}

fn refuse_later_keys(file: File<'_>, node: &Node, place: &str) -> Result<()> {
    let Some(entries) = node.as_map() else {
        return Ok(());
    };
    for (key, _) in entries {
        if let Some(name) = key.as_str().filter(|name| LATER_KEYS.contains(name)) {
            return Err(file.unsupported(
                key,
                &format!("'{name}' {place} is not supported yet"),
                "write the stages and their values out",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
