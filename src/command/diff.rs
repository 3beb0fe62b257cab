//! `git exp diff`.

use super::comparing::{Comparing, Rounding};
use crate::cli::Context;
use crate::error::Result;
use crate::ops;
use crate::ops::diff::Comparison;
use crate::ui::diff::{self, Style};
use crate::value::{Map, Value};

/// Compare metrics, params and code of two experiments
///
/// Of two experiments, checkpoints or commits, or of one and the workspace, the metrics and params
/// that differ are shown in two tables. With --code, the files follow as 'git diff' prints them: code
/// and params, without the outputs, metrics, plots and 'dvc.lock' that the stages wrote.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-diff", bin_name = "git exp diff")]
pub struct Args {
    /// What to compare
    #[command(flatten)]
    pub comparing: Comparing,

    /// Show only params that stages declare
    #[arg(long)]
    pub param_deps: bool,

    /// Show how code and params files differ
    #[arg(short = 'p', long, conflicts_with_all = ["json", "md"])]
    pub code: bool,

    /// How exact
    #[command(flatten)]
    pub rounding: Rounding,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let store = ctx.store()?;
    let sides = args.comparing.sides();
    let (metrics, params) =
        ops::diff::experiments(store, &sides, args.param_deps, args.comparing.all)?;
    for reason in metrics.unreadable.iter().chain(&params.unreadable) {
        ctx.out.warning(reason);
    }
    if args.comparing.format.json {
        let mut both = Map::new();
        both.insert("metrics".into(), diff::json(&metrics.changes));
        both.insert("params".into(), diff::json(&params.changes));
        let text = Value::from(both).to_python_json();
        return ctx.out.print(&(text + "\n"));
    }
    let table = |title, comparison: &Comparison, precision| {
        let style = Style {
            title,
            sides: (&sides.old, &sides.new),
            precision,
            path: !args.comparing.no_path,
            no_difference: Some("diff not supported"),
            markdown: args.comparing.format.md,
        };
        diff::table(&comparison.changes, &style)
    };
    let digits = args.rounding.digits();
    let mut parts = vec![
        table("Metric", &metrics, Some(digits)),
        table("Param", &params, None),
    ];
    if args.code {
        let colour = ctx.out.colour();
        let files = ops::diff::code(store, &sides)?;
        let texts = files.iter().map(|file| {
            let path = file.path.to_string();
            diff::file(&path, file.old.as_deref(), file.new.as_deref(), colour)
        });
        parts.push(texts.collect());
    }
    parts.retain(|part| !part.is_empty());
    ctx.out.print(&parts.join("\n"))
}
