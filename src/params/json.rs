//! JSON changed in place: the bytes of one value, all others stay.

use crate::error::{Error, Result};
use crate::value::{Step, Value, string_length};
use crate::yaml::edit::Change;
use std::ops::Range;

/// A member of an object or an item of an array; an item has an empty key.
struct Member {
    key: String,
    /// From the key's quote, or the item's start, to the value's end.
    whole: Range<usize>,
    value: Range<usize>,
}

/// Returns `text` with one change at `path`; what holds it must be there. `text` must be JSON.
pub(super) fn change(text: &str, origin: &str, path: &[Step], change: &Change) -> Result<String> {
    let name = Step::dotted(path);
    let refuse = |why: &str| Error::refused(format!("cannot change '{name}' in '{origin}': {why}"));
    let Some((last, holders)) = path.split_last() else {
        return Err(refuse("it is the whole file"));
    };
    let mut holder = value_at(text, 0);
    for step in holders {
        let members = members(text, &holder);
        holder = find(&members, step)
            .map(|at| members[at].value.clone())
            .ok_or_else(|| refuse("nothing holds it"))?;
    }
    let members = members(text, &holder);
    let splice = |range: Range<usize>, new: &str| {
        format!("{}{new}{}", &text[..range.start], &text[range.end..])
    };
    Ok(match (change, find(&members, last)) {
        (Change::Set(value), Some(at)) => {
            splice(members[at].value.clone(), &value.to_python_json())
        }
        (Change::Set(value), None) => {
            let Step::Key(key) = last else {
                return Err(refuse("the list is too short"));
            };
            if !text[holder.clone()].starts_with('{') {
                return Err(refuse("nothing holds it"));
            }
            let entry = format!(
                "{}: {}",
                Value::from(key.as_str()).to_python_json(),
                value.to_python_json()
            );
            match (members.first(), members.last()) {
                (Some(first), Some(last)) => {
                    // one more as those before it: same line, or a line with the same indent
                    let gap = &text[holder.start + 1..first.whole.start];
                    let gap = match gap.contains('\n') {
                        true => gap,
                        false => " ",
                    };
                    let end = last.whole.end;
                    splice(end..end, &format!(",{gap}{entry}"))
                }
                _ => splice(holder, &format!("{{{entry}}}")),
            }
        }
        (Change::Insert(value), at) => {
            let Step::Index(_) = last else {
                return Err(refuse("it is no item of a list"));
            };
            let item = value.to_python_json();
            match (at, members.last()) {
                (Some(at), _) => {
                    let start = members[at].whole.start;
                    splice(start..start, &format!("{item}, "))
                }
                (None, Some(last)) => splice(last.whole.end..last.whole.end, &format!(", {item}")),
                (None, None) => splice(holder, &format!("[{item}]")),
            }
        }
        (Change::Remove, Some(at)) => {
            // with the comma behind it, or the one before it
            let range = match (members.get(at + 1), at.checked_sub(1)) {
                (Some(next), _) => members[at].whole.start..next.whole.start,
                (None, Some(before)) => members[before].whole.end..members[at].whole.end,
                (None, None) => holder.start + 1..holder.end - 1,
            };
            splice(range, "")
        }
        (Change::Remove, None) => return Err(refuse("it is not there")),
    })
}

fn find(members: &[Member], step: &Step) -> Option<usize> {
    match step {
        // of equal keys the last one counts
        Step::Key(key) => members.iter().rposition(|member| member.key == *key),
        Step::Index(index) => (*index < members.len()).then_some(*index),
    }
}

fn skip_space(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.len()
        - rest
            .trim_start_matches([' ', '\t', '\n', '\r', '\u{feff}'])
            .len()
}

/// Returns the bytes of the value that starts at or behind `at`. Nesting needs no recursion here.
fn value_at(text: &str, at: usize) -> Range<usize> {
    let start = skip_space(text, at);
    let mut depth = 0_usize;
    let mut end = start;
    while let Some(byte) = text.as_bytes().get(end) {
        match byte {
            b'"' => {
                end += string_length(&text[end..]);
                if depth == 0 {
                    break;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => {
                // the end of a collection, or of the one around a number
                end += depth;
                break;
            }
            b'}' | b']' => depth -= 1,
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => break,
            _ => {}
        }
        end += 1;
    }
    start..end
}

/// Returns the members of the object, or the items of the array, that `holder` spans.
fn members(text: &str, holder: &Range<usize>) -> Vec<Member> {
    let mut members = Vec::new();
    let is_object = match text.as_bytes().get(holder.start) {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return members,
    };
    let mut at = skip_space(text, holder.start + 1);
    while at + 1 < holder.end {
        let start = at;
        let mut key = String::new();
        if is_object {
            let end = at + string_length(&text[at..]);
            key = serde_json::from_str(&text[at..end]).unwrap_or_default();
            // the colon
            at = skip_space(text, end) + 1;
        }
        let value = value_at(text, at);
        let next = skip_space(text, value.end);
        members.push(Member {
            key,
            whole: start..value.end,
            value,
        });
        if text.as_bytes().get(next) != Some(&b',') {
            break;
        }
        at = skip_space(text, next + 1);
    }
    members
}
