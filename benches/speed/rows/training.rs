//! What training pays.

use crate::Choice;
use crate::measure::{Pairs, median, run};
use crate::project::{self, Project};
use crate::table::{self, Target};
use crate::trainer::{Step, Training};
use std::path::Path;

/// A model of 1 KB, few and many tracked files, and what its checkpoints cost beside the wait.
pub fn small(_: &Choice) {
    for files in [10, 20_000] {
        let project = Project::training(files, "model.pt", "150 model 1024");
        let training = train(&project);
        let pairs = pairs(&training, |step| step.bare);
        let what = format!("wait, 1 KB model, {files} tracked files");
        table::times(
            &what,
            "bare protocol",
            &pairs,
            Target::times(3.0).and_most(1.0),
        );
        let cpu = training.all(|step| step.cpu);
        let mean = cpu.iter().sum::<f64>() / cpu.len() as f64;
        let what = format!("cpu per checkpoint, {files} tracked files");
        table::figure(&what, "ms", mean, None, Target::most(5.0));
        let record = training.all(|step| step.record);
        let what = format!("record, in the background, {files} files");
        table::figure(&what, "ms", median(&record), None, Target::default());
        let what = format!("runner's peak memory, {files} files");
        table::figure(&what, "MiB", training.peak, None, Target::most(16.0));
    }
}

/// Large models beside `cp`.
pub fn large(choice: &Choice) {
    let sizes: &[(&str, u64, usize)] = &[("10 MB", 10, 18), ("100 MB", 100, 9), ("1 GB", 1000, 5)];
    let count = if choice.full { 3 } else { 2 };
    for (name, megabytes, steps) in &sizes[..count] {
        let words = format!("{steps} model {}", megabytes * 1_000_000);
        let project = Project::training(10, "model.pt", &words);
        let training = train(&project);
        let pairs = pairs(&training, |step| step.content);
        let what = format!("wait, {name} model");
        table::times(&what, "cp", &pairs, Target::times(1.1).plus(1.0));
        let what = format!("runner's peak memory, {name} model");
        table::figure(&what, "MiB", training.peak, None, Target::most(16.0));
    }
}

/// A model on a file system where a copy shares its blocks.
pub fn reflink(_: &Choice) {
    let what = "wait, 100 MB model, reflinked";
    let folder = project::folder();
    if !reflinks(&folder) {
        let why = format!(
            "no reflinks in '{}'; GIT_EXP_BENCH=<folder> measures elsewhere",
            folder.display()
        );
        return table::skipped(what, &why);
    }
    let project = Project::training(10, "model.pt", "18 reflink 100000000");
    let training = train(&project);
    let pairs = pairs(&training, |step| step.content);
    let target = Target::times(1.1).plus(1.0);
    table::times(what, "cp --reflink", &pairs, target);
}

fn reflinks(folder: &Path) -> bool {
    let [from, to] = ["from", "to"].map(|name| folder.join(format!("reflink-{name}")));
    let possible =
        std::fs::write(&from, [0; 4096]).is_ok() && reflink_copy::reflink(&from, &to).is_ok();
    for file in [from, to] {
        let _not_there = std::fs::remove_file(file);
    }
    possible
}

/// A signal that comes while no other capture may wait.
pub fn queue_full(_: &Choice) {
    for (name, bytes, steps) in [("1 KB", 1024, 30), ("10 MB", 10_000_000, 15)] {
        let words = format!("{steps} busy {bytes}");
        let project = Project::training(10, "model.pt", &words);
        project.git("config exp.pending 1");
        let training = train(&project);
        let pairs = Pairs {
            ours: training.all(|step| step.queued),
            floor: training.all(|step| step.record),
        };
        let what = format!("wait, queue full, {name} model");
        table::times(&what, "its record", &pairs, Target::times(1.0));
    }
}

/// A folder of which one file changes.
pub fn folder(_: &Choice) {
    let project = Project::training(10, "outputs", "25 folder 10000");
    let training = train(&project);
    let pairs = pairs(&training, |step| step.content);
    let what = "wait, folder of 10,000 files, one changed";
    table::times(what, "lstat pass", &pairs, Target::times(1.2));
    let what = "read calls per checkpoint, folder of 10,000";
    let reads = training.all(|step| step.reads);
    table::figure(what, "", median(&reads), None, Target::most(100.0));
    let what = "runner's peak memory, folder of 10,000";
    table::figure(what, "MiB", training.peak, None, Target::most(16.0));
}

pub(super) fn train(project: &Project) -> Training {
    run(&mut project.exp("run", "-f -q"));
    Training::read(&project.path(".git/report"))
}

fn pairs(training: &Training, floor: impl Fn(&Step) -> f64) -> Pairs {
    Pairs {
        ours: training.all(|step| step.wait),
        floor: training.all(floor),
    }
}
