//! `git exp checkpoint`.

use super::run::say;
use crate::cli::Context;
use crate::error::Result;
use crate::ops::{checkpoint, request};

/// Signal a checkpoint and wait until it is taken
///
/// From training code: for stages in a shell, or in any language that can start a program. Call it
/// after the model is saved. It returns as soon as the state of the outputs has been captured,
/// usually within a millisecond; training may then go on and overwrite them.
///
/// Outside of 'git exp run', where 'DVC_ROOT' is not set, it does nothing, so the same code trains
/// without experiments too. Of several processes only the first signals: where 'RANK', 'LOCAL_RANK'
/// or 'SLURM_PROCID' is a number other than 0, it does nothing.
///
/// From anywhere else: with --run, the run of that experiment takes a checkpoint, in whatever
/// worktree of the repository it is. Training is not asked and does not wait, so the run waits for a
/// moment at which no output is being written. A checkpoint that training itself signals meanwhile
/// will do.
///
/// It fails with status 128 if the run that started the stage, or that was asked, is gone.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-checkpoint", bin_name = "git exp checkpoint")]
pub struct Args {
    /// Ask the run of this experiment, from outside of it
    #[arg(long, value_name = "experiment")]
    run: Option<String>,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    if let Some(experiment) = args.run {
        let out = &ctx.out;
        return request::request(ctx.store()?, &experiment, &mut |event| say(out, event));
    }
    match checkpoint::project(|name| std::env::var_os(name)) {
        Some(root) => checkpoint::signal(&root),
        None => Ok(()),
    }
}
