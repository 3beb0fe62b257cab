use super::random::{Document, Place, documents};
use super::verify::differ_only_at;
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
        ("a: [x, y] # c\n", "a.1", "'a, b'", "a: [x, 'a, b'] # c\n"),
        ("a: [x, y] # c\n", "a", "[z]", "a: [z] # c\n"),
        (
            "a:\n- x\n- y\n# about b\nb: 2\n",
            "a",
            "[z, 1]",
            "a:\n- z\n- 1\n# about b\nb: 2\n",
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
fn the_form_of_the_old_value_stays() {
    let cases = [
        ("a: 'x' # c\n", "a", "y", "a: 'y' # c\n"),
        ("a: \"x\" # c\n", "a", "it's", "a: \"it's\" # c\n"),
        ("a: 'x'\n", "a", "\"\\n\"", "a: \"\\n\"\n"),
        ("a: 'x'\n", "a", "5", "a: 5\n"),
        ("a: 5\n", "a", "'5'", "a: '5'\n"),
        ("{a: 'x', b: y}", "b", "'y, z'", "{a: 'x', b: 'y, z'}"),
        ("a: &x 1 # c\n", "a", "2", "a: &x 2 # c\n"),
        ("a: !!float 1\n", "a", "2.5", "a: !!float 2.5\n"),
        ("a: !!str 1\n", "a", "2", "a: 2\n"),
        (
            "a: |  # c\n  x\n\n  y\n\nb: 1\n",
            "a",
            "z",
            "a: z  # c\n\nb: 1\n",
        ),
        ("a: long\n   text # c\n", "a", "z", "a: z # c\n"),
        (
            "a: # c\n  # d\n  x: 1 # e\n# f\nb: 1\n",
            "a",
            "z",
            "a: z # c\n# f\nb: 1\n",
        ),
        ("- x: 1\n  y: 2 # e\n- z\n", "0", "5", "- 5\n- z\n"),
        ("a: &x\n  y: 1\n", "a", "[1]", "a: &x\n  - 1\n"),
        (
            "a: *x\n",
            "a",
            "1",
            "cannot parse 'p.yaml', line 1, column 4: while parsing node, found unknown anchor",
        ),
        ("x: &x 1\na: *x # c\n", "a", "2", "x: &x 1\na: 2 # c\n"),
        ("a: ", "a", "2", "a: 2"),
        ("{a: , b}", "a", "2", "{a: 2, b}"),
        ("{a, b}", "a", "2", "{a: 2, b}"),
        ("[a: 1, b]", "0.a", "2", "[a: 2, b]"),
        ("? a\n: b\n", "a", "c", "? a\n: c\n"),
        ("\u{feff}a: b\r\n", "a", "c", "\u{feff}a: c\r\n"),
        (
            "a:\n- é\n- {b: é, c: 1}\n",
            "a.1.c",
            "2",
            "a:\n- é\n- {b: é, c: 2}\n",
        ),
    ];
    for (text, path, value, expected) in cases {
        assert_eq!(set(text, path, value), expected, "{text}");
    }
}

#[test]
fn an_entry_is_added_as_the_others_are_written() {
    let cases = [
        ("a: {\n  x: 1\n}\n", "a: {\n  x: 1,\n  n: 5\n}\n"),
        ("a: {\n  x: 1,\n}\n", "a: {\n  x: 1,\n  n: 5,\n}\n"),
        ("a: {\n  x: 1, # c\n}\n", "a: {\n  x: 1, # c\n  n: 5,\n}\n"),
        (
            "a: {\n  x: 1 # c, d\n}\n",
            "a: {\n  x: 1, # c, d\n  n: 5\n}\n",
        ),
        ("a: {x: 1,}\n", "a: {x: 1, n: 5}\n"),
        ("a: { x: 1 }\n", "a: { x: 1, n: 5 }\n"),
        ("a: { }\n", "a: {n: 5}\n"),
        ("a: &x { }\n", "a: &x {n: 5}\n"),
        (
            "a:\n   x: |\n     t\n\nb: 1\n",
            "a:\n   x: |\n     t\n   n: 5\n\nb: 1\n",
        ),
        (
            "a:\n  x: 1 # c\n       # d\n  # e\nb: 1\n",
            "a:\n  x: 1 # c\n       # d\n  n: 5\n  # e\nb: 1\n",
        ),
        ("a:\r\n  x: 1\r\n", "a:\r\n  x: 1\r\n  n: 5\r\n"),
        (
            "b: &b {n: 1}\na:\n  <<: *b\n",
            "b: &b {n: 1}\na:\n  <<: *b\n  n: 5\n",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(set(text, "a.n", "5"), expected, "{text}");
    }
}

#[test]
fn what_stays_in_a_list_or_mapping_keeps_its_text() {
    let text = "l:\n  - 1   # one\n  # about two\n  - 'two'\n  - 3.0\nm: {x: 0x10, y: [1]}\n";
    let cases = [
        (
            "l",
            "[1, two, 3.0, 4]",
            text.replace("  - 3.0\n", "  - 3.0\n  - 4\n"),
        ),
        (
            "l",
            "[0, 1, two, 3.0]",
            text.replace("  - 1 ", "  - 0\n  - 1 "),
        ),
        ("l", "[1, two]", text.replace("  - 3.0\n", "")),
        ("l", "[two, 3.0]", text.replace("  - 1   # one\n", "")),
        ("l", "[1, new, 3.0]", text.replace("'two'", "'new'")),
        ("l", "[]", "l: []\nm: {x: 0x10, y: [1]}\n".to_owned()),
        (
            "m",
            "{x: 16, y: [0, 1], z: a}",
            text.replace("[1]", "[0, 1], z: a"),
        ),
        (
            "m",
            "{y: [1, 2]}",
            text.replace("x: 0x10, y: [1]", "y: [1, 2]"),
        ),
    ];
    for (path, value, expected) in cases {
        let value = parse(value, "value").expect("reads").to_value();
        let found = rewrite(text, "p.yaml", &steps(path), &value).expect("is possible");
        assert_eq!(found, expected);
    }
}

#[test]
fn removes_an_entry() {
    assert_eq!(remove("a:\n  x: 1 # c\nb: 2\n", "a.x"), "a: {}\nb: 2\n");
    assert_eq!(remove("a: 1\n", "a"), "{}\n");
    assert_eq!(
        remove("- x: 1 # c\n  # d\n  y: 2\n", "0.x"),
        "- # d\n  y: 2\n"
    );
    assert_eq!(remove("a: [x, y,]\n", "a.1"), "a: [x,]\n");
    assert_eq!(remove("a: 1\nb: 2", "b"), "a: 1\n");
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

/// The same value by the reader that only tests have.
fn by_other_reader(text: &str) -> Option<serde_yaml::Value> {
    serde_yaml::from_str(text.trim_start_matches('\u{feff}')).ok()
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof!["[a-z0-9 é#:',\"-]{0,12}", Just("a\nb\n".to_owned())];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Float),
        text.prop_map(Value::Str),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
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

/// An edit of one of the values of a random document.
#[derive(Debug, Clone)]
struct Edit {
    document: Document,
    place: Place,
    path: Vec<Step>,
    change: Change,
}

fn edits() -> impl Strategy<Value = Edit> {
    (
        documents(),
        any::<prop::sample::Index>(),
        0..5usize,
        values(),
    )
        .prop_map(|(document, index, kind, value)| {
            let place = document.places[index.index(document.places.len())].clone();
            let mut path = place.path.clone();
            let change = match kind {
                0 => Change::Remove,
                1 if place.is_map => {
                    path.push(Step::Key("new".to_owned()));
                    Change::Set(value)
                }
                2 if matches!(path.last(), Some(Step::Index(_))) => Change::Insert(value),
                _ => Change::Set(value),
            };
            Edit {
                document,
                place,
                path,
                change,
            }
        })
}

/// Carries the change out on the other reader's values; `None` if there is no such place.
fn carried_out(root: &mut serde_yaml::Value, path: &[Step], change: &Change) -> Option<()> {
    use serde_yaml::Value as Other;
    let new = |value: &Value| by_other_reader(&print::flow(value));
    let (step, rest) = path.split_first()?;
    match (root, step) {
        (Other::Sequence(items), Step::Index(at)) => match (rest, change) {
            ([], Change::Insert(value)) => items.insert(*at, new(value)?),
            ([], Change::Remove) => drop(items.remove(*at)),
            ([], Change::Set(value)) => *items.get_mut(*at)? = new(value)?,
            _ => carried_out(items.get_mut(*at)?, rest, change)?,
        },
        (Other::Mapping(map), Step::Key(name)) => {
            // `0` and `true` are no texts
            let key = map
                .keys()
                .find(|key| {
                    key.as_str().map_or_else(
                        || by_other_reader(name).as_ref() == Some(key),
                        |key| key == name,
                    )
                })
                .cloned()
                .unwrap_or_else(|| Other::String(name.clone()));
            match (rest, change) {
                ([], Change::Remove) => drop(map.shift_remove(&key)?),
                ([], Change::Set(value)) => drop(map.insert(key, new(value)?)),
                _ => carried_out(map.get_mut(&key)?, rest, change)?,
            }
        }
        _ => return None,
    }
    Some(())
}

/// Whether every byte outside of `range` is where it was, from the start or from the end.
fn stays_outside(old: &str, new: &str, range: &std::ops::Range<usize>) -> bool {
    let (head, tail) = (&old[..range.start], &old[range.end..]);
    new.len() >= head.len() + tail.len() && new.starts_with(head) && new.ends_with(tail)
}

/// Whether `new` is `old` with one text put in.
fn is_grown(old: &str, new: &str) -> bool {
    let same = |pair: &(u8, u8)| pair.0 == pair.1;
    let head = old.bytes().zip(new.bytes()).take_while(same).count();
    let tail = old
        .bytes()
        .rev()
        .zip(new.bytes().rev())
        .take_while(same)
        .count();
    new.len() > old.len() && head + tail >= old.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
    #[test]
    fn an_edit_changes_its_path_and_nothing_else(edit in edits()) {
        let Edit { document, place, path, change: wanted } = edit;
        let text = &document.text;
        let old = parse(text, "p").expect("reads");
        let Ok(new_text) = change(text, "p", &path, &wanted) else {
            // what an alias is part of, and what ends in a block scalar without a line break
            let is_unfinished = text.contains(['|', '>']) && !text.ends_with('\n');
            prop_assert!(text.contains("*x") || is_unfinished, "refused: {text}");
            return Ok(());
        };
        let new = parse(&new_text, "p").expect("reads");
        prop_assert!(differ_only_at(&old, &new, &path, &wanted), "{text:?} became {new_text:?}");
        if let (Some(mut values), Some(found)) = (by_other_reader(text), by_other_reader(&new_text))
            && carried_out(&mut values, &path, &wanted).is_some()
        {
            // the other reader has other scalars, of which none is touched
            prop_assert_eq!(serde_yaml::to_string(&values).ok(), serde_yaml::to_string(&found).ok(), "{} became {}", text, new_text);
        }
        let is_new = matches!(wanted, Change::Insert(_)) || path != place.path;
        let holder = document.places.iter().find(|other| other.path == path[..path.len() - 1]);
        let range = match wanted {
            Change::Remove if place.is_only => holder.map_or(0..text.len(), |holder| holder.value.clone()),
            Change::Remove => place.entry,
            Change::Insert(_) => holder.map_or(0..text.len(), |holder| holder.value.clone()),
            Change::Set(_) => place.value,
        };
        prop_assert!(stays_outside(text, &new_text, &range), "{text:?} became {new_text:?}");
        let was_empty = holder.is_some_and(|holder| text[holder.value.clone()].contains("{}"));
        prop_assert!(!is_new || was_empty || is_grown(text, &new_text), "{text:?} became {new_text:?}");
    }

    #[test]
    fn a_rewrite_says_what_was_asked_for(document in documents(), index in any::<prop::sample::Index>(), value in values()) {
        let place = &document.places[index.index(document.places.len())];
        if let Ok(new_text) = rewrite(&document.text, "p", &place.path, &value) {
            let old = parse(&document.text, "p").expect("reads");
            let new = parse(&new_text, "p").expect("reads");
            prop_assert!(differ_only_at(&old, &new, &place.path, &Change::Set(value)));
            prop_assert!(stays_outside(&document.text, &new_text, &place.value), "{:?} became {new_text:?}", document.text);
        }
    }

    #[test]
    fn any_text_is_changed_or_refused(text in any::<String>(), edit in edits()) {
        let _ = change(&text, "p", &edit.path, &edit.change);
    }

    #[test]
    fn anything_like_yaml_is_changed_or_refused(
        text in r#"([-?:,\[\]{}#&*!|>'"%@ \n\r\ta1.=<~\\]|- |a: |\n  |<<: |&a |\*a|\? |e: |é){0,40}"#,
        path in prop::collection::vec(prop_oneof![
            prop::sample::select(vec!["a", "e", "1", "a1", "new"]).prop_map(|key| Step::Key(key.to_owned())),
            (0..3usize).prop_map(Step::Index),
        ], 1..4),
        value in values(), kind in 0..3usize,
    ) {
        let wanted = match kind {
            0 => Change::Remove,
            1 => Change::Insert(value),
            _ => Change::Set(value),
        };
        if let Ok(new_text) = change(&text, "p", &path, &wanted) {
            let old = parse(&text, "p").expect("reads");
            let new = parse(&new_text, "p").expect("reads");
            prop_assert!(old.is_null() || differ_only_at(&old, &new, &path, &wanted));
        }
    }
}
