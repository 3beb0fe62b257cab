//! The thread between the runner and the recording, and the bound on what waits for it.

use super::recorder::{Finish, Recorded, Recording, StageFacts};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::runner::wake::{Wake, Waker, pair};
use crate::runner::{Capture, Recorder};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// How many captures may wait, whatever their size.
const MOST_ITEMS: u64 = 64;

enum Job {
    Stage(Box<StageFacts>),
    Skipped(Box<StageFacts>),
    Capture(Capture),
    Finish(Finish, bool),
}

enum Report {
    Event(Event),
    Failed(String),
}

/// Told the stage and its process.
pub type OnProcess = Box<dyn FnMut(&str, u32)>;

/// Records captures in order while training goes on.
pub struct Queue {
    jobs: Option<Sender<Job>>,
    reports: Receiver<Report>,
    wake: Wake,
    waiting_bytes: Arc<AtomicU64>,
    waiting_items: Arc<AtomicU64>,
    bound: u64,
    missed: Option<String>,
    thread: Option<JoinHandle<Recording>>,
    on_process: OnProcess,
}

impl Queue {
    /// Starts the thread. At most `bound` bytes wait. `on_process` is told which process runs.
    ///
    /// `commits`: whether a capture makes a commit; otherwise only the end of the run does.
    pub fn start(recording: Recording, bound: u64, on_process: OnProcess) -> Result<Self> {
        let no_pipe = |error: std::io::Error| Error::io("cannot make a pipe").caused_by(error);
        let (wake, waker) = pair().map_err(no_pipe)?;
        let (jobs, job_queue) = channel();
        let (report_queue, reports) = channel();
        let waiting_bytes = Arc::new(AtomicU64::new(0));
        let waiting_items = Arc::new(AtomicU64::new(0));
        let counters = (waiting_bytes.clone(), waiting_items.clone());
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || work(recording, job_queue, report_queue, waker, counters))
            .map_err(|error| Error::io("cannot start the recorder").caused_by(error))?;
        Ok(Queue {
            jobs: Some(jobs),
            reports,
            wake,
            waiting_bytes,
            waiting_items,
            bound,
            missed: None,
            thread: Some(thread),
            on_process,
        })
    }

    /// A stage starts.
    pub fn start_stage(&mut self, facts: StageFacts) {
        self.send(Job::Stage(Box::new(facts)));
    }

    /// A stage does not have to run.
    pub fn skip_stage(&mut self, facts: StageFacts) {
        self.send(Job::Skipped(Box::new(facts)));
    }

    /// Why a checkpoint is missing, if one is.
    pub fn missed_reason(&self) -> Option<&str> {
        self.missed.as_deref()
    }

    /// Finishes all that waits, writes the status, ends the thread.
    pub fn finish(
        mut self,
        mut finish: Finish,
        commit: bool,
        events: &mut dyn Events,
    ) -> Result<(Recorded, Option<String>)> {
        // What is still waiting may fail too, and the note must say so.
        finish.incomplete = self.missed.clone();
        self.send(Job::Finish(finish, commit));
        self.jobs = None;
        let thread = self
            .thread
            .take()
            .ok_or_else(|| Error::io("the recorder has ended already"))?;
        let recording = thread
            .join()
            .map_err(|_| Error::io("the recorder failed"))?;
        self.reports(events);
        Ok((recording.recorded(), self.missed))
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only with the channel or by a panic, which joining it reports.
            let _ended = jobs.send(job);
        }
    }
}

impl Recorder for Queue {
    fn has_room(&self) -> bool {
        let items = self.waiting_items.load(Ordering::Acquire);
        items == 0
            || (items < MOST_ITEMS && self.waiting_bytes.load(Ordering::Acquire) < self.bound)
    }

    fn is_idle(&self) -> bool {
        self.waiting_items.load(Ordering::Acquire) == 0
    }

    fn submit(&mut self, capture: Capture) {
        self.waiting_bytes
            .fetch_add(capture.bytes, Ordering::AcqRel);
        self.waiting_items.fetch_add(1, Ordering::AcqRel);
        self.send(Job::Capture(capture));
    }

    fn missed(&mut self, reason: &str) {
        self.missed.get_or_insert_with(|| reason.to_owned());
    }

    fn reports(&mut self, events: &mut dyn Events) -> Option<String> {
        self.wake.drain();
        let mut failed = None;
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Event(event) => events.emit(event),
                Report::Failed(reason) => {
                    events.emit(Event::Warning(format!(
                        "a checkpoint could not be saved: {reason}"
                    )));
                    self.missed(&reason);
                    failed.get_or_insert(reason);
                }
            }
        }
        failed
    }

    fn wake(&self) -> &Wake {
        &self.wake
    }

    fn process_started(&mut self, stage: &str, pid: u32) {
        (self.on_process)(stage, pid);
    }
}

fn work(
    mut recording: Recording,
    jobs: Receiver<Job>,
    reports: Sender<Report>,
    waker: Waker,
    waiting: (Arc<AtomicU64>, Arc<AtomicU64>),
) -> Recording {
    let report = |report| {
        // Nobody listens any more only when the run is over.
        let _over = reports.send(report);
        waker.wake();
    };
    for job in jobs {
        let bytes = if let Job::Capture(capture) = &job {
            Some(capture.bytes)
        } else {
            None
        };
        let done = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let mut emit = |event| report(Report::Event(event));
            match job {
                Job::Stage(facts) => {
                    recording.start_stage(*facts);
                    Ok(())
                }
                Job::Skipped(facts) => recording.skip_stage(&facts),
                Job::Capture(capture) => recording.record(capture, &mut emit),
                Job::Finish(finish, commit) => recording.finish(&finish, commit, &mut emit),
            }
        }));
        if let Some(bytes) = bytes {
            waiting.0.fetch_sub(bytes, Ordering::AcqRel);
            waiting.1.fetch_sub(1, Ordering::AcqRel);
        }
        match done {
            Ok(Ok(())) => waker.wake(),
            Ok(Err(error)) => {
                recording.missed(&error.chain());
                report(Report::Failed(error.chain()));
            }
            Err(_) => {
                recording.missed("an internal error");
                report(Report::Failed("an internal error".to_owned()));
            }
        }
    }
    recording
}
