//! What a plain scalar means to DVC: ruamel's YAML 1.2 rules with its extensions.

use crate::value::Value;

/// The meaning of a plain scalar's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Text.
    Text,
    /// Nothing, `~` or `null`.
    Null,
    /// A truth value.
    Bool,
    /// An integer in any of the notations.
    Int,
    /// A float.
    Float,
    /// A date, or a date with a time.
    Date,
    /// `<<`.
    Merge,
    /// `=`, which ruamel reads as a type that nobody can build.
    ValueMark,
}

/// More digits than this Python refuses to convert, and so do we.
const MOST_DIGITS: usize = 4300;

/// Returns what `text` means when it is written without quotes.
pub(crate) fn meaning(text: &str) -> Meaning {
    let first = text.as_bytes().first().copied().unwrap_or_default();
    // Most are words.
    if first.is_ascii_alphabetic() && !b"nNtTfF".contains(&first) {
        return Meaning::Text;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Meaning::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => return Meaning::Bool,
        "<<" => return Meaning::Merge,
        "=" => return Meaning::ValueMark,
        _ => {}
    }
    if !matches!(first, b'-' | b'+' | b'.' | b'0'..=b'9') {
        return Meaning::Text;
    }
    if is_float(text) {
        Meaning::Float
    } else if is_int(text) {
        Meaning::Int
    } else if is_date(text) {
        Meaning::Date
    } else {
        Meaning::Text
    }
}

/// Returns the value of a plain scalar, or why there is none. Dates are text here.
pub(crate) fn value(text: &str) -> Result<Value, String> {
    value_of(meaning(text), text)
}

/// As [`value`], of a scalar whose meaning is known.
pub(super) fn value_of(meaning: Meaning, text: &str) -> Result<Value, String> {
    Ok(match meaning {
        Meaning::Null => Value::Null,
        Meaning::Bool => Value::Bool(text.starts_with(['t', 'T'])),
        Meaning::Int => int(text)?,
        Meaning::Float => float(text),
        Meaning::Date if !date_exists(text) => {
            return Err(format!("'{text}' is no date; put it in quotes"));
        }
        Meaning::Text | Meaning::Date => Value::Str(text.to_owned()),
        Meaning::Merge | Meaning::ValueMark => {
            return Err(format!("'{text}' alone is no value; put it in quotes"));
        }
    })
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn only(text: &str, allowed: impl Fn(u8) -> bool) -> bool {
    !text.is_empty() && text.bytes().all(allowed)
}

fn is_int(text: &str) -> bool {
    let body = unsigned(text);
    let digits = |part: &str| only(part, |byte| byte.is_ascii_digit() || byte == b'_');
    if let Some(rest) = body.strip_prefix("0b") {
        return only(rest, |byte| matches!(byte, b'0' | b'1' | b'_'));
    }
    if let Some(rest) = body.strip_prefix("0o") {
        return only(rest, |byte| matches!(byte, b'0'..=b'7' | b'_'));
    }
    if let Some(rest) = body.strip_prefix("0x") {
        return only(rest, |byte| byte.is_ascii_hexdigit() || byte == b'_');
    }
    digits(body)
}

fn is_float(text: &str) -> bool {
    if matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let body = unsigned(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") {
        return true;
    }
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => (&body[..at], Some(&body[at + 1..])),
        None => (body, None),
    };
    let exponent_digits = |part: &str| only(part, |byte| byte.is_ascii_digit());
    let digits = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
    };
    let Some((whole, fraction)) = mantissa.split_once('.') else {
        // without a point there must be an exponent
        return mantissa.starts_with(|first: char| first.is_ascii_digit())
            && digits(mantissa)
            && exponent.is_some_and(|part| exponent_digits(unsigned(part)));
    };
    if !digits(whole) || !digits(fraction) {
        return false;
    }
    if whole.is_empty() {
        // `.5e3` is text, `.5e+3` is a float
        return !fraction.is_empty()
            && exponent
                .is_none_or(|part| part.starts_with(['-', '+']) && exponent_digits(&part[1..]));
    }
    whole.starts_with(|first: char| first.is_ascii_digit())
        && exponent.is_none_or(|part| exponent_digits(unsigned(part)))
}

fn is_date(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else {
        return is_time_stamp(text);
    };
    (rest.is_empty() && shape(date, "dddd-dd-dd")) || is_time_stamp(text)
}

/// Whether `text` has the shape of `pattern`, `d` standing for a digit.
fn shape(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text
            .bytes()
            .zip(pattern.bytes())
            .all(|(byte, want)| match want {
                b'd' => byte.is_ascii_digit(),
                _ => byte == want,
            })
}

fn is_time_stamp(text: &str) -> bool {
    fn digits(text: &str, least: usize, most: usize) -> Option<&str> {
        let count = text
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        (count >= least).then(|| &text[count..])
    }
    let parse = || -> Option<&str> {
        let rest = digits(text, 4, 4)?.strip_prefix('-')?;
        let rest = digits(rest, 1, 2)?.strip_prefix('-')?;
        let rest = digits(rest, 1, 2)?;
        let rest = match rest.strip_prefix(['T', 't']) {
            Some(rest) => rest,
            None => {
                let trimmed = rest.trim_start_matches([' ', '\t']);
                (trimmed.len() < rest.len()).then_some(trimmed)?
            }
        };
        let rest = digits(rest, 1, 2)?.strip_prefix(':')?;
        let rest = digits(rest, 2, 2)?.strip_prefix(':')?;
        let rest = digits(rest, 2, 2)?;
        let rest = match rest.strip_prefix('.') {
            Some(rest) => rest.trim_start_matches(|next: char| next.is_ascii_digit()),
            None => rest,
        };
        if rest.is_empty() {
            return Some(rest);
        }
        let zone = rest.trim_start_matches([' ', '\t']);
        if zone == "Z" {
            return Some("");
        }
        let zone = digits(zone.strip_prefix(['-', '+'])?, 1, 2)?;
        match zone.strip_prefix(':') {
            Some(minutes) => digits(minutes, 2, 2),
            None => Some(zone),
        }
    };
    parse() == Some("")
}

/// Whether the calendar and the clock have this date; its shape is right.
fn date_exists(text: &str) -> bool {
    let mut numbers = text
        .split(|next: char| !next.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<u32>().unwrap_or(u32::MAX));
    let mut next = || numbers.next().unwrap_or_default();
    let (year, month, day) = (next(), next(), next());
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 31,
    };
    let is_day = year > 0 && (1..=12).contains(&month) && (1..=days).contains(&day);
    is_day && next() < 24 && next() < 60 && next() < 60
}

/// Returns the integer that `text` is in decimal, `0b`, `0o` or `0x` notation.
pub(crate) fn int(text: &str) -> Result<Value, String> {
    if let Ok(small) = text.parse() {
        return Ok(Value::Int(small));
    }
    let negative = text.starts_with('-');
    let body: String = unsigned(text).chars().filter(|next| *next != '_').collect();
    let (base, digits) = match body.get(..2) {
        Some("0b") => (2, &body[2..]),
        Some("0o") => (8, &body[2..]),
        Some("0x") => (16, &body[2..]),
        _ => (10, body.as_str()),
    };
    if digits.is_empty() {
        return Err(format!("'{text}' is no number; put it in quotes"));
    }
    if digits.len() > MOST_DIGITS {
        return Err(format!("a number of more than {MOST_DIGITS} digits"));
    }
    let decimal = match base {
        10 => digits.to_owned(),
        _ => to_decimal(digits, base),
    };
    let sign = if negative { "-" } else { "" };
    Ok(Value::integer(&format!("{sign}{decimal}")))
}

/// Returns the decimal digits of a number in another base; all digits must be valid.
fn to_decimal(digits: &str, base: u32) -> String {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs: Vec<u64> = vec![0];
    for digit in digits.chars() {
        let mut carry = u64::from(digit.to_digit(base).unwrap_or_default());
        for limb in &mut limbs {
            let next = *limb * u64::from(base) + carry;
            *limb = next % LIMB;
            carry = next / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    limbs
        .iter()
        .rev()
        .map(|limb| format!("{limb:09}"))
        .collect()
}

/// Returns the float that `text` is; text that Python cannot read as one stays text.
pub(crate) fn float(text: &str) -> Value {
    let body: String = text.chars().filter(|next| *next != '_').collect();
    match body.to_ascii_lowercase().as_str() {
        ".inf" | "+.inf" => Value::Float(f64::INFINITY),
        "-.inf" => Value::Float(f64::NEG_INFINITY),
        ".nan" => Value::Float(f64::NAN),
        plain => match plain.parse() {
            Ok(value) => Value::Float(value),
            Err(_) => Value::Str(text.to_owned()),
        },
    }
}
