//! A value replaced by one that is partly the same: what stays keeps its text and its comments.

use super::{Change, change};
use crate::error::Result;
use crate::value::{Step, Value};
use crate::yaml::read::parse;

/// More single changes than this, or a longer comparison of items, and the whole value is replaced.
const MOST_CHANGES: usize = 100;
const MOST_PAIRS: usize = 1_000_000;

/// Returns `text` with `value` at `path`, whose entries and items that stay keep their bytes.
pub fn rewrite(text: &str, origin: &str, path: &[Step], value: &Value) -> Result<String> {
    let root = parse(text, origin)?.to_value();
    if let Some(old) = path.iter().try_fold(&root, Value::at) {
        let mut changes = Vec::new();
        differences(old, value, &mut path.to_vec(), &mut changes);
        if changes.len() <= MOST_CHANGES
            && let Ok(changed) = changes
                .iter()
                .try_fold(text.to_owned(), |text, (path, one)| {
                    change(&text, origin, path, one)
                })
        {
            return Ok(changed);
        }
    }
    change(text, origin, path, &Change::Set(value.clone()))
}

/// Lists the changes that make `new` of `old`, in the order to make them.
fn differences(
    old: &Value,
    new: &Value,
    path: &mut Vec<Step>,
    changes: &mut Vec<(Vec<Step>, Change)>,
) {
    match (old, new) {
        (old, new) if old.identical(new) => {}
        (Value::Map(old), Value::Map(new)) => {
            for key in old.keys().filter(|key| !new.contains_key(key.as_str())) {
                changes.push((with(path, Step::Key(key.to_string())), Change::Remove));
            }
            for (key, value) in new {
                path.push(Step::Key(key.to_string()));
                match old.get(key.as_str()) {
                    Some(old) => differences(old, value, path, changes),
                    None => changes.push((path.clone(), Change::Set(value.clone()))),
                }
                path.pop();
            }
        }
        (Value::List(old), Value::List(new))
            if old.len().saturating_mul(new.len()) <= MOST_PAIRS =>
        {
            items(old, new, path, changes);
        }
        _ => changes.push((path.clone(), Change::Set(new.clone()))),
    }
}

fn with(path: &[Step], step: Step) -> Vec<Step> {
    path.iter().cloned().chain([step]).collect()
}

/// Items that are in both, in this order, stay; between them one takes the place of another.
fn items(
    old: &[Value],
    new: &[Value],
    path: &mut Vec<Step>,
    changes: &mut Vec<(Vec<Step>, Change)>,
) {
    let kept = common(old, new);
    let (mut from, mut to) = (0, 0);
    // `to` is also where we are in the list as it is after the changes so far
    for (old_at, new_at) in kept.into_iter().chain([(old.len(), new.len())]) {
        while from < old_at || to < new_at {
            match (from < old_at, to < new_at) {
                (true, true) => {
                    path.push(Step::Index(to));
                    differences(&old[from], &new[to], path, changes);
                    path.pop();
                }
                (true, false) => changes.push((with(path, Step::Index(to)), Change::Remove)),
                _ => changes.push((with(path, Step::Index(to)), Change::Insert(new[to].clone()))),
            }
            from += usize::from(from < old_at);
            to += usize::from(to < new_at);
        }
        (from, to) = (old_at + 1, new_at + 1);
    }
}

/// Returns the places of a longest common subsequence.
fn common(old: &[Value], new: &[Value]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut longest = vec![0_usize; (old.len() + 1) * width];
    for (i, old) in old.iter().enumerate().rev() {
        for (j, new) in new.iter().enumerate().rev() {
            longest[i * width + j] = match old.identical(new) {
                true => longest[(i + 1) * width + j + 1] + 1,
                false => longest[(i + 1) * width + j].max(longest[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut kept = Vec::new();
    while i < old.len() && j < new.len() {
        if old[i].identical(&new[j]) {
            kept.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    kept
}
