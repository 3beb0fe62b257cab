//! The text after `-S`: `[file:]key=value`, in the part of Hydra's grammar that DVC's users know.
//!
//! `key=value` changes, `+key=value` adds, `++key=value` does either, `~key` removes. A value is
//! `null`, `true`, a number, text, `'quoted text'`, `[a, list]` or `{a: mapping}`; a backslash makes
//! the syntax characters `\ ( ) [ ] { } : = ,` and blanks ordinary. `int(…)`, `float(…)` and `bool(…)`
//! convert, within lists and mappings too. Several values at once (`lr=0.1,0.2`, `choice(…)`) ask for
//! a sweep.

use super::{DEFAULT_FILE, cast};
use crate::error::{Error, Result};
use crate::value::{Key, Map, Value};
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

/// Deeper lists and mappings are refused.
const DEEPEST: usize = 100;

enum Wrong {
    Sweep,
    Because(String),
}

fn because<T>(why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Because(why.into()))
}

fn parse_value(text: &str) -> Result<Value, Wrong> {
    let mut parser = Parser {
        chars: text.chars().collect(),
        at: 0,
    };
    parser.skip_blanks();
    if parser.peek().is_none() {
        return Ok(Value::Str(String::new()));
    }
    let value = parser.value(Place::Top, 0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(value),
        Some(',') => Err(Wrong::Sweep),
        Some(next) => because(format!(
            "'{next}' does not belong there; put the text in quotes"
        )),
    }
}

/// Where a value stands, which decides what ends it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Top,
    List,
    Map,
    Key,
    /// Between the brackets of `int(…)` and the like.
    Argument,
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += 1;
        next
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.at += 1;
        }
    }

    fn value(&mut self, place: Place, depth: usize) -> Result<Value, Wrong> {
        if depth > DEEPEST {
            return because("nested too deeply");
        }
        self.skip_blanks();
        match self.peek() {
            Some('[') => self.list(depth),
            Some('{') => self.map(depth),
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(Value::Str),
            _ => self.plain(place, depth),
        }
    }

    /// The value in `int(…)`, as that type; the bracket is taken.
    fn cast(&mut self, function: &str, depth: usize) -> Result<Value, Wrong> {
        let value = self.value(Place::Argument, depth + 1)?;
        self.skip_blanks();
        match self.next() {
            Some(')') => cast::to(function, &value)
                .ok_or_else(|| Wrong::Because(format!("'{function}' cannot take this value"))),
            // one for each
            Some(',') => Err(Wrong::Sweep),
            _ => because("there is no ')'"),
        }
    }

    /// Goes on to the next item; `false` at the end.
    fn separator(&mut self, end: char) -> Result<bool, Wrong> {
        self.skip_blanks();
        match self.next() {
            Some(',') => Ok(true),
            Some(next) if next == end => Ok(false),
            Some(next) => because(format!("'{next}' where ',' or '{end}' should be")),
            None => because(format!("there is no '{end}'")),
        }
    }

    fn is_empty(&mut self, end: char) -> bool {
        self.at += 1;
        self.skip_blanks();
        let is_end = self.peek() == Some(end);
        self.at += usize::from(is_end);
        is_end
    }

    fn list(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut items = Vec::new();
        if self.is_empty(']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(Place::List, depth + 1)?);
            if !self.separator(']')? {
                return Ok(Value::List(items));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut map = Map::new();
        if self.is_empty('}') {
            return Ok(Value::Map(map));
        }
        loop {
            let key = self.value(Place::Key, depth + 1)?;
            let Some(key) = Key::of(&key) else {
                return because("a key must be a single word or number");
            };
            self.skip_blanks();
            if self.next() != Some(':') {
                return because(format!("there is no ':' after '{key}'"));
            }
            map.insert(key, self.value(Place::Map, depth + 1)?);
            if !self.separator('}')? {
                return Ok(Value::Map(map));
            }
        }
    }

    /// A backslash is ordinary here, unless it stands before the quote.
    fn quoted(&mut self, quote: char) -> Result<String, Wrong> {
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.next() {
                None => return because(format!("the quote {quote} is not closed")),
                Some('\\') => {
                    let mut count = 1;
                    while self.peek() == Some('\\') {
                        self.at += 1;
                        count += 1;
                    }
                    let before_dollar = self.chars.get(self.at..self.at + 2) == Some(&['$', '{']);
                    if self.peek() == Some(quote) {
                        text.push_str(&"\\".repeat(count / 2));
                        if count % 2 == 1 {
                            text.push(quote);
                            self.at += 1;
                        }
                    } else if before_dollar {
                        text.push_str(&"\\".repeat(count / 2));
                        text.push_str("${");
                        self.at += 2;
                    } else {
                        text.push_str(&"\\".repeat(count));
                    }
                }
                Some(next) if next == quote => return Ok(text),
                Some('$') if self.peek() == Some('{') => return interpolation(),
                Some(next) => text.push(next),
            }
        }
    }

    fn plain(&mut self, place: Place, depth: usize) -> Result<Value, Wrong> {
        let mut text = String::new();
        let mut escaped_until = 0;
        while let Some(next) = self.peek() {
            let is_end = match next {
                ',' => true,
                ']' => place == Place::List,
                '}' => matches!(place, Place::Map | Place::Key),
                ':' => place == Place::Key,
                ')' => place == Place::Argument,
                _ => false,
            };
            if is_end {
                break;
            }
            self.at += 1;
            match next {
                '\\' => match self.peek() {
                    Some(escaped) if "\\()[]{}:=, \t".contains(escaped) => {
                        self.at += 1;
                        text.push(escaped);
                        escaped_until = text.len();
                    }
                    Some('$') => {
                        self.at += 1;
                        text.push('$');
                        if self.peek() == Some('{') {
                            // up to the brace that closes it
                            while let Some(next) = self.next() {
                                text.push(next);
                                if next == '}' {
                                    break;
                                }
                            }
                        }
                        escaped_until = text.len();
                    }
                    _ => text.push('\\'),
                },
                '$' if self.peek() == Some('{') => return interpolation(),
                '(' => {
                    return match text.trim_end() {
                        function @ ("int" | "float" | "bool") if escaped_until == 0 => {
                            self.cast(function, depth)
                        }
                        "choice" | "range" | "interval" | "glob" | "sort" | "shuffle" | "tag" => {
                            Err(Wrong::Sweep)
                        }
                        _ => because("'(' would call a function; put the text in quotes"),
                    };
                }
                ')' | '[' | ']' | '{' | '}' | '\'' | '"' => {
                    return because(format!("a '{next}' in the text; put the text in quotes"));
                }
                next if next.is_control() && next != '\t' => {
                    return because("a control character; put the text in quotes");
                }
                next => text.push(next),
            }
        }
        let length = text.trim_end_matches([' ', '\t']).len().max(escaped_until);
        text.truncate(length);
        if text.is_empty() && place != Place::Top {
            return because("an empty item; write '' for an empty text");
        }
        match escaped_until {
            0 => typed(text),
            _ => Ok(Value::Str(text)),
        }
    }
}

fn interpolation<T>() -> Result<T, Wrong> {
    because("'${' would insert another param, which is not supported; write '\\${' for the text")
}

/// Returns what a word without quotes means: `012`, `0x1F` and dates are text.
fn typed(text: String) -> Result<Value, Wrong> {
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    let negative = lower.starts_with('-');
    Ok(match lower.as_str() {
        "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ if unsigned == "inf" => Value::Float(match negative {
            true => f64::NEG_INFINITY,
            false => f64::INFINITY,
        }),
        _ if unsigned == "nan" => Value::Float(f64::NAN),
        _ if is_whole(unsigned) => {
            let digits: String = unsigned.chars().filter(|next| *next != '_').collect();
            if digits.len() > 4300 {
                return because("a number of more than 4300 digits");
            }
            let sign = if negative { "-" } else { "" };
            Value::integer(&format!("{sign}{digits}"))
        }
        _ if is_float(unsigned) => {
            let number: String = lower.chars().filter(|next| *next != '_').collect();
            match number.parse() {
                Ok(number) => Value::Float(number),
                Err(_) => Value::Str(text),
            }
        }
        _ => Value::Str(text),
    })
}

/// Returns the number that text is.
pub(super) fn number(text: &str) -> Option<Value> {
    let is_number =
        |value: &Value| matches!(value, Value::Int(_) | Value::BigInt(_) | Value::Float(_));
    typed(text.to_owned()).ok().filter(is_number)
}

/// Digits, single underscores between them.
fn is_digits(text: &str) -> bool {
    text.split('_')
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_whole(text: &str) -> bool {
    is_digits(text) && (text == "0" || !text.starts_with('0'))
}

fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let is_point = mantissa.split_once('.').is_some_and(|(whole, fraction)| {
        (whole.is_empty() || is_whole(whole))
            && (is_digits(fraction) || (fraction.is_empty() && !whole.is_empty()))
    });
    match exponent {
        None => is_point,
        Some(exponent) => {
            (is_point || is_whole(mantissa))
                && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
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
            "lr=str(3)",
            "'(' would call a function; put the text in quotes",
        );
        usage(
            "lr=${x}",
            "'${' would insert another param, which is not supported; write '\\${' for the text",
        );
        for sweep in [
            "lr=1,2",
            "lr=choice(1,2)",
            "lr=range(1,3)",
            "lr=[1],[2]",
            "lr='a','b'",
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
