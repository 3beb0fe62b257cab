//! A checkpoint and the one text form of its note.

mod note;
mod trailers;

pub use note::{ParsedNote, escape_path, unescape_path};
pub use trailers::{Fork, new_experiment_id};

use crate::id::ObjectId;
use crate::value::{Map, Value};
use indexmap::IndexMap;

/// Seconds since the epoch and the offset of the committer's zone in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds since 1970-01-01 UTC.
    pub seconds: i64,
    /// East of UTC, in seconds.
    pub offset: i32,
}

/// One commit of an experiment with what its trailers say.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// The commit.
    pub id: ObjectId,
    /// Its first parent.
    pub parent: Option<ObjectId>,
    /// Its tree.
    pub tree: ObjectId,
    /// Committer time.
    pub time: Time,
    /// First line of its message.
    pub subject: String,
    /// Its trailers; all absent in a commit that DVC made.
    pub trailers: Trailers,
}

/// Hints in a checkpoint's commit message; membership comes from refs only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trailers {
    /// `Exp-Id`: 32 hex digits, the same for all checkpoints of one experiment.
    pub id: Option<String>,
    /// `Exp-Checkpoint`: count from 1 along the chain.
    pub number: Option<u64>,
    /// `Exp-Baseline`: 40 or 64 hex digits.
    pub baseline: Option<String>,
    /// `Exp-Fork-Of`, on the first commit of a fork.
    pub fork_of: Option<Fork>,
}

/// How a run ended, as its tip's note says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The pipeline finished.
    Done,
    /// The stage failed.
    Failed,
    /// Somebody stopped it.
    Interrupted,
}

/// What a file of params or metrics held, or why it could not be read.
#[derive(Debug, Clone, PartialEq)]
pub enum FileData {
    /// Its content.
    Data(Value),
    /// Why there is none: DVC's `{"type", "msg"}`.
    Error {
        /// The class of DVC's exception.
        kind: String,
        /// What it says.
        message: String,
    },
}

/// A dependency as the note has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoteDependency {
    /// As in `dvc.lock`.
    pub md5: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// Files of a directory.
    pub nfiles: Option<u64>,
}

/// An output (metrics and plots are not among them) as the note has it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoteOutput {
    /// As in `dvc.lock`.
    pub md5: Option<String>,
    /// Of the stored object's bytes; absent for outputs that are not cached.
    pub sha256: Option<String>,
    /// Bytes.
    pub size: Option<u64>,
    /// Files of a directory.
    pub nfiles: Option<u64>,
    /// Whether it is cached.
    pub cache: bool,
    /// Whether it comes from a `.dvc` file.
    pub data_source: bool,
}

/// The JSON document on a checkpoint.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Note {
    /// `Exp-Id`.
    pub id: String,
    /// `Exp-Checkpoint`.
    pub number: u64,
    /// Committer seconds since the epoch.
    pub time: i64,
    /// Absent while the run goes on, or when it was cut off.
    pub status: Option<Status>,
    /// Exit status of the stage's command, where it failed.
    pub exit: Option<i32>,
    /// Why a checkpoint of this run is missing, where one is.
    pub incomplete: Option<String>,
    /// Metrics by file.
    pub metrics: IndexMap<String, FileData>,
    /// Params by file.
    pub params: IndexMap<String, FileData>,
    /// Dependencies by path.
    pub deps: IndexMap<String, NoteDependency>,
    /// Outputs by path, metrics and plots excluded.
    pub outs: IndexMap<String, NoteOutput>,
    /// What `-M` gave.
    pub message: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
    /// Keys of later versions, kept.
    pub others: Map,
}
