//! `dvc.lock`: read, merge one stage, write byte for byte as DVC does.
//!
//! The format is DVC's (`schema: '2.0'`). Unknown keys are refused, as by DVC; what we have no use for
//! is kept as it was. A text that is read and written stays as DVC wrote it.

mod files;
mod parse;

pub use files::Lockfiles;

use crate::digest::Format;
use crate::error::Result;
use crate::pipeline::schema::File;
use crate::value::{Key, Map, Value};
use crate::yaml;
use indexmap::IndexMap;

const SCHEMA: &str = "schema";
const STAGES: &str = "stages";
const VERSION: &str = "2.0";
const DATASET: &str = "dataset";
/// The params file that stands first.
const DEFAULT_PARAMS: &str = "params.yaml";

/// The whole file, in its order; unknown top-level keys are kept.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lockfile {
    /// Entries by stage name, in the order of first execution.
    pub stages: IndexMap<String, LockEntry>,
    /// Other top-level keys (`datasets` of DVC 3), as they were.
    pub others: Map,
    /// How many of `others` stand before the stages.
    pub others_first: usize,
}

/// What `dvc.lock` says about one stage.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LockEntry {
    /// The resolved command: a string, or a list of strings.
    pub cmd: Option<Value>,
    /// Dependencies, sorted by path.
    pub deps: Vec<LockedPath>,
    /// Params by file, then by dotted name.
    pub params: IndexMap<String, Map>,
    /// Outputs, metrics and plots, sorted by path.
    pub outs: Vec<LockedPath>,
}

/// A path with its recorded content; `hash` is absent for an output that did not exist.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LockedPath {
    /// The path as written in `dvc.yaml`.
    pub path: String,
    /// What it contained.
    pub hash: Option<LockedHash>,
    /// Other keys (`etag`, `version_id`, `files` …), as they were.
    pub others: Map,
}

/// A recorded content.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedHash {
    /// Whether the entry has `hash: md5`.
    pub format: Format,
    /// 32 hex digits, `.dir` behind them for a directory.
    pub md5: String,
    /// Bytes, summed up for a directory.
    pub size: Option<u64>,
    /// Files in a directory.
    pub nfiles: Option<u64>,
    /// Whether the file had its execute bit.
    pub isexec: bool,
}

impl Lockfile {
    /// Parses the text of `origin` (a name for messages, `dvc.lock`). An empty text is damage.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        parse::lockfile(File::named(origin), &yaml::parse(text, origin)?)
    }

    /// Returns the text as DVC writes it: what a stage's params hold twice is an alias there, what two
    /// stages hold is not.
    pub fn to_text(&self) -> String {
        let stages: Map = self
            .stages
            .iter()
            .map(|(name, entry)| (Key::from(name), Value::from(entry.to_map()).apart()))
            .collect();
        let mut document = Map::new();
        document.insert(SCHEMA.into(), VERSION.into());
        let others = |range| self.others.get_range(range).into_iter().flatten();
        let first = self.others_first.min(self.others.len());
        for (key, value) in others(0..first) {
            document.insert(key.clone(), value.clone());
        }
        document.insert(STAGES.into(), Value::from(stages));
        for (key, value) in others(first..self.others.len()) {
            document.insert(key.clone(), value.clone());
        }
        yaml::print::document(&document)
    }

    /// Returns what the file says of a dataset, DVC 3's `datasets`.
    pub fn dataset(&self, name: &str) -> Option<&Value> {
        let is_it = |entry: &&Value| {
            let map = entry.as_map();
            map.and_then(|map| map.get("name")?.as_str()) == Some(name)
        };
        self.others.get("datasets")?.as_list()?.iter().find(is_it)
    }

    /// Records a stage: in the place of its old entry, or behind all others. Sorts as DVC does.
    pub fn set(&mut self, stage: &str, mut entry: LockEntry) {
        entry.sort();
        self.stages.insert(stage.to_owned(), entry);
    }

    /// Returns the format its entries have: V3 if any has `hash: md5`, V2 if any has none, `None` without entries.
    pub fn format(&self) -> Option<Format> {
        let formats = || {
            self.stages
                .values()
                .flat_map(|entry| entry.deps.iter().chain(&entry.outs))
                .filter_map(LockedPath::format)
        };
        match formats().any(|format| format == Format::V3) {
            true => Some(Format::V3),
            false => formats().next(),
        }
    }
}

impl LockEntry {
    /// Parses an entry that stands by itself, as in DVC's run cache.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let node = yaml::parse(text, origin)?;
        parse::entry(File::named(origin), &node, &format_args!("the file"))
    }

    /// Returns the text of the entry by itself.
    pub fn to_text(&self) -> String {
        yaml::print::document(&self.to_map())
    }

    /// Returns the recorded dependency or output of a path.
    pub fn dep(&self, path: &str) -> Option<&LockedPath> {
        self.deps.iter().find(|locked| locked.path == path)
    }

    /// Returns the recorded output of a path.
    pub fn out(&self, path: &str) -> Option<&LockedPath> {
        self.outs.iter().find(|locked| locked.path == path)
    }

    /// Puts everything in DVC's order: paths sorted, `params.yaml` before the other files, names
    /// sorted in each file (what is nested in a param keeps its order).
    pub fn sort(&mut self) {
        self.deps.sort_by(|a, b| a.path.cmp(&b.path));
        self.outs.sort_by(|a, b| a.path.cmp(&b.path));
        self.params
            .sort_by_cached_key(|file, _| (file != DEFAULT_PARAMS, file.clone()));
        for params in self.params.values_mut() {
            params.sort_keys();
        }
    }

    /// Returns the entry as it is written, in its present order.
    pub fn to_map(&self) -> Map {
        let mut map = Map::new();
        if let Some(cmd) = &self.cmd {
            map.insert("cmd".into(), cmd.clone());
        }
        let paths = |paths: &[LockedPath]| {
            Value::List(
                paths
                    .iter()
                    .map(|path| Value::from(path.to_map()))
                    .collect(),
            )
        };
        if !self.deps.is_empty() {
            map.insert("deps".into(), paths(&self.deps));
        }
        if !self.params.is_empty() {
            let params = self
                .params
                .iter()
                .map(|(file, params)| (Key::from(file), Value::from(params.clone())));
            map.insert("params".into(), Value::Map(params.collect()));
        }
        if !self.outs.is_empty() {
            map.insert("outs".into(), paths(&self.outs));
        }
        map
    }
}

impl LockedPath {
    /// Whether it is recorded what was there, in whatever way: of an address that is no md5.
    pub fn is_known(&self) -> bool {
        self.hash.is_some() || !self.others.is_empty()
    }

    /// Returns what is recorded of a dataset, DVC 3's `ds://<name>`.
    pub fn dataset(&self) -> Option<&Value> {
        self.others.get(DATASET)
    }

    /// Returns the entry of a dataset that is `locked` so at the top of the file.
    pub fn of_dataset(path: &str, locked: &Value) -> Self {
        let mut locked = locked.clone();
        if let Value::Map(map) = &mut locked
            && let Some(Value::List(files)) = map.get_mut("files")
        {
            let relpath = |file: &Value| {
                let path = file.as_map().and_then(|file| file.get("relpath")?.as_str());
                path.map(str::to_owned)
            };
            files.sort_by_cached_key(relpath);
        }
        LockedPath {
            path: path.to_owned(),
            hash: None,
            others: Map::from_iter([(DATASET.into(), locked)]),
        }
    }

    /// Returns which of DVC's formats the entry has; `None` if nothing was recorded.
    pub fn format(&self) -> Option<Format> {
        match &self.hash {
            Some(hash) => Some(hash.format),
            None => self.others.contains_key("hash").then_some(Format::V3),
        }
    }

    /// Returns the entry as it is written.
    pub fn to_map(&self) -> Map {
        let mut map = Map::new();
        map.insert("path".into(), self.path.as_str().into());
        if let Some(hash) = &self.hash {
            if hash.format == Format::V3 {
                map.insert("hash".into(), "md5".into());
            }
            map.insert("md5".into(), hash.md5.as_str().into());
            if let Some(size) = hash.size {
                map.insert("size".into(), size.into());
            }
            if let Some(nfiles) = hash.nfiles {
                map.insert("nfiles".into(), nfiles.into());
            }
            if hash.isexec {
                map.insert("isexec".into(), true.into());
            }
        }
        map.extend(self.others.clone());
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;
    use proptest::prelude::*;

    const FILES: [(&str, Option<Format>); 4] = [
        (
            include_str!("../tests/fixtures/lock/dvc-2.58.2.lock"),
            Some(Format::V2),
        ),
        (
            include_str!("../tests/fixtures/lock/dvc-3.67.1.lock"),
            Some(Format::V3),
        ),
        (
            include_str!("../tests/fixtures/lock/mixed.lock"),
            Some(Format::V3),
        ),
        (
            include_str!("../tests/fixtures/lock/aliases.lock"),
            Some(Format::V3),
        ),
    ];

    #[test]
    fn files_of_both_dvcs_stay_as_they_are() {
        for (text, format) in FILES {
            let mut lockfile = Lockfile::parse(text, "dvc.lock").expect("reads");
            assert_eq!(lockfile.to_text(), text);
            assert_eq!(lockfile.format(), format);
            // and they are in the order that we bring entries into
            for (name, entry) in lockfile.stages.clone() {
                lockfile.set(&name, entry);
            }
            assert_eq!(lockfile.to_text(), text);
        }
    }

    #[test]
    fn an_entry_is_read_in_full() {
        let lockfile = Lockfile::parse(FILES[1].0, "dvc.lock").expect("reads");
        let entry = &lockfile.stages["prep"];
        assert_eq!(
            entry.out("out.txt"),
            Some(&LockedPath {
                path: "out.txt".to_owned(),
                hash: Some(LockedHash {
                    format: Format::V3,
                    md5: "59b0d7772f0561efb95518f3cb8abc60".to_owned(),
                    size: Some(6),
                    nfiles: None,
                    isexec: true,
                }),
                others: Map::new(),
            })
        );
        assert_eq!(
            entry.dep("d").and_then(|dep| dep.hash.as_ref()?.nfiles),
            Some(2)
        );
        assert_eq!(
            entry.params["params.yaml"].get("layers.0.units"),
            Some(&Value::Int(32))
        );
    }

    #[test]
    fn new_entries_are_sorted_as_dvc_sorts_them() {
        let path = |path: &str| LockedPath {
            path: path.to_owned(),
            ..LockedPath::default()
        };
        let params = |names: &[&str]| -> Map {
            names
                .iter()
                .map(|name| (Key::from(*name), Value::Null))
                .collect()
        };
        let entry = LockEntry {
            cmd: Some("run".into()),
            deps: vec![path("b"), path("B"), path("a")],
            params: IndexMap::from([
                ("z.yaml".to_owned(), params(&["x"])),
                ("params.yaml".to_owned(), params(&["b", "a.c", "a"])),
                ("a.json".to_owned(), params(&[])),
            ]),
            outs: vec![path("model.txt")],
        };
        let mut lockfile = Lockfile::default();
        lockfile.set("train", entry);
        assert_eq!(
            lockfile.to_text(),
            "schema: '2.0'\n\
             stages:\n  \
               train:\n    \
                 cmd: run\n    \
                 deps:\n    \
                 - path: B\n    \
                 - path: a\n    \
                 - path: b\n    \
                 params:\n      \
                   params.yaml:\n        \
                     a:\n        \
                     a.c:\n        \
                     b:\n      \
                   a.json: {}\n      \
                   z.yaml:\n        \
                     x:\n    \
                 outs:\n    \
                 - path: model.txt\n"
        );
        assert_eq!(lockfile.format(), None);
        assert_eq!(
            Lockfile::parse(&lockfile.to_text(), "dvc.lock").expect("reads"),
            lockfile
        );
    }

    #[test]
    fn what_nobody_reads_stays_where_it_is() {
        let text = "schema: '2.0'\n\
            datasets:\n\
            - name: x\n  url: y\n\
            stages:\n  \
              import:\n    \
                cmd: run\n    \
                deps:\n    \
                - path: s3://b/x\n      etag: abc\n      size: 3\n    \
                outs:\n    \
                - path: y\n      hash: md5\n      md5: 59b0d7772f0561efb95518f3cb8abc60\n      size: 3\n      cloud:\n        s3:\n          version_id: z\n    \
                - path: z\n      hash: md5\n      files:\n      - relpath: a\n        md5: abc\n";
        let lockfile = Lockfile::parse(text, "dvc.lock").expect("reads");
        assert_eq!(lockfile.to_text(), text);
        assert_eq!(lockfile.others_first, 1);
        let last = "schema: '2.0'\nstages: {}\ndatasets:\n- name: x\n";
        let lockfile = Lockfile::parse(last, "dvc.lock").expect("reads");
        assert_eq!(lockfile.to_text(), last);
    }

    #[test]
    fn damage_is_named_with_its_place() {
        let refused = |text: &str| {
            let error = Lockfile::parse(text, "dvc.lock").expect_err("is damaged");
            (error.kind(), error.chain())
        };
        let stage = |rest: &str| refused(&format!("schema: '2.0'\nstages:\n  t:\n{rest}"));
        let cases = [
            (
                stage("    cmd: x\n    deps:\n    - path: a\n      md5: ../../etc\n"),
                "line 7, column 12: 'md5' of entry 1 of 'deps' of stage 't' must be 32 hex digits, not '../../etc'",
            ),
            (
                stage("    cmd: x\n    deps:\n    - md5: 59b0d7772f0561efb95518f3cb8abc60\n"),
                "line 6, column 7: entry 1 of 'deps' of stage 't' has no 'path'",
            ),
            (
                stage("    cmd: x\n    what: x\n"),
                "line 5, column 5: unknown key 'what' in stage 't'",
            ),
            (
                stage("    cmd: {a: b}\n"),
                "line 4, column 10: 'cmd' of stage 't' must be a command or a list of commands, not a mapping",
            ),
            (
                stage(
                    "    cmd: x\n    outs:\n    - path: a\n      md5: 59b0d7772f0561efb95518f3cb8abc60\n      size: -1\n",
                ),
                "line 8, column 13: 'size' of entry 1 of 'outs' of stage 't' must be a whole number, not '-1'",
            ),
            (
                stage("    cmd: x\n    outs:\n<<<<<<< HEAD\n    - path: a\n"),
                "line 6, column 1: a merge conflict is not resolved",
            ),
            (
                refused("schema: '3.0'\nstages: {}\n"),
                "line 1, column 9: 'schema' must be '2.0', not '3.0'",
            ),
            (
                refused("[]"),
                "line 1, column 1: the file must be a mapping, not an empty list",
            ),
        ];
        for ((kind, message), expected) in cases {
            assert_eq!(kind, Kind::Corrupt, "{message}");
            let start = format!("cannot parse 'dvc.lock', {expected}");
            assert!(message.starts_with(&start), "{message}, not {start}");
        }
        assert_eq!(
            refused(""),
            (
                Kind::Corrupt,
                "cannot parse 'dvc.lock', line 1, column 1: the file is empty".to_owned()
            )
        );
        assert_eq!(
            refused("train:\n  cmd: x\n"),
            (
                Kind::Refused,
                "the file has the format of DVC 1, without a schema ('dvc.lock', line 1, column 1)"
                    .to_owned()
            )
        );
    }

    proptest! {
        #[test]
        fn any_text_reads_or_fails(text in "(schema: '2.0'\n)?(stages:\n  t:\n    )?\\PC{0,40}") {
            if let Ok(lockfile) = Lockfile::parse(&text, "dvc.lock") {
                let again = Lockfile::parse(&lockfile.to_text(), "dvc.lock").expect("reads");
                prop_assert_eq!(again.to_text(), lockfile.to_text());
            }
        }

        #[test]
        fn what_is_written_reads_back(
            paths in prop::collection::vec((any::<String>(), any::<[u8; 16]>(), any::<Option<u32>>(), any::<[bool; 3]>()), 0..4),
            names in prop::collection::vec((any::<String>(), any::<f64>().prop_filter("differs from itself", |x| !x.is_nan())), 0..4),
            cmd in any::<String>(),
        ) {
            let locked = |(path, bytes, size, [v3, dir, isexec]): &(String, [u8; 16], Option<u32>, [bool; 3])| LockedPath {
                path: path.clone(),
                hash: Some(LockedHash {
                    format: if *v3 { Format::V3 } else { Format::V2 },
                    md5: bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + if *dir { ".dir" } else { "" },
                    size: size.map(u64::from),
                    nfiles: dir.then_some(1),
                    isexec: *isexec,
                }),
                others: Map::new(),
            };
            let mut lockfile = Lockfile::default();
            let params: Map = names.into_iter().map(|(name, value)| (Key::from(name), Value::Float(value))).collect();
            let mut entry = LockEntry { cmd: Some(cmd.into()), ..LockEntry::default() };
            entry.deps = paths.iter().map(locked).collect();
            entry.outs = paths.iter().map(locked).collect();
            entry.params.insert("params.yaml".to_owned(), params);
            lockfile.set("train", entry);
            let text = lockfile.to_text();
            // A reader that is not ours sees the same.
            let other: serde_yaml::Value = serde_yaml::from_str(&text).expect("is YAML");
            let stage = &other["stages"]["train"];
            prop_assert_eq!(stage["cmd"].as_str(), lockfile.stages["train"].cmd.as_ref().and_then(Value::as_str));
            for (at, out) in lockfile.stages["train"].outs.iter().enumerate() {
                let read = &stage["outs"][at];
                prop_assert_eq!(read["path"].as_str(), Some(out.path.as_str()));
                let hash = out.hash.as_ref().expect("is recorded");
                prop_assert_eq!(read["md5"].as_str(), Some(hash.md5.as_str()));
                prop_assert_eq!(read["size"].as_u64(), hash.size);
            }
            prop_assert_eq!(Lockfile::parse(&text, "dvc.lock").expect("reads"), lockfile);
        }
    }
}
