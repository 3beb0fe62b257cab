//! What only git knows: branches, tags, short ids and git's own steps.

use super::Resolved;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use crate::revision;
use crate::store::Store;
use gix::bstr::BStr;
use std::collections::HashSet;

impl Store {
    /// Resolves what only git knows.
    pub(super) fn resolve_git(&self, text: &str) -> Result<Resolved> {
        let commit = self.resolve_git_commit(text)?;
        Ok(Resolved {
            commit,
            experiment: self.containing(commit)?,
        })
    }

    pub(super) fn resolve_git_commit(&self, text: &str) -> Result<ObjectId> {
        if let Some(commit) = self.short_id(text)? {
            return Ok(commit);
        }
        let unknown = || Error::missing(format!("unknown revision '{text}'"));
        let found = self
            .repo
            .rev_parse_single(BStr::new(text))
            .map_err(|cause| {
                // gix says it several times over; the innermost says what matters.
                let unknown = unknown();
                match innermost(&cause) {
                    _ if cause.is_not_found() && revision::is_plain(text) => unknown,
                    reason => unknown.caused_by(reason),
                }
            })?;
        let commit = found
            .object()
            .and_then(|object| object.peel_to_commit())
            .map_err(|cause| {
                Error::refused(format!("'{text}' does not name a commit")).caused_by(cause)
            })?;
        Ok(commit.id)
    }

    /// Resolves an abbreviated id whose candidates are one commit, or one line of commits.
    ///
    /// `None` for anything else: a ref of that name comes first, as in git.
    fn short_id(&self, text: &str) -> Result<Option<ObjectId>> {
        let stem_end = text.find(['~', '^']).unwrap_or(text.len());
        let (stem, steps) = text.split_at(stem_end);
        let is_hex = stem.len() >= 4 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || stem.len() >= self.repo.object_hash().len_in_hex() {
            return Ok(None);
        }
        if self
            .repo
            .try_find_reference(stem)
            .is_ok_and(|r| r.is_some())
        {
            return Ok(None);
        }
        let Ok(prefix) = gix::hash::Prefix::from_hex(stem) else {
            return Ok(None);
        };
        let mut candidates = HashSet::new();
        self.repo
            .objects
            .lookup_prefix(prefix, Some(&mut candidates))
            .context(|| format!("cannot look for '{stem}'"))?;
        if candidates.len() < 2 {
            return Ok(None);
        }
        let mut commits: Vec<ObjectId> = candidates
            .into_iter()
            .filter(|id| {
                self.repo
                    .find_header(*id)
                    .is_ok_and(|header| header.kind() == gix::objs::Kind::Commit)
            })
            .collect();
        commits.sort();
        if commits.is_empty() {
            return Ok(None);
        }
        let Some(commit) = self.newest_of_line(&commits)? else {
            let mut error = Error::refused(format!("short object id '{stem}' is ambiguous"));
            for commit in &commits {
                let subject = self.checkpoint(*commit).map(|found| found.subject);
                error = error.hint(format!("{commit} {}", subject.unwrap_or_default()));
            }
            return Err(error);
        };
        if steps.is_empty() {
            return Ok(Some(commit));
        }
        self.resolve_git_commit(&format!("{commit}{steps}"))
            .map(Some)
    }
}

/// Returns the words of the last cause of an error.
fn innermost(error: &gix::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}
