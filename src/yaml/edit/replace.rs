//! One value in the place of another.

use super::Splice;
use super::syntax::{Collection, Form, Part, Style, column, line_end, line_start};
use crate::value::Value;
use crate::yaml::print;
use saphyr_parser::ScalarStyle;

/// What stands around a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Surroundings {
    /// Brackets: no line of its own there.
    pub(super) is_flow: bool,
    /// Whether the colon of a key is missing before it.
    pub(super) lacks_colon: bool,
    /// The column of its key; nothing for an item, and for the root.
    pub(super) key_column: Option<usize>,
    pub(super) is_root: bool,
}

/// Returns the ways to write `value` in the place of `old`, the one that fits best first.
pub(super) fn replace(
    text: &str,
    old: &Part,
    value: &Value,
    around: Surroundings,
) -> Vec<Vec<Splice>> {
    let mut ways = Vec::new();
    let in_one_line = |ways: &mut Vec<Vec<Splice>>, keeps_properties: bool| {
        for form in one_liners(old, value, around.is_flow) {
            ways.push(as_line(text, old, &form, around, keeps_properties));
        }
    };
    if !around.is_flow
        && let Some(way) = as_block(text, old, value, around)
    {
        ways.push(way);
    }
    in_one_line(&mut ways, true);
    if old.has_properties() {
        in_one_line(&mut ways, false);
    }
    ways
}

/// Returns the texts of a value in one line, in the old one's quotes first.
fn one_liners(old: &Part, value: &Value, is_flow: bool) -> Vec<String> {
    let plain = match is_flow {
        true => print::flow_item(value),
        false => print::flow(value),
    };
    let quote = match (&old.form, value) {
        (Form::Scalar(ScalarStyle::SingleQuoted), Value::Str(text)) => print::quoted(text, '\''),
        (Form::Scalar(ScalarStyle::DoubleQuoted), Value::Str(text)) => print::quoted(text, '"'),
        _ => None,
    };
    quote.into_iter().chain([plain]).collect()
}

fn as_line(
    text: &str,
    old: &Part,
    form: &str,
    around: Surroundings,
    keeps_properties: bool,
) -> Vec<Splice> {
    let from = match keeps_properties {
        true => old.text.start,
        false => old.start,
    };
    let gap = text.get(old.head..old.text.start).unwrap_or_default();
    let is_below = gap.contains('\n') && !around.is_root;
    match &old.form {
        Form::Nothing => nothing_to_line(text, old, form, around, from),
        Form::BlockScalar { header_end } => vec![
            Splice::new(from..*header_end, form),
            // a comment behind the `|` stays
            Splice::new(line_end(text, *header_end)..old.text.end, ""),
        ],
        Form::Collection(Collection {
            style: Style::Block,
            ..
        }) => {
            let last = text.get(from..old.text.end).unwrap_or_default();
            match is_below {
                true => {
                    let head = if keeps_properties {
                        old.head
                    } else {
                        old.start
                    };
                    let end = line_end(text, old.head);
                    let tag = Splice::new(head..old.head, "");
                    let space = if text[..head].ends_with(' ') { "" } else { " " };
                    vec![
                        tag,
                        Splice::new(old.head..old.head, &format!("{space}{form}")),
                        Splice::new(end..line_end(text, old.text.end), ""),
                    ]
                }
                // a comment behind the last of many lines is about that line
                false if last.contains('\n') => {
                    vec![Splice::new(from..line_end(text, old.text.end), form)]
                }
                false => vec![Splice::new(from..old.text.end, form)],
            }
        }
        _ => vec![Splice::new(from..old.text.end, form)],
    }
}

fn nothing_to_line(
    text: &str,
    old: &Part,
    form: &str,
    around: Surroundings,
    from: usize,
) -> Vec<Splice> {
    if old.has_properties() {
        return match from == old.start {
            true => vec![Splice::new(old.start..old.head, form)],
            false => vec![Splice::new(old.head..old.head, &format!(" {form}"))],
        };
    }
    let colon = if around.lacks_colon { ":" } else { "" };
    let rest = text
        .get(old.head..line_end(text, old.head))
        .unwrap_or_default();
    // `a: ` and `{a: , b}` have the blank already
    let has_blank =
        rest.starts_with(' ') && colon.is_empty() && (around.is_flow || rest.trim_end().is_empty());
    match has_blank {
        true => vec![Splice::new(old.head + 1..old.head + 1, form)],
        false => vec![Splice::new(old.head..old.head, &format!("{colon} {form}"))],
    }
}

/// A block in the place of a block, or below a key that has nothing.
fn as_block(text: &str, old: &Part, value: &Value, around: Surroundings) -> Option<Vec<Splice>> {
    let line_break = super::line_break(text);
    match &old.form {
        Form::Collection(collection) if collection.style == Style::Block => {
            let start = old.text.start;
            let old_column = column(text, start);
            let new_column = match (value, around.key_column) {
                (Value::Map(_), Some(key)) if old_column <= key => key + 2,
                _ => old_column,
            };
            let block = print::block(value, new_column)?.replace('\n', line_break);
            let deeper = " ".repeat(new_column - old_column);
            Some(vec![Splice::new(
                start..line_end(text, old.text.end),
                &format!("{deeper}{block}"),
            )])
        }
        // `a:` and `a: {}`
        Form::Nothing | Form::Collection(_) if is_empty(old) && !old.has_properties() => {
            let key_column = around.key_column.filter(|_| !around.lacks_colon)?;
            let new_column = match value {
                Value::Map(_) => key_column + 2,
                _ => key_column,
            };
            let block = print::block(value, new_column)?.replace('\n', line_break);
            let end = line_end(text, old.text.end);
            let spaces = " ".repeat(new_column);
            Some(vec![
                Splice::new(old.head..old.text.end, ""),
                Splice::new(end..end, &format!("{line_break}{spaces}{block}")),
            ])
        }
        _ => None,
    }
}

fn is_empty(part: &Part) -> bool {
    part.collection()
        .is_none_or(|collection| collection.entries.is_empty())
}

/// Whether only blanks stand before `at` in its line.
pub(super) fn starts_line(text: &str, at: usize) -> bool {
    let line = text.get(line_start(text, at)..at).unwrap_or_default();
    line.trim_start_matches('\u{feff}')
        .trim_start_matches(' ')
        .is_empty()
}
