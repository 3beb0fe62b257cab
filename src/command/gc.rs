//! `git exp gc`.

use crate::cli::Context;
use crate::error::{Error, Result};
use crate::ops;
use crate::ops::gc::{Keep, Plan};
use crate::ui::size::size;
use std::io::BufRead;

/// Remove experiments that nobody based their work on
///
/// Experiments whose baseline is none of the given commits go: those of HEAD as well, unless an option
/// covers it. Names, checkpoints and the size of outputs are shown first, and a question is asked.
/// 'git exp undo' brings them back. The cache is left alone: 'dvc gc' clears it.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-gc", bin_name = "git exp gc")]
pub struct Args {
    /// Keep the experiments of the current commit
    #[arg(short, long)]
    pub workspace: bool,

    /// Keep the experiments of the tips of all branches
    #[arg(short, long)]
    pub all_branches: bool,

    /// Keep the experiments of all tags
    #[arg(short = 'T', long)]
    pub all_tags: bool,

    /// Keep the experiments of all commits that a branch or a tag leads to
    #[arg(short = 'A', long)]
    pub all_commits: bool,

    /// Keep the experiments of commits from this day on
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<String>,

    /// Do not ask
    #[arg(short, long)]
    pub force: bool,

    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Accepted for DVC's sake: queued experiments are never removed
    #[arg(long, hide = true)]
    pub queued: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let keep = Keep {
        workspace: args.workspace,
        branches: args.all_branches,
        tags: args.all_tags,
        commits: args.all_commits,
        date: args.date,
    };
    if keep == Keep::default() {
        return Err(Error::usage(
            "one of --workspace, --all-branches, --all-tags, --all-commits or --date is needed",
        ));
    }
    let out = &ctx.out;
    let store = ctx.store()?;
    let is_shown = !out.quiet || !args.force || args.dry_run;
    let plan = ops::gc::plan(store, &keep, is_shown)?;
    for name in &plan.running {
        out.warning(&format!("kept '{name}': it is running"));
    }
    if plan.candidates.is_empty() {
        return out.report("No experiments to remove.\n");
    }
    if is_shown {
        out.print(&listing(&plan, args.dry_run))?;
    }
    if args.dry_run {
        return Ok(());
    }
    if !args.force {
        out.print("Are you sure you want to proceed? [y/n] ")?;
        if !is_yes(std::io::stdin().lock())? {
            return Err(Error::new(
                crate::error::Kind::StageFailed,
                "nothing was removed",
            ));
        }
    }
    let count = ops::gc::carry_out(store, &plan)?;
    out.report(&format!(
        "Removed {count} experiments. To remove unused cache files use 'dvc gc'.\n"
    ))
}

fn listing(plan: &Plan, is_dry: bool) -> String {
    let checkpoints: usize = plan.candidates.iter().map(|one| one.checkpoints).sum();
    let bytes: u64 = plan.candidates.iter().map(|one| one.bytes).sum();
    let width = plan
        .candidates
        .iter()
        .map(|one| one.experiment.name.as_str().len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for one in &plan.candidates {
        text.push_str(&format!(
            "  {:width$}  {}, {}\n",
            one.experiment.name.as_str(),
            counted(one.checkpoints, "checkpoint"),
            size(one.bytes)
        ));
    }
    text.push_str(&format!(
        "{} {} removed: {}, {} of outputs.\n",
        counted(plan.candidates.len(), "experiment"),
        if is_dry { "would be" } else { "will be" },
        counted(checkpoints, "checkpoint"),
        size(bytes)
    ));
    text
}

fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

/// Reads answers until one is yes or no; the end of input is no.
fn is_yes(mut input: impl BufRead) -> Result<bool> {
    loop {
        let mut line = String::new();
        let count = input
            .read_line(&mut line)
            .map_err(|cause| Error::io("cannot read the answer").caused_by(cause))?;
        if count == 0 {
            return Ok(false);
        }
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => return Ok(true),
            "n" | "no" => return Ok(false),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (input, expected) in [
            ("y\n", true),
            ("Yes\n", true),
            ("what\ny\n", true),
            ("n\n", false),
            ("no\ny\n", false),
            ("", false),
            ("maybe\n", false),
        ] {
            assert_eq!(is_yes(input.as_bytes()).unwrap(), expected, "{input:?}");
        }
    }
}
