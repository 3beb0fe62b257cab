//! YAML to a tree with positions, scalars resolved as DVC's loader does.
//!
//! Refused, as there: duplicate keys, several documents, unknown tags, `=` alone. Refused beyond
//! that: versions of YAML but 1.1 and 1.2, nesting deeper than 200 and aliases that expand to more
//! than 64 MiB, so that no input can exhaust stack or memory.

use super::end::End;
use super::node::{Node, NodeKind, error_at};
use super::{block, scalar};
use crate::error::{Error, Result};
use crate::value::{Key, Value};
use indexmap::IndexMap;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// Nesting beyond this is refused; ruamel itself gives up somewhat later.
const DEEPEST: usize = 200;
/// What all aliases together may expand to, in bytes by a rough measure.
const LARGEST: usize = 64 << 20;
/// What a node weighs besides its text.
const NODE_WEIGHT: usize = 64;

/// Parses one document; an empty one is a null scalar. Errors name `origin`, line and column.
pub fn parse(text: &str, origin: &str) -> Result<Node> {
    match block::read(text) {
        Some(node) => Ok(node),
        None => parse_general(text, origin),
    }
}

/// As [`parse`], with the reader that knows all of YAML.
pub(super) fn parse_general(text: &str, origin: &str) -> Result<Node> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        origin,
        end: End::of(text),
        anchors: HashMap::new(),
        expanded: 0,
        is_old: false,
    };
    reader.is_old = reader.is_of_old_version(text)?;
    reader.document().map_err(|error| {
        let conflict = text.lines().position(|line| line.starts_with("<<<<<<< "));
        match conflict {
            Some(at) => error_at(origin, at + 1, 1, "a merge conflict is not resolved"),
            None => error,
        }
    })
}

/// A node with what it costs to repeat it.
#[derive(Clone)]
struct Built {
    node: Node,
    weight: usize,
    depth: usize,
    /// A plain `<<`, or one tagged as merge.
    is_merge: bool,
}

struct Reader<'text> {
    parser: Parser<'text, StrInput<'text>>,
    origin: &'text str,
    end: End<'text>,
    anchors: HashMap<usize, Built>,
    expanded: usize,
    /// Whether the file says `%YAML 1.1`.
    is_old: bool,
}

impl<'text> Reader<'text> {
    fn error(&self, at: Marker, what: impl AsRef<str>) -> Error {
        // a failure before the first character has line 0
        error_at(self.origin, at.line().max(1), at.col() + 1, what.as_ref())
    }

    /// DVC obeys `%YAML 1.1`, in which `on` is true and `012` is ten.
    fn is_of_old_version(&self, text: &str) -> Result<bool> {
        for (number, line) in text.lines().enumerate() {
            if let Some(version) = line.strip_prefix("%YAML") {
                return match version.split_whitespace().next() {
                    Some("1.1") => Ok(true),
                    Some("1.2") => Ok(false),
                    _ => {
                        let at = Marker::new(0, number + 1, 0);
                        Err(self.error(at, "only versions 1.1 and 1.2 of YAML are supported"))
                    }
                };
            } else if !(line.trim().is_empty() || line.starts_with(['#', '%'])) {
                break;
            }
        }
        Ok(false)
    }

    fn next(&mut self) -> Result<(Event<'text>, Span)> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.error(*error.marker(), error.info())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn document(&mut self) -> Result<Node> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(self.error(span.start, "a second document"));
                }
                Event::DocumentStart(_) => {
                    let (event, span) = self.next()?;
                    root = Some(self.value(event, span, 0)?.node);
                }
                _ => return Err(self.error(span.start, "a value outside of the document")),
            }
        }
        Ok(root.unwrap_or(Node {
            kind: NodeKind::scalar(Value::Null, "", false),
            line: 1,
            column: 1,
        }))
    }

    /// Builds the node that `event` starts, `depth` levels below the root.
    fn node(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<Built> {
        let at = span.start;
        if depth > DEEPEST {
            return Err(self.error(at, format!("nested more than {DEEPEST} levels deep")));
        }
        let (built, anchor) = match event {
            Event::Alias(id) => return self.alias(id, at, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let text = self.end.without_added_break(text, style, span);
                (self.scalar(text, style, tag.as_deref(), at)?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                scalar::check_tag(tag.as_deref(), "seq").map_err(|what| self.error(at, what))?;
                (self.list(at, depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                scalar::check_tag(tag.as_deref(), "map").map_err(|what| self.error(at, what))?;
                (self.map(at, depth)?, anchor)
            }
            _ => return Err(self.error(at, "a value is missing")),
        };
        if anchor != 0 {
            self.spend(built.weight, at)?;
            self.anchors.insert(anchor, built.clone());
        }
        Ok(built)
    }

    fn alias(&mut self, id: usize, at: Marker, depth: usize) -> Result<Built> {
        // the parser refuses unknown names, so what is not there yet is still being built
        let Some(target) = self.anchors.get(&id) else {
            return Err(self.error(at, "an alias inside of what it stands for"));
        };
        if depth + target.depth > DEEPEST {
            return Err(self.error(at, format!("nested more than {DEEPEST} levels deep")));
        }
        let weight = target.weight;
        self.spend(weight, at)?;
        let Some(mut built) = self.anchors.get(&id).cloned() else {
            return Err(self.error(at, "an alias of nothing"));
        };
        built.node.line = at.line();
        built.node.column = at.col() + 1;
        built.is_merge = false;
        Ok(built)
    }

    /// Counts a copy of something of this weight.
    fn spend(&mut self, weight: usize, at: Marker) -> Result<()> {
        self.expanded = self.expanded.saturating_add(weight);
        match self.expanded > LARGEST {
            true => Err(self.error(at, "the aliases expand to too much")),
            false => Ok(()),
        }
    }

    fn scalar(
        &self,
        text: Cow<'text, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        at: Marker,
    ) -> Result<Built> {
        let meaning = match self.is_old {
            true => scalar::old_meaning,
            false => scalar::meaning,
        };
        let scalar = meaning(&text, style, tag).map_err(|what| self.error(at, what))?;
        Ok(Built {
            weight: NODE_WEIGHT + text.len(),
            depth: 1,
            is_merge: scalar.is_merge,
            node: Node {
                kind: NodeKind::scalar(scalar.value, &text, scalar.is_date),
                line: at.line(),
                column: at.col() + 1,
            },
        })
    }

    /// A plain `<<` or `=` is a key and nothing else.
    fn check_is_value(&self, built: &Built, is_quoted: bool) -> Result<()> {
        let is_mark = built.is_merge || (!is_quoted && built.node.kind.text() == Some("="));
        match is_mark {
            true => {
                let text = built.node.as_str().unwrap_or_default();
                let what = format!("'{text}' alone is no value; put it in quotes");
                Err(built.node.error(self.origin, what))
            }
            false => Ok(()),
        }
    }

    fn value(&mut self, event: Event<'text>, span: Span, depth: usize) -> Result<Built> {
        let is_quoted = is_quoted(&event);
        let built = self.node(event, span, depth)?;
        self.check_is_value(&built, is_quoted)?;
        Ok(built)
    }

    fn list(&mut self, at: Marker, depth: usize) -> Result<Built> {
        let mut items = Vec::new();
        let (mut weight, mut deepest) = (NODE_WEIGHT, 0);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            let item = self.value(event, span, depth + 1)?;
            weight += item.weight;
            deepest = deepest.max(item.depth);
            items.push(item.node);
        }
        Ok(Built {
            weight,
            depth: deepest + 1,
            is_merge: false,
            node: Node {
                kind: NodeKind::List(items.into()),
                line: at.line(),
                column: at.col() + 1,
            },
        })
    }

    fn map(&mut self, at: Marker, depth: usize) -> Result<Built> {
        let mut own: IndexMap<Key, (Node, Node)> = IndexMap::new();
        let mut numbers = HashSet::new();
        let mut merged: Option<IndexMap<Key, (Node, Node)>> = None;
        let (mut weight, mut deepest) = (NODE_WEIGHT, 0);
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key_built = self.node(event, span, depth + 1)?;
            let key_at = span.start;
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            weight += key_built.weight + value.weight;
            deepest = deepest.max(value.depth);
            if key_built.is_merge {
                if merged.is_some() {
                    return Err(self.error(key_at, "duplicate key '<<'"));
                }
                merged = Some(self.merged(&value.node)?);
                continue;
            }
            let Some(key) = key_built.node.to_key() else {
                return Err(self.error(key_at, "a key that is a list or a mapping"));
            };
            let number = as_number(&key_built.node);
            if own.contains_key(&key) || number.is_some_and(|number| !numbers.insert(number)) {
                return Err(self.error(key_at, format!("duplicate key '{key}'")));
            }
            own.insert(key, (key_built.node, value.node));
        }
        let entries = match merged {
            None => own,
            Some(mut entries) => {
                // as Python's dict.update: an overridden key keeps its place
                for (key, entry) in own {
                    entries.insert(key, entry);
                }
                entries
            }
        };
        Ok(Built {
            weight,
            depth: deepest + 1,
            is_merge: false,
            node: Node {
                kind: NodeKind::Map(entries.into_values().collect()),
                line: at.line(),
                column: at.col() + 1,
            },
        })
    }

    /// Returns what the value of `<<` brings: a mapping, or a list of them of which the first wins.
    fn merged(&self, node: &Node) -> Result<IndexMap<Key, (Node, Node)>> {
        let sources: Vec<&Node> = match &node.kind {
            NodeKind::List(items) => items.iter().rev().collect(),
            _ => vec![node],
        };
        let mut entries = IndexMap::new();
        for source in sources {
            let Some(map) = source.as_map() else {
                return Err(source.error(self.origin, "'<<' takes a mapping or a list of mappings"));
            };
            for (key, value) in map {
                if let Some(name) = key.to_key() {
                    entries.insert(name, (key.clone(), value.clone()));
                }
            }
        }
        Ok(entries)
    }
}

fn is_quoted(event: &Event) -> bool {
    match event {
        Event::Scalar(_, style, _, tag) => *style != ScalarStyle::Plain || tag.is_some(),
        _ => true,
    }
}

/// Returns a number-like key as the bits of a float: to Python `1`, `1.0` and `true` are one key.
fn as_number(node: &Node) -> Option<u64> {
    let number = match &node.kind {
        NodeKind::Scalar { value, .. } => match value {
            Value::Bool(value) => f64::from(u8::from(*value)),
            // integers beyond 2^53 that differ may meet here
            Value::Int(value) if value.unsigned_abs() <= 1 << 53 => *value as f64,
            Value::Float(value) => *value,
            _ => return None,
        },
        _ => return None,
    };
    // 0.0 and -0.0 are one key
    Some((number + 0.0).to_bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::fixture;
    use proptest::prelude::*;

    fn message(text: &str) -> String {
        parse(text, "params.yaml")
            .expect_err("should be refused")
            .chain()
    }

    #[test]
    fn reads_as_dvc_does() {
        let rows = fixture::rows(include_str!("../../tests/fixtures/yaml/read.json"));
        let mut wrong = Vec::new();
        for row in &rows {
            let (text, typed) = (&row[0], &row[1]);
            let text = text.as_str().expect("text");
            let node = parse(text, "params.yaml");
            let as_dvc = match &node {
                Err(_) => typed == "refused",
                Ok(_) if typed == "refused" => false,
                Ok(node) if typed.get("date").is_some() => {
                    matches!(node.kind, NodeKind::Scalar { is_date: true, .. })
                }
                Ok(node) => fixture::identical(&node.to_value(), &fixture::value(typed)),
            };
            if !as_dvc {
                wrong.push(format!("{text:?}: {node:?}, not {typed}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(rows.len() > 200);
    }

    #[test]
    fn reads_what_dvc_printed() {
        let mut wrong = Vec::new();
        for row in fixture::rows(include_str!("../../tests/fixtures/yaml/print.json")) {
            let (text, typed) = (row[1].as_str().expect("text"), &row[2]);
            // YAML 1.1's line breaks, which ruamel still folds
            if text.contains(['\u{85}', '\u{2028}', '\u{2029}']) {
                continue;
            }
            let node = parse(text, "dvc.lock");
            let same = node
                .as_ref()
                .is_ok_and(|node| fixture::identical(&node.to_value(), &fixture::value(typed)));
            if !same {
                wrong.push(format!("{text:?}: {node:?}, not {typed}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn positions_and_messages_are_those_of_the_file() {
        let node = parse("a: 1\nb:\n  - x\n  - {c: é, d: 2}\n", "p").expect("reads");
        let items = node.get("b").and_then(Node::as_list).expect("a list");
        let d = items[1].get("d").expect("is there");
        assert_eq!((d.line, d.column), (4, 15));
        assert_eq!(
            message("a: 1\nb:\n  c: 2\n  c: 3\n"),
            "cannot parse 'params.yaml', line 4, column 3: duplicate key 'c'"
        );
        assert_eq!(
            message("a: 1\n---\nb: 1\n"),
            "cannot parse 'params.yaml', line 2, column 1: a second document"
        );
        assert_eq!(
            message("x:\n  y: =\n"),
            "cannot parse 'params.yaml', line 2, column 6: '=' alone is no value; put it in quotes"
        );
        assert_eq!(
            message("%YAML 1.3\n---\na: on\n"),
            "cannot parse 'params.yaml', line 1, column 1: only versions 1.1 and 1.2 of YAML are supported"
        );
        assert_eq!(
            message("a: !!binary aGk=\n"),
            "cannot parse 'params.yaml', line 1, column 4: the tag '!!binary' is not supported"
        );
        assert!(message("a: [1\n").starts_with("cannot parse 'params.yaml', line 2, column 1: "));
    }

    #[test]
    fn nothing_exhausts_stack_or_memory() {
        assert!(message(&"[".repeat(100_000)).ends_with("recursion limit exceeded"));
        assert!(message(&"{a: ".repeat(100_000)).ends_with("recursion limit exceeded"));
        assert!(message(&"- ".repeat(100_000)).contains("nested more than 200 levels"));
        assert!(message("&a [*a]").contains("an alias inside of what it stands for"));
        let mut laughs = String::from("x0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for n in 1..30 {
            let last = n - 1;
            laughs += &format!(
                "x{n}: &x{n} [{}]\n",
                vec![format!("*x{last}"); 9].join(", ")
            );
        }
        assert!(message(&laughs).contains("the aliases expand to too much"));
        let mut deep = String::from("x0: &x0 [1]\n");
        for n in 1..300 {
            deep += &format!("x{n}: &x{n} [*x{}]\n", n - 1);
        }
        assert!(message(&deep).contains("nested more than 200 levels"));
        assert!(message(&format!("a: {}", "9".repeat(5000))).contains("more than 4300 digits"));
    }

    proptest! {
        #[test]
        fn any_text_reads_or_fails(text in any::<String>()) {
            let _ = parse(&text, "any");
        }

        #[test]
        fn anything_like_yaml_reads_or_fails(text in r#"([-?:,\[\]{}#&*!|>'"%@ \n\ta1.=<~\\]|- |: |\n  |<<: |&a |\*a){0,60}"#) {
            if let Ok(node) = parse(&text, "any") {
                let _ = node.to_value();
            }
        }
    }
}
