//! The current run of a worktree: `<git dir>/git-exp/run.json`, kept as [`super::state`] says.

use super::Store;
use super::state::{Process, id, number, read, text, write};
use crate::error::Result;
use crate::id::ObjectId;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Below a worktree's git directory.
pub(super) const RUN: &str = "git-exp/run.json";

/// The run that holds, or held, a worktree's lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Top of its work tree.
    pub worktree: PathBuf,
    /// Its experiment's name.
    pub name: String,
    /// Its experiment's `Exp-Id`; empty in the record of an earlier version.
    pub experiment_id: String,
    /// Its baseline.
    pub baseline: ObjectId,
    /// The runner's process id.
    pub pid: u32,
    /// What it has started last: one command, or those of stages that run beside each other.
    pub commands: Vec<StageCommand>,
    /// When the run started, in seconds since the epoch.
    pub started: i64,
}

/// A command of a stage that a run has started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageCommand {
    /// The stage.
    pub stage: String,
    /// Which line of its command, counted from 0.
    pub line: usize,
    /// Its process; `None` if it was gone before anybody could look.
    pub process: Option<Process>,
}

impl StageCommand {
    /// Whether its process still lives.
    pub fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_alive)
    }
}

impl Running {
    /// Returns the processes of its commands that still live.
    pub fn alive(&self) -> Vec<&Process> {
        let alive = self.commands.iter().filter(|command| command.is_alive());
        alive
            .filter_map(|command| command.process.as_ref())
            .collect()
    }

    /// Returns the stages of the commands that still live; between two of them, the last one.
    pub fn stages(&self) -> Vec<String> {
        let alive = self.commands.iter().filter(|command| command.is_alive());
        let alive: Vec<String> = alive.map(|command| command.stage.clone()).collect();
        match (alive.is_empty(), self.commands.last()) {
            (true, Some(last)) => vec![last.stage.clone()],
            _ => alive,
        }
    }
}

impl Store {
    /// Returns where the run record of this worktree is.
    pub fn run_record_file(&self) -> RunRecordFile {
        RunRecordFile::of(&self.git_dir)
    }

    /// Returns the run record of this worktree, alive or not.
    pub fn run_record(&self) -> Result<Option<Running>> {
        self.run_record_file().read()
    }

    /// Sets or removes the run record of this worktree, by rename.
    pub fn set_run_record(&self, record: Option<&Running>) -> Result<()> {
        self.run_record_file().write(record)
    }
}

/// Where the run record of a worktree is.
#[derive(Debug, Clone)]
pub struct RunRecordFile(PathBuf);

impl RunRecordFile {
    /// Of the worktree with this git directory.
    pub fn of(git_dir: &Path) -> Self {
        RunRecordFile(git_dir.join(RUN))
    }

    /// Returns the record, alive or not.
    pub fn read(&self) -> Result<Option<Running>> {
        let value = read(&self.0)?;
        Ok(value.as_ref().and_then(run_record))
    }

    /// Sets or removes the record, by rename.
    pub fn write(&self, record: Option<&Running>) -> Result<()> {
        write(&self.0, record.map(run_value))
    }
}

/// The first command stands in the record itself, where there was only one once; others stand beside it.
fn run_value(record: &Running) -> Value {
    let (first, beside) = match record.commands.split_first() {
        Some((first, beside)) => (Some(first), beside),
        None => (None, &[][..]),
    };
    json!({
        "worktree": path_text(&record.worktree),
        "name": record.name,
        "id": record.experiment_id,
        "baseline": record.baseline.to_string(),
        "pid": record.pid,
        "stage": first.map(|first| &first.stage),
        "line": first.map_or(0, |first| first.line),
        "child": first.map(process_value),
        "beside": beside.iter().map(|command| json!({
            "stage": command.stage,
            "line": command.line,
            "child": process_value(command),
        })).collect::<Vec<_>>(),
        "started": record.started,
    })
}

fn process_value(command: &StageCommand) -> Value {
    let process = command.process.as_ref();
    process.map_or(Value::Null, |process| {
        json!({
            "pid": process.pid,
            "start": process.start,
            "boot": process.boot,
        })
    })
}

fn run_record(value: &Value) -> Option<Running> {
    let mut commands = Vec::new();
    if value.get("stage").is_some_and(|stage| !stage.is_null()) {
        commands.push(stage_command(value)?);
    }
    // An earlier version knows of none.
    let beside = value.get("beside").and_then(Value::as_array);
    for value in beside.into_iter().flatten() {
        commands.push(stage_command(value)?);
    }
    Some(Running {
        worktree: text_path(&text(value, "worktree")?),
        name: text(value, "name")?,
        experiment_id: text(value, "id").unwrap_or_default(),
        baseline: id(value, "baseline")?,
        pid: number(value, "pid")?,
        commands,
        started: value.get("started")?.as_i64()?,
    })
}

fn stage_command(value: &Value) -> Option<StageCommand> {
    let child = value.get("child").filter(|child| !child.is_null());
    Some(StageCommand {
        stage: text(value, "stage")?,
        line: usize::try_from(value.get("line")?.as_u64()?).ok()?,
        process: match child {
            None => None,
            Some(child) => Some(Process {
                pid: number(child, "pid")?,
                start: child.get("start")?.as_u64()?,
                boot: text(child, "boot")?,
            }),
        },
    })
}

/// A path as text: `%` and bytes that are not UTF-8 as `%` and two hex digits.
fn path_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn text_path(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| text_byte(after.get(..2)?))
            .flatten();
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    OsStr::from_bytes(&bytes).into()
}

fn text_byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Running {
        Running {
            worktree: OsStr::from_bytes(b"/data/100%/\xff").into(),
            name: "warm-lynx".to_owned(),
            experiment_id: "0123456789abcdef0123456789abcdef".to_owned(),
            baseline: ObjectId::null(gix::hash::Kind::Sha1),
            pid: 12,
            commands: vec![StageCommand {
                stage: "train".to_owned(),
                line: 1,
                process: Process::describe(std::process::id()),
            }],
            started: 1_112_911_993,
        }
    }

    #[test]
    fn a_run_record_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(RUN);
        let gone = StageCommand {
            stage: "prep".to_owned(),
            line: 0,
            process: None,
        };
        let beside = [record().commands, vec![gone]].concat();
        for commands in [record().commands, beside, Vec::new()] {
            let record = Running {
                commands,
                ..record()
            };
            write(&path, Some(run_value(&record))).unwrap();
            assert_eq!(RunRecordFile::of(dir.path()).read().unwrap(), Some(record));
        }
        write(&path, None).unwrap();
        assert_eq!(RunRecordFile::of(dir.path()).read().unwrap(), None);
    }
}
