//! In which order training wrote: the files of a checkpoint, and the one that says that it is complete.
//!
//! Time stamps do not tell: the kernel's clock for them ticks every few milliseconds, which is long
//! enough to begin the next model. Events of one inotify queue are in order. Nobody is woken by this
//! queue, and it is made only when it is needed: when a step file was seen.

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// How many folders are watched; where there are more, the order is not known.
const MOST_FOLDERS: usize = 1000;

/// Tells what was written after a file, as soon as that has been written once more.
#[derive(Debug)]
pub struct Order {
    mark: PathBuf,
    paths: Vec<PathBuf>,
    watch: Option<Watch>,
}

impl Order {
    /// Starts without a watch; `mark` is the file that is written last.
    pub fn new(mark: &Path) -> Self {
        Order {
            mark: mark.to_owned(),
            paths: Vec::new(),
            watch: None,
        }
    }

    /// Whether one of `paths`, or anything below one, was written after the mark; `None` if that is not known.
    pub fn is_overtaken(&mut self, paths: Vec<PathBuf>) -> Option<bool> {
        let overtaken = match &mut self.watch {
            Some(watch) if self.paths == paths => watch.read(),
            _ => Err(Lost),
        };
        if let Ok(overtaken) = overtaken {
            return overtaken;
        }
        self.watch = Watch::new(&self.mark, &paths);
        self.paths = paths;
        None
    }
}

/// An event was lost, or a folder came that is not watched.
struct Lost;

#[derive(Debug)]
struct Watch {
    queue: OwnedFd,
    folders: HashMap<i32, PathBuf>,
    mark: PathBuf,
    paths: Vec<PathBuf>,
    /// Whether anything was written after the mark; `None` until the mark was written.
    after: Option<bool>,
}

impl Watch {
    /// Watches the folders of the mark and of all paths, and those below. `None` if one cannot be watched.
    fn new(mark: &Path, paths: &[PathBuf]) -> Option<Self> {
        let mut watch = Watch {
            queue: inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?,
            folders: HashMap::new(),
            mark: in_real_folder(mark)?,
            paths: Vec::new(),
            after: None,
        };
        watch.add(mark.parent()?)?;
        for path in paths {
            let here = in_real_folder(path)?;
            watch.add(here.parent()?)?;
            // Of a link, what it links to is written.
            if let Ok(target) = fs_err::canonicalize(&here)
                && target != here
            {
                watch.add(target.parent()?)?;
                watch.add_below(&target)?;
                watch.paths.push(target);
            } else {
                watch.add_below(&here)?;
            }
            watch.paths.push(here);
        }
        Some(watch)
    }

    fn add(&mut self, folder: &Path) -> Option<()> {
        let flags = WatchFlags::MODIFY
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR;
        let folder = fs_err::canonicalize(folder).ok()?;
        let descriptor = inotify::add_watch(&self.queue, &folder, flags).ok()?;
        self.folders.insert(descriptor, folder);
        (self.folders.len() <= MOST_FOLDERS).then_some(())
    }

    fn add_below(&mut self, path: &Path) -> Option<()> {
        if !fs_err::symlink_metadata(path).is_ok_and(|stat| stat.is_dir()) {
            return Some(());
        }
        self.add(path)?;
        for entry in fs_err::read_dir(path).ok()? {
            self.add_below(&entry.ok()?.path())?;
        }
        Some(())
    }

    fn read(&mut self) -> Result<Option<bool>, Lost> {
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = inotify::Reader::new(&self.queue, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return Ok(self.after),
                Err(_) => return Err(Lost),
            };
            let what = event.events();
            if what.intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED) {
                return Err(Lost);
            }
            let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), event.file_name())
            else {
                continue;
            };
            let path = folder.join(OsStr::from_bytes(name.to_bytes()));
            if path == self.mark {
                if !what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                    self.after = Some(false);
                }
            } else if self.paths.iter().any(|ours| path.starts_with(ours)) {
                if what.contains(ReadFlags::ISDIR) {
                    return Err(Lost);
                }
                self.after = self.after.map(|_| true);
            }
        }
    }
}

/// Returns a path, which need not exist, with a folder that has no links in it.
fn in_real_folder(path: &Path) -> Option<PathBuf> {
    let folder = fs_err::canonicalize(path.parent()?).ok()?;
    Some(folder.join(path.file_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Project {
        root: tempfile::TempDir,
        order: Order,
        paths: Vec<PathBuf>,
    }

    impl Project {
        fn new(paths: &[&str]) -> Self {
            let root = tempfile::tempdir().unwrap();
            let path = |path: &&str| root.path().join(path);
            let mut project = Project {
                order: Order::new(&root.path().join("mark")),
                paths: paths.iter().map(path).collect(),
                root,
            };
            project.write("model.pt");
            project.write("out/sub/file");
            project.write("mark");
            assert_eq!(project.ask(), None, "nothing was watched");
            assert_eq!(project.ask(), None, "the mark was not written since");
            project
        }

        fn write(&self, path: &str) {
            let path = self.root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "text").unwrap();
        }

        fn ask(&mut self) -> Option<bool> {
            self.order.is_overtaken(self.paths.clone())
        }
    }

    #[test]
    fn what_comes_after_the_mark_is_known_whatever_the_time() {
        let mut project = Project::new(&["model.pt", "out", "not-there"]);
        project.write("model.pt");
        project.write("mark");
        assert_eq!(project.ask(), Some(false));
        project.write("beside");
        assert_eq!(project.ask(), Some(false), "not one of them");
        let tries = ["model.pt", "out/sub/file", "out/new", "not-there"];
        for path in tries {
            project.write(path);
            assert_eq!(project.ask(), Some(true), "{path}");
            assert_eq!(project.ask(), Some(true), "still");
            project.write("mark");
            assert_eq!(project.ask(), Some(false), "{path}");
        }
        fs_err::remove_file(project.root.path().join("mark")).unwrap();
        assert_eq!(project.ask(), Some(false));
        fs_err::remove_file(project.root.path().join("model.pt")).unwrap();
        assert_eq!(project.ask(), Some(true));
    }

    #[test]
    fn a_folder_that_is_new_is_watched_from_the_next_mark_on() {
        let mut project = Project::new(&["out"]);
        project.write("out/deep/file");
        project.write("mark");
        assert_eq!(project.ask(), None);
        project.write("mark");
        assert_eq!(project.ask(), Some(false));
        project.write("out/deep/file");
        assert_eq!(project.ask(), Some(true));
    }

    #[test]
    fn other_paths_are_another_question() {
        let mut project = Project::new(&["model.pt"]);
        project.paths.push(project.root.path().join("out"));
        project.write("mark");
        assert_eq!(project.ask(), None);
        project.write("mark");
        assert_eq!(project.ask(), Some(false));
        project.write("out/sub/file");
        assert_eq!(project.ask(), Some(true));
    }

    #[test]
    fn a_link_is_written_where_it_leads() {
        let elsewhere = tempfile::tempdir().unwrap();
        fs_err::write(elsewhere.path().join("real"), "1").unwrap();
        let mut project = Project::new(&["link"]);
        let link = project.root.path().join("link");
        std::os::unix::fs::symlink(elsewhere.path().join("real"), link).unwrap();
        // The watch is made anew for the link.
        project.order = Order::new(&project.root.path().join("mark"));
        assert_eq!(project.ask(), None);
        project.write("mark");
        assert_eq!(project.ask(), Some(false));
        fs_err::write(elsewhere.path().join("real"), "2").unwrap();
        assert_eq!(project.ask(), Some(true));
    }

    #[test]
    fn nothing_is_known_where_nothing_can_be_watched() {
        let mut order = Order::new(Path::new("/nowhere/mark"));
        for _ in 0..2 {
            assert_eq!(order.is_overtaken(vec![PathBuf::from("/nowhere/a")]), None);
        }
    }
}
