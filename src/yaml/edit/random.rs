//! Random YAML for tests, with the bytes of every value: what an edit of it may touch.

use crate::value::Step;
use proptest::prelude::*;
use std::ops::Range;

/// A random document.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) places: Vec<Place>,
}

/// A value of the document.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) path: Vec<Step>,
    /// What may change when it gets another value.
    pub(super) value: Range<usize>,
    /// What may change when its entry goes.
    pub(super) entry: Range<usize>,
    /// Whether nothing else is in its mapping or list.
    pub(super) is_only: bool,
    pub(super) is_map: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    Scalar(&'static str),
    /// `|` and its like, with the lines.
    Block(&'static str, &'static [&'static str]),
    /// Goes on in the next line.
    Lines(&'static [&'static str]),
    Alias,
    Flow(bool, Vec<Entry>, Layout),
    Deep(bool, Vec<Entry>),
}

/// How brackets look.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Tight,
    Padded,
    Lines,
    TrailingComma,
}

#[derive(Debug, Clone)]
struct Entry {
    key: usize,
    shape: Shape,
    is_anchor: bool,
    above: usize,
    behind: usize,
}

const KEYS: [&str; 9] = ["a", "lr", "'c d'", "\"e\"", "0", "é", "n_n", "true", "k-k"];
const KEY_NAMES: [&str; 9] = ["a", "lr", "c d", "e", "0", "é", "n_n", "true", "k-k"];
const ABOVE: [&str; 6] = ["", "", "", "# about", "\n", "\n# about: x\n# and 'more"];
const BEHIND: [&str; 6] = ["", "", "", " # c", "   # d: \"1", " #"];

fn scalars() -> impl Strategy<Value = Shape> {
    let words = vec![
        "1",
        "0.5",
        "1e-5",
        "x y",
        "it's",
        "é ü",
        "'q # q'",
        "'it''s'",
        "\"d\\n\\\"\"",
        "\"\"",
        "true",
        "~",
        "null",
        "012",
        "!!str 5",
        "!!float 3",
        "a#b",
        "http://x.y/z",
        "-x",
        ".inf",
        "[]",
        "{}",
        "",
        "",
    ];
    prop_oneof![
        8 => prop::sample::select(words).prop_map(Shape::Scalar),
        1 => prop::sample::select(vec![
            Shape::Block("|", &["text", "", "  more # no comment"]),
            Shape::Block("|-", &["text"]),
            Shape::Block("|2", &["text"]),
            Shape::Block(">", &["a: b", "folded"]),
            Shape::Block(">- # c", &["x"]),
            Shape::Block("|", &[]),
        ]),
        1 => prop::sample::select(vec![
            Shape::Lines(&["long", "text"]),
            Shape::Lines(&["'quoted", "", "# text'"]),
            Shape::Lines(&["\"quoted \\", "text\""]),
        ]),
        1 => Just(Shape::Alias),
    ]
}

fn entries(shape: impl Strategy<Value = Shape>, least: usize) -> impl Strategy<Value = Vec<Entry>> {
    let entry = (
        0..KEYS.len(),
        shape,
        0..10usize,
        0..ABOVE.len(),
        0..BEHIND.len(),
    )
        .prop_map(|(key, shape, anchor, above, behind)| Entry {
            key,
            shape,
            is_anchor: anchor == 0,
            above,
            behind,
        });
    prop::collection::vec(entry, least..4)
}

fn shapes() -> impl Strategy<Value = Shape> {
    scalars().prop_recursive(4, 24, 4, |inner| {
        let layout = prop::sample::select(vec![
            Layout::Tight,
            Layout::Padded,
            Layout::Lines,
            Layout::TrailingComma,
        ]);
        prop_oneof![
            2 => (any::<bool>(), entries(inner.clone(), 1), layout)
                .prop_map(|(is_map, entries, layout)| Shape::Flow(is_map, entries, layout)),
            3 => (any::<bool>(), entries(inner, 1))
                .prop_map(|(is_map, entries)| Shape::Deep(is_map, entries)),
        ]
    })
}

/// Random documents whose root is a mapping.
pub(super) fn documents() -> impl Strategy<Value = Document> {
    let start = prop::sample::select(vec![
        "",
        "",
        "",
        "# top\n",
        "---\n",
        "\u{feff}",
        "%YAML 1.2\n---\n",
    ]);
    let end = prop::sample::select(vec!["", "", "# end\n", "...\n", "\n\n"]);
    (
        entries(shapes(), 1),
        start,
        end,
        1..5usize,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(entries, start, end, step, dashes_deep, crlf, no_end)| {
            let mut writer = Writer {
                text: start.to_owned(),
                places: Vec::new(),
                step,
                dashes_deep,
                anchors: 0,
                known: 0,
            };
            writer.block(true, &entries, 0, &mut Vec::new(), false);
            writer.text.push_str(end);
            if no_end && end.is_empty() {
                writer.text.pop();
            }
            let (mut text, mut places) = (writer.text, writer.places);
            let last = text.len();
            for place in &mut places {
                place.value.end = place.value.end.min(last);
                place.entry.end = place.entry.end.min(last);
            }
            if crlf {
                let moved = |at: usize| at + text[..at].matches('\n').count();
                for place in &mut places {
                    place.value = moved(place.value.start)..moved(place.value.end);
                    place.entry = moved(place.entry.start)..moved(place.entry.end);
                }
                text = text.replace('\n', "\r\n");
            }
            Document { text, places }
        })
}

struct Writer {
    text: String,
    places: Vec<Place>,
    step: usize,
    dashes_deep: bool,
    anchors: usize,
    /// Anchors whose values are complete.
    known: usize,
}

impl Writer {
    fn indent(&mut self, indent: usize) {
        self.text.push_str(&" ".repeat(indent));
    }

    /// Entries in block style, the first one in place if `is_compact`.
    fn block(
        &mut self,
        is_map: bool,
        entries: &[Entry],
        indent: usize,
        path: &mut Vec<Step>,
        is_compact: bool,
    ) {
        let mut seen = Vec::new();
        let mut children = Vec::new();
        let mut count = 0;
        let first = self.places.len();
        for entry in entries {
            if is_map && seen.contains(&entry.key) {
                continue;
            }
            seen.push(entry.key);
            let is_first_here = is_compact && count == 0;
            if !is_first_here {
                for line in ABOVE[entry.above].split_inclusive('\n') {
                    if line != "\n" {
                        self.indent(indent);
                    }
                    self.text.push_str(line.trim_end_matches('\n'));
                    self.text.push('\n');
                }
                self.indent(indent);
            }
            let start = match is_first_here {
                true => self.text.len(),
                false => self.text.len() - indent,
            };
            match is_map {
                true => {
                    self.text.push_str(KEYS[entry.key]);
                    self.text.push(':');
                    path.push(Step::Key(KEY_NAMES[entry.key].to_owned()));
                }
                false => {
                    self.text.push('-');
                    path.push(Step::Index(count));
                }
            }
            count += 1;
            let at = self.places.len();
            self.below(entry, is_map, indent, path, start);
            path.pop();
            children.push(at);
        }
        if let (true, [first, second, ..]) = (is_compact, &children[..]) {
            // what is next moves up behind the dash
            let from = self.places[*first].entry.end;
            let next = &self.text[from..self.places[*second].value.start];
            self.places[*first].entry.end += next.len() - next.trim_start().len();
        }
        self.places[first].is_only = count == 1;
    }

    /// The value behind a colon or dash, to the end of its last line.
    fn below(
        &mut self,
        entry: &Entry,
        is_map: bool,
        indent: usize,
        path: &mut Vec<Step>,
        start: usize,
    ) {
        let head = self.text.len();
        let at = self.places.len();
        self.places.push(Place {
            path: path.clone(),
            value: 0..0,
            entry: 0..0,
            is_only: false,
            is_map: matches!(entry.shape, Shape::Deep(true, _) | Shape::Flow(true, ..))
                || matches!(entry.shape, Shape::Scalar("{}")),
        });
        let anchor = self.anchor(entry);
        let behind = BEHIND[entry.behind];
        let deeper = indent + self.step;
        let mut value = head..head;
        match &entry.shape {
            Shape::Deep(child_is_map, children) => {
                let can_be_compact = !is_map && behind.is_empty() && anchor.is_none();
                if can_be_compact {
                    let spaces = if self.step > 1 { self.step - 1 } else { 1 };
                    self.indent(spaces);
                    let column = indent + 1 + spaces;
                    self.block(*child_is_map, children, column, path, true);
                } else {
                    self.text.push_str(behind);
                    self.text.push('\n');
                    let dashes_here = is_map && !*child_is_map && !self.dashes_deep;
                    let column = if dashes_here { indent } else { deeper };
                    self.block(*child_is_map, children, column, path, false);
                }
                // up to the last line's end
                value.end = self.text.len();
            }
            shape => {
                let length = self.text.len();
                self.text.push(' ');
                self.inline(shape, deeper, path);
                if self.text.len() == length + 1 {
                    self.text.pop();
                }
                value.end = self.text.len();
                let is_block = matches!(shape, Shape::Block(..));
                if !is_block {
                    self.text.push_str(behind);
                }
                self.text.push('\n');
                if is_block || matches!(shape, Shape::Scalar("" | "[]" | "{}")) {
                    // a block of its own goes behind the comment
                    value.end = self.text.len();
                }
            }
        }
        if anchor.is_some() {
            self.known = self.anchors;
        }
        self.places[at].value = value;
        self.places[at].entry = start..self.text.len();
    }

    fn anchor(&mut self, entry: &Entry) -> Option<usize> {
        let takes = entry.is_anchor
            && !matches!(entry.shape, Shape::Alias | Shape::Block(..))
            && !matches!(entry.shape, Shape::Scalar(text) if text.starts_with('!'));
        takes.then(|| {
            self.anchors += 1;
            self.text.push_str(&format!(" &x{}", self.anchors));
            self.anchors
        })
    }

    fn inline(&mut self, shape: &Shape, deeper: usize, path: &mut Vec<Step>) {
        match shape {
            Shape::Scalar(text) => self.text.push_str(text),
            Shape::Alias => match self.known {
                0 => self.text.push('7'),
                known => self.text.push_str(&format!("*x{known}")),
            },
            Shape::Block(head, lines) => {
                // the explicit one counts from the parent, which is not ours to know
                let head = if head.ends_with('2') { "|" } else { head };
                self.text.push_str(head);
                for line in *lines {
                    self.text.push('\n');
                    if !line.is_empty() {
                        self.indent(deeper);
                    }
                    self.text.push_str(line);
                }
            }
            Shape::Lines(lines) => {
                for (at, line) in lines.iter().enumerate() {
                    if at > 0 {
                        self.text.push('\n');
                        if !line.is_empty() {
                            self.indent(deeper);
                        }
                    }
                    self.text.push_str(line);
                }
            }
            Shape::Flow(is_map, entries, layout) => {
                self.flow(*is_map, entries, *layout, deeper, path)
            }
            Shape::Deep(is_map, entries) => {
                self.flow(*is_map, entries, Layout::Tight, deeper, path)
            }
        }
    }

    fn flow(
        &mut self,
        is_map: bool,
        entries: &[Entry],
        layout: Layout,
        deeper: usize,
        path: &mut Vec<Step>,
    ) {
        self.text.push(if is_map { '{' } else { '[' });
        let mut end = self.text.len();
        let mut seen = Vec::new();
        let mut children = Vec::new();
        let mut count = 0;
        for entry in entries {
            if is_map && seen.contains(&entry.key) {
                continue;
            }
            seen.push(entry.key);
            if count > 0 {
                self.text.push(',');
            }
            match layout {
                Layout::Lines => {
                    self.text.push('\n');
                    self.indent(deeper);
                }
                Layout::Padded => self.text.push(' '),
                _ if count > 0 => self.text.push(' '),
                _ => {}
            }
            let start = self.text.len();
            match is_map {
                true => {
                    self.text.push_str(KEYS[entry.key]);
                    self.text.push(':');
                    path.push(Step::Key(KEY_NAMES[entry.key].to_owned()));
                }
                false => path.push(Step::Index(count)),
            }
            count += 1;
            let head = self.text.len();
            let at = self.places.len();
            self.places.push(Place {
                path: path.clone(),
                value: 0..0,
                entry: 0..0,
                is_only: false,
                is_map: matches!(entry.shape, Shape::Deep(true, _) | Shape::Flow(true, ..)),
            });
            if is_map {
                self.text.push(' ');
            }
            let shape = match &entry.shape {
                // an empty item would be none
                Shape::Scalar("") if !is_map => &Shape::Scalar("~"),
                Shape::Block(..) => &Shape::Scalar("'b'"),
                shape => shape,
            };
            self.inline(shape, deeper, path);
            self.places[at].value = head..self.text.len();
            // with the comma before it, or behind it
            self.places[at].entry = end..self.text.len();
            if let Some(before) = children.last() {
                let before: &mut Place = &mut self.places[*before];
                before.entry.end = start;
            }
            end = self.text.len();
            children.push(at);
            path.pop();
        }
        self.places[children[0]].is_only = count == 1;
        match layout {
            Layout::Lines => {
                self.text.push('\n');
                self.indent(deeper);
            }
            Layout::Padded => self.text.push(' '),
            Layout::TrailingComma => self.text.push(','),
            Layout::Tight => {}
        }
        self.text.push(if is_map { '}' } else { ']' });
    }
}
