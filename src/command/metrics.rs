//! `git exp metrics`.

use crate::cli::Context;
use crate::error::Result;
use crate::ops;
use crate::ops::diff::{Sides, Subject};
use crate::ops::metrics::Selection;
use crate::ui::diff::{self, PRECISION, Style};

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

    /// Print as JSON
    #[arg(long, alias = "show-json", conflicts_with = "md")]
    pub json: bool,

    /// Print as a table in GitHub's Markdown
    #[arg(long, alias = "show-md")]
    pub md: bool,

    /// Round floats to <n> significant digits [5 if not given]
    #[arg(long, value_name = "n", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub precision: Option<u16>,

    /// Accepted because DVC has it: a directory always means all below it
    #[arg(short = 'R', long, hide = true)]
    pub recursive: bool,
}

/// Arguments of `metrics diff`.
#[derive(Debug, clap::Args)]
pub struct Diff {
    /// The old side [HEAD if not given]
    #[arg(value_name = "old")]
    pub old: Option<String>,

    /// The new side [the workspace if not given]
    #[arg(value_name = "new")]
    pub new: Option<String>,

    /// Compare only these files, or those in these directories, declared or not
    #[arg(long, value_name = "path", num_args = 1..)]
    pub targets: Vec<String>,

    /// Show also what does not differ
    #[arg(long)]
    pub all: bool,

    /// Print as JSON
    #[arg(long, alias = "show-json", conflicts_with = "md")]
    pub json: bool,

    /// Print as a table in GitHub's Markdown
    #[arg(long, alias = "show-md")]
    pub md: bool,

    /// Leave out the files' names
    #[arg(long)]
    pub no_path: bool,

    /// Round floats to <n> significant digits [5 if not given]
    #[arg(long, value_name = "n", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub precision: Option<u16>,

    /// Accepted because DVC has it: a directory always means all below it
    #[arg(short = 'R', long, hide = true)]
    pub recursive: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    match args.verb {
        Verb::Show(args) => show(ctx, args),
        Verb::Diff(args) => diff(ctx, args),
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
            None if args.json && !revisions => String::new(),
            // a full id is for scripts
            Some(id) if !args.json && id == name.as_str() => crate::id::short(&id),
            _ => name,
        };
        (name, files)
    };
    let states: Vec<_> = report.states.into_iter().map(name).collect();
    let text = match args.json {
        true => diff::metrics_json(&states).to_python_json() + "\n",
        false => {
            let digits = args.precision.map_or(PRECISION, usize::from);
            diff::metrics_table(&states, revisions, digits, args.md)
        }
    };
    ctx.out.print(&text)
}

fn diff(ctx: &Context, args: Diff) -> Result<()> {
    let store = ctx.store()?;
    let sides = Sides::of(args.old, args.new);
    let targets = ops::state::project_paths(store, &args.targets)?;
    let found = ops::diff::compare(store, &sides, Subject::Metrics, &targets, args.all)?;
    for reason in &found.unreadable {
        ctx.out.warning(reason);
    }
    let text = match args.json {
        true => diff::json(&found.changes).to_python_json() + "\n",
        false => {
            let style = Style {
                title: "Metric",
                sides: ("Old", "New"),
                precision: Some(args.precision.map_or(PRECISION, usize::from)),
                path: !args.no_path,
                no_difference: Some("-"),
                markdown: args.md,
            };
            diff::table(&found.changes, &style)
        }
    };
    ctx.out.print(&text)
}
