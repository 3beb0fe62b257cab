//! Metric files to named values.

use crate::checkpoint::FileData;
use crate::error::Result;
use crate::params;
use crate::value::{Map, Value};

/// Parses the bytes of the metrics file at `path` (JSON, TOML or YAML by its suffix) and returns what
/// DVC shows of it: numbers, texts and truth values, nested as in the file; lists, nulls and empty
/// mappings are dropped.
pub fn parse(path: &str, bytes: &[u8]) -> Result<Value> {
    let value = params::ParamsFile::parse(path, bytes)?.into_value();
    Ok(shown(value))
}

/// Returns what `show` has of a metrics file: its metrics, or DVC's name of the error and our message.
pub fn file_data(path: &str, bytes: &[u8]) -> FileData {
    match params::file_data(path, bytes) {
        FileData::Data(value) => FileData::Data(shown(value)),
        error => error,
    }
}

/// Returns the metrics of a parsed file by dotted name, in the order of the file. A file that is a
/// single number has one with an empty name.
pub fn leaves(metrics: &Value) -> Vec<(String, &Value)> {
    metrics.leaves()
}

fn shown(value: Value) -> Value {
    match extract(value) {
        Some(value) if value.is_truthy() => value,
        // as Python's `or {}`
        _ => Value::from(Map::new()),
    }
}

fn extract(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::List(_) => None,
        Value::Map(map) => {
            let map: Map = map
                .into_iter()
                .filter_map(|(key, value)| Some((key, extract(value)?)))
                .collect();
            (!map.is_empty()).then_some(Value::from(map))
        }
        leaf => Some(leaf),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_texts_and_truth_values_are_metrics() {
        let text =
            br#"{"acc": 0.5, "zero": 0, "nested": {"loss": NaN, "list": [1], "empty": {"x": null}},
                       "name": "a", "ok": false, "list": [1, 2], "none": null}"#;
        let metrics = parse("metrics.json", text).expect("reads");
        let names: Vec<String> = leaves(&metrics).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["acc", "zero", "nested.loss", "name", "ok"]);
        assert_eq!(
            parse("m.toml", b"a.b = 1\n[c]\nd = [1]\n")
                .expect("reads")
                .lookup("a.b"),
            Some(&Value::Int(1))
        );
        assert_eq!(parse("m.yaml", b"0.5\n").expect("reads"), Value::Float(0.5));
        let nothing = Value::from(Map::new());
        for (path, text) in [
            ("m.yaml", "0"),
            ("m.json", "[1]"),
            ("m.json", "{\"a\": []}"),
            ("m.yaml", ""),
        ] {
            assert_eq!(
                parse(path, text.as_bytes()).expect("reads"),
                nothing,
                "{text}"
            );
        }
    }

    #[test]
    fn a_broken_file_has_the_error_of_dvc() {
        let FileData::Error { kind, message } = file_data("m.json", b"{\"a\": 1") else {
            panic!("should be an error");
        };
        assert_eq!(kind, "JSONFileCorruptedError");
        assert_eq!(
            message,
            "cannot parse 'm.json', line 1, column 7: EOF while parsing an object"
        );
    }
}
