//! Whether the work tree has what the cache has.

use super::cache::{Cache, missing};
use super::dir_listing::ListedFile;
use super::dvc_ignore::{DvcIgnore, FoundFile};
use super::memo::{Known, Memo, Stat};
use crate::digest::Format;
use crate::error::{Context, Kind, Result};
use rayon::prelude::*;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

impl Cache {
    /// Whether `path` has exactly the content of an object (a directory: its files and no others,
    /// but those that `.dvcignore` hides). What is found is remembered, so that the next
    /// [`Cache::materialise`] or [`Cache::holds_at`] reads nothing.
    pub fn holds_at(&self, format: Format, md5: &str, path: &Path) -> Result<bool> {
        let mut memo = Memo::load(self.memo.as_deref(), path);
        let mut found = Vec::new();
        let same = if md5.ends_with(".dir") {
            self.holds_dir_at(format, md5, path, &memo, &mut found)
        } else {
            self.object(format, md5).and_then(|object| {
                let stat = object
                    .is_at(path, memo_entry(&memo, ""))
                    .context(|| format!("cannot read '{}'", path.display()))?;
                let same = stat.is_some();
                found.extend(stat.map(|stat| (String::new(), md5.to_owned(), stat)));
                Ok(same)
            })
        };
        match same {
            Ok(same) => {
                memo.put_own(format, found);
                memo.save();
                Ok(same)
            }
            Err(error) if matches!(error.kind(), Kind::Missing | Kind::Corrupt) => Ok(self
                .digest(path)?
                .is_some_and(|digest| digest.md5(format) == md5)),
            Err(error) => Err(error),
        }
    }

    fn holds_dir_at(
        &self,
        format: Format,
        md5: &str,
        path: &Path,
        memo: &Memo,
        found: &mut Vec<(String, String, Metadata)>,
    ) -> Result<bool> {
        let listed = self.listing(format, md5)?;
        if !path.is_dir() {
            return Ok(false);
        }
        let files = DvcIgnore::above(&self.project, path)?.files_below(path)?;
        let names = |(file, listed): (&FoundFile, &ListedFile)| file.relpath == listed.relpath;
        if files.len() != listed.len() || !files.iter().zip(&listed).all(names) {
            return Ok(false);
        }
        let stats = (files.par_iter().zip(&listed))
            .map(|(file, listed)| {
                let object = self.object(format, &listed.md5)?;
                object
                    .is_at(&path.join(&file.relpath), memo_entry(memo, &file.relpath))
                    .context(|| format!("cannot read '{}'", path.join(&file.relpath).display()))
            })
            .collect::<Result<Vec<_>>>()?;
        let same = stats.iter().all(Option::is_some);
        for (listed, stat) in listed.into_iter().zip(stats) {
            found.extend(stat.map(|stat| (listed.relpath, listed.md5.to_string(), stat)));
        }
        Ok(same)
    }

    pub(super) fn object(&self, format: Format, md5: &str) -> Result<Object> {
        let path = self.path(format, md5);
        let stat = fs_err::metadata(&path).map_err(|error| missing(md5, error))?;
        Ok(Object {
            format,
            md5: md5.to_owned(),
            path,
            stat,
        })
    }
}

/// An object that is there.
pub(super) struct Object {
    pub format: Format,
    pub md5: String,
    pub path: PathBuf,
    pub stat: Metadata,
}

impl Object {
    /// Returns the stat of the file at `dest` if that has exactly the object's bytes.
    pub fn is_at<'m>(
        &self,
        dest: &Path,
        known: impl Fn(&Stat) -> Option<&'m Known>,
    ) -> io::Result<Option<Metadata>> {
        let stat = match fs_err::metadata(dest) {
            Ok(stat) if stat.is_file() && stat.len() == self.stat.len() => stat,
            _ => return Ok(None),
        };
        let same = is_same_file(&stat, &self.stat)
            || known(&Stat::of(&stat))
                .is_some_and(|known| known.md5(self.format) == Some(&self.md5))
            || has_same_bytes(dest, &self.path)?;
        Ok(same.then_some(stat))
    }
}

pub(super) fn memo_entry<'m>(memo: &'m Memo, relpath: &str) -> impl Fn(&Stat) -> Option<&'m Known> {
    move |stat| memo.get(relpath, stat)
}

pub(super) fn is_same_file(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Compares two files of one size, stopping at the first difference.
fn has_same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    const PIECE: usize = 256 * 1024;
    let (mut a, mut b) = (fs_err::File::open(a)?, fs_err::File::open(b)?);
    let (mut piece_a, mut piece_b) = (Vec::with_capacity(PIECE), Vec::with_capacity(PIECE));
    loop {
        piece_a.clear();
        piece_b.clear();
        (&mut a).take(PIECE as u64).read_to_end(&mut piece_a)?;
        (&mut b).take(PIECE as u64).read_to_end(&mut piece_b)?;
        if piece_a != piece_b {
            return Ok(false);
        }
        if piece_a.is_empty() {
            return Ok(true);
        }
    }
}
