//! Stages that run beside each other: which one starts when, and what all of them come to.
//!
//! A stage starts when those that it reads from are over, in the order of the pipeline as far as that
//! allows. Records keep that order whatever ends first ([`crate::ops::record::Place`]).

use super::Failure;
use super::outcome::Outcome;
use super::prepare::{Prepared, stage_run, without_command};
use super::reading::Reading;
use super::stages::{Stages, reads};
use super::tally::Tally;
use crate::error::Result;
use crate::event::Event;
use crate::ops::record::{Place, Queue};
use crate::pipeline::{Output, Stage};
use crate::runner::stage::WrittenFile;
use crate::runner::{Beside, EndedBeside, Group, Next, Runner, StageEnd, StageRun};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

/// Stages of which none has to be alone, and how far they are.
struct Visits<'v, 's> {
    span: &'v [&'s Stage],
    waits_for: Vec<Vec<usize>>,
    places: Vec<Place>,
    progress: Vec<Progress>,
    /// Outputs of all of them: each is captured as one of its own stage, when that is over.
    claimed: &'v [Output],
    classify: &'v dyn Fn(&Path) -> WrittenFile,
    /// What is hashed for those that read.
    readings: BTreeMap<usize, Reading>,
    /// Those for which that is over, or was not worth it.
    read: BTreeSet<usize>,
    /// How those ended that did not end well.
    bad: BTreeMap<usize, Outcome>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waits,
    /// What it reads is being hashed.
    Reads,
    AtWork,
    Passed,
    /// Its outputs were brought back as `dvc.lock` has them.
    BroughtBack,
    Ran,
    /// It failed, or was left out because another one did.
    Failed,
}

impl<'s> Visits<'_, 's> {
    /// Returns the first stage that waits for none.
    fn next(&self) -> Option<usize> {
        use Progress::{AtWork, Reads, Waits};
        let is_over = |key: &usize| !matches!(self.progress[*key], Waits | Reads | AtWork);
        let mut keys = 0..self.span.len();
        keys.find(|&key| {
            self.progress[key] == Progress::Waits && self.waits_for[key].iter().all(is_over)
        })
    }

    /// Lets those wait for their turn again for which everything is hashed.
    fn take_read(&mut self) {
        for (key, _) in self.readings.extract_if(.., |_, reading| reading.is_over()) {
            self.progress[key] = Progress::Waits;
        }
    }

    fn that(&self, progress: Progress) -> Vec<&'s Stage> {
        let stages = self.span.iter().zip(&self.progress);
        let stages = stages.filter(|(_, its)| **its == progress);
        stages.map(|(stage, _)| *stage).collect()
    }
}

impl Stages<'_> {
    /// Visits stages of which none has to be alone. Returns whether others are visited after them.
    pub(super) fn visit_beside<'s>(
        &self,
        span: &[&'s Stage],
        tally: &mut Tally<'s>,
        awaited: &mut Vec<&'s Stage>,
        runner: &mut Runner<'_, Queue>,
        classify: &dyn Fn(&Path) -> WrittenFile,
    ) -> ControlFlow<()> {
        let claimed: Vec<Output> = span.iter().flat_map(|stage| stage.outs.clone()).collect();
        let most = 2 + awaited.len() as u64;
        let mut visits = Visits {
            span,
            waits_for: self.judge.inputs.pipeline.dependencies_among(span),
            places: runner.recorder.places(span.len(), most),
            progress: vec![Progress::Waits; span.len()],
            claimed: &claimed,
            classify,
            readings: BTreeMap::new(),
            read: BTreeSet::new(),
            bad: BTreeMap::new(),
        };
        let mut group = Group::default();
        loop {
            let goes_on = self.start_all(&mut visits, &mut group, tally, awaited, runner);
            let reads = goes_on && !visits.readings.is_empty();
            let next = runner.next_end(&mut group, reads);
            let rested = match next {
                Ok(Next::Nothing) if reads => runner.rest().map(|()| Next::Look),
                next => next,
            };
            match rested {
                Ok(Next::Ended(ended)) => self.end(&mut visits, &group, *ended, tally, runner),
                Ok(Next::Look) => {}
                Ok(Next::Nothing) => break,
                Err(error) => {
                    let failure = Some(Failure::of(&error));
                    let complete = false;
                    let bad = Outcome {
                        failure,
                        complete,
                        ..Outcome::default()
                    };
                    visits.bad.insert(span.len(), bad);
                    break;
                }
            }
        }
        for place in &visits.places {
            runner.recorder.end_turn(*place);
        }
        tally.ran.extend(visits.that(Progress::Ran));
        let brought_back = visits.that(Progress::BroughtBack);
        tally.brought_back.extend(brought_back);
        tally.failed.extend(visits.that(Progress::Failed));
        let bad = visits.bad.into_values().collect();
        tally.take(bad, runner.interrupts.signal())
    }

    /// Starts what can be started now. Returns whether more may be started later.
    fn start_all<'v, 's>(
        &'v self,
        visits: &mut Visits<'v, 's>,
        group: &mut Group<'v>,
        tally: &Tally<'s>,
        awaited: &mut Vec<&'s Stage>,
        runner: &mut Runner<'_, Queue>,
    ) -> bool
    where
        's: 'v,
    {
        while group.len() < self.options().jobs {
            runner.hear(group);
            if runner.interrupts.signal().is_some() || tally.stops() && !visits.bad.is_empty() {
                return false;
            }
            visits.take_read();
            let Some(key) = visits.next() else {
                return true;
            };
            visits.progress[key] = Progress::AtWork;
            let failed = visits.that(Progress::Failed);
            if let Some(cause) = tally.leaves_out(visits.span[key], &failed) {
                self.say_left_out(visits.span[key], cause, runner.events);
                visits.progress[key] = Progress::Failed;
                runner.recorder.end_turn(visits.places[key]);
                continue;
            }
            let ran = [&tally.ran[..], &visits.that(Progress::Ran)].concat();
            if visits.read.insert(key) {
                self.wait_for_record(visits.span[key], &ran, runner.recorder);
                if let Some(reading) = self.begin_reading(visits.span[key]) {
                    visits.progress[key] = Progress::Reads;
                    visits.readings.insert(key, reading);
                    continue;
                }
            }
            let back = visits.that(Progress::BroughtBack);
            let back = [&tally.brought_back[..], &back].concat();
            match self.start(visits, group, key, (&ran, &back), awaited, runner) {
                Ok(None) => {}
                Ok(Some(ended)) => self.end(visits, group, ended, tally, runner),
                Err(error) => {
                    let end = Err(error);
                    let capture = None;
                    let ended = EndedBeside { key, end, capture };
                    self.end(visits, group, ended, tally, runner);
                }
            }
        }
        true
    }

    /// Starts one stage, or does what there is to do in place of that.
    fn start<'v, 's>(
        &'v self,
        visits: &mut Visits<'v, 's>,
        group: &mut Group<'v>,
        key: usize,
        (ran, brought_back): (&[&Stage], &[&Stage]),
        awaited: &mut Vec<&'s Stage>,
        runner: &mut Runner<'_, Queue>,
    ) -> Result<Option<EndedBeside>>
    where
        's: 'v,
    {
        let (stage, place) = (visits.span[key], visits.places[key]);
        self.check_copies(stage, &[ran, brought_back].concat())?;
        let verdict = self.verdict(stage, self.forced(stage, ran), runner)?;
        // They are told with the first stage of the pipeline that reads them, whichever starts first.
        let before: Vec<&Stage> = visits.span[..key]
            .iter()
            .zip(&visits.progress)
            .filter(|(_, progress)| **progress == Progress::Waits)
            .map(|(stage, _)| *stage)
            .collect();
        let is_ours = |writer: &mut &Stage| {
            reads(stage, writer) && !before.iter().any(|other| reads(other, writer))
        };
        for writer in awaited.extract_if(.., is_ours) {
            if let Some(facts) = self.passed(writer) {
                runner.recorder.skip_stage_at(place, facts);
            }
        }
        if verdict.has_work() {
            runner.make_ready()?;
        }
        match self.prepare(stage, verdict, runner)? {
            Prepared::Passed(facts) => {
                runner.recorder.skip_stage_at(place, facts);
                runner.recorder.end_turn(place);
                visits.progress[key] = Progress::Passed;
                Ok(None)
            }
            Prepared::BroughtBack(facts) => {
                runner.recorder.skip_stage_at(place, facts);
                runner.recorder.end_turn(place);
                visits.progress[key] = Progress::BroughtBack;
                Ok(None)
            }
            Prepared::StoodIn(facts) => {
                runner.recorder.skip_stage_at(place, facts);
                Ok(Some(EndedBeside {
                    key,
                    end: Ok(StageEnd::Finished),
                    capture: None,
                }))
            }
            Prepared::Verify(facts) => {
                runner.recorder.start_stage_at(place, facts)?;
                let as_it_is = without_command(stage);
                let run = StageRun {
                    claimed: visits.claimed,
                    ..stage_run(
                        self.store,
                        self.judge.place.project,
                        &as_it_is,
                        visits.classify,
                    )
                };
                runner.end_at_once(group, key, &run).map(Some)
            }
            Prepared::Run(facts) => {
                runner.recorder.start_stage_at(place, facts)?;
                let shown = self.shown(stage);
                let labels = self.options().labels.map_or_else(
                    || [format!("{shown} | "), format!("{shown} | ")],
                    |labels| labels(&shown),
                );
                let streams = Some(self.log.labelled(labels)?);
                let run = StageRun {
                    environment: self.environment_of(stage),
                    claimed: visits.claimed,
                    beside: Some(Beside { shown, streams }),
                    ..stage_run(self.store, self.judge.place.project, stage, visits.classify)
                };
                runner.begin(group, key, run)
            }
        }
    }

    /// Takes the end of a stage, and says at once what failed while others go on.
    fn end(
        &self,
        visits: &mut Visits<'_, '_>,
        group: &Group<'_>,
        ended: EndedBeside,
        tally: &Tally<'_>,
        runner: &mut Runner<'_, Queue>,
    ) {
        let EndedBeside { key, end, capture } = ended;
        if let Some(capture) = capture {
            runner.recorder.submit_at(visits.places[key], capture);
        }
        runner.recorder.end_turn(visits.places[key]);
        let mut outcome = Outcome::default();
        outcome.take_or_fail(&self.shown(visits.span[key]), end);
        visits.progress[key] = match outcome.complete {
            true => Progress::Ran,
            false => Progress::Failed,
        };
        if outcome.complete {
            return;
        }
        let is_first = visits.bad.is_empty();
        let is_last = group.is_empty() && is_first && tally.stops();
        if let Some(failure) = &outcome.failure
            && !is_last
            && runner.interrupts.signal().is_none()
        {
            runner.events.emit(Event::Warning(failure.message.clone()));
            if is_first && tally.stops() {
                let names = group.names().join("', '");
                runner
                    .events
                    .emit(Event::Status(format!("waiting for '{names}'")));
            }
        }
        visits.bad.insert(key, outcome);
    }
}
