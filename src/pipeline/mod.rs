//! The pipeline of `dvc.yaml`: its stages in dependency order, cycles and clashes refused.
//!
//! [`parse`] reads and checks it, [`draft`] makes a new stage from options, [`edit`] writes one into
//! a text. All paths are relative to the project's root, `/` between parts. Nothing here looks at
//! the disk.

mod check;
pub mod draft;
pub mod edit;

mod graph;
mod outputs;
pub mod parse;
pub mod paths;
mod reported;
mod reports;
mod schema;
pub mod stage;
pub mod template;

pub use reported::Reported;
pub use stage::{Command, Live, Output, OutputKind, ParamsDependency, Stage};

use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::value::{Map, Value};
use graph::Walk;
use indexmap::IndexMap;

/// A parsed and checked `dvc.yaml`. All paths are relative to the project's root.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pipeline {
    /// The stages in the order of the file, generated ones where their group stands.
    pub stages: Vec<Stage>,
    /// The names of `foreach` and `matrix` groups; their stages are `name@key`.
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
    /// Top-level `datasets` of DVC 3, as written.
    pub datasets: Vec<Value>,
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
    /// The stage that writes it; `None` for a top-level one.
    pub stage: Option<&'a str>,
}

/// How far a selection of stages reaches from its targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// The targets and everything they depend on.
    #[default]
    Upstream,
    /// The targets alone (`-s`).
    Single,
    /// The targets and everything that depends on them (`--downstream`).
    Downstream,
}

impl Pipeline {
    /// Returns the stages to visit for `targets` (all when empty) and everything they depend on, dependencies first.
    ///
    /// Stages that do not depend on each other stay in the order of the file. The dependencies of a
    /// frozen stage are not followed.
    pub fn order(&self, targets: &[String]) -> Result<Vec<&Stage>> {
        self.select(targets, Reach::Upstream)
    }

    /// Returns the stages that `targets` (all when empty) reach, dependencies first.
    ///
    /// A target is the name of a stage or of a group, `dvc.yaml:name`, or `dvc.yaml` for all. An
    /// unknown one is an error that offers the nearest name.
    pub fn select(&self, targets: &[String], reach: Reach) -> Result<Vec<&Stage>> {
        let all = graph::dependencies(&self.stages);
        let mut wanted = vec![targets.is_empty(); self.stages.len()];
        for target in targets {
            match target.strip_prefix("dvc.yaml") {
                Some("") if self.position(target).is_none() => wanted.fill(true),
                rest => {
                    let name = rest
                        .and_then(|rest| rest.strip_prefix(':'))
                        .or(target.strip_prefix(':'))
                        .unwrap_or(target);
                    for position in self.named(name)? {
                        wanted[position] = true;
                    }
                }
            }
        }
        let starts = |wanted: &[bool]| -> Vec<usize> {
            (0..wanted.len()).filter(|&stage| wanted[stage]).collect()
        };
        match reach {
            Reach::Single => {}
            Reach::Upstream => {
                let mut followed = all.clone();
                for (edges, stage) in followed.iter_mut().zip(&self.stages) {
                    if stage.frozen {
                        edges.clear();
                    }
                }
                mark(&followed, &starts(&wanted), &mut wanted);
            }
            Reach::Downstream => mark(&graph::reversed(&all), &starts(&wanted), &mut wanted),
        }
        // parse refuses cycles; a pipeline made by hand that has one keeps the order of the file
        let order = match graph::walk(&all, 0..self.stages.len()) {
            Walk::Order(order) => order,
            Walk::Cycle(_) => (0..self.stages.len()).collect(),
        };
        let chosen = order.into_iter().filter(|&stage| wanted[stage]);
        Ok(chosen.map(|stage| &self.stages[stage]).collect())
    }

    /// Returns a stage by name, or an error that offers the nearest one.
    pub fn stage(&self, name: &str) -> Result<&Stage> {
        self.find(name).ok_or_else(|| self.no_stage(name))
    }

    /// Returns a stage by name, or `None`.
    pub fn find(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }

    /// Returns the stage that writes `path`, or holds it in an output directory.
    pub fn writer_of(&self, path: &str) -> Option<&Stage> {
        let writes = |stage: &&Stage| {
            let mut outs = stage.outs.iter();
            outs.any(|out| paths::is_within(path, &out.path))
        };
        self.stages.iter().find(writes)
    }

    /// Lists the stages that a stage reads from, in the order of the file; none for a frozen one.
    pub fn dependencies_of(&self, stage: &Stage) -> Vec<&Stage> {
        if stage.frozen {
            return Vec::new();
        }
        let Some(position) = self.position(&stage.name) else {
            return Vec::new();
        };
        let edges = graph::dependencies(&self.stages);
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

    /// Takes over the top-level params, metrics and plots of another file of the same project.
    ///
    /// For `dvclive/dvc.yaml`, which DVCLive 2 writes: see [`parse::parse_in`].
    pub fn absorb_reports(&mut self, other: Pipeline) {
        add_new(&mut self.params, other.params);
        add_new(&mut self.metrics, other.metrics);
        add_new(&mut self.plots, other.plots);
    }

    /// Lists the stages that a name means: one, or those of a group.
    pub fn stages_named(&self, name: &str) -> Result<Vec<&Stage>> {
        let found = self.named(name)?.into_iter();
        Ok(found.map(|position| &self.stages[position]).collect())
    }

    fn named(&self, name: &str) -> Result<Vec<usize>> {
        if let Some(position) = self.position(name) {
            return Ok(vec![position]);
        }
        let belongs = |stage: &Stage| {
            let group = stage.name.rsplit_once(template::JOIN);
            group.is_some_and(|(group, _)| group == name)
        };
        let stages = 0..self.stages.len();
        let found: Vec<usize> = stages.filter(|&n| belongs(&self.stages[n])).collect();
        match found.is_empty() {
            true => Err(self.no_stage(name)),
            false => Ok(found),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.stages.iter().position(|stage| stage.name == name)
    }

    fn no_stage(&self, name: &str) -> Error {
        let stages = || self.stages.iter().map(|stage| stage.name.as_str());
        let names = || stages().chain(self.groups.iter().map(String::as_str));
        let error = Error::missing(format!("no stage '{name}' in 'dvc.yaml'"));
        if let Some(near) = nearest(name, names()) {
            return error.hint(format!("did you mean '{near}'?"));
        }
        let path = paths::join("", name).unwrap_or_default();
        if let Some(stage) = self.writer_of(&path).filter(|_| !path.is_empty()) {
            return error.hint(format!(
                "'{name}' is an output; the stage that writes it is '{}'",
                stage.name
            ));
        }
        match self.stages.is_empty() {
            true => error.hint("use 'git exp stage add' to add one"),
            false => error.hint("use 'git exp stage list' to see all stages"),
        }
    }
}

/// Marks everything that can be reached from `starts`, which are marked.
fn mark(edges: &[Vec<usize>], starts: &[usize], marks: &mut [bool]) {
    let mut open = starts.to_vec();
    while let Some(stage) = open.pop() {
        for &next in &edges[stage] {
            if !std::mem::replace(&mut marks[next], true) {
                open.push(next);
            }
        }
    }
}

fn unique<'a>(items: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let items: indexmap::IndexSet<&str> = items.collect();
    items.into_iter().collect()
}

fn add_new<T: PartialEq>(list: &mut Vec<T>, more: Vec<T>) {
    for item in more {
        if !list.contains(&item) {
            list.push(item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIAMOND: &str = "\
stages:
  report: {cmd: r, deps: [left/x, right]}
  free: {cmd: f}
  left: {cmd: l, deps: [top], outs: [left]}
  right: {cmd: r, params: [{made.yaml: [a]}], outs: [right], frozen: FROZEN}
  make: {cmd: m, outs: [made.yaml]}
  top: {cmd: t, outs: [top/a, top/b]}
";

    fn diamond(frozen: bool) -> Pipeline {
        parse::parse(
            &DIAMOND.replace("FROZEN", &frozen.to_string()),
            "dvc.yaml",
            &template::Alone,
        )
        .unwrap()
    }

    fn chosen(pipeline: &Pipeline, targets: &[&str], reach: Reach) -> String {
        let targets: Vec<String> = targets.iter().map(|target| target.to_string()).collect();
        let stages = pipeline.select(&targets, reach).unwrap();
        let names: Vec<&str> = stages.iter().map(|stage| stage.name.as_str()).collect();
        names.join(" ")
    }

    #[test]
    fn orders_dependencies_first_and_else_as_written() {
        let pipeline = diamond(false);
        let all = "top left make right report free";
        assert_eq!(chosen(&pipeline, &[], Reach::Upstream), all);
        assert_eq!(chosen(&pipeline, &["dvc.yaml"], Reach::Single), all);
        assert_eq!(chosen(&pipeline, &["right"], Reach::Upstream), "make right");
        assert_eq!(
            chosen(&pipeline, &["free", "dvc.yaml:left"], Reach::Upstream),
            "top left free"
        );
        assert_eq!(
            chosen(&pipeline, &["report", ":left"], Reach::Single),
            "left report"
        );
        assert_eq!(
            chosen(&pipeline, &["top"], Reach::Downstream),
            "top left report"
        );
    }

    #[test]
    fn does_not_follow_a_frozen_stage() {
        let pipeline = diamond(true);
        assert_eq!(
            chosen(&pipeline, &["report"], Reach::Upstream),
            "top left right report"
        );
        let right = pipeline.stage("right").unwrap();
        assert!(pipeline.dependencies_of(right).is_empty());
        let report = pipeline.stage("report").unwrap();
        let names: Vec<&str> = pipeline
            .dependencies_of(report)
            .iter()
            .map(|stage| stage.name.as_str())
            .collect();
        assert_eq!(names, ["left", "right"]);
    }

    #[test]
    fn offers_the_stage_that_was_meant() {
        let pipeline = diamond(false);
        let hint = |name: &str| {
            let error = pipeline.order(&[name.to_owned()]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("no stage '{name}' in 'dvc.yaml'")
            );
            error.hints()[0].clone()
        };
        assert_eq!(hint("reprot"), "did you mean 'report'?");
        assert_eq!(
            hint("./top/a/"),
            "'./top/a/' is an output; the stage that writes it is 'top'"
        );
        assert_eq!(
            hint("nothing-like-it"),
            "use 'git exp stage list' to see all stages"
        );
        let error = Pipeline::default().stage("x").unwrap_err();
        assert_eq!(error.hints(), ["use 'git exp stage add' to add one"]);
    }

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
