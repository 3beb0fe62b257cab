//! A user's word to a commit: design.md's order, ambiguity is an error that lists the candidates.
//!
//! A full ref, then an experiment's name, then what git resolves. Two candidates are no ambiguity
//! when they are the same commit or one is an ancestor of the other: the tip wins.

use super::Store;
use super::notes::NotesTree;
use crate::checkpoint::{Checkpoint, FileData, Note};
use crate::error::{Context, Error, Kind, Result};
use crate::experiment::Experiment;
use crate::id::{self, ObjectId};
use crate::pipeline::{self, OutputKind};
use crate::revision::{self, MetricChoice, Pick, Revision};
use crate::value::Value;
use crate::yaml;
use gix::bstr::BStr;
use indexmap::IndexMap;
use std::collections::{BTreeSet, HashSet};

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

    fn best(
        &self,
        text: &str,
        experiment: &Experiment,
        choice: Option<&MetricChoice>,
    ) -> Result<ObjectId> {
        let configured;
        let choice = match (choice, &self.settings.metric) {
            (Some(choice), _) => Some(choice),
            (None, Some(name)) => {
                configured = MetricChoice::parse(name)
                    .context(|| format!("bad value of exp.metric: '{name}'"))?;
                Some(&configured)
            }
            (None, None) => None,
        };
        let mut notes = match self.find_ref(&experiment.notes_ref_name())? {
            Some(notes) => Some(self.notes_tree(notes)?),
            None => None,
        };
        let mut metrics: BTreeSet<(String, String)> = BTreeSet::new();
        let mut best: Option<(f64, ObjectId)> = None;
        let mut clash = BTreeSet::new();
        for checkpoint in self.own_checkpoints(experiment)? {
            let mut matching = Vec::new();
            for (file, name, value) in self.numbers(notes.as_mut(), &checkpoint)? {
                let fits = choice.is_some_and(|choice| {
                    choice.name == name && choice.file.as_ref().is_none_or(|wanted| *wanted == file)
                });
                if fits {
                    matching.push((file.clone(), value));
                }
                metrics.insert((file, name));
            }
            if matching.len() > 1 {
                clash.extend(matching.into_iter().map(|(file, _)| file));
            } else if let (Some((_, value)), Some(choice)) = (matching.first(), choice)
                && !value.is_nan()
            {
                let better = best.is_none_or(|(best, _)| {
                    if choice.lowest {
                        *value < best
                    } else {
                        *value > best
                    }
                });
                if better {
                    best = Some((*value, checkpoint.id));
                }
            }
        }
        let listed = |mut error: Error| {
            for (file, name) in &metrics {
                error = error.hint(format!(
                    "{}@{{best:{file}:{name}}}",
                    experiment.name.as_str()
                ));
            }
            error
        };
        let Some(choice) = choice else {
            return Err(listed(Error::usage(format!(
                "'{text}' does not say which metric, and exp.metric is not set"
            ))));
        };
        if !clash.is_empty() {
            return Err(listed(Error::refused(format!(
                "metric '{}' is in several files",
                choice.name
            ))));
        }
        match best {
            Some((_, commit)) => Ok(commit),
            None => Err(listed(Error::missing(format!(
                "no checkpoint of '{}' has a number for metric '{choice}'",
                experiment.name.as_str()
            )))),
        }
    }

    /// Returns the numbers among a checkpoint's metrics: file, dotted name, value.
    fn numbers(
        &self,
        notes: Option<&mut NotesTree<'_>>,
        checkpoint: &Checkpoint,
    ) -> Result<Vec<(String, String, f64)>> {
        let mut numbers = Vec::new();
        let text = match notes {
            Some(notes) => notes.read(checkpoint.id)?,
            None => None,
        };
        let note = text
            .and_then(|text| Note::parse(&text, checkpoint.id).ok())
            .and_then(|parsed| parsed.known());
        let metrics = match note {
            Some(note) => note.metrics,
            // Without a note that we can read, the files of its tree say it.
            None => self.metrics_in_tree(checkpoint)?,
        };
        for (file, data) in metrics {
            if let FileData::Data(value) = data {
                flatten(&value, &mut String::new(), &mut |name, number| {
                    numbers.push((file.clone(), name.to_string(), number));
                });
            }
        }
        Ok(numbers)
    }

    /// Reads the metrics that the pipeline of a checkpoint's own tree names.
    ///
    /// A file that is not there or cannot be understood has no numbers, and so is no error.
    fn metrics_in_tree(&self, checkpoint: &Checkpoint) -> Result<IndexMap<String, FileData>> {
        let mut metrics = IndexMap::new();
        let Some(text) = self.read_blob(checkpoint.tree, &self.tree_path("dvc.yaml"))? else {
            return Ok(metrics);
        };
        let text = String::from_utf8_lossy(&text);
        let Ok(pipeline) = pipeline::parse::parse(&text, "dvc.yaml") else {
            return Ok(metrics);
        };
        let outs = pipeline.stages.iter().flat_map(|stage| &stage.outs);
        let files = outs
            .filter(|out| out.kind == OutputKind::Metric)
            .map(|out| &out.path)
            .chain(&pipeline.metrics);
        for file in files {
            let Some(bytes) = self.read_blob(checkpoint.tree, &self.tree_path(file))? else {
                continue;
            };
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(node) = yaml::read::parse(&text, file) {
                metrics.insert(file.clone(), FileData::Data(node.to_value()));
            }
        }
        Ok(metrics)
    }

    /// Resolves what only git knows.
    fn resolve_git(&self, text: &str) -> Result<Resolved> {
        let commit = self.resolve_git_commit(text)?;
        Ok(Resolved {
            commit,
            experiment: self.containing(commit)?,
        })
    }

    fn resolve_git_commit(&self, text: &str) -> Result<ObjectId> {
        if let Some(commit) = self.short_id(text)? {
            return Ok(commit);
        }
        let unknown = || Error::missing(format!("unknown revision '{text}'"));
        let found = self
            .repo
            .rev_parse_single(BStr::new(text))
            .map_err(|cause| {
                // gix says it several times over; the innermost says what matters.
                let unknown = unknown();
                match innermost(&cause) {
                    _ if cause.is_not_found() && revision::is_plain(text) => unknown,
                    reason => unknown.caused_by(reason),
                }
            })?;
        let commit = found
            .object()
            .and_then(|object| object.peel_to_commit())
            .map_err(|cause| {
                Error::refused(format!("'{text}' does not name a commit")).caused_by(cause)
            })?;
        Ok(commit.id)
    }

    /// Resolves an abbreviated id whose candidates are one commit, or one line of commits.
    ///
    /// `None` for anything else: a ref of that name comes first, as in git.
    fn short_id(&self, text: &str) -> Result<Option<ObjectId>> {
        let stem_end = text.find(['~', '^']).unwrap_or(text.len());
        let (stem, steps) = text.split_at(stem_end);
        let is_hex = stem.len() >= 4 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hex || stem.len() >= self.repo.object_hash().len_in_hex() {
            return Ok(None);
        }
        if self
            .repo
            .try_find_reference(stem)
            .is_ok_and(|r| r.is_some())
        {
            return Ok(None);
        }
        let Ok(prefix) = gix::hash::Prefix::from_hex(stem) else {
            return Ok(None);
        };
        let mut candidates = HashSet::new();
        self.repo
            .objects
            .lookup_prefix(prefix, Some(&mut candidates))
            .context(|| format!("cannot look for '{stem}'"))?;
        if candidates.len() < 2 {
            return Ok(None);
        }
        let mut commits: Vec<ObjectId> = candidates
            .into_iter()
            .filter(|id| {
                self.repo
                    .find_header(*id)
                    .is_ok_and(|header| header.kind() == gix::objs::Kind::Commit)
            })
            .collect();
        commits.sort();
        if commits.is_empty() {
            return Ok(None);
        }
        let Some(commit) = self.newest_of_line(&commits)? else {
            let mut error = Error::refused(format!("short object id '{stem}' is ambiguous"));
            for commit in &commits {
                let subject = self.checkpoint(*commit).map(|found| found.subject);
                error = error.hint(format!("{commit} {}", subject.unwrap_or_default()));
            }
            return Err(error);
        };
        if steps.is_empty() {
            return Ok(Some(commit));
        }
        self.resolve_git_commit(&format!("{commit}{steps}"))
            .map(Some)
    }

    /// Returns the one commit that all others are, or are ancestors of; `None` if there is none.
    fn newest_of_line(&self, commits: &[ObjectId]) -> Result<Option<ObjectId>> {
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

    fn containing_among(
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

/// Returns the words of the last cause of an error.
fn innermost(error: &gix::Error) -> String {
    let mut last: &dyn std::error::Error = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

/// Calls `take` with every number below `value` and its dotted name.
fn flatten(value: &Value, name: &mut String, take: &mut impl FnMut(&str, f64)) {
    match value {
        Value::Int(number) => take(name, *number as f64),
        Value::Float(number) => take(name, *number),
        Value::BigInt(digits) => take(name, digits.parse().unwrap_or(f64::NAN)),
        Value::Map(map) => {
            for (key, value) in map {
                let length = name.len();
                if length > 0 {
                    name.push('.');
                }
                name.push_str(key);
                flatten(value, name, take);
                name.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::List(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::objects::Batch;
    use crate::store::refs::RefChange;
    use crate::store::testing::Sandbox;

    /// Adds checkpoints to an experiment, one per accuracy, and returns them.
    fn grow(
        store: &Store,
        baseline: ObjectId,
        from: ObjectId,
        name: &str,
        id: &str,
        accuracies: &[&str],
    ) -> Vec<ObjectId> {
        let batch = Batch::new(store);
        let tree = store.checkpoint(baseline).unwrap().tree;
        let mut parent = from;
        let mut commits = Vec::new();
        let mut notes = Vec::new();
        for (at, accuracy) in accuracies.iter().enumerate() {
            let number = at + 1;
            let message = format!(
                "{name}: checkpoint {number}\n\nExp-Id: {id}\nExp-Checkpoint: {number}\nExp-Baseline: {baseline}\n"
            );
            parent = batch.commit(tree, &[parent], &message).unwrap();
            commits.push(parent);
            let note = format!(
                r#"{{"version":1,"id":"{id}","number":{number},"time":0,"metrics":{{"m.json":{{"data":{{"acc":{accuracy},"eval":{{"f1":{number}}}}}}},"n.json":{{"data":{{"loss":{number},"f":1}}}},"o.json":{{"data":{{"f":1}}}}}}}}"#
            );
            notes.push((parent, note.into_bytes()));
        }
        let notes = batch.notes(None, &notes).unwrap();
        batch.sync().unwrap();
        let hex = baseline.to_string();
        let place = format!("{}/{}/{name}", &hex[..2], &hex[2..]);
        store
            .change_refs(&[
                RefChange::create(format!("refs/exps/{place}"), parent),
                RefChange::create(format!("refs/notes/exps/{place}"), notes),
            ])
            .unwrap();
        commits
    }

    const ONE: &str = "11111111111111111111111111111111";
    const TWO: &str = "22222222222222222222222222222222";

    struct Story {
        sandbox: Sandbox,
        baseline: ObjectId,
        first: Vec<ObjectId>,
        fork: Vec<ObjectId>,
    }

    /// An experiment with four checkpoints, and a fork of its second one with two.
    fn story() -> Story {
        let sandbox = Sandbox::new();
        sandbox.write("a.py", "");
        let baseline = sandbox.commit("baseline");
        let store = sandbox.store();
        let nan = r#"{"float":"nan"}"#;
        let first = grow(
            &store,
            baseline,
            baseline,
            "tonal-rime",
            ONE,
            &["0.5", "0.9", nan, "0.9"],
        );
        let fork = grow(
            &store,
            baseline,
            first[1],
            "boxed-coze",
            TWO,
            &["0.1", "0.2"],
        );
        Story {
            sandbox,
            baseline,
            first,
            fork,
        }
    }

    impl Story {
        fn commit(&self, revision: &str) -> ObjectId {
            self.sandbox.store().resolve(revision).unwrap().commit
        }

        fn error(&self, revision: &str) -> Error {
            self.sandbox.store().resolve(revision).unwrap_err()
        }
    }

    #[test]
    fn names_steps_and_picks() {
        let story = story();
        let (first, fork) = (&story.first, &story.fork);
        for (revision, expected) in [
            ("tonal-rime", first[3]),
            ("tonal-rime~1", first[2]),
            ("tonal-rime^^", first[1]),
            ("tonal-rime~4", story.baseline),
            ("tonal-rime@{last}", first[3]),
            ("tonal-rime@{first}", first[0]),
            ("tonal-rime@{last}~3", first[0]),
            ("tonal-rime@{best:acc}", first[3]),
            ("tonal-rime@{best:-acc}", first[0]),
            ("tonal-rime@{best:eval.f1}", first[3]),
            ("tonal-rime@{best:-n.json:loss}", first[0]),
            // Own checkpoints only: the origin's 0.9 does not count.
            ("boxed-coze@{best:acc}", fork[1]),
            ("boxed-coze@{first}", fork[0]),
            ("boxed-coze~2", first[1]),
            ("boxed-coze~4", story.baseline),
            ("HEAD", story.baseline),
            ("main", story.baseline),
        ] {
            assert_eq!(story.commit(revision), expected, "{revision}");
        }
        let short = first[1].to_string()[..9].to_string();
        assert_eq!(story.commit(&short), first[1]);
        assert_eq!(story.commit(&format!("{short}~1")), first[0]);
        assert_eq!(story.commit(&format!("{short}@{{best:acc}}")), first[3]);
        let hex = story.baseline.to_string();
        let full = format!("refs/exps/{}/{}/boxed-coze", &hex[..2], &hex[2..]);
        assert_eq!(story.commit(&full), fork[1]);
        assert_eq!(story.commit(&format!("{full}~1")), fork[0]);
    }

    #[test]
    fn an_experiment_belongs_to_each_commit() {
        let story = story();
        let store = story.sandbox.store();
        let name = |revision: &str| {
            let resolved = store.resolve(revision).unwrap();
            resolved
                .experiment
                .map(|experiment| experiment.name.as_str().to_string())
        };
        assert_eq!(name("HEAD"), None);
        assert_eq!(name("tonal-rime~1").as_deref(), Some("tonal-rime"));
        // Shared by both: it belongs to the one that made it.
        assert_eq!(
            name(&story.first[0].to_string()).as_deref(),
            Some("tonal-rime")
        );
        assert_eq!(
            name(&story.fork[0].to_string()).as_deref(),
            Some("boxed-coze")
        );
        assert_eq!(
            name(&story.first[2].to_string()).as_deref(),
            Some("tonal-rime")
        );
    }

    #[test]
    fn errors_say_what_to_type() {
        let story = story();
        let error = story.error("tonal-rime~5");
        assert_eq!(error.kind(), Kind::Missing);
        assert_eq!(
            error.to_string(),
            "'tonal-rime~5' is beyond the baseline of 'tonal-rime', which has 4 checkpoints"
        );
        let error = story.error("tonal-rimee");
        assert_eq!(error.kind(), Kind::Missing);
        assert_eq!(error.to_string(), "unknown revision 'tonal-rimee'");
        assert_eq!(error.hints(), ["did you mean 'tonal-rime'?"]);
        let error = story.error("tonal-rime@{best}");
        assert_eq!(error.kind(), Kind::Usage);
        assert!(
            error
                .hints()
                .contains(&"tonal-rime@{best:m.json:acc}".to_string()),
            "{:?}",
            error.hints()
        );
        let error = story.error("tonal-rime@{best:f}");
        assert_eq!(error.to_string(), "metric 'f' is in several files");
        let error = story.error("tonal-rime@{best:nope}");
        assert_eq!(error.kind(), Kind::Missing);
        let error = story.error("zzz@{best:acc}");
        assert_eq!(error.kind(), Kind::Missing);
        let error = story.error("@{best:acc}");
        assert_eq!(error.kind(), Kind::Missing);
    }

    #[test]
    fn the_configured_metric_is_the_bare_best() {
        let story = story();
        story.sandbox.git(&["config", "exp.metric", "-m.json:acc"]);
        assert_eq!(story.commit("tonal-rime@{best}"), story.first[0]);
    }

    #[test]
    fn one_name_under_several_baselines() {
        let story = story();
        story.sandbox.write("a.py", "2");
        let second = story.sandbox.commit("second");
        let store = story.sandbox.store();
        let again = grow(&store, second, second, "tonal-rime", TWO, &["1"]);
        assert_eq!(story.commit("tonal-rime"), again[0]);
        story.sandbox.git(&["checkout", "-q", "--detach", "HEAD~1"]);
        assert_eq!(story.commit("tonal-rime"), story.first[3]);
        story
            .sandbox
            .git(&["checkout", "-q", "--orphan", "elsewhere"]);
        story.sandbox.commit("third");
        let error = story.error("tonal-rime");
        assert_eq!(error.kind(), Kind::Refused);
        assert_eq!(error.hints().len(), 2);
        assert!(error.hints()[0].starts_with("refs/exps/"));
    }

    #[test]
    fn a_short_id_of_one_line_is_its_tip() {
        // Seven commits in a line whose ids are searched until two share four digits.
        let sandbox = Sandbox::new();
        let baseline = sandbox.commit("baseline");
        let store = sandbox.store();
        let batch = Batch::new(&store);
        let tree = store.checkpoint(baseline).unwrap().tree;
        let mut parent = baseline;
        let mut seen: std::collections::HashMap<String, ObjectId> = Default::default();
        let (short, tip) = loop {
            let message = format!("number {}\n", seen.len());
            parent = batch.commit(tree, &[parent], &message).unwrap();
            let short = parent.to_string()[..4].to_string();
            if seen.insert(short.clone(), parent).is_some() {
                break (short, parent);
            }
        };
        batch.sync().unwrap();
        store
            .change_refs(&[RefChange::create("refs/heads/line", parent)])
            .unwrap();
        let resolved = store.resolve(&short).unwrap();
        assert_eq!(resolved.commit, tip);
    }
}
