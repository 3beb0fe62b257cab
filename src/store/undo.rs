//! Ways back: one entry per apply, remove, gc or rename, newest first.
//!
//! An entry is a commit at `refs/git-exp/undo/<worktree>/<n>`. Its tree holds `record.json` (see
//! [`Record`]) and `before/<path>`, the bytes that were replaced; its parents are the commits whose
//! refs went, so that git keeps them. Cached outputs are in DVC's cache; those that no checkpoint
//! holds are linked under `<common dir>/git-exp/kept/<worktree>/<n>` too, because `dvc gc` does not
//! know them.

use super::Store;
use super::cache::Cache;
use super::durable;
use super::objects::{Batch, TreeChange};
use super::refs::{Expected, MoveError, RefChange};
use super::transition::{SavedOutput, Transition, ref_changes, ref_error};
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use gix::objs::tree::EntryKind;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const PREFIX: &str = "refs/git-exp/undo/";

/// How long an entry is kept, in seconds: 90 days.
const EXPIRES: i64 = 90 * 24 * 60 * 60;

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// 1.
    version: u32,
    /// `apply`, `remove`, `gc`, `rename` or `undo`.
    pub command: String,
    /// What it was done to, for a list: an experiment, names, a number.
    pub subject: String,
    /// When, in seconds since the epoch.
    pub time: i64,
    /// What was done.
    pub transition: Transition,
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its ref.
    pub ref_name: String,
    /// Counts up from 1 within a worktree.
    pub number: u64,
    /// Its commit.
    pub commit: ObjectId,
    /// What it says.
    pub record: Record,
}

/// What is lost with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// Refs or bytes that nothing else has: a power cut must not take it.
    OnlyCopy,
    /// The way back to what checkpoints, HEAD and the cache have too.
    Convenience,
}

impl Store {
    /// Lists this worktree's entries, newest first.
    pub fn undo_entries(&self) -> Result<Vec<Entry>> {
        let mut entries = self
            .undo_refs()?
            .into_iter()
            .map(|(number, ref_name, commit)| self.read_undo(number, ref_name, commit))
            .collect::<Result<Vec<_>>>()?;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.number));
        Ok(entries)
    }

    /// Returns this worktree's newest entry, or `None`.
    pub fn newest_undo(&self) -> Result<Option<Entry>> {
        self.undo_refs()?
            .into_iter()
            .max_by_key(|(number, ..)| *number)
            .map(|(number, ref_name, commit)| self.read_undo(number, ref_name, commit))
            .transpose()
    }

    /// Writes an entry for a transition that is about to happen, and syncs it.
    ///
    /// `unsaved` are outputs whose objects only this entry needs: they are linked from the kept folder.
    /// The transition is given its place there.
    pub(crate) fn save_undo(
        &self,
        command: &str,
        subject: &str,
        transition: &mut Transition,
        unsaved: &[SavedOutput],
        worth: Worth,
    ) -> Result<Entry> {
        self.save_undo_beside(command, subject, transition, unsaved, worth, &[])
    }

    /// Performs a transition that moves refs only, and writes its entry, which appears with the move or
    /// not at all. If one of the refs has moved since it was read, nothing is changed.
    pub(crate) fn perform_undoable(
        &self,
        command: &str,
        subject: &str,
        transition: &mut Transition,
    ) -> Result<Entry> {
        debug_assert!(transition.is_refs_only());
        let moves = ref_changes(&transition.refs);
        self.save_undo_beside(command, subject, transition, &[], Worth::OnlyCopy, &moves)
    }

    /// The ref of the entry appears together with `moves`.
    fn save_undo_beside(
        &self,
        command: &str,
        subject: &str,
        transition: &mut Transition,
        unsaved: &[SavedOutput],
        worth: Worth,
        moves: &[RefChange],
    ) -> Result<Entry> {
        let signature = self.signature(super::Role::Committer)?;
        let entries = self.undo_refs()?;
        let newest = entries.iter().map(|(number, ..)| *number).max();
        let number = newest.unwrap_or(0) + 1;
        self.expire(entries, signature.time.seconds)?;
        let worktree = self.undo_worktree();
        if !unsaved.is_empty() {
            let kept = self
                .common_dir
                .join("git-exp/kept")
                .join(&worktree)
                .join(number.to_string());
            keep(&self.cache()?, &kept, unsaved)?;
            transition.kept = Some(kept);
        }
        let batch = Batch::new(self);
        let record = Record {
            version: 1,
            command: command.to_string(),
            subject: subject.to_string(),
            time: signature.time.seconds,
            transition: transition.clone(),
        };
        let text = serde_json::to_vec_pretty(&record)
            .map_err(|cause| Error::io("cannot describe the change").caused_by(cause))?;
        let mut changes = vec![TreeChange {
            path: b"record.json".to_vec(),
            entry: Some((EntryKind::Blob, batch.blob(&text)?)),
        }];
        for (path, step) in &record.transition.files {
            if let Some(before) = step.before {
                let state = before.state();
                let mut tree_path = b"before/".to_vec();
                tree_path.extend_from_slice(&path.0);
                changes.push(TreeChange {
                    path: tree_path,
                    entry: Some((state.kind, state.id)),
                });
            }
        }
        let empty = ObjectId::empty_tree(self.repo.object_hash());
        let tree = batch.tree(empty, &changes)?;
        let mut parents: Vec<ObjectId> = Vec::new();
        for (_, step) in &record.transition.refs {
            if let Some(before) = step.before
                && !parents.contains(&before.0)
            {
                parents.push(before.0);
            }
        }
        let commit = batch.commit(tree, &parents, &format!("git exp {command} {subject}\n"))?;
        match worth {
            Worth::OnlyCopy => batch.sync()?,
            Worth::Convenience => drop(batch.sync_contents()?),
        }
        let mut number = number;
        let ref_name = loop {
            let ref_name = format!("{PREFIX}{worktree}/{number}");
            let mut changes = vec![RefChange::create(&ref_name, commit)];
            changes.extend_from_slice(moves);
            match self.change_refs(&changes) {
                Ok(()) => break ref_name,
                // Another 'git exp remove' was faster. What is kept lies under the number.
                Err(MoveError::Moved(_))
                    if transition.kept.is_none() && self.find_ref(&ref_name)?.is_some() =>
                {
                    number += 1;
                }
                Err(failed) => return Err(ref_error(failed)),
            }
        };
        Ok(Entry {
            ref_name,
            number,
            commit,
            record,
        })
    }

    /// Drops the oldest entries past [`EXPIRES`], as git does with reflogs.
    fn expire(&self, mut entries: Vec<(u64, String, ObjectId)>, now: i64) -> Result<()> {
        entries.sort();
        for (_, ref_name, commit) in entries {
            if self
                .checkpoint(commit)?
                .time
                .seconds
                .saturating_add(EXPIRES)
                > now
            {
                break;
            }
            self.drop_undo(&ref_name)?;
        }
        Ok(())
    }

    /// Removes an entry and what was kept for it; one that is gone is no error.
    pub(crate) fn drop_undo(&self, ref_name: &str) -> Result<()> {
        if let Some(commit) = self.find_ref(ref_name)? {
            self.change_refs(&[RefChange {
                name: ref_name.to_string(),
                new: None,
                expected: Expected::Is(commit),
            }])
            .map_err(ref_error)?;
        }
        if let Some(place) = ref_name.strip_prefix(PREFIX) {
            let kept = self.common_dir.join("git-exp/kept").join(place);
            match fs_err::remove_dir_all(&kept) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(cause).context(|| format!("cannot remove '{}'", kept.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns a moment (seconds since the epoch) in the local zone, as `2026-11-24 02:29:41 +0000`.
    pub fn show_time(&self, seconds: i64) -> String {
        let offset = super::local_time::now().offset;
        let time = gix::date::Time::new(seconds, offset);
        time.format(gix::date::time::format::ISO8601)
            .unwrap_or_else(|_| seconds.to_string())
    }

    /// Returns the commits whose refs an undo entry of any worktree can bring back.
    pub fn undoable_tips(&self) -> Result<Vec<ObjectId>> {
        let mut tips = Vec::new();
        for (_, entry) in self.refs_below(PREFIX)? {
            let commit = self
                .repo
                .find_commit(entry)
                .context(|| "cannot read an undo entry".to_owned())?;
            tips.extend(commit.parent_ids().map(|parent| parent.detach()));
        }
        Ok(tips)
    }

    /// Returns how this worktree is called under `refs/git-exp/undo/`.
    pub(super) fn undo_worktree(&self) -> String {
        // What a temporary worktree replaces, people look for where they asked for it.
        if let Some(asked_in) = self.made_for() {
            return asked_in;
        }
        if self.git_dir == self.common_dir {
            return "main".to_string();
        }
        match self.git_dir.file_name().and_then(|name| name.to_str()) {
            // Git names a linked worktree after its folder, which may be 'main' too.
            Some("main") => "main.linked".to_string(),
            Some(name) => name.to_string(),
            None => "linked".to_string(),
        }
    }

    fn undo_refs(&self) -> Result<Vec<(u64, String, ObjectId)>> {
        let prefix = format!("{PREFIX}{}/", self.undo_worktree());
        let refs = self.refs_below(&prefix)?;
        Ok(refs
            .into_iter()
            .filter_map(|(name, commit)| {
                let number = name.strip_prefix(&prefix)?.parse().ok()?;
                Some((number, name, commit))
            })
            .collect())
    }

    fn read_undo(&self, number: u64, ref_name: String, commit: ObjectId) -> Result<Entry> {
        let damaged = || Error::corrupt(format!("'{ref_name}' is no undo entry"));
        let text = self.read_blob(commit, "record.json")?.ok_or_else(damaged)?;
        let record: Record =
            serde_json::from_slice(&text).map_err(|cause| damaged().caused_by(cause))?;
        if record.version != 1 {
            return Err(Error::refused(format!(
                "'{ref_name}' was written by a newer git exp"
            )));
        }
        Ok(Entry {
            ref_name,
            number,
            commit,
            record,
        })
    }
}

impl Store {
    /// Whether an output's objects are in the cache, or kept for an undo entry.
    pub(crate) fn has_output(&self, object: &SavedOutput, kept: Option<&Path>) -> Result<bool> {
        let cache = self.cache()?;
        if let Some(kept) = kept {
            put_back(&cache, kept, object)?;
        }
        Ok(cache.missing(object.format(), &object.md5)?.is_empty())
    }
}

/// Links (or copies) objects out of the cache into `kept`, at the same relative paths.
fn keep(cache: &Cache, kept: &Path, outputs: &[SavedOutput]) -> Result<()> {
    for output in outputs {
        for md5 in cache.objects(output.format(), &output.md5)? {
            let object = cache.path(output.format(), &md5);
            let place = kept_path(cache, kept, &object);
            link(&object, &place).context(|| format!("cannot keep cache object '{md5}'"))?;
        }
    }
    Ok(())
}

/// Returns an output's objects to the cache where it has lost them.
pub(crate) fn put_back(cache: &Cache, kept: &Path, output: &SavedOutput) -> Result<()> {
    let return_one = |md5: &str| -> Result<()> {
        let object = cache.path(output.format(), md5);
        let place = kept_path(cache, kept, &object);
        if !object.exists() && place.exists() {
            link(&place, &object).context(|| format!("cannot return cache object '{md5}'"))?;
        }
        Ok(())
    };
    return_one(&output.md5)?;
    if output.md5.ends_with(".dir") {
        for md5 in cache.objects(output.format(), &output.md5)? {
            return_one(&md5)?;
        }
    }
    Ok(())
}

fn kept_path(cache: &Cache, kept: &Path, object: &Path) -> PathBuf {
    kept.join(object.strip_prefix(cache.dir()).unwrap_or(object))
}

fn link(from: &Path, to: &Path) -> std::io::Result<()> {
    let folder = durable::parent(to);
    fs_err::create_dir_all(folder)?;
    if to.exists() || fs_err::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let temporary = durable::temporary_in(folder, 0o444)?.into_temp_path();
    fs_err::remove_file(&temporary)?;
    reflink_copy::reflink_or_copy(from, &temporary)?;
    temporary.persist(to).map_err(|failed| failed.error)
}
