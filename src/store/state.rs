//! The resume point of a worktree, and how its small files under `<git dir>/git-exp` are kept.
//!
//! `resume.json` and `run.json` ([`super::run_record`]), written by rename. A file that cannot be understood counts as
//! absent: the resume point is a convenience (`git exp apply` sets it again) and must not keep
//! anyone from working; a run is known by its lock. For the same reason they are not synced: a run
//! does not outlive a power cut, and the resume point is then the one of some seconds before.

use super::durable;
use super::{Role, Store};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use serde_json::{Value, json};
use std::io;
use std::path::Path;
use std::sync::OnceLock;

/// Below a worktree's git directory.
const RESUME: &str = "git-exp/resume.json";

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
    static ID: OnceLock<String> = OnceLock::new();
    let read = || {
        let id = fs_err::read_to_string("/proc/sys/kernel/random/boot_id");
        id.map_or_else(|_| String::new(), |id| id.trim().to_owned())
    };
    ID.get_or_init(read).clone()
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
}

pub(super) fn read(path: &Path) -> Result<Option<Value>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(|| format!("cannot read '{}'", path.display())),
    }
}

pub(super) fn write(path: &Path, value: Option<Value>) -> Result<()> {
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

pub(super) fn text(value: &Value, key: &str) -> Option<String> {
    Some(value.get(key)?.as_str()?.to_owned())
}

pub(super) fn id(value: &Value, key: &str) -> Option<ObjectId> {
    ObjectId::from_hex(value.get(key)?.as_str()?.as_bytes()).ok()
}

pub(super) fn number(value: &Value, key: &str) -> Option<u32> {
    u32::try_from(value.get(key)?.as_u64()?).ok()
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
    use crate::store::run_record::{RUN, RunRecordFile};
    use crate::store::testing::Sandbox;

    fn id_of(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).unwrap()
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
            assert_eq!(RunRecordFile::of(dir.path()).read().unwrap(), None);
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
