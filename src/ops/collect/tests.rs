use super::*;
use crate::store::testing::Sandbox;
use std::fmt::Write;

const PIPELINE: &str = "\
stages:
  train:
    cmd: ./train
    deps: [train]
    params: [lr]
    outs: [{model: {checkpoint: true}}]
    metrics: [{m.json: {cache: false}}]
";

/// A repository with experiments written by `git fast-import`, as any tool may.
struct Lab {
    sandbox: Sandbox,
    baseline: ObjectId,
}

impl Lab {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        sandbox.write("dvc.yaml", PIPELINE);
        sandbox.write("params.yaml", "lr: 0.5\nseed: 1\n");
        let baseline = sandbox.commit("base");
        Lab { sandbox, baseline }
    }

    /// Writes `count` checkpoints from `from` on, `start` seconds after the baseline, a second each.
    fn grow(&self, name: &str, from: ObjectId, count: u64, start: u64, notes: bool) {
        let hex = self.baseline.to_string();
        let place = format!("{}/{}/{name}", &hex[..2], &hex[2..]);
        let mut script = String::new();
        let data = |text: &str| format!("data {}\n{text}\n", text.len());
        for step in 0..count {
            let time = 1_112_911_993 + start + step;
            let metrics = format!("{{\"step\": {}}}", start + step);
            let from = match step {
                0 => format!("from {from}\n"),
                _ => String::new(),
            };
            let _ = write!(
                script,
                "commit refs/exps/{place}\nmark :{}\ncommitter A <a@b> {time} +0000\n{}{from}\
                 M 100644 inline m.json\n{}",
                step + 1,
                data(name),
                data(&metrics)
            );
        }
        if notes {
            let _ = write!(
                script,
                "commit refs/notes/exps/{place}\ncommitter A <a@b> 1112911993 +0000\n{}",
                data("notes")
            );
            let tip = self.tip(&format!("refs/notes/exps/{place}"));
            if let Some(tip) = tip {
                let _ = writeln!(script, "from {tip}");
            }
            for step in 0..count {
                let note = format!(
                    "{{\"version\": 1, \"id\": \"ab\", \"number\": {0}, \"time\": 1, \
                     \"status\": \"failed\", \"exit\": 3, \
                     \"metrics\": {{\"m.json\": {{\"data\": {{\"step\": {0}}}}}}}}}",
                    start + step
                );
                let _ = write!(script, "N inline :{}\n{}", step + 1, data(&note));
            }
        }
        self.import(&script);
    }

    fn import(&self, script: &str) {
        let arguments = ["fast-import", "--quiet", "--force"];
        self.sandbox.git_reading(&arguments, script);
    }

    fn tip(&self, name: &str) -> Option<ObjectId> {
        let output = self.sandbox.git_raw(&["rev-parse", "-q", "--verify", name]);
        ObjectId::from_hex(output.stdout.trim_ascii()).ok()
    }

    fn experiment(&self, name: &str, behind: usize) -> ObjectId {
        let hex = self.baseline.to_string();
        let place = format!("refs/exps/{}/{}/{name}~{behind}", &hex[..2], &hex[2..]);
        self.tip(&place).unwrap()
    }

    fn show(&self) -> Listing {
        self.show_with(&Selection {
            number: 1,
            ..Selection::default()
        })
    }

    fn show_with(&self, selection: &Selection) -> Listing {
        collect(&self.sandbox.store(), selection).unwrap()
    }
}

/// Name, rows and own rows of the experiments of the only baseline.
fn shape(listing: &Listing) -> Vec<(&str, usize, usize)> {
    let experiments = listing.baselines[0].experiments.iter();
    experiments
        .map(|rows| (rows.name.as_str(), rows.chain.len(), rows.own))
        .collect()
}

fn steps(rows: &ExperimentRows) -> Vec<String> {
    let step = |row: &Arc<Row>| match &row.metrics["m.json"] {
        crate::checkpoint::FileData::Data(value) => value.lookup("step").unwrap().to_python_json(),
        error => panic!("{error:?}"),
    };
    rows.chain.iter().map(step).collect()
}

#[test]
fn shared_checkpoints_belong_to_the_oldest_tip() {
    let lab = Lab::new();
    lab.grow("origin", lab.baseline, 4, 0, true);
    lab.grow("fork", lab.experiment("origin", 2), 2, 100, true);
    lab.grow("of-fork", lab.experiment("fork", 0), 1, 200, false);
    lab.grow("alone", lab.baseline, 1, 50, true);
    let listing = lab.show();
    assert_eq!(
        shape(&listing),
        [
            ("of-fork", 5, 1),
            ("fork", 4, 2),
            ("alone", 1, 1),
            ("origin", 4, 4)
        ]
    );
    let experiments = &listing.baselines[0].experiments;
    assert_eq!(
        experiments[1].fork_point(),
        Some(lab.experiment("origin", 2))
    );
    assert_eq!(experiments[3].fork_point(), None);
    assert_eq!(steps(&experiments[0]), ["200", "101", "100", "1", "0"]);
    assert_eq!(experiments[3].status, Some(Status::Failed));
    assert_eq!(experiments[3].exit, Some(3));
    assert_eq!(experiments[0].status, None, "a commit without a note");
    // the origin went on after it was forked: now its tip is the newer one
    lab.grow("origin", lab.experiment("origin", 0), 1, 300, true);
    assert_eq!(
        shape(&lab.show()),
        [
            ("origin", 5, 3),
            ("of-fork", 5, 1),
            ("fork", 4, 4),
            ("alone", 1, 1)
        ]
    );
}

#[test]
fn a_second_ref_on_a_tip_has_a_line_of_its_own() {
    let lab = Lab::new();
    lab.grow("one", lab.baseline, 2, 0, true);
    let hex = lab.baseline.to_string();
    let name = format!("refs/exps/{}/{}/two", &hex[..2], &hex[2..]);
    let tip = lab.experiment("one", 0).to_string();
    lab.sandbox.git(&["update-ref", &name, &tip]);
    // the one that was made first has the checkpoints
    assert_eq!(shape(&lab.show()), [("two", 2, 0), ("one", 2, 2)]);
}

#[test]
fn rows_remembered_are_rows_read() {
    let lab = Lab::new();
    lab.grow("long", lab.baseline, 70, 0, true);
    lab.grow("fork", lab.experiment("long", 10), 5, 100, true);
    lab.grow("bare", lab.baseline, 3, 200, false);
    let first = lab.show();
    assert!(lab.sandbox.path(".git/git-exp/rows").exists());
    assert_eq!(lab.show(), first);
    let fresh = Selection {
        number: 1,
        fresh: true,
        ..Selection::default()
    };
    assert_eq!(lab.show_with(&fresh), first);

    // a checkpoint more
    lab.grow("long", lab.experiment("long", 0), 1, 300, true);
    lab.grow("bare", lab.experiment("bare", 0), 1, 400, false);
    let grown = lab.show();
    assert_eq!(lab.show_with(&fresh), grown);
    assert_eq!(
        shape(&grown),
        [("bare", 4, 4), ("long", 71, 11), ("fork", 65, 65)]
    );

    // the note of a known commit says something else now
    let note = format!("N inline {}\n", lab.experiment("long", 0));
    let hex = lab.baseline.to_string();
    let place = format!("{}/{}/long", &hex[..2], &hex[2..]);
    let tip = lab.tip(&format!("refs/notes/exps/{place}")).unwrap();
    let text = "{\"version\": 1, \"id\": \"ab\", \"number\": 1, \"time\": 1, \"status\": \"done\"}";
    lab.import(&format!(
        "commit refs/notes/exps/{place}\ncommitter A <a@b> 1112911993 +0000\ndata 1\nx\n\
         from {tip}\n{note}data {}\n{text}\n",
        text.len()
    ));
    let changed = lab.show();
    let long = &changed.baselines[0].experiments[1];
    assert_eq!(long.status, Some(Status::Done));
    assert!(long.chain[0].metrics.is_empty());
    assert_eq!(
        long.chain[1..],
        grown.baselines[0].experiments[1].chain[1..]
    );
}

#[test]
fn many_chains_are_read_at_once() {
    let lab = Lab::new();
    let count = 3 * 16;
    for number in 0..count {
        let notes = number % 2 == 0;
        lab.grow(
            &format!("x{number:02}"),
            lab.baseline,
            2,
            number * 10,
            notes,
        );
    }
    let listing = lab.show();
    let experiments = &listing.baselines[0].experiments;
    assert_eq!(experiments.len(), 48);
    for (position, rows) in experiments.iter().enumerate() {
        let number = count - 1 - position as u64;
        assert_eq!(rows.name, format!("x{number:02}"));
        let (newer, older) = (number * 10 + 1, number * 10);
        assert_eq!(steps(rows), [newer.to_string(), older.to_string()]);
    }
    assert_eq!(lab.show(), listing);
}

#[test]
fn damaged_and_later_notes_leave_the_tree() {
    let lab = Lab::new();
    lab.grow("x", lab.baseline, 2, 0, false);
    let hex = lab.baseline.to_string();
    let place = format!("exps/{}/{}/x", &hex[..2], &hex[2..]);
    for (commit, note) in [(0, "{"), (1, "{\"version\": 99}")] {
        let commit = lab.experiment("x", commit).to_string();
        let reference = format!("--ref={place}");
        lab.sandbox
            .git(&["notes", &reference, "add", "-m", note, &commit]);
    }
    let listing = lab.show();
    assert_eq!(steps(&listing.baselines[0].experiments[0]), ["1", "0"]);
}

#[test]
fn what_is_declared_decides_with_param_deps() {
    let lab = Lab::new();
    lab.grow("x", lab.baseline, 1, 0, true);
    let listing = lab.show_with(&Selection {
        number: 1,
        param_deps: true,
        ..Selection::default()
    });
    let row = &listing.baselines[0].experiments[0].chain[0];
    let crate::checkpoint::FileData::Data(params) = &row.params["params.yaml"] else {
        panic!("an error");
    };
    assert_eq!(params.to_python_json(), "{\"lr\": 0.5}");
}

#[test]
fn cached_metrics_directories_data_files_and_nested_pipelines() {
    let lab = Lab::new();
    let sandbox = &lab.sandbox;
    sandbox.write(
        "dvc.yaml",
        "stages:\n  train:\n    cmd: ./train\n    metrics: [m.json, {scores: {cache: false}}]\n",
    );
    sandbox.write(
        "dvc.lock",
        "schema: '2.0'\nstages:\n  train:\n    cmd: ./train\n    outs:\n    - path: m.json\n      \
         hash: md5\n      md5: d751713988987e9331980363e24189ce\n      size: 2\n",
    );
    sandbox.write(
        ".dvc/cache/files/md5/d7/51713988987e9331980363e24189ce",
        "{\"cached\": 1}",
    );
    sandbox.write(".gitignore", ".dvc/cache\n");
    sandbox.write("scores/a.json", "{\"a\": 1}");
    sandbox.write("scores/deep/b.json", "{\"b\": 2}");
    sandbox.write(
        "data/raw.csv.dvc",
        "outs:\n- md5: 0123456789abcdef0123456789abcdef\n  size: 7\n  path: raw.csv\n",
    );
    sandbox.write(
        "part/dvc.yaml",
        "stages:\n  s:\n    cmd: x\n    deps: [in]\n    metrics: [{n.json: {cache: false}}]\n",
    );
    sandbox.write(
        "part/dvc.lock",
        "schema: '2.0'\nstages:\n  s:\n    cmd: x\n    deps:\n    - path: in\n      hash: md5\n      \
         md5: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n      size: 3\n",
    );
    sandbox.write("part/n.json", "{\"n\": 3}");
    let commit = sandbox.commit("more");
    let store = sandbox.store();
    let row = commit_row(&store, commit).unwrap();
    let metrics: Vec<&str> = row.metrics.keys().map(String::as_str).collect();
    assert_eq!(
        metrics,
        [
            "m.json",
            "scores/a.json",
            "scores/deep/b.json",
            "part/n.json"
        ]
    );
    assert_eq!(
        row.deps["part/in"].md5.as_deref(),
        Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    );
    let data = &row.outs["data/raw.csv"];
    assert_eq!((data.size, data.data_source), (Some(7), true));
    let here = workspace_row(&store).unwrap();
    assert_eq!(here.metrics, row.metrics);
    assert_eq!(here.outs, row.outs);
    assert_eq!(here.deps, row.deps);
}
