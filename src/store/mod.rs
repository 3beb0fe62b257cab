//! gix and the disk: the repository, its refs, notes, trees, the cache, and the state of runs.
//!
//! [`Store::open`] is the only place that opens a repository. Nothing here prints, parses arguments
//! or starts a process.

pub mod branch;
pub mod cache;
pub mod capture_dir;
pub mod checkout;
pub mod config;
pub mod copy;
pub mod copy_tree;
pub mod current;
pub mod difference;
pub mod dir_listing;
pub mod durable;
pub mod dvc_config;
pub mod dvc_format;
pub mod dvc_ignore;
pub mod fetch;
pub mod filter;
pub mod git_config;
pub mod hash;
pub mod history;
mod holds;
mod ini;
pub mod insert;
pub mod integrity;
pub mod journal;
pub mod later;
pub mod leftovers;
mod local_config;
pub mod lock;
pub(crate) mod lstat;
pub mod materialise;
pub mod memo;
pub mod notes;
pub mod objects;
pub mod output_log;
pub mod path_set;
mod pipelines;
pub mod reachable;
pub mod refs;
pub mod relink;
pub mod requests;
pub mod resolve;
pub mod row_cache;
pub mod run_cache;
pub mod run_record;
mod save;
pub mod scan;
pub(crate) mod side_by_side;
pub mod sources;
pub mod state;
pub mod survey;
pub mod temporary;
pub mod tracked;
pub mod transition;
mod tree;
pub mod undo;
pub mod unprotect;
pub mod untracked;

mod age;
mod identity;
mod intent;
mod local_time;
mod open;
#[cfg(test)]
pub(crate) mod testing;

pub use gix::bstr;
pub(crate) use identity::Role;

use crate::error::{Context, Error, Result};
use crate::id::{self, ObjectId};
use crate::pipeline::paths::is_outside;
use crate::progress::Progress;
use bstr::{BStr, ByteSlice};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An open repository and the DVC project in it.
///
/// `Clone` is cheap; a clone may move to another thread.
#[derive(Clone)]
pub struct Store {
    pub(crate) repo: gix::Repository,
    /// `.git` of this worktree, absolute.
    pub(crate) git_dir: PathBuf,
    /// `.git` of the main worktree, absolute, normalised.
    pub(crate) common_dir: PathBuf,
    /// Top of the work tree, absolute.
    pub(crate) worktree: PathBuf,
    /// The project's root (the nearest folder with `.dvc` at or above the start, within the work tree), absolute.
    pub(crate) project: Option<PathBuf>,
    /// The project's root relative to the work tree: empty, or `sub/dir/` with the slash.
    pub(crate) prefix: String,
    pub(crate) settings: config::Settings,
    pub(crate) progress: Arc<Progress>,
    pub(crate) later: later::Later,
    /// What was read of DVC's config.
    pub(crate) dvc_config: RefCell<Option<Arc<dvc_config::DvcConfig>>>,
}

/// Where HEAD is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The commit; `None` before the first one.
    pub commit: Option<ObjectId>,
    /// The branch's short name (`main`); `None` when HEAD is detached.
    pub branch: Option<String>,
}

impl Head {
    /// Returns the commit. Errors before the first one.
    pub fn require_commit(&self) -> Result<ObjectId> {
        self.commit.ok_or_else(|| {
            let subject = match &self.branch {
                Some(branch) => {
                    format!("your current branch '{branch}' does not have any commits yet")
                }
                None => "HEAD does not name a commit".to_owned(),
            };
            Error::refused(subject).hint("git add . && git commit")
        })
    }
}

/// One worktree of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its private git dir, absolute.
    pub git_dir: PathBuf,
    /// Top of its work tree, absolute; it may be gone. `None` for a bare main repository.
    pub path: Option<PathBuf>,
    /// Whether it is the main one.
    pub main: bool,
}

impl Store {
    /// Returns the gix repository, for what this module has no words for.
    pub fn repo(&self) -> &gix::Repository {
        &self.repo
    }

    /// Returns the `.git` of this worktree, absolute.
    pub fn git_dir(&self) -> &Path {
        &self.git_dir
    }

    /// Returns the `.git` that all worktrees share, absolute.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Returns the top of the work tree, absolute.
    pub fn worktree(&self) -> &Path {
        &self.worktree
    }

    /// Returns `exp.*`.
    pub fn settings(&self) -> &config::Settings {
        &self.settings
    }

    /// Returns where our state of this worktree lives: `<git dir>/git-exp`. It may not exist.
    pub fn state_dir(&self) -> PathBuf {
        self.git_dir.join("git-exp")
    }

    /// Returns where hashes of unchanged files are remembered, for all worktrees. It may not exist.
    pub(super) fn memo_dir(&self) -> PathBuf {
        self.common_dir.join("git-exp/memo")
    }

    /// Returns how far long reads of this store are.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Returns the project's root. Errors when there is no `.dvc`, with a hint at `git exp init`.
    pub fn project(&self) -> Result<&Path> {
        self.project.as_deref().ok_or_else(|| {
            Error::missing(format!(
                "no '.dvc' directory in '{}' or any of its parents in the work tree",
                self.worktree.display()
            ))
            .hint("git exp init")
        })
    }

    /// Returns the project's root relative to the work tree: empty, or `sub/dir/` with the slash.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns where a tree's path is in the work tree, absolute.
    pub fn path_of(&self, tree_path: &BStr) -> Result<PathBuf> {
        Ok(self.worktree.join(filter::os_path(tree_path)?))
    }

    /// Returns the text of a file of the project as it is in the work tree.
    pub fn read_workspace(&self, project_path: &str) -> Result<String> {
        let path = self.project()?.join(project_path);
        fs_err::read_to_string(path).context(|| format!("cannot read '{project_path}'"))
    }

    /// Returns the bytes of a git object.
    pub fn read_object(&self, id: ObjectId) -> Result<Vec<u8>> {
        let mut object = self
            .repo
            .find_object(id)
            .context(|| format!("cannot read object {}", id::short(&id)))?;
        Ok(std::mem::take(&mut object.data))
    }

    /// Returns the git remote that people mean when they name none: the only one, or `origin`.
    pub fn git_remote(&self) -> Option<String> {
        let names = self.repo.remote_names();
        let only = (names.len() == 1).then(|| names.iter().next()).flatten();
        let origin = || {
            names
                .iter()
                .find(|name| AsRef::<[u8]>::as_ref(*name) == b"origin")
        };
        only.or_else(origin).map(|name| name.to_string())
    }

    /// Returns a path of the project as a path in git's trees. What lies outside of the repository, see
    /// [`Store::is_elsewhere`], stays absolute: no tree has that.
    pub fn tree_path(&self, project_path: &str) -> String {
        if is_outside(project_path) {
            let below = Path::new(project_path).strip_prefix(&self.worktree);
            let below = below.ok().and_then(Path::to_str);
            return below.unwrap_or(project_path).to_owned();
        }
        format!("{}{}", self.prefix, project_path)
    }

    /// Whether a path of the project lies outside of the repository: git has nothing of it.
    pub fn is_elsewhere(&self, project_path: &str) -> bool {
        is_outside(project_path) && !Path::new(project_path).starts_with(&self.worktree)
    }

    /// Returns where HEAD is now. Errors only when it cannot be read.
    pub fn head(&self) -> Result<Head> {
        let head = self.repo.head().context(|| "cannot read HEAD".to_owned())?;
        let branch = head
            .referent_name()
            .map(|name| name.shorten().to_str_lossy().into_owned());
        let commit = match head.id() {
            None => None,
            Some(id) => Some(
                id.object()
                    .and_then(|object| object.peel_to_commit())
                    .context(|| "HEAD does not name a commit".to_owned())?
                    .id,
            ),
        };
        Ok(Head { commit, branch })
    }

    /// Returns the bytes of the file at `path` in `tree` (a tree or a commit); `None` if there is none.
    pub fn read_blob(&self, tree: ObjectId, path: &str) -> Result<Option<Vec<u8>>> {
        let doing = || format!("cannot read '{path}' in {}", id::short(&tree));
        let tree = self
            .repo
            .find_object(tree)
            .and_then(|object| object.peel_to_tree())
            .context(doing)?;
        let Some(entry) = tree.lookup_entry_by_path(path).context(doing)? else {
            return Ok(None);
        };
        if !entry.mode().is_blob_or_symlink() {
            return Ok(None);
        }
        let mut blob = entry.object().context(doing)?;
        Ok(Some(std::mem::take(&mut blob.data)))
    }

    /// Lists the worktrees of the repository: the main one first, then the linked ones.
    pub fn worktrees(&self) -> Result<Vec<Worktree>> {
        let doing = || "cannot list the worktrees".to_owned();
        let main_path = if self.git_dir == self.common_dir {
            Some(self.worktree.clone())
        } else {
            self.repo
                .main_repo()
                .context(doing)?
                .workdir()
                .map(Path::to_owned)
        };
        let mut worktrees = vec![Worktree {
            git_dir: self.common_dir.clone(),
            path: main_path,
            main: true,
        }];
        for linked in self.repo.worktrees().context(doing)? {
            let git_dir = self
                .common_dir
                .join("worktrees")
                .join(linked.git_dir().file_name().unwrap_or_default());
            worktrees.push(Worktree {
                git_dir,
                path: linked.base().ok(),
                main: false,
            });
        }
        Ok(worktrees)
    }

    /// Returns how people call `commit`: the current branch if HEAD is there, else its first tag,
    /// else its first branch, else `None`.
    pub fn ref_name_of(&self, commit: ObjectId) -> Result<Option<String>> {
        let head = self.head()?;
        if head.commit == Some(commit) && head.branch.is_some() {
            return Ok(head.branch);
        }
        for kind in ["refs/tags/", "refs/heads/"] {
            let doing = || format!("cannot list '{kind}'");
            let references = self.repo.references().context(doing)?;
            let prefix = gix::bstr::BStr::new(kind);
            for reference in references.prefixed(prefix).context(doing)? {
                let Ok(mut reference) = reference else {
                    continue;
                };
                if reference.peel_to_id().is_ok_and(|id| id == commit) {
                    return Ok(Some(reference.name().shorten().to_str_lossy().into_owned()));
                }
            }
        }
        Ok(None)
    }

    /// Returns [`Store::ref_name_of`], or the first 7 hex digits.
    pub fn short_ref_name(&self, commit: ObjectId) -> Result<String> {
        Ok(self
            .ref_name_of(commit)?
            .unwrap_or_else(|| id::short(&commit)))
    }
}
