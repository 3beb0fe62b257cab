//! Files and folders to another place, as a person copies them: links followed, modes kept.

use super::durable;
use std::io;
use std::path::{Path, PathBuf};

/// Copies a file, or a folder with all below it but what `skip` names. Files that are there are
/// replaced, others stay. A link to a folder that it is in is an error.
pub fn copy_tree(from: &Path, to: &Path, skip: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    fs_err::create_dir_all(durable::parent(to))?;
    copy(from, to, skip, &mut Vec::new())
}

fn copy(
    from: &Path,
    to: &Path,
    skip: &dyn Fn(&Path) -> bool,
    above: &mut Vec<PathBuf>,
) -> io::Result<()> {
    if skip(from) {
        return Ok(());
    }
    let stat = fs_err::metadata(from)?;
    if stat.is_file() {
        if fs_err::symlink_metadata(to).is_ok() {
            fs_err::remove_file(to)?;
        }
        return fs_err::copy(from, to).map(drop);
    }
    if !stat.is_dir() {
        let message = format!("'{}' is neither a file nor a directory", from.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let real = fs_err::canonicalize(from)?;
    if above.contains(&real) {
        let message = format!(
            "'{}' is a link to a directory that it is in",
            from.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    fs_err::create_dir_all(to)?;
    above.push(real);
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()), skip, above)?;
    }
    above.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn copies_what_links_lead_to_and_skips_what_it_is_told_to() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("a/to"));
        fs_err::create_dir_all(from.join("sub/.git")).unwrap();
        fs_err::write(from.join("sub/run.sh"), "exit").unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(from.join("sub/run.sh"), mode).unwrap();
        fs_err::write(dir.path().join("far"), "data").unwrap();
        symlink(dir.path().join("far"), from.join("near")).unwrap();
        copy_tree(&from, &to, &|path| path.ends_with(".git")).unwrap();
        copy_tree(&from, &to, &|path| path.ends_with(".git")).unwrap();
        assert_eq!(fs_err::read(to.join("near")).unwrap(), b"data");
        assert!(!to.join("near").is_symlink() && !to.join("sub/.git").exists());
        let stat = fs_err::metadata(to.join("sub/run.sh")).unwrap();
        assert_eq!(stat.permissions().mode() & 0o777, 0o755);
        symlink("..", from.join("sub/up")).unwrap();
        let error = copy_tree(&from, &to, &|_| false).unwrap_err();
        assert!(
            error.to_string().contains("a link to a directory"),
            "{error}"
        );
    }
}
