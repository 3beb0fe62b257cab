//! What runs, what can be gone on with: the experiments of this baseline and this worktree.

use crate::checkpoint::{Note, Status};
use crate::error::Result;
use crate::experiment::Experiment;
use crate::id::ObjectId;
use crate::store::Store;
use crate::store::run_record::Running;
use crate::store::state::ResumePoint;
use std::path::PathBuf;

/// What `git exp status` knows.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Where HEAD is; `None` before the first commit.
    pub baseline: Option<ObjectId>,
    /// The branch HEAD is on; `None` if it is detached.
    pub branch: Option<String>,
    /// Where a plain `git exp run` goes on, if HEAD still is its baseline and there are checkpoint outputs.
    pub next: Option<ResumePoint>,
    /// Experiments of the baseline, of `next`, and of what runs in this worktree; newest tip first.
    pub experiments: Vec<ExperimentStatus>,
}

/// One experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct ExperimentStatus {
    /// Its baseline, name and tip; the tip equals the baseline before the first checkpoint.
    pub baseline: ObjectId,
    /// Its name.
    pub name: String,
    /// Its newest checkpoint; `None` if a run has made none yet.
    pub tip: Option<Tip>,
    /// What became of it.
    pub state: State,
    /// Why a checkpoint of its last run is missing, where one is.
    pub incomplete: Option<String>,
    /// Whether a plain `git exp run` goes on from one of its checkpoints.
    pub is_next: bool,
}

/// The newest checkpoint of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tip {
    /// The commit.
    pub id: ObjectId,
    /// Count from 1 along the chain; `None` if DVC made it.
    pub number: Option<u64>,
    /// Committer seconds since the epoch.
    pub time: i64,
    /// Seconds since then.
    pub age: i64,
}

/// What became of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// A run adds to it now.
    Running(Place),
    /// Its run died, its stage's command lives on: the process is the command's.
    Orphaned(Place),
    /// Its pipeline finished.
    Done,
    /// Its stage failed, with this exit status where there was one.
    Failed(Option<i32>),
    /// Somebody stopped it.
    Interrupted,
    /// It was cut off: by a kill, a crash, a power cut.
    Unfinished,
    /// DVC made it and did not say.
    Unknown,
}

/// Where something runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Top of the work tree.
    pub worktree: PathBuf,
    /// Whether that is this one.
    pub here: bool,
    /// The process.
    pub pid: u32,
    /// The stage; more than one where they run beside each other, none before the first one.
    pub stages: Vec<String>,
    /// How long the run has been going, in seconds.
    pub seconds: i64,
}

/// Whether a run may go on from a commit: if no pipeline of it speaks of checkpoints, none does.
fn may_train(store: &Store, commit: ObjectId) -> bool {
    let speaks = || -> Result<bool> {
        for file in store.files_named(commit, "dvc.yaml")?.values() {
            if String::from_utf8_lossy(&store.blob(file.id)?).contains("checkpoint") {
                return Ok(true);
            }
        }
        Ok(false)
    };
    // What cannot be read is the run's to complain about.
    speaks().unwrap_or(true)
}

/// Looks at refs, notes of tips, and locks of runs. Takes no lock.
pub fn status(store: &Store) -> Result<Report> {
    let head = store.head()?;
    let running = store.running()?;
    let orphans = store.orphans()?;
    let now = store.now();
    let next = store
        .current_point()?
        .filter(|point| head.commit == Some(point.baseline))
        .filter(|point| may_train(store, point.checkpoint));
    let place = |record: &Running, pid: u32| Place {
        worktree: record.worktree.clone(),
        here: record.worktree == store.worktree(),
        pid,
        stages: record.stages(),
        seconds: now.saturating_sub(record.started).max(0),
    };
    let mut alive: Vec<(&Running, State)> = running
        .iter()
        .map(|record| (record, State::Running(place(record, record.pid))))
        .collect();
    for record in &orphans {
        if let [process, ..] = record.alive()[..] {
            alive.push((record, State::Orphaned(place(record, process.pid))));
        }
    }

    let mut experiments = Vec::new();
    for experiment in store.experiments()? {
        let name = experiment.name.as_str();
        let is = |baseline: ObjectId, other: &str| experiment.baseline == baseline && name == other;
        let state = alive
            .iter()
            .position(|(record, _)| is(record.baseline, &record.name))
            .map(|at| alive.swap_remove(at).1);
        let is_next = next
            .as_ref()
            .is_some_and(|point| is(point.baseline, &point.name));
        let here =
            matches!(&state, Some(State::Running(place) | State::Orphaned(place)) if place.here);
        if is_next || here || head.commit == Some(experiment.baseline) {
            experiments.push(describe(store, &experiment, state, is_next, now)?);
        }
    }
    // Runs that have made no checkpoint yet have no ref.
    for (record, state) in alive {
        let here = matches!(&state, State::Running(place) | State::Orphaned(place) if place.here);
        if here || head.commit == Some(record.baseline) {
            experiments.push(ExperimentStatus {
                baseline: record.baseline,
                name: record.name.clone(),
                tip: None,
                state,
                incomplete: None,
                is_next: false,
            });
        }
    }
    experiments.sort_by(|a, b| {
        let time = |experiment: &ExperimentStatus| {
            experiment.tip.as_ref().map_or(i64::MAX, |tip| tip.time)
        };
        time(b).cmp(&time(a)).then_with(|| a.name.cmp(&b.name))
    });
    Ok(Report {
        baseline: head.commit,
        branch: head.branch,
        next,
        experiments,
    })
}

fn describe(
    store: &Store,
    experiment: &Experiment,
    state: Option<State>,
    is_next: bool,
    now: i64,
) -> Result<ExperimentStatus> {
    let checkpoint = store.checkpoint(experiment.tip)?;
    let note = match store.find_ref(&experiment.notes_ref_name())? {
        None => None,
        Some(notes) => store.read_note(notes, experiment.tip)?,
    };
    // A note that cannot be read is as good as none: trailers say what they can.
    let note = note
        .and_then(|text| Note::parse(&text, experiment.tip).ok())
        .and_then(|parsed| parsed.known());
    let ended = match &note {
        Some(note) => match note.status {
            Some(Status::Done) => State::Done,
            Some(Status::Failed) => State::Failed(note.exit),
            Some(Status::Interrupted) => State::Interrupted,
            None => State::Unfinished,
        },
        None if checkpoint.trailers.id.is_some() => State::Unfinished,
        None => State::Unknown,
    };
    let time = checkpoint.time.seconds;
    Ok(ExperimentStatus {
        baseline: experiment.baseline,
        name: experiment.name.as_str().to_owned(),
        tip: Some(Tip {
            id: experiment.tip,
            number: note
                .as_ref()
                .map(|note| note.number)
                .or(checkpoint.trailers.number),
            time,
            age: now.saturating_sub(time).max(0),
        }),
        state: state.unwrap_or(ended),
        incomplete: note.and_then(|note| note.incomplete),
        is_next,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lock::RunLock;
    use crate::store::run_record::StageCommand;
    use crate::store::state::Process;
    use crate::store::testing::Sandbox;

    /// Makes an experiment of one commit, with a note if `note` is not empty.
    fn experiment(sandbox: &Sandbox, name: &str, trailers: &str, note: &str) -> ObjectId {
        let baseline = sandbox.id("HEAD").to_string();
        let (two, rest) = baseline.split_at(2);
        let message = format!("{name}\n\n{trailers}");
        let tip = sandbox.git(&["commit-tree", "-p", "HEAD", "-m", &message, "HEAD^{tree}"]);
        let tip = tip.trim();
        sandbox.git(&["update-ref", &format!("refs/exps/{two}/{rest}/{name}"), tip]);
        if !note.is_empty() {
            let notes = format!("--ref=exps/{two}/{rest}/{name}");
            sandbox.git(&["notes", &notes, "add", "-m", note, tip]);
        }
        sandbox.id(tip)
    }

    fn record(store: &Store, name: &str, baseline: ObjectId) -> Running {
        Running {
            experiment_id: String::new(),
            worktree: store.worktree().to_owned(),
            name: name.to_owned(),
            baseline,
            pid: 77,
            commands: vec![StageCommand {
                stage: "train".to_owned(),
                line: 0,
                process: Process::describe(std::process::id()),
            }],
            started: store.now() - 5,
        }
    }

    fn states(store: &Store) -> Vec<(String, State)> {
        let report = status(store).unwrap();
        let rows = report.experiments.into_iter();
        rows.map(|row| (row.name, row.state)).collect()
    }

    #[test]
    fn tells_how_each_one_ended() {
        let sandbox = Sandbox::new();
        let model = "    outs:\n    - model: {checkpoint: true}\n";
        sandbox.write("dvc.yaml", format!("stages:\n  train:\n{model}"));
        let baseline = sandbox.commit("one");
        let id = "Exp-Id: 0123456789abcdef0123456789abcdef\nExp-Checkpoint: 2\n";
        let note = |rest: &str| format!(r#"{{"version":1,"id":"x","number":4,"time":9{rest}}}"#);
        experiment(&sandbox, "a", id, &note(r#","status":"done""#));
        experiment(&sandbox, "b", id, &note(r#","status":"failed","exit":3"#));
        experiment(&sandbox, "c", id, &note(r#","status":"interrupted""#));
        let tip = experiment(&sandbox, "d", id, &note(r#","incomplete":"disk full""#));
        experiment(&sandbox, "e", id, "");
        experiment(&sandbox, "f", "", "");
        experiment(&sandbox, "g", id, "not a note");
        let store = sandbox.store();
        let point = ResumePoint {
            checkpoint: tip,
            baseline,
            name: "d".to_owned(),
            experiment_id: String::new(),
        };
        store.set_resume_point(Some(&point)).unwrap();
        let expected = [
            State::Done,
            State::Failed(Some(3)),
            State::Interrupted,
            State::Unfinished,
            State::Unfinished,
            State::Unknown,
            State::Unfinished,
        ];
        let report = status(&store).unwrap();
        let rows = report.experiments;
        assert_eq!(
            rows.iter().map(|row| row.state.clone()).collect::<Vec<_>>(),
            expected
        );
        let numbers: Vec<_> = rows
            .iter()
            .map(|row| row.tip.as_ref().unwrap().number)
            .collect();
        assert_eq!(
            numbers,
            [Some(4), Some(4), Some(4), Some(4), Some(2), None, Some(2)]
        );
        assert_eq!(rows[3].incomplete.as_deref(), Some("disk full"));
        let next: Vec<_> = rows.iter().filter(|row| row.is_next).collect();
        assert_eq!(next, [&rows[3]]);
        assert_eq!(report.next, Some(point));

        // HEAD moved on: nothing of the old baseline, and nothing to go on from.
        sandbox.commit("two");
        let report = status(&store).unwrap();
        assert_eq!((report.next, report.experiments), (None, Vec::new()));
    }

    #[test]
    fn shows_a_run_before_its_first_checkpoint_and_its_orphan() {
        let sandbox = Sandbox::new();
        let baseline = sandbox.commit("one");
        let store = sandbox.store();
        let lock = RunLock::try_take(&store).unwrap().unwrap();
        let running = record(&store, "fresh", baseline);
        store.set_run_record(Some(&running)).unwrap();
        let place = |pid| Place {
            worktree: store.worktree().to_owned(),
            here: true,
            pid,
            stages: vec!["train".to_owned()],
            seconds: 5,
        };
        let running = ("fresh".to_owned(), State::Running(place(77)));
        assert_eq!(states(&store), [running]);
        drop(lock);
        let orphaned = State::Orphaned(place(std::process::id()));
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
        // A process that another test forks right now has the lock until it executes.
        while states(&store) != [("fresh".to_owned(), orphaned.clone())] {
            assert!(std::time::Instant::now() < patience);
            std::thread::yield_now();
        }
    }

    #[test]
    fn shows_runs_elsewhere_only_of_this_baseline() {
        let sandbox = Sandbox::new();
        let baseline = sandbox.commit("one");
        sandbox.git(&["worktree", "add", "-q", "../linked"]);
        let (main, linked) = (sandbox.store(), sandbox.store_at("../linked"));
        let tip = experiment(&sandbox, "there", "", "");
        let _lock = RunLock::try_take(&linked).unwrap().unwrap();
        linked
            .set_run_record(Some(&record(&linked, "there", baseline)))
            .unwrap();
        let report = status(&main).unwrap();
        let [row] = &report.experiments[..] else {
            panic!("{report:?}");
        };
        assert_eq!(row.tip.as_ref().unwrap().id, tip);
        assert!(matches!(&row.state, State::Running(place) if !place.here));
        sandbox.commit("two");
        assert_eq!(states(&main), []);
        assert_eq!(states(&linked).len(), 1);
    }
}
