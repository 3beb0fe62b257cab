//! What a run need not make, and its checkpoints have all the same: each is a complete project.

use crate::error::Result;
use crate::id::ObjectId;
use crate::store::Store;
use crate::store::bstr::BString;
use crate::store::objects::{Batch, EntryKind, TreeChange};
use crate::store::scan::{PathSet, Scanner};
use std::collections::BTreeMap;

/// The state before the first stage: the checkpoint that a run goes on from, or the workspace.
pub struct Before<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The checkpoint, if there is one.
    pub from: Option<ObjectId>,
    /// The commit that says, where there is none, which files of the workspace are git's.
    pub baseline: ObjectId,
    /// The `dvc.lock` files, from the top of the work tree.
    pub lock_files: &'a [String],
}

impl Before<'_> {
    /// Returns `tree` with the files below `written`, paths that stages write, and with the `dvc.lock`
    /// files; `lockfiles` are the texts of those of the workspace, by path.
    ///
    /// They stay until their stage runs, as in DVC's checkpoints: what `dvc.lock` says of them is there.
    pub fn onto(
        &self,
        batch: &Batch<'_>,
        tree: ObjectId,
        written: &PathSet,
        lockfiles: &BTreeMap<String, String>,
        scanner: &mut Scanner,
    ) -> Result<ObjectId> {
        let mut changes = match self.from {
            Some(from) => {
                let mut written = written.clone();
                written.extend(PathSet::new(self.lock_files));
                self.files_of(from, &written)?
            }
            None => {
                let known = self.store.files_at(self.baseline, written)?.into_keys();
                let mut changes = current(known.collect(), scanner, batch)?;
                for (path, text) in lockfiles {
                    changes.push(TreeChange {
                        path: self.store.tree_path(path).into_bytes(),
                        entry: Some((EntryKind::Blob, batch.blob(text.as_bytes())?)),
                    });
                }
                changes
            }
        };
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        batch.tree(tree, &changes)
    }

    /// Returns the files that training code reported, at or below `reported`: they belong to a run in which
    /// no stage has to run.
    pub fn reported(
        &self,
        batch: &Batch<'_>,
        reported: &PathSet,
        scanner: &mut Scanner,
    ) -> Result<Vec<TreeChange>> {
        if let Some(from) = self.from {
            return self.files_of(from, reported);
        }
        let mut files = Vec::new();
        for path in self.store.files_below(reported)? {
            if !self.store.is_ignored(&path.to_string(), false)? {
                files.push(path);
            }
        }
        current(files, scanner, batch)
    }

    fn files_of(&self, commit: ObjectId, paths: &PathSet) -> Result<Vec<TreeChange>> {
        let files = self.store.files_at(commit, paths)?;
        Ok(files
            .into_iter()
            .map(|(path, state)| TreeChange {
                path: path.into(),
                entry: Some((state.kind, state.id)),
            })
            .collect())
    }
}

/// Returns files as the workspace has them; those that are gone are left out.
fn current(
    paths: Vec<BString>,
    scanner: &mut Scanner,
    batch: &Batch<'_>,
) -> Result<Vec<TreeChange>> {
    let mut changes = Vec::new();
    for path in paths {
        let state = scanner.store_current(batch, path.as_ref())?;
        changes.extend(state.map(|state| TreeChange {
            path: path.into(),
            entry: Some((state.kind, state.id)),
        }));
    }
    Ok(changes)
}
