//! Entries of a mapping and items of a list that come and go.

use super::Splice;
use super::replace::starts_line;
use super::syntax::{Collection, Part, Style, column, line_end};
use crate::value::{Key, Map, Value};
use crate::yaml::print;

/// Something to put into a mapping or list.
pub(super) enum New<'v> {
    Entry(&'v str, &'v Value),
    Item(&'v Value),
}

impl New<'_> {
    fn flow(&self) -> String {
        match self {
            New::Item(value) => print::flow_item(value),
            New::Entry(key, value) => {
                let map = Map::from_iter([(Key::from(*key), (*value).clone())]);
                let text = print::flow(&Value::from(map));
                text[1..text.len() - 1].to_owned()
            }
        }
    }

    fn block(&self, column: usize) -> Option<String> {
        match self {
            New::Item(value) => print::block(&Value::from(vec![(*value).clone()]), column),
            New::Entry(key, value) => {
                let map = Map::from_iter([(Key::from(*key), (*value).clone())]);
                print::block(&Value::from(map), column)
            }
        }
    }
}

/// Returns the ways to put something before the entry `at` of the mapping or list, which may be its end.
pub(super) fn insert(text: &str, holder: &Part, at: usize, new: &New) -> Vec<Vec<Splice>> {
    match holder.collection() {
        Some(collection) if collection.style == Style::Flow => {
            vec![insert_flow(text, holder, collection, at, new)]
        }
        Some(collection) if collection.style == Style::Block => {
            insert_block(text, collection, at, new)
        }
        _ => Vec::new(),
    }
}

fn insert_block(text: &str, collection: &Collection, at: usize, new: &New) -> Vec<Vec<Splice>> {
    let line_break = super::line_break(text);
    let Some(first) = collection.entries.first() else {
        return Vec::new();
    };
    let column = column(text, first.start);
    let spaces = " ".repeat(column);
    let flow = match new {
        New::Item(_) => format!("- {}", new.flow()),
        New::Entry(..) => new.flow(),
    };
    let forms = new.block(column).into_iter().chain([flow]);
    forms
        .map(|form| {
            let form = form.replace('\n', line_break);
            match at
                .checked_sub(1)
                .and_then(|before| collection.entries.get(before))
            {
                Some(before) => {
                    let end = entry_end(text, before.end(), column);
                    vec![Splice::new(
                        end..end,
                        &format!("{line_break}{spaces}{form}"),
                    )]
                }
                None => vec![Splice::new(
                    first.start..first.start,
                    &format!("{form}{line_break}{spaces}"),
                )],
            }
        })
        .collect()
}

/// Returns the end of the last line of an entry: comments deeper than the entry belong to it.
pub(super) fn entry_end(text: &str, end: usize, column: usize) -> usize {
    let mut end = line_end(text, end);
    loop {
        let rest = text.get(end..).unwrap_or_default();
        let Some((_, below)) = rest.split_once('\n') else {
            return end;
        };
        let comment = below.trim_start_matches(' ');
        if !comment.starts_with('#') || below.len() - comment.len() <= column {
            return end;
        }
        end = line_end(text, text.len() - comment.len());
    }
}

fn insert_flow(
    text: &str,
    holder: &Part,
    collection: &Collection,
    at: usize,
    new: &New,
) -> Vec<Splice> {
    let form = new.flow();
    let inside = holder.text.start + 1..holder.text.end - 1;
    let entries = &collection.entries;
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        let is_blank = text[inside.clone()].trim().is_empty();
        let range = if is_blank {
            inside
        } else {
            inside.start..inside.start
        };
        return vec![Splice::new(range, &form)];
    };
    if at == 0 {
        let gap = match gap(text, inside.start, first.start) {
            "" => " ",
            gap => gap,
        };
        return vec![Splice::new(
            first.start..first.start,
            &format!("{form},{gap}"),
        )];
    }
    let before = entries.get(at - 1).unwrap_or(last);
    let gap = match at.checked_sub(2).and_then(|at| entries.get(at)) {
        Some(one_more) => gap(text, one_more.end(), before.start),
        None => match gap(text, inside.start, before.start) {
            "" => " ",
            gap => gap,
        },
    };
    let end = before.end();
    let rest = &text[end..inside.end];
    if at < entries.len() || !rest.trim_start().starts_with(',') {
        // a line of its own comes behind the comment of the line before it
        let behind = match gap.contains('\n') && at == entries.len() {
            true => line_end(text, end).min(inside.end),
            false => end,
        };
        return match behind > end && rest.trim_start_matches(' ').starts_with('#') {
            true => vec![
                Splice::new(end..end, ","),
                Splice::new(behind..behind, &format!("{gap}{form}")),
            ],
            false => vec![Splice::new(end..end, &format!(",{gap}{form}"))],
        };
    }
    // a comma behind the last one stays the habit
    let comma = end + rest.find(',').unwrap_or_default() + 1;
    let behind = match gap.contains('\n') {
        true => line_end(text, comma).min(inside.end),
        false => comma,
    };
    let comma = if gap.contains('\n') { "," } else { "" };
    vec![Splice::new(behind..behind, &format!("{gap}{form}{comma}"))]
}

/// Returns the blanks before the entry that starts at `to`, from its line break on if it has one.
fn gap(text: &str, from: usize, to: usize) -> &str {
    let between = text.get(from..to).unwrap_or_default();
    let blanks = between.trim_end_matches([' ', '\t', '\r', '\n']).len();
    let blanks = &between[blanks..];
    match blanks.rfind('\n') {
        Some(at) if blanks[..at].ends_with('\r') => &blanks[at - 1..],
        Some(at) => &blanks[at..],
        None => blanks,
    }
}

/// Returns how to take the entry `at` away; nothing if it is the only one, or has no place of its own.
pub(super) fn remove(text: &str, holder: &Part, at: usize) -> Option<Vec<Splice>> {
    let collection = holder.collection()?;
    let entries = &collection.entries;
    let entry = entries.get(at)?;
    if entries.len() < 2 {
        return None;
    }
    if collection.style == Style::Flow {
        return Some(match (entries.get(at + 1), at.checked_sub(1)) {
            (Some(next), _) => vec![Splice::new(entry.start..next.start, "")],
            (None, Some(before)) => {
                let before = entries[before].end();
                let rest = text.get(before..)?;
                let comma = rest.trim_start();
                let from = match comma.starts_with(',') {
                    true => before + rest.len() - comma.len(),
                    false => before,
                };
                vec![Splice::new(from..entry.end(), "")]
            }
            (None, None) => return None,
        });
    }
    let column = column(text, entry.start);
    let end = entry_end(text, entry.end(), column);
    let rest = text.get(end..)?;
    if starts_line(text, entry.start) {
        let from = entry.start - column;
        let below = rest.find('\n').map_or(text.len(), |at| end + at + 1);
        return Some(vec![Splice::new(from..below, "")]);
    }
    // behind the dash of a list: what is next takes its place
    let next = end + (rest.len() - rest.trim_start().len());
    Some(vec![Splice::new(entry.start..next, "")])
}
