//! From tables to curves: which column goes along x, which along y.
//!
//! Without `y` it is the last field of a file's first row; without `x` it is the field `step` where
//! the rows have one, else their number. (DVC writes the number over an existing `step`, so that a
//! resumed or thinned history is drawn at the wrong places.)

use super::data::Table;
use super::definition::{Axis, Definition, Props};
use super::{Chart, DEFAULT_TEMPLATE, INDEX, UNITED_X, UNITED_Y};
use crate::error::{Error, Result};
use crate::value::{Key, Map, Value};
use std::collections::BTreeMap;

/// One revision's rows for one y column.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// The revision as typed.
    pub revision: String,
    /// The file of the y column.
    pub file: String,
    /// The y column; with the list in the file that it is from, where there are several.
    pub field: String,
    /// The rows, with all their fields.
    pub rows: Vec<Map>,
}

/// Tables by file; a file that is absent in a revision has no entry.
pub type Source = BTreeMap<String, Vec<Table>>;

/// A series before its columns have their common names.
struct Column {
    x: String,
    y: String,
    series: Series,
}

/// Builds the chart of one plot from every revision that has it: `(revision, its definition, its data)`.
///
/// The first revision's properties count, completed by those of the others. Errors of a revision
/// are given to `failed`; a chart may have no series at all.
pub fn chart(
    revisions: &[(String, Definition, Source)],
    mut failed: impl FnMut(&str, Error),
) -> Chart {
    let id = revisions
        .first()
        .map_or("", |(_, definition, _)| &definition.id);
    let mut props = Props::default();
    for (_, definition, _) in revisions {
        props = props.or(&definition.props);
    }
    let mut columns = Vec::new();
    for (revision, definition, source) in revisions {
        match of_revision(revision, definition, &props, source) {
            Ok(found) => columns.extend(found),
            Err(error) => failed(revision, error),
        }
    }
    let x = common(columns.iter().map(|column| &column.x));
    let y = common(columns.iter().map(|column| &column.y));
    let series = columns.into_iter().map(|column| {
        let mut series = column.series;
        for (common, united, own) in [(&x, UNITED_X, &column.x), (&y, UNITED_Y, &column.y)] {
            if common.is_none() {
                copy_field(&mut series.rows, own, united);
            }
        }
        series
    });
    Chart {
        title: props.title.unwrap_or_else(|| id.to_owned()),
        template: props.template.unwrap_or_else(|| DEFAULT_TEMPLATE.into()),
        series: series.collect(),
        x_label: props
            .x_label
            .unwrap_or_else(|| x.clone().unwrap_or_else(|| "x".into())),
        y_label: props
            .y_label
            .unwrap_or_else(|| y.clone().unwrap_or_else(|| "y".into())),
        x: x.unwrap_or_else(|| UNITED_X.into()),
        y: y.unwrap_or_else(|| UNITED_Y.into()),
    }
}

/// Returns the one name that all have, or `None`.
fn common<'a>(mut names: impl Iterator<Item = &'a String>) -> Option<String> {
    let first = names.next()?;
    names.all(|name| name == first).then(|| first.clone())
}

fn copy_field(rows: &mut [Map], from: &str, to: &str) {
    for row in rows {
        if let Some(value) = row.get(from).cloned() {
            row.insert(Key::from(to), value);
        }
    }
}

fn of_revision(
    revision: &str,
    definition: &Definition,
    props: &Props,
    source: &Source,
) -> Result<Vec<Column>> {
    let wanted = wanted(definition, props, source);
    let xs = match &props.x {
        Some(Axis::ByFile(files)) => pairs(files),
        _ => Vec::new(),
    };
    if xs.len() > 1 && xs.len() != wanted.len() {
        return Err(Error::refused(format!(
            "'{}' has {} columns along x and {} along y",
            definition.id,
            xs.len(),
            wanted.len()
        )));
    }
    let mut columns = Vec::new();
    for (at, (file, field)) in wanted.into_iter().enumerate() {
        let Some(tables) = source.get(&file) else {
            continue;
        };
        let holding: Vec<&Table> = tables.iter().filter(|table| table.has(&field)).collect();
        if holding.is_empty() {
            return Err(no_field(&file, &field, tables));
        }
        for table in &holding {
            let mut rows = table.rows.clone();
            let x = match (&props.x, xs.get(at).or(xs.first())) {
                (_, Some((x_file, x_field))) => {
                    let tables = source.get(x_file).map_or(&[][..], Vec::as_slice);
                    join(&mut rows, table, x_file, x_field, tables)?;
                    x_field.clone()
                }
                (Some(Axis::Fields(fields)), None) if !fields.is_empty() => {
                    let x = fields[0].clone();
                    join(&mut rows, table, &file, &x, tables)?;
                    x
                }
                _ => default_x(&mut rows, &field, template(props)),
            };
            columns.push(Column {
                x,
                y: field.clone(),
                series: Series {
                    revision: revision.to_owned(),
                    file: file.clone(),
                    field: match holding.len() {
                        1 => field.clone(),
                        _ => format!("{}.{field}", table.path),
                    },
                    rows,
                },
            });
        }
    }
    Ok(columns)
}

fn template(props: &Props) -> &str {
    props.template.as_deref().unwrap_or(DEFAULT_TEMPLATE)
}

/// Lists the y columns as (file, field); a file without rows and without a named field has none.
fn wanted(definition: &Definition, props: &Props, source: &Source) -> Vec<(String, String)> {
    match &props.y {
        Some(Axis::ByFile(files)) => pairs(files),
        Some(Axis::Fields(fields)) => {
            let files = definition.files.iter();
            files
                .flat_map(|file| {
                    fields
                        .iter()
                        .map(move |field| (file.clone(), field.clone()))
                })
                .collect()
        }
        None => {
            let last = |file: &String| {
                let first_row = source.get(file)?.first()?.rows.first()?;
                let (field, _) = first_row.last()?;
                Some((file.clone(), field.to_string()))
            };
            definition.files.iter().filter_map(last).collect()
        }
    }
}

fn pairs(files: &[(String, Vec<String>)]) -> Vec<(String, String)> {
    let each = |(file, fields): &(String, Vec<String>)| {
        let pairs = fields.iter().map(|field| (file.clone(), field.clone()));
        pairs.collect::<Vec<_>>()
    };
    files.iter().flat_map(each).collect()
}

/// Makes `field` of another table, row by row, a field of `rows`; nothing to do where they have it.
fn join(rows: &mut [Map], own: &Table, file: &str, field: &str, tables: &[Table]) -> Result<()> {
    if tables.iter().any(|table| std::ptr::eq(table, own)) && own.has(field) {
        return Ok(());
    }
    let Some(table) = tables.iter().find(|table| table.has(field)) else {
        return Err(no_field(file, field, tables));
    };
    if table.rows.len() != rows.len() {
        return Err(Error::corrupt(format!(
            "'{field}' of '{file}' has {} rows, what is drawn over it has {}",
            table.rows.len(),
            rows.len()
        )));
    }
    for (row, other) in rows.iter_mut().zip(&table.rows) {
        if let Some(value) = other.get(field) {
            row.insert(Key::from(field), value.clone());
        }
    }
    Ok(())
}

/// Returns the field along x where nobody named one, writing row numbers if there is none.
///
/// A matrix has two named sides: its x is the first field that is not y.
fn default_x(rows: &mut [Map], y: &str, template: &str) -> String {
    if template.starts_with("confusion") {
        let other = rows
            .first()
            .and_then(|row| row.keys().find(|key| key.as_str() != y));
        if let Some(other) = other {
            return other.to_string();
        }
    }
    let everywhere = rows.iter().all(|row| row.contains_key(INDEX));
    if y == INDEX || !everywhere {
        for (number, row) in rows.iter_mut().enumerate() {
            row.insert(Key::from(INDEX), Value::from(number as u64));
        }
    }
    INDEX.to_owned()
}

fn no_field(file: &str, field: &str, tables: &[Table]) -> Error {
    let mut known: Vec<&str> = Vec::new();
    for row in tables.iter().filter_map(|table| table.rows.first()) {
        for key in row.keys() {
            if !known.contains(&key.as_str()) {
                known.push(key.as_str());
            }
        }
    }
    let error = Error::missing(format!("no field '{field}' in '{file}'"));
    match known.is_empty() {
        true => error,
        false => error.hint(format!("its fields are: {}", known.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::data;

    fn source(files: &[(&str, &str)]) -> Source {
        let parse = |(path, text): &(&str, &str)| {
            let tables = data::parse(path, text.as_bytes(), true).unwrap();
            ((*path).to_owned(), tables)
        };
        files.iter().map(parse).collect()
    }

    fn definition(id: &str, files: &[&str], props: &str) -> Definition {
        Definition {
            id: id.into(),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            props: Props::of(&Value::from_json(props, "props").unwrap()),
        }
    }

    fn build(definition: Definition, files: &[(&str, &str)]) -> (Chart, Vec<String>) {
        let mut failures = Vec::new();
        let revisions = [("HEAD".to_owned(), definition, source(files))];
        let chart = chart(&revisions, |revision, error| {
            failures.push(format!("{revision}: {}", error.chain()))
        });
        (chart, failures)
    }

    /// `revision file field: x/y x/y …` per series.
    fn draw(chart: &Chart) -> Vec<String> {
        let field = |row: &Map, name: &str| {
            let value = row.get(name);
            value.map_or("?".to_owned(), |value| {
                value.to_python_json().replace('"', "")
            })
        };
        let line = |series: &Series| {
            let points = series
                .rows
                .iter()
                .map(|row| format!(" {}/{}", field(row, &chart.x), field(row, &chart.y)));
            let points: String = points.collect();
            format!(
                "{} {} {}:{points}",
                series.revision, series.file, series.field
            )
        };
        chart.series.iter().map(line).collect()
    }

    #[test]
    fn y_is_the_last_field_and_x_the_row_number() {
        let (chart, failures) = build(
            definition("a.csv", &["a.csv"], "null"),
            &[("a.csv", "lr,loss\n0.1,3\n0.2,2\n")],
        );
        assert_eq!(failures, Vec::<String>::new());
        assert_eq!(draw(&chart), ["HEAD a.csv loss: 0/3 1/2"]);
        assert_eq!(
            (chart.x_label.as_str(), chart.y_label.as_str()),
            ("step", "loss")
        );
        assert_eq!(
            (chart.title.as_str(), chart.template.as_str()),
            ("a.csv", "linear")
        );
    }

    #[test]
    fn the_steps_of_a_history_are_kept() {
        let (chart, _) = build(
            definition("a.tsv", &["a.tsv"], "null"),
            &[("a.tsv", "timestamp\tstep\tloss\n9\t10\t3\n9\t20\t2\n")],
        );
        assert_eq!(draw(&chart), ["HEAD a.tsv loss: 10/3 20/2"]);
    }

    #[test]
    fn lists_of_one_file_are_curves_of_their_own() {
        let text =
            r#"{"train": [{"loss": 1}, {"loss": 2}], "val": [{"loss": 5}], "t": [{"z": 1}]}"#;
        let (chart, _) = build(
            definition("a.json", &["a.json"], "null"),
            &[("a.json", text)],
        );
        assert_eq!(
            draw(&chart),
            [
                "HEAD a.json train.loss: 0/1 1/2",
                "HEAD a.json val.loss: 0/5"
            ]
        );
        assert_eq!(chart.y, "loss");
        assert_eq!(chart.label(&chart.series[1]), "val.loss");
    }

    #[test]
    fn several_fields_are_united() {
        let (chart, _) = build(
            definition(
                "a.csv",
                &["a.csv"],
                r#"{"x": "e", "y": ["acc", "loss"], "title": "T"}"#,
            ),
            &[("a.csv", "e,acc,loss\n1,2,3\n")],
        );
        assert_eq!(
            draw(&chart),
            ["HEAD a.csv acc: 1/2", "HEAD a.csv loss: 1/3"]
        );
        assert_eq!(chart.y, UNITED_Y);
        assert_eq!((chart.x_label.as_str(), chart.y_label.as_str()), ("e", "y"));
        assert_eq!(chart.title, "T");
    }

    #[test]
    fn x_may_come_from_another_file_of_the_same_length() {
        let by_file = r#"{"x": {"x.csv": "epoch"}, "y": {"a.csv": "acc", "b.csv": ["acc"]}}"#;
        let files = [
            ("x.csv", "epoch\n10\n20\n"),
            ("a.csv", "acc\n1\n2\n"),
            ("b.csv", "acc\n3\n4\n"),
        ];
        let (chart, failures) = build(definition("T", &["a.csv", "b.csv"], by_file), &files);
        assert_eq!(failures, Vec::<String>::new());
        assert_eq!(
            draw(&chart),
            ["HEAD a.csv acc: 10/1 20/2", "HEAD b.csv acc: 10/3 20/4"]
        );
        let (chart, failures) = build(
            definition(
                "T",
                &["a.csv"],
                r#"{"x": {"x.csv": "epoch"}, "y": {"a.csv": "acc"}}"#,
            ),
            &[("x.csv", "epoch\n1\n"), ("a.csv", "acc\n1\n2\n")],
        );
        assert!(chart.series.is_empty());
        assert_eq!(
            failures,
            ["HEAD: 'epoch' of 'x.csv' has 1 rows, what is drawn over it has 2"]
        );
    }

    #[test]
    fn an_unknown_field_is_named() {
        let (_, failures) = build(
            definition("a.csv", &["a.csv"], r#"{"y": "acc"}"#),
            &[("a.csv", "step,loss\n1,2\n")],
        );
        assert_eq!(failures, ["HEAD: no field 'acc' in 'a.csv'"]);
    }

    #[test]
    fn a_matrix_has_two_sides() {
        let (chart, _) = build(
            definition("p.json", &["p.json"], r#"{"template": "confusion"}"#),
            &[("p.json", r#"[{"actual": "cat", "predicted": "dog"}]"#)],
        );
        assert_eq!(draw(&chart), ["HEAD p.json predicted: cat/dog"]);
        assert_eq!(chart.x_label, "actual");
    }

    #[test]
    fn revisions_that_lack_a_file_have_no_series() {
        let one = definition("a.csv", &["a.csv"], "null");
        let revisions = [
            (
                "workspace".to_owned(),
                one.clone(),
                source(&[("a.csv", "l\n1\n")]),
            ),
            ("a1".to_owned(), one, Source::new()),
        ];
        let chart = chart(&revisions, |_, _| {});
        assert_eq!(draw(&chart), ["workspace a.csv l: 0/1"]);
    }
}
