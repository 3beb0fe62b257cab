//! What many checkpoints cost: the late ones, and the disk.

use super::training::train;
use crate::Choice;
use crate::measure::median;
use crate::project::Project;
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
    let what = format!("runner's peak memory, {count} checkpoints");
    table::figure(&what, "MiB", training.peak, None, Target::most(16.0));
}

/// What stays on the disk, of a run as most are and of one so long that git's notes fan out.
pub fn growth(_: &Choice) {
    // The short one ends well before the notes fan out, after some fifty.
    for count in [25, 400] {
        grow(count);
    }
}

fn grow(count: u32) {
    // What a run leaves once, whatever its length, is in both.
    let [short, long] = [10, 10 + count].map(left_by);
    let row = |what: &str, unit: &str, scale: f64, figure: fn(&Left) -> u64, most: f64| {
        let each = (figure(&long) as f64 - figure(&short) as f64) / f64::from(count) / scale;
        let what = format!("growth per checkpoint of {count}, {what}");
        table::figure(&what, unit, each, None, Target::most(most));
    };
    row("files", "", 1.0, |left| left.files, 8.0);
    row("allocated", "KiB", 1024.0, |left| left.allocated, 36.0);
    row("packed", "KB", 1000.0, |left| left.packed, 1.1);
}

/// What a run leaves on the disk.
struct Left {
    files: u64,
    allocated: u64,
    /// Bytes in `.git` after `git gc`.
    packed: u64,
}

fn left_by(count: u32) -> Left {
    let project = Project::training(10, "model.pt", &format!("{count} model 1024"));
    train(&project);
    let [git, cache] = [".git", ".dvc/cache"].map(|path| project.usage(path));
    project.git("gc -q");
    Left {
        files: git.files + cache.files,
        allocated: git.allocated + cache.allocated,
        packed: project.usage(".git").bytes,
    }
}
