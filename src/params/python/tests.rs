use super::*;
use crate::yaml::fixture;
use proptest::prelude::*;

fn set(text: &str, path: &[&str], value: &str) -> String {
    let path: Vec<Step> = path
        .iter()
        .map(|part| match part.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key((*part).to_owned()),
        })
        .collect();
    let value = crate::yaml::parse(value, "value")
        .expect("reads")
        .to_value();
    match change(text, "p.py", &path, &Change::Set(value)) {
        Ok(text) => text,
        Err(error) => error.chain(),
    }
}

/// Whether a value is the one of the table, which names what is unfit by its type.
fn is_typed(
    value: &Value,
    typed: &serde_json::Value,
    unfit: &[Unfit],
    path: &mut Vec<Step>,
) -> bool {
    if typed.get("unfit").is_some() {
        return unfit.iter().any(|(place, _)| place == path);
    }
    let mut below = |step: Step, value: &Value, typed: &serde_json::Value| {
        path.push(step);
        let is_typed = is_typed(value, typed, unfit, path);
        path.pop();
        is_typed
    };
    match value {
        Value::List(items) => typed.as_array().is_some_and(|typed| {
            typed.len() == items.len()
                && items
                    .iter()
                    .zip(typed)
                    .enumerate()
                    .all(|(at, (item, typed))| below(Step::Index(at), item, typed))
        }),
        Value::Map(map) => {
            let pairs = typed.get("map").and_then(|pairs| pairs.as_array());
            pairs.is_some_and(|pairs| {
                pairs.len() == map.len()
                    && map.iter().zip(pairs).all(|((key, value), pair)| {
                        let wanted = Key::of(&fixture::value(&pair[0]));
                        wanted.is_some_and(|wanted| {
                            wanted == *key && wanted.is_text() == key.is_text()
                        }) && below(Step::Key(key.to_string()), value, &pair[1])
                    })
            })
        }
        scalar => fixture::identical(scalar, &fixture::value(typed)),
    }
}

#[test]
fn reads_what_dvc_reads() {
    let rows = fixture::rows(include_str!("../../../tests/fixtures/params/python.json"));
    let mut wrong = Vec::new();
    for row in &rows {
        let (text, typed) = (row[0].as_str().expect("text"), &row[1]);
        let found = read(text, "p.py");
        let as_dvc = match &found {
            Err(_) => typed == "refused",
            Ok(_) if typed == "refused" => false,
            Ok((value, unfit)) => is_typed(value, typed, unfit, &mut Vec::new()),
        };
        if !as_dvc {
            wrong.push(format!("{text:?}: {found:?}, not {typed}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows.len() > 200);
}

#[test]
fn errors_name_the_place() {
    let message = |text: &str| read(text, "p.py").expect_err("is refused").chain();
    assert_eq!(
        message("a = 1\nb = [1\n"),
        "cannot parse 'p.py', line 2, column 5: the '[' is not closed"
    );
    assert_eq!(
        message("é = 1\n  b = 012\n"),
        "cannot parse 'p.py', line 2, column 3: the line is indented"
    );
    assert_eq!(
        message("a = 012\n"),
        "cannot parse 'p.py', line 1, column 5: this is no number"
    );
    assert_eq!(
        message("x = 1\na = 'b\n"),
        "cannot parse 'p.py', line 2, column 5: the string is not closed"
    );
    assert!(message(&format!("a = {}", "(".repeat(100_000))).contains("nested too deeply"));
    assert!(message(&format!("a = {}", "[".repeat(100_000))).contains("nested too deeply"));
    let mut deep = String::new();
    for depth in 0..1000 {
        deep += &format!("{}class A:\n", " ".repeat(depth));
    }
    assert!(message(&deep).contains("nested too deeply"));
    assert!(message(&format!("a = f'{}", "{f'".repeat(100_000))).contains("nested too deeply"));
}

#[test]
fn only_the_literal_changes() {
    let text = "\
import os\r
LR: float = 1e-3  # rate\r
NAME = \"adam\"; OTHER = 'x'\r
BETAS = (0.9,  # one\r
         0.99)\r
PAIR = 1, 2\r
OPT = {'k': [1, 2], \"n\": None}\r
class Train(Base):\r
    def __init__(self):\r
        self.epochs = 3\r
";
    let cases: [(&[&str], &str, &str, &str); 10] = [
        (&["LR"], "1e-5", "1e-3", "1e-05"),
        (&["NAME"], "sgd", "\"adam\"", "\"sgd\""),
        (&["OTHER"], "it's", "'x'", "\"it's\""),
        (&["NAME"], "5", "\"adam\"", "5"),
        (&["BETAS", "1"], "0.5", "0.99", "0.5"),
        (&["BETAS"], "[1]", "(0.9,  # one\r\n         0.99)", "(1,)"),
        (&["PAIR"], "[3, 4]", "1, 2", "(3, 4)"),
        (&["OPT", "k", "0"], "~", "[1,", "[None,"),
        (
            &["OPT"],
            "{a: [.inf, true], 3: é}",
            "{'k': [1, 2], \"n\": None}",
            "{'a': [1e999, True], 3: 'é'}",
        ),
        (&["Train", "epochs"], "4", "epochs = 3", "epochs = 4"),
    ];
    for (path, value, old, new) in cases {
        assert_eq!(set(text, path, value), text.replacen(old, new, 1));
    }
    let refused = [
        (
            &["Train"][..],
            "1",
            "cannot change 'Train' in 'p.py': it is a class",
        ),
        (
            &["new"],
            "1",
            "cannot change 'new' in 'p.py': only values of Python files can be changed",
        ),
        (
            &["LR"],
            ".nan",
            "cannot change 'LR' in 'p.py': Python has no literal for this value",
        ),
    ];
    for (path, value, message) in refused {
        assert_eq!(set(text, path, value), message);
    }
}

fn places(value: &Value, path: &mut Vec<Step>, places: &mut Vec<Vec<Step>>) {
    let mut below = |step, value: &Value| {
        path.push(step);
        places.push(path.clone());
        self::places(value, path, places);
        path.pop();
    };
    match value {
        Value::Map(map) => map
            .iter()
            .for_each(|(key, value)| below(Step::Key(key.to_string()), value)),
        Value::List(items) => items
            .iter()
            .enumerate()
            .for_each(|(at, item)| below(Step::Index(at), item)),
        _ => {}
    }
}

proptest! {
    #[test]
    fn any_text_reads_or_fails(text in any::<String>()) {
        let _ = read(&text, "p.py");
    }

    #[test]
    fn anything_like_python_reads_and_changes_or_fails(
        text in r#"(a = |b: int = |self\.c = |class A:\n|def __init__\(self\):\n|  |    |if x:\n|\n|\r\n|1|-|\.|0x|'x'|"y"|\(|\)|\[|\]|\{|\}|, |: |;|#|\\|'''|f"|True|set\(\)|e5|j|é){0,30}"#,
        index in any::<prop::sample::Index>(),
        new in prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::Int), "[a-z'\"\\\\\n\u{7f}é]{0,6}".prop_map(Value::Str)],
    ) {
        if let Ok((value, unfit)) = read(&text, "p.py") {
            let mut all = Vec::new();
            places(&value, &mut Vec::new(), &mut all);
            if !all.is_empty()
                && let path = index.get(&all)
                && let Ok(changed) = change(&text, "p.py", path, &Change::Set(new.clone()))
            {
                let (found, _) = read(&changed, "p.py").expect(&changed);
                let at = |root: &Value| path.iter().try_fold(root, Value::at).cloned();
                prop_assert_eq!(at(&found), Some(new), "{} became {}", text, changed);
                for other in all.iter().filter(|other| !other.starts_with(path) && !path.starts_with(other)) {
                    let at = |root: &Value| other.iter().try_fold(root, Value::at).cloned();
                    let is_unfit = unfit.iter().any(|(place, _)| place.starts_with(other));
                    prop_assert!(is_unfit || at(&value).zip(at(&found)).is_some_and(|(old, new)| old.identical(&new)), "{} became {}", text, changed);
                }
            }
        }
    }
}
