//! Top-level `params`, `metrics`, `plots` and `artifacts`: what is shown, whoever writes it.

use super::outputs::check_property;
use super::paths::below;
use super::schema::{File, item_of};
use super::{Dataset, PIPELINE_FILE, TopPlot};
use crate::error::Result;
use crate::value::{Key, Map, Value};
use crate::yaml::Node;

const PLOT_KEYS: &[&str] = &["x", "y", "x_label", "y_label", "title", "template"];
const ARTIFACT_KEYS: &[&str] = &["path", "desc", "type", "labels", "meta"];

/// Reads a list of paths.
pub(super) fn files(file: File<'_>, node: &Node, what: &str) -> Result<Vec<String>> {
    let mut files: Vec<String> = Vec::new();
    for item in file.list(node, &what)? {
        file.text_as(item, &item_of(&what), "a path")?;
        let path = file.path(file.folder, item, &what)?;
        if !files.contains(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads top-level `plots`: a list of ids and definitions, or (DVC 2) one mapping of definitions.
pub(super) fn plots(file: File<'_>, node: &Node) -> Result<Vec<TopPlot>> {
    let what = "top-level 'plots'";
    let mut plots = Vec::new();
    let items = match (node.as_list(), node.as_map()) {
        (Some(items), _) => items,
        (None, Some(_)) => std::slice::from_ref(node),
        (None, None) => return Err(file.wrong(node, &what, "a list")),
    };
    for item in items {
        if node.as_list().is_some() && item.as_map().is_none() {
            file.text_as(item, &item_of(&what), "a path or a mapping")?;
            let path = file.path(file.folder, item, &what)?;
            plots.push(TopPlot {
                id: path.clone(),
                files: vec![path],
                props: Value::Null,
            });
            continue;
        }
        let definitions = file.map(item, &what)?;
        if definitions.is_empty() && node.as_list().is_some() {
            return Err(file.wrong(item, &item_of(&what), "a path or a mapping"));
        }
        for (id, id_node, definition) in definitions {
            plots.push(plot(file, id, id_node, definition)?);
        }
    }
    Ok(plots)
}

/// Reads one definition; paths in `x` and `y` become relative to the project's root.
fn plot(file: File<'_>, id: &str, id_node: &Node, definition: &Node) -> Result<TopPlot> {
    let what = format!("plot '{id}'");
    let mut files = Vec::new();
    let mut props = Map::new();
    let entries = match definition.is_null() {
        true => Vec::new(),
        false => file.known_map(definition, &what, PLOT_KEYS)?,
    };
    for (key, _, value) in entries {
        let what = format!("'{key}' of {what}");
        let is_axis = key == "x" || key == "y";
        let read = match (value.as_map(), value.as_list()) {
            (Some(_), _) if is_axis => {
                let axis = fields_by_file(file, value, key, &what)?;
                if key == "y" {
                    files = axis.keys().map(|path| path.as_str().to_owned()).collect();
                }
                Value::from(axis)
            }
            (_, Some(items)) if key == "y" => {
                for item in items {
                    file.label(item, &item_of(&what), "text")?;
                }
                value.to_value()
            }
            _ if is_axis => {
                let expected = match key {
                    "y" => "text, a list or a mapping",
                    _ => "text or a mapping",
                };
                file.label(value, &what, expected)?;
                value.to_value()
            }
            _ => {
                check_property(file, key, value, &what)?;
                value.to_value()
            }
        };
        props.insert(key.into(), read);
    }
    let mut id = id.to_owned();
    if files.is_empty() {
        id = file.path(file.folder, id_node, &"top-level 'plots'")?;
        files.push(id.clone());
    }
    let props = match props.is_empty() {
        true => Value::Null,
        false => Value::from(props),
    };
    Ok(TopPlot { id, files, props })
}

/// Reads `{file: field}`; `y` may have a list of fields.
fn fields_by_file(file: File<'_>, node: &Node, key: &str, what: &str) -> Result<Map> {
    let mut fields = Map::new();
    for (written, path_node, field) in file.map(node, &what)? {
        let what = format!("'{written}' in {what}");
        match field.as_list() {
            Some(items) if key == "y" => {
                for item in items {
                    file.label(item, &item_of(&what), "text")?;
                }
            }
            _ if key == "y" => drop(file.label(field, &what, "text or a list")?),
            _ => drop(file.label(field, &what, "text")?),
        }
        let path = file.path(file.folder, path_node, &what)?;
        fields.insert(Key::from(path), field.to_value());
    }
    Ok(fields)
}

/// Reads `datasets`, which are not looked at more than needed.
pub(super) fn datasets(file: File<'_>, node: &Node) -> Result<Vec<Dataset>> {
    let items = file.list(node, &"'datasets'")?.iter().enumerate();
    items
        .map(|(position, item)| {
            dataset(file, item, &format!("entry {} of 'datasets'", position + 1))
        })
        .collect()
}

fn dataset(file: File<'_>, node: &Node, what: &str) -> Result<Dataset> {
    file.map(node, &what)?;
    let get = |key: &str| {
        let found = node.get(key);
        found.ok_or_else(|| file.error(node, format!("{what} has no '{key}'")))
    };
    let kind = get("type")?;
    if !matches!(kind.as_str(), Some("dc" | "dvc" | "url")) {
        return Err(file.wrong(kind, &format!("'type' of {what}"), "'dc', 'dvc' or 'url'"));
    }
    Ok(Dataset {
        name: file.label(get("name")?, &format!("'name' of {what}"), "text")?,
        file: below(file.folder, PIPELINE_FILE),
        spec: node.to_value(),
    })
}

/// Checks `artifacts`, which are kept as written.
pub(super) fn artifacts(file: File<'_>, node: &Node) -> Result<Map> {
    for (name, name_node, definition) in file.map(node, &"'artifacts'")? {
        let what = format!("artifact '{name}'");
        let entries = file.known_map(definition, &what, ARTIFACT_KEYS)?;
        if !entries.iter().any(|(key, _, _)| *key == "path") {
            return Err(file.error(name_node, format!("{what} has no 'path'")));
        }
        for (key, _, value) in entries {
            let what = format!("'{key}' of {what}");
            match key {
                "path" => drop(file.label(value, &what, "a path")?),
                _ => check_property(file, key, value, &what)?,
            }
        }
    }
    Ok(node.to_value().as_map().cloned().unwrap_or_default())
}
