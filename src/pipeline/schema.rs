//! What `dvc.yaml` may say where: typed reading of nodes, and errors that name place, key and choice.

use super::paths::{self, PathProblem};
use super::template::{Alone, Sources};
use crate::error::{Error, Result};
use crate::nearest::nearest;
use crate::yaml::{Node, NodeKind};
use std::fmt::Display;

/// A file that is being read, and the folder that its paths are relative to.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    /// Its name in messages.
    pub origin: &'a str,
    /// Its folder, relative to the project's root; empty for the root itself.
    pub folder: &'a str,
    /// Knows where the project is, and where remotes are.
    pub sources: &'a dyn Sources,
    /// Whether its text exists for nobody to look at yet: then errors name no line.
    pub is_draft: bool,
}

impl<'a> File<'a> {
    /// A file whose paths nobody follows.
    pub fn named(origin: &'a str) -> Self {
        File {
            origin,
            folder: "",
            sources: &Alone,
            is_draft: false,
        }
    }

    /// An error about a node.
    pub fn error(&self, node: &Node, what: impl AsRef<str>) -> Error {
        match self.is_draft {
            true => Error::refused(what.as_ref()),
            false => node.error(self.origin, what),
        }
    }

    /// A refusal of what DVC has and we have not yet; it says so.
    pub fn unsupported(&self, node: &Node, what: &str, hint: &str) -> Error {
        let place = format!(
            "'{}', line {}, column {}",
            self.origin, node.line, node.column
        );
        let message = match self.is_draft {
            true => what.to_owned(),
            false => format!("{what} ({place})"),
        };
        Error::refused(message).hint(hint)
    }

    /// Reads text. `what` names the node in messages: `'cmd' of stage 'train'`. Most often nobody asks,
    /// so it is better not a text yet.
    pub fn text(&self, node: &Node, what: &dyn Display) -> Result<String> {
        self.text_as(node, what, "text")
    }

    /// Reads text where messages ask for more than that: a path, a key.
    pub fn text_as(&self, node: &Node, what: &dyn Display, expected: &str) -> Result<String> {
        match (&node.kind, node.as_str()) {
            (NodeKind::Scalar { is_date: false, .. }, Some(text)) => Ok(text.to_owned()),
            _ => Err(self.wrong(node, what, expected)),
        }
    }

    /// Reads text that only people read; a template may have made it of any scalar.
    pub fn label(&self, node: &Node, what: &dyn Display, expected: &str) -> Result<String> {
        match (template_of(node), node.to_key()) {
            (Some(_), Some(label)) => Ok(label.into()),
            _ => self.text_as(node, what, expected),
        }
    }

    /// Reads `true` or `false`; as in DVC, not from a template.
    pub fn flag(&self, node: &Node, what: &dyn Display) -> Result<bool> {
        node.as_bool()
            .filter(|_| template_of(node).is_none())
            .ok_or_else(|| self.wrong(node, what, "true or false"))
    }

    /// Reads a list.
    pub fn list<'n>(&self, node: &'n Node, what: &dyn Display) -> Result<&'n [Node]> {
        node.as_list()
            .ok_or_else(|| self.wrong(node, what, "a list"))
    }

    /// Reads a mapping's entries; keys are text.
    pub fn map<'n>(
        &self,
        node: &'n Node,
        what: &dyn Display,
    ) -> Result<Vec<(&'n str, &'n Node, &'n Node)>> {
        let entries = node
            .as_map()
            .ok_or_else(|| self.wrong(node, what, "a mapping"))?;
        entries
            .iter()
            .map(|(key, value)| match key.as_str() {
                Some(text) => Ok((text, key, value)),
                None => Err(self.wrong(key, &format_args!("a key of {what}"), "text")),
            })
            .collect()
    }

    /// Reads a mapping whose keys are all among `allowed`.
    pub fn known_map<'n>(
        &self,
        node: &'n Node,
        what: &dyn Display,
        allowed: &[&str],
    ) -> Result<Vec<(&'n str, &'n Node, &'n Node)>> {
        let entries = self.map(node, what)?;
        for (key, key_node, _) in &entries {
            if !allowed.contains(key) {
                let mut error = self.error(key_node, format!("unknown key '{key}' in {what}"));
                if let Some(meant) = nearest(key, allowed.iter().copied()) {
                    error = error.hint(format!("did you mean '{meant}'?"));
                }
                return Err(error.hint(format!("allowed there: {}", allowed.join(", "))));
            }
        }
        Ok(entries)
    }

    /// Reads a path and returns it relative to the project's root, or absolute if it lies outside.
    pub fn path(&self, base: &str, node: &Node, what: &dyn Display) -> Result<String> {
        let written = self.text_as(node, what, "a path")?;
        self.resolve(base, &written)
            .map_err(|problem| self.bad_path(node, what, &written, problem))
    }

    /// Joins what is written in `base`, see [`paths::resolve`].
    pub fn resolve(&self, base: &str, written: &str) -> Result<String, PathProblem> {
        paths::resolve(self.sources.root(), base, written)
    }

    /// Reads what a stage depends on: a path, or an address.
    ///
    /// What lies in a remote that is a folder here is a path; any other address stays as it is.
    pub fn dependency(&self, base: &str, node: &Node, what: &dyn Display) -> Result<String> {
        let written = self.text_as(node, what, "a path")?;
        if !paths::is_url(&written) {
            return self.path(base, node, what);
        }
        let bad = |problem| self.bad_path(node, what, &written, problem);
        paths::check_scheme(&written).map_err(bad)?;
        let Some((remote, path)) = paths::in_remote(&written) else {
            return Ok(written);
        };
        let Some(place) = self.sources.remote(remote)? else {
            return Err(bad(PathProblem::Remote));
        };
        match paths::is_outside(&place) {
            true => {
                let place = format!("{place}/{path}");
                self.resolve(base, &place).map_err(bad)
            }
            false => Ok(written),
        }
    }

    /// Reads the path of a folder that has to be in the project.
    pub fn inner_path(&self, base: &str, node: &Node, what: &dyn Display) -> Result<String> {
        let path = self.path(base, node, what)?;
        match paths::is_outside(&path) {
            false => Ok(path),
            true => {
                let written = self.text(node, what)?;
                Err(self.bad_path(node, what, &written, PathProblem::Outside))
            }
        }
    }

    /// An error about a path.
    pub fn bad_path(
        &self,
        node: &Node,
        what: &dyn Display,
        written: &str,
        problem: PathProblem,
    ) -> Error {
        let message = format!("path '{written}' in {what} {problem}");
        if problem.is_ours() {
            self.unsupported(node, &message, "use a path inside the project")
        } else {
            self.error(node, message)
        }
    }

    /// An error about a node of the wrong kind.
    pub fn wrong(&self, node: &Node, what: &dyn Display, expected: &str) -> Error {
        let found = match node.as_str() {
            // one of a few words
            Some(text) if expected.starts_with('\'') => format!("'{text}'"),
            _ => describe(node),
        };
        let error = self.error(node, format!("{what} must be {expected}, not {found}"));
        match node.kind.text() {
            Some(text) if is_text(expected) && !text.is_empty() && template_of(node).is_none() => {
                error.hint(format!("put it in quotes: '{text}'"))
            }
            _ => error,
        }
    }
}

/// Returns what messages call an item of a list.
pub(crate) fn item_of(list: &dyn Display) -> ItemOf<'_> {
    ItemOf(list)
}

/// See [`item_of`].
#[derive(Clone, Copy)]
pub(crate) struct ItemOf<'l>(&'l dyn Display);

impl Display for ItemOf<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "an item of {}", self.0)
    }
}

/// Whether quotes make what is expected of a scalar.
fn is_text(expected: &str) -> bool {
    let first = expected.split([',', ' ']).find(|word| *word != "a");
    first.is_some_and(|word| ["text", "path", "key", "file", "command"].contains(&word))
}

/// Returns the template that a value other than text comes from.
fn template_of(node: &Node) -> Option<&str> {
    let text = node.kind.text()?;
    (node.as_str().is_none() && text.starts_with("${")).then_some(text)
}

fn describe(node: &Node) -> String {
    if let Some(template) = template_of(node) {
        let value = node.to_key().unwrap_or_else(|| "".into());
        return format!("'{value}' of the template '{template}'");
    }
    let text = node.kind.text().unwrap_or_default();
    match &node.kind {
        NodeKind::List(items) if items.is_empty() => "an empty list".to_owned(),
        NodeKind::List(_) => "a list".to_owned(),
        NodeKind::Map(entries) if entries.is_empty() => "an empty mapping".to_owned(),
        NodeKind::Map(_) => "a mapping".to_owned(),
        NodeKind::Scalar { is_date: true, .. } => format!("the date {text}"),
        NodeKind::Scalar { .. } => match node.as_str() {
            Some("") => "an empty text".to_owned(),
            Some(_) => "text".to_owned(),
            None if node.is_null() => "nothing".to_owned(),
            None => format!("'{text}'"),
        },
    }
}

#[cfg(test)]
mod tests;
