//! The trainer, which signals and measures how long it waits, and the bare loop that answers at once.
//!
//! Both run as processes of their own. At each step the trainer first signals the bare loop, in a
//! folder of its own, then us: so the floor is measured under the same load, a moment before.

use crate::measure::milliseconds;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What one step took, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// The signal to the bare loop.
    pub bare: f64,
    /// What the content costs without us: `cp` of the model, or one look at each file of the folder.
    pub content: f64,
    /// The signal to us.
    pub wait: f64,
    /// From the end of the wait to the new `dvc.lock`.
    pub record: f64,
    /// Processor time of the runner, all threads, from the signal to the new `dvc.lock`.
    pub cpu: f64,
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
        let steps = lines
            .map(|line| {
                let mut numbers = line.split(' ').map(|number| number.parse().unwrap());
                let mut next = || numbers.next().unwrap();
                Step {
                    bare: next(),
                    content: next(),
                    wait: next(),
                    record: next(),
                    cpu: next(),
                }
            })
            .collect();
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

/// Trains: `<steps> model <bytes>`, or `<steps> folder <files>`; `<steps> same <bytes>` never changes.
/// Leaves a report in the git directory.
pub fn train(words: &[String]) {
    let steps: usize = words[0].parse().unwrap();
    let (kind, size): (&str, usize) = (&words[1], words[2].parse().unwrap());
    let root = PathBuf::from(std::env::var_os("DVC_ROOT").unwrap());
    let ours = Signal::new(&root.join(".dvc/tmp"));
    let aside = tempfile::tempdir().unwrap();
    let bare = Signal::new(aside.path());
    let mut answerer = Command::new(std::env::current_exe().unwrap())
        .arg("answer")
        .arg(aside.path())
        .spawn()
        .unwrap();
    let runner = runner();
    let mut bytes = vec![b'x'; size.min(1 << 20)];
    let mut measured = Vec::new();
    for step in 0..steps {
        // No two runs write the same, or the second would find all of it in the cache.
        let label = format!("{:08}{step:08}", std::process::id());
        match kind {
            "folder" => write_folder(size, step, &label),
            "same" => std::fs::write("model.pt", &bytes).unwrap(),
            _ => {
                bytes[..16].copy_from_slice(label.as_bytes());
                write_model(&bytes, size);
            }
        }
        let number = if kind == "same" {
            0
        } else {
            std::process::id() as usize * 10_000 + step
        };
        let metrics = format!(
            "{{\"step\": {number}, \"loss\": {}}}\n",
            1.0 / (number + 1) as f64
        );
        std::fs::write("metrics.json", metrics).unwrap();
        let content = match kind {
            "folder" => look_at_each(Path::new("outputs")),
            _ if size > 1 << 20 => copy(),
            _ => 0.0,
        };
        let bare = bare.send();
        let lock = inode("dvc.lock");
        let cpu = cpu(runner);
        let wait = ours.send();
        let end = Instant::now();
        while kind != "same" && inode("dvc.lock") == lock && end.elapsed() < Duration::from_secs(60)
        {
            std::thread::sleep(Duration::from_micros(200));
        }
        let record = milliseconds(end);
        // What a record does after 'dvc.lock' belongs to it.
        std::thread::sleep(Duration::from_millis(5));
        measured.push(Step {
            bare,
            content,
            wait,
            record,
            cpu: self::cpu(runner) - cpu,
        });
    }
    answerer.kill().unwrap();
    answerer.wait().unwrap();
    report(runner, &measured);
}

/// The bare protocol: sees the signal file, removes it.
pub fn answer(folder: &str) {
    let queue = watch(Path::new(folder), WatchFlags::CREATE | WatchFlags::MOVED_TO);
    let signal = Path::new(folder).join("DVC_CHECKPOINT");
    let mut buffer = [0; 4096];
    loop {
        // It may have been there before the watch.
        let _not_there = std::fs::remove_file(&signal);
        rustix::io::read(&queue, &mut buffer).unwrap();
    }
}

fn report(runner: u32, steps: &[Step]) {
    let status = std::fs::read_to_string(format!("/proc/{runner}/status")).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak = peak.trim().trim_end_matches(" kB");
    let mut file = std::fs::File::create(".git/report").unwrap();
    writeln!(file, "{peak}").unwrap();
    for Step {
        bare,
        content,
        wait,
        record,
        cpu,
    } in steps
    {
        writeln!(file, "{bare} {content} {wait} {record} {cpu}").unwrap();
    }
}

/// A folder in which a file is a question, and its end the answer.
struct Signal {
    file: PathBuf,
    queue: OwnedFd,
}

impl Signal {
    fn new(folder: &Path) -> Self {
        Signal {
            file: folder.join("DVC_CHECKPOINT"),
            queue: watch(folder, WatchFlags::DELETE),
        }
    }

    fn send(&self) -> f64 {
        let mut buffer = [0; 4096];
        let start = Instant::now();
        std::fs::write(&self.file, "").unwrap();
        while self.file.exists() {
            rustix::io::read(&self.queue, &mut buffer).unwrap();
        }
        milliseconds(start)
    }
}

fn watch(folder: &Path, flags: WatchFlags) -> OwnedFd {
    let queue = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&queue, folder, flags).unwrap();
    queue
}

fn write_model(bytes: &[u8], size: usize) {
    let mut file = std::fs::File::create("model.pt").unwrap();
    let mut left = size;
    while left > 0 {
        let count = left.min(bytes.len());
        file.write_all(&bytes[..count]).unwrap();
        left -= count;
    }
}

fn write_folder(files: usize, step: usize, label: &str) {
    if step == 0 {
        for file in 0..files {
            let folder = format!("outputs/{}", file / 1000);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(format!("{folder}/{file}"), file.to_string()).unwrap();
        }
    }
    std::fs::write(format!("outputs/0/{}", step % 7), label).unwrap();
}

/// One pass over a folder: its entries and what each of them is.
fn look_at_each(folder: &Path) -> f64 {
    fn pass(folder: &Path) -> u64 {
        let mut size = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            size += match metadata.is_dir() {
                true => pass(&entry.path()),
                false => metadata.len(),
            };
        }
        size
    }
    let start = Instant::now();
    std::hint::black_box(pass(folder));
    milliseconds(start)
}

/// Copies the model as a user would, to the file system that it lies on.
fn copy() -> f64 {
    let time = crate::measure::run(Command::new("cp").args(["model.pt", ".dvc/tmp/copy"]));
    std::fs::remove_file(".dvc/tmp/copy").unwrap();
    time
}

fn inode(path: &str) -> Option<u64> {
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

/// Returns the process id of the 'git exp run' above us.
fn runner() -> u32 {
    let mut id = std::process::id();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let (before, after) = stat.rsplit_once(") ").unwrap();
        if before.ends_with("git-exp-run") {
            return id;
        }
        id = after.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(id > 1, "no 'git exp run' above the trainer");
    }
}

/// Returns the processor time of all threads of a process, in milliseconds.
fn cpu(process: u32) -> f64 {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks
        .filter_map(|task| {
            let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        })
        .sum::<f64>()
        / 1e6
}
