//! Goes on with training whose runner was killed: answers it, records its checkpoints, sees it end.
//!
//! Code, params and the stage are those that the run started with: the killed run has left them in
//! its plan and journal, whatever the workspace has by now. Nothing is started here. How the
//! process ends only its parent could know, so what it writes after its last signal is not recorded,
//! and neither are further lines and stages run: it may have failed. Stages that ran beside each other
//! are attended together.

use super::inputs::Inputs;
use super::outcome::Outcome;
use super::prepare::stage_run;
use super::session::{self, Session};
use super::{Report, written_paths};
use crate::error::{Context, Error, Result};
use crate::event::{Event, Events};
use crate::ops::claim::{claim_orphan, numbers};
use crate::ops::record::{Backlog, Queue, Recording};
use crate::pipeline::Stage;
use crate::runner::children::Attended;
use crate::runner::{Group, Next, Runner, StageEnd, StageRun};
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::capture_dir::CaptureDir;
use crate::store::journal::Plan;
use crate::store::run_record::Running;
use crate::store::state::Process;

/// Attends the process that a killed run of this worktree has left, until it ends.
///
/// Refused where a run is at work, where no such process lives, and where what the run left is damaged.
pub fn attach(store: &Store, events: &mut dyn Events) -> Result<Report> {
    store.check_identity()?;
    let project = store.project()?.to_owned();
    let (_lock, record) = claim_orphan(store)?;
    let unknown = || {
        Error::corrupt(format!(
            "cannot attach: what the killed run of '{}' has left is damaged",
            record.name
        ))
        .hint(format!("kill {}", numbers(&record.alive(), " ")))
        .hint("git exp resume")
    };
    let cache = store.cache()?;
    let (folder, plan) = left_behind(store, &cache, &record)?.ok_or_else(unknown)?;
    let inputs = Inputs::of_plan(store, &plan)?;
    let mut orphans = Vec::new();
    for command in &record.commands {
        let mut stages = inputs.pipeline.stages.iter();
        let stage = stages.find(|stage| stage.address() == command.stage);
        orphans.push(Orphan {
            stage: stage.ok_or_else(unknown)?,
            line: command.line,
            process: command.process.clone().ok_or_else(unknown)?,
        });
    }
    let backlog = Backlog::read(store, &folder, &plan, events)?;
    if !orphans.iter().all(|orphan| backlog.describes(orphan.stage)) {
        return Err(unknown());
    }
    let recording = Recording::of_plan(store, &cache, &folder, &plan)?;
    let since = folder.made()?;
    let session = Session {
        store,
        project: &project,
        format: plan.format(),
        inputs: &inputs,
        tracked: session::tracked(recording.scanner()),
        outputs: written_paths(store, &project, &inputs),
        folder,
    };
    store.set_run_record(Some(&Running {
        pid: std::process::id(),
        ..record.clone()
    }))?;
    let mut ready = session.ready(recording, Box::new(|_, _, _| ()))?;
    let caught = ready.interrupts.catch();
    caught.context(|| "cannot catch signals".to_owned())?;
    // Nobody has watched them since the kill.
    ready.writes.watch();
    ready.writes.add_changed(since);
    ready.queue.take_over(backlog)?;
    for orphan in &orphans {
        events.emit(Event::Attached {
            name: plan.name.clone(),
            stage: inputs.pipeline.shown(orphan.stage),
            pid: orphan.process.pid,
        });
    }
    session.play(ready, events, |runner, classify| {
        let run = |stage| stage_run(store, &project, stage, classify);
        let mut outcome = match &orphans[..] {
            [orphan] => {
                let process = Attended::foreign(orphan.process.clone());
                let end = runner.take_over(&run(orphan.stage), process);
                let is_unknown = matches!(end, Ok(StageEnd::Unknown));
                let mut outcome = Outcome::default();
                outcome.take_or_fail(&inputs.pipeline.shown(orphan.stage), end);
                if is_unknown {
                    runner.events.emit(Event::Status(
                        "what training wrote after its last signal is in the workspace only"
                            .to_owned(),
                    ));
                    say_what_is_left(&mut outcome, orphan, &plan.stages);
                }
                outcome
            }
            orphans => {
                let runs = orphans.iter().map(|orphan| {
                    let process = Attended::foreign(orphan.process.clone());
                    (run(orphan.stage), process)
                });
                let shown = |orphan: &Orphan<'_>| inputs.pipeline.shown(orphan.stage);
                let names: Vec<String> = orphans.iter().map(shown).collect();
                attend_all(runner, runs.collect(), &names)
            }
        };
        outcome.interrupted_by(runner.interrupts.signal());
        outcome
    })
}

/// A command whose runner was killed.
struct Orphan<'p> {
    stage: &'p Stage,
    line: usize,
    process: Process,
}

/// Waits until all commands have ended, of stages that a killed run had started beside each other.
fn attend_all(
    runner: &mut Runner<'_, Queue>,
    runs: Vec<(StageRun<'_>, Attended)>,
    names: &[String],
) -> Outcome {
    let mut outcome = Outcome::default();
    let mut group = Group::default();
    let attend = || -> Result<()> {
        for (key, (run, process)) in runs.into_iter().enumerate() {
            runner.join(&mut group, key, run, process)?;
        }
        while let Next::Ended(_) = runner.next_end(&mut group, false)? {}
        Ok(())
    };
    match attend() {
        Ok(()) => outcome.take_or_fail("", Ok(StageEnd::Unknown)),
        Err(error) => outcome.take_or_fail("", Err(error)),
    }
    if let (Some(failure), None) = (&mut outcome.failure, outcome.finish.status) {
        failure.message = format!(
            "stages '{}' have ended, and how is not known: the run that started them was killed",
            names.join("', '")
        );
        let again = "'git exp run' runs them again";
        failure.hints.push(again.to_owned());
    }
    outcome
}

/// Returns the folder of the killed run, locked, and its plan.
fn left_behind(
    store: &Store,
    cache: &Cache,
    record: &Running,
) -> Result<Option<(CaptureDir, Plan)>> {
    let folders = cache.leftover_captures(store.git_dir())?;
    let planned = folders
        .into_iter()
        .filter_map(|folder| Some((folder.journal().read_plan()?, folder)));
    // Its run may have gone on under another name and been killed before it said so here.
    let same = planned.filter(|(plan, _)| plan.baseline == record.baseline);
    Ok(same
        .max_by_key(|(plan, _)| plan.name == record.name)
        .map(|(plan, folder)| (folder, plan)))
}

/// Adds to a failure what has not run and what to type next.
fn say_what_is_left(outcome: &mut Outcome, orphan: &Orphan<'_>, stages: &[String]) {
    let Some(failure) = &mut outcome.failure else {
        return;
    };
    let stage = orphan.stage;
    let lines = stage.cmd.lines();
    let left = lines.get(orphan.line + 1..).unwrap_or_default();
    if !left.is_empty() {
        let message = format!("; its command goes on with '{}'", left.join("', '"));
        failure.message.push_str(&message);
    }
    let next = match stage.has_checkpoint() {
        true => "'git exp run' trains on from the last checkpoint",
        false => "'git exp run' runs it again",
    };
    failure.hints.push(next.to_owned());
    let at = stages.iter().position(|known| *known == stage.address());
    let after = at.and_then(|at| stages.get(at + 1..)).unwrap_or_default();
    if !after.is_empty() && left.is_empty() {
        failure.hints.push(format!(
            "if it has finished: git exp run --single-item {}",
            after.join(" ")
        ));
    }
}
