//! A mapping's key: text, or a number, truth value or null that stood where text stands.
//!
//! `class_weights: {0: 1.0, 1: 2.5}` has integers as keys. DVC compares and prints them as such,
//! so `'0': 1.0` in `dvc.lock` would make it run the stage again. Everybody else wants the text.

use super::Value;
use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

/// A key. It compares, hashes and orders as its text alone; a mapping cannot hold both `1` and `'1'`.
#[derive(Clone)]
pub struct Key {
    text: String,
    is_text: bool,
}

impl Key {
    /// Returns the key that a scalar makes: `None` for lists and mappings.
    pub fn of(value: &Value) -> Option<Key> {
        let text = match value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::BigInt(digits) => digits.clone(),
            Value::Float(value) => crate::yaml::print::float(*value),
            Value::Str(text) => return Some(Key::from(text.as_str())),
            Value::List(_) | Value::Map(_) => return None,
        };
        Some(Key {
            text,
            is_text: false,
        })
    }

    /// Returns its text; numbers, truth values and null as YAML prints them.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the order that Python sorts keys in: numbers by their values.
    pub fn python_order(&self, other: &Key) -> std::cmp::Ordering {
        let number = |key: &Key| match key.is_text {
            true => None,
            false => key.text.parse::<f64>().ok(),
        };
        let by_text = || self.text.cmp(&other.text);
        match (number(self), number(other)) {
            (Some(a), Some(b)) => a.total_cmp(&b).then_with(by_text),
            _ => by_text(),
        }
    }

    /// Whether it is text to Python (`'1'`), not a number, truth value or null (`1`).
    pub fn is_text(&self) -> bool {
        self.is_text
    }
}

impl Deref for Key {
    type Target = str;
    fn deref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.text
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // as `str` does, because of `Borrow<str>`
        self.text.as_str().hash(state);
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        self.text == other
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Key {
            text: text.to_owned(),
            is_text: true,
        }
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Key {
            text,
            is_text: true,
        }
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Key::from(text.as_str())
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.text
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Map;

    #[test]
    fn a_key_is_found_by_its_text() {
        let mut map = Map::new();
        map.insert("lr".into(), Value::Float(0.1));
        map.insert(
            Key::of(&Value::Int(7)).expect("a scalar"),
            Value::Bool(true),
        );
        assert_eq!(map.get("lr"), Some(&Value::Float(0.1)));
        assert_eq!(map.get("7"), Some(&Value::Bool(true)));
        assert!(
            map.get_key_value("7")
                .is_some_and(|(key, _)| !key.is_text())
        );
        assert!(Key::of(&Value::from(vec![])).is_none());
    }
}
