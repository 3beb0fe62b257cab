//! Functions of values, as Hydra has them: `int(…)`, `float(…)`, `str(…)`, `bool(…)`, `sort(…)`, `shuffle(…)`.
//!
//! The others make a sweep of several values, and so do these with several arguments.

use super::grammar::{Wrong, because};
use super::order;
use crate::params::cast;
use crate::value::Value;

/// A call that is being read. An argument without a value is a sweep.
pub(super) struct Call {
    function: Function,
    arguments: Vec<Option<Value>>,
    named: Vec<(String, Option<Value>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Cast(&'static str),
    Sort,
    Shuffle,
    Tag,
    Sweep,
}

const FUNCTIONS: [(&str, Function); 11] = [
    ("int", Function::Cast("int")),
    ("float", Function::Cast("float")),
    ("str", Function::Cast("str")),
    ("bool", Function::Cast("bool")),
    ("sort", Function::Sort),
    ("shuffle", Function::Shuffle),
    ("choice", Function::Sweep),
    ("range", Function::Sweep),
    ("interval", Function::Sweep),
    ("glob", Function::Sweep),
    ("tag", Function::Tag),
];

impl Call {
    /// Begins the call of a function by its name.
    pub fn of(name: &str) -> Result<Self, Wrong> {
        let found = FUNCTIONS.iter().find(|(known, _)| *known == name);
        match found {
            Some((_, function)) => Ok(Call {
                function: *function,
                arguments: Vec::new(),
                named: Vec::new(),
            }),
            None => because(format!(
                "there is no function '{name}'; put the text in quotes"
            )),
        }
    }

    /// Adds an argument.
    pub fn add(&mut self, name: Option<String>, value: Option<Value>) -> Result<(), Wrong> {
        match name {
            None if !self.named.is_empty() => because(format!(
                "'{}' takes no value behind named ones",
                self.name()
            )),
            None => {
                self.arguments.push(value);
                Ok(())
            }
            Some(name) => {
                let known: &[&str] = match self.function {
                    Function::Cast(_) => &["value"],
                    Function::Sort => &["list", "sweep", "reverse"],
                    Function::Shuffle => &["list", "sweep"],
                    Function::Tag => &["sweep"],
                    Function::Sweep => &["start", "stop", "step", "end", "include", "exclude"],
                };
                if !known.contains(&name.as_str()) {
                    return because(format!("'{}' takes no '{name}'", self.name()));
                }
                // as in Python's dict, the last one counts
                self.named.retain(|(known, _)| *known != name);
                self.named.push((name, value));
                Ok(())
            }
        }
    }

    /// Returns what the function makes of its arguments.
    pub fn result(mut self) -> Result<Value, Wrong> {
        match self.function {
            Function::Cast(to) => {
                if let Some(value) = self.take("value") {
                    match self.arguments.is_empty() {
                        true => self.arguments.push(value),
                        false => return because(format!("'{to}' takes one value")),
                    }
                }
                match self.one()? {
                    Some(value) => cast::to(to, &value)
                        .ok_or_else(|| Wrong::Because(format!("'{to}' cannot take this value"))),
                    None => because(format!("'{to}' needs a value")),
                }
            }
            Function::Sort => self.sort(),
            Function::Shuffle => self.shuffle(),
            Function::Tag => match self.take("sweep").or_else(|| self.arguments.pop()) {
                Some(None) => Err(Wrong::Sweep),
                _ => because("'tag' takes a sweep"),
            },
            Function::Sweep => match self.arguments.is_empty() && self.named.is_empty() {
                true => because(format!("'{}' needs a value", self.name())),
                false => Err(Wrong::Sweep),
            },
        }
    }

    fn sort(mut self) -> Result<Value, Wrong> {
        let reverse = match self.take("reverse") {
            None => false,
            Some(Some(Value::Bool(reverse))) => reverse,
            Some(_) => return because("'reverse' of 'sort' must be true or false"),
        };
        if let Some(list) = self.list()? {
            return order::sorted(list, reverse);
        }
        let is_scalar = |value: &Option<Value>| {
            !matches!(
                value,
                None | Some(Value::Null | Value::List(_) | Value::Map(_))
            )
        };
        if self.arguments.len() > 1 && !self.arguments.iter().all(is_scalar) {
            return because("'sort' takes one list");
        }
        match self.one()? {
            None => because("'sort' needs a list"),
            Some(Value::Null) => because("'sort' cannot take this value"),
            Some(Value::List(items)) => order::sorted(items.into_inner(), reverse),
            Some(alone) => Ok(alone),
        }
    }

    fn shuffle(mut self) -> Result<Value, Wrong> {
        if let Some(list) = self.list()? {
            return order::shuffled(list);
        }
        match self.one()? {
            // as in Hydra, nothing at all is a choice of nothing
            None => Err(Wrong::Sweep),
            Some(Value::Null) => because("'shuffle' cannot take this value"),
            Some(Value::List(items)) => order::shuffled(items.into_inner()),
            Some(alone) => Ok(Value::from(vec![alone])),
        }
    }

    /// Takes `list=[…]`; `sweep=…` can only be a sweep.
    fn list(&mut self) -> Result<Option<Vec<Value>>, Wrong> {
        match (self.take("list"), self.take("sweep")) {
            (Some(Some(Value::List(items))), _) => Ok(Some(items.into_inner())),
            (Some(_), _) => because(format!("'list' of '{}' must be a list", self.name())),
            (None, Some(None)) => Err(Wrong::Sweep),
            (None, Some(Some(_))) => because(format!("'sweep' of '{}' is none", self.name())),
            (None, None) => Ok(None),
        }
    }

    /// Returns the only argument; several are a sweep.
    fn one(&mut self) -> Result<Option<Value>, Wrong> {
        match self.arguments.as_slice() {
            [] => Ok(None),
            [Some(_)] => Ok(self.arguments.pop().flatten()),
            _ => Err(Wrong::Sweep),
        }
    }

    fn take(&mut self, name: &str) -> Option<Option<Value>> {
        let at = self.named.iter().position(|(known, _)| known == name)?;
        Some(self.named.remove(at).1)
    }

    fn name(&self) -> &'static str {
        let found = FUNCTIONS.iter().find(|(_, known)| *known == self.function);
        found.map_or("", |(name, _)| name)
    }
}
