//! What differs between the params, or the metrics, of two states, as DVC compares them.
//!
//! Values are compared one dotted name at a time, the way Python does: `3` is `3.0`, `1` is not
//! `'1'`. A list is one value, the text that Python prints of it. NaN beside NaN is no change, although Python says they differ: nobody
//! did anything.

use crate::checkpoint::FileData;
use crate::value::{Value, python};
use indexmap::IndexMap;
use std::collections::BTreeMap;

/// One name's value on both sides; null where a side does not have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Before.
    pub old: Value,
    /// After.
    pub new: Value,
    /// New minus old, where both are numbers (a truth value is 0 or 1).
    pub difference: Option<Value>,
}

/// Changes by file, then by dotted name, both in the order of their text.
pub type Changes = BTreeMap<String, BTreeMap<String, Change>>;

/// Params or metrics by file.
pub type Files = IndexMap<String, FileData>;

/// Returns what changed from `old` to `new`, and what did not if `unchanged` says so.
///
/// A file that could not be read has no values.
pub fn between(old: &Files, new: &Files, unchanged: bool) -> Changes {
    let mut changes = Changes::new();
    for file in old.keys().chain(new.keys()) {
        if changes.contains_key(file) {
            continue;
        }
        let found = in_file(old.get(file), new.get(file), unchanged);
        if !found.is_empty() {
            changes.insert(file.clone(), found);
        }
    }
    changes
}

fn in_file(
    old: Option<&FileData>,
    new: Option<&FileData>,
    unchanged: bool,
) -> BTreeMap<String, Change> {
    let (mut old, mut new) = (values(old), values(new));
    let mut names: Vec<String> = old.keys().chain(new.keys()).cloned().collect();
    names.sort();
    names.dedup();
    let mut changes = BTreeMap::new();
    for name in names {
        let old = old.remove(&name).unwrap_or(Value::Null);
        let new = new.remove(&name).unwrap_or(Value::Null);
        if unchanged || !(old.same(&new) || (is_nan(&old) && is_nan(&new))) {
            let difference = difference(&old, &new);
            let change = Change {
                old,
                new,
                difference,
            };
            changes.insert(name, change);
        }
    }
    changes
}

/// Returns a file's values by dotted name; a file that is one value has it under the empty name.
fn values(file: Option<&FileData>) -> BTreeMap<String, Value> {
    let Some(FileData::Data(data)) = file else {
        return BTreeMap::new();
    };
    let leaves = match data {
        Value::Map(_) => data.leaves(),
        single => vec![(String::new(), single)],
    };
    let compared = |value: &Value| match value {
        Value::List(_) => Value::Str(python::text(value, None)),
        other => other.clone(),
    };
    leaves
        .into_iter()
        .map(|(name, value)| (name, compared(value)))
        .collect()
}

fn is_nan(value: &Value) -> bool {
    matches!(value, Value::Float(value) if value.is_nan())
}

/// Returns new minus old: exact for integers, `None` unless both are numbers.
fn difference(old: &Value, new: &Value) -> Option<Value> {
    if let (Some(old), Some(new)) = (integer(old), integer(new)) {
        return new
            .checked_sub(old)
            .map(|difference| match i64::try_from(difference) {
                Ok(small) => Value::Int(small),
                Err(_) => Value::BigInt(difference.to_string()),
            });
    }
    Some(Value::Float(new.as_f64()? - old.as_f64()?))
}

fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::Bool(value) => Some(i128::from(*value)),
        Value::Int(value) => Some(i128::from(*value)),
        Value::BigInt(digits) => digits.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Files {
        let value = Value::from_json(text, "test").unwrap();
        let map = value.as_map().unwrap();
        let data = map
            .iter()
            .map(|(key, value)| (key.to_string(), FileData::Data(value.clone())));
        data.collect()
    }

    /// Each change as `file:name old new difference`, as JSON has them.
    fn list(old: &str, new: &str, unchanged: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for (file, names) in between(&files(old), &files(new), unchanged) {
            for (name, change) in names {
                let mut line = format!("{file}:{name}");
                for value in [Some(change.old), Some(change.new), change.difference] {
                    let text = value.map_or("-".into(), |value| value.to_python_json());
                    line.push_str(&format!(" {text}"));
                }
                lines.push(line);
            }
        }
        lines
    }

    #[test]
    fn numbers_have_a_difference_and_names_are_sorted() {
        assert_eq!(
            list(
                r#"{"m.json": {"loss": 1.5, "acc": 0.5, "same": 3}}"#,
                r#"{"m.json": {"loss": 1, "acc": 0.75, "same": 3.0}}"#,
                false
            ),
            ["m.json:acc 0.5 0.75 0.25", "m.json:loss 1.5 1 -0.5"]
        );
    }

    #[test]
    fn a_side_that_lacks_a_name_is_null_and_has_no_difference() {
        assert_eq!(
            list(r#"{"a": {"x": 1}}"#, r#"{"b": {"y": {"z": "t"}}}"#, false),
            ["a:x 1 null -", "b:y.z null \"t\" -"]
        );
    }

    #[test]
    fn lists_are_one_value_and_truth_values_are_numbers() {
        assert_eq!(
            list(
                r#"{"p": {"l": [1, "x"], "b": false, "n": [0, 1], "same": [1]}}"#,
                r#"{"p": {"l": [1, "x", true], "b": true, "n": [false, 1], "same": [1]}}"#,
                false
            ),
            [
                "p:b false true 1",
                "p:l \"[1, 'x']\" \"[1, 'x', True]\" -",
                "p:n \"[0, 1]\" \"[False, 1]\" -"
            ]
        );
    }

    #[test]
    fn nan_beside_nan_is_no_change_but_can_be_shown() {
        let nan = r#"{"m": {"loss": NaN}}"#;
        assert_eq!(list(nan, nan, false), Vec::<String>::new());
        assert_eq!(list(nan, nan, true), ["m:loss NaN NaN NaN"]);
        assert_eq!(
            list(nan, r#"{"m": {"loss": Infinity}}"#, false),
            ["m:loss NaN Infinity NaN"]
        );
    }

    #[test]
    fn integers_stay_exact_beyond_floats() {
        assert_eq!(
            list(
                r#"{"m": {"n": 9223372036854775807, "big": 1}}"#,
                r#"{"m": {"n": 9223372036854775806, "big": 18446744073709551616}}"#,
                false
            ),
            [
                "m:big 1 18446744073709551616 18446744073709551615",
                "m:n 9223372036854775807 9223372036854775806 -1"
            ]
        );
    }

    #[test]
    fn a_file_that_is_one_number_has_an_empty_name() {
        assert_eq!(
            list(r#"{"m": 0.5}"#, r#"{"m": 1.5}"#, false),
            ["m: 0.5 1.5 1.0"]
        );
    }

    #[test]
    fn a_file_that_could_not_be_read_has_no_values() {
        let mut broken = Files::new();
        broken.insert(
            "m".into(),
            FileData::Error {
                kind: "ParseError".into(),
                message: "no".into(),
            },
        );
        assert_eq!(between(&broken, &broken, true), Changes::new());
    }
}
