//! Trees read one directory at a time, for questions that do not need a list of all files.

use super::Store;
use super::scan::FileState;
use crate::error::{Context, Result};
use crate::id::{self, ObjectId};
use gix::bstr::BString;
use gix::objs::tree::EntryKind;
use std::collections::BTreeMap;

impl Store {
    /// Lists the files called `name` of a commit's or a tree's tree, in whatever directory, by path.
    pub fn files_named(
        &self,
        treeish: ObjectId,
        name: &str,
    ) -> Result<BTreeMap<BString, FileState>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![(BString::default(), self.root_tree(treeish)?)];
        while let Some((prefix, tree)) = folders.pop() {
            for (entry, state) in self.entries(Some(tree))? {
                let mut path = prefix.clone();
                path.extend_from_slice(&entry);
                if state.kind == EntryKind::Tree {
                    path.push(b'/');
                    folders.push((path, state.id));
                } else if entry == name {
                    found.insert(path, state);
                }
            }
        }
        Ok(found)
    }

    /// Returns the tree of a commit, or the tree itself.
    pub(super) fn root_tree(&self, treeish: ObjectId) -> Result<ObjectId> {
        let object = self.repo.find_object(treeish);
        let tree = object.and_then(|object| object.peel_to_tree());
        let tree = tree.context(|| format!("cannot read the tree of {}", id::short(&treeish)))?;
        Ok(tree.id)
    }

    /// Returns what lies in one directory.
    pub(super) fn entries(&self, tree: Option<ObjectId>) -> Result<BTreeMap<BString, FileState>> {
        let Some(tree) = tree.filter(|tree| !tree.is_empty_tree()) else {
            return Ok(BTreeMap::new());
        };
        let doing = || format!("cannot read tree {}", id::short(&tree));
        let object = self.repo.find_object(tree).context(doing)?.into_tree();
        let decoded = object.decode().context(doing)?;
        let entries = decoded.entries.iter().map(|entry| {
            let state = FileState {
                kind: entry.mode.kind(),
                id: entry.oid.to_owned(),
            };
            (entry.filename.to_owned(), state)
        });
        Ok(entries.collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::Sandbox;

    #[test]
    fn finds_files_by_name_in_all_directories() {
        let sandbox = Sandbox::new();
        for path in ["a", "dir/a", "dir/below/a", "dir/b", "a.b/c"] {
            sandbox.write(path, path);
        }
        sandbox.git(&["add", "."]);
        sandbox.git(&["commit", "-qm", "files"]);
        let store = sandbox.store();
        let found = store.files_named(sandbox.id("HEAD"), "a").unwrap();
        let all = store.files(sandbox.id("HEAD")).unwrap();
        let paths: Vec<String> = found.keys().map(ToString::to_string).collect();
        assert_eq!(paths, ["a", "dir/a", "dir/below/a"]);
        assert!(
            found
                .iter()
                .all(|(path, state)| all.get(path) == Some(state))
        );
    }
}
