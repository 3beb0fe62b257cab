//! The thread between the runner and the recording, and the bound on what waits for it.

use super::job::{Job, Work};
use super::recorder::{Finish, Recorded, Recording, StageFacts};
use super::settle::SETTLE_AFTER;
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

/// What the thread has not done yet.
#[derive(Default)]
struct Waiting {
    /// Bytes of captures that are not in the cache.
    bytes: AtomicU64,
    /// How many captures that are.
    items: AtomicU64,
    /// How many captures are not recorded to the end.
    unfinished: AtomicU64,
}

/// Told the stage, which line of its command runs, and its process.
pub type OnProcess = Box<dyn FnMut(&str, usize, u32)>;

/// Records captures in order while training goes on.
pub struct Queue {
    jobs: Option<Sender<Job>>,
    reports: Receiver<Report>,
    wake: Wake,
    waiting: Arc<Waiting>,
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
        let waiting = Arc::new(Waiting::default());
        let counters = waiting.clone();
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || work(recording, job_queue, report_queue, waker, counters))
            .map_err(|error| Error::io("cannot start the recorder").caused_by(error))?;
        Ok(Queue {
            jobs: Some(jobs),
            reports,
            wake,
            waiting,
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
        let waiting = &self.waiting;
        waiting.bytes.fetch_add(capture.bytes, Ordering::AcqRel);
        waiting.items.fetch_add(1, Ordering::AcqRel);
        waiting.unfinished.fetch_add(1, Ordering::AcqRel);
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
        let items = self.waiting.items.load(Ordering::Acquire);
        items == 0
            || (items < MOST_ITEMS && self.waiting.bytes.load(Ordering::Acquire) < self.bound)
    }

    fn is_idle(&self) -> bool {
        self.waiting.unfinished.load(Ordering::Acquire) == 0
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
    waiting: Arc<Waiting>,
) -> Recording {
    let report = |report| {
        // Nobody listens any more only when the run is over.
        let _over = reports.send(report);
        waker.wake();
    };
    while let Some(job) = next(&jobs, &recording) {
        // A status speaks of all that was recorded.
        if matches!(job.work, Work::Finish(..)) && recording.is_unsettled() {
            perform(&mut recording, settling(), &waiting, &waker, &report);
        }
        perform(&mut recording, job, &waiting, &waker, &report);
    }
    recording
}

/// Waits for the next job. What ended stages left is put in place when none comes for a moment.
fn next(jobs: &Receiver<Job>, recording: &Recording) -> Option<Job> {
    if !recording.is_unsettled() {
        return jobs.recv().ok();
    }
    match jobs.recv_timeout(SETTLE_AFTER) {
        Ok(job) => Some(job),
        Err(_) => Some(settling()),
    }
}

fn settling() -> Job {
    Job {
        number: None,
        work: Work::Settle,
    }
}

fn perform(
    recording: &mut Recording,
    job: Job,
    waiting: &Waiting,
    waker: &Waker,
    report: &dyn Fn(Report),
) {
    let mut room = match &job.work {
        Work::Capture(capture) => Some(capture.bytes),
        _ => None,
    };
    let (number, is_capture) = (job.number, room.is_some());
    let mut taken = || {
        if let Some(bytes) = room.take() {
            waiting.bytes.fetch_sub(bytes, Ordering::AcqRel);
            waiting.items.fetch_sub(1, Ordering::AcqRel);
            waker.wake();
        }
    };
    let mut emit = |event| report(Report::Event(event));
    let done = recording.perform(job, &mut taken, &mut emit);
    if done.is_err() {
        if let (true, Some(number)) = (is_capture, number) {
            recording.give_up(number, EntryKind::Capture);
        }
        recording.let_go();
    }
    taken();
    if is_capture {
        waiting.unfinished.fetch_sub(1, Ordering::AcqRel);
    }
    match done {
        Ok(()) => waker.wake(),
        Err(error) => report(Report::Failed(error.chain())),
    }
}
