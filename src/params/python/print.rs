//! Values as Python literals.

use super::{Brackets, Kind, Node};
use crate::value::{Value, repr};
use std::fmt::Write;

/// Returns the literal of `value` in the place of `old`, whose text is `old_text`: quotes and
/// brackets stay where the type allows it. NaN has no literal.
pub(super) fn literal(value: &Value, old: &Node, old_text: &str) -> Option<String> {
    match (value, &old.kind) {
        (Value::List(items), Kind::List(_, Brackets::Round | Brackets::Bare)) => {
            let items: Option<Vec<String>> = items.iter().map(plain).collect();
            let items = items?;
            Some(match &items[..] {
                [only] => format!("({only},)"),
                items => format!("({})", items.join(", ")),
            })
        }
        (Value::Str(text), Kind::Scalar(Value::Str(_))) if old_text.starts_with('"') => {
            Some(quoted(text, '"'))
        }
        _ => plain(value),
    }
}

fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(value) => value.to_string(),
        Value::BigInt(digits) => digits.clone(),
        Value::Float(value) if value.is_nan() => return None,
        // there is no other literal that is infinite
        Value::Float(value) if value.is_infinite() => {
            if *value > 0.0 { "1e999" } else { "-1e999" }.to_owned()
        }
        Value::Float(value) => repr(*value),
        Value::Str(text) => quoted(text, '\''),
        Value::List(items) => {
            let items: Option<Vec<String>> = items.iter().map(plain).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Map(map) => {
            let entries: Option<Vec<String>> = map
                .iter()
                .map(|(key, value)| {
                    let key = match key.is_text() {
                        true => quoted(key, '\''),
                        false => plain(&crate::yaml::plain_scalar(key).ok()?)?,
                    };
                    Some(format!("{key}: {}", plain(value)?))
                })
                .collect();
            format!("{{{}}}", entries?.join(", "))
        }
    })
}

/// Text as Python's `repr` has it, in the quotes that are wanted unless the others save a backslash.
fn quoted(text: &str, wanted: char) -> String {
    let other = if wanted == '"' { '\'' } else { '"' };
    let quote = match text.contains(wanted) && !text.contains(other) {
        true => other,
        false => wanted,
    };
    let mut out = String::from(quote);
    for next in text.chars() {
        match next {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            next if next == quote => {
                out.push('\\');
                out.push(next);
            }
            next if next.is_control() => {
                let _ = match u32::from(next) {
                    code @ 0..=0xff => write!(out, "\\x{code:02x}"),
                    code => write!(out, "\\u{code:04x}"),
                };
            }
            next => out.push(next),
        }
    }
    out.push(quote);
    out
}
