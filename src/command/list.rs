//! `git exp list`.

use super::baselines::Baselines;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::id;
use crate::ops;
use crate::ops::collect::Selection;
use std::fmt::Write;

/// List the names of experiments
///
/// Experiments stand under the commit that they started from, with the short id of their newest
/// checkpoint. Only refs are read, so this is fast however long the histories are.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-list", bin_name = "git exp list")]
pub struct Args {
    /// Whose experiments
    #[command(flatten)]
    pub baselines: Baselines,

    /// Print names only
    #[arg(long, alias = "names-only", conflicts_with = "sha_only")]
    pub name_only: bool,

    /// Print full ids of tips only
    #[arg(long, alias = "shas-only")]
    pub sha_only: bool,

    /// Remote repository to list
    #[arg(value_name = "remote", hide = true)]
    pub remote: Option<String>,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    if let Some(remote) = &args.remote {
        return Err(
            Error::refused(format!("cannot list experiments of remote '{remote}' yet"))
                .hint(format!("git ls-remote {remote} 'refs/exps/*'")),
        );
    }
    let selection = Selection {
        revisions: args.baselines.rev,
        number: args.baselines.num,
        all_commits: args.baselines.all_commits,
        sha_only: args.name_only || args.sha_only,
        ..Selection::default()
    };
    let mut text = String::new();
    for group in ops::list::list(ctx.store()?, &selection)? {
        if !(args.name_only || args.sha_only) {
            let label = group.name.unwrap_or_else(|| id::short(&group.baseline));
            let _ = writeln!(text, "{label}:");
        }
        for experiment in group.experiments {
            let name = experiment.name.as_str();
            let _ = match (args.name_only, args.sha_only) {
                (true, _) => writeln!(text, "{name}"),
                (_, true) => writeln!(text, "{}", experiment.tip),
                _ => writeln!(text, "\t{} [{name}]", id::short(&experiment.tip)),
            };
        }
    }
    ctx.out.print(&text)
}
