//! Stages whose commands run beside each other, none of which has checkpoints.
//!
//! One event loop for all of them. A checkpoint is one consistent state of the workspace, so nobody
//! asks for one here: signals are answered, requests are turned down, steps are passed over.

use super::answer::{Signals, clear};
use super::children::{Attended, End, adopt_orphans};
use super::command;
use super::interrupts::{FORWARD_AFTER, Press};
use super::outside::LOOK_AGAIN;
use super::relay::Streams;
use super::stage::{Recorder, Runner, StageEnd, StageRun};
use crate::capture::Capture;
use crate::error::{Context, Result};
use crate::event::Event;
use rustix::process::Signal;
use std::path::Path;
use std::time::Instant;

/// What a stage has of its own that runs beside others.
pub struct Beside {
    /// Its name, as the user would type it.
    pub shown: String,
    /// Where its commands print to; to where we print without.
    pub streams: Option<Streams>,
}

/// The stages that run beside each other now.
#[derive(Default)]
pub struct Group<'r> {
    at_work: Vec<AtWork<'r>>,
    pub(super) signals: Option<Signals>,
    /// When which signal is forwarded.
    forward_at: Option<(Instant, i32)>,
    pub(super) has_warned: bool,
}

struct AtWork<'r> {
    key: usize,
    run: StageRun<'r>,
    line: String,
    number: usize,
    process: Attended,
    /// Why it is being killed: a record failed.
    stopped: Option<String>,
}

/// What to do about stages that run beside each other.
pub enum Next {
    /// This one has ended.
    Ended(Box<EndedBeside>),
    /// What is waited for beside them may be there.
    Look,
    /// None is at work.
    Nothing,
}

/// A stage that has ended.
pub struct EndedBeside {
    /// What it was begun with.
    pub key: usize,
    /// How, or why its next line could not be started.
    pub end: Result<StageEnd>,
    /// What it has left, if it ended well.
    pub capture: Option<Capture>,
}

impl EndedBeside {
    fn badly(key: usize, end: Result<StageEnd>) -> Self {
        let capture = None;
        EndedBeside { key, end, capture }
    }
}

impl Group<'_> {
    /// How many stages are at work.
    pub fn len(&self) -> usize {
        self.at_work.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.at_work.is_empty()
    }

    /// Where signals of all of them come; `None` if none is at work.
    pub(super) fn signal_file(&self) -> Option<&Path> {
        let first = self.at_work.first()?;
        Some(&first.run.signal_file)
    }

    /// The names of the stages at work, as the user would type them.
    pub fn names(&self) -> Vec<&str> {
        self.at_work.iter().map(|it| name(&it.run)).collect()
    }
}

/// What a message calls a stage.
fn name<'n>(run: &'n StageRun<'_>) -> &'n str {
    match &run.beside {
        Some(beside) => &beside.shown,
        None => &run.stage.name,
    }
}

impl<R: Recorder> Runner<'_, R> {
    /// Begins a stage. One that has nothing to run has ended at once.
    pub fn begin<'r>(
        &mut self,
        group: &mut Group<'r>,
        key: usize,
        run: StageRun<'r>,
    ) -> Result<Option<EndedBeside>> {
        self.prepare(group, &run)?;
        self.start_line(group, key, run, 0)
    }

    /// Adds a stage whose command was started by a runner that was killed.
    pub fn join<'r>(
        &mut self,
        group: &mut Group<'r>,
        key: usize,
        run: StageRun<'r>,
        process: Attended,
    ) -> Result<()> {
        self.make_ready()?;
        self.prepare(group, &run)?;
        group.at_work.push(AtWork {
            key,
            run,
            line: String::new(),
            number: 0,
            process,
            stopped: None,
        });
        Ok(())
    }

    fn prepare(&mut self, group: &mut Group<'_>, run: &StageRun<'_>) -> Result<()> {
        if group.signals.is_none() {
            adopt_orphans();
            clear(&run.signal_file)?;
            self.writes.start();
            let before = self.watch.take();
            group.signals = Some(Signals::watch(run, &self.requests, before)?);
        }
        Ok(())
    }

    /// Starts the line of this number, or ends the stage if there is none.
    fn start_line<'r>(
        &mut self,
        group: &mut Group<'r>,
        key: usize,
        run: StageRun<'r>,
        number: usize,
    ) -> Result<Option<EndedBeside>> {
        let Some(line) = command::lines(&run.stage.cmd).get(number).copied() else {
            return Ok(Some(self.end(key, &run)));
        };
        self.hear(group);
        if self.interrupts.signal().is_some() {
            return Ok(Some(EndedBeside::badly(key, Ok(StageEnd::Interrupted))));
        }
        self.events.emit(Event::CommandStarts {
            stage: run.beside.as_ref().map(|beside| beside.shown.clone()),
            line: line.to_owned(),
        });
        let streams = run.beside.as_ref().and_then(|it| it.streams.as_ref());
        let process = command::start(line, run.stage, run.root, &run.environment, streams);
        if process.is_err()
            && let Some(end) = run.missing_folder()
        {
            return Ok(Some(EndedBeside::badly(key, Ok(end))));
        }
        let process =
            process.context(|| format!("cannot start '{line}' of stage '{}'", name(&run)))?;
        self.recorder
            .process_started(&run.stage.address(), number, process.id());
        group.at_work.push(AtWork {
            key,
            line: line.to_owned(),
            run,
            number,
            process,
            stopped: None,
        });
        Ok(None)
    }

    /// Takes a stage that has nothing to run as one that has ended.
    pub fn end_at_once<'r>(
        &mut self,
        group: &mut Group<'r>,
        key: usize,
        run: &StageRun<'_>,
    ) -> Result<EndedBeside> {
        self.prepare(group, run)?;
        Ok(self.end(key, run))
    }

    /// All its lines have ended well.
    fn end(&mut self, key: usize, run: &StageRun<'_>) -> EndedBeside {
        if let Some(end) = run.missing_output() {
            return EndedBeside::badly(key, Ok(end));
        }
        EndedBeside {
            key,
            end: Ok(StageEnd::Finished),
            capture: self.last_capture(run),
        }
    }

    /// Waits until a stage has ended, or, with `looks`, for a moment. Whatever fails but a stage is an error.
    pub fn next_end(&mut self, group: &mut Group<'_>, looks: bool) -> Result<Next> {
        loop {
            let lost = self.take_reports();
            self.turn_down(group)?;
            if let Some(reason) = lost
                && group.at_work.iter().any(|it| it.run.stop_on_error)
            {
                kill_all(group);
                for it in &mut group.at_work {
                    it.stopped = Some(reason.clone());
                }
            }
            self.hear(group);
            if let Some(ended) = self.look_for_end(group)? {
                return Ok(Next::Ended(Box::new(ended)));
            }
            if group.is_empty() {
                if let Some(signals) = group.signals.take() {
                    self.watch = Some(signals.watch);
                }
                return Ok(Next::Nothing);
            }
            if let Some((at, number)) = group.forward_at
                && Instant::now() >= at
            {
                for it in &group.at_work {
                    let signal = Signal::from_named_raw(number);
                    it.process.send(signal.unwrap_or(Signal::TERM));
                }
                group.forward_at = None;
            }
            if let Some(signals) = &mut group.signals {
                let processes: Vec<&Attended> =
                    group.at_work.iter().map(|it| &it.process).collect();
                let forward = group.forward_at.map(|(at, _)| at);
                let look = looks.then(|| Instant::now() + LOOK_AGAIN);
                self.poll(signals, &processes, forward.into_iter().chain(look).min())?;
                if signals.is_due() {
                    self.writes.watch();
                }
            }
            if looks {
                return Ok(Next::Look);
            }
        }
    }

    /// Takes presses of Ctrl-C and the like.
    pub fn hear(&mut self, group: &mut Group<'_>) {
        match self.interrupts.take() {
            Some(Press::First { forward }) => {
                let is_foreign = group.at_work.iter().any(|it| it.process.is_foreign());
                if let Some(signal) = self.interrupts.signal().filter(|_| forward || is_foreign) {
                    group.forward_at = Some((Instant::now() + FORWARD_AFTER, signal));
                }
            }
            Some(Press::Second) => kill_all(group),
            None => {}
        }
    }

    /// Looks which process has ended, and starts the next line of its stage.
    fn look_for_end<'r>(&mut self, group: &mut Group<'r>) -> Result<Option<EndedBeside>> {
        let mut at = 0;
        while let Some(it) = group.at_work.get_mut(at) {
            let status = it.process.try_wait();
            let Some(end) =
                status.context(|| format!("cannot wait for stage '{}'", name(&it.run)))?
            else {
                at += 1;
                continue;
            };
            // It may have died of a signal that came to both of us just now.
            self.hear(group);
            let it = group.at_work.remove(at);
            let ended = |end| Ok(Some(EndedBeside::badly(it.key, Ok(end))));
            let status = match (it.stopped, end) {
                (Some(reason), _) => return ended(StageEnd::Stopped { reason }),
                (None, End::Unknown) => return ended(StageEnd::Unknown),
                (None, End::Exited(status)) => status,
            };
            if !status.success() {
                let line = it.line;
                return ended(StageEnd::Failed { line, status });
            }
            match self.start_line(group, it.key, it.run, it.number + 1) {
                Ok(None) => {}
                Ok(Some(ended)) => return Ok(Some(ended)),
                Err(error) => return Ok(Some(EndedBeside::badly(it.key, Err(error)))),
            }
        }
        Ok(None)
    }

    /// Takes what the recorder says; why, if a record failed.
    pub(super) fn take_reports(&mut self) -> Option<String> {
        let lost = self.recorder.reports(self.events);
        if lost.is_some() {
            self.capturer.forget();
            self.writes.again();
        }
        lost
    }
}

fn kill_all(group: &mut Group<'_>) {
    for it in &group.at_work {
        it.process.kill_tree();
    }
}
