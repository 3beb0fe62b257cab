//! Cache objects into the work tree.

use super::cache::{Cache, LinkType};
use super::copy;
use super::dir_listing::ListedFile;
use super::durable::{self, TEMPORARY_PREFIX};
use super::dvc_ignore::DvcIgnore;
use super::holds::Place;
use super::later::Later;
use super::memo::{self, Known, Stat};
use super::side_by_side::each;
use crate::digest::Format;
use crate::error::{Context, Result};
use std::collections::HashSet;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

impl Cache {
    /// Puts an object (file or directory) at `dest`, writing only files that differ, each by rename.
    ///
    /// Whatever else is at `dest` goes, so save it first: other files of the directory (those that
    /// `.dvcignore` hides stay), a file where a directory comes and the reverse. A symbolic link at
    /// `dest` to a directory is followed. `cache.type` says how; a copy is made where that is not
    /// possible, for an empty file, and for an executable one, since a link would make the object
    /// itself executable. Links are read-only, copies have the umask's mode, `isexec` adds the
    /// owner's execute bit.
    ///
    /// Nothing is changed if an object is missing (an error that names it) or a listing damaged.
    pub fn materialise(&self, format: Format, md5: &str, isexec: bool, dest: &Path) -> Result<()> {
        self.memo.put_own(self.put(format, md5, isexec, dest)?);
        Ok(())
    }

    /// As [`Cache::materialise`], without a wait until hashes can be remembered:
    /// [`super::Store::remember_placed`] does that in the end.
    pub(super) fn materialise_now(
        &self,
        format: Format,
        md5: &str,
        isexec: bool,
        dest: &Path,
    ) -> Result<()> {
        self.later.remember(self.put(format, md5, isexec, dest)?);
        Ok(())
    }

    /// Returns what may be remembered of files that are there now.
    fn put(
        &self,
        format: Format,
        md5: &str,
        isexec: bool,
        dest: &Path,
    ) -> Result<Vec<(Stat, Known)>> {
        let cannot = || format!("cannot restore '{}'", dest.display());
        let placed = match md5.ends_with(".dir") {
            true => self.materialise_dir(format, md5, dest),
            false => self
                .places(format, vec![(md5.to_owned(), dest.to_owned())])
                .and_then(|places| self.place_all(&places, isexec)),
        };
        placed.context(cannot)
    }

    fn materialise_dir(
        &self,
        format: Format,
        md5: &str,
        dest: &Path,
    ) -> Result<Vec<(Stat, Known)>> {
        let files = self.listing(format, md5)?;
        let place = |file: &ListedFile| (file.md5.to_string(), dest.join(&file.relpath));
        let places = self.places(format, files.iter().map(place).collect())?;
        let cannot = || format!("cannot create the directory '{}'", dest.display());
        make_room_for_dir(dest).context(cannot)?;
        let mut dirs = HashSet::from([dest]);
        for place in &places {
            let above: Vec<_> = (place.dest.ancestors().skip(1))
                .take_while(|dir| dirs.insert(dir))
                .collect();
            for dir in above.into_iter().rev() {
                make_room_for_dir(dir).context(cannot)?;
            }
        }
        let wanted: HashSet<&str> = files.iter().map(|file| file.relpath.as_str()).collect();
        remove_others(dest, &DvcIgnore::above(&self.project, dest)?, &wanted)?;
        self.place_all(&places, false)
    }

    /// Fills places. Returns what may be remembered of files that are there now.
    fn place_all(&self, places: &[Place], isexec: bool) -> Result<Vec<(Stat, Known)>> {
        let fill = |place: &Place| {
            self.place_file(place, isexec)
                .context(|| format!("cannot write '{}'", place.dest.display()))
        };
        let placed = each(places, fill)?;
        Ok(placed.into_iter().flatten().collect())
    }

    fn place_file(&self, place: &Place, isexec: bool) -> io::Result<Option<(Stat, Known)>> {
        let (object, dest) = (&place.object, place.dest.as_path());
        let at = memo::now();
        if place.has_object()? {
            let compared = place.compared().filter(|(stat, _)| stat.is_settled(at));
            // A second name of the object has the object's mode.
            let stat = place.found.as_ref().filter(|stat| {
                !place.is_linked() && stat.nlink() == 1 && (stat.mode() & 0o100 != 0) != isexec
            });
            if stat.is_none() {
                return Ok(compared);
            }
            set_executable(dest, isexec)?;
            let known = compared.map(|(_, known)| known).or(place.known.clone());
            let stat = Stat::of(&fs_err::metadata(dest)?);
            return Ok(known.map(|known| (stat, known)));
        }
        let alone = isexec || object.stat.size() == 0;
        let types = self
            .types
            .iter()
            .copied()
            .filter(|kind| !(alone && matches!(kind, LinkType::Hardlink | LinkType::Symlink)));
        let dir = durable::parent(dest);
        if fs_err::symlink_metadata(dest).is_ok_and(|stat| stat.is_dir()) {
            fs_err::remove_dir_all(dest)?;
        } else {
            fs_err::create_dir_all(dir)?;
        }
        for kind in types.chain([LinkType::Copy]) {
            let made = tempfile::Builder::new()
                .prefix(TEMPORARY_PREFIX)
                .make_in(dir, |new| make(kind, &object.path, new));
            let temporary = match made {
                Ok(temporary) => temporary,
                Err(error) if kind != LinkType::Copy && copy::is_unsupported(&error) => continue,
                Err(error) => return Err(error),
            };
            if isexec {
                set_executable(temporary.path(), true)?;
            }
            // Asked for its times, it gets a new one with its name: see [`super::memo::Memo::put_own`].
            fs_err::symlink_metadata(temporary.path())?;
            put_in_place(temporary, dest, &self.later)?;
            let stat = Stat::of(&fs_err::metadata(dest)?);
            return Ok(match kind {
                LinkType::Reflink | LinkType::Copy => Some((stat, object.known_of_copy())),
                // Where its ctime tells the object's content, that is another one now.
                LinkType::Hardlink if stat.differs_in_change_only(&object.stat) => {
                    object.known.clone().map(|known| (stat, known))
                }
                LinkType::Hardlink | LinkType::Symlink => None,
            });
        }
        Err(io::Error::other("no way to link or copy"))
    }
}

/// Gives a finished file, or link, its name. What had it before goes.
///
/// ext4 writes a file out before it replaces another: a hundred megabytes take longer than to copy them,
/// and whoever syncs next waits for the rest. The file is in the cache, so that haste is not needed, and
/// exchanging two names does without.
fn put_in_place(
    temporary: tempfile::NamedTempFile<()>,
    dest: &Path,
    later: &Later,
) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        if renameat_with(CWD, temporary.path(), CWD, dest, RenameFlags::EXCHANGE).is_ok() {
            let before = temporary.into_temp_path();
            later.remove(&before)?;
            let _gone = before.keep();
            return Ok(());
        }
        // There is nothing yet, or the file system has no such exchange.
    }
    temporary
        .persist(dest)
        .map(drop)
        .map_err(|failed| failed.error)
}

/// Makes `new` from an object in one of the ways; an unsupported one leaves nothing behind.
pub(super) fn make(kind: LinkType, object: &Path, new: &Path) -> io::Result<()> {
    let fill = |how: fn(&std::fs::File, &std::fs::File) -> io::Result<()>| {
        let source = fs_err::File::open(object)?;
        let dest = copy::create_new(new, 0o666)?;
        how(source.file(), &dest).inspect_err(|_| {
            let _ = fs_err::remove_file(new);
        })
    };
    match kind {
        LinkType::Reflink => fill(copy::reflink),
        LinkType::Copy => fill(copy::copy_bytes),
        LinkType::Hardlink => fs_err::hard_link(object, new),
        LinkType::Symlink => fs_err::os::unix::fs::symlink(object, new),
    }
}

/// Makes `dir` a directory; a file in its place goes, a link to a directory stays.
fn make_room_for_dir(dir: &Path) -> io::Result<()> {
    if !dir.is_dir() && fs_err::symlink_metadata(dir).is_ok() {
        fs_err::remove_file(dir)?;
    }
    fs_err::create_dir_all(dir)
}

/// Removes the files below `dir` that are not `wanted`, and directories that this empties.
fn remove_others(dir: &Path, ignore: &DvcIgnore, wanted: &HashSet<&str>) -> Result<()> {
    for file in ignore.files_below(dir)? {
        if wanted.contains(file.relpath.as_str()) {
            continue;
        }
        let path = dir.join(&file.relpath);
        fs_err::remove_file(&path).context(|| format!("cannot remove '{}'", path.display()))?;
        for above in path.ancestors().skip(1).take_while(|above| *above != dir) {
            if fs_err::remove_dir(above).is_err() {
                break;
            }
        }
    }
    Ok(())
}

pub(super) fn set_executable(path: &Path, executable: bool) -> io::Result<()> {
    let mode = fs_err::metadata(path)?.mode() & 0o7777;
    let wanted = if executable {
        mode | 0o100
    } else {
        mode & !0o100
    };
    if wanted != mode {
        fs_err::set_permissions(path, Permissions::from_mode(wanted))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{self, DirDigest, PathDigest};
    use crate::store::memo::Memo;
    use std::path::PathBuf;
    use tempfile::TempDir;

    struct Project {
        root: TempDir,
        cache: Cache,
    }

    impl Project {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            let cache = Cache::new(root.path().join(".dvc/cache"), root.path());
            fs_err::create_dir(root.path().join(".dvc")).unwrap();
            Project { root, cache }
        }

        fn path(&self, path: &str) -> PathBuf {
            self.root.path().join(path)
        }

        fn store(&self, bytes: &[u8]) -> String {
            let file = self.path(".dvc/new");
            fs_err::write(&file, bytes).unwrap();
            let md5 = digest::bytes(bytes).md5;
            self.cache.insert(&file, Format::V3, &md5).unwrap();
            md5.to_string()
        }

        fn store_dir(&self, files: &[(&str, &str)]) -> String {
            let dir = DirDigest::new(files.iter().map(|(path, text)| {
                self.store(text.as_bytes());
                ((*path).to_owned(), digest::bytes(text.as_bytes()))
            }));
            self.cache.insert_listing(Format::V3, &dir).unwrap();
            dir.md5(Format::V3)
        }

        fn put(&self, md5: &str, dest: &str) {
            self.cache
                .materialise(Format::V3, md5, false, &self.path(dest))
                .unwrap();
        }

        fn read(&self, path: &str) -> String {
            fs_err::read_to_string(self.path(path)).unwrap()
        }
    }

    fn inode(path: &Path) -> u64 {
        fs_err::metadata(path).unwrap().ino()
    }

    fn mode(path: &Path) -> u32 {
        fs_err::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn writes_a_file_only_if_it_differs() {
        let project = Project::new();
        let md5 = project.store(b"weights");
        project.put(&md5, "model");
        let first = inode(&project.path("model"));
        project.put(&md5, "model");
        assert_eq!(inode(&project.path("model")), first);
        fs_err::write(project.path("model"), "WEIGHTS").unwrap();
        project.put(&md5, "model");
        assert_eq!(project.read("model"), "weights");
        assert_ne!(inode(&project.path("model")), first);
        assert_eq!(mode(&project.path("model")) & 0o600, 0o600);
    }

    #[test]
    fn a_directory_becomes_exactly_its_listing() {
        let project = Project::new();
        let md5 = project.store_dir(&[("a/x", "1"), ("b", "2"), ("c", "")]);
        fs_err::create_dir_all(project.path("out/b/deep")).unwrap();
        fs_err::create_dir_all(project.path("out/old/older")).unwrap();
        fs_err::write(project.path("out/old/older/f"), "gone").unwrap();
        fs_err::write(project.path("out/a"), "in the way").unwrap();
        fs_err::write(project.path("out/keep.tmp"), "mine").unwrap();
        fs_err::write(project.path(".dvcignore"), "*.tmp\n").unwrap();
        project.put(&md5, "out");
        assert_eq!(project.read("out/a/x"), "1");
        assert_eq!(project.read("out/b"), "2");
        assert_eq!(project.read("out/c"), "");
        assert_eq!(project.read("out/keep.tmp"), "mine");
        assert!(!project.path("out/old").exists());
        let kept = inode(&project.path("out/a/x"));
        let md5 = project.store_dir(&[("a/x", "1"), ("b", "3")]);
        project.put(&md5, "out");
        assert_eq!(inode(&project.path("out/a/x")), kept);
        assert_eq!(project.read("out/b"), "3");
        let md5 = project.store(b"a file now");
        project.put(&md5, "out");
        assert_eq!(project.read("out"), "a file now");
    }

    #[test]
    fn knows_its_own_in_the_workspace() {
        let mut project = Project::new();
        project.cache.memo = Memo::at(project.path("memo"));
        let holds = |project: &Project, md5: &str, path: &str| {
            let path = project.path(path);
            project.cache.holds_at(Format::V3, md5, &path).unwrap()
        };
        let md5 = project.store(b"weights");
        assert!(!holds(&project, &md5, "model"));
        project.put(&md5, "model");
        assert!(holds(&project, &md5, "model"));
        fs_err::write(project.path("model"), "WEIGHTS").unwrap();
        assert!(!holds(&project, &md5, "model"));
        fs_err::write(project.path("model"), "weights").unwrap();
        let object = project.cache.path(Format::V3, &md5);
        fs_err::remove_file(object).unwrap();
        assert!(holds(&project, &md5, "model"));

        let md5 = project.store_dir(&[("a/x", "1"), ("b", "2")]);
        project.put(&md5, "out");
        assert!(holds(&project, &md5, "out"));
        fs_err::write(project.path("out/c"), "3").unwrap();
        assert!(!holds(&project, &md5, "out"));
        fs_err::remove_file(project.path("out/c")).unwrap();
        fs_err::write(project.path("out/b"), "3").unwrap();
        assert!(!holds(&project, &md5, "out"));
        assert!(!holds(&project, &md5, "model"));
        assert!(!holds(&project, &md5, "nothing"));
    }

    #[test]
    fn a_missing_object_is_named_and_nothing_changes() {
        let project = Project::new();
        let md5 = project.store_dir(&[("a", "1"), ("b", "2")]);
        let gone = digest::bytes(b"2").md5;
        fs_err::remove_file(project.cache.path(Format::V3, &gone)).unwrap();
        let error = project
            .cache
            .materialise(Format::V3, &md5, false, &project.path("out"))
            .unwrap_err();
        assert_eq!(
            error.chain(),
            format!(
                "cannot restore '{}': cache object '{gone}' is missing",
                project.path("out").display()
            )
        );
        assert!(!project.path("out").exists());
        assert_eq!(
            project.cache.missing(Format::V3, &md5).unwrap(),
            [gone.to_string()]
        );
        assert!(!project.cache.has(Format::V3, &md5, None));
    }

    #[test]
    fn links_as_the_config_says_and_unprotects_again() {
        let mut project = Project::new();
        let md5 = project.store(b"weights");
        let object = project.cache.path(Format::V3, &md5);
        for kind in [LinkType::Hardlink, LinkType::Symlink] {
            project.cache.types = vec![kind];
            project.put(&md5, "out/model");
            let dest = project.path("out/model");
            assert_eq!(inode(&dest), inode(&object));
            assert_eq!(mode(&dest), 0o444);
            project.cache.unprotect(&project.path("out")).unwrap();
            assert_ne!(inode(&dest), inode(&object));
            assert_eq!(project.read("out/model"), "weights");
            assert_eq!(mode(&dest) & 0o600, 0o600);
            assert_eq!(mode(&object), 0o444);
            fs_err::remove_file(&dest).unwrap();
        }
    }

    #[test]
    fn an_executable_or_empty_file_is_a_copy() {
        let mut project = Project::new();
        project.cache.types = vec![LinkType::Hardlink];
        let md5 = project.store(b"#!/bin/sh\n");
        let dest = project.path("tool");
        project
            .cache
            .materialise(Format::V3, &md5, true, &dest)
            .unwrap();
        assert_eq!(mode(&dest) & 0o111, 0o100);
        assert_eq!(mode(&project.cache.path(Format::V3, &md5)), 0o444);
        project.cache.types = vec![LinkType::Copy];
        let first = inode(&dest);
        project.put(&md5, "tool");
        assert_eq!((mode(&dest) & 0o111, inode(&dest)), (0, first));
        let empty = project.store(b"");
        project.cache.types = vec![LinkType::Hardlink];
        project.put(&empty, "empty");
        assert_eq!(fs_err::metadata(project.path("empty")).unwrap().nlink(), 1);
    }

    #[test]
    fn leaves_links_of_the_user_alone() {
        let project = Project::new();
        fs_err::write(project.path("elsewhere"), "mine").unwrap();
        std::os::unix::fs::symlink("elsewhere", project.path("link")).unwrap();
        project.cache.unprotect(&project.path("link")).unwrap();
        project.cache.unprotect(&project.path("nothing")).unwrap();
        assert!(
            fs_err::symlink_metadata(project.path("link"))
                .unwrap()
                .is_symlink()
        );
    }

    #[test]
    fn a_remembered_file_is_not_read_again() {
        let mut project = Project::new();
        project.cache.memo = Memo::at(project.path("memo"));
        let md5 = project.store(&vec![7; 2 << 20]);
        project.put(&md5, "model");
        // Only a reader would notice that the object is damaged now.
        let object = project.cache.path(Format::V3, &md5);
        fs_err::set_permissions(&object, Permissions::from_mode(0o644)).unwrap();
        fs_err::write(&object, vec![8; 2 << 20]).unwrap();
        let first = inode(&project.path("model"));
        project.put(&md5, "model");
        assert_eq!(inode(&project.path("model")), first);
    }

    /// All files below a directory with their bytes, by path.
    fn contents(dir: &Path) -> Vec<(String, Vec<u8>)> {
        DvcIgnore::above(dir, dir)
            .unwrap()
            .files_below(dir)
            .unwrap()
            .into_iter()
            .map(|file| {
                let bytes = fs_err::read(dir.join(&file.relpath)).unwrap();
                (file.relpath, bytes)
            })
            .collect()
    }

    fn copy_dir(from: &Path, to: &Path) {
        for (path, bytes) in contents(from) {
            let to = to.join(path);
            fs_err::create_dir_all(to.parent().unwrap()).unwrap();
            fs_err::write(to, bytes).unwrap();
        }
    }

    /// See `tests/fixtures/cache/README.md`.
    #[test]
    fn stores_and_restores_what_both_dvcs_do() {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cache");
        for (format, name) in [(Format::V2, "v2"), (Format::V3, "v3")] {
            let project = Project::new();
            copy_dir(&fixture.join("work"), &project.path(""));
            let cache = &project.cache;
            let Some(PathDigest::Dir(dir)) = cache.digest(&project.path("out")).unwrap() else {
                panic!("'out' is a directory");
            };
            let file = cache.digest(&project.path("crlf.txt")).unwrap().unwrap();
            for (path, digest) in [("out", PathDigest::Dir(dir.clone())), ("crlf.txt", file)] {
                let entry =
                    fs_err::read_to_string(fixture.join(name).join(format!("{path}.dvc"))).unwrap();
                assert!(entry.contains(&format!("md5: {}\n", digest.md5(format))));
                assert!(entry.contains(&format!("size: {}\n", digest.size())));
                if let Some(nfiles) = digest.nfiles() {
                    assert!(entry.contains(&format!("nfiles: {nfiles}\n")));
                }
            }

            copy_dir(&project.path("out"), &project.path("captured"));
            fs_err::copy(project.path("crlf.txt"), project.path("captured-file")).unwrap();
            let mut files: Vec<_> = dir
                .files
                .iter()
                .map(|(path, digest)| (project.path("captured").join(path), *digest.md5(format)))
                .collect();
            let file = cache.digest(&project.path("crlf.txt")).unwrap().unwrap();
            let md5 = digest::Hex::parse(&file.md5(format)).unwrap();
            files.push((project.path("captured-file"), md5));
            cache.insert_all(Path::new(""), &files, format).unwrap();
            cache.insert_listing(format, &dir).unwrap();
            let mut theirs = contents(&fixture.join(name));
            theirs.retain(|(path, _)| !path.ends_with(".dvc"));
            assert_eq!(contents(cache.dir()), theirs);

            let md5 = dir.md5(format);
            let sha256 = dir.sha256();
            assert_eq!(cache.verify(format, &md5, Some(&sha256)).unwrap(), []);
            cache
                .materialise(format, &md5, false, &project.path("again"))
                .unwrap();
            assert_eq!(
                contents(&project.path("again")),
                contents(&fixture.join("work/out"))
            );
        }
    }
}
