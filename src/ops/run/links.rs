//! The outputs of a run that is over, as `cache.type` wants them.

use crate::error::Result;
use crate::event::{Event, Events};
use crate::id::ObjectId;
use crate::ops::outputs::Outputs;
use crate::pipeline::Pipeline;
use crate::store::Store;
use std::collections::HashSet;

/// Makes links of the outputs that the tip of the run has in the cache: stages wrote to copies.
///
/// What was written after the tip is left alone. The run is over: what fails is a warning.
pub(super) fn make(store: &Store, tip: ObjectId, pipeline: &Pipeline, events: &mut dyn Events) {
    let outputs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let ours = outputs.map(|output| output.path.as_str()).collect();
    if let Err(error) = try_make(store, tip, &ours) {
        events.emit(Event::Warning(error.chain()));
    }
}

fn try_make(store: &Store, tip: ObjectId, ours: &HashSet<&str>) -> Result<()> {
    let cache = store.cache()?;
    if !cache.wants_links() {
        return Ok(());
    }
    let outputs = Outputs::read(store, &store.files(tip)?, &|_| true)?;
    for (path, hash) in &outputs.cached {
        let Some(hash) = hash else { continue };
        let path = path.to_string();
        let is_ours = path
            .strip_prefix(store.prefix())
            .is_some_and(|path| ours.contains(path));
        if is_ours {
            cache.relink(hash.format, &hash.md5, &store.worktree().join(&path))?;
        }
    }
    Ok(())
}
