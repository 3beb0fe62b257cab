//! The tables in `tests/fixtures/yaml`, which DVC's own functions wrote.

use crate::value::{Key, Map, Value};

/// Returns the rows of a table.
pub(crate) fn rows(text: &str) -> Vec<Vec<serde_json::Value>> {
    serde_json::from_str(text).expect("a table")
}

/// Returns the value that `generate.py` spelled with types.
pub(crate) fn value(typed: &serde_json::Value) -> Value {
    match typed {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Array(items) => Value::List(items.iter().map(value).collect()),
        serde_json::Value::Object(object) => {
            let (kind, content) = object.iter().next().expect("one entry");
            let text = content.as_str().unwrap_or_default();
            match kind.as_str() {
                "bool" => Value::Bool(content.as_bool().expect("a truth value")),
                "int" => Value::integer(text),
                "float" => Value::Float(text.parse().expect("a float")),
                "str" => Value::Str(text.to_owned()),
                "map" => Value::from(map(content)),
                other => panic!("unknown kind {other}"),
            }
        }
        other => panic!("{other}"),
    }
}

fn map(pairs: &serde_json::Value) -> Map {
    let pairs = pairs.as_array().expect("pairs");
    pairs
        .iter()
        .map(|pair| {
            let key = Key::of(&value(&pair[0])).expect("a scalar key");
            (key, value(&pair[1]))
        })
        .collect()
}

/// Whether two values are the same to the last bit, types and order of keys included; NaN is itself.
pub(crate) fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Float(a), Value::Float(b)) => {
            a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((a_key, a), (b_key, b))| {
                    a_key == b_key && a_key.is_text() == b_key.is_text() && identical(a, b)
                })
        }
        (a, b) => a == b,
    }
}
