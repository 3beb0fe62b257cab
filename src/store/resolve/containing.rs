//! Which experiment a commit belongs to, and how commits lie to each other.

use crate::checkpoint::Checkpoint;
use crate::error::{Context, Result};
use crate::experiment::Experiment;
use crate::id::{self, ObjectId};
use crate::store::Store;
use std::collections::HashSet;

impl Store {
    /// Returns the experiment that contains `commit`; where several do, the one that it is the tip of,
    /// or the one that it was made in, or the oldest. `None` if none does.
    pub fn containing(&self, commit: ObjectId) -> Result<Option<Experiment>> {
        let experiments = self.experiments()?;
        self.containing_among(commit, &experiments)
    }

    /// Returns an experiment's own checkpoints, tip first: those since its fork.
    pub fn own_checkpoints(&self, experiment: &Experiment) -> Result<Vec<Checkpoint>> {
        let mut chain = self.chain(experiment.tip, experiment.baseline)?;
        let Some(tip) = chain.first() else {
            return Ok(chain);
        };
        if let Some(id) = tip.trailers.id.clone() {
            let own = chain
                .iter()
                .position(|checkpoint| checkpoint.trailers.id.as_ref() != Some(&id))
                .unwrap_or(chain.len());
            chain.truncate(own);
            return Ok(chain);
        }
        // DVC's commits do not say whose they are: shared ones belong to the line with the oldest tip.
        let tip_time = tip.time;
        let mut shared = HashSet::new();
        for other in self.experiments()? {
            if other.baseline != experiment.baseline || other.tip == experiment.tip {
                continue;
            }
            let line = self.chain(other.tip, other.baseline)?;
            if line.first().is_some_and(|first| first.time < tip_time) {
                shared.extend(line.into_iter().map(|checkpoint| checkpoint.id));
            }
        }
        let own = chain
            .iter()
            .position(|checkpoint| shared.contains(&checkpoint.id))
            .unwrap_or(chain.len());
        chain.truncate(own.max(1));
        Ok(chain)
    }

    /// Whether `ancestor` is `commit` or among its ancestors.
    pub fn is_ancestor(&self, ancestor: ObjectId, commit: ObjectId) -> Result<bool> {
        if ancestor == commit {
            return Ok(true);
        }
        let base = self
            .repo
            .merge_base(ancestor, commit)
            .context(|| "cannot compare commits".to_string())?;
        Ok(base.is_some_and(|base| base == ancestor))
    }

    /// Returns the one commit that all others are, or are ancestors of; `None` if there is none.
    pub(super) fn newest_of_line(&self, commits: &[ObjectId]) -> Result<Option<ObjectId>> {
        'candidates: for candidate in commits {
            for other in commits {
                if !self.is_ancestor(*other, *candidate)? {
                    continue 'candidates;
                }
            }
            return Ok(Some(*candidate));
        }
        Ok(None)
    }

    pub(super) fn containing_among(
        &self,
        commit: ObjectId,
        experiments: &[Experiment],
    ) -> Result<Option<Experiment>> {
        if let Some(tip) = experiments
            .iter()
            .find(|experiment| experiment.tip == commit)
        {
            return Ok(Some(tip.clone()));
        }
        if experiments
            .iter()
            .any(|experiment| experiment.baseline == commit)
        {
            return Ok(None);
        }
        let found = self.checkpoint(commit)?;
        let baseline = found
            .trailers
            .baseline
            .as_ref()
            .and_then(|hex| ObjectId::from_hex(hex.as_bytes()).ok());
        // Trailers are hints: they only say where to look first.
        let (likely, unlikely): (Vec<&Experiment>, Vec<&Experiment>) = experiments
            .iter()
            .partition(|experiment| Some(experiment.baseline) == baseline);
        for group in [likely, unlikely] {
            let mut containing = Vec::new();
            let mut without = HashSet::new();
            for experiment in group {
                if self.reaches(experiment, commit, &mut without)? {
                    containing.push(experiment);
                }
            }
            let made_here = containing.iter().find(|experiment| {
                self.checkpoint(experiment.tip).is_ok_and(|tip| {
                    tip.trailers.id.is_some() && tip.trailers.id == found.trailers.id
                })
            });
            if let Some(experiment) = made_here {
                return Ok(Some((*experiment).clone()));
            }
            let mut aged = Vec::new();
            for experiment in containing {
                aged.push((self.checkpoint(experiment.tip)?.time, experiment));
            }
            if let Some((_, experiment)) = aged.into_iter().min_by_key(|(time, _)| *time) {
                return Ok(Some(experiment.clone()));
            }
        }
        Ok(None)
    }

    /// Whether the chain of an experiment has `commit`. `without` remembers commits that do not lead to it.
    fn reaches(
        &self,
        experiment: &Experiment,
        commit: ObjectId,
        without: &mut HashSet<ObjectId>,
    ) -> Result<bool> {
        let mut at = experiment.tip;
        let mut walked = Vec::new();
        let reached = loop {
            if at == commit {
                break true;
            }
            if at == experiment.baseline || without.contains(&at) {
                break false;
            }
            walked.push(at);
            let parent = self
                .repo
                .find_commit(at)
                .context(|| format!("cannot read commit {}", id::short(&at)))?
                .parent_ids()
                .next()
                .map(|parent| parent.detach());
            match parent {
                Some(parent) => at = parent,
                None => break false,
            }
        };
        if !reached {
            without.extend(walked);
        }
        Ok(reached)
    }
}
