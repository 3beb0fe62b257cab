//! `git exp undo`.

use super::apply::say;
use crate::cli::Context;
use crate::error::Result;
use crate::event::Event;
use crate::ops;
use crate::store::undo::Entry;

/// Take the last apply, remove, gc or rename back
///
/// Files, outputs, experiments, notes and the point to resume from become what they were. Undo again
/// takes back the one before. Each worktree has its own list, newest first.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-undo", bin_name = "git exp undo")]
pub struct Args {
    /// List what can be taken back, newest first, and change nothing
    #[arg(long, conflicts_with = "force")]
    pub list: bool,

    /// Replace files that were changed since, after saving them as an entry of their own
    #[arg(short, long)]
    pub force: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let out = &ctx.out;
    let store = ctx.store()?;
    if args.list {
        let mut text = String::new();
        for entry in store.undo_entries()? {
            let when = store.show_time(entry.record.time);
            text.push_str(&format!("{}\t{when}\t{}\n", entry.number, title(&entry)));
        }
        return out.print(&text);
    }
    let mut events = |event: Event| say(out, &event);
    let entry = ops::undo::undo(store, args.force, &mut events)?;
    out.report(&format!("Took back: {}\n", title(&entry)))
}

fn title(entry: &Entry) -> String {
    format!("{} {}", entry.record.command, entry.record.subject)
}
