//! Adds a stage to a `dvc.yaml`, or replaces one, and leaves every other byte as it is.
//!
//! The text is changed line by line, in block style only, with the positions that the reader gives.
//! What comes out is read again and must say what was asked for, and nothing else: if it does not,
//! nothing is returned but an error.

use crate::error::{Error, Result};
use crate::value::{Key, Map, Value};
use crate::yaml::print;
use crate::yaml::read::{self, Node};

/// Returns `text` (of a file called `origin`) with the stage `name` added at the end, or replaced.
///
/// Of a replaced stage the parts that stay the same keep their text and their comments.
pub fn set_stage(text: &str, origin: &str, name: &str, stage: &Value) -> Result<String> {
    let root = read::parse(text, origin)?;
    let wanted = with_stage(&root, name, stage);
    let refused = || {
        Error::refused(format!(
            "cannot change '{origin}' without touching the rest of it"
        ))
        .hint(format!("write stage '{name}' into '{origin}' yourself, or put 'stages' into block style, one key a line"))
    };
    let changed = Text::new(text)
        .set_stage(&root, name, stage)
        .ok_or_else(refused)?;
    match read::parse(&changed, origin) {
        Ok(root) if root.to_value() == wanted => Ok(changed),
        _ => Err(refused()),
    }
}

/// Returns what the file must say afterwards.
fn with_stage(root: &Node, name: &str, stage: &Value) -> Value {
    let mut root = match root.to_value() {
        Value::Map(map) => map,
        _ => Map::new(),
    };
    let stages = root.entry("stages".into()).or_insert(Value::Null);
    if !matches!(stages, Value::Map(_)) {
        *stages = Value::Map(Map::new());
    }
    if let Value::Map(stages) = stages {
        stages.insert(name.into(), stage.clone());
    }
    Value::Map(root)
}

/// The lines of a file, each with its end.
struct Text<'t> {
    lines: Vec<&'t str>,
    line_end: &'static str,
}

/// One entry of a block mapping or list: its first lines may be comments above it.
struct Chunk {
    /// First line, comments above it included.
    from: usize,
    /// Line of its key or dash.
    at: usize,
    /// Line after its last.
    to: usize,
}

impl<'t> Text<'t> {
    fn new(text: &'t str) -> Self {
        Text {
            lines: text.split_inclusive('\n').collect(),
            line_end: if text.contains("\r\n") { "\r\n" } else { "\n" },
        }
    }

    fn set_stage(&self, root: &Node, name: &str, stage: &Value) -> Option<String> {
        let Some(stages) = root.get("stages") else {
            // a root that is no mapping fails when the text is read again
            let end = self.end_of_document();
            let added = self.print(&[Part::Key("stages"), Part::Key(name)], stage, 0, 0);
            return Some(self.splice(end, end, &added));
        };
        let Some(entries) = stages.as_map().filter(|entries| !entries.is_empty()) else {
            // `stages:` and `stages: {}`
            let key = root
                .as_map()?
                .iter()
                .find(|(_, node)| std::ptr::eq(node, stages))?;
            let line = key.0.line - 1;
            let body = self.lines.get(line)?.trim_end();
            let code = body.split(" #").next().unwrap_or(body).trim_end();
            let remark = &body[code.len()..];
            let head = code.strip_suffix("{}").unwrap_or(code).trim_end();
            if !head.ends_with(':') {
                return None;
            }
            let added = self.print(&[Part::Key("stages"), Part::Key(name)], stage, 1, 2);
            let replaced = format!("{head}{remark}{}{added}", self.line_end);
            return Some(self.splice(line, line + 1, &replaced));
        };
        let indent = entries.first()?.0.column - 1;
        let keys: Vec<usize> = entries.iter().map(|(key, _)| key.line - 1).collect();
        let limit = self.end_of_block(*keys.iter().max()?, indent);
        let chunks = self.chunks(&keys, indent, limit)?;
        let Some(old) = entries.iter().position(|(key, _)| is_key(key, name)) else {
            let end = chunks.last()?.to;
            let added = self.print(&[Part::Key("stages"), Part::Key(name)], stage, 1, indent);
            return Some(self.splice(end, end, &added));
        };
        let chunk = &chunks[old];
        let path = [Part::Key("stages"), Part::Key(name)];
        let new = self
            .rewrite(&entries[old].1, stage, &path, chunk)
            .unwrap_or_else(|| self.print(&path, stage, 1, indent));
        Some(self.splice(chunk.at, chunk.to, &new))
    }

    /// Returns the new text of an entry, from its key or dash on, with all that stays the same.
    fn rewrite(&self, old: &Node, new: &Value, path: &[Part<'_>], chunk: &Chunk) -> Option<String> {
        let mut parts: Vec<(Part<'_>, &Value)> = Vec::new();
        let mut keys = Vec::new();
        match (old.as_map(), new) {
            (Some(entries), Value::Map(new)) if !entries.is_empty() => {
                for (key, _) in entries {
                    keys.push(key.line - 1);
                    let text = key.as_str()?;
                    if let Some((key, value)) = new.get_key_value(text) {
                        parts.push((Part::Key(key), value));
                    }
                }
                // what is new comes last, as DVC does it
                let known = |key: &&Key| entries.iter().any(|(node, _)| is_key(node, key));
                for (key, value) in new.iter().filter(|(key, _)| !known(key)) {
                    parts.push((Part::Key(key), value));
                }
            }
            _ => return None,
        }
        let indent = old.as_map()?.first()?.0.column - 1;
        if chunk.at + 1 > *keys.first()? {
            return None;
        }
        let chunks = self.chunks(&keys, indent, chunk.to)?;
        let mut text = self.text(chunk.at, chunks.first()?.from);
        for (part, value) in parts {
            let Part::Key(key) = part else { continue };
            let kept = old.as_map()?.iter().position(|(node, _)| is_key(node, key));
            let mut path = path.to_vec();
            path.push(part);
            let Some(position) = kept else {
                text += &self.print(&path, value, path.len() - 1, indent);
                continue;
            };
            let part = &chunks[position];
            let node = &old.as_map()?[position].1;
            if node.to_value() == *value {
                text += &self.text(part.from, part.to);
                continue;
            }
            text += &self.text(part.from, part.at);
            text += &match (node.as_list(), value) {
                (Some(items), Value::List(new)) => self
                    .rewrite_list(items, new, &path, part)
                    .unwrap_or_else(|| self.print(&path, value, path.len() - 1, indent)),
                _ => {
                    let printed = self.print(&path, value, path.len() - 1, indent);
                    self.with_remark(printed, node, part)
                }
            };
        }
        // comments behind the last part
        text += &self.text(chunks.last()?.to, chunk.to);
        Some(text)
    }

    /// Puts the comment behind a plain scalar in one line behind what replaces it.
    fn with_remark(&self, printed: String, old: &Node, chunk: &Chunk) -> String {
        let remark = || {
            let read::NodeKind::Scalar { text, .. } = &old.kind else {
                return None;
            };
            let line = self
                .lines
                .get(chunk.at)
                .filter(|_| chunk.to == chunk.at + 1)?;
            let column = line.char_indices().nth(old.column - 1)?.0;
            let rest = line[column..].strip_prefix(text.as_str())?;
            rest.trim_start().starts_with('#').then_some(rest)
        };
        match (printed.strip_suffix(self.line_end), remark()) {
            (Some(line), Some(remark)) if !line.contains('\n') => format!("{line}{remark}"),
            _ => printed,
        }
    }

    /// The same for a list: items that are there already keep their lines.
    fn rewrite_list(
        &self,
        old: &[Node],
        new: &[Value],
        path: &[Part<'_>],
        chunk: &Chunk,
    ) -> Option<String> {
        let keys: Vec<usize> = old.iter().map(|item| item.line - 1).collect();
        let first = self.lines.get(*keys.first()?)?;
        let indent = first.len() - first.trim_start_matches(' ').len();
        let dashes = keys.iter().all(|line| {
            let line = self.lines.get(*line).map_or("", |line| line.trim_start());
            line.starts_with("- ")
        });
        if !dashes || chunk.at + 1 > *keys.first()? {
            return None;
        }
        let chunks = self.chunks(&keys, indent, chunk.to)?;
        let mut text = self.text(chunk.at, chunks.first()?.from);
        for value in new {
            let mut path = path.to_vec();
            path.push(Part::Item);
            match old.iter().position(|item| item.to_value() == *value) {
                Some(position) => text += &self.text(chunks[position].from, chunks[position].to),
                None => text += &self.print(&path, value, path.len() - 1, indent),
            }
        }
        text += &self.text(chunks.last()?.to, chunk.to);
        Some(text)
    }

    /// Cuts a block into its entries, which start at the lines `keys` and end before `limit`.
    ///
    /// A comment at most as deep as the entries belongs to the entry below it. `None` if an entry
    /// does not start its line.
    fn chunks(&self, keys: &[usize], indent: usize, limit: usize) -> Option<Vec<Chunk>> {
        let mut chunks: Vec<Chunk> = Vec::new();
        for (position, &at) in keys.iter().enumerate() {
            let line = self.lines.get(at)?;
            if line.len() - line.trim_start_matches(' ').len() != indent {
                return None;
            }
            let end = keys.get(position + 1).copied().unwrap_or(limit);
            if end <= at {
                return None;
            }
            let mut to = end;
            while to > at + 1 && self.is_loose(to - 1, indent) {
                to -= 1;
            }
            let from = chunks.last().map_or(at, |before| before.to);
            chunks.push(Chunk { from, at, to });
        }
        Some(chunks)
    }

    /// Whether a line is blank, or a comment at most `indent` deep.
    fn is_loose(&self, line: usize, indent: usize) -> bool {
        let Some(line) = self.lines.get(line) else {
            return false;
        };
        let content = line.trim_start_matches(' ');
        content.trim().is_empty()
            || (content.starts_with('#') && line.len() - content.len() <= indent)
    }

    /// Returns the line after the block whose last entry starts at line `last`, `indent` deep.
    fn end_of_block(&self, last: usize, indent: usize) -> usize {
        let mut line = last + 1;
        while let Some(text) = self.lines.get(line) {
            let content = text.trim_start_matches(' ');
            let is_comment = content.trim().is_empty() || content.starts_with('#');
            if !is_comment && text.len() - content.len() <= indent {
                break;
            }
            line += 1;
        }
        line
    }

    /// Returns the line of `...`, or the end of the text.
    fn end_of_document(&self) -> usize {
        self.lines
            .iter()
            .position(|line| line.trim_end() == "...")
            .unwrap_or(self.lines.len())
    }

    /// Prints `value` at `path` of a document and drops the first `drop` lines, those of its parents.
    ///
    /// Printed as a part of the whole, so that lines fold where DVC folds them; then moved to `indent`.
    fn print(&self, path: &[Part<'_>], value: &Value, drop: usize, indent: usize) -> String {
        let mut value = value.clone();
        for part in path.iter().rev() {
            value = match part {
                Part::Key(key) => Value::Map(Map::from_iter([((*key).into(), value)])),
                Part::Item => Value::List(vec![value]),
            };
        }
        let printed = match &value {
            Value::Map(map) => print::document(map),
            _ => String::new(),
        };
        let lines: Vec<&str> = printed.lines().skip(drop).collect();
        let depth = lines
            .first()
            .map_or(0, |line| line.len() - line.trim_start_matches(' ').len());
        let mut text = String::new();
        for line in lines {
            // a folded line of a quoted text may be blank
            let line = line.get(depth..).unwrap_or_default();
            text += &" ".repeat(if line.is_empty() { 0 } else { indent });
            text += line;
            text += self.line_end;
        }
        text
    }

    fn text(&self, from: usize, to: usize) -> String {
        let mut text: String = self.lines.get(from..to).unwrap_or_default().concat();
        if !text.is_empty() && !text.ends_with('\n') {
            text += self.line_end;
        }
        text
    }

    fn splice(&self, from: usize, to: usize, middle: &str) -> String {
        let head = self.text(0, from);
        let tail: String = self.lines.get(to..).unwrap_or_default().concat();
        format!("{head}{middle}{tail}")
    }
}

/// A step from a document's root to a value.
#[derive(Clone, Copy)]
enum Part<'k> {
    Key(&'k str),
    Item,
}

fn is_key(node: &Node, key: &str) -> bool {
    node.to_key().is_some_and(|found| found == *key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = "\
# top comment
stages:
  first:   # c1
    # about the command
    cmd: echo 1   # c2
    deps: [d]
    outs:
      - a
      # c3
      - b:
          cache: false   # small
      - c
    # last words

# between
  second:
    cmd: |
      echo 2
      # not a comment
  # behind second

# the end
metrics:
- m.json
";

    fn stage(text: &str) -> Value {
        read::parse(text, "test").unwrap().to_value()
    }

    fn set(text: &str, name: &str, value: &str) -> String {
        set_stage(text, "dvc.yaml", name, &stage(value)).unwrap()
    }

    /// Returns the lines that went (`-`) and came (`+`), in order.
    fn changes(old: &str, new: &str) -> String {
        let diff = similar::TextDiff::from_lines(old, new);
        diff.iter_all_changes()
            .filter(|change| change.tag() != similar::ChangeTag::Equal)
            .map(|change| format!("{}{}", change.tag(), change.value()))
            .collect()
    }

    #[test]
    fn adds_behind_the_last_stage_and_touches_nothing_else() {
        let new = set(FILE, "third", "{cmd: echo 3, outs: [x]}");
        assert_eq!(
            changes(FILE, &new),
            "+  third:\n+    cmd: echo 3\n+    outs:\n+    - x\n"
        );
        assert!(new.contains("      # not a comment\n  third:\n"), "{new}");
    }

    #[test]
    fn replaces_only_what_differs() {
        let new = set(
            FILE,
            "first",
            "{cmd: echo one, deps: [d], outs: [a, {b: {cache: false}}, e]}",
        );
        assert_eq!(
            changes(FILE, &new),
            "-    cmd: echo 1   # c2\n+    cmd: echo one   # c2\n-      - c\n+      - e\n"
        );
        let new = set(FILE, "first", "{cmd: echo 1, params: [lr]}");
        assert_eq!(
            changes(FILE, &new),
            "-    deps: [d]\n-    outs:\n-      - a\n-      # c3\n-      - b:\n-          cache: false   # small\n\
             -      - c\n+    params:\n+    - lr\n"
        );
        let new = set(
            FILE,
            "second",
            "{cmd: \"echo 2\\n# not a comment\\n\", deps: [q]}",
        );
        assert_eq!(changes(FILE, &new), "+    deps:\n+    - q\n");
    }

    #[test]
    fn follows_the_indentation_and_line_ends_of_the_file() {
        let text = "stages:\r\n    four:\r\n        cmd: x\r\n        deps:\r\n            - y";
        assert_eq!(
            set(text, "b", "{cmd: z}"),
            format!("{text}\r\n    b:\r\n      cmd: z\r\n")
        );
        assert_eq!(
            set(text, "four", "{cmd: x, deps: [y, z]}"),
            format!("{text}\r\n            - z\r\n")
        );
        assert_eq!(
            set("stages:   # all of them\n", "b", "{cmd: z}"),
            "stages:   # all of them\n  b:\n    cmd: z\n"
        );
        assert_eq!(
            set("stages: {}", "b", "{cmd: z}"),
            "stages:\n  b:\n    cmd: z\n"
        );
        assert_eq!(set("", "b", "{cmd: z}"), "stages:\n  b:\n    cmd: z\n");
        assert_eq!(
            set("# empty", "b", "{cmd: z}"),
            "# empty\nstages:\n  b:\n    cmd: z\n"
        );
        assert_eq!(
            set("metrics: [m]\n...\n", "b", "{cmd: z}"),
            "metrics: [m]\nstages:\n  b:\n    cmd: z\n...\n"
        );
        assert_eq!(
            set("stages:\n  a: {cmd: x}\n  b: {cmd: y}\n", "a", "{cmd: z}"),
            "stages:\n  a:\n    cmd: z\n  b: {cmd: y}\n"
        );
    }

    #[test]
    fn refuses_what_it_cannot_do_without_touching_the_rest() {
        for text in [
            "stages: {a: {cmd: x}}\n",
            "{stages: {a: {cmd: x}}}\n",
            "{}\n",
            "- a\n",
            "stages: &s\n",
            "base: &b {cmd: x}\nstages: *b\n",
        ] {
            let error = set_stage(text, "dvc.yaml", "new", &stage("{cmd: z}")).unwrap_err();
            assert_eq!(
                error.to_string(),
                "cannot change 'dvc.yaml' without touching the rest of it",
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_lies(
            lines in proptest::collection::vec(
                (0usize..4, proptest::sample::select(vec![
                    "stages:", "a:", "b:", "cmd: x", "deps:", "- y", "- z: {k: v}", "# remark", "", "outs: [q]", "cmd: |",
                    "'a': {cmd: x}", "? k", ": v", "\"x", "y\"", "...", "---", "é: 1",
                ])),
                0..16,
            ),
            name in proptest::sample::select(vec!["a", "b", "c"]),
        ) {
            let lines: Vec<String> = lines.iter().map(|(depth, line)| format!("{}{line}", "  ".repeat(*depth))).collect();
            let text = lines.join("\n");
            let value = stage("{cmd: new, deps: [y, w]}");
            if let Ok(changed) = set_stage(&text, "dvc.yaml", name, &value) {
                let root = read::parse(&changed, "dvc.yaml").unwrap();
                prop_assert_eq!(root.get("stages").unwrap().get(name).unwrap().to_value(), value);
            }
        }
    }
}
