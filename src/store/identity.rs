//! Who commits, and when: by git's configuration and environment.

use super::{Store, local_time};
use crate::error::{Error, Result};
use gix::actor::Signature;
use gix::bstr::ByteSlice;

/// Whose signature a commit carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Author,
    Committer,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Author => "author",
            Role::Committer => "committer",
        }
    }
}

impl Store {
    /// Checks that git knows who commits. The error carries git's advice.
    pub fn check_identity(&self) -> Result<()> {
        self.signature(Role::Committer)?;
        self.signature(Role::Author)?;
        Ok(())
    }

    /// Returns a signature of now, or of `GIT_COMMITTER_DATE` or `GIT_AUTHOR_DATE`.
    ///
    /// gix has signatures too, but freezes the time at its first use, and asks for the local zone in a
    /// way that takes a millisecond, see [`local_time`]. Its configuration holds the variables of the
    /// environment as well.
    pub(crate) fn signature(&self, role: Role) -> Result<Signature> {
        let (own, date_key) = match role {
            Role::Committer => (
                ["committer.name", "committer.email"],
                "gitoxide.commit.committerDate",
            ),
            Role::Author => (
                ["author.name", "author.email"],
                "gitoxide.commit.authorDate",
            ),
        };
        let config = self.repo.config_snapshot();
        let first = |keys: &[&str]| keys.iter().find_map(|key| config.string(*key));
        let name = first(&[own[0], "user.name"]).filter(|name| !name.trim().is_empty());
        let email = first(&[own[1], "user.email", "gitoxide.user.emailFallback"]);
        let (Some(name), Some(email)) = (name, email) else {
            return Err(Error::refused(format!("{} identity unknown", role.word()))
                .hint("git config --global user.name \"Your Name\"")
                .hint("git config --global user.email \"you@example.com\""));
        };
        let time = match config.string(date_key) {
            None => local_time::now(),
            Some(text) => parse_date(&text)
                .ok_or_else(|| Error::refused(format!("invalid date format: '{text}'")))?,
        };
        Ok(Signature { name, email, time })
    }
}

/// Reads a date as git's environment variables have it: `<seconds> <zone>`, `@<seconds> <zone>` or a
/// calendar date.
fn parse_date(text: &[u8]) -> Option<gix::date::Time> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let raw = text.strip_prefix('@').unwrap_or(text);
    gix::date::parse(raw, None).ok()
}
