//! Stages that need not run because the cache has their outputs: `dvc.lock` or the run cache says which.

use super::facts;
use super::judge::Course;
use super::pull::Puller;
use super::restore::Restorer;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::lockfile::{LockEntry, LockedHash, LockedPath, Lockfiles};
use crate::ops::record::StageFacts;
use crate::pipeline::{Output, Stage};
use crate::reason::Reason;
use crate::store::cache::Cache;

/// An output that is to be restored, and what the cache has of it.
pub type Restorable<'s> = (&'s Output, LockedHash);

/// Where results of earlier runs are looked for.
pub struct Results<'a> {
    /// The cache of objects and of runs.
    pub cache: &'a Cache,
    /// What the origin recorded.
    pub lockfiles: &'a Lockfiles,
    /// Whether the run cache counts.
    pub run_cache: bool,
    /// Fetches what the cache lacks, if it shall be fetched.
    pub puller: Option<&'a Puller<'a>>,
}

impl Results<'_> {
    /// Returns what the cache can do in place of a run of `stage`, which would have to run for the reasons
    /// `why`; `None` if it has to.
    ///
    /// If nothing but outputs differs from `dvc.lock`, those that do are restored, as 'dvc exp run' checks
    /// them out before it starts. Else the run cache is asked, as in DVC for repeatable stages only.
    pub fn find<'s>(
        &self,
        stage: &'s Stage,
        facts: &StageFacts,
        why: &[Reason],
    ) -> Result<Option<Course<'s>>> {
        if stage.has_checkpoint() {
            return Ok(None);
        }
        if let Some(found) = self.locked(stage, why)?
            && self.are_here(&found)?
        {
            return Ok(Some(Course::BringBack(found)));
        }
        if stage.frozen || !self.run_cache || !stage.is_repeatable() {
            return Ok(None);
        }
        let is_complete = |entry: &LockedPath| entry.hash.is_some();
        if !facts.entry.deps.iter().all(is_complete) {
            return Ok(None);
        }
        let paths: Vec<&str> = stage
            .outs
            .iter()
            .map(|out| stage.written(&out.path))
            .collect();
        for run in self.cache.runs(&facts.entry, &paths) {
            if let Some(found) = of_run(stage, &run)
                && self.are_here(&found)?
            {
                return Ok(Some(Course::StandIn(found)));
            }
        }
        Ok(None)
    }

    /// Returns the outputs that `why` names as `dvc.lock` has them; `None` if it names anything else.
    fn locked<'s>(&self, stage: &'s Stage, why: &[Reason]) -> Result<Option<Vec<Restorable<'s>>>> {
        let Some(old) = self.lockfiles.entry(stage) else {
            return Ok(None);
        };
        // What git keeps is in the cache for the run cache only, which does not stand in for a frozen stage.
        let is_kept = |output: &Output| output.cache || stage.is_repeatable() && !stage.frozen;
        let mut found = Vec::new();
        for reason in why {
            let Reason::Output(written, _) = reason else {
                return Ok(None);
            };
            let mut outs = stage.outs.iter();
            let output = outs.find(|out| stage.written(&out.path) == written);
            let hash = old.out(written).and_then(|out| out.hash.clone());
            match (output, hash) {
                (Some(output), Some(hash)) if is_kept(output) => {
                    found.push((output, hash));
                }
                _ => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    fn are_here(&self, outputs: &[Restorable<'_>]) -> Result<bool> {
        for (_, hash) in outputs {
            let missing = self.cache.missing(hash.format, &hash.md5);
            // A damaged listing is as good as none.
            if !missing.is_ok_and(|missing| missing.is_empty()) {
                let puller = self.puller;
                return puller.map_or(Ok(false), |puller| puller.pull(outputs));
            }
        }
        Ok(true)
    }
}

fn of_run<'s>(stage: &'s Stage, run: &LockEntry) -> Option<Vec<Restorable<'s>>> {
    let outputs = stage.outs.iter().map(|output| {
        let locked = run.out(stage.written(&output.path))?;
        Some((output, locked.hash.clone()?))
    });
    outputs.collect()
}

/// Puts `outputs` into the workspace. Returns what `dvc.lock` has to say of all outputs of the stage
/// then, given what it says now; `None`, and a warning, if an object is damaged.
pub fn restore(
    restorer: &Restorer<'_>,
    stage: &Stage,
    outputs: &[Restorable<'_>],
    old: Option<&LockEntry>,
    events: &mut dyn Events,
) -> Result<Option<Vec<LockedPath>>> {
    restorer.check_out(outputs, events)?;
    let project = restorer.store.project()?;
    let mut locked = Vec::new();
    for output in stage.all_outs() {
        let digest = restorer.cache.digest(&project.join(&output.path))?;
        let expected = outputs.iter().find(|(other, _)| other.path == output.path);
        let is_it = digest.as_ref().is_some_and(|digest| {
            expected.is_none_or(|(_, hash)| digest.md5(hash.format) == hash.md5)
        });
        let (true, Some(digest)) = (is_it, digest) else {
            events.emit(Event::Warning(format!(
                "the cache object for '{}' is damaged",
                output.path
            )));
            return Ok(None);
        };
        let path = stage.written(&output.path).to_owned();
        let before = old.and_then(|old| old.out(&path)?.hash.as_ref());
        let mut hash = facts::locked(&digest, before, restorer.format);
        hash.isexec = digest.isexec();
        locked.push(LockedPath {
            path,
            hash: Some(hash),
            ..LockedPath::default()
        });
    }
    Ok(Some(locked))
}
