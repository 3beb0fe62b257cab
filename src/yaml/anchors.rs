//! Names of what a document holds more than once: `&id001` where it stands, `*id001` where it is again.
//!
//! Numbers are ruamel's: in the order in which lists and mappings are met for the second time.

use crate::value::{Map, Value};
use std::collections::{HashMap, HashSet};

/// The lists and mappings of a document that it holds more than once.
#[derive(Default)]
pub(super) struct Anchors {
    /// By identity; without a number as long as it was met once.
    numbers: HashMap<usize, Option<usize>>,
    /// How many have a number.
    named: usize,
    /// The numbers of those that were printed.
    printed: HashSet<usize>,
}

/// How a list or mapping is printed.
pub(super) enum Form {
    /// As it is.
    Plain,
    /// As it is, behind this anchor.
    Anchored(String),
    /// As this alias.
    Alias(String),
}

impl Anchors {
    /// Returns those of a document.
    pub fn of(map: &Map) -> Self {
        let mut anchors = Anchors::default();
        map.values().for_each(|value| anchors.meet(value));
        anchors
    }

    fn meet(&mut self, value: &Value) {
        if let Some(identity) = identity(value) {
            match self.numbers.get_mut(&identity) {
                Some(Some(_)) => return,
                Some(number) => {
                    self.named += 1;
                    *number = Some(self.named);
                    return;
                }
                None => drop(self.numbers.insert(identity, None)),
            }
        }
        match value {
            Value::List(items) => items.iter().for_each(|item| self.meet(item)),
            Value::Map(map) => map.values().for_each(|value| self.meet(value)),
            _ => {}
        }
    }

    /// Returns how a value is printed that is met now; the first time is the one that is anchored.
    pub fn form(&mut self, value: &Value) -> Form {
        let number =
            identity(value).and_then(|identity| self.numbers.get(&identity).copied().flatten());
        match number {
            None => Form::Plain,
            Some(number) if self.printed.contains(&number) => {
                Form::Alias(format!("*id{number:03}"))
            }
            Some(number) => {
                self.printed.insert(number);
                Form::Anchored(format!("&id{number:03}"))
            }
        }
    }
}

/// Returns what tells a list or mapping from others; `None` if no other place holds it.
fn identity(value: &Value) -> Option<usize> {
    match value {
        Value::List(items) => items.is_elsewhere().then(|| items.identity()),
        Value::Map(map) => map.is_elsewhere().then(|| map.identity()),
        _ => None,
    }
}
