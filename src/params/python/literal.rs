//! Literals, as Python's `ast.literal_eval` takes them.

use super::scan::{DEEPEST, Scanner};
use super::{Brackets, Kind, Node, text};
use crate::error::Error;
use crate::value::{Key, Value};
use std::collections::HashSet;

/// Why there is no value.
pub(super) enum Stop {
    /// It is another expression.
    NoLiteral,
    /// It is no Python.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

type Found<T = Node> = Result<T, Stop>;

impl Scanner<'_> {
    /// Reads what is assigned: a literal, or several with commas, which are a tuple.
    pub(super) fn value(&mut self) -> Found {
        self.skip_blanks(false);
        let start = self.at;
        let first = self.literal(false, 0)?;
        let mut end = self.at;
        self.skip_blanks(false);
        if !self.rest().starts_with(',') {
            self.at = end;
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take(",") {
            end = self.at;
            self.skip_blanks(false);
            if self.is_end() {
                break;
            }
            items.push(self.literal(false, 0)?);
            end = self.at;
            self.skip_blanks(false);
        }
        self.at = end;
        Ok(Node {
            kind: Kind::List(items, Brackets::Bare),
            span: start..end,
        })
    }

    fn literal(&mut self, in_brackets: bool, depth: usize) -> Found {
        if depth > DEEPEST {
            return Err(self
                .error::<()>(self.at, "nested too deeply")
                .map_or_else(Stop::Error, |()| Stop::NoLiteral));
        }
        self.skip_blanks(in_brackets);
        let start = self.at;
        let kind = match self.peek() {
            Some('(') => return self.round(depth),
            Some('[') => Kind::List(self.items(']', depth)?.0, Brackets::Square),
            Some('{') => self.braces(depth)?,
            Some('\'' | '"') => self.strings("", in_brackets)?,
            Some('+' | '-') => self.signed(in_brackets, depth)?,
            Some('0'..='9') => self.number()?,
            Some('.') if self.take("...") => Kind::Unfit("an ellipsis"),
            Some('.') => self.number()?,
            _ => self.word(in_brackets)?,
        };
        let mut node = Node {
            kind,
            span: start..self.at,
        };
        self.complex(&mut node, in_brackets)?;
        Ok(node)
    }

    /// Takes the second part of `1 + 2j`.
    fn complex(&mut self, node: &mut Node, in_brackets: bool) -> Found<()> {
        let back = self.at;
        self.skip_blanks(in_brackets);
        let is_number = matches!(
            node.kind,
            Kind::Scalar(Value::Int(_) | Value::BigInt(_) | Value::Float(_))
        );
        if is_number && (self.take("+") || self.take("-")) {
            self.skip_blanks(in_brackets);
            match self.peek() {
                Some('0'..='9' | '.') if matches!(self.number()?, Kind::Unfit(_)) => {
                    node.kind = Kind::Unfit("a complex number");
                    node.span.end = self.at;
                    return Ok(());
                }
                _ => return Err(Stop::NoLiteral),
            }
        }
        self.at = back;
        Ok(())
    }

    fn word(&mut self, in_brackets: bool) -> Found<Kind> {
        let word = self.name();
        Ok(match word {
            "True" => Kind::Scalar(Value::Bool(true)),
            "False" => Kind::Scalar(Value::Bool(false)),
            "None" => Kind::Scalar(Value::Null),
            "set" => {
                self.skip_blanks(in_brackets);
                let is_empty = self.take("(") && {
                    self.skip_blanks(true);
                    self.take(")")
                };
                match is_empty {
                    true => Kind::Unfit("a set"),
                    false => return Err(Stop::NoLiteral),
                }
            }
            prefix if matches!(self.peek(), Some('\'' | '"')) => {
                return self.strings(prefix, in_brackets);
            }
            _ => return Err(Stop::NoLiteral),
        })
    }

    /// Reads the items up to `end`, and whether a comma is behind the last one.
    fn items(&mut self, end: char, depth: usize) -> Found<(Vec<Node>, bool)> {
        let mut end_text = [0; 4];
        let end = end.encode_utf8(&mut end_text);
        self.at += 1;
        let mut items = Vec::new();
        let mut has_comma = false;
        loop {
            self.skip_blanks(true);
            if self.take(end) {
                return Ok((items, has_comma));
            }
            if !items.is_empty() && !has_comma {
                return Err(Stop::NoLiteral);
            }
            items.push(self.literal(true, depth + 1)?);
            self.skip_blanks(true);
            has_comma = self.take(",");
        }
    }

    /// `()`, `(1,)` and `(1, 2)` are tuples, `(1)` is its content.
    fn round(&mut self, depth: usize) -> Found {
        let start = self.at;
        let (mut items, has_comma) = self.items(')', depth)?;
        let span = start..self.at;
        if items.len() == 1 && !has_comma {
            // the brackets are part of what another value takes the place of
            return items
                .pop()
                .map(|node| Node { span, ..node })
                .ok_or(Stop::NoLiteral);
        }
        Ok(Node {
            kind: Kind::List(items, Brackets::Round),
            span,
        })
    }

    fn braces(&mut self, depth: usize) -> Found<Kind> {
        self.at += 1;
        let mut entries: Vec<(Value, Key, Node)> = Vec::new();
        let mut is_set = false;
        let mut is_unfit = false;
        loop {
            self.skip_blanks(true);
            if self.take("}") {
                break;
            }
            let key = self.literal(true, depth + 1)?;
            self.skip_blanks(true);
            if self.take(":") {
                let value = self.literal(true, depth + 1)?;
                match key.kind {
                    Kind::Scalar(key) => match Key::of(&key) {
                        Some(name) => insert(&mut entries, key, name, value),
                        None => is_unfit = true,
                    },
                    _ => is_unfit = true,
                }
            } else {
                is_set = true;
            }
            self.skip_blanks(true);
            if !self.take(",") && !self.rest().starts_with('}') {
                return Err(Stop::NoLiteral);
            }
        }
        // our mappings have one of `True` and `'true'`
        let names: HashSet<&str> = entries.iter().map(|(_, name, _)| name.as_str()).collect();
        is_unfit |= names.len() < entries.len();
        Ok(match (is_set, is_unfit) {
            (true, _) if !entries.is_empty() => return Err(Stop::NoLiteral),
            (true, _) => Kind::Unfit("a set"),
            (false, true) => {
                Kind::Unfit("a dict with keys that 'dvc.lock' cannot tell apart or hold")
            }
            (false, false) => Kind::Map(
                entries
                    .into_iter()
                    .map(|(_, key, node)| (key, node))
                    .collect(),
            ),
        })
    }

    fn signed(&mut self, in_brackets: bool, depth: usize) -> Found<Kind> {
        let is_negative = self.peek() == Some('-');
        self.at += 1;
        self.skip_blanks(in_brackets);
        // a sign takes a number, which may be in brackets
        let kind = match self.peek() {
            Some('0'..='9' | '.') if !self.rest().starts_with("...") => self.number()?,
            Some('(') if depth < DEEPEST => {
                let node = self.round(depth + 1)?;
                match self.text[node.span.clone()]
                    .trim_start_matches(['(', ' '])
                    .starts_with(['-', '+'])
                {
                    true => return Err(Stop::NoLiteral),
                    false => node.kind,
                }
            }
            _ => return Err(Stop::NoLiteral),
        };
        Ok(match kind {
            Kind::Scalar(Value::Int(value)) if is_negative => {
                Kind::Scalar(match value.checked_neg() {
                    Some(value) => Value::Int(value),
                    None => Value::integer("9223372036854775808"),
                })
            }
            Kind::Scalar(Value::BigInt(digits)) if is_negative => {
                Kind::Scalar(Value::integer(&format!("-{digits}")))
            }
            Kind::Scalar(Value::Float(value)) if is_negative => Kind::Scalar(Value::Float(-value)),
            number @ (Kind::Scalar(Value::Int(_) | Value::BigInt(_) | Value::Float(_))
            | Kind::Unfit("a complex number")) => number,
            _ => return Err(Stop::NoLiteral),
        })
    }

    fn number(&mut self) -> Found<Kind> {
        let start = self.at;
        let rest = self.rest();
        let (length, kind) = text::number(rest);
        let Some(kind) = kind else {
            return Err(match self.error::<()>(start, "this is no number") {
                Err(error) => Stop::Error(error),
                Ok(()) => Stop::NoLiteral,
            });
        };
        self.at += length;
        Ok(kind)
    }

    /// Reads strings that follow each other, which are one.
    fn strings(&mut self, prefix: &str, in_brackets: bool) -> Found<Kind> {
        let mut prefix = prefix.to_ascii_lowercase();
        let mut joined = text::Joined::default();
        loop {
            match prefix.as_str() {
                "" | "u" | "r" | "b" | "br" | "rb" => {}
                // an f-string is no literal, anything else no string
                _ => return Err(Stop::NoLiteral),
            }
            let start = self.at;
            let content = self.string(false, 0)?;
            if let Err(what) = joined.push(content, &prefix) {
                self.error::<()>(start, what)?;
            }
            let back = self.at;
            self.skip_blanks(in_brackets);
            prefix = self.name().to_ascii_lowercase();
            if !matches!(self.peek(), Some('\'' | '"')) {
                self.at = back;
                return Ok(joined.kind());
            }
        }
    }
}

/// Keys are one if Python's `==` says so: `1`, `1.0` and `True`.
fn insert(entries: &mut Vec<(Value, Key, Node)>, key: Value, name: Key, node: Node) {
    match entries.iter_mut().find(|(known, ..)| known.same(&key)) {
        Some(entry) => entry.2 = node,
        None => entries.push((key, name, node)),
    }
}
