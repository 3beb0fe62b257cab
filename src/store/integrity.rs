//! Whether cache objects are what their names and the notes say.

use super::cache::Cache;
use crate::digest::{DirDigest, FileDigest, Format};
use crate::error::{Kind, Result};
use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;

/// What is wrong with one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The object's name: an md5, with `.dir` behind it for a listing.
    pub object: String,
    /// What is wrong.
    pub damage: Damage,
}

/// Ways in which an object can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// It is not there.
    Missing,
    /// Its bytes do not hash to its name.
    Damaged,
    /// Its bytes, or those of a file of this directory, hash to the md5 name but not to the sha256
    /// that was recorded: somebody made them so.
    Tampered,
}

/// Checks objects against their hashes, each object once however many entries name it.
pub struct Verifier<'c> {
    cache: &'c Cache,
    /// Digests of the stored bytes; `None` for objects that are not there.
    seen: HashMap<(Format, String), Option<FileDigest>>,
}

impl Cache {
    /// Checks the objects behind one entry; see [`Verifier::verify`].
    pub fn verify(&self, format: Format, md5: &str, sha256: Option<&str>) -> Result<Vec<Problem>> {
        self.verifier().verify(format, md5, sha256)
    }

    /// Checks the objects behind one entry as far as a look tells: of this size, read-only as DVC and we
    /// leave them. Those that look wrong are read, see [`Verifier::verify`].
    pub fn glance(&self, format: Format, md5: &str, size: Option<u64>) -> Result<Vec<Problem>> {
        // A text that DVC 2 stored with other line ends has another size, and is right all the same.
        let fits = size.is_none() || self.has(format, md5, size);
        let is_protected = |object: &String| {
            fs_err::metadata(self.path(format, object)).is_ok_and(|stat| stat.mode() & 0o222 == 0)
        };
        if fits && self.objects(format, md5)?.iter().all(is_protected) {
            return Ok(Vec::new());
        }
        self.verify(format, md5, None)
    }

    /// Starts a check of many entries.
    pub fn verifier(&self) -> Verifier<'_> {
        Verifier {
            cache: self,
            seen: HashMap::new(),
        }
    }
}

impl Verifier<'_> {
    /// Reads every object behind an entry and compares it with its name, and with the note's
    /// `sha256` where there is one. Returns nothing if all is well, an error only if reading fails.
    pub fn verify(
        &mut self,
        format: Format,
        md5: &str,
        sha256: Option<&str>,
    ) -> Result<Vec<Problem>> {
        let problem = |object: &str, damage| Problem {
            object: object.to_owned(),
            damage,
        };
        if !md5.ends_with(".dir") {
            self.read(format, &[md5])?;
            let damage = self.look(format, md5).or_else(|| {
                let digest = self.digest(format, md5)?;
                sha256
                    .is_some_and(|sha256| digest.sha256 != sha256)
                    .then_some(Damage::Tampered)
            });
            return Ok(damage
                .map(|damage| problem(md5, damage))
                .into_iter()
                .collect());
        }
        let files = match self.cache.listing(format, md5) {
            Ok(files) => files,
            Err(error) if error.kind() == Kind::Missing => {
                return Ok(vec![problem(md5, Damage::Missing)]);
            }
            Err(error) if error.kind() == Kind::Corrupt => {
                return Ok(vec![problem(md5, Damage::Damaged)]);
            }
            Err(error) => return Err(error),
        };
        let names: Vec<&str> = files.iter().map(|file| &*file.md5).collect();
        self.read(format, &names)?;
        let mut problems = Vec::new();
        let mut dir = DirDigest::default();
        for file in &files {
            match (self.look(format, &file.md5), self.digest(format, &file.md5)) {
                (None, Some(digest)) => {
                    dir.files.insert(file.relpath.clone(), digest.clone());
                }
                (damage, _) => {
                    problems.push(problem(&file.md5, damage.unwrap_or(Damage::Missing)));
                }
            }
        }
        problems.dedup();
        if problems.is_empty() && sha256.is_some_and(|sha256| sha256 != dir.sha256()) {
            problems.push(problem(md5, Damage::Tampered));
        }
        Ok(problems)
    }

    /// Hashes those objects that were not hashed yet.
    fn read(&mut self, format: Format, names: &[&str]) -> Result<()> {
        let mut new: Vec<&str> = names
            .iter()
            .copied()
            .filter(|md5| !self.seen.contains_key(&(format, (*md5).to_owned())))
            .collect();
        new.sort_unstable();
        new.dedup();
        let read = self.cache.read_objects(format, &new)?;
        for (md5, digest) in new.into_iter().zip(read) {
            self.seen.insert((format, md5.to_owned()), digest);
        }
        Ok(())
    }

    fn digest(&self, format: Format, md5: &str) -> Option<&FileDigest> {
        self.seen.get(&(format, md5.to_owned()))?.as_ref()
    }

    fn look(&self, format: Format, md5: &str) -> Option<Damage> {
        match self.digest(format, md5) {
            None => Some(Damage::Missing),
            Some(digest) if digest.md5(format) != md5 => Some(Damage::Damaged),
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    fn store(cache: &Cache, root: &Path, bytes: &[u8]) -> FileDigest {
        let file = root.join("new");
        fs_err::write(&file, bytes).unwrap();
        let digest = digest::bytes(bytes);
        cache.insert(&file, Format::V3, &digest.md5).unwrap();
        digest
    }

    fn overwrite(cache: &Cache, md5: &str, bytes: &[u8]) {
        let path = cache.path(Format::V3, md5);
        fs_err::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    fn damage(cache: &Cache, md5: &str, sha256: &str) -> Vec<(String, Damage)> {
        cache
            .verify(Format::V3, md5, Some(sha256))
            .unwrap()
            .into_iter()
            .map(|problem| (problem.object, problem.damage))
            .collect()
    }

    #[test]
    fn tells_missing_damaged_and_tampered_apart() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join("cache"), root.path());
        let file = store(&cache, root.path(), b"weights");
        assert_eq!(damage(&cache, &file.md5, &file.sha256), []);
        let other = digest::bytes(b"other").sha256;
        assert_eq!(
            damage(&cache, &file.md5, &other),
            [(file.md5.to_string(), Damage::Tampered)]
        );
        overwrite(&cache, &file.md5, b"WEIGHTS");
        assert_eq!(
            damage(&cache, &file.md5, &file.sha256),
            [(file.md5.to_string(), Damage::Damaged)]
        );
        fs_err::remove_file(cache.path(Format::V3, &file.md5)).unwrap();
        assert_eq!(
            damage(&cache, &file.md5, &file.sha256),
            [(file.md5.to_string(), Damage::Missing)]
        );
    }

    #[test]
    fn looks_into_directories() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join("cache"), root.path());
        let one = store(&cache, root.path(), b"1");
        let two = store(&cache, root.path(), b"2");
        let dir = DirDigest::new([
            ("a".to_owned(), one.clone()),
            ("b".to_owned(), two.clone()),
            ("c".to_owned(), two.clone()),
        ]);
        cache.insert_listing(Format::V3, &dir).unwrap();
        let md5 = dir.md5(Format::V3);
        assert_eq!(damage(&cache, &md5, &dir.sha256()), []);
        assert_eq!(
            damage(&cache, &md5, &one.sha256),
            [(md5.clone(), Damage::Tampered)]
        );
        overwrite(&cache, &two.md5, b"3");
        assert_eq!(
            damage(&cache, &md5, &dir.sha256()),
            [(two.md5.to_string(), Damage::Damaged)]
        );
        overwrite(&cache, &md5, b"[]");
        assert_eq!(
            damage(&cache, &md5, &dir.sha256()),
            [(md5, Damage::Damaged)]
        );
    }
}
