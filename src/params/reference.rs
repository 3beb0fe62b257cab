//! `${other.param}` in assigned values, resolved as OmegaConf does it for DVC.
//!
//! `${a.b}`, `${a[0]}` and `${a.0}` start at the top, `${.b}` in the mapping or list that the value is in, each
//! further dot one level up; `${a.${b}}` builds a name. A text that is one `${x}` becomes what `x` is, in
//! another text it stands as Python prints it. `\${x}` is `${x}`. What the named value refers to itself is
//! resolved too, after all assignments: their order does not matter.

use crate::error::{Error, Result};
use crate::value::{Step, Value, python};

/// More than all values that somebody assigns.
const MOST_VALUES: usize = 200_000;

/// Whether a text refers to something, or says that it does not.
pub(super) fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("${"))
}

/// Lists the paths of the templates in a value.
pub(super) fn templates(value: &Value, at: &[Step]) -> Vec<Vec<Step>> {
    let below = |step: Step, value: &Value| {
        let mut path = at.to_vec();
        path.push(step);
        templates(value, &path)
    };
    match value {
        Value::List(items) => {
            let items = items.iter().enumerate();
            items
                .flat_map(|(index, item)| below(Step::Index(index), item))
                .collect()
        }
        Value::Map(map) => map
            .iter()
            .flat_map(|(key, value)| below(Step::Key(key.to_string()), value))
            .collect(),
        text if is_template(text) => vec![at.to_vec()],
        _ => Vec::new(),
    }
}

/// Returns what the template at `path` of the values of `file` becomes.
pub(super) fn resolve(root: &Value, file: &str, path: &[Step]) -> Result<Value> {
    let mut resolver = Resolver {
        root,
        file,
        open: Vec::new(),
        left: MOST_VALUES,
    };
    resolver.value(path)
}

struct Resolver<'v> {
    root: &'v Value,
    file: &'v str,
    /// The templates that are being resolved, each for the one before.
    open: Vec<Vec<Step>>,
    left: usize,
}

/// A piece of a text.
enum Part<'t> {
    Text(String),
    /// What stands between `${` and its `}`.
    Reference(&'t str),
}

impl Resolver<'_> {
    /// Returns the value at a path without templates.
    fn value(&mut self, path: &[Step]) -> Result<Value> {
        let Some(value) = path.iter().try_fold(self.root, Value::at) else {
            return Ok(Value::Null);
        };
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            return Err(self.error(path, "stands for too much"));
        }
        let below = |step: Step| {
            let mut path = path.to_vec();
            path.push(step);
            path
        };
        match value {
            Value::List(items) => {
                let items = (0..items.len()).map(|index| self.value(&below(Step::Index(index))));
                Ok(Value::List(items.collect::<Result<_>>()?))
            }
            Value::Map(map) => {
                let entries = map.keys().map(|key| {
                    let value = self.value(&below(Step::Key(key.to_string())))?;
                    Ok((key.clone(), value))
                });
                Ok(Value::Map(entries.collect::<Result<_>>()?))
            }
            Value::Str(text) if text.contains("${") => {
                if self.open.iter().any(|open| open == path) {
                    return Err(self.error(path, "refers to itself"));
                }
                self.open.push(path.to_vec());
                let found = self.text(text, path);
                self.open.pop();
                found
            }
            other => Ok(other.clone()),
        }
    }

    /// Returns what a text becomes whose place is `path`.
    fn text(&mut self, text: &str, path: &[Step]) -> Result<Value> {
        let parts = parts(text).map_err(|why| self.error(path, why))?;
        if let [Part::Reference(inner)] = parts.as_slice() {
            return self.reference(inner, path);
        }
        let mut whole = String::new();
        for part in parts {
            match part {
                Part::Text(text) => whole += &text,
                Part::Reference(inner) => {
                    whole += &python::text(&self.reference(inner, path)?, None);
                }
            }
        }
        Ok(Value::Str(whole))
    }

    /// Returns what `${inner}` means at `path`.
    fn reference(&mut self, inner: &str, path: &[Step]) -> Result<Value> {
        let name = match inner.contains("${") {
            true => match self.text(inner, path)? {
                Value::Str(name) => name,
                other => python::text(&other, None),
            },
            false => inner.to_owned(),
        };
        let name = name.trim();
        if let Some((resolver, _)) = name.split_once(':') {
            return Err(self
                .error(path, &format!("calls '{resolver}', which is not supported"))
                .hint("write '\\${' for the text"));
        }
        let dots = name.len() - name.trim_start_matches('.').len();
        let (mut found, rest) = match dots {
            0 => (Vec::new(), name),
            up => match path.len().checked_sub(up) {
                Some(depth) => (path[..depth].to_vec(), &name[up..]),
                None => {
                    return Err(self.error(path, &format!("refers to '{name}', above the file")));
                }
            },
        };
        let Some(parts) = names(rest, dots > 0) else {
            return Err(self
                .error(path, &format!("refers to '{name}', which is malformed"))
                .hint("write ${name}, ${name.nested} or ${name[0]}, and '\\${' for the text"));
        };
        for part in parts {
            let holder = path_of(self.root, &found);
            let step = match holder {
                Some(Value::List(_)) => part.parse().ok().map(Step::Index),
                _ => Some(Step::Key(part.to_owned())),
            };
            let is_there = holder.zip(step.as_ref()).is_some_and(|(holder, step)| {
                let is_text = match (holder, step) {
                    (Value::Map(map), Step::Key(key)) => map
                        .get_key_value(key.as_str())
                        .is_some_and(|(key, _)| key.is_text()),
                    _ => true,
                };
                is_text && holder.at(step).is_some()
            });
            match step.filter(|_| is_there) {
                Some(step) => found.push(step),
                None => {
                    let what = format!("refers to '{name}', which is not there");
                    return Err(self.error(path, &what));
                }
            }
        }
        self.value(&found)
    }

    fn error(&self, path: &[Step], what: &str) -> Error {
        let name = Step::dotted(path);
        Error::refused(format!("'{name}' of '{}' {what}", self.file))
    }
}

fn path_of<'v>(root: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(root, Value::at)
}

/// Cuts a text at its references.
fn parts(text: &str) -> Result<Vec<Part<'_>>, &'static str> {
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let before = &rest[..at];
        let plain = before.trim_end_matches('\\');
        let slashes = before.len() - plain.len();
        literal += plain;
        literal += &"\\".repeat(slashes / 2);
        if slashes % 2 == 1 {
            literal += "${";
            rest = &rest[at + 2..];
            continue;
        }
        let inner = &rest[at + 2..];
        let end = closing(inner).ok_or("has a '${' without its '}'")?;
        if !literal.is_empty() {
            found.push(Part::Text(std::mem::take(&mut literal)));
        }
        found.push(Part::Reference(&inner[..end]));
        rest = &inner[end + 1..];
    }
    literal += rest;
    if !literal.is_empty() || found.is_empty() {
        found.push(Part::Text(literal));
    }
    Ok(found)
}

/// Finds the brace that closes a reference, behind those that are nested in it.
fn closing(inner: &str) -> Option<usize> {
    let mut open = 0;
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// Cuts `a.b[0]` into names; `None` if it is malformed. Relative ones may begin with a bracket.
fn names(text: &str, is_relative: bool) -> Option<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut is_first = true;
    while !rest.is_empty() {
        let name;
        if let Some(inner) = rest.strip_prefix('[') {
            if is_first && !is_relative {
                return None;
            }
            (name, rest) = inner.split_once(']')?;
        } else {
            let start = match is_first {
                true => rest,
                false => rest.strip_prefix('.')?,
            };
            let end = start.find(['.', '[']).unwrap_or(start.len());
            (name, rest) = start.split_at(end);
        }
        let is_name = |letter: char| !letter.is_whitespace() && !"\\{}()[]'\"$,".contains(letter);
        if name.is_empty() || !name.chars().all(is_name) {
            return None;
        }
        found.push(name);
        is_first = false;
    }
    (!found.is_empty()).then_some(found)
}
