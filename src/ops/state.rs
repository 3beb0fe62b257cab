//! One state of the project, by what a user types for it: `workspace`, or a revision.

use super::collect::declared::{self, Part};
use super::collect::known_files;
use super::collect::source::{Commit, Memo, Source, Workspace};
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use crate::pipeline::{Pipeline, Stage, paths};
use crate::store::Store;

/// The word for the files on disk, wherever a revision is asked for.
pub const WORKSPACE: &str = "workspace";

/// Returns the commit that `revision` names, `None` for the workspace.
pub fn resolve(store: &Store, revision: &str) -> Result<Option<ObjectId>> {
    match revision {
        WORKSPACE => Ok(None),
        _ => Ok(Some(store.resolve(revision)?.commit)),
    }
}

/// Returns a path that was typed in the current folder as a path from the project's root.
fn project_path(store: &Store, typed: &str) -> Result<String> {
    let project = store.project()?;
    let here = std::env::current_dir().context(|| "cannot tell the current folder".into())?;
    let doing = |reason: String| Error::refused(format!("path '{typed}' {reason}"));
    let absolute = std::path::Path::new(typed);
    let (base, typed) = match absolute.strip_prefix(project) {
        Ok(inside) => (String::new(), inside.to_string_lossy().into_owned()),
        Err(_) => {
            let base = here.strip_prefix(project).unwrap_or("".as_ref());
            (base.to_string_lossy().into_owned(), typed.to_owned())
        }
    };
    paths::join(&base, &typed).map_err(|problem| doing(problem.to_string()))
}

/// Returns paths that were typed in the current folder as paths from the project's root.
pub fn project_paths(store: &Store, typed: &[String]) -> Result<Vec<String>> {
    let paths = typed.iter().map(|typed| project_path(store, typed));
    paths.collect()
}

/// The files of one state: git's or the disk's, and from the cache what is only there.
pub struct State<'a> {
    store: &'a Store,
    source: &'a dyn Source,
    parts: Vec<Part>,
}

/// Calls `visit` with the state at `commit` (`None`: the workspace).
///
/// A `dvc.yaml` that cannot be read is an error.
pub fn open<T>(
    store: &Store,
    commit: Option<ObjectId>,
    visit: impl FnOnce(&State<'_>) -> Result<T>,
) -> Result<T> {
    let mut memo = Memo::default();
    let visit = |source: &dyn Source| {
        let parts = declared::parts(store, source)?
            .map_err(Error::corrupt)?
            .pipelines;
        visit(&State {
            store,
            source,
            parts,
        })
    };
    let known = match commit {
        Some(commit) => {
            return visit(&Commit::new(store, store.tree_of(commit)?, &mut memo)?);
        }
        None => known_files(store, &mut memo)?,
    };
    visit(&Workspace::new(store.project()?, known))
}

impl State<'_> {
    /// Lists the pipelines of all `dvc.yaml`, the root's first.
    pub fn pipelines(&self) -> impl Iterator<Item = &Pipeline> {
        self.parts.iter().map(|part| part.pipeline.as_ref())
    }

    /// Returns a file's bytes, from the cache where it is an output that is not there; `None` if it is nowhere.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        if let Some(bytes) = self.source.read(path)? {
            return Ok(Some(bytes));
        }
        self.cached(path)
    }

    /// Lists the files below a directory by path, in order; `None` if it is no directory.
    pub fn list(&self, path: &str) -> Result<Option<Vec<String>>> {
        if let Some(files) = self.source.list(path)? {
            return Ok(Some(files));
        }
        let Some((stage, part)) = self.writer(path) else {
            return Ok(None);
        };
        let Some(out) = stage.out(path) else {
            return Ok(None);
        };
        let Some(files) = self.listing(stage, part, &out.path)? else {
            return Ok(None);
        };
        Ok(Some(files.into_iter().map(|(path, _)| path).collect()))
    }

    fn writer(&self, path: &str) -> Option<(&Stage, &Part)> {
        self.parts.iter().find_map(|part| {
            let stage = part.pipeline.writer_of(path)?;
            Some((stage, part))
        })
    }

    fn cached(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let Some((stage, part)) = self.writer(path) else {
            return Ok(None);
        };
        let Some(out) = paths::ancestors(path).find_map(|folder| stage.out(folder)) else {
            return Ok(None);
        };
        let Some(hash) = locked(stage, part, &out.path) else {
            return Ok(None);
        };
        let mut md5 = hash.md5.clone();
        if md5.ends_with(".dir") {
            let files = self.listing(stage, part, &out.path)?.unwrap_or_default();
            match files.into_iter().find(|(file, _)| file == path) {
                Some((_, found)) => md5 = found,
                None => return Ok(None),
            }
        }
        let object = self.store.cache()?.path(hash.format, &md5);
        match fs_err::read(object) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).context(|| format!("cannot read '{path}' from the cache")),
        }
    }

    /// Lists the files of a cached directory with their md5; `None` if it is no directory, or not in the cache.
    fn listing(
        &self,
        stage: &Stage,
        part: &Part,
        path: &str,
    ) -> Result<Option<Vec<(String, String)>>> {
        let Some(hash) = locked(stage, part, path).filter(|hash| hash.md5.ends_with(".dir")) else {
            return Ok(None);
        };
        let cache = self.store.cache()?;
        if !cache.has(hash.format, &hash.md5, None) {
            return Ok(None);
        }
        let files = cache.listing(hash.format, &hash.md5)?;
        let files = files
            .into_iter()
            .map(|file| (format!("{path}/{}", file.relpath), file.md5.to_string()));
        Ok(Some(files.collect()))
    }
}

fn locked<'p>(
    stage: &Stage,
    part: &'p Part,
    path: &str,
) -> Option<&'p crate::lockfile::LockedHash> {
    let entry = part.lockfile.stages.get(&stage.name)?;
    let written = stage.written(path);
    let out = entry.outs.iter().find(|out| out.path == written)?;
    out.hash.as_ref()
}
