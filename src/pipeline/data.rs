//! `.dvc` files: data that `dvc add` and imports track, which stages read.
//!
//! ```yaml
//! outs:
//! - md5: ad92f9d89fddcdd781e1d732359e6c81.dir
//!   size: 42
//!   nfiles: 8
//!   hash: md5
//!   path: data
//! ```
//!
//! Files of DVC 2 have no `hash`. Imports say under `deps` what they read; what that is in another
//! repository or at an address is not looked at.

mod contents;

use super::check::{Placed, Spot};
use super::outputs::{Paths, check_property};
use super::paths::{is_outside, is_url};
use super::recorded::{self, Recorded};
use super::schema::File;
use super::stage::{Output, OutputKind, Stage};
use crate::error::Result;
use crate::lockfile::LockedHash;
use crate::yaml::{self, Node};
use indexmap::IndexMap;

/// How the name of such a file ends.
pub const SUFFIX: &str = ".dvc";

const KEYS: &[&str] = &[
    "outs",
    "deps",
    "wdir",
    "frozen",
    "md5",
    "desc",
    "meta",
    "always_changed",
    "locked",
];
const OUT_KEYS: &[&str] = &[
    "path",
    "md5",
    "hash",
    "size",
    "nfiles",
    "isexec",
    "cache",
    "remote",
    "push",
    "persist",
    "desc",
    "type",
    "labels",
    "meta",
    "etag",
    "checksum",
    "version_id",
    "cloud",
    "files",
    "fs_config",
    // of DVC 2
    "metric",
    "plot",
    "checkpoint",
];

/// One `.dvc` file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DataFile {
    /// Its path, outputs and dependencies, as a stage without a name and a command.
    pub stage: Stage,
    /// What each output was when it was recorded, in their order; `None` where that is no md5.
    pub recorded: Vec<Option<LockedHash>>,
    /// Which entry of `outs` each of them is.
    positions: Vec<usize>,
    /// What it comes from: `dvc import`, `dvc import-url`.
    pub sources: Vec<Source>,
    /// Its text.
    pub text: String,
}

const DEP_KEYS: &[&str] = &[
    "path",
    "md5",
    "hash",
    "size",
    "nfiles",
    "isexec",
    "persist",
    "etag",
    "checksum",
    "version_id",
    "cloud",
    "files",
    "fs_config",
    "repo",
    "db",
];

/// What the data of a `.dvc` file comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The path, relative to the project's root or absolute; `None` for what is in another repository, in
    /// a database or at an address.
    pub path: Option<String>,
    /// As it is written.
    pub written: String,
    /// What was there when it was recorded; `None` where that is no md5.
    pub recorded: Option<LockedHash>,
}

impl DataFile {
    /// Whether its one output is its one source, brought here.
    pub fn is_import(&self) -> bool {
        self.sources.len() == 1 && self.stage.outs.len() == 1
    }

    /// Returns the path of which its output is a copy, if it is to follow it: it is not frozen, or there
    /// has never been a copy.
    pub fn follows(&self) -> Option<&Source> {
        let source = self.sources.first().filter(|_| self.is_import())?;
        let never = self.recorded.iter().all(Option::is_none);
        (source.path.is_some() && (never || !self.stage.frozen)).then_some(source)
    }

    /// Returns the path of the `.dvc` file, relative to the project's root.
    pub fn path(&self) -> &str {
        &self.stage.file
    }
}

/// Parses the text of a `.dvc` file.
pub(super) fn parse(text: &str, file: File<'_>) -> Result<(DataFile, Placed)> {
    let root = yaml::parse(text, file.origin)?;
    let mut data = DataFile {
        text: text.to_owned(),
        stage: Stage {
            file: file.origin.to_owned(),
            ..Stage::default()
        },
        ..DataFile::default()
    };
    let mut place = Placed::new(Spot::of(file, &root));
    if let Some(cmd) = root.get("cmd") {
        let what = "a stage in a '.dvc' file, which DVC wrote before 1.0, is not supported";
        return Err(file.unsupported(cmd, what, "move it to a 'dvc.yaml'"));
    }
    let entries = file.known_map(&root, &"the file", KEYS)?;
    let base = match root.get("wdir").filter(|node| !node.is_null()) {
        Some(node) => file.inner_path(file.folder, node, &"'wdir'")?,
        None => file.folder.to_owned(),
    };
    data.stage.wdir.clone_from(&base);
    let mut paths = Paths {
        file,
        base,
        spellings: IndexMap::new(),
    };
    for (key, _, value) in entries {
        let what = format!("'{key}'");
        match key {
            "frozen" | "locked" => data.stage.frozen |= file.flag(value, &what)?,
            "always_changed" => drop(file.flag(value, &what)?),
            "desc" => data.stage.desc = Some(file.text(value, &what)?),
            "meta" => data.stage.meta = Some(value.to_value()),
            "deps" if !value.is_null() => {
                for (position, item) in file.list(value, &what)?.iter().enumerate() {
                    let what = format!("entry {} of {what}", position + 1);
                    data.sources.push(read_source(&paths, item, &what)?);
                }
            }
            "md5" => recorded::check(file, key, value, &what)?,
            "outs" if !value.is_null() => {
                for (position, item) in file.list(value, &what)?.iter().enumerate() {
                    read_out(&mut paths, item, position, &mut data, &mut place)?;
                }
            }
            _ => {}
        }
    }
    data.stage.spellings = paths.spellings;
    Ok((data, place))
}

fn read_out(
    paths: &mut Paths<'_>,
    item: &Node,
    position: usize,
    data: &mut DataFile,
    place: &mut Placed,
) -> Result<()> {
    let file = paths.file;
    let what = format!("entry {} of 'outs'", position + 1);
    let entries = file.known_map(item, &what, OUT_KEYS)?;
    let Some(path_node) = item.get("path") else {
        return Err(file.error(item, format!("{what} has no 'path'")));
    };
    let path_of = format!("'path' of {what}");
    let written = file.text_as(path_node, &path_of, "a path")?;
    match file.resolve(&paths.base, &written) {
        // nothing of that is ours to fetch or to store
        Err(problem) if problem.is_ours() => return Ok(()),
        Ok(path) if is_outside(&path) => return Ok(()),
        _ => {}
    }
    let path = paths.read(path_node, &path_of)?;
    let mut out = Output::new(path, OutputKind::Out);
    let mut recorded = Recorded::default();
    for (key, _, value) in entries {
        let what = format!("'{key}' of {what}");
        match key {
            "cache" => out.cache = file.flag(value, &what)?,
            "persist" => out.persist = file.flag(value, &what)?,
            "push" => out.push = file.flag(value, &what)?,
            "remote" => out.remote = Some(file.text(value, &what)?),
            "metric" => out.kind = OutputKind::Metric,
            "plot" => out.kind = OutputKind::Plot,
            "desc" | "type" | "labels" | "meta" => check_property(file, key, value, &what)?,
            _ => recorded.take(file, key, value, &what)?,
        }
    }
    data.recorded.push(recorded.hash());
    data.positions.push(position);
    place.outs.push(Spot::of(file, path_node));
    data.stage.outs.push(out);
    Ok(())
}

fn read_source(paths: &Paths<'_>, item: &Node, what: &str) -> Result<Source> {
    let file = paths.file;
    let mut recorded = Recorded::default();
    for (key, _, value) in file.known_map(item, &what, DEP_KEYS)? {
        let what = format!("'{key}' of {what}");
        match key {
            "path" => drop(file.text_as(value, &what, "a path")?),
            "persist" => drop(file.flag(value, &what)?),
            "repo" | "db" => drop(file.map(value, &what)?),
            _ => recorded.take(file, key, value, &what)?,
        }
    }
    let is_elsewhere = item.get("repo").is_some() || item.get("db").is_some();
    let path_of = format!("'path' of {what}");
    let (written, path) = match item.get("path") {
        Some(node) if !is_elsewhere => {
            let path = file.dependency(&paths.base, node, &path_of)?;
            let path = Some(path).filter(|path| !is_url(path));
            (file.text(node, &path_of)?, path)
        }
        Some(node) => (file.text(node, &path_of)?, None),
        None if item.get("db").is_some() => (String::new(), None),
        None => return Err(file.error(item, format!("{what} has no 'path'"))),
    };
    Ok(Source {
        path,
        written,
        recorded: recorded.hash(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Format;

    pub(super) fn parsed(path: &str, text: &str) -> Result<DataFile> {
        let file = File {
            origin: path,
            folder: super::super::paths::folder(path),
            sources: &super::super::template::Alone,
            is_draft: false,
        };
        parse(text, file).map(|(data, _)| data)
    }

    pub(super) const OLD: &str = "\
# where it comes from
outs:
- md5: 0123456789abcdef0123456789abcdef.dir   # all of it
  size: 42
  nfiles: 8
  path: ../data
  desc: kept
meta: {by: me}
";

    #[test]
    fn reads_both_formats() {
        let old = parsed("in/x.dvc", OLD).unwrap();
        assert_eq!(old.stage.outs[0].path, "data");
        let recorded = old.recorded[0].as_ref().unwrap();
        assert_eq!((recorded.format, recorded.nfiles), (Format::V2, Some(8)));
        assert_eq!(old.sources, []);
        let import = parsed(
            "a.dvc",
            "md5: 59b0d7772f0561efb95518f3cb8abc60\nfrozen: true\nwdir: sub\ndeps:\n- path: a\n  repo: {url: x, rev_lock: y}\nouts:\n- {md5: 0123456789abcdef0123456789abcdef, size: 1, hash: md5, path: a}\n",
        )
        .unwrap();
        assert!(import.is_import() && import.stage.frozen);
        assert_eq!(import.sources[0].path, None);
        assert_eq!(import.stage.outs[0].path, "sub/a");
        assert_eq!(import.recorded[0].as_ref().unwrap().format, Format::V3);
        let outside = parsed("a.dvc", "outs:\n- {etag: x, path: 's3://b/x'}\n").unwrap();
        assert_eq!(outside.stage.outs, []);
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let said = |text| parsed("a.dvc", text).unwrap_err().to_string();
        assert_eq!(
            said("out: []\n"),
            "cannot parse 'a.dvc', line 1, column 1: unknown key 'out' in the file"
        );
        assert_eq!(
            said("outs:\n- {path: a, md: x}\n"),
            "cannot parse 'a.dvc', line 2, column 13: unknown key 'md' in entry 1 of 'outs'"
        );
        assert_eq!(
            said("cmd: x\nouts: []\n"),
            "a stage in a '.dvc' file, which DVC wrote before 1.0, is not supported ('a.dvc', line 1, column 6)"
        );
    }
}
