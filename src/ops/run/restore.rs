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
use crate::ops::keep::keep;
use crate::ops::reported;
use crate::pipeline::{Output, OutputKind, Stage};
use crate::store::Store;
use crate::store::bstr::BString;
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
        self.keep_unsaved(steps.iter(), events)?;
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
        self.keep_unsaved(steps.iter(), events)?;
        for step in &steps {
            self.carry_out(step)?;
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
            Step::Object(_, hash) => {
                let same = |digest: PathDigest| digest.md5(hash.format) == hash.md5;
                if self.cache.digest(&place)?.is_some_and(same) {
                    return Ok(());
                }
                self.cache
                    .materialise(hash.format, &hash.md5, hash.isexec, &place)
            }
        }
    }

    /// Puts what the steps would destroy, and nothing holds, into one undo entry.
    fn keep_unsaved<'s>(
        &self,
        steps: impl Iterator<Item = &'s Step<'s>>,
        events: &mut dyn Events,
    ) -> Result<()> {
        // All that is there is a copy.
        if self.store.is_temporary() {
            return Ok(());
        }
        let (mut files, mut cached): (Vec<BString>, Vec<BString>) = (Vec::new(), Vec::new());
        for step in steps {
            let output = step.output();
            if output.cache {
                if self.is_unsaved(output)? {
                    cached.push(self.store.tree_path(&output.path).into());
                }
            } else {
                files.extend(self.unsaved_files(output)?);
            }
        }
        let subject = self.origin.experiment.name.as_str();
        if keep(self.store, "run", subject, &files, &cached, self.format)?.is_some() {
            let names: Vec<String> = files
                .iter()
                .chain(&cached)
                .map(|path| format!("'{path}'"))
                .collect();
            let them = if names.len() == 1 { "it" } else { "them" };
            events.emit(Event::Status(format!(
                "Saved {} first; 'git exp undo --force' brings {them} back.",
                names.join(", ")
            )));
        }
        Ok(())
    }

    fn is_unsaved(&self, output: &Output) -> Result<bool> {
        let place = self.store.project()?.join(&output.path);
        let Some(digest) = self
            .cache
            .digest(&place)?
            .filter(|now| now.nfiles() != Some(0))
        else {
            return Ok(false);
        };
        let holds = |format: Format| {
            self.cache
                .has(format, &digest.md5(format), Some(digest.size()))
        };
        // A listing's size is not that of its files.
        let holds_listing = |format: Format| self.cache.has(format, &digest.md5(format), None);
        let saved = match digest.nfiles() {
            None => holds(Format::V3) || holds(Format::V2),
            Some(_) => holds_listing(Format::V3) || holds_listing(Format::V2),
        };
        Ok(!saved)
    }

    /// Returns the files of an output in git's care whose bytes no commit has that we know of.
    fn unsaved_files(&self, output: &Output) -> Result<Vec<BString>> {
        let resumed = self.store.current_point()?.map(|point| point.checkpoint);
        let head = self.store.head()?.commit;
        let holders: Vec<ObjectId> = [self.origin.from, resumed, head]
            .into_iter()
            .flatten()
            .collect();
        let mut unsaved = Vec::new();
        for path in self
            .store
            .files_below(&PathSet::new([self.store.tree_path(&output.path)]))?
        {
            let text = path.to_string();
            let place = self.store.worktree().join(&text);
            let bytes = fs_err::read(&place).context(|| format!("cannot read '{text}'"))?;
            // A commit that is gone holds nothing.
            let holds = |commit: &ObjectId| {
                self.store
                    .read_blob(*commit, &text)
                    .ok()
                    .flatten()
                    .is_some_and(|blob| blob == bytes)
            };
            if !holders.iter().any(holds) {
                unsaved.push(path);
            }
        }
        Ok(unsaved)
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
