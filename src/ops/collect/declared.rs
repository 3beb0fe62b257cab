//! A row from files: what `dvc.yaml`, `dvc.lock` and `.dvc` files declare, and what stands there.

use super::files::Files;
use super::source::{ParsedPipeline, Source};
use crate::checkpoint::{NoteDependency, NoteOutput};
use crate::error::Result;
use crate::id::ObjectId;
use crate::listing::Row;
use crate::lockfile::{LockEntry, LockedPath, Lockfile};
use crate::pipeline::parse::parse_in;
use crate::pipeline::paths::dataset;
use crate::pipeline::template::{Sources, Unpacking};
use crate::pipeline::{OutputKind, Pipeline, Stage};
use crate::store::Store;
use crate::value::{Map, Value};
use crate::yaml;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// One `dvc.yaml` with its `dvc.lock`.
pub(in crate::ops) struct Part {
    pub pipeline: Rc<Pipeline>,
    pub lockfile: Lockfile,
}

/// Reads the columns of `source`.
pub(super) fn row(store: &Store, source: &dyn Source, param_deps: bool) -> Result<Row> {
    let parts = match parts(store, source)? {
        Ok(parts) => parts,
        Err(error) => {
            return Ok(Row {
                error: Some(error),
                ..Row::default()
            });
        }
    };
    let mut row = Row::default();
    for part in &parts.pipelines {
        for stage in &part.pipeline.stages {
            row.checkpoints |= stage.has_checkpoint();
            add_stage(&mut row, stage, part.lockfile.stages.get(&stage.name));
        }
    }
    for (path, out) in parts.data {
        row.outs.insert(path, out);
    }
    let files = Files {
        store,
        source,
        parts: &parts.pipelines,
    };
    files.add_metrics(&mut row)?;
    files.add_params(&mut row, param_deps)?;
    Ok(row)
}

pub(in crate::ops) struct Parts {
    pub pipelines: Vec<Part>,
    /// Outputs of `.dvc` files.
    data: Vec<(String, NoteOutput)>,
}

/// Reads what the project declares; the inner error says what is wrong with its `dvc.yaml`.
pub(in crate::ops) fn parts(store: &Store, source: &dyn Source) -> Result<Result<Parts, String>> {
    let mut parts = Parts {
        pipelines: Vec::new(),
        data: Vec::new(),
    };
    let mut files = source.project_files()?;
    // the root's comes first, and those that training writes come after it
    files.sort_by_key(|path| path.matches('/').count());
    let mut next = 0;
    while next < files.len() {
        let path = files[next].clone();
        next += 1;
        if path.ends_with(".dvc") {
            if let Some(bytes) = source.read(&path)? {
                let text = String::from_utf8_lossy(&bytes);
                parts.data.extend(data_outputs(&text, &path));
            }
            continue;
        }
        let Some(parsed) = pipeline(store, source, &path)? else {
            continue;
        };
        match parsed {
            Ok(pipeline) => {
                // DVCLive writes a dvc.yaml of its own beside the metrics, tracked or not
                for candidate in pipeline.reporting_files() {
                    if !files.contains(&candidate) {
                        files.push(candidate);
                    }
                }
                let lock_path = format!("{}lock", path.trim_end_matches("yaml"));
                let lockfile = match source.read(&lock_path)? {
                    // a damaged lockfile only costs hashes
                    Some(bytes) => Lockfile::parse(&String::from_utf8_lossy(&bytes), &lock_path)
                        .unwrap_or_default(),
                    None => Lockfile::default(),
                };
                parts.pipelines.push(Part { pipeline, lockfile });
            }
            Err(error) if !path.contains('/') => return Ok(Err(error)),
            // what somebody else's tool wrote into a folder must not blank the whole row
            Err(_) => {}
        }
    }
    Ok(Ok(parts))
}

/// Reads a `dvc.yaml`, or says what is wrong with it; `None` if it is not there.
fn pipeline(
    store: &Store,
    source: &dyn Source,
    path: &str,
) -> Result<Option<Result<Rc<Pipeline>, String>>> {
    let key = source.id(path)?.map(|id| (id, path.to_owned()));
    if let Some(key) = &key {
        let known = source
            .parsed()
            .and_then(|parsed| parsed.pipelines.get(key).cloned());
        if let Some(known) = known
            && known.still_holds(source)?
        {
            return Ok(Some(known.pipeline));
        }
    }
    let Some(bytes) = source.read(path)? else {
        return Ok(None);
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let sources = Vars {
        store,
        source,
        read: RefCell::default(),
    };
    let pipeline = parse_in(&String::from_utf8_lossy(&bytes), path, folder, &sources)
        .map(Rc::new)
        .map_err(|error| error.chain());
    if let (Some(key), Some(mut parsed)) = (key, source.parsed()) {
        let known = ParsedPipeline {
            pipeline: pipeline.clone(),
            read: sources.read.into_inner().into(),
        };
        parsed.pipelines.insert(key, known);
    }
    Ok(Some(pipeline))
}

/// The files of a source, for templates; remembers which were asked for.
struct Vars<'s> {
    store: &'s Store,
    source: &'s dyn Source,
    read: RefCell<Vec<(String, Option<ObjectId>)>>,
}

impl Sources for Vars<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let id = self.source.id(path)?;
        self.read.borrow_mut().push((path.to_owned(), id));
        self.source.read(path)
    }

    fn unpacking(&self) -> Result<Unpacking> {
        self.store.dvc_config()?.unpacking()
    }

    fn root(&self) -> &str {
        self.store.project_text()
    }

    fn remote(&self, name: &str) -> Result<Option<String>> {
        self.store.dvc_config()?.place_of_remote(name)
    }
}

fn add_stage(row: &mut Row, stage: &Stage, entry: Option<&LockEntry>) {
    let locked = |list: fn(&LockEntry) -> &Vec<LockedPath>, written: &str| {
        let entry = list(entry?).iter().find(|locked| locked.path == written)?;
        entry.hash.as_ref()
    };
    let deps = stage.written_deps();
    for (path, written) in deps.filter(|(path, _)| dataset(path).is_none()) {
        let hash = locked(|entry| &entry.deps, written);
        Arc::make_mut(&mut row.deps).insert(
            stage.noted(path),
            NoteDependency {
                md5: hash.map(|hash| hash.md5.clone()),
                size: hash.and_then(|hash| hash.size),
                nfiles: hash.and_then(|hash| hash.nfiles),
            },
        );
    }
    for out in stage.all_outs().filter(|out| out.kind == OutputKind::Out) {
        let hash = locked(|entry| &entry.outs, stage.written(&out.path));
        row.outs.insert(
            stage.noted(&out.path),
            NoteOutput {
                md5: hash.map(|hash| hash.md5.clone()),
                sha256: None,
                size: hash.and_then(|hash| hash.size),
                nfiles: hash.and_then(|hash| hash.nfiles),
                cache: out.cache,
                data_source: false,
            },
        );
    }
}

/// Reads the outputs of a `.dvc` file; nothing if it is not one.
fn data_outputs(text: &str, path: &str) -> Vec<(String, NoteOutput)> {
    let Ok(root) = yaml::read::parse(text, path) else {
        return Vec::new();
    };
    let root = root.to_value();
    let Some(map) = root.as_map() else {
        return Vec::new();
    };
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = match map.get("wdir").and_then(Value::as_str) {
        Some(wdir) => crate::pipeline::paths::join(folder, wdir).unwrap_or_default(),
        None => folder.to_owned(),
    };
    let number = |map: &Map, key: &str| match map.get(key) {
        Some(Value::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    let mut found = Vec::new();
    for out in map.get("outs").and_then(Value::as_list).unwrap_or_default() {
        let Some(out) = out.as_map() else { continue };
        let Some(written) = out.get("path").and_then(Value::as_str) else {
            continue;
        };
        let Ok(path) = crate::pipeline::paths::join(&folder, written) else {
            continue;
        };
        found.push((
            path,
            NoteOutput {
                md5: out.get("md5").and_then(Value::as_str).map(str::to_owned),
                sha256: None,
                size: number(out, "size"),
                nfiles: number(out, "nfiles"),
                cache: out.get("cache").and_then(Value::as_bool).unwrap_or(true),
                data_source: true,
            },
        ));
    }
    found
}
