//! The `dvc.yaml` and `.dvc` files of a project as one pipeline.
//!
//! Files are added from the root downwards. Two that do not fit each other, an output of one inside an
//! output of another, a cycle through both, are refused with the place in each.

use super::check::{self, Placed};
use super::parse;
use super::paths;
use super::schema::File;
use super::template::Sources;
use super::{PIPELINE_FILE, Pipeline, Stage, TopPlot, data};
use crate::error::{Error, Result};

/// The files of a project while they are being read.
#[derive(Debug, Default)]
pub struct Project {
    pipeline: Pipeline,
    placed: Vec<Placed>,
    data_placed: Vec<Placed>,
    damaged: Vec<(String, Error)>,
}

/// Whether a file of this path is called `dvc.yaml`.
pub fn is_pipeline_file(path: &str) -> bool {
    path.rsplit('/').next() == Some(PIPELINE_FILE)
}

/// Whether a file of this path is called `<something>.dvc`.
pub fn is_data_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(data::SUFFIX) && name != data::SUFFIX
}

impl Project {
    /// Starts with no file, for one who stands in `folder`, relative to the project's root.
    pub fn new(folder: &str) -> Self {
        let pipeline = Pipeline {
            folder: folder.to_owned(),
            ..Pipeline::default()
        };
        Project {
            pipeline,
            ..Project::default()
        }
    }

    /// Adds the file at `path`, relative to the project's root.
    ///
    /// That it cannot be understood is said by [`Project::finish`].
    pub fn add(&mut self, path: &str, text: &str, sources: &dyn Sources) {
        let file = File {
            origin: path,
            folder: paths::folder(path),
            sources,
            is_draft: false,
        };
        let added = match is_data_file(path) {
            true => data::parse(text, file).map(|(data, place)| {
                self.data_placed.push(place);
                self.pipeline.data.push(data);
            }),
            false => parse::parse_part(text, file, sources).map(|(pipeline, placed)| {
                self.placed.extend(placed);
                self.pipeline.absorb(pipeline);
            }),
        };
        if let Err(error) = added {
            self.damaged.push((path.to_owned(), error));
        }
    }

    /// Whether `folder` is an output: what lies in it describes nothing.
    pub fn is_output(&self, folder: &str) -> bool {
        let data = self.pipeline.data.iter().map(|data| &data.stage);
        let mut outs = (self.pipeline.stages.iter().chain(data)).flat_map(|stage| &stage.outs);
        outs.any(|out| out.path == folder)
    }

    /// Refuses outputs that `.dvcignore` hides: `is_ignored` says of which paths that is so.
    pub fn refuse_ignored(&self, is_ignored: impl Fn(&str) -> bool) -> Result<()> {
        for (stage, place) in self.pipeline.stages.iter().zip(&self.placed) {
            for (out, spot) in stage.outs.iter().zip(&place.outs) {
                if is_ignored(&out.path) {
                    let (path, name) = (&out.path, stage.address());
                    return Err(spot.error(format!(
                        "output '{path}' of stage '{name}' is ignored by '.dvcignore'"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Checks that the files fit each other, and returns them as one.
    ///
    /// A file that training writes, DVCLive's, may be half written: it describes nothing then.
    pub fn finish(self) -> Result<Pipeline> {
        if !self.damaged.is_empty() {
            let reporting = self.pipeline.reporting_files();
            let mut damaged = self.damaged.into_iter();
            if let Some((_, error)) = damaged.find(|(path, _)| !reporting.contains(path)) {
                return Err(error);
            }
        }
        // what is added is written as what stages write: at one place only
        let data = self.pipeline.data.iter().map(|data| &data.stage);
        let all: Vec<&Stage> = self.pipeline.stages.iter().chain(data).collect();
        let placed: Vec<Placed> = [&self.placed[..], &self.data_placed].concat();
        check::outputs(&all, &placed)?;
        check::cycles(&self.pipeline, &self.placed)?;
        Ok(self.pipeline)
    }
}

impl Pipeline {
    /// Takes over all of another file of the same project.
    fn absorb(&mut self, other: Pipeline) {
        self.files.extend(other.files);
        self.stageless.extend(other.stageless);
        self.stages.extend(other.stages);
        self.groups.extend(other.groups);
        for (file, values) in other.vars {
            self.vars.entry(file).or_default().extend(values);
        }
        add_new(&mut self.vars_files, other.vars_files);
        add_new(&mut self.params, other.params);
        add_new(&mut self.metrics, other.metrics);
        add_new::<TopPlot>(&mut self.plots, other.plots);
        self.artifacts.extend(other.artifacts);
        self.datasets.extend(other.datasets);
    }
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
    use super::super::Reach;
    use super::super::template::Alone;
    use super::*;

    fn project(folder: &str, files: &[(&str, &str)]) -> Result<Pipeline> {
        let mut project = Project::new(folder);
        for (path, text) in files {
            project.add(path, text, &Alone);
        }
        project.finish()
    }

    const FILES: [(&str, &str); 3] = [
        (
            "dvc.yaml",
            "stages:\n  top: {cmd: t, deps: [train/model], outs: [top]}\n  lone: {cmd: l, outs: [lone]}\n",
        ),
        (
            "prep/dvc.yaml",
            "stages:\n  prep: {cmd: p, outs: [d/]}\n  side: {cmd: s, outs: [side]}\n",
        ),
        (
            "train/dvc.yaml",
            "stages:\n  train: {cmd: t, wdir: sub, deps: [../../prep], outs: [../model]}\n  each: {foreach: [a, b], do: {cmd: e}}\nmetrics: [m.json]\n",
        ),
    ];

    fn chosen(folder: &str, targets: &[&str]) -> Result<String> {
        let pipeline = project(folder, &FILES)?;
        let targets: Vec<String> = targets.iter().map(|target| target.to_string()).collect();
        let stages = pipeline.select(&targets, Reach::Upstream)?;
        let names: Vec<String> = stages.iter().map(|stage| pipeline.shown(stage)).collect();
        Ok(names.join(" "))
    }

    #[test]
    fn one_graph_over_all_files() {
        // as DVC: the file where one stands, and what it needs of others
        assert_eq!(
            chosen("", &[]).unwrap(),
            "prep/dvc.yaml:prep prep/dvc.yaml:side train/dvc.yaml:train top lone"
        );
        assert_eq!(chosen("prep", &[]).unwrap(), "prep side");
        assert_eq!(
            chosen("train", &["train", "../dvc.yaml:lone"]).unwrap(),
            "../prep/dvc.yaml:prep ../prep/dvc.yaml:side train ../dvc.yaml:lone"
        );
        assert_eq!(
            chosen("", &["train/dvc.yaml:each"]).unwrap(),
            "train/dvc.yaml:each@a train/dvc.yaml:each@b"
        );
        assert_eq!(chosen("train", &["each@b"]).unwrap(), "each@b");
        assert_eq!(
            chosen("train", &["./../prep/dvc.yaml"]).unwrap(),
            "../prep/dvc.yaml:prep ../prep/dvc.yaml:side"
        );
        let pipeline = project("", &FILES).unwrap();
        assert_eq!(pipeline.metrics, ["train/m.json"]);
        assert_eq!(pipeline.stages[4].written("train/model"), "../model");
        assert_eq!(pipeline.stages[4].lock_file(), "train/dvc.lock");
    }

    #[test]
    fn what_is_not_there() {
        let said = |folder, target| chosen(folder, &[target]).unwrap_err();
        let error = said("", "train");
        assert_eq!(error.to_string(), "no stage 'train' in 'dvc.yaml'");
        assert_eq!(error.hints(), ["did you mean 'train/dvc.yaml:train'?"]);
        let error = said("train", "../dvc.yaml:tpo");
        assert_eq!(error.to_string(), "no stage 'tpo' in '../dvc.yaml'");
        assert_eq!(error.hints(), ["did you mean '../dvc.yaml:top'?"]);
        let error = said("", "perp/dvc.yaml");
        assert_eq!(error.to_string(), "there is no 'perp/dvc.yaml' with stages");
        assert_eq!(error.hints(), ["did you mean 'prep/dvc.yaml'?"]);
        assert_eq!(
            chosen("train/sub", &["train"]).unwrap(),
            "../../prep/dvc.yaml:prep ../../prep/dvc.yaml:side ../dvc.yaml:train"
        );
        let mut alone = project("", &FILES[1..]).unwrap();
        alone.folder = "nowhere".to_owned();
        let error = alone.select(&[], Reach::Upstream).unwrap_err();
        assert_eq!(error.to_string(), "there is no 'dvc.yaml' with stages here");
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let twice = [
            ("dvc.yaml", "stages:\n  a: {cmd: x, outs: [sub/o]}\n"),
            (
                "sub/dvc.yaml",
                "stages:\n  b:\n    cmd: x\n    outs:\n    - o/in\n",
            ),
        ];
        assert_eq!(
            project("", &twice).unwrap_err().to_string(),
            "cannot parse 'sub/dvc.yaml', line 5, column 7: output 'sub/o/in' of stage 'sub/dvc.yaml:b' lies inside output 'sub/o' of stage 'a' in 'dvc.yaml', line 2"
        );
        let cycle = [
            (
                "dvc.yaml",
                "stages:\n  a: {cmd: x, deps: [sub/o], outs: [p]}\n",
            ),
            (
                "sub/dvc.yaml",
                "stages:\n  b: {cmd: x, deps: [../p], outs: [o]}\n",
            ),
        ];
        assert_eq!(
            project("", &cycle).unwrap_err().to_string(),
            "cannot parse 'dvc.yaml', line 2, column 3: the stages form a cycle: a -> sub/dvc.yaml:b -> a"
        );
        let damaged = [
            ("dvc.yaml", "stages:\n  a: {cmd: x}\n"),
            ("dvclive/dvc.yaml", "metrics:\n- [half"),
            ("sub/dvc.yaml", "stage: {}\n"),
        ];
        assert!(
            project("", &damaged)
                .unwrap_err()
                .to_string()
                .starts_with("cannot parse 'sub/dvc.yaml', line 1, column 1: unknown key 'stage'")
        );
        assert!(project("", &damaged[..2]).is_ok());
    }
}
