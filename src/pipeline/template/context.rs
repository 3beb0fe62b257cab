//! The values that templates can name, and where each of them comes from.

use super::expression;
use crate::nearest::nearest;
use crate::value::{Map, Value};
use indexmap::IndexMap;
use std::rc::Rc;

/// Where a value was written.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    /// A file, or `vars[0]`, `train.vars[0]`.
    pub source: Rc<str>,
    /// Its dotted name there.
    pub path: String,
    /// Whether the source is a file: then its params are shown.
    pub is_file: bool,
}

impl Origin {
    pub fn file(path: &str) -> Self {
        Origin {
            source: path.into(),
            path: String::new(),
            is_file: true,
        }
    }

    pub fn inline(place: &str) -> Self {
        Origin {
            source: place.into(),
            path: String::new(),
            is_file: false,
        }
    }

    fn child(&self, name: &str) -> Self {
        let path = match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path),
        };
        Origin {
            path,
            ..self.clone()
        }
    }
}

/// A value with its origin.
#[derive(Debug, Clone)]
pub(super) struct Var {
    pub kind: Kind,
    pub origin: Origin,
}

/// A scalar, or something nested; as in DVC, only text is a name, so other keys are left out.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Value),
    List(Vec<Var>),
    Map(IndexMap<String, Var>),
}

impl Var {
    pub fn of(value: &Value, origin: Origin) -> Self {
        let kind = match value {
            Value::List(items) => {
                let items = items.iter().enumerate();
                let nested = |(at, item)| Var::of(item, origin.child(&usize::to_string(&at)));
                Kind::List(items.map(nested).collect())
            }
            Value::Map(map) => Kind::Map(
                map.iter()
                    .filter(|(key, _)| key.is_text())
                    .map(|(key, value)| (key.to_string(), Var::of(value, origin.child(key))))
                    .collect(),
            ),
            scalar => Kind::Scalar(scalar.clone()),
        };
        Var { kind, origin }
    }

    pub fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::List(items.iter().map(Var::value).collect()),
            Kind::Map(map) => {
                let entries = map.iter().map(|(key, var)| (key.into(), var.value()));
                Value::from(Map::from_iter(entries))
            }
        }
    }

    fn at(&self, step: &str) -> Option<&Var> {
        match &self.kind {
            Kind::Scalar(_) => None,
            Kind::List(items) => {
                // as Python counts: from the end if negative
                let index: isize = step.parse().ok()?;
                let index = match index < 0 {
                    true => items.len().checked_sub(index.unsigned_abs())?,
                    false => index.unsigned_abs(),
                };
                items.get(index)
            }
            Kind::Map(map) => map.get(step),
        }
    }
}

/// All values of a file, or of a stage.
#[derive(Debug, Clone, Default)]
pub(super) struct Context {
    vars: IndexMap<String, Var>,
    /// Files that were loaded, with the keys where not all of a file was.
    pub loaded: IndexMap<String, Option<Vec<String>>>,
}

/// A name that is there already: its dotted name, where it is now, where it would come from.
#[derive(Debug)]
pub(super) struct Clash {
    pub name: String,
    pub old: Rc<str>,
    pub new: Rc<str>,
}

impl Context {
    /// Adds values; mappings are merged, anything else may be there only once.
    pub fn merge(&mut self, more: IndexMap<String, Var>) -> Result<(), Clash> {
        merge(&mut self.vars, more)
    }

    /// Returns the value that the steps of a template name, or `None`.
    pub fn find(&self, steps: &[&str]) -> Option<&Var> {
        let (first, rest) = steps.split_first()?;
        walk(self.vars.get(*first)?, rest)
    }

    /// Returns a name like the one that nobody has, with its steps.
    pub fn near(&self, inner: &str) -> Option<String> {
        fn names(vars: &IndexMap<String, Var>, before: &str, found: &mut Vec<String>) {
            for (key, var) in vars {
                let name = format!("{before}{key}");
                if let Kind::Map(map) = &var.kind {
                    names(map, &format!("{name}."), found);
                }
                found.push(name);
            }
        }
        let typed = expression::steps(inner)?.join(".");
        let mut all = Vec::new();
        names(&self.vars, "", &mut all);
        nearest(&typed, all.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// Goes from a value to one below it.
pub(super) fn walk<'v>(var: &'v Var, steps: &[&str]) -> Option<&'v Var> {
    steps.iter().try_fold(var, |var, step| var.at(step))
}

fn merge(into: &mut IndexMap<String, Var>, more: IndexMap<String, Var>) -> Result<(), Clash> {
    for (key, new) in more {
        let Some(old) = into.get_mut(&key) else {
            into.insert(key, new);
            continue;
        };
        match (&mut old.kind, new.kind) {
            (Kind::Map(old), Kind::Map(new)) => merge(old, new)?,
            _ => {
                return Err(Clash {
                    name: new.origin.path,
                    old: old.origin.source.clone(),
                    new: new.origin.source,
                });
            }
        }
    }
    Ok(())
}
