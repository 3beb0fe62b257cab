//! Vega-Lite: templates by DVC's names, and filling their anchors.
//!
//! A template is JSON; each `<DVC_METRIC_…>` in it is replaced. `"<DVC_METRIC_DATA>"` must be there;
//! the others are `TITLE`, `X`, `Y`, `X_LABEL`, `Y_LABEL`. In field names `.`, `[` and `]` get a
//! backslash, as Vega wants it. NaN and infinities become null: Vega draws a gap, and every JSON
//! reader accepts it.

use super::{Chart, Series};
use crate::error::{Error, Result};
use crate::value::{Key, Map, Value};

/// The built-in templates in the order in which they are listed.
pub const TEMPLATES: [(&str, &str); 9] = [
    ("simple", include_str!("templates/simple.json")),
    ("linear", include_str!("templates/linear.json")),
    ("confusion", include_str!("templates/confusion.json")),
    (
        "confusion_normalized",
        include_str!("templates/confusion_normalized.json"),
    ),
    ("scatter", include_str!("templates/scatter.json")),
    (
        "scatter_jitter",
        include_str!("templates/scatter_jitter.json"),
    ),
    ("smooth", include_str!("templates/smooth.json")),
    (
        "bar_horizontal_sorted",
        include_str!("templates/bar_horizontal_sorted.json"),
    ),
    (
        "bar_horizontal",
        include_str!("templates/bar_horizontal.json"),
    ),
];

/// The field of a row that tells the curves apart.
const REVISION: &str = "rev";
/// The field of a row that DVC's `--json` has instead.
const VERSION: &str = "dvc_data_version_info";

/// Returns the text of a built-in template, or `None`.
pub fn built_in(name: &str) -> Option<&'static str> {
    let (_, text) = TEMPLATES.iter().find(|(known, _)| *known == name)?;
    Some(text)
}

/// Parses a template's text; `origin` is its path or name.
///
/// Errors when it is no JSON or has no place for the data.
pub fn parse(text: &str, origin: &str) -> Result<Value> {
    let template = Value::from_json(text, origin)?;
    if !mentions(&template, &anchor("data")) {
        return Err(
            Error::corrupt(format!("no \"{}\" in template '{origin}'", anchor("data")))
                .hint("use 'git exp plots templates linear' to see a template"),
        );
    }
    Ok(template)
}

fn anchor(name: &str) -> String {
    format!("<DVC_METRIC_{}>", name.to_ascii_uppercase())
}

fn mentions(value: &Value, text: &str) -> bool {
    match value {
        Value::Str(own) => own == text,
        Value::List(items) => items.iter().any(|item| mentions(item, text)),
        Value::Map(map) => map.values().any(|item| mentions(item, text)),
        _ => false,
    }
}

/// Returns the template with the chart in it: a Vega-Lite specification.
pub fn fill(template: &Value, chart: &Chart, rows: Value) -> Value {
    let text = |text: &str| Value::from(text);
    let replacements = [
        (anchor("data"), rows),
        (anchor("title"), text(&chart.title)),
        (anchor("x"), text(&escape(&chart.x))),
        (anchor("y"), text(&escape(&chart.y))),
        (anchor("x_label"), text(&chart.x_label)),
        (anchor("y_label"), text(&chart.y_label)),
    ];
    replace(template, &replacements)
}

fn escape(field: &str) -> String {
    let mut escaped = String::with_capacity(field.len());
    for letter in field.chars() {
        if matches!(letter, '.' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn replace(value: &Value, replacements: &[(String, Value)]) -> Value {
    match value {
        Value::Str(text) => {
            if let Some((_, whole)) = replacements.iter().find(|(anchor, _)| anchor == text) {
                return whole.clone();
            }
            let mut text = text.clone();
            for (anchor, value) in replacements {
                if let Value::Str(value) = value {
                    text = text.replace(anchor, value);
                }
            }
            Value::Str(text)
        }
        Value::List(items) => {
            let items = items.iter().map(|item| replace(item, replacements));
            Value::List(items.collect())
        }
        Value::Map(map) => {
            let entries = map
                .iter()
                .map(|(key, item)| (key.clone(), replace(item, replacements)));
            Value::Map(entries.collect())
        }
        other => other.clone(),
    }
}

/// Returns all rows, each with the label of its curve as `rev`.
pub fn labelled_rows(chart: &Chart) -> Value {
    let mut rows = Vec::new();
    for series in &chart.series {
        let label = Value::from(chart.label(series));
        rows.extend(rows_with(series, REVISION, &label));
    }
    Value::from(rows)
}

/// Returns one series' rows as DVC's `--json` has them: revision, file and field in a mapping.
pub fn versioned_rows(series: &Series) -> Vec<Value> {
    let mut version = Map::new();
    for (key, text) in [
        ("revision", &series.revision),
        ("filename", &series.file),
        ("field", &series.field),
    ] {
        version.insert(Key::from(key), Value::from(text.as_str()));
    }
    rows_with(series, VERSION, &Value::from(version))
}

fn rows_with(series: &Series, key: &str, value: &Value) -> Vec<Value> {
    let row = |row: &Map| {
        let mut row: Map = row
            .iter()
            .map(|(key, value)| (key.clone(), finite(value)))
            .collect();
        row.insert(Key::from(key), value.clone());
        Value::from(row)
    };
    series.rows.iter().map(row).collect()
}

/// Returns the value with null where JSON has no number.
fn finite(value: &Value) -> Value {
    match value {
        Value::Float(number) if !number.is_finite() => Value::Null,
        Value::List(items) => Value::List(items.iter().map(finite).collect()),
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, value)| (key.clone(), finite(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Chart {
        let mut row = Map::new();
        row.insert("step".into(), Value::Int(0));
        row.insert("a.b[0]".into(), Value::Float(f64::NAN));
        Chart {
            title: "t.tsv".into(),
            template: "linear".into(),
            x: "step".into(),
            y: "a.b[0]".into(),
            x_label: "step".into(),
            y_label: "loss".into(),
            series: vec![Series {
                revision: "exp-1~2".into(),
                file: "t.tsv".into(),
                field: "a.b[0]".into(),
                rows: vec![row],
            }],
        }
    }

    #[test]
    fn every_built_in_template_is_filled_completely() {
        for (name, text) in TEMPLATES {
            let template = parse(text, name).unwrap();
            let chart = sample();
            let filled = fill(&template, &chart, labelled_rows(&chart)).to_python_json();
            assert!(!filled.contains("<DVC"), "{name}: {filled}");
            assert!(!filled.contains("NaN"), "{name}: {filled}");
            assert!(filled.contains(r#"{"step": 0, "a.b[0]": null, "rev": "exp-1~2"}"#));
            assert!(filled.contains(r#"{"field": "a\\.b\\[0\\]""#), "{name}");
        }
        let names: Vec<&str> = TEMPLATES.iter().map(|(name, _)| *name).collect();
        assert_eq!(
            names.join(" "),
            "simple linear confusion confusion_normalized scatter scatter_jitter smooth \
             bar_horizontal_sorted bar_horizontal"
        );
    }

    #[test]
    fn a_custom_template_may_have_an_anchor_within_text() {
        let text = r#"{"d": "<DVC_METRIC_DATA>", "t": "<DVC_METRIC_TITLE>: <DVC_METRIC_Y_LABEL>"}"#;
        let template = parse(text, "mine.json").unwrap();
        let filled = fill(&template, &sample(), Value::from(vec![]));
        assert_eq!(filled.to_python_json(), r#"{"d": [], "t": "t.tsv: loss"}"#);
    }

    #[test]
    fn a_template_without_data_is_refused() {
        let error = parse(r#"{"data": []}"#, "mine.json").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no \"<DVC_METRIC_DATA>\" in template 'mine.json'"
        );
    }

    #[test]
    fn json_rows_name_revision_file_and_field() {
        let rows = Value::from(versioned_rows(&sample().series[0]));
        assert_eq!(
            rows.to_python_json(),
            r#"[{"step": 0, "a.b[0]": null, "dvc_data_version_info": {"revision": "exp-1~2", "filename": "t.tsv", "field": "a.b[0]"}}]"#
        );
    }
}
