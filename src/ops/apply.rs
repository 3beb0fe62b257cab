//! A checkpoint into the workspace, with nothing lost on the way.
//!
//! Everything is looked at first: what each file is, whether its bytes are saved somewhere, whether
//! every cache object is there. Then the way back is written down, and only then files change.

use super::claim::claim;
use super::outputs::Outputs;
use crate::digest::{Format, PathDigest};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::lockfile::LockedHash;
use crate::runner::release::release;
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::cache::Cache;
use crate::store::checkout::{Files, Targets};
use crate::store::objects::Batch;
use crate::store::resolve::Resolved;
use crate::store::scan::{FileState, PathSet, Scanner, quoted};
use crate::store::state::{self, ResumePoint};
use crate::store::transition::{
    RefValue, SavedFile, SavedOutput, SavedPath, SavedResume, Step, Transition,
};
use crate::store::undo::Worth;
use std::collections::BTreeSet;

/// What an apply did.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// The checkpoint that the workspace now holds.
    pub commit: ObjectId,
    /// Its experiment, if it is a checkpoint.
    pub experiment: Option<Experiment>,
    /// Files and outputs that were written or removed, in order.
    pub changed: Vec<BString>,
    /// Those of them whose bytes are now in the undo entry only.
    pub saved: Vec<BString>,
}

/// Puts what `revision` names into the workspace.
///
/// Refused, with nothing changed, for unsaved code or params unless `force` is set, when an object is
/// missing from the cache, and while a run is at work here.
pub fn apply(
    store: &Store,
    revision: &str,
    force: bool,
    events: &mut dyn Events,
) -> Result<Applied> {
    let _lock = claim(store, "apply", events)?;
    let target = store.resolve(revision)?;
    apply_resolved(store, revision, &target, force, events)
}

/// As [`apply`], for a caller that holds this worktree's run lock and has resolved `revision`.
pub fn apply_resolved(
    store: &Store,
    revision: &str,
    target: &Resolved,
    force: bool,
    events: &mut dyn Events,
) -> Result<Applied> {
    let mut plan = Plan::make(store, target, force)?;
    let changed = plan.changed();
    if plan.transition.touches_files() {
        plan.save(store)?;
        store.save_undo(
            "apply",
            revision,
            &mut plan.transition,
            &plan.unsaved_objects,
            match plan.unsaved.is_empty() {
                true => Worth::Convenience,
                false => Worth::OnlyCopy,
            },
        )?;
    }
    store.perform(&plan.transition)?;
    release(store);
    let saved: Vec<BString> = plan.unsaved.into_iter().collect();
    if !saved.is_empty() {
        events.emit(Event::Status(format!(
            "Saved {} first; 'git exp undo' brings {} back.",
            quoted(&saved),
            if saved.len() == 1 { "it" } else { "them" }
        )));
    }
    Ok(Applied {
        commit: target.commit,
        experiment: target.experiment.clone(),
        changed,
        saved,
    })
}

/// Returns what [`apply_resolved`] would do, and refuses what it refuses; nothing is done.
pub(super) fn foresee(store: &Store, target: &Resolved, force: bool) -> Result<Transition> {
    Ok(Plan::make(store, target, force)?.transition)
}

/// Everything that will be done, checked.
struct Plan {
    transition: Transition,
    /// Paths whose bytes nothing else holds.
    unsaved: BTreeSet<BString>,
    /// The unsaved ones among files that git could hold.
    unsaved_files: Vec<BString>,
    /// The unsaved ones among cached outputs.
    unsaved_outputs: Vec<(BString, PathDigest, Format)>,
    unsaved_objects: Vec<SavedOutput>,
    scanner: Scanner,
}

impl Plan {
    fn make(store: &Store, target: &Resolved, force: bool) -> Result<Self> {
        let checkpoint = store.checkpoint(target.commit)?;
        let resume = store.resume_point()?;
        let files = store.files(target.commit)?;
        let resumed = match &store.current_point()? {
            Some(point) if point.checkpoint != target.commit => {
                // A checkpoint that is gone saves nothing.
                store.files(point.checkpoint).unwrap_or_default()
            }
            _ => Files::new(),
        };
        let mut scanner = Scanner::new(store, PathSet::default())?;
        scanner.take(files.keys().cloned());
        scanner.take(resumed.keys().cloned());

        let mut plan = Plan {
            transition: Transition::default(),
            unsaved: BTreeSet::new(),
            unsaved_files: Vec::new(),
            unsaved_outputs: Vec::new(),
            unsaved_objects: Vec::new(),
            scanner,
        };
        let mut differing = plan.differing(&files)?;
        let outputs = Outputs::read(store, &files, &|path| !differing.contains_key(path))?;
        let nothing_new = |_: &BString| true;
        // Another checkpoint's broken lock file must not keep anyone from applying this one.
        let resumed_outputs = Outputs::read(store, &resumed, &nothing_new).unwrap_or_default();
        let declared = declared_by_all(store, &outputs, &resumed_outputs);
        plan.add_leftovers(store, &files, &resumed, &declared, &mut differing)?;

        let refused = plan.sort_out(&files, &resumed, &declared, &differing)?;
        if !refused.is_empty() && !force {
            return Err(Error::refused(format!(
                "apply would overwrite your unsaved changes: {}",
                quoted(&refused)
            ))
            .hint("commit or stash them")
            .hint("use --force to replace them; 'git exp undo' brings them back"));
        }
        let targets: Targets = plan
            .transition
            .files
            .iter()
            .map(|(path, step)| (path.0.clone(), step.after.map(SavedFile::state)))
            .collect();
        store.check_room(&targets)?;
        plan.add_cached(store, target, &files, &outputs, &resumed_outputs)?;

        plan.transition.resume = Some(Step {
            before: resume.as_ref().map(SavedResume::new),
            after: target.experiment.as_ref().map(|experiment| {
                SavedResume::new(&ResumePoint {
                    checkpoint: target.commit,
                    baseline: experiment.baseline,
                    name: experiment.name.as_str().to_string(),
                    experiment_id: checkpoint.trailers.id.clone().unwrap_or_default(),
                })
            }),
        });
        if target.experiment.is_some() {
            let format = store.settings().dvc_format.or(outputs.format);
            plan.transition.refs = exec_refs(store, target.commit, format)?;
        }
        Ok(plan)
    }

    /// Lists the paths of the target, and of HEAD, that the workspace has otherwise.
    fn differing(&mut self, files: &Files) -> Result<Targets> {
        let mut differing = Targets::new();
        let head: Vec<BString> = self.scanner.head_paths();
        let gone = head.into_iter().filter(|path| !files.contains_key(path));
        for path in files.keys().cloned().chain(gone) {
            if self.scanner.is_kept(path.as_bstr()) {
                continue;
            }
            let wanted = files.get(&path).copied();
            if self.scanner.current(path.as_bstr())? != wanted {
                differing.insert(path, wanted);
            }
        }
        Ok(differing)
    }

    /// Adds files of outputs that the target does not have: they describe another step.
    fn add_leftovers(
        &mut self,
        store: &Store,
        files: &Files,
        resumed: &Files,
        declared: &PathSet,
        differing: &mut Targets,
    ) -> Result<()> {
        let mut candidates: Vec<BString> = resumed
            .keys()
            .filter(|path| declared.covers(path))
            .cloned()
            .collect();
        // Directories of outputs that git holds are made exactly what the target has.
        let folders = files
            .keys()
            .filter_map(|path| declared.covering(path).filter(|folder| folder != path));
        candidates.extend(store.files_below(&PathSet::new(folders))?);
        for path in candidates {
            if !files.contains_key(&path)
                && !self.scanner.is_kept(path.as_bstr())
                && self.scanner.current(path.as_bstr())?.is_some()
            {
                differing.insert(path, None);
            }
        }
        Ok(())
    }

    /// Turns differing files into steps; returns the code whose bytes nothing holds.
    fn sort_out(
        &mut self,
        files: &Files,
        resumed: &Files,
        declared: &PathSet,
        differing: &Targets,
    ) -> Result<Vec<BString>> {
        let mut refused = Vec::new();
        for (path, wanted) in differing {
            let current = self.scanner.current(path.as_bstr())?;
            let is_saved = |state: FileState| {
                [
                    self.scanner.at_head(path.as_bstr()),
                    resumed.get(path).copied(),
                    files.get(path).copied(),
                ]
                .iter()
                .flatten()
                .any(|known| known.id == state.id)
            };
            if let Some(state) = current
                && !is_saved(state)
            {
                self.unsaved.insert(path.clone());
                self.unsaved_files.push(path.clone());
                if !declared.covers(path) {
                    refused.push(path.clone());
                }
            }
            self.transition.files.push((
                SavedPath(path.clone()),
                Step {
                    before: current.map(SavedFile::new),
                    after: wanted.map(SavedFile::new),
                },
            ));
        }
        Ok(refused)
    }

    fn add_cached(
        &mut self,
        store: &Store,
        target: &Resolved,
        files: &Files,
        outputs: &Outputs,
        resumed: &Outputs,
    ) -> Result<()> {
        // Outputs that the target knows nothing of would be taken for its own by the next run.
        let mut all = outputs.cached.clone();
        for path in resumed.cached.keys() {
            if !all.contains_key(path) && !super::outputs::in_tree(files, path) {
                all.insert(path.clone(), None);
            }
        }
        if all.is_empty() {
            return Ok(());
        }
        let cache = store.cache()?;
        let (mut missing, mut damaged) = (Vec::new(), Vec::new());
        for (path, wanted) in &all {
            let dest = store.path_of(path.as_bstr())?;
            // Comparing with an object that it may well be is many times faster than hashing.
            let is_at = |hash: &LockedHash| cache.holds_at(hash.format, &hash.md5, &dest);
            if let Some(hash) = wanted
                && is_at(hash)?
            {
                continue;
            }
            if let Some(hash) = wanted {
                let gone = cache.missing(hash.format, &hash.md5)?;
                if let Some(object) = gone.first() {
                    missing.push(format!("'{object}' of '{path}'"));
                    continue;
                }
                let problems = cache.glance(hash.format, &hash.md5, hash.size)?;
                if let Some(problem) = problems.first() {
                    damaged.push(format!("'{}' of '{path}'", problem.object));
                    continue;
                }
            }
            let before = match resumed.cached.get(path) {
                Some(Some(hash)) if is_at(hash)? => Some(object_of(hash)),
                // An empty directory holds nothing that could be lost.
                _ => match cache.digest(&dest)?.filter(|now| now.nfiles() != Some(0)) {
                    None if wanted.is_none() => continue,
                    None => None,
                    Some(current) => {
                        Some(self.saved_object(&cache, path, wanted.as_ref(), current))
                    }
                },
            };
            let after = wanted.as_ref().map(object_of);
            self.transition
                .outputs
                .push((SavedPath(path.clone()), Step { before, after }));
        }
        let error = match (missing.as_slice(), damaged.as_slice()) {
            ([], []) => return Ok(()),
            ([], damaged) => {
                Error::corrupt(format!("damaged in the cache: {}", damaged.join(", ")))
            }
            (missing, _) => Error::missing(format!("not in the cache: {}", missing.join(", "))),
        };
        Err(with_ways_to_fetch(error, store, target))
    }

    /// Returns the object that has the bytes of an output, and notes it as unsaved if there is none.
    fn saved_object(
        &mut self,
        cache: &Cache,
        path: &BString,
        wanted: Option<&LockedHash>,
        current: PathDigest,
    ) -> SavedOutput {
        if let Some(object) = saved_as(cache, &current) {
            return object;
        }
        let format = wanted.map_or(Format::V3, |hash| hash.format);
        let object = SavedOutput::new(format, current.md5(format), current.isexec());
        self.unsaved.insert(path.clone());
        self.unsaved_objects.push(object.clone());
        self.unsaved_outputs.push((path.clone(), current, format));
        object
    }

    /// Puts what nothing else holds into git and into the cache.
    fn save(&mut self, store: &Store) -> Result<()> {
        if !self.unsaved_files.is_empty() {
            let batch = Batch::new(store);
            for path in &self.unsaved_files {
                let stored = self.scanner.store_current(&batch, path.as_bstr())?;
                let step = self
                    .transition
                    .files
                    .iter_mut()
                    .find(|(saved, _)| saved.0 == *path);
                // What is saved is what is there now, even if it changed since it was looked at.
                if let Some((_, step)) = step {
                    step.before = stored.map(SavedFile::new);
                }
            }
            batch.sync()?;
        }
        if !self.unsaved_outputs.is_empty() {
            store.settle_cache()?;
            let cache = store.cache()?;
            for (path, digest, format) in &self.unsaved_outputs {
                cache.save(&store.path_of(path.as_bstr())?, digest, *format)?;
            }
        }
        Ok(())
    }

    fn changed(&self) -> Vec<BString> {
        let files = self.transition.files.iter().map(|(path, _)| &path.0);
        let outputs = self.transition.outputs.iter().map(|(path, _)| &path.0);
        let all: BTreeSet<&BString> = files.chain(outputs).collect();
        all.into_iter().cloned().collect()
    }
}

/// Collects the outputs of the target, of the resume point and of the workspace.
fn declared_by_all(store: &Store, target: &Outputs, resumed: &Outputs) -> PathSet {
    let mut declared = target.declared();
    declared.extend(resumed.declared());
    if let Ok(pipeline) = store.current_pipeline() {
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        declared.extend(PathSet::new(outs.map(|out| store.tree_path(&out.path))));
        let lock_files = pipeline.lock_files();
        declared.extend(PathSet::new(
            lock_files.iter().map(|it| store.tree_path(it)),
        ));
    }
    declared.extend(PathSet::new([store.tree_path("dvc.lock")]));
    declared
}

fn object_of(hash: &LockedHash) -> SavedOutput {
    SavedOutput::new(hash.format, hash.md5.clone(), hash.isexec)
}

/// Returns the object of the cache that has these bytes, or `None`.
fn saved_as(cache: &Cache, digest: &PathDigest) -> Option<SavedOutput> {
    [Format::V3, Format::V2].into_iter().find_map(|format| {
        let md5 = digest.md5(format);
        // DVC 2 gives texts that differ in line ends one name: the bytes must have the same size too.
        cache
            .has(format, &md5, Some(digest.size()))
            .then(|| SavedOutput::new(format, md5, digest.isexec()))
    })
}

/// Returns what DVC 2.58 needs to go on from `commit`: see design.md §4.
fn exec_refs(
    store: &Store,
    commit: ObjectId,
    format: Option<Format>,
) -> Result<Vec<(String, Step<RefValue>)>> {
    if store.git_dir() != store.common_dir() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    let mut exists = false;
    for name in EXEC_REFS {
        let now = store.find_ref(name)?;
        exists |= now.is_some();
        if now != Some(commit) {
            steps.push((
                name.to_string(),
                Step {
                    before: now.map(RefValue),
                    after: Some(RefValue(commit)),
                },
            ));
        }
    }
    if !exists && format != Some(Format::V2) {
        steps.clear();
    }
    Ok(steps)
}

/// Sets the refs by which DVC 2.58 goes on from `commit`, where it shall: see design.md §4.
pub fn tell_dvc(store: &Store, commit: ObjectId, format: Format) -> Result<()> {
    let format = store.settings().dvc_format.unwrap_or(format);
    let transition = Transition {
        refs: exec_refs(store, commit, Some(format))?,
        ..Transition::default()
    };
    if transition.refs.is_empty() {
        return Ok(());
    }
    store.perform(&transition)
}

/// The refs by which DVC 2.58 knows where to go on.
pub const EXEC_REFS: [&str; 2] = [state::EXEC_APPLY, "refs/exps/exec/EXEC_CHECKPOINT"];

/// Adds the commands that bring objects of the cache back.
fn with_ways_to_fetch(mut error: Error, store: &Store, target: &Resolved) -> Error {
    let has_remote = store
        .dvc_config()
        .is_ok_and(|config| config.remotes().next().is_some());
    if has_remote {
        error = match (store.git_remote(), &target.experiment) {
            (Some(remote), Some(experiment)) => {
                error.hint(format!("dvc exp pull {remote} {}", experiment.name))
            }
            _ => error.hint("dvc fetch --all-commits"),
        };
    }
    error
}
