//! `int(…)`, `float(…)`, `str(…)` and `bool(…)` in assignments, as Hydra has them.

use crate::value::{Value, python};

/// Returns a value as another type, what is in lists and mappings each; `None` if it is no such thing.
pub(super) fn to(function: &str, value: &Value) -> Option<Value> {
    Some(match value {
        Value::List(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| to(function, item)).collect();
            Value::from(items?)
        }
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| Some((key.clone(), to(function, value)?)))
                .collect::<Option<_>>()?,
        ),
        Value::Null if function != "bool" => return None,
        scalar => match function {
            "int" => int(scalar)?,
            "float" => Value::Float(float(scalar)?),
            "str" => Value::Str(text(scalar)),
            _ => Value::Bool(bool(scalar)?),
        },
    })
}

fn int(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::BigInt(_) => Some(value.clone()),
        Value::Bool(value) => Some(Value::Int(i64::from(*value))),
        Value::Float(value) if value.is_finite() => {
            Some(Value::integer(&format!("{:.0}", value.trunc() + 0.0)))
        }
        Value::Str(text) => {
            let (sign, digits) = signed(text.trim());
            let is_whole = is_digits(digits) && digits.len() <= 4300;
            is_whole.then(|| Value::integer(&format!("{sign}{}", plain(digits))))
        }
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    let Value::Str(text) = value else {
        return value.as_f64();
    };
    let (sign, number) = signed(text.trim());
    let lower = number.to_ascii_lowercase();
    if !["inf", "infinity", "nan"].contains(&lower.as_str()) {
        let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_number = [whole, fraction, signed(exponent).1]
            .iter()
            .all(|part| part.is_empty() || is_digits(part));
        if !is_number || (whole.is_empty() && fraction.is_empty()) || exponent.is_empty() {
            return None;
        }
    }
    format!("{sign}{}", plain(&lower)).parse().ok()
}

/// As Python's `str`, but for the truth values.
fn text(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        other => python::text(other, None),
    }
}

fn bool(value: &Value) -> Option<bool> {
    match value {
        Value::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Value::Str(_) => None,
        other => Some(other.is_truthy()),
    }
}

/// Takes the sign of a number; that of a positive one is nothing.
fn signed(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Digits, single underscores between them.
pub(super) fn is_digits(text: &str) -> bool {
    text.split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn plain(digits: &str) -> String {
    digits.chars().filter(|next| *next != '_').collect()
}
