//! A stage that is visited while no other is at work.

use super::outcome::Outcome;
use super::prepare::{Prepared, stage_run, without_command};
use super::stages::{Stages, reads};
use super::tally::Tally;
use crate::error::Result;
use crate::event::Event;
use crate::ops::record::Queue;
use crate::pipeline::Stage;
use crate::reason::Reason;
use crate::runner::stage::WrittenFile;
use crate::runner::{Runner, StageEnd, StageRun};
use std::ops::ControlFlow;
use std::path::Path;

/// What became of a stage.
enum Visit {
    /// It was up to date.
    Passed,
    /// It is up to date again.
    BroughtBack,
    /// It ran, or another run stood in for it.
    Ended(StageEnd),
}

impl Stages<'_> {
    /// Visits one stage. Returns whether others are visited after it.
    pub(super) fn visit_alone<'s>(
        &self,
        stage: &'s Stage,
        tally: &mut Tally<'s>,
        awaited: &mut Vec<&'s Stage>,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> ControlFlow<()> {
        if let Some(cause) = tally.leaves_out(stage, &[]) {
            self.say_left_out(stage, cause, runner.events);
            tally.failed.push(stage);
            return ControlFlow::Continue(());
        }
        self.wait_for_record(stage, &tally.ran, runner.recorder);
        let forced = self.forced(stage, &tally.ran);
        let visited = self
            .check_copies(stage, &[&tally.ran[..], &tally.brought_back].concat())
            .and_then(|()| self.visit_one(stage, forced, awaited, runner, classify));
        let end = match visited {
            Ok(Visit::Passed) => Ok(StageEnd::Finished),
            Ok(Visit::BroughtBack) => {
                tally.brought_back.push(stage);
                Ok(StageEnd::Finished)
            }
            Ok(Visit::Ended(end)) => {
                tally.ran.push(stage);
                Ok(end)
            }
            Err(error) => Err(error),
        };
        let mut outcome = Outcome::default();
        outcome.take_or_fail(&self.shown(stage), end);
        let bad: Vec<Outcome> = (!outcome.complete).then_some(outcome).into_iter().collect();
        let message = bad.first().and_then(|bad| bad.failure.as_ref());
        let message = message.map(|failure| failure.message.clone());
        if !bad.is_empty() {
            tally.failed.push(stage);
        }
        let flow = tally.take(bad, runner.interrupts.signal());
        if let (ControlFlow::Continue(()), Some(message)) = (flow, message) {
            runner.events.emit(Event::Warning(message));
        }
        flow
    }

    fn visit_one(
        &self,
        stage: &Stage,
        forced: Option<Reason>,
        awaited: &mut Vec<&Stage>,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> Result<Visit> {
        if self.read_alone(stage, runner)? {
            return Ok(Visit::Ended(StageEnd::Interrupted));
        }
        let verdict = self.verdict(stage, forced, runner)?;
        // What it reads is in place now, and nothing of ours writes there any more.
        for writer in awaited.extract_if(.., |writer| reads(stage, writer)) {
            self.pass(writer, runner);
        }
        if verdict.has_work() {
            runner.make_ready()?;
        }
        match self.prepare(stage, verdict, runner)? {
            Prepared::Passed(facts) => {
                runner.recorder.skip_stage(facts);
                Ok(Visit::Passed)
            }
            Prepared::BroughtBack(facts) => {
                runner.recorder.skip_stage(facts);
                Ok(Visit::BroughtBack)
            }
            Prepared::StoodIn(facts) => {
                runner.recorder.skip_stage(facts);
                Ok(Visit::Ended(StageEnd::Finished))
            }
            Prepared::Verify(facts) => {
                runner.recorder.start_stage(facts)?;
                let as_it_is = without_command(stage);
                let run = stage_run(self.store, self.judge.place.project, &as_it_is, classify);
                runner.run_stage(&run).map(Visit::Ended)
            }
            Prepared::Run(facts) => {
                runner.recorder.start_stage(facts)?;
                let end = runner.run_stage(&StageRun {
                    environment: self.environment_of(stage),
                    ..stage_run(self.store, self.judge.place.project, stage, classify)
                });
                end.map(Visit::Ended)
            }
        }
    }
}
