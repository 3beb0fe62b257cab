//! Repositories to measure in, and the binaries.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Returns the binary of `git exp <command>`.
pub fn binary(command: &str) -> PathBuf {
    dispatcher().with_file_name(format!("git-exp-{command}"))
}

/// Returns `git exp` itself, beside which the other binaries lie.
///
/// They are copies, as those of an installation and git's own: what a linker has just written lies in
/// smaller pieces in memory, and starts a 14th later.
pub fn dispatcher() -> PathBuf {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(install).join("git-exp")
}

fn install() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_git-exp"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("speed-bin");
    std::fs::create_dir_all(&folder).unwrap();
    let commands = git_exp::command::ALL.iter();
    let names = commands.map(|entry| format!("git-exp-{}", entry.name));
    for name in names.chain(["git-exp".to_owned()]) {
        let installed = folder.join(&name);
        // Of an earlier run: written into, it would keep its pieces.
        let _not_there = std::fs::remove_file(&installed);
        std::fs::copy(built.with_file_name(&name), installed).unwrap();
    }
    folder
}

/// Returns where repositories are made: below the build, or where `GIT_EXP_BENCH` says.
pub fn folder() -> PathBuf {
    std::env::var_os("GIT_EXP_BENCH")
        .map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from)
}

/// A temporary repository.
pub struct Project {
    dir: tempfile::TempDir,
}

impl Project {
    /// Makes a repository with one commit: the stage files, `params.yaml` and other files, `files` in all.
    pub fn new(files: usize, pipeline: &str) -> Self {
        let folder = folder();
        let project = Project {
            dir: tempfile::Builder::new()
                .prefix("speed-")
                .tempdir_in(folder)
                .unwrap(),
        };
        project.git("init -q -b main");
        for setting in [
            "gc.auto 0",
            "maintenance.auto false",
            "user.name A",
            "user.email a@b",
        ] {
            project.git(&format!("config {setting}"));
        }
        project.write(".dvc/config", "");
        project.write(".dvc/.gitignore", "/config.local\n/tmp\n/cache\n");
        project.write(".gitignore", "/model.pt\n/outputs\n/out_*\n");
        project.write("params.yaml", "lr: 0.1\nseed: 1\n");
        project.write("dvc.yaml", pipeline);
        for file in 0..files.saturating_sub(5) {
            project.write(
                &format!("src/{}/file{file}.py", file / 200),
                &format!("print({file})\n"),
            );
        }
        project.git("add .");
        project.git("commit -q -m baseline");
        project
    }

    /// Makes a repository whose stage is this program's trainer with these words.
    pub fn training(files: usize, outputs: &str, words: &str) -> Self {
        let mut pipeline = String::new();
        let exe = std::env::current_exe().unwrap();
        let exe = exe.display();
        write!(
            pipeline,
            "stages:\n  train:\n    cmd: \"'{exe}' trainer {words}\"\n    params:\n    - lr\n    outs:\n\
             \x20   - {outputs}:\n        checkpoint: true\n\
             \x20   metrics:\n    - metrics.json:\n        cache: false\n"
        )
        .unwrap();
        Project::new(files, &pipeline)
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Makes a command that runs here, in an environment without anybody's configuration.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.dir.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("SHELL", "/bin/sh")
            .env_remove("GIT_DIR");
        command
    }

    /// Makes `git exp <command> <words>`, started as git starts it.
    pub fn exp(&self, command: &str, words: &str) -> Command {
        let mut command = self.command(binary(command));
        command.args(words.split_whitespace());
        command
    }

    /// Makes `git <words>`.
    pub fn git_command(&self, words: &str) -> Command {
        let mut command = self.command("git");
        command.args(words.split_whitespace());
        command
    }

    /// Makes a line for the shell.
    pub fn shell(&self, line: &str) -> Command {
        let mut command = self.command("sh");
        command.arg("-c").arg(line);
        command
    }

    /// Runs git and returns what it prints, trimmed.
    pub fn git(&self, words: &str) -> String {
        let mut command = self.git_command(words);
        let output = command.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "git {words}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Returns what the files below `path` take.
    pub fn usage(&self, path: &str) -> Usage {
        let mut usage = Usage::default();
        usage.add(&self.path(path));
        usage
    }
}

/// What files take. Folders are left out: those of objects are made once, 256 at most.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Bytes on the disk, in whole blocks.
    pub allocated: u64,
}

impl Usage {
    fn add(&mut self, path: &Path) {
        let Ok(metadata) = std::fs::symlink_metadata(path) else {
            return;
        };
        if metadata.is_dir() {
            for entry in std::fs::read_dir(path).unwrap() {
                self.add(&entry.unwrap().path());
            }
        } else {
            self.files += 1;
            self.bytes += metadata.len();
            self.allocated += metadata.blocks() * 512;
        }
    }
}
