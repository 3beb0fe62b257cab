//! One notes ref per experiment, standard git notes: `git log --notes='exps/*'` shows them.

use super::Store;
use super::objects::Batch;
use crate::checkpoint::Checkpoint;
use crate::error::{Context, Result};
use crate::id::{self, ObjectId};
use std::collections::HashMap;

/// The subject of notes commits.
const MESSAGE: &str = "Notes updated by 'git exp'\n";

/// The notes of one notes commit, read once, good for many questions.
///
/// Both shapes of git's notes trees are understood: plain names, and fanout folders of two digits
/// each, which are read when first needed.
pub struct NotesTree<'s> {
    store: &'s Store,
    /// Blob by annotated object.
    notes: HashMap<ObjectId, ObjectId>,
    /// Trees of folders not yet read, by the hex digits in front.
    folders: HashMap<String, ObjectId>,
}

impl NotesTree<'_> {
    /// Returns the id of the note on `commit`, or `None`.
    pub fn find(&mut self, commit: ObjectId) -> Result<Option<ObjectId>> {
        let hex = commit.to_hex().to_string();
        for length in (2..hex.len()).step_by(2) {
            if let Some(tree) = self.folders.remove(&hex[..length]) {
                self.open(&hex[..length], tree)?;
            }
        }
        Ok(self.notes.get(&commit).copied())
    }

    /// Returns the text of the note on `commit`, or `None`.
    pub fn read(&mut self, commit: ObjectId) -> Result<Option<Vec<u8>>> {
        let Some(note) = self.find(commit)? else {
            return Ok(None);
        };
        let doing = || format!("cannot read the note on {}", id::short(&commit));
        let mut blob = self.store.repo.find_blob(note).context(doing)?;
        Ok(Some(std::mem::take(&mut blob.data)))
    }

    fn open(&mut self, prefix: &str, tree: ObjectId) -> Result<()> {
        let doing = || format!("cannot read notes tree {}", id::short(&tree));
        let tree = self.store.repo.find_tree(tree).context(doing)?;
        for entry in tree.iter() {
            let entry = entry.context(doing)?;
            let Ok(name) = std::str::from_utf8(entry.filename()) else {
                continue;
            };
            let name = format!("{prefix}{name}");
            if entry.mode().is_tree() && name.len() == prefix.len() + 2 {
                self.folders.insert(name, entry.object_id());
            } else if entry.mode().is_blob()
                && let Ok(commit) = ObjectId::from_hex(name.as_bytes())
            {
                self.notes.insert(commit, entry.object_id());
            }
        }
        Ok(())
    }
}

impl Store {
    /// Reads the root of the notes in the notes commit `notes`.
    pub fn notes_tree(&self, notes: ObjectId) -> Result<NotesTree<'_>> {
        let root = self.root_of(notes)?;
        let mut tree = NotesTree {
            store: self,
            notes: HashMap::new(),
            folders: HashMap::new(),
        };
        tree.open("", root)?;
        Ok(tree)
    }

    /// Returns the text of the note on `commit` in the notes commit `notes`, or `None`.
    ///
    /// For more than one, [`Store::notes_tree`] is cheaper.
    pub fn read_note(&self, notes: ObjectId, commit: ObjectId) -> Result<Option<Vec<u8>>> {
        self.notes_tree(notes)?.read(commit)
    }

    fn root_of(&self, notes: ObjectId) -> Result<ObjectId> {
        let commit = self
            .repo
            .find_commit(notes)
            .context(|| format!("cannot read notes commit {}", id::short(&notes)))?;
        let tree = commit
            .tree_id()
            .context(|| format!("cannot read notes commit {}", id::short(&notes)))?;
        Ok(tree.detach())
    }
}

impl Store {
    /// Returns the notes that the notes commit `notes` has on these checkpoints, oldest first as they came to be.
    pub fn notes_of(
        &self,
        notes: ObjectId,
        chain: &[Checkpoint],
    ) -> Result<Vec<(ObjectId, Vec<u8>)>> {
        let mut tree = self.notes_tree(notes)?;
        let mut found = Vec::new();
        for checkpoint in chain.iter().rev() {
            if let Some(note) = tree.read(checkpoint.id)? {
                found.push((checkpoint.id, note));
            }
        }
        Ok(found)
    }
}

impl Batch<'_> {
    /// Writes a notes commit on top of `notes` (none: a new line) in which `entries` are set.
    ///
    /// The caller moves the ref. Returns the new notes commit.
    pub fn notes(
        &self,
        notes: Option<ObjectId>,
        entries: &[(ObjectId, Vec<u8>)],
    ) -> Result<ObjectId> {
        let root = match notes {
            Some(notes) => self.store.root_of(notes)?,
            None => ObjectId::empty_tree(self.store.repo.object_hash()),
        };
        let doing = || "cannot write notes".to_owned();
        let mut state = gix::note::plumbing::State::new(root, self).context(doing)?;
        for (commit, text) in entries {
            let blob = self.blob(text)?;
            state.edit(*commit, Some(blob), self).context(doing)?;
        }
        let tree = state.write(self).context(doing)?;
        let parents: Vec<ObjectId> = notes.into_iter().collect();
        self.commit(tree, &parents, MESSAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::refs::RefChange;
    use crate::store::testing::Sandbox;

    /// Ids of commits that need not exist: notes do not care.
    fn commit(number: u32) -> ObjectId {
        let hash = gix::objs::compute_hash(
            gix::hash::Kind::Sha1,
            gix::objs::Kind::Blob,
            &number.to_le_bytes(),
        );
        hash.unwrap()
    }

    #[test]
    fn git_reads_our_notes() {
        for format in ["sha1", "sha256"] {
            let sandbox = Sandbox::with_format(format);
            let one = sandbox.commit("one");
            let two = sandbox.commit("two");
            let store = sandbox.store();
            let batch = Batch::new(&store);
            let first = batch.notes(None, &[(one, b"first\n".to_vec())]).unwrap();
            let second = batch
                .notes(
                    Some(first),
                    &[(one, b"changed\n".to_vec()), (two, b"second\n".to_vec())],
                )
                .unwrap();
            batch.sync().unwrap();
            store
                .change_refs(&[RefChange::create("refs/notes/exps/x", second)])
                .unwrap();
            let show = |commit: ObjectId| {
                sandbox.git(&[
                    "notes",
                    "--ref=exps/x",
                    "show",
                    &commit.to_hex().to_string(),
                ])
            };
            assert_eq!(
                (show(one).as_str(), show(two).as_str()),
                ("changed\n", "second\n")
            );
            assert_eq!(store.read_note(first, one).unwrap().unwrap(), b"first\n");
            assert_eq!(store.read_note(first, two).unwrap(), None);
            assert_eq!(sandbox.id("refs/notes/exps/x^"), first);
            sandbox.fsck();
        }
    }

    #[test]
    fn we_read_gits_notes() {
        let sandbox = Sandbox::new();
        let one = sandbox.commit("one");
        sandbox.git(&["notes", "--ref=x", "add", "-m", "by hand", "HEAD"]);
        let notes = sandbox.id("refs/notes/x");
        let store = sandbox.store();
        assert_eq!(store.read_note(notes, one).unwrap().unwrap(), b"by hand\n");
    }

    #[test]
    fn many_notes_fan_out_and_stay_cheap() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let count = 5000;
        let entries: Vec<_> = (0..count)
            .map(|number| (commit(number), format!("{number}\n").into_bytes()))
            .collect();
        let notes = batch.notes(None, &entries).unwrap();
        let before = objects(&sandbox);
        let next = batch
            .notes(Some(notes), &[(commit(count), b"last\n".to_vec())])
            .unwrap();
        // Blob, folder, root, commit.
        assert_eq!(objects(&sandbox) - before, 4);
        let mut tree = store.notes_tree(next).unwrap();
        for number in [0, 1, 77, 4999] {
            let text = tree.read(commit(number)).unwrap().unwrap();
            assert_eq!(text, format!("{number}\n").into_bytes());
        }
        assert_eq!(tree.read(commit(count)).unwrap().unwrap(), b"last\n");
        assert_eq!(tree.read(commit(count + 1)).unwrap(), None);
        sandbox.git(&[
            "update-ref",
            "refs/notes/exps/x",
            &next.to_hex().to_string(),
        ]);
        let listed = sandbox.git(&["notes", "--ref=exps/x", "list"]);
        assert_eq!(listed.lines().count(), count as usize + 1);
    }

    fn objects(sandbox: &Sandbox) -> usize {
        let text = sandbox.git(&["count-objects"]);
        text.split(' ').next().unwrap().parse().unwrap()
    }
}
