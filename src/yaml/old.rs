//! What a plain scalar means in a file that says `%YAML 1.1`, where that is not what it means else:
//! `on` is true, `010` is eight and `1:30` is ninety, as ruamel has it.

use super::resolve;
use crate::value::Value;

/// Returns the value of a plain scalar, or why there is none; `None` for what has not changed since.
pub(super) fn value(text: &str) -> Option<Result<Value, String>> {
    match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Some(Ok(Value::Bool(true)));
        }
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Some(Ok(Value::Bool(false)));
        }
        _ => {}
    }
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_signed = body.len() < text.len();
    let first = body.bytes().next()?;
    if first == b'.' {
        // '-.5' is text, '-.inf' is not
        let is_text = is_signed && !matches!(body, ".inf" | ".Inf" | ".INF");
        return is_text.then(|| Ok(Value::from(text)));
    }
    if !(first.is_ascii_digit() || is_signed && first == b'_') {
        return None;
    }
    let digits = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'_'));
    if body.contains(':') {
        return sexagesimal(text, body);
    }
    if body.starts_with("0o") {
        return Some(Ok(Value::from(text)));
    }
    if !digits(body) || !matches!(first, b'0' | b'_') {
        return None;
    }
    if body.contains(['8', '9']) {
        return Some(Ok(Value::from(text)));
    }
    let sign = &text[..text.len() - body.len()];
    let octal: String = body.chars().filter(|next| *next != '_').collect();
    Some(match octal.as_str() {
        "" => Err(format!("'{text}' is no number; put it in quotes")),
        // without the zero in front it is what it looks like
        octal if !octal.starts_with('0') => resolve::int(&format!("{sign}{octal}")),
        octal => resolve::int(&format!("{sign}0o{octal}")),
    })
}

/// Reads `1:30` and `1:30.5`, numbers with the base 60; `None` for what is none.
fn sexagesimal(text: &str, body: &str) -> Option<Result<Value, String>> {
    let (whole, fraction) = match body.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (body, None),
    };
    let mut parts = whole.split(':');
    let first = parts.next()?;
    let is_digits = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'_'));
    let is_sixtieth = |part: &str| match part.as_bytes() {
        [one] => one.is_ascii_digit(),
        [ten, one] => matches!(ten, b'0'..=b'5') && one.is_ascii_digit(),
        _ => false,
    };
    let starts = match fraction {
        Some(_) => first.starts_with(|next: char| next.is_ascii_digit()),
        None => first.starts_with(|next: char| matches!(next, '1'..='9')),
    };
    if !starts || !is_digits(first) || !parts.all(is_sixtieth) {
        return None;
    }
    if !fraction.is_none_or(is_digits) {
        return None;
    }
    let plain: String = body.chars().filter(|next| *next != '_').collect();
    let is_negative = text.starts_with('-');
    Some(match fraction {
        None => {
            let whole = plain.split(':').try_fold(0_i128, |sum, part| {
                let part: i128 = part.parse().ok()?;
                sum.checked_mul(60)?.checked_add(part)
            });
            let sign = if is_negative { "-" } else { "" };
            whole
                .map(|whole| Value::integer(&format!("{sign}{whole}")))
                .ok_or_else(|| format!("'{text}' is too large a number"))
        }
        Some(_) => {
            // in Python's order, which decides how it is rounded
            let (mut sum, mut base) = (0.0, 1.0);
            for part in plain.rsplit(':') {
                sum += part.parse::<f64>().unwrap_or_default() * base;
                base *= 60.0;
            }
            Ok(Value::Float(if is_negative { -sum } else { sum }))
        }
    })
}
