//! The harness: a repository in a folder of its own, with git and our binaries and nothing else.
//!
//! A test reads as a story:
//!
//! ```ignore
//! let repo = TestRepo::tutorial();
//! repo.epochs(3).exp("run -n first").success();
//! repo.exp("show").success().stdout(str![[r#"…the whole table…"#]]);
//! repo.check();
//! ```
//!
//! * The environment is cleared: no configuration of yours, `LC_ALL=C`, UTC, 100 columns, and a clock
//!   that starts at 1112911993 -0700 and moves a minute per command, as in git's own tests.
//! * `exp("…")` runs `git exp …` through the real git, as people do.
//! * A result must be looked at: `success()`, `code(n)` or `refused(n)` first, then the output.
//!   Expected output is written out in full (`SNAPSHOTS=overwrite cargo test` fills it in). The
//!   folder is shown as `[ROOT]`, and commits of experiments, which differ from run to run because
//!   experiments have random ids, as `id00001`, `id00002` … in the order in which they were seen.
//! * `check()` asks git: the object database is sound, and HEAD, branch, index and stash are as the
//!   test's own `git` commands left them.

pub mod namespace;
mod outcome;
mod process;
mod project;

pub use outcome::{Looked, Outcome};
pub use process::{Running, group_is_gone, has_ended, wait_for};
pub use project::ONE_STAGE;

use rustix::process::Pid;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;

/// A repository of its own in a temporary folder.
pub struct TestRepo {
    /// Removed with the last repository in it.
    _folder: Rc<tempfile::TempDir>,
    /// Top of the work tree.
    root: PathBuf,
    clock: Rc<Cell<u64>>,
    /// For the next commands, until changed.
    variables: RefCell<BTreeMap<String, String>>,
    /// Full ids in the order in which output showed them.
    seen: Rc<RefCell<Vec<String>>>,
    /// What our commands must leave alone, as the last `git` command left it.
    guard: RefCell<Guard>,
}

/// What no command of ours may touch, except where that is its very job.
#[derive(Debug, PartialEq, Eq, Default)]
struct Guard {
    head: Vec<u8>,
    commit: String,
    index: Option<Vec<u8>>,
    stash: String,
}

impl TestRepo {
    /// Makes an empty repository with the branch `main` and no commit.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("git-exp-it-")
            .tempdir()
            .unwrap();
        let base = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("home")).unwrap();
        std::fs::create_dir_all(base.join("repo")).unwrap();
        let repo = TestRepo {
            root: base.join("repo"),
            _folder: Rc::new(folder),
            clock: Rc::new(Cell::new(1_112_911_993)),
            variables: RefCell::default(),
            seen: Rc::default(),
            guard: RefCell::default(),
        };
        repo.git("init -q -b main").success();
        repo
    }

    /// Returns another repository of the same test: same clock, same home. `root` lies beside ours.
    ///
    /// For clones, linked worktrees and remotes, which the test makes with `git` first.
    pub fn beside(&self, name: &str) -> Self {
        let other = TestRepo {
            root: self.base().join(name),
            _folder: self._folder.clone(),
            clock: self.clock.clone(),
            variables: self.variables.clone(),
            seen: self.seen.clone(),
            guard: RefCell::default(),
        };
        other.remember();
        other
    }

    /// Top of the work tree.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The temporary folder that holds the work tree, `home`, and whatever the test puts beside.
    pub fn base(&self) -> &Path {
        self.root.parent().unwrap()
    }

    /// The tutorial's trainer makes so many epochs in the next runs (3 without this).
    pub fn epochs(&self, count: u64) -> &Self {
        self.env("EPOCHS", &count.to_string())
    }

    /// Sets a variable for all commands from here on; an empty value removes it.
    pub fn env(&self, name: &str, value: &str) -> &Self {
        let mut variables = self.variables.borrow_mut();
        if value.is_empty() {
            variables.remove(name);
        } else {
            variables.insert(name.to_owned(), value.to_owned());
        }
        drop(variables);
        self
    }

    /// Writes a file of the work tree, folders included.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> &Self {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// Returns the text of a file of the work tree.
    pub fn read(&self, path: &str) -> String {
        let path = self.root.join(path);
        String::from_utf8(
            std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())),
        )
        .unwrap()
    }

    /// Whether a path of the work tree exists.
    pub fn exists(&self, path: &str) -> bool {
        self.root.join(path).symlink_metadata().is_ok()
    }

    /// Runs `git exp <words>`; quotes keep words together.
    pub fn exp(&self, words: &str) -> Outcome {
        self.run("git", &["exp"], words)
    }

    /// Runs `git <words>`; what it changes is what `check` expects from then on.
    pub fn git(&self, words: &str) -> Outcome {
        let outcome = self.run("git", &[], words);
        self.remember();
        outcome
    }

    /// Runs `sh -c <script>` in the work tree.
    pub fn sh(&self, script: &str) -> Outcome {
        let mut command = self.command("sh");
        command.arg("-c").arg(script);
        Outcome::new(self, format!("sh -c '{script}'"), command)
    }

    /// Starts `sh -c <script>` in a process group of its own and does not wait.
    pub fn start_sh(&self, script: &str) -> Running {
        let mut command = self.command("sh");
        command.arg("-c").arg(script);
        Running::start(script.to_owned(), command)
    }

    /// Starts `git exp <words>` in a process group of its own and does not wait.
    pub fn start_exp(&self, words: &str) -> Running {
        let mut command = self.command("git");
        command.arg("exp").args(split(words));
        Running::start(format!("git exp {words}"), command)
    }

    /// Starts one of our programs, `git-exp-run -n x`, without git in between.
    pub fn start_program(&self, words: &str) -> Running {
        let list = split(words);
        let mut command = self.command(&list[0]);
        command.args(&list[1..]);
        Running::start(words.to_owned(), command)
    }

    /// Starts `sh -c <script>` as the session of a terminal of its own, into which the test can type
    /// and which closes when the returned process is killed. `None`, said, where that is not possible.
    pub fn start_in_terminal(&self, script: &str) -> Option<Running> {
        if program("script").is_none() {
            skip("there is no program 'script' that makes a terminal");
            return None;
        }
        let mut command = self.command("script");
        command
            .args(["-qefc", script, "/dev/null"])
            .stdin(Stdio::piped());
        Some(Running::start(script.to_owned(), command))
    }

    /// Returns the note of an experiment's tip.
    pub fn note(&self, name: &str) -> serde_json::Value {
        let notes = self.ask(&format!(
            "for-each-ref --format=%(refname) refs/notes/exps/*/*/{name}"
        ));
        let text = self.ask(&format!("notes --ref={notes} show {}", self.tip(name)));
        serde_json::from_str(&text).unwrap()
    }

    /// Returns the standard output of a git command that must succeed, without the last newline.
    pub fn ask(&self, words: &str) -> String {
        let mut command = self.command("git");
        command.args(split(words));
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "git {words}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end_matches('\n')
            .to_owned()
    }

    /// Returns the commits of an experiment since HEAD, oldest first.
    pub fn checkpoints(&self, name: &str) -> Vec<String> {
        let tip = self.tip(name);
        let list = self.ask(&format!("rev-list --first-parent --reverse HEAD..{tip}"));
        list.lines().map(str::to_owned).collect()
    }

    /// Returns the tip of the experiment called `name`, whatever its baseline.
    pub fn tip(&self, name: &str) -> String {
        let list = self.ask(&format!(
            "for-each-ref --format=%(objectname) refs/exps/*/*/{name}"
        ));
        assert_eq!(
            list.lines().count(),
            1,
            "experiments called '{name}': {list}"
        );
        list
    }

    /// Returns the ids of the runner and of the command of the run that is, or was, at work here.
    pub fn processes(&self) -> Option<(Pid, Pid)> {
        let text = std::fs::read(self.root.join(".git/git-exp/run.json")).ok()?;
        let record: serde_json::Value = serde_json::from_slice(&text).ok()?;
        let pid = |value: &serde_json::Value| Pid::from_raw(value.as_i64()? as i32);
        Some((pid(&record["pid"])?, pid(&record["child"]["pid"])?))
    }

    /// Whether `git exp status` says that a run is at work.
    pub fn is_running(&self) -> bool {
        let status = self.ask("exp status --porcelain");
        status.lines().any(|line| line.starts_with("running\t"))
    }

    /// Asks git whether all is well and untouched; see the top of this file.
    pub fn check(&self) {
        let fsck = self
            .command("git")
            .args(["fsck", "--strict", "--no-dangling"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&fsck.stderr).into_owned();
        assert!(fsck.status.success(), "git fsck: {said}");
        assert!(!said.contains("error"), "git fsck: {said}");
        let now = self.look();
        let before = self.guard.borrow();
        assert_eq!(
            String::from_utf8_lossy(&now.head),
            String::from_utf8_lossy(&before.head),
            "HEAD was touched"
        );
        assert_eq!(now.commit, before.commit, "the branch was moved");
        assert!(now.index == before.index, "the index was touched");
        assert_eq!(now.stash, before.stash, "the stash was touched");
        self.check_refs();
    }

    /// Every ref under `refs/exps/` is an experiment by the contract of gitexp-layout(5).
    fn check_refs(&self) {
        for line in self.ask("for-each-ref refs/exps").lines() {
            let (object, name) = line.split_once('\t').unwrap();
            assert!(object.ends_with(" commit"), "not a commit: {line}");
            let parts: Vec<&str> = name.split('/').collect();
            if parts[2] == "exec" {
                let known = ["EXEC_APPLY", "EXEC_CHECKPOINT"].contains(&parts[3]);
                assert!(
                    known && parts.len() == 4,
                    "not ours to leave behind: {name}"
                );
                continue;
            }
            assert_eq!(parts.len(), 5, "not the ref of an experiment: {name}");
            let baseline = format!("{}{}", parts[2], parts[3]);
            let tip = object.split(' ').next().unwrap();
            let parents = self.ask(&format!("rev-list --first-parent {tip}"));
            assert!(
                parents.lines().any(|commit| commit == baseline),
                "{name} does not reach its baseline"
            );
            let note_ref = format!("refs/notes/exps/{}/{}/{}", parts[2], parts[3], parts[4]);
            for commit in parents.lines().take_while(|commit| *commit != baseline) {
                let message = self.ask(&format!("log -1 --format=%B {commit}"));
                if message.contains("Exp-Id: ") {
                    let note = self.ask(&format!("notes --ref={note_ref} show {commit}"));
                    let note: serde_json::Value = serde_json::from_str(&note).unwrap();
                    assert_eq!(note["version"], 1, "note of {commit}");
                }
            }
        }
    }

    /// Makes the present state of HEAD, index and stash what `check` expects.
    pub fn remember(&self) {
        *self.guard.borrow_mut() = self.look();
    }

    fn look(&self) -> Guard {
        let ask = |words: &[&str]| {
            let output = self.command("git").args(words).output().unwrap();
            String::from_utf8_lossy(&output.stdout)
                .trim_end()
                .to_owned()
        };
        let git_dir = PathBuf::from(ask(&["rev-parse", "--absolute-git-dir"]));
        Guard {
            head: std::fs::read(git_dir.join("HEAD")).unwrap_or_default(),
            commit: ask(&["rev-parse", "-q", "--verify", "HEAD"]),
            index: std::fs::read(git_dir.join("index")).ok(),
            stash: ask(&["rev-parse", "-q", "--verify", "refs/stash"]),
        }
    }

    fn run(&self, program: &str, first: &[&str], words: &str) -> Outcome {
        let mut command = self.command(program);
        command.args(first).args(split(words));
        let line: Vec<&str> = [program]
            .iter()
            .chain(first)
            .copied()
            .chain([words])
            .collect();
        Outcome::new(self, line.join(" "), command)
    }

    /// Returns a command in the cleared environment, with the clock moved on.
    pub fn command(&self, program: &str) -> Command {
        let now = self.clock.get();
        self.clock.set(now + 60);
        process::hear_signals();
        let mut command = Command::new(program);
        let date = format!("{now} -0700");
        command
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", path_with_our_binaries())
            .env("HOME", self.base().join("home"))
            .env("SHELL", "/bin/sh")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .env("COLUMNS", "100")
            .env("TERM", "dumb")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_AUTHOR_NAME", "A U Thor")
            .env("GIT_AUTHOR_EMAIL", "author@example.com")
            .env("GIT_COMMITTER_NAME", "C O Mitter")
            .env("GIT_COMMITTER_EMAIL", "committer@example.com")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("DVC_NO_ANALYTICS", "1")
            .envs(self.variables.borrow().iter());
        command
    }

    /// Returns `text` with what differs from run to run replaced; see the top of this file.
    pub fn redact(&self, text: &str) -> String {
        let text = text.replace(&self.base().display().to_string(), "[ROOT]");
        let words = hex_words(&text);
        let mut input = String::new();
        for range in &words {
            input.push_str(&format!("{}^{{commit}}\n", &text[range.clone()]));
        }
        let answers = outcome::filter(
            self.command("git").args(["cat-file", "--batch-check"]),
            &input,
        );
        let mut redacted = String::new();
        let mut end = 0;
        for (range, answer) in words.into_iter().zip(answers.lines()) {
            let Some(id) = answer.strip_suffix(" missing").map_or_else(
                || {
                    answer
                        .split(' ')
                        .next()
                        .filter(|_| answer.contains(" commit "))
                },
                |_| None,
            ) else {
                continue;
            };
            if !self.is_of_an_experiment(id) {
                continue;
            }
            let mut seen = self.seen.borrow_mut();
            let number = seen
                .iter()
                .position(|known| known == id)
                .unwrap_or_else(|| {
                    seen.push(id.to_owned());
                    seen.len() - 1
                });
            redacted.push_str(&text[end..range.start]);
            redacted.push_str(&format!("id{:05}", number + 1));
            end = range.end;
        }
        redacted.push_str(&text[end..]);
        redacted
    }

    /// Whether a commit carries a random experiment id; all others are the same on every machine.
    fn is_of_an_experiment(&self, commit: &str) -> bool {
        self.ask(&format!("log -1 --format=%B {commit}"))
            .contains("Exp-Id: ")
    }
}

/// Returns where words of hexadecimal digits stand that have the length of a short or a full id.
fn hex_words(text: &str) -> Vec<std::ops::Range<usize>> {
    let bytes = text.as_bytes();
    let mut words = Vec::new();
    let mut start = None;
    for at in 0..=bytes.len() {
        let inside = bytes
            .get(at)
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        match (inside, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                let word = &text[from..at];
                let hex = word
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if hex && [7, 40].contains(&word.len()) {
                    words.push(from..at);
                }
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Splits words at spaces; single and double quotes keep spaces, and vanish.
fn split(words: &str) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    let mut quote = None;
    let mut within = false;
    for letter in words.chars() {
        match quote {
            Some(open) if open == letter => quote = None,
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                if !within {
                    list.push(String::new());
                    within = true;
                }
            }
            None if letter.is_whitespace() => within = false,
            _ => {
                if !within {
                    list.push(String::new());
                    within = true;
                }
                list.last_mut().unwrap().push(letter);
            }
        }
    }
    assert!(quote.is_none(), "unbalanced quote: {words}");
    list
}

/// Our binaries first, then what this machine has.
fn path_with_our_binaries() -> OsString {
    let ours = PathBuf::from(env!("CARGO_BIN_EXE_git-exp"));
    let ours = ours.parent().unwrap().to_owned();
    let theirs = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths([ours].into_iter().chain(std::env::split_paths(&theirs))).unwrap()
}

/// Returns the path of a program on `PATH`, or `None`; tests that need it then say so and end.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Returns the DVC that an environment variable names (`GIT_EXP_DVC2`, `GIT_EXP_DVC3`; `.ci/run` sets
/// both), or says that the test is skipped.
pub fn oracle(variable: &str) -> Option<PathBuf> {
    let program = std::env::var_os(variable).map(PathBuf::from);
    if program.is_none() {
        skip(&format!("{variable} does not name a DVC to compare with"));
    }
    program
}

/// Says on the terminal why a test does nothing on this machine.
pub fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

#[test]
fn words_are_split_as_a_shell_does() {
    assert_eq!(
        split(r#"run -S 'a b' -n "" x"y z""#),
        ["run", "-S", "a b", "-n", "", "xy z"]
    );
}

#[test]
fn the_trainer_learns_without_us_and_goes_on() {
    let repo = TestRepo::tutorial();
    repo.epochs(2).sh("sh train.sh").success();
    assert_eq!(
        repo.read("metrics.json"),
        "{\"step\": 1, \"loss\": 0.5000, \"acc\": 0.5000}\n"
    );
    repo.epochs(1).sh("sh train.sh").success();
    assert!(
        repo.read("metrics.json").contains("\"step\": 2"),
        "{}",
        repo.read("metrics.json")
    );
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.check();
}
