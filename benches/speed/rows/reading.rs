//! What looking at experiments costs.

use crate::Choice;
use crate::history;
use crate::measure::{Pairs, run};
use crate::project::Project;
use crate::table::{self, Target};

/// What `show` is beside: the same refs, commits and files, read by git in a pipe.
const PIPE: &str = "git for-each-ref --format='%(objectname)' refs/exps \
    | git log --stdin ^HEAD --format='%H %ct %s' \
    | awk '{print $1\":dvc.lock\"; print $1\":metrics.json\"; print $1\":params.yaml\"}' \
    | git cat-file --batch";

/// Packed checkpoints of ours, warm and for the first time.
pub fn show(_: &Choice) {
    for (experiments, times) in [(100, 0.5), (1000, 0.25)] {
        let project = repository(experiments, true);
        let what = format!("show, {experiments} x 10 packed");
        shown(&project, &what, Target::times(times));
        let what = format!("show, {experiments} x 10 packed, first time");
        first(&project, &what, Target::default());
    }
}

/// A history without notes.
pub fn show_without_notes(_: &Choice) {
    for experiments in [100, 1000] {
        let project = repository(experiments, false);
        let what = format!("show, {experiments} x 10 that DVC made");
        shown(&project, &what, Target::times(1.0));
        let what = format!("show, {experiments} x 10 that DVC made, first time");
        first(&project, &what, Target::default());
    }
}

/// Small commands in a repository of 1,000 checkpoints.
pub fn small_commands(_: &Choice) {
    let project = repository(100, true);
    let mut branches = 0;
    let version = || run(&mut project.git_command("--version"));
    let words = format!("diff {}~3 {}", history::name(7), history::name(42));
    let row = |what: &str, ours: &mut dyn FnMut() -> f64| {
        let pairs = Pairs::measure(31, version, ours);
        table::times(what, "git --version", &pairs, Target::most(5.0));
    };
    row("metrics diff", &mut || {
        run(&mut project.exp("metrics", &words))
    });
    row("list, 100 experiments", &mut || {
        run(&mut project.exp("list", ""))
    });
    row("branch", &mut || {
        branches += 1;
        run(&mut project.exp("branch", &format!("{} b{branches}", history::name(7))))
    });
}

fn repository(experiments: usize, notes: bool) -> Project {
    let project = Project::new(10, "stages: {}\n");
    project.write(
        "metrics.json",
        "{\"step\": 1, \"loss\": 1.0, \"acc\": 0.5}\n",
    );
    history::add(&project, experiments, 10, notes);
    project
}

fn shown(project: &Project, what: &str, target: Target) {
    let pairs = Pairs::measure(
        9,
        || run(&mut project.shell(PIPE)),
        || run(&mut project.exp("show", "")),
    );
    table::times(what, "git pipe", &pairs, target);
}

/// Without what `show` remembered of the last time.
fn first(project: &Project, what: &str, target: Target) {
    let pairs = Pairs::measure(
        5,
        || run(&mut project.shell(PIPE)),
        || {
            run(&mut project.shell("rm -rf .git/git-exp"));
            run(&mut project.exp("show", ""))
        },
    );
    table::times(what, "git pipe", &pairs, target);
}
