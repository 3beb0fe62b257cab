//! The files that differ between a commit and another one, or the work tree.

use super::Store;
use super::filter::os_path;
use super::scan::{FileState, PathSet, Scanner};
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
        let before = self.files(old)?;
        let is_blob = |state: &FileState| state.kind != EntryKind::Commit;
        let mut changed = Vec::new();
        if let Some(new) = new {
            let after = self.files(new)?;
            let mut paths: Vec<&BString> = before.keys().chain(after.keys()).collect();
            paths.sort();
            paths.dedup();
            for path in paths {
                let (old, new) = (before.get(path), after.get(path));
                if old == new || left_out.covers(path) {
                    continue;
                }
                let read = |state: Option<&FileState>| match state.filter(|state| is_blob(state)) {
                    Some(state) => self.read_object(state.id).map(Some),
                    None => Ok(None),
                };
                push(&mut changed, path, read(old)?, read(new)?);
            }
            return Ok(changed);
        }
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
