//! The other programs of `git exp`: found beside this one, so that the binaries of one build belong
//! together, then on `PATH`, so that anyone can add a command.
//!
//! Standard library only: the dispatcher, which starts before every other command, has this from here.

use std::ffi::{OsStr, OsString};
use std::io::{Error, ErrorKind};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Returns the command that starts the `git-exp-<name>` of this build; `None` if it is not there.
pub fn beside(name: &str) -> Option<Command> {
    let own = std::env::current_exe().ok()?;
    let program = own.parent()?.join(format!("git-exp-{name}"));
    program.is_file().then(|| Command::new(program))
}

/// Becomes `git-exp-<command>`; returns why only if that is not possible, with
/// [`ErrorKind::NotFound`] if there is no such program.
pub fn exec(command: &OsStr, arguments: &[OsString]) -> Error {
    let mut program = OsString::from("git-exp-");
    program.push(command);
    let mut failure = ErrorKind::NotFound.into();
    // A name with a slash would leave the folder.
    if command.as_encoded_bytes().contains(&b'/') {
        return failure;
    }
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(&program)));
    for candidate in beside.into_iter().chain([PathBuf::from(&program)]) {
        failure = Command::new(&candidate).args(arguments).exec();
        if failure.kind() != ErrorKind::NotFound {
            break;
        }
    }
    failure
}
