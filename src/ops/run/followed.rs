//! What an import is a copy of, where that is a path here.

use super::inputs::Inputs;
use crate::digest::PathDigest;
use crate::error::{Error, Result};
use crate::pipeline::data::Source;
use crate::pipeline::{DataFile, paths};
use crate::store::Store;
use crate::store::cache::Cache;

/// The source that a `.dvc` file is to follow, as it is now.
pub struct Followed<'f> {
    /// Its path, relative to the project's root or absolute.
    pub path: &'f str,
    /// As the `.dvc` file writes it.
    pub written: &'f str,
    /// What is there.
    pub digest: PathDigest,
    /// Whether the `.dvc` file records something else.
    pub is_changed: bool,
}

impl<'f> Followed<'f> {
    /// Looks at it; `None` if there is none to follow.
    ///
    /// Refused is, if a stage needs the copy, a source that is not there, be it that no stage has written it yet.
    /// [`Stages::check_copies`](super::stages::Stages::check_copies) looks whether one does so anew. In a worktree of its own a path that leads out of the repository leads elsewhere;
    /// who made the worktree has looked at it already.
    pub fn look(
        store: &Store,
        cache: &Cache,
        inputs: &Inputs,
        file: &'f DataFile,
        is_needed: bool,
    ) -> Result<Option<Self>> {
        let Some((source, path)) = file
            .follows()
            .and_then(|it| Some((it, it.path.as_deref()?)))
        else {
            return Ok(None);
        };
        if leads_elsewhere(store, source) {
            return Ok(None);
        }
        let pipeline = &inputs.pipeline;
        let shown = paths::from(&pipeline.folder, file.path());
        let writer = pipeline.writer_of(path);
        if writer.is_some() && !is_needed {
            return Ok(None);
        }
        let Some(digest) = cache.digest(&store.project()?.join(path))? else {
            if !is_needed {
                return Ok(None);
            }
            let error = Error::missing(format!(
                "'{}', of which '{shown}' is a copy, does not exist",
                source.written
            ));
            return Err(match writer.map(|writer| pipeline.shown(writer)) {
                Some(writer) => error.hint(format!("git exp run {writer} writes it")),
                None => error.hint(format!("dvc freeze {shown} keeps the copy as it is")),
            });
        };
        let recorded = source.recorded.as_ref();
        let is_recorded = recorded.is_some_and(|hash| digest.md5(hash.format) == hash.md5);
        Ok(Some(Followed {
            path,
            written: &source.written,
            is_changed: !is_recorded,
            digest,
        }))
    }
}

/// Returns what an import is a copy of, frozen or not, as it is now: DVC records that with a copy that
/// was edited. `None` if it is not there.
pub fn beside(store: &Store, cache: &Cache, file: &DataFile) -> Result<Option<PathDigest>> {
    let Some(source) = file.sources.first().filter(|_| file.is_import()) else {
        return Ok(None);
    };
    match &source.path {
        Some(path) if !leads_elsewhere(store, source) => cache.digest(&store.project()?.join(path)),
        _ => Ok(None),
    }
}

fn leads_elsewhere(store: &Store, source: &Source) -> bool {
    let is_elsewhere = |path: &String| store.is_elsewhere(path);
    store.is_temporary()
        && source.path.as_ref().is_some_and(is_elsewhere)
        && !paths::is_outside(&source.written)
}
