//! A stage's command lines as processes: shell, folder, environment.

use super::children::Attended;
use super::relay::Streams;
use crate::pipeline::{Command, Stage};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Stdio;

/// Variables that would lead a child's git into the wrong repository.
const NOT_FOR_CHILDREN: [&str; 4] = [
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_WORK_TREE",
    "GIT_CONFIG_PARAMETERS",
];

/// Returns the lines to run one after the other: the lines of a string, or the items of a list.
pub fn lines(command: &Command) -> Vec<&str> {
    match command {
        Command::Text(text) => text
            .lines()
            .map(str::trim_end)
            .filter(|line| !line.trim().is_empty())
            .collect(),
        Command::List(items) => items.iter().map(String::as_str).collect(),
    }
}

/// Starts one line by the user's shell (`$SHELL`, else `/bin/sh`) in the stage's folder, as DVC does.
///
/// With `streams` it prints there and reads nothing: no two can read one terminal.
pub fn start(
    line: &str,
    stage: &Stage,
    root: &Path,
    environment: &[(String, OsString)],
    streams: Option<&Streams>,
) -> std::io::Result<Attended> {
    let shell = std::env::var_os("SHELL")
        .filter(|shell| !shell.is_empty())
        .unwrap_or_else(|| "/bin/sh".into());
    let mut process = std::process::Command::new(&shell);
    // Start-up files of an interactive shell may print, change folder or fail; a stage is not one.
    match Path::new(&shell).file_name().and_then(OsStr::to_str) {
        Some("bash") => drop(process.args(["--noprofile", "--norc"])),
        Some("zsh") => drop(process.arg("--no-rcs")),
        _ => {}
    }
    process
        .arg("-c")
        .arg(line)
        .current_dir(root.join(&stage.wdir))
        .envs(environment.iter().map(|(name, value)| (name, value)));
    for name in NOT_FOR_CHILDREN {
        process.env_remove(name);
    }
    if let Some(streams) = streams {
        process
            .stdin(Stdio::null())
            .stdout(streams.stdout.try_clone()?)
            .stderr(streams.stderr.try_clone()?);
    }
    let child = process.spawn()?;
    Ok(Attended::child(child, line))
}
