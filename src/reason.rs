//! Why a stage runs, as values; the screen words them.

use crate::lockfile::{LockEntry, LockedPath};
use crate::pipeline::Stage;
use crate::value::{Map, Value};

/// One reason for a stage to run.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// `--force`.
    Forced,
    /// `--force-downstream`: this stage, which it reads from, ran.
    Follows(String),
    /// `dvc.lock` has no entry of it.
    NotLocked,
    /// Nothing has to change.
    Always(Always),
    /// Another command than the one that `dvc.lock` has.
    Command {
        /// A text, or a list of texts; null where there was none.
        old: Value,
        /// The same.
        new: Value,
    },
    /// A param has another value.
    Param {
        /// The file, as `dvc.yaml` has it.
        file: String,
        /// Its dotted name.
        name: String,
        /// `None` if it was not there, or was no param of this stage.
        old: Option<Value>,
        /// `None` if it is not there any more.
        new: Option<Value>,
    },
    /// A dependency is not what `dvc.lock` has.
    Dependency(String, Difference),
    /// An output is not what `dvc.lock` has.
    Output(String, Difference),
}

/// Why a stage runs every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Always {
    /// It has a checkpoint output: training goes on.
    Checkpoint,
    /// `always_changed: true`.
    Declared,
    /// It has neither dependencies nor outputs.
    Unbound,
}

/// How a path differs from what `dvc.lock` has of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// It holds something else.
    Changed,
    /// It is not there.
    Missing,
    /// `dvc.lock` does not have it.
    New,
    /// It is there, but not in the cache.
    NotCached,
}

/// Returns in what the command, dependencies and params of `now` differ from those of `old`.
///
/// As in DVC, what `old` has beyond what the stage declares by now does not count. A dependency of
/// `now` without a content is missing.
pub fn of_inputs(stage: &Stage, old: &LockEntry, now: &LockEntry) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if old.cmd != now.cmd {
        reasons.push(Reason::Command {
            old: old.cmd.clone().unwrap_or(Value::Null),
            new: now.cmd.clone().unwrap_or(Value::Null),
        });
    }
    let empty = Map::new();
    for (file, new) in &now.params {
        let old = old.params.get(file).unwrap_or(&empty);
        let mut declared = stage.params.iter();
        let is_whole =
            declared.any(|params| stage.written(&params.file) == file && params.keys.is_none());
        of_params(file, old, new, is_whole, &mut reasons);
    }
    for dep in &now.deps {
        if let Some(difference) = of_path(old.dep(&dep.path), dep) {
            reasons.push(Reason::Dependency(dep.path.clone(), difference));
        }
    }
    reasons
}

fn of_params(file: &str, old: &Map, new: &Map, is_whole: bool, reasons: &mut Vec<Reason>) {
    let mut push = |name: String, old: Option<&Value>, new: Option<&Value>| {
        reasons.push(Reason::Param {
            file: file.to_owned(),
            name,
            old: old.cloned(),
            new: new.cloned(),
        });
    };
    for (name, value) in new {
        match old.get(name) {
            Some(before) if before.same(value) => {}
            Some(before @ Value::Map(_)) if value.as_map().is_some() => {
                let (before, now) = (before.leaves(), value.leaves());
                let other = |leaves: &[(String, &Value)], name: &str| {
                    let found = leaves.iter().find(|(other, _)| other == name);
                    found.map(|(_, value)| (*value).clone())
                };
                for (leaf, value) in &now {
                    let old = other(&before, leaf);
                    if !old.as_ref().is_some_and(|old| old.same(value)) {
                        push(format!("{name}.{leaf}"), old.as_ref(), Some(value));
                    }
                }
                for (leaf, value) in &before {
                    if other(&now, leaf).is_none() {
                        push(format!("{name}.{leaf}"), Some(value), None);
                    }
                }
            }
            before => push(name.to_string(), before, Some(value)),
        }
    }
    if is_whole {
        for (name, value) in old {
            if !new.contains_key(name) {
                push(name.to_string(), Some(value), None);
            }
        }
    }
}

fn of_path(old: Option<&LockedPath>, now: &LockedPath) -> Option<Difference> {
    if now.is_known() && old == Some(now) {
        return None;
    }
    if let Some(now) = now.dataset() {
        return match old.and_then(LockedPath::dataset) {
            Some(old) if old.same(now) => None,
            Some(_) => Some(Difference::Changed),
            None => Some(Difference::New),
        };
    }
    let old = old.and_then(|old| old.hash.as_ref());
    match (old, &now.hash) {
        (_, None) => Some(Difference::Missing),
        (None, Some(_)) => Some(Difference::New),
        (Some(old), Some(now)) => (old.md5 != now.md5).then_some(Difference::Changed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockfile::Lockfile;
    use crate::pipeline::{ParamsDependency, parse, template};

    const LOCK: &str = "\
schema: '2.0'
stages:
  train:
    cmd: sh train.sh
    deps:
    - path: gone.sh
      hash: md5
      md5: 981e36f43b680ace21d8e7cc5e9a1a28
      size: 79
    - path: train.sh
      hash: md5
      md5: 981e36f43b680ace21d8e7cc5e9a1a28
      size: 79
    params:
      params.yaml:
        lr: 0.1
        old: 1
        opt:
          name: sgd
          decay: 0
";

    fn entry(text: &str) -> LockEntry {
        let mut lockfile = Lockfile::parse(text, "dvc.lock").unwrap();
        lockfile.stages.swap_remove("train").unwrap()
    }

    fn stage(params: &str) -> Stage {
        let text = format!(
            "stages:\n  train:\n    cmd: sh train.sh\n    deps: [train.sh]\n    params: [{params}]\n"
        );
        let pipeline = parse::parse(&text, "dvc.yaml", &template::Alone).unwrap();
        pipeline.stages[0].clone()
    }

    #[test]
    fn what_is_declared_no_more_does_not_count() {
        let (mut now, old) = (entry(LOCK), entry(LOCK));
        now.deps.remove(0);
        now.params[0].shift_remove("old");
        assert_eq!(of_inputs(&stage("lr, opt"), &old, &now), []);
        // all of a file is declared: a key that is gone counts
        let mut whole = stage("lr");
        whole.params = vec![ParamsDependency {
            file: "params.yaml".to_owned(),
            keys: None,
        }];
        let [
            Reason::Param {
                name, new: None, ..
            },
        ] = &of_inputs(&whole, &old, &now)[..]
        else {
            panic!("not one param");
        };
        assert_eq!(name, "old");
    }

    #[test]
    fn names_what_changed() {
        let old = entry(LOCK);
        let now = entry(
            &LOCK
                .replace("cmd: sh train.sh", "cmd: sh  train.sh")
                .replace("lr: 0.1", "lr: 1e-1")
                .replace("decay: 0", "nesterov: true")
                .replace("a1a28", "a1a29"),
        );
        let reasons = of_inputs(&stage("lr, old, opt"), &old, &now);
        let names: Vec<String> = reasons
            .iter()
            .map(|reason| match reason {
                Reason::Param { name, .. } => name.clone(),
                other => format!("{other:?}"),
            })
            .collect();
        assert_eq!(
            names,
            [
                "Command { old: Str(\"sh train.sh\"), new: Str(\"sh  train.sh\") }",
                "opt.nesterov",
                "opt.decay",
                "Dependency(\"gone.sh\", Changed)",
                "Dependency(\"train.sh\", Changed)",
            ]
        );
    }
}
