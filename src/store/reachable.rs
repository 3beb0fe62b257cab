//! Commits that branches, tags and HEAD lead to.

use super::Store;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use std::collections::HashSet;

impl Store {
    /// Returns the commits at the tips of all local branches.
    pub fn branch_tips(&self) -> Result<Vec<ObjectId>> {
        self.tips(&["refs/heads/"])
    }

    /// Returns the commits that tags name.
    pub fn tag_tips(&self) -> Result<Vec<ObjectId>> {
        self.tips(&["refs/tags/"])
    }

    /// Returns those of `wanted` that HEAD, a branch (local or remote) or a tag leads to.
    ///
    /// With `since` (seconds since the epoch), only those committed then or later.
    pub fn reachable(
        &self,
        wanted: &HashSet<ObjectId>,
        since: Option<i64>,
    ) -> Result<HashSet<ObjectId>> {
        let doing = || "cannot walk the history".to_string();
        let mut tips = self.tips(&["refs/heads/", "refs/remotes/", "refs/tags/"])?;
        tips.extend(self.head()?.commit);
        let mut found = HashSet::new();
        for info in self.repo.rev_walk(tips).all().context(doing)? {
            let id = info.context(doing)?.id;
            if wanted.contains(&id)
                && since.is_none_or(|since| {
                    self.checkpoint(id)
                        .is_ok_and(|commit| commit.time.seconds >= since)
                })
            {
                found.insert(id);
            }
            if found.len() == wanted.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Returns `count` first-parent commits from `tip` on, all of them if it is negative.
    pub fn first_parents(&self, tip: ObjectId, count: i64) -> Result<Vec<ObjectId>> {
        let mut commits = Vec::new();
        let mut next = Some(tip);
        while let Some(commit) = next {
            if count >= 0 && commits.len() as i64 >= count {
                break;
            }
            commits.push(commit);
            next = self.checkpoint(commit)?.parent;
        }
        Ok(commits)
    }

    /// Returns the midnight (of the local zone) that starts a day, in seconds since the epoch.
    pub fn parse_day(&self, text: &str) -> Result<i64> {
        let invalid = || Error::usage(format!("'{text}' is not a date: expected YYYY-MM-DD"));
        let is_day = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_day {
            return Err(invalid());
        }
        let offset = super::local_time::now().offset;
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs() / 60;
        let full = format!(
            "{text} 00:00:00 {sign}{:02}{:02}",
            minutes / 60,
            minutes % 60
        );
        let time = gix::date::parse(&full, None).map_err(|cause| invalid().caused_by(cause))?;
        Ok(time.seconds)
    }

    fn tips(&self, prefixes: &[&str]) -> Result<Vec<ObjectId>> {
        let mut tips = Vec::new();
        for prefix in prefixes {
            let doing = || format!("cannot list '{prefix}'");
            let references = self.repo.references().context(doing)?;
            let references = references
                .prefixed(gix::bstr::BStr::new(*prefix))
                .context(doing)?;
            for reference in references {
                let Ok(mut reference) = reference else {
                    continue;
                };
                let Ok(id) = reference.peel_to_id() else {
                    continue;
                };
                let is_commit = self
                    .repo
                    .find_header(id.detach())
                    .is_ok_and(|header| header.kind() == gix::objs::Kind::Commit);
                if is_commit {
                    tips.push(id.detach());
                }
            }
        }
        Ok(tips)
    }
}
