//! What a capture holds: the files of one checkpoint, as they stood at the signal.

use crate::pipeline::Reported;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// One checkpoint's worth of files, as they stood at the signal.
#[derive(Debug, Default)]
pub struct Capture {
    /// The stage that runs, or just ended.
    pub stage: String,
    /// Its outputs, in the order of the stage.
    pub outputs: Vec<CapturedOutput>,
    /// Other files that belong to the checkpoint: written tracked files, top-level metrics and plots, `dvc.yaml` files.
    pub files: Vec<CapturedPath>,
    /// Tracked files to look at when this is recorded, where nothing tells which were written.
    pub late: Option<Arc<[PathBuf]>>,
    /// Whether training asked for it; otherwise the stage has ended.
    pub signalled: bool,
    /// When it was taken.
    pub taken_at: Option<SystemTime>,
    /// Bytes held in memory and in temporary copies.
    pub bytes: u64,
    /// What `dvc.yaml` files report at this moment.
    pub reported: Arc<Reported>,
}

/// One output at the moment of a capture.
#[derive(Debug)]
pub struct CapturedOutput {
    /// As in the stage.
    pub path: String,
    /// What was there.
    pub content: CapturedContent,
}

/// What an output was at the moment of a capture.
#[derive(Debug)]
pub enum CapturedContent {
    /// It did not exist.
    Missing,
    /// A file.
    File(CapturedFile),
    /// A directory, as what changed since the capture before; `complete` if nothing is known of one.
    Directory {
        /// Whether nothing was known of it before, so that `changed` is all of it.
        complete: bool,
        /// New and changed files by path below it.
        changed: Vec<(String, CapturedFile)>,
        /// Files that are gone.
        removed: Vec<String>,
    },
}

/// A file outside the stage's outputs; absent if it was removed.
#[derive(Debug)]
pub struct CapturedPath {
    /// Relative to the work tree.
    pub path: PathBuf,
    /// What was there.
    pub file: Option<CapturedFile>,
}

/// A regular file's bytes, wherever they are now.
#[derive(Debug)]
pub struct CapturedFile {
    /// Its bytes.
    pub content: Content,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Where captured bytes are.
#[derive(Debug)]
pub enum Content {
    /// The same as in the capture before.
    Unchanged,
    /// In memory.
    Bytes(Vec<u8>),
    /// In a temporary copy of this many bytes.
    Copy {
        /// Where the copy is.
        path: PathBuf,
        /// Bytes.
        size: u64,
    },
    /// A symbolic link with this target (files outside outputs only; outputs are followed).
    Link(Vec<u8>),
}
