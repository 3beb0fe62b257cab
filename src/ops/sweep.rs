//! What killed runs in worktrees of their own have left: their captures are recorded, then they go.

use super::claim;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::store::Store;
use crate::store::temporary::Temporary;

/// Finishes and removes the temporary worktrees of killed runs. One whose training lives on stays,
/// and one that cannot be finished now is told and stays, too.
pub fn sweep(store: &Store, events: &mut dyn Events) {
    if store.is_temporary() {
        return;
    }
    let left = match store.left_temporaries() {
        Ok(left) => left,
        Err(error) => return events.emit(Event::Warning(error.chain())),
    };
    for one in left {
        if let Err(error) = finish(one, events) {
            events.emit(Event::Warning(error.chain()));
        }
    }
}

fn finish(left: Temporary, events: &mut dyn Events) -> Result<()> {
    if left.is_whole() {
        let own = left.open()?;
        let record = own.run_record()?;
        if record.as_ref().is_some_and(|run| !run.alive().is_empty()) {
            return Ok(());
        }
        claim::finish_killed(&own, record, events)?;
    }
    left.remove()
}
