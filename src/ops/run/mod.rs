//! Runs the pipeline: new, resume or fork; stages in order; checkpoints recorded meanwhile.
//!
//! Everything is checked before anything is changed: the pipeline, the params, the name, the inputs.

mod alone;
mod attach;
mod beside;
mod cached;
mod carried;
mod changes;
mod code;
mod data;
mod dry;
mod facts;
mod followed;
mod inputs;
mod isolated;
mod judge;
mod links;
mod options;
mod origin;
mod outcome;
mod outside;
mod place;
mod prepare;
mod pull;
mod reading;
mod report;
mod restore;
mod session;
mod stages;
mod tally;
mod unsaved;
mod why;

pub use attach::attach;
pub(crate) use dry::{Ahead, say_ahead};
pub use isolated::{Isolation, run_isolated};
pub use options::{OnFailure, Options};
pub use report::{Failure, Report};

use crate::error::{Context, Error, Result};
use crate::event::{Event, Events, RunStart};
use crate::experiment::ExperimentName;
use crate::id::{ObjectId, short};
use crate::ops::log::RunLog;
use crate::ops::record::{OnProcess, Recording};
use crate::ops::{claim, ignore, reported};
use crate::pipeline::{Pipeline, Stage, paths};
use crate::store::Store;
use crate::store::durable;
use crate::store::objects::Batch;
use crate::store::run_record::{Running, StageCommand};
use crate::store::scan::{PathSet, Scanner};
use crate::store::state::{Process, ResumePoint};
use carried::Before;
use data::Data;
use dry::Dry;
use inputs::Inputs;
use judge::Judge;
use origin::{Origin, Question};
use place::Place;
use pull::Puller;
use restore::Restorer;
use session::Session;
use stages::Stages;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

/// Runs. Errors before the first stage leave everything as it was.
pub fn run(store: &Store, options: &Options, events: &mut dyn Events) -> Result<Report> {
    store.check_identity()?;
    let head = match options.from {
        None => Some(store.head()?.require_commit()?),
        Some(_) => None,
    };
    store.project()?;
    let _lock = claim::claim(store, "run", events)?;
    run_claimed(store, options, head, events)
}

/// As [`run`], for a caller that holds this worktree's run lock and knows HEAD.
fn run_claimed(
    store: &Store,
    options: &Options,
    head: Option<ObjectId>,
    events: &mut dyn Events,
) -> Result<Report> {
    let project = store.project()?.to_owned();
    let from = match options.from {
        Some(checkpoint) => Some(resume_point(store, checkpoint)?),
        None => None,
    };
    let baseline = match (&from, head) {
        (Some(from), _) => from.baseline,
        (None, Some(head)) => head,
        (None, None) => store.head()?.require_commit()?,
    };
    let name = options
        .name
        .as_deref()
        .map(ExperimentName::parse)
        .transpose()?;
    // Given back with the process, which ends soon: taking so many small pieces apart takes its time.
    let inputs = ManuallyDrop::new(Inputs::read(store, options)?);
    let stages = inputs.pipeline.select(&options.targets, options.reach)?;
    let files = inputs.pipeline.data_of_run(&stages, &options.targets)?;
    if stages.is_empty() && files.is_empty() {
        events.emit(Event::Status("there are no stages to run".to_owned()));
        if !options.dry {
            write_edits(&project, &inputs.edits)?;
        }
        return Ok(Report::default());
    }
    let cache = store.cache()?;
    // Whoever allows that data is missing needs none of it.
    let readers = if options.allow_missing {
        &[]
    } else {
        &stages[..]
    };
    let format = store.dvc_format(&cache)?;
    let puller = Puller::asked_for(options, store, &cache);
    let puller = puller.as_ref();
    let mut data = Data::look(store, (&cache, format), &inputs, &files, readers, puller)?;
    let reported = reported::in_workspace(&project, &inputs.pipeline);
    let outputs = written_by(store, &inputs, &reported);
    let mut scanner = Scanner::new(store, outputs.clone())?;
    let mut rules = store.ignore_rules()?;
    let place = Place {
        store,
        project: &project,
        cache: &cache,
        changes: None,
    };
    facts::check(
        place,
        &inputs,
        &stages,
        &scanner,
        &mut rules,
        options.allow_missing,
    )?;
    if options.dry {
        let foreseen = data.foreseen(&cache, format, &stages)?;
        data.say(events);
        let dry = Dry {
            place,
            format,
            inputs: &inputs,
            options,
            from: from.as_ref(),
            baseline,
            puller,
        };
        dry.say(&stages, foreseen, events)?;
        return Ok(Report::default());
    }

    if let Some(from) = &from {
        // Where HEAD is not its baseline, git may not track what the checkpoint has.
        scanner.take_tree(from.checkpoint)?;
    }
    make_folders(&project, &stages)?;
    let outs = stages.iter().flat_map(|stage| &stage.outs);
    let ignored = ignore::outputs_by(&mut rules, store, outs)?;
    let mut edits = std::mem::take(&mut data.edits);
    edits.extend(inputs.edits.clone());
    // Synced with the first commit that leads to it: where nothing runs there may be none.
    let batch = Batch::new(store);
    let tree = code::snapshot(
        &batch,
        &mut scanner,
        &inputs,
        &edits,
        &outputs,
        &ignored.files,
        events,
    )?;
    let question = Question {
        store,
        cache: &cache,
        baseline,
        scanner: &scanner,
        tree,
        inputs: &inputs,
        stages: &stages,
        outputs: &outputs,
        name: name.as_ref(),
        from: from.as_ref(),
        options,
    };
    let origin = Origin::decide(&question, events)?;
    if origin.experiment.name.misleads_dvc() {
        events.emit(Event::Warning(format!(
            "DVC will not find experiment '{}' by its name, which could be the start of a commit's id",
            origin.experiment.name
        )));
    }
    write_edits(&project, &edits)?;
    if let Some(dir) = store.settle_cache()? {
        events.emit(Event::Status(format!(
            "this worktree uses the cache at '{}'",
            dir.display()
        )));
    }
    store.clear_leftovers_in(folders_of_outputs(&project, &stages))?;
    let restorer = Restorer {
        store,
        inputs: &inputs,
        cache: &cache,
        origin: &origin,
        format,
    };
    let lockfiles = origin
        .training
        .clone()
        .unwrap_or_else(|| inputs.lockfiles.clone())
        .with_others_of(&inputs.lockfiles);
    let loads = restorer.outputs(&stages, &lockfiles, events)?;
    let start = RunStart {
        mode: origin.mode,
        name: origin.experiment.name.as_str().to_owned(),
        from: origin.from,
        loads,
    };
    let log = RunLog::new(store, &origin.experiment.id, &start, options.jobs > 1);
    events.emit(Event::RunStarts(start));
    let data_outs = std::mem::take(&mut data.outs);
    if let Some(puller) = puller {
        puller.say(events);
    }
    data.carry_out(&cache, &project, events)?;
    let tracked = session::tracked(&scanner);
    let lock_files = inputs.pipeline.lock_files();
    let lock_files: Vec<String> = lock_files.iter().map(|it| store.tree_path(it)).collect();
    let before = Before {
        store,
        from: origin.from,
        baseline,
        lock_files: &lock_files,
    };
    let tree = before.onto(
        &batch,
        tree,
        &in_git(store, &inputs.pipeline),
        &inputs.lockfile_texts,
        &mut scanner,
    )?;
    // Outputs of another checkpoint may be in the workspace by now.
    let reported = match stages.iter().any(|stage| stage.has_checkpoint()) {
        true => reported::in_workspace(&project, &inputs.pipeline),
        false => reported,
    };
    let reported = PathSet::new(reported.iter().map(|path| store.tree_path(path)));
    let reported = before.reported(&batch, &reported, &mut scanner)?;
    let session = Session {
        store,
        project: &project,
        format,
        inputs: &inputs,
        tracked,
        outputs,
        folder: cache.capture_dir()?,
    };
    let recording = Recording::new(
        cache.clone(),
        format,
        origin.experiment.clone(),
        scanner,
        tree,
        lockfiles.clone(),
        &session.folder,
    )?
    .with_unsynced(batch.into_unsynced())
    .with_message(options.message.clone())
    .with_files(inputs.param_data(), inputs.metric_files())
    .with_reported(reported)
    .with_data(data_outs)
    .with_stages(stages.iter().map(|stage| stage.address()).collect())
    .resuming(origin.resumed(store)?)
    .unless_same(origin.twin.as_ref().map(|twin| twin.tree))
    .restoring_lockfiles(!lockfiles.is_same(&inputs.lockfiles));
    let ready = session.ready(recording, record_process(store, &origin))?;
    let judge = Judge {
        place,
        inputs: &inputs,
        options,
        lockfiles: &lockfiles,
        format,
        puller,
    };
    let stage_runs = Stages {
        store,
        judge: &judge,
        restorer: &restorer,
        environment: environment(&project, &origin),
        log: &log,
    };
    let folder = &inputs.pipeline.folder;
    let mut events = |event| events.emit(from_here(folder, event));
    let mut report = session.play(ready, &mut events, |runner, classify| {
        stage_runs.visit(&stages, runner, classify)
    })?;
    if let Some(twin) = origin.twin
        && report.tip.is_none()
        && report.failure.is_none()
    {
        links::make(store, twin.tip, &inputs.pipeline, &mut events);
        report.same_as = Some(twin.name);
    }
    log.close(store, &report);
    Ok(report)
}

fn write_edits(project: &Path, edits: &BTreeMap<String, String>) -> Result<()> {
    for (file, text) in edits {
        durable::write(&project.join(file), text.as_bytes())?;
    }
    Ok(())
}

/// Returns the resume point, which is `checkpoint` unless something else was applied a moment ago.
fn resume_point(store: &Store, checkpoint: ObjectId) -> Result<ResumePoint> {
    let points = [store.resume_point()?, store.current_point()?];
    points
        .into_iter()
        .flatten()
        .find(|point| point.checkpoint == checkpoint)
        .ok_or_else(|| {
            let id = short(&checkpoint);
            Error::refused(format!(
                "checkpoint {id} is not in the workspace: another command changed it meanwhile"
            ))
            .hint(format!("git exp resume {id}"))
        })
}

/// Lockfiles are told from the project's root.
fn from_here(folder: &str, event: Event) -> Event {
    match event {
        Event::LockfileWritten { path, created } => Event::LockfileWritten {
            path: paths::from(folder, &path),
            created,
        },
        other => other,
    }
}

/// Returns the paths that stages write, what training reported, and the `dvc.lock` files: never code.
fn written_paths(store: &Store, project: &Path, inputs: &Inputs) -> PathSet {
    let reported = reported::in_workspace(project, &inputs.pipeline);
    written_by(store, inputs, &reported)
}

/// As [`written_paths`], where it is known what training reported.
fn written_by(store: &Store, inputs: &Inputs, reported: &[String]) -> PathSet {
    let pipeline = &inputs.pipeline;
    let outs = pipeline
        .stages
        .iter()
        .flat_map(|stage| &stage.outs)
        .map(|out| &out.path);
    let added = pipeline.data.iter().flat_map(|data| &data.stage.outs);
    let outs = outs.chain(added.map(|out| &out.path));
    let lock_files = pipeline.lock_files();
    let all = outs.chain(reported).chain(&lock_files);
    PathSet::new(all.map(|path| store.tree_path(path)))
}

/// Returns the outputs that git keeps, of all stages.
fn in_git(store: &Store, pipeline: &Pipeline) -> PathSet {
    let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
    let in_git = outs.filter(|out| !out.cache);
    PathSet::new(in_git.map(|out| store.tree_path(&out.path)))
}

/// Makes the folders of outputs, whose '.gitignore' is to be there before the first stage starts.
fn make_folders(project: &Path, stages: &[&Stage]) -> Result<()> {
    let run = stages.iter().filter(|stage| !stage.frozen);
    let outs = run.flat_map(|stage| &stage.outs).filter(|out| out.cache);
    let folders: BTreeMap<&str, &str> = outs
        .filter_map(|out| Some((out.path.rsplit_once('/')?.0, &*out.path)))
        .collect();
    for (folder, out) in folders {
        fs_err::create_dir_all(project.join(folder))
            .context(|| format!("cannot make the folder of output '{out}'"))?;
    }
    Ok(())
}

/// Returns the folders that outputs lie in, without the project's own: whoever has the run lock has
/// cleared that one.
fn folders_of_outputs(project: &Path, stages: &[&Stage]) -> BTreeSet<PathBuf> {
    let outs = stages.iter().flat_map(|stage| &stage.outs);
    let folders: BTreeSet<&str> = outs.map(|out| paths::folder(&out.path)).collect();
    let folders = folders.into_iter().filter(|folder| !folder.is_empty());
    folders.map(|folder| project.join(folder)).collect()
}

fn environment(project: &Path, origin: &Origin) -> Vec<(String, OsString)> {
    let experiment = &origin.experiment;
    let mut variables: Vec<(String, OsString)> = vec![
        ("DVC_ROOT".into(), project.into()),
        (
            "DVC_EXP_BASELINE_REV".into(),
            experiment.baseline.to_string().into(),
        ),
        ("DVC_EXP_NAME".into(), experiment.name.as_str().into()),
    ];
    if origin.training.is_some() {
        variables.push(("DVCLIVE_RESUME".into(), "1".into()));
    }
    variables
}

/// Returns what keeps the run's record up to date. There is none before the first process starts: a run
/// in which nothing has to run leaves no trace.
fn record_process(store: &Store, origin: &Origin) -> OnProcess {
    let record = Running {
        worktree: store.worktree().to_owned(),
        name: origin.experiment.name.as_str().to_owned(),
        experiment_id: origin.experiment.id.clone(),
        baseline: origin.experiment.baseline,
        pid: std::process::id(),
        commands: Vec::new(),
        started: store.now(),
    };
    let file = store.run_record_file();
    Box::new(move |stage: &str, line: usize, pid: u32| {
        // The name may have changed meanwhile: see the recorder's lost compare-and-swap.
        let now = file.read().ok().flatten();
        let mut now = now.unwrap_or_else(|| record.clone());
        now.commands.retain(StageCommand::is_alive);
        now.commands.push(StageCommand {
            stage: stage.to_owned(),
            line,
            process: Process::describe(pid),
        });
        // Only 'status' and the search for orphans read it; training must not fail for it.
        let _not_fatal = file.write(Some(&now));
    })
}
