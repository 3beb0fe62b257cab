//! The grammar of values: words, quoted text, lists, mappings and calls of functions.
//!
//! Text with `${` in it comes out as it was typed, escapes included: [`super::super::reference`] says what it
//! means. Other text is finished.

use super::functions::Call;
use super::words::typed;
use crate::value::{Key, Map, Value};

/// Deeper lists and mappings are refused.
const DEEPEST: usize = 100;

/// Why a value cannot be taken.
pub(super) enum Wrong {
    /// It is several values.
    Sweep,
    /// It is none.
    Because(String),
}

/// Returns why.
pub(super) fn because<T>(why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Because(why.into()))
}

/// Parses the text behind the `=`.
pub(super) fn parse_value(text: &str) -> Result<Value, Wrong> {
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

    /// What `function(…)` makes of its arguments; the first bracket is taken.
    fn call(&mut self, function: &str, depth: usize) -> Result<Value, Wrong> {
        let mut call = Call::of(function)?;
        self.skip_blanks();
        if self.peek() == Some(')') {
            self.at += 1;
            return call.result();
        }
        loop {
            let name = self.argument_name();
            let value = match self.value(Place::Argument, depth + 1) {
                Ok(value) => Some(value),
                // a sweep as an argument is taken whole, so that what follows it can be read
                Err(Wrong::Sweep) => None,
                Err(wrong) => return Err(wrong),
            };
            call.add(name, value)?;
            if !self.separator(')')? {
                return call.result();
            }
        }
    }

    /// Takes the `name =` before an argument.
    fn argument_name(&mut self) -> Option<String> {
        self.skip_blanks();
        let rest = &self.chars[self.at..];
        let length = rest.iter().take_while(|next| is_of_name(**next)).count();
        let blanks = rest[length..]
            .iter()
            .take_while(|next| " \t".contains(**next));
        let end = length + blanks.count();
        if length == 0 || rest[0].is_ascii_digit() || rest.get(end) != Some(&'=') {
            return None;
        }
        let name = rest[..length].iter().collect();
        self.at += end + 1;
        Some(name)
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
            return Ok(Value::from(items));
        }
        loop {
            items.push(self.item(Place::List, depth)?);
            if !self.separator(']')? {
                return Ok(Value::from(items));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut map = Map::new();
        if self.is_empty('}') {
            return Ok(Value::from(map));
        }
        loop {
            let key = self.value(Place::Key, depth + 1)?;
            let Some(key) = Key::of(&key).filter(|key| !key.contains("${")) else {
                return because("a key must be a single word or number");
            };
            self.skip_blanks();
            if self.next() != Some(':') {
                return because(format!("there is no ':' after '{key}'"));
            }
            map.insert(key, self.item(Place::Map, depth)?);
            if !self.separator('}')? {
                return Ok(Value::from(map));
            }
        }
    }

    /// What is in a list or a mapping, where no sweep can be.
    fn item(&mut self, place: Place, depth: usize) -> Result<Value, Wrong> {
        self.value(place, depth + 1).map_err(|wrong| match wrong {
            Wrong::Sweep => Wrong::Because("several values inside of one".to_owned()),
            because => because,
        })
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
                    if self.peek() == Some(quote) {
                        text.push_str(&"\\".repeat(count / 2));
                        if count % 2 == 1 {
                            text.push(quote);
                            self.at += 1;
                        }
                    } else {
                        text.push_str(&"\\".repeat(count));
                    }
                }
                Some(next) if next == quote => return Ok(text),
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
                    _ => text.push('\\'),
                },
                '$' if self.peek() == Some('{') => {
                    text.push('$');
                    self.template(&mut text)?;
                    escaped_until = text.len();
                }
                '(' => {
                    let function = text.trim_end();
                    let is_name = function.chars().all(is_of_name)
                        && !function.starts_with(|next: char| next.is_ascii_digit() || next == '-');
                    return match is_name && escaped_until == 0 && !function.is_empty() {
                        true => self.call(function, depth),
                        false => because("'(' would call a function; put the text in quotes"),
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

    /// Takes `{name}` of `${name}`, as it is.
    fn template(&mut self, text: &mut String) -> Result<(), Wrong> {
        let rest = &self.chars[self.at..];
        match rest.iter().position(|next| *next == '}') {
            Some(end) if end > 1 => {
                text.extend(&rest[..=end]);
                self.at += end + 1;
                Ok(())
            }
            Some(_) => because("'${}' names no param"),
            None => because("a '${' without its '}'; write '\\${' for the text"),
        }
    }
}

/// Whether a letter can be in the name of a function or of an argument.
fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "_-".contains(letter)
}
