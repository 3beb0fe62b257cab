//! Values as Python prints them: people and scripts know DVC's output, which is Python's.

use crate::value::{Value, repr, significant};
use std::fmt::Write;

/// Returns `str(value)`; floats have `digits` significant digits, or as many as they need.
///
/// ```text
/// True   None   1e-05   [1, 2, 'x']   {'a': 0.5}
/// ```
pub fn text(value: &Value, digits: Option<usize>) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => {
            let mut out = String::new();
            push_repr(&mut out, other, digits);
            out
        }
    }
}

fn push_display(out: &mut String, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

fn push_separator(out: &mut String, position: usize) {
    if position > 0 {
        out.push_str(", ");
    }
}

fn push_repr(out: &mut String, value: &Value, digits: Option<usize>) {
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(value) => push_display(out, value),
        Value::BigInt(number) => out.push_str(number),
        Value::Float(value) => match digits {
            Some(digits) => out.push_str(&significant(*value, digits)),
            None => out.push_str(&repr(*value)),
        },
        Value::Str(text) => push_text_repr(out, text),
        Value::List(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                push_separator(out, position);
                push_repr(out, item, digits);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (position, (key, item)) in map.iter().enumerate() {
                push_separator(out, position);
                if key.is_text() {
                    push_text_repr(out, key);
                } else {
                    out.push_str(key);
                }
                out.push_str(": ");
                push_repr(out, item, digits);
            }
            out.push('}');
        }
    }
}

fn push_text_repr(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(quote);
            }
            _ if character.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push(quote);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Map;

    fn sample() -> Value {
        let mut map = Map::new();
        map.insert("a b".into(), Value::Float(0.123456789));
        map.insert("it's".into(), Value::Null);
        Value::from(vec![
            Value::Int(1),
            Value::Bool(true),
            Value::from("x"),
            Value::from("it's"),
            Value::from("'\"\n"),
            Value::from(map),
            Value::BigInt("18446744073709551616".into()),
        ])
    }

    #[test]
    fn prints_containers_as_python_does() {
        assert_eq!(
            text(&sample(), Some(5)),
            r#"[1, True, 'x', "it's", '\'"\n', {'a b': 0.12346, "it's": None}, 18446744073709551616]"#
        );
        assert_eq!(text(&Value::from("it's"), None), "it's");
        assert_eq!(text(&Value::Float(1e-5), None), "1e-05");
        assert_eq!(text(&Value::Float(f64::NAN), None), "nan");
    }
}
