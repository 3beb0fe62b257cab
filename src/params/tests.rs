//! Random JSON and TOML, changed at random places: that place changes, and nothing else.

use super::file::ParamsFile;
use super::{json, toml};
use crate::value::{Key, Map, Step, Value};
use crate::yaml::edit::Change;
use proptest::prelude::*;
use std::ops::Range;

/// A value of a text: what may change when it gets another one, and when its entry goes.
#[derive(Debug, Clone)]
struct Place {
    path: Vec<Step>,
    value: Range<usize>,
    entry: Range<usize>,
    is_map: bool,
}

#[derive(Debug, Clone, Default)]
struct Document {
    text: String,
    places: Vec<Place>,
}

impl Document {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Writes a value and remembers its place.
    fn place(&mut self, path: &[Step], is_map: bool, write: impl FnOnce(&mut Self)) -> usize {
        let (at, start) = (self.places.len(), self.text.len());
        self.places.push(Place {
            path: path.to_vec(),
            value: 0..0,
            entry: 0..0,
            is_map,
        });
        write(self);
        self.places[at].value = start..self.text.len();
        self.places[at].entry = start..self.text.len();
        at
    }
}

#[derive(Debug, Clone)]
enum Tree {
    Leaf(&'static str),
    List(Vec<Tree>),
    Map(Vec<Tree>),
}

const KEYS: [&str; 4] = ["a", "b-c", "lr", "D_4"];

fn trees(leaves: Vec<&'static str>) -> impl Strategy<Value = Tree> {
    let leaf = prop::sample::select(leaves).prop_map(Tree::Leaf);
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::vec(inner, 0..4).prop_map(Tree::Map),
        ]
    })
}

/// Between brackets: the entries with the blanks of `noise`; `mark` is what stands behind a key.
fn write(tree: &Tree, mark: &str, noise: &[&str], path: &mut Vec<Step>, out: &mut Document) {
    let blank = |out: &Document| noise[out.text.len() % noise.len()].to_owned();
    let (entries, is_map) = match tree {
        Tree::Leaf(text) => return out.put(text),
        Tree::List(items) => (items, false),
        Tree::Map(items) => (items, true),
    };
    out.put(if is_map { "{" } else { "[" });
    let mut children: Vec<usize> = Vec::new();
    let mut end = out.text.len();
    for (index, entry) in entries.iter().enumerate() {
        if index > 0 {
            out.put(",");
        }
        out.put(&blank(out));
        let start = out.text.len();
        if let Some(before) = children.last() {
            // with the comma behind it, or before it
            out.places[*before].entry.end = start;
        }
        path.push(match is_map {
            true => {
                let quote = if mark == ":" { "\"" } else { "" };
                out.put(&format!(
                    "{quote}{}{quote}{mark}{}",
                    KEYS[index],
                    blank(out)
                ));
                Step::Key(KEYS[index].to_owned())
            }
            false => Step::Index(index),
        });
        let at = out.place(&path.clone(), matches!(entry, Tree::Map(_)), |out| {
            write(entry, mark, noise, path, out);
        });
        out.places[at].entry.start = end;
        end = out.text.len();
        children.push(at);
        path.pop();
    }
    out.put(&blank(out));
    if let [only] = children[..] {
        out.places[only].entry.end = out.text.len();
    }
    out.put(if is_map { "}" } else { "]" });
}

fn json_documents() -> impl Strategy<Value = Document> {
    let leaves = vec![
        "1",
        "-2.5e-7",
        "\"x,}\"",
        "\"\\\"]\"",
        "null",
        "true",
        "NaN",
        "\"\"",
        "\"é\\u00e9\"",
    ];
    let noise = prop::sample::select(vec![
        vec![""],
        vec![" "],
        vec!["\n  ", " "],
        vec!["\r\n\t", "", " "],
    ]);
    let entries = prop::collection::vec(trees(leaves), 1..4);
    (
        entries,
        noise,
        prop::sample::select(vec!["", "\n", "\u{feff}"]),
    )
        .prop_map(|(entries, noise, around)| {
            let mut out = Document::default();
            out.put(if around == "\n" { "" } else { around });
            write(&Tree::Map(entries), ":", &noise, &mut Vec::new(), &mut out);
            out.put(if around == "\n" { around } else { "" });
            out
        })
}

fn toml_documents() -> impl Strategy<Value = Document> {
    let leaves = vec![
        "1",
        "0x1F",
        "1_000",
        "-2.5e-7",
        "inf",
        "\"x,}#\"",
        "'lit'",
        "true",
        "\"\"",
        "\"é\\u00e9\"",
    ];
    let table = prop::collection::vec((trees(leaves), 0..5usize), 0..4);
    let headers = prop::sample::select(vec![
        vec!["[t]", "[t.u]"],
        vec!["[t.u]"],
        vec!["[[l]]", "[[l]]"],
        vec![],
    ]);
    (
        prop::collection::vec(table, 3),
        headers,
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(tables, headers, crlf, top)| {
            let mut out = Document::default();
            let mut lists = 0;
            out.put(if top { "\u{feff}# top\n\n" } else { "" });
            for (entries, header) in tables.iter().zip([""].iter().chain(&headers)) {
                let mut path: Vec<Step> = match *header {
                    "[t]" => vec![Step::Key("t".into())],
                    "[t.u]" => vec![Step::Key("t".into()), Step::Key("u".into())],
                    "[[l]]" => vec![Step::Key("l".into()), Step::Index(lists)],
                    _ => vec![],
                };
                lists += usize::from(*header == "[[l]]");
                if !header.is_empty() {
                    out.put(&format!("\n# about\n{header} # table\n"));
                }
                for (index, (entry, look)) in entries.iter().enumerate() {
                    out.put(["", "\n", "# about\n", "", ""][*look]);
                    let start = out.text.len();
                    let key = KEYS[index];
                    path.push(Step::Key(key.to_owned()));
                    let mut depth = 1;
                    match look {
                        3 => {
                            // a dotted key
                            out.put(&format!("{key}.sub = "));
                            path.push(Step::Key("sub".to_owned()));
                            depth = 2;
                        }
                        4 => out.put(&format!("  \"{key}\"=")),
                        _ => out.put(&format!("{key} = ")),
                    }
                    let at = out.place(&path.clone(), matches!(entry, Tree::Map(_)), |out| {
                        // in brackets of lists lines may end, in those of tables they must not
                        write(entry, " =", &[" "], &mut path, out);
                    });
                    out.put(["\n", " # c\n"][index % 2]);
                    out.places[at].entry = start..out.text.len();
                    path.truncate(path.len() - depth);
                }
            }
            if crlf {
                let text = out.text.clone();
                let moved = |at: usize| at + text[..at].matches('\n').count();
                for place in &mut out.places {
                    place.value = moved(place.value.start)..moved(place.value.end);
                    place.entry = moved(place.entry.start)..moved(place.entry.end);
                }
                out.text = text.replace('\n', "\r\n");
            }
            out
        })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        "[a-z é#:'\"\\\\,}=-]{0,8}".prop_map(Value::Str),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[a-d]", inner), 0..3).prop_map(|entries| {
                Value::Map(
                    entries
                        .into_iter()
                        .map(|(key, value)| (Key::from(key), value))
                        .collect(),
                )
            }),
        ]
    })
}

fn value(file: &str, text: &str) -> Value {
    ParamsFile::parse(file, text.as_bytes())
        .expect(text)
        .into_value()
}

/// Carries the change out on the values.
fn carry_out(root: &mut Value, path: &[Step], change: &Change) {
    let (last, holders) = path.split_last().expect("a step");
    let holder = holders
        .iter()
        .try_fold(root, Value::at_mut)
        .expect("is there");
    match (holder, last, change) {
        (Value::Map(map), Step::Key(key), Change::Remove) => {
            map.shift_remove(key.as_str()).expect("is there");
        }
        (Value::Map(map), Step::Key(key), Change::Set(new)) => {
            map.insert(Key::from(key), new.clone());
        }
        (Value::List(items), Step::Index(at), Change::Remove) => drop(items.remove(*at)),
        (Value::List(items), Step::Index(at), Change::Set(new)) => items[*at] = new.clone(),
        other => panic!("{other:?}"),
    }
}

type Editor = fn(&str, &str, &[Step], &Change) -> crate::error::Result<String>;

/// Makes a change and checks all of the file; `false` if it was refused.
fn check(
    file: &str,
    editor: Editor,
    document: &Document,
    index: prop::sample::Index,
    kind: usize,
    new: Value,
) -> bool {
    let text = &document.text;
    let Some(place) = (!document.places.is_empty()).then(|| index.get(&document.places)) else {
        return true;
    };
    let mut path = place.path.clone();
    let (change, range) = match kind {
        0 => (Change::Remove, Some(place.entry.clone())),
        1 if place.is_map => {
            path.push(Step::Key("new".to_owned()));
            (Change::Set(new), None)
        }
        _ => (Change::Set(new), Some(place.value.clone())),
    };
    let Ok(changed) = editor(text, file, &path, &change) else {
        return false;
    };
    let mut expected = value(file, text);
    carry_out(&mut expected, &path, &change);
    let found = value(file, &changed);
    let is_nothing = |value: &Value| *value == Value::from(Map::new());
    assert!(
        found.identical(&expected) || (is_nothing(&found) && is_nothing(&expected)),
        "{text:?} became {changed:?}"
    );
    let range = range.unwrap_or(place.value.clone());
    let (head, tail) = (&text[..range.start], &text[range.end..]);
    let is_kept = changed.len() >= head.len() + tail.len()
        && changed.starts_with(head)
        && changed.ends_with(tail);
    assert!(is_kept, "{:?} of {text:?} became {changed:?}", &text[range]);
    true
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn an_edit_of_json_changes_its_path_and_nothing_else(
        document in json_documents(), index in any::<prop::sample::Index>(), kind in 0..4usize, new in values(),
    ) {
        prop_assert!(check("p.json", json::change, &document, index, kind, new), "refused");
    }

    #[test]
    fn an_edit_of_toml_changes_its_path_and_nothing_else(
        document in toml_documents(), index in any::<prop::sample::Index>(), kind in 0..4usize, new in values(),
    ) {
        let is_item = document.places.is_empty()
            || matches!(index.get(&document.places).path.last(), Some(Step::Index(_)));
        let is_done = check("p.toml", toml::change, &document, index, kind, new);
        prop_assert!(is_done || (is_item && kind == 0), "refused");
    }
}
