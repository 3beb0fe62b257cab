//! Experiments whose baseline nobody wants any more, away.
//!
//! Whole experiments stay or go, by their baseline, as in DVC; the cache is left to `dvc gc`.

use super::log;
use super::remove::{running_among, take_away};
use crate::checkpoint::Note;
use crate::error::{Error, Result};
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::store::Store;
use std::collections::{HashMap, HashSet};

/// Which baselines keep their experiments; several add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// HEAD.
    pub workspace: bool,
    /// The tips of local branches.
    pub branches: bool,
    /// Tags.
    pub tags: bool,
    /// Every commit that a branch, a tag or HEAD leads to.
    pub commits: bool,
    /// Of those, the ones from this day (`YYYY-MM-DD`) on.
    pub date: Option<String>,
}

/// An experiment that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The experiment.
    pub experiment: Experiment,
    /// How many checkpoints only it has among those that go.
    pub checkpoints: usize,
    /// Bytes of the cached outputs that its checkpoints name, each content counted once in all.
    pub bytes: u64,
}

/// What a gc would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Those that go, in ref order.
    pub candidates: Vec<Candidate>,
    /// Names of those that would go, but run.
    pub running: Vec<String>,
}

/// Finds the experiments that `keep` does not protect.
///
/// With `measure`, checkpoints and bytes are counted; they are zero without it.
pub fn plan(store: &Store, keep: &Keep, measure: bool) -> Result<Plan> {
    let all = store.experiments()?;
    let kept = kept_baselines(store, keep, &all)?;
    let going: Vec<Experiment> = all
        .iter()
        .filter(|experiment| !kept.contains(&experiment.baseline))
        .cloned()
        .collect();
    let running = running_among(store, &going)?;
    let is_running = |experiment: &Experiment| {
        running
            .iter()
            .any(|run| run.name == experiment.name.as_str() && run.baseline == experiment.baseline)
    };
    let mut plan = Plan {
        running: running.iter().map(|run| run.name.clone()).collect(),
        ..Default::default()
    };
    let mut meter = Meter::default();
    for experiment in going {
        if is_running(&experiment) {
            continue;
        }
        let (checkpoints, bytes) = if measure {
            meter.measure(store, &experiment)?
        } else {
            (0, 0)
        };
        plan.candidates.push(Candidate {
            experiment,
            checkpoints,
            bytes,
        });
    }
    Ok(plan)
}

/// Removes what the plan says, as one undo entry. Returns how many experiments went.
pub fn carry_out(store: &Store, plan: &Plan) -> Result<usize> {
    let experiments: Vec<Experiment> = plan
        .candidates
        .iter()
        .map(|candidate| candidate.experiment.clone())
        .collect();
    // A run may have started since the plan was shown.
    if let Some(run) = running_among(store, &experiments)?.first() {
        return Err(Error::refused(format!(
            "experiment '{}' has started running",
            run.name
        )));
    }
    take_away(store, "gc", &experiments)?;
    log::tidy(store)?;
    Ok(experiments.len())
}

fn kept_baselines(store: &Store, keep: &Keep, all: &[Experiment]) -> Result<HashSet<ObjectId>> {
    let mut kept = HashSet::new();
    if keep.workspace {
        kept.extend(store.head()?.commit);
    }
    if keep.branches {
        kept.extend(store.branch_tips()?);
    }
    if keep.tags {
        kept.extend(store.tag_tips()?);
    }
    let baselines: HashSet<ObjectId> = all.iter().map(|experiment| experiment.baseline).collect();
    if keep.commits {
        kept.extend(store.reachable(&baselines, None)?);
    }
    if let Some(date) = &keep.date {
        let since = store.parse_day(date)?;
        kept.extend(store.reachable(&baselines, Some(since))?);
    }
    Ok(kept)
}

/// Counts each commit and each content once.
#[derive(Default)]
struct Meter {
    commits: HashSet<ObjectId>,
    contents: HashMap<String, u64>,
}

impl Meter {
    fn measure(&mut self, store: &Store, experiment: &Experiment) -> Result<(usize, u64)> {
        let mut notes = match store.find_ref(&experiment.notes_ref_name())? {
            Some(notes) => Some(store.notes_tree(notes)?),
            None => None,
        };
        let mut checkpoints = 0;
        let mut bytes = 0;
        for checkpoint in store.chain(experiment.tip, experiment.baseline)? {
            if !self.commits.insert(checkpoint.id) {
                break;
            }
            checkpoints += 1;
            let Some(notes) = &mut notes else { continue };
            let Some(text) = notes.read(checkpoint.id)? else {
                continue;
            };
            let parsed = Note::parse(&text, checkpoint.id);
            let Some(note) = parsed.ok().and_then(|parsed| parsed.known()) else {
                continue;
            };
            for out in note.outs.into_values() {
                if let (true, Some(md5), Some(size)) = (out.cache, out.md5, out.size)
                    && self.contents.insert(md5, size).is_none()
                {
                    bytes += size;
                }
            }
        }
        Ok((checkpoints, bytes))
    }
}
