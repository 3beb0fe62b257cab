//! Which tracked files training has written, for each capture anew.
//!
//! Watches tell it without a look at any file. Where they do not work, because the system has none or
//! has run out of them, each file is looked at: while training waits if there are at most
//! [`MOST_LOOKED_AT`], else when the capture is recorded.

use super::stat::{FileStat, nanos, now};
use super::watch::WriteWatch;
use crate::capture::PathList;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// How many files a capture looks at itself.
pub const MOST_LOOKED_AT: usize = 1000;

/// What was written since the last capture.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Exactly these, if all is known; they may lie beside tracked files, too.
    pub paths: BTreeSet<PathBuf>,
    /// Maybe these, too: they were too young when they were last looked at.
    pub doubtful: BTreeSet<PathBuf>,
    /// Not known: all of these are to be looked at when the capture is recorded.
    pub later: Option<Arc<PathList>>,
}

/// The tracked files of a run.
#[derive(Debug)]
pub struct WrittenFiles {
    /// Whether watches were wanted, and set up if that was possible.
    watched: bool,
    /// Whether something may have been written before the watches were set up.
    look_due: bool,
    root: PathBuf,
    tracked: Arc<PathList>,
    watch: WriteWatch,
    /// How many folders may be watched.
    limit: usize,
    /// What each file looked like, and whether that tells it from all later contents.
    seen: HashMap<PathBuf, (Option<FileStat>, bool)>,
    /// All that belong to checkpoints because they were written.
    captured: BTreeSet<PathBuf>,
    /// Of these, those that the next capture needs whether or not they are written again.
    again: BTreeSet<PathBuf>,
}

impl WrittenFiles {
    /// Will watch the folders of `tracked`, paths below `root`, from [`WrittenFiles::watch`] on.
    pub fn new(root: &Path, tracked: Arc<PathList>) -> Self {
        Self::with_limit(root, tracked, usize::MAX)
    }

    /// Starts to know, if it has not yet: by a look, and where that is too long by watches.
    pub fn start(&mut self) {
        if self.seen.is_empty() && !self.watched {
            self.start_at(nanos(now()));
        }
    }

    fn start_at(&mut self, now: i128) {
        if self.tracked.len() <= MOST_LOOKED_AT {
            self.look(now);
        } else {
            self.watch();
        }
    }

    /// Starts to watch, if it has not yet. The kernel takes ten milliseconds to end a watch, so what is
    /// over sooner goes without. What was written since the start is found by another look.
    pub fn watch(&mut self) {
        if std::mem::replace(&mut self.watched, true) {
            return;
        }
        self.start_watch();
        if self.tracked.len() <= MOST_LOOKED_AT {
            self.look_due = !self.seen.is_empty();
            if !self.look_due {
                self.look(nanos(now()));
            }
        }
    }

    fn with_limit(root: &Path, tracked: Arc<PathList>, limit: usize) -> Self {
        WrittenFiles {
            watched: false,
            look_due: false,
            root: root.to_owned(),
            tracked,
            watch: WriteWatch::default(),
            limit,
            seen: HashMap::new(),
            captured: BTreeSet::new(),
            again: BTreeSet::new(),
        }
    }

    /// Whether watches tell all that is written, beside tracked files too.
    pub fn are_watched(&self) -> bool {
        self.watch.works()
    }

    /// Returns what was written since the last call; `now` is the moment of the look.
    pub fn take(&mut self, now: i128) -> Written {
        let mut written = Written {
            paths: std::mem::take(&mut self.again),
            ..Written::default()
        };
        let worked = self.watch.works();
        match self.watch.take() {
            Some(paths) => {
                written.paths.extend(paths);
                if std::mem::take(&mut self.look_due) {
                    let (changed, doubtful) = self.look(now);
                    written.paths.extend(changed);
                    written.doubtful = doubtful;
                }
            }
            None => {
                // It told more than the queue holds, or a folder went: this time by a look.
                if worked {
                    self.start_watch();
                }
                if self.tracked.len() > MOST_LOOKED_AT {
                    written.later = Some(self.tracked.clone());
                } else {
                    let (changed, doubtful) = self.look(now);
                    written.paths.extend(changed);
                    written.doubtful = doubtful;
                }
            }
        }
        written
    }

    /// Counts tracked files that have changed since a moment before the watch, or are gone, as written.
    pub fn add_changed(&mut self, since: SystemTime) {
        let since = nanos(since);
        let root = &self.root;
        let is_changed = |file: &&Path| {
            rustix::fs::lstat(root.join(file))
                .map_or(true, |stat| FileStat::from_rustix(&stat).newest() >= since)
        };
        let changed = self.tracked.iter().filter(is_changed);
        self.again.extend(changed.map(Path::to_owned));
    }

    /// Remembers files that are part of checkpoints from now on.
    pub fn capture(&mut self, paths: &BTreeSet<PathBuf>) {
        self.captured.extend(paths.iter().cloned());
    }

    /// The last capture was lost: the next one must have all that it had.
    pub fn again(&mut self) {
        self.again.clone_from(&self.captured);
    }

    fn start_watch(&mut self) {
        let mut folders = BTreeSet::new();
        for folder in self.tracked.iter().filter_map(|path| path.parent()) {
            if !folders.contains(folder) {
                folders.insert(folder.to_owned());
            }
        }
        self.watch = WriteWatch::new(&self.root, folders, self.limit);
    }

    /// Looks at every file. Returns those that differ from the last look, and those that may.
    fn look(&mut self, now: i128) -> (BTreeSet<PathBuf>, BTreeSet<PathBuf>) {
        let (mut changed, mut doubtful) = (BTreeSet::new(), BTreeSet::new());
        for path in self.tracked.iter() {
            let stat = rustix::fs::lstat(self.root.join(path)).ok();
            let stat = stat.as_ref().map(FileStat::from_rustix);
            let settled = stat.is_none_or(|stat| stat.is_settled(now));
            match self.seen.insert(path.to_owned(), (stat, settled)) {
                Some((before, _)) if before != stat => drop(changed.insert(path.to_owned())),
                Some((_, false)) => drop(doubtful.insert(path.to_owned())),
                _ => {}
            }
        }
        (changed, doubtful)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i128 = 3_600_000_000_000;

    struct Project {
        root: tempfile::TempDir,
        files: WrittenFiles,
        now: i128,
    }

    impl Project {
        /// Files of which at most `limit` folders can be watched, all an hour old.
        fn new(tracked: &[&str], limit: usize) -> Self {
            let root = tempfile::tempdir().unwrap();
            let tracked: PathList = tracked.iter().map(Path::new).collect();
            let tracked = Arc::new(tracked);
            for path in tracked.iter() {
                let path = root.path().join(path);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                fs_err::write(path, "1").unwrap();
            }
            let stat = rustix::fs::stat(root.path()).unwrap();
            let now = FileStat::from_rustix(&stat).newest() + HOUR;
            let mut files = WrittenFiles::with_limit(root.path(), tracked, limit);
            files.start_at(now);
            files.watch();
            Project { root, files, now }
        }

        fn write(&self, path: &str) {
            fs_err::write(self.root.path().join(path), "longer").unwrap();
        }

        fn take(&mut self) -> Written {
            self.now += HOUR;
            self.files.take(self.now)
        }
    }

    fn paths(paths: &[&str]) -> Written {
        Written {
            paths: paths.iter().map(PathBuf::from).collect(),
            ..Written::default()
        }
    }

    #[test]
    fn what_changed_before_the_watch_can_be_added() {
        let mut project = Project::new(&["old", "new", "gone"], usize::MAX);
        let stat = fs_err::metadata(project.root.path().join("new")).unwrap();
        let modified = stat.modified().unwrap();
        fs_err::remove_file(project.root.path().join("gone")).unwrap();
        project.take();
        let later = std::time::Duration::from_secs(9);
        project.files.add_changed(modified + later);
        assert_eq!(project.take(), paths(&["gone"]));
        project.files.add_changed(modified);
        assert!(project.take().paths.contains(Path::new("new")));
        assert_eq!(project.take(), paths(&[]));
    }

    #[test]
    fn is_told_or_looks_itself() {
        for limit in [usize::MAX, 2, 1, 0] {
            let mut project = Project::new(&["a", "sub/b", "sub/c"], limit);
            assert_eq!(project.files.are_watched(), limit >= 2);
            assert_eq!(project.take(), paths(&[]), "limit {limit}");
            project.write("a");
            project.write("sub/c");
            assert_eq!(project.take(), paths(&["a", "sub/c"]), "limit {limit}");
            assert_eq!(project.take(), paths(&[]), "limit {limit}");
            fs_err::remove_file(project.root.path().join("sub/b")).unwrap();
            assert_eq!(project.take(), paths(&["sub/b"]), "limit {limit}");
        }
    }

    #[test]
    fn leaves_many_files_to_the_record() {
        let names: Vec<String> = (0..=MOST_LOOKED_AT).map(|n| format!("f{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut project = Project::new(&names, usize::MAX);
        project.write("f7");
        assert_eq!(project.take(), paths(&["f7"]));
        let mut project = Project::new(&names, 0);
        let later = project.take();
        assert_eq!(later.paths, BTreeSet::new());
        assert_eq!(later.later.unwrap().len(), MOST_LOOKED_AT + 1);
        let mut project = Project::new(&names[..MOST_LOOKED_AT], 0);
        project.write("f7");
        assert_eq!(project.take(), paths(&["f7"]));
    }

    #[test]
    fn doubts_what_is_too_young() {
        let mut project = Project::new(&["a"], 0);
        project.write("a");
        let written =
            FileStat::from_rustix(&rustix::fs::stat(project.root.path().join("a")).unwrap());
        project.now = written.newest() - HOUR;
        assert_eq!(project.take(), paths(&["a"]));
        let doubtful = Written {
            doubtful: [PathBuf::from("a")].into(),
            ..Written::default()
        };
        assert_eq!(project.take(), doubtful);
        assert_eq!(project.take(), paths(&[]));
    }

    #[test]
    fn goes_on_when_a_folder_goes_and_comes_back() {
        for limit in [usize::MAX, 0] {
            let mut project = Project::new(&["a", "deep/sub/b"], limit);
            fs_err::remove_dir_all(project.root.path().join("deep")).unwrap();
            assert_eq!(project.take().paths, paths(&["deep/sub/b"]).paths);
            fs_err::create_dir(project.root.path().join("deep")).unwrap();
            fs_err::create_dir(project.root.path().join("deep/sub")).unwrap();
            project.write("deep/sub/b");
            assert_eq!(project.take().paths, paths(&["deep/sub/b"]).paths);
            project.write("deep/sub/b");
            project.write("a");
            assert_eq!(project.take().paths, paths(&["a", "deep/sub/b"]).paths);
            assert_eq!(project.files.are_watched(), limit > 0);
        }
    }

    #[test]
    fn gives_again_what_was_lost() {
        let mut project = Project::new(&["a", "b"], usize::MAX);
        project.write("a");
        let written = project.take();
        project.files.capture(&written.paths);
        project.files.again();
        project.write("b");
        assert_eq!(project.take(), paths(&["a", "b"]));
        assert_eq!(project.take(), paths(&[]));
    }
}
