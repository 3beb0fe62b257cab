//! Links into the cache out of the work tree.

use super::cache::Cache;
use super::copy;
use super::durable::{self, TEMPORARY_PREFIX};
use super::materialise::set_executable;
use crate::error::{Context, Result};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

impl Cache {
    /// Replaces links into the cache below `path` by private writable copies, so that writing to
    /// them leaves the objects alone: symbolic links that end in the cache, and every file with
    /// another hard link, wherever that is. Nothing at `path` is no error.
    pub fn unprotect(&self, path: &Path) -> Result<()> {
        let cannot = || format!("cannot make '{}' writable", path.display());
        let Ok(stat) = fs_err::symlink_metadata(path) else {
            return Ok(());
        };
        if stat.is_dir() {
            for entry in fs_err::read_dir(path).context(cannot)? {
                self.unprotect(&entry.context(cannot)?.path())?;
            }
            return Ok(());
        }
        let linked = if stat.is_symlink() {
            self.is_inside(path)
        } else {
            stat.is_file() && stat.nlink() > 1
        };
        if !linked {
            return Ok(());
        }
        let unprotect = || -> io::Result<()> {
            let source = fs_err::File::open(path)?;
            let executable = source.metadata()?.mode() & 0o100;
            let temporary = tempfile::Builder::new()
                .prefix(TEMPORARY_PREFIX)
                .make_in(durable::parent(path), |new| copy::create_new(new, 0o666))?;
            copy::copy(source.file(), temporary.as_file())?;
            set_executable(temporary.path(), executable != 0)?;
            temporary.persist(path).map_err(|failed| failed.error)?;
            Ok(())
        };
        unprotect().context(cannot)
    }

    fn is_inside(&self, link: &Path) -> bool {
        let Ok(target) = fs_err::canonicalize(link) else {
            return false;
        };
        fs_err::canonicalize(&self.dir).is_ok_and(|dir| target.starts_with(dir))
    }
}
