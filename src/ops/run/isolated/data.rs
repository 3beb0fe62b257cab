//! Cached data that the stages of an isolated run need, out of the cache.

use crate::error::Result;
use crate::id::ObjectId;
use crate::ops::outputs::Outputs;
use crate::pipeline::{Pipeline, Stage, paths};
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::objects::{Batch, EntryKind};
use crate::store::scan::FileState;

/// Puts the data that `stages` read, and what they wrote before, where `dvc.lock` and `.dvc` files say.
///
/// Checkpoint outputs are left to the run, which knows of which checkpoint they have to be. What the
/// cache does not have, or is damaged there, is left out: it may not be needed.
pub fn check_out(
    own: &Store,
    tree: ObjectId,
    pipeline: &Pipeline,
    stages: &[&Stage],
) -> Result<()> {
    let mut files = own.files(tree)?;
    for (path, text) in own.lockfile_texts(pipeline)? {
        let state = FileState {
            kind: EntryKind::Blob,
            id: Batch::new(own).blob(text.as_bytes())?,
        };
        files.insert(BString::from(own.tree_path(&path)), state);
    }
    let cache = own.cache()?;
    let outputs = Outputs::read(own, &files, &|_| false)?;
    for (path, hash) in &outputs.cached {
        let (Some(hash), Ok(text)) = (hash, path.to_str()) else {
            continue;
        };
        let inner = text.strip_prefix(own.prefix());
        if !inner.is_some_and(|inner| stages.iter().any(|stage| needs(stage, inner))) {
            continue;
        }
        let place = own.worktree().join(text);
        // It will be used at once, by its hash: who reads the object needs not read what comes of it.
        if cache.digest_stored(hash.format, &hash.md5)?.is_some() {
            cache.materialise(hash.format, &hash.md5, hash.isexec, &place)?;
        }
    }
    Ok(())
}

/// Whether the stage reads or writes what is at `path`, or below it, or above it.
fn needs(stage: &Stage, path: &str) -> bool {
    let overlaps = |other: &str| paths::is_within(path, other) || paths::is_within(other, path);
    let restored = |out: &&crate::pipeline::Output| stage.has_checkpoint() && out.path == path;
    stage.deps.iter().any(|dep| overlaps(dep))
        || stage
            .outs
            .iter()
            .filter(|out| !restored(out))
            .any(|out| overlaps(&out.path))
}
