//! Baselines, experiments and checkpoints as plain rows: what `show` draws and prints as JSON.
//!
//! Every commit appears in the chain of each experiment that contains it, as git has it; how many of
//! those rows an experiment shows itself, and which it leaves to the one it was forked from, is
//! [`ExperimentRows::own`].

use crate::checkpoint::{FileData, NoteDependency, NoteOutput, Status, Time};
use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::value::Value;
use globset::{GlobBuilder, GlobMatcher};
use indexmap::IndexMap;
use std::cmp::Ordering;
use std::sync::Arc;

/// Everything `git exp show` knows, in display order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The user's files.
    pub workspace: Row,
    /// Baselines in selection order.
    pub baselines: Vec<Baseline>,
}

/// One commit, or the workspace, with all its columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The commit; `None` for the workspace.
    pub id: Option<ObjectId>,
    /// Its first parent.
    pub parent: Option<ObjectId>,
    /// Committer time with the offset of the reader's zone at that time; `None` for the workspace.
    pub time: Option<Time>,
    /// Metrics by file.
    pub metrics: IndexMap<String, FileData>,
    /// Params by file; most often the same in all rows of an experiment.
    pub params: Arc<IndexMap<String, FileData>>,
    /// Dependencies by path; shared likewise.
    pub deps: Arc<IndexMap<String, NoteDependency>>,
    /// Outputs by path.
    pub outs: IndexMap<String, NoteOutput>,
    /// Whether a stage has checkpoint outputs.
    pub checkpoints: bool,
    /// Why nothing could be read (a broken `dvc.yaml` in that commit, say).
    pub error: Option<String>,
}

/// A baseline and the experiments that started from it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Baseline {
    /// Branch or tag, as people know it; `None` where the short id has to do.
    pub name: Option<String>,
    /// Its own columns.
    pub row: Row,
    /// Newest tip first.
    pub experiments: Vec<ExperimentRows>,
}

/// One experiment's checkpoints, tip first.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentRows {
    /// Its name.
    pub name: String,
    /// The whole chain from the tip back to (not including) the baseline; rows are shared between
    /// the experiments that contain them. A run without a checkpoint yet has one row without an id.
    pub chain: Vec<Arc<Row>>,
    /// How many rows of `chain` are its own; the rest is listed under the experiment it was forked from.
    pub own: usize,
    /// The run that is adding to it now.
    pub running: Option<RunningHere>,
    /// How its last run ended; `None` if unfinished or running, or if DVC made it.
    pub status: Option<Status>,
    /// Exit status of the stage that failed.
    pub exit: Option<i32>,
    /// Why a checkpoint is missing, where one is.
    pub incomplete: Option<String>,
}

/// A row, and what its note says beside the columns.
#[derive(Debug, Clone, PartialEq)]
pub struct NotedRow {
    /// The row.
    pub row: Arc<Row>,
    /// The blob of the note that the row was read from; `None` where its tree was read.
    pub note: Option<ObjectId>,
    /// How the run ended.
    pub status: Option<Status>,
    /// Exit status of the stage that failed.
    pub exit: Option<i32>,
    /// Why a checkpoint is missing, where one is.
    pub incomplete: Option<String>,
}

/// A live run, as far as a table needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningHere {
    /// The runner's process id.
    pub pid: u32,
    /// Top of its work tree.
    pub worktree: String,
}

impl ExperimentRows {
    /// Returns the commit it was forked from, where that one is listed elsewhere.
    pub fn fork_point(&self) -> Option<ObjectId> {
        if self.own == 0 || self.own == self.chain.len() {
            return None;
        }
        self.chain[self.own - 1].parent
    }
}

/// Calls `visit` with the dotted name and the value of every leaf, in file order; lists are leaves.
///
/// A file that holds a single value has one leaf with an empty name.
pub fn leaves<'v>(value: &'v Value, visit: &mut impl FnMut(&str, &'v Value)) {
    fn below<'v>(name: &mut String, value: &'v Value, visit: &mut impl FnMut(&str, &'v Value)) {
        let Some(map) = value.as_map() else {
            return visit(name, value);
        };
        let length = name.len();
        for (key, item) in map {
            if length > 0 {
                name.push('.');
            }
            name.push_str(key);
            below(name, item, visit);
            name.truncate(length);
        }
    }
    below(&mut String::new(), value, visit);
}

impl Listing {
    /// Sorts the experiments of every baseline by their tip's metric or param `column`: a dotted
    /// name, or `file:name` where several files have it. Tips without a value come last.
    pub fn sort_by(&mut self, column: &str, descending: bool) -> Result<()> {
        let found = self.find_column(column)?;
        for baseline in &mut self.baselines {
            baseline.experiments.sort_by(|a, b| {
                let value = |rows: &ExperimentRows| {
                    let tip = rows.chain.first()?;
                    found.value(tip).cloned()
                };
                order(value(a).as_ref(), value(b).as_ref(), descending)
            });
        }
        Ok(())
    }

    /// Calls `visit` with every row, shared ones as often as they are shared.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        let below = self.baselines.iter().flat_map(|baseline| {
            let chains = baseline.experiments.iter().flat_map(|e| &e.chain);
            std::iter::once(&baseline.row).chain(chains.map(Arc::as_ref))
        });
        std::iter::once(&self.workspace).chain(below)
    }

    fn find_column(&self, column: &str) -> Result<Column> {
        let (file, name) = match column.rsplit_once(':') {
            Some((file, name)) => (Some(file), name),
            None => (None, column),
        };
        let mut found: Vec<Column> = Vec::new();
        for row in self.rows() {
            for (is_metric, files) in [(true, &row.metrics), (false, &row.params)] {
                for (path, data) in files {
                    let candidate = Column {
                        is_metric,
                        file: path.clone(),
                        name: name.to_owned(),
                    };
                    if file.is_none_or(|file| file == path)
                        && !found.contains(&candidate)
                        && matches!(data, FileData::Data(value) if leaf(value, name).is_some())
                    {
                        found.push(candidate);
                    }
                }
            }
        }
        match found.len() {
            0 => Err(Error::usage(format!("unknown sort column '{column}'"))
                .hint("git exp show --csv lists the columns in its first line")),
            1 => Ok(found.swap_remove(0)),
            _ => {
                let mut error = Error::usage(format!("ambiguous sort column '{column}'"));
                for candidate in &found {
                    error = error.hint(format!("--sort-by {}:{}", candidate.file, candidate.name));
                }
                Err(error)
            }
        }
    }
}

#[derive(PartialEq)]
struct Column {
    is_metric: bool,
    file: String,
    name: String,
}

impl Column {
    fn value<'r>(&self, row: &'r Row) -> Option<&'r Value> {
        let files = if self.is_metric {
            &row.metrics
        } else {
            &row.params
        };
        match files.get(&self.file)? {
            FileData::Data(value) => leaf(value, &self.name),
            FileData::Error { .. } => None,
        }
    }
}

fn leaf<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let mut found = None;
    leaves(value, &mut |leaf, value| {
        if leaf == name && found.is_none() {
            found = Some(value);
        }
    });
    found
}

/// Numbers before text; nulls, NaN and what is missing last, whichever way it is sorted.
fn order(a: Option<&Value>, b: Option<&Value>, descending: bool) -> Ordering {
    let known = |value: &&Value| {
        !matches!(value, Value::Null) && !matches!(value, Value::Float(float) if float.is_nan())
    };
    match (a.filter(known), b.filter(known)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => {
            let order = match (a.as_f64(), b.as_f64()) {
                (Some(_), Some(_)) => a.compare_numbers(b).unwrap_or(Ordering::Equal),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => match (a, b) {
                    (Value::Str(a), Value::Str(b)) => a.cmp(b),
                    _ => Ordering::Equal,
                },
            };
            if descending { order.reverse() } else { order }
        }
    }
}

/// A column's name with wildcards: `*` any text, `?` one character, `[ab]`, `{a,b}`.
#[derive(Debug, Clone)]
pub struct ColumnPattern(GlobMatcher);

impl ColumnPattern {
    /// Parses a pattern; a name without wildcards matches that column only.
    pub fn parse(text: &str) -> Result<Self> {
        let glob = GlobBuilder::new(text)
            .literal_separator(false)
            .build()
            .map_err(|cause| {
                Error::usage(format!("invalid column pattern '{text}'")).caused_by(cause)
            })?;
        Ok(ColumnPattern(glob.compile_matcher()))
    }

    /// Whether it matches a heading.
    pub fn matches(&self, heading: &str) -> bool {
        self.0.is_match(heading)
    }
}

#[cfg(test)]
pub(crate) mod sample;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_have_dotted_names_in_file_order() {
        let value = sample::map(&[
            ("b", Value::Int(1)),
            (
                "a",
                sample::map(&[("x", Value::Null), ("y", Value::from(vec![]))]),
            ),
            ("c", sample::map(&[])),
        ]);
        let mut names = Vec::new();
        leaves(&value, &mut |name, _| names.push(name.to_owned()));
        assert_eq!(names, ["b", "a.x", "a.y"]);
        let mut names = Vec::new();
        leaves(&Value::Float(0.5), &mut |name, _| {
            names.push(name.to_owned())
        });
        assert_eq!(names, [""]);
    }

    #[test]
    fn sorts_by_the_tip_and_keeps_what_is_missing_last() {
        let mut listing = Listing::default();
        let mut baseline = Baseline::default();
        for (name, loss) in [
            ("none", None),
            ("nan", Some(Value::Float(f64::NAN))),
            ("one", Some(Value::Int(1))),
            ("half", Some(Value::Float(0.5))),
            ("text", Some(Value::from("x"))),
        ] {
            let entries: Vec<_> = loss.into_iter().map(|loss| ("loss", loss)).collect();
            let row = Row {
                metrics: sample::file("m.json", &entries),
                ..Row::default()
            };
            baseline
                .experiments
                .push(sample::experiment(name, vec![row]));
        }
        listing.baselines.push(baseline);
        let names = |listing: &Listing| -> Vec<String> {
            let experiments = &listing.baselines[0].experiments;
            experiments.iter().map(|e| e.name.clone()).collect()
        };
        listing.sort_by("loss", false).unwrap();
        assert_eq!(names(&listing), ["half", "one", "text", "none", "nan"]);
        listing.sort_by("m.json:loss", true).unwrap();
        assert_eq!(names(&listing), ["text", "one", "half", "none", "nan"]);
        let error = listing.sort_by("nope", false).unwrap_err();
        assert_eq!(error.to_string(), "unknown sort column 'nope'");
        listing.workspace.params = sample::file("p.yaml", &[("loss", Value::Int(0))]).into();
        let error = listing.sort_by("loss", false).unwrap_err();
        assert_eq!(
            error.hints(),
            ["--sort-by p.yaml:loss", "--sort-by m.json:loss"]
        );
    }

    #[test]
    fn patterns_match_whole_headings() {
        let matches =
            |pattern: &str, heading| ColumnPattern::parse(pattern).unwrap().matches(heading);
        assert!(matches("lr", "lr"));
        assert!(!matches("lr", "lr_decay"));
        assert!(matches("opt.*", "opt.adam.beta"));
        assert!(matches("*", "params/a.yaml:lr"));
        assert!(ColumnPattern::parse("[").is_err());
    }
}
