//! `vars`: files and inline mappings whose values templates can name.

use super::context::{Context, Kind, Origin, Var};
use super::{Resolver, is_templated};
use crate::error::Result;
use crate::pipeline::parse::DEFAULT_PARAMS;
use crate::pipeline::paths;
use crate::pipeline::schema::item_of;
use crate::value::Value;
use crate::yaml::{Node, NodeKind};
use indexmap::IndexMap;

/// Returns the values of the whole file: `params.yaml` beside it if it is there, then top-level `vars`.
pub(super) fn global(resolver: &Resolver<'_>, node: Option<&Node>) -> Result<Context> {
    let mut context = Context::default();
    if let Ok(path) = resolver.file.resolve(resolver.file.folder, DEFAULT_PARAMS)
        && let Some(read) = resolver.values(&path)?
    {
        let value = Value::from(read.select(None)?.values);
        // nothing is there yet to clash with
        let _ = context.merge(mapping(Var::of(&value, Origin::file(&path))));
        context.loaded.insert(path, None);
    }
    if let Some(node) = node {
        let place = Vars {
            resolver,
            what: "'vars'",
            stage: "",
            folder: resolver.file.folder,
            reserved: &[],
        };
        place.load(&mut context, node)?;
    }
    Ok(context)
}

/// One list of `vars`.
pub(super) struct Vars<'v> {
    pub resolver: &'v Resolver<'v>,
    /// The list, for messages.
    pub what: &'v str,
    /// The stage that it belongs to; empty for that of the file.
    pub stage: &'v str,
    /// The folder of its files.
    pub folder: &'v str,
    /// Names that belong to the generated stage.
    pub reserved: &'v [&'static str],
}

impl Vars<'_> {
    /// Adds everything that the list names.
    pub fn load(&self, context: &mut Context, node: &Node) -> Result<()> {
        let file = self.resolver.file;
        for (number, item) in file.list(node, &self.what)?.iter().enumerate() {
            self.refuse_templates(item)?;
            if item.as_map().is_some() {
                self.refuse_dates(item)?;
                let joiner = if self.stage.is_empty() { "" } else { "." };
                let place = format!("{}{joiner}vars[{number}]", self.stage);
                let vars = Var::of(&item.to_value(), Origin::inline(&place));
                self.add(context, item, mapping(vars))?;
            } else {
                let typed = file.text_as(item, &item_of(&self.what), "a file or a mapping")?;
                self.load_file(context, item, &typed)?;
            }
        }
        Ok(())
    }

    /// Adds a file, or those of its top-level keys that `file:key,key` names.
    fn load_file(&self, context: &mut Context, item: &Node, typed: &str) -> Result<()> {
        let file = self.resolver.file;
        let (written, keys) = typed.split_once(':').unwrap_or((typed, ""));
        let keys: Vec<String> = keys
            .split(',')
            .filter(|key| !key.is_empty())
            .map(str::to_owned)
            .collect();
        let path = file
            .resolve(self.folder, written)
            .map_err(|problem| file.bad_path(item, &self.what, written, problem))?;
        // as notes have it, which must hold wherever the project is
        let noted = match paths::is_outside(&path) {
            true => paths::climb(self.folder, written),
            false => path.clone(),
        };
        match context.loaded.get(&path) {
            None => {}
            Some(None) if keys.is_empty() => return Ok(()),
            Some(known) => {
                let again = match known {
                    None => Some("all of it is loaded already"),
                    Some(_) if keys.is_empty() => Some("a part of it is loaded already"),
                    Some(known) => keys
                        .iter()
                        .any(|key| known.contains(key))
                        .then_some("a part of it is loaded already"),
                };
                if let Some(why) = again {
                    let what = format!("'{typed}' in {} cannot be loaded: {why}", self.what);
                    return Err(file.error(item, what));
                }
            }
        }
        let Some(read) = self.resolver.values(&path)? else {
            let what = format!("'{noted}' in {} does not exist", self.what);
            let error = file.error(item, what);
            return Err(match noted == path {
                true => error,
                false => error.hint(format!("it is looked for in '{}'", file.sources.root())),
            });
        };
        if read.value().as_map().is_none() {
            let what = format!("'{path}' in {} holds no mapping", self.what);
            return Err(file.error(item, what));
        }
        let values = if keys.is_empty() {
            read.select(None)?.values
        } else {
            let has = |key: &&String| {
                read.value()
                    .as_map()
                    .is_some_and(|map| map.contains_key(key.as_str()))
            };
            if let Some(missing) = keys.iter().find(|key| !has(key)) {
                let what = format!("'{path}' in {} has no '{missing}'", self.what);
                return Err(file.error(item, what));
            }
            read.select(Some(&keys))?.values
        };
        let vars = Var::of(&Value::from(values), Origin::file(&noted));
        self.add(context, item, mapping(vars))?;
        let keys = (!keys.is_empty()).then_some(keys);
        match (context.loaded.get_mut(&path), keys) {
            (Some(Some(known)), Some(more)) => known.extend(more),
            (_, keys) => {
                context.loaded.insert(path, keys);
            }
        }
        Ok(())
    }

    fn add(&self, context: &mut Context, item: &Node, vars: IndexMap<String, Var>) -> Result<()> {
        let file = self.resolver.file;
        if let Some(name) = self.reserved.iter().find(|name| vars.contains_key(**name)) {
            let what = format!(
                "{} sets '{name}', which belongs to the generated stage",
                self.what
            );
            return Err(file.error(item, what));
        }
        context.merge(vars).map_err(|clash| {
            let what = format!(
                "'{}' of '{}' in {} is set twice",
                clash.name, clash.new, self.what
            );
            file.error(item, what)
                .hint(format!("'{}' has it already", clash.old))
        })
    }

    fn refuse_templates(&self, node: &Node) -> Result<()> {
        match &node.kind {
            NodeKind::Scalar { .. } => match is_templated(node) {
                false => Ok(()),
                true => Err(self
                    .resolver
                    .file
                    .error(node, format!("{} cannot have templates", self.what))),
            },
            NodeKind::List(items) => items
                .iter()
                .try_for_each(|item| self.refuse_templates(item)),
            NodeKind::Map(entries) => entries.iter().try_for_each(|(key, value)| {
                self.refuse_templates(key)?;
                self.refuse_templates(value)
            }),
        }
    }

    fn refuse_dates(&self, node: &Node) -> Result<()> {
        refuse_dates(self.resolver, node, self.what)
    }
}

/// Refuses dates, which templates cannot hold, as in DVC.
pub(super) fn refuse_dates(resolver: &Resolver<'_>, node: &Node, what: &str) -> Result<()> {
    match &node.kind {
        NodeKind::Scalar { is_date: true, .. } => {
            Err(resolver
                .file
                .wrong(node, &format!("a value in {what}"), "text"))
        }
        NodeKind::Scalar { .. } => Ok(()),
        NodeKind::List(items) => items
            .iter()
            .try_for_each(|item| refuse_dates(resolver, item, what)),
        NodeKind::Map(entries) => entries
            .iter()
            .try_for_each(|(_, value)| refuse_dates(resolver, value, what)),
    }
}

fn mapping(var: Var) -> IndexMap<String, Var> {
    match var.kind {
        Kind::Map(map) => map,
        _ => IndexMap::new(),
    }
}
