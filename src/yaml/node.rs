//! A YAML document as a tree with positions.

use crate::error::Error;
use crate::value::{Key, Map, Shared, Value};
use std::collections::HashMap;

/// A node of a document and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters.
    pub column: usize,
}

/// Scalar, sequence or mapping; aliases are expanded, `<<` is merged.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeKind {
    /// A scalar.
    Scalar {
        /// Its meaning; a quoted one is always text, and a date is its text.
        value: Value,
        /// Its text, without quotes and escapes, where it is not the text that `value` is; see
        /// [`NodeKind::text`].
        other_text: Option<String>,
        /// Whether DVC reads it as a date, which has no place in `dvc.lock`: refuse it where it is used.
        is_date: bool,
    },
    /// A sequence.
    List(Shared<Vec<Node>>),
    /// A mapping in file order; keys are scalars, unique. What `<<` brought stands first.
    Map(Shared<Vec<(Node, Node)>>),
}

impl NodeKind {
    /// Makes a scalar that means `value` and was written as `text`.
    pub fn scalar(value: Value, text: &str, is_date: bool) -> Self {
        let is_same = value.as_str() == Some(text);
        NodeKind::Scalar {
            other_text: (!is_same).then(|| text.to_owned()),
            value,
            is_date,
        }
    }

    /// Returns a scalar's text, without quotes and escapes; `None` for a sequence or mapping.
    pub fn text(&self) -> Option<&str> {
        match self {
            NodeKind::Scalar {
                value, other_text, ..
            } => other_text.as_deref().or(value.as_str()),
            _ => None,
        }
    }
}

impl Node {
    /// Returns the value without positions. What aliases stand for is the same list or mapping in it.
    pub fn to_value(&self) -> Value {
        self.value_among(&mut HashMap::new())
    }

    /// `made` are values of nodes that several places hold, by identity.
    fn value_among(&self, made: &mut HashMap<usize, Value>) -> Value {
        let shared = match &self.kind {
            NodeKind::Scalar { value, .. } => return value.clone(),
            NodeKind::List(items) => items.is_elsewhere().then(|| items.identity()),
            NodeKind::Map(entries) => entries.is_elsewhere().then(|| entries.identity()),
        };
        if let Some(value) = shared.and_then(|shared| made.get(&shared)) {
            return value.clone();
        }
        let value = match &self.kind {
            NodeKind::Scalar { value, .. } => value.clone(),
            NodeKind::List(items) => {
                let items = items.iter().map(|item| item.value_among(made));
                Value::List(items.collect())
            }
            NodeKind::Map(entries) => {
                let mut map = Map::with_capacity(entries.len());
                for (key, value) in entries {
                    if let Some(key) = key.to_key() {
                        map.insert(key, value.value_among(made));
                    }
                }
                Value::from(map)
            }
        };
        if let Some(shared) = shared {
            made.insert(shared, value.clone());
        }
        value
    }

    /// Returns what it is as a mapping's key; `None` unless it is a scalar.
    pub fn to_key(&self) -> Option<Key> {
        match &self.kind {
            NodeKind::Scalar { value, .. } => Key::of(value),
            _ => None,
        }
    }

    /// Returns a mapping's entry; `None` also if this is no mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let entries = self.as_map()?;
        let is_it = |node: &Node| match node.as_str() {
            Some(text) => text == key,
            None => node.to_key().is_some_and(|found| found == *key),
        };
        entries
            .iter()
            .find(|(node, _)| is_it(node))
            .map(|(_, value)| value)
    }

    /// Returns the entries, if it is a mapping.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            NodeKind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns the items, if it is a sequence.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the text, if it is a scalar that means text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { value, .. } => value.as_str(),
            _ => None,
        }
    }

    /// Returns the truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match &self.kind {
            NodeKind::Scalar { value, .. } => value.as_bool(),
            _ => None,
        }
    }

    /// Whether it is null: `~`, `null`, nothing.
    pub fn is_null(&self) -> bool {
        matches!(
            self.kind,
            NodeKind::Scalar {
                value: Value::Null,
                ..
            }
        )
    }

    /// Returns an error that says `what` about this place in `origin`.
    pub fn error(&self, origin: &str, what: impl AsRef<str>) -> Error {
        error_at(origin, self.line, self.column, what.as_ref())
    }
}

/// Returns an error that says `what` about a place in `origin`.
pub fn error_at(origin: &str, line: usize, column: usize, what: &str) -> Error {
    Error::corrupt(format!(
        "cannot parse '{origin}', line {line}, column {column}: {what}"
    ))
}
