//! The tree of a `dvc.lock` to its entries.

use super::{LockEntry, LockedHash, LockedPath, Lockfile, SCHEMA, STAGES, VERSION};
use crate::digest::Format;
use crate::error::Result;
use crate::pipeline::recorded;
use crate::pipeline::schema::{File, item_of};
use crate::value::{Key, Map, Value};
use crate::yaml::Node;
use std::fmt::Display;

const KEYS: &[&str] = &[SCHEMA, STAGES, "datasets"];
const STAGE_KEYS: &[&str] = &["cmd", "deps", "params", "outs"];

/// Reads the whole file.
pub(super) fn lockfile(file: File<'_>, node: &Node) -> Result<Lockfile> {
    let origin = file.origin;
    if node.is_null() {
        return Err(file.error(node, "the file is empty").hint(format!(
            "restore it with 'git checkout -- {origin}', or remove it to run all stages anew"
        )));
    }
    file.map(node, &"the file")?;
    match node.get(SCHEMA) {
        Some(version) if version.as_str() == Some(VERSION) => {}
        Some(version) => {
            let error = file.wrong(version, &"'schema'", &format!("'{VERSION}'"));
            return Err(error.hint("the file may be of another version of DVC"));
        }
        None => {
            let what = "the file has the format of DVC 1, without a schema";
            let hint = "run 'dvc repro' of DVC 2 once: it brings the file up to date";
            return Err(file.unsupported(node, what, hint));
        }
    }
    let mut lockfile = Lockfile::default();
    let mut stages_seen = false;
    for (key, _, value) in file.known_map(node, &"the file", KEYS)? {
        match key {
            SCHEMA => {}
            STAGES => {
                stages_seen = true;
                for (name, _, node) in file.map(value, &"'stages'")? {
                    let entry = entry(file, node, &format_args!("stage '{name}'"))?;
                    lockfile.stages.insert(name.to_owned(), entry);
                }
            }
            _ => {
                lockfile.others.insert(Key::from(key), value.to_value());
                lockfile.others_first += usize::from(!stages_seen);
            }
        }
    }
    Ok(lockfile)
}

/// Reads the entry of one stage, which messages call `whole`.
pub(super) fn entry(file: File<'_>, node: &Node, whole: &dyn Display) -> Result<LockEntry> {
    let mut entry = LockEntry::default();
    for (key, _, value) in file.known_map(node, whole, STAGE_KEYS)? {
        let what = format_args!("'{key}' of {whole}");
        match key {
            "cmd" => entry.cmd = Some(cmd(file, value, &what)?),
            "deps" => entry.deps = paths(file, value, &what)?,
            "outs" => entry.outs = paths(file, value, &what)?,
            _ => {
                for (written, _, params) in file.map(value, &what)? {
                    file.map(params, &format_args!("'{written}' in {what}"))?;
                    if let Value::Map(map) = params.to_value() {
                        entry.params.insert(written.to_owned(), map.into_inner());
                    }
                }
            }
        }
    }
    match entry.cmd {
        Some(_) => Ok(entry),
        None => Err(file.error(node, format!("{whole} has no 'cmd'"))),
    }
}

fn cmd(file: File<'_>, node: &Node, what: &dyn Display) -> Result<Value> {
    match node.as_list() {
        None => drop(file.text_as(node, what, "a command or a list of commands")?),
        Some(items) => {
            for item in items {
                file.text(item, &item_of(what))?;
            }
        }
    }
    Ok(node.to_value())
}

fn paths(file: File<'_>, node: &Node, what: &dyn Display) -> Result<Vec<LockedPath>> {
    let items = file.list(node, what)?.iter().enumerate();
    items
        .map(|(position, item)| {
            path(
                file,
                item,
                &format_args!("entry {} of {what}", position + 1),
            )
        })
        .collect()
}

fn path(file: File<'_>, node: &Node, whole: &dyn Display) -> Result<LockedPath> {
    let mut path = None;
    let mut format = Format::V2;
    let mut md5 = None;
    let (mut size, mut nfiles, mut isexec) = (None, None, false);
    let mut others = Map::new();
    let entries = file.known_map(node, whole, recorded::LOCK_KEYS)?;
    // without an md5 (an etag of an import, files in the cloud) everything stays as it is
    let is_said = |md5: &Node| !md5.is_null() && md5.as_str() != Some("");
    let is_md5 = node.get("md5").is_some_and(is_said);
    for (key, _, value) in entries {
        let what = format_args!("'{key}' of {whole}");
        match key {
            "path" => path = Some(file.text_as(value, &what, "a path")?),
            "md5" => md5 = recorded::md5(file, value, &what)?,
            "hash" if is_md5 => format = recorded::hash(file, value, &what)?,
            "size" if is_md5 => size = Some(recorded::count(file, value, &what)?),
            "nfiles" if is_md5 => nfiles = Some(recorded::count(file, value, &what)?),
            "isexec" if is_md5 => isexec = file.flag(value, &what)?,
            _ => {
                recorded::check(file, key, value, &what)?;
                others.insert(Key::from(key), value.to_value());
            }
        }
    }
    Ok(LockedPath {
        path: path.ok_or_else(|| file.error(node, format!("{whole} has no 'path'")))?,
        hash: md5.map(|md5| LockedHash {
            format,
            md5,
            size,
            nfiles,
            isexec,
        }),
        others,
    })
}
