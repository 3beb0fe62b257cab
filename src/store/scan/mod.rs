//! The code as it is: a tree built from the work tree without touching the user's index.
//!
//! A [`Scanner`] starts from the user's index, read once and never written, and remembers for every
//! path which content its stat stood for. A scan is then one `lstat` per path; only files whose stat
//! changed, or is too young to be trusted (the "racy git" problem), are read. The tree that a scan
//! returns is HEAD's, changed to the work tree's bytes at all index paths and at the untracked paths
//! that were [taken](Scanner::take); what is gone from the work tree is gone from the tree.
//!
//! What stays as it was: outputs (their recorder puts them into the tree), submodules (their commit
//! is kept, they are never entered), paths outside a sparse checkout, and `assume-unchanged` ones.

mod entries;
mod settled;

use self::entries::{Entries, Role, State, unmerged_paths};
use self::settled::{index_stat, is_settled, settled_before_now};
use super::Store;
use super::filter::{Clean, Filter, os_path};
use super::lstat::Lstat;
use super::objects::{Batch, TreeChange};
pub use super::path_set::PathSet;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Stat, stat};
use gix::objs::tree::EntryKind;

/// Files larger than this are hashed and stored as a stream, not in memory.
const STREAM_FROM: u64 = 1 << 20;

/// A file of a tree: what it is and its blob (or a submodule's commit).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileState {
    /// Blob, executable, link or submodule.
    pub kind: EntryKind,
    /// The object.
    pub id: ObjectId,
}

/// A path whose content differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the top of the work tree, `/` between parts.
    pub path: BString,
    /// Before; `None` if it was not there.
    pub old: Option<FileState>,
    /// After; `None` if it is gone.
    pub new: Option<FileState>,
}

/// What one scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The tree.
    pub tree: ObjectId,
    /// What differs from the scan before (from HEAD, for the first one), in path order.
    pub changes: Vec<Change>,
}

/// A private in-memory index that knows which files changed since it last looked.
pub struct Scanner {
    store: Store,
    /// The tree of the last scan; HEAD's before the first.
    tree: ObjectId,
    entries: Entries,
    outputs: PathSet,
    filter: Filter,
    lstat: Lstat,
    stat: stat::Options,
    executable_bit: bool,
    symlinks: bool,
}

impl Scanner {
    /// Loads the index. Refuses an unmerged one, naming its files.
    ///
    /// `outputs` are work tree paths (files, or directories with all below them) that stay as in HEAD.
    pub fn new(store: &Store, outputs: PathSet) -> Result<Self> {
        let doing = || "cannot read the index".to_string();
        let repo = &store.repo;
        let index = repo.index_or_load_from_head_or_empty().context(doing)?;
        let unmerged = unmerged_paths(&index);
        if !unmerged.is_empty() {
            return Err(Error::refused(format!(
                "the index has unmerged files: {}",
                quoted(&unmerged)
            ))
            .hint("resolve the conflicts, then 'git add' the files"));
        }
        let tree = repo.head_tree_id_or_empty().context(doing)?.detach();
        let is_clean = index
            .tree()
            .is_some_and(|cached| cached.num_entries.is_some() && cached.id == tree);
        let filter = Filter::new(repo, &index)?;
        let mut entries = Entries::new(index, &outputs);
        if !is_clean {
            let head = repo.index_from_tree(&tree).context(doing)?;
            entries.join_head(&head, &outputs);
        }
        let filesystem = repo.filesystem_options().context(doing)?;
        Ok(Scanner {
            filter,
            lstat: Lstat::new(&store.worktree)
                .context(|| format!("cannot open '{}'", store.worktree.display()))?,
            stat: repo.stat_options().context(doing)?,
            executable_bit: filesystem.executable_bit,
            symlinks: filesystem.symlink,
            store: store.clone(),
            tree,
            entries,
            outputs,
        })
    }

    /// Returns the repository.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Adds untracked paths to what later scans look at.
    pub fn take<P: Into<BString>>(&mut self, paths: impl IntoIterator<Item = P>) {
        let mut new = Vec::new();
        for path in paths {
            let path = path.into();
            match self.position(path.as_bstr()) {
                Ok(at) if self.entries.role(at) == Role::Dropped => {
                    self.entries.set_role(at, Role::Scanned);
                }
                Ok(_) => {}
                Err(_) => new.push(path),
            }
        }
        if new.is_empty() {
            return;
        }
        for path in new {
            let role = match self.outputs.covers(&path) {
                true => Role::Output,
                false => Role::Scanned,
            };
            self.entries.push(path, role);
        }
        self.entries.sort();
    }

    /// As [`Scanner::take`], with all paths of a commit's or a tree's tree.
    pub fn take_tree(&mut self, treeish: ObjectId) -> Result<()> {
        let tree = self.store.tree_index(treeish)?;
        let unknown = |path: &&BStr| self.takes(path);
        let paths = tree.entries().iter().map(|entry| entry.path(&tree));
        let new: Vec<BString> = paths.filter(unknown).map(BStr::to_owned).collect();
        self.take(new);
        Ok(())
    }

    /// Whether taking `path` would change anything.
    fn takes(&self, path: &BStr) -> bool {
        match self.position(path) {
            Ok(at) => self.entries.role(at) == Role::Dropped,
            Err(_) => true,
        }
    }

    /// Looks at every path and writes what is new; returns the tree and what changed since the last scan.
    pub fn scan(&mut self, batch: &Batch<'_>) -> Result<Scan> {
        self.lstat.rewind();
        self.collect(batch, 0..self.entries.len())
    }

    /// Looks at these paths only; ones that are neither in the index nor taken are passed over.
    pub fn scan_paths<P: AsRef<[u8]>>(
        &mut self,
        batch: &Batch<'_>,
        paths: impl IntoIterator<Item = P>,
    ) -> Result<Scan> {
        self.lstat.rewind();
        let mut positions: Vec<usize> = paths
            .into_iter()
            .filter_map(|path| self.position(path.as_ref().as_bstr()).ok())
            .collect();
        positions.sort_unstable();
        positions.dedup();
        self.collect(batch, positions)
    }

    /// Whether the index has this path.
    pub fn is_tracked(&self, path: &[u8]) -> bool {
        let below = [path, b"/"].concat();
        let index = self.index();
        index.entry_by_path(path.as_bstr()).is_some()
            || index.prefixed_entries(below.as_bstr()).is_some()
    }

    /// Returns the paths that scans look at, in order: those whose writes are worth watching.
    pub fn paths(&self) -> impl Iterator<Item = &BStr> {
        let entries = &self.entries;
        (0..entries.len())
            .filter(|at| entries.role(*at) == Role::Scanned)
            .map(|at| entries.path(at))
    }

    /// Returns the index as the user has it.
    pub(crate) fn index(&self) -> &gix::index::State {
        &self.entries.index
    }

    /// Returns the tree of the last scan, HEAD's before the first.
    pub fn tree(&self) -> ObjectId {
        self.tree
    }

    /// Converts bytes read from `path` to git's form and stores them.
    pub fn blob(&mut self, batch: &Batch<'_>, path: &[u8], bytes: &[u8]) -> Result<ObjectId> {
        let cleaned =
            self.filter
                .clean(&self.store.repo, &self.entries.index, path.as_bstr(), bytes)?;
        match cleaned {
            Clean::Unchanged(bytes) => batch.blob(bytes),
            Clean::Bytes(bytes) => batch.blob(&bytes),
        }
    }

    /// Returns what the work tree has at `path`, whatever the path is; nothing is written.
    ///
    /// A directory, a device or nothing at all is `None`.
    pub(crate) fn current(&mut self, path: &BStr) -> Result<Option<FileState>> {
        match self.position(path) {
            Ok(at) => self.look(at, None),
            Err(_) => {
                self.take([path.to_owned()]);
                match self.position(path) {
                    Ok(at) => self.look(at, None),
                    Err(_) => Ok(None),
                }
            }
        }
    }

    /// Returns what HEAD had at `path`, before the first scan.
    pub(crate) fn at_head(&self, path: &BStr) -> Option<FileState> {
        self.position(path)
            .ok()
            .and_then(|at| self.entries.state(at).in_tree)
    }

    /// Lists the paths that HEAD has, before the first scan.
    pub(crate) fn head_paths(&self) -> Vec<BString> {
        (0..self.entries.len())
            .filter(|at| self.entries.state(*at).in_tree.is_some())
            .map(|at| self.entries.path(at).to_owned())
            .collect()
    }

    /// Whether `path` is one that we leave alone: a submodule, or outside of a sparse checkout.
    pub(crate) fn is_kept(&self, path: &BStr) -> bool {
        self.position(path)
            .is_ok_and(|at| self.entries.role(at) == Role::Kept)
    }

    /// Stores the bytes that the work tree has at `path`.
    pub(crate) fn store_current(
        &mut self,
        batch: &Batch<'_>,
        path: &BStr,
    ) -> Result<Option<FileState>> {
        let Some(stat) = self.lstat(path)? else {
            return Ok(None);
        };
        self.content(path, &stat, None, Some(batch))
    }

    fn position(&self, path: &BStr) -> std::result::Result<usize, usize> {
        self.entries.position(path)
    }

    fn collect(
        &mut self,
        batch: &Batch<'_>,
        positions: impl IntoIterator<Item = usize>,
    ) -> Result<Scan> {
        let mut changes = Vec::new();
        for at in positions {
            let new = self.look(at, Some(batch))?;
            let old = self.entries.state(at).in_tree;
            if old != new {
                self.entries.state_mut(at).in_tree = new;
                let path = self.entries.path(at).to_owned();
                changes.push(Change { path, old, new });
            }
        }
        if !changes.is_empty() {
            self.tree = batch.tree(self.tree, &tree_changes(&changes))?;
        }
        Ok(Scan {
            tree: self.tree,
            changes,
        })
    }

    fn lstat(&mut self, path: &BStr) -> Result<Option<rustix::fs::Stat>> {
        self.lstat
            .stat(path)
            .context(|| format!("cannot look at '{path}'"))
    }

    /// Returns what the entry is now, reading the file only if its stat cannot vouch for it.
    fn look(&mut self, at: usize, batch: Option<&Batch<'_>>) -> Result<Option<FileState>> {
        let state = self.entries.state(at);
        match self.entries.role(at) {
            Role::Scanned => {}
            Role::Output if batch.is_some() => return Ok(state.in_tree),
            Role::Output => {}
            Role::Kept => return Ok(state.known),
            Role::Dropped if batch.is_some() => return Ok(None),
            Role::Dropped => {}
        }
        let path = self.entries.path(at);
        let found = self
            .lstat
            .stat(path)
            .context(|| format!("cannot look at '{path}'"))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let new = index_stat(&found);
        if let Some(known) = state.known
            && self.kind(&found, Some(known.kind)) == Some(known.kind)
            && self.vouches(&state, &new)
            && (batch.is_none() || state.stored())
        {
            return Ok(Some(known));
        }
        let checked = settled_before_now();
        let path = path.to_owned();
        let before = state.known.or(state.in_tree).map(|state| state.kind);
        let content = self.content(path.as_bstr(), &found, before, batch)?;
        let own = self.entries.state_mut(at);
        own.known = content;
        own.stat = new;
        // A content that was only looked at may not be in the object database.
        own.checked = if batch.is_some() || content == own.in_tree {
            checked
        } else {
            stat::Time::default()
        };
        Ok(content)
    }

    /// Whether an equal stat proves an equal content.
    fn vouches(&self, state: &State, new: &Stat) -> bool {
        let mut options = self.stat;
        // Tools that write no nanoseconds into the index write zero.
        options.use_nsec = state.stat.mtime.nsecs != 0;
        state.stat.matches(new, options)
            && is_settled(state.stat.mtime, state.checked)
            && (!options.trust_ctime || is_settled(state.stat.ctime, state.checked))
    }

    /// Returns the kind of a file for git, `None` for what git cannot track.
    fn kind(&self, stat: &rustix::fs::Stat, before: Option<EntryKind>) -> Option<EntryKind> {
        use rustix::fs::FileType;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Some(EntryKind::Link),
            FileType::RegularFile => Some(match before {
                Some(EntryKind::Link) if !self.symlinks => EntryKind::Link,
                Some(kind @ (EntryKind::Blob | EntryKind::BlobExecutable))
                    if !self.executable_bit =>
                {
                    kind
                }
                _ if self.executable_bit && stat.st_mode & 0o100 != 0 => EntryKind::BlobExecutable,
                _ => EntryKind::Blob,
            }),
            _ => None,
        }
    }

    /// Reads a file through the filters. Without a batch nothing is stored.
    fn content(
        &mut self,
        path: &BStr,
        found: &rustix::fs::Stat,
        before: Option<EntryKind>,
        batch: Option<&Batch<'_>>,
    ) -> Result<Option<FileState>> {
        let Some(kind) = self.kind(found, before) else {
            return Ok(None);
        };
        let file_path = self.store.worktree.join(os_path(path)?);
        let doing = || format!("cannot read '{path}'");
        let is_link =
            rustix::fs::FileType::from_raw_mode(found.st_mode) == rustix::fs::FileType::Symlink;
        if is_link {
            let target = match fs_err::read_link(&file_path) {
                Ok(target) => target,
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(cause) => return Err(cause).context(doing),
            };
            let target = gix::path::into_bstr(target).context(doing)?;
            let id = self.object(&target, batch)?;
            return Ok(Some(FileState { kind, id }));
        }
        let file = match fs_err::File::open(&file_path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(cause).context(doing),
        };
        let cleaned = self
            .filter
            .clean(&self.store.repo, &self.entries.index, path, file)?;
        let id = match cleaned {
            Clean::Bytes(bytes) => self.object(&bytes, batch)?,
            Clean::Unchanged(_) if found.st_size as u64 > STREAM_FROM && batch.is_some() => {
                match batch {
                    Some(batch) => batch.blob_from_file(&file_path)?,
                    None => return Ok(None),
                }
            }
            Clean::Unchanged(mut file) => {
                let mut bytes = Vec::with_capacity(found.st_size as usize);
                std::io::Read::read_to_end(&mut file, &mut bytes).context(doing)?;
                self.object(&bytes, batch)?
            }
        };
        Ok(Some(FileState { kind, id }))
    }

    fn object(&self, bytes: &[u8], batch: Option<&Batch<'_>>) -> Result<ObjectId> {
        match batch {
            Some(batch) => batch.blob(bytes),
            None => {
                gix::objs::compute_hash(self.store.repo.object_hash(), gix::objs::Kind::Blob, bytes)
                    .context(|| "cannot hash a file".into())
            }
        }
    }
}

/// Returns changes for [`Batch::tree`], removals first: a file may have become a directory.
pub(crate) fn tree_changes(changes: &[Change]) -> Vec<TreeChange> {
    let mut list: Vec<TreeChange> = changes
        .iter()
        .map(|change| TreeChange {
            path: change.path.to_vec(),
            entry: change.new.map(|state| (state.kind, state.id)),
        })
        .collect();
    list.sort_by_key(|change| change.entry.is_some());
    list
}

/// Names up to ten paths for a message.
pub(crate) fn quoted<P: std::fmt::Display>(paths: &[P]) -> String {
    let mut text = paths
        .iter()
        .take(10)
        .map(|path| format!("'{path}'"))
        .collect::<Vec<_>>()
        .join(", ");
    if paths.len() > 10 {
        text.push_str(&format!(" and {} more", paths.len() - 10));
    }
    text
}

#[cfg(test)]
mod tests;
