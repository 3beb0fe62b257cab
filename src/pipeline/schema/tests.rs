//! Every key of `dvc.yaml`, `dvc.lock` and `.dvc` files with values of every kind: the tables of
//! `tests/fixtures/schema`, of which DVC 3.67.1 says what it takes and where it finds the mistake.

mod on_purpose;
mod unknown_keys;

use super::File;
use crate::error::{Error, Result};
use crate::lockfile::Lockfile;
use crate::pipeline::template::{Sources, Unpacking};
use crate::pipeline::{data, parse, paths};
use on_purpose::ON_PURPOSE;
use std::collections::{BTreeMap, BTreeSet};

/// The `params.yaml` that the values name, as in `generate.py`.
const PARAMS: &str = "{num: 1, real: 1.5, flag: true, word: w, none: null, list: [x], map: {k: v}, nested: [[x], {k: v}]}\n";

struct Params;

impl Sources for Params {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        Ok((path == "params.yaml").then(|| PARAMS.into()))
    }

    fn unpacking(&self) -> Result<Unpacking> {
        Ok(Unpacking::default())
    }

    fn root(&self) -> &str {
        ""
    }

    fn remote(&self, _name: &str) -> Result<Option<String>> {
        Ok(None)
    }
}

/// Reads a file of the table as a run does.
fn read(file: &str, text: &str) -> Result<()> {
    match file {
        "dvc.lock" => Lockfile::parse(text, file).map(drop),
        "dvc.yaml" => parse::parse(text, file, &Params).map(drop),
        _ => {
            let file = File {
                origin: file,
                folder: paths::folder(file),
                sources: &Params,
                is_draft: false,
            };
            data::parse(text, file).map(drop)
        }
    }
}

/// One place of `places.yaml`, with the verdicts on its values.
#[derive(serde::Deserialize)]
struct Place {
    file: String,
    text: String,
    #[serde(default)]
    says: String,
    #[serde(default)]
    allowed: String,
    #[serde(default)]
    items: String,
    /// What DVC 3 knows no more.
    #[serde(default)]
    only: String,
    #[serde(default)]
    verdicts: BTreeMap<String, serde_json::Value>,
}

impl Place {
    fn with(&self, value: &str) -> String {
        if value != "again" {
            return self.text.replace('§', value);
        }
        let line = self.line();
        let key = &line[self.indent()..];
        let indent = " ".repeat(self.indent());
        let (first, again) = (line.replace('§', "x"), key.replace('§', "x"));
        self.text
            .replace(line, &format!("{first}\n{indent}{again}"))
    }

    fn line(&self) -> &str {
        self.text.lines().find(|line| line.contains('§')).unwrap()
    }

    /// How far the key of the value is indented, dashes included.
    fn indent(&self) -> usize {
        let key = self.line().trim_start().trim_start_matches("- ");
        self.line().len() - key.len()
    }

    /// Line and column where the value starts.
    fn start(&self) -> (usize, usize) {
        let (before, _) = self.text.split_once('§').unwrap();
        let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
        let last = before.rsplit('\n').next().unwrap();
        (line, last.chars().count() + 1)
    }

    /// Says what is wrong with the error that a value got.
    fn judge(&self, value: &str, error: &Error, verdict: &serde_json::Value) -> Option<String> {
        let said = error.to_string();
        if error.kind().exit_status() != 128 {
            return Some(format!("status {}", error.kind().exit_status()));
        }
        let Some(at) = position(&said, &self.file) else {
            return Some("no place".to_owned());
        };
        let start = self.start();
        let end = (start.0, start.1 + value.chars().count());
        let wanted = match verdict.as_array() {
            // the second of two keys
            _ if value == "again" => (start.0 + 1, self.indent() + 1),
            // DVC's reader puts nothing on the line below, and has no 'live'
            Some(place) if !value.is_empty() && self.only.is_empty() => {
                let part = |n: usize| place[n].as_u64().unwrap() as usize;
                (part(0), part(1))
            }
            _ => start,
        };
        // deeper, where a part of the value is wrong by itself, is as good
        let is_inside = start <= wanted && wanted <= at && at <= end;
        // as are a key for its value, what lacks a key, the colon before nothing
        let is_beside = match value {
            "" => at.0 == start.0 && at.1 + 2 >= start.1 && at <= start,
            _ if [" has no '", " makes a bad key "]
                .iter()
                .any(|words| said.contains(words)) =>
            {
                at <= end
            }
            _ => {
                let whole = [
                    ": a key of ",
                    "without a schema",
                    "which cannot stand in",
                    "not several",
                ];
                whole.iter().any(|words| said.contains(words)) && start <= at && at <= end
            }
        };
        if at != wanted && !is_inside && !is_beside {
            return Some(format!("not at {wanted:?}"));
        }
        if is_of_yaml(&said) {
            return None;
        }
        let own = at == start && !value.contains("${map}");
        let mut rest = said.as_str();
        for name in self.says.split('\'').skip(1).step_by(2) {
            match rest.split_once(&format!("'{name}'")) {
                Some((_, behind)) => rest = behind,
                None if !own => {}
                None => return Some(format!("does not say: {}", self.says)),
            }
        }
        let Some((_, must)) = said.split_once(" must be ") else {
            return (!is_told(&said, error)).then(|| "does not say what is allowed".to_owned());
        };
        let allowed = [&self.allowed, &self.items];
        let fits = allowed.iter().enumerate().any(|(n, words)| {
            !words.is_empty() && must.starts_with(words.as_str()) && (n == 1 || own)
        });
        (own && !fits).then(|| format!("does not say: {} ({})", self.allowed, self.items))
    }
}

/// The line and column that a message names.
fn position(said: &str, file: &str) -> Option<(usize, usize)> {
    let (_, rest) = said.split_once(&format!("'{file}', line "))?;
    let (line, rest) = rest.split_once(", column ")?;
    let column = rest.split(|next: char| !next.is_ascii_digit()).next()?;
    Some((line.parse().ok()?, column.parse().ok()?))
}

/// Whether it is no YAML at all, which is nobody's key.
fn is_of_yaml(said: &str) -> bool {
    [
        "duplicate key",
        "a key that is a list",
        "the tag '!tag'",
        "while parsing",
        "unknown anchor",
    ]
    .iter()
    .any(|words| said.contains(words))
}

/// Whether a message that is not of kinds of values says what is wrong.
fn is_told(said: &str, error: &Error) -> bool {
    let complete = [
        " is empty",
        "is not a path",
        " has no '",
        " has no value",
        "is malformed",
        "cannot have templates",
        "which cannot stand in",
        "cannot become options",
        " does not exist",
        "is absolute",
        " needs both ",
        " makes a bad key ",
        "without a schema",
        "is not supported",
    ];
    complete.iter().any(|words| said.contains(words))
        || (said.contains("unknown key")
            && error
                .hints()
                .iter()
                .any(|hint| hint.starts_with("allowed there: ")))
}

fn table() -> Vec<Place> {
    let places: Vec<Place> =
        serde_yaml::from_str(include_str!("../../../tests/fixtures/schema/places.yaml")).unwrap();
    let verdicts: Vec<Place> =
        serde_json::from_str(include_str!("../../../tests/fixtures/schema/verdicts.json")).unwrap();
    assert_eq!(places.len(), verdicts.len(), "run generate.py");
    let both = places.into_iter().zip(verdicts);
    both.map(|(place, row)| {
        assert_eq!(
            (&place.file, &place.text),
            (&row.file, &row.text),
            "run generate.py"
        );
        Place {
            verdicts: row.verdicts,
            ..place
        }
    })
    .collect()
}

#[test]
fn every_key_takes_what_dvc_takes_and_says_what_is_allowed() {
    let mut wrong = Vec::new();
    let mut used = BTreeSet::new();
    let mut count = 0;
    for place in table() {
        for (value, verdict) in &place.verdicts {
            count += 1;
            let result = read(&place.file, &place.with(value));
            let is_accepted = verdict == "accepted";
            let name = format!("{}:{}", place.file, place.text);
            let rule = ON_PURPOSE.iter().position(|(part, values, _)| {
                name.contains(part) && (values.contains(&value.as_str()) || *values == ["*"])
            });
            let differs = result.is_ok() != is_accepted;
            if let Some(rule) = rule.filter(|_| differs) {
                used.insert(rule);
            }
            let problem = match &result {
                Err(error) if rule.is_some() => place.judge(value, error, &serde_json::Value::Null),
                Ok(()) if rule.is_some() => None,
                Ok(()) if is_accepted => None,
                Ok(()) => Some("DVC refuses it".to_owned()),
                Err(_) if is_accepted => Some("DVC takes it".to_owned()),
                Err(error) => place.judge(value, error, verdict),
            };
            if let Some(problem) = problem {
                let said = result
                    .map_err(|error| error.to_string())
                    .err()
                    .unwrap_or_default();
                wrong.push(format!(
                    "{} | {value} | {problem} | {said}",
                    place.text.escape_debug()
                ));
            }
        }
    }
    let idle = (0..ON_PURPOSE.len()).filter(|rule| !used.contains(rule));
    let idle: Vec<_> = idle.map(|rule| ON_PURPOSE[rule]).collect();
    assert!(idle.is_empty(), "rules that nothing needs: {idle:?}");
    assert!(count > 10_000, "{count}");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
