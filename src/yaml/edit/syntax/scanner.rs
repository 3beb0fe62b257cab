//! The parser's events, each with its place in the text.

use super::{Collection, Entry, Form, Part, Style, line_end, written};
use crate::value::Key;
use crate::yaml::scalar;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

/// Returns the root's part; `None` if the text is not what the parser says.
pub(in crate::yaml::edit) fn parse(text: &str) -> Option<Part> {
    let offsets = match text.is_ascii() {
        true => Vec::new(),
        false => text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect(),
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut scanner = Scanner {
        text,
        offsets,
        mark: text.chars().count() - body.chars().count(),
        parser: Parser::new_from_str(body),
        at: text.len() - body.len(),
        flow: 0,
    };
    scanner.skip_directives();
    loop {
        let (event, span) = scanner.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) | Event::Nothing => {}
            Event::StreamEnd | Event::DocumentEnd => return None,
            event => return scanner.part(event, span),
        }
    }
}

struct Scanner<'text> {
    text: &'text str,
    /// The byte of each character; empty if all are one byte long.
    offsets: Vec<usize>,
    /// The characters before those that the parser sees.
    mark: usize,
    parser: Parser<'text, StrInput<'text>>,
    at: usize,
    /// Brackets around this place.
    flow: usize,
}

impl<'text> Scanner<'text> {
    fn next(&mut self) -> Option<(Event<'text>, Span)> {
        self.parser.next_event()?.ok()
    }

    fn byte(&self, index: usize) -> usize {
        match self.offsets.is_empty() {
            true => index.min(self.text.len()),
            false => {
                let index = index + self.mark;
                self.offsets.get(index).copied().unwrap_or(self.text.len())
            }
        }
    }

    fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Takes `mark` if it is next.
    fn take(&mut self, mark: char) -> bool {
        let is_next = self.rest().starts_with(mark);
        if is_next {
            self.at += mark.len_utf8();
        }
        is_next
    }

    /// Goes on to the next text that is neither blank nor comment.
    fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
            self.at += blank;
            let before = self.text.get(..self.at).unwrap_or_default();
            let may_remark = before.is_empty() || before.ends_with([' ', '\t', '\n', '\u{feff}']);
            if !(may_remark && self.rest().starts_with('#')) {
                return;
            }
            self.at = line_end(self.text, self.at);
        }
    }

    fn skip_directives(&mut self) {
        let start = self.at;
        loop {
            self.skip_space();
            if !self.rest().starts_with('%') {
                break;
            }
            self.at = line_end(self.text, self.at);
        }
        match self.rest().starts_with("---") {
            true => self.at += 3,
            false => self.at = start,
        }
    }

    /// Takes anchor and tag.
    fn properties(&mut self) {
        while self.rest().starts_with(['&', '!']) {
            let rest = self.rest();
            let length = match rest.starts_with("!<") {
                true => rest.find('>').map_or(rest.len(), |at| at + 1),
                false => rest
                    .find(|next: char| {
                        next.is_ascii_whitespace() || (self.flow > 0 && ",[]{}".contains(next))
                    })
                    .unwrap_or(rest.len()),
            };
            let end = self.at + length;
            self.at = end;
            self.skip_space();
            if !self.rest().starts_with(['&', '!']) {
                self.at = end;
                return;
            }
        }
    }

    fn part(&mut self, event: Event<'text>, span: Span) -> Option<Part> {
        let mut head = self.at;
        let (has_properties, is_nothing) = match &event {
            Event::Scalar(text, style, anchor, tag) => (
                *anchor != 0 || tag.is_some(),
                text.is_empty() && *style == ScalarStyle::Plain,
            ),
            Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor != 0 || tag.is_some(), false)
            }
            _ => (false, false),
        };
        let mut start = None;
        if has_properties {
            self.skip_space();
            start = Some(self.at);
            self.properties();
            head = self.at;
        }
        if !is_nothing {
            self.skip_space();
        }
        let from = self.at;
        let form = match event {
            Event::Scalar(..) if is_nothing => Form::Nothing,
            Event::Scalar(_, style, ..) => {
                let until = self.byte(span.end.index());
                let (end, form) = written::scalar(self.text, self.at, until, style)?;
                self.at = end;
                form
            }
            Event::Alias(_) => {
                self.at = self.byte(span.end.index()).max(from);
                Form::Alias
            }
            Event::SequenceStart(..) => Form::Collection(self.list()?),
            Event::MappingStart(..) => Form::Collection(self.map()?),
            _ => return None,
        };
        Some(Part {
            head,
            start: start.unwrap_or(from),
            text: from..self.at,
            form,
        })
    }

    fn list(&mut self) -> Option<Collection> {
        let style = match self.take('[') {
            true => Style::Flow,
            false => Style::Block,
        };
        self.flow += usize::from(style == Style::Flow);
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                self.close(style, ']')?;
                return Some(Collection {
                    is_map: false,
                    style,
                    entries,
                });
            }
            self.next_entry(style);
            let start = self.at;
            if style == Style::Block && !self.take('-') {
                return None;
            }
            entries.push(Entry {
                start,
                key: None,
                is_merge: false,
                is_announced: true,
                value: self.part(event, span)?,
            });
        }
    }

    fn map(&mut self) -> Option<Collection> {
        let style = match (self.take('{'), self.flow) {
            (true, _) => Style::Flow,
            (false, 0) => Style::Block,
            (false, _) => Style::Pair,
        };
        self.flow += usize::from(style == Style::Flow);
        let mut entries = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                self.close(style, '}')?;
                return Some(Collection {
                    is_map: true,
                    style,
                    entries,
                });
            }
            self.next_entry(style);
            let start = self.at;
            let rest = self.rest();
            if rest.starts_with('?') && !rest[1..].starts_with(|next: char| !next.is_whitespace()) {
                self.at += 1;
            }
            let meaning = match &event {
                Event::Scalar(text, style, _, tag) => {
                    scalar::meaning(text, *style, tag.as_deref()).ok()
                }
                _ => None,
            };
            self.part(event, span)?;
            let end = self.at;
            self.skip_space();
            let is_announced = self.take(':');
            if !is_announced {
                self.at = end;
            }
            let (event, span) = self.next()?;
            entries.push(Entry {
                start,
                is_merge: meaning.as_ref().is_some_and(|meaning| meaning.is_merge),
                key: meaning.and_then(|meaning| Key::of(&meaning.value)),
                is_announced,
                value: self.part(event, span)?,
            });
        }
    }

    fn next_entry(&mut self, style: Style) {
        self.skip_space();
        if style == Style::Flow && self.take(',') {
            self.skip_space();
        }
    }

    fn close(&mut self, style: Style, bracket: char) -> Option<()> {
        if style == Style::Flow {
            self.next_entry(style);
            self.flow -= 1;
            return self.take(bracket).then_some(());
        }
        Some(())
    }
}
