//! Records of stages that run beside each other: made in the order of the pipeline whatever ends first.
//!
//! Each stage has a place. What it leaves stands in the journal at once, with a number that puts it where
//! it belongs, and goes to the recorder when all before it have. So `dvc.lock`, trees and notes are those
//! of a run that visits one stage after the other.

use super::job::{Job, Work};
use super::queue::Queue;
use super::recorder::StageFacts;
use crate::capture::{Capture, CapturedPath, PathList};
use crate::error::Result;
use crate::pipeline::Reported;
use crate::runner::Recorder;
use std::collections::VecDeque;
use std::sync::Arc;

/// How many bytes of captures wait in memory for their turn; of more, the journal's copies are read again.
const MOST_IN_MEMORY: u64 = 4 << 20;

/// What the stages that have a place have left and nobody has recorded.
#[derive(Default)]
pub(super) struct Turns {
    /// How many have been sent and are gone.
    gone: usize,
    turns: VecDeque<Turn>,
    /// Files that no stage declares, in the order of time: they are of the moment, not of a stage.
    files: Vec<CapturedPath>,
    /// What to look at later, which finds what is there then.
    late: Option<Arc<PathList>>,
    /// Bytes of captures in memory.
    in_memory: u64,
    reported: Arc<Reported>,
}

struct Turn {
    next_entry: u64,
    left: Vec<Left>,
    is_over: bool,
}

enum Left {
    Job(Job),
    /// The capture with this number in the journal.
    Kept(u64),
}

/// Where the records of a stage go: behind those of the stages that have a place before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(usize);

impl Queue {
    /// Gives places to `count` stages, in this order, each for at most `most` facts and captures.
    pub fn places(&mut self, count: usize, most: u64) -> Vec<Place> {
        let from = self.turns.gone + self.turns.turns.len();
        for _ in 0..count {
            self.turns.turns.push_back(Turn {
                next_entry: self.next_entry,
                left: Vec::new(),
                is_over: false,
            });
            self.next_entry += most;
        }
        (from..from + count).map(Place).collect()
    }

    /// A stage starts beside others.
    pub fn start_stage_at(&mut self, place: Place, facts: StageFacts) -> Result<()> {
        self.expect_stage()?;
        let number = self.next_entry_of(place);
        let number = number.filter(|number| self.enter_stage(*number, &facts));
        let work = Work::Stage(Box::new(facts));
        self.leave(place, Left::Job(Job { number, work }));
        Ok(())
    }

    /// A stage that has a place does not have to run, or one that it reads from is not visited.
    pub fn skip_stage_at(&mut self, place: Place, facts: StageFacts) {
        let facts = Box::new(facts);
        let number = self.next_entry_of(place);
        if let Some(number) = number {
            self.hold_skipped(number, facts.clone());
        }
        let work = Work::Skipped(facts);
        self.leave(place, Left::Job(Job { number, work }));
    }

    /// A stage that has a place has ended.
    pub fn submit_at(&mut self, place: Place, mut capture: Capture) {
        let number = self.next_entry_of(place);
        capture.number = number.filter(|number| self.enter_capture(*number, &capture));
        self.turns.files.append(&mut capture.files);
        self.turns.reported = capture.reported.clone();
        self.turns.late = capture.late.take().or(self.turns.late.take());
        let size = capture.in_memory();
        let left = match capture.number {
            Some(number) if self.turns.in_memory + size > MOST_IN_MEMORY => Left::Kept(number),
            number => {
                self.turns.in_memory += size;
                Left::Job(Job {
                    number,
                    work: Work::Capture(capture),
                })
            }
        };
        self.leave(place, left);
    }

    /// Nothing more comes from a stage: it and those behind it that are over, too, are recorded.
    pub fn end_turn(&mut self, place: Place) {
        if let Some(turn) = self.turn(place) {
            turn.is_over = true;
        }
        while self.turns.turns.front().is_some_and(|turn| turn.is_over) {
            let turn = self.turns.turns.pop_front();
            self.turns.gone += 1;
            for left in turn.into_iter().flat_map(|turn| turn.left) {
                self.record(left);
            }
        }
    }

    fn record(&mut self, left: Left) {
        let mut job = match left {
            Left::Job(job) => {
                if let Work::Capture(capture) = &job.work {
                    self.turns.in_memory -= capture.in_memory();
                }
                job
            }
            Left::Kept(number) => match self.read_capture(number) {
                Ok(capture) => Job {
                    number: Some(number),
                    work: Work::Capture(capture),
                },
                Err(error) => return self.missed(&error.chain()),
            },
        };
        if let Work::Capture(capture) = &mut job.work {
            capture.files = std::mem::take(&mut self.turns.files);
            capture.reported = self.turns.reported.clone();
            capture.late = self.turns.late.take();
        }
        self.send_counted(job);
    }

    fn next_entry_of(&mut self, place: Place) -> Option<u64> {
        let turn = self.turn(place)?;
        let number = turn.next_entry;
        turn.next_entry += 1;
        Some(number)
    }

    fn leave(&mut self, place: Place, left: Left) {
        if let Some(turn) = self.turn(place) {
            turn.left.push(left);
        }
    }

    fn turn(&mut self, place: Place) -> Option<&mut Turn> {
        let at = place.0.checked_sub(self.turns.gone)?;
        self.turns.turns.get_mut(at)
    }
}
