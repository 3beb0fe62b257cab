use super::*;
use crate::store::objects::Batch;
use crate::store::refs::RefChange;
use crate::store::testing::Sandbox;

/// Adds checkpoints to an experiment, one per accuracy, and returns them.
fn grow(
    store: &Store,
    baseline: ObjectId,
    from: ObjectId,
    name: &str,
    id: &str,
    accuracies: &[&str],
) -> Vec<ObjectId> {
    let batch = Batch::new(store);
    let tree = store.checkpoint(baseline).unwrap().tree;
    let mut parent = from;
    let mut commits = Vec::new();
    let mut notes = Vec::new();
    for (at, accuracy) in accuracies.iter().enumerate() {
        let number = at + 1;
        let message = format!(
            "{name}: checkpoint {number}\n\nExp-Id: {id}\nExp-Checkpoint: {number}\nExp-Baseline: {baseline}\n"
        );
        parent = batch.commit(tree, &[parent], &message).unwrap();
        commits.push(parent);
        let note = format!(
            r#"{{"version":1,"id":"{id}","number":{number},"time":0,"metrics":{{"m.json":{{"data":{{"acc":{accuracy},"eval":{{"f1":{number}}}}}}},"n.json":{{"data":{{"loss":{number},"f":1}}}},"o.json":{{"data":{{"f":1}}}}}}}}"#
        );
        notes.push((parent, note.into_bytes()));
    }
    let notes = batch.notes(None, &notes).unwrap();
    batch.sync().unwrap();
    let hex = baseline.to_string();
    let place = format!("{}/{}/{name}", &hex[..2], &hex[2..]);
    store
        .change_refs(&[
            RefChange::create(format!("refs/exps/{place}"), parent),
            RefChange::create(format!("refs/notes/exps/{place}"), notes),
        ])
        .unwrap();
    commits
}

const ONE: &str = "11111111111111111111111111111111";
const TWO: &str = "22222222222222222222222222222222";

struct Story {
    sandbox: Sandbox,
    baseline: ObjectId,
    first: Vec<ObjectId>,
    fork: Vec<ObjectId>,
}

/// An experiment with four checkpoints, and a fork of its second one with two.
fn story() -> Story {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "");
    let baseline = sandbox.commit("baseline");
    let store = sandbox.store();
    let nan = r#"{"float":"nan"}"#;
    let first = grow(
        &store,
        baseline,
        baseline,
        "tonal-rime",
        ONE,
        &["0.5", "0.9", nan, "0.9"],
    );
    let fork = grow(
        &store,
        baseline,
        first[1],
        "boxed-coze",
        TWO,
        &["0.1", "0.2"],
    );
    Story {
        sandbox,
        baseline,
        first,
        fork,
    }
}

impl Story {
    fn commit(&self, revision: &str) -> ObjectId {
        self.sandbox.store().resolve(revision).unwrap().commit
    }

    fn error(&self, revision: &str) -> Error {
        self.sandbox.store().resolve(revision).unwrap_err()
    }
}

#[test]
fn names_steps_and_picks() {
    let story = story();
    let (first, fork) = (&story.first, &story.fork);
    for (revision, expected) in [
        ("tonal-rime", first[3]),
        ("tonal-rime~1", first[2]),
        ("tonal-rime^^", first[1]),
        ("tonal-rime~4", story.baseline),
        ("tonal-rime@{last}", first[3]),
        ("tonal-rime@{first}", first[0]),
        ("tonal-rime@{last}~3", first[0]),
        ("tonal-rime@{best:acc}", first[3]),
        ("tonal-rime@{best:-acc}", first[0]),
        ("tonal-rime@{best:eval.f1}", first[3]),
        ("tonal-rime@{best:-n.json:loss}", first[0]),
        // Own checkpoints only: the origin's 0.9 does not count.
        ("boxed-coze@{best:acc}", fork[1]),
        ("boxed-coze@{first}", fork[0]),
        ("boxed-coze~2", first[1]),
        ("boxed-coze~4", story.baseline),
        ("HEAD", story.baseline),
        ("main", story.baseline),
    ] {
        assert_eq!(story.commit(revision), expected, "{revision}");
    }
    let short = first[1].to_string()[..9].to_string();
    assert_eq!(story.commit(&short), first[1]);
    assert_eq!(story.commit(&format!("{short}~1")), first[0]);
    assert_eq!(story.commit(&format!("{short}@{{best:acc}}")), first[3]);
    let hex = story.baseline.to_string();
    let full = format!("refs/exps/{}/{}/boxed-coze", &hex[..2], &hex[2..]);
    assert_eq!(story.commit(&full), fork[1]);
    assert_eq!(story.commit(&format!("{full}~1")), fork[0]);
}

#[test]
fn an_experiment_belongs_to_each_commit() {
    let story = story();
    let store = story.sandbox.store();
    let name = |revision: &str| {
        let resolved = store.resolve(revision).unwrap();
        resolved
            .experiment
            .map(|experiment| experiment.name.as_str().to_string())
    };
    assert_eq!(name("HEAD"), None);
    assert_eq!(name("tonal-rime~1").as_deref(), Some("tonal-rime"));
    // Shared by both: it belongs to the one that made it.
    assert_eq!(
        name(&story.first[0].to_string()).as_deref(),
        Some("tonal-rime")
    );
    assert_eq!(
        name(&story.fork[0].to_string()).as_deref(),
        Some("boxed-coze")
    );
    assert_eq!(
        name(&story.first[2].to_string()).as_deref(),
        Some("tonal-rime")
    );
}

#[test]
fn errors_say_what_to_type() {
    let story = story();
    let error = story.error("tonal-rime~5");
    assert_eq!(error.kind(), Kind::Missing);
    assert_eq!(
        error.to_string(),
        "'tonal-rime~5' is beyond the baseline of 'tonal-rime', which has 4 checkpoints"
    );
    let error = story.error("tonal-rimee");
    assert_eq!(error.kind(), Kind::Missing);
    assert_eq!(error.to_string(), "unknown revision 'tonal-rimee'");
    assert_eq!(error.hints(), ["did you mean 'tonal-rime'?"]);
    let error = story.error("tonal-rime@{best}");
    assert_eq!(error.kind(), Kind::Usage);
    assert!(
        error
            .hints()
            .contains(&"tonal-rime@{best:m.json:acc}".to_string()),
        "{:?}",
        error.hints()
    );
    let error = story.error("tonal-rime@{best:f}");
    assert_eq!(error.to_string(), "metric 'f' is in several files");
    let error = story.error("tonal-rime@{best:nope}");
    assert_eq!(error.kind(), Kind::Missing);
    let error = story.error("zzz@{best:acc}");
    assert_eq!(error.kind(), Kind::Missing);
    let error = story.error("@{best:acc}");
    assert_eq!(error.kind(), Kind::Missing);
}

#[test]
fn the_configured_metric_is_the_bare_best() {
    let story = story();
    story.sandbox.git(&["config", "exp.metric", "-m.json:acc"]);
    assert_eq!(story.commit("tonal-rime@{best}"), story.first[0]);
}

#[test]
fn one_name_under_several_baselines() {
    let story = story();
    story.sandbox.write("a.py", "2");
    let second = story.sandbox.commit("second");
    let store = story.sandbox.store();
    let again = grow(&store, second, second, "tonal-rime", TWO, &["1"]);
    assert_eq!(story.commit("tonal-rime"), again[0]);
    story.sandbox.git(&["checkout", "-q", "--detach", "HEAD~1"]);
    assert_eq!(story.commit("tonal-rime"), story.first[3]);
    story
        .sandbox
        .git(&["checkout", "-q", "--orphan", "elsewhere"]);
    story.sandbox.commit("third");
    let error = story.error("tonal-rime");
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(error.hints().len(), 2);
    assert!(error.hints()[0].starts_with("refs/exps/"));
}

#[test]
fn a_short_id_of_one_line_is_its_tip() {
    // Seven commits in a line whose ids are searched until two share four digits.
    let sandbox = Sandbox::new();
    let baseline = sandbox.commit("baseline");
    let store = sandbox.store();
    let batch = Batch::new(&store);
    let tree = store.checkpoint(baseline).unwrap().tree;
    let mut parent = baseline;
    let mut seen: std::collections::HashMap<String, ObjectId> = Default::default();
    let (short, tip) = loop {
        let message = format!("number {}\n", seen.len());
        parent = batch.commit(tree, &[parent], &message).unwrap();
        let short = parent.to_string()[..4].to_string();
        if seen.insert(short.clone(), parent).is_some() {
            break (short, parent);
        }
    };
    batch.sync().unwrap();
    store
        .change_refs(&[RefChange::create("refs/heads/line", parent)])
        .unwrap();
    let resolved = store.resolve(&short).unwrap();
    assert_eq!(resolved.commit, tip);
}
