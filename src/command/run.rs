//! `git exp run`.

use super::comparing::Rounding;
use super::visiting::Visiting;
use crate::cli::Context;
use crate::error::{Error, Kind, Result};
use crate::event::{Event, Events};
use crate::id::{ObjectId, short};
use crate::ops;
use crate::ops::run::{self, Isolation, Options, Report};
use crate::store::Store;
use crate::ui::out::{Out, labels};
use crate::ui::{diff, reasons, shell};
use std::path::PathBuf;

/// Run the pipeline and save checkpoints
///
/// Runs the stages of 'dvc.yaml' in dependency order; stages that did not change are skipped, and one
/// that runs says why. Each time the training code signals, a checkpoint is saved: code, params, metrics and outputs as they
/// are at that moment.
///
/// All 'dvc.yaml' files of the project are one pipeline. Without stages those of the file here are run
/// (of the nearest one above, where there is none; of all files, where the file here has none), with what
/// they need of others; a stage of another file is '<dir>/dvc.yaml:<stage>', and '<dir>/dvc.yaml' stands
/// for all of a file. Where there is no stage at all, there is nothing to run.
///
/// What '.dvc' files track is looked at before the stages run, as 'dvc exp run' does it: data that was
/// changed is put into the cache and recorded in its '.dvc' file, data that is missing comes from the
/// cache. An import of a path that is not frozen is brought up to date when what is there has changed; if a
/// stage of this very run changes it, what reads the copy is refused, and the next run brings it up to date.
/// Imports of other repositories and addresses are used as they are and never fetched.
///
/// Dependencies, params files and files of 'vars' may lie outside of the project, as in DVC, and so may
/// outputs with 'cache: false', which no checkpoint holds and nothing restores. git has
/// nothing of what lies outside of the repository: 'dvc.lock' says what it was, and one that differs
/// makes the next run a fork. So it is with 'remote://<remote>/<path>' where the remote is a folder, and
/// with datasets ('ds://<name>'), which 'dvc dataset update' brings up to date. Other addresses
/// ('https://', 's3://') are not looked at: a stage that reads one is refused, unless it is frozen or
/// '--allow-missing' takes the address as unchanged. Stages that do not need it run.
///
/// A stage whose inputs are those of an earlier run is not run again: its outputs come from the cache, as
/// DVC's run cache says. So do outputs of an unchanged stage that are gone or were changed; what nothing
/// else holds is saved for 'git exp undo' first. Stages with checkpoints always run.
///
/// Templates in 'dvc.yaml' ('${}' with 'vars', 'foreach' and 'matrix') mean what they mean to DVC 3.
/// A generated stage is called '<name>@<key>', and '<name>' stands for all of them.
///
/// What a run goes on from is said first: a resume extends the experiment whose newest checkpoint
/// is in the workspace; a fork is a new experiment that grows from a checkpoint from which code or
/// params differ; a new experiment starts at HEAD. Experiments of stages without checkpoint outputs all
/// start at HEAD: they are alternatives. Where nothing changed since the last one, no second is made
/// unless it is given a name.
///
/// Ctrl-C ends the run after what was signalled has been saved; a second Ctrl-C kills training.
///
/// With --temp, the run has a linked worktree of its own, below '.git', and the cache of this one. The
/// workspace is read when it starts and never written: tracked files as they are, untracked code by the
/// rules of exp.untracked, params as --set-param has them, and cached data that the stages need. What
/// else is needed is named with --copy-paths. What lies outside of the repository is read where it is, if
/// its path is absolute; a relative one would lead elsewhere from there and is refused. The experiment's checkpoints are what stays;
/// 'git exp apply' brings one into the workspace. Any number of such runs may be at work at once,
/// beside one in the workspace. What a killed one has left, the next command that writes finishes and
/// removes. --rev names a checkpoint to go on from, or a commit to start at, in place of the workspace.
#[derive(Debug, clap::Parser)]
#[command(name = "git-exp-run", bin_name = "git exp run")]
pub struct Args {
    /// Stages to run, with what they depend on (those of the 'dvc.yaml' here if none is given)
    #[arg(value_name = "stage")]
    targets: Vec<String>,
    /// Name a new experiment or a fork
    #[arg(short, long, value_name = "name")]
    name: Option<String>,
    /// Set a param before the run: '[<file>:]<key>=<value>' (can be repeated)
    ///
    /// '+<key>=<value>' adds one, '++<key>=<value>' adds or changes one, '~<key>' removes one. The file is
    /// 'params.yaml' if none is named; YAML, JSON, TOML and Python are told by the suffix, and of a Python file
    /// only literals can be changed. Nothing but the bytes of the value changes.
    ///
    /// A value is a word, a number, 'true', 'null', text in quotes, '[a, list]' or '{a: mapping}', as in Hydra.
    /// int(), float(), str() and bool() convert, sort(<list>) and sort(<list>,reverse=true) sort; shuffle(<list>)
    /// is random each time, and the file then says what came of it. '${<key>}' is the value that another param
    /// of the file has after all assignments, '${.<key>}' one beside it. Several values at once, a sweep, are
    /// refused.
    #[arg(short = 'S', long = "set-param", value_name = "assignment")]
    set_param: Vec<String>,
    /// Run stages that did not change too, and replace an experiment of the same name
    #[arg(short, long)]
    force: bool,
    /// Use this as the message of the checkpoints
    #[arg(short = 'M', long, value_name = "text")]
    message: Option<String>,
    /// Start anew from HEAD: checkpoint outputs are removed first
    #[arg(long)]
    reset: bool,
    /// Which stages, and why they run
    #[command(flatten)]
    visiting: Visiting,
    /// Show the metrics when the run is over
    #[arg(short, long)]
    metrics: bool,
    /// Run in a worktree of its own, which goes when the run is over; the workspace stays as it is
    #[arg(long)]
    temp: bool,
    /// Go on from this checkpoint, or start at this commit, instead of the workspace; with '--temp'
    #[arg(
        short,
        long,
        value_name = "revision",
        requires = "temp",
        conflicts_with = "reset"
    )]
    rev: Option<String>,
    /// Take this file or folder along, which neither git nor the cache has; with '--temp' (can be repeated)
    #[arg(
        short = 'C',
        long = "copy-paths",
        value_name = "path",
        requires = "temp"
    )]
    copy_paths: Vec<PathBuf>,
    /// Go on from this checkpoint, which 'git exp resume' has just put into the workspace
    #[arg(long, value_name = "checkpoint", hide = true, conflicts_with = "reset")]
    from: Option<ObjectId>,
    /// Go on answering training whose run was killed, for 'git exp resume --attach'
    #[arg(long, hide = true)]
    take_over: bool,
}

/// Runs the command.
pub fn run(ctx: &mut Context, args: Args) -> Result<()> {
    if args.take_over {
        let store = ctx.store()?;
        return finish(present(&ctx.out, |events| run::attach(store, events))?);
    }
    let options = Options {
        name: args.name,
        force: args.force,
        message: args.message,
        reset: args.reset,
        set_params: args.set_param,
        from: args.from,
        ..args.visiting.options(&args.targets)
    };
    let store = ctx.store()?;
    let report = if args.temp {
        let isolation = Isolation {
            revision: args.rev,
            copy_paths: args.copy_paths,
        };
        present(&ctx.out, |events| {
            run::run_isolated(store, &options, &isolation, events)
        })?
    } else {
        present(&ctx.out, |events| run::run(store, &options, events))?
    };
    if args.metrics {
        show_metrics(store, &ctx.out, &report)?;
    }
    finish(report)
}

/// Shows a run while it happens, and what it came to.
fn present(out: &Out, operation: impl FnOnce(&mut dyn Events) -> Result<Report>) -> Result<Report> {
    let report = operation(&mut |event| say(out, event))?;
    summarise(out, &report);
    Ok(report)
}

/// Shows the metrics of the experiment that ran.
fn show_metrics(store: &Store, out: &Out, report: &Report) -> Result<()> {
    let (Some(tip), Some(name)) = (report.tip, &report.experiment) else {
        return Ok(());
    };
    let digits = Rounding { precision: None }.digits();
    let metrics = [(name.clone(), ops::metrics::of(store, tip, name)?)];
    out.report(&diff::metrics_table(&metrics, true, digits, false))
}

/// Ends the command as the run ended.
fn finish(report: Report) -> Result<()> {
    match report.failure {
        None => Ok(()),
        Some(failure) => {
            let error = Error::new(failure.kind, failure.message);
            Err(failure.hints.into_iter().fold(error, Error::hint))
        }
    }
}

/// A closed standard output silences a run; it never ends one.
fn line(out: &Out, text: &str) {
    let _nobody_reads = out.report(&format!("{text}\n"));
}

/// Words what happens.
pub(super) fn say(out: &Out, event: Event) {
    match event {
        Event::Warning(text) => out.warning(&text),
        Event::Status(text) => out.status(&text),
        Event::RunStarts(start) => line(out, &start.to_string()),
        Event::Attached { name, stage, pid } => line(
            out,
            &format!("Experiment '{name}': attached to stage '{stage}' (process {pid})"),
        ),
        Event::StageStarts { stage, why } => {
            let why = reasons::line(&why, out.unicode());
            let space = if why.is_empty() { "" } else { " " };
            line(out, &format!("Running stage '{stage}':{space}{why}"));
        }
        Event::StageMayStart {
            stage,
            path,
            writer,
        } => line(
            out,
            &format!("Running stage '{stage}' if stage '{writer}' changes '{path}':"),
        ),
        Event::CommandStarts {
            stage: None,
            line: command,
        } => line(out, &format!("> {command}")),
        Event::CommandStarts {
            stage: Some(stage),
            line: command,
        } => line(out, &format!("{}> {command}", labels(&stage)[0])),
        Event::StageSkipped {
            stage,
            frozen: false,
        } => line(out, &format!("Stage '{stage}' didn't change, skipping")),
        Event::StageSkipped {
            stage,
            frozen: true,
        } => line(out, &format!("Stage '{stage}' is frozen, skipping")),
        Event::StageRestored { stage, why } => line(
            out,
            &format!(
                "Stage '{stage}' is cached - skipping run, checking out outputs: {}",
                reasons::line(&why, out.unicode())
            ),
        ),
        Event::StageVerified { stage, why } => line(
            out,
            &format!(
                "Verifying outputs of frozen stage '{stage}': {}",
                reasons::line(&why, out.unicode())
            ),
        ),
        Event::DataChecked { file, changed } => line(
            out,
            &match changed {
                true => format!("'{file}' changed, recording what it tracks"),
                false => format!("'{file}' didn't change, skipping"),
            },
        ),
        Event::LockfileWritten { path, created } => {
            let verb = if created { "Generating" } else { "Updating" };
            line(out, &format!("{verb} lock file '{path}'"))
        }
        Event::CheckpointSaved { id, .. } => line(
            out,
            &format!("Checkpoint experiment iteration '{}'.", short(&id)),
        ),
    }
}

fn summarise(out: &Out, report: &Report) {
    let Some(experiment) = &report.experiment else {
        if let Some(same) = &report.same_as {
            line(
                out,
                &format!(
                    "\nNothing differs from experiment '{same}': there is no new one (-n <name> makes one)."
                ),
            );
        }
        if let Some(failure) = &report.failure
            && failure.kind == Kind::StageFailed
        {
            out.status(match report.elsewhere {
                true => "no checkpoint was saved; what training wrote went with its worktree",
                false => "no checkpoint was saved; what training wrote is in the workspace",
            });
        }
        return;
    };
    if !report.to_add.is_empty() {
        line(
            out,
            &format!(
                "\nTo track the changes with git, run:\n\n\tgit add {}",
                shell::words(&report.to_add)
            ),
        );
    }
    let tip = report.tip.map(|tip| short(&tip)).unwrap_or_default();
    let count = report.checkpoints;
    let checkpoints = if count == 1 {
        "checkpoint"
    } else {
        "checkpoints"
    };
    line(
        out,
        &format!("\nRan experiment '{experiment}': {count} new {checkpoints}, the tip is {tip}."),
    );
    line(
        out,
        &match report.elsewhere {
            true => format!(
                "\nTo apply the results of the experiment to your workspace run:\n\n\tgit exp apply {experiment}"
            ),
            false => "Experiment results have been applied to your workspace.".to_owned(),
        },
    );
    line(
        out,
        &format!(
            "\nTo promote an experiment to a Git branch run:\n\n\tgit exp branch {experiment} <branch>\n"
        ),
    );
}
