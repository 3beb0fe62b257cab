//! Loose objects: written once, kept from 'git gc', and synced.

use super::Batch;
use crate::error::{Context, Result};
use crate::id::{self, ObjectId};
use crate::store::{age, durable};
use gix::objs::Kind;
use gix::prelude::Write as _;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A loose object younger than this may still be in the page cache only: the kernel writes back
/// what is 30 seconds old. One that is reused is synced with the new ones.
const MAYBE_NOT_ON_DISK: Duration = Duration::from_secs(120);

/// `git gc` may take an unreachable object two weeks old; one that is reused gets a new time long before.
const REFRESH_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How many objects are open at a time to be synced.
const AT_ONCE: usize = 64;

/// How often an object is written again because its folder went away meanwhile.
const ATTEMPTS: usize = 10;

impl Batch<'_> {
    /// Syncs every object of this batch, then their directories. Refs may move after this.
    pub fn sync(&self) -> Result<()> {
        let folders = self.sync_contents()?;
        for folder in &folders {
            match fs_err::File::open(folder).and_then(|folder| folder.sync_all()) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).context(|| format!("cannot sync '{}'", folder.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Syncs every object of this batch, so that a ref to them is never one to half an object, and
    /// returns the directories whose sync would make their names last too.
    pub(crate) fn sync_contents(&self) -> Result<BTreeSet<PathBuf>> {
        let mut folders = BTreeSet::new();
        let written: Vec<ObjectId> = self.written.borrow().iter().copied().collect();
        for ids in written.chunks(AT_ONCE) {
            let mut files = Vec::new();
            for id in ids {
                let path = self.loose_path(id);
                let cannot = || format!("cannot sync object {}", id::short(id));
                match fs_err::File::open(&path) {
                    Ok(file) => {
                        durable::begin_writing(&file);
                        files.push((file, cannot));
                    }
                    // 'git gc' beside us has packed it, and synced the pack.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error).context(cannot),
                }
                folders.extend(path.parent().map(Path::to_owned));
            }
            for (file, cannot) in files {
                file.sync_all().context(cannot)?;
            }
        }
        if self.new_folder.get() {
            folders.insert(self.folder());
        }
        let mut pending = self.written.borrow_mut();
        for id in &written {
            pending.remove(id);
        }
        self.new_folder.set(false);
        Ok(folders)
    }

    /// Writes an object unless the repository has it.
    pub(crate) fn put(&self, kind: Kind, bytes: &[u8]) -> gix::Result<ObjectId> {
        let repo = &self.store.repo;
        let id = gix::objs::compute_hash(repo.object_hash(), kind, bytes)?;
        if self.written.borrow().contains(&id) {
            return Ok(id);
        }
        // gix calls the empty tree present even where no object database has it.
        if self.reuse_loose(&id) || (!bytes.is_empty() && repo.has_object(id)) {
            return Ok(id);
        }
        let path = self.loose_path(&id);
        let is_there = || path.parent().is_some_and(Path::is_dir);
        let mut attempts = 0;
        loop {
            if !is_there() {
                self.new_folder.set(true);
            }
            attempts += 1;
            match repo.objects.write_buf_with_known_id(kind, bytes, id) {
                Ok(_) => break,
                // 'git gc' beside us takes folders away that it has emptied, this one before we used it.
                Err(_) if attempts < ATTEMPTS && !is_there() => {}
                Err(error) => return Err(error),
            }
        }
        self.written.borrow_mut().insert(id);
        Ok(id)
    }

    /// Whether the object is there, loose: then it is made to last as if it were new.
    fn reuse_loose(&self, id: &ObjectId) -> bool {
        let path = self.loose_path(id);
        let Ok(metadata) = fs_err::metadata(&path) else {
            return false;
        };
        let age = metadata.modified().map(age::since).unwrap_or_default();
        if age < MAYBE_NOT_ON_DISK {
            self.written.borrow_mut().insert(*id);
        } else if age > REFRESH_AFTER {
            let now = std::fs::FileTimes::new().set_modified(age::now());
            // Objects are read-only; their owner may set the time through a descriptor for reading.
            let refreshed =
                fs_err::File::open(&path).and_then(|file| file.into_parts().0.set_times(now));
            if refreshed.is_err() {
                // Somebody else's object in a shared repository: write our own.
                return false;
            }
        }
        true
    }

    fn folder(&self) -> PathBuf {
        self.store.repo.objects.store_ref().path().to_owned()
    }

    fn loose_path(&self, id: &ObjectId) -> PathBuf {
        let hex = id.to_hex().to_string();
        self.folder().join(&hex[..2]).join(&hex[2..])
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods, reason = "ages of files")]

    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn folders_that_gc_takes_away_are_made_again() {
        let sandbox = Sandbox::new();
        let store = sandbox.store();
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                use std::sync::atomic::Ordering;
                while !done.load(Ordering::Acquire) {
                    for number in 0..=255 {
                        let folder = sandbox.path(&format!(".git/objects/{number:02x}"));
                        let _in_use_or_not_there = fs_err::remove_dir(folder);
                    }
                }
            });
            let batch = Batch::new(&store);
            let all = (0..100).try_for_each(|n| batch.blob(format!("{n}").as_bytes()).map(drop));
            done.store(true, std::sync::atomic::Ordering::Release);
            all.and_then(|()| batch.sync()).unwrap();
        });
        sandbox.git(&["fsck", "--strict"]);
    }

    #[test]
    fn a_known_object_is_not_written_again() {
        let sandbox = Sandbox::new();
        sandbox.write("a", "known");
        sandbox.commit("one");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let loose = batch.blob(b"known").unwrap();
        let path = batch.loose_path(&loose);
        let old = age::now() - Duration::from_secs(30 * 24 * 60 * 60);
        let file = fs_err::File::open(&path).unwrap().into_parts().0;
        file.set_times(std::fs::FileTimes::new().set_modified(old))
            .unwrap();
        let again = Batch::new(&store);
        again.blob(b"known").unwrap();
        assert_eq!(again.written.borrow().len(), 0);
        let age = age::since(fs_err::metadata(&path).unwrap().modified().unwrap());
        assert!(age < REFRESH_AFTER);

        sandbox.git(&["gc", "-q"]);
        assert!(!path.exists());
        again.blob(b"known").unwrap();
        assert!(!path.exists());
        assert_eq!(again.written.borrow().len(), 0);
        batch.sync().unwrap();
    }
}
