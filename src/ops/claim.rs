//! The right to change this worktree's files: nobody trains in it, and nothing is half done.

use super::record;
use super::sweep::sweep;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::experiment::{ExperimentName, experiment_ref};
use crate::store::Store;
use crate::store::lock::RunLock;
use crate::store::run_record::{Running, StageCommand};
use crate::store::state::{Process, ResumePoint};

/// Takes this worktree's run lock for an operation called `doing` (`apply`), and finishes what a
/// kill cut off, captured checkpoints included. Refused while a run, or the training of a run that
/// died, is at work here.
pub fn claim(store: &Store, doing: &str, events: &mut dyn Events) -> Result<RunLock> {
    let lock = RunLock::try_take(store)?;
    let record = store.run_record()?;
    let Some(lock) = lock else {
        return Err(taken(doing, record));
    };
    if let Some(run) = &record
        && let alive = run.alive()
        && !alive.is_empty()
    {
        return Err(Error::refused(format!(
            "cannot {doing}: the runner of '{}' died, but its training goes on ({})",
            run.name,
            numbered(&alive)
        ))
        .hint("git exp resume --attach")
        .hint(format!("kill {}", numbers(&alive, " "))));
    }
    finish_killed(store, record, events)?;
    sweep(store, events);
    Ok(lock)
}

/// Finishes what a kill cut off in this worktree, whose lock the caller holds and where nobody trains.
pub(super) fn finish_killed(
    store: &Store,
    record: Option<Running>,
    events: &mut dyn Events,
) -> Result<()> {
    store.clear_stale_locks()?;
    store.clear_leftovers()?;
    store.recover()?;
    if let Some(run) = &record {
        catch_up(store, run)?;
        // It would make the dead run look alive under our lock.
        store.set_run_record(None)?;
    }
    record::recover(store, events)
}

/// Makes the newest checkpoint of a run that was killed the resume point: the kill may have come
/// after the checkpoint and before that.
fn catch_up(store: &Store, run: &Running) -> Result<()> {
    let name = ExperimentName::of_ref(&run.name);
    let Some(tip) = store.find_ref(&experiment_ref(run.baseline, &name))? else {
        return Ok(());
    };
    // An experiment of that name that somebody else made is none of ours.
    let id = store.checkpoint(tip)?.trailers.id.unwrap_or_default();
    if id.is_empty() || id != run.experiment_id {
        return Ok(());
    }
    store.set_resume_point(Some(&ResumePoint {
        checkpoint: tip,
        baseline: run.baseline,
        name: run.name.clone(),
        experiment_id: id,
    }))
}

/// Returns processes in words.
pub fn numbered(processes: &[&Process]) -> String {
    let s = if processes.len() == 1 { "" } else { "es" };
    format!("process{s} {}", numbers(processes, ", "))
}

/// Returns the numbers of processes.
pub fn numbers(processes: &[&Process], between: &str) -> String {
    let numbers: Vec<String> = processes.iter().map(|it| it.pid.to_string()).collect();
    numbers.join(between)
}

/// Takes this worktree's run lock to go on with training whose runner died, with what of it lives.
/// Refused where nothing does.
pub fn claim_orphan(store: &Store) -> Result<(RunLock, Running)> {
    let lock = RunLock::try_take(store)?;
    let record = store.run_record()?;
    let Some(lock) = lock else {
        return Err(taken("attach", record));
    };
    let orphan = record.map(|mut run| {
        run.commands.retain(StageCommand::is_alive);
        run
    });
    let Some(run) = orphan.filter(|run| !run.commands.is_empty()) else {
        let error = Error::missing(
            "nothing to attach to: no training of a killed run goes on in this worktree",
        );
        let elsewhere = store.orphans()?;
        let there = |run: &Running| format!("cd {}", run.worktree.display());
        return Err(match elsewhere.is_empty() {
            true => error.hint("git exp status").hint("git exp resume"),
            false => elsewhere.iter().map(there).fold(error, Error::hint),
        });
    };
    store.clear_stale_locks()?;
    store.recover()?;
    catch_up(store, &run)?;
    Ok((lock, run))
}

fn taken(doing: &str, record: Option<Running>) -> Error {
    match record {
        Some(run) => Error::refused(format!(
            "cannot {doing} while experiment '{}' is running here (process {})",
            run.name, run.pid
        ))
        .hint("stop it with Ctrl-C, or use another worktree: git worktree add <path>"),
        None => Error::refused(format!(
            "cannot {doing} while another git exp command changes this worktree"
        )),
    }
}
