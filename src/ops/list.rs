//! Names and tips of experiments: refs only, no commit is read beyond the selected baselines.

use super::collect::{Selection, baselines};
use crate::error::Result;
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::store::Store;

/// The experiments of one baseline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The commit they started from; it need not exist here.
    pub baseline: ObjectId,
    /// Branch or tag; `None` where the short id has to do.
    pub name: Option<String>,
    /// In ref order.
    pub experiments: Vec<Experiment>,
}

/// Lists the experiments whose baselines `selection` names; all there are with `all_commits`.
/// Baselines without experiments are left out.
pub fn list(store: &Store, selection: &Selection) -> Result<Vec<Group>> {
    let found = if selection.all_commits {
        store.experiments()?
    } else {
        store.experiments_of(&baselines(store, selection)?)?
    };
    let mut groups: Vec<Group> = Vec::new();
    for experiment in found {
        match groups.last_mut() {
            Some(group) if group.baseline == experiment.baseline => {
                group.experiments.push(experiment);
            }
            _ => groups.push(Group {
                baseline: experiment.baseline,
                name: None,
                experiments: vec![experiment],
            }),
        }
    }
    if !selection.sha_only {
        name(store, &mut groups)?;
    }
    Ok(groups)
}

fn name(store: &Store, groups: &mut [Group]) -> Result<()> {
    let head = store.head()?;
    let is_head = |group: &Group| head.branch.is_some() && head.commit == Some(group.baseline);
    // the usual case needs no look at tags
    if groups.iter().all(is_head) {
        for group in groups {
            group.name.clone_from(&head.branch);
        }
        return Ok(());
    }
    let names = store.commit_names()?;
    for group in groups {
        group.name = names.get(&group.baseline).cloned();
    }
    Ok(())
}
