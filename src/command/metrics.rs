//! `git exp metrics`.

use super::comparing::{self, Comparing, Format, Rounding, Words};
use crate::cli::Context;
use crate::error::Result;
use crate::ops;
use crate::ops::diff::Subject;
use crate::ops::metrics::Selection;
use crate::ui::diff;

/// Show metrics, and compare those of two experiments
///
/// Metrics are the numbers, truth values and text in the metrics files that 'dvc.yaml' declares.
/// '-' stands for what is not there.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-metrics", bin_name = "git exp metrics")]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with metrics.
#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Show the metrics of the workspace, or of many commits
    Show(Show),
    /// Show the metrics that differ between two experiments, checkpoints or commits
    Diff(Diff),
}

/// Arguments of `metrics show`.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Metrics files, or directories of them [all that 'dvc.yaml' declares if not given]
    #[arg(value_name = "path")]
    pub targets: Vec<String>,

    /// Show the tips of all branches
    #[arg(short, long)]
    pub all_branches: bool,

    /// Show all tags
    #[arg(short = 'T', long)]
    pub all_tags: bool,

    /// Show all commits
    #[arg(short = 'A', long)]
    pub all_commits: bool,

    /// How to print
    #[command(flatten)]
    pub format: Format,

    /// How exact
    #[command(flatten)]
    pub rounding: Rounding,

    /// Accepted because DVC has it: a directory always means all below it
    #[arg(short = 'R', long, hide = true)]
    pub recursive: bool,
}

/// Arguments of `metrics diff`.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// What to compare
    #[command(flatten)]
    pub comparing: Comparing,

    /// Compare only these files, or those in these directories, declared or not
    #[arg(long, value_name = "path", num_args = 1..)]
    pub targets: Vec<String>,

    /// How exact
    #[command(flatten)]
    pub rounding: Rounding,

    /// Accepted because DVC has it: a directory always means all below it
    #[arg(short = 'R', long, hide = true)]
    pub recursive: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    match args.verb {
        Verb::Show(args) => show(ctx, args),
        Verb::Diff(args) => diff(ctx, &args),
    }
}

fn show(ctx: &Context, args: Show) -> Result<()> {
    let store = ctx.store()?;
    let selection = Selection {
        targets: ops::state::project_paths(store, &args.targets)?,
        all_branches: args.all_branches,
        all_tags: args.all_tags,
        all_commits: args.all_commits,
    };
    let report = ops::metrics::show(store, &selection)?;
    for reason in &report.unreadable {
        ctx.out.warning(reason);
    }
    let revisions = selection.has_revisions();
    let name = |(commit, name, files): (Option<crate::id::ObjectId>, String, _)| {
        let name = match commit {
            // as DVC has it: nothing to tell apart
            None if args.format.json && !revisions => String::new(),
            // a full id is for scripts
            Some(id) if !args.format.json && id == name.as_str() => crate::id::short(&id),
            _ => name,
        };
        (name, files)
    };
    let states: Vec<_> = report.states.into_iter().map(name).collect();
    let text = match args.format.json {
        true => diff::metrics_json(&states).to_python_json() + "\n",
        false => {
            let digits = args.rounding.digits();
            diff::metrics_table(&states, revisions, digits, args.format.md)
        }
    };
    ctx.out.print(&text)
}

fn diff(ctx: &Context, args: &Diff) -> Result<()> {
    let words = Words {
        title: "Metric",
        no_difference: Some("-"),
        digits: Some(args.rounding.digits()),
    };
    comparing::print(
        ctx,
        &args.comparing,
        &args.targets,
        Subject::Metrics,
        &words,
    )
}
