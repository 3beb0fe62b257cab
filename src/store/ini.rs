//! The syntax of DVC's config files: that of Python's ConfigObj.
//!
//! Quoted values, lists with commas, `#` comments, sections like `['remote "name"']`. No crate reads
//! it: git's config has other quotes, other comments and other names of sections.

use crate::error::{Error, Result};
use indexmap::IndexMap;
use std::path::Path;

/// Sections in the order of the file, each with its keys and values.
pub(super) type Sections = Vec<(String, IndexMap<String, String>)>;

/// Parses the text of `file`. Sections and keys come in lower case, what stands above the first
/// section under an empty name, a list's items joined by commas. An error names the line.
pub(super) fn parse(text: &str, file: &Path) -> Result<Sections> {
    let mut sections: Sections = Vec::new();
    let mut current = IndexMap::new();
    let mut name = String::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| {
            Error::refused(format!(
                "bad config line {} in '{}': {what}",
                number + 1,
                file.display()
            ))
        };
        let line = if number == 0 {
            line.trim_start_matches('\u{feff}').trim()
        } else {
            line.trim()
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') {
            let section = section_name(line).ok_or_else(|| wrong("not a section"))?;
            let section = normal_remote(section.to_lowercase());
            sections.push((
                std::mem::replace(&mut name, section),
                std::mem::take(&mut current),
            ));
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .ok_or_else(|| wrong("neither a section nor 'key = value'"))?;
        let key = unquoted(key.trim()).to_lowercase();
        let value = value_of(value).ok_or_else(|| wrong("the value's quotes do not match"))?;
        if current.insert(key, value).is_some() {
            return Err(wrong("the key is there twice"));
        }
    }
    sections.push((name, current));
    Ok(sections)
}

/// Returns the name in a section's name `remote "name"`, or `None` for another section.
pub(super) fn remote_name(section: &str) -> Option<&str> {
    section
        .strip_prefix("remote")?
        .trim()
        .strip_prefix('"')?
        .strip_suffix('"')
}

/// `remote   "x"` as `remote "x"`.
fn normal_remote(section: String) -> String {
    match remote_name(&section) {
        Some(name) => format!("remote \"{name}\""),
        None => section,
    }
}

/// The name in a line `[name]`, quotes around it taken off; `None` if it is none.
pub(super) fn section_name(line: &str) -> Option<&str> {
    let inner = line.trim().strip_prefix('[')?;
    let end = inner.match_indices(']').map(|(at, _)| at).find(|at| {
        let rest = inner[at + 1..].trim_start();
        rest.is_empty() || rest.starts_with('#')
    })?;
    let name = unquoted(inner[..end].trim());
    (!name.is_empty() && !name.starts_with('[')).then_some(name)
}

/// Whether a line begins the section of that name, as [`parse`] has it.
pub(super) fn is_section(line: &str, section: &str) -> bool {
    let name = section_name(line.trim());
    name.is_some_and(|name| normal_remote(name.to_lowercase()) == section)
}

fn unquoted(text: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = text
            .strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote))
        {
            return inner;
        }
    }
    text
}

/// A value without quotes and comment, a list's items joined by commas; `None` if quotes do not match.
fn value_of(text: &str) -> Option<String> {
    let mut items = Vec::new();
    let mut rest = text.trim();
    loop {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (item, after) = match quote {
            Some(quote) => {
                let (item, after) = rest[1..].split_once(quote)?;
                (item, after.trim_start())
            }
            None => {
                let end = rest.find([',', '#']).unwrap_or(rest.len());
                (rest[..end].trim(), &rest[end..])
            }
        };
        let ends = after.is_empty() || after.starts_with('#');
        // A comma at the end makes a list of what stands before it.
        if !(ends && item.is_empty() && quote.is_none() && !items.is_empty()) {
            items.push(item);
        }
        if ends {
            return Some(items.join(","));
        }
        rest = after.strip_prefix(',')?.trim_start();
    }
}
