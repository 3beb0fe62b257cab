//! What is in a temporary worktree before its run starts, as git would put it there.

use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use crate::store::Store;
use gix::bstr::BString;
use gix::index::entry::Flags;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;

impl Store {
    /// Returns this worktree's own config, as git copies it for a new one.
    pub(super) fn worktree_config(&self) -> Result<Option<Vec<u8>>> {
        let path = self.git_dir.join("config.worktree");
        if !path.is_file() {
            return Ok(None);
        }
        let doing = || format!("cannot read '{}'", path.display());
        let source = gix::config::Source::Worktree;
        let mut config =
            gix::config::File::from_path_no_includes(path.clone(), source).context(doing)?;
        if let Ok(mut core) = config.section_mut("core", None) {
            for key in ["bare", "worktree"] {
                while core.remove(key).is_some() {}
            }
        }
        let mut bytes = Vec::new();
        config.write_to(&mut bytes).context(doing)?;
        Ok(Some(bytes))
    }

    /// Returns the paths outside of the sparse checkout.
    pub(super) fn skipped(&self) -> Result<HashSet<BString>> {
        let index = self
            .repo
            .index_or_empty()
            .context(|| "cannot read the index".to_owned())?;
        let entries = index.entries().iter();
        let skipped = entries.filter(|entry| entry.flags.contains(Flags::SKIP_WORKTREE));
        Ok(skipped.map(|entry| entry.path(&index).to_owned()).collect())
    }
}

/// Writes the files and the index of `tree` into the empty work tree.
pub(super) fn fill(store: &Store, tree: ObjectId, skipped: &HashSet<BString>) -> Result<()> {
    let doing = || format!("cannot write files to '{}'", store.worktree.display());
    let repo = &store.repo;
    let mut index = repo.index_from_tree(&tree).context(doing)?;
    let (entries, paths) = index.entries_mut_and_pathbacking();
    for entry in entries {
        if skipped.contains(entry.path_in(paths)) {
            entry.flags.insert(Flags::SKIP_WORKTREE | Flags::EXTENDED);
        }
    }
    let source = gix::worktree::stack::state::attributes::Source::IdMapping;
    let mut options = repo.checkout_options(source).context(doing)?;
    options.destination_is_initially_empty = true;
    let never = AtomicBool::new(false);
    let outcome = gix::worktree::state::checkout(
        &mut index,
        &store.worktree,
        repo.objects.clone().into_arc().context(doing)?,
        &gix::progress::Discard,
        &gix::progress::Discard,
        &never,
        options,
    )
    .context(doing)?;
    if let Some(clash) = outcome.collisions.first() {
        return Err(Error::refused(format!(
            "cannot write '{}': another file has the same name here",
            clash.path
        )));
    }
    index.set_path(store.git_dir.join("index"));
    index.remove_tree();
    index
        .write(gix::index::write::Options::default())
        .context(doing)
}
