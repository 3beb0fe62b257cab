//! Where no folder can be watched: signals are seen, and what training writes to tracked files is found.

use crate::support::{TestRepo, namespace};

/// The tutorial's project, whose trainer also writes a log that git tracks.
fn with_log() -> TestRepo {
    let repo = TestRepo::tutorial();
    let code = repo.read("train.sh");
    let signal = "    checkpoint\n";
    assert!(code.contains(signal));
    let logged = format!("    echo \"step $step\" >> notes.log\n{signal}");
    repo.write("train.sh", code.replace(signal, &logged))
        .write("notes.log", "");
    repo
}

/// Runs the pipeline with no inotify watch left.
fn run(repo: &TestRepo) -> Option<String> {
    repo.git("add .").success();
    repo.git("commit -q -m 'wrote a log'").success();
    namespace::run(
        repo,
        "echo 0 > /proc/sys/user/max_inotify_watches
git exp run -n calm
",
    )
}

/// The log as each checkpoint has it, and as it was at the signal.
fn logs(repo: &TestRepo) -> Vec<(String, String)> {
    let checkpoints = repo.checkpoints("calm");
    let log = |commit: &String| repo.ask(&format!("show {commit}:notes.log"));
    let steps: Vec<String> = (0..4).map(|step| format!("step {step}")).collect();
    assert_eq!(checkpoints.len(), steps.len());
    let expected = (1..=steps.len()).map(|count| steps[..count].join("\n"));
    checkpoints.iter().map(log).zip(expected).collect()
}

#[test]
fn few_files_are_looked_at_while_training_waits() {
    let repo = with_log();
    repo.epochs(4);
    let Some(said) = run(&repo) else { return };
    assert!(!said.contains("warning"), "{said}");
    for (found, expected) in logs(&repo) {
        assert_eq!(found, expected);
    }
    repo.check();
}

#[test]
fn many_files_are_looked_at_afterwards() {
    let repo = with_log();
    repo.epochs(4);
    for number in 0..1000 {
        repo.write(&format!("many/{number}"), "");
    }
    let Some(said) = run(&repo) else { return };
    let warning = "tracked files cannot be watched: what training writes to them is looked for after each capture";
    assert_eq!(said.matches(warning).count(), 1, "{said}");
    for (found, expected) in logs(&repo) {
        // Never older than the signal.
        assert!(found.starts_with(&expected), "{found} {expected}");
    }
    repo.check();
}

#[test]
fn an_edit_of_code_is_named_all_the_same() {
    let repo = with_log();
    let code = repo.read("train.sh");
    repo.write(
        "train.sh",
        code.replace("echo \"step", "echo >> other.py; echo \"step"),
    )
    .write("other.py", "");
    repo.epochs(2);
    let Some(said) = run(&repo) else { return };
    let edited = "'other.py' was edited while training runs";
    assert_eq!(said.matches(edited).count(), 1, "{said}");
}
