//! Words without quotes: `null`, `true`, numbers, else text.

use super::grammar::{Wrong, because};
use crate::params::cast::is_digits;
use crate::value::Value;

/// Returns what a word without quotes means: `012`, `0x1F` and dates are text.
pub(super) fn typed(text: String) -> Result<Value, Wrong> {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let negative = lower.starts_with('-');
    Ok(match lower.as_str() {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if unsigned == "inf" => Value::Float(match negative {
            true => f64::NEG_INFINITY,
            false => f64::INFINITY,
        }),
        _ if unsigned == "nan" => Value::Float(f64::NAN),
        _ if is_whole(unsigned) => {
            let digits: String = unsigned.chars().filter(|next| *next != '_').collect();
            if digits.len() > 4300 {
                return because("a number of more than 4300 digits");
            }
            let sign = if negative { "-" } else { "" };
            Value::integer(&format!("{sign}{digits}"))
        }
        _ if is_float(unsigned) => {
            let number: String = lower.chars().filter(|next| *next != '_').collect();
            match number.parse() {
                Ok(number) => Value::Float(number),
                Err(_) => Value::Str(text),
            }
        }
        _ => Value::Str(text),
    })
}

fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let is_point = mantissa.split_once('.').is_some_and(|(whole, fraction)| {
        (whole.is_empty() || is_whole(whole))
            && (is_digits(fraction) || (fraction.is_empty() && !whole.is_empty()))
    });
    match exponent {
        None => is_point,
        Some(exponent) => {
            (is_point || is_whole(mantissa))
                && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        }
    }
}
