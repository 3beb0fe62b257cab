//! `int(…)`, `float(…)` and `bool(…)` in assignments, as Hydra has them.

use super::assignment::number;
use crate::value::Value;

/// Returns a value as another type, what is in lists and mappings each; `None` if it is no such thing.
pub(super) fn to(function: &str, value: &Value) -> Option<Value> {
    Some(match value {
        Value::List(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| to(function, item)).collect();
            Value::List(items?)
        }
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| Some((key.clone(), to(function, value)?)))
                .collect::<Option<_>>()?,
        ),
        scalar => match function {
            "int" => int(scalar)?,
            "float" => Value::Float(float(scalar)?),
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
        Value::Str(text) => match number(text.trim())? {
            whole @ (Value::Int(_) | Value::BigInt(_)) => Some(whole),
            _ => None,
        },
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => number(text.trim())?.as_f64(),
        other => other.as_f64(),
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
