//! How the stages of a run ended, as the report and the tip's note tell it.

use super::Failure;
use crate::checkpoint::Status;
use crate::error::{Kind, Result};
use crate::ops::record::Finish;
use crate::runner::StageEnd;

/// How the stages ended.
#[derive(Debug)]
pub struct Outcome {
    /// What the tip's note will say.
    pub finish: Finish,
    /// Whether the last state is to be committed: nothing failed.
    pub complete: bool,
    /// What failed.
    pub failure: Option<Failure>,
}

impl Default for Outcome {
    /// All went well.
    fn default() -> Self {
        Outcome {
            finish: Finish {
                status: Some(Status::Done),
                ..Finish::default()
            },
            complete: true,
            failure: None,
        }
    }
}

impl Outcome {
    /// Takes over how a stage ended, or why it could not run.
    pub fn take_or_fail(&mut self, stage: &str, end: Result<StageEnd>) {
        match end {
            Ok(end) => self.take(stage, end),
            Err(error) => self.fail(Failure::of(&error), None),
        }
    }

    /// A signal that stopped the run says more than how its stage ended.
    pub fn interrupted_by(&mut self, signal: Option<i32>) {
        let Some(signal) = signal else { return };
        self.finish.status = Some(Status::Interrupted);
        self.failure = Some(Failure {
            kind: Kind::Interrupted(signal),
            message: "interrupted".to_owned(),
            hints: Vec::new(),
        });
    }

    fn fail(&mut self, failure: Failure, exit: Option<i32>) {
        self.complete = false;
        self.finish.status = Some(Status::Failed);
        self.finish.exit = exit;
        self.failure = Some(failure);
    }

    fn take(&mut self, name: &str, end: StageEnd) {
        use std::os::unix::process::ExitStatusExt;
        let (message, exit) = match end {
            StageEnd::Finished => return,
            StageEnd::Interrupted => {
                self.complete = false;
                return;
            }
            StageEnd::Failed { line, status } => {
                let how = match (status.code(), status.signal()) {
                    (Some(code), _) => format!("exited with status {code}"),
                    (None, Some(signal)) => format!("was killed by signal {signal}"),
                    (None, None) => "did not exit".to_owned(),
                };
                (
                    format!("stage '{name}' failed: '{line}' {how}"),
                    status.code(),
                )
            }
            // It may well have finished, so the tip gets no status, as if nobody had attended.
            StageEnd::Unknown => {
                self.complete = false;
                self.finish.status = None;
                self.failure = Some(Failure {
                    kind: Kind::StageFailed,
                    message: format!(
                        "stage '{name}' has ended, and how is not known: the run that started it was killed"
                    ),
                    hints: Vec::new(),
                });
                return;
            }
            StageEnd::Stopped { reason } => (format!("stage '{name}' was stopped: {reason}"), None),
            StageEnd::FolderMissing { path } => (
                format!("stage '{name}' failed: its 'wdir' '{path}' does not exist"),
                None,
            ),
            StageEnd::OutputMissing { path } => (
                format!("stage '{name}' failed: output '{path}' does not exist"),
                None,
            ),
        };
        self.fail(
            Failure {
                kind: Kind::StageFailed,
                message,
                hints: Vec::new(),
            },
            exit,
        );
    }
}
