//! The trainer, which signals and measures how long it waits.
//!
//! It runs as a process of its own. At each step it first signals a bare loop, in a folder of its own
//! (see [`crate::signal`]), then us: so the floor is measured under the same load, a moment before.

use crate::content::{Content, Kind};
use crate::measure::milliseconds;
use crate::process;
use crate::signal::Signal;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What one step took, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Step {
    /// The signal to the bare loop.
    pub bare: f64,
    /// What the content costs without us: `cp` of the model, or one look at each file of the folder.
    pub content: f64,
    /// The signal to us.
    pub wait: f64,
    /// From the end of the wait to the new `dvc.lock`.
    pub record: f64,
    /// Processor time of the runner, all threads, from the signal to the end of the record.
    pub cpu: f64,
    /// How often the runner read from a file meanwhile.
    pub reads: f64,
    /// A signal while the checkpoint before it was being recorded and no other might wait.
    pub queued: f64,
}

impl Step {
    fn figures(&self) -> [f64; 7] {
        [
            self.bare,
            self.content,
            self.wait,
            self.record,
            self.cpu,
            self.reads,
            self.queued,
        ]
    }

    fn parse(line: &str) -> Self {
        let mut numbers = line.split(' ').map(|number| number.parse().unwrap());
        let mut next = || numbers.next().unwrap();
        Step {
            bare: next(),
            content: next(),
            wait: next(),
            record: next(),
            cpu: next(),
            reads: next(),
            queued: next(),
        }
    }
}

/// What a training run has measured.
#[derive(Debug)]
pub struct Training {
    pub steps: Vec<Step>,
    /// The runner's peak memory in MiB.
    pub peak: f64,
}

impl Training {
    /// Reads the report of a trainer.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let peak = lines.next().unwrap().parse::<f64>().unwrap() / 1024.0;
        let steps = lines.map(Step::parse).collect();
        Training { steps, peak }
    }

    /// Returns one figure of all steps but the first three, which make folders and warm caches.
    pub fn all(&self, figure: impl Fn(&Step) -> f64) -> Vec<f64> {
        self.steps
            .iter()
            .skip(3.min(self.steps.len() / 2))
            .map(figure)
            .collect()
    }
}

/// Trains: `<steps> <kind> <bytes or files>`. Leaves a report in the git directory.
pub fn train(words: &[String]) {
    let steps: usize = words[0].parse().unwrap();
    let kind = Kind::parse(&words[1]);
    let mut content = Content::new(kind, words[2].parse().unwrap());
    let root = PathBuf::from(std::env::var_os("DVC_ROOT").unwrap());
    let ours = Signal::new(&root.join(".dvc/tmp"));
    let aside = tempfile::tempdir().unwrap();
    let bare = Signal::new(aside.path());
    let mut answerer = Command::new(std::env::current_exe().unwrap())
        .arg("answer")
        .arg(aside.path())
        .spawn()
        .unwrap();
    let runner = process::runner();
    let mut measured = Vec::new();
    for _ in 0..steps {
        content.write();
        let mut step = Step {
            content: content.floor(),
            bare: bare.send(),
            ..Step::default()
        };
        let lock = inode();
        let (cpu, reads) = (process::cpu(runner), process::reads(runner));
        step.wait = ours.send();
        if kind != Kind::Same {
            step.record = until_recorded(lock);
        }
        // What a record does after 'dvc.lock' belongs to it.
        std::thread::sleep(Duration::from_millis(5));
        step.cpu = process::cpu(runner) - cpu;
        step.reads = process::reads(runner) - reads;
        if kind == Kind::Busy {
            content.write();
            ours.send();
            content.write();
            step.queued = ours.send();
            until_quiet();
        }
        measured.push(step);
    }
    answerer.kill().unwrap();
    answerer.wait().unwrap();
    report(process::peak(runner), &measured);
}

fn report(peak: f64, steps: &[Step]) {
    let mut file = std::fs::File::create(".git/report").unwrap();
    writeln!(file, "{peak}").unwrap();
    for step in steps {
        let figures = step.figures().map(|figure| figure.to_string());
        writeln!(file, "{}", figures.join(" ")).unwrap();
    }
}

/// Waits for another `dvc.lock` than that, and returns how long it took.
fn until_recorded(lock: Option<u64>) -> f64 {
    let start = Instant::now();
    while inode() == lock && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_micros(200));
    }
    milliseconds(start)
}

/// Waits until `dvc.lock` stays as it is.
fn until_quiet() {
    let mut since = (inode(), Instant::now());
    while since.1.elapsed() < Duration::from_millis(300) {
        std::thread::sleep(Duration::from_millis(1));
        let now = inode();
        if now != since.0 {
            since = (now, Instant::now());
        }
    }
}

fn inode() -> Option<u64> {
    std::fs::metadata("dvc.lock")
        .ok()
        .map(|metadata| metadata.ino())
}
