//! The relay's own process: reads until nobody can print any more, whatever becomes of the run.

use super::channel::Source;
use super::words::{self, OTHERS, OVER, READY, Word};
use crate::store::output_log::OutputLog;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::stdio::{stderr, stdin, stdout};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use std::io::{Read, Result};

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A terminal hands on what was written to it a moment later.
const MOMENT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Passes on what is printed to our standard output and standard error, and to the log in `folder`.
/// Standard input leads to the run.
pub fn serve(folder: &Path) -> Result<()> {
    // A signal to the whole group is for the run and its training.
    for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::new(AtomicBool::new(false)))?;
    }
    let (mut resized, wake) = UnixStream::pair()?;
    resized.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(SIGWINCH, wake)?;
    let mut control = UnixStream::from(stdin().try_clone_to_owned()?);
    let targets = [
        stdout().try_clone_to_owned()?,
        stderr().try_clone_to_owned()?,
    ];
    let mut open = Vec::new();
    for (end, target) in words::receive_first(&control)?.into_iter().zip(&targets) {
        open.push(Source::plain(end, target.try_clone()?));
    }
    // Without a log the output goes on all the same.
    let mut log = OutputLog::at(folder.to_owned()).append().ok();
    rustix::io::write(&control, &[READY])?;
    let mut buffer = vec![0; 1 << 16];
    let mut is_told = false;
    let mut runner_lives = true;
    loop {
        let mut moved = false;
        open.retain_mut(|source| {
            let copied = source.copy(&mut buffer, &mut |bytes| {
                if log.as_mut().is_some_and(|log| log.write(bytes).is_err()) {
                    log = None;
                }
            });
            moved |= matches!(copied, Some(true));
            copied.is_some()
        });
        if moved {
            continue;
        }
        if open.is_empty() && (is_told || !runner_lives) {
            let _the_run_may_be_gone = rustix::io::write(&control, &[OVER]);
            return Ok(());
        }
        let mut fds = vec![PollFd::new(&resized, PollFlags::IN)];
        fds.extend(open.iter().map(|it| PollFd::new(&it.end, PollFlags::IN)));
        if runner_lives && !is_told {
            fds.push(PollFd::new(&control, PollFlags::IN));
        }
        let wait = is_told.then_some(MOMENT);
        let ready = match rustix::event::poll(&mut fds, wait.as_ref()) {
            Ok(ready) => ready,
            Err(rustix::io::Errno::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let has_word =
            runner_lives && !is_told && fds.last().is_some_and(|fd| !fd.revents().is_empty());
        drop(fds);
        if ready == 0 && is_told {
            // They live on without the run that started them.
            let _the_run_may_be_gone = rustix::io::write(&control, &[OTHERS]);
            (is_told, runner_lives) = (false, false);
        }
        if has_word {
            match words::receive(&mut control) {
                Ok(Word::End) => is_told = true,
                Ok(Word::Labelled { end, to, label }) => {
                    // What was printed before it was made goes first: it is read on from the top.
                    let target = targets[usize::from(to > 0)].try_clone()?;
                    open.push(Source::labelled(end, target, label));
                }
                Err(_) => runner_lives = false,
            }
        }
        if resized.read(&mut buffer).is_ok() {
            open.iter().for_each(Source::resize);
        }
    }
}
