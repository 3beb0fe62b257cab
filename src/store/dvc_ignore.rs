//! `.dvcignore`: files that DVC does not see, in git's syntax; and the files of a directory without them.

use super::memo::Stat;
use crate::error::{Context, Error, Result};
use gix::bstr::BStr;
use gix::ignore::Search;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const FILE_NAME: &str = ".dvcignore";

/// What DVC ignores in every project.
const ALWAYS: [&str; 3] = [".dvc/", ".git/", ".hg/"];

/// The patterns that hold for one output: those of the project's root and of each directory down to it.
#[derive(Debug, Clone)]
pub struct DvcIgnore {
    project: PathBuf,
    search: Search,
}

/// A file below a directory.
#[derive(Debug)]
pub struct FoundFile {
    /// Path below that directory, `/` between parts.
    pub relpath: String,
    /// What tells whether it changes, links followed.
    pub stat: Stat,
}

impl DvcIgnore {
    /// Reads the patterns that hold below `path`, a path in the project at `project`. Outside of it
    /// nothing is ignored, not even what belongs to git or DVC.
    pub fn above(project: &Path, path: &Path) -> Result<Self> {
        let mut ignore = DvcIgnore::empty(project);
        let Ok(below) = path.strip_prefix(project) else {
            ignore.search = Search::default();
            return Ok(ignore);
        };
        let mut dir = project.to_owned();
        for part in below.components() {
            ignore.enter(&dir)?;
            dir.push(part);
        }
        Ok(ignore)
    }

    /// Starts with what DVC ignores in every project.
    pub fn empty(project: &Path) -> Self {
        DvcIgnore {
            project: project.to_owned(),
            search: Search::from_overrides(ALWAYS, Default::default()),
        }
    }

    /// Adds the patterns of a directory of the project: they hold below it.
    pub fn enter(&mut self, dir: &Path) -> Result<()> {
        add_patterns(&mut self.search, &self.project, dir)
    }

    /// Adds patterns that stand in `folder`, relative to the project's root.
    pub fn add(&mut self, folder: &str, patterns: &[u8]) -> Result<()> {
        let file = self.project.join(folder).join(FILE_NAME);
        let root = Some(self.project.as_path());
        self.search
            .add_patterns_buffer(patterns, file.clone(), root, Default::default())
            .context(|| format!("cannot read '{}'", file.display()))
    }

    /// Whether DVC does not see `path`. Its parents must have been asked before.
    pub fn is_ignored(&self, path: &Path, is_dir: bool) -> bool {
        let relative = path.strip_prefix(&self.project).unwrap_or(path);
        let relative: &BStr = relative.as_os_str().as_bytes().into();
        self.search
            .pattern_matching_relative_path(
                relative,
                Some(is_dir),
                gix::glob::pattern::Case::Sensitive,
            )
            .is_some_and(|found| !found.pattern.is_negative())
    }

    /// Returns the files below `dir`, recursively, as DVC sees them: sorted by path, links to files
    /// followed, links to directories left out, and whatever is neither file nor directory. Broken
    /// links, on which DVC fails, and files that vanish meanwhile are left out too.
    pub fn files_below(&self, dir: &Path) -> Result<Vec<FoundFile>> {
        let mut found = Vec::new();
        self.collect(dir, "", &mut found)?;
        found.sort_unstable_by(|a, b| a.relpath.cmp(&b.relpath));
        Ok(found)
    }

    fn collect(&self, dir: &Path, prefix: &str, found: &mut Vec<FoundFile>) -> Result<()> {
        let cannot = || format!("cannot list the directory '{}'", dir.display());
        for entry in fs_err::read_dir(dir).context(cannot)? {
            let entry = entry.context(cannot)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(Error::refused(format!(
                    "the file name '{}' is not UTF-8, which DVC's listings cannot hold",
                    entry.path().display()
                )));
            };
            if name == FILE_NAME {
                return Err(Error::refused(format!(
                    "'{}' lies inside an output, which DVC does not allow",
                    entry.path().display()
                )));
            }
            let path = entry.path();
            let stat = match entry.metadata() {
                Ok(stat) if stat.is_symlink() => match fs_err::metadata(&path) {
                    Ok(target) if target.is_file() => target,
                    _ => continue,
                },
                Ok(stat) => stat,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(error).context(|| format!("cannot read '{}'", path.display()));
                }
            };
            if self.is_ignored(&path, stat.is_dir()) {
                continue;
            }
            let relpath = format!("{prefix}{name}");
            if stat.is_dir() {
                self.collect(&path, &format!("{relpath}/"), found)?;
            } else if stat.is_file() {
                let stat = Stat::of(&stat);
                found.push(FoundFile { relpath, stat });
            }
        }
        Ok(())
    }
}

fn add_patterns(search: &mut Search, project: &Path, dir: &Path) -> Result<()> {
    let file = dir.join(FILE_NAME);
    let cannot = || format!("cannot read '{}'", file.display());
    match fs_err::read(&file) {
        Ok(bytes) => search
            .add_patterns_buffer(&bytes, file.clone(), Some(project), Default::default())
            .context(cannot),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(error).context(cannot),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn relpaths(project: &Path, dir: &str) -> Vec<String> {
        let dir = project.join(dir);
        DvcIgnore::above(project, &dir)
            .unwrap()
            .files_below(&dir)
            .unwrap()
            .into_iter()
            .map(|file| file.relpath)
            .collect()
    }

    fn write(path: &Path) {
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, "x").unwrap();
    }

    #[test]
    fn sees_what_dvc_sees() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        for file in ["out/b", "out/a/z", "out/a-b", "out/.git/HEAD", "other/f"] {
            write(&root.join(file));
        }
        symlink("../other", root.join("out/link-to-dir")).unwrap();
        symlink("../other/f", root.join("out/link-to-file")).unwrap();
        symlink("nowhere", root.join("out/broken")).unwrap();
        assert_eq!(relpaths(root, "out"), ["a-b", "a/z", "b", "link-to-file"]);
    }

    #[test]
    fn obeys_patterns_of_the_root_and_of_folders_above() {
        let project = tempfile::tempdir().unwrap();
        let root = project.path();
        for file in [
            "sub/out/keep.tmp",
            "sub/out/x.tmp",
            "sub/out/logs/a",
            "sub/out/m",
        ] {
            write(&root.join(file));
        }
        fs_err::write(root.join(".dvcignore"), "*.tmp\n!keep.tmp\n").unwrap();
        fs_err::write(root.join("sub/.dvcignore"), "/out/logs\n").unwrap();
        assert_eq!(relpaths(root, "sub/out"), ["keep.tmp", "m"]);
        fs_err::write(root.join("sub/out/.dvcignore"), "m\n").unwrap();
        let dir = root.join("sub/out");
        let error = DvcIgnore::above(root, &dir)
            .unwrap()
            .files_below(&dir)
            .unwrap_err();
        assert!(error.to_string().ends_with("which DVC does not allow"));
    }
}
