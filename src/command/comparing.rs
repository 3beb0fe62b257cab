//! What commands that compare two revisions have in common.

use crate::cli::Context;
use crate::error::Result;
use crate::ops;
use crate::ops::diff::{Sides, Subject};
use crate::ui::diff::{self, PRECISION, Style};

/// Two revisions, and how to print what differs.
#[derive(Debug, clap::Args)]
pub struct Comparing {
    /// The old side [HEAD if not given]
    #[arg(value_name = "old")]
    pub old: Option<String>,

    /// The new side [the workspace if not given]
    #[arg(value_name = "new")]
    pub new: Option<String>,

    /// Show also what does not differ
    #[arg(long)]
    pub all: bool,

    /// How to print
    #[command(flatten)]
    pub format: Format,

    /// Leave out the files' names
    #[arg(long)]
    pub no_path: bool,
}

impl Comparing {
    /// Returns the two sides as they were typed.
    pub fn sides(&self) -> Sides {
        Sides::of(self.old.clone(), self.new.clone())
    }
}

/// For people by default, for programs and pages on request.
#[derive(Debug, clap::Args)]
pub struct Format {
    /// Print as JSON
    #[arg(long, alias = "show-json", conflicts_with = "md")]
    pub json: bool,

    /// Print as tables in GitHub's Markdown
    #[arg(long, alias = "show-md")]
    pub md: bool,
}

/// How exact floats are.
#[derive(Debug, clap::Args)]
pub struct Rounding {
    /// Round metrics to <n> significant digits [5 if not given]
    #[arg(long, value_name = "n", value_parser = clap::value_parser!(u16).range(1..=400))]
    pub precision: Option<u16>,
}

impl Rounding {
    /// Returns the number of significant digits.
    pub fn digits(&self) -> usize {
        self.precision.map_or(PRECISION, usize::from)
    }
}

/// Words of the table of one kind of values.
pub struct Words {
    /// Head of the column of names.
    pub title: &'static str,
    /// What stands for a difference that is no number; nothing if it has no column.
    pub no_difference: Option<&'static str>,
    /// Significant digits; all of them if absent.
    pub digits: Option<usize>,
}

/// Compares one kind of values in the files of `targets`, or in all declared ones, and prints it.
pub fn print(
    ctx: &Context,
    comparing: &Comparing,
    targets: &[String],
    subject: Subject,
    words: &Words,
) -> Result<()> {
    let store = ctx.store()?;
    let targets = ops::state::project_paths(store, targets)?;
    let found = ops::diff::compare(store, &comparing.sides(), subject, &targets, comparing.all)?;
    for reason in &found.unreadable {
        ctx.out.warning(reason);
    }
    if comparing.format.json {
        let text = diff::json(&found.changes).to_python_json();
        return ctx.out.print(&(text + "\n"));
    }
    let style = Style {
        title: words.title,
        sides: ("Old", "New"),
        precision: words.digits,
        path: !comparing.no_path,
        no_difference: words.no_difference,
        markdown: comparing.format.md,
    };
    ctx.out.print(&diff::table(&found.changes, &style))
}
