//! What differs between two states: metrics, params, code.

use super::collect;
use super::state::{self, WORKSPACE};
use crate::change::{self, Changes, Files};
use crate::checkpoint::FileData;
use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::listing::Row;
use crate::metrics;
use crate::params;
use crate::pipeline::paths;
use crate::store::Store;
use crate::store::difference::ChangedFile;
use crate::store::scan::PathSet;
use std::sync::Arc;

/// The two states to compare, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sides {
    /// Before.
    pub old: String,
    /// After.
    pub new: String,
}

impl Sides {
    /// Returns the two sides; what was not typed is HEAD before and the workspace after.
    pub fn of(old: Option<String>, new: Option<String>) -> Sides {
        Sides {
            old: old.unwrap_or_else(|| "HEAD".into()),
            new: new.unwrap_or_else(|| WORKSPACE.into()),
        }
    }
}

/// Which of the two a comparison of files is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Numbers that come out.
    Metrics,
    /// Values that go in; only those that stages declare, if `declared` says so.
    Params {
        /// Whether stages must declare them.
        declared: bool,
    },
}

/// A comparison with what could not be read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// What differs.
    pub changes: Changes,
    /// Files that could not be read, as sentences.
    pub unreadable: Vec<String>,
}

/// Compares the metrics or params of two states; only those of `targets` if there are any.
///
/// A target is a file, or a directory of files, whether or not `dvc.yaml` knows it. One that neither
/// state has is an error.
pub fn compare(
    store: &Store,
    sides: &Sides,
    subject: Subject,
    targets: &[String],
    unchanged: bool,
) -> Result<Comparison> {
    let mut unreadable = Vec::new();
    let mut read = |revision: &str| -> Result<Files> {
        let commit = state::resolve(store, revision)?;
        let files = files(store, revision, commit, subject, targets)?;
        note_unreadable(revision, &files, &mut unreadable);
        Ok(files)
    };
    let old = read(&sides.old)?;
    let new = read(&sides.new)?;
    for target in targets {
        let found = |files: &Files| files.keys().any(|file| paths::is_within(file, target));
        if !found(&old) && !found(&new) {
            return Err(Error::missing(format!(
                "no file '{target}' in '{}' and '{}'",
                sides.old, sides.new
            )));
        }
    }
    Ok(Comparison {
        changes: change::between(&old, &new, unchanged),
        unreadable,
    })
}

/// Adds a sentence for each file that could not be read.
pub fn note_unreadable(revision: &str, files: &Files, unreadable: &mut Vec<String>) {
    for (file, data) in files {
        if let FileData::Error { message, .. } = data {
            unreadable.push(format!("cannot read '{file}' of '{revision}': {message}"));
        }
    }
}

/// Compares metrics, and params, of two states.
pub fn experiments(
    store: &Store,
    sides: &Sides,
    declared: bool,
    unchanged: bool,
) -> Result<(Comparison, Comparison)> {
    let old = row(
        store,
        &sides.old,
        state::resolve(store, &sides.old)?,
        declared,
    )?;
    let new = row(
        store,
        &sides.new,
        state::resolve(store, &sides.new)?,
        declared,
    )?;
    let compare = |old: &Files, new: &Files| {
        let mut comparison = Comparison {
            changes: change::between(old, new, unchanged),
            ..Comparison::default()
        };
        note_unreadable(&sides.old, old, &mut comparison.unreadable);
        note_unreadable(&sides.new, new, &mut comparison.unreadable);
        comparison
    };
    Ok((
        compare(&old.metrics, &new.metrics),
        compare(&old.params, &new.params),
    ))
}

/// Lists the files of code and params that differ between two states: all but outputs, metrics,
/// plots and `dvc.lock` files.
pub fn code(store: &Store, sides: &Sides) -> Result<Vec<ChangedFile>> {
    let old = state::resolve(store, &sides.old)?;
    let new = state::resolve(store, &sides.new)?;
    let mut left_out = PathSet::new([store.tree_path("dvc.lock")]);
    for commit in [old, new] {
        let outputs = state::open(store, commit, |state| {
            let mut outputs = Vec::new();
            for pipeline in state.pipelines() {
                let stages = pipeline.stages.iter().flat_map(|stage| &stage.outs);
                let paths = stages
                    .map(|out| &out.path)
                    .chain(&pipeline.metrics)
                    .chain(pipeline.plots.iter().flat_map(|plot| &plot.files));
                outputs.extend(paths.map(|path| store.tree_path(path)));
                outputs.extend(pipeline.lock_files().iter().map(|it| store.tree_path(it)));
            }
            Ok(outputs)
        });
        // a state without a readable pipeline still has code
        left_out.extend(PathSet::new(outputs.unwrap_or_default()));
    }
    match (old, new) {
        (Some(old), new) => store.changed_files(old, new, &left_out),
        (None, None) => Ok(Vec::new()),
        (None, Some(new)) => {
            let mut changed = store.changed_files(new, None, &left_out)?;
            for file in &mut changed {
                std::mem::swap(&mut file.old, &mut file.new);
            }
            Ok(changed)
        }
    }
}

/// Returns the columns of a state. A `dvc.yaml` that cannot be read is an error.
pub fn row(store: &Store, revision: &str, commit: Option<ObjectId>, declared: bool) -> Result<Row> {
    let row = collect::row(store, commit, declared)?;
    match &row.error {
        Some(message) => Err(Error::corrupt(format!(
            "cannot read the pipeline of '{revision}': {message}"
        ))),
        None => Ok(row),
    }
}

/// Returns the metrics or params files of a state; with targets, those, declared or not.
pub fn files(
    store: &Store,
    revision: &str,
    commit: Option<ObjectId>,
    subject: Subject,
    targets: &[String],
) -> Result<Files> {
    let declared = subject == Subject::Params { declared: true };
    let row = row(store, revision, commit, declared)?;
    let mut files = match subject {
        Subject::Metrics => row.metrics,
        Subject::Params { .. } => Arc::unwrap_or_clone(row.params),
    };
    if targets.is_empty() {
        return Ok(files);
    }
    files.retain(|file, _| targets.iter().any(|target| paths::is_within(file, target)));
    state::open(store, commit, |state| {
        for target in targets {
            if files.keys().any(|file| paths::is_within(file, target)) {
                continue;
            }
            let below = match state.read(target)? {
                Some(_) => Some(vec![target.clone()]),
                None => state.list(target)?,
            };
            for file in below.unwrap_or_default() {
                if let Some(bytes) = state.read(&file)? {
                    let data = match subject {
                        Subject::Metrics => metrics::file_data(&file, &bytes),
                        Subject::Params { .. } => params::file_data(&file, &bytes),
                    };
                    files.insert(file, data);
                }
            }
        }
        Ok(())
    })?;
    Ok(files)
}
