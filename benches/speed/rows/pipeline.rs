//! Twenty stages.

use crate::Choice;
use crate::measure::{Pairs, run};
use crate::project::Project;
use crate::table::{self, Target};
use std::fmt::Write as _;

/// A chain of stages with trivial commands.
pub fn pipeline(_: &Choice) {
    let (mut stages, mut shell) = (String::from("stages:\n"), String::new());
    for stage in 0..20 {
        let command = format!("echo {stage} > out_{stage}");
        write!(stages, "  s{stage:02}:\n    cmd: {command}\n").unwrap();
        if stage > 0 {
            write!(stages, "    deps:\n    - out_{}\n", stage - 1).unwrap();
        }
        write!(stages, "    outs:\n    - out_{stage}\n").unwrap();
        writeln!(shell, "sh -c '{command}'").unwrap();
    }
    let project = Project::new(10, &stages);
    run(&mut project.exp("run", "-q"));
    let pairs = Pairs::measure(
        9,
        || run(&mut project.git_command("status")),
        || run(&mut project.exp("run", "-q")),
    );
    table::times(
        "20 stages, nothing to do",
        "git status",
        &pairs,
        Target::times(2.0),
    );
    let pairs = Pairs::measure(
        9,
        || run(&mut project.shell(&shell)),
        || run(&mut project.exp("run", "-q -f")),
    );
    table::times(
        "20 stages, trivial commands",
        "shell loop",
        &pairs,
        Target::times(2.0),
    );
}
