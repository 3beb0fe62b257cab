//! A repository in a temporary directory, with git as the oracle; for unit tests only.

use super::Store;
use super::open::Environment;
use crate::id::ObjectId;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A repository that goes with the value.
pub(crate) struct Sandbox {
    _folder: tempfile::TempDir,
    top: PathBuf,
    home: PathBuf,
}

impl Sandbox {
    /// Makes an empty repository with branch `main` and an identity.
    pub fn new() -> Self {
        Self::with_format("sha1")
    }

    /// The same, with `--object-format`.
    pub fn with_format(format: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let sandbox = Sandbox {
            top: root.join("repo"),
            home: root.join("home"),
            _folder: folder,
        };
        fs_err::create_dir(&sandbox.top).unwrap();
        fs_err::create_dir(&sandbox.home).unwrap();
        sandbox.git(&["init", "-q", "-b", "main", "--object-format", format]);
        sandbox.git(&["config", "user.name", "A U Thor"]);
        sandbox.git(&["config", "user.email", "author@example.com"]);
        sandbox
    }

    /// A path in the work tree; empty for its top.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.top.join(relative)
    }

    /// Writes a file with its folders.
    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) {
        let path = self.path(relative);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// Commits the whole work tree.
    pub fn commit(&self, message: &str) -> ObjectId {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
        self.id("HEAD")
    }

    /// Resolves a revision with git.
    pub fn id(&self, revision: &str) -> ObjectId {
        ObjectId::from_hex(self.git(&["rev-parse", revision]).trim().as_bytes()).unwrap()
    }

    /// Opens the repository at its top.
    pub fn store(&self) -> Store {
        self.store_at("")
    }

    /// Opens the repository from a folder below its top.
    pub fn store_at(&self, relative: &str) -> Store {
        Store::open_with(&self.path(relative), &Environment::default()).unwrap()
    }

    /// Runs git, which must succeed, and returns what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = self.git_raw(arguments);
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs git, which must succeed, with `input` as its standard input.
    pub fn git_reading(&self, arguments: &[&str], input: &str) {
        let mut child = git_in(&self.top, &self.home)
            .args(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "git {arguments:?}");
    }

    /// Runs git in a clean environment.
    pub fn git_raw(&self, arguments: &[&str]) -> Output {
        git_in(&self.top, &self.home)
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Asserts that git finds nothing wrong with the objects and refs.
    pub fn fsck(&self) {
        let output = self.git_raw(&["fsck", "--strict", "--no-dangling"]);
        assert!(
            output.status.success() && output.stdout.is_empty(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

fn git_in(folder: &Path, home: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_AUTHOR_DATE", "1112911993 -0700")
        .env("GIT_COMMITTER_DATE", "1112911993 -0700");
    command
}
