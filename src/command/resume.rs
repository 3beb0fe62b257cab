//! `git exp resume`.

use super::run::say;
use super::visiting::Visiting;
use crate::cli::Context;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::ops::resume;
use crate::ops::run::Options;
use crate::runner::program;
use std::ffi::OsString;

/// Go on with an experiment or a checkpoint
///
/// Puts the checkpoint into the workspace as 'git exp apply' does, then runs the pipeline from it as
/// 'git exp run' does, with nothing in between. Without a revision it goes on from the checkpoint
/// that was last recorded or applied in this worktree.
///
/// The experiment keeps its baseline wherever HEAD is. So this is how to go on in a fresh clone, once
/// experiments and their outputs have been fetched, on another machine after the first one is gone,
/// and after HEAD has moved.
///
/// The newest checkpoint of an experiment, unchanged, lets the same experiment grow. An earlier one,
/// or one that a param is set for, starts a fork of it: a new experiment.
///
/// When the process of a run was killed and its training lives on, it waits at its next signal.
/// --attach goes on with it: answers it, records its checkpoints on the same experiment with the code
/// that it was started with, and returns when it has ended, with status 1: how it ended only
/// the killed process could know. Stages after it do not run. Ctrl-C reaches it as in a run.
///
/// Unsaved code and params are a reason to refuse, as for 'git exp apply'; 'git exp undo' brings
/// back what was in the workspace before.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-resume", bin_name = "git exp resume")]
pub struct Args {
    /// Experiment or checkpoint: a name, 'name~2', 'name@{best:acc}', a short id
    #[arg(value_name = "revision")]
    revision: Option<String>,
    /// Stages to run, with what they depend on (all if none is given)
    #[arg(value_name = "stage")]
    targets: Vec<String>,
    /// Name the fork, if it is one
    #[arg(short, long, value_name = "name")]
    name: Option<String>,
    /// Set a param before the run: '[<file>:]<key>=<value>' (can be repeated)
    #[arg(short = 'S', long = "set-param", value_name = "assignment")]
    set_param: Vec<String>,
    /// Replace unsaved code and params too, after saving them for 'git exp undo'; run stages that did not change too; replace an experiment of the same name
    #[arg(short, long)]
    force: bool,
    /// Use this as the message of the checkpoints
    #[arg(short = 'M', long, value_name = "text")]
    message: Option<String>,
    /// Which stages, and why they run
    #[command(flatten)]
    visiting: Visiting,
    /// Go on answering training whose run was killed
    #[arg(long, conflicts_with_all = [
        "revision", "targets", "name", "set_param", "force", "message", "Visiting",
    ])]
    attach: bool,
}

/// Runs the command: this program prepares the workspace, then it becomes 'git exp run'.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    let out = &ctx.out;
    let mut words: Vec<OsString> = Vec::new();
    for (is_set, word) in [(out.quiet, "--quiet"), (out.verbose, "--verbose")] {
        words.extend(is_set.then(|| word.into()));
    }
    if args.attach {
        words.push("--take-over".into());
        return become_run(&words);
    }
    let options = Options {
        name: args.name.clone(),
        force: args.force,
        message: args.message.clone(),
        set_params: args.set_param.clone(),
        ..args.visiting.options(&args.targets)
    };
    let mut events = |event: Event| say(out, event);
    let revision = args.revision.as_deref();
    let Some(from) = resume::prepare(ctx.store()?, revision, &options, &mut events)? else {
        return Ok(());
    };
    words.push(format!("--from={from}").into());
    words.extend(args.words());
    become_run(&words)
}

impl Args {
    /// Returns what the run has to know of what was typed here.
    fn words(self) -> impl Iterator<Item = OsString> {
        let force = self.force.then(|| "--force".to_owned());
        let flags = force.into_iter().chain(self.visiting.words());
        let with = |option: &'static str| move |value: String| format!("{option}={value}");
        flags
            .chain(self.name.into_iter().map(with("--name")))
            .chain(self.message.into_iter().map(with("--message")))
            .chain(self.set_param.into_iter().map(with("--set-param")))
            .chain(["--".to_owned()])
            .chain(self.targets)
            .map(OsString::from)
    }
}

/// Becomes `git exp run`; returns only if that is not possible.
fn become_run(words: &[OsString]) -> Result<()> {
    let failure = program::exec("run".as_ref(), words);
    Err(Error::io("cannot run 'git-exp-run'").caused_by(failure))
}
