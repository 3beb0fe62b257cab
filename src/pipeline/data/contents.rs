//! The text of a `.dvc` file that records other contents.

use super::DataFile;
use crate::digest::{self, Format, PathDigest};
use crate::error::Result;
use crate::lockfile::LockedHash;
use crate::value::{Map, Step, Value};
use crate::yaml::edit::{self, Change};
use crate::yaml::read;

/// What the checksum of an import leaves out, at whatever depth.
const UNCHECKED: [&str; 11] = [
    "desc", "type", "labels", "meta", "locked", "frozen", "metric", "persist", "isexec", "size",
    "nfiles",
];

impl DataFile {
    /// Returns the text with another content of some outputs and sources, by their positions; the rest
    /// stays as it is, comments included.
    pub fn with_contents(
        &self,
        outs: &[(usize, &PathDigest)],
        sources: &[(usize, &PathDigest)],
        format: Format,
    ) -> Result<String> {
        let mut text = self.text.clone();
        for (position, digest) in sources {
            let had = self.sources[*position].recorded.as_ref();
            text = self.with(&text, ("deps", *position), had, (digest, format))?;
        }
        for (position, digest) in outs {
            let had = self.recorded[*position].as_ref();
            let place = self.positions[*position];
            text = self.with(&text, ("outs", place), had, (digest, format))?;
        }
        if self.is_import() {
            let sum = checksum(&read::parse(&text, self.path())?.to_value());
            let change = Change::Set(Value::Str(sum));
            text = edit::change(&text, self.path(), &[Step::Key("md5".into())], &change)?;
        }
        Ok(text)
    }

    fn with(
        &self,
        text: &str,
        (list, place): (&str, usize),
        had: Option<&LockedHash>,
        (digest, format): (&PathDigest, Format),
    ) -> Result<String> {
        let mut text = text.to_owned();
        let count = |number: Option<u64>| number.map(Value::from);
        let values = [
            ("md5", Some(Value::from(digest.md5(format)))),
            ("size", Some(Value::from(digest.size()))),
            ("nfiles", count(digest.nfiles())),
            ("isexec", digest.isexec().then_some(Value::Bool(true))),
            ("hash", (format == Format::V3).then(|| Value::from("md5"))),
        ];
        for (key, value) in values {
            let change = match value {
                Some(value) => Change::Set(value),
                None if had.is_some_and(|had| has(had, key)) => Change::Remove,
                None => continue,
            };
            let path = [
                Step::Key(list.into()),
                Step::Index(place),
                Step::Key(key.into()),
            ];
            text = edit::change(&text, self.path(), &path, &change)?;
        }
        Ok(text)
    }
}

fn has(recorded: &LockedHash, key: &str) -> bool {
    match key {
        "nfiles" => recorded.nfiles.is_some(),
        "isexec" => recorded.isexec,
        "hash" => recorded.format == Format::V3,
        _ => true,
    }
}

/// Returns what DVC writes as the `md5` of an import: that of the rest of the file, as JSON.
fn checksum(file: &Value) -> String {
    let mut file = checked(file);
    if let Value::Map(map) = &mut file {
        let is_said = |value: &Value| !matches!(value, Value::Null | Value::Bool(false));
        map.retain(|key, value| key.as_str() != "md5" && is_said(value));
        if map.get("wdir").and_then(Value::as_str) == Some(".") {
            map.shift_remove("wdir");
        }
    }
    let json = file.to_sorted_python_json();
    digest::bytes(json.as_bytes()).md5(Format::V3).to_string()
}

fn checked(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let kept = map
                .iter()
                .filter(|(key, _)| !UNCHECKED.contains(&key.as_str()));
            let kept = kept.map(|(key, value)| (key.clone(), checked(value)));
            Value::from(kept.collect::<Map>())
        }
        Value::List(items) => Value::List(items.iter().map(checked).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{OLD, parsed};
    use super::*;

    #[test]
    fn another_content_changes_its_values_only() {
        let old = parsed("in/x.dvc", OLD).unwrap();
        let file = PathDigest::File {
            digest: digest::bytes(b"x"),
            isexec: true,
        };
        assert_eq!(
            old.with_contents(&[(0, &file)], &[], Format::V3).unwrap(),
            "\
# where it comes from
outs:
- md5: 9dd4e461268c8034f5c8564e155c67a6   # all of it
  size: 1
  path: ../data
  desc: kept
  isexec: true
  hash: md5
meta: {by: me}
"
        );
    }

    #[test]
    fn an_import_has_the_checksum_of_dvc() {
        let text = "\
md5: f9e5c7414e3ccbd87956bcadee02dfdc
frozen: true
deps:
- path: data
  repo:
    url: ../src
    rev_lock: f8a353c1d66ea8e83c48a11f6c47495b6d3e19a6
outs:
- md5: 2bb1ab0d4a051c86389bd68a9371f6ba.dir
  size: 2
  nfiles: 1
  hash: md5
  path: data
";
        let sum = |text: &str| checksum(&read::parse(text, "").unwrap().to_value());
        assert_eq!(sum(text), "f9e5c7414e3ccbd87956bcadee02dfdc");
        let text = "\
deps:
- path: ../o/data
  md5: 6137cde4893c59f76f005a8123d8e8e6
  size: 5
  hash: md5
outs:
- path: data
  md5: 6137cde4893c59f76f005a8123d8e8e6
  size: 5
  hash: md5
wdir: .
meta: {a: 1}
";
        assert_eq!(sum(text), "85cb724517dd8b452ba3622b41a830bd");
    }

    #[test]
    fn a_source_is_recorded_with_its_copy() {
        let import = parsed("a.dvc", "deps:\n- path: from/a\nouts:\n- path: a\n").unwrap();
        assert_eq!(import.follows().unwrap().path.as_deref(), Some("from/a"));
        let file = PathDigest::File {
            digest: digest::bytes(b"data\n"),
            isexec: false,
        };
        assert_eq!(
            import
                .with_contents(&[(0, &file)], &[(0, &file)], Format::V3)
                .unwrap(),
            "\
deps:
- path: from/a
  md5: 6137cde4893c59f76f005a8123d8e8e6
  size: 5
  hash: md5
outs:
- path: a
  md5: 6137cde4893c59f76f005a8123d8e8e6
  size: 5
  hash: md5
md5: ed1ee9f8dafe456236e7d95bf4cbb4d2
"
        );
    }
}
