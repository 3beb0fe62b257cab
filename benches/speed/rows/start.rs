//! What a process costs before it does anything.

use crate::Choice;
use crate::history;
use crate::measure::{Pairs, run};
use crate::project::{self, Project};
use crate::table::{self, Target};
use std::path::PathBuf;

/// Every binary beside git itself, in turn; the slowest is the row.
pub fn start(_: &Choice) {
    let project = Project::new(5, "stages: {}\n");
    let commands = git_exp::command::ALL.iter().map(|entry| entry.name);
    let mut binaries: Vec<(&str, PathBuf, Pairs)> = commands
        .map(|name| (name, project::binary(name), Pairs::default()))
        .chain([("git exp", project::dispatcher(), Pairs::default())])
        .collect();
    for _ in 0..15 {
        for (_, binary, pairs) in &mut binaries {
            pairs.floor.push(run(&mut project.git_command("--version")));
            pairs
                .ours
                .push(run(project.command(binary).arg("--version")));
        }
    }
    let slowest = binaries
        .iter()
        .max_by(|(_, _, a), (_, _, b)| a.least_ratio().total_cmp(&b.least_ratio()));
    if let Some((name, _, pairs)) = slowest {
        let what = format!("start, slowest of {} ({name})", binaries.len());
        table::times(&what, "git --version", pairs, Target::times(1.5));
    }
}

/// The names of experiments, where there are few.
pub fn list(_: &Choice) {
    let project = Project::new(10, "stages: {}\n");
    history::add(&project, 3, 3, true);
    let pairs = Pairs::measure(
        31,
        || run(&mut project.git_command("for-each-ref refs/exps")),
        || run(&mut project.exp("list", "")),
    );
    table::times(
        "list, small repository",
        "git for-each-ref",
        &pairs,
        Target::times(2.0),
    );
}
