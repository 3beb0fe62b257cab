//! Changes of params and metrics as tables and JSON; changes of files as git prints them.

use super::style::Role;
use super::{markdown, plain};
use crate::change::{Change, Changes, Files};
use crate::checkpoint::FileData;
use crate::value::{Key, Map, Value, python};
use similar::{ChangeTag, TextDiff};

/// Significant digits of floats unless told otherwise: DVC's 5.
pub const PRECISION: usize = 5;

/// How a table of changes is drawn.
#[derive(Debug, Clone)]
pub struct Style<'a> {
    /// Heading of the names: `Metric`, `Param`.
    pub title: &'a str,
    /// Headings of the two sides.
    pub sides: (&'a str, &'a str),
    /// Significant digits of floats; `None` shows them as they are. A difference always has them.
    pub precision: Option<usize>,
    /// Whether the file stands in the first column.
    pub path: bool,
    /// What stands for a difference that there is not; without, the whole column is left out.
    pub no_difference: Option<&'a str>,
    /// GitHub's form.
    pub markdown: bool,
}

/// Returns the table of changes, or nothing if there are none.
pub fn table(changes: &Changes, style: &Style<'_>) -> String {
    let mut headers = Vec::new();
    if style.path {
        headers.push("Path");
    }
    headers.extend([style.title, style.sides.0, style.sides.1]);
    if style.no_difference.is_some() {
        headers.push("Change");
    }
    let mut rows = Vec::new();
    for (file, names) in changes {
        for (name, change) in names {
            let mut row = Vec::new();
            if style.path {
                row.push(file.clone());
            }
            row.push(name.clone());
            row.push(cell(&change.old, style.precision));
            row.push(cell(&change.new, style.precision));
            if let Some(absent) = style.no_difference {
                let digits = Some(style.precision.unwrap_or(PRECISION));
                row.push(match &change.difference {
                    Some(difference) => cell(difference, digits),
                    None => absent.to_owned(),
                });
            }
            rows.push(row);
        }
    }
    draw(&headers, &rows, style.markdown)
}

fn draw(headers: &[&str], rows: &[Vec<String>], markdown: bool) -> String {
    match (rows.is_empty(), markdown) {
        (true, _) => String::new(),
        (false, true) => markdown::table(headers, rows) + "\n",
        (false, false) => plain::table(headers, rows),
    }
}

fn cell(value: &Value, precision: Option<usize>) -> String {
    match value {
        Value::Null => "-".to_owned(),
        other => python::text(other, precision),
    }
}

/// Returns the table of `metrics show`: `(revision, metrics by file)`, metric names sorted.
///
/// `revisions` says whether there is a column for them.
pub fn metrics_table(
    states: &[(String, Files)],
    revisions: bool,
    precision: usize,
    markdown: bool,
) -> String {
    let mut names = Vec::new();
    let mut lines = Vec::new();
    for (revision, files) in states {
        for (file, data) in files {
            let leaves = match data {
                FileData::Data(data @ Value::Map(_)) => data.leaves(),
                FileData::Data(single) => vec![(String::new(), single)],
                FileData::Error { .. } => Vec::new(),
            };
            names.extend(leaves.iter().map(|(name, _)| name.clone()));
            lines.push((revision, file, leaves));
        }
    }
    names.sort();
    names.dedup();
    let mut headers = if revisions { vec!["Revision"] } else { vec![] };
    headers.push("Path");
    headers.extend(names.iter().map(String::as_str));
    let row = |(revision, file, leaves): &(&String, &String, Vec<(String, &Value)>)| {
        let mut row = Vec::new();
        if revisions {
            row.push((*revision).clone());
        }
        row.push((*file).clone());
        for name in &names {
            let value = leaves.iter().find(|(own, _)| own == name);
            row.push(value.map_or("-".to_owned(), |(_, value)| cell(value, Some(precision))));
        }
        row
    };
    let rows: Vec<Vec<String>> = lines.iter().map(row).collect();
    draw(&headers, &rows, markdown)
}

/// Returns what `metrics show --json` prints: `{revision: {"data": {file: {"data": …}}}}`.
pub fn metrics_json(states: &[(String, Files)]) -> Value {
    let of_file = |data: &FileData| match data {
        FileData::Data(data) => map([("data", data.clone())]),
        FileData::Error { kind, message } => {
            let error = map([
                ("type", Value::from(kind.as_str())),
                ("msg", Value::from(message.as_str())),
            ]);
            map([("error", error)])
        }
    };
    let of_state = |files: &Files| {
        if files.is_empty() {
            return map([]);
        }
        let files = files
            .iter()
            .map(|(file, data)| (Key::from(file), of_file(data)));
        map([("data", Value::Map(files.collect()))])
    };
    let states = states
        .iter()
        .map(|(revision, files)| (Key::from(revision), of_state(files)));
    Value::Map(states.collect())
}

/// Returns what `--json` prints: `{file: {name: {"old", "new", "diff"}}}`.
pub fn json(changes: &Changes) -> Value {
    let of_change = |change: &Change| {
        let mut entry = Map::new();
        entry.insert("old".into(), change.old.clone());
        entry.insert("new".into(), change.new.clone());
        if let Some(difference) = &change.difference {
            entry.insert("diff".into(), difference.clone());
        }
        Value::from(entry)
    };
    let of_file = |(file, names): (&String, &std::collections::BTreeMap<String, Change>)| {
        let names = names
            .iter()
            .map(|(name, change)| (Key::from(name), of_change(change)));
        (Key::from(file), Value::Map(names.collect()))
    };
    Value::Map(changes.iter().map(of_file).collect())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries = entries.map(|(key, value)| (Key::from(key), value));
    Value::Map(entries.into_iter().collect())
}

/// Returns a file's change as `git diff` prints it; absent sides are `/dev/null`.
///
/// Bytes that are no text are said to differ.
pub fn file(path: &str, old: Option<&[u8]>, new: Option<&[u8]>, colour: bool) -> String {
    let heading = |text: &str| Role::Heading.paint(text, colour);
    let mut out = heading(&format!("diff --git a/{path} b/{path}")) + "\n";
    match (old, new) {
        (None, _) => out += &(heading("new file") + "\n"),
        (_, None) => out += &(heading("deleted file") + "\n"),
        _ => {}
    }
    let side = |letter, bytes: Option<&[u8]>| match bytes {
        Some(_) => format!("{letter}/{path}"),
        None => "/dev/null".to_owned(),
    };
    let (old_name, new_name) = (side('a', old), side('b', new));
    let text = |bytes: Option<&[u8]>| match bytes {
        None => Some(String::new()),
        Some(bytes) if bytes.contains(&0) => None,
        Some(bytes) => String::from_utf8(bytes.to_vec()).ok(),
    };
    let (Some(old), Some(new)) = (text(old), text(new)) else {
        out += &format!("Binary files {old_name} and {new_name} differ\n");
        return out;
    };
    let diff = TextDiff::from_lines(old.as_str(), new.as_str());
    let hunks = diff.unified_diff();
    let mut headed = false;
    for hunk in hunks.iter_hunks() {
        if !std::mem::replace(&mut headed, true) {
            out += &(heading(&format!("--- {old_name}")) + "\n");
            out += &(heading(&format!("+++ {new_name}")) + "\n");
        }
        out += &(Role::Hunk.paint(&hunk.header().to_string(), colour) + "\n");
        for change in hunk.iter_changes() {
            let (sign, role) = match change.tag() {
                ChangeTag::Delete => ('-', Some(Role::Removed)),
                ChangeTag::Insert => ('+', Some(Role::Added)),
                ChangeTag::Equal => (' ', None),
            };
            let line = change.value();
            let line = line.strip_suffix('\n').unwrap_or(line);
            let line = format!("{sign}{line}");
            out += &role.map_or(line.clone(), |role| role.paint(&line, colour));
            out.push('\n');
            if change.missing_newline() {
                out += "\\ No newline at end of file\n";
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::change::between;

    fn files(text: &str) -> Files {
        let value = Value::from_json(text, "test").unwrap();
        let files = value.as_map().unwrap().iter();
        files
            .map(|(key, value)| (key.to_string(), FileData::Data(value.clone())))
            .collect()
    }

    fn changes(old: &str, new: &str) -> Changes {
        between(&files(old), &files(new), false)
    }

    const METRICS: Style<'_> = Style {
        title: "Metric",
        sides: ("Old", "New"),
        precision: Some(PRECISION),
        path: true,
        no_difference: Some("-"),
        markdown: false,
    };

    #[test]
    fn metrics_have_five_digits_that_do_not_vanish() {
        let changes = changes(
            r#"{"m.json": {"loss": 3.7e-07, "big": 411522.63033, "acc": 0.904411, "name": "a"}}"#,
            r#"{"m.json": {"loss": 1e-09, "big": 411523.0, "acc": 0.8185, "name": "b"}}"#,
        );
        assert_eq!(
            table(&changes, &METRICS),
            "\
Path    Metric    Old         New         Change
m.json  acc       0.90441     0.8185      -0.085911
m.json  big       4.1152e+05  4.1152e+05  0.36967
m.json  loss      3.7e-07     1e-09       -3.69e-07
m.json  name      a           b           -
"
        );
        let markdown = Style {
            markdown: true,
            path: false,
            precision: Some(2),
            ..METRICS
        };
        assert!(table(&changes, &markdown).starts_with("| Metric   | Old"));
        assert!(table(&changes, &markdown).ends_with("|\n\n"));
    }

    #[test]
    fn params_are_shown_as_they_are() {
        let changes = changes(
            r#"{"params.yaml": {"lr": 0.1, "layers": [1, 2], "gone": true}}"#,
            r#"{"params.yaml": {"lr": 0.30000000000000004, "layers": [1, "x"]}}"#,
        );
        let style = Style {
            title: "Param",
            precision: None,
            no_difference: None,
            ..METRICS
        };
        assert_eq!(
            table(&changes, &style),
            "\
Path         Param    Old     New
params.yaml  gone     True    -
params.yaml  layers   [1, 2]  [1, 'x']
params.yaml  lr       0.1     0.30000000000000004
"
        );
        let style = Style {
            no_difference: Some("diff not supported"),
            ..style
        };
        let table = table(&changes, &style);
        assert!(table.contains("gone     True    -                    diff not supported\n"));
        assert!(table.ends_with("0.30000000000000004  0.2\n"), "{table}");
        assert_eq!(
            json(&changes).to_python_json(),
            r#"{"params.yaml": {"gone": {"old": true, "new": null}, "layers": {"old": "[1, 2]", "new": "[1, 'x']"}, "lr": {"old": 0.1, "new": 0.30000000000000004, "diff": 0.20000000000000004}}}"#
        );
    }

    #[test]
    fn no_change_is_no_output() {
        let same = r#"{"m": {"a": 1}}"#;
        assert_eq!(table(&changes(same, same), &METRICS), "");
        assert_eq!(json(&changes(same, same)).to_python_json(), "{}");
    }

    #[test]
    fn metrics_of_states_share_their_columns() {
        let states = [
            (
                "workspace".to_owned(),
                files(r#"{"m.json": {"loss": 0.123456, "a": {"b": 1}}}"#),
            ),
            (
                "main".to_owned(),
                files(r#"{"m.json": {"loss": 2.0}, "n.json": 3}"#),
            ),
        ];
        assert_eq!(
            metrics_table(&states, true, 5, false),
            "\
Revision    Path        a.b    loss
workspace   m.json  -   1      0.12346
main        m.json  -   -      2
main        n.json  3   -      -
"
        );
        assert_eq!(
            metrics_json(&states[1..]).to_python_json(),
            r#"{"main": {"data": {"m.json": {"data": {"loss": 2.0}}, "n.json": {"data": 3}}}}"#
        );
    }

    #[test]
    fn files_differ_as_git_says() {
        assert_eq!(
            file("a.py", Some(b"a\nb\nc\n"), Some(b"a\nB\nc"), false),
            "\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1,3 +1,3 @@
 a
-b
-c
+B
+c
\\ No newline at end of file
"
        );
        assert_eq!(
            file("n", None, Some(b"x\n"), false),
            "diff --git a/n b/n\nnew file\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n"
        );
        assert_eq!(
            file("b", Some(b"\0"), None, false),
            "diff --git a/b b/b\ndeleted file\nBinary files a/b and /dev/null differ\n"
        );
        assert!(file("a", Some(b"x\n"), Some(b"y\n"), true).contains("\u{1b}[31m-x\u{1b}["));
    }
}
