//! DVC's config for a worktree that works for another one: its settings, and its cache.

use super::dvc_config::with_cache_dir;
use super::ini::section_name;
use super::{Store, durable};
use crate::error::{Context, Error, Result};
use std::io;
use std::path::Path;

/// What makes a folder a project; nobody has to commit them.
const FILES: [&str; 3] = [".dvc/config", ".dvc/.gitignore", ".dvcignore"];

impl Store {
    /// Makes the worktree at `top` a project as this one is: the files that git need not have, the
    /// local settings, and the cache by its full path.
    pub fn lend_config(&self, top: &Path) -> Result<()> {
        let ours = self.project()?;
        let theirs = top.join(&self.prefix);
        durable::create_dir_all(&theirs.join(".dvc"))?;
        for file in FILES {
            let (from, to) = (ours.join(file), theirs.join(file));
            if fs_err::symlink_metadata(&to).is_err()
                && let Some(text) = read(&from)?
            {
                fs_err::write(&to, text).context(|| format!("cannot write '{}'", to.display()))?;
            }
        }
        let cache = self.cache()?;
        let Some(dir) = cache
            .dir()
            .to_str()
            .filter(|dir| !dir.contains(['"', '\n']))
        else {
            return Err(Error::refused(format!(
                "DVC's config cannot hold the path '{}'",
                cache.dir().display()
            )));
        };
        let text = read(&ours.join(".dvc/config.local"))?.unwrap_or_default();
        let text = with_cache_dir(&without_cache_dir(&String::from_utf8_lossy(&text)), dir);
        let file = theirs.join(".dvc/config.local");
        fs_err::write(&file, text).context(|| format!("cannot write '{}'", file.display()))
    }
}

/// Returns the text without the line that sets `cache.dir`.
fn without_cache_dir(text: &str) -> String {
    let mut in_cache = false;
    let mut rest = String::new();
    for line in text.split_inclusive('\n') {
        if let Some(name) = section_name(line.trim()) {
            in_cache = name.eq_ignore_ascii_case("cache");
        }
        let key = line.split_once('=').map(|(key, _)| key.trim());
        let is_dir =
            key.is_some_and(|key| key.trim_matches(['"', '\'']).eq_ignore_ascii_case("dir"));
        if !(in_cache && is_dir) {
            rest.push_str(line);
        }
    }
    rest
}

fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(|| format!("cannot read '{}'", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cache_is_taken_out() {
        let text = "[core]\n    remote = x\n[cache]\n    type = copy\n    dir = /a\n['remote \"x\"']\n    dir = b\n";
        assert_eq!(
            without_cache_dir(text),
            "[core]\n    remote = x\n[cache]\n    type = copy\n['remote \"x\"']\n    dir = b\n"
        );
        assert_eq!(without_cache_dir(""), "");
    }
}
