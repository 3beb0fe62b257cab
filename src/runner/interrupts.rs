//! Ctrl-C, TERM and HUP while a stage runs.
//!
//! The terminal sends SIGINT to the whole foreground group, so training has it already; a signal that a
//! process sent to us alone is forwarded. When git started us, git forwards its own SIGINT a moment
//! after the terminal's: presses closer than [`ONE_PRESS`] are one. Signals that were ignored when we
//! started (`nohup`) stay ignored. A terminal that closes tells the leader of its session only: where
//! that is us, we tell training.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::origin::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Signals that come no later than this after the first one are one press.
pub const ONE_PRESS: Duration = Duration::from_millis(300);
/// How long a signal that a process sent may take to end training by itself, having reached the whole group, before we forward it.
pub const FORWARD_AFTER: Duration = Duration::from_millis(100);

/// What to do about the signals that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    /// First press: finish; forward the signal if training does not end by itself.
    First {
        /// Whether training may not have it yet.
        forward: bool,
    },
    /// Second press: kill.
    Second,
}

/// Catches the signals from [`Interrupts::catch`] to its end; before, they do what they do to any program.
#[derive(Default)]
pub struct Interrupts {
    delivery: Option<SignalDelivery<UnixStream, WithOrigin>>,
    presses: Presses,
}

impl Interrupts {
    /// Starts to catch SIGINT, SIGTERM and SIGHUP, except those that are ignored. Does nothing where it
    /// does so already.
    pub fn catch(&mut self) -> std::io::Result<()> {
        if self.delivery.is_some() {
            return Ok(());
        }
        let ignored = ignored_signals();
        let signals: Vec<_> = [SIGINT, SIGTERM, SIGHUP]
            .into_iter()
            .filter(|&signal| ignored & (1 << (signal - 1)) == 0)
            .collect();
        let (read, write) = UnixStream::pair()?;
        let delivery = SignalDelivery::with_pipe(read, write, WithOrigin::default(), signals)?;
        self.delivery = Some(delivery);
        Ok(())
    }

    /// Returns what to poll for readability; `None` if nothing is caught.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.delivery.as_ref()?.get_read().as_fd())
    }

    /// Returns the signal of the first press, or `None` if there was none.
    pub fn signal(&self) -> Option<i32> {
        self.presses.first.map(|(signal, _)| signal)
    }

    /// Takes what arrived; `None` if it was nothing new.
    pub fn take(&mut self) -> Option<Press> {
        let origins: Vec<Origin> = self.delivery.as_mut()?.pending().collect();
        origins
            .into_iter()
            .filter_map(|origin| {
                let for_us_alone = origin.signal == SIGHUP && leads_session();
                let from_terminal = origin.cause == Cause::Kernel && !for_us_alone;
                self.presses
                    .press(origin.signal, from_terminal, Instant::now())
            })
            .last()
    }
}

/// The rule, apart from the operating system and the clock.
#[derive(Debug, Default)]
struct Presses {
    first: Option<(i32, Instant)>,
}

impl Presses {
    fn press(&mut self, signal: i32, from_terminal: bool, now: Instant) -> Option<Press> {
        let Some((_, first)) = self.first else {
            self.first = Some((signal, now));
            return Some(Press::First {
                forward: !from_terminal,
            });
        };
        // Counted from the first, not from the one before: who keeps pressing means it.
        (now.duration_since(first) >= ONE_PRESS).then_some(Press::Second)
    }
}

/// Whether this process leads its session.
///
/// Read from `/proc`, where a session has the number 0 that began outside of the container we are in:
/// rustix's `getsid` panics on that.
#[cfg(target_os = "linux")]
fn leads_session() -> bool {
    let stat = fs_err::read_to_string("/proc/self/stat").unwrap_or_default();
    session(&stat).is_some_and(|session| session == std::process::id())
}

/// Returns the session from a process's line in `/proc`: field 6, the fourth behind its name.
#[cfg(target_os = "linux")]
fn session(stat: &str) -> Option<u32> {
    let (_, behind_name) = stat.rsplit_once(") ")?;
    behind_name.split(' ').nth(3)?.parse().ok()
}

#[cfg(not(target_os = "linux"))]
fn leads_session() -> bool {
    rustix::process::getsid(None) == Ok(rustix::process::getpid())
}

/// Returns the mask of signals that are ignored, from `/proc/self/status`; none where there is no such file.
fn ignored_signals() -> u64 {
    // Such a file has no size: read as others are, it takes ten calls.
    let mut status = String::with_capacity(4096);
    if let Ok(mut file) = fs_err::File::open("/proc/self/status") {
        let _partly = file.read_to_string(&mut status);
    }
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_signals_within_a_millisecond_are_one_press() {
        let mut presses = Presses::default();
        let start = Instant::now();
        assert_eq!(
            presses.press(SIGINT, true, start),
            Some(Press::First { forward: false })
        );
        assert_eq!(
            presses.press(SIGINT, false, start + Duration::from_millis(1)),
            None
        );
        assert_eq!(
            presses.press(SIGINT, true, start + Duration::from_millis(200)),
            None
        );
        assert_eq!(
            presses.press(SIGINT, true, start + Duration::from_millis(400)),
            Some(Press::Second)
        );
        assert_eq!(presses.first.map(|(signal, _)| signal), Some(SIGINT));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_session_from_outside_of_the_container_is_nobody_here() {
        assert_eq!(session("7 (a) b) S 1 7 5 0 -1 4194304"), Some(5));
        assert_eq!(session("1 (git-exp-run) R 0 0 0 0 -1"), Some(0));
        assert_eq!(session(""), None);
    }

    #[test]
    fn a_signal_sent_to_us_alone_is_forwarded() {
        assert_eq!(
            Presses::default().press(SIGTERM, false, Instant::now()),
            Some(Press::First { forward: true })
        );
    }
}
