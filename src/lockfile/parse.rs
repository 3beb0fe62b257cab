//! The tree of a `dvc.lock` to its entries.

use super::{LockEntry, LockedHash, LockedPath, Lockfile, SCHEMA, STAGES, VERSION};
use crate::digest::Format;
use crate::error::{Error, Result};
use crate::value::{Key, Map, Value};
use crate::yaml::{Node, NodeKind};

/// Reads the nodes of a file.
pub(super) struct Parser<'text> {
    /// What messages call the file.
    pub(super) origin: &'text str,
}

impl Parser<'_> {
    fn error(&self, node: &Node, what: impl AsRef<str>) -> Error {
        node.error(self.origin, what)
    }

    fn entries<'node>(&self, node: &'node Node, what: &str) -> Result<&'node [(Node, Node)]> {
        node.as_map()
            .ok_or_else(|| self.error(node, format!("{what} must be a mapping")))
    }

    fn items<'node>(&self, node: &'node Node, what: &str) -> Result<&'node [Node]> {
        node.as_list()
            .ok_or_else(|| self.error(node, format!("{what} must be a list")))
    }

    fn key(&self, node: &Node) -> Result<Key> {
        node.to_key()
            .ok_or_else(|| self.error(node, "a key must be a scalar"))
    }

    /// Reads the whole file.
    pub(super) fn lockfile(&self, node: &Node) -> Result<Lockfile> {
        let origin = self.origin;
        if node.is_null() {
            return Err(Error::corrupt(format!("'{origin}' is empty")).hint(format!(
                "restore it with 'git checkout -- {origin}', or remove it to run all stages anew"
            )));
        }
        let entries = self.entries(node, "a lockfile")?;
        match node.get(SCHEMA) {
            Some(version) if version.as_str() == Some(VERSION) => {}
            Some(version) => {
                let message = "the schema must be '2.0'; this file is of an unknown version of DVC";
                return Err(self.error(version, message));
            }
            None => {
                return Err(Error::refused(format!(
                    "'{origin}' has the format of DVC 1, without a schema"
                ))
                .hint("run 'dvc repro' of DVC 2 once: it brings the file up to date"));
            }
        }
        let mut lockfile = Lockfile::default();
        let mut stages_seen = false;
        for (key, value) in entries {
            let name = self.key(key)?;
            match name.as_str() {
                SCHEMA => {}
                STAGES if value.is_null() => stages_seen = true,
                STAGES => {
                    stages_seen = true;
                    for (name, entry) in self.entries(value, "'stages'")? {
                        let name = self.key(name)?;
                        let entry = self.entry(entry, &name)?;
                        lockfile.stages.insert(name.into(), entry);
                    }
                }
                _ => {
                    lockfile.others.insert(name, value.to_value());
                    lockfile.others_first += usize::from(!stages_seen);
                }
            }
        }
        Ok(lockfile)
    }

    /// Reads the entry of one stage.
    pub(super) fn entry(&self, node: &Node, stage: &str) -> Result<LockEntry> {
        let mut entry = LockEntry::default();
        for (key, value) in self.entries(node, &format!("the entry of stage '{stage}'"))? {
            match self.key(key)?.as_str() {
                "cmd" => entry.cmd = Some(self.cmd(value)?),
                "deps" => entry.deps = self.paths(value, "'deps'")?,
                "outs" => entry.outs = self.paths(value, "'outs'")?,
                "params" => {
                    for (file, params) in self.entries(value, "'params'")? {
                        let file = self.key(file)?;
                        self.entries(params, &format!("the params of '{file}'"))?;
                        if let Value::Map(map) = params.to_value() {
                            entry.params.insert(file.into(), map);
                        }
                    }
                }
                other => {
                    let what = format!("unknown key '{other}' in stage '{stage}'");
                    return Err(self.error(key, what));
                }
            }
        }
        Ok(entry)
    }

    fn cmd(&self, node: &Node) -> Result<Value> {
        let value = node.to_value();
        match &value {
            Value::Str(_) => Ok(value),
            Value::List(items) if items.iter().all(|item| item.as_str().is_some()) => Ok(value),
            _ => Err(self.error(node, "'cmd' must be text or a list of texts")),
        }
    }

    fn paths(&self, node: &Node, what: &str) -> Result<Vec<LockedPath>> {
        self.items(node, what)?
            .iter()
            .map(|item| self.path(item))
            .collect()
    }

    fn path(&self, node: &Node) -> Result<LockedPath> {
        let mut path = None;
        let mut format = Format::V2;
        let mut md5 = None;
        let (mut size, mut nfiles, mut isexec) = (None, None, false);
        let mut others = Map::new();
        let entries = self.entries(node, "the entry of a path")?;
        // without an md5 (an etag of an import, files in the cloud) everything stays as it is
        let is_md5 = node.get("md5").is_some();
        for (key, value) in entries {
            let key = self.key(key)?;
            match key.as_str() {
                "path" => path = Some(self.text(value, "'path'")?),
                "hash" if is_md5 => match self.text(value, "'hash'")?.as_str() {
                    "md5" => format = Format::V3,
                    other => {
                        return Err(self.error(value, format!("unknown kind of hash '{other}'")));
                    }
                },
                "md5" => md5 = Some(self.md5(value)?),
                "size" if is_md5 => size = Some(self.count(value, "'size'")?),
                "nfiles" if is_md5 => nfiles = Some(self.count(value, "'nfiles'")?),
                "isexec" if is_md5 => {
                    isexec = value
                        .as_bool()
                        .ok_or_else(|| self.error(value, "'isexec' must be true or false"))?;
                }
                _ => {
                    others.insert(key, value.to_value());
                }
            }
        }
        Ok(LockedPath {
            path: path.ok_or_else(|| self.error(node, "an entry without 'path'"))?,
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

    /// Returns a scalar's text even if it looks like a number: people edit lockfiles by hand.
    fn text(&self, node: &Node, what: &str) -> Result<String> {
        match &node.kind {
            NodeKind::Scalar { text, .. } if !node.is_null() => Ok(text.clone()),
            _ => Err(self.error(node, format!("{what} must be text"))),
        }
    }

    /// An md5 becomes a path in the cache, so it must be one.
    fn md5(&self, node: &Node) -> Result<String> {
        let text = self.text(node, "'md5'")?;
        let digits = text.strip_suffix(".dir").unwrap_or(&text);
        match digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            true => Ok(text),
            false => Err(self.error(node, format!("'{text}' is no md5"))),
        }
    }

    fn count(&self, node: &Node, what: &str) -> Result<u64> {
        match node.to_value() {
            Value::Int(count) => u64::try_from(count).ok(),
            _ => None,
        }
        .ok_or_else(|| self.error(node, format!("{what} must be a whole number")))
    }
}
