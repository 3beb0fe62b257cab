//! Stages: written ones, and those that `foreach` and `matrix` generate.

use super::context::{Kind, Origin, Var};
use super::data::{self, Data, Item};
use super::vars::Vars;
use super::{Place, Resolver, Scope, text_node, with_kind};
use crate::error::Result;
use crate::value::Value;
use crate::yaml::{Node, NodeKind};
use indexmap::IndexMap;

/// Stands between the name of a group and the key of a stage.
pub(in crate::pipeline) const JOIN: char = '@';

/// More than this nobody means, and memory has an end.
const MOST_STAGES: usize = 100_000;

/// The stages of a group: by key their `item`; and whether they have a `key` too.
struct Members {
    items: IndexMap<String, Var>,
    have_key: bool,
}

/// Returns `stages` without templates and groups; the names of the groups go into `groups`.
pub(super) fn stages(
    resolver: &Resolver<'_>,
    scope: Scope<'_>,
    node: &Node,
    groups: &mut Vec<String>,
) -> Result<Node> {
    let Some(entries) = node.as_map() else {
        return Ok(node.clone());
    };
    let file = resolver.file;
    let mut resolved = Vec::new();
    for (name_node, definition) in entries {
        let Some(name) = name_node.as_str() else {
            resolved.push((name_node.clone(), definition.clone()));
            continue;
        };
        let (members, template, from, data) = if let Some(data) = definition.get("matrix") {
            let template = without(definition, "matrix");
            let members = matrix(resolver, scope, name, data)?;
            (members, template, "matrix", data)
        } else if definition.get("foreach").is_some() || definition.get("do").is_some() {
            let whole = format!("stage '{name}'");
            file.known_map(definition, &whole, &["foreach", "do"])?;
            let (Some(data), Some(template)) = (definition.get("foreach"), definition.get("do"))
            else {
                let what = format!("{whole} needs both 'foreach' and 'do'");
                return Err(file.error(name_node, what));
            };
            let members = foreach(resolver, scope, name, data)?;
            (members, template.clone(), "foreach", data)
        } else {
            if name.contains(JOIN) {
                let what = format!("the name of stage '{name}' has '{JOIN}' in it");
                return Err(file.error(name_node, what).hint(format!(
                    "'{JOIN}' stands before the key of a generated stage"
                )));
            }
            let stage = match says_more(definition) {
                true => stage(resolver, scope, name, definition)?,
                false => definition.clone(),
            };
            resolved.push((name_node.clone(), stage));
            continue;
        };
        for inner in ["matrix", "foreach", "do"] {
            if template.get(inner).is_some() {
                let what = format!("stage '{name}' has '{inner}' inside of another group");
                return Err(file.error(name_node, what));
            }
        }
        groups.push(name.to_owned());
        for (key, item) in members.items {
            if key.is_empty() || key.contains(JOIN) {
                let what = format!("'{from}' of stage '{name}' makes a bad key '{key}'");
                return Err(file.error(data, what).hint(format!(
                    "a key makes a name: not empty, and without '{JOIN}'"
                )));
            }
            let generated = format!("{name}{JOIN}{key}");
            let mut own = vec![("item", item)];
            if members.have_key {
                let origin = Origin::inline(&generated);
                own.push(("key", Var::of(&Value::Str(key), origin)));
            }
            let scope = Scope {
                context: scope.context,
                own: &own,
            };
            let stage = stage(resolver, scope, &generated, &template)?;
            resolved.push((text_node(&generated, name_node), stage));
        }
    }
    Ok(with_kind(node, NodeKind::Map(resolved.into())))
}

/// Resolves the definition of one stage, with its own `vars`.
/// Whether a stage is anything else than what it looks like: it has a template, an escaped one or `vars`.
fn says_more(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Scalar { .. } => node.kind.text().is_some_and(|text| text.contains("${")),
        NodeKind::List(items) => items.iter().any(says_more),
        NodeKind::Map(entries) => (entries.iter())
            .any(|(key, value)| key.as_str() == Some("vars") || says_more(key) || says_more(value)),
    }
}

fn stage(resolver: &Resolver<'_>, scope: Scope<'_>, name: &str, node: &Node) -> Result<Node> {
    let Some(entries) = node.as_map() else {
        return Ok(node.clone());
    };
    let mut context;
    let mut scope = scope;
    if let Some(vars) = node.get("vars") {
        let what = format!("'wdir' of stage '{name}'");
        let folder = match node.get("wdir") {
            None => resolver.file.folder.to_owned(),
            Some(wdir) => {
                let wdir = resolver.node(wdir, scope, Place::of(&what))?;
                resolver.file.path(resolver.file.folder, &wdir, &what)?
            }
        };
        let reserved: Vec<&'static str> = scope.own.iter().map(|(name, _)| *name).collect();
        context = scope.context.clone();
        let vars_of = Vars {
            resolver,
            what: &format!("'vars' of stage '{name}'"),
            stage: name,
            folder: &folder,
            reserved: &reserved,
        };
        vars_of.load(&mut context, vars)?;
        scope = Scope {
            context: &context,
            own: scope.own,
        };
    }
    let mut resolved = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        if key.as_str() == Some("vars") {
            continue;
        }
        let what = format!("'{}' of stage '{name}'", key.as_str().unwrap_or_default());
        let place = Place {
            what: &what,
            in_stage: true,
            is_command: key.as_str() == Some("cmd"),
        };
        resolved.push((key.clone(), resolver.node(value, scope, place)?));
    }
    Ok(with_kind(node, NodeKind::Map(resolved.into())))
}

fn foreach(resolver: &Resolver, scope: Scope, name: &str, node: &Node) -> Result<Members> {
    let what = format!("'foreach' of stage '{name}'");
    let data = Data::read(resolver, scope, node, &what)?;
    let mut items = IndexMap::new();
    let have_key = match data {
        Data::Map(entries) => {
            items.extend(entries);
            true
        }
        Data::List(list) => {
            let is_nested = list.iter().any(Item::is_nested);
            for (index, item) in list.into_iter().enumerate() {
                let key = match is_nested {
                    true => index.to_string(),
                    false => item.name(),
                };
                items.insert(key, item.var);
            }
            false
        }
        Data::Other => return Err(data::wrong(resolver, node, &what, "a list or a mapping")),
    };
    Ok(Members { items, have_key })
}

/// Returns every combination of the values of a matrix, the last one varying fastest.
fn matrix(resolver: &Resolver, scope: Scope, name: &str, node: &Node) -> Result<Members> {
    let what = format!("'matrix' of stage '{name}'");
    let mut combinations: Vec<(Vec<String>, IndexMap<String, Var>)> = vec![Default::default()];
    for (axis, _, values) in resolver.file.map(node, &what)? {
        let what = format!("'{axis}' in {what}");
        let values = match Data::read(resolver, scope, values, &what)? {
            Data::List(values) => values,
            // what Python goes over when it goes over a mapping
            Data::Map(entries) if data::is_template(values) => {
                entries.into_keys().map(Item::key).collect()
            }
            Data::Map(_) | Data::Other => {
                return Err(data::wrong(resolver, values, &what, "a list"));
            }
        };
        if combinations.len().saturating_mul(values.len()) > MOST_STAGES {
            let what = format!("{what} makes more than {MOST_STAGES} stages");
            return Err(resolver.file.error(node, what));
        }
        let mut next = Vec::with_capacity(combinations.len() * values.len());
        for (names, item) in &combinations {
            for (index, value) in values.iter().enumerate() {
                let (mut names, mut item) = (names.clone(), item.clone());
                names.push(match value.is_nested() {
                    true => format!("{axis}{index}"),
                    false => value.name(),
                });
                item.insert(axis.to_owned(), value.var.clone());
                next.push((names, item));
            }
        }
        combinations = next;
    }
    let mut items = IndexMap::new();
    for (names, item) in combinations {
        let var = Var {
            kind: Kind::Map(item),
            origin: Origin::inline(name),
        };
        items.insert(names.join("-"), var);
    }
    Ok(Members {
        items,
        have_key: true,
    })
}

/// Returns a mapping without one of its keys.
fn without(node: &Node, name: &str) -> Node {
    let entries = node.as_map().unwrap_or_default().iter();
    let rest = entries
        .filter(|(key, _)| key.as_str() != Some(name))
        .cloned();
    with_kind(node, NodeKind::Map(rest.collect()))
}
