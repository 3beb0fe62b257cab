//! What a run reads before it starts: the pipeline, the params with `-S` carried out, the lockfile.

use super::Options;
use super::place::Place;
use crate::checkpoint::FileData;
use crate::error::{Context, Error, Result};
use crate::lockfile::Lockfiles;
use crate::ops::record;
use crate::params::{self, Assignment, ParamsFile};
use crate::pipeline::paths;
use crate::pipeline::{PIPELINE_FILE, Pipeline};
use crate::store::Store;
use crate::store::journal::Plan;
use crate::store::sources::{Edited, InWorkspace};
use crate::value::Value;
use indexmap::IndexMap;
use std::collections::BTreeMap;
use std::path::Path;

/// The files of a project as a run will use them; nothing is written yet.
#[derive(Debug)]
pub struct Inputs {
    /// The `dvc.yaml` files.
    pub pipeline: Pipeline,
    /// Every params file that the pipeline reads, as `-S` leaves it.
    pub params: IndexMap<String, ParamsFile>,
    /// New texts of params files, by file.
    pub edits: BTreeMap<String, String>,
    /// What the `dvc.lock` files record.
    pub lockfiles: Lockfiles,
    /// Their texts.
    pub lockfile_texts: BTreeMap<String, String>,
}

impl Inputs {
    /// Reads and checks all of them, `-S` carried out.
    pub fn read(store: &Store, options: &Options) -> Result<Self> {
        options.check_hydra(store)?;
        let project = store.project()?;
        // templates may name what `-S` changes
        let edits = assign(project, &options.set_params)?;
        let sources = Edited {
            files: &InWorkspace(project),
            texts: &edits,
        };
        let folder = match &options.folder {
            Some(folder) => folder.clone(),
            None => store.standing()?,
        };
        let pipeline = store.pipeline(&folder, &sources)?;
        if pipeline.files.is_empty() && !project.join(PIPELINE_FILE).exists() {
            return Err(Error::missing("there is no 'dvc.yaml' in this project")
                .hint("git exp stage add --name <name> <command>"));
        }
        let params = read_params(&pipeline, |file| match edits.get(file) {
            Some(text) => Ok(Some(text.clone())),
            None => read_optional(&project.join(file)),
        })?;
        let lockfile_texts = store.lockfile_texts(&pipeline)?;
        Ok(Inputs {
            pipeline,
            params,
            edits,
            lockfiles: parse_lockfiles(&lockfile_texts)?,
            lockfile_texts,
        })
    }

    /// Reads them from what a killed run left: as they were when it started.
    pub fn of_plan(store: &Store, plan: &Plan) -> Result<Self> {
        let pipeline = record::pipeline_of(store, plan)?;
        let params = read_params(&pipeline, |file| {
            let bytes = store.read_with_outside(plan.started, file)?;
            Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
        })?;
        Ok(Inputs {
            pipeline,
            params,
            edits: BTreeMap::new(),
            lockfiles: parse_lockfiles(&plan.lockfiles)?,
            lockfile_texts: plan.lockfiles.clone(),
        })
    }

    /// Reads them where a checkpoint is not in the workspace yet.
    pub fn of_place(
        place: Place<'_>,
        pipeline: Pipeline,
        edits: BTreeMap<String, String>,
    ) -> Result<Self> {
        let params = read_params(&pipeline, |file| match edits.get(file) {
            Some(text) => Ok(Some(text.clone())),
            None => place.read(file),
        })?;
        let mut lockfile_texts = BTreeMap::new();
        for file in pipeline.lock_files() {
            if let Some(text) = place.read(&file)? {
                lockfile_texts.insert(file, text);
            }
        }
        Ok(Inputs {
            pipeline,
            params,
            edits,
            lockfiles: parse_lockfiles(&lockfile_texts)?,
            lockfile_texts,
        })
    }

    /// Returns the files that are metrics.
    pub fn metric_files(&self) -> Vec<String> {
        let files = self.pipeline.metric_files();
        files.into_iter().map(str::to_owned).collect()
    }

    /// Returns the params files as the note has them, and what templates take from other files.
    pub fn param_data(&self) -> IndexMap<String, FileData> {
        let whole = self.params.iter().map(|(file, parsed)| {
            let data = FileData::Data(parsed.value().clone());
            (self.pipeline.noted(file), data)
        });
        let mut data: IndexMap<String, FileData> = whole.collect();
        for (file, values) in &self.pipeline.vars {
            let values = || FileData::Data(Value::from(values.clone()));
            data.entry(file.clone()).or_insert_with(values);
        }
        data
    }
}

/// Returns the text of a file, or `None` if there is none.
pub fn read_optional(path: &Path) -> Result<Option<String>> {
    match fs_err::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Error::corrupt(format!(
                "cannot parse '{}', line {line}: not UTF-8",
                path.display()
            ))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).context(|| format!("cannot read '{}'", path.display())),
    }
}

/// Parses lockfiles by path.
pub fn parse_lockfiles(texts: &BTreeMap<String, String>) -> Result<Lockfiles> {
    Lockfiles::parse(texts.iter().map(|(path, text)| (&**path, &**text)))
}

fn assign(project: &Path, set_params: &[String]) -> Result<BTreeMap<String, String>> {
    let mut by_file: BTreeMap<String, Vec<Assignment>> = BTreeMap::new();
    for typed in set_params {
        let assignment = Assignment::parse(typed)?;
        let file = &assignment.file;
        if paths::climb("", file)
            .split('/')
            .next()
            .is_none_or(|first| matches!(first, "" | ".."))
        {
            return Err(Error::refused(format!(
                "'{file}' is outside of the project: a run changes nothing there"
            ))
            .hint("edit it, then run without '--set-param'"));
        }
        by_file
            .entry(assignment.file.clone())
            .or_default()
            .push(assignment);
    }
    let mut texts = BTreeMap::new();
    for (file, assignments) in by_file {
        let old = read_optional(&project.join(&file))?
            .ok_or_else(|| Error::missing(format!("there is no params file '{file}'")))?;
        let new = params::assign(&file, &old, &assignments)?;
        if new != old {
            texts.insert(file, new);
        }
    }
    Ok(texts)
}

fn read_params(
    pipeline: &Pipeline,
    read: impl Fn(&str) -> Result<Option<String>>,
) -> Result<IndexMap<String, ParamsFile>> {
    let named = pipeline.param_files();
    let mut files: Vec<&str> = named.keys().copied().collect();
    // nobody need name it: templates use it, and DVC shows it
    if !files.contains(&params::DEFAULT_FILE) {
        files.insert(0, params::DEFAULT_FILE);
    }
    let mut params = IndexMap::new();
    for file in files {
        if let Some(text) = read(file)? {
            let parsed = ParamsFile::parse(file, text.as_bytes())?;
            params.insert(file.to_owned(), parsed);
        }
    }
    Ok(params)
}
