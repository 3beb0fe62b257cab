//! Commands that change the workspace or the refs.

use crate::Choice;
use crate::history;
use crate::measure::{Pairs, run};
use crate::project::Project;
use crate::table::{self, Target};

/// Back and forth between two checkpoints.
pub fn apply(_: &Choice) {
    let project = Project::training(10, "model.pt", "2 model 100000000");
    run(&mut project.exp("run", "-q -n large"));
    let mut at = ["large", "large~1"].into_iter().cycle();
    let pairs = Pairs::measure(
        8,
        || {
            let time = run(&mut project.shell("exec cp model.pt .dvc/tmp/copy"));
            run(&mut project.shell("rm .dvc/tmp/copy"));
            time
        },
        || run(&mut project.exp("apply", &format!("-q {}", at.next().unwrap()))),
    );
    table::times(
        "apply, 100 MB model",
        "cp",
        &pairs,
        Target::times(1.1).plus(3.0),
    );

    let project = Project::training(10, "model.pt", "2 same 1024");
    run(&mut project.exp("run", "-q -n one"));
    run(&mut project.exp("run", "-q -f -n two -S lr=0.2"));
    let mut at = ["one", "two"].into_iter().cycle();
    let pairs = Pairs::measure(
        21,
        || run(&mut project.git_command("--version")),
        || run(&mut project.exp("apply", &format!("-q {}", at.next().unwrap()))),
    );
    table::times(
        "apply, a param differs",
        "git --version",
        &pairs,
        Target::most(5.0),
    );
}

/// 1,000 checkpoints of another commit go.
pub fn gc(_: &Choice) {
    let project = Project::new(10, "stages: {}\n");
    history::add(&project, 100, 10, true);
    project.git("commit -q --allow-empty -m next");
    run(&mut project.shell("mkdir .old && cp -r .git .git-spare"));
    // Nothing is deleted: ext4 takes a thousand times longer to make a file where many went just now.
    let restore = || {
        run(&mut project.shell("mv .git .old/$$ && cp -r .git-spare .git"));
    };
    let refs = "git for-each-ref --format='delete %(refname)' refs/exps refs/notes/exps";
    run(&mut project.shell(&format!("{refs} > .git-deletions")));
    let pairs = Pairs::measure(
        7,
        || {
            restore();
            run(&mut project.shell("exec git update-ref --stdin < .git-deletions"))
        },
        || {
            restore();
            run(&mut project.exp("gc", "-q -w -f"))
        },
    );
    table::times(
        "gc -w of 1,000 checkpoints",
        "git update-ref -d",
        &pairs,
        Target::most(15.0),
    );
}
