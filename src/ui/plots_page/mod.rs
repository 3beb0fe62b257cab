//! The page of plots: one HTML file that needs no network, drawn by plotly in the browser.
//!
//! Rust decides what is a number and what belongs together; the script beside this file draws it in
//! the reader's light or dark theme. A content security policy in the page forbids every request, so
//! that a page that opens is a page that is complete. `document.title` says when all is drawn.

use crate::plot::{Chart, Content, Image, Plot, Series, data};
use crate::value::{Map, Value};
use serde_json::json;

/// How many distinct labels a side of a matrix may have; more cannot be read.
const MATRIX_SIDE: usize = 200;

/// Returns the script elements of the library that draws: some megabytes.
///
/// Only the binary that writes pages may call this: it links the library into it.
pub fn library() -> String {
    let all = plotly::Plot::offline_js_sources();
    // what follows the first element typesets formulas, which no plot of ours has
    let end = "</script>";
    match all.find(end) {
        Some(at) => all[..at + end.len()].to_owned(),
        None => all,
    }
}

/// Returns the page for plots of these revisions (as typed, in the order of their colours).
///
/// `library` is what [`library`] returns.
pub fn html(plots: &[Plot], revisions: &[String], library: &str) -> String {
    let count = match plots.len() {
        1 => "1 plot".to_owned(),
        count => format!("{count} plots"),
    };
    let page = json!({
        "title": format!("{count}: {}", revisions.join(", ")),
        "revisions": revisions,
        "plots": plots.iter().map(|plot| card(plot, revisions)).collect::<Vec<_>>(),
    });
    // within a script element only '<' can end or hide it
    let data = page.to_string().replace('<', "\\u003c");
    let mut html = String::with_capacity(library.len() + data.len() + 32 * 1024);
    let mut rest = include_str!("page.html");
    for (mark, text) in [
        ("<!--STYLE-->\n", include_str!("page.css")),
        ("<!--DATA-->", &data),
        ("<!--LIBRARY-->", library),
        ("<!--SCRIPT-->\n", include_str!("page.js")),
    ] {
        if let Some((before, after)) = rest.split_once(mark) {
            html.push_str(before);
            html.push_str(text);
            rest = after;
        }
    }
    html.push_str(rest);
    html
}

fn card(plot: &Plot, revisions: &[String]) -> serde_json::Value {
    match &plot.content {
        Content::Images(images) => images_card(&plot.id, images, revisions),
        Content::Chart(chart) => match chart.template.as_str() {
            "confusion" => matrix_card(chart, revisions, false),
            "confusion_normalized" => matrix_card(chart, revisions, true),
            _ => series_card(chart, revisions),
        },
    }
}

fn position(revisions: &[String], revision: &str) -> usize {
    let found = revisions.iter().position(|known| known == revision);
    found.unwrap_or(0)
}

fn images_card(id: &str, images: &[Image], revisions: &[String]) -> serde_json::Value {
    let image = |image: &Image| {
        json!({
            "revision": position(revisions, &image.revision),
            "label": image.revision,
            "file": image.file,
            "source": image.data_uri(),
        })
    };
    json!({
        "kind": "images",
        "title": id,
        "images": images.iter().map(image).collect::<Vec<_>>(),
    })
}

fn series_card(chart: &Chart, revisions: &[String]) -> serde_json::Value {
    let kind = match chart.template.as_str() {
        "scatter" | "scatter_jitter" => "points",
        "bar_horizontal" | "bar_horizontal_sorted" => "bars",
        _ => "lines",
    };
    let built_in = crate::plot::vega::built_in(&chart.template).is_some();
    let note = format!(
        "drawn as lines: the template '{}' is for --show-vega and --json",
        chart.template
    );
    // curves of one revision share its colour; what else differs is told by the dash
    let mut columns: Vec<(&str, &str)> = Vec::new();
    let mut series = Vec::new();
    for one in &chart.series {
        let column = (one.file.as_str(), one.field.as_str());
        let dash = columns.iter().position(|known| *known == column);
        let dash = dash.unwrap_or_else(|| {
            columns.push(column);
            columns.len() - 1
        });
        series.push(json!({
            "revision": position(revisions, &one.revision),
            "label": chart.label(one),
            "dash": dash,
            "x": axis(&one.rows, &chart.x, false),
            "y": axis(&one.rows, &chart.y, kind == "bars"),
        }));
    }
    json!({
        "kind": kind,
        "title": chart.title,
        "xLabel": chart.x_label,
        "yLabel": chart.y_label,
        "jitter": chart.template == "scatter_jitter",
        "sorted": chart.template == "bar_horizontal_sorted",
        "smooth": chart.template == "smooth",
        "series": series,
        "note": if built_in { None } else { Some(note) },
    })
}

/// Returns a column: numbers if all of it can be read as numbers (NaN and infinities are gaps), else text.
fn axis(rows: &[Map], field: &str, as_text: bool) -> Vec<serde_json::Value> {
    let values: Vec<Option<&Value>> = rows.iter().map(|row| present(row, field)).collect();
    let numbers = !as_text
        && values
            .iter()
            .flatten()
            .all(|value| data::number(value).is_some());
    let cell = |value: Option<&Value>| match value {
        None => serde_json::Value::Null,
        Some(Value::Int(number)) if numbers => json!(number),
        Some(value) if numbers => json!(data::number(value).filter(|number| number.is_finite())),
        Some(value) => json!(label(value)),
    };
    values.into_iter().map(cell).collect()
}

/// Returns a field of a row; null and empty text count as absent.
fn present<'r>(row: &'r Map, field: &str) -> Option<&'r Value> {
    row.get(field)
        .filter(|value| !matches!(value, Value::Null) && value.as_str() != Some(""))
}

fn label(value: &Value) -> String {
    crate::value::python::text(value, None)
}

fn matrix_card(chart: &Chart, revisions: &[String], normalized: bool) -> serde_json::Value {
    let mut note = None;
    let mut x = labels(chart, &chart.x);
    let mut y = labels(chart, &chart.y);
    for side in [&mut x, &mut y] {
        if side.len() > MATRIX_SIDE {
            note = Some(format!(
                "the first {MATRIX_SIDE} of {} labels of a side",
                side.len()
            ));
            side.truncate(MATRIX_SIDE);
        }
    }
    let matrix = |series: &Series| {
        json!({
            "revision": position(revisions, &series.revision),
            "label": chart.label(series),
            "x": x,
            "y": y,
            "cells": cells(series, chart, &x, &y, normalized),
        })
    };
    json!({
        "kind": "matrix",
        "title": chart.title,
        "xLabel": chart.x_label,
        "yLabel": chart.y_label,
        "normalized": normalized,
        "matrices": chart.series.iter().map(matrix).collect::<Vec<_>>(),
        "note": note,
    })
}

/// Lists the labels of one side over all revisions, so that the matrices have the same shape.
///
/// In the order of numbers if all are, else of text.
fn labels(chart: &Chart, field: &str) -> Vec<String> {
    let rows = chart.series.iter().flat_map(|series| &series.rows);
    let mut labels: Vec<String> = rows
        .filter_map(|row| present(row, field))
        .map(label)
        .collect();
    labels.sort();
    labels.dedup();
    let number = |label: &String| label.parse::<f64>().ok();
    if labels.iter().all(|label| number(label).is_some()) {
        labels.sort_by(|a, b| {
            let (a, b) = (number(a).unwrap_or(0.0), number(b).unwrap_or(0.0));
            a.total_cmp(&b)
        });
    }
    labels
}

/// Counts rows per cell: one list per y label; normalized, as shares of their y label.
fn cells(
    series: &Series,
    chart: &Chart,
    x: &[String],
    y: &[String],
    normalized: bool,
) -> serde_json::Value {
    let place = |labels: &[String]| -> std::collections::HashMap<String, usize> {
        let numbered = labels.iter().enumerate();
        numbered.map(|(at, label)| (label.clone(), at)).collect()
    };
    let (columns, lines) = (place(x), place(y));
    let mut counts = vec![vec![0_u64; x.len()]; y.len()];
    for row in &series.rows {
        let at = |field, places: &std::collections::HashMap<String, usize>| {
            places.get(&label(present(row, field)?)).copied()
        };
        if let (Some(column), Some(line)) = (at(&chart.x, &columns), at(&chart.y, &lines)) {
            counts[line][column] += 1;
        }
    }
    if !normalized {
        return json!(counts);
    }
    let share = |line: Vec<u64>| -> Vec<f64> {
        let total = line.iter().sum::<u64>().max(1);
        let shares = line.iter().map(|count| *count as f64 / total as f64);
        shares.collect()
    };
    json!(counts.into_iter().map(share).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Definition, Props, Source, points};

    fn plot(id: &str, template: &str, text: &str, revisions: &[&str]) -> Plot {
        let tables = data::parse(id, text.as_bytes(), true).unwrap();
        let definition = Definition {
            id: id.into(),
            files: vec![id.into()],
            props: Props {
                template: Some(template.into()),
                ..Props::default()
            },
        };
        let each = |revision: &&str| {
            let source = Source::from([(id.to_owned(), tables.clone())]);
            ((*revision).to_owned(), definition.clone(), source)
        };
        let revisions: Vec<_> = revisions.iter().map(each).collect();
        Plot {
            id: id.into(),
            content: Content::Chart(points::chart(&revisions, |_, error| {
                panic!("{}", error.chain())
            })),
        }
    }

    fn card_of(plot: &Plot) -> serde_json::Value {
        card(plot, &["HEAD".to_owned(), "x~1".to_owned()])
    }

    #[test]
    fn text_that_reads_as_numbers_is_drawn_as_numbers_and_nan_is_a_gap() {
        let text = "step\tloss\n0\t0.5\n1\tnan\n2\t\n3\tinf\n4\t1e-07\n";
        let card = card_of(&plot("a.tsv", "linear", text, &["HEAD", "x~1"]));
        assert_eq!(card["kind"], "lines");
        assert_eq!(card["series"][0]["x"].to_string(), "[0.0,1.0,2.0,3.0,4.0]");
        assert_eq!(
            card["series"][1]["y"].to_string(),
            "[0.5,null,null,null,1e-7]"
        );
        assert_eq!(card["series"][1]["label"], "x~1");
        assert_eq!(card["series"][1]["revision"], 1);
        assert_eq!(card["xLabel"], "step");
    }

    #[test]
    fn a_matrix_counts_and_has_the_same_sides_for_all() {
        let text = r#"[{"actual": 10, "predicted": 9}, {"actual": 9, "predicted": 9}, {"actual": 10, "predicted": 9}]"#;
        let card = card_of(&plot("p.json", "confusion", text, &["HEAD", "x~1"]));
        assert_eq!(card["matrices"][0]["x"].to_string(), r#"["9","10"]"#);
        assert_eq!(card["matrices"][0]["y"].to_string(), r#"["9"]"#);
        assert_eq!(card["matrices"][1]["cells"].to_string(), "[[1,2]]");
        let card = card_of(&plot("p.json", "confusion_normalized", text, &["HEAD"]));
        let share = &card["matrices"][0]["cells"][0][1];
        assert!((share.as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn bars_keep_their_categories_as_text() {
        let card = card_of(&plot(
            "b.csv",
            "bar_horizontal_sorted",
            "step,n\n1,7\n",
            &["HEAD"],
        ));
        assert_eq!(card["kind"], "bars");
        assert_eq!(card["series"][0]["y"].to_string(), r#"["7"]"#);
        assert_eq!(card["sorted"], true);
    }

    #[test]
    fn an_own_template_is_drawn_as_lines_and_says_so() {
        let card = card_of(&plot("a.csv", "mine.json", "l\n1\n", &["HEAD"]));
        assert_eq!(card["kind"], "lines");
        assert!(card["note"].as_str().unwrap().contains("'mine.json'"));
    }

    #[test]
    fn nothing_in_the_data_ends_the_script() {
        let evil = Plot {
            id: "</script><script>alert(1)</script>.csv".into(),
            content: Content::Images(vec![Image {
                revision: "<!--".into(),
                file: "a.png".into(),
                bytes: vec![1, 2, 3],
            }]),
        };
        let page = html(&[evil], &["<!--".to_owned()], "<script>library</script>");
        assert_eq!(page.matches("</script>").count(), 3);
        assert_eq!(page.matches("<!--").count(), 0);
        assert!(page.contains(r"\u003c/script>\u003cscript>alert"));
        assert!(page.contains("data:image/png;base64,AQID"));
    }

    #[test]
    fn the_page_asks_for_nothing() {
        let page = html(&[], &["HEAD".to_owned()], "");
        for forbidden in ["http://", "https://", "src=\"", "@import", "url("] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_library_is_one_script() {
        let library = library();
        assert!(library.starts_with("<script") && library.ends_with("</script>"));
        assert_eq!(library.matches("</script>").count(), 1);
        assert!(library.len() > 1_000_000);
    }
}
