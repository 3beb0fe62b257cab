//! What training wrote after its last checkpoint: it stays in the workspace, and that is said.

use super::answer::Signals;
use super::stage::{Recorder, Runner, StageRun};
use super::still::newest;
use crate::event::Event;

impl<R: Recorder> Runner<'_, R> {
    /// Names the outputs that were written since the last capture, or since the stage started.
    pub(super) fn name_unsaved(&mut self, run: &StageRun<'_>, signals: &Signals) {
        if !run.checkpoints {
            return;
        }
        let outputs = run.stage.outs.iter().map(|output| &output.path);
        // What cannot be looked at is not worth an error at the end of a failed run.
        let is_newer = |path: &&String| match self.capturer.is_as_captured(path) {
            Some(same) => !same,
            None => newest(&run.root.join(path)).is_ok_and(|found| found > Some(signals.covered)),
        };
        let unsaved: Vec<String> = outputs
            .filter(is_newer)
            .map(|path| format!("'{path}'"))
            .collect();
        if !unsaved.is_empty() {
            let fate = match run.temporary {
                true => "not kept",
                false => "in the workspace only",
            };
            self.events.emit(Event::Status(format!(
                "written after the last checkpoint, and {fate}: {}",
                unsaved.join(", ")
            )));
        }
    }
}
