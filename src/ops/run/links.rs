//! The outputs of a run that is over, as `cache.type` wants them.

use crate::error::Result;
use crate::id::ObjectId;
use crate::ops::outputs::Outputs;
use crate::store::Store;
use std::collections::HashSet;

/// Makes links of the outputs that the tip of the run has in the cache: stages wrote to copies.
///
/// What was written after the tip is left alone.
pub(super) fn make(store: &Store, tip: ObjectId, ours: &HashSet<&str>) -> Result<()> {
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
