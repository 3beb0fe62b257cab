//! Bytes of outputs that nothing else holds, kept as an undo entry before an operation replaces them.

use crate::digest::Format;
use crate::error::Result;
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::objects::Batch;
use crate::store::scan::{PathSet, Scanner};
use crate::store::transition::{SavedFile, SavedOutput, SavedPath, Step, Transition};
use crate::store::undo::Worth;

/// Keeps what stands at `paths` (from the top of the work tree; files, or directories with all below
/// them), and returns the number of the entry; `None` if nothing is there.
///
/// `cached` ones go to the cache under their name in `format`, the others into git. They stay where
/// they are. `git exp undo` puts them back; `command` and `subject` are what its list says.
pub fn keep(
    store: &Store,
    command: &str,
    subject: &str,
    files: &[BString],
    cached: &[BString],
    format: Format,
) -> Result<Option<u64>> {
    let mut transition = Transition::default();
    if !files.is_empty() {
        let mut scanner = Scanner::new(store, PathSet::default())?;
        let batch = Batch::new(store);
        for path in store.files_below(&PathSet::new(files))? {
            let before = scanner.store_current(&batch, path.as_bstr())?;
            if let Some(before) = before {
                transition.files.push((
                    SavedPath(path),
                    Step {
                        before: Some(SavedFile::new(before)),
                        after: None,
                    },
                ));
            }
        }
        batch.sync()?;
    }
    let mut objects = Vec::new();
    if !cached.is_empty() {
        store.settle_cache()?;
        let cache = store.cache()?;
        for path in cached {
            let place = store.path_of(path.as_bstr())?;
            let Some(digest) = cache.digest(&place)? else {
                continue;
            };
            cache.save(&place, &digest, format)?;
            let object = SavedOutput::new(format, digest.md5(format), digest.isexec());
            objects.push(object.clone());
            transition.outputs.push((
                SavedPath(path.clone()),
                Step {
                    before: Some(object),
                    after: None,
                },
            ));
        }
    }
    if !transition.touches_files() {
        return Ok(None);
    }
    let entry = store.save_undo(command, subject, &mut transition, &objects, Worth::OnlyCopy)?;
    Ok(Some(entry.number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::store::testing::Sandbox;

    #[test]
    fn what_was_kept_comes_back() {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        sandbox.commit("one");
        sandbox.write("metrics.json", "{}");
        sandbox.write("plots/a.json", "[]");
        sandbox.write("model.pt", "weights");
        sandbox.write("dir/shard", "more");
        let store = sandbox.store();
        let files = ["metrics.json".into(), "plots".into(), "none".into()];
        let cached = ["model.pt".into(), "dir".into(), "nothing".into()];
        let kept = keep(&store, "run", "x", &files, &cached, Format::V3).unwrap();
        assert_eq!(kept, Some(1));
        for path in ["metrics.json", "plots/a.json", "model.pt", "dir/shard"] {
            fs_err::remove_file(sandbox.path(path)).unwrap();
        }
        fs_err::remove_dir_all(sandbox.path(".dvc/cache")).unwrap();
        let mut silent = |_: Event| {};
        let entry = crate::ops::undo::undo(&store, false, &mut silent).unwrap();
        assert_eq!(entry.record.subject, "x");
        for (path, text) in [
            ("metrics.json", "{}"),
            ("plots/a.json", "[]"),
            ("model.pt", "weights"),
            ("dir/shard", "more"),
        ] {
            let found = fs_err::read_to_string(sandbox.path(path)).unwrap();
            assert_eq!(found, text, "{path}");
        }
        assert_eq!(
            keep(&store, "run", "x", &[], &["none".into()], Format::V3).unwrap(),
            None
        );
        sandbox.fsck();
    }
}
