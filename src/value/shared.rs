//! A list or mapping that several places may hold.

use super::Value;
use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

/// A list or mapping. As in Python, its clones are the same one, which `dvc.lock` tells: it holds the
/// second one as an alias. Unlike there, a change is one of this place only.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// Returns what tells it from all others that exist.
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether another place holds it, too.
    pub fn is_elsewhere(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl<T: Clone> Shared<T> {
    /// Returns what it holds, copied if another place holds it, too.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(inner: T) -> Self {
        Shared(Arc::new(inner))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: FromIterator<I>, I> FromIterator<I> for Shared<T> {
    fn from_iter<Items: IntoIterator<Item = I>>(items: Items) -> Self {
        Shared::from(T::from_iter(items))
    }
}

impl<T: Clone + IntoIterator> IntoIterator for Shared<T> {
    type Item = T::Item;
    type IntoIter = T::IntoIter;

    fn into_iter(self) -> T::IntoIter {
        self.into_inner().into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Shared<T>
where
    &'a T: IntoIterator,
{
    type Item = <&'a T as IntoIterator>::Item;
    type IntoIter = <&'a T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&*self.0).into_iter()
    }
}

impl<'a, T: Clone> IntoIterator for &'a mut Shared<T>
where
    &'a mut T: IntoIterator,
{
    type Item = <&'a mut T as IntoIterator>::Item;
    type IntoIter = <&'a mut T as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        Arc::make_mut(&mut self.0).into_iter()
    }
}

impl Value {
    /// Returns a copy that shares no list and no mapping with anything else. What the value holds twice,
    /// the copy does, too.
    pub fn apart(&self) -> Value {
        copied(self, &mut HashMap::new())
    }
}

/// `copies` are those of lists and mappings, by identity.
fn copied(value: &Value, copies: &mut HashMap<usize, Value>) -> Value {
    let identity = match value {
        Value::List(items) => items.identity(),
        Value::Map(map) => map.identity(),
        _ => return value.clone(),
    };
    if let Some(copy) = copies.get(&identity) {
        return copy.clone();
    }
    let copy = match value {
        Value::List(items) => Value::List(items.iter().map(|item| copied(item, copies)).collect()),
        Value::Map(map) => {
            let entries = map.iter();
            Value::Map(
                entries
                    .map(|(key, value)| (key.clone(), copied(value, copies)))
                    .collect(),
            )
        }
        scalar => scalar.clone(),
    };
    copies.insert(identity, copy.clone());
    copy
}
