//! Which stages a run visits, and in which order; what a target names.

use super::graph::{self, Walk};
use super::{Pipeline, Stage, paths, template};
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

    pub(super) fn position(&self, name: &str) -> Option<usize> {
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
}
