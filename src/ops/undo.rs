//! The last apply, remove, gc or rename, taken back.

use super::claim::claim;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::runner::release::release;
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::checkout::Targets;
use crate::store::objects::Batch;
use crate::store::scan::{PathSet, Scanner, quoted};
use crate::store::transition::{SavedFile, SavedOutput, Step, Transition};
use crate::store::undo::{Entry, Worth};

/// Takes this worktree's newest entry back and returns it.
///
/// Files that were changed since are refused, unless `force` is set; then they are saved first, as an
/// entry of their own. [`crate::error::Kind::Missing`] when there is nothing to take back.
pub fn undo(store: &Store, force: bool, events: &mut dyn Events) -> Result<Entry> {
    store.clear_stale_locks()?;
    let Some(entry) = store.newest_undo()? else {
        return Err(Error::missing("nothing to undo in this worktree"));
    };
    let _lock = if entry.record.transition.touches_files() {
        let lock = claim(store, "undo", events)?;
        // Finishing what was cut off may have taken the entry back already.
        if store.find_ref(&entry.ref_name)?.is_none() {
            return Ok(entry);
        }
        Some(lock)
    } else {
        None
    };
    let mut back = entry.record.transition.clone().turned();
    back.drops = Some(entry.ref_name.clone());
    check_refs(store, &mut back)?;
    let mut rescue = Rescue::look(store, &mut back, force)?;
    check_room(store, &back)?;
    check_objects(store, &back)?;
    if let Some(saved) = rescue.save(store, &entry)? {
        events.emit(Event::Status(format!(
            "Saved {} first, as undo entry {saved}.",
            quoted(&rescue.paths)
        )));
    }
    store.perform(&back)?;
    release(store);
    Ok(entry)
}

/// Refs that are as they shall be need no change; ones that somebody moved are refused.
fn check_refs(store: &Store, back: &mut Transition) -> Result<()> {
    let mut moved = Vec::new();
    let mut keep = Vec::new();
    for (name, step) in std::mem::take(&mut back.refs) {
        let now = store.find_ref(&name)?;
        if now == step.after.map(|value| value.0) {
            continue;
        }
        // DVC's own marks follow DVC; they are not worth a refusal.
        let is_mark = name.starts_with("refs/exps/exec/");
        if now == step.before.map(|value| value.0) {
            keep.push((name, step));
        } else if !is_mark {
            moved.push(name);
        }
    }
    back.refs = keep;
    if moved.is_empty() {
        return Ok(());
    }
    Err(
        Error::refused(format!("cannot undo: changed since: {}", quoted(&moved)))
            .hint("rename or remove them first, then try again"),
    )
}

fn check_room(store: &Store, back: &Transition) -> Result<()> {
    let targets: Targets = back
        .files
        .iter()
        .map(|(path, step)| (path.0.clone(), step.after.map(SavedFile::state)))
        .collect();
    store.check_room(&targets)
}

/// Checks that every object that comes back is in the cache or kept.
fn check_objects(store: &Store, back: &Transition) -> Result<()> {
    for (path, step) in &back.outputs {
        if let Some(object) = &step.after
            && !store.has_output(object, back.kept.as_deref())?
        {
            return Err(Error::missing(format!(
                "not in the cache: '{}' of '{}'",
                object.md5, path.0
            )));
        }
    }
    Ok(())
}

/// What the workspace has that neither the entry nor the operation knows.
struct Rescue {
    paths: Vec<BString>,
    files: Vec<BString>,
    transition: Transition,
    objects: Vec<SavedOutput>,
}

impl Rescue {
    fn look(store: &Store, back: &mut Transition, force: bool) -> Result<Self> {
        let mut rescue = Rescue {
            paths: Vec::new(),
            files: Vec::new(),
            transition: Transition::default(),
            objects: Vec::new(),
        };
        if !back.files.is_empty() {
            let mut scanner = Scanner::new(store, PathSet::default())?;
            for (path, step) in &mut back.files {
                let now = scanner.current(path.0.as_bstr())?.map(SavedFile::new);
                if now.is_some() && now != step.before && now != step.after {
                    rescue.paths.push(path.0.clone());
                    rescue.files.push(path.0.clone());
                    rescue.transition.files.push((
                        path.clone(),
                        Step {
                            before: now,
                            after: step.after,
                        },
                    ));
                    step.before = now;
                }
            }
        }
        if !back.outputs.is_empty() {
            let cache = store.cache()?;
            for (path, step) in &back.outputs {
                let now = cache.digest(&store.path_of(path.0.as_bstr())?)?;
                // An empty directory holds nothing that could be lost.
                let Some(now) = now.filter(|now| now.nfiles() != Some(0)) else {
                    continue;
                };
                let known = [&step.before, &step.after]
                    .into_iter()
                    .flatten()
                    .any(|object| now.md5(object.format()) == object.md5);
                let object = step
                    .before
                    .as_ref()
                    .or(step.after.as_ref())
                    .map(|object| object.format())
                    .map(|format| SavedOutput::new(format, now.md5(format), now.isexec()));
                if let Some(object) = object
                    && !known
                {
                    rescue.paths.push(path.0.clone());
                    if !cache.has(object.format(), &object.md5, Some(now.size())) {
                        rescue.objects.push(object.clone());
                    }
                    rescue.transition.outputs.push((
                        path.clone(),
                        Step {
                            before: Some(object),
                            after: step.after.clone(),
                        },
                    ));
                }
            }
        }
        if !rescue.paths.is_empty() && !force {
            return Err(Error::refused(format!(
                "undo would overwrite changes made since: {}",
                quoted(&rescue.paths)
            ))
            .hint("commit or stash them")
            .hint("use --force to save them as an undo entry of their own"));
        }
        Ok(rescue)
    }

    /// Stores them and returns the number of their entry, or `None` if there is nothing.
    fn save(&mut self, store: &Store, undone: &Entry) -> Result<Option<u64>> {
        if self.paths.is_empty() {
            return Ok(None);
        }
        if !self.files.is_empty() {
            let mut scanner = Scanner::new(store, PathSet::default())?;
            let batch = Batch::new(store);
            for path in &self.files {
                scanner.store_current(&batch, path.as_bstr())?;
            }
            batch.sync()?;
        }
        if !self.objects.is_empty() {
            let cache = store.cache()?;
            for (path, step) in &self.transition.outputs {
                let place = store.path_of(path.0.as_bstr())?;
                if let (Some(object), Some(digest)) = (&step.before, cache.digest(&place)?)
                    && self.objects.contains(object)
                {
                    cache.save(&place, &digest, object.format())?;
                }
            }
        }
        let subject = format!("{} {}", undone.record.command, undone.record.subject);
        let entry = store.save_undo(
            "undo",
            &subject,
            &mut self.transition,
            &self.objects,
            Worth::OnlyCopy,
        )?;
        Ok(Some(entry.number))
    }
}
