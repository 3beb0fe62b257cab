//! Which stages a run visits, and in which order; what a target names.

use super::graph::{self, Walk};
use super::project::{is_data_file, is_pipeline_file};
use super::stage::address as address_of;
use super::{DataFile, PIPELINE_FILE, Pipeline, Stage, paths, template};
use crate::error::{Error, Result};
use crate::nearest::nearest;

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
    /// The targets and everything that is connected with them (`-p`).
    Pipelines,
    /// Every stage of every file, whatever the targets (`-P`).
    All,
}

impl Pipeline {
    /// Returns the stages to visit for `targets` and everything they depend on, dependencies first.
    ///
    /// Without targets they are those of [`Pipeline::own_file`]. Stages that do not depend on each other stay in the order of the file. The dependencies of a
    /// frozen stage are not followed.
    pub fn order(&self, targets: &[String]) -> Result<Vec<&Stage>> {
        self.select(targets, Reach::Upstream)
    }

    /// Returns the stages that `targets` reach, dependencies first; without targets as [`Pipeline::order`].
    ///
    /// A target is the name of a stage or of a group in the `dvc.yaml` where the user stands,
    /// `dir/dvc.yaml:name`, `dir/dvc.yaml` for all of it, or `dir/` for all in that folder. An unknown
    /// one is an error that offers the nearest name.
    pub fn select(&self, targets: &[String], reach: Reach) -> Result<Vec<&Stage>> {
        let all = graph::dependencies(&self.stages);
        let mut wanted = vec![false; self.stages.len()];
        if reach != Reach::All {
            for position in self.meant(targets)? {
                wanted[position] = true;
            }
        }
        let starts = |wanted: &[bool]| -> Vec<usize> {
            (0..wanted.len()).filter(|&stage| wanted[stage]).collect()
        };
        let followed = || {
            let mut followed = all.clone();
            for (edges, stage) in followed.iter_mut().zip(&self.stages) {
                if stage.frozen {
                    edges.clear();
                }
            }
            followed
        };
        match reach {
            Reach::Single => {}
            Reach::All => wanted.fill(true),
            Reach::Upstream => mark(&followed(), &starts(&wanted), &mut wanted),
            Reach::Pipelines => {
                let mut edges = graph::both_ways(&followed());
                // stages that read the same added data belong together
                for data in &self.data {
                    let stages = 0..self.stages.len();
                    let readers: Vec<usize> =
                        stages.filter(|&n| reads(&self.stages[n], data)).collect();
                    for pair in readers.windows(2) {
                        edges[pair[0]].push(pair[1]);
                        edges[pair[1]].push(pair[0]);
                    }
                }
                mark(&edges, &starts(&wanted), &mut wanted);
            }
            Reach::Downstream => {
                for data in self
                    .data
                    .iter()
                    .filter(|data| self.is_target(data, targets))
                {
                    for (wanted, stage) in wanted.iter_mut().zip(&self.stages) {
                        *wanted |= reads(stage, data);
                    }
                }
                mark(&graph::reversed(&followed()), &starts(&wanted), &mut wanted);
            }
        }
        // parse refuses cycles; a pipeline made by hand that has one keeps the order of the file
        let order = match graph::walk(&all, 0..self.stages.len()) {
            Walk::Order(order) => order,
            Walk::Cycle(_) => (0..self.stages.len()).collect(),
        };
        let chosen = order.into_iter().filter(|&stage| wanted[stage]);
        Ok(chosen.map(|stage| &self.stages[stage]).collect())
    }

    /// Returns the `.dvc` files that a run of `stages` looks at: those they read and those that targets
    /// name, all without targets, as in DVC's experiments.
    pub fn data_for(&self, stages: &[&Stage], targets: &[String]) -> Vec<&DataFile> {
        let is_looked_at = |data: &&DataFile| {
            targets.is_empty()
                || stages.iter().any(|stage| reads(stage, data))
                || self.is_target(data, targets)
        };
        self.data.iter().filter(is_looked_at).collect()
    }

    fn is_target(&self, data: &DataFile, targets: &[String]) -> bool {
        targets.iter().any(|typed| {
            let target = Target::parse(typed);
            if let Some(folder) = self.folder_of(typed) {
                return paths::is_within(data.path(), &folder);
            }
            let file = target.file.filter(|_| target.name.is_none());
            file.is_some_and(|file| {
                paths::join(&self.folder, file).is_ok_and(|file| file == data.path())
            })
        })
    }

    /// Returns the positions of the stages that targets name; without any those of the file where
    /// the user stands.
    fn meant(&self, targets: &[String]) -> Result<Vec<usize>> {
        if targets.is_empty() {
            let own = self.own_file();
            return match self.files.contains(&own) || self.stages.is_empty() {
                true => Ok(self.in_file(&own)),
                false => {
                    Err(self.no_file(PIPELINE_FILE, "there is no 'dvc.yaml' with stages here"))
                }
            };
        }
        let mut found = Vec::new();
        for target in targets {
            found.extend(self.named(target)?);
        }
        Ok(found)
    }

    /// Returns a stage by its target, or an error that offers the nearest one.
    pub fn stage(&self, target: &str) -> Result<&Stage> {
        let found = self.named(target)?;
        let first = found.first().map(|&position| &self.stages[position]);
        first.ok_or_else(|| self.no_stage(PIPELINE_FILE, target))
    }

    /// Lists the stages that a target means: one, those of a group, or those of a file.
    pub fn stages_named(&self, target: &str) -> Result<Vec<&Stage>> {
        let found = self.named(target)?.into_iter();
        Ok(found.map(|position| &self.stages[position]).collect())
    }

    /// Returns the file that is meant where none is named: the one where the user stands, else the
    /// nearest above, where DVC would give up.
    pub fn own_file(&self) -> String {
        let mut folder = self.folder.as_str();
        loop {
            let file = paths::below(folder, PIPELINE_FILE);
            if self.files.contains(&file) {
                return file;
            }
            if folder.is_empty() {
                return paths::below(&self.folder, PIPELINE_FILE);
            }
            folder = paths::folder(folder);
        }
    }

    /// Returns the folder that a target with a slash at its end means.
    fn folder_of(&self, typed: &str) -> Option<String> {
        let folder = typed
            .strip_suffix('/')
            .filter(|typed| !typed.contains(':'))?;
        paths::join(&self.folder, folder).ok()
    }

    fn in_file(&self, file: &str) -> Vec<usize> {
        let stages = 0..self.stages.len();
        stages.filter(|&n| self.stages[n].file == file).collect()
    }

    fn named(&self, typed: &str) -> Result<Vec<usize>> {
        if let Some(folder) = self.folder_of(typed) {
            let stages = 0..self.stages.len();
            let inside = |stage: &Stage| paths::is_within(&stage.file, &folder);
            let found: Vec<usize> = stages.filter(|&n| inside(&self.stages[n])).collect();
            if !found.is_empty()
                || self
                    .data
                    .iter()
                    .any(|data| paths::is_within(data.path(), &folder))
            {
                return Ok(found);
            }
        }
        let target = Target::parse(typed);
        let file = match target.file {
            None => self.own_file(),
            Some(file) => paths::join(&self.folder, file)
                .map_err(|problem| Error::usage(format!("target '{typed}': '{file}' {problem}")))?,
        };
        let shown = paths::from(&self.folder, &file);
        let in_file = self.in_file(&file);
        let Some(name) = target.name else {
            return match in_file.is_empty() && !self.data.iter().any(|data| data.path() == file) {
                true => Err(self.no_file(&shown, format!("there is no '{shown}' with stages"))),
                false => Ok(in_file),
            };
        };
        let is_it = |stage: &Stage| stage.name == name;
        if let Some(&found) = in_file.iter().find(|&&n| is_it(&self.stages[n])) {
            return Ok(vec![found]);
        }
        let belongs = |stage: &Stage| {
            let group = stage.name.rsplit_once(template::JOIN);
            group.is_some_and(|(group, _)| group == name)
        };
        let members = in_file.into_iter().filter(|&n| belongs(&self.stages[n]));
        let found: Vec<usize> = members.collect();
        match found.is_empty() {
            true => Err(self.no_stage(&shown, name)),
            false => Ok(found),
        }
    }

    fn no_file(&self, file: &str, what: impl AsRef<str>) -> Error {
        let error = Error::missing(what.as_ref());
        let shown = self
            .files
            .iter()
            .map(|file| paths::from(&self.folder, file));
        let shown: Vec<String> = shown.collect();
        match nearest(file, shown.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean '{near}'?")),
            None => error.hint("use 'git exp stage list --all' to see all stages"),
        }
    }

    fn no_stage(&self, file: &str, name: &str) -> Error {
        let error = Error::missing(format!("no stage '{name}' in '{file}'"));
        let from_here = |address: &str| match address.split_once(&format!("{PIPELINE_FILE}:")) {
            Some((folder, name)) => {
                let file = format!("{folder}{PIPELINE_FILE}");
                address_of(&paths::from(&self.folder, &file), name)
            }
            None => address_of(&paths::from(&self.folder, PIPELINE_FILE), address),
        };
        let stages = self.stages.iter().map(|stage| self.shown(stage));
        let groups = self.groups.iter().map(|group| from_here(group));
        let known: Vec<String> = stages.chain(groups).collect();
        let typed = address_of(file, name);
        let elsewhere = || {
            let ends = format!(":{name}");
            known.iter().find(|known| known.ends_with(&ends))
        };
        let near = nearest(&typed, known.iter().map(String::as_str));
        if let Some(near) = near.or_else(|| elsewhere().map(String::as_str)) {
            return error.hint(format!("did you mean '{near}'?"));
        }
        let path = paths::join(&self.folder, name).unwrap_or_default();
        if let Some(stage) = self.writer_of(&path).filter(|_| !path.is_empty()) {
            return error.hint(format!(
                "'{name}' is an output; the stage that writes it is '{}'",
                self.shown(stage)
            ));
        }
        match self.stages.is_empty() {
            true => error.hint("use 'git exp stage add' to add one"),
            false => error.hint("use 'git exp stage list' to see all stages"),
        }
    }
}

/// Whether a stage reads what a `.dvc` file tracks.
pub fn reads(stage: &Stage, data: &DataFile) -> bool {
    let meet = |a: &str, b: &str| paths::is_within(a, b) || paths::is_within(b, a);
    let mut inputs = stage.inputs();
    inputs.any(|input| data.stage.outs.iter().any(|out| meet(input, &out.path)))
}

/// A target as typed: the file, relative to where the user stands, and the name in it.
struct Target<'t> {
    file: Option<&'t str>,
    name: Option<&'t str>,
}

impl<'t> Target<'t> {
    /// Reads `name`, `:name`, `group@key`, `dir/dvc.yaml`, `dir/dvc.yaml:name` as DVC does: the key of a
    /// generated stage may have anything in it.
    fn parse(typed: &'t str) -> Self {
        let end = typed.find(template::JOIN).unwrap_or(typed.len());
        let colon = typed[..end].rfind(':');
        // a slash or another colon after it belongs to a path
        let colon = colon.filter(|&at| !typed[at..end].contains(['/', '\\']));
        match colon {
            Some(0) => Target {
                file: None,
                name: Some(&typed[1..]),
            },
            Some(at) if at + 1 < typed.len() => Target {
                file: Some(&typed[..at]),
                name: Some(&typed[at + 1..]),
            },
            _ => {
                let path = typed.trim_end_matches(':');
                match is_pipeline_file(path) || is_data_file(path) {
                    true => Target {
                        file: Some(path),
                        name: None,
                    },
                    false => Target {
                        file: None,
                        name: Some(typed),
                    },
                }
            }
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

#[cfg(test)]
mod tests {
    use super::super::parse;
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
        assert_eq!(
            chosen(&pipeline, &["right"], Reach::Pipelines),
            "top left make right report"
        );
        assert_eq!(chosen(&pipeline, &["free"], Reach::Pipelines), "free");
        assert_eq!(chosen(&pipeline, &["nowhere"], Reach::All), all);
        assert_eq!(chosen(&pipeline, &["./"], Reach::Single), all);
    }

    #[test]
    fn does_not_follow_a_frozen_stage() {
        let pipeline = diamond(true);
        assert_eq!(
            chosen(&pipeline, &["report"], Reach::Upstream),
            "top left right report"
        );
        // nor are those on both sides of it one pipeline
        assert_eq!(chosen(&pipeline, &["make"], Reach::Pipelines), "make");
        assert_eq!(chosen(&pipeline, &["make"], Reach::Downstream), "make");
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
}
