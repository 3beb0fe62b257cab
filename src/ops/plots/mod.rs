//! Plots of revisions: what each revision's `dvc.yaml` declares, read from it, drawn together.

mod page;
mod templates;

pub use page::{default_folder, write_images, write_page};
pub use templates::Templates;

use super::state::{self, State, WORKSPACE};
use crate::error::{Error, Result};
use crate::pipeline::paths;
use crate::plot::{Content, Definition, Failure, Image, Plot, Props, Source, data, points};
use crate::store::Store;
use indexmap::IndexMap;

/// What to plot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Request {
    /// Revisions as typed, `workspace` among them.
    pub revisions: Vec<String>,
    /// Only these: ids of plots, files or directories; all if there are none.
    pub targets: Vec<String>,
    /// What the command line says about all of them.
    pub props: Props,
}

/// Plots and what is missing from them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// In the order in which the revisions define them.
    pub plots: Vec<Plot>,
    /// Why a plot lacks a revision; not when a file just does not exist there.
    pub failures: Vec<Failure>,
}

/// Returns the revisions that `plots diff` compares: none means workspace and HEAD, one means it and
/// the workspace, more are as given; each once.
pub fn revisions(typed: &[String]) -> Vec<String> {
    let mut revisions = match typed {
        [] => vec![WORKSPACE.to_owned(), "HEAD".to_owned()],
        [one] => vec![WORKSPACE.to_owned(), one.clone()],
        more => more.to_vec(),
    };
    let mut seen = std::collections::HashSet::new();
    revisions.retain(|revision| seen.insert(revision.clone()));
    revisions
}

/// Returns targets as ids or paths from the project's root; one that is no path is an id as it is.
pub fn targets(store: &Store, typed: &[String]) -> Result<Vec<String>> {
    store.project()?;
    let path = |typed: &String| {
        let path = state::project_paths(store, std::slice::from_ref(typed));
        match path {
            Ok(mut paths) => paths.remove(0),
            Err(_) => typed.clone(),
        }
    };
    Ok(typed.iter().map(path).collect())
}

/// What one revision says about one plot.
struct Found {
    revision: String,
    definition: Definition,
    source: Source,
    images: Vec<Image>,
}

/// Reads all plots of all revisions. All revisions are resolved before the first is read.
pub fn collect(store: &Store, request: &Request) -> Result<Report> {
    let mut commits = Vec::new();
    for revision in &request.revisions {
        commits.push((revision, state::resolve(store, revision)?));
    }
    let mut report = Report::default();
    let mut found: IndexMap<String, Vec<Found>> = IndexMap::new();
    for (revision, commit) in commits {
        let read = state::open(store, commit, |state| {
            for definition in definitions(state, request)? {
                let one = read(state, revision, definition, &request.props, &mut report);
                found
                    .entry(one.definition.id.clone())
                    .or_default()
                    .push(one);
            }
            Ok(())
        });
        if let Err(error) = read {
            report.failures.push(Failure {
                plot: None,
                revision: revision.clone(),
                source: None,
                message: error.chain(),
            });
        }
    }
    for target in &request.targets {
        if !found.iter().any(|(id, all)| {
            matches(target, id) || all.iter().any(|one| one.definition.files.contains(target))
        }) {
            return Err(Error::missing(format!(
                "no plot and no file '{target}' in {}",
                quoted(&request.revisions)
            ))
            .hint("use 'git exp plots show --json' to see all plots"));
        }
    }
    for (id, all) in found {
        let images: Vec<Image> = all.iter().flat_map(|one| one.images.clone()).collect();
        if !images.is_empty() || data::image_type(&id).is_some() {
            if !images.is_empty() {
                let content = Content::Images(images);
                report.plots.push(Plot { id, content });
            }
            continue;
        }
        let revisions: Vec<_> = all
            .into_iter()
            .map(|one| (one.revision, one.definition, one.source))
            .collect();
        let chart = points::chart(&revisions, |revision, error| {
            report.failures.push(Failure {
                plot: Some(id.clone()),
                revision: revision.to_owned(),
                source: None,
                message: error.chain(),
            });
        });
        let content = Content::Chart(chart);
        report.plots.push(Plot { id, content });
    }
    Ok(report)
}

fn quoted(revisions: &[String]) -> String {
    let names: Vec<String> = revisions.iter().map(|name| format!("'{name}'")).collect();
    names.join(", ")
}

/// Whether a target means the plot: its id, or a folder above it.
fn matches(target: &str, id: &str) -> bool {
    target == id || paths::is_within(id, target)
}

/// Lists a revision's plots, directories unpacked; a target that is no plot but a file is one too.
fn definitions(state: &State<'_>, request: &Request) -> Result<Vec<Definition>> {
    let mut declared: IndexMap<String, Definition> = IndexMap::new();
    for pipeline in state.pipelines() {
        for entry in pipeline.plot_entries() {
            let props = Props::of(entry.props);
            let own = entry.files == [entry.id];
            for file in unpack(state, &entry.files, own)? {
                let (id, files) = match own {
                    true => (file.clone(), vec![file]),
                    false => (
                        entry.id.to_owned(),
                        entry.files.iter().map(|file| (*file).to_owned()).collect(),
                    ),
                };
                match declared.get_mut(&id) {
                    // a top-level entry says more about the drawing than the output of a stage
                    Some(known) if entry.stage.is_none() => known.props = props.or(&known.props),
                    Some(known) => known.props = known.props.or(&props),
                    None => {
                        let props = props.clone();
                        declared.insert(id.clone(), Definition { id, files, props });
                    }
                }
                if !own {
                    break;
                }
            }
        }
    }
    if request.targets.is_empty() {
        return Ok(declared.into_values().collect());
    }
    let mut chosen: Vec<Definition> = Vec::new();
    for target in &request.targets {
        let mut known = declared
            .values()
            .filter(|definition| matches(target, &definition.id))
            .peekable();
        if known.peek().is_some() {
            for definition in known {
                if !chosen.contains(definition) {
                    chosen.push(definition.clone());
                }
            }
            continue;
        }
        let files = match state.list(target)? {
            Some(files) => files
                .into_iter()
                .filter(|file| data::is_supported(file))
                .collect(),
            None if state.read(target)?.is_some() => vec![target.clone()],
            None => Vec::new(),
        };
        chosen.extend(files.into_iter().map(|file| Definition {
            id: file.clone(),
            files: vec![file],
            props: Props::default(),
        }));
    }
    Ok(chosen)
}

/// Lists the files of a plot; directories, which only a plot that is its own file may be, by their
/// files that can be drawn.
fn unpack(state: &State<'_>, files: &[&str], own: bool) -> Result<Vec<String>> {
    let mut unpacked = Vec::new();
    for file in files {
        match own.then(|| state.list(file)).transpose()?.flatten() {
            Some(below) => {
                unpacked.extend(below.into_iter().filter(|file| data::is_supported(file)));
            }
            None => unpacked.push((*file).to_owned()),
        }
    }
    Ok(unpacked)
}

/// Reads the files of a plot. What is wrong with one goes to the report.
fn read(
    state: &State<'_>,
    revision: &str,
    mut definition: Definition,
    overrides: &Props,
    report: &mut Report,
) -> Found {
    definition.props = overrides.or(&definition.props);
    let mut source = Source::new();
    let mut images = Vec::new();
    let header = definition.props.header.unwrap_or(true);
    for path in definition.sources() {
        let tables = match state.read(&path) {
            Ok(None) => continue,
            Ok(Some(bytes)) if data::image_type(&path).is_some() => {
                images.push(Image {
                    revision: revision.to_owned(),
                    file: path,
                    bytes,
                });
                continue;
            }
            Ok(Some(bytes)) => data::parse(&path, &bytes, header),
            Err(error) => Err(error),
        };
        match tables {
            Ok(tables) => {
                source.insert(path, tables);
            }
            Err(error) => report.failures.push(Failure {
                plot: Some(definition.id.clone()),
                revision: revision.to_owned(),
                source: Some(path),
                message: error.chain(),
            }),
        }
    }
    Found {
        revision: revision.to_owned(),
        definition,
        source,
        images,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn revisions_are_as_typed_and_the_workspace_fills_up() {
        assert_eq!(revisions(&[]), ["workspace", "HEAD"]);
        assert_eq!(revisions(&words(&["a~1"])), ["workspace", "a~1"]);
        assert_eq!(revisions(&words(&["workspace"])), ["workspace"]);
        assert_eq!(revisions(&words(&["b", "a", "b"])), ["b", "a"]);
    }
}
