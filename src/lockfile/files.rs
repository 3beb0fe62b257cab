//! The `dvc.lock` files of a project: one beside each `dvc.yaml` with stages.

use super::{LockEntry, Lockfile};
use crate::error::Result;
use crate::pipeline::{Dataset, Stage};
use crate::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The `dvc.lock` files of a project by their paths, relative to its root.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lockfiles(Arc<BTreeMap<String, Lockfile>>);

impl Lockfiles {
    /// Takes a file; `path` is relative to the project's root.
    pub fn insert(&mut self, path: impl Into<String>, lockfile: Lockfile) {
        Arc::make_mut(&mut self.0).insert(path.into(), lockfile);
    }

    /// Parses texts by path.
    pub fn parse<'t>(texts: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<Self> {
        let files = texts.into_iter();
        let parsed = files.map(|(path, text)| Ok((path.to_owned(), Lockfile::parse(text, path)?)));
        Ok(Lockfiles(Arc::new(parsed.collect::<Result<_>>()?)))
    }

    /// Whether both record the same. Copies of one another are not looked at.
    pub fn is_same(&self, other: &Lockfiles) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self == other
    }

    /// Returns what is recorded of a stage.
    pub fn entry(&self, stage: &Stage) -> Option<&LockEntry> {
        self.0.get(&stage.lock_file())?.stages.get(&stage.name)
    }

    /// Returns what is recorded of a dataset, if it is of what `dvc.yaml` describes.
    pub fn dataset(&self, dataset: &Dataset) -> Option<&Value> {
        let file = self.0.get(&dataset.lock_file())?;
        file.dataset(&dataset.name)
            .filter(|it| dataset.is_locked_by(it))
    }

    /// Takes over from `other` what no stage has made: datasets, whoever recorded them last.
    pub fn with_others_of(mut self, other: &Lockfiles) -> Self {
        for (path, theirs) in &*other.0 {
            let ours = self.0.get(path);
            let same = |ours: &Lockfile| {
                ours.others == theirs.others && ours.others_first == theirs.others_first
            };
            if ours.map_or(theirs.others.is_empty(), same) {
                continue;
            }
            let ours = Arc::make_mut(&mut self.0).entry(path.clone()).or_default();
            ours.others.clone_from(&theirs.others);
            ours.others_first = theirs.others_first;
        }
        self
    }

    /// Records a stage in the file beside its `dvc.yaml`: see [`Lockfile::set`].
    pub fn set(&mut self, stage: &Stage, entry: LockEntry) {
        let files = Arc::make_mut(&mut self.0);
        let file = files.entry(stage.lock_file()).or_default();
        file.set(&stage.name, entry);
    }

    /// Returns what is written: by path the text of each file.
    pub fn texts(&self) -> BTreeMap<String, String> {
        let files = self.0.iter();
        files
            .map(|(path, file)| (path.clone(), file.to_text()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_recorded_beside_its_file() {
        let stage = |file: &str| Stage {
            name: "a".to_owned(),
            file: file.to_owned(),
            ..Stage::default()
        };
        let entry = |cmd: &str| LockEntry {
            cmd: Some(cmd.into()),
            ..LockEntry::default()
        };
        let mut files = Lockfiles::default();
        files.set(&stage("dvc.yaml"), entry("one"));
        files.set(&stage("sub/dvc.yaml"), entry("two"));
        assert_eq!(files.entry(&stage("dvc.yaml")), Some(&entry("one")));
        assert_eq!(files.entry(&stage("sub/dvc.yaml")), Some(&entry("two")));
        assert_eq!(files.entry(&stage("other/dvc.yaml")), None);
        let texts = files.texts();
        assert_eq!(
            texts.keys().collect::<Vec<_>>(),
            ["dvc.lock", "sub/dvc.lock"]
        );
        assert_eq!(
            texts["sub/dvc.lock"],
            "schema: '2.0'\nstages:\n  a:\n    cmd: two\n"
        );
        let texts = texts.iter().map(|(path, text)| (&**path, &**text));
        assert_eq!(Lockfiles::parse(texts).unwrap(), files);
    }
}
