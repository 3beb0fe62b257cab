//! `git exp params`.

use crate::cli::Context;
use crate::error::Result;
use crate::ops;
use crate::ops::diff::{Sides, Subject};
use crate::ui::diff::{self, Style};

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
    /// The old side [HEAD if not given]
    #[arg(value_name = "old")]
    pub old: Option<String>,

    /// The new side [the workspace if not given]
    #[arg(value_name = "new")]
    pub new: Option<String>,

    /// Compare only these files, or those in these directories, declared or not
    #[arg(long, value_name = "path", num_args = 1..)]
    pub targets: Vec<String>,

    /// Show only params that stages declare
    #[arg(long)]
    pub deps: bool,

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
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let Verb::Diff(args) = args.verb;
    let store = ctx.store()?;
    let sides = Sides::of(args.old, args.new);
    let targets = ops::state::project_paths(store, &args.targets)?;
    let subject = Subject::Params {
        declared: args.deps,
    };
    let found = ops::diff::compare(store, &sides, subject, &targets, args.all)?;
    for reason in &found.unreadable {
        ctx.out.warning(reason);
    }
    let text = match args.json {
        true => diff::json(&found.changes).to_python_json() + "\n",
        false => {
            let style = Style {
                title: "Param",
                sides: ("Old", "New"),
                precision: None,
                path: !args.no_path,
                no_difference: None,
                markdown: args.md,
            };
            diff::table(&found.changes, &style)
        }
    };
    ctx.out.print(&text)
}
