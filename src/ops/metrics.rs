//! The metrics of the workspace, and of many commits.

use super::diff::{self, Subject};
use super::state::WORKSPACE;
use crate::change::Files;
use crate::error::{Error, Result};
use crate::id::ObjectId;
use crate::pipeline::paths;
use crate::store::Store;
use indexmap::IndexMap;

/// What to show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Only these files, or those in these directories, declared or not.
    pub targets: Vec<String>,
    /// The tips of all branches.
    pub all_branches: bool,
    /// All tags.
    pub all_tags: bool,
    /// Every commit.
    pub all_commits: bool,
}

impl Selection {
    /// Whether more than the workspace is to be shown.
    pub fn has_revisions(&self) -> bool {
        self.all_branches || self.all_tags || self.all_commits
    }
}

/// The metrics of states.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// By state: its commit (`None` for the workspace), the name people know it by, its metrics by file.
    pub states: Vec<(Option<ObjectId>, String, Files)>,
    /// What could not be read, as sentences.
    pub unreadable: Vec<String>,
}

/// Reads the metrics that `selection` names, the workspace's first.
///
/// Beside branches, a workspace that says what its own branch says is left out, as in DVC. A commit
/// that cannot be understood is one sentence and no row.
pub fn show(store: &Store, selection: &Selection) -> Result<Report> {
    let mut report = Report::default();
    let subject = Subject::Metrics;
    let workspace = diff::files(store, WORKSPACE, None, subject, &selection.targets)?;
    diff::note_unreadable(WORKSPACE, &workspace, &mut report.unreadable);
    for (commit, name) in commits(store, selection)? {
        match diff::files(store, &name, Some(commit), subject, &selection.targets) {
            Ok(files) => {
                diff::note_unreadable(&name, &files, &mut report.unreadable);
                report.states.push((Some(commit), name, files));
            }
            Err(error) => report.unreadable.push(error.chain()),
        }
    }
    let branch = store.head()?.branch;
    let of_branch = |(_, name, _): &&(_, String, Files)| Some(name) == branch.as_ref();
    let of_branch = report.states.iter().find(of_branch);
    if of_branch.is_none_or(|(_, _, files)| *files != workspace) {
        let row = (None, WORKSPACE.to_owned(), workspace);
        report.states.insert(0, row);
    }
    for target in &selection.targets {
        let mut files = report.states.iter().flat_map(|(_, _, files)| files.keys());
        if !files.any(|file| paths::is_within(file, target)) {
            return Err(Error::missing(format!("no file '{target}'")));
        }
    }
    Ok(report)
}

/// Reads the metrics of one commit; `name` is what it is called in messages.
pub fn of(store: &Store, commit: ObjectId, name: &str) -> Result<Files> {
    diff::files(store, name, Some(commit), Subject::Metrics, &[])
}

/// Lists the commits with all the names that were asked for, joined by commas as DVC does, else their ids.
fn commits(store: &Store, selection: &Selection) -> Result<IndexMap<ObjectId, String>> {
    let mut names: IndexMap<ObjectId, Vec<String>> = IndexMap::new();
    for (wanted, kind) in [
        (selection.all_branches, "refs/heads/"),
        (selection.all_tags, "refs/tags/"),
    ] {
        if wanted {
            for (name, commit) in store.named_tips(kind)? {
                names.entry(commit).or_default().push(name);
            }
        }
    }
    if selection.all_commits {
        for commit in store.all_commits()? {
            names.entry(commit).or_default();
        }
    }
    let named = names.into_iter().map(|(commit, names)| {
        let name = match names.is_empty() {
            true => commit.to_string(),
            false => names.join(","),
        };
        (commit, name)
    });
    Ok(named.collect())
}
