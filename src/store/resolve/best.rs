//! The checkpoint that `@{best…}` means, by the metrics of an experiment's own checkpoints.

use crate::checkpoint::{Checkpoint, FileData, Note};
use crate::error::{Context, Error, Result};
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::pipeline::OutputKind;
use crate::revision::MetricChoice;
use crate::store::Store;
use crate::store::notes::NotesTree;
use crate::value::Value;
use crate::yaml;
use indexmap::IndexMap;
use std::collections::BTreeSet;

impl Store {
    pub(super) fn best(
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
        let Ok(pipeline) = self.pipeline_in(checkpoint.tree) else {
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
