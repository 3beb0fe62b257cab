//! What is done about a stage before its command starts, or in place of it.

use super::cached::{self, Restorable};
use super::judge::{Course, Foreseen, Verdict};
use super::outside;
use super::stages::Stages;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::ops::record::{Queue, StageFacts};
use crate::pipeline::{Command, Stage, paths};
use crate::reason::Reason;
use crate::runner::release::release;
use crate::runner::stage::WrittenFile;
use crate::runner::{Runner, StageRun};
use crate::store::Store;
use std::ffi::OsString;
use std::path::Path;

/// What is left to do about a stage.
pub(super) enum Prepared {
    /// It is up to date.
    Passed(StageFacts),
    /// It is up to date, its outputs having been brought back.
    BroughtBack(StageFacts),
    /// An earlier run stands in for it: its outputs are in place.
    StoodIn(StageFacts),
    /// It is frozen: its outputs are to be recorded as they are.
    Verify(StageFacts),
    /// Its command is to be run; nothing of an earlier run is in its way.
    Run(StageFacts),
}

impl Stages<'_> {
    /// Decides what becomes of a stage, after bringing back what it reads if that is in the cache only.
    pub(super) fn verdict<'s>(
        &self,
        stage: &'s Stage,
        forced: Option<Reason>,
        runner: &mut Runner<'_, Queue>,
    ) -> Result<Verdict<'s>> {
        let verdict = || self.judge.verdict(stage, forced.clone(), &Foreseen::new());
        let puller = self.judge.puller;
        let mut found = verdict()?;
        if found.lacks_dependencies() {
            let lost = self.judge.lost_dependencies(stage)?;
            if !lost.is_empty() {
                self.restorer.check_out(&lost, runner.events)?;
                look_for_reports(&lost, runner);
                let names: Vec<&str> = lost.iter().map(|(output, _)| &*output.path).collect();
                runner.events.emit(Event::Status(format!(
                    "Stage '{}' reads '{}', now checked out from the cache",
                    self.shown(stage),
                    names.join("', '")
                )));
                found = verdict()?;
            }
        }
        if let Some(puller) = puller {
            puller.say(runner.events);
            if found.makes_lost_data() {
                runner.events.emit(Event::Status(format!(
                    "Data of stage '{}' is in no cache and no remote: it is made anew",
                    self.shown(stage)
                )));
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

    /// Does what was decided, up to the start of the stage's command.
    pub(super) fn prepare(
        &self,
        stage: &Stage,
        verdict: Verdict<'_>,
        runner: &mut Runner<'_, Queue>,
    ) -> Result<Prepared> {
        let Verdict {
            mut facts,
            why,
            course,
        } = verdict;
        let name = self.shown(stage);
        if let (Some(ask), true) = (self.options().ask, course.is_asked_for())
            && !ask(&name)?
        {
            return Err(Error::refused(format!("stage '{name}' was not confirmed")));
        }
        match course {
            Course::Pass => {
                runner.events.emit(Event::StageSkipped {
                    stage: name,
                    frozen: stage.frozen,
                });
                return Ok(Prepared::Passed(facts));
            }
            Course::BringBack(ref outputs) | Course::StandIn(ref outputs) => {
                let event = Event::StageRestored {
                    stage: name.clone(),
                    why: why.clone(),
                };
                runner.events.emit(event);
                let old = self.judge.lockfiles.entry(stage);
                if let Some(outs) =
                    cached::restore(self.restorer, stage, outputs, old, runner.events)?
                {
                    look_for_reports(outputs, runner);
                    facts.entry.outs = outs;
                    return Ok(match course {
                        Course::BringBack(_) => Prepared::BroughtBack(facts),
                        _ => Prepared::StoodIn(facts),
                    });
                }
            }
            Course::Verify(outputs) => {
                self.restorer.check_out(&outputs, runner.events)?;
                look_for_reports(&outputs, runner);
                runner
                    .events
                    .emit(Event::StageVerified { stage: name, why });
                return Ok(Prepared::Verify(facts));
            }
            Course::Run => {}
        }
        if !stage.has_checkpoint() {
            // With checkpoints all outputs are of one step already.
            let kept = self.judge.persistent_outputs(stage)?;
            self.restorer.bring_back(&kept, runner.events)?;
        }
        self.log.open();
        runner.events.emit(Event::StageStarts { stage: name, why });
        self.restorer.before_stage(stage, runner.events)?;
        release(self.store);
        Ok(Prepared::Run(facts))
    }

    /// Returns the variables that the commands of a stage get.
    pub(super) fn environment_of(&self, stage: &Stage) -> Vec<(String, OsString)> {
        let mut environment = self.environment.clone();
        if stage.has_checkpoint() {
            environment.push(("DVC_CHECKPOINT".into(), "1".into()));
        }
        environment.extend(live_variables(stage));
        environment
    }

    /// Says that a stage is not visited because another one failed.
    pub(super) fn say_left_out(&self, stage: &Stage, cause: &Stage, events: &mut dyn Events) {
        events.emit(Event::Warning(format!(
            "stage '{}' is left out: it reads what '{}' writes",
            self.shown(stage),
            self.shown(cause)
        )));
    }
}

/// Has the runner look again for what training reported earlier, in outputs that are back.
fn look_for_reports(outputs: &[Restorable<'_>], runner: &mut Runner<'_, Queue>) {
    for (output, _) in outputs {
        runner.reports.discover(&output.path);
    }
}

/// Returns the stage with nothing to run.
pub(super) fn without_command(stage: &Stage) -> Stage {
    Stage {
        cmd: Command::List(Vec::new()),
        ..stage.clone()
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
        claimed: &stage.outs,
        beside: None,
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
