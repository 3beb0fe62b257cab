//! Values in the place of templates, in one node and in those below it.

use super::context::{self, Kind, Var};
use super::expression::{self, Template};
use super::{Place, Resolver, Scope, text, text_node, with_kind};
use crate::error::{Error, Result};
use crate::value::Value;
use crate::yaml::{Node, NodeKind};

impl Resolver<'_> {
    /// Returns a node with its templates replaced, keys included.
    pub(super) fn node(&self, node: &Node, scope: Scope<'_>, place: Place<'_>) -> Result<Node> {
        let kind = match &node.kind {
            NodeKind::Scalar { value, .. } => match (value, node.kind.text()) {
                (Value::Str(_), Some(text)) => return self.text(node, text, scope, place),
                _ => return Ok(node.clone()),
            },
            NodeKind::List(items) => {
                let items = items.iter().map(|item| self.node(item, scope, place));
                NodeKind::List(items.collect::<Result<_>>()?)
            }
            NodeKind::Map(entries) => {
                // two keys may become one: as in DVC, the last value stands at the first place
                let mut resolved: Vec<(Node, Node)> = Vec::with_capacity(entries.len());
                let mut places = std::collections::HashMap::new();
                for (key, value) in entries {
                    let key = self.node(key, scope, place)?;
                    let Some(name) = key.to_key() else {
                        let what = format!("a key of {}", place.what);
                        return Err(self.file.wrong(&key, &what, "text"));
                    };
                    let what = format!("'{name}' in {}", place.what);
                    let place = Place {
                        what: &what,
                        ..place
                    };
                    let value = self.node(value, scope, place)?;
                    match places.get(&name) {
                        Some(&at) => resolved[at] = (key, value),
                        None => {
                            places.insert(name, resolved.len());
                            resolved.push((key, value));
                        }
                    }
                }
                NodeKind::Map(resolved.into())
            }
        };
        Ok(with_kind(node, kind))
    }

    fn text(&self, node: &Node, text: &str, scope: Scope<'_>, place: Place<'_>) -> Result<Node> {
        if let Some(template) = expression::exact(text) {
            let var = self.find(node, template, scope, place)?;
            let is_nested = !matches!(var.kind, Kind::Scalar(_));
            let is_allowed = !place.in_stage || (place.is_command && is_map(&var));
            if is_nested && !is_allowed {
                return Err(self.not_a_scalar(node, template, &var, place));
            }
            return Ok(built(&var, text, node));
        }
        let found = expression::templates(text);
        let mut whole = String::with_capacity(text.len());
        let mut from = 0;
        for template in found {
            let var = self.find(node, template, scope, place)?;
            whole += &text[from..template.start];
            whole += &self.part(node, template, &var, place)?;
            from = template.end;
        }
        whole += &text[from..];
        let whole = whole.replace("\\${", "${");
        let kind = match &node.kind {
            NodeKind::Scalar { is_date, .. } => NodeKind::Scalar {
                value: Value::Str(whole),
                other_text: None,
                is_date: *is_date,
            },
            other => other.clone(),
        };
        Ok(with_kind(node, kind))
    }

    /// Returns what a template becomes in the middle of a text.
    fn part(&self, node: &Node, template: Template, var: &Var, place: Place<'_>) -> Result<String> {
        let value = var.value();
        if let Some(text) = text::scalar(&value) {
            return Ok(text);
        }
        if !(place.is_command && is_map(var)) {
            return Err(self.not_a_scalar(node, template, var, place));
        }
        text::options(&value, self.sources.unpacking()?).map_err(|name| {
            let (inner, what) = (template.inner, place.what);
            self.file.error(
                node,
                format!("'${{{inner}}}' in {what} cannot become options: '{name}' is a list that holds more than scalars"),
            )
        })
    }

    /// Returns what a template names, and remembers which file has it.
    pub(super) fn find(
        &self,
        node: &Node,
        template: Template,
        scope: Scope,
        place: Place,
    ) -> Result<Var> {
        let inner = template.inner;
        let Some(steps) = expression::steps(inner) else {
            return Err(self
                .file
                .error(node, format!("'${{{inner}}}' in {} is malformed", place.what))
                .hint("write ${name}, ${name.nested} or ${name[0]}, and '\\${' for a variable of the shell"));
        };
        let own = scope
            .own
            .iter()
            .find(|(name, _)| steps.first() == Some(name));
        let found = match own {
            Some((_, var)) => context::walk(var, steps.get(1..).unwrap_or_default()),
            None => scope.context.find(&steps),
        };
        let Some(var) = found else {
            return Err(self.unknown(node, inner, scope, place));
        };
        // as DVC: a mapping is known by what it holds
        if place.in_stage && var.origin.is_file && !is_map(var) {
            let mut used = self.used.borrow_mut();
            let params = used.entry(var.origin.source.to_string()).or_default();
            params.insert(var.origin.path.as_str().into(), var.value());
        }
        Ok(var.clone())
    }

    fn unknown(&self, node: &Node, inner: &str, scope: Scope, place: Place) -> Error {
        let what = format!("'${{{inner}}}' in {} has no value", place.what);
        let error = self.file.error(node, what);
        if let Some(near) = scope.context.near(inner) {
            return error.hint(format!("did you mean '${{{near}}}'?"));
        }
        error.hint(
            "values come from 'params.yaml' and 'vars'; write '\\${' for a variable of the shell",
        )
    }

    fn not_a_scalar(&self, node: &Node, template: Template, var: &Var, place: Place) -> Error {
        let kind = match is_map(var) {
            true => "mapping",
            false => "list",
        };
        let (inner, what) = (template.inner, place.what);
        self.file.error(
            node,
            format!("'${{{inner}}}' is a {kind}, which cannot stand in {what}"),
        )
    }
}

fn is_map(var: &Var) -> bool {
    matches!(var.kind, Kind::Map(_))
}

/// Returns a value as a node that stands where the template `text` stood.
fn built(var: &Var, text: &str, at: &Node) -> Node {
    let kind = match &var.kind {
        Kind::Scalar(value) => NodeKind::scalar(value.clone(), text, false),
        Kind::List(items) => {
            NodeKind::List(items.iter().map(|item| built(item, text, at)).collect())
        }
        Kind::Map(map) => {
            let entries = map
                .iter()
                .map(|(key, var)| (text_node(key, at), built(var, text, at)));
            NodeKind::Map(entries.collect())
        }
    };
    with_kind(at, kind)
}
