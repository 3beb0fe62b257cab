//! What a command has left for its end.

use crate::store::Store;
use std::process::{Command, Stdio};

/// Does what was left: see [`crate::store::later`].
///
/// Each large file that was replaced is left to a process that does nothing else and has it open last.
/// Where none can be started, it is closed here, and that takes its time.
pub fn release(store: &Store) {
    for file in store.later().take_removed() {
        let mut holder = Command::new("true");
        holder
            .stdin(Stdio::from(file))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Ok(mut child) = holder.spawn() {
            // A run lives on, and would have it among its dead children.
            let _stays_dead = std::thread::Builder::new().spawn(move || child.wait());
        }
    }
    store.remember_placed();
}
