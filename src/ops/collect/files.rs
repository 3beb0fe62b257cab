//! What the metrics and params files of a row say.
//!
//! The order of files is DVC's: metrics by stage, then top-level ones; `params.yaml` if nobody names
//! it, top-level params, then those of stages.

use super::declared::Part;
use super::source::Source;
use crate::checkpoint::FileData;
use crate::error::Result;
use crate::listing::Row;
use crate::metrics;
use crate::params;
use crate::pipeline::OutputKind;
use crate::pipeline::parse::DEFAULT_PARAMS;
use crate::store::Store;
use crate::value::{Map, Value};
use indexmap::IndexMap;
use std::sync::Arc;

/// Metrics and params files of all parts.
pub(super) struct Files<'f> {
    pub store: &'f Store,
    pub source: &'f dyn Source,
    pub parts: &'f [Part],
}

impl Files<'_> {
    pub fn add_metrics(&self, row: &mut Row) -> Result<()> {
        let outputs = self.parts.iter().flat_map(|part| {
            let outs = part.pipeline.stages.iter().flat_map(|stage| &stage.outs);
            outs.filter(|out| out.kind == OutputKind::Metric)
                .map(|out| &out.path)
        });
        let top = self.parts.iter().flat_map(|part| &part.pipeline.metrics);
        for path in outputs.chain(top) {
            self.each_file(path, |path, bytes| {
                if !row.metrics.contains_key(path) {
                    row.metrics
                        .insert(path.to_owned(), metrics::file_data(path, bytes));
                }
            })?;
        }
        Ok(())
    }

    pub fn add_params(&self, row: &mut Row, declared_only: bool) -> Result<()> {
        let mut files: IndexMap<&str, Option<Vec<&str>>> = IndexMap::new();
        let top = self.parts.iter().flat_map(|part| &part.pipeline.params);
        let of_stages = || {
            let stages = self.parts.iter().flat_map(|part| &part.pipeline.stages);
            stages.flat_map(|stage| &stage.params)
        };
        let is_named = top.clone().any(|file| file == DEFAULT_PARAMS)
            || of_stages().any(|params| params.file == DEFAULT_PARAMS);
        if !is_named && !declared_only {
            files.insert(DEFAULT_PARAMS, None);
        }
        for file in top {
            files.insert(file, None);
        }
        for params in of_stages() {
            let known = files.entry(&params.file).or_insert(Some(Vec::new()));
            match (&params.keys, declared_only) {
                (Some(keys), true) => {
                    if let Some(known) = known {
                        known.extend(keys.iter().map(String::as_str));
                    }
                }
                _ => *known = None,
            }
        }
        let found = Arc::make_mut(&mut row.params);
        for (path, keys) in files {
            let mut add = |path: &str, data: FileData| {
                let data = match (data, &keys) {
                    (FileData::Data(value), Some(keys)) => FileData::Data(only(&value, keys)),
                    (data, _) => data,
                };
                // an empty file has no params, not a param without a name
                if data != FileData::Data(Value::Null) {
                    let mut parts = self.parts.iter().map(|part| part.pipeline.noted(path));
                    let noted = parts.find(|noted| noted != path);
                    found.insert(noted.unwrap_or_else(|| path.to_owned()), data);
                }
            };
            let key = self.source.id(path)?.map(|id| (id, path.to_owned()));
            let known = match (&key, self.source.parsed()) {
                (Some(key), Some(parsed)) => parsed.params.get(key).cloned(),
                _ => None,
            };
            if let Some(known) = known {
                add(path, known);
                continue;
            }
            self.each_file(path, |path, bytes| {
                let data = params::file_data(path, bytes);
                if let (Some(key), Some(mut parsed)) = (&key, self.source.parsed()) {
                    parsed.params.insert(key.clone(), data.clone());
                }
                add(path, data);
            })?;
        }
        // as in DVC: what templates take from files of which nothing else is shown
        let mut vars: IndexMap<&str, Map> = IndexMap::new();
        for (file, values) in self.parts.iter().flat_map(|part| &part.pipeline.vars) {
            if !found.contains_key(file) {
                let known = vars.entry(file).or_default();
                known.extend(
                    values
                        .iter()
                        .map(|(key, value)| (key.clone(), value.clone())),
                );
            }
        }
        for (file, values) in vars {
            found.insert(file.to_owned(), FileData::Data(Value::from(values)));
        }
        Ok(())
    }

    /// Calls `visit` with the file at `path`, or those below it; from the cache where it is an
    /// output that is not there.
    fn each_file(&self, path: &str, mut visit: impl FnMut(&str, &[u8])) -> Result<()> {
        if let Some(bytes) = self.source.read(path)? {
            visit(path, &bytes);
            return Ok(());
        }
        if let Some(files) = self.source.list(path)? {
            for file in files {
                if let Some(bytes) = self.source.read(&file)? {
                    visit(&file, &bytes);
                }
            }
            return Ok(());
        }
        if let Some(bytes) = self.cached(path) {
            visit(path, &bytes);
        }
        Ok(())
    }

    /// Reads a cached output by the hash in `dvc.lock`; `None` if the cache does not have it.
    fn cached(&self, path: &str) -> Option<Vec<u8>> {
        let hash = self.parts.iter().find_map(|part| {
            let stage = part.pipeline.writer_of(path)?;
            let entry = part.lockfile.stages.get(&stage.name)?;
            let written = stage.written(path);
            let out = entry.outs.iter().find(|out| out.path == written)?;
            out.hash.as_ref()
        })?;
        if hash.md5.ends_with(".dir") {
            return None;
        }
        let object = self.store.cache().ok()?.path(hash.format, &hash.md5);
        fs_err::read(object).ok()
    }
}

/// Returns the declared keys of a params file, nested as there.
fn only(value: &Value, keys: &[&str]) -> Value {
    let mut chosen = Map::new();
    for key in keys {
        if let Some(value) = value.lookup(key) {
            insert(&mut chosen, key, value);
        }
    }
    Value::from(chosen)
}

fn insert(map: &mut Map, key: &str, value: &Value) {
    match key.split_once('.') {
        Some((first, rest)) => {
            let below = map
                .entry(first.into())
                .or_insert_with(|| Value::from(Map::new()));
            if let Value::Map(below) = below {
                insert(below, rest, value);
            }
        }
        None => {
            map.insert(key.into(), value.clone());
        }
    }
}
