//! Objects into the cache: complete, read-only and synced before their names appear.

use super::cache::{Cache, OBJECT_MODE};
use super::copy;
use super::durable;
use super::hash::NOT_WORTH_A_MEMO;
use super::memo::{Known, Stat};
use super::side_by_side::each;
use crate::digest::{self, DirDigest, FileDigest, Format, Md5Hex};
use crate::error::{Context, Result};
use std::collections::{BTreeSet, HashSet};
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// More files than this are synced by one sync of the whole file system.
const SYNC_EACH: usize = 64;

/// So many files are placed and synced at once: what is held for each of them adds up.
const TOGETHER: usize = 2048;

/// What became of files that were inserted.
#[derive(Debug, Default)]
pub struct Inserted {
    /// Names of which the cache holds other bytes, with the digests of those.
    pub twins: Vec<(Md5Hex, FileDigest)>,
    /// Objects that were not there, sorted.
    new: Vec<(Md5Hex, Stat)>,
}

impl Cache {
    /// Moves a finished file (on the same file system: by rename) to its place; a hit only removes it.
    /// Content and directory are synced before this returns.
    ///
    /// Returns the digest of what the cache holds instead, where that is not what was given: DVC 2's
    /// text rule gives a file with `\r\n` and one with `\n` the same name, and the first one stays.
    pub fn insert(&self, file: &Path, format: Format, md5: &Md5Hex) -> Result<Option<FileDigest>> {
        let inserted = self.insert_all(Path::new(""), &[(file.to_owned(), *md5)], format)?;
        Ok(inserted.twins.into_iter().next().map(|(_, digest)| digest))
    }

    /// Inserts many finished files with their md5 names, syncing them together, as
    /// [`Cache::insert`] does one. Relative paths are those of files in `folder`: there may be one for each
    /// file of a large output.
    pub fn insert_all(
        &self,
        folder: &Path,
        files: &[(PathBuf, Md5Hex)],
        format: Format,
    ) -> Result<Inserted> {
        let mut inserted = Inserted::default();
        let mut hits = Vec::new();
        let mut names = HashSet::new();
        let mut dirs = BTreeSet::new();
        for files in files.chunks(TOGETHER) {
            let (mut new, mut present) = (Vec::new(), Vec::new());
            for (file, md5) in files {
                let object = self.path(format, md5);
                let full = folder.join(file);
                let size = fs_err::metadata(&full)
                    .context(|| cannot_store(&full, md5))?
                    .len();
                if !names.insert(md5) {
                    hits.push(file);
                    continue;
                }
                let dir = durable::parent(&object);
                if !dirs.contains(dir) {
                    dirs.insert(dir.to_owned());
                }
                match self.look(&object, size, format, md5) {
                    Found::Nothing => {
                        new.push((full, md5, object));
                        continue;
                    }
                    Found::Same => {}
                    Found::Twin(digest) => inserted.twins.push((*md5, digest)),
                }
                hits.push(file);
                present.push(object);
            }
            self.place(&new)?;
            self.look_at_new(&new, &mut inserted);
            // What is there may be so young that a power cut would take it.
            sync_files(&present).context(|| "cannot sync the cache".to_owned())?;
        }
        for dir in dirs {
            durable::sync_directory(&dir)
                .context(|| format!("cannot sync the directory '{}'", dir.display()))?;
        }
        for file in hits {
            let file = folder.join(file);
            fs_err::remove_file(&file)
                .context(|| format!("cannot remove the temporary file '{}'", file.display()))?;
        }
        inserted.new.sort_unstable_by_key(|(md5, _)| *md5);
        Ok(inserted)
    }

    /// Remembers what new objects hash to, so that nobody who gets one has to read it. `digests` has
    /// them, among others.
    pub fn remember<'d>(
        &self,
        inserted: &Inserted,
        format: Format,
        digests: impl IntoIterator<Item = &'d FileDigest>,
    ) {
        if inserted.new.is_empty() {
            return;
        }
        let mut known = digests.into_iter().filter_map(|digest| {
            let name = digest.md5(format);
            let at = inserted.new.binary_search_by(|(md5, _)| md5.cmp(name));
            let (_, stat) = inserted.new[at.ok()?];
            (stat.size() == digest.size).then(|| (stat, Known::all(digest)))
        });
        loop {
            let some: Vec<_> = known.by_ref().take(TOGETHER).collect();
            if some.is_empty() {
                break;
            }
            self.memo.put_own(some);
        }
    }

    fn look_at_new(&self, new: &[(PathBuf, &Md5Hex, PathBuf)], inserted: &mut Inserted) {
        if !self.memo.is_kept() {
            return;
        }
        let many = new.len() > 1;
        for (_, md5, object) in new {
            let Ok(stat) = fs_err::symlink_metadata(object) else {
                continue;
            };
            if many || stat.len() > NOT_WORTH_A_MEMO {
                inserted.new.push((**md5, Stat::of(&stat)));
            }
        }
    }

    /// Writes a directory's listing object. Insert its files first: DVC believes a listing that is there.
    pub fn insert_listing(&self, format: Format, listing: &DirDigest) -> Result<()> {
        let md5 = listing.md5(format);
        let object = self.path(format, &md5);
        let cannot = || format!("cannot store the directory listing '{md5}' in the cache");
        let dir = durable::parent(&object);
        self.create_dir(dir).context(cannot)?;
        let write = || -> io::Result<()> {
            let mut file = self.temporary()?;
            file.write_all(&listing.listing(format))?;
            protect(file.path())?;
            file.as_file().sync_all()?;
            file.persist(&object).map_err(|failed| failed.error)?;
            durable::sync_directory(dir)
        };
        write().context(cannot)
    }

    /// Looks at what stands where an object with `size` is to be stored.
    fn look(&self, object: &Path, size: u64, format: Format, md5: &str) -> Found {
        let Ok(stat) = fs_err::symlink_metadata(object) else {
            return Found::Nothing;
        };
        // A writable object may have been written to: ours are the right bytes, so ours win.
        let trusted = stat.is_file() && stat.mode() & 0o7777 == OBJECT_MODE;
        if trusted && stat.len() == size {
            return Found::Same;
        }
        if trusted
            && format == Format::V2
            && let Ok(digest) = fs_err::File::open(object).and_then(digest::read)
            && digest.md5(format) == md5
        {
            return Found::Twin(digest);
        }
        Found::Nothing
    }

    fn place(&self, new: &[(PathBuf, &Md5Hex, PathBuf)]) -> Result<()> {
        let Some((file, md5, object)) = new.first() else {
            return Ok(());
        };
        self.create_dir(durable::parent(object))
            .context(|| cannot_store(file, md5))?;
        let device = |path: &Path| fs_err::metadata(path).map(|stat| stat.dev());
        let cache_device = device(durable::parent(object)).ok();
        let mut copies = Vec::with_capacity(new.len());
        for (file, md5, object) in new {
            let cannot = || cannot_store(file, md5);
            let dir = durable::parent(object);
            self.create_dir(dir).context(cannot)?;
            if device(file).ok() == cache_device {
                protect(file).context(cannot)?;
                copies.push(None);
            } else {
                let temporary = self.temporary().context(cannot)?;
                let source = fs_err::File::open(file).context(cannot)?;
                copy::copy(source.file(), temporary.as_file()).context(cannot)?;
                protect(temporary.path()).context(cannot)?;
                copies.push(Some(temporary.into_temp_path()));
            }
        }
        let paths: Vec<&Path> = copies
            .iter()
            .zip(new)
            .map(|(copy, (file, _, _))| copy.as_deref().unwrap_or(file))
            .collect();
        sync_files(&paths).context(|| "cannot sync the cache".to_owned())?;
        for (copy, (file, md5, object)) in copies.into_iter().zip(new) {
            let placed = match copy {
                None => fs_err::rename(file, object),
                Some(copy) => copy
                    .persist(object)
                    .map_err(|failed| failed.error)
                    .and_then(|()| fs_err::remove_file(file)),
            };
            placed.context(|| cannot_store(file, md5))?;
        }
        Ok(())
    }
}

/// What stands in an object's place.
enum Found {
    /// Nothing, or something damaged.
    Nothing,
    /// The object.
    Same,
    /// A file that DVC 2's text rule names alike.
    Twin(FileDigest),
}

fn cannot_store(file: &Path, md5: &str) -> String {
    format!("cannot store '{}' in the cache as '{md5}'", file.display())
}

/// Makes a file read-only for all. Some file systems (Samba) cannot, and DVC does not mind either.
pub(super) fn protect(path: &Path) -> io::Result<()> {
    match fs_err::set_permissions(path, Permissions::from_mode(OBJECT_MODE)) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        done => done,
    }
}

/// Makes the contents of files that lie on one file system survive a power cut.
fn sync_files<P: AsRef<Path> + Sync>(paths: &[P]) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if paths.len() > SYNC_EACH {
        // Each sync of a file waits for the journal; one for all takes a fraction of 10,000 such waits.
        rustix::fs::syncfs(fs_err::File::open(paths[0].as_ref())?)?;
        return Ok(());
    }
    each(paths, |path| fs_err::File::open(path.as_ref())?.sync_all())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(root: &Path) -> Cache {
        fs_err::create_dir(root.join(".dvc")).unwrap();
        Cache::new(root.join(".dvc/cache"), root)
    }

    fn file(root: &Path, bytes: &[u8]) -> PathBuf {
        let file = root.join("new");
        fs_err::write(&file, bytes).unwrap();
        file
    }

    fn mode(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn stores_read_only_and_recognises_what_it_has() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        let md5 = digest::bytes(b"weights").md5;
        assert!(!cache.has(Format::V3, &md5, None));
        for _ in 0..2 {
            let file = file(root.path(), b"weights");
            assert_eq!(cache.insert(&file, Format::V3, &md5).unwrap(), None);
            assert!(!file.exists());
        }
        let object = cache.path(Format::V3, &md5);
        assert_eq!(fs_err::read(&object).unwrap(), b"weights");
        assert_eq!(mode(&object), OBJECT_MODE);
        assert!(cache.has(Format::V3, &md5, Some(7)));
        assert!(!cache.has(Format::V3, &md5, Some(8)));
        assert!(!cache.has(Format::V2, &md5, None));
    }

    #[test]
    fn replaces_an_object_that_is_cut_off_or_writable() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        let md5 = digest::bytes(b"weights").md5;
        let object = cache.path(Format::V3, &md5);
        for (damage, mode) in [("weig", 0o444), ("WEIGHTS", 0o644)] {
            cache.create_dir(durable::parent(&object)).unwrap();
            let _ = fs_err::remove_file(&object);
            fs_err::write(&object, damage).unwrap();
            fs_err::set_permissions(&object, Permissions::from_mode(mode)).unwrap();
            cache
                .insert(&file(root.path(), b"weights"), Format::V3, &md5)
                .unwrap();
            assert_eq!(fs_err::read(&object).unwrap(), b"weights");
        }
    }

    #[test]
    fn dvc_2_keeps_the_first_of_two_line_endings() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        let unix = digest::bytes(b"a\nb\n");
        let dos = digest::bytes(b"a\r\nb\r\n");
        assert_eq!(unix.md5(Format::V2), dos.md5(Format::V2));
        let name = unix.md5(Format::V2);
        let first = cache.insert(&file(root.path(), b"a\nb\n"), Format::V2, name);
        assert_eq!(first.unwrap(), None);
        let second = cache.insert(&file(root.path(), b"a\r\nb\r\n"), Format::V2, name);
        assert_eq!(second.unwrap(), Some(unix.clone()));
        assert_eq!(
            fs_err::read(cache.path(Format::V2, name)).unwrap(),
            b"a\nb\n"
        );
    }

    #[test]
    fn a_group_shares_directories() {
        let root = tempfile::tempdir().unwrap();
        let mut cache = cache(root.path());
        cache.shared = true;
        let md5 = digest::bytes(b"x").md5;
        cache
            .insert(&file(root.path(), b"x"), Format::V3, &md5)
            .unwrap();
        for dir in ["", "files", "files/md5"] {
            assert_eq!(mode(&cache.dir.join(dir)), 0o2775);
        }
        assert_eq!(mode(&cache.path(Format::V3, &md5)), OBJECT_MODE);
    }

    #[test]
    fn inserts_many_at_once() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        let files: Vec<_> = (0..SYNC_EACH + 10)
            .map(|n| {
                // Some are equal.
                let text = (n / 2).to_string();
                let file = root.path().join(format!("new-{n}"));
                fs_err::write(&file, &text).unwrap();
                let file = if n % 3 == 0 {
                    file
                } else {
                    format!("new-{n}").into()
                };
                (file, digest::bytes(text.as_bytes()).md5)
            })
            .collect();
        assert_eq!(
            cache
                .insert_all(root.path(), &files, Format::V3)
                .unwrap()
                .twins,
            []
        );
        for (file, md5) in &files {
            assert!(!root.path().join(file).exists());
            assert!(cache.has(Format::V3, md5, None));
        }
    }
}
