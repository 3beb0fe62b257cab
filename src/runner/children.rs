//! A stage's process and everything it started.

use rustix::process::{Pid, Signal};
use std::io::Result;
use std::os::fd::OwnedFd;
use std::process::{Child, ExitStatus};

/// A started command that can be waited for with `poll`.
#[derive(Debug)]
pub struct Started {
    child: Child,
    /// Readable once the process ended; `None` on systems without pidfd.
    pub ended: Option<OwnedFd>,
}

impl Started {
    /// Takes over a child.
    pub fn new(child: Child) -> Self {
        let ended = pid_of(child.id()).and_then(end_descriptor);
        Started { child, ended }
    }

    /// Returns the process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status if the process has ended.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Sends a signal to the process; one that is gone already is no error.
    pub fn send(&self, signal: Signal) {
        if let Some(pid) = pid_of(self.child.id()) {
            let _gone_already = rustix::process::kill_process(pid, signal);
        }
    }

    /// Kills the process and all its descendants, those included whose parents are gone.
    pub fn kill_tree(&self) {
        kill_descendants(std::process::id());
        self.send(Signal::KILL);
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

/// Kills all descendants of `root`, again until none is left, since they may start others meanwhile.
fn kill_descendants(root: u32) {
    for _attempt in 0..64 {
        let alive = descendants(root);
        if alive.is_empty() {
            return;
        }
        for id in alive {
            if let Some(pid) = pid_of(id) {
                let _gone_already = rustix::process::kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// Lists descendants that have not ended, from `/proc`; empty where there is none.
pub fn descendants(root: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        let Ok(tasks) = fs_err::read_dir(format!("/proc/{parent}/task")) else {
            continue;
        };
        for task in tasks.flatten() {
            let Ok(children) = fs_err::read_to_string(task.path().join("children")) else {
                continue;
            };
            for child in children
                .split_ascii_whitespace()
                .filter_map(|id| id.parse().ok())
            {
                parents.push(child);
                if !has_ended(child) {
                    found.push(child);
                }
            }
        }
    }
    found
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
