//! What a user types to name a checkpoint: the syntax of `name@{best:acc}`, `name~2`, without a repository.
//!
//! ```text
//! <revision> = <base> [ "@{" <pick> "}" ] { "~" [<n>] | "^" }
//! <pick>     = "first" | "last" | "best" [ ":" ["-"] [<file> ":"] <metric> ]
//! ```
//!
//! `<base>` is a full ref, an experiment's name or a commit; it may be empty before a pick. Everything
//! that does not have this shape (`main@{1}`, `HEAD^2`, `:/text`) is git's alone.

use crate::error::{Error, Result};

/// A revision, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revision {
    /// Ours to resolve first, git's if `base` names no experiment.
    Ours {
        /// The part before everything else.
        base: String,
        /// Which checkpoint of the experiment; `None` is its tip.
        pick: Option<Pick>,
        /// How many first parents to go back.
        back: usize,
    },
    /// A form that only git knows.
    Git(String),
}

/// One checkpoint among an experiment's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// The oldest since its fork.
    First,
    /// The newest.
    Last,
    /// The one with the best metric; `None` is `exp.metric`.
    Best(Option<MetricChoice>),
}

/// Which metric decides, and in which direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricChoice {
    /// Its file, where several files have the name.
    pub file: Option<String>,
    /// Its name, parts joined by dots.
    pub name: String,
    /// Whether the lowest value is the best.
    pub lowest: bool,
}

impl MetricChoice {
    /// Parses `acc`, `-loss` or `file.json:acc`. Errors when there is no name.
    pub fn parse(text: &str) -> Result<Self> {
        let (lowest, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (file, name) = match rest.rsplit_once(':') {
            Some((file, name)) => (Some(file.to_string()), name),
            None => (None, rest),
        };
        if name.is_empty() || file.as_deref() == Some("") {
            return Err(Error::usage(format!("'{text}' names no metric")));
        }
        Ok(MetricChoice {
            file,
            name: name.to_string(),
            lowest,
        })
    }
}

impl std::fmt::Display for MetricChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.lowest {
            f.write_str("-")?;
        }
        if let Some(file) = &self.file {
            write!(f, "{file}:")?;
        }
        f.write_str(&self.name)
    }
}

/// Takes a revision apart. Errors only for a pick of ours without a metric's name.
pub fn parse(text: &str) -> Result<Revision> {
    let Some((stem, back)) = split_steps(text) else {
        return Ok(Revision::Git(text.to_string()));
    };
    let (base, pick) = match stem.strip_suffix('}').and_then(|s| s.rsplit_once("@{")) {
        None => (stem, None),
        Some((base, inner)) => {
            let pick = match inner {
                "first" => Pick::First,
                "last" => Pick::Last,
                "best" => Pick::Best(None),
                _ => match inner.strip_prefix("best:") {
                    Some(metric) => Pick::Best(Some(MetricChoice::parse(metric)?)),
                    None => return Ok(Revision::Git(text.to_string())),
                },
            };
            (base, Some(pick))
        }
    };
    if !is_plain(base) || (base.is_empty() && pick.is_none()) {
        return Ok(Revision::Git(text.to_string()));
    }
    Ok(Revision::Ours {
        base: base.to_string(),
        pick,
        back,
    })
}

/// Whether a text has nothing but a name: no step, pick, path or pattern.
pub fn is_plain(text: &str) -> bool {
    !text.contains(['~', '^', ':', '{', '}', ' ', '?', '*', '[', '\\'])
}

/// Splits trailing `~`, `~n` and `^` off; `None` if the number is out of range.
fn split_steps(text: &str) -> Option<(&str, usize)> {
    let mut stem = text;
    let mut back = 0usize;
    loop {
        let digits = stem.len() - stem.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (head, number) = stem.split_at(stem.len() - digits);
        if let Some(head) = head.strip_suffix('~') {
            let count = match number {
                "" => 1,
                number => number.parse().ok()?,
            };
            back = back.checked_add(count)?;
            stem = head;
        } else if let Some(head) = stem.strip_suffix('^') {
            back = back.checked_add(1)?;
            stem = head;
        } else {
            return Some((stem, back));
        }
    }
}

/// A pattern of experiment names: `exp-*`, `run-[0-9]`, `{a,b}-*`.
#[derive(Debug, Clone)]
pub struct NamePattern(globset::GlobMatcher);

impl NamePattern {
    /// Whether the text has a wildcard; no experiment's name can have one.
    pub fn is_pattern(text: &str) -> bool {
        text.contains(['*', '?', '[', '{'])
    }

    /// Parses a pattern. Errors name what is wrong with it.
    pub fn parse(text: &str) -> Result<Self> {
        let glob = globset::Glob::new(text)
            .map_err(|cause| Error::usage(format!("bad pattern '{text}'")).caused_by(cause))?;
        Ok(NamePattern(glob.compile_matcher()))
    }

    /// Whether a name matches as a whole.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

/// Returns the names nearest to what was typed, at most three; empty if none is near.
///
/// A name that goes on where three or more letters stop is near, whatever its length.
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut left: Vec<&str> = names.into_iter().collect();
    left.sort_unstable();
    left.dedup();
    let mut near = Vec::new();
    while near.len() < 3 {
        let begun = left
            .iter()
            .copied()
            .find(|name| typed.len() >= 3 && name.starts_with(typed));
        let found = begun.or_else(|| crate::nearest::nearest(typed, left.iter().copied()));
        let Some(name) = found else { break };
        left.retain(|other| *other != name);
        near.push(name);
    }
    near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(base: &str, pick: Option<Pick>, back: usize) -> Revision {
        Revision::Ours {
            base: base.into(),
            pick,
            back,
        }
    }

    fn best(file: Option<&str>, name: &str, lowest: bool) -> Option<Pick> {
        Some(Pick::Best(Some(MetricChoice {
            file: file.map(str::to_string),
            name: name.into(),
            lowest,
        })))
    }

    #[test]
    fn takes_names_steps_and_picks_apart() {
        for (text, expected) in [
            ("tonal-rime", ours("tonal-rime", None, 0)),
            ("tonal-rime~2", ours("tonal-rime", None, 2)),
            ("tonal-rime~", ours("tonal-rime", None, 1)),
            ("tonal-rime^", ours("tonal-rime", None, 1)),
            ("tonal-rime^~2^", ours("tonal-rime", None, 4)),
            ("run-12", ours("run-12", None, 0)),
            ("run-12~3", ours("run-12", None, 3)),
            ("HEAD", ours("HEAD", None, 0)),
            ("@", ours("@", None, 0)),
            ("x@{first}", ours("x", Some(Pick::First), 0)),
            ("x@{last}~1", ours("x", Some(Pick::Last), 1)),
            ("x@{best}", ours("x", Some(Pick::Best(None)), 0)),
            ("@{best:acc}", ours("", best(None, "acc", false), 0)),
            ("x@{best:-loss}", ours("x", best(None, "loss", true), 0)),
            (
                "x@{best:dir/m.json:eval.acc}",
                ours("x", best(Some("dir/m.json"), "eval.acc", false), 0),
            ),
            (
                "x@{best:-m.json:loss}",
                ours("x", best(Some("m.json"), "loss", true), 0),
            ),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn leaves_the_rest_to_git() {
        for text in [
            "main@{1}",
            "main@{upstream}",
            "HEAD^2",
            "HEAD^{tree}",
            ":/text",
            "HEAD:file",
            "",
            "main@{bestest}",
            "x~99999999999999999999999",
        ] {
            assert_eq!(parse(text).unwrap(), Revision::Git(text.into()), "{text}");
        }
    }

    #[test]
    fn a_pick_needs_a_metric() {
        for text in [
            "x@{best:}",
            "x@{best:-}",
            "x@{best:f.json:}",
            "x@{best::acc}",
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), crate::error::Kind::Usage, "{text}");
        }
    }

    #[test]
    fn patterns_match_whole_names() {
        let pattern = NamePattern::parse("exp-*").unwrap();
        assert!(pattern.matches("exp-1a2b3"));
        assert!(!pattern.matches("my-exp-1"));
        assert!(NamePattern::is_pattern("{a,b}"));
        assert!(!NamePattern::is_pattern("tonal-rime"));
        assert!(NamePattern::parse("a[").is_err());
    }

    #[test]
    fn offers_near_names_only() {
        let names = ["tonal-rime", "tonal-lime", "boxed-coze", "exp-1a2b3"];
        assert_eq!(nearest("tonal-rimee", names), ["tonal-rime", "tonal-lime"]);
        assert_eq!(nearest("exp", names), ["exp-1a2b3"]);
        assert_eq!(nearest("exp-1a3b2", names), ["exp-1a2b3"]);
        assert!(nearest("zzz", names).is_empty());
    }
}
