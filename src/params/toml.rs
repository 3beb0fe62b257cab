//! TOML: read with Python's meaning, changed in place.

use crate::error::{Error, Result};
use crate::value::{Key, Map, Step, Value, repr};
use crate::yaml::edit::Change;
use std::ops::Range;
use toml_edit::{Document, DocumentMut, InlineTable, Item, TableLike};

/// Returns the values, and the paths of dates, which stand as their text.
pub(super) fn read(text: &str, origin: &str) -> Result<(Value, Vec<Vec<Step>>)> {
    let document = parse(text, origin)?;
    let mut dates = Vec::new();
    let map = table(document.as_table(), &mut Vec::new(), &mut dates);
    Ok((Value::from(map), dates))
}

fn parse<'text>(text: &'text str, origin: &str) -> Result<Document<&'text str>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Document::parse(text).map_err(|error: toml_edit::TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before
            .rsplit('\n')
            .next()
            .map_or(0, |line| line.chars().count())
            + 1;
        let what = error.message().replace('\n', ", ");
        Error::corrupt(format!(
            "cannot parse '{origin}', line {line}, column {column}: {what}"
        ))
    })
}

fn table(table: &dyn TableLike, path: &mut Vec<Step>, dates: &mut Vec<Vec<Step>>) -> Map {
    let mut map = Map::new();
    for (key, entry) in table.iter() {
        path.push(Step::Key(key.to_owned()));
        if let Some(value) = item(entry, path, dates) {
            map.insert(Key::from(key), value);
        }
        path.pop();
    }
    map
}

fn item(entry: &Item, path: &mut Vec<Step>, dates: &mut Vec<Vec<Step>>) -> Option<Value> {
    match entry {
        Item::None => None,
        Item::Value(entry) => Some(value(entry, path, dates)),
        Item::Table(entry) => Some(Value::from(table(entry, path, dates))),
        Item::ArrayOfTables(tables) => {
            let mut items = Vec::new();
            for (index, entry) in tables.iter().enumerate() {
                path.push(Step::Index(index));
                items.push(Value::from(table(entry, path, dates)));
                path.pop();
            }
            Some(Value::from(items))
        }
    }
}

fn value(entry: &toml_edit::Value, path: &mut Vec<Step>, dates: &mut Vec<Vec<Step>>) -> Value {
    match entry {
        toml_edit::Value::String(text) => Value::Str(text.value().clone()),
        toml_edit::Value::Integer(number) => Value::Int(*number.value()),
        toml_edit::Value::Float(number) => Value::Float(*number.value()),
        toml_edit::Value::Boolean(value) => Value::Bool(*value.value()),
        toml_edit::Value::Datetime(date) => {
            dates.push(path.clone());
            Value::Str(date.value().to_string())
        }
        toml_edit::Value::Array(array) => {
            let mut items = Vec::new();
            for (index, entry) in array.iter().enumerate() {
                path.push(Step::Index(index));
                items.push(value(entry, path, dates));
                path.pop();
            }
            Value::from(items)
        }
        toml_edit::Value::InlineTable(entries) => Value::from(table(entries, path, dates)),
    }
}

/// Returns `text` with one change at `path`; what holds it must be there.
pub(super) fn change(text: &str, origin: &str, path: &[Step], change: &Change) -> Result<String> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = parse(text, origin)?;
    let name = Step::dotted(path);
    let refuse = |why: &str| Error::refused(format!("cannot change '{name}' in '{origin}': {why}"));
    let Some((last, holders)) = path.split_last() else {
        return Err(refuse("it is the whole file"));
    };
    let holder = holders
        .iter()
        .try_fold(document.as_item(), at)
        .ok_or_else(|| refuse("nothing holds it"))?;
    let place = match (change, last) {
        (Change::Set(new), last) => {
            let new = to_toml(new).ok_or_else(|| refuse("TOML has no such value"))?;
            at(holder, last).and_then(|old| value_splice(body, old, &new))
        }
        (Change::Remove, Step::Key(key)) => removed(body, holder, key),
        _ => return Err(refuse("it is the item of a list")),
    };
    let changed = match place {
        Some((range, new)) => format!("{}{new}{}", &body[..range.start], &body[range.end..]),
        None => {
            let changed = rebuilt(document.into_mut(), path, change).map_err(refuse)?;
            // its new lines end in a bare line feed
            match body.contains("\r\n") {
                true => changed.replace("\r\n", "\n").replace('\n', "\r\n"),
                false => changed,
            }
        }
    };
    Ok(format!("{}{changed}", &text[..text.len() - body.len()]))
}

fn at<'item>(item: &'item Item, step: &Step) -> Option<&'item Item> {
    match step {
        Step::Key(key) => item.as_table_like()?.get(key),
        Step::Index(index) => item.get(*index),
    }
}

/// Returns the bytes of a value and what comes there; `None` if it is a table with lines of its own.
fn value_splice(text: &str, old: &Item, new: &toml_edit::Value) -> Option<(Range<usize>, String)> {
    let range = old.as_value()?.span()?;
    let is_literal =
        text.get(range.clone())?.starts_with('\'') && !text[range.clone()].starts_with("'''");
    let form = match new.as_str() {
        Some(new)
            if is_literal && !new.contains(|next: char| next == '\'' || next.is_control()) =>
        {
            format!("'{new}'")
        }
        _ => new.to_string(),
    };
    Some((range, form))
}

/// Returns the bytes of an entry and what comes there: its line, without the comments above it, or
/// its part of the brackets.
fn removed(text: &str, holder: &Item, key: &str) -> Option<(Range<usize>, String)> {
    if let Some(table) = holder.as_inline_table() {
        return Some((removed_inline(table, key)?, String::new()));
    }
    let table = holder.as_table()?;
    let (name, entry) = table.get_key_value(key)?;
    let (start, end) = (name.span()?.start, entry.as_value()?.span()?.end);
    if table.is_dotted() && table.len() == 1 {
        // of `a.b = 1` an empty `a` stays
        let dot = text.get(..start)?.trim_end().strip_suffix('.')?;
        return Some((dot.trim_end().len()..end, " = {}".to_owned()));
    }
    let start = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(end..)?;
    let end = rest.find('\n').map_or(text.len(), |at| end + at + 1);
    Some((start..end, String::new()))
}

/// Returns an entry between brackets with the comma behind it, or the one before it.
fn removed_inline(table: &InlineTable, key: &str) -> Option<Range<usize>> {
    let entries: Option<Vec<Range<usize>>> = table
        .iter()
        .map(|(key, value)| Some(table.key(key)?.span()?.start..value.span()?.end))
        .collect();
    let entries = entries?;
    let at = table.iter().position(|(name, _)| name == key)?;
    Some(match (entries.get(at + 1), at.checked_sub(1)) {
        (Some(next), _) => entries[at].start..next.start,
        (None, Some(before)) => entries[before].end..entries[at].end,
        (None, None) => entries[at].clone(),
    })
}

/// Makes a change that is more than the bytes of one value.
fn rebuilt(
    mut document: DocumentMut,
    path: &[Step],
    change: &Change,
) -> Result<String, &'static str> {
    let (last, holders) = path.split_last().ok_or("it is the whole file")?;
    let mut holder = document.as_item_mut();
    for step in holders {
        holder = step_into(holder, step).ok_or("nothing holds it")?;
    }
    match (change, last) {
        (Change::Remove, Step::Key(key)) => {
            holder
                .as_table_like_mut()
                .and_then(|table| table.remove(key))
                .ok_or("it is not there")?;
        }
        (Change::Set(new), last) => {
            let new = to_toml(new).ok_or("TOML has no such value")?;
            match (step_into(holder, last), last) {
                (Some(item), _) => *item = Item::Value(new),
                (None, Step::Key(key)) => {
                    let table = holder.as_table_like_mut().ok_or("nothing holds it")?;
                    table.insert(key, Item::Value(new));
                }
                (None, Step::Index(_)) => return Err("the list is too short"),
            }
        }
        _ => return Err("it is the item of a list"),
    }
    Ok(document.to_string())
}

fn step_into<'item>(item: &'item mut Item, step: &Step) -> Option<&'item mut Item> {
    match step {
        Step::Key(key) => item.as_table_like_mut()?.get_mut(key),
        Step::Index(index) => item.get_mut(*index),
    }
}

fn to_toml(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Null | Value::BigInt(_) => return None,
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        // its own printer has 0.00001 for 1e-05
        Value::Float(value) => repr(*value).parse().ok()?,
        Value::Str(text) => text.as_str().into(),
        Value::List(items) => {
            let items: Option<toml_edit::Array> = items.iter().map(to_toml).collect();
            toml_edit::Value::Array(items?)
        }
        Value::Map(map) => {
            let mut table = toml_edit::InlineTable::new();
            for (key, value) in map {
                table.insert(key.as_str(), to_toml(value)?);
            }
            toml_edit::Value::InlineTable(table)
        }
    })
}
