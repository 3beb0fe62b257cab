//! Who commits, and when: by git's configuration and environment.

use super::{Store, local_time};
use crate::error::{Error, Result};
use gix::actor::Signature;
use gix::bstr::{BString, ByteSlice};
use gix::date::Time;

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
        for role in [Role::Committer, Role::Author] {
            self.who(role)?;
            self.fixed_time(role)?;
        }
        Ok(())
    }

    /// Returns a signature of now, or of `GIT_COMMITTER_DATE` or `GIT_AUTHOR_DATE`.
    ///
    /// gix has signatures too, but freezes the time at its first use, and asks for the local zone in a
    /// way that takes a millisecond, see [`local_time`]. Its configuration holds the variables of the
    /// environment as well.
    pub(crate) fn signature(&self, role: Role) -> Result<Signature> {
        let (name, email) = self.who(role)?;
        let time = self.fixed_time(role)?.unwrap_or_else(local_time::now);
        Ok(Signature { name, email, time })
    }

    /// Returns name and address.
    fn who(&self, role: Role) -> Result<(BString, BString)> {
        let own = match role {
            Role::Committer => ["committer.name", "committer.email"],
            Role::Author => ["author.name", "author.email"],
        };
        let config = self.repo.config_snapshot();
        let first = |keys: &[&str]| keys.iter().find_map(|key| config.string(*key));
        let name = first(&[own[0], "user.name"]).filter(|name| !name.trim().is_empty());
        let email = first(&[own[1], "user.email", "gitoxide.user.emailFallback"]);
        name.zip(email).ok_or_else(|| {
            Error::refused(format!("{} identity unknown", role.word()))
                .hint("git config --global user.name \"Your Name\"")
                .hint("git config --global user.email \"you@example.com\"")
        })
    }

    /// Returns the time that the environment gives, if it does.
    fn fixed_time(&self, role: Role) -> Result<Option<Time>> {
        let key = match role {
            Role::Committer => "gitoxide.commit.committerDate",
            Role::Author => "gitoxide.commit.authorDate",
        };
        let given = self.repo.config_snapshot().string(key);
        given
            .map(|text| {
                parse_date(&text)
                    .ok_or_else(|| Error::refused(format!("invalid date format: '{text}'")))
            })
            .transpose()
    }
}

/// Reads a date as git's environment variables have it: `<seconds> <zone>`, `@<seconds> <zone>` or a
/// calendar date.
fn parse_date(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let raw = text.strip_prefix('@').unwrap_or(text);
    gix::date::parse(raw, None).ok()
}
