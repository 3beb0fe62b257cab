//! `git exp apply`.

use crate::cli::Context;
use crate::error::Result;
use crate::event::Event;
use crate::ops;
use crate::ui::out::Out;

/// Put a checkpoint into the workspace
///
/// Code, params, metrics and outputs of the checkpoint replace those of the workspace; only files
/// that differ are written. HEAD, branch and index stay as they are, so git shows the difference as
/// changes. The next 'git exp run' goes on from the checkpoint.
///
/// Nothing is lost: unsaved code and params are a reason to refuse, unsaved outputs, metrics and
/// plots are saved first, and 'git exp undo' takes the whole apply back.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-apply", bin_name = "git exp apply")]
pub struct Args {
    /// Experiment, checkpoint or any other commit: a name, 'name~2', 'name@{best:acc}', a short id
    #[arg(value_name = "revision")]
    pub revision: String,

    /// Replace unsaved code and params too, after saving them for 'git exp undo'
    #[arg(short, long)]
    pub force: bool,

    /// Refuse where unsaved code or params would be replaced, which is what happens anyway
    #[arg(long, hide = true, overrides_with = "force")]
    pub no_force: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let out = &ctx.out;
    let mut events = |event: Event| say(out, &event);
    ops::apply::apply(ctx.store()?, &args.revision, args.force, &mut events)?;
    out.report(&format!(
        "Changes for experiment '{}' have been applied to your current workspace.\n",
        args.revision
    ))
}

/// Words the events of operations that are not runs.
pub(super) fn say(out: &Out, event: &Event) {
    match event {
        Event::Warning(line) => out.warning(line),
        Event::Status(line) => out.status(line),
        _ => {}
    }
}
