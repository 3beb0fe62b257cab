//! What a recording has come to, written down so that another process can go on with it.

use super::recorder::{Experiment, Recording};
use crate::checkpoint::{Fork, Note, ParsedNote};
use crate::digest::{DirDigest, Format, PathDigest};
use crate::error::{Context, Error, Result};
use crate::experiment::{self, ExperimentName, experiment_ref, notes_ref};
use crate::id::ObjectId;
use crate::lockfile::{LockedHash, Lockfiles};
use crate::pipeline::{Output, Pipeline};
use crate::store::Store;
use crate::store::bstr::ByteSlice;
use crate::store::cache::Cache;
use crate::store::capture_dir::CaptureDir;
use crate::store::journal::Plan;
use crate::store::refs::Expected;
use crate::store::scan::{PathSet, Scanner};
use crate::store::state::boot_id;
use crate::store::transition::RefValue;

impl Recording {
    /// Writes down what no commit tells yet.
    pub(super) fn save_plan(&self) {
        if self.journal.write_plan(&self.plan()).is_err() {
            self.journal.remove_plan();
        }
    }

    pub(super) fn plan(&self) -> Plan {
        let experiment = &self.experiment;
        Plan {
            boot: boot_id(),
            name: experiment.name.as_str().to_owned(),
            id: experiment.id.clone(),
            baseline: experiment.baseline,
            parent: experiment.parent,
            grows: matches!(experiment.expected, Expected::Is(_)),
            number: experiment.number,
            fork_of: experiment.fork_of.as_ref().map(Fork::to_string),
            replaces: experiment.replaces.as_ref().map(|it| RefValue(it.tip)),
            started: self.started,
            tree: self.tree,
            unsynced: self.unsynced.iter().copied().map(RefValue).collect(),
            lockfiles: self.lockfiles.texts(),
            note: self.note(experiment.number).to_text(),
            format: match self.format {
                Format::V2 => 2,
                Format::V3 => 3,
            },
            message: self.message.clone(),
            stages: self.stages.clone(),
        }
    }

    /// Takes up what a killed run left in `folder`: its plan, and what its experiment's tip has beyond it.
    pub fn of_plan(store: &Store, cache: &Cache, folder: &CaptureDir, plan: &Plan) -> Result<Self> {
        let pipeline = pipeline_of(store, plan)?;
        let taken_up = TakenUp::read(store, plan, &pipeline)?;
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        let outputs = PathSet::new(outs.map(|out| store.tree_path(&out.path)));
        let mut scanner = Scanner::new(store, outputs)?;
        scanner.take(store.files(taken_up.tree)?.into_keys());
        let metric_files = pipeline.metric_files().into_iter().map(str::to_owned);
        let mut recording = Recording::new(
            cache.clone(),
            plan.format(),
            taken_up.experiment,
            scanner,
            plan.started,
            taken_up.lockfiles,
            folder,
        )?
        .with_message(plan.message.clone())
        .with_files(taken_up.note.params, metric_files.collect())
        .with_stages(plan.stages.clone());
        recording.tree = taken_up.tree;
        recording.unsynced = plan.unsynced.iter().map(|object| object.0).collect();
        recording.metrics = taken_up.note.metrics.into_iter().collect();
        recording.deps = taken_up.note.deps;
        recording.outs = taken_up.note.outs;
        recording.committed_tree = taken_up.committed_tree;
        recording.tip = taken_up.committed_tree.map(|_| recording.experiment.parent);
        recording.recalls = true;
        Ok(recording)
    }

    /// Leaves the workspace's `dvc.lock` files alone if one is not as the killed run left it.
    pub(super) fn leave_foreign_lockfile(&mut self, plan: &Plan) -> Result<()> {
        let project = self.store().project()?.to_owned();
        let parent = self.store().checkpoint(self.experiment.parent)?.parent;
        for (path, text) in self.lockfiles.texts() {
            let now = match fs_err::read_to_string(project.join(&path)) {
                Ok(now) => now,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error).context(|| format!("cannot read '{path}'")),
            };
            // The run was killed before or after it wrote that of its last checkpoint.
            let mut ours = vec![text];
            ours.extend(plan.lockfiles.get(&path).cloned());
            if let Some(parent) = parent
                && let Some(text) = self
                    .store()
                    .read_blob(parent, &self.store().tree_path(&path))?
            {
                ours.push(String::from_utf8_lossy(&text).into_owned());
            }
            self.leaves_lockfile |= !ours.contains(&now);
        }
        Ok(())
    }

    /// Returns what an output held that a capture found unchanged, for one whose recorder is gone.
    pub(super) fn recall(
        &self,
        output: &Output,
        before: Option<&LockedHash>,
    ) -> Result<Option<PathDigest>> {
        let Some(before) = before.filter(|_| self.recalls) else {
            return Ok(None);
        };
        if output.cache {
            return self.cache.digest_stored(before.format, &before.md5);
        }
        let path = self.store().tree_path(&output.path);
        let mut files = Vec::new();
        for (file, state) in self.store().files(self.tree)? {
            let below = file.strip_prefix(path.as_bytes());
            let Some(below) = below.and_then(|below| below.to_str().ok()) else {
                continue;
            };
            let digest = || {
                let bytes = self.store().read_object(state.id)?;
                Ok::<_, Error>(crate::digest::bytes(&bytes))
            };
            match below.strip_prefix('/') {
                Some(below) => files.push((below.to_owned(), digest()?)),
                None if below.is_empty() => {
                    let found = PathDigest::File {
                        digest: digest()?,
                        isexec: false,
                    };
                    return Ok(Some(found).filter(|it| it.md5(before.format) == before.md5));
                }
                None => {}
            }
        }
        let found = PathDigest::Dir(DirDigest::new(files));
        Ok(Some(found).filter(|it| it.md5(before.format) == before.md5))
    }
}

/// Returns the pipeline as it was when the run started.
pub fn pipeline_of(store: &Store, plan: &Plan) -> Result<Pipeline> {
    let pipeline = store.pipeline_in(plan.started)?;
    if pipeline.files.is_empty() {
        return Err(Error::corrupt("the code of the killed run has no pipeline"));
    }
    Ok(pipeline)
}

/// Where a killed recording stands.
struct TakenUp {
    experiment: Experiment,
    tree: ObjectId,
    committed_tree: Option<ObjectId>,
    lockfiles: Lockfiles,
    note: Note,
}

impl TakenUp {
    fn read(store: &Store, plan: &Plan, pipeline: &Pipeline) -> Result<Self> {
        let name = ExperimentName::of_ref(&plan.name);
        let tip = store.find_ref(&experiment_ref(plan.baseline, &name))?;
        let notes_at = store.find_ref(&notes_ref(plan.baseline, &name))?;
        let mut experiment = Experiment {
            notes_at,
            ..Experiment::new(name, plan.id.clone(), plan.baseline)
        };
        if let Some(tip) = tip
            && tip != plan.parent
        {
            let checkpoint = store.checkpoint(tip)?;
            let number = checkpoint.trailers.number.unwrap_or_default();
            if checkpoint.trailers.id.as_ref() == Some(&plan.id) && number >= plan.number {
                experiment.parent = tip;
                experiment.expected = Expected::Is(tip);
                experiment.number = number + 1;
                experiment.notes = notes_at;
                let note = match notes_at {
                    Some(notes) => store.read_note(notes, tip)?,
                    None => None,
                };
                return Ok(TakenUp {
                    experiment,
                    tree: checkpoint.tree,
                    committed_tree: Some(checkpoint.tree),
                    lockfiles: store.lockfiles_in(tip, pipeline)?,
                    note: read_note(note.as_deref().unwrap_or(plan.note.as_bytes()), tip)?,
                });
            }
        }
        experiment.parent = plan.parent;
        experiment.number = plan.number;
        experiment.fork_of = plan.fork_of.as_deref().and_then(Fork::parse);
        let mut committed_tree = None;
        if plan.grows {
            experiment.expected = Expected::Is(plan.parent);
            experiment.notes = notes_at;
            committed_tree = Some(store.checkpoint(plan.parent)?.tree);
        }
        // If it is not there any more, the killed run has taken it away itself.
        experiment.replaces = plan
            .replaces
            .filter(|replaced| tip == Some(replaced.0))
            .map(|replaced| experiment::Experiment {
                baseline: plan.baseline,
                name: experiment.name.clone(),
                tip: replaced.0,
            });
        if let Some(fork) = &experiment.fork_of {
            let origin = notes_ref(plan.baseline, &ExperimentName::of_ref(&fork.name));
            if let Some(notes) = store.find_ref(&origin)? {
                let chain = store.chain(plan.parent, plan.baseline)?;
                experiment.inherited = store.notes_of(notes, &chain)?;
            }
        }
        Ok(TakenUp {
            experiment,
            tree: plan.tree,
            committed_tree,
            lockfiles: Lockfiles::parse(
                plan.lockfiles.iter().map(|(path, text)| (&**path, &**text)),
            )?,
            note: read_note(plan.note.as_bytes(), plan.parent)?,
        })
    }
}

fn read_note(text: &[u8], commit: ObjectId) -> Result<Note> {
    let note = Note::parse(text, commit)?;
    Ok(ParsedNote::known(note).unwrap_or_default())
}
