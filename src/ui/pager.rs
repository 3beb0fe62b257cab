//! Git's pager, by git's rules: only on a terminal, through a shell, with options for `less` unless
//! `LESS` is set. Ours has `S` as well: a table's lines are not to be folded.

use super::out::Out;
use crate::error::{Context, Result};
use std::io::Write;
use std::process::{Command, Stdio};

/// Returns the rows of the terminal that standard output is, or `None`.
pub fn height() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_row)).filter(|rows| *rows > 0)
}

/// What git would page with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pager {
    command: String,
}

impl Pager {
    /// Returns the pager that `command`, the answer of `git var GIT_PAGER`, means; none for `cat`
    /// or nothing at all.
    pub fn new(command: &str) -> Option<Pager> {
        let command = command.trim();
        (!command.is_empty() && command != "cat").then(|| Pager {
            command: command.to_owned(),
        })
    }

    /// Whether lines may be wider than the screen, because the pager scrolls sideways.
    pub fn scrolls_sideways(&self) -> bool {
        let program = self.command.split_whitespace().next().unwrap_or_default();
        let options_are_ours = std::env::var_os("LESS").is_none();
        program.rsplit('/').next() == Some("less") && options_are_ours
    }

    /// Shows a text and waits until the reader has left. A reader who leaves early is no error.
    pub fn show(&self, out: &Out, text: &str) -> Result<()> {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(&self.command)
            .env("GIT_PAGER_IN_USE", "true")
            .stdin(Stdio::piped());
        for (name, value) in [("LESS", "FRXS"), ("LV", "-c")] {
            if std::env::var_os(name).is_none() {
                command.env(name, value);
            }
        }
        let Ok(mut child) = command.spawn() else {
            return out.print(text);
        };
        if let Some(mut input) = child.stdin.take() {
            let _ = input.write_all(text.as_bytes());
        }
        child
            .wait()
            .context(|| format!("cannot wait for the pager '{}'", self.command))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cat_and_nothing_are_no_pager() {
        assert_eq!(Pager::new(""), None);
        assert_eq!(Pager::new("cat\n"), None);
        let less = Pager::new("/usr/bin/less -R\n").unwrap();
        assert_eq!(less.command, "/usr/bin/less -R");
        assert!(!Pager::new("more").unwrap().scrolls_sideways());
    }
}
