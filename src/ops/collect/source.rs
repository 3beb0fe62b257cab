//! Where the files of a row come from: a commit's tree, or the disk.

use crate::checkpoint::FileData;
use crate::error::{Context, Result};
use crate::id::ObjectId;
use crate::pipeline::Pipeline;
use crate::pipeline::paths::is_outside;
use crate::store::Store;
use crate::store::survey::TreeEntry;
use std::cell::{RefCell, RefMut};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Files of a project by their path from its root, `/` between parts.
pub(in crate::ops) trait Source {
    /// Returns a file's bytes; `None` if there is no such file.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>>;

    /// Returns what identifies a file's content, if that is cheaper than the content.
    fn id(&self, path: &str) -> Result<Option<ObjectId>>;

    /// Returns what was parsed before, by such ids; `None` where files have none.
    fn parsed(&self) -> Option<RefMut<'_, Parsed>>;

    /// Lists the files below a directory, recursively; `None` if there is no such directory.
    fn list(&self, path: &str) -> Result<Option<Vec<String>>>;

    /// Lists the `dvc.yaml` and `.dvc` files below the root.
    fn project_files(&self) -> Result<Vec<String>>;
}

/// What was learnt from trees; subtrees rarely change from commit to commit.
#[derive(Default)]
pub(in crate::ops) struct Memo {
    /// `dvc.yaml` and `.dvc` files below a tree, relative to it.
    project_files: HashMap<ObjectId, Rc<Vec<String>>>,
    /// How many trees were read.
    pub trees_read: usize,
    parsed: Parsed,
}

/// What files say that hardly change from commit to commit, by content and path.
#[derive(Default)]
pub(in crate::ops) struct Parsed {
    /// `dvc.yaml` files, or what is wrong with them.
    pub pipelines: HashMap<(ObjectId, String), ParsedPipeline>,
    /// Params files.
    pub params: HashMap<(ObjectId, String), FileData>,
}

/// What a `dvc.yaml` says where the files that its templates need are these.
#[derive(Clone)]
pub(in crate::ops) struct ParsedPipeline {
    pub pipeline: Result<Rc<Pipeline>, String>,
    /// The files that were asked for, and what was there.
    pub read: Rc<[(String, Option<ObjectId>)]>,
}

impl ParsedPipeline {
    /// Whether `source` has the same files.
    pub fn still_holds(&self, source: &dyn Source) -> Result<bool> {
        for (path, id) in self.read.iter() {
            if source.id(path)? != *id {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A commit's tree.
pub(in crate::ops) struct Commit<'s, 'm> {
    store: &'s Store,
    /// Its whole tree.
    tree: ObjectId,
    /// The tree of the project's root; `None` where the commit has no such directory.
    root: Option<ObjectId>,
    memo: RefCell<&'m mut Memo>,
}

impl<'s, 'm> Commit<'s, 'm> {
    /// Opens the project in the tree of a commit.
    pub fn new(store: &'s Store, tree: ObjectId, memo: &'m mut Memo) -> Result<Self> {
        let prefix = store.tree_path("");
        let root = match store.tree_entry(tree, prefix.trim_end_matches('/'))? {
            Some(TreeEntry::Dir(root)) => Some(root),
            _ => None,
        };
        Ok(Commit {
            store,
            tree,
            root,
            memo: RefCell::new(memo),
        })
    }

    fn entry(&self, path: &str) -> Result<Option<TreeEntry>> {
        match self.root {
            _ if self.store.is_elsewhere(path) => Ok(None),
            _ if is_outside(path) => self
                .store
                .tree_entry(self.tree, &self.store.tree_path(path)),
            Some(root) => self.store.tree_entry(root, path),
            None => Ok(None),
        }
    }
}

impl Source for Commit<'_, '_> {
    fn id(&self, path: &str) -> Result<Option<ObjectId>> {
        Ok(match self.entry(path)? {
            Some(TreeEntry::File(id)) => Some(id),
            _ => None,
        })
    }

    fn parsed(&self) -> Option<RefMut<'_, Parsed>> {
        Some(RefMut::map(self.memo.borrow_mut(), |memo| &mut memo.parsed))
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.entry(path)? {
            Some(TreeEntry::File(id)) => self.store.blob(id).map(Some),
            _ => Ok(None),
        }
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>> {
        let Some(TreeEntry::Dir(tree)) = self.entry(path)? else {
            return Ok(None);
        };
        let mut files = Vec::new();
        let mut pending = vec![(path.trim_end_matches('/').to_owned(), tree)];
        while let Some((folder, tree)) = pending.pop() {
            for (name, entry) in self.store.tree_entries(tree)? {
                let path = join(&folder, &name);
                match entry {
                    TreeEntry::File(_) => files.push(path),
                    TreeEntry::Dir(tree) => pending.push((path, tree)),
                }
            }
        }
        files.sort_unstable();
        Ok(Some(files))
    }

    fn project_files(&self) -> Result<Vec<String>> {
        match self.root {
            None => Ok(Vec::new()),
            Some(root) => {
                let memo = &mut **self.memo.borrow_mut();
                Ok(below(self.store, root, memo)?.to_vec())
            }
        }
    }
}

fn below(store: &Store, tree: ObjectId, memo: &mut Memo) -> Result<Rc<Vec<String>>> {
    if let Some(known) = memo.project_files.get(&tree) {
        return Ok(known.clone());
    }
    memo.trees_read += 1;
    let mut found = Vec::new();
    for (name, entry) in store.tree_entries(tree)? {
        match entry {
            TreeEntry::File(_) if is_project_file(&name) => found.push(name),
            TreeEntry::Dir(_) if name == ".dvc" => {}
            TreeEntry::Dir(subtree) => {
                let files = below(store, subtree, memo)?;
                found.extend(files.iter().map(|file| join(&name, file)));
            }
            TreeEntry::File(_) => {}
        }
    }
    let found = Rc::new(found);
    memo.project_files.insert(tree, found.clone());
    Ok(found)
}

fn is_project_file(name: &str) -> bool {
    name == "dvc.yaml" || (name.ends_with(".dvc") && name != ".dvc")
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.to_owned(),
        _ => format!("{folder}/{name}"),
    }
}

/// The disk.
pub(in crate::ops) struct Workspace<'p> {
    root: &'p Path,
    /// What a commit has; it need not be there any more.
    known: Vec<String>,
}

impl<'p> Workspace<'p> {
    /// Opens a project by its root; `known` are `dvc.yaml` and `.dvc` files to look for.
    pub fn new(root: &'p Path, known: Vec<String>) -> Self {
        Workspace { root, known }
    }
}

impl Source for Workspace<'_> {
    fn id(&self, _path: &str) -> Result<Option<ObjectId>> {
        Ok(None)
    }

    fn parsed(&self) -> Option<RefMut<'_, Parsed>> {
        None
    }

    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let full = self.root.join(path);
        match fs_err::metadata(&full) {
            Ok(metadata) if metadata.is_file() => {}
            _ => return Ok(None),
        }
        match fs_err::read(&full) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(|| format!("cannot read '{path}'")),
        }
    }

    fn list(&self, path: &str) -> Result<Option<Vec<String>>> {
        let full = self.root.join(path);
        if !full.is_dir() {
            return Ok(None);
        }
        let doing = || format!("cannot list '{path}'");
        let mut files = Vec::new();
        let mut pending: Vec<(String, PathBuf)> = vec![(path.trim_end_matches('/').into(), full)];
        while let Some((folder, full)) = pending.pop() {
            for entry in fs_err::read_dir(&full).context(doing)? {
                let entry = entry.context(doing)?;
                let name = entry.file_name();
                let Some(name) = name.to_str() else { continue };
                let path = join(&folder, name);
                let kind = entry.file_type().context(doing)?;
                match kind.is_dir() {
                    true => pending.push((path, entry.path())),
                    false => files.push(path),
                }
            }
        }
        files.sort_unstable();
        Ok(Some(files))
    }

    fn project_files(&self) -> Result<Vec<String>> {
        let mut files = self.known.clone();
        let at_root = fs_err::read_dir(self.root).context(|| "cannot list the project".into())?;
        for entry in at_root.flatten() {
            if let Some(name) = entry.file_name().to_str()
                && is_project_file(name)
                && !files.iter().any(|file| file == name)
            {
                files.push(name.to_owned());
            }
        }
        Ok(files)
    }
}
