//! The relay's work by a thread of ours, where its process is gone or could not be started.

use super::channel::Source;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::OwnedFd;
use std::io::Result;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long one look for something to copy takes.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// The ends of labelled streams, read only if the relay dies.
#[derive(Default)]
pub struct Spare(Mutex<Ends>);

#[derive(Default)]
struct Ends {
    /// Somebody reads them: they are over when nobody can write any more.
    in_use: bool,
    next: u64,
    sources: Vec<(u64, Source)>,
}

impl Spare {
    /// Keeps one more; returns its number.
    pub fn keep(&self, source: Source) -> u64 {
        let mut ends = self.lock();
        ends.next += 1;
        let number = ends.next;
        ends.sources.push((number, source));
        number
    }

    /// From here on all that are kept will be read.
    pub fn use_all(&self) {
        self.lock().in_use = true;
    }

    fn forget(&self, number: u64) {
        let mut ends = self.lock();
        if !ends.in_use {
            ends.sources.retain(|(other, _)| *other != number);
        }
    }

    fn take(&self) -> Vec<Source> {
        let sources = std::mem::take(&mut self.lock().sources);
        sources.into_iter().map(|(_, source)| source).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the commands of one stage print to, until the stage is over.
pub struct Streams {
    /// Their standard output.
    pub stdout: OwnedFd,
    /// Their standard error.
    pub stderr: OwnedFd,
    numbers: Vec<u64>,
    spare: Arc<Spare>,
}

impl Streams {
    /// Takes the ends to write to, each with the number of the end to read; without `stderr`, both are one.
    pub(super) fn new(
        (number, stdout): (u64, OwnedFd),
        stderr: Option<(u64, OwnedFd)>,
        spare: &Arc<Spare>,
    ) -> Result<Self> {
        let mut numbers = vec![number];
        let stderr = match stderr {
            Some((number, stderr)) => {
                numbers.push(number);
                stderr
            }
            None => stdout.try_clone()?,
        };
        Ok(Streams {
            stdout,
            stderr,
            numbers,
            spare: spare.clone(),
        })
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        for number in &self.numbers {
            self.spare.forget(*number);
        }
    }
}

/// Copies from `ends` and from what is kept, until the run is over.
pub(super) fn take_over(mut ends: Vec<Source>, spare: &Spare, finishing: &AtomicBool) {
    spare.use_all();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let was_finishing = finishing.load(Ordering::Acquire);
        ends.extend(spare.take());
        let mut fds: Vec<_> = ends
            .iter()
            .map(|source| PollFd::new(&source.end, PollFlags::IN))
            .collect();
        let _again = rustix::event::poll(&mut fds, Some(&LOOK));
        drop(fds);
        let mut moved = false;
        ends.retain_mut(|source| {
            let copied = source.copy(&mut buffer, &mut |_| ());
            moved |= !matches!(copied, Some(false));
            copied.is_some()
        });
        if was_finishing && !moved {
            return;
        }
    }
}
