//! `exp.*` settings of git config, `git -c` included, read once.
//!
//! gix reads `GIT_CONFIG_COUNT` but not `GIT_CONFIG_PARAMETERS`, which is how `git -c` reaches a
//! subcommand; `parse_parameters` translates it.

use crate::error::{Error, Result};
use gix::bstr::{BStr, BString, ByteSlice};

/// What `exp.*` says; each field documents its key and default.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `exp.dvcFormat`: `auto` is `None`.
    pub dvc_format: Option<crate::digest::Format>,
    /// `exp.untracked`: which untracked files belong to a checkpoint.
    pub untracked: Untracked,
    /// `exp.maxBlob`: the largest untracked file that is taken, in bytes; 1 MiB.
    pub max_blob: u64,
    /// `exp.pending`: bound of captures waiting to be recorded, in bytes; 256 MiB.
    pub pending: u64,
    /// `exp.trustStat`: whether an unchanged stat means unchanged content; true.
    pub trust_stat: bool,
    /// `exp.sync`: whether the signal file goes only after the ref moved; false.
    pub sync: bool,
    /// `exp.onError = stop`: whether a checkpoint that cannot be saved stops training; false.
    pub stop_on_error: bool,
    /// `exp.log`: whether what a run prints is kept for `git exp log`; true.
    pub log: bool,
    /// `exp.metric`: the metric of a bare `@{best}`.
    pub metric: Option<String>,
}

/// `exp.untracked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untracked {
    /// Files with source and config suffixes.
    Code,
    /// All that are not ignored.
    All,
    /// None.
    Never,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dvc_format: None,
            untracked: Untracked::Code,
            max_blob: 1 << 20,
            pending: 256 << 20,
            trust_stat: true,
            sync: false,
            stop_on_error: false,
            log: true,
            metric: None,
        }
    }
}

impl Settings {
    /// Reads `exp.*`. A value that cannot be understood is an error that names its key.
    pub(crate) fn read(config: &gix::config::File) -> Result<Self> {
        let mut settings = Settings::default();
        if config.sections_by_name("exp").is_none() {
            return Ok(settings);
        }
        let keys = Keys { config };
        if let Some(word) = keys.word("exp.dvcFormat")? {
            settings.dvc_format = match word.as_str() {
                "auto" => None,
                "2" => Some(crate::digest::Format::V2),
                "3" => Some(crate::digest::Format::V3),
                _ => return Err(bad_value("exp.dvcFormat", &word, "'auto', '2' or '3'")),
            };
        }
        if let Some(word) = keys.word("exp.untracked")? {
            settings.untracked = match word.as_str() {
                "code" => Untracked::Code,
                "all" => Untracked::All,
                _ => match parse_boolean(word.as_bytes()) {
                    Some(false) => Untracked::Never,
                    Some(true) => Untracked::Code,
                    None => {
                        return Err(bad_value(
                            "exp.untracked",
                            &word,
                            "'code', 'all' or 'false'",
                        ));
                    }
                },
            };
        }
        if let Some(word) = keys.word("exp.onError")? {
            settings.stop_on_error = match word.as_str() {
                "stop" => true,
                "continue" => false,
                _ => return Err(bad_value("exp.onError", &word, "'continue' or 'stop'")),
            };
        }
        if let Some(word) = keys.word("exp.fsync")? {
            // 'batch', for queued records that share their syncs, is to come.
            if word != "each" {
                return Err(bad_value("exp.fsync", &word, "'each' only, so far"));
            }
        }
        if let Some(size) = keys.size("exp.maxBlob")? {
            settings.max_blob = size;
        }
        if let Some(size) = keys.size("exp.pending")? {
            settings.pending = size;
        }
        if let Some(value) = keys.boolean("exp.trustStat")? {
            settings.trust_stat = value;
        }
        if let Some(value) = keys.boolean("exp.sync")? {
            settings.sync = value;
        }
        if let Some(value) = keys.boolean("exp.log")? {
            settings.log = value;
        }
        settings.metric = keys.word("exp.metric")?.filter(|name| !name.is_empty());
        Ok(settings)
    }
}

fn bad_value(key: &str, value: &str, allowed: &str) -> Error {
    Error::refused(format!("bad config value '{value}' for '{key}'"))
        .hint(format!("'{key}' can be {allowed}"))
}

struct Keys<'c> {
    config: &'c gix::config::File,
}

impl Keys<'_> {
    /// Returns the last value of `key`; `Some(None)` is a key without `=`, which means true.
    fn find(&self, key: &str) -> Option<Option<BString>> {
        let name = key.strip_prefix("exp.").unwrap_or(key);
        self.config
            .sections_by_name("exp")?
            .filter(|section| section.header().subsection_name().is_none())
            .filter_map(|section| section.value_implicit(name))
            .last()
    }

    fn word(&self, key: &str) -> Result<Option<String>> {
        match self.find(key) {
            None => Ok(None),
            Some(None) => Err(Error::refused(format!("missing value for '{key}'"))),
            Some(Some(value)) => match value.to_str() {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(Error::refused(format!(
                    "bad config value '{value}' for '{key}': not utf-8"
                ))),
            },
        }
    }

    fn boolean(&self, key: &str) -> Result<Option<bool>> {
        match self.find(key) {
            None => Ok(None),
            Some(None) => Ok(Some(true)),
            Some(Some(value)) => match parse_boolean(&value) {
                Some(answer) => Ok(Some(answer)),
                None => Err(Error::refused(format!(
                    "bad boolean config value '{value}' for '{key}'"
                ))),
            },
        }
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        match self.find(key) {
            None => Ok(None),
            Some(None) => Err(Error::refused(format!("missing value for '{key}'"))),
            Some(Some(value)) => match parse_size(&value) {
                Some(size) => Ok(Some(size)),
                None => Err(Error::refused(format!(
                    "bad numeric config value '{value}' for '{key}'"
                ))
                .hint("sizes are bytes, or a number with k, m or g")),
            },
        }
    }
}

/// Reads a boolean as git does: words in any case, or a number.
pub(crate) fn parse_boolean(value: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
    match text.as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" | "" => Some(false),
        number => number.parse::<i64>().ok().map(|number| number != 0),
    }
}

/// Reads a size as git does: digits, then at most one of `k`, `m`, `g` in any case.
fn parse_size(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let (digits, factor) = match text.char_indices().next_back()? {
        (at, 'k' | 'K') => (&text[..at], 1u64 << 10),
        (at, 'm' | 'M') => (&text[..at], 1 << 20),
        (at, 'g' | 'G') => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// One `git -c` setting: the key and its value; no value means true.
pub(crate) type Parameter = (BString, Option<BString>);

/// Reads `GIT_CONFIG_PARAMETERS`: `'key=value'` as old git wrote it and `'key'='value'` as git ≥ 2.31 does.
pub(crate) fn parse_parameters(text: &[u8]) -> Result<Vec<Parameter>> {
    let bogus = || Error::refused("bogus format in 'GIT_CONFIG_PARAMETERS'");
    let mut rest = text;
    let mut parameters = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok(parameters);
        }
        let (first, after) = unquote(rest).ok_or_else(bogus)?;
        rest = after;
        let parameter = match rest.first() {
            Some(b'=') => {
                rest = &rest[1..];
                if rest.first().is_none_or(u8::is_ascii_whitespace) {
                    (first, None)
                } else {
                    let (value, after) = unquote(rest).ok_or_else(bogus)?;
                    rest = after;
                    (first, Some(value))
                }
            }
            _ => match first.find_byte(b'=') {
                Some(at) => (
                    BString::from(&first[..at]),
                    Some(BString::from(&first[at + 1..])),
                ),
                None => (first, None),
            },
        };
        if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
            return Err(bogus());
        }
        parameters.push(parameter);
    }
}

/// Reads one word in git's shell quoting: `'…'`, with `'\''` and `'\!'` for the two it escapes.
fn unquote(text: &[u8]) -> Option<(BString, &[u8])> {
    let mut rest = text.strip_prefix(b"'")?;
    let mut word = BString::default();
    loop {
        let end = rest.find_byte(b'\'')?;
        word.extend_from_slice(&rest[..end]);
        rest = &rest[end + 1..];
        match rest {
            [b'\\', escaped @ (b'\'' | b'!'), b'\'', ..] => {
                word.push(*escaped);
                rest = &rest[3..];
            }
            _ => return Some((word, rest)),
        }
    }
}

/// Whether gix's `key=value` form can carry this key: it splits at the first `=`.
pub(crate) fn fits_override(key: &BStr) -> bool {
    !key.contains(&b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> gix::config::File {
        gix::config::File::try_from(text).unwrap()
    }

    fn parameters(text: &str) -> Vec<(String, Option<String>)> {
        parse_parameters(text.as_bytes())
            .unwrap()
            .into_iter()
            .map(|(key, value)| (key.to_string(), value.map(|value| value.to_string())))
            .collect()
    }

    #[test]
    fn reads_both_forms_of_git_c() {
        let pair = |key: &str, value: &str| (key.to_owned(), Some(value.to_owned()));
        assert_eq!(
            parameters("'exp.sync=true' 'user.name=A U Thor'"),
            [pair("exp.sync", "true"), pair("user.name", "A U Thor")]
        );
        assert_eq!(
            parameters("'exp.sync'='true' 'url.a=b.insteadof'='c=d'  'exp.metric'=''"),
            [
                pair("exp.sync", "true"),
                pair("url.a=b.insteadof", "c=d"),
                pair("exp.metric", "")
            ]
        );
        assert_eq!(
            parameters("'exp.sync' 'exp.trustStat'="),
            [
                ("exp.sync".to_owned(), None),
                ("exp.trustStat".to_owned(), None)
            ]
        );
        assert_eq!(
            parameters(r"'user.name'='it'\''s'\!''"),
            [pair("user.name", "it's!")]
        );
        assert_eq!(parameters("  "), []);
    }

    #[test]
    fn refuses_damaged_parameters() {
        for text in ["exp.sync=true", "'exp.sync", "'a'b", "'a'='b'c", "'a'=b"] {
            let error = parse_parameters(text.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                "bogus format in 'GIT_CONFIG_PARAMETERS'",
                "{text}"
            );
        }
    }

    #[test]
    fn settings_have_defaults() {
        assert_eq!(Settings::read(&config("")).unwrap(), Settings::default());
    }

    #[test]
    fn settings_are_read_as_git_reads_them() {
        let settings = Settings::read(&config(
            "[exp]\n dvcFormat = 2\n untracked = all\n maxBlob = 2k\n pending = 1G\n trustStat = no\n sync\n onError = stop\n log = off\n fsync = each\n metric = acc\n",
        ))
        .unwrap();
        assert_eq!(
            settings,
            Settings {
                dvc_format: Some(crate::digest::Format::V2),
                untracked: Untracked::All,
                max_blob: 2048,
                pending: 1 << 30,
                trust_stat: false,
                sync: true,
                stop_on_error: true,
                log: false,
                metric: Some("acc".to_owned()),
            }
        );
        let settings = Settings::read(&config("[exp]\n untracked = false\n")).unwrap();
        assert_eq!(settings.untracked, Untracked::Never);
    }

    #[test]
    fn bad_settings_name_their_key() {
        for (text, message) in [
            (
                "maxBlob = 1x",
                "bad numeric config value '1x' for 'exp.maxBlob'",
            ),
            (
                "pending = -1",
                "bad numeric config value '-1' for 'exp.pending'",
            ),
            (
                "sync = maybe",
                "bad boolean config value 'maybe' for 'exp.sync'",
            ),
            ("dvcFormat = 4", "bad config value '4' for 'exp.dvcFormat'"),
            (
                "untracked = some",
                "bad config value 'some' for 'exp.untracked'",
            ),
            (
                "onError = ignore",
                "bad config value 'ignore' for 'exp.onError'",
            ),
            ("fsync = batch", "bad config value 'batch' for 'exp.fsync'"),
            (
                "trustStat = often",
                "bad boolean config value 'often' for 'exp.trustStat'",
            ),
            ("metric", "missing value for 'exp.metric'"),
            ("maxBlob", "missing value for 'exp.maxBlob'"),
        ] {
            let error = Settings::read(&config(&format!("[exp]\n {text}\n"))).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
