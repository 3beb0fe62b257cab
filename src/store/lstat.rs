//! Many `lstat`s below one directory, cheaply and without following symbolic links on the way.
//!
//! Paths that come in git's order share their directories, so each directory is opened once and
//! names are looked up relative to it: no long path walk per file, and a directory that somebody
//! replaced by a symbolic link counts as absent, as it does for git.

use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// Stands in one directory of a work tree and moves as paths require.
pub(crate) struct Lstat {
    root: OwnedFd,
    /// The directory we stand in, without a slash at its end.
    current: Vec<u8>,
    /// For each component of `current`: where it ends, and the directory if it is one.
    stack: Vec<(usize, Option<OwnedFd>)>,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const DIRECTORY: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Whether the error says that there is nothing at a path, or not through real directories.
fn is_absent(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

impl Lstat {
    /// Opens the top directory.
    pub fn new(root: &Path) -> std::io::Result<Self> {
        let root = rustix::fs::open(root, DIRECTORY, Mode::empty())?;
        Ok(Lstat {
            root,
            current: Vec::new(),
            stack: Vec::new(),
        })
    }

    /// Forgets the open directories: they may have been replaced since.
    pub fn rewind(&mut self) {
        self.current.clear();
        self.stack.clear();
    }

    /// Returns the stat of `path` (`/` between parts), or `None` if it is not there.
    pub fn stat(&mut self, path: &[u8]) -> std::io::Result<Option<Stat>> {
        let (dir, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&path[..0], path),
        };
        if dir != self.current {
            self.enter(dir)?;
        }
        let fd = match self.stack.last() {
            None => &self.root,
            Some((_, Some(fd))) => fd,
            Some((_, None)) => return Ok(None),
        };
        match rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(errno) if is_absent(errno) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn enter(&mut self, dir: &[u8]) -> std::io::Result<()> {
        while let Some((end, _)) = self.stack.last() {
            let is_parent = dir.len() >= *end
                && dir[..*end] == self.current[..*end]
                && (dir.len() == *end || dir[*end] == b'/');
            if is_parent {
                break;
            }
            self.stack.pop();
        }
        let mut start = match self.stack.last() {
            Some((end, _)) if *end == dir.len() => {
                self.current = dir.to_vec();
                return Ok(());
            }
            Some((end, _)) => end + 1,
            None => 0,
        };
        while start < dir.len() {
            let end = dir[start..]
                .iter()
                .position(|byte| *byte == b'/')
                .map_or(dir.len(), |offset| start + offset);
            let parent = match self.stack.last() {
                None => Some(&self.root),
                Some((_, fd)) => fd.as_ref(),
            };
            let fd = match parent {
                None => None,
                Some(parent) => {
                    match rustix::fs::openat(parent, &dir[start..end], DIRECTORY, Mode::empty()) {
                        Ok(fd) => Some(fd),
                        Err(errno) if is_absent(errno) => None,
                        Err(errno) => {
                            // What we stand in must stay true, or the next path would be looked up wrongly.
                            self.rewind();
                            return Err(errno.into());
                        }
                    }
                }
            };
            self.stack.push((end, fd));
            start = end + 1;
        }
        self.current = dir.to_vec();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_no_link_and_moves_between_directories() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        fs_err::create_dir_all(at("a/b/c")).unwrap();
        fs_err::create_dir_all(at("ab")).unwrap();
        for path in ["a/1", "a/b/2", "a/b/c/3", "ab/4", "5"] {
            fs_err::write(at(path), path).unwrap();
        }
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        let mut lstat = Lstat::new(dir.path()).unwrap();
        let mut size = |path: &str| {
            lstat
                .stat(path.as_bytes())
                .unwrap()
                .map(|stat| stat.st_size as usize)
        };
        for path in ["5", "a/1", "a/b/2", "a/b/c/3", "ab/4", "a/b/2", "a/1", "5"] {
            assert_eq!(size(path), Some(path.len()), "{path}");
        }
        for path in ["link/1", "a/x/y/z", "5/6", "a/1/2", "ab/b/2", "none"] {
            assert_eq!(size(path), None, "{path}");
        }
        assert_eq!(size("a/b/c/3"), Some(7));
        assert!(size("link").is_some());
    }
}
