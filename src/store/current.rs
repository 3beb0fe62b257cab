//! Where this worktree stands: the checkpoint that we, or DVC 2.58, last recorded or applied in it.

use super::Store;
use super::state::{EXEC_APPLY, ResumePoint};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use std::io::ErrorKind;

impl Store {
    /// Returns the resume point, DVC's included: what DVC 2.58 applied or ran last counts instead of ours
    /// if the workspace's `dvc.lock` is that checkpoint's.
    pub fn current_point(&self) -> Result<Option<ResumePoint>> {
        let own = self.resume_point()?;
        match self.applied_by_dvc(own.as_ref())? {
            Some(applied) => Ok(Some(applied)),
            None => Ok(own),
        }
    }

    fn applied_by_dvc(&self, own: Option<&ResumePoint>) -> Result<Option<ResumePoint>> {
        let Some(applied) = self.find_ref(EXEC_APPLY)? else {
            return Ok(None);
        };
        if own.is_some_and(|own| own.checkpoint == applied) {
            return Ok(None);
        }
        if self.project.is_none() {
            return Ok(None);
        }
        let is_now = |commit: ObjectId| -> Result<bool> {
            let mut lockfiles = self.files_named(commit, "dvc.lock")?;
            lockfiles.retain(|path, _| path.starts_with(self.prefix().as_bytes()));
            for (path, state) in &lockfiles {
                let file = self.path_of(path.as_ref())?;
                let now = match fs_err::read(&file) {
                    Ok(now) => now,
                    Err(error)
                        if matches!(
                            error.kind(),
                            ErrorKind::NotFound | ErrorKind::NotADirectory
                        ) =>
                    {
                        return Ok(false);
                    }
                    Err(error) => {
                        return Err(error).context(|| format!("cannot read '{}'", file.display()));
                    }
                };
                if now != self.read_object(state.id)? {
                    return Ok(false);
                }
            }
            Ok(!lockfiles.is_empty())
        };
        if !is_now(applied)? {
            return Ok(None);
        }
        // Training that is repeated says the same in both: then the later one counts.
        if own.map_or(Ok(false), |own| is_now(own.checkpoint))? && !self.dvc_went_on()? {
            return Ok(None);
        }
        let Some(experiment) = self.containing(applied)? else {
            return Ok(None);
        };
        let trailers = self.checkpoint(applied)?.trailers;
        Ok(Some(ResumePoint {
            checkpoint: applied,
            baseline: experiment.baseline,
            name: experiment.name.as_str().to_owned(),
            experiment_id: trailers.id.unwrap_or_default(),
        }))
    }
}
