//! The files that differ between a commit and another one, or the work tree.

use super::Store;
use super::filter::os_path;
use super::scan::{Change, FileState, PathSet, Scanner};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::objs::tree::EntryKind;

/// A file with both contents; `None` where it does not exist. A link's content is its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFile {
    /// Path from the top of the work tree.
    pub path: BString,
    /// Before.
    pub old: Option<Vec<u8>>,
    /// After.
    pub new: Option<Vec<u8>>,
}

impl Store {
    /// Lists the files whose contents differ from `old` to `new` (`None`: the work tree), in path order.
    ///
    /// Of the work tree, files that git tracks, or that `old` has, are looked at, unchanged ones by
    /// their stat alone. Paths in `left_out` and submodules are passed over. Nothing is written.
    pub fn changed_files(
        &self,
        old: ObjectId,
        new: Option<ObjectId>,
        left_out: &PathSet,
    ) -> Result<Vec<ChangedFile>> {
        let is_blob = |state: &FileState| state.kind != EntryKind::Commit;
        let mut changed = Vec::new();
        if let Some(new) = new {
            for Change { path, old, new } in self.differing(old, new)? {
                if left_out.covers(&path) {
                    continue;
                }
                let read = |state: Option<FileState>| match state.filter(is_blob) {
                    Some(state) => self.read_object(state.id).map(Some),
                    None => Ok(None),
                };
                push(&mut changed, &path, read(old)?, read(new)?);
            }
            return Ok(changed);
        }
        let before = self.files(old)?;
        let mut scanner = Scanner::new(self, PathSet::default())?;
        scanner.take(before.keys().cloned());
        let mut paths: Vec<BString> = scanner.paths().map(|path| path.to_owned()).collect();
        paths.extend(before.keys().cloned());
        paths.sort();
        paths.dedup();
        for path in paths {
            if left_out.covers(&path) || scanner.is_kept(path.as_bstr()) {
                continue;
            }
            let old = before.get(&path).filter(|state| is_blob(state));
            let new = scanner.current(path.as_bstr())?;
            if old == new.as_ref() {
                continue;
            }
            let old = match old {
                Some(state) => Some(self.read_object(state.id)?),
                None => None,
            };
            let new = match &new {
                Some(state) => Some(self.read_file(path.as_bstr(), state.kind)?),
                None => None,
            };
            push(&mut changed, &path, old, new);
        }
        Ok(changed)
    }

    /// Lists the files in which two commits or trees differ, in path order. Directories that are the same
    /// are not read.
    pub fn differing(&self, old: ObjectId, new: ObjectId) -> Result<Vec<Change>> {
        let mut found = Vec::new();
        self.differing_below(
            &BString::default(),
            Some(self.root_tree(old)?),
            Some(self.root_tree(new)?),
            &mut found,
        )?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    fn differing_below(
        &self,
        prefix: &BString,
        old: Option<ObjectId>,
        new: Option<ObjectId>,
        found: &mut Vec<Change>,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let (mut before, after) = (self.entries(old)?, self.entries(new)?);
        let gone: Vec<BString> = (before.keys())
            .filter(|name| !after.contains_key(*name))
            .cloned()
            .collect();
        let names = after.into_iter().map(|(name, state)| (name, Some(state)));
        for (name, new) in names.chain(gone.into_iter().map(|name| (name, None))) {
            let old = before.remove(&name);
            if old == new {
                continue;
            }
            let mut path = prefix.clone();
            path.extend_from_slice(&name);
            let file = |state: Option<FileState>| state.filter(|it| it.kind != EntryKind::Tree);
            let folder = |state: Option<FileState>| state.filter(|it| it.kind == EntryKind::Tree);
            if file(old) != file(new) {
                found.push(Change {
                    path: path.clone(),
                    old: file(old),
                    new: file(new),
                });
            }
            path.push(b'/');
            let id = |state: Option<FileState>| folder(state).map(|state| state.id);
            self.differing_below(&path, id(old), id(new), found)?;
        }
        Ok(())
    }

    fn read_file(&self, path: &BStr, kind: EntryKind) -> Result<Vec<u8>> {
        let file = self.worktree.join(os_path(path)?);
        let doing = || format!("cannot read '{path}'");
        if kind == EntryKind::Link {
            let target = fs_err::read_link(&file).context(doing)?;
            use std::os::unix::ffi::OsStringExt;
            return Ok(target.into_os_string().into_vec());
        }
        fs_err::read(&file).context(doing)
    }
}

/// Adds a file unless only its mode differs.
fn push(
    changed: &mut Vec<ChangedFile>,
    path: &BString,
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
) {
    if old != new {
        changed.push(ChangedFile {
            path: path.clone(),
            old,
            new,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::objects::{Batch, TreeChange};
    use super::super::testing::Sandbox;
    use super::*;

    fn list(files: &[ChangedFile]) -> Vec<String> {
        let side = |bytes: &Option<Vec<u8>>| match bytes {
            Some(bytes) => String::from_utf8_lossy(bytes).trim_end().to_owned(),
            None => "-".to_owned(),
        };
        let line =
            |file: &ChangedFile| format!("{}: {} {}", file.path, side(&file.old), side(&file.new));
        files.iter().map(line).collect()
    }

    #[test]
    fn compares_two_commits_and_a_commit_with_the_work_tree() {
        let repo = Sandbox::new();
        repo.write("a.py", "1\n");
        repo.write("gone.py", "x\n");
        repo.write("m.json", "0\n");
        repo.write("same.py", "s\n");
        let first = repo.commit("first");
        repo.write("a.py", "2\n");
        repo.write("m.json", "1\n");
        repo.write("new/b.py", "n\n");
        fs_err::remove_file(repo.path("gone.py")).unwrap();
        let second = repo.commit("second");
        let store = repo.store();
        let left_out = PathSet::new(["m.json"]);
        let expected = ["a.py: 1 2", "gone.py: x -", "new/b.py: - n"];
        let commits = store.changed_files(first, Some(second), &left_out).unwrap();
        assert_eq!(list(&commits), expected);
        let workspace = store.changed_files(first, None, &left_out).unwrap();
        assert_eq!(list(&workspace), expected);
        repo.write("a.py", "3\n");
        repo.write("untracked.py", "u\n");
        let workspace = store.changed_files(second, None, &left_out).unwrap();
        assert_eq!(list(&workspace), ["a.py: 2 3"]);
        repo.fsck();
    }

    #[test]
    fn trees_differ_in_files_and_in_what_is_a_directory() {
        let sandbox = Sandbox::new();
        let store = sandbox.store();
        let write = |files: &[&str]| {
            let batch = Batch::new(&store);
            let changes: Vec<TreeChange> = files
                .iter()
                .map(|path| TreeChange {
                    path: path.as_bytes().to_vec(),
                    entry: Some((EntryKind::Blob, batch.blob(path.as_bytes()).unwrap())),
                })
                .collect();
            let empty = ObjectId::empty_tree(gix::hash::Kind::Sha1);
            batch.tree(empty, &changes).unwrap()
        };
        let old = write(&["a/b", "a/c/d", "f", "same/x", "z/y"]);
        let new = write(&["a", "a.b", "f/g", "same/x", "z/y", "z/z"]);
        let found = |old, new| -> Vec<String> {
            let found = store.differing(old, new).unwrap();
            let sign = |change: &Change| match (change.old, change.new) {
                (None, _) => '+',
                (_, None) => '-',
                _ => '!',
            };
            found
                .iter()
                .map(|change| format!("{}{}", sign(change), change.path))
                .collect()
        };
        assert_eq!(
            found(old, new),
            ["+a", "+a.b", "-a/b", "-a/c/d", "-f", "+f/g", "+z/z"]
        );
        assert_eq!(
            found(new, old),
            ["-a", "-a.b", "+a/b", "+a/c/d", "+f", "-f/g", "-z/z"]
        );
        assert!(found(new, new).is_empty());
        let empty = ObjectId::empty_tree(gix::hash::Kind::Sha1);
        assert_eq!(found(empty, old).len(), 5);
    }

    #[test]
    fn a_link_is_its_target_and_a_mode_is_no_change() {
        let repo = Sandbox::new();
        repo.write("run.sh", "x\n");
        std::os::unix::fs::symlink("run.sh", repo.path("link")).unwrap();
        let first = repo.commit("first");
        repo.git(&["update-index", "--chmod=+x", "run.sh"]);
        fs_err::remove_file(repo.path("link")).unwrap();
        std::os::unix::fs::symlink("other", repo.path("link")).unwrap();
        let store = repo.store();
        let changed = store
            .changed_files(first, None, &PathSet::default())
            .unwrap();
        assert_eq!(list(&changed), ["link: run.sh other"]);
    }
}
