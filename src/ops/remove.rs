//! Experiments away, with a way back.

use super::apply::EXEC_REFS;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::revision::{self, NamePattern};
use crate::store::Store;
use crate::store::run_record::Running;
use crate::store::transition::{RefValue, SavedResume, Step, Transition};
use crate::store::undo::Worth;
use std::collections::HashSet;

/// Which experiments go.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Names, patterns, full refs.
    pub names: Vec<String>,
    /// All of them.
    pub all: bool,
    /// Those whose baseline is one of `num` first-parent commits from here on.
    pub rev: Option<String>,
    /// How many commits; all if negative.
    pub num: i64,
    /// Whether the selected ones stay and all others go.
    pub keep: bool,
}

/// Removes experiments with their notes, and returns them in ref order.
///
/// Refused, with nothing changed, if a name is unknown or means several, or if one of them runs.
pub fn remove(store: &Store, selection: &Selection) -> Result<Vec<Experiment>> {
    let all = store.experiments()?;
    let mut selected = select(store, selection, &all)?;
    if selection.keep {
        selected = all
            .iter()
            .filter(|experiment| !selected.contains(experiment))
            .cloned()
            .collect();
    }
    if let Some(run) = running_among(store, &selected)?.first() {
        return Err(Error::refused(format!(
            "experiment '{}' is running (process {}, in '{}')",
            run.name,
            run.pid,
            run.worktree.display()
        ))
        .hint("stop it first, or leave it out"));
    }
    take_away(store, "remove", &selected)?;
    Ok(selected)
}

/// Returns the selected ones in ref order, `--keep` not yet turned around.
fn select(store: &Store, selection: &Selection, all: &[Experiment]) -> Result<Vec<Experiment>> {
    if selection.all {
        return Ok(all.to_vec());
    }
    if let Some(rev) = &selection.rev {
        let commit = store.resolve(rev)?.commit;
        let baselines: HashSet<ObjectId> = store
            .first_parents(commit, selection.num)?
            .into_iter()
            .collect();
        return Ok(all
            .iter()
            .filter(|experiment| baselines.contains(&experiment.baseline))
            .cloned()
            .collect());
    }
    let head = store.head()?.commit;
    let mut chosen: HashSet<usize> = HashSet::new();
    let mut unknown = Vec::new();
    for name in &selection.names {
        let found = find(store, name, all, head)?;
        if found.is_empty() {
            unknown.push(name);
        }
        chosen.extend(found);
    }
    if !unknown.is_empty() {
        let list: Vec<String> = unknown.iter().map(|name| format!("'{name}'")).collect();
        let mut error = Error::missing(format!("no experiment is called {}", list.join(", ")));
        for name in unknown {
            let names = all.iter().map(|experiment| experiment.name.as_str());
            for near in revision::nearest(name, names) {
                error = error.hint(format!("did you mean '{near}'?"));
            }
        }
        return Err(error);
    }
    let mut chosen: Vec<usize> = chosen.into_iter().collect();
    chosen.sort_unstable();
    Ok(chosen.into_iter().map(|at| all[at].clone()).collect())
}

/// Returns the positions of the experiments that a name, a pattern or a full ref means.
fn find(
    store: &Store,
    name: &str,
    all: &[Experiment],
    head: Option<ObjectId>,
) -> Result<Vec<usize>> {
    let matching = |matches: &dyn Fn(&Experiment) -> bool| -> Vec<usize> {
        (0..all.len()).filter(|at| matches(&all[*at])).collect()
    };
    if name.starts_with("refs/") {
        return Ok(matching(&|experiment| experiment.ref_name() == name));
    }
    let exact = matching(&|experiment| experiment.name.as_str() == name);
    if exact.is_empty() && NamePattern::is_pattern(name) {
        let pattern = NamePattern::parse(name)?;
        return Ok(matching(&|experiment| {
            pattern.matches(experiment.name.as_str())
        }));
    }
    if exact.len() > 1 {
        let here: Vec<usize> = exact
            .iter()
            .copied()
            .filter(|at| Some(all[*at].baseline) == head)
            .collect();
        if !here.is_empty() {
            return Ok(here);
        }
        let mut error = Error::refused(format!("'{name}' names several experiments"));
        for at in exact {
            error = error.hint(format!(
                "{}  (of {})",
                all[at].ref_name(),
                store.short_ref_name(all[at].baseline)?
            ));
        }
        return Err(error);
    }
    Ok(exact)
}

/// Returns the runs, orphaned trainings included, that add to one of the experiments.
pub(crate) fn running_among(store: &Store, experiments: &[Experiment]) -> Result<Vec<Running>> {
    let mut runs = store.running()?;
    runs.extend(store.orphans()?);
    runs.retain(|run| {
        experiments.iter().any(|experiment| {
            experiment.name.as_str() == run.name && experiment.baseline == run.baseline
        })
    });
    Ok(runs)
}

/// Removes the refs of experiments, all or none, as one undo entry of `command`.
pub(crate) fn take_away(store: &Store, command: &str, experiments: &[Experiment]) -> Result<()> {
    if experiments.is_empty() {
        return Ok(());
    }
    store.clear_stale_locks()?;
    let mut transition = Transition::default();
    let mut goes = |name: String, now: ObjectId| {
        transition.refs.push((
            name,
            Step {
                before: Some(RefValue(now)),
                after: None,
            },
        ));
    };
    let notes = store.notes_refs()?;
    for experiment in experiments {
        goes(experiment.ref_name(), experiment.tip);
        let of_it = notes
            .iter()
            .find(|notes| notes.name == experiment.name && notes.baseline == experiment.baseline);
        if let Some(notes) = of_it {
            goes(experiment.notes_ref_name(), notes.tip);
        }
    }
    for name in EXEC_REFS {
        if let Some(now) = store.find_ref(name)?
            && experiments.iter().any(|experiment| experiment.tip == now)
        {
            goes(name.to_string(), now);
        }
    }
    if let Some(point) = store.resume_point()? {
        let is_gone = experiments.iter().any(|experiment| {
            experiment.name.as_str() == point.name && experiment.baseline == point.baseline
        });
        if is_gone {
            transition.resume = Some(Step {
                before: Some(SavedResume::new(&point)),
                after: None,
            });
        }
    }
    let names: Vec<&str> = experiments
        .iter()
        .take(3)
        .map(|experiment| experiment.name.as_str())
        .collect();
    let mut subject = names.join(" ");
    if experiments.len() > names.len() {
        subject.push_str(&format!(" and {} more", experiments.len() - names.len()));
    }
    if transition.is_refs_only() {
        return store
            .perform_undoable(command, &subject, &mut transition)
            .map(drop);
    }
    store.save_undo(command, &subject, &mut transition, &[], Worth::OnlyCopy)?;
    store.perform(&transition)
}
