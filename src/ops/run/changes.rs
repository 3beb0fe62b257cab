//! What a run has changed, as paths for `git add`.

use crate::error::Result;
use crate::id::ObjectId;
use crate::pipeline::{Pipeline, paths};
use crate::store::Store;
use std::collections::BTreeSet;

/// Lists what git would have to be told to keep the checkpoint `tip`: where it differs from HEAD.
///
/// Sorted, from the project's root, or with `:/` from the top where the user stands elsewhere. What lies in a directory that is an output is that directory; what
/// is gone from the workspace since is left out, and so is what lies outside of the project.
pub(super) fn to_add(store: &Store, pipeline: &Pipeline, tip: ObjectId) -> Result<Vec<String>> {
    let project = store.project()?;
    let head = store.head()?.commit;
    let head = head.unwrap_or_else(|| ObjectId::empty_tree(tip.kind()));
    let mut found = BTreeSet::new();
    for change in store.differing(head, tip)? {
        let text = std::str::from_utf8(&change.path).ok();
        let inside = text.and_then(|path| path.strip_prefix(store.prefix()));
        let Some(path) = inside else { continue };
        if project.join(path).symlink_metadata().is_err() {
            continue;
        }
        let outputs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        let mut folders = paths::ancestors(path);
        let folder = folders.find(|folder| outputs.clone().any(|out| out.path == **folder));
        found.insert(folder.unwrap_or(path).to_owned());
    }
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let from_here = |path: String| match &here {
        Ok(here) if here == project => path,
        _ => format!(":/{}", store.tree_path(&path)),
    };
    Ok(found.into_iter().map(from_here).collect())
}
