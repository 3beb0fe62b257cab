//! Where a scalar ends, by its quotes.

use super::{Form, line_end};
use saphyr_parser::ScalarStyle;

/// Returns the end of the scalar that starts at `at` and ends before `until`, and its form.
pub(super) fn scalar(
    text: &str,
    at: usize,
    until: usize,
    style: ScalarStyle,
) -> Option<(usize, Form)> {
    let rest = text.get(at..)?;
    let length = match style {
        ScalarStyle::Plain => text.get(at..until)?.trim_end().len(),
        ScalarStyle::SingleQuoted => single_quoted(rest)?,
        ScalarStyle::DoubleQuoted => double_quoted(rest)?,
        ScalarStyle::Literal | ScalarStyle::Folded => return block(text, at, until),
    };
    Some((at + length, Form::Scalar(style)))
}

fn single_quoted(rest: &str) -> Option<usize> {
    let mut quotes = rest.match_indices('\'').map(|(at, _)| at).skip(1);
    loop {
        let at = quotes.next()?;
        match rest.get(at + 1..)?.starts_with('\'') {
            // two are one in the text
            true => quotes.next(),
            false => return Some(at + 1),
        };
    }
}

fn double_quoted(rest: &str) -> Option<usize> {
    let mut bytes = rest.bytes().enumerate().skip(1);
    loop {
        match bytes.next()? {
            (_, b'\\') => bytes.next(),
            (at, b'"') => return Some(at + 1),
            _ => None,
        };
    }
}

fn block(text: &str, at: usize, until: usize) -> Option<(usize, Form)> {
    let indicators = text.get(at + 1..)?;
    let length = indicators
        .find(|next: char| !matches!(next, '+' | '-' | '0'..='9'))
        .unwrap_or(indicators.len());
    let header_end = at + 1 + length;
    let first = line_end(text, header_end);
    let body = text.get(first..until).unwrap_or_default();
    let body = match indicators[..length].contains('+') {
        true => body.strip_suffix('\n').unwrap_or(body),
        // blank lines behind it are nobody's
        false => body.trim_end_matches([' ', '\n', '\r']),
    };
    let end = line_end(text, first + body.len());
    Some((end, Form::BlockScalar { header_end }))
}
