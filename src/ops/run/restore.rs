//! Makes every output of the stages what the origin says, so that model, metrics and histories are of one step.
//!
//! Bytes that neither the cache nor a commit holds go to an undo entry first.

use super::inputs::Inputs;
use super::origin::Origin;
use crate::digest::{Format, PathDigest};
use crate::error::{Context, Result};
use crate::event::{Event, Events, RunMode};
use crate::id::ObjectId;
use crate::lockfile::{LockedHash, Lockfiles};
use crate::ops::reported;
use crate::pipeline::paths::is_url;
use crate::pipeline::{Output, OutputKind, Stage};
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::scan::PathSet;
use std::path::Path;

/// Restores outputs for one run.
pub struct Restorer<'a> {
    /// The repository.
    pub store: &'a Store,
    /// Where contents come from.
    pub cache: &'a Cache,
    /// The pipeline.
    pub inputs: &'a Inputs,
    /// What the run goes on from.
    pub origin: &'a Origin,
    /// Which format an undo entry's objects get.
    pub format: Format,
}

/// What becomes of one output before a stage starts.
enum Step<'o> {
    /// This object of the cache.
    Object(&'o Output, &'o LockedHash),
    /// What this commit has.
    Tree(&'o Output, ObjectId),
    /// Nothing.
    Gone(&'o Output),
}

impl Step<'_> {
    fn output(&self) -> &Output {
        match self {
            Step::Object(output, _) | Step::Tree(output, _) | Step::Gone(output) => output,
        }
    }
}

impl Restorer<'_> {
    /// Restores the outputs of all checkpoint stages as `lockfiles` have them. Returns what training will load: path and md5 of
    /// each checkpoint output.
    pub fn outputs(
        &self,
        stages: &[&Stage],
        lockfiles: &Lockfiles,
        events: &mut dyn Events,
    ) -> Result<Vec<(String, String)>> {
        let (mut steps, mut loads) = (Vec::new(), Vec::new());
        let reported = self.reported(stages)?;
        if let Some(from) = self.origin.from {
            steps.extend(reported.iter().map(|output| Step::Tree(output, from)));
        }
        for stage in stages.iter().filter(|stage| stage.has_checkpoint()) {
            let mut goes_on = self.origin.mode != RunMode::New;
            let mut outs: Vec<&Output> = stage.outs.iter().collect();
            outs.sort_by_key(|output| !output.checkpoint);
            for output in outs {
                let hash = locked(lockfiles, stage, output);
                let step = if hash.is_some() && !output.checkpoint && !goes_on {
                    // Of the step of a model that is not loaded.
                    Some(Step::Gone(output))
                } else {
                    let hash = hash.filter(|_| !self.origin.reset);
                    self.step(stage, output, hash, events)?
                };
                goes_on |= output.checkpoint && !matches!(step, Some(Step::Gone(_)));
                let Some(step) = step else {
                    continue;
                };
                if let (Step::Object(output, hash), true) = (&step, output.checkpoint) {
                    loads.push((output.path.clone(), hash.md5.clone()));
                }
                steps.push(step);
            }
        }
        self.keep_unsaved(steps.iter().map(Step::output), events)?;
        for step in &steps {
            self.carry_out(step)?;
        }
        Ok(loads)
    }

    /// Returns, as if they were outputs, the histories that no stage declares: of one step with the model.
    fn reported(&self, stages: &[&Stage]) -> Result<Vec<Output>> {
        let Some(from) = self.origin.from else {
            return Ok(Vec::new());
        };
        if !stages.iter().any(|stage| stage.has_checkpoint()) {
            return Ok(Vec::new());
        }
        let reported = reported::in_tree(self.store, &self.store.files_named(from, "dvc.yaml")?)?;
        let as_output = |path| Output {
            cache: false,
            ..Output::new(path, OutputKind::Plot)
        };
        Ok(reported.into_iter().map(as_output).collect())
    }

    /// Puts objects of the cache in the places of outputs.
    pub fn check_out(
        &self,
        outputs: &[(&Output, LockedHash)],
        events: &mut dyn Events,
    ) -> Result<()> {
        let steps: Vec<Step<'_>> = outputs
            .iter()
            .map(|(output, hash)| Step::Object(output, hash))
            .collect();
        self.keep_unsaved(steps.iter().map(Step::output), events)?;
        let project = self.store.project()?;
        for (output, hash) in outputs {
            let same = |digest: PathDigest| digest.md5(hash.format) == hash.md5;
            // They are judged by their hashes next: who reads the object needs not read each copy of it.
            if !self
                .cache
                .digest(&project.join(&output.path))?
                .is_some_and(same)
            {
                let _judged_in_its_place = self.cache.digest_stored(hash.format, &hash.md5)?;
            }
        }
        steps.iter().try_for_each(|step| self.carry_out(step))
    }

    /// Puts outputs in place that a stage goes on writing; what turns out to be damaged is left out.
    pub fn bring_back(
        &self,
        outputs: &[(&Output, LockedHash)],
        events: &mut dyn Events,
    ) -> Result<()> {
        self.check_out(outputs, events)?;
        for (output, hash) in outputs {
            let place = self.store.project()?.join(&output.path);
            let same = |digest: PathDigest| digest.md5(hash.format) == hash.md5;
            if !self.cache.digest(&place)?.is_some_and(same) {
                events.emit(Event::Warning(format!(
                    "the cache object for '{}' is damaged: the stage starts without it",
                    output.path
                )));
                self.carry_out(&Step::Gone(output))?;
            }
        }
        Ok(())
    }

    /// Removes what the stage makes anew, and turns links into the cache into private copies.
    pub fn before_stage(&self, stage: &Stage, events: &mut dyn Events) -> Result<()> {
        let project = self.store.project()?;
        let is_restored = stage.has_checkpoint();
        let made_anew = |output: &&Output| !output.persist && !is_restored;
        let steps: Vec<Step<'_>> = stage
            .outs
            .iter()
            .filter(made_anew)
            .map(Step::Gone)
            .collect();
        self.keep_unsaved(steps.iter().map(Step::output), events)?;
        for step in &steps {
            self.carry_out(step)?;
        }
        if !is_restored {
            self.outside_outputs(stage, events)?;
        }
        for output in &stage.outs {
            let path = project.join(&output.path);
            self.cache.unprotect(&path)?;
            if let Some(folder) = path.parent() {
                fs_err::create_dir_all(folder)
                    .context(|| format!("cannot make the folder of output '{}'", output.path))?;
            }
        }
        Ok(())
    }

    /// Removes outputs outside of the project that the stage makes anew, as DVC does. What 'dvc.lock' does
    /// not know of them goes to the cache first: no undo reaches out there.
    fn outside_outputs(&self, stage: &Stage, events: &mut dyn Events) -> Result<()> {
        let entry = self.inputs.lockfiles.entry(stage);
        let made_anew = stage.outside_outs.iter().filter(|out| !out.persist);
        for output in made_anew.filter(|out| !is_url(&out.path)) {
            let path = Path::new(&output.path);
            let Some(digest) = self.cache.digest(path)? else {
                continue;
            };
            let written = stage.written(&output.path);
            let locked = entry.and_then(|entry| entry.out(written)?.hash.as_ref());
            if locked.is_none_or(|hash| digest.md5(hash.format) != hash.md5) {
                self.cache.save(path, &digest, self.format)?;
                events.emit(Event::Status(format!(
                    "'{written}' was not what 'dvc.lock' records; it is in the cache as {}",
                    digest.md5(self.format)
                )));
            }
            let stat = fs_err::symlink_metadata(path);
            let removed = match stat.is_ok_and(|stat| stat.is_dir()) {
                true => fs_err::remove_dir_all(path),
                false => fs_err::remove_file(path),
            };
            removed.context(|| format!("cannot remove output '{written}'"))?;
        }
        Ok(())
    }

    /// Decides what becomes of an output; `None` leaves it as it is.
    fn step<'o>(
        &self,
        stage: &Stage,
        output: &'o Output,
        hash: Option<&'o LockedHash>,
        events: &mut dyn Events,
    ) -> Result<Option<Step<'o>>> {
        if !output.cache {
            return Ok(match self.origin.from {
                Some(from) => Some(Step::Tree(output, from)),
                None if self.origin.reset => Some(Step::Gone(output)),
                None => self.begun(stage, output, hash)?,
            });
        }
        Ok(match hash {
            None => Some(Step::Gone(output)),
            Some(hash) if self.cache.missing(hash.format, &hash.md5)?.is_empty() => {
                Some(Step::Object(output, hash))
            }
            Some(hash) => {
                let here = self.store.project()?.join(&output.path);
                let same = |digest: PathDigest| digest.md5(hash.format) == hash.md5;
                if self.cache.digest(&here)?.is_some_and(same) {
                    return Ok(Some(Step::Object(output, hash)));
                }
                events.emit(Event::Warning(format!(
                    "the cache has no object {} for '{}': training starts without it",
                    hash.md5, output.path
                )));
                Some(Step::Gone(output))
            }
        })
    }

    /// Decides what becomes of an output that is in git's care when a new experiment starts: it is of
    /// one step with the model that `dvc.lock` describes, or begins with a new one. Training that was
    /// cut off before its first checkpoint may have left it otherwise.
    fn begun<'o>(
        &self,
        stage: &Stage,
        output: &'o Output,
        hash: Option<&'o LockedHash>,
    ) -> Result<Option<Step<'o>>> {
        let baseline = self.origin.experiment.baseline;
        let anew = if output.persist {
            Step::Tree(output, baseline)
        } else {
            Step::Gone(output)
        };
        let Some(hash) = hash else {
            return Ok(Some(anew));
        };
        let is_it = |digest: PathDigest| digest.md5(hash.format) == hash.md5;
        let here = self.store.project()?.join(&output.path);
        if self.cache.digest(&here)?.is_some_and(is_it) {
            return Ok(None);
        }
        let committed = self.store.lockfiles_in(baseline, &self.inputs.pipeline)?;
        let described = locked(&committed, stage, output) == Some(hash);
        Ok(match described {
            true => Some(Step::Tree(output, baseline)),
            false if output.persist => None,
            false => Some(anew),
        })
    }

    fn carry_out(&self, step: &Step<'_>) -> Result<()> {
        let place = self.store.project()?.join(&step.output().path);
        match step {
            Step::Gone(_) => remove(&place),
            Step::Tree(output, from) => {
                let paths = PathSet::new([self.store.tree_path(&output.path)]);
                self.store.restore_paths(*from, &paths).map(drop)
            }
            Step::Object(output, hash) => {
                let same = |digest: PathDigest| digest.md5(hash.format) == hash.md5;
                if self.cache.digest(&place)?.is_some_and(same) {
                    return Ok(());
                }
                let (format, md5, isexec) = (hash.format, &hash.md5, hash.isexec);
                match output.cache {
                    true => self.cache.materialise(format, md5, isexec, &place),
                    false => self
                        .cache
                        .copying()
                        .materialise(format, md5, isexec, &place),
                }
            }
        }
    }
}

/// Returns what `lockfiles` have of an output.
fn locked<'l>(lockfiles: &'l Lockfiles, stage: &Stage, output: &Output) -> Option<&'l LockedHash> {
    let entry = lockfiles.entry(stage)?;
    entry.out(stage.written(&output.path))?.hash.as_ref()
}

/// Removes a file, a link or a directory with all below it; nothing there is no error.
fn remove(path: &Path) -> Result<()> {
    let doing = || format!("cannot remove '{}'", path.display());
    let removed = match fs_err::symlink_metadata(path) {
        Err(error) => Err(error),
        Ok(stat) if stat.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.context(doing),
    }
}
