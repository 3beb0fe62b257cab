//! Opens a page in the user's browser.

use std::process::{Command, Stdio};

/// Opens `address` with `$BROWSER`, else with what the desktop uses. Does not wait for it.
///
/// Returns whether a program could be started.
pub fn open(address: &str) -> bool {
    let chosen = std::env::var("BROWSER")
        .ok()
        .filter(|chosen| !chosen.is_empty());
    let desktop = ["xdg-open", "open"].map(str::to_owned);
    let programs = chosen.into_iter().chain(desktop);
    programs.into_iter().any(|program| {
        let mut command = Command::new(program);
        command
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().is_ok()
    })
}
