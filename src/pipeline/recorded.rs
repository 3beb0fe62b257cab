//! What `dvc.lock` and `.dvc` files record of a path: its md5 and size, or what a cloud says of it.

use super::schema::File;
use crate::digest::{self, Format};
use crate::error::Result;
use crate::lockfile::LockedHash;
use crate::value::Value;
use crate::yaml::{Node, NodeKind};
use std::fmt::Display;

/// The keys that an entry of `dvc.lock` may have.
pub(crate) const LOCK_KEYS: &[&str] = &[
    "path",
    "hash",
    "md5",
    "size",
    "nfiles",
    "isexec",
    "etag",
    "checksum",
    "version_id",
    "cloud",
    "files",
    "dataset",
];

/// What an entry of a `.dvc` file records.
#[derive(Default)]
pub(super) struct Recorded {
    md5: Option<String>,
    format: Option<Format>,
    size: Option<u64>,
    nfiles: Option<u64>,
    isexec: bool,
}

impl Recorded {
    /// Takes a key, or checks it if it says nothing that is needed here.
    pub fn take(
        &mut self,
        file: File<'_>,
        key: &str,
        value: &Node,
        what: &dyn Display,
    ) -> Result<()> {
        match key {
            "md5" => self.md5 = md5(file, value, what)?,
            "hash" => self.format = Some(hash(file, value, what)?),
            "size" => self.size = Some(count(file, value, what)?),
            "nfiles" => self.nfiles = Some(count(file, value, what)?),
            "isexec" => self.isexec = file.flag(value, what)?,
            _ => check(file, key, value, what)?,
        }
        Ok(())
    }

    /// Returns what was there, if it has an md5.
    pub fn hash(self) -> Option<LockedHash> {
        Some(LockedHash {
            format: self.format.unwrap_or(Format::V2),
            md5: self.md5?,
            size: self.size,
            nfiles: self.nfiles,
            isexec: self.isexec,
        })
    }
}

const CLOUD_KEYS: &[&str] = &[
    "md5",
    "size",
    "nfiles",
    "isexec",
    "etag",
    "checksum",
    "version_id",
];

const FILE_KEYS: &[&str] = &[
    "relpath",
    "md5",
    "size",
    "nfiles",
    "isexec",
    "etag",
    "checksum",
    "version_id",
    "cloud",
];

fn check_all(file: File<'_>, node: &Node, allowed: &[&str], whole: &dyn Display) -> Result<()> {
    for (key, _, value) in file.known_map(node, whole, allowed)? {
        check(file, key, value, &format_args!("'{key}' of {whole}"))?;
    }
    Ok(())
}

/// Reads an md5, which becomes a path in the cache; `None` where nothing was recorded.
///
/// One of digits only is no text to YAML, and DVC reads both cases.
pub(crate) fn md5(file: File<'_>, node: &Node, what: &dyn Display) -> Result<Option<String>> {
    let text = match node.kind.text() {
        Some(text) if node.is_null() || text.is_empty() => return Ok(None),
        Some(text) => text.to_ascii_lowercase(),
        None => return Err(file.wrong(node, what, MD5)),
    };
    match digest::is_md5(text.strip_suffix(".dir").unwrap_or(&text)) {
        true => Ok(Some(text)),
        false => Err(file.error(node, format!("{what} must be {MD5}, not '{text}'"))),
    }
}

const MD5: &str = "32 hex digits";

/// Reads `hash`, which only entries of DVC 3 have.
pub(crate) fn hash(file: File<'_>, node: &Node, what: &dyn Display) -> Result<Format> {
    match node.as_str() {
        Some("md5") => Ok(Format::V3),
        _ => Err(file.wrong(node, what, "'md5'")),
    }
}

/// Reads how many bytes or files there are.
pub(crate) fn count(file: File<'_>, node: &Node, what: &dyn Display) -> Result<u64> {
    match node.to_value() {
        Value::Int(number) => u64::try_from(number).ok(),
        _ => None,
    }
    .ok_or_else(|| file.wrong(node, what, "a whole number"))
}

/// Checks a key whose value nobody here reads.
pub(crate) fn check(file: File<'_>, key: &str, node: &Node, what: &dyn Display) -> Result<()> {
    match key {
        "etag" | "checksum" | "md5" => match &node.kind {
            NodeKind::Scalar {
                value,
                is_date: false,
                ..
            } => {
                let text = node.kind.text().unwrap_or_default();
                let is_name = matches!(value, Value::Str(_) | Value::Int(_));
                let is_absent = node.is_null() || (text.is_empty() && is_name);
                match is_absent || (is_name && text.chars().count() >= 3) {
                    true => Ok(()),
                    false => Err(file.wrong(node, what, "text of three letters or more")),
                }
            }
            _ => Err(file.wrong(node, what, "text of three letters or more")),
        },
        "size" | "nfiles" => count(file, node, what).map(drop),
        "isexec" => file.flag(node, what).map(drop),
        "hash" | "version_id" => file.text(node, what).map(drop),
        "dataset" | "fs_config" => file.map(node, what).map(drop),
        "cloud" => {
            let remotes = file.map(node, what)?;
            if remotes.len() > 1 {
                return Err(file.error(node, format!("{what} must be one remote, not several")));
            }
            for (remote, _, recorded) in remotes {
                check_all(
                    file,
                    recorded,
                    CLOUD_KEYS,
                    &format_args!("'{remote}' in {what}"),
                )?;
            }
            Ok(())
        }
        "files" => {
            for (position, item) in file.list(node, what)?.iter().enumerate() {
                let what = format!("entry {} of {what}", position + 1);
                check_all(file, item, FILE_KEYS, &what)?;
                if item.get("relpath").is_none() {
                    return Err(file.error(item, format!("{what} has no 'relpath'")));
                }
            }
            Ok(())
        }
        "relpath" => file.text_as(node, what, "a path").map(drop),
        _ => Ok(()),
    }
}
