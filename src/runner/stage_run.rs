//! What the runner is told of a stage, and how the stage ended.

use super::beside::Beside;
use crate::pipeline::paths::is_url;
use crate::pipeline::{Output, Stage};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// What a stage needs beside itself.
pub struct StageRun<'a> {
    /// The stage.
    pub stage: &'a Stage,
    /// The project's root, absolute.
    pub root: &'a Path,
    /// Top of the work tree, absolute.
    pub worktree: &'a Path,
    /// Where the project lies in it, empty for its top.
    pub folder: &'a Path,
    /// Environment on top of ours.
    pub environment: Vec<(String, OsString)>,
    /// The signal file, absolute.
    pub signal_file: PathBuf,
    /// The file in which DVCLive says that a step is complete, absolute.
    pub step_file: PathBuf,
    /// Whether a signal makes a checkpoint: the stage has a checkpoint output.
    pub checkpoints: bool,
    /// Answer a signal when its checkpoint exists, not when it is captured.
    pub sync: bool,
    /// End the command when a checkpoint cannot be saved.
    pub stop_on_error: bool,
    /// Whether the work tree goes when the run is over.
    pub temporary: bool,
    /// What a written tracked file is to a checkpoint.
    pub classify: &'a dyn Fn(&Path) -> WrittenFile,
    /// Outputs that no other stage's capture has anything of: its own, and those of stages beside it.
    pub claimed: &'a [Output],
    /// Where it runs beside others: what is its own then.
    pub beside: Option<Beside>,
}

impl StageRun<'_> {
    /// Returns how the stage ends if an output is not there after its last line.
    pub(super) fn missing_output(&self) -> Option<StageEnd> {
        let absent = |path: &str| fs_err::symlink_metadata(self.root.join(path)).is_err();
        let is_needed = |out: &&Output| !out.checkpoint && !is_url(&out.path);
        let mut outs = self.stage.all_outs().filter(is_needed);
        let output = outs.find(|out| absent(&out.path))?;
        Some(StageEnd::OutputMissing {
            path: output.path.clone(),
        })
    }

    /// Returns how the stage ends if the folder of its command is not there.
    pub(super) fn missing_folder(&self) -> Option<StageEnd> {
        let path = &self.stage.wdir;
        (!self.root.join(path).is_dir()).then(|| StageEnd::FolderMissing { path: path.clone() })
    }
}

/// What a written file in a folder of tracked files means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenFile {
    /// Not ours: an output, an untracked or an ignored file.
    Ignored,
    /// Code, a dependency or a params file: named, not captured.
    Code,
    /// It belongs to the checkpoint.
    Captured,
}

/// How a stage's command ended.
#[derive(Debug)]
pub enum StageEnd {
    /// All its lines exited with 0.
    Finished,
    /// This line did not.
    Failed {
        /// As in `dvc.yaml`.
        line: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// Its 'wdir' is not there to start a line in.
    FolderMissing {
        /// The folder.
        path: String,
    },
    /// All its lines exited with 0, but this output is not there.
    OutputMissing {
        /// The output.
        path: String,
    },
    /// A signal came before all its lines were started.
    Interrupted,
    /// The process that another runner had started is gone, and only that one could know how it ended.
    Unknown,
    /// A checkpoint could not be saved, and `exp.onError = stop`.
    Stopped {
        /// Why not.
        reason: String,
    },
}
