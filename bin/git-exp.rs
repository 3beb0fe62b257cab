//! `git exp`: lists the commands, or becomes `git-exp-<command>`.
//!
//! Nothing but the standard library is linked into it: it starts before every other command.

use git_exp::runner::program;
use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Made from `git_exp::command::ALL`, see `tests/it/generated.rs`.
const COMMANDS: &str = include_str!("../command-list.txt");

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let Some(first) = words.next() else {
        return print(&list());
    };
    let rest: Vec<OsString> = words.collect();
    match first.to_str() {
        Some("-h" | "--help") => print(&list()),
        Some("help") => match rest.first() {
            Some(command) => start(command.clone(), vec!["--help".into()]),
            None => print(&list()),
        },
        Some("--version") => print(concat!("git-exp version ", env!("CARGO_PKG_VERSION"), "\n")),
        Some("--git-completion-helper" | "--git-completion-helper-all") => {
            print(&format!("{}\n", names().collect::<Vec<_>>().join(" ")))
        }
        Some(option) if option.starts_with('-') => {
            complain(&format!(
                "error: unknown option '{option}'\nusage: git exp <command> [<arguments>]"
            ));
            ExitCode::from(129)
        }
        _ => start(first, rest),
    }
}

/// Becomes `git-exp-<command>`; returns only if that is not possible.
fn start(command: OsString, arguments: Vec<OsString>) -> ExitCode {
    let failure = program::exec(&command, &arguments);
    if failure.kind() != ErrorKind::NotFound {
        complain(&format!(
            "fatal: cannot run 'git-exp-{}': {failure}",
            command.display()
        ));
        return ExitCode::from(128);
    }
    let command = command.display().to_string();
    let mut message = format!("git exp: '{command}' is not a git exp command. See 'git exp'.");
    if let Some(nearest) = nearest(&command) {
        message.push_str(&format!("\nhint: did you mean 'git exp {nearest}'?"));
    }
    complain(&message);
    ExitCode::from(1)
}

/// Returns the text of `git exp` alone: the commands by group, with what each does.
fn list() -> String {
    let width = names().map(str::len).max().unwrap_or(0);
    let mut text = String::from("usage: git exp <command> [<arguments>]\n");
    for line in COMMANDS.lines() {
        match line.split_once('\t') {
            Some((name, about)) => text.push_str(&format!("   {name:<width$}   {about}\n")),
            None => text.push_str(&format!("\n{}\n", line.trim_start_matches("# "))),
        }
    }
    text + "\n'git exp <command> -h' shows the options of a command, 'git help exp' the manual.\n"
}

fn names() -> impl Iterator<Item = &'static str> {
    COMMANDS
        .lines()
        .filter_map(|line| Some(line.split_once('\t')?.0))
}

/// Returns the command that was probably meant: few edits away, or the only one that starts so.
fn nearest(word: &str) -> Option<&'static str> {
    let mut starting = names().filter(|name| name.starts_with(word));
    if let (Some(only), None) = (starting.next(), starting.next()) {
        return Some(only);
    }
    let limit = 1 + word.len() / 4;
    names()
        .map(|name| (distance(word, name), name))
        .filter(|(edits, _)| *edits <= limit)
        .min()
        .map(|(_, name)| name)
}

/// Returns how many letters to insert, delete, replace or swap with the next to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

/// Prints to standard output; that nobody reads it is no failure.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(failure) if failure.kind() != ErrorKind::BrokenPipe => {
            complain(&format!(
                "fatal: cannot write to standard output: {failure}"
            ));
            ExitCode::from(128)
        }
        _ => ExitCode::SUCCESS,
    }
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
