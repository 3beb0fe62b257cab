//! `git exp remove`.

use crate::cli::Context;
use crate::error::{Error, Result};
use crate::ops;
use crate::ops::remove::Selection;

/// Remove experiments
///
/// The experiments and their notes go; 'git exp undo' brings them back. Their outputs stay in the
/// cache until 'dvc gc'. A running experiment is never removed.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-remove", bin_name = "git exp remove")]
pub struct Args {
    /// Experiments to remove: names, patterns like 'exp-*', full refs
    #[arg(value_name = "experiment", conflicts_with_all = ["all_commits", "rev"])]
    pub experiments: Vec<String>,

    /// Remove the experiments of all commits
    #[arg(short = 'A', long, conflicts_with = "rev")]
    pub all_commits: bool,

    /// Remove the experiments that started from this commit
    #[arg(long, value_name = "revision")]
    pub rev: Option<String>,

    /// Remove those of this many commits, from the commit of '--rev' back; all if negative
    #[arg(
        short,
        long,
        value_name = "number",
        default_value_t = 1,
        allow_negative_numbers = true,
        requires = "rev"
    )]
    pub num: i64,

    /// Keep the experiments that are named or selected, and remove all others
    #[arg(long)]
    pub keep: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    if args.experiments.is_empty() && !args.all_commits && args.rev.is_none() {
        return Err(Error::usage("no experiment is named")
            .hint("git exp remove <experiment>")
            .hint("git exp remove --rev <revision>")
            .hint("git exp remove --all-commits"));
    }
    let removed = ops::remove::remove(
        ctx.store()?,
        &Selection {
            names: args.experiments,
            all: args.all_commits,
            rev: args.rev,
            num: args.num,
            keep: args.keep,
        },
    )?;
    if removed.is_empty() {
        return ctx.out.report("No experiments to remove.\n");
    }
    let names: Vec<String> = removed
        .iter()
        .map(|experiment| format!("'{}'", experiment.name.as_str()))
        .collect();
    ctx.out
        .report(&format!("Removed experiments: {}\n", names.join(", ")))
}
