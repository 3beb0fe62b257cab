//! What training waits for: a consistent copy of what the stage has written, and nothing more.
//!
//! Outputs are compared by stat with the last capture; unchanged ones cost one `lstat`. Changed files
//! up to [`IN_MEMORY`] are read into memory, larger ones are reflinked or copied to a folder on the
//! cache's file system. No hashing, no syncing, no git.

mod directory;

use super::room;
use super::stat::{self, FileStat, nanos};
use crate::capture::{
    AsOf, Capture, CapturedContent, CapturedFile, CapturedOutput, CapturedPath, Content, IN_MEMORY,
};
use crate::error::{Context, Error, Result};
use crate::pipeline::{Output, paths};
use crate::store::copy::copy_for_capture;
use crate::store::dvc_ignore::DvcIgnore;
use directory::{DirectoryWalk, SeenDirectory};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::collections::HashMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

/// Remembers what each output looked like when it was last captured.
#[derive(Debug)]
pub struct Capturer {
    root: PathBuf,
    copies: PathBuf,
    trust_stat: bool,
    next_copy: u64,
    /// Bytes of the present output that were copied.
    copied: u64,
    files: HashMap<String, Seen>,
    directories: HashMap<String, SeenDirectory>,
    ignores: HashMap<String, Arc<DvcIgnore>>,
}

/// A file as it was when its bytes were read. Small: an output may be a folder of a million files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    target: FileStat,
    /// The link to it, where it is one.
    link: Option<Box<FileStat>>,
    settled: bool,
    /// The pass over its folder that saw it last.
    pass: u32,
}

impl Capturer {
    /// Makes a capturer for the project at `root` whose large copies go to the folder `copies`, which exists.
    pub fn new(root: &Path, copies: &Path, trust_stat: bool) -> Self {
        Capturer {
            root: root.to_owned(),
            copies: copies.to_owned(),
            trust_stat,
            next_copy: 0,
            copied: 0,
            files: HashMap::new(),
            directories: HashMap::new(),
            ignores: HashMap::new(),
        }
    }

    /// Forgets all stats, so that the next capture is complete: after a record failed.
    pub fn forget(&mut self) {
        self.files.clear();
        self.directories.clear();
    }

    /// Forgets the stats of one output, which is captured in full next time.
    pub fn forget_output(&mut self, path: &str) {
        self.files.remove(path);
        self.directories.remove(path);
    }

    /// Whether the file at an output's path looks as it did when it was captured last; `None` for a
    /// folder, and where that is not known.
    pub fn is_as_captured(&self, path: &str) -> Option<bool> {
        let seen = self.files.get(path)?;
        let (link, target) = stats(&self.root.join(path)).ok()?;
        Some(*seen.link() == link && seen.target == target)
    }

    /// Waits a moment if that lets the next capture of large outputs be remembered.
    pub fn let_settle(&self, outputs: &[Output]) {
        if self.trust_stat {
            stat::let_settle(outputs.iter().map(|output| self.root.join(&output.path)));
        }
    }

    /// Returns a mark for [`Capturer::take_back`].
    pub fn mark(&self) -> u64 {
        self.next_copy
    }

    /// Removes what was copied since the mark, and forgets all stats: that capture is thrown away.
    pub fn take_back(&mut self, mark: u64) {
        for number in mark..self.next_copy {
            // What cannot be removed goes with the folder when the run ends.
            let _later = fs_err::remove_file(self.copies.join(number.to_string()));
        }
        self.forget();
    }

    /// Captures outputs at time `now`. On error, [`Capturer::take_back`] what was captured with it.
    pub fn outputs(
        &mut self,
        outputs: &[Output],
        now: SystemTime,
        capture: &mut Capture,
    ) -> Result<()> {
        for output in outputs {
            let content = self.output(&output.path, nanos(now), &mut capture.bytes)?;
            capture.outputs.push(CapturedOutput {
                path: output.path.clone(),
                content,
            });
        }
        Ok(())
    }

    /// Captures a file, or a directory of files, that is no output but belongs to git: `path` as that of
    /// an output, `tree_path` from the top of the work tree. `outputs` may lie inside, and stay as they are.
    pub fn report(
        &mut self,
        path: &str,
        tree_path: &Path,
        outputs: &[Output],
        now: SystemTime,
        capture: &mut Capture,
    ) -> Result<()> {
        let content = self.output(path, nanos(now), &mut capture.bytes)?;
        let mut add = |path: PathBuf, file| capture.files.push(CapturedPath { path, file });
        match content {
            CapturedContent::Missing => add(tree_path.to_owned(), None),
            CapturedContent::File(file) => add(tree_path.to_owned(), Some(file)),
            CapturedContent::Directory {
                complete,
                changed,
                removed,
            } => {
                let holds_output = outputs.iter().any(|out| paths::is_within(&out.path, path));
                if complete && !holds_output {
                    add(tree_path.to_owned(), None);
                }
                let is_ours = |below: &String| {
                    let full = format!("{path}/{below}");
                    !outputs.iter().any(|out| paths::is_within(&full, &out.path))
                };
                for below in removed.into_iter().filter(is_ours) {
                    add(tree_path.join(below), None);
                }
                for (below, file) in changed {
                    if is_ours(&below) {
                        add(tree_path.join(below), Some(file));
                    }
                }
            }
        }
        Ok(())
    }

    /// Captures a file that is no output, by its path in the work tree at `worktree`.
    ///
    /// A folder, a socket and the like are passed over: `None`.
    pub fn path(
        &mut self,
        worktree: &Path,
        path: &Path,
        bytes: &mut u64,
    ) -> Result<Option<CapturedPath>> {
        let full = worktree.join(path);
        let doing = || format!("cannot read '{}'", path.display());
        self.copied = 0;
        let file = match rustix::fs::lstat(&full) {
            Err(Errno::NOENT | Errno::NOTDIR) => None,
            Err(errno) => return Err(errno).context(doing),
            Ok(stat) => {
                let stat = FileStat::from_rustix(&stat);
                if stat.is_symlink() {
                    let target = rustix::fs::readlink(&full, Vec::new()).context(doing)?;
                    Some(CapturedFile {
                        content: Content::Link(target.into_bytes()),
                        executable: false,
                        as_of: None,
                    })
                } else if stat.is_file() {
                    let file =
                        rustix::fs::open(&full, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
                            .context(doing)?;
                    Some(self.read(file, &full, stat, bytes).context(doing)?)
                } else {
                    return Ok(None);
                }
            }
        };
        Ok(Some(CapturedPath {
            path: path.to_owned(),
            file,
        }))
    }

    fn output(&mut self, path: &str, now: i128, bytes: &mut u64) -> Result<CapturedContent> {
        let full = self.root.join(path);
        let doing = || format!("cannot capture output '{path}'");
        self.copied = 0;
        let (link, target) = match stats(&full) {
            Ok(both) => both,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
                self.files.remove(path);
                self.directories.remove(path);
                return Ok(CapturedContent::Missing);
            }
            Err(errno) => return Err(errno).context(doing),
        };
        if target.is_dir() {
            self.files.remove(path);
            let known = self.directories.remove(path);
            let complete = known.is_none();
            let mut directory = known.unwrap_or_default();
            if !self.ignores.contains_key(path) {
                let ignore = DvcIgnore::above(&self.root, &full)?;
                self.ignores.insert(path.to_owned(), Arc::new(ignore));
            }
            let ignore = self.ignores.get(path).cloned();
            let mut walk = DirectoryWalk {
                ignore,
                capturer: self,
                now,
                bytes,
                changed: Vec::new(),
                removed: Vec::new(),
            };
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let descriptor = rustix::fs::open(&full, flags, Mode::empty()).context(doing)?;
            walk.directory(descriptor, &full, "", &mut directory, 0)
                .context(doing)?;
            let (changed, removed) = (walk.changed, walk.removed);
            self.directories.insert(path.to_owned(), directory);
            return Ok(CapturedContent::Directory {
                complete,
                changed,
                removed,
            });
        }
        self.directories.remove(path);
        if !target.is_file() {
            return Err(Error::refused(format!(
                "output '{path}' is neither a file nor a directory"
            )));
        }
        let settled = self.trust_stat && target.is_settled(now);
        let seen = Seen::new(link, target, settled, 0);
        let unchanged =
            target.size > IN_MEMORY && self.files.get(path).is_some_and(|last| last.tells(&seen));
        if unchanged {
            return Ok(CapturedContent::File(CapturedFile {
                content: Content::Unchanged,
                executable: target.is_executable(),
                as_of: None,
            }));
        }
        self.files.remove(path);
        let file = rustix::fs::open(&full, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .context(doing)?;
        let mut captured = self.read(file, &full, target, bytes).context(doing)?;
        captured.as_of = seen.as_of();
        self.files.insert(path.to_owned(), seen);
        Ok(CapturedContent::File(captured))
    }

    /// Reads a small file, copies a large one. `stat` was taken before.
    fn read(
        &mut self,
        file: OwnedFd,
        path: &Path,
        stat: FileStat,
        bytes: &mut u64,
    ) -> std::io::Result<CapturedFile> {
        *bytes += stat.size;
        let executable = stat.is_executable();
        if stat.size <= IN_MEMORY {
            let mut content = Vec::with_capacity(stat.size as usize + 1);
            std::fs::File::from(file)
                .take(IN_MEMORY * 2)
                .read_to_end(&mut content)?;
            // Longer than it was a moment ago: somebody appends to it. What is missing would be the newest part.
            if content.len() as u64 <= IN_MEMORY {
                return Ok(CapturedFile {
                    content: Content::Bytes(content),
                    executable,
                    as_of: None,
                });
            }
        }
        room::check(&self.copies, stat.size, self.copied)?;
        let copy = self.copies.join(self.next_copy.to_string());
        self.next_copy += 1;
        self.copied += stat.size;
        copy_for_capture(path, &copy)?;
        Ok(CapturedFile {
            content: Content::Copy {
                path: copy,
                size: stat.size,
            },
            executable,
            as_of: None,
        })
    }
}

impl Seen {
    fn new(link: FileStat, target: FileStat, settled: bool, pass: u32) -> Self {
        Seen {
            target,
            link: (link != target).then(|| Box::new(link)),
            settled,
            pass,
        }
    }

    /// Returns what the file is known by, if a write since would have changed that.
    ///
    /// One that nobody may write to is known by more than is looked at here, and may be an object of the
    /// cache, whose hash is known.
    fn as_of(&self) -> Option<AsOf> {
        let told = self.settled && self.target.mode & 0o222 != 0;
        told.then(|| self.target.as_of())
    }

    fn link(&self) -> &FileStat {
        self.link.as_deref().unwrap_or(&self.target)
    }

    /// Whether a file that was seen like this, and now looks like `now`, has the bytes it had then.
    fn tells(&self, now: &Seen) -> bool {
        self.settled && self.link == now.link && self.target == now.target
    }
}

/// Returns the stat of a path and of what it links to.
fn stats(path: &Path) -> Result<(FileStat, FileStat), Errno> {
    let link = FileStat::from_rustix(&rustix::fs::lstat(path)?);
    let target = if link.is_symlink() {
        FileStat::from_rustix(&rustix::fs::stat(path)?)
    } else {
        link
    };
    Ok((link, target))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        reason = "stats of files are compared with the clock"
    )]

    use super::*;
    use crate::pipeline::OutputKind;
    use crate::value::Value;
    use std::time::Duration;

    struct Project {
        root: tempfile::TempDir,
        copies: tempfile::TempDir,
        capturer: Capturer,
        now: SystemTime,
    }

    impl Project {
        fn new() -> Self {
            let (root, copies) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let capturer = Capturer::new(root.path(), copies.path(), true);
            // An hour on: every stat is settled, unless a test turns the clock back.
            let now = SystemTime::now() + Duration::from_secs(3600);
            Project {
                root,
                copies,
                capturer,
                now,
            }
        }

        fn write(&self, path: &str, content: impl AsRef<[u8]>) {
            let path = self.root.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }

        fn capture(&mut self, path: &str) -> CapturedContent {
            let output = Output {
                path: path.into(),
                kind: OutputKind::Out,
                cache: true,
                persist: false,
                checkpoint: true,
                remote: None,
                push: true,
                props: Value::Null,
            };
            let mut capture = Capture::default();
            self.capturer
                .outputs(&[output], self.now, &mut capture)
                .unwrap();
            capture.outputs.remove(0).content
        }

        fn directory(&mut self, path: &str) -> (bool, Vec<String>, Vec<String>) {
            match self.capture(path) {
                CapturedContent::Directory {
                    complete,
                    changed,
                    mut removed,
                } => {
                    let mut changed: Vec<_> = changed.into_iter().map(|(path, _)| path).collect();
                    changed.sort();
                    removed.sort();
                    (complete, changed, removed)
                }
                other => panic!("not a directory: {other:?}"),
            }
        }
    }

    fn big(byte: u8) -> Vec<u8> {
        vec![byte; IN_MEMORY as usize + 1]
    }

    #[test]
    fn a_missing_output_is_missing() {
        assert!(matches!(
            Project::new().capture("model.pt"),
            CapturedContent::Missing
        ));
    }

    #[test]
    fn what_a_write_would_show_in_is_told() {
        use std::os::unix::fs::PermissionsExt;
        let mut project = Project::new();
        project.write("model.pt", "one");
        let as_of = |project: &mut Project| match project.capture("model.pt") {
            CapturedContent::File(file) => file.as_of,
            other => panic!("not a file: {other:?}"),
        };
        assert_eq!(as_of(&mut project).unwrap().size, 3);
        let settled = std::mem::replace(&mut project.now, SystemTime::now());
        project.write("model.pt", "two");
        assert_eq!(as_of(&mut project), None);
        project.now = settled;
        let path = project.root.path().join("model.pt");
        fs_err::set_permissions(path, PermissionsExt::from_mode(0o444)).unwrap();
        assert_eq!(as_of(&mut project), None);
    }

    #[test]
    fn a_small_file_is_read_every_time() {
        let mut project = Project::new();
        project.write("model.pt", "one");
        for _ in 0..2 {
            let content = project.capture("model.pt");
            assert!(
                matches!(content, CapturedContent::File(CapturedFile { content: Content::Bytes(ref bytes), .. }) if bytes == b"one")
            );
        }
    }

    #[test]
    fn a_large_file_is_copied_once_while_it_stays_as_it_is() {
        let mut project = Project::new();
        project.write("model.pt", big(1));
        let CapturedContent::File(CapturedFile {
            content: Content::Copy { path, size },
            ..
        }) = project.capture("model.pt")
        else {
            panic!("not copied")
        };
        assert_eq!(
            (size, fs_err::read(&path).unwrap()),
            (IN_MEMORY + 1, big(1))
        );
        assert!(path.starts_with(project.copies.path()));
        assert!(matches!(
            project.capture("model.pt"),
            CapturedContent::File(CapturedFile {
                content: Content::Unchanged,
                ..
            })
        ));
    }

    #[test]
    fn a_stat_that_is_too_young_is_not_trusted() {
        let mut project = Project::new();
        project.now = SystemTime::now();
        project.write("model.pt", big(1));
        project.capture("model.pt");
        project.now += Duration::from_secs(3600);
        assert!(matches!(
            project.capture("model.pt"),
            CapturedContent::File(CapturedFile {
                content: Content::Copy { .. },
                ..
            })
        ));
        assert!(matches!(
            project.capture("model.pt"),
            CapturedContent::File(CapturedFile {
                content: Content::Unchanged,
                ..
            })
        ));
    }

    #[test]
    fn a_link_is_followed_and_a_changed_target_is_seen() {
        let mut project = Project::new();
        project.write("a.pt", big(1));
        project.write("b.pt", big(2));
        let link = project.root.path().join("model.pt");
        std::os::unix::fs::symlink("a.pt", &link).unwrap();
        project.capture("model.pt");
        fs_err::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("b.pt", &link).unwrap();
        let CapturedContent::File(CapturedFile {
            content: Content::Copy { path, .. },
            ..
        }) = project.capture("model.pt")
        else {
            panic!("not copied")
        };
        assert_eq!(fs_err::read(path).unwrap(), big(2));
    }

    #[test]
    fn a_directory_says_what_changed_and_what_went() {
        let mut project = Project::new();
        project.write("out/a", "1");
        project.write("out/sub/b", "1");
        project.write("out/sub/deep/c", "1");
        assert_eq!(
            project.directory("out"),
            (
                true,
                vec!["a".into(), "sub/b".into(), "sub/deep/c".into()],
                vec![]
            )
        );
        assert_eq!(project.directory("out"), (false, vec![], vec![]));
        project.write("out/sub/b", "22");
        fs_err::remove_dir_all(project.root.path().join("out/sub/deep")).unwrap();
        fs_err::remove_file(project.root.path().join("out/a")).unwrap();
        assert_eq!(
            project.directory("out"),
            (
                false,
                vec!["sub/b".into()],
                vec!["a".into(), "sub/deep/c".into()]
            )
        );
    }

    #[test]
    fn forgetting_makes_the_next_capture_complete() {
        let mut project = Project::new();
        project.write("out/a", "1");
        project.directory("out");
        project.capturer.forget();
        assert_eq!(project.directory("out"), (true, vec!["a".into()], vec![]));
    }

    #[test]
    fn a_directory_that_became_a_file_and_back_is_complete() {
        let mut project = Project::new();
        project.write("out/a", "1");
        project.directory("out");
        fs_err::remove_dir_all(project.root.path().join("out")).unwrap();
        project.write("out", "file");
        assert!(matches!(project.capture("out"), CapturedContent::File(_)));
        fs_err::remove_file(project.root.path().join("out")).unwrap();
        project.write("out/a", "1");
        assert_eq!(project.directory("out"), (true, vec!["a".into()], vec![]));
    }

    #[test]
    fn another_file_keeps_its_link_and_its_absence() {
        let mut project = Project::new();
        std::os::unix::fs::symlink("nowhere", project.root.path().join("link")).unwrap();
        let (root, mut bytes) = (project.root.path().to_owned(), 0);
        let link = project
            .capturer
            .path(&root, Path::new("link"), &mut bytes)
            .unwrap()
            .unwrap();
        assert!(
            matches!(link.file, Some(CapturedFile { content: Content::Link(target), .. }) if target == b"nowhere")
        );
        let gone = project
            .capturer
            .path(&root, Path::new("gone"), &mut bytes)
            .unwrap()
            .unwrap();
        assert!(gone.file.is_none());
    }
}
