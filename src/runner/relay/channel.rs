//! One stream of output: the end that programs write to, and the end that is read.

use super::lines::Lines;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl, fstat};
use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{
    OptionalActions, OutputModes, isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};
use std::io::Result;

/// Both ends.
pub struct Channel {
    /// What the relay reads; reads do not wait.
    pub read: OwnedFd,
    /// What programs write to: a terminal if the target is one.
    pub write: OwnedFd,
}

impl Channel {
    /// Makes a stream that looks to programs as `target` does.
    pub fn to(target: &OwnedFd) -> Result<Self> {
        let (read, write) = match isatty(target) {
            true => terminal_like(target)?,
            false => {
                let (read, write) = std::io::pipe()?;
                (read.into(), write.into())
            }
        };
        Channel::of(read, write)
    }

    /// Makes a stream that is a pipe, whatever it leads to.
    pub fn pipe() -> Result<Self> {
        let (read, write) = std::io::pipe()?;
        Channel::of(read.into(), write.into())
    }

    fn of(read: OwnedFd, write: OwnedFd) -> Result<Self> {
        fcntl_setfl(&read, fcntl_getfl(&read)? | OFlags::NONBLOCK)?;
        Ok(Channel { read, write })
    }
}

/// Whether two descriptors lead to the same file, pipe or terminal.
pub fn are_one(a: &OwnedFd, b: &OwnedFd) -> bool {
    let place = |fd: &OwnedFd| fstat(fd).ok().map(|stat| (stat.st_dev, stat.st_ino));
    place(a).is_some_and(|a| Some(a) == place(b))
}

/// Gives the terminal behind `master` the size of `target`.
fn resize(master: impl AsFd, target: impl AsFd) {
    if let Ok(size) = tcgetwinsize(target) {
        let _not_a_terminal = tcsetwinsize(master, size);
    }
}

/// An end that is read, and where that goes.
pub struct Source {
    /// Reads do not wait.
    pub end: OwnedFd,
    target: OwnedFd,
    /// How lines are told from those of others; nothing is changed without.
    lines: Option<Lines>,
}

impl Source {
    /// Copies from `end` to `target` as it is.
    pub fn plain(end: OwnedFd, target: OwnedFd) -> Self {
        let lines = None;
        Source { end, target, lines }
    }

    /// Copies whole lines, each behind `label`.
    pub fn labelled(end: OwnedFd, target: OwnedFd, label: Vec<u8>) -> Self {
        let lines = Some(Lines::new(label));
        Source { end, target, lines }
    }

    /// Gives the terminal behind it, if it is one, the size of its target.
    pub fn resize(&self) {
        resize(&self.end, &self.target);
    }

    /// Copies what can be read now, and shows it to `see`. Returns whether there was anything; `None`
    /// when nobody can write any more. A target that is gone takes nothing, which is no error.
    pub fn copy(&mut self, buffer: &mut [u8], see: &mut dyn FnMut(&[u8])) -> Option<bool> {
        loop {
            let count = match rustix::io::read(&self.end, &mut *buffer) {
                // A pseudo-terminal ends with an error.
                Ok(0) | Err(Errno::IO) => {
                    if let Some(lines) = &mut self.lines {
                        let rest = lines.end();
                        see(&rest);
                        write_all(&self.target, &rest);
                    }
                    return None;
                }
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                Err(_) => return Some(false),
            };
            match &mut self.lines {
                None => {
                    see(&buffer[..count]);
                    write_all(&self.target, &buffer[..count]);
                }
                Some(lines) => {
                    let ended = lines.take(&buffer[..count]);
                    see(&ended);
                    write_all(&self.target, &ended);
                }
            }
            return Some(true);
        }
    }
}

fn write_all(target: impl AsFd, mut bytes: &[u8]) {
    use rustix::event::{PollFd, PollFlags, poll};
    while !bytes.is_empty() {
        match rustix::io::write(&target, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _interrupted = poll(&mut [PollFd::new(&target, PollFlags::OUT)], None);
            }
            Err(_) => return,
        }
    }
}

/// Opens a pseudo-terminal like `target`, which changes no byte: that is left to `target`.
fn terminal_like(target: &OwnedFd) -> Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    fcntl_setfd(&master, FdFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty())?;
    let mut modes = tcgetattr(target)?;
    modes.output_modes -= OutputModes::OPOST;
    tcsetattr(&slave, OptionalActions::Now, &modes)?;
    resize(&master, target);
    Ok((master, slave))
}
