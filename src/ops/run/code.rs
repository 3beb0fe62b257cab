//! The code as it is run: which files belong to it, and whether it differs from a checkpoint's.

use super::inputs::Inputs;
use crate::capture::PathList;
use crate::error::Result;
use crate::event::{Event, Events};
use crate::id::ObjectId;
use crate::ops::reported;
use crate::pipeline::project::is_pipeline_file;
use crate::pipeline::{PIPELINE_FILE, Pipeline};
use crate::runner::stage::WrittenFile;
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::objects::{Batch, EntryKind, TreeChange};
use crate::store::scan::{PathSet, Scanner};
use crate::store::untracked;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many names a status line lists before it counts the rest.
const NAMED: usize = 5;

/// Takes a snapshot of the code with the new texts of `edits`, by file, and says which untracked files are in it.
pub fn snapshot(
    batch: &Batch<'_>,
    scanner: &mut Scanner,
    inputs: &Inputs,
    edits: &BTreeMap<String, String>,
    outputs: &PathSet,
    ignore_files: &[String],
    events: &mut dyn Events,
) -> Result<ObjectId> {
    let store = batch.store;
    let found = scanner.untracked(store, outputs, &declared(store, inputs))?;
    let files = &inputs.pipeline.files;
    let files: Vec<String> = files.iter().map(|file| store.tree_path(file)).collect();
    let is_new = |path: &BString| files.iter().all(|file| *path != *file);
    say(
        events,
        "untracked files in this experiment",
        found
            .taken
            .iter()
            .filter(|path| is_new(path))
            .map(|path| path.to_string()),
    );
    say(
        events,
        "untracked files left out",
        found
            .left_out
            .iter()
            .map(|(path, why)| format!("{path} ({why})")),
    );
    scanner.take(found.taken);
    let mut always: Vec<String> = ignore_files.to_vec();
    always.extend(inputs.params.keys().cloned());
    always.extend(inputs.pipeline.files.iter().cloned());
    always.extend(inputs.pipeline.data.iter().map(|it| it.path().to_owned()));
    always.retain(|file| !store.is_elsewhere(file));
    scanner.take(always.iter().map(|file| store.tree_path(file)));
    let tree = scanner.scan(batch)?.tree;
    let mut changes = Vec::new();
    for (file, text) in edits {
        let path = store.tree_path(file).into_bytes();
        let blob = scanner.blob(batch, &path, text.as_bytes())?;
        changes.push(TreeChange {
            path,
            entry: Some((EntryKind::Blob, blob)),
        });
    }
    batch.tree(tree, &changes)
}

fn say(events: &mut dyn Events, what: &str, names: impl Iterator<Item = String>) {
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return;
    }
    let mut list = names[..names.len().min(NAMED)].join(", ");
    if names.len() > NAMED {
        list.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    events.emit(Event::Status(format!("{what}: {list}")));
}

/// Paths that stages and templates read: in the code whatever their suffix, and an edit of one makes the next run a fork.
fn declared(store: &Store, inputs: &Inputs) -> PathSet {
    let pipeline = &inputs.pipeline;
    let deps = pipeline.stages.iter().flat_map(|stage| &stage.deps);
    let read = deps
        .chain(&pipeline.vars_files)
        .filter(|path| pipeline.writer_of(path).is_none())
        .chain(inputs.params.keys());
    PathSet::new(read.map(|path| store.tree_path(path)))
}

/// Decides what a tracked file that was written during a run means for its checkpoints. `tracked` is in
/// the order of its bytes.
pub fn classifier(
    store: &Store,
    inputs: &Inputs,
    outputs: PathSet,
    tracked: Arc<PathList>,
) -> impl Fn(&Path) -> WrittenFile + use<> {
    use std::os::unix::ffi::OsStrExt;
    let declared = declared(store, inputs);
    let pipeline = &inputs.pipeline;
    let ours = pipeline.files.iter().cloned();
    let ours = ours.chain(pipeline.lock_files());
    let ours: Vec<PathBuf> = ours
        .chain([".gitignore".to_owned(), PIPELINE_FILE.to_owned()])
        .map(|path| PathBuf::from(store.tree_path(&path)))
        .collect();
    move |path| {
        let bytes = path.as_os_str().as_bytes();
        if !tracked.contains(bytes) || ours.iter().any(|own| own == path) || outputs.covers(bytes) {
            WrittenFile::Ignored
        } else if declared.covers(bytes) || untracked::is_code(bytes.as_bstr()) {
            WrittenFile::Code
        } else {
            WrittenFile::Captured
        }
    }
}

/// Whether code, deps, params or the stages of tree `now` differ from those of `from`.
///
/// Outputs, metrics, plots and `dvc.lock` never count. `only_known`: nor do files that `from` does
/// not have and git does not track, for DVC's commits leave those out.
pub fn is_changed(
    store: &Store,
    scanner: &Scanner,
    from: ObjectId,
    now: ObjectId,
    inputs: &Inputs,
    outputs: &PathSet,
    only_known: bool,
) -> Result<bool> {
    let declared = declared(store, inputs);
    let mut differing = store.differing(from, now)?;
    differing.retain(|change| {
        !outputs.covers(&change.path)
            && (!only_known || change.old.is_some() || scanner.is_tracked(&change.path))
    });
    if differing.is_empty() {
        return Ok(false);
    }
    let mut outputs = outputs.clone();
    for tree in [from, now] {
        let reported = reported::in_tree(store, &store.files_named(tree, "dvc.yaml")?)?;
        outputs.extend(PathSet::new(
            reported.iter().map(|path| store.tree_path(path)),
        ));
    }
    let mut stages_differ = None;
    let paths = differing.into_iter().map(|change| change.path);
    for path in paths.filter(|path| !outputs.covers(path)) {
        if is_pipeline_file(&path.to_str_lossy()) {
            let differ = match stages_differ {
                Some(differ) => differ,
                None => differ_in_stages(store, from, &inputs.pipeline)?,
            };
            stages_differ = Some(differ);
            if differ {
                return Ok(true);
            }
        } else if declared.covers(&path) || untracked::is_code(path.as_bstr()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the stages of a commit are others; one whose pipeline cannot be read has others.
fn differ_in_stages(store: &Store, from: ObjectId, pipeline: &Pipeline) -> Result<bool> {
    Ok(store
        .pipeline_in(from)
        .map_or(true, |before| before.stages != pipeline.stages))
}
