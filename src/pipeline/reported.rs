//! What training code reports of itself: the files that top-level entries of `dvc.yaml` files name.
//!
//! No stage declares them; DVCLive writes the entries while it trains, 3 into the project's
//! `dvc.yaml`, 2 into one of its own beside its files.

use super::parse::DEFAULT_PARAMS;
use super::{Output, Pipeline, paths};
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

/// Files, or directories of files, that training code reports; relative to the project's root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    /// Metrics files.
    pub metrics: Vec<String>,
    /// Params files that training wrote, not those that it reads.
    pub params: Vec<String>,
    /// Plots.
    pub plots: Vec<String>,
}

impl Reported {
    /// Returns what the top level of a file names.
    ///
    /// A params file is one that training wrote if a metrics file lies beside it in a folder of
    /// theirs, and no stage reads it: that is how DVCLive leaves them. Other params are what a stage reads, and so is whatever
    /// is a dependency, though a plot may show it.
    pub fn of(pipeline: &Pipeline) -> Self {
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        let written = |params: &&String| {
            let here = folder(params);
            here.is_some()
                && pipeline.metrics.iter().any(|path| folder(path) == here)
                && !is_read(pipeline, params)
        };
        let not_read = |path: &&String| {
            let mut deps = pipeline.stages.iter().flat_map(|stage| &stage.deps);
            !deps.any(|dep| paths::is_within(path, dep))
        };
        let plots = pipeline.plots.iter().flat_map(|plot| &plot.files);
        let params = pipeline.params.iter().filter(written);
        Reported {
            metrics: pipeline.metrics.iter().filter(not_read).cloned().collect(),
            params: params.filter(not_read).cloned().collect(),
            plots: plots.filter(not_read).cloned().collect(),
        }
    }

    /// Adds what another file names.
    pub fn absorb(&mut self, other: &Reported) {
        for (list, more) in [
            (&mut self.metrics, &other.metrics),
            (&mut self.params, &other.params),
            (&mut self.plots, &other.plots),
        ] {
            for path in more {
                if !list.contains(path) {
                    list.push(path.clone());
                }
            }
        }
    }

    /// Lists all paths; one may be there twice.
    pub fn paths(&self) -> impl Iterator<Item = &String> {
        self.metrics.iter().chain(&self.params).chain(&self.plots)
    }

    /// Whether a path is one of them, or below one.
    pub fn covers(&self, path: &str) -> bool {
        self.paths()
            .any(|reported| paths::is_within(path, reported))
    }
}

/// Whether stages or templates read a params file.
fn is_read(pipeline: &Pipeline, path: &str) -> bool {
    let mut declared = pipeline.stages.iter().flat_map(|stage| &stage.params);
    let beside = |file: &String| {
        let folder = paths::folder(file);
        path == paths::below(folder, DEFAULT_PARAMS)
    };
    declared.any(|params| params.file == path)
        || pipeline.vars_files.iter().any(|file| file == path)
        || pipeline.files.iter().any(beside)
}

impl Pipeline {
    /// Lists where DVCLive may write a `dvc.yaml` of its own: in its usual folder, in and beside what
    /// stages write.
    pub fn reporting_files(&self) -> Vec<String> {
        self.reporting_files_of(self.stages.iter().flat_map(|stage| &stage.outs))
    }

    /// As [`Pipeline::reporting_files`], with these outputs only.
    pub fn reporting_files_of<'p>(
        &'p self,
        outs: impl IntoIterator<Item = &'p Output>,
    ) -> Vec<String> {
        let folders = self.stages.iter().map(|stage| stage.wdir.as_str());
        let folders: IndexSet<&str> = std::iter::once("").chain(folders).collect();
        let usual = folders.into_iter();
        let usual: Vec<String> = usual
            .filter_map(|folder| paths::join(folder, USUAL_FOLDER).ok())
            .collect();
        let paths = outs.into_iter().map(|out| out.path.as_str());
        let written = paths
            .chain(self.metrics.iter().map(String::as_str))
            .flat_map(|path| [path, paths::folder(path)]);
        let all: IndexSet<&str> = usual.iter().map(String::as_str).chain(written).collect();
        let all = all.into_iter().filter(|folder| !folder.is_empty());
        all.map(|folder| format!("{folder}/dvc.yaml")).collect()
    }
}

/// Where DVCLive writes if nobody says otherwise.
const USUAL_FOLDER: &str = "dvclive";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::parse::parse_in;
    use crate::pipeline::template::Alone;

    #[test]
    fn tells_params_that_training_wrote_from_those_it_reads() {
        let text = "\
stages:
  train: {cmd: x, deps: [data]}
params: [params.yaml, conf/model.yaml, dvclive/params.yaml]
metrics: [dvclive/metrics.json, scores.json]
plots:
- dvclive/plots/metrics: {x: step}
- Loss: {y: {a.csv: loss, b.csv: loss}}
- data/classes.csv
";
        let reported = Reported::of(&parse_in(text, "dvc.yaml", "", &Alone).unwrap());
        assert_eq!(reported.params, ["dvclive/params.yaml"]);
        assert_eq!(reported.metrics, ["dvclive/metrics.json", "scores.json"]);
        assert_eq!(reported.plots, ["dvclive/plots/metrics", "a.csv", "b.csv"]);
        assert!(reported.covers("dvclive/plots/metrics/loss.tsv"));
        assert!(!reported.covers("dvclive/plots"));
    }

    #[test]
    fn params_of_a_pipeline_in_a_folder_are_read() {
        let text = "\
stages:
  train: {cmd: x, params: [{own.yaml: [k]}]}
params: [params.yaml, own.yaml, written.yaml]
metrics: [metrics.json]
";
        let pipeline = parse_in(text, "sub/dvc.yaml", "sub", &Alone).unwrap();
        assert_eq!(Reported::of(&pipeline).params, ["sub/written.yaml"]);
    }

    #[test]
    fn names_where_dvclive_may_write_a_file_of_its_own() {
        let text = "\
stages:
  a: {cmd: x, wdir: sub, outs: [model.pt], metrics: [logs/metrics.json]}
";
        assert_eq!(
            parse_in(text, "dvc.yaml", "", &Alone)
                .unwrap()
                .reporting_files(),
            [
                "dvclive/dvc.yaml",
                "sub/dvclive/dvc.yaml",
                "sub/model.pt/dvc.yaml",
                "sub/dvc.yaml",
                "sub/logs/metrics.json/dvc.yaml",
                "sub/logs/dvc.yaml",
            ]
        );
    }
}
