//! The pipeline of the `dvc.yaml` files: their stages in dependency order, cycles and clashes refused.
//!
//! [`parse`] reads one file, [`project`] all of them, [`draft`] makes a new stage from options, [`edit`] writes one into
//! a text. All paths are relative to the project's root, `/` between parts. Nothing here looks at
//! the disk.

mod check;
pub mod data;
pub mod draft;
pub mod edit;

mod graph;
mod outputs;
pub mod parse;
pub mod paths;
pub mod project;
pub(crate) mod recorded;
mod reported;
mod reports;
pub(crate) mod schema;
mod select;
pub mod stage;
mod target;
pub mod template;

pub use data::DataFile;
pub use reported::Reported;
pub use select::{Reach, reads};
pub use stage::{Command, Live, Output, OutputKind, ParamsDependency, Stage};

use crate::value::{Map, Value};
use indexmap::IndexMap;

/// What a file of a pipeline is called, in whatever folder.
pub const PIPELINE_FILE: &str = "dvc.yaml";

/// The parsed and checked `dvc.yaml` files of a project, or one of them. All paths are relative to the project's root.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pipeline {
    /// The folder that targets are relative to, from the project's root: where the user stands.
    pub folder: String,
    /// The files with stages, in the order in which they are found.
    pub files: Vec<String>,
    /// The files without: they are empty, have other things only, or groups that nobody is in.
    pub stageless: Vec<String>,
    /// The stages in the order of the file, generated ones where their group stands.
    pub stages: Vec<Stage>,
    /// The `.dvc` files, in the order in which they are found.
    pub data: Vec<DataFile>,
    /// The addresses of `foreach` and `matrix` groups; their stages are `name@key`.
    pub groups: Vec<String>,
    /// What templates of stages take from files: by file the values under their dotted names.
    pub vars: IndexMap<String, Map>,
    /// All files that were read for templates, what they hold used or not.
    pub vars_files: Vec<String>,
    /// Top-level `params`: files.
    pub params: Vec<String>,
    /// Top-level `metrics`: files.
    pub metrics: Vec<String>,
    /// Top-level `plots`.
    pub plots: Vec<TopPlot>,
    /// Top-level `artifacts`, as written.
    pub artifacts: Map,
    /// Top-level `datasets` of DVC 3.
    pub datasets: Vec<Dataset>,
}

/// One of top-level `datasets`: data elsewhere, of which `dvc.lock` says what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// What `ds://<name>` calls it.
    pub name: String,
    /// The `dvc.yaml` that describes it, relative to the project's root.
    pub file: String,
    /// All that is said of it, as written.
    pub spec: Value,
}

impl Dataset {
    /// Returns the `dvc.lock` that says what it is, relative to the project's root.
    pub fn lock_file(&self) -> String {
        stage::lock_file(&self.file)
    }

    /// Whether an entry of `datasets` in `dvc.lock` is about what is described here, as in DVC.
    pub fn is_locked_by(&self, locked: &Value) -> bool {
        let (Some(spec), Some(locked)) = (self.spec.as_map(), locked.as_map()) else {
            return false;
        };
        let is = |key: &str| {
            let of = |map: &Map| map.get(key).cloned().filter(|value| *value != Value::Null);
            of(spec) == of(locked)
        };
        let path = |map: &Map| {
            map.get("path")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let is_dvc = spec.get("type").and_then(Value::as_str) == Some("dvc");
        is("name")
            && is("url")
            && is("type")
            && (!is_dvc || is("rev") && path(spec) == path(locked))
    }
}

/// One entry of top-level `plots`.
#[derive(Debug, Clone, PartialEq)]
pub struct TopPlot {
    /// Its id: a path, or a title when `y` names the files.
    pub id: String,
    /// The files (or directories of files) that it draws, in the order of `y`.
    pub files: Vec<String>,
    /// Its properties (x, y, title, template …) as written, paths in `x` and `y` relative to the
    /// project's root; null without any.
    pub props: Value,
}

/// One plot, wherever it is defined.
#[derive(Debug, Clone, PartialEq)]
pub struct PlotEntry<'a> {
    /// Its id: a path or a title; not unique.
    pub id: &'a str,
    /// The files (or directories of files) that it draws.
    pub files: Vec<&'a str>,
    /// Its properties, a map or null; annotations of an output are among them.
    pub props: &'a Value,
    /// The name of the stage that writes it; `None` for a top-level one.
    pub stage: Option<&'a str>,
}

impl Pipeline {
    /// Returns a stage by its address from the project's root, or `None`.
    pub fn find(&self, address: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.address() == address)
    }

    /// Whether `foreach` or `matrix` makes the stages of a name in a file.
    pub fn has_group(&self, file: &str, name: &str) -> bool {
        self.groups.contains(&stage::address(file, name))
    }

    /// Returns how one who stands in [`Pipeline::folder`] names a stage, as DVC prints it.
    pub fn shown(&self, stage: &Stage) -> String {
        stage::address(&paths::from(&self.folder, &stage.file), &stage.name)
    }

    /// Lists the `dvc.lock` files of stages and datasets, relative to the project's root.
    pub fn lock_files(&self) -> Vec<String> {
        let mut stages: Vec<&Stage> = self.stages.iter().collect();
        stages.dedup_by_key(|stage| &stage.file);
        let stages = stages.into_iter().map(Stage::lock_file);
        let datasets = self.datasets.iter().map(Dataset::lock_file);
        let files: indexmap::IndexSet<String> = stages.chain(datasets).collect();
        files.into_iter().collect()
    }

    /// Returns a dataset by its address, `ds://<name>`; as in DVC, the last of one name.
    pub fn dataset(&self, address: &str) -> Option<&Dataset> {
        let name = paths::dataset(address)?;
        self.datasets.iter().rfind(|dataset| dataset.name == name)
    }

    /// Returns the stage that writes `path`, or holds it in an output directory.
    pub fn writer_of(&self, path: &str) -> Option<&Stage> {
        let writes = |stage: &&Stage| {
            let mut outs = stage.all_outs();
            outs.any(|out| paths::is_within(path, &out.path))
        };
        self.stages.iter().find(writes)
    }

    /// Returns the `.dvc` file that tracks `path`, a folder above it, or something in it.
    pub fn data_of(&self, path: &str) -> Option<&DataFile> {
        let tracks = |data: &&DataFile| {
            let mut outs = data.stage.outs.iter();
            outs.any(|out| paths::is_within(path, &out.path) || paths::is_within(&out.path, path))
        };
        self.data.iter().find(tracks)
    }

    /// Returns a path that stages read as notes have it, see [`Stage::noted`].
    pub fn noted(&self, path: &str) -> String {
        let reads =
            |stage: &&Stage| paths::is_outside(path) && stage.inputs().any(|input| input == path);
        let reader = self.stages.iter().find(reads);
        reader.map_or_else(|| path.to_owned(), |stage| stage.noted(path))
    }

    /// Lists the stages that a stage reads from, in the order of the file; none for a frozen one.
    pub fn dependencies_of(&self, stage: &Stage) -> Vec<&Stage> {
        if stage.frozen {
            return Vec::new();
        }
        let Some(position) = self.stages.iter().position(|other| other.is(stage)) else {
            return Vec::new();
        };
        let edges = self.edges();
        edges[position].iter().map(|&n| &self.stages[n]).collect()
    }

    /// Lists the metrics files: outputs of stages in the order of the file, then top-level ones.
    ///
    /// An entry may be a directory of files.
    pub fn metric_files(&self) -> Vec<&str> {
        let stages = self.stages.iter().flat_map(|stage| &stage.outs);
        let metrics = stages
            .filter(|out| out.kind == OutputKind::Metric)
            .map(|out| out.path.as_str());
        unique(metrics.chain(self.metrics.iter().map(String::as_str)))
    }

    /// Lists the params files with the keys that stages declare; `None` where the whole file counts.
    ///
    /// Top-level files count as a whole. `params.yaml` is there only if somebody names it.
    pub fn param_files(&self) -> IndexMap<&str, Option<Vec<&str>>> {
        let mut files: IndexMap<&str, Option<Vec<&str>>> = IndexMap::new();
        for params in self.stages.iter().flat_map(|stage| &stage.params) {
            let known = files
                .entry(&params.file)
                .or_insert_with(|| Some(Vec::new()));
            match (&params.keys, known) {
                (None, known) => *known = None,
                (Some(_), None) => {}
                (Some(keys), Some(known)) => {
                    known.extend(keys.iter().map(String::as_str));
                    *known = unique(known.iter().copied());
                }
            }
        }
        for file in &self.params {
            files.insert(file, None);
        }
        files
    }

    /// Lists the plots: outputs of stages (one entry per definition), then top-level ones.
    pub fn plot_entries(&self) -> Vec<PlotEntry<'_>> {
        let mut entries = Vec::new();
        for stage in &self.stages {
            for out in &stage.outs {
                if out.kind != OutputKind::Plot {
                    continue;
                }
                let definitions = match &out.props {
                    Value::List(items) => items.as_slice(),
                    props => std::slice::from_ref(props),
                };
                entries.extend(definitions.iter().map(|props| PlotEntry {
                    id: &out.path,
                    files: vec![&out.path],
                    props,
                    stage: Some(&stage.name),
                }));
            }
        }
        entries.extend(self.plots.iter().map(|plot| PlotEntry {
            id: &plot.id,
            files: plot.files.iter().map(String::as_str).collect(),
            props: &plot.props,
            stage: None,
        }));
        entries
    }
}

fn unique<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let items: indexmap::IndexSet<&str> = items.collect();
    items.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_what_is_shown() {
        let text = "\
stages:
  a:
    cmd: x
    params: [lr, {b.yaml: [k]}]
    metrics: [m.json]
    plots: [p.csv, {q.csv: [{x: s}, {x: t}]}]
  b:
    cmd: y
    params: [lr, bs, {b.yaml: }]
    metrics: [n.json]
metrics: [m.json, top.json]
params: [c.yaml]
plots: [{T: {y: {p.csv: a, r.csv: b}}}]
";
        let pipeline = parse::parse(text, "dvc.yaml", &template::Alone).unwrap();
        assert_eq!(pipeline.metric_files(), ["m.json", "n.json", "top.json"]);
        let params: Vec<_> = pipeline.param_files().into_iter().collect();
        assert_eq!(
            params,
            [
                ("params.yaml", Some(vec!["lr", "bs"])),
                ("b.yaml", None),
                ("c.yaml", None),
            ]
        );
        let plots: Vec<_> = pipeline
            .plot_entries()
            .iter()
            .map(|entry| format!("{} {} {:?}", entry.id, entry.files.join(","), entry.stage))
            .collect();
        assert_eq!(
            plots,
            [
                "p.csv p.csv Some(\"a\")",
                "q.csv q.csv Some(\"a\")",
                "q.csv q.csv Some(\"a\")",
                "T p.csv,r.csv None",
            ]
        );
    }
}
