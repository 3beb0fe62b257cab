//! One stage from the first line of its command to the end of the last, answering signals meanwhile.

use super::capture::{Capture, Capturer};
use super::children::{Started, adopt_orphans};
use super::command;
use super::interrupts::{FORWARD_AFTER, Interrupts, Press};
use super::reports::Reports;
use super::wake::Wake;
use super::watch::{POLL_INTERVAL, SignalWatch, WriteWatch, Written};
use crate::error::{Context, Error, Result};
use crate::event::{Event, Events};
use crate::pipeline::{Stage, paths};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime};

/// Takes captures and records them, on a thread of its own.
pub trait Recorder {
    /// Whether another capture may wait now; otherwise training waits.
    fn has_room(&self) -> bool;
    /// Takes a capture; returns at once.
    fn submit(&mut self, capture: Capture);
    /// Notes that a checkpoint could not be saved.
    fn missed(&mut self, reason: &str);
    /// Hands over what happened since the last call. `true` if a record failed: all must be captured anew.
    fn reports(&mut self, events: &mut dyn Events) -> bool;
    /// Becomes readable when there are reports.
    fn wake(&self) -> &Wake;
    /// Told which process runs the stage now.
    fn process_started(&mut self, stage: &str, pid: u32);
}

/// What a stage needs beside itself.
pub struct StageRun<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// The project's root, absolute.
    pub root: &'a Path,
    /// Top of the work tree, absolute.
    pub worktree: &'a Path,
    /// Where the project lies in it, empty for its top.
    pub folder: &'a Path,
    /// Environment on top of ours.
    pub environment: Vec<(String, OsString)>,
    /// The signal file, absolute.
    pub signal_file: PathBuf,
    /// Whether a signal makes a checkpoint: the stage has a checkpoint output.
    pub checkpoints: bool,
    /// End the command when a checkpoint cannot be saved.
    pub stop_on_error: bool,
    /// What a written tracked file is to a checkpoint.
    pub classify: &'a dyn Fn(&Path) -> WrittenFile,
}

/// What a written file in a folder of tracked files means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenFile {
    /// Not ours: an output, an untracked or an ignored file.
    Ignored,
    /// Code, a dependency or a params file: named, not captured.
    Code,
    /// It belongs to the checkpoint.
    Captured,
}

/// How a stage's command ended.
#[derive(Debug)]
pub enum StageEnd {
    /// All its lines exited with 0.
    Finished,
    /// This line did not.
    Failed {
        /// As in `dvc.yaml`.
        line: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// All its lines exited with 0, but this output is not there.
    OutputMissing {
        /// The output.
        path: String,
    },
    /// A checkpoint could not be saved, and `exp.onError = stop`.
    Stopped {
        /// Why not.
        reason: String,
    },
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
    /// Watches the folders of tracked files.
    pub writes: WriteWatch,
    /// What `dvc.yaml` files report.
    pub reports: Reports,
    /// Code that was edited since the run started, already named.
    pub named: BTreeSet<PathBuf>,
    /// Tracked files to look at when writes are not known.
    pub tracked: &'a [PathBuf],
}

impl<R: Recorder> Runner<'_, R> {
    /// Runs all lines of the stage's command, and captures its state once more when it finished.
    pub fn run_stage(&mut self, run: &StageRun<'_>) -> Result<StageEnd> {
        adopt_orphans();
        clear(&run.signal_file)?;
        let watch = SignalWatch::new(&run.signal_file.parent().into_iter().collect::<Vec<_>>());
        let mut signal = SignalState {
            watch,
            warned: false,
            waiting_since: None,
            said_waiting: false,
        };
        for line in command::lines(&run.stage.cmd) {
            self.events.emit(Event::CommandStarts {
                line: line.to_owned(),
            });
            let started = command::start(line, run.stage, run.root, &run.environment)
                .context(|| format!("cannot start '{line}' of stage '{}'", run.stage.name))?;
            self.recorder.process_started(&run.stage.name, started.id());
            match self.attend(run, &mut signal, started)? {
                Ended::Stopped(reason) => return Ok(StageEnd::Stopped { reason }),
                Ended::Exited(status) if !status.success() => {
                    // A blocking signal that was still pending is a checkpoint; what came after it is not.
                    self.answer(run, &mut signal, true);
                    return Ok(StageEnd::Failed {
                        line: line.to_owned(),
                        status,
                    });
                }
                Ended::Exited(_) => {}
            }
        }
        self.answer(run, &mut signal, true);
        let absent = |path: &str| fs_err::symlink_metadata(run.root.join(path)).is_err();
        if let Some(output) = run
            .stage
            .outs
            .iter()
            .find(|out| !out.checkpoint && absent(&out.path))
        {
            return Ok(StageEnd::OutputMissing {
                path: output.path.clone(),
            });
        }
        match self.capture(run) {
            Ok(capture) => self.recorder.submit(capture),
            Err(error) => {
                self.events.emit(Event::Warning(error.chain()));
                self.recorder.missed(&error.chain());
            }
        }
        Ok(StageEnd::Finished)
    }

    /// Waits for the process to end; answers signals, reports and interrupts meanwhile.
    fn attend(
        &mut self,
        run: &StageRun<'_>,
        signal: &mut SignalState,
        mut process: Started,
    ) -> Result<Ended> {
        let mut forward_at: Option<(Instant, i32)> = None;
        loop {
            self.poll(signal, &process, forward_at.map(|(at, _)| at))?;
            if self.recorder.reports(self.events) {
                self.capturer.forget();
            }
            signal.watch.drain();
            if let Some(reason) = self.answer(run, signal, false)
                && run.stop_on_error
            {
                process.kill_tree();
                let _ended = process.try_wait();
                return Ok(Ended::Stopped(reason));
            }
            match self.interrupts.take() {
                Some(Press::First { forward: true }) => {
                    forward_at = self
                        .interrupts
                        .signal()
                        .map(|number| (Instant::now() + FORWARD_AFTER, number));
                }
                Some(Press::First { forward: false }) | None => {}
                Some(Press::Second) => process.kill_tree(),
            }
            if let Some(status) = process
                .try_wait()
                .context(|| format!("cannot wait for stage '{}'", run.stage.name))?
            {
                return Ok(Ended::Exited(status));
            }
            if let Some((at, number)) = forward_at
                && Instant::now() >= at
            {
                process.send(Signal::from_named_raw(number).unwrap_or(Signal::TERM));
                forward_at = None;
            }
        }
    }

    fn poll(&self, signal: &SignalState, process: &Started, until: Option<Instant>) -> Result<()> {
        let interrupts = self.interrupts.fd();
        let mut fds = vec![
            PollFd::new(&interrupts, PollFlags::IN),
            PollFd::new(self.recorder.wake(), PollFlags::IN),
        ];
        let watched = signal.watch.fd();
        fds.extend(watched.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let ended = process.ended.as_ref().map(|fd| fd.as_fd());
        fds.extend(ended.as_ref().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let polling = (watched.is_none() || ended.is_none()).then_some(POLL_INTERVAL);
        let until = until.map(|until| {
            until
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1))
        });
        let waiting = signal
            .waiting_since
            .filter(|_| !signal.said_waiting)
            .map(|_| Duration::from_millis(200));
        let timeout = [polling, until, waiting].into_iter().flatten().min();
        let timespec = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match rustix::event::poll(&mut fds, timespec.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno).context(|| "cannot wait for the stage".to_owned()),
        }
    }

    /// Answers the signal file if it is there. Returns why, if a checkpoint was wanted and missed.
    fn answer(
        &mut self,
        run: &StageRun<'_>,
        signal: &mut SignalState,
        at_end: bool,
    ) -> Option<String> {
        if !run.signal_file.exists() {
            return None;
        }
        if !run.checkpoints {
            if !std::mem::replace(&mut signal.warned, true) {
                let stage = &run.stage.name;
                self.events.emit(Event::Warning(format!(
                    "stage '{stage}' signals checkpoints, but has no output with 'checkpoint: true'; its signals are answered and nothing is saved"
                )));
            }
            return clear(&run.signal_file).err().map(|error| error.chain());
        }
        if !at_end && !self.recorder.has_room() {
            let since = *signal.waiting_since.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(1)
                && !std::mem::replace(&mut signal.said_waiting, true)
            {
                self.events.emit(Event::Status(
                    "training waits: earlier checkpoints are still being written".to_owned(),
                ));
            }
            return None;
        }
        signal.waiting_since = None;
        signal.said_waiting = false;
        let captured = self.capture(run);
        let cleared = clear(&run.signal_file);
        let missed = match captured {
            Ok(mut capture) => {
                capture.signalled = true;
                self.recorder.submit(capture);
                cleared.err()
            }
            Err(error) => Some(error),
        }?;
        let reason = missed.chain();
        self.events.emit(Event::Warning(format!(
            "this checkpoint could not be saved: {reason}"
        )));
        self.recorder.missed(&reason);
        Some(reason)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "compared with the time stamps of files"
    )]
    fn capture(&mut self, run: &StageRun<'_>) -> Result<Capture> {
        let now = SystemTime::now();
        let mut capture = Capture {
            stage: run.stage.name.clone(),
            taken_at: Some(now),
            ..Capture::default()
        };
        let written = self.written(run);
        let outputs = &run.stage.outs;
        for new in self.reports.look(now) {
            // It may be in an output that was captured before anybody knew what it is.
            let holder = outputs.iter().find(|out| paths::is_within(&new, &out.path));
            if let Some(output) = holder {
                self.capturer.forget_output(&output.path);
            }
        }
        capture.reported = self.reports.reported();
        self.capturer.outputs(outputs, now, &mut capture)?;
        for path in self.reports.captured(run.stage) {
            let tree_path = run.folder.join(&path);
            self.capturer
                .report(&path, &tree_path, outputs, now, &mut capture)?;
        }
        for path in written {
            let captured = self
                .capturer
                .path(run.worktree, &path, &mut capture.bytes)?;
            capture.files.extend(captured);
        }
        Ok(capture)
    }

    /// Returns tracked files that may have been written, and names edited code once.
    fn written(&mut self, run: &StageRun<'_>) -> BTreeSet<PathBuf> {
        let candidates = match self.writes.take() {
            Written::Paths(paths) => paths.into_iter().collect(),
            Written::Unknown => self.tracked.to_vec(),
        };
        let all_known = self.writes.works();
        let mut captured = BTreeSet::new();
        for path in candidates {
            let in_project = path.strip_prefix(run.folder).ok().and_then(Path::to_str);
            if let Some(path) = in_project {
                if all_known {
                    self.reports.discover(path);
                }
                if self.reports.covers(path) {
                    continue;
                }
            }
            match (run.classify)(&path) {
                WrittenFile::Ignored => {}
                WrittenFile::Captured => drop(captured.insert(path)),
                WrittenFile::Code if all_known && self.named.insert(path.clone()) => self.events.emit(Event::Warning(format!(
                    "'{}' was edited while training runs: the edit is not part of this experiment and makes the next run a fork",
                    path.display()
                ))),
                WrittenFile::Code => {}
            }
        }
        captured
    }
}

enum Ended {
    Exited(ExitStatus),
    Stopped(String),
}

struct SignalState {
    watch: SignalWatch,
    warned: bool,
    waiting_since: Option<Instant>,
    said_waiting: bool,
}

/// Removes the signal file; one that is not there is no error.
fn clear(signal_file: &Path) -> Result<(), Error> {
    match fs_err::remove_file(signal_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| "cannot answer the signal".to_owned())
        }
        _ => Ok(()),
    }
}
