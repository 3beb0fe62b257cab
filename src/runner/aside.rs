//! Checkpoints that training does not wait for: taken of a moment that is over, if nothing was written since.

use super::answer::Signals;
use super::order::Order;
use super::stage::{Recorder, Runner, StageRun};
use super::stat::now;
use super::step_file::{Step, StepFile, step_of};
use super::still::{gone_since, newest};
use crate::capture::Capture;
use crate::error::{Context, Result};
use crate::event::Event;
use crate::pipeline::OutputKind;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A metrics file of DVCLive below an output that is its folder.
const METRICS: &str = "metrics.json";
/// Larger files are not read for the number of their step.
const LARGEST: u64 = 1 << 20;

impl<R: Recorder> Runner<'_, R> {
    /// Takes a checkpoint of the step that DVCLive completed last, if its files still are as it left them.
    ///
    /// Returns why, if it was wanted and missed.
    pub(super) fn follow_steps(
        &mut self,
        run: &StageRun<'_>,
        signals: &mut Signals,
    ) -> Option<String> {
        if let Some(step) = signals.step_file.look() {
            signals.step = Some(step);
            signals.steps.see(step.number);
        }
        // Who waits for an answer chose the moment; the model may be written after the step.
        if !run.checkpoints || signals.training_waits {
            return None;
        }
        let step = signals.step.filter(|_| self.recorder.has_room())?;
        signals.step = None;
        match self.capture_step(run, step, &signals.step_file, &mut signals.order) {
            Ok(Taken::Capture(capture)) => {
                signals.steps.save();
                signals.covered = step.moment;
                self.submit(*capture);
            }
            Ok(Taken::Untold) => signals.steps.untold(),
            Ok(Taken::Overtaken) => {}
            Err(error) => return Some(self.miss(&error)),
        }
        None
    }

    fn capture_step(
        &mut self,
        run: &StageRun<'_>,
        step: Step,
        file: &StepFile,
        order: &mut Order,
    ) -> Result<Taken> {
        let is_still = &mut |runner: &mut Self| runner.is_still(run, step, file, order);
        let Some((capture, mark)) = self.capture_still(run, is_still)? else {
            return Ok(Taken::Overtaken);
        };
        let steps = self.steps_of_metrics(run);
        if steps.contains(&step.number) {
            return Ok(Taken::Capture(Box::new(capture)));
        }
        self.lose(mark);
        Ok(if steps.is_empty() {
            Taken::Untold
        } else {
            Taken::Overtaken
        })
    }

    /// Whether all that belongs to the checkpoint is as it was when the step was complete.
    fn is_still(
        &mut self,
        run: &StageRun<'_>,
        step: Step,
        file: &StepFile,
        order: &mut Order,
    ) -> Result<bool> {
        // In this order: a write that the stamps do not show yet is in the queue when they have been
        // looked at, and of two steps, the second one has told us nothing of the first.
        let newest = self.newest(run)?;
        let overtaken = order.is_overtaken(self.belongings(run));
        if !file.says(step) {
            return Ok(false);
        }
        Ok(match overtaken {
            Some(overtaken) => !overtaken && newest.all() <= step.moment,
            // Within a tick of the clock, only what DVCLive writes itself was surely written before.
            None => newest.outputs < step.moment && newest.reports <= step.moment,
        })
    }

    /// Captures, unless something that belongs to the checkpoint was written before or meanwhile, which
    /// `is_still` knows. Returns what [`Runner::lose`] needs, too.
    pub(super) fn capture_still(
        &mut self,
        run: &StageRun<'_>,
        is_still: &mut dyn FnMut(&mut Self) -> Result<bool>,
    ) -> Result<Option<(Capture, u64)>> {
        if !is_still(self)? {
            return Ok(None);
        }
        let mark = self.capturer.mark();
        let captured = self.capture(run);
        if !is_still(self)? {
            // It may have failed for that reason: a file was replaced between two looks.
            self.lose(mark);
            return Ok(None);
        }
        Ok(Some((captured?, mark)))
    }

    /// Throws away what was captured since the mark.
    fn lose(&mut self, mark: u64) {
        self.capturer.take_back(mark);
        self.writes.again();
    }

    /// Lists all that belongs to a checkpoint, but for the logs that training writes to at all times.
    fn belongings(&mut self, run: &StageRun<'_>) -> Vec<PathBuf> {
        let outputs = run.stage.outs.iter().map(|output| output.path.clone());
        let all = outputs.chain(self.reports.captured(run.claimed));
        all.map(|path| run.root.join(path)).collect()
    }

    /// Returns the newest time stamps of the same.
    pub(super) fn newest(&mut self, run: &StageRun<'_>) -> Result<Newest> {
        self.look_at_reports(run, now());
        let mut found = Newest {
            outputs: i128::MIN,
            reports: i128::MIN,
        };
        for output in &run.stage.outs {
            let moment = look(run, &output.path)?;
            let moment = moment.or_else(|| gone_since(&run.root.join(&output.path)));
            let latest = match output.kind {
                OutputKind::Out => &mut found.outputs,
                OutputKind::Metric | OutputKind::Plot => &mut found.reports,
            };
            *latest = (*latest).max(moment.unwrap_or(i128::MIN));
        }
        for path in self.reports.captured(run.claimed) {
            let moment = look(run, &path)?;
            found.reports = found.reports.max(moment.unwrap_or(i128::MIN));
        }
        Ok(found)
    }

    /// Returns the steps that metrics files say they are of.
    fn steps_of_metrics(&self, run: &StageRun<'_>) -> BTreeSet<i64> {
        let outputs = run.stage.outs.iter().map(|output| match output.kind {
            OutputKind::Metric => output.path.clone(),
            _ => format!("{}/{METRICS}", output.path),
        });
        let reported = self.reports.reported();
        let all: BTreeSet<String> = outputs.chain(reported.metrics.iter().cloned()).collect();
        let step = |path: String| {
            let file = run.root.join(&path);
            let size = fs_err::metadata(&file).ok()?.len();
            let bytes = fs_err::read(&file).ok().filter(|_| size <= LARGEST)?;
            step_of(&crate::metrics::parse(&path, &bytes).ok()?)
        };
        all.into_iter().filter_map(step).collect()
    }

    /// Says how many steps have no checkpoint; `complete` if the stage's end has one.
    pub(super) fn sum_steps_up(
        &mut self,
        run: &StageRun<'_>,
        signals: &mut Signals,
        complete: bool,
    ) {
        if !run.checkpoints || signals.training_waits {
            return;
        }
        if let Some(step) = signals.step_file.look() {
            signals.steps.see(step.number);
            if self.steps_of_metrics(run).is_empty() {
                signals.steps.untold();
            }
        }
        if let Some(text) = signals.steps.summary(complete) {
            self.events.emit(Event::Status(text));
        }
    }
}

/// The newest time stamps of what belongs to a checkpoint, in nanoseconds since the epoch.
pub(super) struct Newest {
    outputs: i128,
    /// Metrics, plots, and what `dvc.yaml` files report.
    reports: i128,
}

impl Newest {
    pub fn all(&self) -> i128 {
        self.outputs.max(self.reports)
    }
}

fn look(run: &StageRun<'_>, path: &str) -> Result<Option<i128>> {
    newest(&run.root.join(path)).context(|| format!("cannot look at '{path}'"))
}

enum Taken {
    Capture(Box<Capture>),
    /// Something is newer than the moment, or of another step.
    Overtaken,
    /// No metrics file tells its step.
    Untold,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CapturedContent, CapturedFile, Content};
    use crate::event::Events;
    use crate::pipeline::parse;
    use crate::pipeline::template::Alone;
    use crate::runner::Interrupts;
    use crate::runner::capture::Capturer;
    use crate::runner::reports::Reports;
    use crate::runner::stage::WrittenFile;
    use crate::runner::wake::{Wake, pair};
    use crate::runner::written::WrittenFiles;
    use crate::store::testing::Sandbox;
    use std::cell::LazyCell;
    use std::path::Path;

    struct Nobody(Wake);

    impl Recorder for Nobody {
        fn make_ready(&mut self) -> Result<()> {
            Ok(())
        }
        fn has_room(&self) -> bool {
            true
        }
        fn is_idle(&self) -> bool {
            true
        }
        fn keep(&mut self, _: &mut Capture) {}
        fn submit(&mut self, _: Capture) {}
        fn missed(&mut self, _: &str) {}
        fn reports(&mut self, _: &mut dyn Events) -> Option<String> {
            None
        }
        fn wake(&self) -> &Wake {
            &self.0
        }
        fn process_started(&mut self, _: &str, _: usize, _: u32) {}
    }

    /// Looks at the model until it is newer than `moment`, writing to it before each look.
    fn write_later_than(path: &Path, moment: i128) {
        while newest(path).unwrap() <= Some(moment) {
            fs_err::write(path, "of the next step").unwrap();
        }
    }

    #[test]
    fn what_is_written_during_the_capture_is_no_checkpoint() {
        let sandbox = Sandbox::new();
        let root = sandbox.path("");
        let text = "stages: {train: {cmd: x, outs: [{model.pt: {checkpoint: true}}]}}";
        let pipeline = parse::parse(text, "dvc.yaml", &Alone).unwrap();
        for file in ["model.pt", "log"] {
            sandbox.write(file, "of this step");
        }
        let moment = newest(&sandbox.path("model.pt")).unwrap().unwrap();
        let mut interrupts = Interrupts::default();
        let mut recorder = Nobody(pair().unwrap().0);
        let copies = tempfile::tempdir().unwrap();
        let mut runner = Runner {
            interrupts: &mut interrupts,
            recorder: &mut recorder,
            events: &mut |event| panic!("{event:?}"),
            capturer: Capturer::new(&root, copies.path(), true),
            writes: WrittenFiles::new(
                &root,
                std::sync::Arc::new(["log"].map(Path::new).into_iter().collect()),
            ),
            requests: sandbox.store().requests(),
            reports: LazyCell::new(Box::new(|| {
                Reports::new(&root, &pipeline, [], Box::new(|_, _| true))
            })),
            named: BTreeSet::new(),
            late: None,
            watch: None,
        };
        runner.writes.watch();
        sandbox.write("log", "longer than before");
        let model = sandbox.path("model.pt");
        let mut run = StageRun {
            stage: &pipeline.stages[0],
            root: &root,
            worktree: &root,
            folder: Path::new(""),
            environment: Vec::new(),
            signal_file: root.join("signal"),
            step_file: root.join("step"),
            checkpoints: true,
            sync: false,
            stop_on_error: false,
            temporary: false,
            // Called in the middle of a capture, with what was written.
            claimed: &[],
            beside: None,
            classify: &|path| {
                if path == Path::new("log") {
                    write_later_than(&model, moment);
                }
                WrittenFile::Captured
            },
        };
        let mut looks = 0;
        let mut is_still = |runner: &mut Runner<'_, Nobody>| {
            looks += 1;
            Ok(runner.newest(&run)?.all() <= moment)
        };
        assert!(runner.capture_still(&run, &mut is_still).unwrap().is_none());
        assert_eq!(looks, 2);

        run.classify = &|_| WrittenFile::Captured;
        let (capture, _) = runner
            .capture_still(&run, &mut |_| Ok(true))
            .unwrap()
            .unwrap();
        let CapturedContent::File(CapturedFile {
            content: Content::Bytes(bytes),
            ..
        }) = &capture.outputs[0].content
        else {
            panic!("{capture:?}");
        };
        assert_eq!(bytes, b"of the next step");
        // The log is part of it, though nobody wrote to it since the capture that was thrown away.
        assert_eq!(capture.files[0].path, Path::new("log"));
    }
}
