//! The table of speed that the project promises, each figure beside a floor measured in the same run.
//!
//! `cargo bench` prints it; `cargo bench -- wait show` only the rows whose names contain one of the
//! words; `cargo bench -- --full` also what takes minutes. Repositories are made below the build, or in
//! the folder that `GIT_EXP_BENCH` names: on another disk, or one that reflinks. A floor is what the same work costs without
//! us (`cp`, `git`, a bare loop that answers signals), measured in pairs with ours, so that a busy
//! machine slows both. Nothing here fails: it is a table to read, `over` is a row to work on.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a program of its own, which measures by the clock and ends where it cannot go on"
)]

mod content;
mod history;
mod measure;
mod process;
mod project;
mod rows;
mod signal;
mod table;
mod trainer;

/// What was asked for on the command line.
pub struct Choice {
    words: Vec<String>,
    /// Whether rows that take minutes are wanted.
    pub full: bool,
}

impl Choice {
    /// Whether the row of this name is wanted.
    pub fn wants(&self, row: &str) -> bool {
        self.words.is_empty() || self.words.iter().any(|word| row.contains(word.as_str()))
    }
}

fn main() {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("trainer") => return trainer::train(&words[1..]),
        Some("answer") => return signal::answer(&words[1]),
        _ => {}
    }
    let full = words.iter().any(|word| word == "--full");
    words.retain(|word| !word.starts_with("--"));
    let choice = Choice { words, full };
    table::header();
    rows::all(&choice);
}
