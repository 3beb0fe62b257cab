//! Files that training code reports in `dvc.yaml` files, looked at again at each capture.
//!
//! DVCLive writes these files while it trains. A `dvc.yaml` is read only if its stat changed, and
//! parsed only if its text did. One that cannot be parsed is somebody's half-written edit: what it said
//! before holds.

use super::stat::{FileStat, nanos};
use crate::pipeline::{Output, Pipeline, Reported, parse, paths};
use crate::store::sources::InWorkspace;
use std::cell::LazyCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Whether a path of the project (and whether it is a directory) may go into git.
pub type Admits<'a> = Box<dyn Fn(&str, bool) -> bool + 'a>;

/// Reports that are looked for with the first capture: where nothing runs there is none.
pub type LateReports<'a> = LazyCell<Reports<'a>, Box<dyn FnOnce() -> Reports<'a> + 'a>>;

/// What the `dvc.yaml` files of a project report.
pub struct Reports<'a> {
    root: PathBuf,
    files: BTreeMap<String, Known>,
    admits: Admits<'a>,
    admitted: BTreeMap<String, bool>,
    all: Arc<Reported>,
}

/// A `dvc.yaml` as it was when it was last read.
#[derive(Debug, Default)]
struct Known {
    stat: Option<FileStat>,
    settled: bool,
    text: String,
    reported: Reported,
    /// It describes stages: code, taken when the run started.
    has_stages: bool,
    /// It lies in or beside an output, and nowhere else where DVCLive writes: only the stage of that
    /// output makes it.
    is_of_output: bool,
    /// It was looked for.
    is_looked_for: bool,
}

impl<'a> Reports<'a> {
    /// Starts with the `dvc.yaml` of the project at `root`, where DVCLive usually writes, and `others`.
    pub fn new(
        root: &Path,
        pipeline: &Pipeline,
        others: impl IntoIterator<Item = String>,
        admits: Admits<'a>,
    ) -> Self {
        let by_any_stage = ["dvc.yaml".to_owned()]
            .into_iter()
            .chain(pipeline.reporting_files_of([]))
            .chain(others)
            .map(|path| (path, Known::default()));
        let by_one = |path| {
            let known = Known {
                is_of_output: true,
                ..Known::default()
            };
            (path, known)
        };
        let mut files: BTreeMap<String, Known> =
            pipeline.reporting_files().into_iter().map(by_one).collect();
        files.extend(by_any_stage);
        Reports {
            root: root.to_owned(),
            files,
            admits,
            admitted: BTreeMap::new(),
            all: Arc::default(),
        }
    }

    /// Takes a path that was written into account: a `dvc.yaml`, or a folder with one.
    pub fn discover(&mut self, path: &str) {
        let file = match path.rsplit('/').next() {
            Some("dvc.yaml") => path.to_owned(),
            _ => format!("{path}/dvc.yaml"),
        };
        match self.files.get_mut(&file) {
            Some(known) => known.is_looked_for = false,
            None if self.root.join(&file).exists() => {
                self.files.insert(file, Known::default());
            }
            None => {}
        }
    }

    /// Looks at the files again at time `now`, while stages run that write `outs`. Returns the paths that
    /// were not reported before.
    pub fn look(&mut self, now: SystemTime, outs: &[Output]) -> Vec<String> {
        let mut changed = false;
        for (path, known) in &mut self.files {
            if known.may_be_there(path, outs) {
                changed |= known.look(&self.root, path, nanos(now));
            }
        }
        if !changed {
            return Vec::new();
        }
        let mut all = Reported::default();
        for known in self.files.values() {
            all.absorb(&known.reported);
        }
        let before = std::mem::replace(&mut self.all, Arc::new(all));
        let known: BTreeSet<&String> = before.paths().collect();
        let new = self.all.paths().filter(|path| !known.contains(path));
        new.cloned().collect()
    }

    /// Returns what is reported, as of the last look.
    pub fn reported(&self) -> Arc<Reported> {
        self.all.clone()
    }

    /// Returns what to capture beside these outputs: reported paths, and the files that report.
    pub fn captured(&mut self, outs: &[Output]) -> Vec<String> {
        let files = self.files.iter();
        let reporting = files
            .filter(|(path, known)| {
                known.stat.is_some() && (!known.has_stages || *path == "dvc.yaml")
            })
            .map(|(path, _)| path.clone());
        let all: BTreeSet<String> = reporting.chain(self.all.paths().cloned()).collect();
        let all = all.into_iter();
        // An output is captured as one, whoever reports it.
        all.filter(|path| {
            let mut outs = outs.iter();
            !outs.any(|out| paths::is_within(path, &out.path)) && self.admits(path)
        })
        .collect()
    }

    /// Whether training writes this path: reported, or a `dvc.yaml` without stages.
    pub fn covers(&self, path: &str) -> bool {
        self.all.covers(path) || self.files.get(path).is_some_and(|known| !known.has_stages)
    }

    fn admits(&mut self, path: &str) -> bool {
        if let Some(known) = self.admitted.get(path) {
            return *known;
        }
        let Ok(stat) = fs_err::metadata(self.root.join(path)) else {
            // Asked again when it is there.
            return true;
        };
        let answer = (self.admits)(path, stat.is_dir());
        self.admitted.insert(path.to_owned(), answer);
        answer
    }
}

impl Known {
    /// Whether to look: what was not there, only the stages that write there can have made since.
    fn may_be_there(&mut self, path: &str, outs: &[Output]) -> bool {
        let folder = paths::folder(path);
        let is_made_here = |out: &Output| out.path == folder || paths::folder(&out.path) == folder;
        let is_known_to_lack = std::mem::replace(&mut self.is_looked_for, true)
            && self.is_of_output
            && self.stat.is_none();
        !is_known_to_lack || outs.iter().any(is_made_here)
    }

    /// Returns whether what is reported changed.
    fn look(&mut self, root: &Path, path: &str, now: i128) -> bool {
        let full = root.join(path);
        let Ok(stat) = rustix::fs::stat(&full) else {
            self.stat = None;
            self.text.clear();
            return std::mem::take(&mut self.reported) != Reported::default();
        };
        let stat = FileStat::from_rustix(&stat);
        if self.settled && self.stat == Some(stat) {
            return false;
        }
        let Ok(text) = fs_err::read_to_string(&full) else {
            return false;
        };
        self.stat = Some(stat);
        self.settled = stat.is_settled(now);
        if self.text == text {
            return false;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Ok(pipeline) = parse::parse_in(&text, path, folder, &InWorkspace(root)) else {
            return false;
        };
        self.text = text;
        self.has_stages = !pipeline.stages.is_empty();
        let reported = Reported::of(&pipeline);
        let changed = self.reported != reported;
        self.reported = reported;
        changed
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        reason = "stats of files are compared with the clock"
    )]

    use super::*;
    use crate::pipeline::Stage;
    use crate::pipeline::template::Alone;

    struct Project {
        root: tempfile::TempDir,
        reports: Reports<'static>,
        stage: Stage,
    }

    impl Project {
        fn new(pipeline: &str, admits: Admits<'static>) -> Self {
            let root = tempfile::tempdir().unwrap();
            fs_err::write(root.path().join("dvc.yaml"), pipeline).unwrap();
            let pipeline = parse::parse(pipeline, "dvc.yaml", &Alone).unwrap();
            let reports = Reports::new(root.path(), &pipeline, [], admits);
            Project {
                root,
                reports,
                stage: pipeline.stages[0].clone(),
            }
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }

        fn look(&mut self) -> Vec<String> {
            let stage = self.stage.clone();
            self.reports.look(SystemTime::now(), &stage.outs)
        }

        fn captured(&mut self) -> Vec<String> {
            let stage = self.stage.clone();
            self.reports.captured(&stage.outs)
        }
    }

    const PIPELINE: &str = "stages:\n  train: {cmd: x, outs: [model.pt, {logs: {cache: false}}]}\n";

    #[test]
    fn sees_what_the_projects_file_names_during_a_run() {
        let mut project = Project::new(PIPELINE, Box::new(|_, _| true));
        assert!(project.look().is_empty());
        assert_eq!(project.captured(), ["dvc.yaml"]);
        project.write(
            "dvc.yaml",
            &format!("{PIPELINE}metrics: [dvclive/metrics.json, logs/m.json]\n"),
        );
        assert_eq!(project.look(), ["dvclive/metrics.json", "logs/m.json"]);
        assert!(project.look().is_empty());
        assert_eq!(project.captured(), ["dvc.yaml", "dvclive/metrics.json"]);
        // half written: what it said before holds
        project.write("dvc.yaml", "stages:\n  train: {cmd");
        assert!(project.look().is_empty());
        assert_eq!(project.captured(), ["dvc.yaml", "dvclive/metrics.json"]);
    }

    #[test]
    fn what_only_another_stage_can_have_made_is_looked_for_once() {
        let pipeline = "stages:\n  a: {cmd: x, outs: [a]}\n  b: {cmd: x, outs: [b]}\n";
        let mut project = Project::new(pipeline, Box::new(|_, _| true));
        let parsed = parse::parse(pipeline, "dvc.yaml", &Alone).unwrap();
        let [of_a, of_b] = [0, 1].map(|at| &parsed.stages[at].outs[..]);
        let now = SystemTime::now();
        assert!(project.reports.look(now, of_a).is_empty());
        for folder in ["a", "b"] {
            project.write(&format!("{folder}/dvc.yaml"), "metrics: [m.json]\n");
        }
        assert_eq!(project.reports.look(now, of_b), ["b/m.json"]);
        // It came from the cache.
        project.reports.discover("a");
        assert_eq!(project.reports.look(now, of_b), ["a/m.json"]);
        project.write("a/dvc.yaml", "metrics: [n.json]\n");
        assert_eq!(project.reports.look(now, of_b), ["a/n.json"]);
    }

    #[test]
    fn finds_files_beside_the_projects_own() {
        let mut project = Project::new(PIPELINE, Box::new(|_, _| true));
        project.write("dvclive/dvc.yaml", "metrics: [metrics.json]\n");
        project.write("runs/7/dvc.yaml", "plots: [plots]\n");
        project.write("other/dvc.yaml", "stages: {a: {cmd: x}}\n");
        project.reports.discover("runs/7");
        project.reports.discover("other/dvc.yaml");
        project.reports.discover("model.pt");
        assert_eq!(project.look(), ["dvclive/metrics.json", "runs/7/plots"]);
        assert_eq!(
            project.captured(),
            [
                "dvc.yaml",
                "dvclive/dvc.yaml",
                "dvclive/metrics.json",
                "runs/7/dvc.yaml",
                "runs/7/plots"
            ]
        );
        assert!(project.reports.covers("runs/7/plots/loss.tsv"));
        assert!(project.reports.covers("dvclive/dvc.yaml"));
        assert!(!project.reports.covers("other/dvc.yaml"));
    }

    #[test]
    fn leaves_out_what_git_ignores() {
        let admits: Admits = Box::new(|path, is_dir| !(is_dir && path == "images"));
        let mut project = Project::new(&format!("{PIPELINE}plots: [images, loss.csv]\n"), admits);
        project.write("images/1.png", "x");
        project.write("loss.csv", "x");
        project.look();
        assert_eq!(project.captured(), ["dvc.yaml", "loss.csv"]);
    }
}
