//! What training pays.

use crate::Choice;
use crate::measure::{Pairs, median, run};
use crate::project::Project;
use crate::table::{self, Target};
use crate::trainer::{Step, Training};

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

/// A folder of which one file changes.
pub fn folder(_: &Choice) {
    let project = Project::training(10, "outputs", "25 folder 10000");
    let training = train(&project);
    let pairs = pairs(&training, |step| step.content);
    let what = "wait, folder of 10,000 files, one changed";
    table::times(what, "lstat pass", &pairs, Target::times(1.2));
    let what = "runner's peak memory, folder of 10,000";
    table::figure(what, "MiB", training.peak, None, Target::most(16.0));
}

/// One figure of a step.
type Figure = fn(&Step) -> f64;

/// Late checkpoints beside early ones.
pub fn later(choice: &Choice) {
    let count = if choice.full { 5000 } else { 1000 };
    let project = Project::training(10, "model.pt", &format!("{count} model 1024"));
    let training = train(&project);
    let around = |at: usize, figure: Figure| -> f64 {
        let values: Vec<f64> = training.steps[at - 40..at].iter().map(figure).collect();
        median(&values)
    };
    let rows: [(&str, Figure); 3] = [
        ("wait", |step| step.wait),
        ("record", |step| step.record),
        ("cpu", |step| step.cpu),
    ];
    for (name, figure) in rows {
        let what = format!("checkpoint {count} against 60, {name}");
        let early = around(60, figure);
        let late = around(count, figure);
        table::figure(
            &what,
            "ms",
            late,
            Some(("checkpoint 60", early)),
            Target::times(1.1),
        );
    }
}

/// What stays on the disk.
pub fn growth(_: &Choice) {
    let count = 200;
    let project = Project::training(10, "model.pt", &format!("{count} model 1024"));
    // The first run makes what is made once: folders, the caches of git and of DVC.
    train(&project);
    project.git("gc -q");
    let usage = |path: &str| project.usage(path);
    let packed_before = usage(".git").1;
    let before = [usage(".git"), usage(".dvc/cache")];
    train(&project);
    let after = [usage(".git"), usage(".dvc/cache")];
    let files: u64 = after.iter().map(|(files, _)| files).sum::<u64>()
        - before.iter().map(|(files, _)| files).sum::<u64>();
    let bytes: u64 = after.iter().map(|(_, bytes)| bytes).sum::<u64>()
        - before.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let each = |value: u64| value as f64 / f64::from(count);
    table::figure(
        "growth per checkpoint, files",
        "",
        each(files),
        None,
        Target::most(8.0),
    );
    table::figure(
        "growth per checkpoint, allocated",
        "KiB",
        each(bytes) / 1024.0,
        None,
        Target::most(36.0),
    );
    project.git("gc -q");
    let packed = usage(".git").1.saturating_sub(packed_before);
    table::figure(
        "growth per checkpoint in .git, packed",
        "KB",
        each(packed) / 1000.0,
        None,
        Target::most(1.1),
    );
}

fn train(project: &Project) -> Training {
    run(&mut project.exp("run", "-f -q"));
    Training::read(&project.path(".git/report"))
}

fn pairs(training: &Training, floor: impl Fn(&Step) -> f64) -> Pairs {
    Pairs {
        ours: training.all(|step| step.wait),
        floor: training.all(floor),
    }
}
