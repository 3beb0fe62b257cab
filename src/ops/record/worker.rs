//! The recorder's thread: does one job after the other, and tells what came of it.

use super::job::{Job, Work};
use super::recorder::Recording;
use super::settle::SETTLE_AFTER;
use crate::event::Event;
use crate::runner::wake::Waker;
use crate::store::Store;
use crate::store::journal::EntryKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

/// What the runner's side is told.
pub(super) enum Report {
    /// Something happened.
    Event(Event),
    /// A record failed, and why.
    Failed(String),
}

/// What the thread has not done yet.
#[derive(Default)]
pub(super) struct Waiting {
    /// Bytes of captures that are not in the cache.
    pub bytes: AtomicU64,
    /// How many captures that are.
    pub items: AtomicU64,
    /// How many captures are not recorded to the end.
    pub unfinished: AtomicU64,
}

/// The recording with all that its thread needs.
pub(super) struct Worker {
    pub recording: Recording,
    pub jobs: Receiver<Job>,
    pub reports: Sender<Report>,
    /// Tells the runner to look at the reports; none where it waits for the worker itself.
    pub waker: Option<Waker>,
    pub waiting: Arc<Waiting>,
}

impl Worker {
    /// Does jobs until no more can come.
    pub fn work(self) -> Recording {
        let Worker {
            mut recording,
            jobs,
            reports,
            waker,
            waiting,
        } = self;
        let report = |report| {
            // Nobody listens any more only when the run is over.
            let _over = reports.send(report);
            wake(&waker);
        };
        let store = recording.store().clone();
        let perform = |recording: &mut _, job: Job| {
            // gix keeps what it reads and edits for a checkpoint, between what comes and goes: with one
            // handle for all of training the heap grows threefold.
            let of_its_own = matches!(job.work, Work::Capture(_) | Work::Settle);
            let own = of_its_own.then(|| store.clone());
            let store = own.as_ref().unwrap_or(&store);
            perform(recording, store, job, &waiting, &waker, &report);
        };
        while let Some(job) = next(&jobs, &recording) {
            // A status speaks of all that was recorded.
            if matches!(job.work, Work::Finish(..)) && recording.is_unsettled() {
                perform(&mut recording, settling());
            }
            perform(&mut recording, job);
        }
        recording
    }
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

fn wake(waker: &Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
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
    store: &Store,
    job: Job,
    waiting: &Waiting,
    waker: &Option<Waker>,
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
            wake(waker);
        }
    };
    let mut emit = |event| report(Report::Event(event));
    let done = recording.perform(store, job, &mut taken, &mut emit);
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
        Ok(()) => wake(waker),
        Err(error) => report(Report::Failed(error.chain())),
    }
}
