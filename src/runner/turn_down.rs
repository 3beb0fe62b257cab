//! What stages beside each other get for signals, and others for requests: an answer, and no checkpoint.

use super::answer::clear;
use super::beside::Group;
use super::stage::{Recorder, Runner};
use crate::error::Result;
use crate::event::Event;

impl<R: Recorder> Runner<'_, R> {
    /// Answers signals and requests: no checkpoint can be taken here.
    pub(super) fn turn_down(&mut self, group: &mut Group<'_>) -> Result<()> {
        let (Some(signals), Some(file)) = (&group.signals, group.signal_file()) else {
            return Ok(());
        };
        signals.watch.drain();
        let file = file.to_owned();
        let waiting = self.requests.waiting();
        if waiting.is_empty() && !file.exists() {
            return Ok(());
        }
        let names = group.names();
        let (whose, has, their) = match &names[..] {
            [one] => (format!("stage '{one}'"), "has", "its"),
            all => (
                format!("one of the stages '{}'", all.join("', '")),
                "have",
                "their",
            ),
        };
        if file.exists() {
            clear(&file)?;
            if !group.has_warned {
                self.events.emit(Event::Warning(format!(
                    "{whose} signals checkpoints, but has no output with 'checkpoint: true'; {their} signals are answered and nothing is saved"
                )));
            }
            group.has_warned = true;
        }
        let names = group.names();
        let s = if names.len() == 1 { "" } else { "s" };
        let refusal = format!(
            "stage{s} '{}' {has} no output with 'checkpoint: true'",
            names.join("', '")
        );
        self.answer_all(&waiting, Some(&refusal));
        Ok(())
    }
}
