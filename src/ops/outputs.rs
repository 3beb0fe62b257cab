//! What a commit's files say about outputs: which paths they are, and which contents are in the cache.
//!
//! `dvc.lock` names the contents, `dvc.yaml` beside it says what is cached; where the latter cannot be
//! understood, whatever the tree itself does not hold counts as cached.

use crate::digest::Format;
use crate::error::{Context, Result};
use crate::lockfile::{LockedHash, LockedPath, Lockfile};
use crate::pipeline::{self, paths};
use crate::store::Store;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::checkout::Files;
use crate::store::scan::PathSet;
use crate::store::sources::InFiles;
use crate::value::Value;
use crate::yaml;
use std::collections::BTreeMap;

/// The outputs of one tree.
#[derive(Debug, Clone, Default)]
pub struct Outputs {
    /// Paths that stages write, `dvc.lock` files included: never code.
    declared: Vec<BString>,
    /// Cached outputs by path from the top of the work tree; `None` where there was nothing.
    pub cached: BTreeMap<BString, Option<LockedHash>>,
    /// Which format the lock files have; `None` without entries.
    pub format: Option<Format>,
}

impl Outputs {
    /// Returns the paths that stages write.
    pub fn declared(&self) -> PathSet {
        PathSet::new(&self.declared)
    }

    /// Reads the outputs of a tree with these files.
    ///
    /// `unchanged` are `.dvc` files that the workspace has already: their data is left alone.
    pub fn read(
        store: &Store,
        files: &Files,
        unchanged: &dyn Fn(&BString) -> bool,
    ) -> Result<Self> {
        let reported = super::reported::in_tree(store, files)?;
        let mut outputs = Outputs {
            declared: reported
                .iter()
                .map(|path| store.tree_path(path).into())
                .collect(),
            ..Outputs::default()
        };
        let prefix = store.prefix().as_bytes();
        for (path, state) in files {
            let Some(inner) = path.strip_prefix(prefix) else {
                continue;
            };
            let (folder, name) = match inner.rfind_byte(b'/') {
                Some(slash) => (&inner[..slash], &inner[slash + 1..]),
                None => (&inner[..0], inner),
            };
            let Ok(folder) = std::str::from_utf8(folder) else {
                continue;
            };
            let read = || -> Result<String> {
                let bytes = store.read_object(state.id)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            };
            let doing = || format!("cannot read '{path}' of the checkpoint");
            if name == b"dvc.lock" {
                outputs.declared.push(path.clone());
                let lockfile = Lockfile::parse(&read()?, "dvc.lock").context(doing)?;
                let mut pipeline_path = path.clone();
                pipeline_path.truncate(path.len() - name.len());
                pipeline_path.extend_from_slice(b"dvc.yaml");
                let pipeline = match files.get(&pipeline_path) {
                    Some(state) => Some(store.read_object(state.id)?),
                    None => None,
                };
                outputs.read_stages(store, files, folder, &lockfile, pipeline.as_deref());
            } else if name.ends_with(b".dvc") && name.len() > 4 && !unchanged(path) {
                outputs.read_data_file(store, folder, &read()?)?;
            }
        }
        Ok(outputs)
    }

    fn read_stages(
        &mut self,
        store: &Store,
        files: &Files,
        folder: &str,
        lockfile: &Lockfile,
        pipeline: Option<&[u8]>,
    ) {
        self.format = self.format.or(lockfile.format());
        let sources = InFiles { store, files };
        let pipeline = pipeline
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .and_then(|text| pipeline::parse::parse_in(&text, "dvc.yaml", folder, &sources).ok());
        if let Some(pipeline) = &pipeline {
            for stage in &pipeline.stages {
                for out in &stage.outs {
                    self.declared.push(store.tree_path(&out.path).into());
                }
            }
        }
        for (name, entry) in &lockfile.stages {
            let stage = pipeline
                .as_ref()
                .and_then(|pipeline| pipeline.stages.iter().find(|stage| stage.name == *name));
            for locked in &entry.outs {
                let (path, cache) = match stage {
                    Some(stage) => {
                        let out = stage
                            .outs
                            .iter()
                            .find(|out| stage.written(&out.path) == locked.path);
                        let Some(out) = out else { continue };
                        (out.path.clone(), out.cache)
                    }
                    None => match paths::join(folder, &locked.path) {
                        Ok(path) => (path, true),
                        Err(_) => continue,
                    },
                };
                let path: BString = store.tree_path(&path).into();
                self.declared.push(path.clone());
                if cache && !in_tree(files, &path) {
                    self.cached.insert(path, locked.hash.clone());
                }
            }
        }
    }

    fn read_data_file(&mut self, store: &Store, folder: &str, text: &str) -> Result<()> {
        let Ok(node) = yaml::read::parse(text, "a .dvc file") else {
            return Ok(());
        };
        let Value::Map(map) = node.to_value() else {
            return Ok(());
        };
        let base = match map.get("wdir") {
            Some(Value::Str(wdir)) => paths::join(folder, wdir).unwrap_or_default(),
            _ => folder.to_string(),
        };
        let Some(Value::List(outs)) = map.get("outs") else {
            return Ok(());
        };
        for out in outs {
            let Value::Map(out) = out else { continue };
            if out.get("cache") == Some(&Value::Bool(false)) {
                continue;
            }
            let Some(locked) = locked_path(out) else {
                continue;
            };
            let Ok(path) = paths::join(&base, &locked.path) else {
                continue;
            };
            let path: BString = store.tree_path(&path).into();
            self.declared.push(path.clone());
            if locked.hash.is_some() {
                self.cached.insert(path, locked.hash);
            }
        }
        Ok(())
    }
}

/// Whether git has the path, or something below it.
pub(super) fn in_tree(files: &Files, path: &BString) -> bool {
    if files.contains_key(path) {
        return true;
    }
    let mut below = path.clone();
    below.push(b'/');
    files
        .range(below.clone()..)
        .next()
        .is_some_and(|(first, _)| first.starts_with(&below))
}

fn locked_path(out: &crate::value::Map) -> Option<LockedPath> {
    let text = |key: &str| match out.get(key) {
        Some(Value::Str(text)) => Some(text.clone()),
        _ => None,
    };
    let number = |key: &str| match out.get(key) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    let hash = text("md5").map(|md5| LockedHash {
        format: match text("hash") {
            Some(_) => Format::V3,
            None => Format::V2,
        },
        md5,
        size: number("size"),
        nfiles: number("nfiles"),
        isexec: out.get("isexec") == Some(&Value::Bool(true)),
    });
    Some(LockedPath {
        path: text("path")?,
        hash,
        ..Default::default()
    })
}
