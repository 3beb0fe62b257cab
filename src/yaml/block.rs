//! The plain block style in which DVC prints and most people write, read line by line.
//!
//! A pipeline that has nothing to do spends more time on reading its YAML than on anything else, and
//! this is more than ten times as fast as the general reader. It knows a part of YAML in which a line
//! means what it looks like: `key: value`, `key:` and `- value`, ASCII, one-line scalars, whole-line
//! comments. Of anything else it has no opinion: the general reader decides, and words all errors.
//! The tests hold the two against each other.

use super::node::{Node, NodeKind};
use super::scalar;
use crate::value::Value;
use saphyr_parser::ScalarStyle;

/// Nesting beyond this is left to the general reader.
const DEEPEST: usize = 50;

/// Reads a document; `None` if the general reader has to.
pub(super) fn read(text: &str) -> Option<Node> {
    let is_plain = |byte: u8| matches!(byte, b'\n' | b' '..=b'~');
    if !text.bytes().all(is_plain) {
        return None;
    }
    let mut reader = Reader {
        rest: text,
        number: 0,
        line: None,
    };
    reader.advance()?;
    let indent = reader.line?.indent;
    let root = reader.block(indent, 0)?;
    reader.line.is_none().then_some(root)
}

/// A line that is neither blank nor a comment, or what follows the dash of an item in it.
#[derive(Clone, Copy)]
struct Line<'text> {
    /// From 1.
    number: usize,
    /// The blanks before it, or all before it in its line.
    indent: usize,
    /// The rest; starts with no blank.
    text: &'text str,
}

impl<'text> Line<'text> {
    /// Returns what follows the dash, if it is an item of a list.
    fn item(self) -> Option<Line<'text>> {
        let behind = self.text.strip_prefix("- ")?;
        let text = behind.trim_start_matches(' ');
        Some(Line {
            indent: self.indent + (self.text.len() - text.len()),
            text,
            ..self
        })
    }

    /// Returns key and value, if it is an entry of a mapping. The value is empty where nothing follows.
    fn entry(self) -> Option<(&'text str, Line<'text>)> {
        let end = self.text.bytes().position(|byte| !is_of_key(byte))?;
        let (key, behind) = self.text.split_at(end);
        let behind = behind.strip_prefix(':')?;
        if key.is_empty() || !(behind.is_empty() || behind.starts_with(' ')) {
            return None;
        }
        let text = behind.trim_start_matches(' ');
        let value = Line {
            indent: self.indent + (self.text.len() - text.len()),
            text,
            ..self
        };
        Some((key, value))
    }
}

/// Of these a scalar is made without a question: a key of them ends at its colon.
fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-' | b'@')
}

struct Reader<'text> {
    rest: &'text str,
    number: usize,
    line: Option<Line<'text>>,
}

impl<'text> Reader<'text> {
    /// Goes to the next line that says something. `None` if it is beyond this reader.
    fn advance(&mut self) -> Option<()> {
        self.line = None;
        while !self.rest.is_empty() {
            let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
            self.rest = rest;
            self.number += 1;
            let text = line.trim_start_matches(' ');
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            if ["---", "...", "%"]
                .iter()
                .any(|mark| line.starts_with(mark))
                || text.ends_with(' ')
            {
                return None;
            }
            self.line = Some(Line {
                number: self.number,
                indent: line.len() - text.len(),
                text,
            });
            break;
        }
        Some(())
    }

    /// Reads the list or mapping that starts here.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Node> {
        if depth > DEEPEST {
            return None;
        }
        match self.line?.item() {
            Some(_) => self.list(indent, depth),
            None => self.map(indent, depth),
        }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let number = self.line?.number;
        let mut items = Vec::new();
        while let Some(line) = self.line.filter(|line| line.indent >= indent) {
            let Some(item) = line.item() else {
                break;
            };
            if line.indent != indent || item.item().is_some() {
                return None;
            }
            if item.entry().is_some() {
                self.line = Some(item);
                items.push(self.map(item.indent, depth + 1)?);
            } else {
                items.push(scalar(item)?);
                self.advance()?;
            }
            if self.line.is_some_and(|line| line.indent > indent) {
                return None;
            }
        }
        Some(node(NodeKind::List(items.into()), number, indent))
    }

    fn map(&mut self, indent: usize, depth: usize) -> Option<Node> {
        let number = self.line?.number;
        let mut entries: Vec<(Node, Node)> = Vec::new();
        while let Some(line) = self.line.filter(|line| line.indent >= indent) {
            let (key, value) = line.entry()?;
            let key = plain(Line { text: key, ..line })?;
            if line.indent != indent || !is_new(&key, &entries) {
                return None;
            }
            let value = match value.text {
                "" => {
                    self.advance()?;
                    let below = self.line?;
                    match below.item() {
                        // The general reader has such a list start at its first item.
                        Some(item) if below.indent == indent => Node {
                            column: item.indent + 1,
                            ..self.list(indent, depth + 1)?
                        },
                        _ if below.indent > indent => self.block(below.indent, depth + 1)?,
                        _ => return None,
                    }
                }
                _ => {
                    let node = scalar(value)?;
                    self.advance()?;
                    node
                }
            };
            if self.line.is_some_and(|line| line.indent > indent) {
                return None;
            }
            entries.push((key, value));
        }
        Some(node(NodeKind::Map(entries.into()), number, indent))
    }
}

/// Whether a key is none of those before it. One that means a number or a truth value could be one of
/// them in other words.
fn is_new(key: &Node, entries: &[(Node, Node)]) -> bool {
    match &key.kind {
        NodeKind::Scalar {
            value: Value::Str(text),
            is_date: false,
            ..
        } => !(entries.iter()).any(|(before, _)| before.as_str() == Some(text)),
        _ => false,
    }
}

fn node(kind: NodeKind, line: usize, indent: usize) -> Node {
    Node {
        kind,
        line,
        column: indent + 1,
    }
}

/// Reads a scalar that ends with its line.
fn scalar(line: Line<'_>) -> Option<Node> {
    let quoted = |quote: char| {
        let inner = line.text.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains([quote, '\\'])).then_some(inner)
    };
    let kind = match line.text.bytes().next()? {
        b'"' => text(quoted('"')?),
        b'\'' => text(quoted('\'')?),
        _ => {
            let mut pairs = line.text.as_bytes().windows(2);
            if pairs.any(|pair| pair == b": " || pair == b" #") || line.text.ends_with(':') {
                return None;
            }
            return plain(line);
        }
    };
    Some(node(kind, line.number, line.indent))
}

/// Reads a scalar without quotes, which ends where the text does.
fn plain(line: Line<'_>) -> Option<Node> {
    let starts = match line.text.as_bytes() {
        [b'-', rest @ ..] => rest.first().is_some_and(|next| *next != b' '),
        [first, ..] => !b"?:,[]{}#&*!|>%@`=<".contains(first),
        [] => false,
    };
    if !starts {
        return None;
    }
    let scalar = scalar::meaning(line.text, ScalarStyle::Plain, None).ok()?;
    let kind = NodeKind::scalar(scalar.value, line.text, scalar.is_date);
    Some(node(kind, line.number, line.indent))
}

fn text(text: &str) -> NodeKind {
    NodeKind::scalar(Value::from(text), text, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::read::parse_general;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    /// What this reader takes, it takes as the general one does, positions included.
    fn agrees(text: &str) -> bool {
        let Some(ours) = read(text) else {
            return false;
        };
        let general = parse_general(text, "p");
        assert_eq!(
            Ok(&ours),
            general.as_ref().map_err(|error| error.chain()),
            "{text:?}"
        );
        true
    }

    #[test]
    fn what_dvc_prints_is_read_here() {
        let lock = "schema: '2.0'\nstages:\n  train@1:\n    cmd: python train.py --lr=0.1 > log\n    deps:\n    \
                    - path: data/train.csv\n      hash: md5\n      md5: 8b1a9953c4611296a827abf8c47804d7\n      \
                    size: 5\n    params:\n      params.yaml:\n        train.lr: 1e-05\n        n: -1\n    outs:\n    \
                    - path: model\n      md5: 3d0f7b1f.dir\n      size: 12\n      nfiles: 2\n      isexec: true\n";
        assert!(agrees(lock));
        let pipeline = "# how it is made\nstages:\n  prepare:\n    cmd: \"python prepare.py 'a b'\"\n    wdir: ../src\n\n    \
                        deps:\n      - a.py\n      # and this\n      -   data\n    params: \n";
        assert!(!agrees(pipeline), "a blank at the end");
        let pipeline = pipeline.replace(
            "    params: \n",
            "    outs:\n    - m.pt:\n        cache: false\n",
        );
        assert!(agrees(&pipeline));
        assert!(agrees("- a\n- b: 1\n  c:\n  - 2\n- d"));
        assert!(agrees("  a: 1\n  b: 2020-01-01\n"));
    }

    #[test]
    fn what_needs_more_is_left_alone() {
        for text in [
            "",
            "a",
            "a:",
            "a: b: c",
            "a: b #c",
            "a: b\n  c",
            "a: |\n  b",
            "a: [1]",
            "a: &x 1",
            "a: !!str 1",
            "a: \"\\n\"",
            "a: 'it''s'",
            "a:\tb",
            "é: 1",
            "a: 1\r\n",
            "--- a: 1",
            "a: 1\n---\nb: 2",
            "a: 1\na: 2",
            "1: a\n1.0: b",
            "true: 1",
            "a: 1\n b: 2",
            "a:\n  b: 1\n c: 2",
            "- - a",
            "-\n  a",
            "? a\n: b",
            "<<: a",
            "a: =",
            "a: <<",
            "a: 2020-13-01",
            "- a\nb: 1",
            "a: 1\n- b",
            "a:\n- b\n  c: 1",
            "a: - b",
            "a:b",
            "a: b ",
        ] {
            assert!(read(text).is_none(), "{text:?}");
        }
    }

    #[derive(Debug, Clone)]
    enum Tree {
        Leaf(String),
        /// With the blanks that each level has before it.
        Map(Vec<(String, Tree)>, usize),
        List(Vec<Tree>, usize),
    }

    fn print(tree: &Tree, indent: usize) -> String {
        let blanks = " ".repeat(indent);
        match tree {
            Tree::Leaf(text) => format!("{blanks}{text}\n"),
            Tree::Map(entries, _) => {
                let entry = |(key, value): &(String, Tree)| match value {
                    Tree::Leaf(text) => format!("{blanks}{key}: {text}\n"),
                    Tree::Map(_, more) => {
                        format!("{blanks}{key}:\n{}", print(value, indent + more + 1))
                    }
                    Tree::List(_, more) => {
                        format!("{blanks}{key}:\n{}", print(value, indent + more))
                    }
                };
                entries.iter().map(entry).collect()
            }
            Tree::List(items, _) => {
                let item = |item: &Tree| {
                    format!(
                        "{blanks}- {}",
                        print(item, indent + 2).trim_start_matches(' ')
                    )
                };
                items.iter().map(item).collect()
            }
        }
    }

    /// Documents as DVC prints and people write them.
    fn documents() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            20 => "[a-z]{1,3}|-?[0-9]{1,2}(\\.[0-9])?|'x y'|\"q\"|~|true|a b|2020-01-02",
            1 => "[-:#'\"{&*=<\\[@ a]{1,4}",
        ];
        let leaf = leaf.prop_map(Tree::Leaf);
        let tree = leaf.prop_recursive(4, 30, 4, |inner| {
            let key = prop_oneof![30 => "[a-c]{1,2}|[a-z./@-]{3,5}", 1 => "true|1"];
            let map = (prop::collection::vec((key, inner.clone()), 1..4), 0..3usize);
            let list = (prop::collection::vec(inner, 1..4), 0..3usize);
            prop_oneof![
                3 => map.prop_map(|(entries, more)| Tree::Map(entries, more)),
                1 => list.prop_map(|(items, more)| Tree::List(items, more)),
            ]
        });
        (tree, 0..2usize).prop_map(|(tree, indent)| print(&tree, indent))
    }

    #[test]
    fn it_agrees_with_the_general_reader() {
        let changes = prop::collection::vec(
            (any::<prop::sample::Index>(), "[ \n:#a'-]|  |# c\n|\n\n"),
            0..3,
        );
        let mut runner = TestRunner::default();
        let mut taken = 0;
        for _ in 0..3000 {
            let mut text = documents().new_tree(&mut runner).unwrap().current();
            taken += usize::from(agrees(&text));
            for (at, new) in changes.new_tree(&mut runner).unwrap().current() {
                text.insert_str(at.index(text.len() + 1), &new);
                agrees(&text);
            }
        }
        // Otherwise this would say little.
        assert!(taken > 1000, "{taken}");
    }

    proptest! {
        #[test]
        fn of_any_text_it_agrees(text in r#"([-?:,\[\]{}#&*!|>'"%@ \na1.=<~]|- |: |\n  |\n    |a: |b:\n){0,40}"#) {
            agrees(&text);
        }
    }
}
