//! Plots: what `dvc.yaml` says about them, their data, and their Vega-Lite form.
//!
//! [`definition`] says which plots there are and how they are drawn, [`data`] turns a file's bytes
//! into rows, [`points`] picks the two columns of each curve, [`vega`] fills templates. Reading files
//! of revisions is `ops::plots`, drawing the page is `ui::plots_page`.

pub mod base64;
pub mod data;
pub mod definition;
pub mod points;
pub mod vega;

pub use definition::{Definition, Props};
pub use points::{Series, Source};

/// The field that unites y columns of different names, as DVC calls it.
pub const UNITED_Y: &str = "dvc_inferred_y_value";
/// The field that unites x columns of different names.
pub const UNITED_X: &str = "dvc_inferred_x_value";
/// The field of row numbers, as DVC calls it.
pub const INDEX: &str = "step";
/// The template of a plot that names none.
pub const DEFAULT_TEMPLATE: &str = "linear";

/// One plot with its data of all revisions.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// A path, or the title that `dvc.yaml` gave it.
    pub id: String,
    /// What it shows.
    pub content: Content,
}

/// What a plot shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Rows to draw.
    Chart(Chart),
    /// Pictures as they are, one per revision that has it.
    Images(Vec<Image>),
}

/// Rows to draw and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Its heading.
    pub title: String,
    /// A built-in template's name, or what names a custom one.
    pub template: String,
    /// The field of each row that goes along x.
    pub x: String,
    /// The field of each row that goes along y.
    pub y: String,
    /// Title of the x axis.
    pub x_label: String,
    /// Title of the y axis.
    pub y_label: String,
    /// The curves, grouped by revision, in the order of the revisions.
    pub series: Vec<Series>,
}

/// One revision's picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The revision as typed.
    pub revision: String,
    /// Its file.
    pub file: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Image {
    /// Returns the picture as a URL that holds all of it.
    pub fn data_uri(&self) -> String {
        let kind = data::image_type(&self.file).unwrap_or("application/octet-stream");
        format!("data:{kind};base64,{}", base64::encode(&self.bytes))
    }
}

/// Why a plot, or one file of it, is not there for a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The plot; absent when the revision's `dvc.yaml` itself could not be read.
    pub plot: Option<String>,
    /// The revision as typed.
    pub revision: String,
    /// The file.
    pub source: Option<String>,
    /// Why.
    pub message: String,
}

impl Chart {
    /// Returns what tells `series` from the others: the revision, and file and field where these differ.
    pub fn label(&self, series: &Series) -> String {
        let differs =
            |part: fn(&Series) -> &str| self.series.iter().any(|other| part(other) != part(series));
        let file = differs(|series| &series.file);
        let field = differs(|series| &series.field);
        if !file && !field {
            return series.revision.clone();
        }
        let mut parts = Vec::new();
        if differs(|series| &series.revision) {
            parts.push(series.revision.as_str());
        }
        if file {
            parts.push(&series.file);
        }
        if field {
            parts.push(&series.field);
        }
        parts.join("::")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(revision: &str, file: &str, field: &str) -> Series {
        Series {
            revision: revision.into(),
            file: file.into(),
            field: field.into(),
            rows: Vec::new(),
        }
    }

    fn labels(series: Vec<Series>) -> Vec<String> {
        let chart = Chart {
            title: "t".into(),
            template: DEFAULT_TEMPLATE.into(),
            x: INDEX.into(),
            y: "loss".into(),
            x_label: INDEX.into(),
            y_label: "loss".into(),
            series,
        };
        chart.series.iter().map(|one| chart.label(one)).collect()
    }

    #[test]
    fn a_label_is_the_revision_where_nothing_else_differs() {
        assert_eq!(
            labels(vec![
                series("HEAD", "a.tsv", "loss"),
                series("a1~2", "a.tsv", "loss")
            ]),
            ["HEAD", "a1~2"]
        );
    }

    #[test]
    fn a_label_names_file_and_field_where_they_differ() {
        assert_eq!(
            labels(vec![
                series("HEAD", "a.tsv", "loss"),
                series("HEAD", "a.tsv", "acc")
            ]),
            ["loss", "acc"]
        );
        assert_eq!(
            labels(vec![
                series("HEAD", "a.tsv", "loss"),
                series("x", "b.tsv", "acc")
            ]),
            ["HEAD::a.tsv::loss", "x::b.tsv::acc"]
        );
    }
}
