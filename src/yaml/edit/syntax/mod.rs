//! Where the parts of a YAML text stand, to the byte: aliases and `<<` as they are written.
//!
//! The parser says what there is; where it starts and ends is looked up in the text, since the
//! parser's own spans take in comments behind quotes and leave out dashes. The text must be one that
//! the reader has accepted. What is found is where an edit would go, never a promise: edits are read again.

mod scanner;
mod written;

pub(super) use scanner::parse;

use crate::value::Key;
use saphyr_parser::ScalarStyle;
use std::ops::Range;

/// A value or key as it is written.
#[derive(Debug)]
pub(super) struct Part {
    /// Behind what announces it: colon, dash, bracket, comma; or behind its anchor and tag.
    pub(super) head: usize,
    /// Where its anchor or tag starts; the text itself if it has none.
    pub(super) start: usize,
    /// Its text without anchor and tag; empty for nothing at all.
    pub(super) text: Range<usize>,
    pub(super) form: Form,
}

/// How a value is written.
#[derive(Debug)]
pub(super) enum Form {
    Nothing,
    Scalar(ScalarStyle),
    /// `|` or `>`, up to the end of its indicators.
    BlockScalar {
        header_end: usize,
    },
    Alias,
    Collection(Collection),
}

/// A mapping or list as it is written.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) is_map: bool,
    pub(super) style: Style,
    pub(super) entries: Vec<Entry>,
}

/// What holds the entries together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Lines and indentation.
    Block,
    /// Brackets.
    Flow,
    /// `[a: 1]`: a mapping of one entry without brackets.
    Pair,
}

/// An entry of a mapping or an item of a list.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its key, dash, `?`, or the item.
    pub(super) start: usize,
    /// What its key means; nothing for items, and for keys that are no scalars.
    pub(super) key: Option<Key>,
    pub(super) is_merge: bool,
    /// Whether there is a colon; a lone key has none.
    pub(super) is_announced: bool,
    pub(super) value: Part,
}

impl Entry {
    pub(super) fn end(&self) -> usize {
        self.value.end()
    }
}

impl Part {
    pub(super) fn end(&self) -> usize {
        self.text.end.max(self.head)
    }

    pub(super) fn collection(&self) -> Option<&Collection> {
        match &self.form {
            Form::Collection(collection) => Some(collection),
            _ => None,
        }
    }

    /// Whether it has an anchor or a tag.
    pub(super) fn has_properties(&self) -> bool {
        self.start < self.text.start
    }
}

/// Returns the end of the line at `at`, before its line break.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default();
    match line.len() < rest.len() {
        true => at + line.strip_suffix('\r').unwrap_or(line).len(),
        false => at + line.len(),
    }
}

/// Returns the start of the line at `at`.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or_default();
    before.rfind('\n').map_or(0, |found| found + 1)
}

/// Returns how many characters stand before `at` in its line.
pub(super) fn column(text: &str, at: usize) -> usize {
    let line = text.get(line_start(text, at)..at).unwrap_or_default();
    line.trim_start_matches('\u{feff}').chars().count()
}
