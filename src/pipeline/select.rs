//! Which stages a run visits, and in which order.

use super::graph::{self, Walk};
use super::{DataFile, Pipeline, Stage, paths};
use crate::error::Result;

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
        let all = self.edges();
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

    /// Returns the `.dvc` files that a run of `stages` looks at, as DVC's experiments do: those that they
    /// read, or that what the targets depend on reads, and those that targets name; all without targets.
    pub fn data_of_run(&self, stages: &[&Stage], targets: &[String]) -> Result<Vec<&DataFile>> {
        let above = self.select(targets, Reach::Upstream)?;
        Ok(self.data_for(&[stages, &above[..]].concat(), targets))
    }

    /// Returns the `.dvc` files that concern `stages`: those they read and those that targets
    /// name, all without targets, as in DVC's experiments.
    pub fn data_for(&self, stages: &[&Stage], targets: &[String]) -> Vec<&DataFile> {
        let is_looked_at = |data: &&DataFile| {
            targets.is_empty()
                || stages.iter().any(|stage| reads(stage, data))
                || self.is_target(data, targets)
        };
        self.data.iter().filter(is_looked_at).collect()
    }
}

/// Whether a stage reads what a `.dvc` file tracks.
pub fn reads(stage: &Stage, data: &DataFile) -> bool {
    let meet = |a: &str, b: &str| paths::is_within(a, b) || paths::is_within(b, a);
    let mut inputs = stage.inputs();
    inputs.any(|input| data.stage.outs.iter().any(|out| meet(input, &out.path)))
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
pub(super) mod tests {
    use super::super::{parse, template};
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

    pub(in crate::pipeline) fn diamond(frozen: bool) -> Pipeline {
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
}
