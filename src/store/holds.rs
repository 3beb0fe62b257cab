//! Whether the work tree has what the cache has.

use super::cache::{Cache, missing};
use super::dir_listing::ListedFile;
use super::dvc_ignore::{DvcIgnore, FoundFile};
use super::memo::{self, Known, Stat};
use super::side_by_side::each;
use crate::digest::Format;
use crate::error::{Context, Kind, Result};
use std::fs::Metadata;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

impl Cache {
    /// Whether `path` has exactly the content of an object (a directory: its files and no others,
    /// but those that `.dvcignore` hides). What is found is remembered, so that the next
    /// [`Cache::materialise`] or [`Cache::holds_at`] reads nothing.
    pub fn holds_at(&self, format: Format, md5: &str, path: &Path) -> Result<bool> {
        let same = match md5.ends_with(".dir") {
            true => self.holds_dir_at(format, md5, path),
            false => self.hold(self.places(format, vec![(md5.to_owned(), path.to_owned())])),
        };
        match same {
            Err(error) if matches!(error.kind(), Kind::Missing | Kind::Corrupt) => Ok(self
                .digest(path)?
                .is_some_and(|digest| digest.md5(format) == md5)),
            same => same,
        }
    }

    fn holds_dir_at(&self, format: Format, md5: &str, path: &Path) -> Result<bool> {
        let listed = self.listing(format, md5)?;
        if !path.is_dir() {
            return Ok(false);
        }
        let files = DvcIgnore::above(&self.project, path)?.files_below(path)?;
        let names = |(file, listed): (&FoundFile, &ListedFile)| file.relpath == listed.relpath;
        if files.len() != listed.len() || !files.iter().zip(&listed).all(names) {
            return Ok(false);
        }
        let place = |file: ListedFile| (file.md5.to_string(), path.join(file.relpath));
        self.hold(self.places(format, listed.into_iter().map(place).collect()))
    }

    /// Whether all places have their objects' bytes.
    fn hold(&self, places: Result<Vec<Place>>) -> Result<bool> {
        let at = memo::now();
        let looked = each(places?, |place| -> Result<_> {
            let same = place
                .has_object()
                .context(|| format!("cannot read '{}'", place.dest.display()))?;
            Ok((same, place.compared().filter(|_| same)))
        })?;
        let same = looked.iter().all(|(same, _)| *same);
        let compared = looked.into_iter().filter_map(|(_, compared)| compared);
        self.memo
            .put(compared.filter(|(stat, _)| stat.is_settled(at)));
        Ok(same)
    }

    /// Looks at objects, which must be there, and at the places where they belong.
    pub(super) fn places(
        &self,
        format: Format,
        objects: Vec<(String, PathBuf)>,
    ) -> Result<Vec<Place>> {
        let mut places = each(objects, |(md5, dest)| -> Result<_> {
            let object = self.path(format, &md5);
            let stat = fs_err::metadata(&object).map_err(|error| missing(&md5, error))?;
            let found = fs_err::metadata(&dest).ok();
            Ok(Place {
                found: found.filter(|it| it.is_file() && it.len() == stat.len()),
                known: None,
                object: Object {
                    format,
                    md5,
                    path: object,
                    stat: Stat::of(&stat),
                    known: None,
                },
                dest,
            })
        })?;
        let mut stats: Vec<Stat> = places.iter().map(|place| place.object.stat).collect();
        let mut found_at = Vec::new();
        for (at, place) in places.iter().enumerate() {
            if let Some(found) = &place.found {
                stats.push(Stat::of(found));
                found_at.push(at);
            }
        }
        let count = places.len();
        self.memo
            .find(stats, |at, known| match at.checked_sub(count) {
                None if known.is_complete() => places[at].object.known = Some(known),
                None => {}
                Some(at) => places[found_at[at]].known = Some(known),
            });
        Ok(places)
    }
}

/// An object that is there.
pub(super) struct Object {
    pub format: Format,
    pub md5: String,
    pub path: PathBuf,
    pub stat: Stat,
    /// All its hashes, if somebody has read it.
    pub known: Option<Known>,
}

impl Object {
    /// Returns what is known of a file that has just got this object's bytes.
    pub fn known_of_copy(&self) -> Known {
        let is_as_it_was = || {
            let now = fs_err::metadata(&self.path);
            now.is_ok_and(|now| Stat::of(&now) == self.stat)
        };
        match &self.known {
            Some(known) if is_as_it_was() => known.clone(),
            _ => Known::name(self.format, &self.md5),
        }
    }
}

/// An object and where it belongs.
pub(super) struct Place {
    pub object: Object,
    pub dest: PathBuf,
    /// The file that is there, if it has the object's size.
    pub found: Option<Metadata>,
    /// What is known of it.
    pub known: Option<Known>,
}

impl Place {
    /// Whether the file that is there is a link to the object.
    pub fn is_linked(&self) -> bool {
        let found = self.found.as_ref();
        found.is_some_and(|found| Stat::of(found).is_same_file(&self.object.stat))
    }

    /// Whether there is a file with exactly the object's bytes.
    pub fn has_object(&self) -> io::Result<bool> {
        if self.found.is_none() || self.is_linked() {
            return Ok(self.found.is_some());
        }
        match self.is_known() {
            Some(same) => Ok(same),
            None => has_same_bytes(&self.dest, &self.object.path),
        }
    }

    /// Returns what may be remembered of the file after its bytes were compared with the object's and
    /// were the same; `None` if that was not necessary.
    pub fn compared(&self) -> Option<(Stat, Known)> {
        let found = self.found.as_ref()?;
        let compared = !self.is_linked() && self.is_known().is_none();
        compared.then(|| (Stat::of(found), self.object.known_of_copy()))
    }

    /// Whether the file is known to be the object's content, or not to be.
    fn is_known(&self) -> Option<bool> {
        let known = self.known.as_ref()?;
        let same = known.md5(self.object.format) == Some(&self.object.md5);
        (same || known.is_complete()).then_some(same)
    }
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
