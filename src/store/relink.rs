//! Links into the cache, for outputs that a stage wrote.

use super::cache::{Cache, LinkType};
use super::copy;
use super::durable::{self, TEMPORARY_PREFIX};
use super::materialise::make;
use crate::digest::Format;
use crate::error::{Context, Result};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

impl Cache {
    /// Whether `cache.type` wants outputs to be links into the cache.
    pub fn wants_links(&self) -> bool {
        let mut before_copies = self
            .types
            .iter()
            .take_while(|kind| **kind != LinkType::Copy);
        before_copies.any(|kind| matches!(kind, LinkType::Hardlink | LinkType::Symlink))
    }

    /// Replaces the files of an output that are copies of an object by links to it, where `cache.type`
    /// wants that; [`Cache::unprotect`] is the way back.
    ///
    /// An output that is not the object's content any more stays as it is, and so do executable and
    /// empty files: they never are links. Nothing may write to the output meanwhile.
    pub fn relink(&self, format: Format, md5: &str, path: &Path) -> Result<()> {
        if !self.wants_links() || !self.holds_at(format, md5, path)? {
            return Ok(());
        }
        let link = |md5: &str, path: &Path| {
            self.relink_file(&self.path(format, md5), path)
                .context(|| format!("cannot link '{}' to the cache", path.display()))
        };
        if !md5.ends_with(".dir") {
            return link(md5, path);
        }
        for file in self.listing(format, md5)? {
            link(&file.md5, &path.join(&file.relpath))?;
        }
        Ok(())
    }

    fn relink_file(&self, object: &Path, path: &Path) -> io::Result<()> {
        let stat = fs_err::metadata(path)?;
        let object_stat = fs_err::metadata(object)?;
        let is_there = (stat.dev(), stat.ino()) == (object_stat.dev(), object_stat.ino());
        if is_there || stat.len() == 0 || stat.mode() & 0o100 != 0 {
            return Ok(());
        }
        let kinds = self.types.iter().copied();
        for kind in kinds.take_while(|kind| *kind != LinkType::Copy) {
            let made = tempfile::Builder::new()
                .prefix(TEMPORARY_PREFIX)
                .make_in(durable::parent(path), |new| make(kind, object, new));
            return match made {
                Ok(link) => link.persist(path).map(drop).map_err(|failed| failed.error),
                Err(error) if copy::is_unsupported(&error) => continue,
                Err(error) => Err(error),
            };
        }
        Ok(())
    }
}
