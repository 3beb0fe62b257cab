//! A stage's process and everything it started.

use crate::store::state;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};
use std::io::Result;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};

/// The process of a stage's command: one that we started, or one whose runner was killed.
#[derive(Debug)]
pub struct Attended {
    process: Process,
    /// Readable once the process ended; `None` on systems without pidfd.
    pub ended: Option<OwnedFd>,
}

#[derive(Debug)]
enum Process {
    /// With the line that its shell was given.
    Child(Child, String),
    Foreign(state::Process),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Exited(ExitStatus),
    /// Only its parent could know.
    Unknown,
}

impl Attended {
    /// Takes over a shell that we started with this line.
    pub fn child(child: Child, line: &str) -> Self {
        let ended = pid_of(child.id()).and_then(end_descriptor);
        Attended {
            process: Process::Child(child, line.to_owned()),
            ended,
        }
    }

    /// Takes over a process that is not our child.
    pub fn foreign(process: state::Process) -> Self {
        let ended = pid_of(process.pid).and_then(end_descriptor);
        Attended {
            // Only now is it certain whose end is watched: the descriptor keeps the id from being used again.
            ended: ended.filter(|_| process.is_alive()),
            process: Process::Foreign(process),
        }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        match &self.process {
            Process::Child(child, _) => child.id(),
            Process::Foreign(process) => process.pid,
        }
    }

    /// Whether Ctrl-C in our terminal does not reach it.
    pub fn is_foreign(&self) -> bool {
        matches!(self.process, Process::Foreign(_))
    }

    /// Returns how the process ended, or `None` if it has not.
    pub fn try_wait(&mut self) -> Result<Option<End>> {
        match &mut self.process {
            Process::Child(child, _) => Ok(child.try_wait()?.map(End::Exited)),
            Process::Foreign(process) => {
                let is_alive = match &self.ended {
                    Some(ended) => !is_readable(ended)?,
                    None => process.is_alive(),
                };
                Ok((!is_alive).then_some(End::Unknown))
            }
        }
    }

    /// Sends a signal to the process; to one that is foreign as the terminal would have: to all that it
    /// started, too. One that is gone already is no error.
    ///
    /// A shell that waits for what its line has started is passed by: some die of a signal at once, and
    /// who waited for them would take that for the end.
    pub fn send(&self, signal: Signal) {
        match &self.process {
            Process::Foreign(process) if !process.is_alive() => return,
            Process::Foreign(process) => {
                for id in descendants(process.pid) {
                    send(id, signal);
                }
            }
            Process::Child(child, line) => {
                let started = children(child.id());
                if !started.is_empty() && is_shell_with(child.id(), line) {
                    return started.into_iter().for_each(|id| send(id, signal));
                }
            }
        }
        send(self.id(), signal);
    }

    /// Kills the process and all its descendants, of ours those included whose parents are gone.
    pub fn kill_tree(&self) {
        match &self.process {
            Process::Child(..) => kill_descendants(std::process::id()),
            Process::Foreign(process) if process.is_alive() => kill_descendants(process.pid),
            Process::Foreign(_) => return,
        }
        send(self.id(), Signal::KILL);
    }
}

fn send(id: u32, signal: Signal) {
    if let Some(pid) = pid_of(id) {
        let _gone_already = rustix::process::kill_process(pid, signal);
    }
}

fn is_readable(fd: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(fd, PollFlags::IN)];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match rustix::event::poll(&mut fds, Some(&at_once)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(target_os = "linux")]
fn end_descriptor(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn end_descriptor(_pid: Pid) -> Option<OwnedFd> {
    None
}

fn pid_of(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

/// Makes orphans of our descendants our children, so that a second Ctrl-C reaches all of them.
#[cfg(target_os = "linux")]
pub fn adopt_orphans() {
    let _older_kernel = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Other systems have no such thing: there, orphans escape a second Ctrl-C.
#[cfg(not(target_os = "linux"))]
pub fn adopt_orphans() {}

/// The process that passes our output on, which nobody means who wants training killed; 0 is none.
static SPARED: AtomicU32 = AtomicU32::new(0);

/// Keeps a child of ours from being killed with training; 0 keeps none.
pub fn spare(pid: u32) {
    SPARED.store(pid, Ordering::Relaxed);
}

/// Kills all descendants of `root`, again until none is left, since they may start others meanwhile.
fn kill_descendants(root: u32) {
    for _attempt in 0..64 {
        let mut alive = descendants(root);
        alive.retain(|id| *id != SPARED.load(Ordering::Relaxed));
        if alive.is_empty() {
            return;
        }
        for id in alive {
            send(id, Signal::KILL);
        }
    }
}

/// Lists descendants that have not ended, from `/proc`; empty where there is none.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for child in children(parent) {
            parents.push(child);
            if !has_ended(child) {
                found.push(child);
            }
        }
    }
    found
}

/// Lists what a process has started itself, ended or not.
fn children(parent: u32) -> Vec<u32> {
    let tasks = fs_err::read_dir(format!("/proc/{parent}/task"));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs_err::read_to_string(task.path().join("children")).ok());
    let ids = |list: String| -> Vec<u32> {
        let ids = list.split_ascii_whitespace();
        ids.filter_map(|id| id.parse().ok()).collect()
    };
    lists.flat_map(ids).collect()
}

/// Whether a process still is the shell that was given a line, and has not become what it says.
fn is_shell_with(id: u32, line: &str) -> bool {
    let words = fs_err::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    words.ends_with(format!("\0-c\0{line}\0").as_bytes())
}

fn has_ended(id: u32) -> bool {
    let Ok(stat) = fs_err::read_to_string(format!("/proc/{id}/stat")) else {
        return true;
    };
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    matches!(state, Some('Z' | 'X'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn sleeper() -> Child {
        Command::new("sleep").arg("600").spawn().unwrap()
    }

    #[test]
    fn a_foreign_process_ends_in_an_unknown_way() {
        let mut child = sleeper();
        let process = state::Process::describe(child.id()).unwrap();
        let mut with_descriptor = Attended::foreign(process.clone());
        let mut polled = Attended {
            process: Process::Foreign(process.clone()),
            ended: None,
        };
        assert_eq!(with_descriptor.try_wait().unwrap(), None);
        assert_eq!(polled.try_wait().unwrap(), None);
        assert!(with_descriptor.is_foreign());
        with_descriptor.send(Signal::TERM);
        child.wait().unwrap();
        assert_eq!(with_descriptor.try_wait().unwrap(), Some(End::Unknown));
        assert_eq!(polled.try_wait().unwrap(), Some(End::Unknown));
        // Nobody else is hit, and one that was gone before is gone.
        polled.kill_tree();
        let mut late = Attended::foreign(process);
        assert_eq!(late.try_wait().unwrap(), Some(End::Unknown));
    }

    #[test]
    fn another_process_with_its_number_is_not_attended() {
        let mut child = sleeper();
        let now = state::Process::describe(child.id()).unwrap();
        let before = state::Process {
            boot: "another".to_owned(),
            ..now
        };
        let mut attended = Attended::foreign(before);
        assert_eq!(attended.try_wait().unwrap(), Some(End::Unknown));
        attended.kill_tree();
        attended.send(Signal::KILL);
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_tree_is_killed_whole() {
        let mut child = Command::new("sh")
            .args(["-c", "sleep 600 & wait"])
            .spawn()
            .unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while descendants(child.id()).is_empty() {
            assert!(std::time::Instant::now() < patience);
            std::thread::yield_now();
        }
        let below = descendants(child.id());
        Attended::foreign(state::Process::describe(child.id()).unwrap()).kill_tree();
        child.wait().unwrap();
        assert!(below.into_iter().all(has_ended));
    }
}
