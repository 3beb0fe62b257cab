//! Git objects that we write, and making them durable: gix renames but does not sync.

use super::{Role, Store, age};
use crate::error::{Context, Error, Result};
use crate::id::{self, ObjectId};
pub use gix::objs::tree::EntryKind;
use gix::objs::tree::{EntryMode, EntryRef};
use gix::objs::{Kind, WriteTo};
use gix::prelude::Write as _;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A loose object younger than this may still be in the page cache only: the kernel writes back
/// what is 30 seconds old. One that is reused is synced with the new ones.
const MAYBE_NOT_ON_DISK: Duration = Duration::from_secs(120);

/// `git gc` may take an unreachable object two weeks old; one that is reused gets a new time long before.
const REFRESH_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How often an object is written again because its folder went away meanwhile.
const ATTEMPTS: usize = 10;

/// One change to a tree: the entry at `path` becomes this, or goes.
#[derive(Debug, Clone)]
pub struct TreeChange {
    /// Path from the root of the tree, `/` between parts.
    pub path: Vec<u8>,
    /// Mode and blob; `None` removes the file, or the directory with all below it.
    pub entry: Option<(EntryKind, ObjectId)>,
}

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

    /// Syncs every object of this batch, then their directories. Refs may move after this.
    pub fn sync(&self) -> Result<()> {
        let folders = self.sync_contents()?;
        for folder in &folders {
            match fs_err::File::open(folder).and_then(|folder| folder.sync_all()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).context(|| format!("cannot sync '{}'", folder.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Syncs every object of this batch, so that a ref to them is never one to half an object, and
    /// returns the directories whose sync would make their names last too.
    pub(crate) fn sync_contents(&self) -> Result<BTreeSet<PathBuf>> {
        let mut folders = BTreeSet::new();
        let written: Vec<ObjectId> = self.written.borrow().iter().copied().collect();
        for id in &written {
            let path = self.loose_path(id);
            match fs_err::File::open(&path).and_then(|file| file.sync_all()) {
                Ok(()) => {}
                // 'git gc' beside us has packed it, and synced the pack.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(error).context(|| format!("cannot sync object {}", id::short(id)));
                }
            }
            folders.extend(path.parent().map(Path::to_owned));
        }
        if self.new_folder.get() {
            folders.insert(self.folder());
        }
        let mut pending = self.written.borrow_mut();
        for id in &written {
            pending.remove(id);
        }
        self.new_folder.set(false);
        Ok(folders)
    }

    /// Writes an object unless the repository has it.
    pub(crate) fn put(&self, kind: Kind, bytes: &[u8]) -> gix::Result<ObjectId> {
        let repo = &self.store.repo;
        let id = gix::objs::compute_hash(repo.object_hash(), kind, bytes)?;
        if self.written.borrow().contains(&id) {
            return Ok(id);
        }
        // gix calls the empty tree present even where no object database has it.
        if self.reuse_loose(&id) || (!bytes.is_empty() && repo.has_object(id)) {
            return Ok(id);
        }
        let path = self.loose_path(&id);
        let is_there = || path.parent().is_some_and(Path::is_dir);
        let mut attempts = 0;
        loop {
            if !is_there() {
                self.new_folder.set(true);
            }
            attempts += 1;
            match repo.objects.write_buf_with_known_id(kind, bytes, id) {
                Ok(_) => break,
                // 'git gc' beside us takes folders away that it has emptied, this one before we used it.
                Err(_) if attempts < ATTEMPTS && !is_there() => {}
                Err(error) => return Err(error),
            }
        }
        self.written.borrow_mut().insert(id);
        Ok(id)
    }

    /// Whether the object is there, loose: then it is made to last as if it were new.
    fn reuse_loose(&self, id: &ObjectId) -> bool {
        let path = self.loose_path(id);
        let Ok(metadata) = fs_err::metadata(&path) else {
            return false;
        };
        let age = metadata.modified().map(age::since).unwrap_or_default();
        if age < MAYBE_NOT_ON_DISK {
            self.written.borrow_mut().insert(*id);
        } else if age > REFRESH_AFTER {
            let now = std::fs::FileTimes::new().set_modified(age::now());
            // Objects are read-only; their owner may set the time through a descriptor for reading.
            let refreshed =
                fs_err::File::open(&path).and_then(|file| file.into_parts().0.set_times(now));
            if refreshed.is_err() {
                // Somebody else's object in a shared repository: write our own.
                return false;
            }
        }
        true
    }

    fn folder(&self) -> PathBuf {
        self.store.repo.objects.store_ref().path().to_owned()
    }

    fn loose_path(&self, id: &ObjectId) -> PathBuf {
        let hex = id.to_hex().to_string();
        self.folder().join(&hex[..2]).join(&hex[2..])
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
    #![allow(clippy::disallowed_methods, reason = "ages of files")]

    use super::*;
    use crate::store::testing::Sandbox;

    fn set(path: &str, id: ObjectId) -> TreeChange {
        TreeChange {
            path: path.into(),
            entry: Some((EntryKind::Blob, id)),
        }
    }

    fn remove(path: &str) -> TreeChange {
        TreeChange {
            path: path.into(),
            entry: None,
        }
    }

    fn listing(sandbox: &Sandbox, tree: ObjectId) -> Vec<String> {
        let text = sandbox.git(&["ls-tree", "-r", "--name-only", &tree.to_hex().to_string()]);
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn folders_that_gc_takes_away_are_made_again() {
        let sandbox = Sandbox::new();
        let store = sandbox.store();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::sync::atomic::Ordering;
                while !done.load(Ordering::Acquire) {
                    for number in 0..=255 {
                        let folder = sandbox.path(&format!(".git/objects/{number:02x}"));
                        let _in_use_or_not_there = fs_err::remove_dir(folder);
                    }
                }
            });
            let batch = Batch::new(&store);
            let all = (0..100).try_for_each(|n| batch.blob(format!("{n}").as_bytes()).map(drop));
            done.store(true, std::sync::atomic::Ordering::Release);
            all.and_then(|()| batch.sync()).unwrap();
        });
        sandbox.git(&["fsck", "--strict"]);
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
    fn a_known_object_is_not_written_again() {
        let sandbox = Sandbox::new();
        sandbox.write("a", "known");
        sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let loose = batch.blob(b"known").unwrap();
        let path = batch.loose_path(&loose);
        let old = age::now() - Duration::from_secs(30 * 24 * 60 * 60);
        let file = fs_err::File::open(&path).unwrap().into_parts().0;
        file.set_times(std::fs::FileTimes::new().set_modified(old))
            .unwrap();
        let again = Batch::new(&store);
        again.blob(b"known").unwrap();
        assert_eq!(again.written.borrow().len(), 0);
        let age = age::since(fs_err::metadata(&path).unwrap().modified().unwrap());
        assert!(age < REFRESH_AFTER);

        sandbox.git(&["gc", "-q"]);
        assert!(!path.exists());
        again.blob(b"known").unwrap();
        assert!(!path.exists());
        assert_eq!(again.written.borrow().len(), 0);
        batch.sync().unwrap();
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
