//! What a run prints, on its way to where it was meant for and into a log.
//!
//! A process of its own, `git-exp-log --relay`, stands between: it outlives us, so training that
//! outlives us can print on. Training writes to a terminal if we have one (a pseudo-terminal of the
//! same size), else to a pipe; it stays in the foreground group of our terminal, and its input is not
//! touched. Our own lines go the same way, so all of them keep their order. If the relay is killed,
//! a thread of ours does its work without a log. What cannot be set up is left as it was.

mod channel;
mod helper;

pub use helper::serve;

use super::children;
use super::program;
use crate::store::output_log::OutputLog;
use channel::{Channel, copy_out};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, dup2_stdout, stderr, stdout};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// From us: all is printed, say when you have passed it on.
const END: u8 = b'E';
/// From the relay: it has what it needs.
const READY: u8 = b'R';
/// From the relay: all is passed on, and nobody can print any more.
const OVER: u8 = b'O';
/// From the relay: all is passed on, but processes of the run live on and may print.
const OTHERS: u8 = b'+';
/// A relay that does not start by then will not.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way of our output through a relay, until [`Relay::finish`] or the end of the value.
pub struct Relay {
    child: Child,
    control: UnixStream,
    watch: Option<JoinHandle<Ended>>,
    finishing: Arc<AtomicBool>,
    stdout: OwnedFd,
    stderr: OwnedFd,
}

/// How a relay ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Over,
    WithOthers,
    Died,
}

impl Relay {
    /// Leads standard output and standard error through a relay that writes to `log`; `None` where that
    /// cannot be: everything then is as if nobody had asked.
    pub fn start(log: &OutputLog) -> Option<Self> {
        let to_stdout = fcntl_dupfd_cloexec(stdout(), 3).ok()?;
        let to_stderr = fcntl_dupfd_cloexec(stderr(), 3).ok()?;
        let together = channel::are_one(&to_stdout, &to_stderr);
        let mut channels = vec![Channel::to(&to_stdout).ok()?];
        if !together {
            channels.push(Channel::to(&to_stderr).ok()?);
        }
        let (mut control, theirs) = UnixStream::pair().ok()?;
        let mut child = program::beside("log")?
            .arg("--relay")
            .arg(log.folder())
            .stdin(OwnedFd::from(theirs))
            .spawn()
            .ok()?;
        let ends: Vec<_> = channels.iter().map(|it| it.read.as_fd()).collect();
        let is_ready = introduce(&mut control, &ends).is_ok_and(|answer| answer == READY);
        let watched = control.try_clone().ok();
        let (true, Some(watched)) = (is_ready, watched) else {
            let _gone = child.kill();
            let _gone = child.wait();
            return None;
        };
        children::spare(child.id());
        let first = &channels[0].write;
        let second = channels.get(1).map_or(first, |second| &second.write);
        let led = dup2_stdout(first).and_then(|()| dup2_stderr(second));
        let mut relay = Relay {
            child,
            control,
            watch: None,
            finishing: Arc::default(),
            stdout: to_stdout,
            stderr: to_stderr,
        };
        let finishing = relay.finishing.clone();
        let targets = [&relay.stdout, &relay.stderr].map(|fd| fd.try_clone().ok());
        let ends: Vec<OwnedFd> = channels.into_iter().map(|channel| channel.read).collect();
        let ends = ends
            .into_iter()
            .zip(targets.into_iter().flatten())
            .collect();
        let watch = std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || watch_over(watched, ends, &finishing));
        relay.watch = watch.ok();
        led.ok()?;
        Some(relay)
    }

    /// Waits until all that was printed is where it belongs, and leads our output there again.
    pub fn finish(self) {}
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Nothing can be done where these fail, and nobody would read of it.
        let _ = dup2_stdout(&self.stdout);
        let _ = dup2_stderr(&self.stderr);
        self.finishing.store(true, Ordering::Release);
        let _ = self.control.write_all(&[END]);
        let ended = self.watch.take().and_then(|watch| watch.join().ok());
        if ended != Some(Ended::WithOthers) {
            let _ = self.child.wait();
        }
        children::spare(0);
    }
}

/// Hands a relay what it shall read, and returns what it answers.
fn introduce(control: &mut UnixStream, ends: &[BorrowedFd<'_>]) -> std::io::Result<u8> {
    helper::send(control, ends)?;
    control.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0];
    control.read_exact(&mut answer)?;
    control.set_read_timeout(None)?;
    Ok(answer[0])
}

/// Waits for the relay's last word. Takes over its work if it dies without one.
fn watch_over(
    mut control: UnixStream,
    mut ends: Vec<(OwnedFd, OwnedFd)>,
    finishing: &AtomicBool,
) -> Ended {
    let mut word = [0];
    match control.read_exact(&mut word) {
        Ok(()) if word == [OVER] => return Ended::Over,
        Ok(()) => return Ended::WithOthers,
        Err(_) => {}
    }
    let mut buffer = vec![0; 1 << 16];
    while !ends.is_empty() {
        let was_finishing = finishing.load(Ordering::Acquire);
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        let mut fds: Vec<_> =
            (ends.iter().map(|(end, _)| PollFd::new(end, PollFlags::IN))).collect();
        let _again = rustix::event::poll(&mut fds, Some(&wait));
        drop(fds);
        let mut moved = false;
        ends.retain(|(end, target)| {
            let copied = copy_out(end, target, &mut buffer, &mut |_| ());
            moved |= matches!(copied, Some(true));
            copied.is_some()
        });
        if was_finishing && !moved {
            break;
        }
    }
    Ended::Died
}
