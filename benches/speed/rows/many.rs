//! What many checkpoints cost: the late ones, and the disk.

use super::training::train;
use crate::Choice;
use crate::measure::{median, run};
use crate::project::{Project, Usage};
use crate::table::{self, Target};
use crate::trainer::Step;

/// One figure of a step.
type Figure = fn(&Step) -> f64;

/// Late checkpoints beside early ones.
pub fn later(choice: &Choice) {
    let count = if choice.full { 5000 } else { 1000 };
    let project = Project::training(10, "model.pt", &format!("{count} model 1024"));
    let training = train(&project);
    let around = |at: usize, figure: Figure| -> f64 {
        let last = (at + 20).min(count);
        let values: Vec<f64> = training.steps[last - 40..last].iter().map(figure).collect();
        median(&values)
    };
    let rows: [(&str, Figure); 3] = [
        ("wait", |step| step.wait),
        ("record", |step| step.record),
        ("cpu", |step| step.cpu),
    ];
    for (name, figure) in rows {
        let what = format!("checkpoint {count} against 50, {name}");
        let early = around(50, figure);
        let late = around(count, figure);
        table::figure(
            &what,
            "ms",
            late,
            Some(("checkpoint 50", early)),
            Target::times(1.1),
        );
    }
}

/// What stays on the disk, of a run as most are and of one so long that git's notes fan out.
pub fn growth(_: &Choice) {
    for count in [60, 400] {
        grow(count);
    }
}

fn grow(count: u32) {
    let project = Project::training(10, "model.pt", &format!("{count} model 1024"));
    // The first run makes what is made once: the caches of git and of DVC.
    train(&project);
    project.git("gc -q");
    let usage = || [".git", ".dvc/cache"].map(|path| project.usage(path));
    let before = usage();
    run(&mut project.exp("run", "--reset -q"));
    let after = usage();
    let row = |what: &str, unit: &str, scale: f64, figure: fn(&Usage) -> u64, most: f64| {
        let sum = |usage: &[Usage]| usage.iter().map(figure).sum::<u64>() as f64;
        let each = (sum(&after) - sum(&before)) / f64::from(count) / scale;
        let what = format!("growth per checkpoint of {count}, {what}");
        table::figure(&what, unit, each, None, Target::most(most));
    };
    row("files", "", 1.0, |usage| usage.files, 8.0);
    row("allocated", "KiB", 1024.0, |usage| usage.allocated, 36.0);
    project.git("gc -q");
    let packed = usage()[0].bytes.saturating_sub(before[0].bytes) as f64;
    table::figure(
        &format!("growth per checkpoint of {count}, packed"),
        "KB",
        packed / f64::from(count) / 1000.0,
        None,
        Target::most(1.1),
    );
}
