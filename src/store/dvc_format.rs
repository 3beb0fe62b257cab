//! Which of DVC's two formats new entries and objects get: the one the repository has.

use super::Store;
use super::cache::Cache;
use crate::digest::Format;
use crate::error::{Context, Result};
use crate::value::Value;
use crate::yaml::read;

impl Store {
    /// Returns the format for this repository: `exp.dvcFormat`, else what its entries and its cache
    /// have, else DVC 3's. Ask once per run.
    ///
    /// Any `hash: md5`, or objects at DVC 3's place, mean 3; any entry without, or objects at DVC
    /// 2's place, mean 2.
    pub fn dvc_format(&self, cache: &Cache) -> Result<Format> {
        if let Some(format) = self.settings.dvc_format {
            return Ok(format);
        }
        let project = self.project()?;
        let read = |path: &str| fs_err::read_to_string(project.join(path)).unwrap_or_default();
        // The cache costs least to look at; then most repositories have one lockfile.
        if holds_objects(cache, Format::V3) {
            return Ok(Format::V3);
        }
        let mut found = format_of(&read("dvc.lock"));
        if found == Some(Format::V3) {
            return Ok(Format::V3);
        }
        let index = self
            .repo
            .index_or_empty()
            .context(|| "cannot read the index".to_owned())?;
        for entry in index.entries() {
            let Ok(path) = std::str::from_utf8(entry.path(&index)) else {
                continue;
            };
            let Some(path) = path.strip_prefix(&self.prefix) else {
                continue;
            };
            if path.ends_with("/dvc.lock") || path.ends_with(".dvc") {
                match format_of(&read(path)) {
                    Some(Format::V3) => return Ok(Format::V3),
                    other => found = found.or(other),
                }
            }
        }
        if found.is_none() && holds_objects(cache, Format::V2) {
            found = Some(Format::V2);
        }
        Ok(found.unwrap_or(Format::V3))
    }
}

/// Returns the format of the entries in the text of a `dvc.lock` or a `.dvc` file: 3 if any has it,
/// `None` without entries. A broken text has none: who needs it says what is wrong with it.
fn format_of(text: &str) -> Option<Format> {
    // Every entry of either format has this key.
    if !text.contains("md5") {
        return None;
    }
    format_in(&read::parse(text, "").ok()?.to_value())
}

fn format_in(value: &Value) -> Option<Format> {
    let below = |values: &mut dyn Iterator<Item = &Value>| {
        let mut found = None;
        for value in values {
            match format_in(value) {
                Some(Format::V3) => return Some(Format::V3),
                other => found = found.or(other),
            }
        }
        found
    };
    match value {
        Value::Map(map) => {
            // A param may be called `hash` or `md5` too; an entry has a path.
            let here = if !map.contains_key("path") {
                None
            } else if map.get("hash").is_some_and(is_md5) {
                return Some(Format::V3);
            } else {
                map.get("md5").map(|_| Format::V2)
            };
            below(&mut map.values()).or(here)
        }
        Value::List(list) => below(&mut list.iter()),
        _ => None,
    }
}

fn is_md5(value: &Value) -> bool {
    matches!(value, Value::Str(text) if text == "md5")
}

/// Whether the cache has a folder of two hex digits where the objects of `format` are.
fn holds_objects(cache: &Cache, format: Format) -> bool {
    let Ok(entries) = fs_err::read_dir(cache.objects_dir(format)) else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        name.len() == 2 && name.as_encoded_bytes().iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn reads_the_format_of_entries() {
        let v2 =
            "stages:\n  a:\n    cmd: x\n    deps:\n    - path: p\n      md5: 1\n      size: 2\n";
        let v3 = "outs:\n- md5: 1\n  size: 2\n  hash: md5\n  path: data\n";
        let both = format!("{v2}  b:\n    outs:\n    - path: p\n      hash: md5\n      md5: 1\n");
        assert_eq!(format_of(v2), Some(Format::V2));
        assert_eq!(format_of(v3), Some(Format::V3));
        assert_eq!(format_of(&both), Some(Format::V3));
        assert_eq!(format_of("outs:\n- md5: 1\n  path: d\n"), Some(Format::V2));
    }

    #[test]
    fn a_text_without_entries_has_none() {
        for text in [
            "",
            "schema: '2.0'\nstages: {}\n",
            "md5: {",
            "params:\n  md5: 3\n  hash: md5\n",
        ] {
            assert_eq!(format_of(text), None);
        }
    }

    #[test]
    fn looks_where_objects_are() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path(), root.path());
        assert!(!holds_objects(&cache, Format::V2));
        fs_err::create_dir_all(root.path().join("files/md5/d4")).unwrap();
        fs_err::create_dir_all(root.path().join("runs")).unwrap();
        assert!(holds_objects(&cache, Format::V3));
        assert!(!holds_objects(&cache, Format::V2));
        fs_err::create_dir_all(root.path().join("0a")).unwrap();
        assert!(holds_objects(&cache, Format::V2));
    }

    #[test]
    fn follows_the_repository() {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        sandbox.commit("one");
        let decide = || {
            let store = sandbox.store();
            store.dvc_format(&store.cache().unwrap()).unwrap()
        };
        assert_eq!(decide(), Format::V3);
        fs_err::create_dir_all(sandbox.path(".dvc/cache/0a")).unwrap();
        assert_eq!(decide(), Format::V2);
        sandbox.write("data/x.dvc", "outs:\n- md5: 1\n  path: x\n");
        sandbox.git(&["add", "data/x.dvc"]);
        assert_eq!(decide(), Format::V2);
        sandbox.write("sub/dvc.lock", "outs:\n- path: x\n  hash: md5\n  md5: 1\n");
        assert_eq!(decide(), Format::V2);
        sandbox.git(&["add", "sub/dvc.lock"]);
        assert_eq!(decide(), Format::V3);
        sandbox.git(&["config", "exp.dvcFormat", "2"]);
        assert_eq!(decide(), Format::V2);
    }
}
