//! `git exp log`.

use crate::cli::Context;
use crate::error::{Context as _, Result};
use crate::ops::log;
use crate::runner::relay;
use crate::store::output_log::Piece;
use std::path::PathBuf;
use std::time::Duration;

/// How often a log that grows is looked at.
const PAUSE: Duration = Duration::from_millis(100);

/// Print what the runs of an experiment have printed
///
/// All that stages and 'git exp run' beside them wrote to standard output and standard error, byte for byte,
/// of all runs that added to the experiment, in this repository; so far, if one is at work. Without an
/// experiment, the run that printed last, whatever became of it.
///
/// Of a long log the beginning and the newest part are kept, at least a mebibyte of each; what is left
/// out between them is counted.
///
/// A run's output passes through a process of its own on its way to where it was meant for; it outlives
/// the run where training does. On a terminal, stages have a pseudo-terminal of the same size in place
/// of the terminal itself, for output only.
///
/// A log is kept as long as its experiment, renamed or not, and goes with 'git exp gc'. Nothing is
/// kept where exp.log is false.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-log", bin_name = "git exp log")]
pub struct Args {
    /// Experiment: a name, or whatever names a checkpoint of it
    #[arg(value_name = "experiment")]
    experiment: Option<String>,
    /// Go on printing until the run ends
    #[arg(short, long)]
    follow: bool,
    /// Be the process through which a run prints
    #[arg(long, value_name = "folder", hide = true)]
    relay: Option<PathBuf>,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    if let Some(folder) = args.relay {
        return relay::serve(&folder).context(|| "cannot pass output on".to_owned());
    }
    let store = ctx.store()?;
    let found = log::find(store, args.experiment.as_deref())?;
    let mut reader = found.log.read();
    loop {
        // Asked first: what is printed after the answer is read all the same.
        let goes_on = args.follow && log::may_grow(store, &found)?;
        while let Some(piece) = reader
            .piece()
            .context(|| "cannot read the log".to_owned())?
        {
            match piece {
                Piece::Bytes(bytes) => ctx.out.print_bytes(&bytes)?,
                Piece::Gap(0) => {}
                Piece::Gap(count) => ctx
                    .out
                    .print(&format!("\n[{count} bytes are left out here]\n"))?,
            }
        }
        if !goes_on {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
}
