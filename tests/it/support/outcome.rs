//! What a command did: status first, then output.

use super::TestRepo;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// A finished command whose status nobody has looked at yet.
#[must_use = "look at the status: success(), code(n) or refused(n)"]
pub struct Outcome {
    line: String,
    output: Output,
    stdout: String,
    stderr: String,
}

/// A finished command whose status is as expected.
pub struct Looked(Outcome);

impl Outcome {
    pub(super) fn new(repo: &TestRepo, line: String, mut command: Command) -> Self {
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{line}: {error}"));
        Outcome {
            stdout: repo.redact(&String::from_utf8_lossy(&output.stdout)),
            stderr: repo.redact(&String::from_utf8_lossy(&output.stderr)),
            line,
            output,
        }
    }

    /// It exited with 0.
    #[track_caller]
    pub fn success(self) -> Looked {
        self.code(0)
    }

    /// It exited with this status; git passes a signal on as 128 and its number.
    #[track_caller]
    pub fn code(self, expected: i32) -> Looked {
        assert_eq!(
            self.output.status.code(),
            Some(expected),
            "{} ended with {}\n--- stdout\n{}--- stderr\n{}",
            self.line,
            self.output.status,
            self.stdout,
            self.stderr
        );
        Looked(self)
    }

    /// It refused in an orderly way: with this status, a message of ours and without a panic.
    #[track_caller]
    pub fn refused(self, expected: i32) -> Looked {
        let looked = self.code(expected);
        let said = &looked.0.stderr;
        assert!(!said.contains("panicked at"), "{}: {said}", looked.0.line);
        assert!(
            ["fatal: ", "error: ", "git exp: "]
                .iter()
                .any(|label| said.contains(label)),
            "{} does not say why: {said}",
            looked.0.line
        );
        looked
    }
}

impl Looked {
    /// Standard output is this, redacted.
    #[track_caller]
    pub fn stdout(self, expected: impl snapbox::IntoData) -> Self {
        compare(&self.0.stdout, expected);
        self
    }

    /// Standard error is this, redacted.
    #[track_caller]
    pub fn stderr(self, expected: impl snapbox::IntoData) -> Self {
        compare(&self.0.stderr, expected);
        self
    }

    /// Standard error contains this, redacted.
    #[track_caller]
    pub fn says(self, part: &str) -> Self {
        assert!(
            self.0.stderr.contains(part),
            "{} does not say '{part}':\n{}",
            self.0.line,
            self.0.stderr
        );
        self
    }

    /// Standard output contains this, redacted.
    #[track_caller]
    pub fn prints(self, part: &str) -> Self {
        assert!(
            self.0.stdout.contains(part),
            "{} does not print '{part}':\n{}",
            self.0.line,
            self.0.stdout
        );
        self
    }

    /// Returns standard output as it was.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.output.stdout).into_owned()
    }

    /// Returns the stages that the run started, or would start for sure, in their order.
    pub fn started(&self) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| !line.contains("' if stage '"))
            .filter_map(|line| line.strip_prefix("Running stage '")?.split('\'').next())
            .map(str::to_owned)
            .collect()
    }

    /// Returns standard error as it was.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.0.output.stderr).into_owned()
    }
}

#[track_caller]
fn compare(actual: &str, expected: impl snapbox::IntoData) {
    snapbox::Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .eq(actual, expected);
}

/// Runs a command with `input` on its standard input and returns its standard output.
pub(super) fn filter(command: &mut Command, input: &str) -> String {
    if input.is_empty() {
        return String::new();
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}
