//! Changes one value in a YAML text and nothing else, or refuses.
//!
//! Only the bytes of that value are replaced: its place is known to the byte (`syntax`), all others
//! stay, comments and layout with them. We do not take our own word for it: old and new text are
//! read, and must differ at the path and nowhere else. What cannot be done so, a value whose anchor
//! other places use for example, ends in an error, and the file stays as it was.

mod entries;
#[cfg(test)]
mod random;
mod replace;
mod rewrite;
mod syntax;
#[cfg(test)]
mod tests;
mod verify;

pub use rewrite::rewrite;

use super::print;
use super::read::parse;
use crate::error::{Error, Result};
use crate::value::{Key, Map, Step, Value};
use entries::New;
use replace::Surroundings;
use std::ops::Range;
use syntax::{Collection, Entry, Form, Part, Style};

/// What becomes of the value at a path.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It becomes this; an entry of a mapping that is not there is added as the last one.
    Set(Value),
    /// This comes before the item of a list, or behind the last one.
    Insert(Value),
    /// It goes, with its key.
    Remove,
}

/// New text for a range of the old one.
#[derive(Debug)]
struct Splice {
    range: Range<usize>,
    text: String,
}

impl Splice {
    fn new(range: Range<usize>, text: &str) -> Self {
        Splice {
            range,
            text: text.to_owned(),
        }
    }
}

/// Returns `text` with one change at `path`. The mapping or list that holds it must be there.
pub fn change(text: &str, origin: &str, path: &[Step], change: &Change) -> Result<String> {
    let old = parse(text, origin)?;
    let name = Step::dotted(path);
    let cannot = |why: &str| {
        Error::refused(format!("cannot change only '{name}' in '{origin}': {why}"))
            .hint(format!("edit '{origin}' by hand"))
    };
    if let (true, [Step::Key(key)], Change::Set(value)) = (old.is_null(), path, change) {
        return first_entry(text, origin, key, value).ok_or_else(|| cannot("there is no mapping"));
    }
    let root = syntax::parse(text).ok_or_else(|| cannot("its place is unclear"))?;
    let ways = ways(text, &root, path, change).map_err(|why| cannot(&why))?;
    for way in &ways {
        if let Some(changed) = spliced(text, way)
            && let Ok(new) = parse(&changed, origin)
            && verify::differ_only_at(&old, &new, path, change)
        {
            return Ok(changed);
        }
    }
    Err(cannot("other values would change with it"))
}

/// Returns the text of a file that has nothing but comments, with its first entry below them.
fn first_entry(text: &str, origin: &str, key: &str, value: &Value) -> Option<String> {
    let map = Map::from_iter([(Key::from(key), value.clone())]);
    let end = match text.is_empty() || text.ends_with('\n') {
        true => "",
        false => line_break(text),
    };
    let entry = print::document(&map).replace('\n', line_break(text));
    let changed = format!("{text}{end}{entry}");
    let new = parse(&changed, origin).ok()?.to_value();
    new.identical(&Value::from(map)).then_some(changed)
}

/// Returns the ways to do it, the one that fits best first, or why there is none.
fn ways(
    text: &str,
    root: &Part,
    path: &[Step],
    change: &Change,
) -> Result<Vec<Vec<Splice>>, String> {
    let (last, holders) = path.split_last().ok_or("it is the whole file")?;
    let mut trail = vec![(root, root_surroundings())];
    for (depth, step) in holders.iter().enumerate() {
        let (part, _) = trail[depth];
        let collection = holder(part, &path[..depth])?;
        let entry = find(collection, step)
            .and_then(|at| collection.entries.get(at))
            .ok_or_else(|| missing(collection))?;
        trail.push((&entry.value, surroundings(text, collection, entry)));
    }
    let (part, around) = trail[holders.len()];
    let collection = holder(part, holders)?;
    let at = find(collection, last);
    let entry = at.and_then(|at| collection.entries.get(at));
    Ok(match (change, last, at, entry) {
        (Change::Set(value), _, _, Some(entry)) => {
            let around = surroundings(text, collection, entry);
            replace::replace(text, &entry.value, value, around)
        }
        (Change::Set(value), Step::Key(key), None, _) if collection.is_map => {
            let end = collection.entries.len();
            entries::insert(text, part, end, &New::Entry(key, value))
        }
        (Change::Insert(value), Step::Index(index), ..) if !collection.is_map => {
            if collection.entries.is_empty() {
                let list = Value::from(vec![value.clone()]);
                replace::replace(text, part, &list, around)
            } else {
                let index = *index.min(&collection.entries.len());
                entries::insert(text, part, index, &New::Item(value))
            }
        }
        (Change::Remove, _, Some(_), Some(_)) if collection.entries.len() == 1 => {
            let empty = match collection.is_map {
                true => Value::from(Map::new()),
                false => Value::from(Vec::new()),
            };
            replace::replace(text, part, &empty, around)
        }
        (Change::Remove, _, Some(at), Some(_)) => {
            entries::remove(text, part, at).into_iter().collect()
        }
        _ => return Err(missing(collection)),
    })
}

fn root_surroundings() -> Surroundings {
    Surroundings {
        is_flow: false,
        lacks_colon: false,
        key_column: None,
        is_root: true,
    }
}

fn surroundings(text: &str, collection: &Collection, entry: &Entry) -> Surroundings {
    let is_flow = collection.style != Style::Block;
    Surroundings {
        is_flow,
        lacks_colon: !entry.is_announced,
        key_column: (collection.is_map && !is_flow).then(|| syntax::column(text, entry.start)),
        is_root: false,
    }
}

/// Returns the mapping or list that a part is.
fn holder<'part>(part: &'part Part, path: &[Step]) -> Result<&'part Collection, String> {
    let name = Step::dotted(path);
    match &part.form {
        Form::Collection(collection) => Ok(collection),
        Form::Alias => Err(format!("'{name}' stands for what is written elsewhere")),
        _ => Err("nothing holds it".to_owned()),
    }
}

fn find(collection: &Collection, step: &Step) -> Option<usize> {
    match step {
        Step::Index(index) if !collection.is_map => {
            (*index < collection.entries.len()).then_some(*index)
        }
        Step::Key(key) if collection.is_map => collection.entries.iter().position(|entry| {
            !entry.is_merge && entry.key.as_ref().is_some_and(|name| *name == **key)
        }),
        _ => None,
    }
}

fn missing(collection: &Collection) -> String {
    match collection.entries.iter().any(|entry| entry.is_merge) {
        true => "it is not there, or comes with '<<'".to_owned(),
        false => "nothing holds it".to_owned(),
    }
}

/// Returns how the lines of `text` end.
pub(crate) fn line_break(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((line, _)) if line.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Returns `text` with the splices; `None` if they meet or lie outside of it.
fn spliced(text: &str, splices: &[Splice]) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    let mut done = 0;
    for splice in splices {
        changed.push_str(text.get(done..splice.range.start)?);
        changed.push_str(&splice.text);
        done = splice.range.end;
    }
    changed.push_str(text.get(done..)?);
    Some(changed)
}
