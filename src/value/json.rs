//! JSON as Python reads and writes it, and the one form of it that all other readers understand.

use super::{Key, Value, repr};
use crate::error::{Error, Result};
use std::fmt::Write;

/// The key under which standard JSON has a float that JSON lacks.
const FLOAT: &str = "float";

impl Value {
    /// Parses JSON of `origin` (for messages), Python's `NaN`, `Infinity` and `-Infinity` among the
    /// values. Integers are exact, of two equal keys the last one counts.
    pub fn from_json(text: &str, origin: &str) -> Result<Value> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let parsed: serde_json::Value = match serde_json::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => {
                let not_json = |error: serde_json::Error| {
                    let (line, column) = (error.line(), error.column());
                    Error::corrupt(format!(
                        "cannot parse '{origin}', line {line}, column {column}: {}",
                        reason(&error)
                    ))
                };
                let Some(text) = without_python_floats(text) else {
                    return Err(not_json(error));
                };
                let parsed = serde_json::from_str(&text).map_err(|_| not_json(error))?;
                return Ok(convert(&parsed, &|json| python_float(json)));
            }
        };
        Ok(convert(&parsed, &|_| None))
    }

    /// Returns standard JSON: NaN and the infinities as `{"float": "nan"}`, integers exact.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => serde_json::Value::Bool(*value),
            Value::Int(value) => serde_json::Value::Number((*value).into()),
            Value::BigInt(digits) => {
                serde_json::Value::Number(serde_json::Number::from_string_unchecked(digits.clone()))
            }
            Value::Float(value) if value.is_finite() => {
                serde_json::Value::Number(serde_json::Number::from_string_unchecked(repr(*value)))
            }
            Value::Float(value) => serde_json::json!({ FLOAT: repr(*value) }),
            Value::Str(text) => serde_json::Value::String(text.clone()),
            Value::List(items) => {
                serde_json::Value::Array(items.iter().map(Value::to_json).collect())
            }
            Value::Map(map) => serde_json::Value::Object(
                map.iter()
                    .map(|(key, value)| (key.to_string(), value.to_json()))
                    .collect(),
            ),
        }
    }

    /// Returns the value of standard JSON as [`Value::to_json`] makes it.
    pub fn of_json(json: &serde_json::Value) -> Value {
        convert(json, &|json| {
            let object = json.as_object().filter(|object| object.len() == 1)?;
            match object.get(FLOAT)?.as_str()? {
                "nan" => Some(f64::NAN),
                "inf" => Some(f64::INFINITY),
                "-inf" => Some(f64::NEG_INFINITY),
                _ => None,
            }
        })
    }

    /// Returns the bytes of Python's `json.dumps(value)`: `", "` and `": "` between, everything
    /// beyond ASCII as `\uXXXX`, `NaN` and `Infinity` bare.
    pub fn to_python_json(&self) -> String {
        let mut text = String::new();
        dump(self, false, &mut text);
        text
    }

    /// Returns the bytes of Python's `json.dumps(value, sort_keys=True)`.
    pub fn to_sorted_python_json(&self) -> String {
        let mut text = String::new();
        dump(self, true, &mut text);
        text
    }
}

fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn convert(json: &serde_json::Value, float: &dyn Fn(&serde_json::Value) -> Option<f64>) -> Value {
    if let Some(float) = float(json) {
        return Value::Float(float);
    }
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => {
            let text = number.as_str();
            match text.contains(['.', 'e', 'E']) {
                true => Value::Float(text.parse().unwrap_or(f64::NAN)),
                false => Value::integer(text),
            }
        }
        serde_json::Value::String(text) => Value::Str(text.clone()),
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(|item| convert(item, float)).collect())
        }
        serde_json::Value::Object(object) => Value::Map(
            object
                .iter()
                .map(|(key, value)| (Key::from(key), convert(value, float)))
                .collect(),
        ),
    }
}

/// What stands for Python's bare tokens while serde_json reads: numbers that nobody writes.
const STAND_INS: [(&str, &str, f64); 3] = [
    ("NaN", "0.0e+8420000001", f64::NAN),
    ("Infinity", "0.0e+8420000002", f64::INFINITY),
    ("-Infinity", "0.0e+8420000003", f64::NEG_INFINITY),
];

fn python_float(json: &serde_json::Value) -> Option<f64> {
    let text = json.as_number()?.as_str();
    STAND_INS
        .into_iter()
        .find(|(_, stand_in, _)| *stand_in == text)
        .map(|(_, _, float)| float)
}

/// Replaces Python's bare tokens outside of strings; `None` if there is none.
fn without_python_floats(text: &str) -> Option<String> {
    let mut clean = String::with_capacity(text.len() + 64);
    let mut found = false;
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let token = STAND_INS
            .into_iter()
            .find(|(token, _, _)| rest.starts_with(token));
        let length = match (next, token) {
            (_, Some((token, stand_in, _))) => {
                found = true;
                clean.push_str(stand_in);
                rest = &rest[token.len()..];
                continue;
            }
            ('"', None) => string_length(rest),
            _ => next.len_utf8(),
        };
        clean.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    found.then_some(clean)
}

/// Returns the bytes of the JSON string that `text` starts with, quotes included; all, if it does not end.
pub(crate) fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn dump(value: &Value, sorted: bool, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            // writing to a String cannot fail
            let _ = write!(text, "{value}");
        }
        Value::BigInt(digits) => text.push_str(digits),
        Value::Float(value) => text.push_str(&python_token(*value)),
        Value::Str(string) => dump_string(string, text),
        Value::List(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    text.push_str(", ");
                }
                dump(item, sorted, text);
            }
            text.push(']');
        }
        Value::Map(map) => {
            let mut entries: Vec<(&Key, &Value)> = map.iter().collect();
            if sorted {
                entries.sort_by(|(a, _), (b, _)| a.python_order(b));
            }
            text.push('{');
            for (at, (key, value)) in entries.into_iter().enumerate() {
                if at > 0 {
                    text.push_str(", ");
                }
                dump_string(key, text);
                text.push_str(": ");
                dump(value, sorted, text);
            }
            text.push('}');
        }
    }
}

fn python_token(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        repr(value)
    }
}

fn dump_string(string: &str, text: &mut String) {
    text.push('"');
    for next in string.chars() {
        match next {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x08' => text.push_str("\\b"),
            '\x0c' => text.push_str("\\f"),
            ' '..='~' => text.push(next),
            _ => {
                for unit in next.encode_utf16(&mut [0; 2]) {
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::fixture::identical;
    use proptest::prelude::*;

    fn read(text: &str) -> Value {
        Value::from_json(text, "metrics.json").expect("reads")
    }

    #[test]
    fn reads_what_python_writes() {
        let value = read(
            r#"{"a": NaN, "b": [Infinity, -Infinity], "NaN": "NaN \" NaN", "big": 123456789012345678901234567890,
               "f": 1e-05, "i": 3, "neg": -7, "huge": 1e400}"#,
        );
        assert!(matches!(value.lookup("a"), Some(Value::Float(x)) if x.is_nan()));
        assert_eq!(value.lookup("b.1"), Some(&Value::Float(f64::NEG_INFINITY)));
        assert_eq!(value.lookup("NaN"), Some(&"NaN \" NaN".into()));
        assert_eq!(
            value.lookup("big"),
            Some(&Value::BigInt("123456789012345678901234567890".into()))
        );
        assert_eq!(value.lookup("f"), Some(&Value::Float(1e-5)));
        assert_eq!(value.lookup("neg"), Some(&Value::Int(-7)));
        assert_eq!(value.lookup("huge"), Some(&Value::Float(f64::INFINITY)));
        let error = Value::from_json("{\"a\": 1,\n \"b\": }", "m.json").expect_err("is broken");
        assert_eq!(
            error.chain(),
            "cannot parse 'm.json', line 2, column 7: expected value"
        );
        assert!(Value::from_json("{NaN: 1}", "m").is_err());
        assert!(Value::from_json(&"[".repeat(100_000), "m").is_err());
    }

    #[test]
    fn writes_what_python_writes() {
        let text = r#"{"b": [1, 2.0, NaN, -Infinity, 1e-05], "a": {"\u00e9\ud83d\ude00\n\u007f": null, "c": true}}"#;
        assert_eq!(read(text).to_python_json(), text);
        assert_eq!(
            read(text).to_sorted_python_json(),
            r#"{"a": {"c": true, "\u00e9\ud83d\ude00\n\u007f": null}, "b": [1, 2.0, NaN, -Infinity, 1e-05]}"#
        );
    }

    #[test]
    fn standard_json_has_no_bare_nan() {
        let value = read(r#"{"a": [NaN, Infinity, 1.0, 100000000000000000000, 1e-07]}"#);
        let json = value.to_json();
        assert_eq!(
            json.to_string(),
            r#"{"a":[{"float":"nan"},{"float":"inf"},1.0,100000000000000000000,1e-07]}"#
        );
        assert!(identical(&Value::of_json(&json), &value));
    }

    proptest! {
        #[test]
        fn any_text_reads_or_fails(text in any::<String>()) {
            let _ = Value::from_json(&text, "any");
        }

        #[test]
        fn anything_like_json_reads_or_fails(text in r#"([\[\]{},:"\\ 1e.+-]|NaN|-Infinity|null|"a"){0,40}"#) {
            if let Ok(value) = Value::from_json(&text, "any") {
                let again = read(&value.to_python_json());
                prop_assert!(identical(&again, &value), "{text}");
                prop_assert!(identical(&Value::of_json(&value.to_json()), &value), "{text}");
            }
        }
    }
}
