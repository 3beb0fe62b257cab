//! The stages of one run, one after the other: skip, restore, run, record, until the end or a failure.

use super::cached;
use super::judge::{Course, Foreseen, Judge, Verdict, fed_by};
use super::outcome::Outcome;
use super::outside;
use super::restore::Restorer;
use super::{Failure, OnFailure};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::lockfile::LockEntry;
use crate::ops::log::RunLog;
use crate::ops::record::{Queue, StageFacts};
use crate::pipeline::{Command, Stage, paths};
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
    /// Decides which of them run.
    pub judge: &'a Judge<'a>,
    /// Restores outputs.
    pub restorer: &'a Restorer<'a>,
    /// What the stages print.
    pub log: &'a RunLog,
    /// The variables that every stage gets.
    pub environment: Vec<(String, OsString)>,
}

/// What became of a stage.
enum Visit {
    /// It was up to date.
    Passed,
    /// It ran, or another run stood in for it.
    Ended(StageEnd),
}

impl Stages<'_> {
    /// Visits `stages` in order. What fails in between ends the run, not the recording of what was saved.
    pub fn visit(
        &self,
        stages: &[&Stage],
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Outcome {
        let mut awaited = self.pass_by(stages, runner);
        let outcome = self.visit_all(stages, &mut awaited, runner, classify);
        for stage in awaited {
            self.pass(stage, runner);
        }
        outcome
    }

    fn visit_all<'s>(
        &'s self,
        stages: &[&'s Stage],
        awaited: &mut Vec<&'s Stage>,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        let on_failure = self.judge.options.on_failure;
        let (mut ran, mut failed): (Vec<&Stage>, Vec<&Stage>) = (Vec::new(), Vec::new());
        let mut failures: Vec<Failure> = Vec::new();
        for &stage in stages {
            if on_failure == OnFailure::SkipDependents
                && let Some((cause, _)) = fed_by(stage, &failed)
            {
                runner.events.emit(Event::Warning(format!(
                    "stage '{}' is left out: it reads what '{}' writes",
                    self.shown(stage),
                    self.shown(cause)
                )));
                failed.push(stage);
                continue;
            }
            if let Some((_, path)) = fed_by(stage, &ran) {
                let progress = self.store.progress();
                runner.recorder.wait_until_read(&progress, path);
            }
            let forced = self.forced(stage, &ran);
            let end = match self.visit_one(stage, forced, awaited, runner, classify) {
                Ok(Visit::Passed) => Ok(StageEnd::Finished),
                Ok(Visit::Ended(end)) => {
                    ran.push(stage);
                    Ok(end)
                }
                Err(error) => Err(error),
            };
            outcome.take_or_fail(&self.shown(stage), end);
            let signal = runner.interrupts.signal();
            outcome.interrupted_by(signal);
            if outcome.failure.is_some() && (signal.is_some() || on_failure == OnFailure::Stop) {
                return outcome;
            }
            if let Some(failure) = outcome.failure.take() {
                runner.events.emit(Event::Warning(failure.message.clone()));
                failed.push(stage);
                failures.push(failure);
            }
        }
        match on_failure {
            OnFailure::Ignore => outcome.complete = true,
            _ => outcome.failure = Failure::of_all(failures),
        }
        outcome
    }

    /// Returns the stage's name as the user would type it.
    fn shown(&self, stage: &Stage) -> String {
        self.judge.inputs.pipeline.shown(stage)
    }

    /// Returns the reason for a stage to run whatever `dvc.lock` says of it.
    fn forced(&self, stage: &Stage, ran: &[&Stage]) -> Option<Reason> {
        let options = self.judge.options;
        if options.force {
            return Some(Reason::Forced);
        }
        let upstream = fed_by(stage, ran).filter(|_| options.force_downstream && !stage.frozen);
        upstream.map(|(upstream, _)| Reason::Follows(self.shown(upstream)))
    }

    /// Has the recorder keep what the other stages made earlier: `dvc.lock` goes on describing it.
    ///
    /// Returns those that a visited stage reads from: what they made may have to be brought back first.
    fn pass_by(&self, visited: &[&Stage], runner: &mut Runner<'_, Queue>) -> Vec<&Stage> {
        let mut awaited = Vec::new();
        for stage in &self.judge.inputs.pipeline.stages {
            if visited.iter().any(|visited| visited.is(stage)) {
                continue;
            }
            match visited.iter().any(|reader| reads(reader, stage)) {
                true => awaited.push(stage),
                false => self.pass(stage, runner),
            }
        }
        awaited
    }

    /// Has the recorder keep what a stage made earlier, if `dvc.lock` describes it.
    fn pass(&self, stage: &Stage, runner: &mut Runner<'_, Queue>) {
        if let Some(entry) = self.judge.lockfiles.entry(stage) {
            runner.recorder.skip_stage(StageFacts {
                stage: stage.clone(),
                entry: LockEntry {
                    outs: Vec::new(),
                    ..entry.clone()
                },
            });
        }
    }

    fn visit_one(
        &self,
        stage: &Stage,
        forced: Option<Reason>,
        awaited: &mut Vec<&Stage>,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Result<Visit> {
        let Verdict {
            mut facts,
            why,
            course,
        } = self.verdict(stage, forced, runner)?;
        // What it reads is in place now, and nothing of ours writes there any more.
        for writer in awaited.extract_if(.., |writer| reads(stage, writer)) {
            self.pass(writer, runner);
        }
        if let (Some(ask), true) = (self.judge.options.ask, course != Course::Pass)
            && !ask(&self.shown(stage))?
        {
            return Err(Error::refused(format!(
                "stage '{}' was not confirmed",
                self.shown(stage)
            )));
        }
        let name = self.shown(stage);
        match course {
            Course::Pass => {
                runner.events.emit(Event::StageSkipped {
                    stage: name,
                    frozen: stage.frozen,
                });
                runner.recorder.skip_stage(facts);
                return Ok(Visit::Passed);
            }
            Course::CheckOut(outputs) => {
                let event = Event::StageRestored {
                    stage: name.clone(),
                    why: why.clone(),
                };
                runner.events.emit(event);
                let old = self.judge.lockfiles.entry(stage);
                let outs = cached::restore(self.restorer, stage, &outputs, old, runner.events)?;
                if let Some(outs) = outs {
                    facts.entry.outs = outs;
                    runner.recorder.skip_stage(facts);
                    return Ok(Visit::Ended(StageEnd::Finished));
                }
                self.log.open();
                runner.events.emit(Event::StageStarts { stage: name, why });
            }
            Course::Verify(outputs) => {
                self.restorer.check_out(&outputs, runner.events)?;
                runner
                    .events
                    .emit(Event::StageVerified { stage: name, why });
                let as_it_is = Stage {
                    cmd: Command::List(Vec::new()),
                    ..stage.clone()
                };
                runner.recorder.start_stage(facts)?;
                let run = stage_run(self.store, self.judge.project, &as_it_is, classify);
                return runner.run_stage(&run).map(Visit::Ended);
            }
            Course::Run => {
                self.log.open();
                runner.events.emit(Event::StageStarts { stage: name, why });
            }
        }
        self.restorer.before_stage(stage, runner.events)?;
        let mut environment = self.environment.clone();
        if stage.has_checkpoint() {
            environment.push(("DVC_CHECKPOINT".into(), "1".into()));
        }
        environment.extend(live_variables(stage));
        runner.recorder.start_stage(facts)?;
        let end = runner.run_stage(&StageRun {
            environment,
            ..stage_run(self.store, self.judge.project, stage, classify)
        });
        end.map(Visit::Ended)
    }

    /// Decides what becomes of a stage, after bringing back what it reads if that is in the cache only.
    fn verdict<'s>(
        &self,
        stage: &'s Stage,
        forced: Option<Reason>,
        runner: &mut Runner<'_, Queue>,
    ) -> Result<Verdict<'s>> {
        let verdict = || self.judge.verdict(stage, forced.clone(), &Foreseen::new());
        let mut found = verdict()?;
        if found.lacks_dependencies() {
            let lost = self.judge.lost_dependencies(stage)?;
            if !lost.is_empty() {
                self.restorer.check_out(&lost, runner.events)?;
                let names: Vec<&str> = lost.iter().map(|(output, _)| &*output.path).collect();
                runner.events.emit(Event::Status(format!(
                    "Stage '{}' reads '{}', now checked out from the cache",
                    self.shown(stage),
                    names.join("', '")
                )));
                found = verdict()?;
            }
        }
        let is_needed = matches!(found.course, Course::Run | Course::Verify(_));
        let mut deps = found.facts.entry.deps.iter();
        if let (true, Some(dep)) = (is_needed, deps.find(|dep| !dep.is_known())) {
            if paths::is_url(&dep.path) && stage.deps.contains(&dep.path) {
                return Err(outside::cannot_look(&dep.path, &self.shown(stage)));
            }
            return Err(Error::missing(format!(
                "dependency '{}' of stage '{}' does not exist",
                dep.path,
                self.shown(stage)
            )));
        }
        let params = &found.facts.entry.params;
        let mut files = stage.params.iter().map(|params| &params.file);
        if let (true, Some(file)) = (
            is_needed,
            files.find(|file| !params.contains_key(stage.written(file))),
        ) {
            return Err(Error::missing(format!(
                "'{file}' has no params of stage '{}'",
                self.shown(stage)
            )));
        }
        Ok(found)
    }
}

fn reads(stage: &Stage, writer: &Stage) -> bool {
    fed_by(stage, &[writer]).is_some()
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
