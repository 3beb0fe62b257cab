//! Adds a stage to a `dvc.yaml`, or replaces one, and leaves every other byte as it is.
//!
//! The text is edited as a params file is (`yaml::edit`), value by value. What comes out is read
//! again and must say what was asked for, and nothing else: if it does not, nothing is returned but
//! an error.

use crate::error::{Error, Result};
use crate::value::{Map, Step, Value};
use crate::yaml::edit::{self, Change};
use crate::yaml::{self, Node};

/// Returns `text` (of a file called `origin`) with the stage `name` added at the end, or replaced.
///
/// Of a replaced stage the parts that stay the same keep their text and their comments.
pub fn set_stage(text: &str, origin: &str, name: &str, stage: &Value) -> Result<String> {
    let root = yaml::parse(text, origin)?;
    let wanted = with_stage(&root, name, stage);
    let refused = || {
        Error::refused(format!(
            "cannot change '{origin}' without touching the rest of it"
        ))
        .hint(format!("write stage '{name}' into '{origin}' yourself"))
    };
    let finished = with_last_line_ended(text, origin, &root);
    let text = finished.as_deref().unwrap_or(text);
    let mut path = vec![Step::Key("stages".to_owned())];
    let has_stages = root
        .get("stages")
        .and_then(Node::as_map)
        .is_some_and(|stages| !stages.is_empty());
    let changed = match has_stages {
        true => {
            path.push(Step::Key(name.to_owned()));
            edit::rewrite(text, origin, &path, stage)
        }
        false => {
            let stages = Map::from_iter([(name.into(), stage.clone())]);
            edit::change(text, origin, &path, &Change::Set(stages.into()))
        }
    };
    let changed = changed.map_err(|_| refused())?;
    match yaml::parse(&changed, origin) {
        Ok(root) if root.to_value() == wanted => Ok(changed),
        _ => Err(refused()),
    }
}

/// Returns a text that ends within a line with that line ended, as DVC leaves it; `None` where it is ended, or
/// where that would be another value (a block scalar's).
fn with_last_line_ended(text: &str, origin: &str, root: &Node) -> Option<String> {
    if text.is_empty() || text.ends_with('\n') {
        return None;
    }
    let finished = format!("{text}{}", edit::line_break(text));
    let read = yaml::parse(&finished, origin).ok()?;
    (read.to_value() == root.to_value()).then_some(finished)
}

/// Returns what the file must say afterwards.
fn with_stage(root: &Node, name: &str, stage: &Value) -> Value {
    let mut root = match root.to_value() {
        Value::Map(map) => map,
        _ => Map::new().into(),
    };
    let stages = root.entry("stages".into()).or_insert(Value::Null);
    if !matches!(stages, Value::Map(_)) {
        *stages = Value::from(Map::new());
    }
    if let Value::Map(stages) = stages {
        stages.insert(name.into(), stage.clone());
    }
    Value::Map(root)
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
        yaml::parse(text, "test").unwrap().to_value()
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
            set("stages: {} # none", "b", "{cmd: z}"),
            "stages: # none\n  b:\n    cmd: z\n"
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
            "stages:\n  a: {cmd: z}\n  b: {cmd: y}\n"
        );
        assert_eq!(
            set("stages: {a: {cmd: x}}\n", "b", "{cmd: z}"),
            "stages: {a: {cmd: x}, b: {cmd: z}}\n"
        );
        assert_eq!(set("{}\n", "b", "{cmd: z}"), "{stages: {b: {cmd: z}}}\n");
    }

    #[test]
    fn refuses_what_it_cannot_do_without_touching_the_rest() {
        for text in ["- a\n", "base: &b {cmd: x}\nstages: *b\n"] {
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
                let root = yaml::parse(&changed, "dvc.yaml").unwrap();
                prop_assert_eq!(root.get("stages").unwrap().get(name).unwrap().to_value(), value);
            }
        }
    }
}
