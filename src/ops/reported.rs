//! What training code reported in a tree: files that no stage declares, and that are no code either.

use crate::error::Result;
use crate::pipeline::{Pipeline, Reported, parse, paths};
use crate::store::Store;
use crate::store::bstr::ByteSlice;
use crate::store::checkout::Files;
use crate::store::sources::{InFiles, InWorkspace};
use std::path::Path;

/// Returns the paths that the `dvc.yaml` files of a tree report, and those of these files that
/// describe no stage, relative to the project's root. Paths that an output holds, or that hold one, are
/// not among them: the output decides.
///
/// A file that cannot be understood reports nothing.
pub fn in_tree(store: &Store, files: &Files) -> Result<Vec<String>> {
    let prefix = store.prefix().as_bytes();
    let mut found: Vec<String> = Vec::new();
    let mut outs: Vec<String> = Vec::new();
    let sources = InFiles { store, files };
    for (path, state) in files {
        let Some(inner) = path
            .strip_prefix(prefix)
            .and_then(|inner| inner.to_str().ok())
        else {
            continue;
        };
        let folder = match inner.rsplit_once('/') {
            Some((folder, "dvc.yaml")) => folder,
            None if inner == "dvc.yaml" => "",
            _ => continue,
        };
        let text = store.read_object(state.id)?;
        let text = String::from_utf8_lossy(&text);
        let Ok(pipeline) = parse::parse_in(&text, inner, folder, &sources) else {
            continue;
        };
        found.extend(Reported::of(&pipeline).paths().cloned());
        if pipeline.stages.is_empty() && !folder.is_empty() {
            found.push(inner.to_owned());
        }
        let stages = pipeline.stages.into_iter().flat_map(|stage| stage.outs);
        outs.extend(stages.map(|out| out.path));
    }
    let overlaps = |path: &String| {
        outs.iter()
            .any(|out| paths::is_within(path, out) || paths::is_within(out, path))
    };
    found.retain(|path| !overlaps(path));
    Ok(found)
}

/// Returns the same of the workspace, where `pipeline` is the project's `dvc.yaml`.
pub fn in_workspace(project: &Path, pipeline: &Pipeline) -> Vec<String> {
    let mut found: Vec<String> = Reported::of(pipeline).paths().cloned().collect();
    for file in pipeline.reporting_files() {
        let Some((folder, _)) = file.rsplit_once('/') else {
            continue;
        };
        let Ok(text) = fs_err::read_to_string(project.join(&file)) else {
            continue;
        };
        if let Ok(other) = parse::parse_in(&text, &file, folder, &InWorkspace(project))
            && other.stages.is_empty()
        {
            found.extend(Reported::of(&other).paths().cloned());
            found.push(file);
        }
    }
    found
}
