//! Trailers of a checkpoint's commit message, both ways.
//!
//! ```text
//! brave-otter: checkpoint 3
//!
//! Exp-Id: 0f3a…
//! Exp-Checkpoint: 3
//! Exp-Baseline: 305de7e…
//! Exp-Fork-Of: c21b625… 77ab… calm-heron
//! ```
//!
//! Ours are always the last paragraph and start with `Exp-Id`; nothing before it is ever read, so the
//! text of `-M` cannot supply one.

use super::Trailers;
use crate::error::Result;
use crate::id::{self, ObjectId};
use std::fmt;

/// Where a fork comes from, as `Exp-Fork-Of` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The checkpoint it goes on from.
    pub commit: ObjectId,
    /// The origin's `Exp-Id`; `None` when DVC made it.
    pub id: Option<String>,
    /// The origin's name at that time.
    pub name: String,
}

impl fmt::Display for Fork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id.as_deref().unwrap_or("-");
        write!(f, "{} {id} {}", self.commit, self.name)
    }
}

impl Fork {
    /// Reads what its `Display` writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, ' ');
        let commit = ObjectId::from_hex(parts.next()?.as_bytes()).ok()?;
        let id = Some(parts.next()?).filter(|id| is_experiment_id(id));
        let name = parts.next()?.trim();
        (!name.is_empty()).then(|| Fork {
            commit,
            id: id.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl Trailers {
    /// Reads the trailers of a commit message; all absent where its last paragraph is not ours.
    pub fn parse(message: &str) -> Self {
        let mut trailers = Trailers::default();
        let message = message.trim_end();
        let Some((_, last)) = message.rsplit_once("\n\n") else {
            return trailers;
        };
        let last = last.trim_start_matches('\n');
        if !last.starts_with("Exp-Id: ") {
            return trailers;
        }
        for line in last.lines() {
            let Some((key, value)) = line.split_once(": ") else {
                continue;
            };
            let value = value.trim();
            match key {
                "Exp-Id" if trailers.id.is_none() && is_experiment_id(value) => {
                    trailers.id = Some(value.to_owned());
                }
                "Exp-Checkpoint" if trailers.number.is_none() => {
                    trailers.number = value.parse().ok();
                }
                "Exp-Baseline" if trailers.baseline.is_none() => {
                    trailers.baseline = ObjectId::from_hex(value.as_bytes())
                        .ok()
                        .map(|id| id.to_string());
                }
                "Exp-Fork-Of" if trailers.fork_of.is_none() => {
                    trailers.fork_of = Fork::parse(value);
                }
                _ => {}
            }
        }
        trailers
    }

    /// Returns a whole commit message: `text`, an empty line, and the trailers that are set.
    ///
    /// `text` is a subject, or what `-M` gave, of any shape.
    pub fn message(&self, text: &str) -> String {
        let mut message = text.trim_end().to_owned();
        if message.trim_start().is_empty() {
            message = "checkpoint".to_owned();
        }
        message.push_str("\n\n");
        let mut add = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                message.push_str(key);
                message.push_str(": ");
                message.push_str(&value);
                message.push('\n');
            }
        };
        add("Exp-Id", self.id.clone());
        add(
            "Exp-Checkpoint",
            self.number.map(|number| number.to_string()),
        );
        add("Exp-Baseline", self.baseline.clone());
        add("Exp-Fork-Of", self.fork_of.as_ref().map(Fork::to_string));
        message
    }
}

fn is_experiment_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns a new `Exp-Id`: 128 random bits of the operating system as 32 hex digits.
pub fn new_experiment_id() -> Result<String> {
    Ok(id::random::<16>()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn trailers() -> Trailers {
        Trailers {
            id: Some(ID.to_owned()),
            number: Some(3),
            baseline: Some("1".repeat(40)),
            fork_of: Some(Fork {
                commit: ObjectId::from_hex("2".repeat(40).as_bytes()).unwrap(),
                id: None,
                name: "calm-heron".to_owned(),
            }),
        }
    }

    #[test]
    fn the_message_is_what_the_layout_says() {
        assert_eq!(
            trailers().message("brave-otter: checkpoint 3"),
            format!(
                "brave-otter: checkpoint 3\n\nExp-Id: {ID}\nExp-Checkpoint: 3\nExp-Baseline: {}\nExp-Fork-Of: {} - calm-heron\n",
                "1".repeat(40),
                "2".repeat(40)
            )
        );
    }

    #[test]
    fn text_of_the_user_supplies_no_trailer() {
        let fake = format!("x\n\nExp-Id: {}\nExp-Checkpoint: 99\n", "f".repeat(32));
        let message = trailers().message(&fake);
        assert_eq!(Trailers::parse(&message), trailers());
        let none = Trailers {
            fork_of: None,
            ..trailers()
        };
        let fork = format!("Exp-Fork-Of: {} - other", "3".repeat(40));
        assert_eq!(Trailers::parse(&none.message(&fork)), none);
    }

    #[test]
    fn others_commits_have_none() {
        for message in [
            "dvc: commit experiment 6ac0218e",
            "Exp-Id: 0123456789abcdef0123456789abcdef",
            "a\n\nSigned-off-by: A U Thor <a@example.com>\n",
            "",
        ] {
            assert_eq!(Trailers::parse(message), Trailers::default(), "{message}");
        }
    }

    #[test]
    fn trailers_of_others_beside_ours_are_passed_over() {
        let mut message = trailers().message("x");
        message.push_str("Signed-off-by: A U Thor <a@example.com>\nExp-Checkpoint: 9\n");
        assert_eq!(Trailers::parse(&message), trailers());
    }

    #[test]
    fn ids_are_random() {
        let (one, two) = (new_experiment_id().unwrap(), new_experiment_id().unwrap());
        assert!(is_experiment_id(&one) && is_experiment_id(&two));
        assert_ne!(one, two);
    }

    proptest! {
        #[test]
        fn any_text_round_trips(text in "(?s).{0,200}") {
            prop_assert_eq!(Trailers::parse(&trailers().message(&text)), trailers());
        }
    }
}
