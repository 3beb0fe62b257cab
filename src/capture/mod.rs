//! What was copied while training waited: one checkpoint's worth of files, as values.
//!
//! [`manifest`] is the form in which a capture outlives the process that took it.

pub mod manifest;
mod path_list;

pub use path_list::PathList;

use crate::pipeline::Reported;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// The largest file that is read into memory, in bytes; single files up to this size are always read.
pub const IN_MEMORY: u64 = 1 << 20;

/// One checkpoint's worth of files, as they stood at the signal.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Capture {
    /// The stage that runs, or just ended.
    pub stage: String,
    /// Its outputs, in the order of the stage.
    pub outputs: Vec<CapturedOutput>,
    /// Other files that belong to the checkpoint: written tracked files, top-level metrics and plots, `dvc.yaml` files.
    pub files: Vec<CapturedPath>,
    /// Tracked files to look at when this is recorded, where nothing tells which were written. It does
    /// not outlive the process: what another one would see is of no moment of the training.
    #[serde(skip)]
    pub late: Option<Arc<PathList>>,
    /// Whether training asked for it; otherwise the stage has ended.
    pub signalled: bool,
    /// When it was taken.
    #[serde(skip)]
    pub taken_at: Option<SystemTime>,
    /// Bytes held in memory and in temporary copies.
    pub bytes: u64,
    /// What `dvc.yaml` files report at this moment.
    #[serde(with = "manifest::shared")]
    pub reported: Arc<Reported>,
    /// Its number in the journal of the run, once it stands there.
    #[serde(skip)]
    pub number: Option<u64>,
}

impl Capture {
    /// Returns how many files of outputs are in it.
    pub fn output_files(&self) -> u64 {
        let files = self.outputs.iter().map(|output| match &output.content {
            CapturedContent::Missing => 0,
            CapturedContent::File(_) => 1,
            CapturedContent::Directory { changed, .. } => changed.len() as u64,
        });
        files.sum()
    }
}

/// One output at the moment of a capture.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct CapturedOutput {
    /// As in the stage.
    pub path: String,
    /// What was there.
    pub content: CapturedContent,
}

/// What an output was at the moment of a capture.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct CapturedPath {
    /// Relative to the work tree.
    #[serde(with = "manifest::path")]
    pub path: PathBuf,
    /// What was there.
    pub file: Option<CapturedFile>,
}

/// A regular file's bytes, wherever they are now.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub struct CapturedFile {
    /// Its bytes.
    pub content: Content,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// Which file it was, if a write since would have changed that. It is worth something only as long
    /// as somebody may ask for the file once more.
    #[serde(skip)]
    pub as_of: Option<AsOf>,
}

/// What a file looked like when its bytes were captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// Device.
    pub device: u64,
    /// Inode.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since the epoch.
    pub mtime: i64,
    /// Nanoseconds since the epoch.
    pub ctime: i64,
}

/// Where captured bytes are.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Content {
    /// The same as in the capture before.
    Unchanged,
    /// In memory.
    #[serde(with = "manifest::length")]
    Bytes(Vec<u8>),
    /// In a temporary copy of this many bytes.
    Copy {
        /// Where the copy is.
        #[serde(with = "manifest::path")]
        path: PathBuf,
        /// Bytes.
        size: u64,
    },
    /// A symbolic link with this target (files outside outputs only; outputs are followed).
    #[serde(with = "manifest::length")]
    Link(Vec<u8>),
}
