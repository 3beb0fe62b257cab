//! The resume point and the current run of a worktree: small files under `<git dir>/git-exp`.
//!
//! `resume.json` and `run.json`, written by rename. A file that cannot be understood counts as
//! absent: the resume point is a convenience (`git exp apply` sets it again) and must not keep
//! anyone from working; a run is known by its lock. For the same reason they are not synced: a run
//! does not outlive a power cut, and the resume point is then the one of some seconds before.

use super::durable;
use super::{Role, Store};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Below a worktree's git directory.
const RESUME: &str = "git-exp/resume.json";
const RUN: &str = "git-exp/run.json";

/// What DVC 2.58 applied or ran last.
pub const EXEC_APPLY: &str = "refs/exps/exec/EXEC_APPLY";

/// The checkpoint last recorded by a run in this worktree, or last applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumePoint {
    /// The checkpoint.
    pub checkpoint: ObjectId,
    /// Its experiment's baseline.
    pub baseline: ObjectId,
    /// Its experiment's name.
    pub name: String,
    /// Its experiment's `Exp-Id`; empty when DVC made it.
    pub experiment_id: String,
}

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

/// A process, told apart from a later one with the same id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot, field 22 of `/proc/<pid>/stat`; 0 without `/proc`.
    pub start: u64,
    /// `/proc/sys/kernel/random/boot_id`; empty without `/proc`.
    pub boot: String,
}

impl Process {
    /// Describes a live process; `None` if there is none, or if it is dead and only waits to be reaped.
    pub fn describe(pid: u32) -> Option<Self> {
        if cfg!(target_os = "linux") {
            let stat = fs_err::read(format!("/proc/{pid}/stat")).ok()?;
            return Some(Process {
                pid,
                start: start_time(&stat)?,
                boot: boot_id(),
            });
        }
        let number = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
        match rustix::process::test_kill_process(number) {
            Ok(()) | Err(rustix::io::Errno::PERM) => Some(Process {
                pid,
                start: 0,
                boot: String::new(),
            }),
            Err(_) => None,
        }
    }

    /// Whether exactly this process still lives.
    pub fn is_alive(&self) -> bool {
        Process::describe(self.pid).as_ref() == Some(self)
    }
}

/// Returns what tells this boot of the machine from all others; empty without `/proc`.
pub fn boot_id() -> String {
    let id = fs_err::read_to_string("/proc/sys/kernel/random/boot_id");
    id.map_or_else(|_| String::new(), |id| id.trim().to_owned())
}

impl Store {
    /// Returns the time as commits of now would have it, in seconds since the epoch.
    pub fn now(&self) -> i64 {
        // Without an identity nothing can be committed, but looked at.
        self.signature(Role::Committer).map_or_else(
            |_| gix::date::Time::now_utc().seconds,
            |signature| signature.time.seconds,
        )
    }

    /// Returns the resume point, or `None`.
    pub fn resume_point(&self) -> Result<Option<ResumePoint>> {
        let value = read(&self.git_dir.join(RESUME))?;
        Ok(value.as_ref().and_then(resume_point))
    }

    /// Sets or removes the resume point, by rename.
    pub fn set_resume_point(&self, point: Option<&ResumePoint>) -> Result<()> {
        let value = match point {
            Some(point) => Some(json!({
                "checkpoint": point.checkpoint.to_string(),
                "baseline": point.baseline.to_string(),
                "name": point.name,
                "id": point.experiment_id,
                "exec_apply": self.exec_apply()?,
            })),
            None => None,
        };
        write(&self.git_dir.join(RESUME), value)
    }

    /// Whether DVC has applied or run something here since the resume point was set.
    ///
    /// Its ref is one for all worktrees, and it means the main one.
    pub fn dvc_went_on(&self) -> Result<bool> {
        if self.git_dir != self.common_dir {
            return Ok(false);
        }
        let Some(value) = read(&self.git_dir.join(RESUME))? else {
            return Ok(true);
        };
        let seen = value.get("exec_apply").map(Value::as_str);
        let now = self.exec_apply()?;
        Ok(now.is_some() && seen.is_some_and(|seen| seen != now.as_deref()))
    }

    fn exec_apply(&self) -> Result<Option<String>> {
        Ok(self.find_ref(EXEC_APPLY)?.map(|id| id.to_string()))
    }

    /// Returns the run record of this worktree, alive or not.
    pub fn run_record(&self) -> Result<Option<Running>> {
        read_run_record(&self.git_dir)
    }

    /// Sets or removes the run record of this worktree, by rename.
    pub fn set_run_record(&self, record: Option<&Running>) -> Result<()> {
        write(&self.git_dir.join(RUN), record.map(run_value))
    }
}

/// Returns the run record of the worktree with this git directory, alive or not.
pub(crate) fn read_run_record(git_dir: &Path) -> Result<Option<Running>> {
    let value = read(&git_dir.join(RUN))?;
    Ok(value.as_ref().and_then(run_record))
}

fn read(path: &Path) -> Result<Option<Value>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(|| format!("cannot read '{}'", path.display())),
    }
}

fn write(path: &Path, value: Option<Value>) -> Result<()> {
    let Some(value) = value else {
        return durable::remove(path);
    };
    durable::create_dir_all(durable::parent(path))?;
    durable::write_unsynced(path, format!("{value:#}\n").as_bytes())
}

fn resume_point(value: &Value) -> Option<ResumePoint> {
    Some(ResumePoint {
        checkpoint: id(value, "checkpoint")?,
        baseline: id(value, "baseline")?,
        name: text(value, "name")?,
        experiment_id: text(value, "id")?,
    })
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

fn text(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}

fn id(value: &Value, key: &str) -> Option<ObjectId> {
    ObjectId::from_hex(value.get(key)?.as_str()?.as_bytes()).ok()
}

fn number(value: &Value, key: &str) -> Option<u32> {
    u32::try_from(value.get(key)?.as_u64()?).ok()
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

/// Field 22 of `/proc/<pid>/stat`; `None` for a zombie. The command's name, in parentheses, may hold
/// anything, parentheses and spaces included.
fn start_time(stat: &[u8]) -> Option<u64> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(stat.get(end + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // The state is field 3.
    fields.nth(22 - 3 - 1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    fn id_of(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
    }

    fn record() -> Running {
        Running {
            worktree: OsStr::from_bytes(b"/data/100%/\xff").into(),
            name: "warm-lynx".to_owned(),
            experiment_id: "0123456789abcdef0123456789abcdef".to_owned(),
            baseline: id_of('b'),
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
            assert_eq!(read_run_record(dir.path()).unwrap(), Some(record));
        }
        write(&path, None).unwrap();
        assert_eq!(read_run_record(dir.path()).unwrap(), None);
    }

    #[test]
    fn each_worktree_has_its_own_resume_point() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.git(&["worktree", "add", "-q", "linked"]);
        let (main, linked) = (sandbox.store(), sandbox.store_at("linked"));
        let point = ResumePoint {
            checkpoint: id_of('a'),
            baseline: id_of('b'),
            name: "warm-lynx".to_owned(),
            experiment_id: String::new(),
        };
        linked.set_resume_point(Some(&point)).unwrap();
        assert_eq!(linked.resume_point().unwrap(), Some(point));
        assert_eq!(main.resume_point().unwrap(), None);
        linked.set_resume_point(None).unwrap();
        assert_eq!(linked.resume_point().unwrap(), None);
        assert_eq!(sandbox.git(&["status", "--porcelain"]), "?? linked/\n");
    }

    #[test]
    fn a_damaged_file_counts_as_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(RUN);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        for text in ["", "{", "[]", "{\"pid\": -1}", "null"] {
            fs_err::write(&path, text).unwrap();
            assert_eq!(read_run_record(dir.path()).unwrap(), None);
        }
        let point = json!({"checkpoint": "xyz", "baseline": "", "name": "n", "id": ""});
        assert_eq!(resume_point(&point), None);
    }

    #[test]
    fn tells_a_process_from_a_later_one() {
        let me = Process::describe(std::process::id()).unwrap();
        assert!(me.is_alive());
        if cfg!(target_os = "linux") {
            let earlier = Process {
                start: me.start - 1,
                ..me.clone()
            };
            assert!(!earlier.is_alive());
            let rebooted = Process {
                boot: "other".to_owned(),
                ..me
            };
            assert!(!rebooted.is_alive());
        }
        assert_eq!(Process::describe(u32::MAX), None);
    }

    #[test]
    fn reads_the_start_time_behind_any_name() {
        let fields = "1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 0 0";
        let stat = |name: &str, state: &str| format!("7 ({name}) {state} {fields}");
        assert_eq!(start_time(stat("sh", "S").as_bytes()), Some(4242));
        assert_eq!(start_time(stat("a) Z (b", "R").as_bytes()), Some(4242));
        assert_eq!(start_time(stat("sh", "Z").as_bytes()), None);
        assert_eq!(start_time(b"7 (sh"), None);
    }
}
