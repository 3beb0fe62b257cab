//! What `show` shows: workspace, baselines and the experiments of each, as a [`Listing`].
//!
//! A checkpoint of ours is one note. Trees are read for what has none: baselines, the checkpoints
//! that DVC made, notes that are missing or of a later version; files on disk for the workspace.
//! Nothing here takes a lock, and a commit that cannot be understood is one row that says so.

mod chains;
pub(super) mod declared;
mod files;
pub(super) mod source;

use crate::checkpoint::Status;
use crate::error::Result;
use crate::experiment::{Experiment, ExperimentName, experiment_ref};
use crate::id::ObjectId;
use crate::listing::{Baseline, ExperimentRows, Listing, Row, RunningHere};
use crate::store::Store;
use crate::store::run_record::Running;
use crate::store::survey::LocalZone;
use chains::Reader;
use source::{Commit, Memo, Source, Workspace};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Baselines by revision; none of the four means `HEAD`.
    pub revisions: Vec<String>,
    /// How many first-parent commits from each of `revisions` (`HEAD` without one); negative: all.
    pub number: i64,
    /// The tips of all branches.
    pub all_branches: bool,
    /// All tags.
    pub all_tags: bool,
    /// Every commit.
    pub all_commits: bool,
    /// Leave names of branches and tags out.
    pub sha_only: bool,
    /// Only params that stages declare.
    pub param_deps: bool,
    /// Leave experiments out whose last run failed.
    pub hide_failed: bool,
    /// Read every object again, whatever earlier commands remembered.
    pub fresh: bool,
}

/// Reads everything that `selection` names. Takes no lock.
pub fn collect(store: &Store, selection: &Selection) -> Result<Listing> {
    let zone = LocalZone::load();
    let mut memo = Memo::default();
    let workspace = workspace(store, store.project()?, &mut memo, selection.param_deps)?;
    let baselines = baselines(store, selection)?;
    let mut experiments = experiments(store, &baselines)?;
    let running = store.running()?;
    let names = match selection.sha_only {
        true => HashMap::new(),
        false => store.commit_names()?,
    };
    let mut reader = Reader::open(store, &zone, memo, selection.param_deps, selection.fresh)?;
    reader.read_ahead(experiments.values().flatten());
    let mut listing = Listing {
        workspace,
        baselines: Vec::with_capacity(baselines.len()),
    };
    for id in baselines {
        let row = reader.commit(id)?;
        let mut found = Vec::new();
        for experiment in experiments.remove(&id).unwrap_or_default() {
            let rows = reader.experiment(&experiment)?;
            if !(selection.hide_failed && rows.status == Some(Status::Failed)) {
                found.push(rows);
            }
        }
        for run in running.iter().filter(|run| run.baseline == id) {
            mark_running(store, &mut reader, &listing.workspace, run, &mut found)?;
        }
        arrange(store, id, &mut found);
        listing.baselines.push(Baseline {
            name: names.get(&id).cloned(),
            row: Row::clone(&row),
            experiments: found,
        });
    }
    reader.close();
    Ok(listing)
}

/// Reads one commit's columns from its tree. What is broken in it is the row's error, not ours.
pub fn commit_row(store: &Store, id: ObjectId) -> Result<Row> {
    row_of_commit(store, id, false)
}

/// Reads the columns of a commit, or of the workspace, with only the params that stages declare if
/// `param_deps` says so. What is broken in it is the row's error, not ours.
pub fn row(store: &Store, commit: Option<ObjectId>, param_deps: bool) -> Result<Row> {
    match commit {
        Some(id) => row_of_commit(store, id, param_deps),
        None => workspace(store, store.project()?, &mut Memo::default(), param_deps),
    }
}

fn row_of_commit(store: &Store, id: ObjectId, param_deps: bool) -> Result<Row> {
    let checkpoint = store.checkpoint(id)?;
    let mut memo = Memo::default();
    let commit = Commit::new(store, checkpoint.tree, &mut memo)?;
    let mut row = declared::row(store, &commit, param_deps)?;
    row.id = Some(id);
    row.parent = checkpoint.parent;
    row.time = Some(LocalZone::load().localise(checkpoint.time));
    Ok(row)
}

/// Reads the workspace's columns from its files.
pub fn workspace_row(store: &Store) -> Result<Row> {
    workspace(store, store.project()?, &mut Memo::default(), false)
}

fn workspace(
    store: &Store,
    project: &std::path::Path,
    memo: &mut Memo,
    param_deps: bool,
) -> Result<Row> {
    let known = known_files(store, memo)?;
    declared::row(store, &Workspace::new(project, known), param_deps)
}

/// Returns the `dvc.yaml` and `.dvc` files that HEAD has, or the checkpoint that was last recorded or
/// applied here, which has those of the workspace: walking a work tree full of data is not instant.
pub(in crate::ops) fn known_files(store: &Store, memo: &mut Memo) -> Result<Vec<String>> {
    let mut known = match store.head()?.commit {
        Some(head) => Commit::new(store, store.tree_of(head)?, memo)?.project_files()?,
        None => Vec::new(),
    };
    let checkpoint = store.resume_point()?.map(|point| point.checkpoint);
    // one that is gone names nothing
    if let Some(tree) = checkpoint.and_then(|checkpoint| store.tree_of(checkpoint).ok()) {
        for file in Commit::new(store, tree, memo)?.project_files()? {
            if !known.contains(&file) {
                known.push(file);
            }
        }
    }
    Ok(known)
}

/// Returns the baselines in the order in which they were asked for, each once.
pub(super) fn baselines(store: &Store, selection: &Selection) -> Result<Vec<ObjectId>> {
    let mut found = Vec::new();
    for revision in &selection.revisions {
        let tip = store.resolve(revision)?.commit;
        found.extend(store.first_parents(tip, selection.number)?);
    }
    if selection.all_branches {
        found.extend(store.branch_tips()?);
    }
    if selection.all_tags {
        found.extend(store.tag_tips()?);
    }
    if selection.all_commits {
        found.extend(store.all_commits()?);
    }
    let any = selection.all_branches || selection.all_tags || selection.all_commits;
    if !any && selection.revisions.is_empty() {
        // no commit yet: there is a workspace all the same
        if let Some(head) = store.head()?.commit {
            found.extend(store.first_parents(head, selection.number)?);
        }
    }
    let mut seen = HashSet::new();
    found.retain(|id| seen.insert(*id));
    Ok(found)
}

fn experiments(
    store: &Store,
    baselines: &[ObjectId],
) -> Result<HashMap<ObjectId, Vec<Experiment>>> {
    let mut found: HashMap<ObjectId, Vec<Experiment>> = HashMap::new();
    for experiment in store.experiments_of(baselines)? {
        found
            .entry(experiment.baseline)
            .or_default()
            .push(experiment);
    }
    Ok(found)
}

fn mark_running(
    store: &Store,
    reader: &mut Reader<'_>,
    workspace: &Row,
    run: &Running,
    found: &mut Vec<ExperimentRows>,
) -> Result<()> {
    let here = RunningHere {
        pid: run.pid,
        worktree: run.worktree.to_string_lossy().into_owned(),
    };
    if let Some(rows) = found.iter_mut().find(|rows| rows.name == run.name) {
        rows.running = Some(here);
        rows.status = None;
        return Ok(());
    }
    let row = if run.worktree == store.worktree() {
        workspace.clone()
    } else {
        reader.workspace(&run.worktree.join(store.tree_path("")))?
    };
    found.push(ExperimentRows {
        name: run.name.clone(),
        chain: vec![Arc::new(row)],
        own: 1,
        running: Some(here),
        status: None,
        exit: None,
        incomplete: None,
    });
    Ok(())
}

/// Puts the newest tip first, running ones before all, and gives each shared checkpoint to the
/// experiment with the oldest tip.
fn arrange(store: &Store, baseline: ObjectId, experiments: &mut [ExperimentRows]) {
    let seconds = |rows: &ExperimentRows| Some(rows.chain.first()?.time?.seconds);
    let mut tips: HashMap<Option<i64>, usize> = HashMap::new();
    for rows in experiments.iter() {
        *tips.entry(seconds(rows)).or_default() += 1;
    }
    experiments.sort_by_cached_key(|rows| {
        let time = seconds(rows);
        // of tips of one second, the ref says which moved last, unless it is packed
        let moved = match tips.get(&time) {
            Some(1) => None,
            _ => store.moved_at(&experiment_ref(
                baseline,
                &ExperimentName::of_ref(&rows.name),
            )),
        };
        (
            rows.running.is_none(),
            Reverse(time),
            Reverse(moved),
            // a fork is longer than what it was forked from
            Reverse(rows.chain.len()),
            rows.name.clone(),
        )
    });
    let mut order: Vec<usize> = (0..experiments.len()).collect();
    order.sort_by_key(|index| {
        let rows = &experiments[*index];
        let time = rows.chain.first().and_then(|row| row.time);
        (time.map(|time| time.seconds), Reverse(*index))
    });
    let mut claimed = HashSet::new();
    for index in order {
        let rows = &mut experiments[index];
        let free = |row: &&Arc<Row>| row.id.is_none_or(|id| !claimed.contains(&id));
        rows.own = rows.chain.iter().take_while(free).count();
        claimed.extend(rows.chain.iter().filter_map(|row| row.id));
    }
}

#[cfg(test)]
mod tests;
