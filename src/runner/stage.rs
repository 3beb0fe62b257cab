//! One stage from the first line of its command to the end of the last, answering signals meanwhile.

use super::answer::{Signals, clear};
use super::capture::Capturer;
use super::children::{Attended, End, adopt_orphans};
use super::command;
use super::interrupts::{FORWARD_AFTER, Interrupts, Press};
use super::outside::LOOK_AGAIN;
use super::reports::LateReports;
pub use super::stage_run::{StageEnd, StageRun, WrittenFile};
use super::wake::Wake;
use super::watch::POLL_INTERVAL;
use super::watch::SignalWatch;
use super::written::WrittenFiles;
use crate::capture::{Capture, PathList};
use crate::error::{Context, Result};
use crate::event::{Event, Events};
use crate::store::requests::Requests;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes captures and records them, on a thread of its own.
pub trait Recorder {
    /// Makes ready for what a stage leaves: refused before anything of a stage is touched.
    fn make_ready(&mut self) -> Result<()>;
    /// Whether another capture may wait now; otherwise training waits.
    fn has_room(&self) -> bool;
    /// Whether all captures have been recorded, or are lost.
    fn is_idle(&self) -> bool;
    /// Makes sure that a capture outlives this process: training is told that it is taken after that.
    fn keep(&mut self, capture: &mut Capture);
    /// Takes a capture; returns at once.
    fn submit(&mut self, capture: Capture);
    /// Notes that a checkpoint could not be saved.
    fn missed(&mut self, reason: &str);
    /// Hands over what happened since the last call. Returns why, if a record failed: all must be captured anew.
    fn reports(&mut self, events: &mut dyn Events) -> Option<String>;
    /// Becomes readable when there are reports.
    fn wake(&self) -> &Wake;
    /// Told which process runs the stage now, and which line of its command, counted from 0.
    fn process_started(&mut self, stage: &str, line: usize, pid: u32);
}

/// Runs stages.
pub struct Runner<'a, R: Recorder> {
    /// Where Ctrl-C arrives.
    pub interrupts: &'a mut Interrupts,
    /// Where captures go.
    pub recorder: &'a mut R,
    /// Where events go.
    pub events: &'a mut dyn Events,
    /// Remembers outputs.
    pub capturer: Capturer,
    /// Knows which tracked files were written.
    pub writes: WrittenFiles,
    /// What people outside ask for.
    pub requests: Requests,
    /// What `dvc.yaml` files report.
    pub reports: LateReports<'a>,
    /// Code that was edited since the run started, already named.
    pub named: BTreeSet<PathBuf>,
    /// Tracked files that the recorder looks at, where nothing tells which were written.
    pub late: Option<Arc<PathList>>,
    /// Kept from one stage to the next: the kernel takes ten milliseconds to end one.
    pub watch: Option<SignalWatch>,
}

impl<R: Recorder> Runner<'_, R> {
    /// Makes ready for the first stage about which something is done. A run in which nothing has to run
    /// needs none of it, and leaves no trace.
    pub fn make_ready(&mut self) -> Result<()> {
        self.recorder.make_ready()?;
        self.requests.prepare()?;
        self.interrupts
            .catch()
            .context(|| "cannot catch signals".to_owned())
    }

    /// Runs all lines of the stage's command, and captures its state once more when it finished.
    pub fn run_stage(&mut self, run: &StageRun<'_>) -> Result<StageEnd> {
        adopt_orphans();
        clear(&run.signal_file)?;
        match run.checkpoints {
            true => self.writes.watch(),
            false => self.writes.start(),
        }
        let mut signals = Signals::watch(run, &self.requests, self.watch.take())?;
        let end = self.run_lines(run, &mut signals)?;
        self.sum_steps_up(run, &mut signals, matches!(end, StageEnd::Finished));
        self.watch = Some(signals.watch);
        Ok(end)
    }

    fn run_lines(&mut self, run: &StageRun<'_>, signals: &mut Signals) -> Result<StageEnd> {
        for (number, line) in command::lines(&run.stage.cmd).into_iter().enumerate() {
            self.interrupts.take();
            if self.interrupts.signal().is_some() {
                self.answer(run, signals, true);
                return Ok(StageEnd::Interrupted);
            }
            self.events.emit(Event::CommandStarts {
                stage: None,
                line: line.to_owned(),
            });
            let started = command::start(line, run.stage, run.root, &run.environment, None);
            if started.is_err()
                && let Some(end) = run.missing_folder()
            {
                return Ok(end);
            }
            let started = started
                .context(|| format!("cannot start '{line}' of stage '{}'", run.stage.name))?;
            self.recorder
                .process_started(&run.stage.address(), number, started.id());
            match self.attend(run, signals, started)? {
                Ended::Stopped(reason) => return Ok(StageEnd::Stopped { reason }),
                Ended::Itself(End::Exited(status)) if !status.success() => {
                    // A blocking signal that was still pending is a checkpoint; what came after it is not.
                    self.answer(run, signals, true);
                    self.name_unsaved(run, signals);
                    return Ok(StageEnd::Failed {
                        line: line.to_owned(),
                        status,
                    });
                }
                Ended::Itself(_) => {}
            }
        }
        self.answer(run, signals, true);
        if let Some(end) = run.missing_output() {
            return Ok(end);
        }
        if let Some(mut capture) = self.last_capture(run) {
            self.recorder.keep(&mut capture);
            self.recorder.submit(capture);
        }
        Ok(StageEnd::Finished)
    }

    /// Captures what a stage has left that ended well; `None`, told, if that cannot be.
    pub(super) fn last_capture(&mut self, run: &StageRun<'_>) -> Option<Capture> {
        self.capturer.let_settle(&run.stage.outs);
        let captured = self.capture(run);
        if let Err(error) = &captured {
            self.events.emit(Event::Warning(error.chain()));
            self.recorder.missed(&error.chain());
        }
        captured.ok()
    }

    /// Goes on with a stage whose command runs already, started by a runner that was killed.
    ///
    /// A signal that nobody answered is answered at once. What the process wrote after its last
    /// signal is not captured: it may have been killed, too.
    pub fn take_over(&mut self, run: &StageRun<'_>, process: Attended) -> Result<StageEnd> {
        self.make_ready()?;
        self.writes.watch();
        let mut signals = Signals::watch(run, &self.requests, None)?;
        let end = match self.attend(run, &mut signals, process)? {
            Ended::Stopped(reason) => StageEnd::Stopped { reason },
            Ended::Itself(_) => {
                self.answer(run, &mut signals, true);
                StageEnd::Unknown
            }
        };
        self.sum_steps_up(run, &mut signals, false);
        Ok(end)
    }

    /// Waits for the process to end; answers signals, reports and interrupts meanwhile.
    fn attend(
        &mut self,
        run: &StageRun<'_>,
        signals: &mut Signals,
        mut process: Attended,
    ) -> Result<Ended> {
        let mut forward_at: Option<(Instant, i32)> = None;
        loop {
            let lost = self.take_reports();
            signals.watch.drain();
            let missed = self.answer(run, signals, false);
            let missed = missed.or_else(|| self.follow_steps(run, signals));
            let missed = missed.or_else(|| self.answer_requests(run, signals));
            if let Some(reason) = missed.or(lost)
                && run.stop_on_error
            {
                process.kill_tree();
                let _ended = process.try_wait();
                clear(&run.signal_file)?;
                return Ok(Ended::Stopped(reason));
            }
            match self.interrupts.take() {
                Some(Press::First { forward }) if forward || process.is_foreign() => {
                    forward_at = self
                        .interrupts
                        .signal()
                        .map(|number| (Instant::now() + FORWARD_AFTER, number));
                }
                Some(Press::First { .. }) | None => {}
                Some(Press::Second) => process.kill_tree(),
            }
            if let Some(end) = process
                .try_wait()
                .context(|| format!("cannot wait for stage '{}'", run.stage.name))?
            {
                // It may have died of a signal that came to both of us just now.
                self.interrupts.take();
                return Ok(Ended::Itself(end));
            }
            if let Some((at, number)) = forward_at
                && Instant::now() >= at
            {
                process.send(Signal::from_named_raw(number).unwrap_or(Signal::TERM));
                forward_at = None;
            }
            self.poll(signals, &[&process], forward_at.map(|(at, _)| at))?;
            if signals.is_due() {
                self.writes.watch();
            }
        }
    }

    /// Waits for a moment, or until something has happened, while nothing of a stage is at work.
    pub fn rest(&mut self) -> Result<()> {
        self.take_reports();
        self.interrupts.take();
        let interrupts = self.interrupts.fd();
        let mut fds = vec![PollFd::new(self.recorder.wake(), PollFlags::IN)];
        fds.extend(interrupts.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        wait(&mut fds, Some(LOOK_AGAIN))?;
        self.interrupts.take();
        Ok(())
    }

    /// Waits until something may have happened: to a process, to the workspace, to us.
    pub(super) fn poll(
        &self,
        signals: &Signals,
        processes: &[&Attended],
        until: Option<Instant>,
    ) -> Result<()> {
        let mut fds = vec![PollFd::new(self.recorder.wake(), PollFlags::IN)];
        let interrupts = self.interrupts.fd();
        fds.extend(interrupts.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let watched = signals.watch.fd();
        fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let ended = processes.iter().filter_map(|it| it.ended.as_ref());
        fds.extend(ended.map(|fd| PollFd::new(fd, PollFlags::IN)));
        let is_blind = processes.iter().any(|it| it.ended.is_none());
        let polling =
            (watched.is_none() && signals.watch_at.is_none() || is_blind).then_some(POLL_INTERVAL);
        let until = until
            .into_iter()
            .chain(signals.watch_at)
            .min()
            .map(|until| {
                until
                    .saturating_duration_since(Instant::now())
                    .max(Duration::from_millis(1))
            });
        let waiting = signals
            .is_waiting_in_silence()
            .then_some(Duration::from_millis(200));
        let asked = signals.asked.then_some(LOOK_AGAIN);
        let timeout = [polling, until, waiting, asked].into_iter().flatten().min();
        wait(&mut fds, timeout)
    }
}

fn wait(fds: &mut [PollFd<'_>], timeout: Option<Duration>) -> Result<()> {
    let timespec = timeout.map(|timeout| Timespec {
        tv_sec: timeout.as_secs() as i64,
        tv_nsec: timeout.subsec_nanos().into(),
    });
    match rustix::event::poll(fds, timespec.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(errno) => Err(errno).context(|| "cannot wait for the stage".to_owned()),
    }
}

enum Ended {
    Itself(End),
    Stopped(String),
}
