//! What `foreach` and the axes of a matrix go over: lists and mappings, written out or from a template.

use super::context::{Kind, Origin, Var};
use super::vars::refuse_dates;
use super::{Place, Resolver, Scope, expression, text};
use crate::error::{Error, Result};
use crate::value::Value;
use crate::yaml::{Node, NodeKind};
use indexmap::IndexMap;

/// What `foreach`, or one axis of a matrix, goes over.
pub(super) enum Data {
    Map(IndexMap<String, Var>),
    List(Vec<Item>),
    Other,
}

pub(super) struct Item {
    pub var: Var,
    /// It comes from a template; then DVC names a stage after what Python says of it: `True`.
    is_named_by_python: bool,
}

impl Item {
    pub fn key(key: String) -> Self {
        let origin = Origin::inline(&key);
        Item {
            var: Var::of(&Value::Str(key), origin),
            is_named_by_python: false,
        }
    }

    pub fn is_nested(&self) -> bool {
        !matches!(self.var.kind, Kind::Scalar(_))
    }

    pub fn name(&self) -> String {
        let value = self.var.value();
        let name = match self.is_named_by_python {
            true => text::python(&value),
            false => text::scalar(&value),
        };
        name.unwrap_or_default()
    }
}

impl Data {
    pub fn read(resolver: &Resolver, scope: Scope, node: &Node, what: &str) -> Result<Self> {
        let origin = Origin::inline(what);
        Ok(match &node.kind {
            NodeKind::List(nodes) => {
                let mut items = Vec::new();
                for (index, node) in nodes.iter().enumerate() {
                    let origin = Origin {
                        path: index.to_string(),
                        ..origin.clone()
                    };
                    items.push(Item {
                        is_named_by_python: is_template(node),
                        var: var(resolver, scope, node, what, origin)?,
                    });
                }
                Data::List(items)
            }
            NodeKind::Map(entries) => {
                let mut found = IndexMap::new();
                for (key, value) in entries {
                    let key = resolver.node(key, scope, Place::of(what))?;
                    let name = text::scalar(&key.to_value()).unwrap_or_default();
                    found.insert(name, var(resolver, scope, value, what, origin.clone())?);
                }
                Data::Map(found)
            }
            NodeKind::Scalar { .. } if is_template(node) => {
                match var(resolver, scope, node, what, origin)?.kind {
                    Kind::Map(map) => Data::Map(map),
                    Kind::List(list) => {
                        let items = list.into_iter().map(|var| Item {
                            var,
                            is_named_by_python: true,
                        });
                        Data::List(items.collect())
                    }
                    Kind::Scalar(_) => Data::Other,
                }
            }
            NodeKind::Scalar { .. } => Data::Other,
        })
    }
}

/// Returns a node as a value; what a template in it names keeps its origin.
fn var(resolver: &Resolver, scope: Scope, node: &Node, what: &str, origin: Origin) -> Result<Var> {
    if let Some(template) = node.as_str().and_then(expression::exact) {
        return resolver.find(node, template, scope, Place::of(what));
    }
    let kind = match &node.kind {
        NodeKind::List(nodes) => {
            let items = nodes
                .iter()
                .map(|node| var(resolver, scope, node, what, origin.clone()));
            Kind::List(items.collect::<Result<_>>()?)
        }
        NodeKind::Map(entries) => {
            let mut map = IndexMap::new();
            for (key, value) in entries {
                let key = resolver.node(key, scope, Place::of(what))?;
                // as in DVC, only text is a name
                if let Some(name) = key.as_str() {
                    map.insert(
                        name.to_owned(),
                        var(resolver, scope, value, what, origin.clone())?,
                    );
                }
            }
            Kind::Map(map)
        }
        NodeKind::Scalar { .. } => {
            refuse_dates(resolver, node, what)?;
            Kind::Scalar(resolver.node(node, scope, Place::of(what))?.to_value())
        }
    };
    Ok(Var { kind, origin })
}

/// An error about what stages cannot be generated from.
pub(super) fn wrong(resolver: &Resolver<'_>, node: &Node, what: &str, expected: &str) -> Error {
    match node.as_str().filter(|_| is_template(node)) {
        None => resolver.file.wrong(node, &what, expected),
        Some(template) => {
            let what = format!("{what} must be {expected}, which '{template}' is not");
            resolver.file.error(node, what)
        }
    }
}

pub(super) fn is_template(node: &Node) -> bool {
    node.as_str().and_then(expression::exact).is_some()
}
