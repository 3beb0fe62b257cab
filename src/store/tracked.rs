//! What git says about one path of the work tree: tracked, ignored, or neither.

use super::Store;
use crate::error::{Context, Result};
use gix::worktree::stack::state::ignore::Source;

impl Store {
    /// Whether git's index has this path of the work tree (`/` between parts), or a file below it.
    pub fn is_tracked(&self, path: &str) -> Result<bool> {
        let index = self
            .repo
            .index_or_empty()
            .context(|| "cannot read the index".to_owned())?;
        let below = format!("{path}/");
        Ok(index.entry_index_by_path(path.into()).is_ok()
            || index
                .prefixed_entries_range(below.as_str().into())
                .is_some())
    }

    /// Whether git ignores this path of the work tree, tracked or not, there or not.
    pub fn is_ignored(&self, path: &str, is_dir: bool) -> Result<bool> {
        self.ignore_rules()?.matches(path, is_dir)
    }

    /// Returns git's rules for many questions: each file of rules is read once, when first needed.
    pub fn ignore_rules(&self) -> Result<IgnoreRules<'_>> {
        let index = self
            .repo
            .index_or_empty()
            .context(|| "cannot read the index".to_owned())?;
        let stack = self
            .repo
            .excludes(&index, None, Source::WorktreeThenIdMappingIfNotSkipped)
            .context(|| "cannot read what git ignores".to_owned())?;
        Ok(IgnoreRules { stack })
    }
}

/// What git ignores, as it was when the rules of a folder were first looked at.
pub struct IgnoreRules<'s> {
    stack: gix::AttributeStack<'s>,
}

impl IgnoreRules<'_> {
    /// Whether git ignores this path of the work tree, tracked or not, there or not.
    pub fn matches(&mut self, path: &str, is_dir: bool) -> Result<bool> {
        let mode = match is_dir {
            true => gix::index::entry::Mode::DIR,
            false => gix::index::entry::Mode::FILE,
        };
        let platform = self
            .stack
            .at_entry(path, Some(mode))
            .context(|| format!("cannot read what git ignores for '{path}'"))?;
        Ok(platform.is_excluded())
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::Sandbox;

    #[test]
    fn knows_what_is_tracked() {
        let sandbox = Sandbox::new();
        sandbox.write("dir/file", "x");
        sandbox.write("dir-b", "x");
        sandbox.commit("files");
        sandbox.write("dir/new", "x");
        let store = sandbox.store();
        for (path, tracked) in [
            ("dir/file", true),
            ("dir", true),
            ("dir-b", true),
            ("dir/new", false),
            ("di", false),
            ("dir/file/x", false),
        ] {
            assert_eq!(store.is_tracked(path).unwrap(), tracked, "{path}");
        }
    }

    #[test]
    fn knows_what_is_ignored() {
        let sandbox = Sandbox::new();
        sandbox.write(".gitignore", "/model.pt\n*.log\n!keep.log\nout/\n");
        sandbox.write("sub/.gitignore", "/x\n");
        sandbox.write("there.log", "");
        let store = sandbox.store();
        for (path, is_dir, ignored) in [
            ("model.pt", false, true),
            ("sub/model.pt", false, false),
            ("sub/x", false, true),
            ("there.log", false, true),
            ("keep.log", false, false),
            ("out", true, true),
            ("out", false, false),
            ("out/file", false, true),
            ("nowhere/at/all", false, false),
        ] {
            assert_eq!(store.is_ignored(path, is_dir).unwrap(), ignored, "{path}");
        }
    }
}
