//! What a scalar means by its text, its quotes and its tag.

use super::old;
use super::resolve::{self, Meaning};
use crate::value::Value;
use saphyr_parser::{ScalarStyle, Tag};

/// The meaning of a scalar.
pub(super) struct Scalar {
    pub(super) value: Value,
    /// DVC reads it as a date; `value` is its text.
    pub(super) is_date: bool,
    /// A plain `<<`, or one tagged as merge.
    pub(super) is_merge: bool,
}

/// Returns the meaning, or why there is none.
pub(super) fn meaning(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, String> {
    let tag = tag.filter(|tag| !is_unspecific(tag));
    let is_plain = style == ScalarStyle::Plain;
    let mut is_date = false;
    let mut is_merge = false;
    let value = match tag {
        None if is_plain => match resolve::meaning(text) {
            // both are keys in their own right; who reads a value looks at them
            Meaning::Merge | Meaning::ValueMark => {
                is_merge = text == "<<";
                Value::from(text)
            }
            meaning => {
                is_date = meaning == Meaning::Date;
                resolve::value_of(meaning, text)?
            }
        },
        None => Value::from(text),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Value::from(text),
            "null" => Value::Null,
            "int" if resolve::meaning(text) == Meaning::Int => resolve::int(text)?,
            "float" => match resolve::meaning(text) {
                Meaning::Int | Meaning::Float => resolve::float(text),
                _ => return Err(format!("'{text}' is no float")),
            },
            "bool" => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "y" | "on" => Value::Bool(true),
                "false" | "no" | "n" | "off" => Value::Bool(false),
                _ => return Err(format!("'{text}' is no truth value")),
            },
            "timestamp" => {
                is_date = true;
                Value::from(text)
            }
            "merge" => {
                is_merge = true;
                Value::from(text)
            }
            _ => return Err(unknown_tag(tag)),
        },
        Some(tag) => return Err(unknown_tag(tag)),
    };
    Ok(Scalar {
        value,
        is_date,
        is_merge,
    })
}

/// As [`meaning`], in a file that says `%YAML 1.1`.
pub(super) fn old_meaning(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
) -> Result<Scalar, String> {
    let specific = tag.filter(|tag| !is_unspecific(tag));
    match specific {
        None if style == ScalarStyle::Plain => match old::value(text) {
            Some(value) => Ok(Scalar {
                value: value?,
                is_date: false,
                is_merge: false,
            }),
            None => meaning(text, style, tag),
        },
        Some(tag) if tag.is_yaml_core_schema() && matches!(&*tag.suffix, "int" | "float") => {
            Err(format!("{} in YAML 1.1", unknown_tag(tag)))
        }
        _ => meaning(text, style, tag),
    }
}

/// Refuses a tag other than `expected` on a mapping or list.
pub(super) fn check_tag(tag: Option<&Tag>, expected: &str) -> Result<(), String> {
    match tag {
        None => Ok(()),
        Some(tag) if is_unspecific(tag) => Ok(()),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == expected => Ok(()),
        Some(tag) => Err(unknown_tag(tag)),
    }
}

fn unknown_tag(tag: &Tag) -> String {
    let name = match tag.is_yaml_core_schema() {
        true => format!("!!{}", tag.suffix),
        false => tag.to_string(),
    };
    format!("the tag '{name}' is not supported")
}

/// `!` alone, which leaves the meaning to the text.
fn is_unspecific(tag: &Tag) -> bool {
    (tag.handle.is_empty() && tag.suffix == "!") || (tag.handle == "!" && tag.suffix.is_empty())
}
