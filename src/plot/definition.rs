//! Which plots there are and how `dvc.yaml`, or the command line, wants them drawn.

use crate::value::{Map, Value};

/// One plot of one revision.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Definition {
    /// A path, or the title that `dvc.yaml` gave it.
    pub id: String,
    /// The files whose rows it draws.
    pub files: Vec<String>,
    /// How it is drawn.
    pub props: Props,
}

impl Definition {
    /// Lists the files to read: those of the rows, and those that only give x.
    pub fn sources(&self) -> Vec<String> {
        let mut sources = self.files.clone();
        for axis in [&self.props.y, &self.props.x] {
            if let Some(Axis::ByFile(files)) = axis {
                for (file, _) in files {
                    if !sources.contains(file) {
                        sources.push(file.clone());
                    }
                }
            }
        }
        sources
    }
}

/// How a plot is drawn; what is absent is inferred from the data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Props {
    /// What goes along x.
    pub x: Option<Axis>,
    /// What goes along y.
    pub y: Option<Axis>,
    /// A built-in template's name, the name of one in `.dvc/plots`, or a path.
    pub template: Option<String>,
    /// Its heading.
    pub title: Option<String>,
    /// Title of the x axis.
    pub x_label: Option<String>,
    /// Title of the y axis.
    pub y_label: Option<String>,
    /// Whether the first line of CSV and TSV names the columns.
    pub header: Option<bool>,
}

/// The fields along an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Axis {
    /// Fields of every file of the plot.
    Fields(Vec<String>),
    /// Fields by file.
    ByFile(Vec<(String, Vec<String>)>),
}

impl Axis {
    /// Returns an axis of one field.
    pub fn field(name: impl Into<String>) -> Axis {
        Axis::Fields(vec![name.into()])
    }

    fn of(value: &Value) -> Option<Axis> {
        Some(match value {
            Value::Map(map) => Axis::ByFile(
                map.iter()
                    .map(|(file, fields)| (file.to_string(), texts(fields)))
                    .collect(),
            ),
            other => Axis::Fields(texts(other)),
        })
        .filter(|axis| match axis {
            Axis::Fields(fields) => !fields.is_empty(),
            Axis::ByFile(files) => !files.is_empty(),
        })
    }
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Null | Value::Map(_) => Vec::new(),
        Value::Str(text) => vec![text.clone()],
        scalar => vec![scalar.to_python_json()],
    }
}

impl Props {
    /// Reads the properties of `dvc.yaml`; keys that are not about drawing are passed over.
    pub fn of(value: &Value) -> Props {
        let none = Map::new();
        let map = value.as_map().unwrap_or(&none);
        let text = |key: &str| texts(map.get(key)?).into_iter().next();
        Props {
            x: map.get("x").and_then(Axis::of),
            y: map.get("y").and_then(Axis::of),
            template: text("template"),
            title: text("title"),
            x_label: text("x_label"),
            y_label: text("y_label"),
            header: map.get("header").and_then(Value::as_bool),
        }
    }

    /// Returns these properties, completed by `other`.
    pub fn or(&self, other: &Props) -> Props {
        let text =
            |own: &Option<String>, other: &Option<String>| own.as_ref().or(other.as_ref()).cloned();
        Props {
            x: self.x.as_ref().or(other.x.as_ref()).cloned(),
            y: self.y.as_ref().or(other.y.as_ref()).cloned(),
            template: text(&self.template, &other.template),
            title: text(&self.title, &other.title),
            x_label: text(&self.x_label, &other.x_label),
            y_label: text(&self.y_label, &other.y_label),
            header: self.header.or(other.header),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn props(json: &str) -> Props {
        Props::of(&Value::from_json(json, "test").unwrap())
    }

    #[test]
    fn axes_have_the_three_forms_of_dvc_yaml() {
        assert_eq!(
            props(r#"{"x": "step", "y": ["acc", "loss"]}"#),
            Props {
                x: Some(Axis::field("step")),
                y: Some(Axis::Fields(vec!["acc".into(), "loss".into()])),
                ..Props::default()
            }
        );
        assert_eq!(
            props(r#"{"y": {"a.csv": "acc", "b.csv": ["x", "y"]}}"#).y,
            Some(Axis::ByFile(vec![
                ("a.csv".into(), vec!["acc".into()]),
                ("b.csv".into(), vec!["x".into(), "y".into()]),
            ]))
        );
        assert_eq!(props("null"), Props::default());
        assert_eq!(props(r#"{"y": {}, "x": 0}"#).x, Some(Axis::field("0")));
        assert_eq!(props(r#"{"y": {}}"#).y, None);
    }

    #[test]
    fn what_is_absent_is_completed() {
        let own = props(r#"{"title": "mine", "header": false}"#);
        let other = props(r#"{"title": "theirs", "template": "simple", "header": true}"#);
        let both = own.or(&other);
        assert_eq!(both.title.as_deref(), Some("mine"));
        assert_eq!(both.template.as_deref(), Some("simple"));
        assert_eq!(both.header, Some(false));
    }
}
