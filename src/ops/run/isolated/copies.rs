//! `-C`: what a person wants to have along though neither git nor the cache has it.

use crate::error::{Context, Error, Result};
use crate::store::Store;
use crate::store::copy_tree::copy_tree;
use std::path::{Component, Path, PathBuf};

/// Files and folders to copy, all of them there.
pub struct Copies {
    /// From the top of the work tree.
    paths: Vec<PathBuf>,
    worktree: PathBuf,
    /// Never copied: git's and DVC's own.
    private: Vec<PathBuf>,
}

impl Copies {
    /// Checks the paths, as typed in the current folder.
    pub fn check(store: &Store, typed: &[PathBuf]) -> Result<Self> {
        let mut copies = Copies {
            paths: Vec::new(),
            worktree: store.worktree().to_owned(),
            private: vec![store.git_dir().to_owned(), store.common_dir().to_owned()],
        };
        if typed.is_empty() {
            return Ok(copies);
        }
        copies.private.push(store.cache()?.dir().to_owned());
        copies.private.push(store.project()?.join(".dvc/tmp"));
        let here = std::env::current_dir()
            .and_then(fs_err::canonicalize)
            .context(|| "cannot read the current directory".to_owned())?;
        for typed in typed {
            let name = typed.display();
            let path = without_dots(&here.join(typed));
            if fs_err::metadata(&path).is_err() {
                return Err(Error::missing(format!("there is no '{name}' to copy")));
            }
            let Ok(path) = path.strip_prefix(&copies.worktree) else {
                return Err(Error::refused(format!(
                    "cannot copy '{name}': it is outside of the work tree"
                )));
            };
            copies.paths.push(path.to_owned());
        }
        Ok(copies)
    }

    /// Copies them to the same places below `top`.
    pub fn make(&self, top: &Path) -> Result<()> {
        let is_private = |path: &Path| {
            path.file_name() == Some(".git".as_ref()) || self.private.iter().any(|it| it == path)
        };
        for path in &self.paths {
            copy_tree(&self.worktree.join(path), &top.join(path), &is_private)
                .context(|| format!("cannot copy '{}'", path.display()))?;
        }
        Ok(())
    }
}

/// Resolves `.` and `..` in the text of an absolute path.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(clean.pop()),
            other => clean.push(other),
        }
    }
    clean
}
