//! Assignments carried out on a file's text, with Hydra's rules.

use super::assignment::{Assignment, Operation};
use super::file::{Form, ParamsFile};
use super::{json, python, reference, toml};
use crate::error::{Error, Result};
use crate::value::{Key, Map, Step, Value};
use crate::yaml::edit::{self, Change};
use indexmap::IndexSet;

/// Returns `old_text` of `file` after the assignments, in their order. Only the bytes of values that
/// change do change: an assignment of an equal value leaves the text alone.
pub fn assign(file: &str, old_text: &str, assignments: &[Assignment]) -> Result<String> {
    let form = Form::of(file);
    let old = ParamsFile::parse(file, old_text.as_bytes())?.into_value();
    let mut new = old.clone();
    let mut templates: IndexSet<Vec<Step>> = IndexSet::new();
    for assignment in assignments {
        carry_out(&mut new, assignment)?;
        let is_left = |path: &Vec<Step>| value_at(&new, path).is_some_and(reference::is_template);
        templates.retain(is_left);
        if let Some(value) = assignment.operation.value()
            && let Some(path) = new.steps(&assignment.key)
        {
            templates.extend(reference::templates(value, &path));
        }
    }
    let resolved: Result<Vec<Value>> = templates
        .iter()
        .map(|path| reference::resolve(&new, file, path))
        .collect();
    for (path, value) in templates.iter().zip(resolved?) {
        perform(&mut new, path, Change::Set(value));
    }
    let mut changes = Vec::new();
    differences(&old, &new, &mut Vec::new(), &mut changes);
    let mut text = old_text.to_owned();
    let mut expected = old;
    for (path, change) in changes {
        text = match form {
            Form::Json => json::change(&text, file, &path, &change)?,
            Form::Toml => toml::change(&text, file, &path, &change)?,
            Form::Python => python::change(&text, file, &path, &change)?,
            Form::Yaml => match &change {
                Change::Set(value) => edit::rewrite(&text, file, &path, value)?,
                other => edit::change(&text, file, &path, other)?,
            },
        };
        perform(&mut expected, &path, change);
    }
    let found = ParamsFile::parse(file, text.as_bytes()).map(ParamsFile::into_value);
    match found.is_ok_and(|found| found.identical(&expected)) {
        true => Ok(text),
        false => Err(Error::refused(format!(
            "cannot change '{file}' without changing other values of it"
        ))
        .hint(format!("edit '{file}' by hand"))),
    }
}

/// Carries out one assignment on the values.
fn carry_out(root: &mut Value, assignment: &Assignment) -> Result<()> {
    let (file, key) = (&assignment.file, &assignment.key);
    let path = root.steps(key);
    let found = |root: &Value, path: &[Step]| value_at(root, path).cloned();
    match (&assignment.operation, path) {
        (Operation::Set(_) | Operation::Remove(_), None) => {
            let error = Error::refused(format!("there is no param '{key}' in '{file}'"));
            Err(match &assignment.operation {
                Operation::Set(_) => error.hint(format!("use -S '+{assignment}' to add it")),
                _ => error,
            })
        }
        (Operation::Set(value), Some(path)) => {
            if let Some(target) = target(root, &path) {
                merge(target, value, false, assignment)?;
            }
            Ok(())
        }
        (Operation::Add(value), Some(path))
            if !matches!(value, Value::Map(_) | Value::List(_))
                && found(root, &path) != Some(Value::Null) =>
        {
            let plain = assignment.to_string();
            Err(
                Error::refused(format!("there is a param '{key}' in '{file}' already")).hint(
                    format!("use -S '{}' to change it", plain.trim_start_matches('+')),
                ),
            )
        }
        (Operation::Add(value) | Operation::Force(value), Some(path)) => {
            if let Some(target) = target(root, &path) {
                merge(target, value, true, assignment)?;
            }
            Ok(())
        }
        (Operation::Add(value) | Operation::Force(value), None) => add(root, assignment, value),
        (Operation::Remove(expected), Some(path)) => {
            if let (Some(expected), Some(present)) = (expected, found(root, &path))
                && !present.same(expected)
            {
                return Err(Error::refused(format!(
                    "the param '{key}' of '{file}' has another value"
                )));
            }
            if let Some(Step::Index(_)) = path.last() {
                return Err(Error::refused(format!(
                    "cannot remove '{key}' from '{file}': it is the item of a list"
                ))
                .hint("assign the whole list instead"));
            }
            perform(root, &path, Change::Remove);
            Ok(())
        }
    }
}

fn value_at<'value>(root: &'value Value, path: &[Step]) -> Option<&'value Value> {
    path.iter().try_fold(root, Value::at)
}

fn target<'value>(root: &'value mut Value, path: &[Step]) -> Option<&'value mut Value> {
    path.iter().try_fold(root, Value::at_mut)
}

/// Puts `new` in the place of `old`, mappings entry by entry; `may_add` says whether entries may be new.
fn merge(old: &mut Value, new: &Value, may_add: bool, assignment: &Assignment) -> Result<()> {
    let (file, name) = (&assignment.file, &assignment.key);
    match (old, new) {
        (Value::Map(old), Value::Map(new)) => {
            for (key, value) in new {
                match old.get_mut(key.as_str()) {
                    Some(old) => merge(old, value, may_add, assignment)?,
                    None if may_add => {
                        old.insert(key.clone(), value.clone());
                    }
                    None => {
                        return Err(Error::refused(format!(
                            "the param '{name}' of '{file}' has no entry '{key}'"
                        ))
                        .hint(format!("use -S '+{assignment}' to add it")));
                    }
                }
            }
        }
        (Value::Map(_), Value::List(_)) | (Value::List(_), Value::Map(_)) => {
            return Err(Error::refused(format!(
                "the param '{name}' of '{file}' is a mapping or a list, and cannot become the other"
            )));
        }
        (old, new) => *old = new.clone(),
    }
    Ok(())
}

/// Adds an entry and the mappings that lead to it.
fn add(root: &mut Value, assignment: &Assignment, value: &Value) -> Result<()> {
    let (file, name) = (&assignment.file, &assignment.key);
    let mut holder = root;
    let mut parts = name.split('.').peekable();
    while let Some(part) = parts.next() {
        if *holder == Value::Null {
            *holder = Value::from(Map::new());
        }
        holder = match holder {
            Value::Map(map) => {
                let new = match parts.peek() {
                    None => value.clone(),
                    Some(_) => Value::from(Map::new()),
                };
                map.entry(Key::from(part)).or_insert(new)
            }
            other => {
                let step = match part.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => Step::Key(part.to_owned()),
                };
                other.at_mut(&step).ok_or_else(|| {
                    Error::refused(format!(
                        "cannot add '{name}' to '{file}': what leads to it is no mapping"
                    ))
                })?
            }
        };
    }
    Ok(())
}

/// Lists the changes that make `new` of `old`, as deep as they go.
fn differences(
    old: &Value,
    new: &Value,
    path: &mut Vec<Step>,
    changes: &mut Vec<(Vec<Step>, Change)>,
) {
    match (old, new) {
        (Value::Map(old), Value::Map(new)) => {
            for key in old.keys().filter(|key| !new.contains_key(key.as_str())) {
                path.push(Step::Key(key.to_string()));
                changes.push((path.clone(), Change::Remove));
                path.pop();
            }
            for (key, value) in new {
                path.push(Step::Key(key.to_string()));
                match old.get(key.as_str()) {
                    Some(old) => differences(old, value, path, changes),
                    None => changes.push((path.clone(), Change::Set(value.clone()))),
                }
                path.pop();
            }
        }
        (Value::List(old), Value::List(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                path.push(Step::Index(index));
                differences(old, new, path, changes);
                path.pop();
            }
        }
        _ if is_equal(old, new) => {}
        _ => changes.push((path.clone(), Change::Set(new.clone()))),
    }
}

/// Whether an assignment changes nothing: `1` for `1.0`, but not `1` for `true`.
fn is_equal(old: &Value, new: &Value) -> bool {
    let is_bool = |value: &Value| matches!(value, Value::Bool(_));
    old.identical(new) || (old.same(new) && is_bool(old) == is_bool(new))
}

fn perform(root: &mut Value, path: &[Step], change: Change) {
    let Some((last, holders)) = path.split_last() else {
        return;
    };
    let Some(holder) = target(root, holders) else {
        return;
    };
    match (holder, last, change) {
        (Value::Map(map), Step::Key(key), Change::Set(value)) => match map.get_mut(key.as_str()) {
            Some(old) => *old = value,
            None => {
                map.insert(Key::from(key), value);
            }
        },
        (Value::Map(map), Step::Key(key), Change::Remove) => {
            map.shift_remove(key.as_str());
        }
        (holder, step, Change::Set(value)) => {
            if let Some(old) = holder.at_mut(step) {
                *old = value;
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::fixture;
    use proptest::prelude::*;

    fn assigned(file: &str, text: &str, assignments: &[&str]) -> String {
        let assignments: Result<Vec<Assignment>> = assignments
            .iter()
            .map(|text| Assignment::parse(text))
            .collect();
        match assignments.and_then(|assignments| assign(file, text, &assignments)) {
            Ok(text) => text,
            Err(error) => error.chain(),
        }
    }

    #[test]
    fn assignments_do_what_dvc_does() {
        let table: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../tests/fixtures/params/assign.json"))
                .expect("a table");
        let base = table[0].as_str().expect("text");
        let mut wrong = Vec::new();
        for row in &table[1..] {
            let (typed, wanted) = (&row[0], &row[1]);
            let assignments: Result<Vec<Assignment>> = typed
                .as_array()
                .expect("a list")
                .iter()
                .map(|text| Assignment::parse(text.as_str().expect("text")))
                .collect();
            let found =
                assignments.and_then(|assignments| assign("params.yaml", base, &assignments));
            let as_dvc = match (&found, wanted.as_str()) {
                (Err(error), Some("sweep")) => error.chain().contains("sweeps need a queue"),
                (Err(error), Some("refused")) => !error.chain().contains("sweeps need a queue"),
                (Ok(text), None) => ParamsFile::parse("params.yaml", text.as_bytes())
                    .is_ok_and(|file| file.value().identical(&fixture::value(wanted))),
                _ => false,
            };
            if !as_dvc {
                wrong.push(format!("{typed}: {found:?}, not {wanted}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(table.len() > 190);
    }

    #[test]
    fn a_file_of_an_old_version_says_what_it_means_there() {
        let assigned =
            |typed| assigned("params.yaml", "%YAML 1.1\n---\na: 010\nb: off\n", &[typed]);
        let text = |a, b| format!("%YAML 1.1\n---\na: {a}\nb: {b}\n");
        assert_eq!(assigned("a=8"), text("010", "off"));
        assert_eq!(assigned("a=9"), text("9", "off"));
        assert_eq!(assigned("b=true"), text("010", "true"));
        // text that would be read as something else
        assert_eq!(
            assigned("b=on"),
            "cannot change only 'b' in 'params.yaml': other values would change with it"
        );
    }

    #[test]
    fn a_dotted_name_is_never_a_key_with_a_dot() {
        let assigned = |text, typed| assigned("params.yaml", text, &[typed]);
        assert_eq!(
            assigned("a.b: 1\na:\n  b: 2\n", "a.b=3"),
            "a.b: 1\na:\n  b: 3\n"
        );
        assert_eq!(
            assigned("a.b: 1\n", "a.b=3"),
            "there is no param 'a.b' in 'params.yaml'"
        );
        assert_eq!(assigned("a.b: 1\n", "+a.b=3"), "a.b: 1\na:\n  b: 3\n");
    }

    #[test]
    fn values_of_other_params_come_from_after_all_assignments() {
        let text = "a: ${shell}   # not ours\nlr: 0.1 # rate\nt: {n: 3, b: [1, 2]}\n";
        for (assignments, expected) in [
            (
                &["t.n=${lr}", "lr=7"] as &[&str],
                "a: ${shell}   # not ours\nlr: 7 # rate\nt: {n: 7, b: [1, 2]}\n",
            ),
            (
                &["lr='\\${t.n} is ${t.n}'"],
                "a: ${shell}   # not ours\nlr: ${t.n} is 3 # rate\nt: {n: 3, b: [1, 2]}\n",
            ),
            (
                &["t.b.1=${...lr}"],
                "a: ${shell}   # not ours\nlr: 0.1 # rate\nt: {n: 3, b: [1, 0.1]}\n",
            ),
        ] {
            assert_eq!(assigned("params.yaml", text, assignments), expected);
        }
        let refused = [
            ("lr=${lx}", "refers to 'lx', which is not there"),
            ("lr=${lr}", "refers to itself"),
            ("t.n=${t}", "refers to itself"),
            ("lr=${..lr}", "refers to '..lr', above the file"),
            ("lr=${a..b}", "refers to 'a..b', which is malformed"),
            ("lr='${lr'", "has a '${' without its '}'"),
            (
                "lr=${oc.env:HOME}",
                "calls 'oc.env', which is not supported",
            ),
            ("lr=${a}", "refers to 'shell', which is not there"),
        ];
        for (assignment, why) in refused {
            let said = assigned("params.yaml", text, &[assignment]);
            assert!(
                said.ends_with(&format!("' of 'params.yaml' {why}")),
                "{said}"
            );
        }
        // each of them twice what the one before is
        let mut doubled = vec!["+x0=[1,1]".to_owned()];
        doubled.extend((1..60).map(|n| format!("+x{n}=[${{x{}}},${{x{}}}]", n - 1, n - 1)));
        let doubled: Vec<&str> = doubled.iter().map(String::as_str).collect();
        assert!(assigned("params.yaml", text, &doubled).ends_with("stands for too much"));
    }

    #[test]
    fn shuffled_lists_hold_what_they_held() {
        let text = "l: []\n";
        let numbers: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let mut orders = Vec::new();
        for _ in 0..2 {
            let assignment = format!("l=shuffle([{}])", numbers.join(","));
            let text = assigned("params.yaml", text, &[&assignment]);
            let file = ParamsFile::parse("params.yaml", text.as_bytes()).expect("reads");
            let Some(Value::List(mut items)) = file.value().lookup("l").cloned() else {
                panic!("{text}");
            };
            orders.push(items.clone());
            items.sort_by_key(|item| item.as_f64().unwrap_or_default() as u64);
            let wanted: Vec<Value> = (0..100).map(Value::Int).collect();
            assert_eq!(*items, wanted);
        }
        // one of 100! orders
        assert_ne!(orders[0], orders[1]);
    }

    #[test]
    fn only_the_value_changes_in_yaml() {
        let text = "# all params\nlr: 0.1   # rate\nname: 'x'\nopt: {betas: [0.9, 0.99]} # inline\n\ntrain:\n  # how long\n  epochs: 3\n";
        let cases: [(&[&str], &str); 5] = [
            (
                &["lr=1e-5"],
                "# all params\nlr: 1e-05   # rate\nname: 'x'\nopt: {betas: [0.9, 0.99]} # inline\n\ntrain:\n  # how long\n  epochs: 3\n",
            ),
            (
                &["opt.betas.1=0.5", "train.epochs=5"],
                "# all params\nlr: 0.1   # rate\nname: 'x'\nopt: {betas: [0.9, 0.5]} # inline\n\ntrain:\n  # how long\n  epochs: 5\n",
            ),
            (
                &["+train.batch=32"],
                "# all params\nlr: 0.1   # rate\nname: 'x'\nopt: {betas: [0.9, 0.99]} # inline\n\ntrain:\n  # how long\n  epochs: 3\n  batch: 32\n",
            ),
            (
                &["~name"],
                "# all params\nlr: 0.1   # rate\nopt: {betas: [0.9, 0.99]} # inline\n\ntrain:\n  # how long\n  epochs: 3\n",
            ),
            (
                &["name=012"],
                "# all params\nlr: 0.1   # rate\nname: '012'\nopt: {betas: [0.9, 0.99]} # inline\n\ntrain:\n  # how long\n  epochs: 3\n",
            ),
        ];
        for (assignments, expected) in cases {
            assert_eq!(assigned("params.yaml", text, assignments), expected);
        }
        assert_eq!(
            assigned("params.yaml", "", &["+a.b=[1,x]"]),
            "a:\n  b:\n  - 1\n  - x\n"
        );
    }

    #[test]
    fn an_equal_value_leaves_the_text_alone() {
        let text = "lr:   1.0e-5\nn: 0x10\nflag: on\nb: true\nd: {x: [1, 2]}\n";
        let same = [
            "lr=0.00001",
            "n=16.0",
            "flag=on",
            "b=True",
            "d={x: [1, 2.0]}",
            "+d={}",
        ];
        assert_eq!(assigned("params.yaml", text, &same), text);
        assert_eq!(assigned("params.yaml", "b: true\n", &["b=1"]), "b: 1\n");
    }

    #[test]
    fn only_the_value_changes_in_json() {
        let text = "{\n    \"lr\": 0.1,\n    \"l\": [1, {\"a\": \"x,]}\"}],\n    \"e\": {}\n}\n";
        let cases: [(&[&str], &str); 7] = [
            (
                &["p.json:lr=1e-5"],
                "{\n    \"lr\": 1e-05,\n    \"l\": [1, {\"a\": \"x,]}\"}],\n    \"e\": {}\n}\n",
            ),
            (
                &["p.json:l.1.a=é"],
                "{\n    \"lr\": 0.1,\n    \"l\": [1, {\"a\": \"\\u00e9\"}],\n    \"e\": {}\n}\n",
            ),
            (
                &["p.json:l.0=[1,[null]]"],
                "{\n    \"lr\": 0.1,\n    \"l\": [[1, [null]], {\"a\": \"x,]}\"}],\n    \"e\": {}\n}\n",
            ),
            (
                &["p.json:+e.f=2"],
                "{\n    \"lr\": 0.1,\n    \"l\": [1, {\"a\": \"x,]}\"}],\n    \"e\": {\"f\": 2}\n}\n",
            ),
            (
                &["p.json:+z=nan"],
                "{\n    \"lr\": 0.1,\n    \"l\": [1, {\"a\": \"x,]}\"}],\n    \"e\": {},\n    \"z\": NaN\n}\n",
            ),
            (
                &["p.json:~lr"],
                "{\n    \"l\": [1, {\"a\": \"x,]}\"}],\n    \"e\": {}\n}\n",
            ),
            (
                &["p.json:~e"],
                "{\n    \"lr\": 0.1,\n    \"l\": [1, {\"a\": \"x,]}\"}]\n}\n",
            ),
        ];
        for (assignments, expected) in cases {
            assert_eq!(assigned("p.json", text, assignments), expected);
        }
        assert_eq!(
            assigned("p.json", "{\"a\":1}", &["p.json:+b=2"]),
            "{\"a\":1, \"b\": 2}"
        );
        assert_eq!(assigned("p.json", "{\"a\": 1}", &["p.json:~a"]), "{}");
    }

    #[test]
    fn only_the_value_changes_in_toml() {
        let text = "# top\nlr = 0.1 # rate\n\n[train]\nl = [1, 2] # list\nopt.name = 'x'\n";
        let cases: [(&[&str], &str); 5] = [
            (
                &["p.toml:lr=1e-5"],
                "# top\nlr = 1e-05 # rate\n\n[train]\nl = [1, 2] # list\nopt.name = 'x'\n",
            ),
            (
                &["p.toml:train.l.1=5"],
                "# top\nlr = 0.1 # rate\n\n[train]\nl = [1, 5] # list\nopt.name = 'x'\n",
            ),
            (
                &["p.toml:train.opt.name=y"],
                "# top\nlr = 0.1 # rate\n\n[train]\nl = [1, 2] # list\nopt.name = 'y'\n",
            ),
            (
                &["p.toml:+train.new={a:1}"],
                "# top\nlr = 0.1 # rate\n\n[train]\nl = [1, 2] # list\nopt.name = 'x'\nnew = { a = 1 }\n",
            ),
            (
                &["p.toml:~lr"],
                "# top\n\n[train]\nl = [1, 2] # list\nopt.name = 'x'\n",
            ),
        ];
        for (assignments, expected) in cases {
            assert_eq!(assigned("p.toml", text, assignments), expected);
        }
        assert_eq!(
            assigned("p.toml", text, &["p.toml:lr=null"]),
            "cannot change 'lr' in 'p.toml': TOML has no such value"
        );
    }

    #[test]
    fn refusals_say_what_to_type() {
        let refused = |file: &str, text: &str, typed: &str| {
            let assignment = Assignment::parse(typed).expect("parses");
            let error = assign(file, text, &[assignment]).expect_err("is refused");
            (error.chain(), error.hints().to_vec())
        };
        assert_eq!(
            refused("params.yaml", "lr: 1\n", "rl=0.2"),
            (
                "there is no param 'rl' in 'params.yaml'".to_owned(),
                vec!["use -S '+rl=0.2' to add it".to_owned()]
            )
        );
        assert_eq!(
            refused("params.yaml", "lr: 1\n", "+lr=0.2"),
            (
                "there is a param 'lr' in 'params.yaml' already".to_owned(),
                vec!["use -S 'lr=0.2' to change it".to_owned()]
            )
        );
        assert_eq!(
            refused("params.yaml", "train: {b: 1}\n", "train={a:1}").0,
            "the param 'train' of 'params.yaml' has no entry 'a'"
        );
        assert_eq!(
            refused("params.yaml", "a: &x 1\nb: *x\n", "a=2").0,
            "cannot change only 'a' in 'params.yaml': other values would change with it"
        );
    }

    proptest! {
        #[test]
        fn json_is_changed_at_one_place_or_refused(
            text in r#"[ \n]?\{"a": (1|"x,\}"|\[1, ?\{"b":2\}\]|\{\}|\{ "b" : null \}),?( |\n  )?("b" :[ ]?(\[\]|"\\"\]"|NaN|-1e5))?[\n ]*\}\n?"#,
            key in "a|b|a\\.0|a\\.1\\.b|a\\.b|c|a\\.c",
            sign in "\\+\\+|\\+|~|",
            value in "1|text|\\[1,2\\]|\\{b:3\\}|nan|''",
        ) {
            let assignment = Assignment::parse(&format!("p.json:{sign}{key}={value}")).expect("parses");
            if let Ok(old) = ParamsFile::parse("p.json", text.as_bytes())
                && let Ok(new_text) = assign("p.json", &text, &[assignment])
            {
                let new = ParamsFile::parse("p.json", new_text.as_bytes()).expect("reads");
                let other = if key.starts_with('a') { "b" } else { "a" };
                let same = match (old.value().lookup(other), new.value().lookup(other)) {
                    (Some(old), Some(new)) => old.identical(new),
                    (old, new) => old.is_none() && new.is_none(),
                };
                prop_assert!(same, "{text} became {new_text}");
            }
        }

        #[test]
        fn any_assignment_to_any_text_works_or_is_refused(
            text in r#"([\[\]{}:,"'\n ab1.=#-]|NaN){0,24}"#,
            typed in r#"(p\.(json|toml|yaml):)?[~+]{0,2}[ab.01]{1,4}=[\[\]{}:,"'\\ ab1.$()-]{0,6}"#,
        ) {
            if let Ok(assignment) = Assignment::parse(&typed) {
                let file = assignment.file.clone();
                let _ = assign(&file, &text, &[assignment]);
            }
        }
    }
}
