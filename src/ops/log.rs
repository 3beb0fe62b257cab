//! What runs printed: which log an experiment has, and which ones nobody can ask for any more.

use super::run::Report;
use crate::error::{Context, Error, Result};
use crate::event::RunStart;
use crate::id::ObjectId;
use crate::runner::relay::{Relay, Streams};
use crate::store::Store;
use crate::store::output_log::OutputLog;
use crate::store::run_record::Running;
use std::cell::OnceCell;
use std::collections::HashSet;

/// A log and whether it may grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The log.
    pub log: OutputLog,
    /// The experiment's `Exp-Id`; `None` if the log was asked for without a name.
    id: Option<String>,
}

/// Finds the log of what `revision` names, a run before its first checkpoint included; of the run that
/// printed last, without one.
pub fn find(store: &Store, revision: Option<&str>) -> Result<Found> {
    let Some(revision) = revision else {
        let log = store.newest_output_log()?;
        let log = log.ok_or_else(|| Error::missing("no run has printed anything yet"))?;
        return Ok(Found { log, id: None });
    };
    let named = |run: &&Running| run.name == revision && !run.experiment_id.is_empty();
    let id = match at_work(store)?.iter().find(named) {
        Some(run) => run.experiment_id.clone(),
        None => {
            let target = store.resolve(revision)?;
            let id = store.checkpoint(target.commit)?.trailers.id;
            let of_experiment = target.experiment.is_some();
            id.filter(|_| of_experiment).ok_or_else(|| {
                Error::refused(format!("'{revision}' is not a checkpoint of git exp's"))
                    .hint("git exp list --all-commits")
            })?
        }
    };
    let log = store.output_log(&id);
    if !log.exists() {
        return Err(Error::missing(format!(
            "there is no log of '{revision}': it ran elsewhere, or no stage had to run, or exp.log is off"
        )));
    }
    Ok(Found { log, id: Some(id) })
}

/// Whether a run is at work that may print more, or training that outlived one.
pub fn may_grow(store: &Store, found: &Found) -> Result<bool> {
    let is_it = |run: &Running| found.id.as_ref().is_none_or(|id| run.experiment_id == *id);
    Ok(at_work(store)?.iter().any(is_it))
}

/// Removes the logs of experiments that are not there any more and that no undo entry brings back.
pub fn tidy(store: &Store) -> Result<()> {
    let old = store.old_output_logs()?;
    if old.is_empty() {
        return Ok(());
    }
    let mut ids: HashSet<String> = HashSet::new();
    let mut tips: Vec<ObjectId> = store.experiments()?.iter().map(|it| it.tip).collect();
    tips.extend(store.undoable_tips()?);
    for tip in tips {
        // What is damaged has no log either.
        if let Ok(checkpoint) = store.checkpoint(tip) {
            ids.extend(checkpoint.trailers.id);
        }
    }
    ids.extend(at_work(store)?.into_iter().map(|run| run.experiment_id));
    old.iter()
        .filter(|(id, _)| !ids.contains(id))
        .try_for_each(|(_, log)| log.remove())
}

/// The log of one run, from its first stage that runs: a run that has nothing to do leaves none.
pub struct RunLog {
    log: OutputLog,
    first_line: String,
    is_wanted: bool,
    labels: bool,
    relay: OnceCell<Option<Relay>>,
}

impl RunLog {
    /// Prepares the log of a run that adds to the experiment with this `Exp-Id`. Those who will ask for
    /// labels have them without a log, too.
    pub(super) fn new(store: &Store, id: &str, start: &RunStart, labels: bool) -> Self {
        RunLog {
            log: store.output_log(id),
            first_line: format!("{start}\n"),
            is_wanted: store.settings().log,
            labels,
            relay: OnceCell::new(),
        }
    }

    /// Has all that is printed from here on in the log, if that can be.
    pub(super) fn open(&self) {
        self.relay();
    }

    /// Makes a way for what a stage prints beside others: whole lines, each behind the label of its stream.
    pub(super) fn labelled(&self, labels: [String; 2]) -> Result<Streams> {
        let doing = || "cannot lead on what a stage prints".to_owned();
        let relay = self.relay().ok_or_else(|| Error::io(doing()))?;
        relay.labelled(labels).context(doing)
    }

    fn relay(&self) -> Option<&Relay> {
        let logged = || {
            let mut writer = self.log.append().ok()?;
            writer.write(self.first_line.as_bytes()).ok()?;
            Relay::start(Some(&self.log))
        };
        let labelled = || Relay::start(None).or_else(Relay::without_process);
        let start = || match (self.is_wanted, self.labels) {
            (true, false) => logged(),
            (true, true) => logged().or_else(labelled),
            (false, true) => labelled(),
            (false, false) => None,
        };
        self.relay.get_or_init(start).as_ref()
    }

    /// Ends it with what failed, and lets an experiment that had to take another name in mid-run have
    /// it, too. A run does not fail for either.
    pub(super) fn close(self, store: &Store, report: &Report) {
        let Some(relay) = self.relay.into_inner().flatten() else {
            return;
        };
        relay.finish();
        if !self.is_wanted {
            return;
        }
        if let Some(failure) = &report.failure
            && let Ok(mut writer) = self.log.append()
        {
            let _best_effort = writer.write(format!("error: {}\n", failure.message).as_bytes());
        }
        let id = |tip| store.checkpoint(tip).ok()?.trailers.id;
        if let Some(id) = report.tip.and_then(id) {
            let other = store.output_log(&id);
            if other != self.log {
                let _best_effort = self.log.share(&other);
            }
        }
    }
}

fn at_work(store: &Store) -> Result<Vec<Running>> {
    let mut runs = store.running()?;
    runs.extend(store.orphans()?);
    Ok(runs)
}
