//! Contents of the work tree by their hashes, as `dvc.lock` and notes have them.

use super::cache::Cache;
use super::dvc_ignore::DvcIgnore;
use super::memo::{self, Known, Stat};
use super::side_by_side::each;
use crate::capture::AsOf;
use crate::digest::{self, DirDigest, FileDigest, Format, PathDigest};
use crate::error::{Context, Error, Kind, Result};
use crate::progress::Piece;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::fs::Metadata;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A file of this size is read in the time that it takes to look into the memo.
pub(crate) const NOT_WORTH_A_MEMO: u64 = 16 * 1024;

/// From this size on, in bytes, a file is worth a thread of its own.
const WORTH_A_THREAD: u64 = 1024 * 1024;

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
        if stat.is_dir() {
            return self.digest_dir(path).map(PathDigest::Dir).map(Some);
        }
        if !stat.is_file() {
            return Err(Error::refused(format!(
                "'{}' is neither a file nor a directory",
                path.display()
            )));
        }
        let isexec = stat.mode() & 0o100 != 0;
        let digest = self.digest_file(path, Stat::of(&stat))?;
        Ok(Some(PathDigest::File { digest, isexec }))
    }

    /// Returns how many bytes [`Cache::digest`] would read; what cannot be looked at is told there.
    pub fn unread(&self, path: &Path) -> u64 {
        if !self.memo.is_kept() {
            return 0;
        }
        let Ok(Some(stat)) = stat(path) else { return 0 };
        if stat.is_file() {
            let stat = Stat::of(&stat);
            return match self.known(path, &stat) {
                Some(_) => 0,
                None => stat.size(),
            };
        }
        let files = DvcIgnore::above(&self.project, path).and_then(|it| it.files_below(path));
        let files = files.unwrap_or_default();
        let mut unread: u64 = files.iter().map(|file| file.stat.size()).sum();
        let stats = files.iter().map(|file| file.stat);
        self.memo
            .find(stats, |at, _| unread -= files[at].stat.size());
        unread
    }

    /// Hashes those of these files that are large and not known, side by side, before each is asked for.
    ///
    /// What may be written to this very moment is left out, and what fails is told to who asks for it.
    pub fn read_ahead(&self, paths: &[PathBuf]) {
        if paths.len() < 2 || !self.memo.is_kept() {
            return;
        }
        let now = memo::now();
        let large = paths.iter().filter(|path| {
            let stat = fs_err::metadata(path).ok().filter(Metadata::is_file);
            stat.is_some_and(|stat| {
                let stat = Stat::of(&stat);
                stat.size() >= WORTH_A_THREAD
                    && stat.is_settled(now)
                    && self.known(path, &stat).is_none()
            })
        });
        let large: Vec<&PathBuf> = large.collect();
        if large.len() > 1 {
            let read = |path: &PathBuf| {
                let _told_to_who_asks = self.digest(path);
                Ok::<_, Error>(())
            };
            let _no_error = each(large, read);
        }
    }

    fn digest_file(&self, path: &Path, stat: Stat) -> Result<FileDigest> {
        if let Some(digest) = self.known(path, &stat) {
            return Ok(digest);
        }
        let hashed = read(path, &self.begin(path, stat.size()))?;
        if hashed.is_settled() {
            self.hashed.put(path, hashed.stat, &hashed.digest);
            if hashed.stat.size() > NOT_WORTH_A_MEMO {
                self.memo.put([hashed.known()]);
            }
        }
        Ok(hashed.digest)
    }

    /// Returns what is known of a file that looks like this, be it for this process only.
    fn known(&self, path: &Path, stat: &Stat) -> Option<FileDigest> {
        if !self.memo.is_kept() {
            return None;
        }
        if let Some(digest) = self.hashed.get(path, stat) {
            return Some(digest);
        }
        if stat.size() <= NOT_WORTH_A_MEMO {
            return None;
        }
        let digest = self.memo.get(stat)?.digest(stat.size())?;
        self.hashed.put(path, *stat, &digest);
        Some(digest)
    }

    fn digest_dir(&self, path: &Path) -> Result<DirDigest> {
        let files = DvcIgnore::above(&self.project, path)?.files_below(path)?;
        let mut known: Vec<Option<FileDigest>> = vec![None; files.len()];
        self.memo
            .find(files.iter().map(|file| file.stat), |at, it| {
                known[at] = it.digest(files[at].stat.size());
            });
        let unknown = files
            .iter()
            .zip(&known)
            .filter(|(_, known)| known.is_none());
        let total = unknown.map(|(file, _)| file.stat.size()).sum();
        let piece = self.begin(path, total);
        let unknown = files.iter().zip(&known);
        let unknown = unknown.filter(|(_, known)| known.is_none());
        let read = each(unknown, |(file, _)| read(&path.join(&file.relpath), &piece))?;
        self.memo.put(
            read.iter()
                .filter(|it| it.is_settled())
                .map(JustRead::known),
        );
        let mut read = read.into_iter();
        let mut dir = DirDigest {
            files: IndexMap::with_capacity(files.len()),
        };
        for (file, known) in files.into_iter().zip(known) {
            if let Some(digest) = known.or_else(|| Some(read.next()?.digest)) {
                dir.files.insert(file.relpath, digest);
            }
        }
        Ok(dir)
    }

    fn begin(&self, path: &Path, total: u64) -> Piece<'_> {
        let path = path.strip_prefix(&self.project).unwrap_or(path);
        self.progress.begin(&path.to_string_lossy(), total)
    }

    /// Remembers what captured files hash to, which are where they were, unless they were written to since.
    pub fn remember_captured<'d>(&self, files: impl IntoIterator<Item = (AsOf, &'d FileDigest)>) {
        let files = files.into_iter();
        let files = files.filter(|(as_of, digest)| as_of.size == digest.size);
        self.memo
            .put(files.map(|(as_of, digest)| (as_of.into(), Known::all(digest))));
    }

    /// Hashes what the cache holds for an entry of `dvc.lock`; `None` if something is missing or damaged.
    ///
    /// Objects that were read before, by whoever inserted or checked them, are not read.
    pub fn digest_stored(&self, format: Format, md5: &str) -> Result<Option<PathDigest>> {
        if !md5.ends_with(".dir") {
            let digest = self.digest_objects(format, &[md5])?.remove(0);
            let isexec = false;
            return Ok(digest.map(|digest| PathDigest::File { digest, isexec }));
        }
        let files = match self.listing(format, md5) {
            Err(error) if matches!(error.kind(), Kind::Missing | Kind::Corrupt) => return Ok(None),
            files => files?,
        };
        let names: Vec<&str> = files.iter().map(|file| &*file.md5).collect();
        let digests = self.digest_objects(format, &names)?;
        let files = files.into_iter().zip(digests);
        let files: Option<Vec<_>> = files
            .map(|(file, digest)| Some((file.relpath, digest?)))
            .collect();
        Ok(files.map(|files| PathDigest::Dir(DirDigest::new(files))))
    }

    /// Returns the hashes of objects; `None` for what is missing or damaged.
    fn digest_objects(&self, format: Format, names: &[&str]) -> Result<Vec<Option<FileDigest>>> {
        let stats = each(names, |md5| -> Result<_> {
            let stat = stat(&self.path(format, md5))?;
            Ok(stat.filter(Metadata::is_file).map(|stat| Stat::of(&stat)))
        })?;
        let there: Vec<(usize, Stat)> = (stats.iter().enumerate())
            .filter_map(|(at, stat)| Some((at, (*stat)?)))
            .collect();
        let mut digests = vec![None; names.len()];
        self.memo
            .find(there.iter().map(|(_, stat)| *stat), |at, known| {
                let (at, stat) = there[at];
                digests[at] = known.digest(stat.size());
            });
        let unknown: Vec<usize> = (there.into_iter().map(|(at, _)| at))
            .filter(|at| digests[*at].is_none())
            .collect();
        let read: Vec<&str> = unknown.iter().map(|at| names[*at]).collect();
        for (at, digest) in unknown.into_iter().zip(self.read_objects(format, &read)?) {
            digests[at] = digest;
        }
        for (digest, md5) in digests.iter_mut().zip(names) {
            digest.take_if(|digest| digest.md5(format) != *md5);
        }
        Ok(digests)
    }

    /// Reads objects, whatever is known of them, and remembers what they hash to; `None` for those that
    /// are not there. Whether that is their name is for the caller to see.
    pub(super) fn read_objects(
        &self,
        format: Format,
        names: &[&str],
    ) -> Result<Vec<Option<FileDigest>>> {
        let paths: Vec<PathBuf> = names.iter().map(|md5| self.path(format, md5)).collect();
        let size = |path| Ok::<_, Error>(fs_err::metadata(path).map_or(0, |it| it.len()));
        let sizes = each(&paths, size)?;
        let piece = self.progress.begin("the cache", sizes.iter().sum());
        let read = each(&paths, |path| match read(path, &piece) {
            Err(error) if error.kind() == Kind::Missing => Ok(None),
            read => read.map(Some),
        })?;
        let settled = read.iter().flatten().filter(|it| it.is_settled());
        self.memo.put(settled.map(JustRead::known));
        Ok(read.into_iter().map(|read| Some(read?.digest)).collect())
    }
}

/// The hashes of a file that was read, with stat and time from before the first byte.
struct JustRead {
    digest: FileDigest,
    stat: Stat,
    at: i64,
}

impl JustRead {
    /// Whether a later write is sure to show in the stat.
    fn is_settled(&self) -> bool {
        self.stat.is_settled(self.at)
    }

    fn known(&self) -> (Stat, Known) {
        (self.stat, Known::all(&self.digest))
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

fn read(path: &Path, piece: &Piece<'_>) -> Result<JustRead> {
    let at = memo::now();
    let read = || -> io::Result<_> {
        let file = fs_err::File::open(path)?;
        let stat = Stat::of(&file.metadata()?);
        let digest = digest::read(Counted(file, piece))?;
        Ok(JustRead { digest, stat, at })
    };
    read().context(|| format!("cannot read '{}'", path.display()))
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
    use crate::digest::{Format, PathDigest};
    use crate::store::memo::Memo;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn hashes_the_workspace() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = Cache::new(root.path().join("cache"), root.path());
        cache.memo = Memo::at(root.path().join("memo"));
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

    #[test]
    fn reads_large_files_ahead_and_once() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = Cache::new(root.path().join("cache"), root.path());
        cache.memo = Memo::at(root.path().join("memo"));
        let paths = ["a", "b", "small", "none"].map(|name| root.path().join(name));
        for path in &paths[..2] {
            fs_err::write(path, vec![1; WORTH_A_THREAD as usize]).unwrap();
        }
        fs_err::write(&paths[2], "x").unwrap();
        let look = |path: &Path| Stat::of(&fs_err::metadata(path).unwrap());
        while !look(&paths[2]).is_settled(memo::now()) {
            std::thread::yield_now();
        }
        cache.read_ahead(&paths);
        for path in &paths[..2] {
            let known = cache.memo.get(&look(path)).unwrap().digest(WORTH_A_THREAD);
            let found = cache.digest(path).unwrap().unwrap();
            assert!(
                matches!(found, PathDigest::File { digest, .. } if Some(&digest) == known.as_ref())
            );
        }
        assert_eq!(cache.memo.get(&look(&paths[2])), None);
    }
}
