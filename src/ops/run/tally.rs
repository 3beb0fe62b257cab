//! What the stages of a run have come to so far.

use super::judge::fed_by;
use super::outcome::Outcome;
use super::{Failure, OnFailure};
use crate::pipeline::Stage;
use std::ops::ControlFlow;

/// Counts stages up.
pub(super) struct Tally<'s> {
    on_failure: OnFailure,
    /// How the run would end now.
    pub outcome: Outcome,
    /// Stages that ran, or that an earlier run stood in for, in the order of the pipeline.
    pub ran: Vec<&'s Stage>,
    /// Stages whose outputs were brought back as `dvc.lock` has them, in the same order.
    pub brought_back: Vec<&'s Stage>,
    /// Stages that failed or were left out, in the same order.
    pub failed: Vec<&'s Stage>,
    failures: Vec<Failure>,
}

impl<'s> Tally<'s> {
    /// Starts with no stage.
    pub fn new(on_failure: OnFailure) -> Self {
        Tally {
            on_failure,
            outcome: Outcome::default(),
            ran: Vec::new(),
            brought_back: Vec::new(),
            failed: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Whether a failure keeps further stages from being started.
    pub fn stops(&self) -> bool {
        self.on_failure == OnFailure::Stop
    }

    /// Returns the stage for whose failure this one is not visited; `others` have failed, too.
    pub fn leaves_out(&self, stage: &'s Stage, others: &[&'s Stage]) -> Option<&'s Stage> {
        if self.on_failure != OnFailure::SkipDependents {
            return None;
        }
        let cause = fed_by(stage, &self.failed).or_else(|| fed_by(stage, others));
        cause.map(|(cause, _)| cause)
    }

    /// Goes on after stages that have ended, those that did not end well with how they did; `signal` is
    /// what interrupted the run. Returns whether others are visited.
    pub fn take(&mut self, bad: Vec<Outcome>, signal: Option<i32>) -> ControlFlow<()> {
        let mut failures = Vec::new();
        for mut bad in bad {
            failures.extend(bad.failure.take());
            if self.outcome.complete || !self.stops() {
                self.outcome = bad;
            }
        }
        if self.stops() || signal.is_some() {
            self.outcome.failure = Failure::of_all(failures);
            self.outcome.interrupted_by(signal);
        } else {
            self.failures.append(&mut failures);
        }
        match self.outcome.failure {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    /// Returns how the run ended, all stages having been visited.
    pub fn finish(mut self) -> Outcome {
        match self.on_failure {
            OnFailure::Ignore => self.outcome.complete = true,
            _ => self.outcome.failure = Failure::of_all(self.failures),
        }
        self.outcome
    }
}
