//! The lists `outs`, `metrics`, `plots` of a stage, and `live` of old files.

use super::paths::{from, is_outside, is_url, is_within};
use super::project::{is_data_file, is_pipeline_file};
use super::schema::{File, item_of};
use super::stage::{Live, Output, OutputKind};
use crate::error::Result;
use crate::value::{Map, Value};
use crate::yaml::Node;
use indexmap::IndexMap;
use std::collections::HashMap;
use std::fmt::Display;

const FLAGS: &[&str] = &["cache", "persist", "checkpoint", "remote", "push"];
const ANNOTATIONS: &[&str] = &["desc", "type", "labels", "meta"];
const PLOT_PROPS: &[&str] = &[
    "template", "x", "y", "x_label", "y_label", "title", "header",
];

/// Reads the paths of one stage: joins them to `base` and remembers how they were written.
pub(super) struct Paths<'f> {
    pub file: File<'f>,
    pub base: String,
    pub spellings: IndexMap<String, String>,
}

impl Paths<'_> {
    /// Reads one path.
    pub fn read(&mut self, node: &Node, what: &dyn Display) -> Result<String> {
        let path = self.file.path(&self.base, node, what)?;
        self.spelled(path, node, what)
    }

    /// Reads the path of a params file.
    pub fn read_params(&mut self, node: &Node, what: &dyn Display) -> Result<String> {
        let path = self.read(node, what)?;
        self.refuse_description(&path, node, what)?;
        Ok(path)
    }

    /// Reads what a stage depends on, a path or an address; how it was written is for the caller to keep.
    pub fn dependency(&self, node: &Node, what: &dyn Display) -> Result<String> {
        let path = self.file.dependency(&self.base, node, what)?;
        self.refuse_description(&path, node, what)?;
        Ok(path)
    }

    /// As in DVC, what describes the pipeline is nothing that stages read.
    fn refuse_description(&self, path: &str, node: &Node, what: &dyn Display) -> Result<()> {
        if !is_pipeline_file(path) && !is_data_file(path) {
            return Ok(());
        }
        let written = self.file.text(node, what)?;
        let what = format!("'{written}' in {what} describes the pipeline, and is no part of it");
        Err(self.file.error(node, what))
    }

    fn spelled(&mut self, path: String, node: &Node, what: &dyn Display) -> Result<String> {
        let written = self.written(&path, node, what)?;
        if written != path {
            self.spellings.insert(path.clone(), written);
        }
        Ok(path)
    }

    /// Returns what `dvc.lock` has for a path that stands at `node`.
    pub fn written(&self, path: &str, node: &Node, what: &dyn Display) -> Result<String> {
        let written = self.file.text(node, what)?;
        // as in DVC, which writes it in the usual way
        let is_usual = !written.starts_with('/') || is_outside(path);
        Ok(match is_usual {
            true => written,
            false => from(&self.base, path),
        })
    }

    /// Reads the path of an output, which may not be the project itself, nor a file of DVC or git.
    fn read_output(&mut self, node: &Node, what: &dyn Display) -> Result<String> {
        let path = self.file.dependency(&self.base, node, what)?;
        let path = self.spelled(path, node, what)?;
        let folder = self.file.folder;
        let name = path.rsplit('/').next().unwrap_or(&path);
        let around = is_outside(&path) && is_within(self.file.sources.root(), &path);
        let why = if around || !is_outside(&path) && is_within(folder, &path) {
            "holds the pipeline itself"
        } else if is_within(&path, ".git") || is_within(&path, ".dvc") {
            "belongs to git and DVC"
        } else if is_outside(&path) || is_url(&path) {
            return Ok(path);
        } else if ["dvc.yaml", "dvc.lock", ".dvcignore", ".gitignore"].contains(&name)
            || name.ends_with(".dvc")
        {
            "is a file of the pipeline"
        } else {
            return Ok(path);
        };
        let written = self.file.text(node, what)?;
        Err(self
            .file
            .error(node, format!("output '{written}' in {what} {why}")))
    }

    /// Reads `outs`, `metrics` or `plots`, each output with the node of its path.
    ///
    /// As in DVC, one that is written twice alike in a list is one output, with the flags of both.
    pub fn outputs<'n>(
        &mut self,
        node: &'n Node,
        kind: OutputKind,
        what: &dyn Display,
    ) -> Result<Vec<(Output, &'n Node)>> {
        let mut outs: Vec<(Output, &Node)> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for item in self.file.list(node, what)? {
            if item.as_map().is_none() {
                self.file
                    .text_as(item, &item_of(what), "a path or a mapping")?;
                let written = item.as_str().unwrap_or_default();
                if !known.contains_key(written) {
                    let path = self.read_output(item, what)?;
                    known.insert(written, outs.len());
                    outs.push((Output::new(path, kind), item));
                }
                continue;
            }
            for (written, path_node, flags) in self.file.map(item, what)? {
                let again = known.get(written).map(|&at| &mut outs[at].0);
                // of two lists of plots nobody knows what they are together
                let again = again.filter(|out| flags.as_map().is_some() && !is_list(&out.props));
                if let Some(out) = again {
                    let what = format_args!("'{written}' in {what}");
                    let props = self.flags(out, flags, &what)?;
                    add_props(&mut out.props, props);
                    continue;
                }
                let path = self.read_output(path_node, what)?;
                let mut out = Output::new(path, kind);
                let what = format_args!("'{written}' in {what}");
                let expected = match kind {
                    OutputKind::Plot => "a mapping or a list of mappings",
                    _ => "a mapping",
                };
                if flags.is_null() {
                    let error = self.file.wrong(flags, &what, expected);
                    return Err(error.hint(format!("write '- {written}' without a colon")));
                }
                match (kind, flags.as_list()) {
                    (OutputKind::Plot, Some(items)) => {
                        let props: Result<Vec<Value>> = items
                            .iter()
                            .map(|item| self.flags(&mut out, item, &item_of(&what)))
                            .collect();
                        out.props = Value::from(props?);
                    }
                    _ if flags.as_map().is_none() => {
                        return Err(self.file.wrong(flags, &what, expected));
                    }
                    _ => out.props = self.flags(&mut out, flags, &what)?,
                }
                known.insert(written, outs.len());
                outs.push((out, path_node));
            }
        }
        Ok(outs)
    }

    /// Reads the flags of an output into `out`; returns its other properties, or null.
    fn flags(&self, out: &mut Output, node: &Node, what: &dyn Display) -> Result<Value> {
        let mut allowed = [FLAGS, ANNOTATIONS].concat();
        if out.kind == OutputKind::Plot {
            allowed.extend(PLOT_PROPS);
        }
        let mut props = Map::new();
        for (key, _, value) in self.file.known_map(node, what, &allowed)? {
            let what = format_args!("'{key}' of {what}");
            match key {
                "cache" => out.cache = self.file.flag(value, &what)?,
                "persist" => out.persist = self.file.flag(value, &what)?,
                "checkpoint" => out.checkpoint = self.file.flag(value, &what)?,
                "push" => out.push = self.file.flag(value, &what)?,
                "remote" => out.remote = Some(self.file.label(value, &what, "text")?),
                _ => {
                    check_property(self.file, key, value, &what)?;
                    props.insert(key.into(), value.to_value());
                }
            }
        }
        if props.is_empty() {
            return Ok(Value::Null);
        }
        Ok(Value::from(props))
    }

    /// Reads `live: dir` and `live: {dir: {summary, html, cache}}`, which DVC 2.0 to 2.33 wrote.
    ///
    /// The directory is a plot and `<dir>.json` a metric. They stay before a run, so that training
    /// that resumes goes on with its step and history, and belong to git unless `cache: true` asks
    /// for the cache.
    pub fn live<'n>(
        &mut self,
        node: &'n Node,
        what: &dyn Display,
    ) -> Result<(Live, Vec<(Output, &'n Node)>)> {
        let (path_node, flags) = match node.as_map() {
            None => (node, None),
            Some([(path, flags)]) => (path, Some(flags)),
            Some(entries) => {
                let count = entries.len();
                let what = format!("{what} must be a path or a mapping of one, not of {count}");
                return Err(self.file.error(node, what));
            }
        };
        let written = self.file.text_as(path_node, what, "a path or a mapping")?;
        let path = self.read_output(path_node, what)?;
        let mut live = Live {
            path: path.clone(),
            summary: true,
            html: true,
        };
        let mut plots = Output::new(path.clone(), OutputKind::Plot);
        plots.cache = false;
        plots.persist = true;
        if let Some(flags) = flags.filter(|flags| !flags.is_null()) {
            let allowed = ["summary", "html", "cache", "type"];
            for (key, _, value) in self.file.known_map(flags, what, &allowed)? {
                let what = format_args!("'{key}' of {what}");
                match key {
                    "summary" => live.summary = self.file.flag(value, &what)?,
                    "html" => live.html = self.file.flag(value, &what)?,
                    "cache" => plots.cache = self.file.flag(value, &what)?,
                    _ => {}
                }
            }
        }
        let mut outs = vec![(plots, path_node)];
        if live.summary {
            let mut summary = Output::new(format!("{path}.json"), OutputKind::Metric);
            summary.cache = false;
            summary.persist = true;
            let written = format!("{}.json", written.trim_end_matches('/'));
            if written != summary.path {
                self.spellings.insert(summary.path.clone(), written);
            }
            outs.push((summary, path_node));
        }
        Ok((live, outs))
    }
}

fn is_list(props: &Value) -> bool {
    matches!(props, Value::List(_))
}

/// Adds properties to those that an output has.
fn add_props(props: &mut Value, more: Value) {
    match (props, more) {
        (_, Value::Null) => {}
        (Value::Map(props), Value::Map(more)) => props.extend(more),
        (props, more) => *props = more,
    }
}

impl Output {
    /// Returns an output without flags: cached, pushed, removed before a run.
    pub fn new(path: impl Into<String>, kind: OutputKind) -> Self {
        Output {
            path: path.into(),
            kind,
            cache: true,
            persist: false,
            checkpoint: false,
            remote: None,
            push: true,
            props: Value::Null,
        }
    }
}

/// Checks an annotation, or a property of a stage's plot.
pub(super) fn check_property(
    file: File<'_>,
    key: &str,
    value: &Node,
    what: &dyn Display,
) -> Result<()> {
    match key {
        "meta" => {}
        "header" => drop(file.flag(value, what)?),
        "labels" => {
            for label in file.list(value, what)? {
                file.label(label, &item_of(what), "text")?;
            }
        }
        _ => drop(file.label(value, what, "text")?),
    }
    Ok(())
}
