//! The data of a plot: a file's bytes to rows of named values.
//!
//! JSON and YAML hold one list of mappings, or lists at any depth of mappings; each list stays a
//! table of its own. (DVC merges all lists of a file row by row, so that `train` and `val` become one
//! curve.) CSV and TSV are one table whose values stay text, as Python's `csv` leaves them.

use crate::error::{Error, Result};
use crate::value::{Key, Map, Value};
use crate::yaml;

/// One list of rows in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Where it stands in the file: dotted keys, empty at the top.
    pub path: String,
    /// Its rows; fields in the order of the file.
    pub rows: Vec<Map>,
}

impl Table {
    /// Whether any row has the field.
    pub fn has(&self, field: &str) -> bool {
        self.rows.iter().any(|row| row.contains_key(field))
    }
}

/// Returns the media type of a picture by its suffix, or `None` if it is none.
pub fn image_type(path: &str) -> Option<&'static str> {
    Some(match suffix(path).as_str() {
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

/// Whether a file can be a plot, by its suffix.
pub fn is_supported(path: &str) -> bool {
    image_type(path).is_some()
        || matches!(
            suffix(path).as_str(),
            "json" | "yaml" | "yml" | "csv" | "tsv"
        )
}

fn suffix(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let suffix = name.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    suffix.to_ascii_lowercase()
}

/// Parses the tables of a file; those without rows are left out.
///
/// `header` says whether the first line of CSV and TSV names the columns; without, they are `0`, `1`, ….
pub fn parse(path: &str, bytes: &[u8], header: bool) -> Result<Vec<Table>> {
    let kind = suffix(path);
    if !is_supported(path) {
        return Err(Error::refused(format!("'{path}' is no plot data"))
            .hint("JSON, YAML, CSV, TSV and pictures can be plotted"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::corrupt(format!("'{path}' is not UTF-8")).caused_by(error))?;
    match kind.as_str() {
        "csv" => Ok(separated(text, ',', header)),
        "tsv" => Ok(separated(text, '\t', header)),
        "json" => tables(path, &Value::from_json(text, path)?),
        _ => tables(path, &yaml::read::parse(text, path)?.to_value()),
    }
}

fn tables(path: &str, value: &Value) -> Result<Vec<Table>> {
    let mut found = Vec::new();
    collect(value, &mut Vec::new(), &mut found);
    if found.is_empty() && !is_empty(value) {
        return Err(Error::corrupt(format!(
            "no list of records to plot in '{path}'"
        )));
    }
    Ok(found)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.values().all(is_empty),
        _ => false,
    }
}

fn collect(value: &Value, path: &mut Vec<String>, found: &mut Vec<Table>) {
    match value {
        Value::List(items) => {
            let rows: Option<Vec<Map>> = items.iter().map(|item| item.as_map().cloned()).collect();
            if let Some(rows) = rows.filter(|rows| !rows.is_empty()) {
                let path = path.join(".");
                found.push(Table { path, rows });
            }
        }
        Value::Map(map) => {
            for (key, value) in map {
                path.push(key.to_string());
                collect(value, path, found);
                path.pop();
            }
        }
        _ => {}
    }
}

/// Reads text with separators; a record without any field is passed over, a missing field is absent,
/// one too many is dropped.
fn separated(text: &str, separator: char, header: bool) -> Vec<Table> {
    let mut records = records(text, separator).into_iter();
    let mut pending = None;
    let names: Vec<Key> = match records.next() {
        None => return Vec::new(),
        Some(first) if header => first.into_iter().map(Key::from).collect(),
        Some(first) => {
            let names = (0..first.len()).map(|n| Key::from(n.to_string()));
            let names = names.collect();
            pending = Some(first);
            names
        }
    };
    let rows: Vec<Map> = pending
        .into_iter()
        .chain(records)
        .map(|record| {
            let values = record.into_iter().map(Value::Str);
            names.iter().cloned().zip(values).collect()
        })
        .collect();
    match rows.is_empty() {
        true => Vec::new(),
        false => vec![Table {
            path: String::new(),
            rows,
        }],
    }
}

/// Splits text as Python's `csv.reader` does: `"` quotes, `""` within quotes is one.
fn records(text: &str, separator: char) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut record = Vec::new();
    let mut field = String::new();
    let mut quoted = false;
    let mut letters = text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .chars()
        .peekable();
    let mut end_record = |record: &mut Vec<String>, field: &mut String| {
        if !record.is_empty() || !field.is_empty() {
            record.push(std::mem::take(field));
            records.push(std::mem::take(record));
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted => match letters.next_if_eq(&'"') {
                Some(quote) => field.push(quote),
                None => quoted = false,
            },
            _ if quoted => field.push(letter),
            '"' if field.is_empty() => quoted = true,
            '\n' | '\r' => end_record(&mut record, &mut field),
            _ if letter == separator => record.push(std::mem::take(&mut field)),
            _ => field.push(letter),
        }
    }
    end_record(&mut record, &mut field);
    records
}

/// Returns the number that a value is, or that its text reads as; `None` otherwise.
pub fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(path: &str, text: &str) -> Vec<String> {
        let tables = parse(path, text.as_bytes(), true).unwrap();
        let show = |table: Table| {
            let rows = table.rows.into_iter().map(Value::from).collect();
            format!("{}: {}", table.path, Value::List(rows).to_python_json())
        };
        tables.into_iter().map(show).collect()
    }

    #[test]
    fn each_list_of_a_file_is_a_table() {
        assert_eq!(
            json("a.json", r#"[{"step": 0, "loss": NaN}]"#),
            [r#": [{"step": 0, "loss": NaN}]"#]
        );
        assert_eq!(
            json(
                "a.json",
                r#"{"train": [{"loss": 1}], "deep": {"val": [{"loss": 2}]}, "n": 3, "l": [1, 2]}"#
            ),
            [r#"train: [{"loss": 1}]"#, r#"deep.val: [{"loss": 2}]"#]
        );
    }

    #[test]
    fn yaml_is_read_as_dvc_reads_it() {
        assert_eq!(
            json("a.yaml", "- {x: 1e-5, y: on}\n- {x: 2, y: .nan}\n"),
            [r#": [{"x": 1e-05, "y": "on"}, {"x": 2, "y": NaN}]"#]
        );
    }

    #[test]
    fn text_with_separators_keeps_its_text() {
        assert_eq!(
            json("a.tsv", "step\tloss\r\n0\t1.50\r\n\r\n1\t\r\n2\n"),
            [r#": [{"step": "0", "loss": "1.50"}, {"step": "1", "loss": ""}, {"step": "2"}]"#]
        );
        assert_eq!(
            json("a.csv", "\u{feff}a,\"b,\"\"c\"\"\nd\"\n1,2,3\n"),
            [r#": [{"a": "1", "b,\"c\"\nd": "2"}]"#]
        );
        assert_eq!(json("a.csv", ""), Vec::<String>::new());
        assert_eq!(json("a.csv", "step,loss\n"), Vec::<String>::new());
    }

    #[test]
    fn columns_without_a_header_are_numbered() {
        let tables = parse("a.csv", b"5,6\n7,8\n", false).unwrap();
        assert_eq!(tables[0].rows.len(), 2);
        assert_eq!(tables[0].rows[1].get("1"), Some(&Value::from("8")));
    }

    #[test]
    fn what_is_no_data_says_why() {
        let said = |path: &str, bytes: &[u8]| parse(path, bytes, true).unwrap_err().to_string();
        assert_eq!(said("a.txt", b"x"), "'a.txt' is no plot data");
        assert_eq!(said("a.tsv", b"\xff"), "'a.tsv' is not UTF-8");
        assert_eq!(
            said("a.json", b"{\"loss\": 1}"),
            "no list of records to plot in 'a.json'"
        );
        assert!(said("a.json", b"[{").contains("a.json"));
        assert!(parse("a.json", b"[]", true).unwrap().is_empty());
    }

    #[test]
    fn numbers_are_read_off_text() {
        assert_eq!(number(&Value::from("1e-3")), Some(0.001));
        assert_eq!(number(&Value::from(" 2 ")), Some(2.0));
        assert_eq!(number(&Value::Bool(true)), Some(1.0));
        assert_eq!(number(&Value::from("cat")), None);
        assert_eq!(number(&Value::from("")), None);
        assert!(number(&Value::from("nan")).is_some_and(f64::is_nan));
    }

    #[test]
    fn suffixes_tell_pictures_from_data() {
        assert_eq!(image_type("a/B.PNG"), Some("image/png"));
        assert_eq!(image_type("a.svg"), Some("image/svg+xml"));
        assert_eq!(image_type("png"), None);
        assert!(is_supported("x.yml") && !is_supported("x.d/readme"));
    }
}
