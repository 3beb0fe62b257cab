//! `git exp params`.

use super::comparing::{self, Comparing, Words};
use crate::cli::Context;
use crate::error::Result;
use crate::ops::diff::Subject;

/// Compare the params of two experiments
///
/// Params are all values in the files that 'dvc.yaml' names as params, and in 'params.yaml'. '-' stands
/// for what is not there.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-params", bin_name = "git exp params")]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with params.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Show the params that differ between two experiments, checkpoints or commits
    Diff(Diff),
}

/// Arguments of `params diff`.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// What to compare
    #[command(flatten)]
    pub comparing: Comparing,

    /// Compare only these files, or those in these directories, declared or not
    #[arg(long, value_name = "path", num_args = 1..)]
    pub targets: Vec<String>,

    /// Show only params that stages declare
    #[arg(long)]
    pub deps: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let Verb::Diff(args) = args.verb;
    let subject = Subject::Params {
        declared: args.deps,
    };
    let words = Words {
        title: "Param",
        no_difference: None,
        digits: None,
    };
    comparing::print(ctx, &args.comparing, &args.targets, subject, &words)
}
