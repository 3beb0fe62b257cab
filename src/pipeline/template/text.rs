//! How values look in a text: scalars as DVC writes them, mappings as options of a command.

use crate::value::{Value, repr};

/// How a mapping in `cmd` becomes options; `parsing.*` of DVC's config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unpacking {
    /// `parsing.bool = boolean_optional`: false is `--no-name`, not left out.
    pub negates_false: bool,
    /// `parsing.list = append`: `--name` stands before each item, not before the first.
    pub repeats_name: bool,
}

/// Returns a scalar's text in the middle of another: `true`, `None`, `1e-05`. Nothing for lists
/// and mappings.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(value) => Some(value.to_string()),
        other => python(other),
    }
}

/// Returns what Python's `str` says of a scalar: `True`, `None`, `1e-05`.
pub(super) fn python(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::BigInt(digits) => digits.clone(),
        Value::Float(value) => repr(*value),
        Value::Str(text) => text.clone(),
        Value::List(_) | Value::Map(_) => return None,
    })
}

/// Returns a mapping as options, nested names joined by dots; the error is the name of a list that
/// holds more than scalars.
pub(super) fn options(value: &Value, how: Unpacking) -> Result<String, String> {
    let mut words = Vec::new();
    for (name, value) in value.leaves() {
        match value {
            Value::Bool(true) => words.push(format!("--{name}")),
            Value::Bool(false) if how.negates_false => words.push(format!("--no-{name}")),
            // as DVC, an empty mapping is no option
            Value::Bool(false) | Value::Map(_) => {}
            Value::List(items) => {
                for (number, item) in items.iter().enumerate() {
                    if number == 0 || how.repeats_name {
                        words.push(format!("--{name}"));
                    }
                    words.push(argument(item).ok_or_else(|| name.clone())?);
                }
            }
            _ => {
                words.push(format!("--{name}"));
                words.push(argument(value).unwrap_or_default());
            }
        }
    }
    Ok(words.join(" ").trim_end().to_owned())
}

fn argument(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(quoted(text)),
        other => python(other),
    }
}

/// Quotes a word for the shell as Python's `shlex.quote` does.
fn quoted(word: &str) -> String {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    match !word.is_empty() && word.bytes().all(is_safe) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\"'\"'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    #[test]
    fn a_mapping_becomes_options() {
        let text = "{lr: 1e-5, bs: 32, on: true, off: false, names: [a, b c, true, 2.0, null],\n\
                    nested: {x: 1, deep: {y: it's}, gone: {}}, nn: null, s: '', none: []}";
        let value = yaml::parse(text, "p").unwrap().to_value();
        assert_eq!(
            options(&value, Unpacking::default()).unwrap(),
            "--lr 1e-05 --bs 32 --on --names a 'b c' True 2.0 None --nested.x 1 \
             --nested.deep.y 'it'\"'\"'s' --nn None --s ''"
        );
        let how = Unpacking {
            negates_false: true,
            repeats_name: true,
        };
        let value = yaml::parse("{off: false, l: [1, 2]}", "p").unwrap();
        assert_eq!(
            options(&value.to_value(), how).unwrap(),
            "--no-off --l 1 --l 2"
        );
        let value = yaml::parse("{a: {l: [1, [2]]}}", "p").unwrap();
        assert_eq!(options(&value.to_value(), how), Err("a.l".to_owned()));
    }
}
