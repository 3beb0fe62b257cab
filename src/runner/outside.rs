//! Checkpoints that somebody outside of the run asks for.
//!
//! Nobody chose the moment, so one is looked for at which nothing is being written: all that belongs
//! to the checkpoint is older than [`QUIET`], and stays as it is while it is captured.

use super::answer::Signals;
use super::stage::{Recorder, Runner, StageRun};
use super::stat::{FileStat, nanos, now};
use crate::error::Result;
use crate::event::Event;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For how long nothing was written when a file counts as whole.
const QUIET: Duration = Duration::from_millis(200);
/// The same where time stamps are whole seconds.
const COARSE_QUIET: Duration = Duration::from_secs(3);
/// Between two looks, while somebody waits.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl<R: Recorder> Runner<'_, R> {
    /// Takes the checkpoint that somebody asks for, if it can be taken now. Returns why, if it is lost.
    pub(super) fn answer_requests(
        &mut self,
        run: &StageRun<'_>,
        signals: &mut Signals,
    ) -> Option<String> {
        let waiting = self.requests.waiting();
        // What a signal has saved since they asked is what they asked for.
        let after = signals.last_taken;
        let (saved, waiting): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|request| after.is_some_and(|after| is_older(request, after)));
        self.answer_all(&saved, None);
        signals.asked = !waiting.is_empty();
        if !signals.asked || !self.recorder.has_room() {
            return None;
        }
        let lost = if run.checkpoints {
            match self.capture_quiet(run) {
                Ok(false) => return None,
                Ok(true) => {
                    signals.asked = false;
                    signals.covered = nanos(now());
                    self.answer_all(&waiting, None);
                    return None;
                }
                Err(error) => Some(self.miss(&error)),
            }
        } else {
            None
        };
        signals.asked = false;
        let no_output = || {
            let stage = &run.stage.name;
            format!("stage '{stage}' has no output with 'checkpoint: true'")
        };
        self.answer_all(&waiting, Some(&lost.clone().unwrap_or_else(no_output)));
        lost
    }

    /// Returns whether a checkpoint was taken.
    fn capture_quiet(&mut self, run: &StageRun<'_>) -> Result<bool> {
        let newest = self.newest(run)?.all();
        let is_coarse = newest % 1_000_000_000 == 0;
        let quiet = if is_coarse { COARSE_QUIET } else { QUIET };
        if nanos(now()) - newest < quiet.as_nanos() as i128 {
            return Ok(false);
        }
        // Long ago on the clock of time stamps, so a write since then has another one.
        let is_still = &mut |runner: &mut Self| Ok(runner.newest(run)?.all() <= newest);
        let Some((capture, _)) = self.capture_still(run, is_still)? else {
            return Ok(false);
        };
        self.submit(capture);
        Ok(true)
    }

    pub(super) fn answer_all(&mut self, requests: &[PathBuf], refused: Option<&str>) {
        for request in requests {
            if let Err(error) = self.requests.answer(request, refused) {
                self.events.emit(Event::Warning(error.chain()));
            }
        }
    }
}

/// Whether a request was there for sure at this moment.
fn is_older(request: &Path, moment: i128) -> bool {
    rustix::fs::stat(request).is_ok_and(|stat| FileStat::from_rustix(&stat).is_settled(moment))
}
