//! Temporary files that a kill left beside what they were to become.
//!
//! Files of the work tree change under the run lock, so whoever holds it may take all of them away
//! at once. Below the git directory and in the cache others write too: there, only what is old goes.

use super::durable::TEMPORARY_PREFIX;
use super::{Store, age};
use crate::error::{Context, Result};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Nobody writes as long without a pause at a file of the git directory or of the cache.
const OLD: Duration = Duration::from_secs(60 * 60);

impl Store {
    /// Removes leftovers at the top of the project and of the work tree, and old ones among our state.
    ///
    /// The caller holds the run lock.
    pub fn clear_leftovers(&self) -> Result<()> {
        let top = self.worktree().to_owned();
        let mut tops = vec![self.project.clone().unwrap_or_else(|| top.clone()), top];
        tops.dedup();
        self.clear_leftovers_in(tops)?;
        let mut state = vec![self.common_dir.join("git-exp"), self.state_dir()];
        state.dedup();
        state.push(self.memo_dir());
        for folder in state {
            clear_old(&folder)?;
        }
        Ok(())
    }

    /// Removes leftovers in folders of the work tree, not in those below them. The caller holds the
    /// run lock.
    pub fn clear_leftovers_in(&self, folders: impl IntoIterator<Item = PathBuf>) -> Result<()> {
        folders
            .into_iter()
            .try_for_each(|folder| clear(&folder, Duration::ZERO))
    }
}

/// Removes old leftovers in a folder where others may be at work.
pub(super) fn clear_old(folder: &Path) -> Result<()> {
    clear(folder, OLD)
}

/// Whether nobody can be at work any more at something that is written to all the time.
pub(super) fn is_old(path: &Path) -> bool {
    fs_err::metadata(path)
        .and_then(|stat| stat.modified())
        .is_ok_and(|time| age::since(time) >= OLD)
}

fn clear(folder: &Path, min_age: Duration) -> Result<()> {
    try_clear(folder, min_age)
        .context(|| format!("cannot clear temporary files in '{}'", folder.display()))
}

fn try_clear(folder: &Path, min_age: Duration) -> io::Result<()> {
    let entries = match fs_err::read_dir(folder) {
        Err(error) if is_nothing(&error) => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !is_temporary(&entry.file_name()) {
            continue;
        }
        let gone = entry.metadata().and_then(|stat| {
            if stat.is_dir() || age::since(stat.modified()?) < min_age {
                return Ok(());
            }
            fs_err::remove_file(entry.path())
        });
        match gone {
            Err(error) if !is_nothing(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_temporary(name: &OsStr) -> bool {
    let random = name.as_bytes().strip_prefix(TEMPORARY_PREFIX.as_bytes());
    random.is_some_and(|random| random.len() == 6 && random.iter().all(u8::is_ascii_alphanumeric))
}

fn is_nothing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn what_a_kill_left_goes_and_nothing_else() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.write("sub/.dvc/config", "");
        for path in [
            ".git-exp-aB3dE6",
            "sub/.git-exp-000000",
            "sub/models/.git-exp-zzzzzz",
        ] {
            sandbox.write(path, "half");
        }
        let others = [
            ".git-exp-mine",
            ".git-exp-aB3dE6x",
            "sub/model.pt",
            ".git-exp-a.b.c./x",
        ];
        for path in others {
            sandbox.write(path, "whole");
        }
        let store = sandbox.store_at("sub");
        store.clear_leftovers().unwrap();
        assert!(!sandbox.path(".git-exp-aB3dE6").exists());
        assert!(!sandbox.path("sub/.git-exp-000000").exists());
        assert!(sandbox.path("sub/models/.git-exp-zzzzzz").exists());
        let folders = ["models", "none", "model.pt"].map(|name| sandbox.path("sub").join(name));
        store.clear_leftovers_in(folders).unwrap();
        assert!(!sandbox.path("sub/models/.git-exp-zzzzzz").exists());
        for path in others {
            assert!(sandbox.path(path).exists(), "{path}");
        }
    }

    #[test]
    fn young_ones_of_the_git_directory_may_be_in_use() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        for (name, hours) in [("aaaaaa", 0), ("bbbbbb", 2)] {
            let path = format!(".git/git-exp/memo/.git-exp-{name}");
            sandbox.write(&path, "half");
            let file = fs_err::File::options()
                .write(true)
                .open(sandbox.path(&path));
            let time = age::now() - Duration::from_secs(hours * 3600);
            let times = std::fs::FileTimes::new().set_modified(time);
            file.unwrap().file().set_times(times).unwrap();
        }
        sandbox.store().clear_leftovers().unwrap();
        assert!(sandbox.path(".git/git-exp/memo/.git-exp-aaaaaa").exists());
        assert!(!sandbox.path(".git/git-exp/memo/.git-exp-bbbbbb").exists());
    }
}
