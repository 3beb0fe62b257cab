//! An experiment: a named line of checkpoints that starts at a baseline; and its two refs.

mod names;

use crate::error::{Error, Result};
use crate::id::{self, ObjectId};
use std::fmt;

/// Where experiments live; shared with DVC.
pub const REFS: &str = "refs/exps/";

/// Where their notes live.
pub const NOTES_REFS: &str = "refs/notes/exps/";

/// What DVC keeps under `refs/exps/` for itself. It compares these as strings, without a slash at the
/// end, and so do we.
const PRIVATE_PREFIXES: [&str; 4] = [
    "refs/exps/apply",
    "refs/exps/celery",
    "refs/exps/exec",
    "refs/exps/temp",
];

/// Words that mean something else where a revision is expected.
const RESERVED: [&str; 3] = ["HEAD", "workspace", "exec"];

/// A ref file's name with `.lock` has to fit into the 255 bytes of a file name.
const LONGEST: usize = 200;

/// Fewer digits name no object: git wants four.
const SHORTEST_ID: usize = 4;

/// A name that may stand in a ref and cannot be mistaken for an object id; built only by checking.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExperimentName(String);

impl ExperimentName {
    /// Parses a name that a user gave to a new experiment.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| {
            Err(Error::refused(format!(
                "'{text}' cannot be the name of an experiment: {why}"
            )))
        };
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.contains('/') {
            return refuse("it contains '/'");
        }
        if text.starts_with('-') {
            return refuse("it starts with '-'");
        }
        if text.len() >= SHORTEST_ID && is_hex(text) {
            return refuse("it could be the id of a commit");
        }
        if text == "@" || RESERVED.contains(&text) || is_pseudo_ref(text) {
            return refuse("it means something else");
        }
        if text.len() > LONGEST {
            return refuse("it is too long");
        }
        let full = format!("{REFS}aa/bb/{text}");
        if gix::validate::reference::name(full.as_str().into()).is_err() {
            return Err(Error::refused(format!(
                "'{text}' cannot be the name of an experiment: it is not a valid ref name"
            ))
            .hint("git help check-ref-format"));
        }
        Ok(ExperimentName(text.to_owned()))
    }

    /// Takes the name that an existing ref has; DVC allows some that we would refuse.
    pub(crate) fn of_ref(text: &str) -> Self {
        ExperimentName(text.to_owned())
    }

    /// Returns a random `adjective-noun` that is not `taken`.
    pub fn random(taken: impl Fn(&ExperimentName) -> bool) -> Result<Self> {
        let mut number = 1u64;
        loop {
            let draw = u64::from_ne_bytes(id::random()?);
            let adjective = pick(&names::ADJECTIVES, draw & u64::from(u32::MAX));
            let noun = pick(&names::NOUNS, draw >> 32);
            // Somebody who uses up the words gets numbers behind them.
            let name = match number {
                1..=100 => format!("{adjective}-{noun}"),
                _ => format!("{adjective}-{noun}-{number}"),
            };
            let name = ExperimentName(name);
            if !taken(&name) {
                return Ok(name);
            }
            number += 1;
        }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether DVC never finds the experiment by this name: it reads it as an id with digits missing.
    pub fn misleads_dvc(&self) -> bool {
        is_hex(&self.0)
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn pick<'w>(words: &[&'w str], draw: u64) -> &'w str {
    words[(draw % words.len() as u64) as usize]
}

/// Whether git reads it as a file of `.git` before any ref of ours: `FETCH_HEAD` and the like.
fn is_pseudo_ref(text: &str) -> bool {
    text.ends_with("_HEAD")
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

impl fmt::Display for ExperimentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ExperimentName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Where one experiment lives: its baseline, its name and its newest checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// The commit it started from.
    pub baseline: ObjectId,
    /// Its name, unique per baseline.
    pub name: ExperimentName,
    /// Its newest checkpoint.
    pub tip: ObjectId,
}

impl Experiment {
    /// Returns the ref that names its tip.
    pub fn ref_name(&self) -> String {
        experiment_ref(self.baseline, &self.name)
    }

    /// Returns the ref that names its notes.
    pub fn notes_ref_name(&self) -> String {
        notes_ref(self.baseline, &self.name)
    }
}

/// Returns `refs/exps/<2>/<38>/<name>`.
pub fn experiment_ref(baseline: ObjectId, name: &ExperimentName) -> String {
    join(REFS, baseline, name)
}

/// Returns `refs/notes/exps/<2>/<38>/<name>`.
pub fn notes_ref(baseline: ObjectId, name: &ExperimentName) -> String {
    join(NOTES_REFS, baseline, name)
}

fn join(prefix: &str, baseline: ObjectId, name: &ExperimentName) -> String {
    let hex = baseline.to_hex().to_string();
    format!("{prefix}{}/{}/{name}", &hex[..2], &hex[2..])
}

/// Returns baseline and name of an experiment's ref; `None` for every other ref: DVC's own state,
/// refs without a name, foreign ones.
pub fn parse_experiment_ref(name: &[u8]) -> Option<(ObjectId, ExperimentName)> {
    let name = std::str::from_utf8(name).ok()?;
    if PRIVATE_PREFIXES
        .iter()
        .any(|prefix| name.starts_with(prefix))
        || name == "refs/exps/stash"
    {
        return None;
    }
    parse(name.strip_prefix(REFS)?)
}

/// Returns baseline and name of the experiment whose notes a ref holds; `None` for every other ref.
pub fn parse_notes_ref(name: &[u8]) -> Option<(ObjectId, ExperimentName)> {
    parse(std::str::from_utf8(name).ok()?.strip_prefix(NOTES_REFS)?)
}

fn parse(rest: &str) -> Option<(ObjectId, ExperimentName)> {
    let mut parts = rest.split('/');
    let (first, second, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || first.len() != 2 || name.is_empty() {
        return None;
    }
    let baseline = ObjectId::from_hex(format!("{first}{second}").as_bytes()).ok()?;
    Some((baseline, ExperimentName::of_ref(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        ExperimentName::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn takes_names_of_people_and_of_dvc() {
        for text in [
            "exp-02ba1",
            "tonal-rime",
            "n-1",
            "grün",
            "v1.2",
            "a_b",
            "he'd",
            "x@y",
            "facade1x",
            "e1",
        ] {
            assert_eq!(ExperimentName::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_what_would_be_misread() {
        for (text, why) in [
            ("", "it is empty"),
            ("a/b", "it contains '/'"),
            ("-n", "it starts with '-'"),
            ("decade", "it could be the id of a commit"),
            ("DEADBEEF", "it could be the id of a commit"),
            ("HEAD", "it means something else"),
            ("@", "it means something else"),
            ("workspace", "it means something else"),
            ("FETCH_HEAD", "it means something else"),
            ("a b", "it is not a valid ref name"),
            ("a@{best}", "it is not a valid ref name"),
            ("a~1", "it is not a valid ref name"),
            ("a..b", "it is not a valid ref name"),
            (".a", "it is not a valid ref name"),
            ("a.lock", "it is not a valid ref name"),
            ("a:b", "it is not a valid ref name"),
            ("x*", "it is not a valid ref name"),
            ("a\nb", "it is not a valid ref name"),
        ] {
            assert_eq!(
                refusal(text),
                format!("'{text}' cannot be the name of an experiment: {why}")
            );
        }
        assert!(refusal(&"x".repeat(201)).ends_with("it is too long"));
    }

    #[test]
    fn ref_names_go_both_ways() {
        let hex = "305de7e1bb2f0a3b0d1c7e4f5a6b7c8d9e0f1a2b";
        let experiment = Experiment {
            baseline: ObjectId::from_hex(hex.as_bytes()).unwrap(),
            name: ExperimentName::parse("mine").unwrap(),
            tip: ObjectId::null(gix::hash::Kind::Sha1),
        };
        let name = format!("refs/exps/30/{}/mine", &hex[2..]);
        assert_eq!(experiment.ref_name(), name);
        assert_eq!(
            experiment.notes_ref_name(),
            format!("refs/notes/exps/30/{}/mine", &hex[2..])
        );
        let parsed = Some((experiment.baseline, experiment.name.clone()));
        assert_eq!(parse_experiment_ref(name.as_bytes()), parsed);
        assert_eq!(
            parse_notes_ref(experiment.notes_ref_name().as_bytes()),
            parsed
        );
    }

    #[test]
    fn dvcs_own_refs_are_no_experiments() {
        let hex = "5de7e1bb2f0a3b0d1c7e4f5a6b7c8d9e0f1a2b";
        for name in [
            "refs/exps/exec/EXEC_HEAD",
            "refs/exps/stash",
            "refs/exps/celery/stash",
            "refs/exps/apply/ORIG_HEAD",
            "refs/exps/temp/head-abc",
            "refs/exps/temporary/x/y/z",
            &format!("refs/exps/30/{hex}"),
            &format!("refs/exps/30/{hex}/a/b"),
            &format!("refs/exps/305/{hex}/a"),
            "refs/exps/foo/bar/baz",
            "refs/heads/main",
        ] {
            assert_eq!(parse_experiment_ref(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn random_names_are_good_names() {
        let first = ExperimentName::random(|_| false).unwrap();
        ExperimentName::parse(first.as_str()).unwrap();
        let tries = std::cell::Cell::new(0);
        let late = ExperimentName::random(|_| {
            tries.set(tries.get() + 1);
            tries.get() < 103
        })
        .unwrap();
        assert!(late.as_str().ends_with("-103"), "{late}");
        ExperimentName::parse(late.as_str()).unwrap();
    }

    #[test]
    fn words_are_short_plain_and_unique() {
        for words in [&names::ADJECTIVES[..], &names::NOUNS[..]] {
            assert!(words.len() >= 250, "{}", words.len());
            for word in words {
                assert!((3..=8).contains(&word.len()), "{word}");
                assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
                assert!(!word.bytes().all(|byte| byte.is_ascii_hexdigit()), "{word}");
            }
            let mut sorted = words.to_vec();
            sorted.sort_unstable();
            let pairs: Vec<_> = sorted
                .windows(2)
                .filter(|pair| pair[0] == pair[1])
                .collect();
            assert!(pairs.is_empty(), "{pairs:?}");
        }
    }
}
