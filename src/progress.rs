//! How far a long read of files is: told by the store, shown by the screen, which do not know each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Work that is measured in bytes. Several pieces at the same time are one.
#[derive(Debug, Default)]
pub struct Progress {
    state: Mutex<State>,
    changed: Condvar,
    done: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// Pieces under way.
    pieces: usize,
    /// What the first of them reads.
    what: String,
    /// Bytes of all of them.
    total: u64,
    /// Whether a screen shows it, and has to clear that away.
    shown: bool,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// What is read.
    pub what: String,
    /// Bytes that were read.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A piece of work; it ends when this is dropped.
#[derive(Debug)]
pub struct Piece<'p>(Option<&'p Progress>);

/// What is smaller, in bytes, is read before anyone could look.
const WORTH_TELLING: u64 = 1024 * 1024;

impl Progress {
    /// Begins to read `total` bytes of `what`.
    pub fn begin(&self, what: &str, total: u64) -> Piece<'_> {
        if total < WORTH_TELLING {
            return Piece(None);
        }
        let mut state = self.state();
        if state.pieces == 0 {
            what.clone_into(&mut state.what);
            state.total = 0;
            self.done.store(0, Ordering::Relaxed);
        }
        state.pieces += 1;
        state.total += total;
        self.changed.notify_all();
        Piece(Some(self))
    }

    /// Waits, for ever if need be, until something is read that is not done after `delay`.
    pub fn wait_for_long_work(&self, delay: Duration) -> Position {
        loop {
            let idle = |state: &mut State| state.pieces == 0;
            let state = self.changed.wait_while(self.state(), idle);
            let state = state.unwrap_or_else(PoisonError::into_inner);
            let mut state = self.busy(state, delay);
            if state.pieces > 0 {
                state.shown = true;
                return self.position(&state);
            }
        }
    }

    /// Waits for `pause` at most. Returns where the work is then, `None` at its end: the screen is to
    /// clear away what it shows, and then to say [`Progress::cleared`].
    pub fn next(&self, pause: Duration) -> Option<Position> {
        let state = self.busy(self.state(), pause);
        (state.pieces > 0).then(|| self.position(&state))
    }

    /// The screen shows nothing of it any more.
    pub fn cleared(&self) {
        self.state().shown = false;
        self.changed.notify_all();
    }

    fn position(&self, state: &State) -> Position {
        Position {
            what: state.what.clone(),
            done: self.done.load(Ordering::Relaxed),
            total: state.total,
        }
    }

    /// Waits as long as something is under way, for `most` at most.
    fn busy<'s>(&self, state: MutexGuard<'s, State>, most: Duration) -> MutexGuard<'s, State> {
        let busy = |state: &mut State| state.pieces > 0;
        let waited = self.changed.wait_timeout_while(state, most, busy);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Piece<'_> {
    /// So many more bytes were read.
    pub fn add(&self, bytes: u64) {
        if let Some(progress) = self.0 {
            progress.done.fetch_add(bytes, Ordering::Relaxed);
        }
    }
}

impl Drop for Piece<'_> {
    /// Returns when the screen is clear for what is printed next.
    fn drop(&mut self) {
        let Some(progress) = self.0 else {
            return;
        };
        let mut state = progress.state();
        state.pieces -= 1;
        progress.changed.notify_all();
        let drawn = |state: &mut State| state.pieces == 0 && state.shown;
        drop(progress.changed.wait_while(state, drawn));
    }
}
