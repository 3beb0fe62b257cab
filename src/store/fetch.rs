//! Objects from a remote that is a folder, into the cache. Such a remote has the layout of a cache.

use super::Store;
use super::cache::Cache;
use super::insert::protect;
use super::side_by_side::each;
use super::{copy, durable};
use crate::digest::{self, Format};
use crate::error::{Context, Error, Kind, Result};
use crate::pipeline::paths::is_url;
use std::collections::BTreeSet;

/// So many objects are fetched and synced at once: what is held of each adds up.
const TOGETHER: usize = 256;

/// A remote that is a folder.
#[derive(Debug, Clone)]
pub struct RemoteFolder {
    name: String,
    objects: Cache,
}

impl RemoteFolder {
    /// Returns what DVC's config calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has the object, and of a directory every file, that `cache` lacks.
    pub fn can_complete(&self, cache: &Cache, format: Format, md5: &str) -> Result<bool> {
        Ok(self.lacking(cache, format, md5)?.is_some())
    }

    /// Lists what `cache` lacks of an entry; `None` if something of that is not here either.
    fn lacking(&self, cache: &Cache, format: Format, md5: &str) -> Result<Option<Vec<String>>> {
        let usable = |listed: &Result<Vec<String>>| !matches!(listed, Err(error) if matches!(error.kind(), Kind::Missing | Kind::Corrupt));
        let ours = Some(cache.objects(format, md5)).filter(usable);
        let listed = match ours {
            Some(listed) => listed?,
            None => match self.objects.objects(format, md5) {
                Err(error) if error.kind() == Kind::Missing => return Ok(None),
                listed => listed.context(|| self.damaged(md5))?,
            },
        };
        let listed: BTreeSet<String> = listed.into_iter().collect();
        let is_lacked = |object: &String| !cache.path(format, object).is_file();
        let lacked: Vec<String> = listed.into_iter().filter(is_lacked).collect();
        let is_here = |object: &String| self.objects.path(format, object).is_file();
        Ok(lacked.iter().all(is_here).then_some(lacked))
    }

    fn damaged(&self, md5: &str) -> String {
        format!("object '{md5}' of remote '{}' is damaged", self.name)
    }
}

impl Store {
    /// Returns the remote called `name`, for `None` the default one.
    ///
    /// Refused where there is none, and where it is not a folder: DVC itself fetches from those.
    pub fn remote_folder(&self, name: Option<&str>) -> Result<RemoteFolder> {
        let config = self.dvc_config()?;
        let Some(name) = name.or(config.default_remote()) else {
            return Err(Error::refused("DVC's config has no default remote")
                .hint("dvc remote add --default <name> <folder>"));
        };
        let Some(place) = config.place_of_remote(name)? else {
            let unknown = Error::refused(format!("DVC's config has no remote '{name}'"));
            return Err(unknown.hint("dvc remote list"));
        };
        if is_url(&place) {
            return Err(Error::refused(format!(
                "remote '{name}' is at '{place}', and objects are fetched from folders only"
            ))
            .hint("dvc pull"));
        }
        Ok(RemoteFolder {
            name: name.to_owned(),
            objects: Cache::new(place, self.project()?),
        })
    }
}

impl Cache {
    /// Fetches what this cache lacks of an entry, each object checked against its name, a directory's
    /// listing last. Returns how many objects that were; `None`, with nothing fetched, if the remote lacks one.
    pub fn fetch(&self, from: &RemoteFolder, format: Format, md5: &str) -> Result<Option<usize>> {
        let Some(mut objects) = from.lacking(self, format, md5)? else {
            return Ok(None);
        };
        objects.sort_by_key(|object| object.ends_with(".dir"));
        for objects in objects.chunks(TOGETHER) {
            each(objects, |object| {
                self.fetch_object(from, format, object)
                    .context(|| format!("cannot fetch from remote '{}'", from.name))
            })?;
            let folders: BTreeSet<_> = objects
                .iter()
                .map(|object| durable::parent(&self.path(format, object)).to_owned())
                .collect();
            for folder in folders {
                durable::sync_directory(&folder)
                    .context(|| format!("cannot write to '{}'", folder.display()))?;
            }
        }
        Ok(Some(objects.len()))
    }

    fn fetch_object(&self, from: &RemoteFolder, format: Format, md5: &str) -> Result<()> {
        let object = self.path(format, md5);
        let cannot = || format!("cannot store object '{md5}' in the cache");
        let source = fs_err::File::open(from.objects.path(format, md5)).context(cannot)?;
        let size = source.metadata().context(cannot)?.len();
        let file = self.temporary().context(cannot)?;
        copy::copy(source.file(), file.as_file()).context(cannot)?;
        let copied = fs_err::File::open(file.path()).context(cannot)?;
        let piece = self.progress.begin(md5, size);
        let digest = digest::read(copied).context(cannot)?;
        piece.add(size);
        let name = md5.strip_suffix(".dir").unwrap_or(md5);
        if digest.md5(format) != name {
            return Err(Error::corrupt(from.damaged(md5)));
        }
        self.create_dir(durable::parent(&object)).context(cannot)?;
        protect(file.path()).context(cannot)?;
        file.as_file().sync_all().context(cannot)?;
        file.persist(&object)
            .map_err(|failed| failed.error)
            .context(cannot)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{DirDigest, FileDigest};
    use crate::store::cache::OBJECT_MODE;
    use crate::store::testing::Sandbox;
    use std::os::unix::fs::PermissionsExt;

    fn put(cache: &Cache, bytes: &[u8]) -> FileDigest {
        let digest = digest::bytes(bytes);
        let object = cache.path(Format::V3, digest.md5(Format::V3));
        fs_err::create_dir_all(durable::parent(&object)).unwrap();
        fs_err::write(object, bytes).unwrap();
        digest
    }

    #[test]
    fn fetches_a_directory_and_checks_each_file() {
        let sandbox = Sandbox::new();
        sandbox.write(
            ".dvc/config",
            "[core]\n    remote = near\n['remote \"near\"']\n    url = ../near\n\
             ['remote \"far\"']\n    url = s3://bucket/x\n",
        );
        let store = sandbox.store();
        let cache = store.cache().unwrap();
        let remote = store.remote_folder(None).unwrap();
        assert_eq!(remote.name(), "near");
        let there = Cache::new(sandbox.path("near"), sandbox.path(""));
        let files = [("a", "one"), ("b", "two")];
        let files = files.map(|(path, text)| (path.to_owned(), put(&there, text.as_bytes())));
        let listing = DirDigest::new(files.clone());
        let md5 = listing.md5(Format::V3);
        let fetch = || cache.fetch(&remote, Format::V3, &md5);
        assert_eq!(fetch().unwrap(), None);
        there.insert_listing(Format::V3, &listing).unwrap();
        assert!(remote.can_complete(&cache, Format::V3, &md5).unwrap());
        assert_eq!(fetch().unwrap(), Some(3));
        assert_eq!(fetch().unwrap(), Some(0));
        assert!(cache.missing(Format::V3, &md5).unwrap().is_empty());
        let one = cache.path(Format::V3, files[0].1.md5(Format::V3));
        let mode = fs_err::metadata(&one).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, OBJECT_MODE);

        fs_err::remove_file(&one).unwrap();
        let other = there.path(Format::V3, files[0].1.md5(Format::V3));
        fs_err::write(&other, "six").unwrap();
        let error = fetch().unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(
            error.chain().contains("of remote 'near' is damaged"),
            "{}",
            error.chain()
        );
        assert!(!one.exists());
        fs_err::remove_file(&other).unwrap();
        assert_eq!(fetch().unwrap(), None);
        assert!(!remote.can_complete(&cache, Format::V3, &md5).unwrap());

        let refused = |name| store.remote_folder(Some(name)).unwrap_err().chain();
        assert!(
            refused("far").contains("'s3://bucket/x'"),
            "{}",
            refused("far")
        );
        assert!(refused("none").contains("no remote 'none'"));
    }
}
