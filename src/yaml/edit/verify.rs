//! Whether an edit did what was asked for, and nothing else, to the meaning of a text.

use super::Change;
use crate::value::Step;
use crate::yaml::{Node, NodeKind};

/// Whether two documents are the same but for `path`, where `change` has happened.
pub(super) fn differ_only_at(old: &Node, new: &Node, path: &[Step], change: &Change) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return is_value(new, change);
    };
    match (&old.kind, &new.kind, step) {
        (NodeKind::List(old), NodeKind::List(new), Step::Index(index)) => {
            in_list(old, new, *index, rest, change)
        }
        (NodeKind::Map(old), NodeKind::Map(new), Step::Key(key)) => {
            in_map(old, new, key, rest, change)
        }
        _ => false,
    }
}

fn is_value(node: &Node, change: &Change) -> bool {
    match change {
        Change::Set(value) | Change::Insert(value) => node.to_value().identical(value),
        Change::Remove => false,
    }
}

fn in_list(old: &[Node], new: &[Node], index: usize, rest: &[Step], change: &Change) -> bool {
    let (grows, shrinks) = match (rest, change) {
        ([], Change::Insert(_)) => (1, 0),
        ([], Change::Remove) => (0, 1),
        _ => (0, 0),
    };
    if old.len() + grows != new.len() + shrinks || index >= old.len() + grows {
        return false;
    }
    let at_index = match (grows, shrinks) {
        (0, 0) => differ_only_at(&old[index], &new[index], rest, change),
        (1, _) => is_value(&new[index], change),
        _ => true,
    };
    let others = old[index + 1 - grows..]
        .iter()
        .zip(&new[index + 1 - shrinks..]);
    at_index
        && old[..index]
            .iter()
            .zip(new)
            .chain(others)
            .all(|(old, new)| equal(old, new))
}

fn in_map(
    old: &[(Node, Node)],
    new: &[(Node, Node)],
    wanted: &str,
    rest: &[Step],
    change: &Change,
) -> bool {
    let is_wanted = |entry: &&(Node, Node)| entry.0.to_key().is_some_and(|key| key == *wanted);
    let others =
        |entries: &[(Node, Node)]| entries.iter().filter(|entry| !is_wanted(entry)).count();
    let others_equal = others(old) == others(new)
        && old
            .iter()
            .filter(|entry| !is_wanted(entry))
            .zip(new.iter().filter(|entry| !is_wanted(entry)))
            .all(|(old, new)| equal(&old.0, &new.0) && equal(&old.1, &new.1));
    let wanted_changed = match (old.iter().find(is_wanted), new.iter().find(is_wanted)) {
        (Some(old), Some(new)) => {
            equal(&old.0, &new.0) && differ_only_at(&old.1, &new.1, rest, change)
        }
        (None, Some(new)) => rest.is_empty() && is_value(&new.1, change),
        (Some(_), None) => rest.is_empty() && *change == Change::Remove,
        (None, None) => false,
    };
    others_equal && wanted_changed
}

/// Whether two nodes say the same in the same words, wherever they stand.
pub(super) fn equal(old: &Node, new: &Node) -> bool {
    match (&old.kind, &new.kind) {
        (
            NodeKind::Scalar {
                value,
                other_text,
                is_date,
            },
            NodeKind::Scalar {
                value: new_value,
                other_text: new_text,
                is_date: new_is_date,
            },
        ) => value.identical(new_value) && other_text == new_text && is_date == new_is_date,
        (NodeKind::List(old), NodeKind::List(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| equal(old, new))
        }
        (NodeKind::Map(old), NodeKind::Map(new)) => {
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .all(|(old, new)| equal(&old.0, &new.0) && equal(&old.1, &new.1))
        }
        _ => false,
    }
}
