//! Whether what a checkpoint holds stood still: for captures that training does not wait for.

use super::stat::FileStat;
use rustix::fs::{Mode, OFlags, SeekFrom};
use rustix::io::Errno;
use std::path::Path;

/// How deep a folder is looked into, as when it is captured.
const DEEPEST: usize = 64;

/// Returns the newest time stamp of a path, of what it links to and of all below it, in nanoseconds
/// since the epoch; `None` if nothing is there.
pub fn newest(path: &Path) -> std::io::Result<Option<i128>> {
    match below(path, 0) {
        Ok(newest) => Ok(Some(newest)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns when a path that is not there may have gone: the time stamp of the folder it would be in.
pub fn gone_since(path: &Path) -> Option<i128> {
    let mut folders = path.ancestors().skip(1);
    let stat = folders.find_map(|folder| rustix::fs::stat(folder).ok())?;
    Some(FileStat::from_rustix(&stat).newest())
}

fn below(path: &Path, depth: usize) -> std::io::Result<i128> {
    let link = FileStat::from_rustix(&rustix::fs::lstat(path)?);
    let target = match rustix::fs::stat(path) {
        Ok(target) => FileStat::from_rustix(&target),
        Err(Errno::NOENT | Errno::LOOP) if link.is_symlink() => link,
        Err(errno) => return Err(errno.into()),
    };
    let target = if target.is_file() && target.size == 0 {
        settled(path)?
    } else {
        target
    };
    let mut newest = link.newest().max(target.newest());
    if target.is_dir() && depth < DEEPEST {
        for entry in fs_err::read_dir(path)? {
            newest = newest.max(below(&entry?.path(), depth + 1)?);
        }
    }
    Ok(newest)
}

/// Returns the stat of an empty file, once nobody is emptying it.
///
/// While a file is opened to be written anew, some file systems show it empty with its old time stamps
/// for as long as that takes, which may be until the disk has caught up. Where its data begins is only
/// told under the lock that emptying it holds.
fn settled(path: &Path) -> std::io::Result<FileStat> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let _there_is_none = rustix::fs::seek(&file, SeekFrom::Data(0));
    Ok(FileStat::from_rustix(&rustix::fs::fstat(&file)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::FileTimes;
    use std::time::{Duration, SystemTime};

    /// Sets the time of last change to so many hours after now, and returns that time.
    fn age(path: &Path, hours: u64) -> i128 {
        let now = FileStat::from_rustix(&rustix::fs::stat(path).unwrap()).newest();
        let then = now + i128::from(hours) * 3_600_000_000_000;
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(then as u64);
        let file = fs_err::File::open(path).unwrap().into_file();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
        then
    }

    #[test]
    fn a_folder_is_as_new_as_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs_err::create_dir_all(path("out/sub")).unwrap();
        fs_err::write(path("out/sub/file"), "1").unwrap();
        let now = newest(&path("out")).unwrap();
        assert!(now.is_some() && now <= newest(&path("out/sub/file")).unwrap());
        let then = age(&path("out/sub/file"), 2);
        assert_eq!(newest(&path("out")).unwrap(), Some(then));
        // A name that went leaves its time with its folder.
        let then = age(&path("out/sub"), 3);
        assert_eq!(newest(&path("out")).unwrap(), Some(then));
    }

    #[test]
    fn a_link_is_as_new_as_its_target() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs_err::write(path("target"), "1").unwrap();
        std::os::unix::fs::symlink("target", path("link")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
        let then = age(&path("target"), 2);
        assert_eq!(newest(&path("link")).unwrap(), Some(then));
        assert!(newest(&path("dangling")).unwrap() < Some(then));
    }

    #[test]
    fn what_is_not_there_is_as_new_as_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let then = age(folder.path(), 2);
        for path in ["gone", "no/folder"] {
            let path = folder.path().join(path);
            assert_eq!(newest(&path).unwrap(), None);
            assert_eq!(gone_since(&path), Some(then));
        }
    }
}
