//! The text of a Python file, piece by piece: blanks, brackets, strings, ends of statements.

use crate::error::{Error, Result};

/// Brackets in brackets, blocks in blocks, strings in f-strings beyond this are refused.
pub(super) const DEEPEST: usize = 100;

/// A place in the text.
pub(super) struct Scanner<'text> {
    pub(super) text: &'text str,
    origin: &'text str,
    pub(super) at: usize,
    /// Blocks around this place.
    pub(super) depth: usize,
}

impl<'text> Scanner<'text> {
    pub(super) fn new(text: &'text str, origin: &'text str) -> Self {
        let at = text.len() - text.trim_start_matches('\u{feff}').len();
        Scanner {
            text,
            origin,
            at,
            depth: 0,
        }
    }

    pub(super) fn error<T>(&self, at: usize, what: &str) -> Result<T> {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default();
        let column = column.chars().count() + 1;
        let origin = self.origin;
        Err(Error::corrupt(format!(
            "cannot parse '{origin}', line {line}, column {column}: {what}"
        )))
    }

    pub(super) fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn take(&mut self, mark: &str) -> bool {
        let is_next = self.rest().starts_with(mark);
        self.at += if is_next { mark.len() } else { 0 };
        is_next
    }

    /// Goes on to what is next in this line, over a backslash at its end too; between brackets over
    /// comments and line ends.
    pub(super) fn skip_blanks(&mut self, in_brackets: bool) {
        loop {
            let rest = self.rest();
            let blanks: &[char] = match in_brackets {
                true => &[' ', '\t', '\x0c', '\r', '\n'],
                false => &[' ', '\t', '\x0c'],
            };
            self.at += rest.len() - rest.trim_start_matches(blanks).len();
            if in_brackets && self.rest().starts_with('#') {
                self.skip_line();
            } else if !(self.take("\\\n") || self.take("\\\r\n")) {
                return;
            }
        }
    }

    /// Goes on to the end of the line, before its break.
    pub(super) fn skip_line(&mut self) {
        let rest = self.rest();
        self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
    }

    /// Returns the identifier that is next and takes it; the empty text if there is none.
    pub(super) fn name(&mut self) -> &'text str {
        let rest = self.rest();
        let is_first = |next: char| next == '_' || next.is_alphabetic();
        if !rest.starts_with(is_first) {
            return "";
        }
        let length = rest
            .find(|next: char| !(is_first(next) || next.is_alphanumeric()))
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// Whether the statement ends here.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.peek(), None | Some('\n' | '\r' | '#' | ';'))
    }

    /// Goes on to the end of the statement; returns its last character that is no blank.
    pub(super) fn skip_statement(&mut self) -> Result<Option<char>> {
        self.skip_until(|next| next == ';')
    }

    /// Goes on to a character outside of brackets that ends it, or to the line's end.
    pub(super) fn skip_until(&mut self, ends: impl Fn(char) -> bool) -> Result<Option<char>> {
        let mut open: Vec<(char, usize)> = Vec::new();
        let mut last = None;
        loop {
            self.skip_blanks(!open.is_empty());
            let start = self.at;
            let Some(next) = self.peek() else {
                return match open.last() {
                    Some((bracket, at)) => {
                        self.error(*at, &format!("the '{bracket}' is not closed"))
                    }
                    None => Ok(last),
                };
            };
            if open.is_empty() && (ends(next) || matches!(next, '\n' | '\r' | '#')) {
                return Ok(last);
            }
            last = Some(next);
            match next {
                '(' | '[' | '{' => {
                    open.push((next, start));
                    self.at += 1;
                }
                ')' | ']' | '}' => {
                    let wanted = match next {
                        ')' => '(',
                        ']' => '[',
                        _ => '{',
                    };
                    if open.pop().map(|(bracket, _)| bracket) != Some(wanted) {
                        return self.error(start, &format!("a '{next}' that closes nothing"));
                    }
                    self.at += 1;
                }
                '\'' | '"' => {
                    self.string(false, 0)?;
                }
                _ => {
                    let word = self.name();
                    match (word, self.peek()) {
                        ("", _) => self.at += next.len_utf8(),
                        (prefix, Some('\'' | '"')) if prefix.len() < 3 => {
                            self.string(prefix.contains(['f', 'F', 't', 'T']), 0)?;
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Takes a string from its quote on and returns what is between its quotes.
    pub(super) fn string(&mut self, is_format: bool, depth: usize) -> Result<&'text str> {
        let start = self.at;
        let quote = match self.peek() {
            Some('\'') => "'",
            _ => "\"",
        };
        let triple = quote.repeat(3);
        let end = match self.take(&triple) {
            true => triple.as_str(),
            false => {
                self.at += 1;
                quote
            }
        };
        let from = self.at;
        loop {
            if self.take(end) {
                return Ok(&self.text[from..self.at - end.len()]);
            }
            match self.peek() {
                Some('\\') => {
                    self.at += 1;
                    let is_brace = is_format && self.peek() == Some('{');
                    if !(is_brace || self.take("\r\n")) {
                        self.at += self.peek().map_or(0, char::len_utf8);
                    }
                }
                None => return self.error(start, "the string is not closed"),
                Some('\n' | '\r') if end.len() == 1 => {
                    return self.error(start, "the string is not closed");
                }
                Some('{') if is_format => {
                    if !self.take("{{") {
                        self.at += 1;
                        self.replacement(start, depth + 1)?;
                    }
                }
                Some(next) => self.at += next.len_utf8(),
            }
        }
    }

    /// Takes what an f-string inserts, up to its brace; strings in it may have the same quotes.
    fn replacement(&mut self, start: usize, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return self.error(start, "nested too deeply");
        }
        let mut open = 1;
        loop {
            match self.peek() {
                None => return self.error(start, "the string is not closed"),
                Some('\'' | '"') => {
                    self.string(false, depth)?;
                }
                Some('{') => {
                    open += 1;
                    self.at += 1;
                }
                Some('}') => {
                    open -= 1;
                    self.at += 1;
                    if open == 0 {
                        return Ok(());
                    }
                }
                Some(next) => {
                    let word = self.name();
                    match (word, self.peek()) {
                        ("", _) => self.at += next.len_utf8(),
                        (prefix, Some('\'' | '"')) if prefix.len() < 3 => {
                            self.string(prefix.contains(['f', 'F', 't', 'T']), depth)?;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
