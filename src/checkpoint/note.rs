//! The text of a checkpoint's note: pretty JSON of design.md's keys, in a fixed order.
//!
//! Keys without content stay out, keys that we do not know are kept, integers are exact, and NaN and
//! the infinities are `{"float":"nan"}`. A document of a later version is not interpreted at all.

use super::{FileData, Note, NoteDependency, NoteOutput, Status};
use crate::error::{Error, Result};
use crate::id::{self, ObjectId};
use crate::value::Value;
use indexmap::IndexMap;
use serde_json::Value as Json;

/// The version that we write, and the highest that we read.
const VERSION: u64 = 1;

/// What a note's text turned out to be.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsedNote {
    /// One of a version that we know.
    Known(Box<Note>),
    /// One of this later version: trailers and tree say all that we can know.
    Newer(u64),
}

impl ParsedNote {
    /// Returns the note, or `None` if it is of a later version.
    pub fn known(self) -> Option<Note> {
        match self {
            ParsedNote::Known(note) => Some(*note),
            ParsedNote::Newer(_) => None,
        }
    }
}

impl Status {
    /// Returns the word in the note.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Done => "done",
            Status::Failed => "failed",
            Status::Interrupted => "interrupted",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Status::Done, Status::Failed, Status::Interrupted]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

impl Note {
    /// Returns the text: pretty-printed, with a newline at the end.
    pub fn to_text(&self) -> String {
        let mut root = serde_json::Map::new();
        root.insert("version".into(), VERSION.into());
        root.insert("id".into(), self.id.as_str().into());
        root.insert("number".into(), self.number.into());
        root.insert("time".into(), self.time.into());
        if let Some(status) = self.status {
            root.insert("status".into(), status.as_str().into());
        }
        if let Some(exit) = self.exit {
            root.insert("exit".into(), exit.into());
        }
        if let Some(reason) = &self.incomplete {
            root.insert("incomplete".into(), reason.as_str().into());
        }
        put_all(&mut root, "metrics", &self.metrics, file_to_json);
        put_all(&mut root, "params", &self.params, file_to_json);
        put_all(&mut root, "deps", &self.deps, dependency_to_json);
        put_all(&mut root, "outs", &self.outs, output_to_json);
        if let Some(message) = &self.message {
            root.insert("message".into(), message.as_str().into());
        }
        if !self.tags.is_empty() {
            root.insert("tags".into(), self.tags.clone().into());
        }
        for (key, value) in &self.others {
            root.entry(key.to_string())
                .or_insert_with(|| value.to_json());
        }
        // `{:#}` of a JSON value is its pretty form and cannot fail.
        format!("{:#}\n", Json::Object(root))
    }

    /// Reads the text of the note on `commit`. Damaged text is an error that names the commit.
    pub fn parse(text: &[u8], commit: ObjectId) -> Result<ParsedNote> {
        let damaged = |what: &str| {
            Error::corrupt(format!(
                "the note on checkpoint {} is damaged: {what}",
                id::short(&commit)
            ))
        };
        let mut root = match serde_json::from_slice::<Json>(text) {
            Ok(Json::Object(root)) => root,
            Ok(_) => return Err(damaged("not a JSON object")),
            Err(error) => return Err(damaged(&error.to_string())),
        };
        match root.shift_remove("version").map(|version| version.as_u64()) {
            Some(Some(VERSION)) => {}
            Some(Some(version)) if version > VERSION => return Ok(ParsedNote::Newer(version)),
            _ => return Err(damaged("bad 'version'")),
        }
        let mut note = Note::default();
        let mut bad = None;
        for (key, value) in root {
            let good = match key.as_str() {
                "id" => read(&mut note.id, text_of(&value)),
                "number" => read(&mut note.number, value.as_u64()),
                "time" => read(&mut note.time, value.as_i64()),
                "status" => match value.as_str() {
                    // A word of a later day is no damage: the tip then counts as unfinished.
                    Some(word) => {
                        note.status = Status::parse(word);
                        if note.status.is_none() {
                            note.others.insert("status".into(), Value::of_json(&value));
                        }
                        true
                    }
                    None => false,
                },
                "exit" => read(&mut note.exit, narrow(&value).map(Some)),
                "incomplete" => read(&mut note.incomplete, text_of(&value).map(Some)),
                "metrics" => read(&mut note.metrics, take_all(&value, file_of_json)),
                "params" => read(&mut note.params, take_all(&value, file_of_json)),
                "deps" => read(&mut note.deps, take_all(&value, dependency_of_json)),
                "outs" => read(&mut note.outs, take_all(&value, output_of_json)),
                "message" => read(&mut note.message, text_of(&value).map(Some)),
                "tags" => read(&mut note.tags, texts_of(&value)),
                _ => {
                    note.others
                        .insert(key.as_str().into(), Value::of_json(&value));
                    true
                }
            };
            if !good {
                bad = Some(key);
                break;
            }
        }
        match bad {
            Some(key) => Err(damaged(&format!("bad '{key}'"))),
            None => Ok(ParsedNote::Known(Box::new(note))),
        }
    }
}

fn read<T>(place: &mut T, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            *place = value;
            true
        }
        None => false,
    }
}

fn text_of(value: &Json) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn texts_of(value: &Json) -> Option<Vec<String>> {
    value.as_array()?.iter().map(text_of).collect()
}

fn narrow(value: &Json) -> Option<i32> {
    value.as_i64()?.try_into().ok()
}

fn put_all<T>(
    root: &mut serde_json::Map<String, Json>,
    key: &str,
    items: &IndexMap<String, T>,
    convert: impl Fn(&T) -> Json,
) {
    if !items.is_empty() {
        let object = items
            .iter()
            .map(|(path, item)| (path.clone(), convert(item)))
            .collect();
        root.insert(key.to_owned(), Json::Object(object));
    }
}

fn take_all<T>(value: &Json, convert: impl Fn(&Json) -> Option<T>) -> Option<IndexMap<String, T>> {
    value
        .as_object()?
        .iter()
        .map(|(path, item)| Some((path.clone(), convert(item)?)))
        .collect()
}

fn file_to_json(file: &FileData) -> Json {
    match file {
        FileData::Data(value) => serde_json::json!({ "data": value.to_json() }),
        FileData::Error { kind, message } => {
            serde_json::json!({ "error": { "type": kind, "msg": message } })
        }
    }
}

fn file_of_json(json: &Json) -> Option<FileData> {
    let object = json.as_object()?;
    if let Some(data) = object.get("data") {
        return Some(FileData::Data(Value::of_json(data)));
    }
    let error = object.get("error")?.as_object()?;
    let word = |key: &str| Some(error.get(key)?.as_str()?.to_owned());
    Some(FileData::Error {
        kind: word("type")?,
        message: word("msg")?,
    })
}

/// Collects the keys of one entry, leaving absent ones out.
#[derive(Default)]
struct Fields(serde_json::Map<String, Json>);

impl Fields {
    fn with(mut self, key: &str, value: Option<impl Into<Json>>) -> Self {
        if let Some(value) = value {
            self.0.insert(key.to_owned(), value.into());
        }
        self
    }
}

fn dependency_to_json(dependency: &NoteDependency) -> Json {
    let fields = Fields::default()
        .with("md5", dependency.md5.as_deref())
        .with("size", dependency.size)
        .with("nfiles", dependency.nfiles);
    Json::Object(fields.0)
}

fn dependency_of_json(json: &Json) -> Option<NoteDependency> {
    let object = json.as_object()?;
    Some(NoteDependency {
        md5: optional(object, "md5", text_of)?,
        size: optional(object, "size", Json::as_u64)?,
        nfiles: optional(object, "nfiles", Json::as_u64)?,
    })
}

fn output_to_json(output: &NoteOutput) -> Json {
    let fields = Fields::default()
        .with("md5", output.md5.as_deref())
        .with("sha256", output.sha256.as_deref())
        .with("size", output.size)
        .with("nfiles", output.nfiles)
        .with("cache", Some(output.cache))
        .with("data_source", Some(output.data_source));
    Json::Object(fields.0)
}

fn output_of_json(json: &Json) -> Option<NoteOutput> {
    let object = json.as_object()?;
    Some(NoteOutput {
        md5: optional(object, "md5", text_of)?,
        sha256: optional(object, "sha256", text_of)?,
        size: optional(object, "size", Json::as_u64)?,
        nfiles: optional(object, "nfiles", Json::as_u64)?,
        cache: optional(object, "cache", Json::as_bool)?.unwrap_or(true),
        data_source: optional(object, "data_source", Json::as_bool)?.unwrap_or(false),
    })
}

/// `Some(None)`: absent or null. `None`: something else than expected.
fn optional<T>(
    object: &serde_json::Map<String, Json>,
    key: &str,
    convert: impl Fn(&Json) -> Option<T>,
) -> Option<Option<T>> {
    match object.get(key) {
        None | Some(Json::Null) => Some(None),
        Some(value) => convert(value).map(Some),
    }
}

/// Returns a path as a key of the note: bytes that are not UTF-8 as `%XX`, and `%` as `%25` where it
/// would be read as one of those.
pub fn escape_path(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        let valid = chunk.valid();
        for (at, character) in valid.char_indices() {
            match character {
                '%' if !chunk.invalid().is_empty() || escaped_byte(&valid[at..]).is_some() => {
                    text.push_str("%25");
                }
                _ => text.push(character),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Returns the path that a key of the note stands for.
pub fn unescape_path(text: &str) -> Vec<u8> {
    let mut path = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        match escaped_byte(rest) {
            Some(byte) => {
                path.push(byte);
                rest = &rest[3..];
            }
            None => {
                let length = character.len_utf8();
                path.extend_from_slice(&rest.as_bytes()[..length]);
                rest = &rest[length..];
            }
        }
    }
    path
}

/// Returns the byte of `%XX` at the start of `text`.
fn escaped_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    digits
        .bytes()
        .all(|digit| digit.is_ascii_hexdigit())
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Map;
    use proptest::prelude::*;

    const KEYS: [&str; 13] = [
        "version",
        "id",
        "number",
        "time",
        "status",
        "exit",
        "incomplete",
        "metrics",
        "params",
        "deps",
        "outs",
        "message",
        "tags",
    ];

    fn commit() -> ObjectId {
        ObjectId::from_hex("12".repeat(20).as_bytes()).unwrap()
    }

    fn map(items: &[(&str, Value)]) -> Map {
        items
            .iter()
            .map(|(key, value)| ((*key).into(), value.clone()))
            .collect()
    }

    fn parse(text: &str) -> Note {
        Note::parse(text.as_bytes(), commit())
            .unwrap()
            .known()
            .unwrap()
    }

    #[test]
    fn the_text_is_what_the_layout_says() {
        let metrics = map(&[
            ("acc", Value::Float(0.5)),
            ("loss", Value::Float(f64::NAN)),
            (
                "seen",
                Value::BigInt("123456789012345678901234567890".into()),
            ),
            ("step", Value::Int(3)),
        ]);
        let note = Note {
            id: "0123456789abcdef0123456789abcdef".into(),
            number: 3,
            time: 1112911993,
            status: Some(Status::Failed),
            exit: Some(2),
            metrics: [(
                "metrics.json".to_owned(),
                FileData::Data(Value::from(metrics)),
            )]
            .into(),
            params: [(
                "params.yaml".to_owned(),
                FileData::Error {
                    kind: "YAMLFileCorruptedError".into(),
                    message: "bad".into(),
                },
            )]
            .into(),
            deps: [(
                "data".to_owned(),
                NoteDependency {
                    md5: Some("ab.dir".into()),
                    size: Some(7),
                    nfiles: Some(2),
                },
            )]
            .into(),
            outs: [(
                "model.pt".to_owned(),
                NoteOutput {
                    md5: Some("cd".into()),
                    cache: true,
                    ..Default::default()
                },
            )]
            .into(),
            tags: vec!["good".into()],
            ..Default::default()
        };
        let text = note.to_text();
        assert_eq!(
            text,
            r#"{
  "version": 1,
  "id": "0123456789abcdef0123456789abcdef",
  "number": 3,
  "time": 1112911993,
  "status": "failed",
  "exit": 2,
  "metrics": {
    "metrics.json": {
      "data": {
        "acc": 0.5,
        "loss": {
          "float": "nan"
        },
        "seen": 123456789012345678901234567890,
        "step": 3
      }
    }
  },
  "params": {
    "params.yaml": {
      "error": {
        "type": "YAMLFileCorruptedError",
        "msg": "bad"
      }
    }
  },
  "deps": {
    "data": {
      "md5": "ab.dir",
      "size": 7,
      "nfiles": 2
    }
  },
  "outs": {
    "model.pt": {
      "md5": "cd",
      "cache": true,
      "data_source": false
    }
  },
  "tags": [
    "good"
  ]
}
"#
        );
        // NaN is not equal to itself; the text is.
        assert_eq!(parse(&text).to_text(), text);
    }

    #[test]
    fn keys_of_later_days_are_kept() {
        let text = "{\"version\":1,\"id\":\"\",\"number\":1,\"time\":0,\"status\":\"paused\",\"mood\":{\"a\":[1,2.0]}}";
        let note = parse(text);
        assert_eq!(note.status, None);
        assert!(
            note.to_text()
                .contains("\"mood\": {\n    \"a\": [\n      1,\n      2.0\n    ]\n  }")
        );
        assert!(note.to_text().contains("\"status\": \"paused\""));
    }

    #[test]
    fn a_later_version_is_not_interpreted() {
        let parsed = Note::parse(b"{\"version\": 2, \"number\": \"three\"}", commit()).unwrap();
        assert_eq!(parsed, ParsedNote::Newer(2));
    }

    #[test]
    fn damage_names_the_commit() {
        for (text, what) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("[]", "not a JSON object"),
            ("{}", "bad 'version'"),
            ("{\"version\":1,\"number\":-1}", "bad 'number'"),
            (
                "{\"version\":1,\"outs\":{\"m\":{\"size\":\"x\"}}}",
                "bad 'outs'",
            ),
        ] {
            let error = Note::parse(text.as_bytes(), commit()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("the note on checkpoint 1212121 is damaged: {what}")
            );
            assert_eq!(error.kind(), crate::error::Kind::Corrupt);
        }
    }

    #[test]
    fn paths_survive_their_escapes() {
        assert_eq!(escape_path("100%.csv".as_bytes()), "100%.csv");
        assert_eq!(escape_path("gr\u{fc}n".as_bytes()), "gr\u{fc}n");
        assert_eq!(escape_path(b"%41"), "%2541");
        assert_eq!(escape_path(b"a\xff%4"), "a%FF%4");
        assert_eq!(escape_path(b"%\xff"), "%25%FF");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>()
                .prop_filter("NaN is not equal to itself", |float| !float.is_nan())
                .prop_map(Value::Float),
            ".{0,8}".prop_map(Value::Str),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec(("[a-z]{1,4}", inner), 0..4).prop_map(|items| Value::Map(
                    items
                        .into_iter()
                        .map(|(key, value)| (key.as_str().into(), value))
                        .collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn notes_round_trip(
            number: u64,
            time: i64,
            exit: Option<i32>,
            data in value(),
            other in value(),
            message: Option<String>,
        ) {
            let note = Note {
                number,
                time,
                exit,
                message,
                metrics: [("m".to_owned(), FileData::Data(data))].into(),
                others: map(&[("new", other)]),
                ..Default::default()
            };
            let parsed = Note::parse(note.to_text().as_bytes(), commit()).unwrap().known();
            prop_assert_eq!(parsed, Some(note));
        }

        #[test]
        fn any_bytes_parse_or_fail(bytes: Vec<u8>) {
            if let Ok(ParsedNote::Known(note)) = Note::parse(&bytes, commit()) {
                prop_assert!(KEYS.iter().all(|key| *key == "status" || !note.others.contains_key(*key)));
            }
        }

        #[test]
        fn any_path_round_trips(path: Vec<u8>) {
            prop_assert_eq!(unescape_path(&escape_path(&path)), path);
        }

        #[test]
        fn any_text_path_round_trips(path in "[%0-9a-fA-F/x]{0,12}") {
            prop_assert_eq!(unescape_path(&escape_path(path.as_bytes())), path.into_bytes());
        }
    }
}
