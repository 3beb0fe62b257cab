//! What a command leaves for its end, when its work is done.
//!
//! A file system frees a file when its last name and its last handle are gone, a gigabyte in a tenth of
//! a second or worse, and whoever closes it waits for that. And the hashes of a file that was put in
//! place can be remembered only when the kernel's clock has ticked since, some milliseconds later.

use super::Store;
use super::memo::{Known, Stat};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// From this size on, in bytes, freeing a file takes longer than leaving that to another process.
const LARGE: u64 = 16 * 1024 * 1024;

/// How many files are held: a process may not have many more open.
const MOST: usize = 32;

/// What is left; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Later(Arc<Mutex<Left>>);

#[derive(Debug, Default)]
struct Left {
    replaced: Vec<File>,
    placed: Vec<(Stat, Known)>,
}

impl Later {
    /// Removes the name of a file or a link; a large file that has no other is held.
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let frees = |stat: &Metadata| stat.is_file() && stat.nlink() == 1 && stat.size() >= LARGE;
        let large = fs_err::symlink_metadata(path).is_ok_and(|stat| frees(&stat));
        // One that cannot be read is freed now.
        let file = large.then(|| fs_err::File::open(path).ok()).flatten();
        fs_err::remove_file(path)?;
        if let (Some(file), Ok(mut left)) = (file, self.0.lock())
            && left.replaced.len() < MOST
        {
            left.replaced.push(file.into_file());
        }
        Ok(())
    }

    /// Hands over the large files that were removed: they are freed when they are closed, with the
    /// command at the latest.
    pub fn take_removed(&self) -> Vec<File> {
        let left = self.0.lock();
        left.map_or_else(
            |_| Vec::new(),
            |mut left| std::mem::take(&mut left.replaced),
        )
    }

    /// Leaves what may be remembered of files that were put in place.
    pub(super) fn remember(&self, placed: Vec<(Stat, Known)>) {
        if let Ok(mut left) = self.0.lock() {
            left.placed.extend(placed);
        }
    }
}

impl Store {
    /// Returns what this store, its clones and its caches have left for the end.
    pub fn later(&self) -> &Later {
        &self.later
    }

    /// Remembers the hashes of what was put in place, see [`super::memo::Memo::put_own`]. It saves time
    /// later on: what fails is no error.
    pub fn remember_placed(&self) {
        let placed = match self.later.0.lock() {
            Ok(mut left) => std::mem::take(&mut left.placed),
            Err(_) => return,
        };
        if let (false, Ok(cache)) = (placed.is_empty(), self.cache()) {
            cache.memo.put_own(placed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_that_go_are_held_until_they_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for (name, size) in [("small", LARGE - 1), ("large", LARGE), ("linked", LARGE)] {
            fs_err::File::create(path(name))
                .unwrap()
                .set_len(size)
                .unwrap();
        }
        fs_err::hard_link(path("linked"), path("other")).unwrap();
        fs_err::os::unix::fs::symlink(path("large"), path("link")).unwrap();
        let later = Later::default();
        for name in ["small", "linked", "link"] {
            later.remove(&path(name)).unwrap();
        }
        assert!(later.take_removed().is_empty());
        later.remove(&path("large")).unwrap();
        assert!(!path("large").exists());
        let held = later.clone().take_removed();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].metadata().unwrap().nlink(), 0);
        assert!(later.take_removed().is_empty());
        let error = later.remove(&path("large")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
