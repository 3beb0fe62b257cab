//! What a run prints, on its way to where it was meant for and into a log.
//!
//! A process of its own, `git-exp-log --relay`, stands between: it outlives us, so training that
//! outlives us can print on. Training writes to a terminal if we have one (a pseudo-terminal of the
//! same size), else to a pipe; it stays in the foreground group of our terminal, and its input is not
//! touched. Our own lines go the same way, so all of them keep their order. If the relay is killed,
//! a thread of ours does its work without a log. What cannot be set up is left as it was.
//!
//! Of stages that run beside each other each has pipes of its own, whose lines go the same way behind a
//! label ([`Relay::labelled`]).

mod channel;
mod helper;
mod lines;
mod take_over;
mod words;

pub use helper::serve;
pub use take_over::Streams;

use super::children;
use super::program;
use crate::store::output_log::OutputLog;
use channel::{Channel, Source};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::stdio::{dup2_stderr, dup2_stdout, stderr, stdout};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use take_over::{Spare, take_over};
use words::{OVER, READY};

/// A relay that does not start by then will not.
const PATIENCE: Duration = Duration::from_secs(10);
/// In place of a log's folder: there is none.
const NO_LOG: &str = "/dev/null";

/// The way of our output through a relay, until [`Relay::finish`] or the end of the value.
pub struct Relay {
    /// The process, and the way to it; without, a thread does its work.
    helper: Option<(Child, UnixStream)>,
    watch: Option<JoinHandle<Ended>>,
    finishing: Arc<AtomicBool>,
    spare: Arc<Spare>,
    stdout: OwnedFd,
    stderr: OwnedFd,
    together: bool,
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
    pub fn start(log: Option<&OutputLog>) -> Option<Self> {
        let mut relay = Self::new()?;
        let mut channels = vec![Channel::to(&relay.stdout).ok()?];
        if !relay.together {
            channels.push(Channel::to(&relay.stderr).ok()?);
        }
        let (mut control, theirs) = UnixStream::pair().ok()?;
        let mut child = program::beside("log")?
            .arg("--relay")
            .arg(log.map_or(Path::new(NO_LOG), OutputLog::folder))
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
        relay.helper = Some((child, control));
        let first = &channels[0].write;
        let second = channels.get(1).map_or(first, |second| &second.write);
        let led = dup2_stdout(first).and_then(|()| dup2_stderr(second));
        let targets = [&relay.stdout, &relay.stderr].map(|fd| fd.try_clone().ok());
        let ends = channels.into_iter().map(|channel| channel.read);
        let ends = ends.zip(targets.into_iter().flatten());
        let ends = ends.map(|(end, target)| Source::plain(end, target));
        relay.watch(Some(watched), ends.collect());
        led.ok()?;
        Some(relay)
    }

    /// Leads nothing through a relay but what [`Relay::labelled`] makes, by a thread of ours and without
    /// a log; `None` where not even that can be.
    pub fn without_process() -> Option<Self> {
        let mut relay = Self::new()?;
        relay.spare.use_all();
        relay.watch(None, Vec::new());
        relay.watch.is_some().then_some(relay)
    }

    fn new() -> Option<Self> {
        let to_stdout = fcntl_dupfd_cloexec(stdout(), 3).ok()?;
        let to_stderr = fcntl_dupfd_cloexec(stderr(), 3).ok()?;
        Some(Relay {
            helper: None,
            watch: None,
            finishing: Arc::default(),
            spare: Arc::default(),
            together: channel::are_one(&to_stdout, &to_stderr),
            stdout: to_stdout,
            stderr: to_stderr,
        })
    }

    fn watch(&mut self, watched: Option<UnixStream>, ends: Vec<Source>) {
        let finishing = self.finishing.clone();
        let spare = self.spare.clone();
        let watch = std::thread::Builder::new()
            .name("relay".to_owned())
            .spawn(move || watch_over(watched, ends, &spare, &finishing));
        self.watch = watch.ok();
    }

    /// Makes pipes whose lines go where ours do, whole, each behind the label of its stream. Where both
    /// streams lead to one place, they are one pipe, so that their order stays.
    pub fn labelled(&self, labels: [String; 2]) -> std::io::Result<Streams> {
        let [first, second] = labels;
        let stdout = self.channel(0, &self.stdout, first)?;
        let stderr = match self.together {
            true => None,
            false => Some(self.channel(1, &self.stderr, second)?),
        };
        Streams::new(stdout, stderr, &self.spare)
    }

    fn channel(&self, to: u8, target: &OwnedFd, label: String) -> std::io::Result<(u64, OwnedFd)> {
        let channel = Channel::pipe()?;
        let label = label.into_bytes();
        if let Some((_, control)) = &self.helper {
            // One that is gone is stood in for.
            let _gone = words::send_labelled(control, channel.read.as_fd(), to, &label);
        }
        let source = Source::labelled(channel.read, target.try_clone()?, label);
        Ok((self.spare.keep(source), channel.write))
    }

    /// Waits until all that was printed is where it belongs, and leads our output there again.
    pub fn finish(self) {}
}

impl Drop for Relay {
    fn drop(&mut self) {
        // Nothing can be done where these fail, and nobody would read of it.
        if self.helper.is_some() {
            let _ = dup2_stdout(&self.stdout);
            let _ = dup2_stderr(&self.stderr);
        }
        self.finishing.store(true, Ordering::Release);
        if let Some((_, control)) = &self.helper {
            let _ = words::send_end(control);
        }
        let ended = self.watch.take().and_then(|watch| watch.join().ok());
        if let (Some((child, _)), true) = (&mut self.helper, ended != Some(Ended::WithOthers)) {
            let _ = child.wait();
        }
        children::spare(0);
    }
}

/// Hands a relay what it shall read, and returns what it answers.
fn introduce(control: &mut UnixStream, ends: &[BorrowedFd<'_>]) -> std::io::Result<u8> {
    words::send_first(control, ends)?;
    control.set_read_timeout(Some(PATIENCE))?;
    let mut answer = [0];
    control.read_exact(&mut answer)?;
    control.set_read_timeout(None)?;
    Ok(answer[0])
}

/// Waits for the relay's last word. Takes over its work if it dies without one, or if there is none.
fn watch_over(
    control: Option<UnixStream>,
    ends: Vec<Source>,
    spare: &Spare,
    finishing: &AtomicBool,
) -> Ended {
    let mut word = [0];
    match control.map(|mut control| control.read_exact(&mut word)) {
        Some(Ok(())) if word == [OVER] => return Ended::Over,
        Some(Ok(())) => return Ended::WithOthers,
        Some(Err(_)) | None => {}
    }
    take_over(ends, spare, finishing);
    Ended::Died
}
