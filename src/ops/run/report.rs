//! What a run has come to, for whoever asked for it.

use crate::error::{Error, Kind};
use crate::id::ObjectId;

/// What a run has come to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The experiment, if it has a checkpoint.
    pub experiment: Option<String>,
    /// Its newest checkpoint.
    pub tip: Option<ObjectId>,
    /// How many checkpoints this run made.
    pub checkpoints: u64,
    /// Paths in which the newest checkpoint differs from HEAD, for `git add`.
    pub to_add: Vec<String>,
    /// Whether the workspace has nothing of it.
    pub elsewhere: bool,
    /// The experiment that the run came to again: there is no new one.
    pub same_as: Option<String>,
    /// What failed, as the error to end with after the summary.
    pub failure: Option<Failure>,
}

/// Why a run did not end with status 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind that decides the exit status.
    pub kind: Kind,
    /// What to say.
    pub message: String,
    /// What to do about it.
    pub hints: Vec<String>,
}

impl Failure {
    /// Puts the failures of a run that went on together; `None` if there are none.
    pub fn of_all(mut failures: Vec<Failure>) -> Option<Self> {
        if failures.len() < 2 {
            return failures.pop();
        }
        Some(Failure {
            kind: Kind::StageFailed,
            message: format!("{} stages failed", failures.len()),
            hints: Vec::new(),
        })
    }

    /// Describes an error that ended a run.
    pub fn of(error: &Error) -> Self {
        Failure {
            kind: error.kind(),
            message: error.chain(),
            hints: error.hints().to_vec(),
        }
    }
}
