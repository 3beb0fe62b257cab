//! DVC's run cache: results of earlier runs of stages, found by what went in.
//!
//! `<cache>/runs/<2>/<key>/<value>`. The key is the sha256 of what went in, of the command, and of the paths of
//! the outputs; the value that of the whole entry; both as Python's `json.dumps(…, sort_keys=True)`, without
//! any `size` and `nfiles`. The file is the entry of `dvc.lock` by itself. It can be made again, so it is
//! not synced, and a damaged one is passed over.

use super::cache::Cache;
use super::durable;
use crate::digest;
use crate::error::{Context, Result};
use crate::lockfile::LockEntry;
use crate::value::{Map, Value};
use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::SystemTime;

/// Keys that do not count, wherever they stand. DVC leaves out params of these names, too.
const LEFT_OUT: [&str; 2] = ["size", "nfiles"];

/// How long the name of an entry is: a sha256 in hex.
const VALUE_LENGTH: usize = 64;

impl Cache {
    /// Keeps a complete entry, unless it is there.
    pub fn save_run(&self, entry: &LockEntry) -> Result<()> {
        let outs: Vec<&str> = entry.outs.iter().map(|out| out.path.as_str()).collect();
        let dir = self.runs_dir(&key(entry, &outs));
        let path = dir.join(hash(&Value::from(entry.to_map())));
        if read(&path).is_some() {
            return Ok(());
        }
        let doing = || format!("cannot write to the run cache '{}'", dir.display());
        for dir in dir
            .ancestors()
            .take(3)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            self.create_unsynced(dir).context(doing)?;
        }
        durable::write_unsynced(&path, entry.to_text().as_bytes())
    }

    /// Lists the earlier results of these inputs (command, deps and params of `inputs`) for outputs of these
    /// paths, newest first.
    pub fn runs(&self, inputs: &LockEntry, outs: &[&str]) -> Vec<LockEntry> {
        let dir = self.runs_dir(&key(inputs, outs));
        let Ok(entries) = fs_err::read_dir(&dir) else {
            return Vec::new();
        };
        let mut found: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                // a name that is no value is that of a file that is being written
                let is_value = entry.file_name().len() == VALUE_LENGTH;
                let changed = entry.metadata().ok()?.modified().ok()?;
                is_value.then(|| (changed, entry.path()))
            })
            .collect();
        found.sort();
        found
            .iter()
            .rev()
            .filter_map(|(_, path)| read(path))
            .collect()
    }

    fn runs_dir(&self, key: &str) -> PathBuf {
        self.dir.join("runs").join(&key[..2]).join(key)
    }

    fn create_unsynced(&self, dir: &std::path::Path) -> std::io::Result<()> {
        match fs_err::create_dir(dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => self.create_dir(dir),
            Ok(()) if self.shared => fs_err::set_permissions(dir, Permissions::from_mode(0o2775)),
            created => created,
        }
    }
}

/// Reads an entry; `None` if it is not there or damaged.
fn read(path: &std::path::Path) -> Option<LockEntry> {
    let text = fs_err::read_to_string(path).ok()?;
    let entry = LockEntry::parse(&text, &path.display().to_string()).ok()?;
    entry.cmd.is_some().then_some(entry)
}

fn key(inputs: &LockEntry, outs: &[&str]) -> String {
    let mut map = LockEntry {
        outs: Vec::new(),
        ..inputs.clone()
    }
    .to_map();
    let mut outs: Vec<&str> = outs.to_vec();
    outs.sort_unstable();
    let outs = outs.into_iter().map(Value::from).collect();
    map.insert("outs".into(), Value::List(outs));
    hash(&Value::from(map))
}

fn hash(value: &Value) -> String {
    let text = without_sizes(value).to_sorted_python_json();
    digest::bytes(text.as_bytes()).sha256.to_string()
}

fn without_sizes(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let counts = |(key, _): &(&crate::value::Key, &Value)| {
                !(key.is_text() && LEFT_OUT.contains(&key.as_str()))
            };
            let kept = map.iter().filter(counts);
            let kept: Map = kept
                .map(|(key, value)| (key.clone(), without_sizes(value)))
                .collect();
            Value::from(kept)
        }
        Value::List(items) => Value::List(items.iter().map(without_sizes).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// What each DVC wrote, with the names of the key and of the file.
    const THEIRS: [(&str, &str, &str); 2] = [
        (
            include_str!("../../tests/fixtures/runs/dvc-3.67.1"),
            "c2c1aa193ca6cc3ed536d820e2d2fc903a491a3a9ff84ceb3bd0e4b79ad5ddf6",
            "b09b49f0eb70f45d773c19b6bd82f85fc8d8cf07560ca3801a3c274e3fcc412a",
        ),
        (
            include_str!("../../tests/fixtures/runs/dvc-2.58.2"),
            "0037915db88f578e4db4a41a924ca226ee24712b0877fea6772aa77bdb723f1e",
            "ef0f31a8d4700a615274472f64758f394341948455ecd9a1d4e3715b8c0e1916",
        ),
    ];

    fn entry(text: &str) -> LockEntry {
        LockEntry::parse(text, "theirs").unwrap()
    }

    #[test]
    fn has_the_layout_and_the_names_of_dvc() {
        for (text, key, value) in THEIRS {
            let root = tempfile::tempdir().unwrap();
            let cache = Cache::new(root.path().join("cache"), root.path());
            let theirs = entry(text);
            cache.save_run(&theirs).unwrap();
            let path = cache.dir().join("runs").join(&key[..2]);
            let path = path.join(key).join(value);
            assert_eq!(fs_err::read_to_string(&path).unwrap(), text);

            let outs: Vec<&str> = theirs.outs.iter().map(|out| out.path.as_str()).collect();
            let outs: Vec<&str> = outs.into_iter().rev().collect();
            assert_eq!(cache.runs(&theirs, &outs), std::slice::from_ref(&theirs));
            assert_eq!(cache.runs(&theirs, &outs[1..]), []);

            // a damaged one is passed over, and written anew
            fs_err::write(&path, "cmd: [").unwrap();
            assert_eq!(cache.runs(&theirs, &outs), []);
            cache.save_run(&theirs).unwrap();
            assert_eq!(cache.runs(&theirs, &outs), std::slice::from_ref(&theirs));
        }
    }

    #[test]
    fn the_newest_result_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::new(root.path().join("cache"), root.path());
        let theirs = entry(THEIRS[0].0);
        let mut other = theirs.clone();
        if let Some(hash) = &mut other.outs[0].hash {
            hash.md5 = "0".repeat(32);
        }
        let outs: Vec<&str> = theirs.outs.iter().map(|out| out.path.as_str()).collect();
        for (entry, age) in [(&theirs, 50), (&other, 100)] {
            cache.save_run(entry).unwrap();
            let name = hash(&Value::from(entry.to_map()));
            let file = cache.runs_dir(THEIRS[0].1).join(name);
            let then = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000 - age);
            let file = fs_err::File::open(file).unwrap();
            file.into_parts().0.set_modified(then).unwrap();
        }
        assert_eq!(cache.runs(&theirs, &outs), [theirs.clone(), other.clone()]);
    }
}
