//! Contents of the work tree by their hashes, as `dvc.lock` and notes have them.

use super::cache::Cache;
use super::dvc_ignore::{DvcIgnore, FoundFile};
use super::memo::{self, Known, Memo, Stat};
use crate::digest::{self, DirDigest, FileDigest, Format, PathDigest};
use crate::error::{Context, Error, Kind, Result};
use crate::progress::Piece;
use indexmap::IndexMap;
use rayon::prelude::*;
use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A file of this size is read in the time that it takes to look into the memo.
const NOT_WORTH_A_MEMO: u64 = 16 * 1024;

/// Files that this process has hashed, or found in the memo, with the stat that they had.
///
/// A run looks at an output when its stage starts, as a dependency of the next, and for the note.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hashed(Arc<Mutex<HashMap<PathBuf, (Stat, FileDigest)>>>);

impl Hashed {
    fn get(&self, path: &Path, stat: &Stat) -> Option<FileDigest> {
        let known = self.0.lock().ok()?;
        let (then, digest) = known.get(path)?;
        (then == stat).then(|| digest.clone())
    }

    fn put(&self, path: &Path, stat: Stat, digest: &FileDigest) {
        if let Ok(mut known) = self.0.lock() {
            known.insert(path.to_owned(), (stat, digest.clone()));
        }
    }
}

impl Cache {
    /// Hashes a workspace path (file or directory) without storing it; `None` if there is nothing.
    ///
    /// Files whose stat says that they are as they were when last hashed are not read. `.dvcignore`
    /// is obeyed inside directories.
    pub fn digest(&self, path: &Path) -> Result<Option<PathDigest>> {
        let Some(stat) = stat(path)? else {
            return Ok(None);
        };
        let isexec = stat.mode() & 0o100 != 0;
        if self.memo.is_some()
            && stat.is_file()
            && let Some(digest) = self.hashed.get(path, &Stat::of(&stat))
        {
            return Ok(Some(PathDigest::File { digest, isexec }));
        }
        let remembers = !stat.is_file() || stat.len() > NOT_WORTH_A_MEMO;
        let mut memo = match remembers {
            true => Memo::load(self.memo.as_deref(), path),
            false => Memo::default(),
        };
        let found = if stat.is_dir() {
            let files = DvcIgnore::above(&self.project, path)?.files_below(path)?;
            let unknown = |file: &&FoundFile| {
                let known = memo.get(&file.relpath, &file.stat);
                !known.is_some_and(Known::is_complete)
            };
            let total = files.iter().filter(unknown).map(|file| file.stat.size());
            let piece = self.begin(path, total.sum());
            let digests = files
                .par_iter()
                .map(|file| {
                    let path = path.join(&file.relpath);
                    digest_file(&path, &file.relpath, file.stat, &memo, &piece)
                })
                .collect::<Result<Vec<_>>>()?;
            let mut dir = DirDigest {
                files: IndexMap::with_capacity(files.len()),
            };
            for (file, hashed) in files.into_iter().zip(digests) {
                hashed.remember(&mut memo, &file.relpath);
                dir.files.insert(file.relpath, hashed.digest);
            }
            memo.retain(|relpath| dir.files.contains_key(relpath));
            PathDigest::Dir(dir)
        } else if stat.is_file() {
            let piece = self.begin(path, stat.len());
            let hashed = digest_file(path, "", Stat::of(&stat), &memo, &piece)?;
            hashed.remember(&mut memo, "");
            if hashed.is_settled() {
                self.hashed.put(path, Stat::of(&stat), &hashed.digest);
            }
            PathDigest::File {
                digest: hashed.digest,
                isexec,
            }
        } else {
            return Err(Error::refused(format!(
                "'{}' is neither a file nor a directory",
                path.display()
            )));
        };
        memo.save();
        Ok(Some(found))
    }

    fn begin(&self, path: &Path, total: u64) -> Piece<'_> {
        let path = path.strip_prefix(&self.project).unwrap_or(path);
        self.progress.begin(&path.to_string_lossy(), total)
    }

    /// Hashes what the cache holds for an entry of `dvc.lock`; `None` if something is missing or damaged.
    pub fn digest_stored(&self, format: Format, md5: &str) -> Result<Option<PathDigest>> {
        let doing = || format!("cannot read cache object '{md5}'");
        let read = |md5: &str| match fs_err::File::open(self.path(format, md5)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => digest::read(file?).map(|digest| Some(digest).filter(|d| d.md5(format) == md5)),
        };
        if !md5.ends_with(".dir") {
            let digest = read(md5).context(doing)?;
            let isexec = false;
            return Ok(digest.map(|digest| PathDigest::File { digest, isexec }));
        }
        let files = match self.listing(format, md5) {
            Err(error) if matches!(error.kind(), Kind::Missing | Kind::Corrupt) => return Ok(None),
            files => files?,
        };
        let digests = files
            .into_par_iter()
            .map(|file| Ok(read(&file.md5)?.map(|digest| (file.relpath, digest))))
            .collect::<io::Result<Option<Vec<_>>>>()
            .context(doing)?;
        Ok(digests.map(|files| PathDigest::Dir(DirDigest::new(files))))
    }
}

/// A file's hashes, and what it takes to remember them.
struct FileHashed {
    digest: FileDigest,
    /// Stat and time from before the first byte was read; `None` if it came from the memo.
    read: Option<(Stat, i64)>,
}

impl FileHashed {
    /// Whether a later write is sure to show in the stat.
    fn is_settled(&self) -> bool {
        self.read.is_none_or(|(stat, at)| stat.is_settled(at))
    }

    fn remember(&self, memo: &mut Memo, relpath: &str) {
        if let Some((stat, at)) = self.read {
            memo.put(relpath, stat, Known::all(&self.digest), at);
        }
    }
}

/// Tells how far it is, a buffer at a time.
struct Counted<'p>(fs_err::File, &'p Piece<'p>);

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.add(count as u64);
        Ok(count)
    }
}

fn digest_file(
    path: &Path,
    relpath: &str,
    stat: Stat,
    memo: &Memo,
    piece: &Piece<'_>,
) -> Result<FileHashed> {
    let known = memo
        .get(relpath, &stat)
        .and_then(|known| known.digest(stat.size()));
    if let Some(digest) = known {
        return Ok(FileHashed { digest, read: None });
    }
    let at = memo::now();
    let read = || -> io::Result<_> {
        let file = fs_err::File::open(path)?;
        let stat = Stat::of(&file.metadata()?);
        Ok((digest::read(Counted(file, piece))?, stat))
    };
    let (digest, stat) = read().context(|| format!("cannot read '{}'", path.display()))?;
    Ok(FileHashed {
        digest,
        read: Some((stat, at)),
    })
}

/// Returns what is at `path`, links followed, or `None` if nothing is.
fn stat(path: &Path) -> Result<Option<Metadata>> {
    match fs_err::metadata(path) {
        Ok(stat) => Ok(Some(stat)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).context(|| format!("cannot read '{}'", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Format;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn hashes_the_workspace() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = Cache::new(root.path().join("cache"), root.path());
        cache.memo = Some(root.path().join("memo"));
        let path = root.path().join("tool");
        assert_eq!(cache.digest(&path).unwrap(), None);
        fs_err::write(&path, "x").unwrap();
        fs_err::set_permissions(&path, Permissions::from_mode(0o744)).unwrap();
        for text in ["x", "y", "y"] {
            fs_err::write(&path, text).unwrap();
            let found = cache.digest(&path).unwrap().unwrap();
            assert!(found.isexec());
            assert_eq!(digest::bytes(text.as_bytes()).md5, found.md5(Format::V3));
        }
        assert_eq!(cache.digest(&path.join("below")).unwrap(), None);
    }
}
