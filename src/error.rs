//! The one error type: what kind, what we were doing to what, why, and what to do next.
//!
//! The kind decides the exit status, the message names the subject, the source says why, hints are
//! commands to type. Nothing here prints; `cli` does, once.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, as far as anyone acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line is wrong.
    Usage,
    /// The request is understood and not allowed in this state.
    Refused,
    /// Something that was named does not exist.
    Missing,
    /// Something that exists is damaged.
    Corrupt,
    /// The operating system, git's object database or another program failed.
    Io,
    /// A stage's command ended with an error.
    StageFailed,
    /// The pipeline finished, but a checkpoint could not be saved.
    CheckpointsMissing,
    /// We were stopped by this signal number.
    Interrupted(i32),
    /// Nobody reads our standard output any more.
    BrokenPipe,
}

impl Kind {
    /// Returns the exit status of a process that ends with this kind of error.
    pub fn exit_status(self) -> u8 {
        match self {
            Kind::Usage => 129,
            Kind::Refused | Kind::Missing | Kind::Corrupt | Kind::Io => 128,
            Kind::StageFailed => 1,
            Kind::CheckpointsMissing => 3,
            Kind::Interrupted(signal) => 128u8.wrapping_add(signal as u8),
            Kind::BrokenPipe => 0,
        }
    }
}

/// An error with a kind, a message in git's manner, its cause and hints.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
    hints: Vec<String>,
}

/// What fallible functions of this crate return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Builds an error of `kind` that says `message` (lower case, no full stop, subject in quotes).
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
            source: None,
            hints: Vec::new(),
        }
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// The request is understood and not allowed in this state.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Something that was named does not exist.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::new(Kind::Missing, message)
    }

    /// Something that exists is damaged.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, message)
    }

    /// The operating system, the object database or another program failed.
    pub fn io(message: impl Into<String>) -> Self {
        Self::new(Kind::Io, message)
    }

    /// Adds a command to type or a thing to check; shown last, as `hint: …`.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the cause.
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the hints in the order they were added.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Returns message and causes in one line, outermost first, joined by `: `.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        let mut source = self
            .source
            .as_deref()
            .map(|s| s as &(dyn StdError + 'static));
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !cause_text.is_empty() && !text.ends_with(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|s| s as &(dyn StdError + 'static))
    }
}

/// Turns any error into ours and says what we were doing.
pub trait Context<T> {
    /// Wraps the error with the message that `doing` returns. Our own errors keep kind and hints.
    fn context(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: IntoCause> Context<T> for std::result::Result<T, E> {
    fn context(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| cause.wrap(doing()))
    }
}

/// What can be the cause of an [`Error`]; ours keep their kind, all others are [`Kind::Io`].
pub trait IntoCause {
    /// Returns an error that says `message` and has `self` as its cause.
    fn wrap(self, message: String) -> Error;
}

impl IntoCause for Error {
    fn wrap(mut self, message: String) -> Error {
        let hints = std::mem::take(&mut self.hints);
        Error {
            kind: self.kind,
            message,
            hints,
            source: Some(Box::new(self)),
        }
    }
}

impl IntoCause for std::io::Error {
    fn wrap(self, message: String) -> Error {
        let kind = match self.kind() {
            std::io::ErrorKind::BrokenPipe => Kind::BrokenPipe,
            std::io::ErrorKind::NotFound => Kind::Missing,
            _ => Kind::Io,
        };
        Error::new(kind, message).caused_by(self)
    }
}

impl IntoCause for rustix::io::Errno {
    fn wrap(self, message: String) -> Error {
        std::io::Error::from(self).wrap(message)
    }
}

impl IntoCause for gix::Error {
    fn wrap(self, message: String) -> Error {
        Error::io(message).caused_by(self)
    }
}
