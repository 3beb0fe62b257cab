//! Bytes of one file to a new file: shared where the file system can, else copied at memory speed.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Copies a file that training wrote to the new file `to`, sharing blocks where possible.
///
/// Only the bytes are taken: no times, and mode 0600. Nothing is synced. Returns what `from` was
/// before its first byte was read (links followed), so that a later look tells whether it is
/// unchanged. `to` is removed again when the copy fails.
pub fn copy_for_capture(from: &Path, to: &Path) -> io::Result<Metadata> {
    // Opening a pipe would wait for its writer, and training for us.
    let source = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(from)?;
    let before = source.metadata()?;
    if !before.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("'{}' is not a regular file", from.display()),
        ));
    }
    let dest = create_new(to, 0o600)?;
    let copied = copy(&source, &dest);
    if copied.is_err() {
        let _ = fs_err::remove_file(to);
    }
    copied.map(|()| before)
}

/// Creates a file that must not exist; its mode is what the umask leaves of `mode`.
pub(crate) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
}

/// Fills an empty file, by sharing blocks or by copying.
pub(crate) fn copy(from: &File, to: &File) -> io::Result<()> {
    if reflink(from, to).is_ok() {
        return Ok(());
    }
    copy_bytes(from, to)
}

/// Fills an empty file with a copy of its own (the kernel may still share blocks).
pub(crate) fn copy_bytes(from: &File, to: &File) -> io::Result<()> {
    // copy_file_range on Linux: no byte passes through this process.
    io::copy(&mut &*from, &mut &*to).map(drop)
}

/// Makes an empty file share the blocks of another; an error where the file system cannot.
pub(crate) fn reflink(from: &File, to: &File) -> io::Result<()> {
    reflink_copy::reflink_file(from, to)
}

/// Whether `error` says that this way of linking or copying is not possible here, not that it failed.
pub(crate) fn is_unsupported(error: &io::Error) -> bool {
    use rustix::io::Errno;
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::PERM
                | Errno::OPNOTSUPP
                | Errno::XDEV
                | Errno::NOTTY
                | Errno::NOSYS
                | Errno::INVAL
                | Errno::AGAIN
                | Errno::MLINK
        )
    ) || error.kind() == io::ErrorKind::Unsupported
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn copies_bytes_and_tells_the_stat_of_before() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("model.pt");
        let to = dir.path().join("copy");
        let data: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
        fs_err::write(&from, &data).unwrap();
        let stat = copy_for_capture(&from, &to).unwrap();
        assert_eq!(stat.ino(), fs_err::metadata(&from).unwrap().ino());
        assert_eq!(stat.len(), data.len() as u64);
        assert_eq!(fs_err::read(&to).unwrap(), data);
        assert_eq!(fs_err::metadata(&to).unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn never_overwrites_and_cleans_up() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("a");
        let taken = dir.path().join("taken");
        fs_err::write(&from, "new").unwrap();
        fs_err::create_dir(&taken).unwrap();
        let kept = dir.path().join("kept");
        fs_err::write(&kept, "old").unwrap();
        assert!(copy_for_capture(&from, &kept).is_err());
        assert_eq!(fs_err::read(&kept).unwrap(), b"old");
        let to = dir.path().join("to");
        assert!(copy_for_capture(&dir.path().join("gone"), &to).is_err());
        assert!(copy_for_capture(&taken, &to).is_err());
        assert!(!to.exists());
    }
}
