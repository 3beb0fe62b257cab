//! A tree to the work tree: only the files that differ are written, by rename.
//!
//! Files come through git's filters, with their modes and links. The index stays as it is, and so do
//! submodules. No symbolic link is followed on the way to a file: a tree must not be able to write
//! outside of the work tree.

use super::Store;
use super::durable;
use super::filter::{Filter, os_path};
use super::scan::{FileState, PathSet, Scanner, quoted};
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::objs::tree::EntryKind;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// What the work tree shall have at each path; `None` removes.
pub type Targets = BTreeMap<BString, Option<FileState>>;

/// A tree's files by path.
pub type Files = BTreeMap<BString, FileState>;

impl Store {
    /// Lists every file of a commit's or a tree's tree.
    pub fn files(&self, treeish: ObjectId) -> Result<Files> {
        let index = self.tree_index(treeish)?;
        Ok(index
            .entries()
            .iter()
            .filter_map(|entry| {
                let kind = entry.mode.to_tree_entry_mode()?.kind();
                let state = FileState { kind, id: entry.id };
                Some((entry.path(&index).to_owned(), state))
            })
            .collect())
    }

    /// Returns an index with every file of a commit's or a tree's tree, in order.
    pub(crate) fn tree_index(&self, treeish: ObjectId) -> Result<gix::index::File> {
        let doing = || format!("cannot read the tree of {}", crate::id::short(&treeish));
        let tree = self.repo.find_object(treeish).context(doing)?;
        let tree = tree.peel_to_tree().context(doing)?.id;
        self.repo.index_from_tree(&tree).context(doing)
    }

    /// Lists the files of a commit's or a tree's tree that are `paths`, or lie below one of them.
    pub fn files_at(&self, treeish: ObjectId, paths: &PathSet) -> Result<Files> {
        let doing = || format!("cannot read the tree of {}", crate::id::short(&treeish));
        let tree = self.repo.find_object(treeish).context(doing)?;
        let tree = tree.peel_to_tree().context(doing)?;
        let mut found = Files::new();
        for path in paths.iter() {
            let entry = tree.lookup_entry_by_path(os_path(path)?).context(doing)?;
            let Some(entry) = entry else { continue };
            if entry.mode().is_tree() {
                for (inner, state) in self.files(entry.object_id())? {
                    let full = format!("{path}/").into_bytes();
                    found.insert([full, inner.into()].concat().into(), state);
                }
                continue;
            }
            let kind = entry.mode().kind();
            let id = entry.object_id();
            found.insert(path.to_owned(), FileState { kind, id });
        }
        Ok(found)
    }

    /// Makes `paths` (files, or directories with all below them) what `treeish` has there.
    ///
    /// Files that the tree lacks are removed, so what the work tree has must be saved before.
    /// Returns the paths that were written or removed.
    pub fn restore_paths(&self, treeish: ObjectId, paths: &PathSet) -> Result<Vec<BString>> {
        let mut targets: Targets = self
            .files_at(treeish, paths)?
            .into_iter()
            .map(|(path, state)| (path, Some(state)))
            .collect();
        for path in self.files_below(paths)? {
            targets.entry(path).or_insert(None);
        }
        let mut scanner = Scanner::new(self, PathSet::default())?;
        scanner.take(targets.keys().cloned());
        let mut differing = Targets::new();
        for (path, target) in targets {
            if scanner.is_kept(path.as_bstr()) {
                continue;
            }
            if scanner.current(path.as_bstr())? != target {
                differing.insert(path, target);
            }
        }
        self.check_out(&differing)?;
        Ok(differing.into_keys().collect())
    }

    /// Lists the files (and links) that the work tree has at or below `paths`, in order.
    pub fn files_below(&self, paths: &PathSet) -> Result<Vec<BString>> {
        let mut files = Vec::new();
        for path in paths.iter() {
            let top = self.worktree.join(os_path(path)?);
            list_files(&top, path, &mut files)
                .context(|| format!("cannot read the directory '{path}'"))?;
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Refuses what cannot be written: a path below a file or a link, or a directory with other files.
    ///
    /// Nothing is changed; the error lists what stands in the way.
    pub(crate) fn check_room(&self, targets: &Targets) -> Result<()> {
        let goes = |path: &BStr| matches!(targets.get(path), Some(None));
        let mut in_the_way = BTreeSet::new();
        let mut seen: HashMap<BString, bool> = HashMap::new();
        for (path, target) in targets {
            if target.is_none() {
                continue;
            }
            for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                let parent = path[..slash].as_bstr();
                let blocked = match seen.get(parent) {
                    Some(blocked) => *blocked,
                    None => {
                        let found = fs_err::symlink_metadata(self.worktree.join(os_path(parent)?));
                        let blocked = found.is_ok_and(|found| !found.is_dir()) && !goes(parent);
                        seen.insert(parent.to_owned(), blocked);
                        blocked
                    }
                };
                if blocked {
                    in_the_way.insert(parent.to_owned());
                    break;
                }
            }
            let file = self.worktree.join(os_path(path.as_bstr())?);
            if fs_err::symlink_metadata(&file).is_ok_and(|found| found.is_dir()) {
                let mut files = Vec::new();
                list_files(&file, path.as_bstr(), &mut files)
                    .context(|| format!("cannot read the directory '{path}'"))?;
                in_the_way.extend(files.into_iter().filter(|file| !goes(file.as_bstr())));
            }
        }
        if in_the_way.is_empty() {
            return Ok(());
        }
        let in_the_way: Vec<BString> = in_the_way.into_iter().collect();
        Err(Error::refused(format!(
            "in the way of what would be written: {}",
            quoted(&in_the_way)
        ))
        .hint("move them away, then try again"))
    }

    /// Writes and removes files. The caller has saved what is lost by it.
    pub(crate) fn check_out(&self, targets: &Targets) -> Result<()> {
        if targets.is_empty() {
            return Ok(());
        }
        for (path, target) in targets {
            if target.is_none() {
                self.remove_file(path.as_bstr())?;
            }
        }
        let index = self
            .repo
            .index_or_empty()
            .context(|| "cannot read the index".to_string())?;
        let is_attributes = |path: &BString| path.ends_with(b".gitattributes");
        // Attributes say how the other files are written, so they come first.
        for attributes in [true, false] {
            let mut filter = None;
            for (path, target) in targets {
                if let Some(state) = target
                    && is_attributes(path) == attributes
                {
                    let filter = match &mut filter {
                        Some(filter) => filter,
                        empty => empty.insert(Filter::new(&self.repo, &index)?),
                    };
                    self.write_file(filter, path.as_bstr(), *state)?;
                }
            }
        }
        Ok(())
    }

    fn write_file(&self, filter: &mut Filter, path: &BStr, state: FileState) -> Result<()> {
        let doing = || format!("cannot write '{path}'");
        if matches!(state.kind, EntryKind::Commit | EntryKind::Tree) {
            return Ok(());
        }
        let file = self.worktree.join(os_path(path)?);
        let folder = durable::parent(&file);
        self.make_parents(path)?;
        if fs_err::symlink_metadata(&file).is_ok_and(|found| found.is_dir()) {
            remove_empty_dirs(&file).context(doing)?;
        }
        let mut blob = self.repo.find_object(state.id).context(doing)?;
        if state.kind == EntryKind::Link && self.repo.filesystem_options().context(doing)?.symlink {
            let target = gix::path::from_bstr(blob.data.as_bstr());
            let target = target.context(doing)?;
            let link = tempfile::Builder::new()
                .prefix(durable::TEMPORARY_PREFIX)
                .make_in(folder, |path| std::os::unix::fs::symlink(&target, path))
                .context(doing)?;
            link.into_temp_path()
                .persist(&file)
                .map_err(|failed| failed.error)
                .context(doing)?;
            return Ok(());
        }
        let bytes = match filter.smudge(&self.repo, path, &blob.data)? {
            Some(bytes) => bytes,
            None => std::mem::take(&mut blob.data),
        };
        let mode = match state.kind {
            EntryKind::BlobExecutable => 0o777,
            _ => 0o666,
        };
        let mut temporary = durable::temporary_in(folder, mode).context(doing)?;
        std::io::Write::write_all(&mut temporary, &bytes).context(doing)?;
        temporary
            .persist(&file)
            .map_err(|failed| failed.error)
            .context(doing)?;
        Ok(())
    }

    fn make_parents(&self, path: &BStr) -> Result<()> {
        for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let parent = path[..slash].as_bstr();
            let folder = self.worktree.join(os_path(parent)?);
            match fs_err::symlink_metadata(&folder) {
                Ok(found) if found.is_dir() => {}
                Ok(_) => {
                    return Err(Error::refused(format!(
                        "cannot write '{path}': '{parent}' is not a directory"
                    )));
                }
                Err(_) => fs_err::create_dir(&folder)
                    .context(|| format!("cannot create the directory '{parent}'"))?,
            }
        }
        Ok(())
    }

    fn remove_file(&self, path: &BStr) -> Result<()> {
        let mut file = self.worktree.join(os_path(path)?);
        if !self.has_real_parents(path)? {
            return Ok(());
        }
        match fs_err::symlink_metadata(&file) {
            Ok(found) if found.is_dir() => return Ok(()),
            Ok(_) => fs_err::remove_file(&file).context(|| format!("cannot remove '{path}'"))?,
            Err(_) => return Ok(()),
        }
        let here = std::env::current_dir().ok();
        while file.pop() && file != self.worktree && Some(&file) != here.as_ref() {
            // Fails on the first one that is not empty, which is where it ends.
            if fs_err::remove_dir(&file).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Whether no parent of `path` is a symbolic link.
    fn has_real_parents(&self, path: &BStr) -> Result<bool> {
        for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            let folder = self.worktree.join(os_path(path[..slash].as_bstr())?);
            if fs_err::symlink_metadata(&folder).is_ok_and(|found| !found.is_dir()) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Lists files and links at or below `top`, entering no link and no repository.
fn list_files(top: &Path, path: &BStr, files: &mut Vec<BString>) -> std::io::Result<()> {
    let Ok(found) = fs_err::symlink_metadata(top) else {
        return Ok(());
    };
    if !found.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs_err::read_dir(top)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == ".git" {
            continue;
        }
        let mut child = path.to_owned();
        child.push(b'/');
        child.extend_from_slice(std::os::unix::ffi::OsStrExt::as_bytes(name.as_os_str()));
        list_files(&entry.path(), child.as_bstr(), files)?;
    }
    Ok(())
}

/// Removes a directory that holds nothing but empty directories.
fn remove_empty_dirs(top: &Path) -> std::io::Result<()> {
    for entry in fs_err::read_dir(top)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty_dirs(&entry.path())?;
        }
    }
    fs_err::remove_dir(top)
}
