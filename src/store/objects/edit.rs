//! Trees with changes: only those on the way to a change are read and written.

use super::Batch;
use crate::error::{Context, Error, Result};
use crate::id::{self, ObjectId};
use gix::objs::tree::{EntryKind, EntryMode, EntryRef};
use gix::objs::{Kind, WriteTo};
use std::collections::BTreeMap;

/// One change to a tree: the entry at `path` becomes this, or goes.
#[derive(Debug, Clone)]
pub struct TreeChange {
    /// Path from the root of the tree, `/` between parts.
    pub path: Vec<u8>,
    /// Mode and blob; `None` removes the file, or the directory with all below it.
    pub entry: Option<(EntryKind, ObjectId)>,
}

impl Batch<'_> {
    /// Writes the trees that differ after `changes` on `base` (a tree or a commit) and returns the root.
    ///
    /// Changes act in order. A file replaces a directory of its name and the other way round; a
    /// directory that loses its last entry goes.
    pub fn tree(&self, base: ObjectId, changes: &[TreeChange]) -> Result<ObjectId> {
        let doing = || format!("cannot build a tree on {}", id::short(&base));
        let base = self
            .store
            .repo
            .find_object(base)
            .and_then(|object| object.peel_to_tree())
            .context(doing)?
            .id;
        let changes = settle(changes)?;
        if changes.is_empty() {
            return Ok(base);
        }
        let mut changes: Vec<Change<'_>> = changes.into_iter().collect();
        // By parts, not by bytes: 'a' and 'a/b' must be neighbours, 'a.b' after them.
        changes.sort_by(|(a, _), (b, _)| {
            a.split(|byte| *byte == b'/')
                .cmp(b.split(|byte| *byte == b'/'))
        });
        match self.edit(Some(base), &changes, 0)? {
            Some(tree) => Ok(tree),
            None => self.put(Kind::Tree, b"").context(doing),
        }
    }

    /// Returns `base` after `changes`, whose paths all have the same `depth` bytes in front; `None`
    /// when nothing is left.
    fn edit(
        &self,
        base: Option<ObjectId>,
        changes: &[Change<'_>],
        depth: usize,
    ) -> Result<Option<ObjectId>> {
        let repo = &self.store.repo;
        let data = match base {
            Some(base) if !base.is_empty_tree() => {
                repo.find_object(base)
                    .context(|| format!("cannot read tree {}", id::short(&base)))?
                    .detach()
                    .data
            }
            _ => Vec::new(),
        };
        let old = gix::objs::TreeRef::from_bytes(&data, repo.object_hash())
            .context(|| "cannot read a tree".to_owned())?
            .entries;

        let mut new: Vec<Outcome<'_>> = Vec::new();
        let mut rest = changes;
        while let Some((path, _)) = rest.first() {
            let name = first_part(&path[depth..]);
            let count = rest
                .iter()
                .take_while(|(path, _)| first_part(&path[depth..]) == name)
                .count();
            let (group, after) = rest.split_at(count);
            rest = after;
            let existing = find_entry(&old, name);
            let (leaf, below): (Vec<_>, Vec<_>) = group
                .iter()
                .copied()
                .partition(|(path, _)| path.len() == depth + name.len());
            // A change of the name itself comes before those below it, see `settle`.
            let kept = match leaf.first() {
                Some((_, Some((kind, id)))) => Some((EntryMode::from(*kind), *id)),
                Some((_, None)) => None,
                None => existing.map(|entry| (entry.mode, entry.oid.to_owned())),
            };
            let entry = if below.is_empty() {
                kept
            } else {
                let folder = kept.filter(|(mode, _)| mode.is_tree()).map(|(_, id)| id);
                match self.edit(folder, &below, depth + name.len() + 1)? {
                    Some(tree) => Some((EntryMode::from(EntryKind::Tree), tree)),
                    // Removals below a file say nothing about the file.
                    None => kept.filter(|(mode, _)| !mode.is_tree()),
                }
            };
            new.push((name, entry));
        }

        let mut entries: Vec<EntryRef<'_>> = old
            .iter()
            .copied()
            .filter(|entry| {
                new.binary_search_by(|(name, _)| (*name).cmp(entry.filename.as_ref()))
                    .is_err()
            })
            .collect();
        for (name, entry) in &new {
            if let Some((mode, id)) = entry {
                entries.push(EntryRef {
                    mode: *mode,
                    filename: (*name).into(),
                    oid: id,
                });
            }
        }
        if entries.is_empty() {
            return Ok(None);
        }
        entries.sort();
        if let Some(base) = base
            && entries == old
        {
            return Ok(Some(base));
        }
        let doing = || "cannot write a tree".to_owned();
        let mut bytes = Vec::with_capacity(data.len() + 64);
        gix::objs::TreeRef { entries }
            .write_to(&mut bytes)
            .context(doing)?;
        self.put(Kind::Tree, &bytes).context(doing).map(Some)
    }
}

/// Finds a name in a tree, whose directories are sorted as if they ended in `/`.
fn find_entry<'t, 'd>(entries: &'t [EntryRef<'d>], name: &[u8]) -> Option<&'t EntryRef<'d>> {
    [false, true].into_iter().find_map(|is_tree| {
        entries
            .binary_search_by(|entry| {
                gix::objs::tree::name_order(entry.filename, entry.mode.is_tree(), name, is_tree)
            })
            .ok()
            .map(|at| &entries[at])
    })
}

fn first_part(path: &[u8]) -> &[u8] {
    match path.iter().position(|byte| *byte == b'/') {
        Some(end) => &path[..end],
        None => path,
    }
}

/// Makes changes that act in order into a set in which a name comes before what is below it and no
/// two contradict each other.
fn settle(changes: &[TreeChange]) -> Result<Settled<'_>> {
    let mut settled: Settled<'_> = BTreeMap::new();
    for change in changes {
        let path = change.path.as_slice();
        check_path(path)?;
        // What is below goes with the file or folder that is set or removed here.
        let mut from = path.to_vec();
        from.push(b'/');
        let mut to = path.to_vec();
        to.push(b'/' + 1);
        let below: Vec<&[u8]> = settled
            .range::<[u8], _>((
                std::ops::Bound::Included(from.as_slice()),
                std::ops::Bound::Excluded(to.as_slice()),
            ))
            .map(|(path, _)| *path)
            .collect();
        for path in below {
            settled.remove(path);
        }
        if change.entry.is_some() {
            for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                if let Some(entry) = settled.get_mut(&path[..end]) {
                    *entry = None;
                }
            }
        }
        settled.insert(path, change.entry);
    }
    Ok(settled)
}

/// A name in one tree and what it holds in the end.
type Outcome<'c> = (&'c [u8], Option<(EntryMode, ObjectId)>);

/// A path and what becomes of it.
type Change<'c> = (&'c [u8], Option<(EntryKind, ObjectId)>);

type Settled<'c> = BTreeMap<&'c [u8], Option<(EntryKind, ObjectId)>>;

/// Refuses paths that git would refuse in a tree.
fn check_path(path: &[u8]) -> Result<()> {
    let bad = path.split(|byte| *byte == b'/').any(|part| {
        part.is_empty()
            || part == b"."
            || part == b".."
            || part.eq_ignore_ascii_case(b".git")
            || part.contains(&0)
    });
    if bad {
        return Err(Error::refused(format!(
            "'{}' cannot be a path in git",
            String::from_utf8_lossy(path)
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{listing, remove, set};
    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn a_directory_goes_with_its_last_entry() {
        let sandbox = Sandbox::new();
        sandbox.write("a/b/c", "x");
        sandbox.write("d", "x");
        let base = sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let tree = batch.tree(base, &[remove("a/b/c")]).unwrap();
        assert_eq!(listing(&sandbox, tree), ["d"]);
        let empty = batch.tree(tree, &[remove("d")]).unwrap();
        assert!(empty.is_empty_tree());
        assert_eq!(listing(&sandbox, empty), Vec::<String>::new());
        let commit = batch.commit(empty, &[], "nothing").unwrap();
        sandbox.git(&[
            "update-ref",
            "refs/heads/side",
            &commit.to_hex().to_string(),
        ]);
        sandbox.fsck();
    }

    #[test]
    fn files_and_directories_replace_each_other() {
        let sandbox = Sandbox::new();
        sandbox.write("a/b", "x");
        sandbox.write("f", "x");
        sandbox.write("f.txt", "x");
        let base = sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let blob = batch.blob(b"new").unwrap();
        let cases: [(&[TreeChange], &[&str]); 9] = [
            (&[set("a", blob)], &["a", "f", "f.txt"]),
            (&[remove("a/b"), set("a", blob)], &["a", "f", "f.txt"]),
            (&[set("f/g", blob)], &["a/b", "f.txt", "f/g"]),
            (&[set("f/g", blob), remove("f")], &["a/b", "f.txt"]),
            (&[remove("f"), set("f/g", blob)], &["a/b", "f.txt", "f/g"]),
            (
                &[set("f/g", blob), set("f.txt", blob), remove("f")],
                &["a/b", "f.txt"],
            ),
            (
                &[remove("a"), set("a.b", blob), set("a/c", blob)],
                &["a.b", "a/c", "f", "f.txt"],
            ),
            (
                &[remove("f/none"), remove("none/x")],
                &["a/b", "f", "f.txt"],
            ),
            (
                &[set("a/c/d", blob), set("a/c", blob), remove("a/b")],
                &["a/c", "f", "f.txt"],
            ),
        ];
        for (changes, expected) in cases {
            let tree = batch.tree(base, changes).unwrap();
            assert_eq!(listing(&sandbox, tree), expected, "{changes:?}");
            let hex = batch.commit(tree, &[], "x").unwrap().to_hex().to_string();
            sandbox.git(&["update-ref", "refs/heads/side", &hex]);
            sandbox.fsck();
        }
        assert_eq!(batch.tree(base, &[]).unwrap(), sandbox.id("HEAD^{tree}"));
        assert_eq!(
            batch.tree(base, &[remove("none")]).unwrap(),
            sandbox.id("HEAD^{tree}")
        );
    }

    #[test]
    fn refuses_paths_that_git_refuses() {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let blob = batch.blob(b"").unwrap();
        for path in ["", "a//b", "../x", ".GIT/config", "/a", "a/"] {
            let error = batch.tree(base, &[set(path, blob)]).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("'{path}' cannot be a path in git")
            );
        }
    }
}
