//! `sort` and `shuffle` of one list.

use super::grammar::{Wrong, because};
use crate::id;
use crate::value::Value;
use std::cmp::Ordering;

/// Returns a list in Python's order: numbers, or texts, or lists of them.
///
/// NaN is neither less nor more than anything, and Python does not mind: values are inserted one by
/// one, as its own sort does with short lists, so that they land where they do there.
pub(super) fn sorted(items: Vec<Value>, reverse: bool) -> Result<Value, Wrong> {
    let mut items = items;
    if reverse {
        items.reverse();
    }
    let mut sorted: Vec<Value> = Vec::with_capacity(items.len());
    for item in items {
        let (mut low, mut high) = (0, sorted.len());
        while low < high {
            let middle = (low + high) / 2;
            match is_less(&item, &sorted[middle]) {
                Some(true) => high = middle,
                Some(false) => low = middle + 1,
                None => return because("'sort' cannot compare such values"),
            }
        }
        sorted.insert(low, item);
    }
    if reverse {
        sorted.reverse();
    }
    Ok(Value::from(sorted))
}

/// Returns a list in a random order, another one each time.
pub(super) fn shuffled(mut items: Vec<Value>) -> Result<Value, Wrong> {
    for last in (1..items.len()).rev() {
        let bytes = id::random().map_err(|error| Wrong::Because(error.chain()))?;
        let chosen = u64::from_le_bytes(bytes) % (last as u64 + 1);
        items.swap(last, chosen as usize);
    }
    Ok(Value::from(items))
}

/// Python's `<`; `None` where it has none.
fn is_less(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Some(a < b),
        (Value::List(a), Value::List(b)) => {
            let differ = a.iter().zip(b).find(|(a, b)| !a.same(b));
            match differ {
                Some((a, b)) => is_less(a, b),
                None => Some(a.len() < b.len()),
            }
        }
        (a, b) => compare(a, b).map(|order| order == Some(Ordering::Less)),
    }
}

/// Compares two numbers; the inner nothing is about NaN.
fn compare(a: &Value, b: &Value) -> Option<Option<Ordering>> {
    let whole = |value: &Value| match value {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Int(value) => Some(*value),
        _ => None,
    };
    if let (Some(a), Some(b)) = (whole(a), whole(b)) {
        return Some(Some(a.cmp(&b)));
    }
    let big = |value: &Value| match value {
        Value::BigInt(digits) => Some(digits.clone()),
        other => whole(other).map(|value| value.to_string()),
    };
    if let (Some(a), Some(b)) = (big(a), big(b)) {
        let signed = |digits: &str| digits.starts_with('-');
        let order = match (signed(&a), signed(&b)) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (negative, _) => {
                let order = a.len().cmp(&b.len()).then_with(|| a.cmp(&b));
                if negative { order.reverse() } else { order }
            }
        };
        return Some(Some(order));
    }
    Some(a.as_f64()?.partial_cmp(&b.as_f64()?))
}
