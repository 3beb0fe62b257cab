//! The one way to write a file: temporary beside it, sync, rename, sync the directory.
//!
//! A reader sees the old content or the new one, never a mixture; after [`write()`] returned, a power
//! cut does not take it back. A symbolic link is followed: who links `dvc.lock` or `params.yaml` to
//! another place means that place, and replacing the link would leave it stale.

use crate::error::{Context, Result};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How the names of temporary files begin, so that a leftover can be told from a user's file.
pub const TEMPORARY_PREFIX: &str = ".git-exp-";

/// Replaces `path` by `bytes`; readers see the old or the new content. Keeps the mode of an existing
/// file; a new one gets what the umask leaves of 0666. The directory must exist.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, true).context(|| format!("cannot write '{}'", path.display()))
}

/// As [`write()`], but a power cut may take the new content back (never half of it): for what can be
/// made again.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, bytes, false).context(|| format!("cannot write '{}'", path.display()))
}

/// Removes a file; one that is not there is no error. A power cut may bring it back.
pub fn remove(path: &Path) -> Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
    .context(|| format!("cannot remove '{}'", path.display()))
}

/// Creates `dir` and what is missing above it, each synced into its parent.
pub fn create_dir_all(dir: &Path) -> Result<()> {
    make_dirs(dir, |dir| fs_err::create_dir(dir))
        .context(|| format!("cannot create the directory '{}'", dir.display()))
}

/// Creates a temporary file that becomes a name in `dir` by rename; it is removed when dropped.
/// A new file's mode is what the umask leaves of `mode`.
pub(crate) fn temporary_in(dir: &Path, mode: u32) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .permissions(PermissionsExt::from_mode(mode))
        .tempfile_in(dir)
}

/// Makes names that were created in, renamed into or removed from `dir` survive a power cut.
pub(crate) fn sync_directory(dir: &Path) -> io::Result<()> {
    fs_err::File::open(dir)?.sync_all()
}

/// Has the kernel begin to write a file's content, and does not wait for that.
///
/// A sync of the file then finds its blocks allocated. Of several files that were begun, the first sync
/// brings all to the journal, where each would have waited for a commit of its own.
pub(crate) fn begin_writing(file: &fs_err::File) {
    // The page stays in memory as long as it is being written, whatever the advice is called.
    #[cfg(target_os = "linux")]
    let _only_slower = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = file;
}

/// Creates missing directories from the top down with `create`, and syncs the parent of each.
pub(crate) fn make_dirs(dir: &Path, create: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut next = Some(dir);
    while let Some(dir) = next {
        if dir.as_os_str().is_empty() || dir.exists() {
            break;
        }
        missing.push(dir);
        next = dir.parent();
    }
    for dir in missing.into_iter().rev() {
        match create(dir) {
            Ok(()) => sync_directory(parent(dir))?,
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns the directory that holds `path`; `.` for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn replace(path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let path = &link_target(path)?;
    let dir = parent(path);
    let mut file = temporary_in(dir, 0o666)?;
    if let Ok(existing) = fs_err::metadata(path) {
        file.as_file().set_permissions(existing.permissions())?;
    }
    file.write_all(bytes)?;
    if sync {
        file.as_file().sync_all()?;
    }
    file.persist(path).map_err(|failed| failed.error)?;
    if sync {
        sync_directory(dir)?;
    }
    Ok(())
}

/// Returns the file that a chain of symbolic links ends at, whether that exists or not.
fn link_target(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    // The kernel's own limit.
    for _ in 0..40 {
        match fs_err::read_link(&path) {
            Ok(target) => path = parent(&path).join(target),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many levels of symbolic links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs_err::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn replaces_and_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dvc.lock");
        write(&path, b"one").unwrap();
        write_unsynced(&path, b"two").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"two");
        assert_eq!(names(dir.path()), ["dvc.lock"]);
        assert_eq!(mode(&path) & 0o600, 0o600);
        assert_eq!(mode(&path) & 0o111, 0);
    }

    #[test]
    fn keeps_the_mode_of_an_existing_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.sh");
        fs_err::write(&path, "old").unwrap();
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o751)).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(mode(&path), 0o751);
    }

    #[test]
    fn writes_where_a_link_points() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("real")).unwrap();
        let link = dir.path().join("params.yaml");
        std::os::unix::fs::symlink("real/params.yaml", &link).unwrap();
        write(&link, b"lr: 1").unwrap();
        assert!(fs_err::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs_err::read(dir.path().join("real/params.yaml")).unwrap(),
            b"lr: 1"
        );
    }

    #[test]
    fn a_failed_write_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("taken")).unwrap();
        let error = write(&dir.path().join("taken"), b"x").unwrap_err();
        assert!(error.to_string().starts_with("cannot write '"));
        assert_eq!(names(dir.path()), ["taken"]);
    }

    #[test]
    fn removes_what_is_there_and_accepts_what_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run.json");
        write(&path, b"{}").unwrap();
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(names(dir.path()).is_empty());
    }
}
