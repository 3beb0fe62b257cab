//! A value of a params, metrics or lock file, with Python's meaning.
//!
//! DVC compares and prints such values as Python does; so do we. See `yaml` for the text forms.

mod json;
mod key;
mod number;
mod path;
pub mod python;
mod same;
mod shared;

pub(crate) use json::string_length;
pub use key::Key;
pub use number::{repr, round, significant};
pub use path::Step;
pub use shared::Shared;

use indexmap::IndexMap;

/// A mapping that keeps the order of its file. A key acts as its text: `map.get("lr")`.
pub type Map = IndexMap<Key, Value>;

/// One value, scalar or nested. `==` is exact; [`Value::same`] is Python's `==`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// An integer that fits.
    Int(i64),
    /// An integer that does not fit: its decimal digits, with `-` if negative.
    BigInt(String),
    /// A float, NaN and the infinities included.
    Float(f64),
    /// Text.
    Str(String),
    /// A sequence.
    List(Shared<Vec<Value>>),
    /// A mapping.
    Map(Shared<Map>),
}

impl Value {
    /// Returns the text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the mapping, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether Python takes it as true: not null, false, zero or empty.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != 0,
            Value::BigInt(_) => true,
            Value::Float(value) => *value != 0.0,
            Value::Str(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(map) => !map.is_empty(),
        }
    }

    /// Returns an integer from decimal digits (`-` in front, leading zeros allowed), however many.
    pub(crate) fn integer(digits: &str) -> Value {
        let (sign, digits) = match digits.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", digits),
        };
        let digits = digits.trim_start_matches('0');
        if digits.is_empty() {
            return Value::Int(0);
        }
        let text = format!("{sign}{digits}");
        match text.parse() {
            Ok(value) => Value::Int(value),
            Err(_) => Value::BigInt(text),
        }
    }

    /// Returns what Python's `type(value).__name__` says; DVC's messages have it.
    pub fn python_type(&self) -> &'static str {
        match self {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Str(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Value::Int(value.into())
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Int(value)
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        match i64::try_from(value) {
            Ok(value) => Value::Int(value),
            Err(_) => Value::BigInt(value.to_string()),
        }
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Float(value)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Value::List(items.into())
    }
}
