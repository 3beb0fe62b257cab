//! `git exp show`.

use super::baselines::Baselines;
use crate::cli::Context;
use crate::error::Result;
use crate::id;
use crate::listing::{ColumnPattern, Listing};
use crate::ops;
use crate::ops::collect::Selection;
use crate::store::survey::LocalZone;
use crate::ui::experiments::grid::Columns;
use crate::ui::experiments::{self, Format};
use crate::ui::json;
use crate::ui::pager::{self, Pager};
use crate::ui::table::{Screen, Table};
use std::mem::ManuallyDrop;
use std::process::{Command, Stdio};

/// Show experiments and their checkpoints as a table
///
/// The workspace comes first, then each baseline with the experiments that started from it, the
/// newest first, and of each experiment its checkpoints, the newest first. A checkpoint that several
/// experiments share is listed once; the oldest one of a fork names the checkpoint that it grew
/// from: 'ea2d11b (963b396)'.
///
/// Columns are the metrics, the params, and those dependencies whose content differs. A metric or
/// param is called by its name, and 'file:name' where several files have it. '-' stands for what is
/// not there, '!' for a file that could not be read.
///
/// Patterns match whole column names: '*' any text, '?' one character, '[ab]' either, '{a,b}' either.
/// (DVC takes regular expressions instead: what was '--drop train' is '--drop "train*"' here.)
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-show", bin_name = "git exp show")]
pub struct Args {
    /// Whose experiments
    #[command(flatten)]
    pub baselines: Baselines,

    /// Show experiments that started from the tips of branches
    #[arg(short = 'a', long)]
    pub all_branches: bool,

    /// Show experiments that started from tags
    #[arg(short = 'T', long)]
    pub all_tags: bool,

    /// Print all at once
    #[arg(long)]
    pub no_pager: bool,

    /// Show only columns whose values differ
    #[arg(long)]
    pub only_changed: bool,

    /// Leave out columns that match <pattern> (can be repeated)
    #[arg(long, value_name = "pattern")]
    pub drop: Vec<String>,

    /// Show columns that match <pattern>, whatever --drop and --only-changed say (can be repeated)
    #[arg(long, value_name = "pattern")]
    pub keep: Vec<String>,

    /// Show only params that stages declare
    #[arg(long)]
    pub param_deps: bool,

    /// Sort the experiments of a baseline by a metric or param of their tips
    #[arg(long, value_name = "column")]
    pub sort_by: Option<String>,

    /// Sort up or down; what is missing comes last
    #[arg(long, value_name = "order", value_parser = ["asc", "desc"], default_value = "asc")]
    pub sort_order: String,

    /// Show ids of baselines, not names of branches and tags
    #[arg(long)]
    pub sha: bool,

    /// Leave out experiments whose last run failed
    #[arg(long)]
    pub hide_failed: bool,

    /// Leave out experiments that wait for their run (there are none yet)
    #[arg(long)]
    pub hide_queued: bool,

    /// Leave out the workspace
    #[arg(long)]
    pub hide_workspace: bool,

    /// Print as JSON
    #[arg(long, alias = "show-json", group = "format")]
    pub json: bool,

    /// Print as CSV
    #[arg(long, alias = "show-csv", group = "format")]
    pub csv: bool,

    /// Print as a table in GitHub's Markdown
    #[arg(long, alias = "show-md", group = "format")]
    pub md: bool,

    /// Round floats to <n> significant digits [5 if not given; with --csv all]
    #[arg(long, value_name = "n", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub precision: Option<u16>,

    /// Read everything again, whatever earlier commands remembered
    #[arg(short, long)]
    pub force: bool,

    /// Accepted because DVC has it
    #[arg(long, hide = true)]
    pub no_fetch: bool,
}

impl Args {
    fn selection(&self) -> Selection {
        Selection {
            revisions: self.baselines.rev.clone(),
            number: self.baselines.num,
            all_branches: self.all_branches,
            all_tags: self.all_tags,
            all_commits: self.baselines.all_commits,
            sha_only: self.sha,
            param_deps: self.param_deps,
            hide_failed: self.hide_failed,
            fresh: self.force,
        }
    }

    fn columns(&self) -> Result<Columns> {
        let parse = |texts: &[String]| -> Result<Vec<ColumnPattern>> {
            texts
                .iter()
                .map(|text| ColumnPattern::parse(text))
                .collect()
        };
        Ok(Columns {
            only_changed: self.only_changed,
            keep: parse(&self.keep)?,
            drop: parse(&self.drop)?,
            all_deps: false,
            hide_workspace: self.hide_workspace,
        })
    }
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let columns = args.columns()?;
    let mut listing = ops::collect::collect(ctx.store()?, &args.selection())?;
    if let Some(column) = &args.sort_by {
        listing.sort_by(column, args.sort_order == "desc")?;
    }
    // The process ends with this command. Giving a million small pieces of memory back one by one
    // first takes a quarter of the time of a large listing.
    let listing = ManuallyDrop::new(listing);
    warn(ctx, &listing);
    let digits = args.precision.map(usize::from);
    if args.json {
        return ctx.out.print(&json::listing(&listing, args.hide_workspace));
    }
    if args.csv {
        return ctx.out.print(&experiments::csv(&listing, &columns, digits));
    }
    let format = Format {
        digits: digits.or(Some(5)),
        now: LocalZone::load().now(),
        unicode: ctx.out.unicode(),
    };
    if args.md {
        let text = experiments::markdown(&listing, &columns, &format);
        return ctx.out.print(&text);
    }
    let table = ManuallyDrop::new(experiments::table(&listing, &columns, &format));
    show(ctx, &table, args.no_pager)
}

/// Says once for each reason which rows could not be read.
fn warn(ctx: &Context, listing: &Listing) {
    let mut reasons: indexmap::IndexMap<&str, Vec<String>> = indexmap::IndexMap::new();
    for row in listing.rows() {
        if let Some(reason) = &row.error {
            let revision = match &row.id {
                Some(id) => id::short(id),
                None => "the workspace".to_owned(),
            };
            let revisions = reasons.entry(reason).or_default();
            if !revisions.contains(&revision) {
                revisions.push(revision);
            }
        }
    }
    for (reason, revisions) in reasons {
        let more = match revisions.len() - 1 {
            0 => String::new(),
            1 => " and 1 more commit".to_owned(),
            more => format!(" and {more} more commits"),
        };
        ctx.out
            .warning(&format!("in {}{more}: {reason}", revisions[0]));
    }
}

/// Prints a table that fits the screen; through the pager, as wide as it is, one that does not.
fn show(ctx: &Context, table: &Table, no_pager: bool) -> Result<()> {
    let screen = Screen {
        width: ctx.out.width(),
        colour: ctx.out.colour(),
        unicode: ctx.out.unicode(),
    };
    let text = table.draw(screen);
    let fits = pager::height().is_none_or(|height| text.lines().count() < height);
    if no_pager || fits || !ctx.out.is_terminal() {
        return ctx.out.print(&text);
    }
    match git_pager() {
        None => ctx.out.print(&text),
        Some(pager) if pager.scrolls_sideways() => {
            let everything = Screen {
                width: None,
                ..screen
            };
            pager.show(&ctx.out, &table.draw(everything))
        }
        Some(pager) => pager.show(&ctx.out, &text),
    }
}

/// Asks git, whose rules know `GIT_PAGER`, `core.pager`, `PAGER` and the default of its build.
fn git_pager() -> Option<Pager> {
    if std::env::var_os("GIT_PAGER_IN_USE").is_some() {
        return None;
    }
    let answer = Command::new("git")
        .args(["var", "GIT_PAGER"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Pager::new(&String::from_utf8_lossy(&answer.stdout))
}
