//! The stages of one run, one after the other: skip, restore, run, record, until the end or a failure.

use super::facts;
use super::inputs::Inputs;
use super::restore::Restorer;
use super::{Failure, Options, why};
use crate::checkpoint::Status;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::lockfile::Lockfiles;
use crate::ops::record::{Finish, Queue, StageFacts};
use crate::pipeline::Stage;
use crate::reason::Reason;
use crate::runner::stage::WrittenFile;
use crate::runner::{Runner, StageEnd, StageRun};
use crate::store::Store;
use std::ffi::OsString;
use std::path::Path;

/// What the stages of a run share.
pub struct Stages<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The project's root.
    pub project: &'a Path,
    /// What was asked for.
    pub options: &'a Options,
    /// Pipeline and params.
    pub inputs: &'a Inputs,
    /// What the origin recorded; entries that did not change keep their form.
    pub lockfiles: &'a Lockfiles,
    /// Restores outputs.
    pub restorer: &'a Restorer<'a>,
    /// The variables that every stage gets.
    pub environment: Vec<(String, OsString)>,
}

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

impl Stages<'_> {
    /// Visits `stages` in order. What fails in between ends the run, not the recording of what was saved.
    pub fn visit(
        &self,
        stages: &[&Stage],
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        self.pass_by(stages, runner);
        for stage in stages {
            let end = self.visit_one(stage, runner, classify);
            outcome.take_or_fail(&self.inputs.pipeline.shown(stage), end);
            outcome.interrupted_by(runner.interrupts.signal());
            if outcome.failure.is_some() {
                break;
            }
        }
        outcome
    }

    /// Has the recorder keep what the other stages made earlier: `dvc.lock` goes on describing it.
    fn pass_by(&self, visited: &[&Stage], runner: &mut Runner<'_, Queue>) {
        for stage in &self.inputs.pipeline.stages {
            let is_visited = visited.iter().any(|visited| visited.is(stage));
            if let (false, Some(entry)) = (is_visited, self.lockfiles.entry(stage)) {
                runner.recorder.skip_stage(StageFacts {
                    stage: stage.clone(),
                    entry: entry.clone(),
                });
            }
        }
    }

    fn visit_one(
        &self,
        stage: &Stage,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Result<StageEnd> {
        let cache = self.restorer.cache;
        let shown = self.inputs.pipeline.shown(stage);
        let facts = facts::collect(
            self.project,
            cache,
            stage,
            &self.inputs.params,
            self.lockfiles,
            self.restorer.format,
            facts::Missing::IsRefused,
        )?;
        let why = match self.options.force {
            true => vec![Reason::Forced],
            false => why::reasons(self.project, cache, stage, &facts, self.lockfiles)?,
        };
        if why.is_empty() {
            runner.events.emit(Event::StageSkipped {
                stage: shown,
                frozen: stage.frozen,
            });
            runner.recorder.skip_stage(facts);
            return Ok(StageEnd::Finished);
        }
        runner.events.emit(Event::StageStarts { stage: shown, why });
        self.restorer.before_stage(stage, runner.events)?;
        let mut environment = self.environment.clone();
        if stage.has_checkpoint() {
            environment.push(("DVC_CHECKPOINT".into(), "1".into()));
        }
        environment.extend(live_variables(stage));
        runner.recorder.start_stage(facts);
        runner.run_stage(&StageRun {
            environment,
            ..stage_run(self.store, self.project, stage, classify)
        })
    }
}

/// Describes a stage to the runner, without the environment of its command.
pub(super) fn stage_run<'a>(
    store: &'a Store,
    project: &'a Path,
    stage: &'a Stage,
    classify: &'a dyn Fn(&Path) -> WrittenFile,
) -> StageRun<'a> {
    StageRun {
        stage,
        root: project,
        worktree: store.worktree(),
        folder: Path::new(store.prefix()),
        environment: Vec::new(),
        signal_file: project.join(".dvc/tmp/DVC_CHECKPOINT"),
        step_file: project.join(".dvc/tmp/exps/run/DVCLIVE_STEP_COMPLETED"),
        checkpoints: stage.has_checkpoint(),
        sync: store.settings().sync,
        stop_on_error: store.settings().stop_on_error,
        temporary: store.is_temporary(),
        classify,
    }
}

/// Tells DVCLive 0.x where to write, as DVC up to 2.33 did.
fn live_variables(stage: &Stage) -> Vec<(String, OsString)> {
    let Some(live) = &stage.live else {
        return Vec::new();
    };
    let flag = |on: bool| OsString::from(if on { "1" } else { "0" });
    vec![
        ("DVCLIVE_PATH".into(), stage.written(&live.path).into()),
        ("DVCLIVE_SUMMARY".into(), flag(live.summary)),
        ("DVCLIVE_HTML".into(), flag(live.html)),
    ]
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

impl Failure {
    /// Describes an error that ended a run.
    pub fn of(error: &Error) -> Self {
        Failure {
            kind: error.kind(),
            message: error.chain(),
            hints: error.hints().to_vec(),
        }
    }
}
