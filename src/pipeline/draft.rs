//! A stage that somebody is about to add, as options say it, and what `dvc.yaml` will say.

use super::parse::DEFAULT_PARAMS;
use super::stage::{Output, OutputKind, Stage};
use crate::error::{Error, Result};
use crate::value::{Map, Value};
use indexmap::IndexMap;

/// A stage to be; its paths are as typed, relative to `wdir`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draft {
    /// Its name.
    pub name: String,
    /// What to run.
    pub cmd: String,
    /// `wdir`; none for the project's root.
    pub wdir: Option<String>,
    /// What it reads.
    pub deps: Vec<String>,
    /// What it reads of params files: file, keys; no keys mean the whole file.
    pub params: IndexMap<String, Vec<String>>,
    /// What it writes.
    pub outs: Vec<Output>,
    /// Run every time.
    pub always_changed: bool,
    /// What people read.
    pub desc: Option<String>,
    /// Kept from the stage that it replaces.
    pub meta: Option<Value>,
}

impl Draft {
    /// Adds what one `--params` says: `key,key`, `file:key,key`, or `file:` for a whole file.
    pub fn add_params(&mut self, option: &str) {
        let (file, keys) = match option.rsplit_once(':') {
            Some(("", keys)) => (DEFAULT_PARAMS, keys),
            Some((file, keys)) => (file, keys),
            None => (DEFAULT_PARAMS, option),
        };
        let known = self.params.entry(file.to_owned()).or_default();
        known.extend(
            keys.split(',')
                .filter(|key| !key.is_empty())
                .map(str::to_owned),
        );
    }

    /// Adds what DVCLive writes below `folder`: its metrics file and its plots.
    ///
    /// As outputs of the stage, not at the top level, for three reasons. DVC 2.58 and 3 accept both;
    /// DVCLive 3 rewrites the top-level entries of its folder at every step, and drops what it does not
    /// know, but leaves stages alone; and only an output is restored when a run goes on from an
    /// earlier checkpoint. DVCLive 1, 2 and 3 all write `metrics.json` and `plots/` there. They `persist`,
    /// because DVCLive goes on from the step it finds in `metrics.json`, and belong to git, because
    /// they are small. The folder itself is no output: DVCLive 2 writes a `dvc.yaml` into it, which DVC
    /// does not read inside an output.
    pub fn add_live(&mut self, folder: &str) {
        let folder = folder.trim_end_matches('/');
        for (name, kind) in [
            ("metrics.json", OutputKind::Metric),
            ("plots", OutputKind::Plot),
        ] {
            let mut out = Output::new(format!("{folder}/{name}"), kind);
            out.cache = false;
            out.persist = true;
            self.outs.push(out);
        }
    }

    /// Refuses what DVC refuses before it looks at the pipeline: a bad name, no command, a path twice.
    pub fn check(&self) -> Result<()> {
        let bad = |letter: &char| letter.is_ascii_punctuation() && *letter != '_' && *letter != '-';
        if let Some(letter) = self.name.chars().find(bad) {
            return Err(Error::usage(format!(
                "bad stage name '{}': it has '{letter}' in it",
                self.name
            ))
            .hint("use letters, digits, '-' and '_'"));
        }
        if self.name.trim().is_empty() || self.name.chars().any(char::is_control) {
            return Err(Error::usage("a stage needs a name"));
        }
        if self.cmd.trim().is_empty() {
            return Err(Error::usage("no command is given").hint(format!(
                "git exp stage add -n {} <options> <command>",
                self.name
            )));
        }
        let mut seen = std::collections::HashSet::new();
        let outs = self.outs.iter().map(|out| out.path.as_str());
        for path in self.deps.iter().map(String::as_str).chain(outs) {
            let plain = super::paths::join("", path).unwrap_or_else(|_| path.to_owned());
            if !seen.insert(plain) {
                return Err(Error::usage(format!("'{path}' is given more than once")));
            }
        }
        Ok(())
    }

    /// Keeps what no option can say of the stage that this one replaces: annotations, properties of
    /// plots, where outputs are pushed to, `meta`, and `desc` unless a new one is given.
    pub fn keep_from(&mut self, old: &Stage) {
        self.meta = old.meta.clone();
        if self.desc.is_none() {
            self.desc.clone_from(&old.desc);
        }
        for out in &mut self.outs {
            let same =
                |other: &&Output| old.written(&other.path) == out.path && other.kind == out.kind;
            if let Some(other) = old.outs.iter().find(same) {
                out.props = other.props.clone();
                out.remote.clone_from(&other.remote);
                out.push = other.push;
            }
        }
    }

    /// Returns the stage as `dvc.yaml` has it: DVC's order of keys, paths sorted.
    pub fn to_value(&self) -> Value {
        let text = |text: &String| Value::Str(text.clone());
        let mut stage = Map::new();
        if let Some(desc) = self.desc.as_ref().filter(|desc| !desc.is_empty()) {
            stage.insert("desc".into(), text(desc));
        }
        stage.insert("cmd".into(), text(&self.cmd));
        if let Some(wdir) = &self.wdir {
            stage.insert("wdir".into(), text(wdir));
        }
        let mut deps = self.deps.clone();
        deps.sort();
        let lists = [
            ("deps", deps.iter().map(text).collect()),
            ("params", self.params_value()),
            ("outs", self.outs_value(OutputKind::Out)),
            ("metrics", self.outs_value(OutputKind::Metric)),
            ("plots", self.outs_value(OutputKind::Plot)),
        ];
        for (key, list) in lists {
            if !list.is_empty() {
                stage.insert(key.into(), Value::from(list));
            }
        }
        if self.always_changed {
            stage.insert("always_changed".into(), Value::Bool(true));
        }
        if let Some(meta) = self.meta.clone().filter(|meta| *meta != Value::Null) {
            stage.insert("meta".into(), meta);
        }
        Value::from(stage)
    }

    /// Keys of `params.yaml` first, then the other files, all sorted.
    fn params_value(&self) -> Vec<Value> {
        let mut files: Vec<(&String, Vec<Value>)> = self
            .params
            .iter()
            .map(|(file, keys)| {
                let mut keys = keys.clone();
                keys.sort();
                keys.dedup();
                (file, keys.into_iter().map(Value::Str).collect())
            })
            .collect();
        files.sort_by_key(|(file, _)| *file);
        let mut list = Vec::new();
        let mut others = Vec::new();
        for (file, keys) in files {
            if file == DEFAULT_PARAMS && !keys.is_empty() {
                list = keys;
                continue;
            }
            let keys = match keys.is_empty() {
                true => Value::Null,
                false => Value::from(keys),
            };
            others.push(Value::from(Map::from_iter([(file.into(), keys)])));
        }
        list.extend(others);
        list
    }

    fn outs_value(&self, kind: OutputKind) -> Vec<Value> {
        let mut outs: Vec<&Output> = self.outs.iter().filter(|out| out.kind == kind).collect();
        outs.sort_by_key(|out| &out.path);
        outs.into_iter().map(out_value).collect()
    }
}

/// Returns an output as `dvc.yaml` has it: its path, or its path with flags in DVC's order.
fn out_value(out: &Output) -> Value {
    const ANNOTATIONS: [&str; 4] = ["desc", "type", "labels", "meta"];
    let empty = Map::new();
    // DVC writes one definition per plot of a stage
    let props = match &out.props {
        Value::List(items) => items.iter().find_map(Value::as_map),
        props => props.as_map(),
    };
    let props = props.unwrap_or(&empty);
    let mut flags = Map::new();
    for key in ANNOTATIONS {
        if let Some(value) = props.get(key) {
            flags.insert(key.into(), value.clone());
        }
    }
    for (flag, shown, value) in [
        ("cache", !out.cache, false),
        ("checkpoint", out.checkpoint, true),
        ("persist", out.persist, true),
    ] {
        if shown {
            flags.insert(flag.into(), Value::Bool(value));
        }
    }
    for (key, value) in props {
        if !ANNOTATIONS.contains(&key.as_str()) {
            flags.insert(key.clone(), value.clone());
        }
    }
    if let Some(remote) = &out.remote {
        flags.insert("remote".into(), Value::Str(remote.clone()));
    }
    if !out.push {
        flags.insert("push".into(), Value::Bool(false));
    }
    match flags.is_empty() {
        true => Value::Str(out.path.clone()),
        false => Value::from(Map::from_iter([(
            out.path.as_str().into(),
            Value::from(flags),
        )])),
    }
}
