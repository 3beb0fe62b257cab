//! A file of values by its suffix, and the params that a stage reads from it.

use super::{python, toml};
use crate::checkpoint::FileData;
use crate::error::{Error, Result};
use crate::value::{Map, Step, Value};
use crate::yaml::{self, Node, NodeKind};

const DATE: &str = "a date";

/// What a file's suffix says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Yaml,
    Json,
    Toml,
    Python,
}

impl Form {
    pub(super) fn of(path: &str) -> Form {
        let name = path.rsplit('/').next().unwrap_or(path);
        let suffix = name
            .rsplit_once('.')
            .filter(|(stem, _)| !stem.is_empty())
            .map(|(_, suffix)| suffix.to_ascii_lowercase());
        match suffix.as_deref() {
            Some("json") => Form::Json,
            Some("toml") => Form::Toml,
            Some("py") => Form::Python,
            _ => Form::Yaml,
        }
    }

    /// The name of DVC's error for a file that is not what its suffix says.
    fn corrupted(self) -> &'static str {
        match self {
            Form::Yaml => "YAMLFileCorruptedError",
            Form::Json => "JSONFileCorruptedError",
            Form::Toml => "TOMLFileCorruptedError",
            Form::Python => "PythonFileCorruptedError",
        }
    }
}

/// A value that `dvc.lock` cannot hold: where it is, and what.
pub(super) type Unfit = (Vec<Step>, &'static str);

/// A params file: its values, and those of them that `dvc.lock` cannot hold, dates for example.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamsFile {
    path: String,
    value: Value,
    unfit: Vec<Unfit>,
}

/// What a stage reads from a params file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Selection {
    /// The values by dotted name, in the order of the question.
    pub values: Map,
    /// The names that are not in the file.
    pub missing: Vec<String>,
}

impl ParamsFile {
    /// Parses the bytes of the file at `path`, whose suffix says what it is. Nothing is an empty mapping.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self> {
        read(path, bytes).map_err(|(_, error)| error)
    }

    /// Returns the whole content.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the content, without the file.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// Returns the values of dotted `keys`; without keys every top-level entry. A value with a date in
    /// it is refused, as by DVC.
    pub fn select(&self, keys: Option<&[String]>) -> Result<Selection> {
        let mut selection = Selection::default();
        match keys {
            None => {
                let Value::Map(map) = &self.value else {
                    let path = &self.path;
                    return Err(Error::refused(format!(
                        "cannot take all params of '{path}': it holds no mapping"
                    )));
                };
                self.refuse_unfit(&[])?;
                selection.values = map.clone().into_inner();
            }
            Some(keys) => {
                for key in keys {
                    let found = self.value.steps(key).and_then(|steps| {
                        let value = steps.iter().try_fold(&self.value, Value::at)?;
                        Some((steps, value))
                    });
                    match found {
                        None => selection.missing.push(key.clone()),
                        Some((steps, value)) => {
                            self.refuse_unfit(&steps)?;
                            selection.values.insert(key.into(), value.clone());
                        }
                    }
                }
            }
        }
        Ok(selection)
    }

    fn refuse_unfit(&self, below: &[Step]) -> Result<()> {
        let Some((place, what)) = self
            .unfit
            .iter()
            .find(|(place, _)| place.starts_with(below))
        else {
            return Ok(());
        };
        let (path, name) = (&self.path, Step::dotted(place));
        let error = Error::refused(format!("the param '{name}' of '{path}' is {what}"));
        Err(match *what {
            DATE => error.hint("put it in quotes to make it text: DVC refuses dates"),
            _ => error.hint("name the other params of the file one by one: DVC refuses it too"),
        })
    }
}

/// Returns what `show` has of a params file: its content, or DVC's name of the error and our message.
pub fn file_data(path: &str, bytes: &[u8]) -> FileData {
    match read(path, bytes) {
        Ok(file) => FileData::Data(file.value),
        Err((kind, error)) => FileData::Error {
            kind: kind.to_owned(),
            message: error.chain(),
        },
    }
}

/// Reads a file of values; an error comes with DVC's name for it.
fn read(path: &str, bytes: &[u8]) -> Result<ParamsFile, (&'static str, Error)> {
    let form = Form::of(path);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let error = Error::corrupt(format!("'{path}' is not valid UTF-8")).caused_by(error);
        ("EncodingError", error)
    })?;
    let corrupted = |error| (form.corrupted(), error);
    let dates = |places: Vec<Vec<Step>>| places.into_iter().map(|place| (place, DATE)).collect();
    let (value, unfit) = match form {
        Form::Python => python::read(text, path).map_err(corrupted)?,
        Form::Json => (Value::from_json(text, path).map_err(corrupted)?, Vec::new()),
        Form::Toml => {
            let (value, places) = toml::read(text, path).map_err(corrupted)?;
            (value, dates(places))
        }
        Form::Yaml => {
            let node = yaml::parse(text, path).map_err(corrupted)?;
            let mut places = Vec::new();
            collect_dates(&node, &mut Vec::new(), &mut places);
            (node.to_value(), dates(places))
        }
    };
    // as Python's `load(text) or {}`
    let value = match value.is_truthy() {
        true => value,
        false => Value::from(Map::new()),
    };
    Ok(ParamsFile {
        path: path.to_owned(),
        value,
        unfit,
    })
}

fn collect_dates(node: &Node, path: &mut Vec<Step>, dates: &mut Vec<Vec<Step>>) {
    match &node.kind {
        NodeKind::Scalar { is_date, .. } => {
            if *is_date {
                dates.push(path.clone());
            }
        }
        NodeKind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Step::Index(index));
                collect_dates(item, path, dates);
                path.pop();
            }
        }
        NodeKind::Map(entries) => {
            for (key, value) in entries {
                let Some(name) = key.to_key() else { continue };
                path.push(Step::Key(name.into()));
                collect_dates(key, path, dates);
                collect_dates(value, path, dates);
                path.pop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use proptest::prelude::*;

    fn file(path: &str, text: &str) -> ParamsFile {
        ParamsFile::parse(path, text.as_bytes()).expect("reads")
    }

    fn names(keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| (*key).to_owned()).collect()
    }

    #[test]
    fn the_suffix_says_what_a_file_is() {
        let value = Value::from(Map::from_iter([("a".into(), Value::Float(1e5))]));
        assert_eq!(file("p.yaml", "a: 1e5").value(), &value);
        assert_eq!(file("d.x/p", "a: 1e5").value(), &value);
        assert_eq!(file("p.JSON", "{\"a\": 1e5}").value(), &value);
        assert_eq!(file("d/p.toml", "a = 1e5").value(), &value);
        assert_eq!(file("p.yml", "").value(), &Value::from(Map::new()));
        assert_eq!(file("p.json", "null").value(), &Value::from(Map::new()));
        assert_eq!(file("p.py", "a = 1e5").value(), &value);
        let error = ParamsFile::parse("p.yaml", b"a: \xff").expect_err("is refused");
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(error.chain().starts_with("'p.yaml' is not valid UTF-8: "));
    }

    #[test]
    fn selects_dotted_names_and_says_what_is_missing() {
        let file = file("params.yaml", "a: {b: [1, {c: 2}]}\nx.y: 3\nnul:\n");
        let keys = names(&["x.y", "a.b.1.c", "a", "nul", "a.z", "no"]);
        let selection = file.select(Some(&keys)).expect("selects");
        // as in DVC, no name leads to a key with a dot
        assert_eq!(selection.missing, ["x.y", "a.z", "no"]);
        let found: Vec<&str> = selection.values.keys().map(|key| key.as_str()).collect();
        assert_eq!(found, ["a.b.1.c", "a", "nul"]);
        assert_eq!(selection.values.get("a.b.1.c"), Some(&Value::Int(2)));
        let whole = file.select(None).expect("selects");
        assert_eq!(Value::from(whole.values), *file.value());
    }

    #[test]
    fn dates_are_refused_where_they_are_used() {
        let texts = [
            (
                "p.yaml",
                "ok: 1\nwhen: {day: [2020-01-01]}\ntext: '2020-01-01'\n",
            ),
            (
                "p.toml",
                "ok = 1\ntext = \"2020-01-01\"\nwhen.day = [2020-01-01]\n",
            ),
        ];
        for (path, text) in texts {
            let file = file(path, text);
            assert!(file.select(Some(&names(&["ok", "text"]))).is_ok());
            for keys in [Some(names(&["when"])), Some(names(&["when.day.0"])), None] {
                let error = file.select(keys.as_deref()).expect_err("is refused");
                let message = format!("the param 'when.day.0' of '{path}' is a date");
                assert_eq!(error.chain(), message);
            }
        }
    }

    #[test]
    fn errors_have_the_names_that_dvc_gives_them() {
        let kind = |path: &str, bytes: &[u8]| match file_data(path, bytes) {
            FileData::Error { kind, .. } => kind,
            FileData::Data(value) => format!("{value:?}"),
        };
        assert_eq!(kind("p.yaml", b"a: [1"), "YAMLFileCorruptedError");
        assert_eq!(kind("p.json", b"{"), "JSONFileCorruptedError");
        assert_eq!(kind("p.toml", b"a = "), "TOMLFileCorruptedError");
        assert_eq!(kind("p.py", b"a = ["), "PythonFileCorruptedError");
        assert_eq!(kind("p.json", b"\xff"), "EncodingError");
    }

    proptest! {
        #[test]
        fn any_bytes_read_or_fail(bytes in any::<Vec<u8>>(), suffix in "yaml|json|toml|py|") {
            let _ = ParamsFile::parse(&format!("p.{suffix}"), &bytes);
        }

        #[test]
        fn anything_like_toml_reads_or_fails(text in r#"(a|b\.c|"d"| = |\n|\[|\]|\{|\}|1|0x1F|inf|2020-01-01|,|'x'|"y"){0,30}"#) {
            let _ = ParamsFile::parse("p.toml", text.as_bytes());
        }
    }
}
