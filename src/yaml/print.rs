//! YAML as DVC writes it: `dvc.lock`, and values set by `-S`.
//!
//! Block style, two columns of indent, lists at their key's own indent, text folded at 80 columns:
//! byte for byte what ruamel prints for DVC, a list or mapping that is there twice as an alias. The exception is text that ruamel folds so that it
//! reads back as another text (two spaces at the fold), and the line breaks of YAML 1.1 (U+2028),
//! which it takes for syntax: those are printed in double quotes, which say the same to both.

use super::anchors::{Anchors, Form};
use super::resolve::{self, Meaning};
use crate::value::{Key, Map, Value};

/// Text goes on in the next line beyond this column.
const WIDTH: usize = 80;
/// A key must be shorter, its tag counted in, to stand before its colon.
const LONGEST_KEY: usize = 128;

/// Returns a block-style document of `map`: the text of a `dvc.lock`.
pub fn document(map: &Map) -> String {
    if map.is_empty() {
        return "{}\n".to_owned();
    }
    let mut printer = Printer {
        anchors: Anchors::of(map),
        ..Printer::default()
    };
    printer.map(map, 0);
    printer.text.push('\n');
    printer.text
}

/// Returns a block-style mapping or list whose first line starts at `column`, as do the further ones.
/// Without a line break at the end; `None` if the value has no block style.
pub(super) fn block(value: &Value, column: usize) -> Option<String> {
    let mut printer = Printer {
        column,
        ..Printer::default()
    };
    match value {
        Value::Map(map) if !map.is_empty() => printer.map(map, column),
        Value::List(items) if !items.is_empty() => printer.list(items, column),
        _ => return None,
    }
    Some(printer.text)
}

/// Returns a value in one line, flow style: `0.5`, `[1, 'a, b']`, `{a: 1}`.
pub fn flow(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(flow_item).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(map) => {
            let entries: Vec<String> = map
                .iter()
                .map(|(key, value)| {
                    let key = match key.is_text() {
                        true => flow_item(&Value::from(key.as_str())),
                        false => key.to_string(),
                    };
                    format!("{key}: {}", flow_item(value))
                })
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Str(text) => one_line(text, style(text)),
        other => Key::of(other).map(String::from).unwrap_or_default(),
    }
}

/// Returns a value in one line that can stand between brackets.
pub(super) fn flow_item(value: &Value) -> String {
    match value {
        // these are syntax inside of brackets, a dash before one for some readers
        Value::Str(text)
            if style(text) == Style::Plain
                && (text.contains(|next: char| ",[]{}?:".contains(next))
                    || text.ends_with(" -")) =>
        {
            one_line(text, Style::Single)
        }
        _ => flow(value),
    }
}

/// Returns text in the quotes `'` or `"`; `None` if it cannot stand in these.
pub(super) fn quoted(text: &str, quote: char) -> Option<String> {
    match (quote, style(text) == Style::Double && !text.contains('\'')) {
        ('"', _) => Some(one_line(text, Style::Double)),
        (_, true) => None,
        (_, false) => Some(one_line(text, Style::Single)),
    }
}

fn one_line(text: &str, style: Style) -> String {
    match style {
        Style::Plain => text.to_owned(),
        Style::Single => format!("'{}'", text.replace('\'', "''")),
        Style::Double => {
            let mut quoted = String::from("\"");
            for next in text.chars() {
                match escape(next) {
                    Some(escaped) => quoted.push_str(&escaped),
                    None => quoted.push(next),
                }
            }
            quoted.push('"');
            quoted
        }
    }
}

/// Returns Python's `repr` of a float, with `.inf`, `-.inf`, `.nan` as YAML has them.
pub fn float(value: f64) -> String {
    if value.is_nan() {
        ".nan".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
    } else {
        crate::value::repr(value)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
}

fn is_break(next: char) -> bool {
    matches!(next, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_printable(next: char) -> bool {
    matches!(next, '\x20'..='\x7e' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && next != '\u{feff}'
}

/// Returns the least quoting that reads back as `text`.
fn style(text: &str) -> Style {
    let chars: Vec<char> = text.chars().collect();
    // ruamel prints the line breaks of YAML 1.1 as they are, and loses them when it reads
    let needs_double = chars
        .iter()
        .any(|next| is_break(*next) || !is_printable(*next));
    let is_edge = |next: Option<&char>| next.is_some_and(|next| *next == ' ');
    if !needs_double
        && !is_edge(chars.first())
        && !is_edge(chars.last())
        && !has_indicator(text, &chars)
        && resolve::meaning(text) == Meaning::Text
    {
        Style::Plain
    } else if needs_double || text.contains('\'') {
        Style::Double
    } else {
        Style::Single
    }
}

/// Whether plain text would be taken for syntax.
fn has_indicator(text: &str, chars: &[char]) -> bool {
    let is_blank =
        |next: Option<&char>| next.is_none_or(|next| matches!(next, '\0' | ' ' | '\t' | '\r'));
    if text.starts_with("---") || text.starts_with("...") {
        return true;
    }
    chars.iter().enumerate().any(|(at, next)| match next {
        '#' => at == 0 || is_blank(chars.get(at - 1)),
        ':' => is_blank(chars.get(at + 1)),
        '?' | '-' if at == 0 => is_blank(chars.get(1)),
        _ => {
            at == 0
                && matches!(
                    next,
                    ',' | '['
                        | ']'
                        | '{'
                        | '}'
                        | '&'
                        | '*'
                        | '!'
                        | '|'
                        | '>'
                        | '\''
                        | '"'
                        | '%'
                        | '@'
                        | '`'
                )
        }
    })
}

/// Returns the escape of a character in double quotes, if it needs one.
fn escape(next: char) -> Option<String> {
    let short = match next {
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ if is_printable(next) => return None,
        _ => {
            let code = u32::from(next);
            return Some(match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
        }
    };
    Some(format!("\\{short}"))
}

/// Prints from left to right and knows its column, in characters.
#[derive(Default)]
struct Printer {
    text: String,
    column: usize,
    anchors: Anchors,
}

impl Printer {
    fn put(&mut self, text: &str) {
        self.text.push_str(text);
        self.column += text.chars().count();
    }

    fn put_chars(&mut self, chars: &[char]) {
        self.text.extend(chars);
        self.column += chars.len();
    }

    fn new_line(&mut self, indent: usize) {
        self.text.push('\n');
        self.column = 0;
        self.put(&" ".repeat(indent));
    }

    /// Prints the entries, the first one where we are, the others at `indent`.
    fn map(&mut self, map: &Map, indent: usize) {
        for (at, (key, value)) in map.iter().enumerate() {
            if at > 0 {
                self.new_line(indent);
            }
            if is_simple(key) {
                self.key(key, indent);
                self.put(":");
                match self.anchors.form(value) {
                    Form::Plain => {}
                    Form::Anchored(anchor) => self.put(&format!(" {anchor}")),
                    Form::Alias(alias) => {
                        self.put(&format!(" {alias}"));
                        continue;
                    }
                }
                match value {
                    Value::Map(map) if !map.is_empty() => {
                        self.new_line(indent + 2);
                        self.map(map, indent + 2);
                    }
                    Value::List(items) if !items.is_empty() => {
                        self.new_line(indent);
                        self.list(items, indent);
                    }
                    Value::Null => {}
                    scalar => {
                        self.put(" ");
                        self.inline(scalar, indent + 2);
                    }
                }
            } else {
                self.put("? ");
                self.key(key, indent + 2);
                self.new_line(indent);
                self.put(":");
                if *value != Value::Null {
                    self.put(" ");
                    let is_list = matches!(value, Value::List(_));
                    let below = if is_list { indent } else { indent + 2 };
                    self.item(value, indent + 2, below);
                }
            }
        }
    }

    fn list(&mut self, items: &[Value], indent: usize) {
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.new_line(indent);
            }
            self.put("- ");
            self.item(item, indent + 2, indent + 2);
        }
    }

    /// Prints a value behind `-` or `:`, its further lines at `indent`, all lines below an anchor at `below`.
    fn item(&mut self, value: &Value, indent: usize, below: usize) {
        match self.anchors.form(value) {
            Form::Plain => self.inline(value, indent),
            Form::Alias(alias) => self.put(&alias),
            Form::Anchored(anchor) => {
                self.put(&anchor);
                match value.is_truthy() {
                    true => self.new_line(below),
                    false => self.put(" "),
                }
                self.inline(value, below);
            }
        }
    }

    /// Prints a value that starts where we are and whose further lines start at `indent`.
    fn inline(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => {}
            Value::Map(map) if map.is_empty() => self.put("{}"),
            Value::List(items) if items.is_empty() => self.put("[]"),
            Value::Map(map) => self.map(map, indent),
            Value::List(items) => self.list(items, indent),
            Value::Str(text) => self.folded(text, style(text), indent),
            other => {
                if let Some(key) = Key::of(other) {
                    self.plain(&key.chars().collect::<Vec<_>>(), indent);
                }
            }
        }
    }

    fn key(&mut self, key: &Key, indent: usize) {
        if !key.is_text() {
            self.put(key);
        } else if is_simple(key) {
            // ruamel folds long keys as well, and cannot read what comes out
            self.put(&one_line(key, style(key)));
        } else {
            self.folded(key, style(key), indent);
        }
    }

    /// Prints text in as many lines as DVC takes for it.
    fn folded(&mut self, text: &str, style: Style, indent: usize) {
        let start = (self.text.len(), self.column);
        let chars: Vec<char> = text.chars().collect();
        match style {
            Style::Plain => self.plain(&chars, indent),
            Style::Single => self.single(&chars, indent),
            Style::Double => self.double(&chars, indent),
        }
        let printed = &self.text[start.0..];
        if printed.contains('\n') && !reads_back(printed, text) {
            self.text.truncate(start.0);
            self.column = start.1;
            self.put(&one_line(text, Style::Double));
        }
    }

    fn plain(&mut self, chars: &[char], indent: usize) {
        for run in chars.chunk_by(|a, b| (*a == ' ') == (*b == ' ')) {
            if run == [' '] && self.column >= WIDTH {
                self.new_line(indent);
                continue;
            }
            if run[0] != ' ' && self.column + run.len() > WIDTH && self.column > indent {
                self.new_line(indent);
            }
            self.put_chars(run);
        }
    }

    fn single(&mut self, chars: &[char], indent: usize) {
        self.put("'");
        let mut at = 0;
        for run in chars.chunk_by(|a, b| (*a == ' ') == (*b == ' ')) {
            let is_inner = at != 0 && at + run.len() != chars.len();
            at += run.len();
            if run == [' '] && self.column > WIDTH && is_inner {
                self.new_line(indent);
            } else {
                self.put_chars(run);
            }
        }
        self.put("'");
    }

    fn double(&mut self, chars: &[char], indent: usize) {
        self.put("\"");
        // what of `chars` is printed; one further than `at` behind an escape
        let mut done = 0;
        for at in 0..=chars.len() {
            let next = chars.get(at).copied();
            let escaped = next.and_then(escape);
            if next.is_none() || escaped.is_some() {
                self.put_chars(chars.get(done..at).unwrap_or_default());
                done = done.max(at);
                if let Some(escaped) = escaped {
                    self.put(&escaped);
                    done = at + 1;
                }
            }
            let is_inner = at > 0 && at + 1 < chars.len();
            let may_fold = next == Some(' ') || done >= at;
            if !(is_inner && may_fold && self.column + at > WIDTH + done) {
                continue;
            }
            let marked = needs_mark(chars, at, done);
            self.put_chars(chars.get(done..at).unwrap_or_default());
            done = done.max(at);
            if marked {
                self.put("\\");
            }
            self.new_line(indent);
            if chars.get(done) == Some(&' ') {
                match marked {
                    true => self.put("\\"),
                    // the line break is read as this space
                    false => done += 1,
                }
            }
        }
        self.put("\"");
    }
}

/// Whether a fold of double-quoted text at `at` takes a backslash, by ruamel's rule of thumb.
fn needs_mark(chars: &[char], at: usize, done: usize) -> bool {
    let find = |wanted: char, from: usize, to: usize| {
        chars
            .get(from..to)
            .and_then(|part| part.iter().position(|next| *next == wanted))
            .map(|found| from + found)
    };
    let Some(space) = find(' ', at, chars.len()) else {
        return true;
    };
    let stop = find('\n', at, space).unwrap_or(space);
    let Some(behind) = chars.get(stop + 1) else {
        return true;
    };
    let has_quote = chars[at..stop]
        .iter()
        .any(|next| matches!(next, '"' | '\''));
    let is_line_break = chars[stop] == '\n' && *behind != ' ';
    let is_wide_gap = chars[at - 1] == ' ' && chars[at] == ' ';
    is_line_break || has_quote || matches!(behind, ' ' | '\n') || is_wide_gap || done == at
}

/// Whether a key stands in one line before its colon, without `?`.
fn is_simple(key: &Key) -> bool {
    // ruamel counts the tag that it does not print
    let tag = match key.is_text() {
        true => "!!str".len(),
        false => match resolve::meaning(key) {
            Meaning::Float => "!!float".len(),
            Meaning::Bool | Meaning::Null => "!!bool".len(),
            _ => "!!int".len(),
        },
    };
    key.chars().count() + tag < LONGEST_KEY && !key.chars().any(is_break)
}

fn reads_back(printed: &str, text: &str) -> bool {
    // any deeper indent than the key's continues a scalar
    super::read::parse(&format!("k: {printed}\n"), "")
        .is_ok_and(|node| node.get("k").and_then(|node| node.as_str()) == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::fixture;
    use crate::yaml::read::parse;
    use proptest::prelude::*;

    #[test]
    fn what_is_there_twice_is_an_alias() {
        // as ruamel prints the same objects
        let (long, other) = ("x".repeat(130), "y".repeat(130));
        let list = Value::from(vec![1.into()]);
        let map = Value::from(Map::from_iter([("a".into(), list.clone())]));
        let empty = Value::from(Vec::new());
        let values = [
            ("a", Value::from(vec![map.clone(), empty.clone()])),
            (&*long, list.clone()),
            ("b", Value::from(vec![Value::from(vec![list]), map.clone()])),
            ("c", empty),
            (&*other, map),
            ("d", Value::from(vec![1.into()])),
        ];
        let values = values.map(|(key, value)| (Key::from(key), value));
        let text = document(&Map::from_iter(values));
        let expected = format!(
            "a:\n- &id002\n  a: &id001\n  - 1\n- &id003 []\n? {long}\n: *id001\n\
             b:\n- - *id001\n- *id002\nc: *id003\n? {other}\n: *id002\nd:\n- 1\n"
        );
        assert_eq!(text, expected);
        let Value::Map(back) = parse(&text, "").unwrap().to_value() else {
            panic!("no mapping");
        };
        assert_eq!(document(&back), text);
    }

    #[test]
    fn prints_as_dvc_does() {
        let rows = fixture::rows(include_str!("../../tests/fixtures/yaml/print.json"));
        let mut wrong = Vec::new();
        let mut lossy = 0;
        for row in &rows {
            let value = fixture::value(&row[0]);
            let printed = document(value.as_map().expect("a mapping"));
            let as_dvc = row[1].as_str().expect("text");
            if row[0] == row[2] && !as_dvc.contains(['\u{2028}', '\u{2029}']) {
                if printed != as_dvc {
                    wrong.push(format!("{printed}instead of\n{as_dvc}"));
                }
            } else {
                lossy += 1;
                let back = parse(&printed, "").expect("reads").to_value();
                if !fixture::identical(&back, &value) {
                    wrong.push(printed);
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(rows.len() > 700 && lossy < 30, "{lossy} of {}", rows.len());
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            any::<String>(),
            r#"[-?:,\[\]{}#&*!|>'"%@ \n\ta1.=<~\\é]{0,12}"#,
            "([a-z0-9'\"\\\\:#]{1,12}[ \t\n]{1,3}){5,40}",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<f64>().prop_map(Value::Float),
            text.prop_map(Value::Str),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                maps(inner).prop_map(Value::from),
            ]
        })
    }

    fn maps(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map> {
        let key = prop_oneof![
            any::<String>(),
            "[a-z ]{1,140}",
            r#"[-?:,\[\]{}#'"= \na1.]{0,8}"#
        ];
        prop::collection::vec((key.prop_map(Key::from), inner), 0..5)
            .prop_map(|entries| entries.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]
        #[test]
        fn what_is_printed_reads_back(map in maps(values())) {
            let text = document(&map);
            let back = parse(&text, "dvc.lock").expect("reads").to_value();
            prop_assert!(fixture::identical(&back, &Value::from(map)), "{text}");
        }
    }

    #[test]
    fn a_value_in_one_line() {
        let cases = [
            ("1e-5", "1e-05"),
            ("'1e-5'", "'1e-5'"),
            ("\"a\\nb\"", "\"a\\nb\""),
            ("~", "null"),
            ("''", "''"),
            ("a, b", "a, b"),
            (
                "[1, 'a, b', [], {}, 'it''s', {a: ~, 'b]': x, 3: y, '3.5': z}]",
                "[1, 'a, b', [], {}, it's, {a: null, 'b]': x, 3: y, '3.5': z}]",
            ),
            ("[a:b, '?x']", "['a:b', '?x']"),
        ];
        for (text, printed) in cases {
            let value = parse(text, "").expect("reads").to_value();
            assert_eq!(flow(&value), printed);
            assert!(fixture::identical(
                &parse(printed, "").expect("reads").to_value(),
                &value
            ));
        }
    }
}
