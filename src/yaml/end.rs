//! The last line of a text, which the parser reads as if a line break ended it.

use saphyr_parser::{ScalarStyle, Span};
use std::borrow::Cow;

/// Where a text ends without a line break. The parser puts one there, to a block scalar too.
pub(super) struct End<'text> {
    /// The last line; nothing if it has a line break.
    line: &'text str,
    /// The characters of the whole text.
    index: usize,
}

impl<'text> End<'text> {
    pub(super) fn of(text: &'text str) -> Self {
        let line = text.rsplit(['\n', '\r']).next().unwrap_or_default();
        End {
            line,
            index: if line.is_empty() {
                0
            } else {
                text.chars().count()
            },
        }
    }

    /// Returns a scalar without the break that the parser added to it.
    pub(super) fn without_added_break(
        &self,
        text: Cow<'text, str>,
        style: ScalarStyle,
        span: Span,
    ) -> Cow<'text, str> {
        let is_block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        let is_last = !self.line.is_empty() && span.end.index() >= self.index;
        let is_inside =
            !self.line.trim().is_empty() || self.line.chars().count() >= span.start.col();
        match text.strip_suffix('\n') {
            Some(text) if is_block && is_last && is_inside => Cow::Owned(text.to_owned()),
            _ => text,
        }
    }
}
