//! Python files as DVC reads them: literals that a module, a class or an `__init__` assigns.
//!
//! Nothing is run. `lr = 0.1` and `lr: float = 0.1` at the top of the file or of a class are params,
//! as is `self.lr = 0.1` in `__init__`; a class is a mapping. What is no literal is no param, and
//! what stands below `if`, in another function or behind two `=` is none. Of the rest of the file
//! only strings, brackets and indentation are understood: DVC also refuses any other wrong syntax.

mod literal;
mod print;
mod scan;
mod statements;
#[cfg(test)]
mod tests;
mod text;

use super::file::Unfit;
use crate::error::{Error, Result};
use crate::value::{Key, Map, Step, Value};
use crate::yaml::edit::Change;
use scan::Scanner;
use std::ops::Range;

/// A literal, or the params of a class.
#[derive(Debug)]
struct Node {
    kind: Kind,
    /// Its text; empty for a class.
    span: Range<usize>,
}

#[derive(Debug)]
enum Kind {
    Scalar(Value),
    /// What `dvc.lock` cannot hold, and what it is.
    Unfit(&'static str),
    List(Vec<Node>, Brackets),
    Map(Vec<(Key, Node)>),
    Class(Vec<(Key, Node)>),
}

/// What stands around a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brackets {
    Square,
    /// A tuple.
    Round,
    /// A tuple without any.
    Bare,
}

impl Node {
    fn entries(&self) -> Option<&[(Key, Node)]> {
        match &self.kind {
            Kind::Map(entries) | Kind::Class(entries) => Some(entries),
            _ => None,
        }
    }

    fn at(&self, step: &Step) -> Option<&Node> {
        match (step, &self.kind) {
            (Step::Index(index), Kind::List(items, _)) => items.get(*index),
            (Step::Key(name), _) => {
                let entries = self.entries()?;
                let found = entries.iter().find(|(key, _)| *key == **name);
                found.map(|(_, node)| node)
            }
            _ => None,
        }
    }

    fn to_value(&self, text: &str, path: &mut Vec<Step>, unfit: &mut Vec<Unfit>) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Unfit(what) => {
                unfit.push((path.clone(), what));
                Value::from(text.get(self.span.clone()).unwrap_or_default())
            }
            Kind::List(items, _) => {
                let mut list = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::Index(index));
                    list.push(item.to_value(text, path, unfit));
                    path.pop();
                }
                Value::from(list)
            }
            Kind::Map(entries) | Kind::Class(entries) => {
                let mut map = Map::new();
                for (key, node) in entries {
                    path.push(Step::Key(key.to_string()));
                    map.insert(key.clone(), node.to_value(text, path, unfit));
                    path.pop();
                }
                Value::from(map)
            }
        }
    }
}

/// Returns the params, and what among them `dvc.lock` cannot hold, which stands as its text.
pub(super) fn read(text: &str, origin: &str) -> Result<(Value, Vec<Unfit>)> {
    let root = parse(text, origin)?;
    let mut unfit = Vec::new();
    let value = root.to_value(text, &mut Vec::new(), &mut unfit);
    Ok((value, unfit))
}

fn parse(text: &str, origin: &str) -> Result<Node> {
    let mut entries = Vec::new();
    Scanner::new(text, origin).module(&mut entries)?;
    Ok(Node {
        kind: Kind::Class(entries),
        span: 0..0,
    })
}

/// Returns `text` with another literal at `path`; that is all that can be changed in code.
pub(super) fn change(text: &str, origin: &str, path: &[Step], change: &Change) -> Result<String> {
    let name = Step::dotted(path);
    let refuse = |why: &str| {
        Error::refused(format!("cannot change '{name}' in '{origin}': {why}"))
            .hint(format!("edit '{origin}' by hand"))
    };
    let Change::Set(value) = change else {
        return Err(refuse("only values of Python files can be changed"));
    };
    let root = parse(text, origin)?;
    let Some(node) = path.iter().try_fold(&root, |node, step| node.at(step)) else {
        return Err(refuse("only values of Python files can be changed"));
    };
    if let Kind::Class(_) = node.kind {
        return Err(refuse("it is a class"));
    }
    let new = print::literal(value, node, &text[node.span.clone()])
        .ok_or_else(|| refuse("Python has no literal for this value"))?;
    Ok(format!(
        "{}{new}{}",
        &text[..node.span.start],
        &text[node.span.end..]
    ))
}
