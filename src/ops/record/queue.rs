//! What stands between the runner and the recording, and the bound on what waits there.

use super::job::{Job, Work};
use super::recorder::{Finish, Recorded, Recording, StageFacts};
use super::turns::Turns;
use super::unread::Unread;
use super::worker::{Report, Waiting, Worker};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::progress::Progress;
use crate::runner::wake::{Wake, pair};
use crate::runner::{Capture, Recorder};
use crate::store::journal::{EntryKind, Journal};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// How many captures may wait, whatever their size.
const MOST_ITEMS: u64 = 64;

/// Told the stage, which line of its command runs, and its process.
pub type OnProcess = Box<dyn FnMut(&str, usize, u32)>;

/// Records captures in order while training goes on.
pub struct Queue {
    /// What the thread will do; none is needed where no stage has to run.
    idle: Option<Worker>,
    jobs: Option<Sender<Job>>,
    reports: Receiver<Report>,
    wake: Wake,
    waiting: Arc<Waiting>,
    bound: u64,
    missed: Option<String>,
    thread: Option<JoinHandle<Recording>>,
    on_process: OnProcess,
    journal: Journal,
    unread: Unread,
    pub(super) next_entry: u64,
    /// The stages that were skipped: they are written when a stage starts, and so is the plan, since
    /// before that there is nothing that a kill could cut off.
    skipped: Vec<(u64, Box<StageFacts>)>,
    pub(super) turns: Turns,
}

impl Queue {
    /// Makes one. At most `bound` bytes wait. `on_process` is told which process runs.
    pub fn new(recording: Recording, bound: u64, on_process: OnProcess) -> Result<Self> {
        let no_pipe = |error: std::io::Error| Error::io("cannot make a pipe").caused_by(error);
        let (wake, waker) = pair().map_err(no_pipe)?;
        let (jobs, job_queue) = channel();
        let (report_queue, reports) = channel();
        let waiting = Arc::new(Waiting::default());
        Ok(Queue {
            journal: recording.journal.clone(),
            unread: recording.unread.clone(),
            idle: Some(Worker {
                recording,
                jobs: job_queue,
                reports: report_queue,
                waker: Some(waker),
                waiting: waiting.clone(),
            }),
            jobs: Some(jobs),
            reports,
            wake,
            waiting,
            bound,
            missed: None,
            thread: None,
            on_process,
            next_entry: 1,
            skipped: Vec::new(),
            turns: Turns::default(),
        })
    }

    /// Starts the thread.
    fn start(&mut self) -> Result<()> {
        let Some(idle) = self.idle.take() else {
            return Ok(());
        };
        let thread = std::thread::Builder::new()
            .name("recorder".into())
            .spawn(move || idle.work())
            .map_err(|error| Error::io("cannot start the recorder").caused_by(error))?;
        self.thread = Some(thread);
        Ok(())
    }

    /// Sends what stands in the journal already, and so does its plan.
    pub(super) fn send_all(&mut self, jobs: Vec<Job>) -> Result<()> {
        self.start()?;
        for job in jobs {
            self.next_entry = self.next_entry.max(job.number.unwrap_or_default() + 1);
            self.send_counted(job);
        }
        Ok(())
    }

    /// A stage starts.
    pub fn start_stage(&mut self, facts: StageFacts) -> Result<()> {
        self.expect_stage()?;
        let number = self.new_entry(|queue, number| queue.enter_stage(number, &facts));
        let work = Work::Stage(Box::new(facts));
        self.send(Job { number, work });
        Ok(())
    }

    /// Makes ready for what a stage leaves.
    pub(super) fn expect_stage(&mut self) -> Result<()> {
        self.make_ready()?;
        if let Some(idle) = &self.idle {
            // Without a plan a kill loses what a failure of the disk would lose anyway.
            let _not_fatal = self.journal.write_plan(&idle.recording.plan());
        }
        self.start()?;
        self.write_skipped();
        Ok(())
    }

    /// A stage does not have to run.
    pub fn skip_stage(&mut self, facts: StageFacts) {
        let facts = Box::new(facts);
        let number = self.next_entry;
        self.next_entry += 1;
        self.hold_skipped(number, facts.clone());
        self.send(Job {
            number: Some(number),
            work: Work::Skipped(facts),
        });
    }

    /// Remembers a stage that was skipped for the journal.
    pub(super) fn hold_skipped(&mut self, number: u64, facts: Box<StageFacts>) {
        self.skipped.push((number, facts));
    }

    /// Writes what the journal lacks; see the field.
    fn write_skipped(&mut self) {
        for (number, facts) in self.skipped.drain(..) {
            let write = |mut out: &mut dyn Write| facts.write(&mut out);
            let _not_fatal = self.journal.add(number, EntryKind::Skipped, write);
        }
    }

    /// Waits until what ended stages have written is hashed: who reads `what` of it next would hash it too.
    pub fn wait_until_read(&self, progress: &Progress, what: &str) {
        let thread = self.thread.as_ref();
        let goes_on = || thread.is_some_and(|thread| !thread.is_finished());
        self.unread.wait(progress, what, goes_on);
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
        let recording = match (self.idle.take(), self.thread.take()) {
            (Some(mut idle), _) => {
                idle.waker = None;
                idle.work()
            }
            (None, Some(thread)) => thread
                .join()
                .map_err(|_| Error::io("the recorder failed"))?,
            (None, None) => return Err(Error::io("the recorder has ended already")),
        };
        self.reports(events);
        Ok((recording.recorded(), self.missed))
    }

    /// Returns the number of a new entry of the journal; `None` if it cannot be written: then a kill
    /// loses what a failure of the disk would lose anyway.
    fn new_entry(&mut self, write: impl FnOnce(&Self, u64) -> bool) -> Option<u64> {
        let number = self.next_entry;
        let is_written = write(self, number);
        self.next_entry += u64::from(is_written);
        is_written.then_some(number)
    }

    /// Writes down that a stage starts; whether that could be done.
    pub(super) fn enter_stage(&self, number: u64, facts: &StageFacts) -> bool {
        let write = |mut out: &mut dyn Write| facts.write(&mut out);
        self.journal.add(number, EntryKind::Stage, write).is_ok()
    }

    /// Writes down a capture; whether that could be done.
    pub(super) fn enter_capture(&self, number: u64, capture: &Capture) -> bool {
        let write = |mut out: &mut dyn Write| capture.write_manifest(&mut out);
        self.journal.add(number, EntryKind::Capture, write).is_ok()
    }

    /// Reads a capture that was written down.
    pub(super) fn read_capture(&self, number: u64) -> Result<Capture> {
        let mut capture = Capture::parse_manifest(&self.journal.read(number, EntryKind::Capture)?)?;
        capture.number = Some(number);
        Ok(capture)
    }

    fn count(&self, capture: &Capture) {
        let waiting = &self.waiting;
        waiting.bytes.fetch_add(capture.bytes, Ordering::AcqRel);
        waiting.items.fetch_add(1, Ordering::AcqRel);
        waiting.unfinished.fetch_add(1, Ordering::AcqRel);
        self.unread.add(capture.bytes, capture.output_files());
    }

    /// Hands over a job that may be a capture.
    pub(super) fn send_counted(&self, job: Job) {
        if let Work::Capture(capture) = &job.work {
            self.count(capture);
        }
        self.send(job);
    }

    /// Hands a job over; it is done when there is a thread.
    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only with the channel or by a panic, which joining it reports.
            let _ended = jobs.send(job);
        }
    }
}

impl Recorder for Queue {
    fn make_ready(&mut self) -> Result<()> {
        match &self.idle {
            Some(idle) => idle.recording.make_folder(),
            None => Ok(()),
        }
    }

    fn has_room(&self) -> bool {
        let items = self.waiting.items.load(Ordering::Acquire);
        items == 0
            || (items < MOST_ITEMS && self.waiting.bytes.load(Ordering::Acquire) < self.bound)
    }

    fn is_idle(&self) -> bool {
        self.waiting.unfinished.load(Ordering::Acquire) == 0
    }

    fn keep(&mut self, capture: &mut Capture) {
        capture.number = self.new_entry(|queue, number| queue.enter_capture(number, capture));
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
