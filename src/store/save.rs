//! What lies in the work tree, into the cache; it stays where it is.

use super::cache::Cache;
use super::memo::{Known, Stat};
use crate::digest::{self, FileDigest, Format, Md5Hex, PathDigest};
use crate::error::{Context, Error, Result};
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// So many copies are made before they are inserted together.
const TOGETHER: usize = 1024;

impl Cache {
    /// Copies a workspace path with this digest into the cache.
    ///
    /// Errors, with nothing stored under a wrong name, when it changes meanwhile.
    pub(crate) fn save(&self, path: &Path, digest: &PathDigest, format: Format) -> Result<()> {
        match digest {
            PathDigest::File { digest, .. } => {
                self.save_files(&[(path.to_owned(), digest)], format)
            }
            PathDigest::Dir(dir) => {
                let files = dir.files.iter();
                let files: Vec<_> = files
                    .map(|(relpath, digest)| (path.join(relpath), digest))
                    .collect();
                for files in files.chunks(TOGETHER) {
                    self.save_files(files, format)?;
                }
                self.insert_listing(format, dir)
            }
        }
    }

    fn save_files(&self, files: &[(PathBuf, &FileDigest)], format: Format) -> Result<()> {
        let is_new = |digest: &FileDigest| !self.has(format, digest.md5(format), Some(digest.size));
        let files = files.iter().filter(|(_, digest)| is_new(digest));
        let copies: Vec<(TempPath, Md5Hex, &FileDigest)> = files
            .map(|(path, digest)| Ok((self.copy_of(path, digest)?, *digest.md5(format), *digest)))
            .collect::<Result<_>>()?;
        let named: Vec<(PathBuf, Md5Hex)> = copies
            .iter()
            .map(|(copy, md5, _)| (copy.to_path_buf(), *md5))
            .collect();
        // DVC 2's text rule: the cache may hold the same text with other line ends, and then keeps it.
        let inserted = self.insert_all(Path::new(""), &named, format)?;
        self.remember(&inserted, format, copies.iter().map(|(.., digest)| *digest));
        Ok(())
    }

    /// Copies a file that hashes to `expected`.
    fn copy_of(&self, path: &Path, expected: &FileDigest) -> Result<TempPath> {
        let doing = || format!("cannot save '{}' to the cache", path.display());
        let copy = self.temporary().context(doing)?.into_temp_path();
        fs_err::remove_file(&copy).context(doing)?;
        reflink_copy::reflink_or_copy(path, &copy).context(doing)?;
        let stat = Stat::of(&fs_err::metadata(path).context(doing)?);
        // Still as it was when it was hashed: so is its copy.
        if self.memo.get(&stat) == Some(Known::all(expected)) {
            return Ok(copy);
        }
        let found = fs_err::File::open(&copy).and_then(digest::read);
        if found.context(doing)? != *expected {
            return Err(Error::refused(format!(
                "'{}' changes while it is being saved",
                path.display()
            )));
        }
        Ok(copy)
    }
}
