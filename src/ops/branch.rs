//! A checkpoint to a git branch.

use crate::error::{Error, Result};
use crate::id::{self, ObjectId};
use crate::store::Store;

/// What a branch was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branched {
    /// Its short name.
    pub branch: String,
    /// Where it is.
    pub commit: ObjectId,
    /// The experiment's name.
    pub experiment: String,
    /// Whether the experiment goes on behind the branch.
    pub is_middle: bool,
}

/// Creates a branch at the checkpoint that `revision` names; `<experiment>-branch` without a name.
pub fn branch(store: &Store, revision: &str, name: Option<&str>) -> Result<Branched> {
    let resolved = store.resolve(revision)?;
    let Some(experiment) = resolved.experiment else {
        return Err(Error::refused(format!(
            "'{revision}' is not a checkpoint of any experiment"
        ))
        .hint(format!("git branch <name> {}", id::short(&resolved.commit))));
    };
    let experiment_name = experiment.name.as_str().to_string();
    let branch = match name {
        Some(name) => name.to_string(),
        None => format!("{experiment_name}-branch"),
    };
    store.create_branch(
        &branch,
        resolved.commit,
        &format!("git exp: created from experiment '{experiment_name}'"),
    )?;
    Ok(Branched {
        branch,
        commit: resolved.commit,
        experiment: experiment_name,
        is_middle: resolved.commit != experiment.tip,
    })
}
