//! The thread between the runner and the recording, and the bound on what waits for it.

use super::job::{Job, Work};
use super::recorder::{Finish, Recorded, Recording, StageFacts};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::runner::wake::{Wake, Waker, pair};
use crate::runner::{Capture, Recorder};
use crate::store::journal::{EntryKind, Journal, Plan};
use std::io::BufWriter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// How many captures may wait, whatever their size.
const MOST_ITEMS: u64 = 64;

enum Report {
    Event(Event),
    Failed(String),
}

/// Told the stage, which line of its command runs, and its process.
pub type OnProcess = Box<dyn FnMut(&str, usize, u32)>;

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
    journal: Journal,
    next_entry: u64,
    /// The plan of the start, and the stages that were skipped: they are written when a stage starts,
    /// since before that there is nothing that a kill could cut off.
    plan: Option<Plan>,
    skipped: Vec<(u64, Box<StageFacts>)>,
}

impl Queue {
    /// Starts the thread. At most `bound` bytes wait. `on_process` is told which process runs.
    pub fn start(recording: Recording, bound: u64, on_process: OnProcess) -> Result<Self> {
        let journal = recording.journal.clone();
        let plan = recording.plan();
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
            journal,
            next_entry: 1,
            plan: Some(plan),
            skipped: Vec::new(),
        })
    }

    /// Sends what stands in the journal already.
    pub(super) fn send_all(&mut self, jobs: Vec<Job>) {
        for job in jobs {
            self.next_entry = self.next_entry.max(job.number.unwrap_or_default() + 1);
            if let Work::Capture(capture) = &job.work {
                self.count(capture);
            }
            self.send(job);
        }
    }

    /// A stage starts.
    pub fn start_stage(&mut self, facts: StageFacts) {
        self.write_held();
        let number = self
            .enter(|journal, number| journal.add(number, EntryKind::Stage, |out| facts.write(out)));
        let work = Work::Stage(Box::new(facts));
        self.send(Job { number, work });
    }

    /// A stage does not have to run.
    pub fn skip_stage(&mut self, facts: StageFacts) {
        let facts = Box::new(facts);
        let number = self.next_entry;
        self.next_entry += 1;
        self.skipped.push((number, facts.clone()));
        self.send(Job {
            number: Some(number),
            work: Work::Skipped(facts),
        });
    }

    /// Writes what the journal lacks; see the fields.
    fn write_held(&mut self) {
        if let Some(plan) = self.plan.take() {
            // Without a plan a kill loses what a failure of the disk would lose anyway.
            let _not_fatal = self.journal.write_plan(&plan);
        }
        for (number, facts) in self.skipped.drain(..) {
            let write = |out: &mut BufWriter<fs_err::File>| facts.write(out);
            let _not_fatal = self.journal.add(number, EntryKind::Skipped, write);
        }
    }

    /// Why a checkpoint is missing, if one is.
    pub fn missed_reason(&self) -> Option<&str> {
        self.missed.as_deref()
    }

    /// Asks to finish all that waits and to write the status.
    pub fn ask_to_finish(&mut self, mut finish: Finish, commit: bool) {
        // What is still waiting may fail too, and the note must say so.
        finish.incomplete = self.missed.clone();
        self.send(Job {
            number: None,
            work: Work::Finish(finish, commit),
        });
        self.jobs = None;
    }

    /// Waits until all is finished; call [`Queue::ask_to_finish`] first.
    pub fn finish(mut self, events: &mut dyn Events) -> Result<(Recorded, Option<String>)> {
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

    /// Returns the number of a new entry of the journal; `None` if it cannot be written: then a kill
    /// loses what a failure of the disk would lose anyway.
    fn enter(&mut self, write: impl FnOnce(&Journal, u64) -> Result<()>) -> Option<u64> {
        let number = self.next_entry;
        write(&self.journal, number).ok()?;
        self.next_entry += 1;
        Some(number)
    }

    fn count(&self, capture: &Capture) {
        self.waiting_bytes
            .fetch_add(capture.bytes, Ordering::AcqRel);
        self.waiting_items.fetch_add(1, Ordering::AcqRel);
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

    fn keep(&mut self, capture: &mut Capture) {
        capture.number = self.enter(|journal, number| {
            journal.add(number, EntryKind::Capture, |out| {
                capture.write_manifest(out)
            })
        });
    }

    fn submit(&mut self, capture: Capture) {
        self.count(&capture);
        self.send(Job {
            number: capture.number,
            work: Work::Capture(capture),
        });
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

    fn process_started(&mut self, stage: &str, line: usize, pid: u32) {
        (self.on_process)(stage, line, pid);
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
        let capture = match &job.work {
            Work::Capture(capture) => Some((capture.bytes, job.number)),
            _ => None,
        };
        let mut emit = |event| report(Report::Event(event));
        let done = recording.perform(job, &mut emit);
        if let Some((bytes, number)) = capture {
            if let (Err(_), Some(number)) = (&done, number) {
                recording.give_up(number, EntryKind::Capture);
            }
            waiting.0.fetch_sub(bytes, Ordering::AcqRel);
            waiting.1.fetch_sub(1, Ordering::AcqRel);
        }
        match done {
            Ok(()) => waker.wake(),
            Err(error) => report(Report::Failed(error.chain())),
        }
    }
    recording
}
