//! Everything a person or a script reads goes through here.
//!
//! What a script wants goes to standard output, all else to standard error. A reader that went away
//! is not an error of ours: on standard output it is [`Kind::BrokenPipe`], which ends the command
//! silently, on standard error it is ignored. Colour goes to terminals only.

use super::style::Role;
use crate::error::{Context, Error, Kind, Result};
use std::io::{IsTerminal, Write};

/// Standard output for what a script wants, standard error for the rest.
#[derive(Debug, Default)]
pub struct Out {
    /// Silences status, never errors.
    pub quiet: bool,
    /// Asks for more status than usual.
    pub verbose: bool,
}

impl Out {
    /// Writes a text, as is, to standard output; a closed pipe is [`Kind::BrokenPipe`].
    pub fn print(&self, text: &str) -> Result<()> {
        self.print_bytes(text.as_bytes())
    }

    /// Writes a text that says what was done to standard output, unless quiet.
    pub fn report(&self, text: &str) -> Result<()> {
        match self.quiet {
            true => Ok(()),
            false => self.print(text),
        }
    }

    /// Writes bytes, as they are, to standard output; a closed pipe is [`Kind::BrokenPipe`].
    pub fn print_bytes(&self, bytes: &[u8]) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        match written {
            Err(cause) if cause.kind() == std::io::ErrorKind::BrokenPipe => {
                Err(Error::new(Kind::BrokenPipe, "standard output is closed"))
            }
            other => other.context(|| "cannot write to standard output".into()),
        }
    }

    /// Writes a line of status to standard error, unless quiet.
    pub fn status(&self, line: &str) {
        if !self.quiet {
            self.tell(line);
        }
    }

    /// Writes a line of status to standard error if verbose.
    pub fn detail(&self, line: &str) {
        if self.verbose {
            self.tell(line);
        }
    }

    /// Writes `warning: …`.
    pub fn warning(&self, line: &str) {
        self.labelled(Role::Warning, "warning", line);
    }

    /// Writes `hint: …`, a line for each line of the hint.
    pub fn hint(&self, line: &str) {
        for line in line.lines() {
            self.labelled(Role::Hint, "hint", line);
        }
    }

    /// Writes `fatal: …` (or `error: …` where a stage failed) with causes and hints.
    ///
    /// A closed pipe says nothing; nor does an interrupted command without a message.
    pub fn error(&self, error: &Error) {
        let label = match error.kind() {
            Kind::BrokenPipe => return,
            Kind::StageFailed | Kind::CheckpointsMissing | Kind::Interrupted(_) => "error",
            _ => "fatal",
        };
        let message = error.chain();
        if !message.is_empty() {
            self.labelled(Role::Error, label, &message);
        }
        for hint in error.hints() {
            self.hint(hint);
        }
    }

    /// Writes what is wrong with a command line, which is worded already.
    pub(crate) fn usage_error(&self, text: &str) {
        self.tell(text.trim_end());
    }

    /// Whether standard output may have colour: a terminal, and `NO_COLOR` unset.
    pub fn colour(&self) -> bool {
        may_have_colour(&std::io::stdout())
    }

    /// Whether standard error may have colour: a terminal, and `NO_COLOR` unset.
    pub fn colour_of_status(&self) -> bool {
        may_have_colour(&std::io::stderr())
    }

    /// Whether standard error is a terminal.
    pub fn status_is_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Whether standard output is a terminal.
    pub fn is_terminal(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// Whether standard output takes more than ASCII: anything but a terminal with another locale.
    pub fn unicode(&self) -> bool {
        !self.is_terminal() || locale_is_utf8(|name| std::env::var(name).ok())
    }

    /// Columns of the terminal that standard output is, or `COLUMNS`, or `None`.
    pub fn width(&self) -> Option<usize> {
        let stdout = std::io::stdout();
        let of_terminal = stdout
            .is_terminal()
            .then(|| rustix::termios::tcgetwinsize(&stdout).ok())
            .flatten()
            .map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0);
        of_terminal.or_else(|| {
            let columns = std::env::var("COLUMNS").ok()?;
            columns.parse().ok().filter(|columns| *columns > 0)
        })
    }

    fn labelled(&self, role: Role, label: &str, line: &str) {
        let label = role.paint(&format!("{label}:"), self.colour_of_status());
        self.tell(&format!("{label} {line}"));
    }

    /// One write per line, so that lines of the child and ours do not mix within a line.
    fn tell(&self, line: &str) {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(format!("{line}\n").as_bytes());
    }
}

/// Returns what goes before each line that a stage prints beside others, on either stream.
pub fn labels(stage: &str) -> [String; 2] {
    let label = |colour| {
        format!(
            "{}{}",
            Role::of_label(stage).paint(stage, colour),
            Role::Faint.paint(" | ", colour)
        )
    };
    let out = Out::default();
    [label(out.colour()), label(out.colour_of_status())]
}

/// Asks a question on standard error; the answer comes from standard input, whose end means no.
pub fn confirm(question: &str) -> Result<bool> {
    let mut answer = String::new();
    loop {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(format!("{question} [y/n] ").as_bytes());
        answer.clear();
        let read = std::io::stdin().read_line(&mut answer);
        let read = read.context(|| "cannot read the answer".to_owned())?;
        match answer.trim() {
            "y" | "Y" | "yes" => return Ok(true),
            "n" | "N" | "no" => return Ok(false),
            _ if read == 0 => return Ok(false),
            _ => {}
        }
    }
}

fn may_have_colour(stream: &impl IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// The first of `LC_ALL`, `LC_CTYPE`, `LANG` that is set and not empty decides, as for the C library.
fn locale_is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .filter_map(|name| variable(name))
        .find(|value| !value.is_empty())
        .is_some_and(|value| {
            let value = value.to_ascii_lowercase();
            value.contains("utf-8") || value.contains("utf8")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let locale = |pairs: &'static [(&str, &str)]| {
            locale_is_utf8(|name| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(locale(&[("LANG", "de_DE.UTF-8")]));
        assert!(locale(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]));
        assert!(!locale(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")]));
        assert!(!locale(&[]));
    }
}
