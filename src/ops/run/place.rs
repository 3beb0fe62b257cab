//! What stages find at a path: in the workspace as it is, or as it will be once a checkpoint is in it.

use super::inputs::read_optional;
use crate::digest::{DirDigest, PathDigest};
use crate::error::{Context, Result};
use crate::pipeline::paths::{ancestors, is_within};
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::cache::Cache;
use crate::store::objects::EntryKind;
use crate::store::scan::FileState;
use crate::store::transition::{SavedFile, SavedOutput, SavedPath, Transition};
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where stages find things.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The project's root.
    pub project: &'a Path,
    /// Where hashes are known.
    pub cache: &'a Cache,
    /// What will have changed by then; `None` for the workspace as it is.
    pub changes: Option<&'a Changes>,
}

/// What will be at paths that something is about to change, by path from the top of the work tree.
pub struct Changes(BTreeMap<BString, Change>);

enum Change {
    Gone,
    File(FileState),
    Output(SavedOutput),
}

impl Changes {
    /// Takes over what a transition will do to the work tree.
    pub fn of(transition: &Transition) -> Self {
        let file = |after: Option<SavedFile>| after.map(|it| Change::File(it.state()));
        let output = |after: &Option<SavedOutput>| after.clone().map(Change::Output);
        let files = transition.files.iter();
        let files = files.map(|(path, step)| (path, file(step.after)));
        let outputs = transition.outputs.iter();
        let outputs = outputs.map(|(path, step)| (path, output(&step.after)));
        let mut changes = BTreeMap::new();
        for (SavedPath(path), change) in files.chain(outputs) {
            match change {
                Some(change) => drop(changes.insert(path.clone(), change)),
                None => drop(changes.entry(path.clone()).or_insert(Change::Gone)),
            }
        }
        Changes(changes)
    }

    /// Whether something at a path, below it or above it will change.
    fn touches(&self, path: &str) -> bool {
        let at_or_above = ancestors(path).any(|it| self.0.contains_key(it.as_bytes().as_bstr()));
        at_or_above || self.below(path).next().is_some()
    }

    fn below<'c>(&'c self, path: &str) -> impl Iterator<Item = (&'c str, &'c Change)> + use<'c> {
        let folder = format!("{path}/");
        let rest = self.0.range(BString::from(folder.as_str())..);
        rest.map_while(move |(path, change)| {
            let below = path.strip_prefix(folder.as_bytes())?;
            Some((below.to_str().unwrap_or_default(), change))
        })
    }
}

impl Place<'_> {
    /// Whether the workspace has at these paths what will be there.
    pub fn is_as_now<'p>(&self, mut paths: impl Iterator<Item = &'p str>) -> bool {
        let touches = |path: &str| {
            let path = self.store.tree_path(path);
            self.changes.is_some_and(|changes| changes.touches(&path))
        };
        !paths.any(touches)
    }

    /// Whether there is something at a path of the project.
    pub fn has(&self, path: &str) -> Result<bool> {
        match self.is_as_now([path].into_iter()) {
            true => Ok(self.project.join(path).exists()),
            false => Ok(self.digest(path)?.is_some()),
        }
    }

    /// As [`Cache::read_ahead`], of paths of the project.
    pub fn read_ahead<'p>(&self, paths: impl Iterator<Item = &'p str>) {
        if self.changes.is_none() {
            let paths: Vec<PathBuf> = paths.map(|path| self.project.join(path)).collect();
            self.cache.read_ahead(&paths);
        }
    }

    /// As [`Cache::digest`], of a path of the project.
    pub fn digest(&self, path: &str) -> Result<Option<PathDigest>> {
        let here = || self.cache.digest(&self.project.join(path));
        let Some(changes) = self.changes else {
            return here();
        };
        let path = self.store.tree_path(path);
        let change = changes.0.get(path.as_bytes().as_bstr());
        match change {
            Some(Change::Output(output)) => return self.stored(output),
            Some(Change::File(state)) if state.kind != EntryKind::Link => {
                return self.file(&path, *state).map(Some);
            }
            // what a link leads to is most often the same in both
            Some(Change::File(_)) => return here(),
            Some(Change::Gone) | None => {}
        }
        for folder in ancestors(&path).skip(1) {
            if let Some(Change::Output(output)) = changes.0.get(folder.as_bytes().as_bstr()) {
                let below = &path[folder.len() + 1..];
                return Ok(self.stored(output)?.and_then(|whole| part(whole, below)));
            }
        }
        let mut below = changes.below(&path).peekable();
        if below.peek().is_none() {
            return match change {
                Some(_) => Ok(None),
                None => here(),
            };
        }
        let mut files = match here()? {
            Some(PathDigest::Dir(dir)) => dir.files,
            _ => IndexMap::new(),
        };
        for (name, change) in below {
            files.retain(|file, _| !is_within(file, name));
            let new = match change {
                Change::Gone => None,
                Change::File(state) => Some(self.file(&format!("{path}/{name}"), *state)?),
                Change::Output(output) => self.stored(output)?,
            };
            match new {
                None => {}
                Some(PathDigest::File { digest, .. }) => {
                    files.insert(name.to_owned(), digest);
                }
                Some(PathDigest::Dir(dir)) => {
                    let inner = dir.files.into_iter();
                    files.extend(inner.map(|(file, digest)| (format!("{name}/{file}"), digest)));
                }
            }
        }
        Ok((!files.is_empty()).then(|| PathDigest::Dir(DirDigest::of(files))))
    }

    /// Returns the text of a file of the project, or `None` if there is none.
    pub fn read(&self, path: &str) -> Result<Option<String>> {
        let full = self.store.tree_path(path);
        let changes = self.changes.map(|changes| &changes.0);
        let bytes = match changes.and_then(|all| all.get(full.as_bytes().as_bstr())) {
            None => return read_optional(&self.project.join(path)),
            Some(Change::Gone) => return Ok(None),
            Some(Change::File(state)) => self.store.as_checked_out(&full, *state)?,
            Some(Change::Output(output)) => {
                let object = self.cache.path(output.format(), &output.md5);
                fs_err::read(object).context(|| format!("cannot read '{path}' in the cache"))?
            }
        };
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn stored(&self, output: &SavedOutput) -> Result<Option<PathDigest>> {
        let found = self.cache.digest_stored(output.format(), &output.md5)?;
        Ok(found.map(|found| match found {
            PathDigest::File { digest, .. } => PathDigest::File {
                digest,
                isexec: output.isexec,
            },
            dir => dir,
        }))
    }

    fn file(&self, path: &str, state: FileState) -> Result<PathDigest> {
        Ok(PathDigest::File {
            digest: crate::digest::bytes(&self.store.as_checked_out(path, state)?),
            isexec: state.kind == EntryKind::BlobExecutable,
        })
    }
}

/// Returns what is at a path in a folder, if it is one.
pub(super) fn part(whole: PathDigest, path: &str) -> Option<PathDigest> {
    let PathDigest::Dir(DirDigest { mut files }) = whole else {
        return None;
    };
    if let Some(digest) = files.swap_remove(path) {
        let isexec = false;
        return Some(PathDigest::File { digest, isexec });
    }
    let files = files.into_iter().filter_map(|(file, digest)| {
        let below = file.strip_prefix(path)?.strip_prefix('/')?;
        Some((below.to_owned(), digest))
    });
    let dir = DirDigest::new(files);
    (!dir.files.is_empty()).then_some(PathDigest::Dir(dir))
}
