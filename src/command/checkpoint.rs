//! `git exp checkpoint`.

use crate::cli::Context;
use crate::error::Result;
use crate::ops::checkpoint;

/// Signal a checkpoint from training code and wait until it is taken
///
/// For stages in a shell, or in any language that can start a program: call it after the model is
/// saved. It returns as soon as the state of the outputs has been captured, usually within a
/// millisecond; training may then go on and overwrite them.
///
/// Outside of 'git exp run', where 'DVC_ROOT' is not set, it does nothing, so the same code trains
/// without experiments too. Of several processes only the first signals: where 'RANK', 'LOCAL_RANK'
/// or 'SLURM_PROCID' is a number other than 0, it does nothing.
///
/// It fails with status 128 if the run that started the stage is gone.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-checkpoint", bin_name = "git exp checkpoint")]
pub struct Args {}

/// Runs the command.
pub fn run(_ctx: &mut Context, _args: Args) -> Result<()> {
    match checkpoint::project(|name| std::env::var_os(name)) {
        Some(root) => checkpoint::signal(&root),
        None => Ok(()),
    }
}
