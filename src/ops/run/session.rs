//! What a run and its attach have in common: captures and records while stages run, and the end of it.

use super::inputs::Inputs;
use super::outcome::Outcome;
use super::{Failure, Report, changes, code, links};
use crate::capture::PathList;
use crate::digest::Format;
use crate::error::{Kind, Result};
use crate::event::{Event, Events};
use crate::ops::apply;
use crate::ops::record::{OnProcess, Queue, Recorded, Recording};
use crate::pipeline::Pipeline;
use crate::runner::capture::Capturer;
use crate::runner::reports::Reports;
use crate::runner::stage::WrittenFile;
use crate::runner::written::WrittenFiles;
use crate::runner::{Interrupts, Runner, maintenance};
use crate::store::Store;
use crate::store::capture_dir::CaptureDir;
use crate::store::scan::{PathSet, Scanner};
use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;

/// What all stages of a run share, whoever started their commands.
pub(super) struct Session<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The project's root.
    pub project: &'a Path,
    /// What new entries of `dvc.lock` are like.
    pub format: Format,
    /// Pipeline and params as the run started with them.
    pub inputs: &'a Inputs,
    /// What git tracks, from the top of the work tree.
    pub tracked: Arc<PathList>,
    /// What is never code.
    pub outputs: PathSet,
    /// Copies and journal; removed at the end.
    pub folder: CaptureDir,
}

/// Everything that was set up before the first command: from here on nothing is missed.
pub(super) struct Ready {
    pub interrupts: Interrupts,
    pub queue: Queue,
    pub writes: WrittenFiles,
    capturer: Capturer,
}

/// Returns the files whose writes are worth watching, in the order of their bytes.
pub(super) fn tracked(scanner: &Scanner) -> Arc<PathList> {
    use std::os::unix::ffi::OsStrExt;
    let paths = scanner.paths();
    let paths = paths.map(|path| Path::new(OsStr::from_bytes(path)));
    Arc::new(paths.collect())
}

impl Session<'_> {
    /// Prepares to watch the folders of tracked files, starts the recorder.
    pub fn ready(&self, recording: Recording, on_process: OnProcess) -> Result<Ready> {
        let settings = self.store.settings();
        Ok(Ready {
            interrupts: Interrupts::default(),
            writes: WrittenFiles::new(self.store.worktree(), self.tracked.clone()),
            capturer: Capturer::new(self.project, recording.copies(), settings.trust_stat),
            queue: Queue::new(recording, settings.pending, on_process)?,
        })
    }

    /// Lets `act` run or attend stages, then finishes the records and tells what it all came to.
    pub fn play(
        self,
        ready: Ready,
        events: &mut dyn Events,
        act: impl FnOnce(&mut Runner<'_, Queue>, &dyn Fn(&Path) -> WrittenFile) -> Outcome,
    ) -> Result<Report> {
        let Session { store, inputs, .. } = self;
        let classify = code::classifier(store, inputs, self.outputs, self.tracked.clone());
        let Ready {
            mut interrupts,
            mut queue,
            writes,
            capturer,
        } = ready;
        let (outcome, watches) = {
            let mut runner = Runner {
                interrupts: &mut interrupts,
                recorder: &mut queue,
                events,
                capturer,
                writes,
                requests: store.requests(),
                reports: LazyCell::new(Box::new(|| {
                    reports(store, self.project, &inputs.pipeline, &self.tracked)
                })),
                named: BTreeSet::new(),
                late: None,
                watch: None,
            };
            let outcome = act(&mut runner, &classify);
            (outcome, (runner.writes, runner.watch))
        };
        let Outcome {
            finish,
            complete,
            mut failure,
        } = outcome;
        queue.ask_to_finish(finish, complete);
        // The kernel takes its time to end a watch, and the recorder goes on meanwhile.
        drop(watches);
        let (recorded, missed) = queue.finish(events)?;
        hand_over(store, self.format, &recorded, events);
        if let Some(tip) = recorded.tip {
            links::make(store, tip, &inputs.pipeline, events);
        }
        // The run is over: what cannot be tidied up now, the next command does.
        for tidied in [store.set_run_record(None), self.folder.remove()] {
            if let Err(error) = tidied {
                events.emit(Event::Warning(error.chain()));
            }
        }
        if failure.is_none()
            && let Some(reason) = missed
        {
            failure = Some(Failure {
                kind: Kind::CheckpointsMissing,
                message: format!("the stages finished, but checkpoints are missing: {reason}"),
                hints: Vec::new(),
            });
        }
        let to_add = match recorded.tip {
            Some(tip) => changes::to_add(store, &inputs.pipeline, tip).unwrap_or_else(|error| {
                events.emit(Event::Warning(error.chain()));
                Vec::new()
            }),
            None => Vec::new(),
        };
        Ok(Report {
            experiment: recorded.tip.map(|_| recorded.name),
            tip: recorded.tip,
            checkpoints: recorded.count,
            to_add,
            elsewhere: false,
            same_as: None,
            failure,
        })
    }
}

/// What training code reports in `dvc.yaml` files, those included that git tracks anywhere.
fn reports<'s>(
    store: &'s Store,
    project: &Path,
    pipeline: &Pipeline,
    tracked: &PathList,
) -> Reports<'s> {
    let prefix = store.prefix().to_owned();
    let others = tracked.iter().filter_map(|path| {
        let inner = path.to_str()?.strip_prefix(&prefix)?;
        inner.ends_with("/dvc.yaml").then(|| inner.to_owned())
    });
    let admits = Box::new(|path: &str, is_dir: bool| {
        let tree_path = store.tree_path(path);
        !store.is_ignored(&tree_path, is_dir).unwrap_or(true)
    });
    Reports::new(project, pipeline, others, admits)
}

/// Leaves what DVC 2.58 needs to go on, and packs what has become much. The run is over and good: what
/// fails here is a warning.
fn hand_over(store: &Store, format: Format, recorded: &Recorded, events: &mut dyn Events) {
    let Some(tip) = recorded.tip else { return };
    if let Err(error) = apply::tell_dvc(store, tip, format) {
        events.emit(Event::Warning(format!(
            "DVC 2 will not go on from here: {}",
            error.chain()
        )));
    }
    maintenance::start_if_due(store);
}
