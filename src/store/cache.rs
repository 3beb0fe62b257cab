//! DVC's cache of large files: both layouts, its modes, its link types.
//!
//! An object is named by its content and never edited: it is complete and synced before its name
//! appears, and read-only (0444) from then on. `insert` brings objects in, `materialise` brings them
//! into the work tree, `integrity` checks them, `capture_dir` holds what is on its way in.

use super::dir_listing::{self, ListedFile};
use super::durable;
use super::hash::Hashed;
use super::later::Later;
use super::memo::Memo;
use crate::digest::{self, Format};
use crate::error::{Context, Error, Kind, Result};
use crate::progress::Progress;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The mode of every object. DVC hashes an object with another mode before it believes it.
pub(super) const OBJECT_MODE: u32 = 0o444;

/// How a cached output gets into the work tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkType {
    /// A copy that shares its blocks.
    Reflink,
    /// A second name of the object.
    Hardlink,
    /// A symbolic link to the object.
    Symlink,
    /// A copy.
    Copy,
}

/// The cache of a project.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Absolute.
    pub(crate) dir: PathBuf,
    /// Tried in this order; a copy is made where none of them is possible.
    pub(crate) types: Vec<LinkType>,
    /// `cache.shared = group`.
    pub(crate) shared: bool,
    /// The project's root, absolute: where `.dvcignore` holds.
    pub(crate) project: PathBuf,
    /// Hashes of unchanged files; it is kept nowhere where no stat is trusted.
    pub(crate) memo: Memo,
    /// The same within this process, for single files.
    pub(crate) hashed: Hashed,
    /// How far files are read.
    pub(crate) progress: Arc<Progress>,
    /// What is left for the command's end.
    pub(crate) later: Later,
}

impl Cache {
    /// Describes a cache with DVC's defaults: reflink or copy, not shared, nothing remembered.
    pub fn new(dir: impl Into<PathBuf>, project: impl Into<PathBuf>) -> Self {
        Cache {
            dir: dir.into(),
            types: vec![LinkType::Reflink, LinkType::Copy],
            shared: false,
            project: project.into(),
            memo: Memo::default(),
            hashed: Hashed::default(),
            progress: Default::default(),
            later: Default::default(),
        }
    }

    /// Returns the same cache, from which outputs come as copies whatever `cache.type` says: for what
    /// git keeps.
    pub fn copying(&self) -> Self {
        Cache {
            types: vec![LinkType::Reflink, LinkType::Copy],
            ..self.clone()
        }
    }

    /// Returns the cache's root, `.dvc/cache` mostly.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the directory that holds the objects of `format`.
    pub fn objects_dir(&self, format: Format) -> PathBuf {
        match format {
            Format::V2 => self.dir.clone(),
            Format::V3 => self.dir.join("files/md5"),
        }
    }

    /// Returns where the object `md5` (with `.dir` for a listing) of `format` is.
    pub fn path(&self, format: Format, md5: &str) -> PathBuf {
        let (prefix, rest) = md5.split_at_checked(2).unwrap_or((md5, ""));
        self.objects_dir(format).join(prefix).join(rest)
    }

    /// Whether the object is there, with this size where one is given; of a directory every file
    /// must be there, and the size is their sum.
    pub fn has(&self, format: Format, md5: &str, size: Option<u64>) -> bool {
        self.stored_size(format, md5)
            .is_some_and(|stored| size.is_none_or(|size| size == stored))
    }

    /// Returns the objects behind an entry that are not there: itself, or files of a directory.
    pub fn missing(&self, format: Format, md5: &str) -> Result<Vec<String>> {
        match self.objects(format, md5) {
            Ok(mut objects) => {
                objects.retain(|object| !self.path(format, object).is_file());
                Ok(objects)
            }
            Err(error) if error.kind() == Kind::Missing => Ok(vec![md5.to_owned()]),
            Err(error) => Err(error),
        }
    }

    /// Lists every object behind an entry: itself, and a directory's files, each once.
    pub fn objects(&self, format: Format, md5: &str) -> Result<Vec<String>> {
        let mut objects = vec![md5.to_owned()];
        if md5.ends_with(".dir") {
            let files = self.listing(format, md5)?;
            let names: BTreeSet<_> = files.into_iter().map(|file| file.md5).collect();
            objects.extend(names.iter().map(|md5| md5.to_string()));
        }
        Ok(objects)
    }

    /// Reads a directory's listing object (`md5` with `.dir`), sorted as stored.
    ///
    /// [`Kind::Missing`] if it is not there, [`Kind::Corrupt`] if it does not hash to its name.
    pub fn listing(&self, format: Format, md5: &str) -> Result<Vec<ListedFile>> {
        let bytes = fs_err::read(self.path(format, md5)).map_err(|error| missing(md5, error))?;
        let damaged = || format!("cache object '{md5}' is damaged");
        if md5.strip_suffix(".dir") != Some(digest::bytes(&bytes).md5(format)) {
            return Err(Error::corrupt(damaged()));
        }
        dir_listing::parse(&bytes).context(damaged)
    }

    /// Lists the objects that are stored in `format` with their sizes in bytes, sorted by name.
    pub fn stored(&self, format: Format) -> Result<Vec<(String, u64)>> {
        let base = self.objects_dir(format);
        let cannot = || format!("cannot list the cache '{}'", base.display());
        let mut objects = Vec::new();
        for prefix in sorted_names(&base).context(cannot)? {
            if prefix.len() != 2 {
                continue;
            }
            let dir = base.join(&prefix);
            if !dir.is_dir() {
                continue;
            }
            for rest in sorted_names(&dir).context(cannot)? {
                let md5 = format!("{prefix}{rest}");
                if digest::is_md5(md5.strip_suffix(".dir").unwrap_or(&md5))
                    && let Ok(stat) = fs_err::symlink_metadata(dir.join(rest))
                    && stat.is_file()
                {
                    objects.push((md5, stat.len()));
                }
            }
        }
        Ok(objects)
    }

    /// Removes an object that nothing needs; one that is not there is no error. A listing's files
    /// are objects of their own and stay.
    pub fn remove(&self, format: Format, md5: &str) -> Result<()> {
        match fs_err::remove_file(self.path(format, md5)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).context(|| format!("cannot remove cache object '{md5}'"))
            }
            _ => Ok(()),
        }
    }

    /// Creates a directory in the cache, with what is missing above it, with DVC's modes.
    pub(crate) fn create_dir(&self, dir: &Path) -> io::Result<()> {
        durable::make_dirs(dir, |dir| {
            fs_err::create_dir(dir)?;
            if self.shared {
                fs_err::set_permissions(dir, Permissions::from_mode(0o2775))?;
            }
            Ok(())
        })
    }

    fn stored_size(&self, format: Format, md5: &str) -> Option<u64> {
        let size = |md5: &str| {
            let stat = fs_err::metadata(self.path(format, md5)).ok()?;
            stat.is_file().then_some(stat.len())
        };
        if md5.ends_with(".dir") {
            let files = self.listing(format, md5).ok()?;
            files.iter().map(|file| size(&file.md5)).sum()
        } else {
            size(md5)
        }
    }
}

/// The names in a directory that are text, sorted; none if there is no directory.
fn sorted_names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The error for an object that cannot be opened.
pub(crate) fn missing(md5: &str, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        Error::missing(format!("cache object '{md5}' is missing"))
    } else {
        Error::io(format!("cannot read cache object '{md5}'")).caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::PathDigest;

    fn cache(root: &Path) -> Cache {
        fs_err::create_dir(root.join(".dvc")).unwrap();
        Cache::new(root.join(".dvc/cache"), root)
    }

    fn file(root: &Path, bytes: &[u8]) -> PathBuf {
        let file = root.join("new");
        fs_err::write(&file, bytes).unwrap();
        file
    }

    #[test]
    fn both_layouts() {
        let cache = Cache::new("/c", "/p");
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        assert_eq!(
            cache.path(Format::V2, md5),
            Path::new("/c/d4/1d8cd98f00b204e9800998ecf8427e")
        );
        assert_eq!(
            cache.path(Format::V3, &format!("{md5}.dir")),
            Path::new("/c/files/md5/d4/1d8cd98f00b204e9800998ecf8427e.dir")
        );
    }

    #[test]
    fn lists_and_removes_what_is_stored() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        assert_eq!(cache.stored(Format::V2).unwrap(), []);
        let mut expected = Vec::new();
        for text in ["a", "bb"] {
            let md5 = digest::bytes(text.as_bytes()).md5;
            for format in [Format::V2, Format::V3] {
                cache
                    .insert(&file(root.path(), text.as_bytes()), format, &md5)
                    .unwrap();
            }
            expected.push((md5.to_string(), text.len() as u64));
        }
        cache
            .capture_dir()
            .unwrap()
            .make(&cache, root.path())
            .unwrap();
        expected.sort();
        assert_eq!(cache.stored(Format::V2).unwrap(), expected);
        assert_eq!(cache.stored(Format::V3).unwrap(), expected);
        cache.remove(Format::V2, &expected[0].0).unwrap();
        cache.remove(Format::V2, &expected[0].0).unwrap();
        assert_eq!(cache.stored(Format::V2).unwrap(), expected[1..]);
        assert_eq!(cache.stored(Format::V3).unwrap(), expected);
    }

    #[test]
    fn a_directory_is_there_when_all_its_files_are() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        let out = root.path().join("out");
        fs_err::create_dir(&out).unwrap();
        fs_err::write(out.join("a"), "1").unwrap();
        fs_err::write(out.join("b"), "22").unwrap();
        let Some(PathDigest::Dir(dir)) = cache.digest(&out).unwrap() else {
            panic!("not a directory");
        };
        let md5 = dir.md5(Format::V3);
        cache.insert_listing(Format::V3, &dir).unwrap();
        assert_eq!(cache.missing(Format::V3, &md5).unwrap().len(), 2);
        for (path, file) in &dir.files {
            cache
                .insert(&out.join(path), Format::V3, &file.md5)
                .unwrap();
        }
        assert!(cache.has(Format::V3, &md5, Some(3)));
        assert!(!cache.has(Format::V3, &md5, Some(4)));
        assert_eq!(cache.objects(Format::V3, &md5).unwrap().len(), 3);
        let object = cache.path(Format::V3, &md5);
        fs_err::remove_file(&object).unwrap();
        fs_err::write(&object, "[]").unwrap();
        let error = cache.listing(Format::V3, &md5).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cache object '{md5}' is damaged")
        );
    }
}
