//! What a stage that does not have to run adds to the checkpoints: its inputs and what it made earlier.

use super::contents::kept_format;
use super::recorder::{Recording, StageFacts};
use crate::checkpoint::NoteOutput;
use crate::error::{Context, Result};
use crate::lockfile::LockedHash;
use crate::pipeline::{Output, OutputKind, paths};
use crate::store::objects::{Batch, TreeChange};
use crate::store::scan::PathSet;

impl Recording {
    /// Takes the stage's files with `cache: false` into the tree, its metrics, inputs and outputs into the notes.
    ///
    /// `dvc.lock` goes on describing them, so a checkpoint without them could not be applied whole. Facts that
    /// have outputs are those of a stage that an earlier run stands in for: `dvc.lock` gets them.
    pub(super) fn skip_stage(&mut self, batch: &Batch<'_>, facts: StageFacts) -> Result<()> {
        if !facts.entry.outs.is_empty() {
            self.begin(0);
            self.lockfiles.set(&facts.stage, facts.entry.clone());
            if facts.stage.saves_runs() {
                self.save_run_of(&facts.stage);
            }
        }
        let mut changes = Vec::new();
        for output in &facts.stage.outs {
            self.skip_output(batch, output, &mut changes)?;
        }
        if !changes.is_empty() {
            self.tree = batch.tree(self.tree, &changes)?;
        }
        self.unnoted.push(facts);
        // Where nothing runs there may be no note to write.
        match self.facts.is_none() && !self.recalls {
            true => Ok(()),
            false => self.note_skipped(),
        }
    }

    /// Tells the note of the stages that were skipped.
    pub(super) fn note_skipped(&mut self) -> Result<()> {
        for facts in std::mem::take(&mut self.unnoted) {
            self.note_deps(&facts);
            let locked = self.lockfiles.entry(&facts.stage);
            let locked = locked.cloned().unwrap_or_default();
            let hash_of = |output: &Output| {
                let locked = locked.out(facts.stage.written(&output.path));
                locked.and_then(|out| out.hash.as_ref())
            };
            for output in &facts.stage.outs {
                self.note_as_is(output, hash_of(output))?;
            }
            for output in &facts.stage.outside_outs {
                self.note_outside(&facts.stage, output, hash_of(output));
            }
        }
        Ok(())
    }

    /// Takes what was reported before this run, if no stage had to run: nothing has said otherwise.
    pub(super) fn keep_reported(&mut self, batch: &Batch<'_>) -> Result<()> {
        let files = std::mem::take(&mut self.reported_before);
        if files.is_empty() {
            return Ok(());
        }
        self.tree = batch.tree(self.tree, &files)?;
        for metric in self.metric_files.clone() {
            let path = self.store().tree_path(&metric);
            if self.metrics.contains_key(&metric)
                || !files.iter().any(|file| file.path == path.as_bytes())
            {
                continue;
            }
            if let Some(bytes) = self.store().read_blob(self.tree, &path)? {
                let data = crate::metrics::file_data(&metric, &bytes);
                self.metrics.insert(metric, data);
            }
        }
        Ok(())
    }

    fn skip_output(
        &mut self,
        batch: &Batch<'_>,
        output: &Output,
        changes: &mut Vec<TreeChange>,
    ) -> Result<()> {
        let tree_path = self.store().tree_path(&output.path);
        // What git holds, or metrics lie in, is looked at file by file.
        let looked_at = !output.cache
            || (self.metric_files.iter()).any(|metric| paths::is_within(metric, &output.path));
        let files = match looked_at {
            true => self.store().files_below(&PathSet::new([&tree_path]))?,
            false => Vec::new(),
        };
        if !output.cache {
            changes.push(TreeChange {
                path: tree_path.clone().into_bytes(),
                entry: None,
            });
            for path in &files {
                let state = self.scanner.store_current(batch, path.as_ref())?;
                changes.extend(state.map(|state| TreeChange {
                    path: path.to_vec(),
                    entry: Some((state.kind, state.id)),
                }));
            }
        }
        let project = self.store().project()?.to_owned();
        for metric in &self.metric_files {
            let is_here = files
                .iter()
                .any(|path| *path == self.store().tree_path(metric));
            if is_here {
                let bytes = fs_err::read(project.join(metric))
                    .context(|| format!("cannot read '{metric}'"))?;
                let data = crate::metrics::file_data(metric, &bytes);
                self.metrics.insert(metric.clone(), data);
            }
        }
        Ok(())
    }

    /// Tells the note what an output is.
    fn note_as_is(&mut self, output: &Output, locked: Option<&LockedHash>) -> Result<()> {
        let project = self.store().project()?;
        if output.kind == OutputKind::Out
            && let Some(digest) = self.cache.digest(&project.join(&output.path))?
        {
            let format = kept_format(locked, &digest).unwrap_or(self.format);
            let note = NoteOutput {
                md5: Some(digest.md5(format)),
                sha256: output.cache.then(|| digest.sha256()),
                size: Some(digest.size()),
                nfiles: digest.nfiles(),
                cache: output.cache,
                data_source: false,
            };
            self.outs.insert(output.path.clone(), note);
        }
        Ok(())
    }
}
