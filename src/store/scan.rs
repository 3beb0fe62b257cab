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

use super::Store;
use super::filter::{Clean, Filter, os_path};
use super::lstat::Lstat;
use super::objects::{Batch, TreeChange};
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::{Flags, Mode, Stat, stat};
use gix::objs::tree::EntryKind;
use std::collections::HashSet;

/// Files larger than this are hashed and stored as a stream, not in memory.
const STREAM_FROM: u64 = 1 << 20;

/// How much older than a look a file must be before the look is trusted, in nanoseconds.
const SETTLED: u64 = 20_000_000;

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

/// Paths, each standing for itself and all below it.
#[derive(Debug, Clone, Default)]
pub struct PathSet(HashSet<Vec<u8>>);

impl PathSet {
    /// Collects paths from the top of the work tree, `/` between parts.
    pub fn new<P: AsRef<[u8]>>(paths: impl IntoIterator<Item = P>) -> Self {
        PathSet(
            paths
                .into_iter()
                .map(|path| path.as_ref().trim_end_with(|c| c == '/').to_vec())
                .collect(),
        )
    }

    /// Adds another set's paths.
    pub fn extend(&mut self, other: PathSet) {
        self.0.extend(other.0);
    }

    /// Returns the outermost of the paths that `path` is, or is below; `None` if there is none.
    pub fn covering(&self, path: &[u8]) -> Option<BString> {
        path.iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| &path[..at])
            .chain([path])
            .find(|part| self.0.contains(*part))
            .map(BString::from)
    }

    /// Returns the paths, in order.
    pub fn iter(&self) -> impl Iterator<Item = &BStr> {
        let mut paths: Vec<&BStr> = self.0.iter().map(|path| path.as_bstr()).collect();
        paths.sort();
        paths.into_iter()
    }

    /// Whether `path` is one of them or below one.
    pub fn covers(&self, path: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        self.0.contains(path)
            || path
                .iter()
                .enumerate()
                .any(|(at, byte)| *byte == b'/' && self.0.contains(&path[..at]))
    }
}

/// A private in-memory index that knows which files changed since it last looked.
pub struct Scanner {
    store: Store,
    /// As the user has it; for attributes, excludes and filters.
    pub(crate) index: gix::index::File,
    /// The tree of the last scan; HEAD's before the first.
    tree: ObjectId,
    /// Sorted by path.
    entries: Vec<Entry>,
    outputs: PathSet,
    filter: Filter,
    lstat: Lstat,
    stat: stat::Options,
    executable_bit: bool,
    symlinks: bool,
}

struct Entry {
    path: BString,
    /// What `self.tree` has.
    in_tree: Option<FileState>,
    /// What `stat` stands for.
    known: Option<FileState>,
    stat: Stat,
    /// Stats at or after this moment are not trusted.
    checked: stat::Time,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The work tree decides.
    Scanned,
    /// Stays as the tree has it.
    Output,
    /// Stays as the index has it.
    Kept,
    /// HEAD has it, the index does not.
    Dropped,
}

impl Scanner {
    /// Loads the index. Refuses an unmerged one, naming its files.
    ///
    /// `outputs` are work tree paths (files, or directories with all below them) that stay as in HEAD.
    pub fn new(store: &Store, outputs: PathSet) -> Result<Self> {
        let doing = || "cannot read the index".to_string();
        let repo = &store.repo;
        let mut index = repo
            .index_or_load_from_head_or_empty()
            .context(doing)?
            .into_owned();
        let unmerged = unmerged_paths(&index);
        if !unmerged.is_empty() {
            return Err(Error::refused(format!(
                "the index has unmerged files: {}",
                quoted(&unmerged)
            ))
            .hint("resolve the conflicts, then 'git add' the files"));
        }
        let tree = repo.head_tree_id_or_empty().context(doing)?.detach();
        let mut entries = from_index(&index, &outputs);
        let is_clean = index
            .tree()
            .is_some_and(|cached| cached.num_entries.is_some() && cached.id == tree);
        if is_clean {
            for entry in &mut entries {
                entry.in_tree = entry.known;
            }
        } else {
            let head = repo.index_from_tree(&tree).context(doing)?;
            join_head(&mut entries, &head, &index, &outputs);
        }
        // Validated or not, everything in the index is tracked for the directory walk.
        for entry in index.entries_mut() {
            entry.flags.insert(Flags::UPTODATE);
        }
        let filesystem = repo.filesystem_options().context(doing)?;
        Ok(Scanner {
            filter: Filter::new(repo, &index)?,
            lstat: Lstat::new(&store.worktree)
                .context(|| format!("cannot open '{}'", store.worktree.display()))?,
            stat: repo.stat_options().context(doing)?,
            executable_bit: filesystem.executable_bit,
            symlinks: filesystem.symlink,
            store: store.clone(),
            index,
            tree,
            entries,
            outputs,
        })
    }

    /// Adds untracked paths to what later scans look at.
    pub fn take<P: Into<BString>>(&mut self, paths: impl IntoIterator<Item = P>) {
        let mut new = Vec::new();
        for path in paths {
            let path = path.into();
            match self.position(path.as_bstr()) {
                Ok(at) => {
                    let entry = &mut self.entries[at];
                    if entry.role == Role::Dropped {
                        entry.role = Role::Scanned;
                    }
                }
                Err(_) => new.push(Entry {
                    role: if self.outputs.covers(&path) {
                        Role::Output
                    } else {
                        Role::Scanned
                    },
                    path,
                    in_tree: None,
                    known: None,
                    stat: Stat::default(),
                    checked: stat::Time::default(),
                }),
            }
        }
        if !new.is_empty() {
            self.entries.append(&mut new);
            self.entries.sort_by(|a, b| a.path.cmp(&b.path));
            self.entries.dedup_by(|b, a| a.path == b.path);
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
        self.index.entry_by_path(path.as_bstr()).is_some()
    }

    /// Returns the paths that scans look at, in order: those whose writes are worth watching.
    pub fn paths(&self) -> impl Iterator<Item = &BStr> {
        self.entries
            .iter()
            .filter(|entry| entry.role == Role::Scanned)
            .map(|entry| entry.path.as_bstr())
    }

    /// Returns the tree of the last scan, HEAD's before the first.
    pub fn tree(&self) -> ObjectId {
        self.tree
    }

    /// Converts bytes read from `path` to git's form and stores them.
    pub fn blob(&mut self, batch: &Batch<'_>, path: &[u8], bytes: &[u8]) -> Result<ObjectId> {
        let cleaned = self
            .filter
            .clean(&self.store.repo, &self.index, path.as_bstr(), bytes)?;
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
            .and_then(|at| self.entries[at].in_tree)
    }

    /// Lists the paths that HEAD has, before the first scan.
    pub(crate) fn head_paths(&self) -> Vec<BString> {
        self.entries
            .iter()
            .filter(|entry| entry.in_tree.is_some())
            .map(|entry| entry.path.clone())
            .collect()
    }

    /// Whether `path` is one that we leave alone: a submodule, or outside of a sparse checkout.
    pub(crate) fn is_kept(&self, path: &BStr) -> bool {
        self.position(path)
            .is_ok_and(|at| self.entries[at].role == Role::Kept)
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
        self.entries
            .binary_search_by(|entry| entry.path.as_bstr().cmp(path))
    }

    fn collect(
        &mut self,
        batch: &Batch<'_>,
        positions: impl IntoIterator<Item = usize>,
    ) -> Result<Scan> {
        let mut changes = Vec::new();
        for at in positions {
            let new = self.look(at, Some(batch))?;
            let entry = &mut self.entries[at];
            if entry.in_tree != new {
                changes.push(Change {
                    path: entry.path.clone(),
                    old: std::mem::replace(&mut entry.in_tree, new),
                    new,
                });
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
        let entry = &self.entries[at];
        match entry.role {
            Role::Scanned => {}
            Role::Output if batch.is_some() => return Ok(entry.in_tree),
            Role::Output => {}
            Role::Kept => return Ok(entry.known),
            Role::Dropped if batch.is_some() => return Ok(None),
            Role::Dropped => {}
        }
        let path = entry.path.as_bstr();
        let found = self
            .lstat
            .stat(path)
            .context(|| format!("cannot look at '{path}'"))?;
        let Some(found) = found else {
            return Ok(None);
        };
        let new = index_stat(&found);
        if let Some(known) = entry.known
            && self.kind(&found, Some(known.kind)) == Some(known.kind)
            && self.vouches(entry, &new)
            && (batch.is_none() || entry.stored())
        {
            return Ok(Some(known));
        }
        let checked = settled_before_now();
        let path = entry.path.clone();
        let before = entry.known.or(entry.in_tree).map(|state| state.kind);
        let state = self.content(path.as_bstr(), &found, before, batch)?;
        let entry = &mut self.entries[at];
        entry.known = state;
        entry.stat = new;
        // A content that was only looked at may not be in the object database.
        entry.checked = if batch.is_some() || state == entry.in_tree {
            checked
        } else {
            stat::Time::default()
        };
        Ok(state)
    }

    /// Whether an equal stat proves an equal content.
    fn vouches(&self, entry: &Entry, new: &Stat) -> bool {
        let mut options = self.stat;
        // Tools that write no nanoseconds into the index write zero.
        options.use_nsec = entry.stat.mtime.nsecs != 0;
        entry.stat.matches(new, options)
            && is_settled(entry.stat.mtime, entry.checked)
            && (!options.trust_ctime || is_settled(entry.stat.ctime, entry.checked))
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
            .clean(&self.store.repo, &self.index, path, file)?;
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

impl Entry {
    /// Whether the known content is in the object database for sure.
    fn stored(&self) -> bool {
        self.checked != stat::Time::default()
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

fn from_index(index: &gix::index::File, outputs: &PathSet) -> Vec<Entry> {
    let timestamp = index.timestamp();
    let checked = stat::Time {
        secs: timestamp.unix_seconds() as u32,
        nsecs: timestamp.nanoseconds(),
    };
    index
        .entries()
        .iter()
        .filter(|entry| !entry.mode.is_sparse())
        .map(|entry| {
            let path = entry.path(index).to_owned();
            let known = (!entry.flags.contains(Flags::INTENT_TO_ADD))
                .then(|| state_of(entry.mode, entry.id))
                .flatten();
            let role = if entry.mode == Mode::COMMIT
                || entry
                    .flags
                    .intersects(Flags::SKIP_WORKTREE | Flags::ASSUME_VALID)
            {
                Role::Kept
            } else if outputs.covers(&path) {
                Role::Output
            } else {
                Role::Scanned
            };
            Entry {
                path,
                in_tree: None,
                known,
                stat: entry.stat,
                checked,
                role,
            }
        })
        .collect()
}

/// Notes what HEAD has at each path, and adds the paths that only HEAD has.
fn join_head(
    entries: &mut Vec<Entry>,
    head: &gix::index::File,
    index: &gix::index::File,
    outputs: &PathSet,
) {
    let sparse: Vec<&BStr> = index
        .entries()
        .iter()
        .filter(|entry| entry.mode.is_sparse())
        .map(|entry| entry.path(index))
        .collect();
    let mut dropped = Vec::new();
    let mut at = 0;
    for entry in head.entries() {
        let path = entry.path(head);
        let state = state_of(entry.mode, entry.id);
        while at < entries.len() && entries[at].path.as_bstr() < path {
            at += 1;
        }
        if at < entries.len() && entries[at].path.as_bstr() == path {
            entries[at].in_tree = state;
        } else if !sparse.iter().any(|dir| path.starts_with(dir)) {
            dropped.push(Entry {
                path: path.to_owned(),
                in_tree: state,
                known: None,
                stat: Stat::default(),
                checked: stat::Time::default(),
                role: if outputs.covers(path) {
                    Role::Output
                } else {
                    Role::Dropped
                },
            });
        }
    }
    if !dropped.is_empty() {
        entries.append(&mut dropped);
        entries.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

fn state_of(mode: Mode, id: ObjectId) -> Option<FileState> {
    Some(FileState {
        kind: mode.to_tree_entry_mode()?.kind(),
        id,
    })
}

fn unmerged_paths(index: &gix::index::File) -> Vec<&BStr> {
    let mut paths: Vec<&BStr> = index
        .entries()
        .iter()
        .filter(|entry| entry.flags.stage_raw() != 0)
        .map(|entry| entry.path(index))
        .collect();
    paths.dedup();
    paths
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

/// Returns the fields of a stat that git's index has.
fn index_stat(found: &rustix::fs::Stat) -> Stat {
    // Truncation to 32 bits is the index's own.
    Stat {
        mtime: stat::Time {
            secs: found.st_mtime as u32,
            nsecs: found.st_mtime_nsec as u32,
        },
        ctime: stat::Time {
            secs: found.st_ctime as u32,
            nsecs: found.st_ctime_nsec as u32,
        },
        dev: found.st_dev as u32,
        ino: found.st_ino as u32,
        uid: found.st_uid,
        gid: found.st_gid,
        size: found.st_size as u32,
    }
}

/// Returns the moment before which a file must have been written for a look at it now to be final.
fn settled_before_now() -> stat::Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let nanoseconds = (now.tv_sec as u64)
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec as u64)
        .saturating_sub(SETTLED);
    stat::Time {
        secs: (nanoseconds / 1_000_000_000) as u32,
        nsecs: (nanoseconds % 1_000_000_000) as u32,
    }
}

/// Whether a time stamp is safely before `checked`; whole seconds come from file systems that count in two of them.
fn is_settled(time: stat::Time, checked: stat::Time) -> bool {
    if time.nsecs == 0 {
        time.secs.saturating_add(2) <= checked.secs
    } else {
        time < checked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn scanner(sandbox: &Sandbox, outputs: &[&str]) -> Scanner {
        Scanner::new(&sandbox.store(), PathSet::new(outputs)).unwrap()
    }

    fn scan(sandbox: &Sandbox, scanner: &mut Scanner) -> Scan {
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let scan = scanner.scan(&batch).unwrap();
        batch.sync().unwrap();
        scan
    }

    /// What git would record of all index paths, by a private copy of the index.
    fn oracle(sandbox: &Sandbox) -> ObjectId {
        let index = sandbox.path(".git/index");
        let before = fs_err::read(&index).unwrap();
        sandbox.git(&["add", "-u"]);
        let tree = sandbox.git(&["write-tree"]);
        fs_err::write(&index, before).unwrap();
        ObjectId::from_hex(tree.trim().as_bytes()).unwrap()
    }

    fn changed(scan: &Scan) -> Vec<String> {
        scan.changes
            .iter()
            .map(|change| change.path.to_string())
            .collect()
    }

    #[test]
    fn builds_the_tree_that_git_would() {
        let sandbox = Sandbox::new();
        for path in [
            "a.py",
            "dir/b.py",
            "dir/sub/c.txt",
            "gone.py",
            "gone/all.py",
            "run.sh",
        ] {
            sandbox.write(path, path);
        }
        symlink("a.py", sandbox.path("link")).unwrap();
        sandbox.commit("one");
        let head = sandbox.id("HEAD^{tree}");
        let mut clean = scanner(&sandbox, &[]);
        let found = scan(&sandbox, &mut clean);
        assert_eq!(found.tree, head);
        assert_eq!(found.changes, []);

        sandbox.write("a.py", "changed");
        sandbox.write("dir/sub/new.py", "staged");
        sandbox.git(&["add", "dir/sub/new.py"]);
        sandbox.write("dir/sub/new.py", "staged, then changed");
        sandbox.write("untracked.py", "not there");
        fs_err::remove_file(sandbox.path("gone.py")).unwrap();
        fs_err::remove_dir_all(sandbox.path("gone")).unwrap();
        fs_err::remove_file(sandbox.path("link")).unwrap();
        symlink("dir/b.py", sandbox.path("link")).unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(sandbox.path("run.sh"), executable).unwrap();
        let mut scanner = scanner(&sandbox, &[]);
        let index = fs_err::read(sandbox.path(".git/index")).unwrap();
        let found = scan(&sandbox, &mut scanner);
        assert_eq!(fs_err::read(sandbox.path(".git/index")).unwrap(), index);
        assert_eq!(found.tree, oracle(&sandbox));
        assert_eq!(
            changed(&found),
            [
                "a.py",
                "dir/sub/new.py",
                "gone.py",
                "gone/all.py",
                "link",
                "run.sh"
            ]
        );
        assert_eq!(found.changes[2].new, None);
        assert_eq!(scan(&sandbox, &mut scanner).changes, []);
        let status = sandbox.git(&["status", "--porcelain"]);
        assert!(status.contains("AM dir/sub/new.py"), "{status}");
        sandbox.fsck();
    }

    #[test]
    fn a_second_look_sees_every_change() {
        let sandbox = Sandbox::new();
        sandbox.write("a.py", "1");
        sandbox.write("b.py", "1");
        sandbox.commit("one");
        let mut scanner = scanner(&sandbox, &[]);
        scan(&sandbox, &mut scanner);
        // The same size within the same tick of the clock: only reading tells.
        for round in 2..30 {
            let text = (round % 10).to_string();
            sandbox.write("a.py", &text);
            let found = scan(&sandbox, &mut scanner);
            assert_eq!(changed(&found), ["a.py"], "round {round}");
            assert_eq!(found.tree, oracle(&sandbox));
        }
        let old = scanner.tree();
        sandbox.write("a.py", "1");
        sandbox.write("b.py", "2");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let found = scanner.scan_paths(&batch, ["b.py", "unknown"]).unwrap();
        assert_eq!(changed(&found), ["b.py"]);
        assert_ne!(found.tree, old);
        assert_eq!(changed(&scanner.scan(&batch).unwrap()), ["a.py"]);
        assert_eq!(scanner.tree(), oracle(&sandbox));
    }

    #[test]
    fn outputs_stay_as_head_has_them() {
        let sandbox = Sandbox::new();
        sandbox.write("metrics.json", "{}");
        sandbox.write("plots/a.json", "[]");
        sandbox.write("plots2", "");
        sandbox.commit("one");
        sandbox.write("metrics.json", "{1}");
        sandbox.write("plots/a.json", "[1]");
        sandbox.write("plots2", "1");
        sandbox.write("plots/b.json", "[2]");
        sandbox.git(&["add", "."]);
        let mut scanner = scanner(&sandbox, &["metrics.json", "plots/"]);
        assert_eq!(changed(&scan(&sandbox, &mut scanner)), ["plots2"]);
    }

    #[test]
    fn what_left_the_index_leaves_the_tree() {
        let sandbox = Sandbox::new();
        sandbox.write("a.py", "1");
        sandbox.write("b.py", "1");
        sandbox.commit("one");
        sandbox.git(&["rm", "-q", "--cached", "a.py"]);
        let mut scanner = scanner(&sandbox, &[]);
        let found = scan(&sandbox, &mut scanner);
        assert_eq!(changed(&found), ["a.py"]);
        assert_eq!(found.tree, oracle(&sandbox));
        // Taken as an untracked file, it is back.
        scanner.take(["a.py"]);
        assert_eq!(scan(&sandbox, &mut scanner).tree, sandbox.id("HEAD^{tree}"));
    }

    #[test]
    fn files_and_directories_change_places() {
        let sandbox = Sandbox::new();
        sandbox.write("a/b", "1");
        sandbox.write("c", "1");
        sandbox.commit("one");
        fs_err::remove_dir_all(sandbox.path("a")).unwrap();
        fs_err::remove_file(sandbox.path("c")).unwrap();
        sandbox.write("a", "now a file");
        sandbox.write("c/d", "now a directory");
        let mut scanner = scanner(&sandbox, &[]);
        scanner.take(["a", "c/d"]);
        let found = scan(&sandbox, &mut scanner);
        sandbox.git(&["add", "-A"]);
        let tree = sandbox.git(&["write-tree"]);
        assert_eq!(found.tree.to_string(), tree.trim());
    }

    #[test]
    fn filters_and_line_ends_are_gits() {
        let sandbox = Sandbox::new();
        sandbox.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
        sandbox.git(&["config", "filter.upper.smudge", "tr A-Z a-z"]);
        sandbox.write(".gitattributes", "*.up filter=upper\n*.txt text eol=crlf\n");
        sandbox.write("one.up", "abc\n");
        sandbox.write("two.txt", "x\r\ny\r\n");
        sandbox.commit("one");
        sandbox.write("one.up", "abcd\n");
        sandbox.write("two.txt", "x\r\nyy\r\n");
        let mut scanner = scanner(&sandbox, &[]);
        let found = scan(&sandbox, &mut scanner);
        assert_eq!(found.tree, oracle(&sandbox));
        assert_eq!(changed(&found), ["one.up", "two.txt"]);
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let blob = scanner.blob(&batch, b"two.txt", b"x\r\nyy\r\n").unwrap();
        assert_eq!(found.changes[1].new.map(|state| state.id), Some(blob));
    }

    #[test]
    fn submodules_and_sparse_paths_stay() {
        let sandbox = Sandbox::new();
        sandbox.write("a.py", "1");
        sandbox.write("far/b.py", "1");
        sandbox.commit("one");
        let commit = sandbox.id("HEAD").to_string();
        let gitlink = format!("160000,{commit},module");
        sandbox.git(&["update-index", "--add", "--cacheinfo", &gitlink]);
        sandbox.git(&["commit", "-q", "-m", "two"]);
        sandbox.git(&["update-index", "--skip-worktree", "far/b.py"]);
        fs_err::remove_file(sandbox.path("far/b.py")).unwrap();
        sandbox.write("a.py", "2");
        let mut scanner = scanner(&sandbox, &[]);
        let found = scan(&sandbox, &mut scanner);
        assert_eq!(changed(&found), ["a.py"]);
        let listing = sandbox.git(&["ls-tree", "-r", "--name-only", &found.tree.to_string()]);
        assert_eq!(listing, "a.py\nfar/b.py\nmodule\n");
    }

    #[test]
    fn an_unmerged_index_is_refused_by_name() {
        let sandbox = Sandbox::new();
        sandbox.write("a.py", "base\n");
        sandbox.commit("base");
        sandbox.git(&["checkout", "-q", "-b", "other"]);
        sandbox.write("a.py", "other\n");
        sandbox.commit("other");
        sandbox.git(&["checkout", "-q", "main"]);
        sandbox.write("a.py", "main\n");
        sandbox.commit("main");
        assert!(!sandbox.git_raw(&["merge", "other"]).status.success());
        let refused = Scanner::new(&sandbox.store(), PathSet::default());
        let error = refused.err().unwrap();
        assert_eq!(error.to_string(), "the index has unmerged files: 'a.py'");
    }

    #[test]
    fn a_path_set_covers_what_is_below() {
        let set = PathSet::new(["a", "b/c/"]);
        for (path, covered) in [
            ("a", true),
            ("a/x", true),
            ("ab", false),
            ("b", false),
            ("b/c", true),
            ("b/c/d/e", true),
            ("b/cd", false),
        ] {
            assert_eq!(set.covers(path.as_bytes()), covered, "{path}");
        }
        assert_eq!(set.covering(b"b/c/d").unwrap(), "b/c");
    }
}
