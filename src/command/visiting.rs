//! Which stages a run visits, and what makes them run: the options that `run` and `resume` share.

use crate::error::Result;
use crate::ops::run::{OnFailure, Options};
use crate::pipeline::Reach;
use crate::ui::out;
use std::path::Path;

/// Options of `git exp run` and `git exp resume`, those of `dvc exp run`.
#[derive(Debug, Clone, clap::Args)]
pub struct Visiting {
    /// Run the named stages only, not what they depend on
    #[arg(short, long)]
    single_item: bool,
    /// Run the named stages and all that depend on them
    #[arg(long, conflicts_with = "single_item")]
    downstream: bool,
    /// Run everything that the named stages are connected with
    #[arg(short, long, conflicts_with_all = ["single_item", "downstream"])]
    pipeline: bool,
    /// Run all stages of all 'dvc.yaml' files of the project
    #[arg(short = 'P', long, conflicts_with_all = ["single_item", "downstream", "pipeline"])]
    all_pipelines: bool,
    /// Take a folder for all 'dvc.yaml' files in it, as '<dir>/' does without this
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Run stages that read what a stage of this run wrote, even if it is the same as before
    #[arg(long)]
    force_downstream: bool,
    /// Run stages even if the run cache has what an earlier run of them with the same inputs wrote
    #[arg(long)]
    no_run_cache: bool,
    /// Take the params as they are, though DVC's config wants them composed by Hydra
    #[arg(long)]
    no_hydra: bool,
    /// Do not run a stage because its data is missing, if nothing else changed
    #[arg(long)]
    allow_missing: bool,
    /// Fetch missing data from DVC's remote, which has to be a folder; what it lacks too is made anew
    #[arg(long)]
    pull: bool,
    /// When a stage fails, go on with those that do not depend on it
    #[arg(short, long, conflicts_with = "ignore_errors")]
    keep_going: bool,
    /// When a stage fails, go on with all others, and exit with 0
    #[arg(long)]
    ignore_errors: bool,
    /// Run up to this many stages at the same time (1 if not given)
    ///
    /// A stage starts when those that it reads from are over. Each line that it prints comes whole, with the
    /// name of the stage in front; it reads nothing from the terminal. A stage with checkpoints runs alone, after those
    /// before it and with the terminal to itself: a checkpoint is one state of the workspace. Beside others, signals and
    /// requests for a checkpoint are answered and nothing is saved. What is recorded is the same whatever the number.
    /// When a stage fails, no further one starts; those that run beside it are waited for, and recorded if they end well.
    #[arg(
        short,
        long,
        value_name = "n",
        value_parser = clap::value_parser!(u16).range(1..),
        conflicts_with = "interactive"
    )]
    jobs: Option<u16>,
    /// Ask before each stage that is to run
    #[arg(short, long)]
    interactive: bool,
    /// Say what would run and why, and change nothing
    #[arg(long)]
    dry: bool,
}

impl Visiting {
    /// Returns options that say the same of `targets`.
    pub fn options(&self, targets: &[String]) -> Options {
        let target = |target: &String| match self.recursive && Path::new(target).is_dir() {
            true => format!("{}/", target.trim_end_matches('/')),
            false => target.clone(),
        };
        Options {
            targets: targets.iter().map(target).collect(),
            reach: self.reach(),
            run_cache: !self.no_run_cache,
            no_hydra: self.no_hydra,
            force_downstream: self.force_downstream,
            allow_missing: self.allow_missing,
            pull: self.pull,
            on_failure: match (self.keep_going, self.ignore_errors) {
                (true, _) => OnFailure::SkipDependents,
                (_, true) => OnFailure::Ignore,
                _ => OnFailure::Stop,
            },
            jobs: self.jobs.map_or(1, usize::from),
            labels: Some(out::labels),
            ask: self.interactive.then_some(ask as fn(&str) -> Result<bool>),
            dry: self.dry,
            ..Options::default()
        }
    }

    /// Returns what was typed, to hand it to another program.
    pub fn words(&self) -> impl Iterator<Item = String> + use<> {
        let flags = [
            (self.single_item, "--single-item"),
            (self.downstream, "--downstream"),
            (self.pipeline, "--pipeline"),
            (self.all_pipelines, "--all-pipelines"),
            (self.recursive, "--recursive"),
            (self.force_downstream, "--force-downstream"),
            (self.no_run_cache, "--no-run-cache"),
            (self.no_hydra, "--no-hydra"),
            (self.allow_missing, "--allow-missing"),
            (self.pull, "--pull"),
            (self.keep_going, "--keep-going"),
            (self.ignore_errors, "--ignore-errors"),
            (self.interactive, "--interactive"),
            (self.dry, "--dry"),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
        let jobs = self.jobs.map(|jobs| format!("--jobs={jobs}"));
        flags.map(|(_, word)| word.to_owned()).chain(jobs)
    }

    fn reach(&self) -> Reach {
        match (
            self.single_item,
            self.downstream,
            self.pipeline,
            self.all_pipelines,
        ) {
            (_, _, _, true) => Reach::All,
            (_, _, true, _) => Reach::Pipelines,
            (_, true, _, _) => Reach::Downstream,
            (true, _, _, _) => Reach::Single,
            _ => Reach::Upstream,
        }
    }
}

/// Asks about one stage.
fn ask(stage: &str) -> Result<bool> {
    out::confirm(&format!("Run stage '{stage}'?"))
}
