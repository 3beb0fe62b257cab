//! A user's word to a commit: design.md's order, ambiguity is an error that lists the candidates.
//!
//! A full ref, then an experiment's name, then what git resolves. Two candidates are no ambiguity
//! when they are the same commit or one is an ancestor of the other: the tip wins.

mod best;
mod containing;
mod git;

use super::Store;
use crate::error::{Error, Kind, Result};
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::revision::{self, Pick, Revision};

/// What a revision means.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The commit.
    pub commit: ObjectId,
    /// The experiment the revision named, or the one that contains the commit; `None` if none does.
    pub experiment: Option<Experiment>,
}

impl Store {
    /// Resolves a revision as every command does. `@{best…}` looks at the experiment's notes.
    ///
    /// [`Kind::Missing`] if nothing has this name, with the nearest names as a hint;
    /// [`Kind::Refused`] if several have.
    pub fn resolve(&self, text: &str) -> Result<Resolved> {
        let (base, pick, back) = match revision::parse(text)? {
            Revision::Git(text) => return self.resolve_git(&text),
            Revision::Ours { base, pick, back } => (base, pick, back),
        };
        let experiments = self.experiments()?;
        let named = self.named_experiment(&base, &experiments)?;
        let Some(experiment) = named else {
            if pick.is_none() && !base.is_empty() {
                return self
                    .resolve_git(text)
                    .map_err(|error| self.with_near_names(error, &base, &experiments));
            }
            return self.pick_from_containing(text, &base, pick, back, &experiments);
        };
        self.within(text, experiment, pick, back)
    }

    /// Finds the experiment that a full ref or a name means.
    fn named_experiment(
        &self,
        base: &str,
        experiments: &[Experiment],
    ) -> Result<Option<Experiment>> {
        if base.starts_with("refs/") {
            return Ok(experiments
                .iter()
                .find(|experiment| experiment.ref_name() == base)
                .cloned());
        }
        let named: Vec<&Experiment> = experiments
            .iter()
            .filter(|experiment| experiment.name.as_str() == base)
            .collect();
        match named.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some((*one).clone())),
            several => {
                let head = self.head()?.commit;
                if let Some(here) = several
                    .iter()
                    .find(|experiment| Some(experiment.baseline) == head)
                {
                    return Ok(Some((*here).clone()));
                }
                let tips: Vec<ObjectId> = several.iter().map(|experiment| experiment.tip).collect();
                if let Some(tip) = self.newest_of_line(&tips)? {
                    return Ok(several
                        .iter()
                        .find(|experiment| experiment.tip == tip)
                        .map(|experiment| (*experiment).clone()));
                }
                let mut error = Error::refused(format!("'{base}' names several experiments"));
                for experiment in several {
                    error = error.hint(format!(
                        "{}  (of {})",
                        experiment.ref_name(),
                        self.short_ref_name(experiment.baseline)?
                    ));
                }
                Err(error)
            }
        }
    }

    /// Resolves `…@{pick}` where the base is a commit, or nothing at all.
    fn pick_from_containing(
        &self,
        text: &str,
        base: &str,
        pick: Option<Pick>,
        back: usize,
        experiments: &[Experiment],
    ) -> Result<Resolved> {
        let commit = if base.is_empty() {
            let point = self.current_point()?.ok_or_else(|| {
                Error::missing(format!(
                    "'{text}' names no experiment, and none is applied here"
                ))
                .hint("git exp list --all-commits")
            })?;
            point.checkpoint
        } else {
            self.resolve_git_commit(base)
                .map_err(|error| self.with_near_names(error, base, experiments))?
        };
        let experiment = self
            .containing_among(commit, experiments)?
            .ok_or_else(|| Error::missing(format!("no experiment contains '{base}'")))?;
        self.within(text, experiment, pick, back)
    }

    /// Picks a checkpoint of an experiment and goes back from it, not past the baseline.
    fn within(
        &self,
        text: &str,
        experiment: Experiment,
        pick: Option<Pick>,
        back: usize,
    ) -> Result<Resolved> {
        let start = match &pick {
            None | Some(Pick::Last) => experiment.tip,
            Some(Pick::First) => self
                .own_checkpoints(&experiment)?
                .last()
                .map_or(experiment.tip, |checkpoint| checkpoint.id),
            Some(Pick::Best(choice)) => self.best(text, &experiment, choice.as_ref())?,
        };
        let commit = if back == 0 {
            start
        } else {
            let chain = self.chain(start, experiment.baseline)?;
            match chain.get(back) {
                Some(checkpoint) => checkpoint.id,
                None if back == chain.len() => experiment.baseline,
                None => {
                    return Err(Error::missing(format!(
                        "'{text}' is beyond the baseline of '{}', which has {} checkpoints",
                        experiment.name.as_str(),
                        chain.len()
                    )));
                }
            }
        };
        Ok(Resolved {
            commit,
            experiment: Some(experiment),
        })
    }

    fn with_near_names(&self, error: Error, typed: &str, experiments: &[Experiment]) -> Error {
        if error.kind() != Kind::Missing {
            return error;
        }
        let names = experiments
            .iter()
            .map(|experiment| experiment.name.as_str());
        let near = revision::nearest(typed, names);
        match near.as_slice() {
            [] if experiments.is_empty() => error,
            [] => error.hint("git exp list --all-commits"),
            near => {
                let near: Vec<String> = near.iter().map(|name| format!("'{name}'")).collect();
                error.hint(format!("did you mean {}?", near.join(" or ")))
            }
        }
    }
}

#[cfg(test)]
mod tests;
