//! What a signal gets for an answer: a capture, handed to the recorder, and the end of the signal file.

use super::order::Order;
use super::stage::{Recorder, Runner, StageRun, WrittenFile};
use super::stat::{self, nanos};
use super::step_file::{Step, StepFile, Steps};
use super::watch::{SignalWatch, UNWATCHED};
use crate::capture::{Capture, PathList};
use crate::error::{Context, Error, Result};
use crate::event::Event;
use crate::pipeline::paths;
use crate::store::durable;
use crate::store::requests::Requests;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// What is known of a stage's signals between two looks.
pub(super) struct Signals {
    pub watch: SignalWatch,
    warned: bool,
    waiting_since: Option<Instant>,
    said_waiting: bool,
    /// `exp.sync`: it was captured, and is answered when that has been recorded.
    captured: bool,
    /// Training has waited for an answer in this stage.
    pub training_waits: bool,
    pub step_file: StepFile,
    /// Seen, and not yet taken or passed over.
    pub step: Option<Step>,
    pub steps: Steps,
    pub order: Order,
    /// When the last capture began that training waited for.
    pub last_taken: Option<i128>,
    /// The moment up to which what training wrote is in a checkpoint: of the last one, or the start.
    pub covered: i128,
    /// Somebody outside waits for a checkpoint.
    pub asked: bool,
    folders: Vec<PathBuf>,
    /// When the stage gets its watches, if it has none yet.
    pub watch_at: Option<Instant>,
}

impl Signals {
    /// Watches the folders of all files that the stage may signal with. `before` is the watch of the
    /// stage before, which is taken over if it has the same folders.
    pub fn watch(
        run: &StageRun<'_>,
        requests: &Requests,
        before: Option<SignalWatch>,
    ) -> Result<Self> {
        // Nobody could watch what training makes later; the other one lies above it.
        let deepest = durable::parent(&run.step_file);
        fs_err::create_dir_all(deepest)
            .context(|| format!("cannot prepare '{}'", deepest.display()))?;
        let files = [&run.signal_file, &run.step_file];
        let folders = files.iter().filter_map(|file| file.parent());
        let folders: Vec<&Path> = folders.chain([requests.folder()]).collect();
        // Without checkpoints, signals are answered and nothing is saved: that has time.
        let watch_at = (!run.checkpoints).then(|| Instant::now() + UNWATCHED);
        Ok(Signals {
            watch: match before {
                Some(watch) if watch.has(&folders) => watch,
                _ if watch_at.is_some() => SignalWatch::default(),
                _ => SignalWatch::new(&folders),
            },
            folders: folders.into_iter().map(Path::to_owned).collect(),
            watch_at,
            warned: false,
            waiting_since: None,
            said_waiting: false,
            captured: false,
            training_waits: false,
            step_file: StepFile::new(&run.step_file),
            step: None,
            steps: Steps::default(),
            order: Order::new(&run.step_file),
            last_taken: None,
            covered: nanos(stat::now()),
            asked: false,
        })
    }

    /// Whether the stage has been running for long enough to be watched from now on.
    pub fn is_due(&mut self) -> bool {
        if self.watch_at.is_none_or(|at| Instant::now() < at) {
            return false;
        }
        self.watch_at = None;
        if self.watch.fd().is_none() {
            let folders: Vec<&Path> = self.folders.iter().map(PathBuf::as_path).collect();
            self.watch = SignalWatch::new(&folders);
        }
        true
    }

    /// Whether training waits for room, and nobody was told yet.
    pub fn is_waiting_in_silence(&self) -> bool {
        self.waiting_since.is_some() && !self.said_waiting
    }
}

impl<R: Recorder> Runner<'_, R> {
    /// Answers the signal file if it is there. Returns why, if a checkpoint was wanted and missed.
    pub(super) fn answer(
        &mut self,
        run: &StageRun<'_>,
        signals: &mut Signals,
        at_end: bool,
    ) -> Option<String> {
        if !run.signal_file.exists() {
            signals.captured = false;
            return None;
        }
        if signals.captured {
            if !at_end && !self.recorder.is_idle() {
                return None;
            }
            signals.captured = false;
            return clear(&run.signal_file).err().map(|error| error.chain());
        }
        if !run.checkpoints {
            if !std::mem::replace(&mut signals.warned, true) {
                let stage = &run.stage.name;
                self.events.emit(Event::Warning(format!(
                    "stage '{stage}' signals checkpoints, but has no output with 'checkpoint: true'; its signals are answered and nothing is saved"
                )));
            }
            return clear(&run.signal_file).err().map(|error| error.chain());
        }
        if !at_end && !self.recorder.has_room() {
            let since = *signals.waiting_since.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(1)
                && !std::mem::replace(&mut signals.said_waiting, true)
            {
                self.events.emit(Event::Status(
                    "training waits: earlier checkpoints are still being written".to_owned(),
                ));
            }
            return None;
        }
        signals.waiting_since = None;
        signals.said_waiting = false;
        signals.training_waits = true;
        let captured = self.capture(run).map(|capture| self.keep(capture));
        signals.captured = run.sync && captured.is_ok();
        let cleared = if signals.captured {
            Ok(())
        } else {
            clear(&run.signal_file)
        };
        let missed = match captured {
            Ok(capture) => {
                signals.last_taken = capture.taken_at.map(nanos);
                signals.covered = signals.last_taken.unwrap_or(signals.covered);
                self.recorder.submit(capture);
                cleared.err()
            }
            Err(error) => Some(error),
        }?;
        Some(self.miss(&missed))
    }

    /// Hands over a capture that is to become a checkpoint.
    pub(super) fn submit(&mut self, capture: Capture) {
        let capture = self.keep(capture);
        self.recorder.submit(capture);
    }

    /// Makes sure that a kill does not lose a capture that is to become a checkpoint.
    fn keep(&mut self, mut capture: Capture) -> Capture {
        capture.signalled = true;
        self.recorder.keep(&mut capture);
        capture
    }

    /// Says that a checkpoint is lost, and returns why.
    pub(super) fn miss(&mut self, error: &Error) -> String {
        let reason = error.chain();
        self.events.emit(Event::Warning(format!(
            "this checkpoint could not be saved: {reason}"
        )));
        self.recorder.missed(&reason);
        reason
    }

    pub(super) fn capture(&mut self, run: &StageRun<'_>) -> Result<Capture> {
        let now = stat::now();
        let mut capture = Capture {
            stage: run.stage.name.clone(),
            taken_at: Some(now),
            ..Capture::default()
        };
        let written = self.written(run, nanos(now), &mut capture);
        let mark = self.capturer.mark();
        match self.fill(run, &written, now, &mut capture) {
            Ok(()) => Ok(capture),
            Err(error) => {
                // What was read of it is known to nobody: the next capture must be complete.
                self.capturer.take_back(mark);
                self.writes.again();
                Err(error)
            }
        }
    }

    /// Takes everything that belongs to a checkpoint at this moment.
    fn fill(
        &mut self,
        run: &StageRun<'_>,
        written: &BTreeSet<PathBuf>,
        now: SystemTime,
        capture: &mut Capture,
    ) -> Result<()> {
        self.look_at_reports(run, now);
        capture.reported = self.reports.reported();
        self.capturer.outputs(&run.stage.outs, now, capture)?;
        for path in self.reports.captured(run.claimed) {
            let tree_path = run.folder.join(&path);
            self.capturer
                .report(&path, &tree_path, run.claimed, now, capture)?;
        }
        for path in written {
            let captured = self.capturer.path(run.worktree, path, &mut capture.bytes)?;
            capture.files.extend(captured);
        }
        Ok(())
    }

    /// Looks at what training reports by now.
    pub(super) fn look_at_reports(&mut self, run: &StageRun<'_>, now: SystemTime) {
        for new in self.reports.look(now, run.claimed) {
            // It may be in an output that was captured before anybody knew what it is.
            let mut outputs = run.stage.outs.iter();
            if let Some(output) = outputs.find(|out| paths::is_within(&new, &out.path)) {
                self.capturer.forget_output(&output.path);
            }
        }
    }

    /// Returns the written files that belong to this checkpoint, and names edited code once.
    fn written(
        &mut self,
        run: &StageRun<'_>,
        now: i128,
        capture: &mut Capture,
    ) -> BTreeSet<PathBuf> {
        let written = self.writes.take(now);
        let all_known = self.writes.are_watched();
        if let Some(tracked) = written.later {
            if self.late.is_none() {
                self.events.emit(Event::Warning(format!(
                    "the folders of {} tracked files cannot be watched: what training writes to them is looked for after each capture, not at the signal; see 'fs.inotify' in sysctl(8)",
                    tracked.len()
                )));
                let captured = |path: &&Path| (run.classify)(path) == WrittenFile::Captured;
                let paths: PathList = tracked.iter().filter(captured).collect();
                self.late = Some(Arc::new(paths));
            }
            capture.late.clone_from(&self.late);
        }
        let mut captured = BTreeSet::new();
        for path in written.paths.iter().chain(&written.doubtful) {
            let in_project = path.strip_prefix(run.folder).ok().and_then(Path::to_str);
            if let Some(path) = in_project {
                if all_known {
                    self.reports.discover(path);
                }
                if self.reports.covers(path) {
                    continue;
                }
            }
            match (run.classify)(path) {
                WrittenFile::Ignored => {}
                WrittenFile::Captured => drop(captured.insert(path.clone())),
                WrittenFile::Code if !written.doubtful.contains(path) && self.named.insert(path.clone()) => self.events.emit(Event::Warning(format!(
                    "'{}' was edited while training runs: the edit is not part of this experiment and makes the next run a fork",
                    path.display()
                ))),
                WrittenFile::Code => {}
            }
        }
        self.writes.capture(&captured);
        captured
    }
}

/// Removes the signal file; one that is not there is no error.
pub(super) fn clear(signal_file: &Path) -> Result<(), Error> {
    match fs_err::remove_file(signal_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| "cannot answer the signal".to_owned())
        }
        _ => Ok(()),
    }
}
