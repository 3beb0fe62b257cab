//! Changes one value in a YAML text and nothing else, or refuses.
//!
//! `yaml-edit` makes the change and keeps comments and layout. We do not take its word for it: old
//! and new text are read, and must differ at the path and nowhere else. An anchor that other places
//! use, or a form the editor does not master, ends in an error, and the file stays as it was.

use super::print;
use super::read::{Node, NodeKind, parse};
use crate::error::{Error, Result};
use crate::value::{Key, Map, Step, Value};
use std::str::FromStr;
use yaml_edit::path::YamlPath;
use yaml_edit::{AsYaml, Document};

/// What becomes of the value at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It becomes this; an entry of a mapping that is not there is added as the last one.
    Set(Value),
    /// It goes, with its key.
    Remove,
}

/// Returns `text` with one change at `path`. The mapping or list that holds it must be there.
pub fn change(text: &str, origin: &str, path: &[Step], change: &Change) -> Result<String> {
    let old = parse(text, origin)?;
    let name = Step::dotted(path);
    let cannot = |why: &str| {
        Error::refused(format!("cannot change only '{name}' in '{origin}': {why}"))
            .hint(format!("edit '{origin}' by hand"))
    };
    if let (true, [Step::Key(key)], Change::Set(value)) = (old.is_null(), path, change) {
        // nothing but comments: the entry follows them
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        let map = Map::from_iter([(Key::from(key), value.clone())]);
        let new_text = format!("{text}{end}{}", print::document(&map));
        let new = parse(&new_text, origin).map_err(|_| cannot("there is no mapping"))?;
        return match new.to_value().identical(&Value::Map(map)) {
            true => Ok(new_text),
            false => Err(cannot("there is no mapping")),
        };
    }
    let steps = editor_path(path).ok_or_else(|| cannot("an empty key"))?;
    let mut last_reason = String::new();
    for attempt in forms(text, &old, path, change) {
        let changed = match attempt {
            None => edited(text, &steps, None),
            Some(form) => edited(text, &steps, Some(&form)),
        };
        match changed {
            Err(reason) => last_reason = reason,
            Ok(new_text) => match parse(&new_text, origin) {
                Ok(new) if differ_only_at(&old, &new, path, change) => return Ok(new_text),
                _ => last_reason = "other values would change with it".to_owned(),
            },
        }
    }
    Err(cannot(&last_reason))
}

/// Returns the path in the editor's notation, every character of a key escaped; `None` for an empty key.
fn editor_path(path: &[Step]) -> Option<String> {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Index(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                if key.is_empty() {
                    return None;
                }
                if !text.is_empty() {
                    text.push('.');
                }
                for next in key.chars() {
                    text.push('\\');
                    text.push(next);
                }
            }
        }
    }
    Some(text)
}

/// Returns the texts of the new value, the form that fits its surroundings first; `None` is a removal.
fn forms(text: &str, root: &Node, path: &[Step], change: &Change) -> Vec<Option<String>> {
    let Change::Set(value) = change else {
        return vec![None];
    };
    let flow = print::flow(value);
    let block = match value {
        Value::Map(map) if !map.is_empty() => print::document(map),
        Value::List(items) if !items.is_empty() => print::list(items),
        _ => return vec![Some(flow)],
    };
    // a block where a block or nothing stood, one line in place of one line
    let was_line = node_at(root, path).is_some_and(|node| match node.kind {
        NodeKind::Scalar { .. } => true,
        _ => text
            .lines()
            .nth(node.line - 1)
            .and_then(|line| line.chars().nth(node.column - 1))
            .is_some_and(|start| matches!(start, '[' | '{')),
    });
    match was_line {
        true => vec![Some(flow), Some(block)],
        false => vec![Some(block), Some(flow)],
    }
}

fn node_at<'node>(root: &'node Node, path: &[Step]) -> Option<&'node Node> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Index(index) => node.as_list()?.get(*index),
    })
}

fn edited(text: &str, path: &str, form: Option<&str>) -> Result<String, String> {
    let document = Document::from_str(text).map_err(|error| error.to_string())?;
    match form {
        None => document
            .try_remove_path(path)
            .map(|_| ())
            .map_err(|error| error.to_string())?,
        Some(form) => {
            let value = Document::from_str(form).map_err(|error| error.to_string())?;
            if let Some(scalar) = value.as_scalar() {
                set(&document, path, scalar)?;
            } else if let Some(list) = value.as_sequence() {
                set(&document, path, list)?;
            } else if let Some(map) = value.as_mapping() {
                set(&document, path, map)?;
            } else {
                return Err("the value cannot be written".to_owned());
            }
        }
    }
    Ok(document.to_string())
}

fn set(document: &Document, path: &str, value: impl AsYaml) -> Result<(), String> {
    document
        .try_set_path(path, value)
        .map_err(|error| error.to_string())
}

/// Whether two documents are the same but for `path`, where `change` has happened.
fn differ_only_at(old: &Node, new: &Node, path: &[Step], change: &Change) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return match change {
            Change::Set(value) => new.to_value().identical(value),
            Change::Remove => false,
        };
    };
    match (&old.kind, &new.kind, step) {
        (NodeKind::List(old), NodeKind::List(new), Step::Index(index)) => {
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .enumerate()
                    .all(|(at, (old, new))| match at == *index {
                        true => differ_only_at(old, new, rest, change),
                        false => equal(old, new),
                    })
        }
        (NodeKind::Map(old), NodeKind::Map(new), Step::Key(wanted)) => {
            let is_wanted =
                |entry: &&(Node, Node)| entry.0.to_key().is_some_and(|key| key == **wanted);
            let others_equal = old
                .iter()
                .filter(|entry| !is_wanted(entry))
                .map(Some)
                .chain(std::iter::repeat(None))
                .zip(new.iter().filter(|entry| !is_wanted(entry)))
                .all(|(old, new)| {
                    old.is_some_and(|old| equal(&old.0, &new.0) && equal(&old.1, &new.1))
                });
            let count =
                |entries: &[(Node, Node)]| entries.iter().filter(|entry| !is_wanted(entry)).count();
            let at =
                |entries: &[(Node, Node)]| entries.iter().find(|entry| is_wanted(entry)).cloned();
            let wanted_changed = match (at(old), at(new)) {
                (Some(old), Some(new)) => {
                    equal(&old.0, &new.0) && differ_only_at(&old.1, &new.1, rest, change)
                }
                (None, Some(new)) => {
                    matches!(change, Change::Set(_)) && differ_only_at(&new.1, &new.1, rest, change)
                }
                (Some(_), None) => rest.is_empty() && *change == Change::Remove,
                (None, None) => false,
            };
            others_equal && count(old) == count(new) && wanted_changed
        }
        _ => false,
    }
}

/// Whether two nodes say the same in the same words, wherever they stand.
fn equal(old: &Node, new: &Node) -> bool {
    match (&old.kind, &new.kind) {
        (
            NodeKind::Scalar {
                value,
                text,
                is_date,
            },
            NodeKind::Scalar {
                value: new_value,
                text: new_text,
                is_date: new_is_date,
            },
        ) => value.identical(new_value) && text == new_text && is_date == new_is_date,
        (NodeKind::List(old), NodeKind::List(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| equal(old, new))
        }
        (NodeKind::Map(old), NodeKind::Map(new)) => {
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .all(|(old, new)| equal(&old.0, &new.0) && equal(&old.1, &new.1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn steps(text: &str) -> Vec<Step> {
        text.split('.')
            .map(|part| match part.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Key(part.to_owned()),
            })
            .collect()
    }

    fn set(text: &str, path: &str, value: &str) -> String {
        let value = parse(value, "value").expect("reads").to_value();
        match change(text, "p.yaml", &steps(path), &Change::Set(value)) {
            Ok(text) => text,
            Err(error) => error.chain(),
        }
    }

    fn remove(text: &str, path: &str) -> String {
        match change(text, "p.yaml", &steps(path), &Change::Remove) {
            Ok(text) => text,
            Err(error) => error.chain(),
        }
    }

    #[test]
    fn only_the_value_changes() {
        let cases = [
            (
                "lr: 0.1 # rate\nb: 2\n",
                "lr",
                "1e-5",
                "lr: 1e-05 # rate\nb: 2\n",
            ),
            ("lr: '0.1' # rate\n", "lr", "'012'", "lr: '012' # rate\n"),
            ("lr: # rate\nb: 2\n", "lr", "5", "lr: 5 # rate\nb: 2\n"),
            ("lr:\nb: 2\n", "lr", "x", "lr: x\nb: 2\n"),
            ("lr: 5\nb: 2\n", "lr", "~", "lr: null\nb: 2\n"),
            (
                "a:\n  - x # one\n  - y\nb: 2\n",
                "a.0",
                "z",
                "a:\n  - z # one\n  - y\nb: 2\n",
            ),
            ("a: [x, y] # c\n", "a.1", "'a, b'", "a: [x, \"a, b\"] # c\n"),
            ("a: [x, y] # c\n", "a", "[z]", "a: [z] # c\n"),
            (
                "a:\n- x\n- y\n# about b\nb: 2\n",
                "a",
                "[z, 1]",
                "a:\n  - z\n  - 1\n# about b\nb: 2\n",
            ),
            ("a:\n  x: 1\nb: 2\n", "a", "5", "a: 5\nb: 2\n"),
            (
                "a: 1 # c\nb: 2\n",
                "a",
                "{x: [1]}",
                "a: {x: [1]} # c\nb: 2\n",
            ),
            (
                "a: {x: 1, y: 2} # c\n",
                "a.z",
                "5",
                "a: {x: 1, y: 2, z: 5} # c\n",
            ),
            ("a: {}\n", "a.z", "5", "a: {z: 5}\n"),
            (
                "a:\n  x: 1 # one\n\n# about b\nb: 2\n",
                "a.z",
                "5",
                "a:\n  x: 1 # one\n  z: 5\n\n# about b\nb: 2\n",
            ),
            ("a: 1", "b", "5", "a: 1\nb: 5"),
            (
                "a: 1\n",
                "b",
                "{c: {d: [1, x]}}",
                "a: 1\nb:\n  c:\n    d:\n    - 1\n    - x\n",
            ),
            ("a: 1\r\nb: 2\r\n", "a", "5", "a: 5\r\nb: 2\r\n"),
            ("a: |\n  text\n  more\nb: 2\n", "a", "5", "a: 5\nb: 2\n"),
            (
                "x: &x {a: 1}\ny:\n  <<: *x\n  b: 2\n",
                "y.b",
                "5",
                "x: &x {a: 1}\ny:\n  <<: *x\n  b: 5\n",
            ),
            ("---\n# c\na: 1\n", "a", "5", "---\n# c\na: 5\n"),
            ("", "a", "5", "a: 5\n"),
        ];
        let wrong: Vec<_> = cases
            .iter()
            .map(|(text, path, value, expected)| (set(text, path, value), expected))
            .filter(|(found, expected)| found != *expected)
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }

    #[test]
    fn removes_an_entry() {
        assert_eq!(remove("a: 1 # c\nb: 2\n", "a"), "b: 2\n");
        assert_eq!(remove("a: {x: 1, y: 2}\n", "a.x"), "a: {y: 2}\n");
        assert_eq!(
            remove("a:\n  x: 1\n  # y\n  y: 2\nb: 1\n", "a.x"),
            "a:\n  # y\n  y: 2\nb: 1\n"
        );
    }

    #[test]
    fn refuses_to_change_two_places() {
        let error = "cannot change only 'a' in 'p.yaml': other values would change with it";
        assert_eq!(set("a: &x 1\nb: *x\n", "a", "5"), error);
        assert!(set("x: &x {a: 1}\ny: *x\n", "y.a", "5").starts_with("cannot change only 'y.a'"));
        assert!(set("x: {a: 1}\n", "x.a.b", "5").starts_with("cannot change only 'x.a.b'"));
        assert!(remove("a: 1\n", "b").starts_with("cannot change only 'b'"));
    }

    fn documents() -> impl Strategy<Value = String> {
        let scalar = prop_oneof![
            Just("1"),
            Just("0.5"),
            Just("x y"),
            Just("'q # q'"),
            Just("\"d\\n\""),
            Just(""),
            Just("true"),
            Just("[1, two, {z: 3}]"),
            Just("{p: 1, q: [2]}"),
            Just("{}"),
            Just("[]"),
            Just("|\n    text\n    more"),
            Just(">-\n    folded"),
            Just("long\n    text"),
            Just("&x 5"),
            Just("!!str 5"),
        ];
        let comment = prop_oneof![Just(""), Just(" # c"), Just(" # d: 1")];
        let line =
            (0..6usize, scalar, comment, 0..4usize).prop_map(|(key, scalar, comment, shape)| {
                let key = ["a", "b", "'c d'", "0", "e", "f"][key];
                match shape {
                    0 => format!("{key}:{comment}\n  n: {scalar}\n  m: 1\n"),
                    1 => format!("{key}:{comment}\n- {scalar}\n- k: 1\n  l: 2\n# between\n"),
                    2 => format!("\n# about\n{key}:{comment}\n  - 1\n  - {scalar}\n"),
                    _ if scalar.contains('\n') => format!("{key}: {scalar}\n"),
                    _ => format!("{key}: {scalar}{comment}\n"),
                }
            });
        prop::collection::vec(line, 1..5).prop_map(|lines| lines.concat())
    }

    fn paths() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            prop::sample::select(vec![
                "a", "b", "c d", "0", "e", "f", "n", "k", "l", "p", "new"
            ])
            .prop_map(|key| Step::Key(key.to_owned())),
            (0..3usize).prop_map(Step::Index),
        ];
        prop::collection::vec(step, 1..4)
    }

    fn changes() -> impl Strategy<Value = Change> {
        prop_oneof![
            Just(Change::Remove),
            prop::sample::select(vec![
                "7",
                "text",
                "'a: b'",
                "[1, [2]]",
                "{u: {v: 1}}",
                "[]",
                "{}",
                "~",
                "\"a\\nb\""
            ])
            .prop_map(|text| Change::Set(parse(text, "").expect("reads").to_value())),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
        #[test]
        fn a_change_touches_its_path_alone_or_is_refused(text in documents(), path in paths(), wanted in changes()) {
            let Ok(old) = parse(&text, "p") else { return Ok(()); };
            if let Ok(new_text) = change(&text, "p", &path, &wanted) {
                let new = parse(&new_text, "p").expect("reads");
                match &wanted {
                    Change::Set(value) => prop_assert!(node_at(&new, &path).expect("is there").to_value().identical(value)),
                    Change::Remove => prop_assert!(node_at(&new, &path).is_none()),
                }
                prop_assert!(differ_only_at(&old, &new, &path, &wanted));
                // comments of other places stay
                for line in text.lines().filter(|line| line.starts_with("# about")) {
                    prop_assert!(new_text.contains(line), "{text:?} became {new_text:?}");
                }
            }
        }

        #[test]
        fn any_text_is_changed_or_refused(text in any::<String>(), path in paths(), wanted in changes()) {
            let _ = change(&text, "p", &path, &wanted);
        }

        #[test]
        fn anything_like_yaml_is_changed_or_refused(
            text in r#"([-?:,\[\]{}#&*!|>'"%@ \n\ta1.=<~\\]|- |a: |\n  |<<: |&a |\*a){0,40}"#,
            path in paths(), wanted in changes(),
        ) {
            let _ = change(&text, "p", &path, &wanted);
        }
    }
}
