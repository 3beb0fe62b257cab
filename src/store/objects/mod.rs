//! Git objects that we write, and making them durable: gix renames but does not sync.

mod edit;
mod loose;

pub use edit::TreeChange;
pub use gix::objs::tree::EntryKind;

use super::{Role, Store};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use gix::objs::{Kind, WriteTo};
use gix::prelude::Write as _;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

/// A batch of new objects: written as they come, synced together. Reads see them at once.
pub struct Batch<'s> {
    pub(crate) store: &'s Store,
    /// Loose objects written by this batch and not yet synced.
    written: RefCell<HashSet<ObjectId>>,
    /// Whether a directory below `objects` is new, so that `objects` needs a sync too.
    new_folder: Cell<bool>,
}

impl<'s> Batch<'s> {
    /// Starts a batch.
    pub fn new(store: &'s Store) -> Self {
        Batch {
            store,
            written: Default::default(),
            new_folder: Cell::new(false),
        }
    }

    /// Takes over what another batch has not synced, to be synced with the objects of this one.
    pub(crate) fn adopt(&self, unsynced: Vec<ObjectId>) {
        if !unsynced.is_empty() {
            self.new_folder.set(true);
        }
        self.written.borrow_mut().extend(unsynced);
    }

    /// Ends the batch and returns the objects that no sync has reached: no ref may lead to them.
    pub fn into_unsynced(self) -> Vec<ObjectId> {
        self.written.into_inner().into_iter().collect()
    }

    /// Writes a blob.
    pub fn blob(&self, bytes: &[u8]) -> Result<ObjectId> {
        self.put(Kind::Blob, bytes)
            .context(|| "cannot write a blob to the object database".to_owned())
    }

    /// Writes a blob from a file without reading it into memory. The file's bytes are taken as they
    /// are; one that shrinks meanwhile is an error.
    pub fn blob_from_file(&self, path: &Path) -> Result<ObjectId> {
        let doing = || format!("cannot write '{}' to the object database", path.display());
        let file = fs_err::File::open(path).context(doing)?;
        let size = file.metadata().context(doing)?.len();
        // A file that grows is taken at the size it had; one that shrinks would make a damaged object.
        let mut bytes = Counted {
            inner: file.take(size),
            count: 0,
            missing_at_end: size,
        };
        let id = self
            .store
            .repo
            .objects
            .write_stream(Kind::Blob, size, &mut bytes)
            .context(doing)?;
        // Its folder's age is unknown by now; this way is for large files, one more sync is nothing.
        self.new_folder.set(true);
        self.written.borrow_mut().insert(id);
        Ok(id)
    }

    /// Writes a commit by git's identity, at `GIT_COMMITTER_DATE` or now. Never signed; no hook runs.
    pub fn commit(&self, tree: ObjectId, parents: &[ObjectId], message: &str) -> Result<ObjectId> {
        let mut message = message.to_owned();
        if !message.ends_with('\n') {
            message.push('\n');
        }
        let commit = gix::objs::Commit {
            tree,
            parents: parents.iter().copied().collect(),
            author: self.store.signature(Role::Author)?,
            committer: self.store.signature(Role::Committer)?,
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        let doing = || "cannot write a commit".to_owned();
        let mut bytes = Vec::with_capacity(512);
        commit.write_to(&mut bytes).context(doing)?;
        self.put(Kind::Commit, &bytes).context(doing)
    }
}

/// What gix's editors of notes write goes through the batch too, so that it is synced with the rest.
impl gix::objs::Write for Batch<'_> {
    fn write(&self, object: &dyn WriteTo) -> gix::Result<ObjectId> {
        let mut bytes = Vec::with_capacity(1024);
        object
            .write_to(&mut bytes)
            .map_err(gix::Error::from_error)?;
        self.put(object.kind(), &bytes)
    }

    fn write_buf(&self, kind: Kind, bytes: &[u8]) -> gix::Result<ObjectId> {
        self.put(kind, bytes)
    }

    fn write_buf_with_known_id(
        &self,
        kind: Kind,
        bytes: &[u8],
        _id: ObjectId,
    ) -> gix::Result<ObjectId> {
        self.put(kind, bytes)
    }

    fn write_stream(&self, kind: Kind, _size: u64, from: &mut dyn Read) -> gix::Result<ObjectId> {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes)
            .map_err(gix::Error::from_error)?;
        self.put(kind, &bytes)
    }

    fn write_stream_with_known_id(
        &self,
        kind: Kind,
        size: u64,
        from: &mut dyn Read,
        _id: ObjectId,
    ) -> gix::Result<ObjectId> {
        self.write_stream(kind, size, from)
    }
}

impl gix::objs::Find for Batch<'_> {
    fn try_find<'a>(
        &self,
        id: &gix::oid,
        buffer: &'a mut Vec<u8>,
    ) -> gix::Result<Option<gix::objs::Data<'a>>> {
        self.store.repo.objects.try_find(id, buffer)
    }
}

/// Reads exactly the promised number of bytes, or fails at the end.
struct Counted<R> {
    inner: R,
    count: u64,
    missing_at_end: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        if count == 0 && !buffer.is_empty() && self.count < self.missing_at_end {
            return Err(std::io::Error::new(
                std::io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::age;
    use crate::store::testing::Sandbox;

    pub(super) fn set(path: &str, id: ObjectId) -> TreeChange {
        TreeChange {
            path: path.into(),
            entry: Some((EntryKind::Blob, id)),
        }
    }

    pub(super) fn remove(path: &str) -> TreeChange {
        TreeChange {
            path: path.into(),
            entry: None,
        }
    }

    pub(super) fn listing(sandbox: &Sandbox, tree: ObjectId) -> Vec<String> {
        let text = sandbox.git(&["ls-tree", "-r", "--name-only", &tree.to_hex().to_string()]);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn writes_what_git_reads() {
        for format in ["sha1", "sha256"] {
            let sandbox = Sandbox::with_format(format);
            sandbox.write("a/b/c", "old");
            sandbox.write("top", "old");
            let base = sandbox.commit("one");
            let store = sandbox.store();
            let batch = Batch::new(&store);
            let blob = batch.blob(b"new").unwrap();
            let tree = batch
                .tree(
                    base,
                    &[set("a/b/d", blob), set("x/y/z", blob), remove("top")],
                )
                .unwrap();
            let commit = batch.commit(tree, &[base], "two").unwrap();
            batch.sync().unwrap();
            assert_eq!(listing(&sandbox, tree), ["a/b/c", "a/b/d", "x/y/z"]);
            let hex = commit.to_hex().to_string();
            sandbox.git(&["update-ref", "refs/heads/side", &hex]);
            sandbox.fsck();
            assert_eq!(sandbox.git(&["show", "-s", "--format=%B", &hex]), "two\n\n");
            assert_eq!(
                sandbox.git(&["show", "-s", "--format=%an <%ae> %cn", &hex]),
                "A U Thor <author@example.com> A U Thor\n"
            );
        }
    }

    #[test]
    fn streams_files() {
        let sandbox = Sandbox::new();
        let bytes: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        sandbox.write("big", &bytes);
        sandbox.write("empty", "");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        for name in ["big", "empty"] {
            let id = batch.blob_from_file(&sandbox.path(name)).unwrap();
            batch.sync().unwrap();
            assert_eq!(
                id.to_hex().to_string(),
                sandbox.git(&["hash-object", name]).trim()
            );
            sandbox.git(&["cat-file", "-e", &id.to_hex().to_string()]);
        }
        let error = batch.blob_from_file(&sandbox.path("none")).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Missing);
    }

    #[test]
    fn the_clock_goes_on() {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let before = age::now()
            .duration_since(std::time::SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs() as i64;
        let tree = batch.tree(base, &[]).unwrap();
        let commit = batch.commit(tree, &[], "x").unwrap();
        let time = store
            .repo
            .find_commit(commit)
            .unwrap()
            .time()
            .unwrap()
            .seconds;
        assert!(time >= before, "{time} {before}");
    }
}
