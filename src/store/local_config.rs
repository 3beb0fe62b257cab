//! DVC's config for a worktree that works for another one: its settings, its cache, and its remotes.

use super::dvc_config::{REMOTE_PATHS, with_entry};
use super::ini::{is_section, section_name};
use super::{Store, durable};
use crate::error::{Context, Error, Result};
use std::io;
use std::path::Path;

/// What makes a folder a project; nobody has to commit them.
const FILES: [&str; 3] = [".dvc/config", ".dvc/.gitignore", ".dvcignore"];

impl Store {
    /// Makes the worktree at `top` a project as this one is: the files that git need not have, the
    /// local settings, and by their full paths the cache and what remotes have on the disk: a path that is
    /// relative to DVC's config would be another one there.
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
        let cannot =
            |path: &str| Error::refused(format!("DVC's config cannot hold the path '{path}'"));
        let Some(dir) = cache.dir().to_str() else {
            return Err(cannot(&cache.dir().to_string_lossy()));
        };
        let mut paths = vec![("cache".to_owned(), "dir", dir.to_owned())];
        let config = self.dvc_config()?;
        for name in config.remotes() {
            let options = config.remote(name).into_iter().flatten();
            for (key, value) in options.filter(|(_, value)| value.starts_with('/')) {
                if let Some(key) = REMOTE_PATHS.iter().find(|path| *path == key) {
                    paths.push((format!("remote \"{name}\""), key, value.clone()));
                }
            }
        }
        let text = read(&ours.join(".dvc/config.local"))?.unwrap_or_default();
        let mut text = String::from_utf8_lossy(&text).into_owned();
        for (section, key, path) in paths {
            if path.contains(['"', '\n']) {
                return Err(cannot(&path));
            }
            text = with_entry(&without_entry(&text, &section, key), &section, key, &path);
        }
        let file = theirs.join(".dvc/config.local");
        fs_err::write(&file, text).context(|| format!("cannot write '{}'", file.display()))
    }
}

/// Returns the text without the line that sets `key` in `section`.
fn without_entry(text: &str, section: &str, key: &str) -> String {
    let mut is_inside = false;
    let mut rest = String::new();
    for line in text.split_inclusive('\n') {
        if section_name(line.trim()).is_some() {
            is_inside = is_section(line, section);
        }
        let name = line.split_once('=').map(|(name, _)| name.trim());
        let is_it =
            name.is_some_and(|name| name.trim_matches(['"', '\'']).eq_ignore_ascii_case(key));
        if !(is_inside && is_it) {
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
    fn only_that_entry_is_taken_out() {
        let without_cache_dir = |text: &str| without_entry(text, "cache", "dir");
        let text = "[core]\n    remote = x\n[cache]\n    type = copy\n    dir = /a\n['remote \"x\"']\n    dir = b\n";
        assert_eq!(
            without_cache_dir(text),
            "[core]\n    remote = x\n[cache]\n    type = copy\n['remote \"x\"']\n    dir = b\n"
        );
        assert_eq!(without_cache_dir(""), "");
        let text = "['remote \"X\"']\n    url = a\n    jobs = 1\n['remote \"y\"']\nurl = b\n";
        assert_eq!(
            without_entry(text, "remote \"x\"", "url"),
            "['remote \"X\"']\n    jobs = 1\n['remote \"y\"']\nurl = b\n"
        );
    }
}
