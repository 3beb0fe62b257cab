//! One pass over an output directory: what changed in it since the last one, and what is gone.

use super::{Capturer, Seen};
use crate::capture::CapturedFile;
use crate::runner::stat::FileStat;
use crate::store::dvc_ignore::DvcIgnore;
use indexmap::IndexMap;
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// A directory as it was when it was last captured.
#[derive(Debug, Default)]
pub(super) struct SeenDirectory {
    /// In the order in which the file system told them, which most often is that of the next pass, too.
    files: IndexMap<Box<CStr>, Seen>,
    directories: HashMap<Box<CStr>, (SeenDirectory, u32)>,
    pass: u32,
}

/// One pass over an output directory.
pub(super) struct DirectoryWalk<'a> {
    /// What DVC does not see in it.
    pub ignore: Option<Arc<DvcIgnore>>,
    pub capturer: &'a mut Capturer,
    pub now: i128,
    pub bytes: &'a mut u64,
    pub changed: Vec<(String, CapturedFile)>,
    pub removed: Vec<String>,
}

/// How deep a directory may be; links to folders above would otherwise never end.
const DEEPEST: usize = 64;

impl DirectoryWalk<'_> {
    /// Looks at a directory and all below it. `prefix` is its path in the output, with a slash, and `known`
    /// what it was like.
    pub fn directory(
        &mut self,
        descriptor: OwnedFd,
        path: &Path,
        prefix: &str,
        known: &mut SeenDirectory,
        depth: usize,
    ) -> std::io::Result<()> {
        if depth > DEEPEST {
            return Err(std::io::Error::other(format!(
                "more than {DEEPEST} folders deep at '{}'",
                path.display()
            )));
        }
        known.pass = known.pass.wrapping_add(1);
        let pass = known.pass;
        let mut next = 0;
        let mut entries = Dir::read_from(&descriptor)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Some((link, target)) = stats_at(&descriptor, name)? else {
                continue;
            };
            if target.is_dir() {
                // as DVC: what lies behind a link to a folder is not in this one
                if !link.is_dir() {
                    continue;
                }
                let text = utf8(name, path)?;
                if !known.directories.contains_key(name) && self.is_ignored(path, text, true) {
                    continue;
                }
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let below = rustix::fs::openat(&descriptor, name, flags, Mode::empty())?;
                let (directory, last_pass) = known.directories.entry(name.into()).or_default();
                *last_pass = pass;
                self.directory(
                    below,
                    &path.join(text),
                    &format!("{prefix}{text}/"),
                    directory,
                    depth + 1,
                )?;
                continue;
            }
            if !target.is_file() {
                continue;
            }
            let settled = self.capturer.trust_stat && target.is_settled(self.now);
            let seen = Seen::new(link, target, settled, pass);
            let at = match known.files.get_index(next) {
                Some((expected, _)) if **expected == *name => Some(next),
                _ => known.files.get_index_of(name),
            };
            if let Some(at) = at {
                next = at + 1;
                let last = &mut known.files[at];
                last.pass = pass;
                if last.tells(&seen) {
                    continue;
                }
                // Not known until it has been read.
                last.settled = false;
            }
            let text = utf8(name, path)?;
            if at.is_none() && self.is_ignored(path, text, false) {
                continue;
            }
            let file = rustix::fs::openat(
                &descriptor,
                name,
                OFlags::RDONLY | OFlags::CLOEXEC,
                Mode::empty(),
            )?;
            let mut captured = self
                .capturer
                .read(file, &path.join(text), target, self.bytes)?;
            captured.as_of = seen.as_of();
            self.changed.push((format!("{prefix}{text}"), captured));
            match at {
                Some(at) => known.files[at] = seen,
                None => drop(known.files.insert(name.into(), seen)),
            }
        }
        self.forget_gone(prefix, known, pass);
        Ok(())
    }

    fn is_ignored(&self, folder: &Path, name: &str, is_dir: bool) -> bool {
        let ignore = self.ignore.as_ref();
        ignore.is_some_and(|ignore| ignore.is_ignored(&folder.join(name), is_dir))
    }

    fn forget_gone(&mut self, prefix: &str, known: &mut SeenDirectory, pass: u32) {
        known.files.retain(|name, seen| {
            let here = seen.pass == pass;
            if !here {
                self.removed
                    .push(format!("{prefix}{}", name.to_string_lossy()));
            }
            here
        });
        let removed = &mut self.removed;
        known.directories.retain(|name, (directory, last)| {
            let here = *last == pass;
            if !here {
                directory.list(&format!("{prefix}{}/", name.to_string_lossy()), removed);
            }
            here
        });
    }
}

impl SeenDirectory {
    fn list(&self, prefix: &str, into: &mut Vec<String>) {
        into.extend(
            self.files
                .keys()
                .map(|name| format!("{prefix}{}", name.to_string_lossy())),
        );
        for (name, (directory, _)) in &self.directories {
            directory.list(&format!("{prefix}{}/", name.to_string_lossy()), into);
        }
    }
}

fn utf8<'n>(name: &'n CStr, folder: &Path) -> std::io::Result<&'n str> {
    let refuse = |_| {
        std::io::Error::other(format!(
            "'{}' in '{}' is not UTF-8",
            name.to_string_lossy(),
            folder.display()
        ))
    };
    name.to_str().map_err(refuse)
}

/// The same below a folder; `None` for what vanished meanwhile, and for dangling links.
fn stats_at(folder: impl AsFd, name: &CStr) -> Result<Option<(FileStat, FileStat)>, Errno> {
    let absent_is_none = |result: Result<rustix::fs::Stat, Errno>| match result {
        Ok(stat) => Ok(Some(FileStat::from_rustix(&stat))),
        Err(Errno::NOENT | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
    };
    let Some(link) = absent_is_none(rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW))?
    else {
        return Ok(None);
    };
    if !link.is_symlink() {
        return Ok(Some((link, link)));
    }
    let target = absent_is_none(rustix::fs::statat(&folder, name, AtFlags::empty()))?;
    Ok(target.map(|target| (link, target)))
}
