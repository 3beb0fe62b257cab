//! The table of scalars: each is read as DVC reads it, and stands in `dvc.lock` as DVC puts it there.

use super::{fixture, parse, print};
use crate::value::{Key, Map, Value};
use crate::yaml::NodeKind;

/// Returns the entries `k000`, `k001`, … of a lockfile, each with all its lines.
fn entries(lock: &str) -> Vec<String> {
    let (_, params) = lock.split_once("      params.yaml:\n").expect("params");
    let mut entries: Vec<String> = Vec::new();
    for line in params.lines() {
        let is_key = line
            .strip_prefix("        k")
            .is_some_and(|rest| rest.as_bytes().get(3) == Some(&b':'));
        match entries.last_mut().filter(|_| !is_key) {
            Some(entry) => *entry += &format!("\n{line}"),
            None => entries.push(line.to_owned()),
        }
    }
    entries
}

#[test]
fn scalars_are_read_and_locked_as_dvc_does() {
    let rows = fixture::rows(include_str!("../../tests/fixtures/yaml/scalars.json"));
    let theirs = entries(include_str!("../../tests/fixtures/yaml/scalars.lock"));
    let mut wrong = Vec::new();
    let mut params = Map::new();
    for row in &rows {
        let (text, typed) = (row[0].as_str().expect("text"), &row[1]);
        let root = parse(text, "params.yaml");
        let node = root.as_ref().map(|root| root.get("k").expect("is there"));
        let is_date = typed.get("date").is_some();
        let as_dvc = match &node {
            Err(_) => typed == "refused",
            Ok(_) if typed == "refused" => false,
            Ok(node) if is_date => matches!(node.kind, NodeKind::Scalar { is_date: true, .. }),
            Ok(node) => fixture::identical(&node.to_value(), &fixture::value(typed)),
        };
        if !as_dvc {
            wrong.push(format!("{text:?}: {node:?}, not {typed}"));
        }
        if typed != "refused" && !is_date {
            params.insert(
                Key::from(format!("k{:03}", params.len())),
                fixture::value(typed),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() > 400 && theirs.len() == params.len());

    let map = |key: &str, value: Value| Value::from(Map::from_iter([(Key::from(key), value)]));
    let stage = map(
        "all",
        map("params", map("params.yaml", Value::from(params.clone()))),
    );
    let ours = entries(&print::document(
        map("stages", stage).as_map().expect("a mapping"),
    ));
    let mut lossy = 0;
    for ((ours, theirs), (key, value)) in ours.iter().zip(&theirs).zip(&params) {
        if ours != theirs {
            // what DVC folds so that it reads back as another text, we do not
            let back = |text: &str| {
                parse(text, "dvc.lock")
                    .ok()
                    .and_then(|root| root.get(key).map(|node| node.to_value()))
            };
            let is_lossy =
                back(theirs).as_ref() != Some(value) && back(ours).as_ref() == Some(value);
            lossy += usize::from(is_lossy);
            if !is_lossy {
                wrong.push(format!("{ours}\ninstead of\n{theirs}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // two are U+0085, two are long texts with tabs or with two blanks at the fold
    assert_eq!((ours.len(), lossy), (theirs.len(), 4));
}
