//! The relay's own process: reads until nobody can print any more, whatever becomes of the run.

use super::channel::{copy_out, resize};
use super::{END, OTHERS, OVER, READY};
use crate::store::output_log::OutputLog;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use rustix::stdio::{stderr, stdin, stdout};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH};
use std::io::{IoSlice, IoSliceMut, Read, Result};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// A terminal hands on what was written to it a moment later.
const MOMENT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Hands the ends to read over to a relay.
pub(super) fn send(control: &UnixStream, ends: &[BorrowedFd<'_>]) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = SendAncillaryBuffer::new(&mut space);
    message.push(SendAncillaryMessage::ScmRights(ends));
    let hello = [IoSlice::new(b"!")];
    sendmsg(control, &hello, &mut message, SendFlags::empty())?;
    Ok(())
}

fn receive(control: BorrowedFd<'_>) -> Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = RecvAncillaryBuffer::new(&mut space);
    let mut hello = [0];
    let mut parts = [IoSliceMut::new(&mut hello)];
    // They need not be closed for children: there are none.
    recvmsg(control, &mut parts, &mut message, RecvFlags::empty())?;
    let mut ends = Vec::new();
    for part in message.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = part {
            ends.extend(fds);
        }
    }
    Ok(ends)
}

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
    let control = stdin();
    let ends = receive(control)?;
    let mut open: Vec<(OwnedFd, BorrowedFd<'_>)> =
        ends.into_iter().zip([stdout(), stderr()]).collect();
    // Without a log the output goes on all the same.
    let mut log = OutputLog::at(folder.to_owned()).append().ok();
    rustix::io::write(control, &[READY])?;
    let mut buffer = vec![0; 1 << 16];
    let mut is_told = false;
    let mut runner_lives = true;
    loop {
        let mut moved = false;
        open.retain(|(end, target)| {
            let copied = copy_out(end, target, &mut buffer, &mut |bytes| {
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
            let _the_run_may_be_gone = rustix::io::write(control, &[OVER]);
            return Ok(());
        }
        let mut fds = vec![PollFd::new(&resized, PollFlags::IN)];
        fds.extend(open.iter().map(|(end, _)| PollFd::new(end, PollFlags::IN)));
        if runner_lives && !is_told {
            fds.push(PollFd::from_borrowed_fd(control, PollFlags::IN));
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
            let _the_run_may_be_gone = rustix::io::write(control, &[OTHERS]);
            (is_told, runner_lives) = (false, false);
        }
        if has_word {
            let mut word = [0];
            match rustix::io::read(control, &mut word) {
                Ok(1) if word == [END] => is_told = true,
                _ => runner_lives = false,
            }
        }
        if resized.read(&mut buffer).is_ok() {
            for (end, target) in &open {
                resize(end.as_fd(), target);
            }
        }
    }
}
