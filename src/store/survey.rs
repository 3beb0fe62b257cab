//! What a listing of many commits needs in one pass: names of commits, trees, the local zone.

use super::Store;
use crate::checkpoint::Time;
use crate::error::{Context, Result};
use crate::experiment::{self, Experiment};
use crate::id::{self, ObjectId};
use gix::bstr::{BStr, ByteSlice};
use std::collections::{HashMap, HashSet};

/// A tree's entry: a file or symbolic link, or a directory. Submodules are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeEntry {
    /// A blob.
    File(ObjectId),
    /// A tree.
    Dir(ObjectId),
}

/// The zone of `TZ`, or of the machine.
#[derive(Clone)]
pub struct LocalZone {
    now: gix::date::Zoned,
}

impl LocalZone {
    /// Looks the zone up.
    pub fn load() -> Self {
        LocalZone {
            now: gix::date::Zoned::now(),
        }
    }

    /// Returns the time of the clock.
    pub fn now(&self) -> Time {
        Time {
            seconds: self.now.timestamp().as_second(),
            offset: self.now.offset().seconds(),
        }
    }

    /// Returns the same moment with the zone's offset at that moment.
    pub fn localise(&self, time: Time) -> Time {
        let away = time.seconds.saturating_sub(self.now().seconds);
        let duration = std::time::Duration::from_secs(away.unsigned_abs());
        let there = if away < 0 {
            self.now.checked_sub(duration)
        } else {
            self.now.checked_add(duration)
        };
        Time {
            seconds: time.seconds,
            offset: there.map_or(time.offset, |there| there.offset().seconds()),
        }
    }
}

impl Store {
    /// Lists the experiments of `baselines`, in ref order below each of them.
    pub fn experiments_of(&self, baselines: &[ObjectId]) -> Result<Vec<Experiment>> {
        // A few folders of refs are listed one by one; many at once, so that each ref is met once.
        const FEW: usize = 16;
        if baselines.len() > FEW {
            let wanted: HashSet<&ObjectId> = baselines.iter().collect();
            let mut all = self.experiments()?;
            all.retain(|experiment| wanted.contains(&experiment.baseline));
            return Ok(all);
        }
        let mut found = Vec::new();
        for baseline in baselines {
            let hex = baseline.to_hex().to_string();
            let prefix = format!("{}{}/{}/", experiment::REFS, &hex[..2], &hex[2..]);
            for (name, tip) in self.refs_below(&prefix)? {
                if let Some((baseline, name)) = experiment::parse_experiment_ref(name.as_bytes()) {
                    found.push(Experiment {
                        baseline,
                        name,
                        tip,
                    });
                }
            }
        }
        Ok(found)
    }

    /// Returns the bytes of a blob.
    pub fn blob(&self, id: ObjectId) -> Result<Vec<u8>> {
        let mut blob = self
            .repo
            .find_object(id)
            .context(|| format!("cannot read blob {}", id::short(&id)))?;
        Ok(std::mem::take(&mut blob.data))
    }

    /// Returns the tree of a commit.
    pub fn tree_of(&self, commit: ObjectId) -> Result<ObjectId> {
        let tree = self
            .repo
            .find_object(commit)
            .and_then(|object| object.peel_to_tree())
            .context(|| format!("cannot read the tree of {}", id::short(&commit)))?;
        Ok(tree.id)
    }

    /// Returns the entry at `path` (`/` between parts, empty for the tree itself), or `None`.
    pub fn tree_entry(&self, tree: ObjectId, path: &str) -> Result<Option<TreeEntry>> {
        if path.is_empty() {
            return Ok(Some(TreeEntry::Dir(tree)));
        }
        let doing = || format!("cannot look up '{path}' in tree {}", id::short(&tree));
        let tree = self
            .repo
            .find_object(tree)
            .context(doing)?
            .try_into_tree()
            .context(doing)?;
        let entry = tree.lookup_entry(path.split('/')).context(doing)?;
        Ok(entry.and_then(|entry| kind(entry.mode(), entry.object_id())))
    }

    /// Lists a tree's entries with their names; names that are not UTF-8 are passed over.
    pub fn tree_entries(&self, tree: ObjectId) -> Result<Vec<(String, TreeEntry)>> {
        let doing = || format!("cannot read tree {}", id::short(&tree));
        let object = self.repo.find_object(tree).context(doing)?;
        let tree = object.try_into_tree().context(doing)?;
        let mut entries = Vec::new();
        for entry in tree.iter() {
            let entry = entry.context(doing)?;
            if let (Ok(name), Some(found)) = (
                entry.filename().to_str(),
                kind(entry.mode(), entry.object_id()),
            ) {
                entries.push((name.to_owned(), found));
            }
        }
        Ok(entries)
    }

    /// Returns how people call commits: their first tag, else their first branch; the current branch
    /// for HEAD.
    pub fn commit_names(&self) -> Result<HashMap<ObjectId, String>> {
        let mut names = HashMap::new();
        for kind in ["refs/tags/", "refs/heads/"] {
            self.each_ref(kind, |name, id| {
                names
                    .entry(id)
                    .or_insert_with(|| name[kind.len()..].to_owned());
            })?;
        }
        let head = self.head()?;
        if let (Some(commit), Some(branch)) = (head.commit, head.branch) {
            names.insert(commit, branch);
        }
        Ok(names)
    }

    /// Lists the tips of branches (`refs/heads/`) or tags (`refs/tags/`) with their short names, in
    /// the order of names; those that are no commits are passed over.
    pub fn named_tips(&self, kind: &str) -> Result<Vec<(String, ObjectId)>> {
        let mut tips = Vec::new();
        self.each_ref(kind, |name, id| {
            let header = self.repo.find_header(id);
            if header.is_ok_and(|header| header.kind() == gix::objs::Kind::Commit) {
                tips.push((name[kind.len()..].to_owned(), id));
            }
        })?;
        Ok(tips)
    }

    /// Lists every commit that HEAD, branches (local and remote) and tags lead to, newest first.
    pub fn all_commits(&self) -> Result<Vec<ObjectId>> {
        let doing = || "cannot walk the history".to_owned();
        let mut tips: Vec<ObjectId> = self.head()?.commit.into_iter().collect();
        for kind in ["refs/heads/", "refs/remotes/", "refs/tags/"] {
            self.each_ref(kind, |_, id| {
                let header = self.repo.find_header(id);
                if header.is_ok_and(|header| header.kind() == gix::objs::Kind::Commit) {
                    tips.push(id);
                }
            })?;
        }
        let newest_first = gix::revision::walk::Sorting::ByCommitTime(Default::default());
        let walk = self.repo.rev_walk(tips).sorting(newest_first);
        let mut commits = Vec::new();
        for info in walk.all().context(doing)? {
            commits.push(info.context(doing)?.id);
        }
        Ok(commits)
    }

    /// Calls `visit` with the full name and the id of every ref below `prefix`, tags and symbolic
    /// refs followed; broken ones are passed over.
    fn each_ref(&self, prefix: &str, mut visit: impl FnMut(&str, ObjectId)) -> Result<()> {
        let doing = || format!("cannot list '{prefix}'");
        let references = self.repo.references().context(doing)?;
        let references = references.prefixed(BStr::new(prefix)).context(doing)?;
        // Following looks at the object behind every single ref, and only tags need it.
        let may_be_direct = prefix != "refs/tags/";
        for mut reference in references.flatten() {
            let direct = reference.target().try_id().map(ToOwned::to_owned);
            let id = match direct.filter(|_| may_be_direct) {
                Some(id) => id,
                None => match reference.peel_to_id() {
                    Ok(id) => id.detach(),
                    Err(_) => continue,
                },
            };
            if let Ok(name) = reference.name().as_bstr().to_str() {
                visit(name, id);
            }
        }
        Ok(())
    }
}

fn kind(mode: gix::objs::tree::EntryMode, id: impl Into<ObjectId>) -> Option<TreeEntry> {
    if mode.is_tree() {
        Some(TreeEntry::Dir(id.into()))
    } else if mode.is_commit() {
        None
    } else {
        Some(TreeEntry::File(id.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn names_prefer_the_current_branch_then_tags() {
        let sandbox = Sandbox::new();
        let one = sandbox.commit("one");
        sandbox.git(&["tag", "-a", "-m", "x", "v1"]);
        sandbox.git(&["branch", "other"]);
        let two = sandbox.commit("two");
        sandbox.git(&["branch", "a-first"]);
        sandbox.git(&["tag", "v2"]);
        let store = sandbox.store();
        let names = store.commit_names().unwrap();
        assert_eq!(names[&one], "v1");
        assert_eq!(names[&two], "main");
        assert_eq!(store.all_commits().unwrap(), [two, one]);
    }

    #[test]
    fn walks_trees() {
        let sandbox = Sandbox::new();
        let commit = sandbox.commit("one");
        let store = sandbox.store();
        let tree = store.tree_of(commit).unwrap();
        assert_eq!(
            store.tree_entry(tree, "").unwrap(),
            Some(TreeEntry::Dir(tree))
        );
        assert_eq!(store.tree_entry(tree, "no/such").unwrap(), None);
        for (name, entry) in store.tree_entries(tree).unwrap() {
            assert_eq!(store.tree_entry(tree, &name).unwrap(), Some(entry));
        }
    }

    #[test]
    fn the_zone_does_not_move_the_moment() {
        let zone = LocalZone::load();
        let long_ago = Time {
            seconds: 1_112_911_993,
            offset: -7 * 3_600,
        };
        assert_eq!(zone.localise(long_ago).seconds, 1_112_911_993);
        assert_eq!(zone.localise(zone.now()), zone.now());
    }
}
