//! Asks a run for a checkpoint from outside of it, in whatever worktree it is.

use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::nearest::nearest;
use crate::store::Store;
use crate::store::requests::{Answer, Request};
use crate::store::run_record::Running;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Between two looks at the request: a twentieth of the time waited so far, within these bounds.
const SHORTEST: Duration = Duration::from_micros(500);
const LONGEST: Duration = Duration::from_millis(20);
/// After this long, it is said what the run waits for.
const SILENCE: Duration = Duration::from_secs(2);

/// Returns when the run of `experiment` has taken a checkpoint.
///
/// Errors when there is no such run, when it ends before, and when it says that it cannot.
pub fn request(store: &Store, experiment: &str, events: &mut dyn Events) -> Result<()> {
    let (git_dir, run) = find(store, experiment)?;
    let request = Request::new(&git_dir)?;
    let start = Instant::now();
    let mut said = false;
    loop {
        // In this order: its last answer comes before it gives the lock back.
        let heard = request.is_heard()?;
        match request.answer()? {
            Answer::Taken => return Ok(()),
            Answer::Refused(reason) => {
                return Err(Error::refused(format!(
                    "the run of '{experiment}' cannot take a checkpoint: {reason}"
                )));
            }
            Answer::Waits if !heard => {
                return Err(Error::refused(format!(
                    "the run of '{experiment}' ended before it took this checkpoint"
                ))
                .hint("git exp status"));
            }
            Answer::Waits => {}
        }
        let waited = start.elapsed();
        if waited > SILENCE && !std::mem::replace(&mut said, true) {
            events.emit(Event::Status(format!(
                "waiting until the run in '{}' writes no output for a moment",
                run.worktree.display()
            )));
        }
        std::thread::sleep((waited / 20).clamp(SHORTEST, LONGEST));
    }
}

/// Finds the run of an experiment, and the git directory of its worktree.
fn find(store: &Store, experiment: &str) -> Result<(PathBuf, Running)> {
    let all = store.running_in()?;
    let is_asked_for = |(_, run): &&(PathBuf, Running)| run.name == experiment;
    let mut found: Vec<_> = all.iter().filter(is_asked_for).collect();
    if found.len() > 1 {
        // One name at two baselines: whoever stands in a worktree means its run.
        found.retain(|(git_dir, _)| git_dir == store.git_dir());
    }
    if let [(git_dir, run)] = found[..] {
        return Ok((git_dir.clone(), run.clone()));
    }
    let mut same = all.iter().filter(is_asked_for).peekable();
    if same.peek().is_some() {
        let error = format!("experiment '{experiment}' runs in more than one worktree");
        let here = |(_, run): &(PathBuf, Running)| format!("cd {}", run.worktree.display());
        return Err(same.map(here).fold(Error::refused(error), Error::hint));
    }
    let orphans = store.orphans()?;
    if let Some(orphan) = orphans.iter().find(|run| run.name == experiment) {
        let worktree = orphan.worktree.display();
        return Err(Error::refused(format!(
            "the runner of '{experiment}' in '{worktree}' died, though its training goes on"
        ))
        .hint("git exp resume --attach"));
    }
    let error = Error::refused(format!("experiment '{experiment}' is not running"));
    let names = all.iter().map(|(_, run)| run.name.as_str());
    Err(match nearest(experiment, names) {
        Some(name) => error.hint(format!("git exp checkpoint --run {name}")),
        None => error.hint("git exp status"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lock::RunLock;
    use crate::store::testing::Sandbox;

    /// Makes the run of `name` look alive in a worktree.
    fn run(store: &Store, name: &str) -> RunLock {
        let lock = RunLock::try_take(store).unwrap().unwrap();
        let record = Running {
            worktree: store.worktree().to_owned(),
            name: name.to_owned(),
            experiment_id: String::new(),
            baseline: store.head().unwrap().commit.unwrap(),
            pid: 77,
            commands: Vec::new(),
            started: 0,
        };
        store.set_run_record(Some(&record)).unwrap();
        lock
    }

    #[test]
    fn a_run_is_found_in_any_worktree() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.git(&["worktree", "add", "-q", "linked"]);
        let (main, linked) = (sandbox.store(), sandbox.store_at("linked"));
        let refused = |store: &Store, name: &str| {
            let error = find(store, name).unwrap_err();
            (error.to_string(), error.hints().join("; "))
        };
        let not_running = "experiment 'calm' is not running".to_owned();
        assert_eq!(
            refused(&main, "calm"),
            (not_running.clone(), "git exp status".to_owned())
        );
        let _one = run(&linked, "calm");
        for store in [&main, &linked] {
            let (git_dir, record) = find(store, "calm").unwrap();
            assert_eq!(git_dir, linked.git_dir());
            assert_eq!(record.worktree, linked.worktree());
        }
        assert_eq!(
            refused(&main, "clam").1,
            "git exp checkpoint --run calm".to_owned()
        );
        // The same name here: nearer.
        let _two = run(&main, "calm");
        assert_eq!(find(&main, "calm").unwrap().0, main.git_dir());
        assert_eq!(find(&linked, "calm").unwrap().0, linked.git_dir());
        sandbox.git(&["worktree", "add", "-q", "third"]);
        let said = refused(&sandbox.store_at("third"), "calm");
        assert_eq!(said.0, "experiment 'calm' runs in more than one worktree");
        assert!(said.1.contains("linked"), "{}", said.1);
    }
}
