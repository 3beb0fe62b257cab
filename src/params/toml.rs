//! TOML: read with Python's meaning, changed in place.

use crate::error::{Error, Result};
use crate::value::{Key, Map, Step, Value, repr};
use crate::yaml::edit::Change;
use toml_edit::{DocumentMut, Item, TableLike};

/// Returns the values, and the paths of dates, which stand as their text.
pub(super) fn read(text: &str, origin: &str) -> Result<(Value, Vec<Vec<Step>>)> {
    let document = parse(text, origin)?;
    let mut dates = Vec::new();
    let map = table(document.as_table(), &mut Vec::new(), &mut dates);
    Ok((Value::Map(map), dates))
}

fn parse(text: &str, origin: &str) -> Result<DocumentMut> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.parse().map_err(|error: toml_edit::TomlError| {
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
        Item::Table(entry) => Some(Value::Map(table(entry, path, dates))),
        Item::ArrayOfTables(tables) => {
            let mut items = Vec::new();
            for (index, entry) in tables.iter().enumerate() {
                path.push(Step::Index(index));
                items.push(Value::Map(table(entry, path, dates)));
                path.pop();
            }
            Some(Value::List(items))
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
            Value::List(items)
        }
        toml_edit::Value::InlineTable(entries) => Value::Map(table(entries, path, dates)),
    }
}

/// Returns `text` with one change at `path`; what holds it must be there.
pub(super) fn change(text: &str, origin: &str, path: &[Step], change: &Change) -> Result<String> {
    let mut document = parse(text, origin)?;
    let name = Step::dotted(path);
    let refuse = |why: &str| Error::refused(format!("cannot change '{name}' in '{origin}': {why}"));
    let Some((last, holders)) = path.split_last() else {
        return Err(refuse("it is the whole file"));
    };
    let mut holder = document.as_item_mut();
    for step in holders {
        holder = step_into(holder, step).ok_or_else(|| refuse("nothing holds it"))?;
    }
    match (change, last) {
        (Change::Remove, Step::Key(key)) => {
            holder
                .as_table_like_mut()
                .and_then(|table| table.remove(key))
                .ok_or_else(|| refuse("it is not there"))?;
        }
        (Change::Insert(_), _) => return Err(refuse("it is the item of a list")),
        (Change::Remove, Step::Index(_)) => return Err(refuse("it is the item of a list")),
        (Change::Set(new), last) => {
            let mut new = to_toml(new).ok_or_else(|| refuse("TOML has no such value"))?;
            match step_into(holder, last) {
                Some(item) => {
                    if let Some(old) = item.as_value() {
                        // comments and spaces around it
                        *new.decor_mut() = old.decor().clone();
                    }
                    *item = Item::Value(new);
                }
                None => {
                    let Step::Key(key) = last else {
                        return Err(refuse("the list is too short"));
                    };
                    holder
                        .as_table_like_mut()
                        .ok_or_else(|| refuse("nothing holds it"))?
                        .insert(key, Item::Value(new));
                }
            }
        }
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
