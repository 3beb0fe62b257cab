//! The file in which DVCLive from 2.16 on says that a step is complete, without waiting for anyone.
//!
//! `{"pid": 20681, "step": 0}`, overwritten at each step. A step that we cannot be sure of is passed
//! over; [`Steps`] counts them, those included that were overwritten before anybody looked.

use super::stat::FileStat;
use crate::value::Value;
use std::path::{Path, PathBuf};

/// A step that DVCLive completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Its number.
    pub number: i64,
    /// When it was complete, in nanoseconds since the epoch: time stamp of the file.
    pub moment: i128,
}

/// The file, and what of it is known.
#[derive(Debug)]
pub struct StepFile {
    path: PathBuf,
    last: Option<FileStat>,
}

impl StepFile {
    /// Starts to follow a file; what it says now is of another run.
    pub fn new(path: &Path) -> Self {
        StepFile {
            path: path.to_owned(),
            last: stat(path),
        }
    }

    /// Returns a step that was completed since the last look, the newest one.
    pub fn look(&mut self) -> Option<Step> {
        let stat = stat(&self.path)?;
        if self.last == Some(stat) {
            return None;
        }
        let text = fs_err::read_to_string(&self.path).ok()?;
        // It is being written to, half of it or the one after it; when that is done, we are woken again.
        let number = number(&text)?;
        if self::stat(&self.path) != Some(stat) {
            return None;
        }
        self.last = Some(stat);
        Some(Step {
            number,
            moment: stat.mtime(),
        })
    }
}

impl StepFile {
    /// Whether it still says that this step was the last one.
    pub fn says(&self, step: Step) -> bool {
        let text = fs_err::read_to_string(&self.path).ok();
        text.and_then(|text| number(&text)) == Some(step.number) && stat(&self.path) == self.last
    }
}

fn stat(path: &Path) -> Option<FileStat> {
    let stat = rustix::fs::stat(path).ok()?;
    Some(FileStat::from_rustix(&stat))
}

fn number(text: &str) -> Option<i64> {
    let value = Value::from_json(text, "DVCLIVE_STEP_COMPLETED").ok()?;
    step_of(&value)
}

/// Returns the number that a file of DVCLive has for its step.
pub fn step_of(value: &Value) -> Option<i64> {
    match value.as_map()?.get("step")? {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}

/// Counts steps, and those of them that became checkpoints.
#[derive(Debug, Default)]
pub struct Steps {
    last: Option<i64>,
    seen: u64,
    saved: u64,
    last_is_saved: bool,
    /// By how much numbers grew, in how many pairs, and at least.
    grown: i64,
    pairs: i64,
    stride: i64,
    /// How many had no metrics to be told from others by.
    untold: u64,
}

impl Steps {
    /// A step was seen.
    pub fn see(&mut self, number: i64) {
        let growth = self.last.map_or(0, |last| number.saturating_sub(last));
        if growth > 0 {
            let stride = if self.pairs == 0 { growth } else { self.stride };
            self.stride = stride.min(growth);
            self.grown = self.grown.saturating_add(growth);
            self.pairs += 1;
        }
        self.last = Some(number);
        self.seen += 1;
        self.last_is_saved = false;
    }

    /// The step last seen became a checkpoint.
    pub fn save(&mut self) {
        self.saved += 1;
        self.last_is_saved = true;
    }

    /// No metrics file has the number of the step last seen, or of any.
    pub fn untold(&mut self) {
        self.untold += 1;
    }

    /// Returns what there is to say at the end of the stage. `complete`: its end was captured, too, which
    /// is the last step.
    pub fn summary(&self, complete: bool) -> Option<String> {
        let unseen = match self.stride {
            0 => 0,
            stride => u64::try_from(self.grown / stride - self.pairs).unwrap_or(0),
        };
        let all = self.seen + unseen;
        let saved = self.saved + u64::from(complete && self.seen > 0 && !self.last_is_saved);
        if saved >= all {
            return None;
        }
        let why = if self.untold > 0 && self.saved == 0 {
            "no metrics file says of which step it is"
        } else {
            "training did not wait for them, and had written on"
        };
        Some(format!(
            "{} of {all} steps of DVCLive have no checkpoint: {why}",
            all - saved
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_seen_once_and_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("DVCLIVE_STEP_COMPLETED");
        fs_err::write(&path, r#"{"pid": 1, "step": 9}"#).unwrap();
        let mut file = StepFile::new(&path);
        assert_eq!(file.look(), None, "of another run");
        fs_err::remove_file(&path).unwrap();
        assert_eq!(file.look(), None);
        for half in ["", r#"{"pid": 20681, "#, r#"{"pid": 1}"#, "[1]"] {
            fs_err::write(&path, half).unwrap();
            assert_eq!(file.look(), None, "{half}");
        }
        fs_err::write(&path, r#"{"pid": 20681, "step": 0}"#).unwrap();
        let step = file.look().unwrap();
        let stat = super::stat(&path).unwrap();
        assert_eq!((step.number, step.moment), (0, stat.mtime()));
        assert_eq!(file.look(), None);
        assert!(file.says(step));
        fs_err::write(&path, r#"{"pid": 20681, "step": 10}"#).unwrap();
        assert!(!file.says(step));
        assert_eq!(file.look().unwrap().number, 10);
    }

    /// Sees these steps; those with `true` became checkpoints.
    fn steps(list: &[(i64, bool)]) -> Steps {
        let mut steps = Steps::default();
        for (number, saved) in list {
            steps.see(*number);
            if *saved {
                steps.save();
            }
        }
        steps
    }

    #[test]
    fn counts_what_was_not_saved() {
        assert_eq!(Steps::default().summary(true), None);
        assert_eq!(steps(&[(0, true), (1, true)]).summary(false), None);
        let said = |list: &[(i64, bool)], complete| {
            let said = steps(list).summary(complete).unwrap();
            said.split(" of DVCLive").next().unwrap().to_owned()
        };
        let list = [(0, true), (1, false), (2, true)];
        assert_eq!(said(&list, false), "1 of 3 steps");
        // Three were overwritten before they were seen.
        let list = [(3, true), (4, true), (8, true)];
        assert_eq!(said(&list, true), "3 of 6 steps");
        // A trainer that counts batches, ten to a step.
        let list = [(10, true), (30, true), (40, true)];
        assert_eq!(said(&list, true), "1 of 4 steps");
        // One that starts anew.
        let list = [(0, true), (1, false), (0, true), (1, true)];
        assert_eq!(said(&list, true), "1 of 4 steps");
    }

    #[test]
    fn the_end_of_the_stage_is_the_last_step() {
        let list = [(0, true), (1, false)];
        assert_eq!(steps(&list).summary(true), None);
        assert!(steps(&list).summary(false).is_some());
    }
}
