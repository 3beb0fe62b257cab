//! `git exp branch`.

use crate::cli::Context;
use crate::error::Result;
use crate::id;
use crate::ops;

/// Make a git branch of a checkpoint
///
/// The branch holds the checkpoint and those before it, down to the baseline, as ordinary commits.
/// The workspace and the current branch stay as they are.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-branch", bin_name = "git exp branch")]
pub struct Args {
    /// Experiment or checkpoint: a name, 'name~2', 'name@{best:acc}', a short id
    #[arg(value_name = "revision")]
    pub revision: String,

    /// Name of the branch ['<experiment>-branch' if not given]
    #[arg(value_name = "branch")]
    pub branch: Option<String>,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let made = ops::branch::branch(ctx.store()?, &args.revision, args.branch.as_deref())?;
    let origin = if made.is_middle {
        format!(
            "checkpoint '{}' of experiment '{}'",
            id::short(&made.commit),
            made.experiment
        )
    } else {
        format!("experiment '{}'", made.experiment)
    };
    ctx.out.report(&format!(
        "Git branch '{0}' has been created from {origin}.\n\
         To switch to the new branch run:\n\n\tgit checkout {0}\n",
        made.branch
    ))
}
