//! Where this worktree stands: the checkpoint that we, or DVC 2.58, last recorded or applied in it.

use super::Store;
use super::state::{EXEC_APPLY, ResumePoint};
use crate::error::{Context, Result};
use crate::id::ObjectId;

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
        let Some(project) = &self.project else {
            return Ok(None);
        };
        let now = match fs_err::read(project.join("dvc.lock")) {
            Ok(now) => now,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(|| "cannot read 'dvc.lock'".to_owned()),
        };
        let path = self.tree_path("dvc.lock");
        let is_now = |commit: ObjectId| -> Result<bool> {
            Ok(self.read_blob(commit, &path)?.as_deref() == Some(&now))
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
