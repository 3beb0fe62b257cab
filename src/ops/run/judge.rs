//! What becomes of a stage: it is up to date, its outputs come from the cache, or it runs; and why.

use super::cached::{Restorable, Results};
use super::inputs::Inputs;
use super::place::Place;
use super::pull::Puller;
use super::{Options, facts, why};
use crate::digest::Format;
use crate::error::Result;
use crate::lockfile::{LockEntry, LockedHash, LockedPath, Lockfiles};
use crate::ops::record::StageFacts;
use crate::pipeline::{Output, Stage, paths};
use crate::reason::{Difference, Reason};
use std::collections::HashMap;

/// What is decided, and what it rests on.
pub struct Verdict<'s> {
    /// What the stage reads now.
    pub facts: StageFacts,
    /// Why it is not up to date; empty if it is.
    pub why: Vec<Reason>,
    /// What becomes of it.
    pub course: Course<'s>,
}

/// What becomes of a stage.
#[derive(Debug, PartialEq)]
pub enum Course<'s> {
    /// Nothing: it is up to date.
    Pass,
    /// Nothing but these outputs differs from `dvc.lock`: they are brought back from the cache, and the
    /// stage is up to date.
    BringBack(Vec<Restorable<'s>>),
    /// An earlier run stands in for it: these outputs come from the cache.
    StandIn(Vec<Restorable<'s>>),
    /// It is frozen: these outputs come from the cache, and all are recorded as they are then.
    Verify(Vec<Restorable<'s>>),
    /// It runs.
    Run,
}

/// Decides for the stages of one run.
pub struct Judge<'a> {
    /// Where stages find what they read and wrote.
    pub place: Place<'a>,
    /// Pipeline and params.
    pub inputs: &'a Inputs,
    /// What was asked for.
    pub options: &'a Options,
    /// What the origin recorded.
    pub lockfiles: &'a Lockfiles,
    /// What new entries of `dvc.lock` are like.
    pub format: Format,
    /// Fetches data that is missing, if it shall be.
    pub puller: Option<&'a Puller<'a>>,
}

/// What outputs will hold that are not in place yet, by path.
pub type Foreseen<'p> = HashMap<&'p str, LockedHash>;

impl Judge<'_> {
    /// Decides. `forced` is a reason from outside of the stage; `foreseen` stands in for dependencies that
    /// are not in place.
    pub fn verdict<'s>(
        &self,
        stage: &'s Stage,
        forced: Option<Reason>,
        foreseen: &Foreseen<'_>,
    ) -> Result<Verdict<'s>> {
        let mut facts = match stage.frozen {
            true => self.as_recorded(stage),
            false => self.facts(stage, foreseen)?,
        };
        let why = match forced {
            Some(reason) => vec![reason],
            None => {
                let why = why::reasons(self.place, stage, &facts, self.lockfiles)?;
                let why = self.tolerate(stage, why);
                if let Some(course) = self.without_a_run(stage, &mut facts, &why)? {
                    return Ok(Verdict { facts, why, course });
                }
                why
            }
        };
        let course = match stage.frozen {
            true => {
                facts = self.facts(stage, foreseen)?;
                Course::Verify(self.recorded_outputs(stage))
            }
            false => Course::Run,
        };
        Ok(Verdict { facts, why, course })
    }

    /// Returns the outputs of other stages that this one reads, that are gone and that the cache has, or
    /// the remote where data is pulled.
    pub fn lost_dependencies(&self, stage: &Stage) -> Result<Vec<Restorable<'_>>> {
        let mut found = Vec::new();
        for dep in &stage.deps {
            if self.place.has(dep)? {
                continue;
            }
            for writer in &self.inputs.pipeline.stages {
                let entry = self.lockfiles.entry(writer);
                for output in writer.outs.iter().filter(|output| output.cache) {
                    let meets =
                        paths::is_within(dep, &output.path) || paths::is_within(&output.path, dep);
                    let locked = entry.and_then(|entry| entry.out(writer.written(&output.path)));
                    if let (true, Some(hash)) = (meets, locked.and_then(|out| out.hash.clone())) {
                        found.push((output, hash));
                    }
                }
            }
        }
        let mut here = Vec::new();
        for (output, hash) in found {
            if self.is_at_hand(output, &hash)? {
                here.push((output, hash));
            }
        }
        Ok(here)
    }

    /// Returns the outputs that the stage goes on writing, as `dvc.lock` records them and as far as the cache
    /// has them, or the remote where data is pulled.
    pub fn persistent_outputs<'s>(&self, stage: &'s Stage) -> Result<Vec<Restorable<'s>>> {
        let entry = self.lockfiles.entry(stage);
        let mut here = Vec::new();
        for output in &stage.outs {
            let locked = entry.and_then(|entry| entry.out(stage.written(&output.path)));
            let (true, Some(hash)) = (
                output.cache && output.persist,
                locked.and_then(|out| out.hash.clone()),
            ) else {
                continue;
            };
            if self.is_at_hand(output, &hash)? {
                here.push((output, hash));
            }
        }
        Ok(here)
    }

    /// Returns the outputs of the stage that `dvc.lock` and the cache have.
    fn recorded_outputs<'s>(&self, stage: &'s Stage) -> Vec<Restorable<'s>> {
        let entry = self.lockfiles.entry(stage);
        let cached = stage.outs.iter().filter(|output| output.cache);
        let recorded = cached.filter_map(|output| {
            let locked = entry?.out(stage.written(&output.path))?;
            Some((output, locked.hash.clone()?))
        });
        recorded.filter(|(_, hash)| self.is_here(hash)).collect()
    }

    /// Whether the cache has it, or has got it from the remote now.
    fn is_at_hand(&self, output: &Output, hash: &LockedHash) -> Result<bool> {
        match self.puller {
            _ if self.is_here(hash) => Ok(true),
            Some(puller) => puller.pull_one(output, hash),
            None => Ok(false),
        }
    }

    fn is_here(&self, hash: &LockedHash) -> bool {
        let missing = self.place.cache.missing(hash.format, &hash.md5);
        missing.is_ok_and(|missing| missing.is_empty())
    }

    fn facts(&self, stage: &Stage, foreseen: &Foreseen<'_>) -> Result<StageFacts> {
        let mut facts =
            facts::collect(self.place, stage, self.inputs, self.lockfiles, self.format)?;
        for (dep, written) in stage.written_deps() {
            if let Some(hash) = foreseen.get(dep) {
                let deps = facts.entry.deps.iter_mut();
                deps.filter(|dep| dep.path == written)
                    .for_each(|dep| dep.hash = Some(hash.clone()));
            }
        }
        Ok(facts)
    }

    /// Returns a frozen stage's facts: what it reads now does not count.
    fn as_recorded(&self, stage: &Stage) -> StageFacts {
        let old = self.lockfiles.entry(stage);
        StageFacts {
            stage: stage.clone(),
            entry: LockEntry {
                cmd: Some(stage.cmd.to_value()),
                outs: Vec::new(),
                ..old.cloned().unwrap_or_default()
            },
        }
    }

    /// Returns what becomes of a stage that need not run; `None` if it has to.
    fn without_a_run<'s>(
        &self,
        stage: &'s Stage,
        facts: &mut StageFacts,
        why: &[Reason],
    ) -> Result<Option<Course<'s>>> {
        if !why.is_empty() {
            let results = Results {
                cache: self.place.cache,
                lockfiles: self.lockfiles,
                run_cache: self.options.run_cache,
                puller: self.puller,
            };
            if let Some(course) = results.find(stage, facts, why)? {
                return Ok(Some(course));
            }
        }
        if !why.iter().all(is_lost) {
            return Ok(None);
        }
        if why.is_empty() || self.options.allow_missing {
            // What is missing is as it was.
            if let Some(old) = self.lockfiles.entry(stage) {
                for dep in facts.entry.deps.iter_mut().filter(|dep| !dep.is_known()) {
                    if let Some(old) = old.dep(&dep.path) {
                        dep.clone_from(old);
                    }
                }
            }
            return Ok(Some(Course::Pass));
        }
        Ok(None)
    }

    /// Leaves out what `--allow-missing` allows of the dependencies.
    ///
    /// As in DVC, one that its stage has made anew since, on another machine, has changed.
    fn tolerate(&self, stage: &Stage, mut why: Vec<Reason>) -> Vec<Reason> {
        if !self.options.allow_missing {
            return why;
        }
        for reason in &mut why {
            if let Reason::Dependency(written, difference @ Difference::Missing) = reason
                && self.is_made_anew(stage, written)
            {
                *difference = Difference::Changed;
            }
        }
        why.retain(|reason| !matches!(reason, Reason::Dependency(_, Difference::Missing)));
        why
    }

    fn is_made_anew(&self, stage: &Stage, written: &str) -> bool {
        let md5 = |hash: Option<&LockedHash>| hash.map(|hash| hash.md5.clone());
        let old = self.lockfiles.entry(stage);
        let read = md5(old.and_then(|old| old.dep(written)?.hash.as_ref()));
        let mut deps = stage.written_deps();
        let Some((path, _)) = deps.find(|(_, other)| *other == written) else {
            return false;
        };
        let mut stages = self.inputs.pipeline.stages.iter();
        let Some(writer) = stages.find(|writer| writer.out(path).is_some()) else {
            return false;
        };
        let entry = self.lockfiles.entry(writer);
        let made = md5(entry.and_then(|entry| entry.out(writer.written(path))?.hash.as_ref()));
        made.is_some() && made != read
    }
}

impl Course<'_> {
    /// Whether a user who wants to be asked is: what `dvc.lock` has is brought back in any case.
    pub fn is_asked_for(&self) -> bool {
        !matches!(self, Course::Pass | Course::BringBack(_))
    }
}

impl Verdict<'_> {
    /// Whether anything is done about the stage.
    pub fn has_work(&self) -> bool {
        self.course != Course::Pass
    }

    /// Whether the stage runs only because data is missing that it made, or read, once.
    pub fn makes_lost_data(&self) -> bool {
        self.course == Course::Run && !self.why.is_empty() && self.why.iter().all(is_lost)
    }

    /// Whether something that the stage reads is not there.
    pub fn lacks_dependencies(&self) -> bool {
        !self.facts.entry.deps.iter().all(LockedPath::is_known)
    }
}

/// Returns one of `writers` that writes what `stage` reads, and what that is.
pub fn fed_by<'s>(stage: &'s Stage, writers: &[&'s Stage]) -> Option<(&'s Stage, &'s str)> {
    let meet = |a: &str, b: &str| paths::is_within(a, b) || paths::is_within(b, a);
    writers.iter().find_map(|writer| {
        let mut inputs = stage.inputs();
        let path = inputs.find(|input| writer.all_outs().any(|out| meet(input, &out.path)))?;
        Some((*writer, path))
    })
}

/// Whether data is missing that was there once.
fn is_lost(reason: &Reason) -> bool {
    use Difference::{Missing, NotCached};
    match reason {
        Reason::Dependency(_, difference) => *difference == Missing,
        Reason::Output(_, difference) => matches!(difference, Missing | NotCached),
        _ => false,
    }
}
