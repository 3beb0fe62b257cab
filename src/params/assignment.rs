//! The text after `-S`: `[file:]key=value`, in the part of Hydra's grammar that DVC's users know.
//!
//! `key=value` changes, `+key=value` adds, `++key=value` does either, `~key` removes. A value is
//! `null`, `true`, a number, text, `'quoted text'`, `[a, list]` or `{a: mapping}`; a backslash makes
//! the syntax characters `\ ( ) [ ] { } : = ,` and blanks ordinary. `int(…)`, `float(…)`, `str(…)` and
//! `bool(…)` convert, within lists and mappings too, `sort(…)` and `shuffle(…)` order a list, `${other}`
//! is the value of another param. Several values at once (`lr=0.1,0.2`, `choice(…)`) ask for a sweep.

mod functions;
mod grammar;
mod order;
mod words;

use super::DEFAULT_FILE;
use crate::error::{Error, Result};
use crate::value::Value;
use grammar::{Wrong, parse_value};
use std::fmt;

/// What happens to a param.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// `key=value`: it is there and gets this value.
    Set(Value),
    /// `+key=value`: it is not there yet.
    Add(Value),
    /// `++key=value`: there or not.
    Force(Value),
    /// `~key`, `~key=value`: it goes, if it has this value.
    Remove(Option<Value>),
}

impl Operation {
    /// Returns the value that comes into the file; templates in it are not resolved.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Operation::Set(value) | Operation::Add(value) | Operation::Force(value) => Some(value),
            Operation::Remove(_) => None,
        }
    }
}

/// One assignment to a param of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// The file.
    pub file: String,
    /// The dotted name.
    pub key: String,
    /// What happens to it.
    pub operation: Operation,
    text: String,
}

impl Assignment {
    /// Parses what was typed; an error quotes it.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Error::usage(format!("cannot understand '{text}': {why}"));
        let before_value = text.split('=').next().unwrap_or_default();
        let (file, rest) = match before_value.find(':') {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (DEFAULT_FILE, text),
        };
        if file.is_empty() {
            return Err(refuse("there is no file before the ':'"));
        }
        let (sign, rest) = ["++", "+", "~"]
            .into_iter()
            .find_map(|sign| rest.strip_prefix(sign).map(|rest| (sign, rest)))
            .unwrap_or(("", rest));
        let (key, value) = match rest.split_once('=') {
            Some((key, value)) => (key, Some(value)),
            None => (rest, None),
        };
        check_key(key).map_err(|why| refuse(&why))?;
        let value = match value {
            Some(value) => Some(parse_value(value).map_err(|why| {
                match why {
                    Wrong::Sweep => Error::refused(format!(
                        "cannot take '{text}': sweeps need a queue, which is not there yet"
                    ))
                    .hint("put a value with commas in quotes: key=\"'a,b'\""),
                    Wrong::Because(why) => refuse(&why),
                }
            })?),
            None => None,
        };
        if value.as_ref().is_some_and(is_missing) {
            return Err(refuse("'???' says that a value is missing"));
        }
        let operation = match (sign, value) {
            ("~", value) => Operation::Remove(value),
            (_, None) => return Err(refuse("there is no '='")),
            ("+", Some(value)) => Operation::Add(value),
            ("++", Some(value)) => Operation::Force(value),
            (_, Some(value)) => Operation::Set(value),
        };
        Ok(Assignment {
            file: file.to_owned(),
            key: key.to_owned(),
            operation,
            text: text[text.len() - rest.len() - sign.len()..].to_owned(),
        })
    }
}

/// The assignment as it was typed, without the file.
impl fmt::Display for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether a value is, or has in it, the one that DVC takes for none.
fn is_missing(value: &Value) -> bool {
    match value {
        Value::Str(text) => text == "???",
        Value::List(items) => items.iter().any(is_missing),
        Value::Map(map) => map.values().any(is_missing),
        _ => false,
    }
}

fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("there is no key".to_owned());
    }
    if key.split('.').any(str::is_empty) {
        return Err(format!("a part of the key '{key}' is empty"));
    }
    match key.find(|next: char| next.is_control() || "[]{}()'\",~+".contains(next)) {
        None => Ok(()),
        Some(at) => {
            let next = key[at..].chars().next().unwrap_or_default();
            Err(format!("'{next}' cannot stand in a key"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use proptest::prelude::*;

    fn value(text: &str) -> Value {
        match Assignment::parse(&format!("k={text}"))
            .expect("parses")
            .operation
        {
            Operation::Set(value) => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn file_key_and_sign() {
        let parse = |text: &str| {
            let assignment = Assignment::parse(text).expect("parses");
            assert!(text.ends_with(&assignment.to_string()));
            (assignment.file, assignment.key, assignment.operation)
        };
        let key = |file: &str, key: &str, operation| (file.to_owned(), key.to_owned(), operation);
        assert_eq!(
            parse("lr=1"),
            key("params.yaml", "lr", Operation::Set(1.into()))
        );
        assert_eq!(
            parse("d/p.json:a.b=x"),
            key("d/p.json", "a.b", Operation::Set("x".into()))
        );
        assert_eq!(
            parse("url=http://x"),
            key("params.yaml", "url", Operation::Set("http://x".into()))
        );
        assert_eq!(
            parse("p.toml:+a=1"),
            key("p.toml", "a", Operation::Add(1.into()))
        );
        assert_eq!(
            parse("++a="),
            key("params.yaml", "a", Operation::Force("".into()))
        );
        assert_eq!(
            parse("~a"),
            key("params.yaml", "a", Operation::Remove(None))
        );
        assert_eq!(
            parse("~a=1"),
            key("params.yaml", "a", Operation::Remove(Some(1.into())))
        );
    }

    #[test]
    fn more_text_needs_no_quotes_than_in_hydra() {
        for text in [
            "é",
            "a=b",
            "~",
            "http://x.y/z?q=1&r#f",
            "a;b",
            "<x>",
            "!x",
            "50%",
        ] {
            assert_eq!(value(text), text.into());
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let message = |text: &str| {
            let error = Assignment::parse(text).expect_err("is refused");
            (error.kind(), error.chain())
        };
        let usage = |text: &str, why: &str| {
            assert_eq!(
                message(text),
                (Kind::Usage, format!("cannot understand '{text}': {why}"))
            );
        };
        usage("lr", "there is no '='");
        usage("=5", "there is no key");
        usage("a..b=5", "a part of the key 'a..b' is empty");
        usage(":lr=5", "there is no file before the ':'");
        usage("lr='a", "the quote ' is not closed");
        usage("lr=[1", "there is no ']'");
        usage("lr=[1 [", "a '[' in the text; put the text in quotes");
        usage("lr=int(x)", "'int' cannot take this value");
        usage("lr=int(1", "there is no ')'");
        usage(
            "lr=int(1) 2",
            "'2' does not belong there; put the text in quotes",
        );
        usage(
            "lr=foo(3)",
            "there is no function 'foo'; put the text in quotes",
        );
        usage(
            "lr=f o(3)",
            "'(' would call a function; put the text in quotes",
        );
        usage("lr=str(null)", "'str' cannot take this value");
        usage("lr=str()", "'str' needs a value");
        usage("lr=str(x=1)", "'str' takes no 'x'");
        usage("lr=sort([a,1])", "'sort' cannot compare such values");
        usage("lr=[choice(1,2)]", "several values inside of one");
        usage("lr=???", "'???' says that a value is missing");
        usage("lr=${}", "'${}' names no param");
        usage(
            "lr=${x",
            "a '${' without its '}'; write '\\${' for the text",
        );
        for sweep in [
            "lr=1,2",
            "lr=choice(1,2)",
            "lr=range(1,3)",
            "lr=[1],[2]",
            "lr='a','b'",
            "lr=sort(2,1)",
            "lr=shuffle(choice(1,2))",
            "lr=str(1,2)",
            "lr=${a},${b}",
        ] {
            let expected =
                format!("cannot take '{sweep}': sweeps need a queue, which is not there yet");
            assert_eq!(message(sweep), (Kind::Refused, expected));
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>()) {
            let _ = Assignment::parse(&text);
        }

        #[test]
        fn any_value_parses_or_is_refused(text in r#"k=[\[\]{}:,"'\\ \tab1.$(){}_+=-]{0,30}"#) {
            let _ = Assignment::parse(&text);
        }

        #[test]
        fn quoted_text_is_itself(text in "[^'\\\\$]{0,20}") {
            prop_assert_eq!(value(&format!("'{text}'")), Value::Str(text));
        }
    }
}
