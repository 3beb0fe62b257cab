//! From a tip back to its baseline.

use super::Store;
use crate::checkpoint::{Checkpoint, Time, Trailers};
use crate::error::{Context, Error, Result};
use crate::id::{self, ObjectId};
use gix::bstr::ByteSlice;

impl Store {
    /// Reads one commit.
    pub fn checkpoint(&self, id: ObjectId) -> Result<Checkpoint> {
        self.find_checkpoint(id)?
            .ok_or_else(|| Error::missing(format!("commit {} is missing", id::short(&id))))
    }

    /// Returns the first-parent chain from `tip` to just before `baseline`, tip first.
    ///
    /// A chain that never meets its baseline goes to the root, or to where a shallow clone ends.
    pub fn chain(&self, tip: ObjectId, baseline: ObjectId) -> Result<Vec<Checkpoint>> {
        let mut chain = Vec::new();
        let mut next = Some(tip);
        while let Some(id) = next.filter(|id| *id != baseline) {
            let checkpoint = match self.find_checkpoint(id)? {
                Some(checkpoint) => checkpoint,
                None if !chain.is_empty() && self.repo.is_shallow().unwrap_or(false) => break,
                None => {
                    return Err(Error::missing(format!(
                        "commit {} is missing",
                        id::short(&id)
                    )));
                }
            };
            next = checkpoint.parent;
            chain.push(checkpoint);
        }
        Ok(chain)
    }

    fn find_checkpoint(&self, id: ObjectId) -> Result<Option<Checkpoint>> {
        let doing = || format!("cannot read commit {}", id::short(&id));
        let Some(object) = self.repo.try_find_object(id).context(doing)? else {
            return Ok(None);
        };
        let commit = object.try_into_commit().context(doing)?;
        let commit = commit.decode().context(doing)?;
        let time = commit
            .committer()
            .and_then(|who| who.time())
            .context(doing)?;
        let message = commit.message.to_str_lossy();
        Ok(Some(Checkpoint {
            id,
            parent: commit.parents().next(),
            tree: commit.tree(),
            time: Time {
                seconds: time.seconds,
                offset: time.offset,
            },
            subject: message.lines().next().unwrap_or_default().to_owned(),
            trailers: Trailers::parse(&message),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn walks_first_parents_to_the_baseline() {
        let sandbox = Sandbox::new();
        let root = sandbox.commit("root");
        let base = sandbox.commit("base");
        let one = sandbox.commit("one\n\nbody");
        sandbox.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
        sandbox.commit("side");
        sandbox.git(&["checkout", "-q", "main"]);
        sandbox.git(&["merge", "-q", "--no-ff", "-m", "two", "side"]);
        let two = sandbox.id("HEAD");
        let store = sandbox.store();
        let chain = store.chain(two, base).unwrap();
        assert_eq!(chain.iter().map(|it| it.id).collect::<Vec<_>>(), [two, one]);
        assert_eq!(chain[1].subject, "one");
        assert_eq!(chain[1].parent, Some(base));
        assert_eq!(chain[1].tree, sandbox.id("HEAD~1^{tree}"));
        assert_eq!(
            chain[1].time,
            Time {
                seconds: 1112911993,
                offset: -7 * 3600
            }
        );
        let elsewhere = sandbox.id("side");
        let chain = store.chain(two, elsewhere).unwrap();
        assert_eq!(
            chain.iter().map(|it| it.id).collect::<Vec<_>>(),
            [two, one, base, root]
        );
        assert_eq!(store.chain(base, base).unwrap(), []);
        let error = store
            .chain(ObjectId::null(gix::hash::Kind::Sha1), base)
            .unwrap_err();
        assert_eq!(error.to_string(), "commit 0000000 is missing");
    }

    #[test]
    fn a_shallow_clone_ends_the_chain() {
        let sandbox = Sandbox::new();
        let base = sandbox.commit("base");
        sandbox.commit("one");
        let tip = sandbox.commit("two");
        let url = format!("file://{}", sandbox.path("").display());
        sandbox.git(&["clone", "-q", "--depth=1", &url, "copy"]);
        let store = sandbox.store_at("copy");
        let chain = store.chain(tip, base).unwrap();
        assert_eq!(chain.iter().map(|it| it.id).collect::<Vec<_>>(), [tip]);
    }

    #[test]
    fn not_a_commit_is_an_error_that_names_it() {
        let sandbox = Sandbox::new();
        sandbox.commit("base");
        let tree = sandbox.id("HEAD^{tree}");
        let error = sandbox.store().checkpoint(tree).unwrap_err();
        assert!(error.to_string().starts_with("cannot read commit "));
    }
}
