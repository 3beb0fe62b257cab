//! Both DVCs beside us: the same pipelines, each other's experiments, handing over.
//!
//! A call of DVC costs one to four seconds, so one repository carries many questions. Tests end with
//! a reason where `GIT_EXP_DVC2` or `GIT_EXP_DVC3` is not set.

mod alternatives;
mod assign;
mod cases;
mod hand_over;
mod ours;
mod runs;
mod same;
mod templates;
mod theirs;
mod tidy;

use crate::support::TestRepo;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Runs DVC in a repository; it must succeed. Returns standard output and standard error.
#[track_caller]
fn dvc(program: &Path, repo: &TestRepo, words: &str) -> (String, String) {
    let (code, out, err) = dvc_ends(program, repo, words);
    assert_eq!(code, 0, "dvc {words}\n{out}{err}");
    (out, err)
}

/// Runs DVC and returns its exit status and both streams.
fn dvc_ends(program: &Path, repo: &TestRepo, words: &str) -> (i32, String, String) {
    let output = repo
        .command(program.to_str().unwrap())
        .args(words.split(' '))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    )
}

/// Copies a repository, modes included, beside itself.
fn copy(repo: &TestRepo, name: &str) -> TestRepo {
    let there = repo.base().join(name);
    repo.sh(&format!("cp -a . '{}'", there.display())).success();
    repo.beside(name)
}

/// Returns path and mode of every object in the cache; neither DVC's run cache nor our place for copies.
fn cache_objects(repo: &TestRepo) -> BTreeMap<PathBuf, u32> {
    let top = repo.root().join(".dvc/cache");
    let mut found = BTreeMap::new();
    let mut folders = vec![top.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let relative = path.strip_prefix(&top).unwrap().to_owned();
            if [Path::new("runs"), Path::new("git-exp")].contains(&&*relative) {
                continue;
            }
            let mode = path.symlink_metadata().unwrap().permissions().mode();
            found.insert(relative, mode);
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// Returns `ls-tree -r` of a commit: path to mode and blob.
fn tree(repo: &TestRepo, commit: &str) -> BTreeMap<String, String> {
    let listing = repo.ask(&format!("ls-tree -r {commit}"));
    let lines = listing.lines().map(|line| line.split_once('\t').unwrap());
    lines
        .map(|(entry, path)| (path.to_owned(), entry.to_owned()))
        .collect()
}

/// Returns what two maps have not in common, to read in a failing test.
fn differences<K: Ord + std::fmt::Debug, V: PartialEq + std::fmt::Debug>(
    ours: &BTreeMap<K, V>,
    theirs: &BTreeMap<K, V>,
) -> Vec<String> {
    let keys: std::collections::BTreeSet<&K> = ours.keys().chain(theirs.keys()).collect();
    keys.into_iter()
        .filter(|key| ours.get(*key) != theirs.get(*key))
        .map(|key| {
            format!(
                "{key:?}: ours {:?}, theirs {:?}",
                ours.get(key),
                theirs.get(key)
            )
        })
        .collect()
}

/// Returns the `step` in the metrics of an experiment's tip.
fn experiment_step(repo: &TestRepo, name: &str) -> u64 {
    let text = repo.ask(&format!("show {}:metrics.json", repo.tip(name)));
    let metrics: serde_json::Value = serde_json::from_str(&text).unwrap();
    metrics["step"].as_u64().unwrap()
}

/// Asserts that two JSON documents say the same, but for what the two DVCs say differently.
///
/// DVC 3 does not say whether there are checkpoints, and has an error for a metrics file that is not
/// there where DVC 2 has nothing.
#[track_caller]
pub(super) fn same_json(ours: &str, theirs: &str) {
    let [ours, theirs] = [ours, theirs].map(|text| {
        let mut value = serde_json::from_str(text).unwrap();
        forget_differences(&mut value);
        value
    });
    assert_eq!(ours, theirs);
}

fn forget_differences(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("meta");
            if let Some(serde_json::Value::Array(experiments)) = map.get_mut("experiments") {
                // Those whose tips are of one second stand in any order.
                let second = |experiment: &serde_json::Value| {
                    experiment["revs"][0]["data"]["timestamp"].to_string()
                };
                for tied in experiments.chunk_by_mut(|a, b| second(a) == second(b)) {
                    tied.sort_by_key(|experiment| experiment["name"].to_string());
                }
            }
            let missing = |data: &serde_json::Value| data["error"]["type"] == "FileNotFoundError";
            map.retain(|_, data| !missing(data));
            map.values_mut().for_each(forget_differences);
            map.retain(|key, data| key != "data" || *data != serde_json::json!({}));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_differences),
        _ => {}
    }
}
