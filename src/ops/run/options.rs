//! What a run is asked for.

use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::pipeline::Reach;
use crate::store::Store;

/// What `git exp run` was asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Stages to run with what they depend on; all when empty.
    pub targets: Vec<String>,
    /// The folder that they are relative to, from the project's root; `None` where the user stands in it.
    pub folder: Option<String>,
    /// How far from the targets.
    pub reach: Reach,
    /// Go on from this checkpoint, which is the resume point and in the workspace already, whatever
    /// HEAD is.
    pub from: Option<ObjectId>,
    /// `-n`.
    pub name: Option<String>,
    /// `-f`: run all stages, replace an experiment of the same name.
    pub force: bool,
    /// Whether what earlier runs wrote may stand in for a run; not with `--no-run-cache`.
    pub run_cache: bool,
    /// `--no-hydra`: params are taken as they are, whatever DVC's config says.
    pub no_hydra: bool,
    /// `--force-downstream`: run what reads from a stage that ran, too.
    pub force_downstream: bool,
    /// `--allow-missing`: data that is missing is no reason to run.
    pub allow_missing: bool,
    /// `--pull`: data that is missing is fetched.
    pub pull: bool,
    /// What a stage that fails means for the others.
    pub on_failure: OnFailure,
    /// `--jobs`: how many stages run beside each other at most; one after the other if it is not more than 1.
    pub jobs: usize,
    /// Returns the labels of what the stage of this name prints beside others, to either stream.
    pub labels: Option<fn(&str) -> [String; 2]>,
    /// `--interactive`: asked with the name of each stage that is to run.
    pub ask: Option<fn(&str) -> Result<bool>>,
    /// `-M`.
    pub message: Option<String>,
    /// `--reset`.
    pub reset: bool,
    /// `-S`, as typed.
    pub set_params: Vec<String>,
    /// `--dry`: say what would run.
    pub dry: bool,
}

impl Options {
    /// Refuses a project whose params DVC has Hydra compose before each run, unless it was said that
    /// they are to be taken as they are: a run with others would be a run of something else.
    pub fn check_hydra(&self, store: &Store) -> Result<()> {
        match self.no_hydra || !store.dvc_config()?.bool("hydra", "enabled", false)? {
            true => Ok(()),
            false => Err(Error::refused(
                "DVC's config has Hydra compose the params ('hydra.enabled'), which is not supported",
            )
            .hint("use --no-hydra to take the params as they are")),
        }
    }
}

/// What a stage that fails means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailure {
    /// None of them is visited any more.
    #[default]
    Stop,
    /// Those that depend on it are not visited (`--keep-going`).
    SkipDependents,
    /// Nothing (`--ignore-errors`).
    Ignore,
}
