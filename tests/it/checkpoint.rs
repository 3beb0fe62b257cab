//! `git exp checkpoint`: the signal of a shell.

use crate::support::TestRepo;
use rustix::process::Signal;
use snapbox::str;

/// The tutorial's trainer, signalling by command.
fn by_command() -> TestRepo {
    let repo = TestRepo::tutorial();
    let code = repo.read("train.sh");
    let start = code.find("checkpoint() {").unwrap();
    let end = start + code[start..].find("\n}\n").unwrap() + 3;
    let body = "checkpoint() { git exp checkpoint || exit $?; }\n";
    repo.write(
        "train.sh",
        format!("{}{body}{}", &code[..start], &code[end..]),
    );
    repo.git("commit -qam 'signal by command'").success();
    repo
}

#[test]
fn each_call_is_a_checkpoint() {
    let repo = by_command();
    repo.epochs(3).exp("run -n calm").success().stderr(str![""]);
    let checkpoints = repo.checkpoints("calm");
    assert_eq!(checkpoints.len(), 3);
    // Each has what was there when it was called, not what came later.
    for (step, id) in checkpoints.iter().enumerate() {
        let metrics = repo.ask(&format!("show {id}:metrics.json"));
        assert!(
            metrics.starts_with(&format!("{{\"step\": {step},")),
            "{metrics}"
        );
    }
    repo.check();
}

#[test]
fn without_a_run_it_does_nothing() {
    let repo = TestRepo::empty();
    repo.exp("checkpoint")
        .success()
        .stdout(str![""])
        .stderr(str![""]);
    // Not even a repository is needed.
    repo.sh("cd / && git exp checkpoint").success();
    let repo = by_command();
    repo.epochs(2).sh("sh train.sh").success();
    assert_eq!(repo.read("model.pt").lines().count(), 2);
}

#[test]
fn only_the_first_of_several_processes_signals() {
    let repo = by_command();
    repo.env("RANK", "1");
    repo.epochs(3).exp("run -n calm").success();
    // The end of the stage is a checkpoint all the same.
    assert_eq!(repo.checkpoints("calm").len(), 1);
    repo.env("RANK", "").env("LOCAL_RANK", "0");
    repo.exp("run --reset -n all").success();
    assert_eq!(repo.checkpoints("all").len(), 3);
}

#[test]
fn several_processes_at_once_are_all_answered() {
    let repo = by_command();
    let code = repo.read("train.sh");
    let many = "checkpoint() { for i in 1 2 3 4 5; do git exp checkpoint & pids=\"${pids-} $!\"; done; \
                for pid in $pids; do wait $pid; done; pids=; }\n";
    let (start, rest) = code.split_once("checkpoint() {").unwrap();
    let rest = rest.split_once("}\n").unwrap().1;
    repo.write("train.sh", format!("{start}{many}{rest}"));
    repo.epochs(2).exp("run -n calm").success();
    // Nothing changed between the signals of one epoch.
    assert_eq!(repo.checkpoints("calm").len(), 2);
    repo.check();
}

#[test]
fn a_stage_without_checkpoint_outputs_goes_on() {
    let repo = by_command();
    let pipeline = repo.read("dvc.yaml");
    repo.write(
        "dvc.yaml",
        pipeline.replace(":\n        checkpoint: true", ""),
    );
    repo.epochs(2)
        .exp("run -n calm")
        .success()
        .says("has no output with 'checkpoint: true'");
    assert_eq!(repo.checkpoints("calm").len(), 1);
}

#[test]
fn fails_where_no_run_is_at_work() {
    let repo = by_command();
    repo.env("DVC_ROOT", &repo.root().display().to_string());
    repo.exp("checkpoint").refused(128).stderr(str![[r#"
fatal: no 'git exp run' is at work in '[ROOT]/repo'
hint: git exp run

"#]]);
    assert!(!repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    // A worktree of its own has a run of its own.
    repo.env("DVC_ROOT", "");
    repo.env("PAUSE_AT", "0");
    repo.git("worktree add -q ../linked").success();
    let linked = repo.beside("linked");
    let mut running = repo.start_exp("run -n calm");
    running.wait_for("> sh train.sh", 1);
    linked.env("DVC_ROOT", &linked.root().display().to_string());
    linked.exp("checkpoint").refused(128).says("[ROOT]/linked");
    linked.env("DVC_ROOT", &repo.root().display().to_string());
    linked.exp("checkpoint").success();
    running.wait_for("Checkpoint experiment iteration", 1);
    repo.write("go", "");
    assert_eq!(running.end().0, 0);
}

#[test]
fn a_run_that_dies_leaves_nobody_waiting() {
    let repo = by_command();
    repo.env("PAUSE_AT", "0");
    let mut running = repo.start_exp("run -n calm");
    running.wait_for("> sh train.sh", 1);
    let record = || {
        let text = std::fs::read_to_string(repo.root().join(".git/git-exp/run.json")).ok()?;
        let record: serde_json::Value = serde_json::from_str(&text).ok()?;
        record["child"]["pid"].as_u64()?;
        record["pid"].as_u64()
    };
    running.wait_until("the record of the run", || record().is_some());
    let pid = rustix::process::Pid::from_raw(record().unwrap() as i32).unwrap();
    // It cannot answer any more, and still holds the lock.
    rustix::process::kill_process(pid, Signal::STOP).unwrap();
    repo.env("DVC_ROOT", &repo.root().display().to_string());
    let mut waiting = repo.start_exp("checkpoint");
    waiting.wait_until("the signal", || repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    let (status, said) = waiting.end();
    assert_eq!(status, 128, "{said}");
    assert!(
        said.contains("fatal: the run ended before it took this checkpoint"),
        "{said}"
    );
    assert!(!repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    let repo = TestRepo::empty();
    repo.exp("checkpoint --frobnicate").refused(129);
}
