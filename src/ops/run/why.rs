//! Whether a stage has to run, and why.

use super::place::Place;
use crate::error::Result;
use crate::lockfile::Lockfiles;
use crate::ops::record::StageFacts;
use crate::pipeline::{Output, Stage, paths};
use crate::reason::{self, Always, Difference, Reason};

/// Returns why the stage has to run; nothing if `dvc.lock` says that it has run with exactly these inputs, and
/// its outputs are as it left them, here and in the cache.
///
/// What decides is what decides for DVC, in its order: outputs are looked at only if nothing else has changed.
pub fn reasons(
    place: Place<'_>,
    stage: &Stage,
    facts: &StageFacts,
    lockfiles: &Lockfiles,
) -> Result<Vec<Reason>> {
    let Some(old) = lockfiles.entry(stage) else {
        return Ok(vec![Reason::NotLocked]);
    };
    let mut reasons = reason::of_inputs(stage, old, &facts.entry);
    if !reasons.is_empty() {
        return Ok(reasons);
    }
    if let Some(always) = always(stage) {
        return Ok(vec![Reason::Always(always)]);
    }
    let looked_at = |output: &&Output| !paths::is_url(&output.path);
    let outs: Vec<&Output> = stage.all_outs().filter(looked_at).collect();
    place.read_ahead(outs.iter().map(|out| out.path.as_str()));
    for output in outs {
        let path = stage.written(&output.path);
        let locked = old.out(path).and_then(|out| out.hash.as_ref());
        let difference = match (locked, place.digest(&output.path)?) {
            (_, None) => Difference::Missing,
            (None, Some(_)) => Difference::New,
            (Some(hash), Some(now)) if now.md5(hash.format) != hash.md5 => Difference::Changed,
            (Some(hash), Some(_)) => {
                if !output.cache || place.cache.path(hash.format, &hash.md5).is_file() {
                    continue;
                }
                Difference::NotCached
            }
        };
        reasons.push(Reason::Output(path.to_owned(), difference));
    }
    Ok(reasons)
}

/// Returns why a stage runs whatever is unchanged; `None` if it need not.
pub fn always(stage: &Stage) -> Option<Always> {
    if stage.frozen {
        None
    } else if stage.has_checkpoint() {
        Some(Always::Checkpoint)
    } else if stage.always_changed {
        Some(Always::Declared)
    } else if stage.deps.is_empty() && stage.params.is_empty() && stage.all_outs().next().is_none()
    {
        Some(Always::Unbound)
    } else {
        None
    }
}
