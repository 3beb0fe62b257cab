//! `git exp log`: what a run printed is there later, and nobody's output is any different for it.

use crate::support::{ONE_STAGE, Running, TestRepo, has_ended, wait_for};
use rustix::process::{Pid, Signal, kill_process};

/// Prints to both streams, signals, and waits for a file `go` before the second of its steps.
const TRAINER: &str = r#"set -eu
signal="$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
n=0
[ ! -e model.pt ] || n=$(wc -l < model.pt)
end=$((n + 2))
[ -t 1 ] && echo 'out is a terminal' || echo 'out is none'
[ -t 2 ] && echo 'err is a terminal' >&2 || echo 'err is none' >&2
while [ $n -lt $end ]; do
    printf 'step %d\r' $n
    printf 'error %d\n' $n >&2
    echo "step $n" >> model.pt
    echo "{\"step\": $n}" > metrics.json
    : > "$signal"
    while [ -e "$signal" ]; do sleep 0.005; done
    n=$((n + 1))
    while [ -n "${PAUSE-}" ] && [ ! -e go ]; do sleep 0.01; done
done
echo "trained"
"#;

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("train.sh", TRAINER)
        .write("dvc.yaml", ONE_STAGE)
        .write(".gitignore", "/model.pt\n/go\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

fn log(repo: &TestRepo, words: &str) -> String {
    repo.exp(&format!("log {words}")).success().text()
}

/// The process through which the run of this repository prints.
pub fn relay(repo: &TestRepo) -> Option<Pid> {
    let logs = format!(
        "--relay\0{}/",
        repo.root().join(".git/git-exp/logs").display()
    );
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut ids = processes.filter_map(|process| {
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        let is_it = String::from_utf8_lossy(&line).contains(&logs);
        process.file_name().to_str().filter(|_| is_it)?.parse().ok()
    });
    ids.find(|id| !has_ended(*id)).and_then(Pid::from_raw)
}

fn start_paused(repo: &TestRepo, words: &str) -> Running {
    repo.env("PAUSE", "1");
    let mut run = repo.start_exp(words);
    repo.env("PAUSE", "");
    run.wait_for("Checkpoint experiment iteration", 1);
    run
}

#[test]
fn what_was_printed_is_kept_in_its_order() {
    let repo = project();
    let printed = repo.sh("git exp run -n calm 2>&1").success().text();
    let printed = printed.split("\nTo track").next().unwrap().to_owned();
    assert!(
        printed.contains("out is none\nerr is none\nstep 0\rerror 0\n"),
        "{printed:?}"
    );
    assert_eq!(log(&repo, "calm"), printed);
    assert_eq!(log(&repo, ""), printed);
    assert_eq!(log(&repo, "calm~1"), printed);
    assert_eq!(relay(&repo), None);

    // Each stream where it was meant for.
    let run = repo.exp("run").success();
    assert!(run.text().contains("step 2\rstep 3\r") && !run.text().contains("error"));
    assert_eq!(run.said(), "err is none\nerror 2\nerror 3\n");
    // A run that goes on with the experiment goes on with its log.
    let both = log(&repo, "calm");
    let rest = both.strip_prefix(&printed).unwrap();
    assert!(
        rest.starts_with("Experiment 'calm': resume from checkpoint"),
        "{rest}"
    );
    assert!(rest.contains("step 3\r"), "{rest}");

    repo.exp("run --temp -n bold --rev calm~1").success();
    assert!(log(&repo, "bold").starts_with("Experiment 'bold': fork of checkpoint"));
    repo.exp("remove bold").success();
    repo.exp("log bold")
        .refused(128)
        .says("unknown revision 'bold'");
    repo.exp("undo").success();
    assert!(log(&repo, "bold").contains("trained\n"));
    repo.exp("log main")
        .refused(128)
        .says("'main' is not a checkpoint of git exp's");
    repo.exp("-c exp.log=false run --temp --reset -n quiet")
        .code(129);
    repo.git("config exp.log false").success();
    repo.exp("run --temp --reset -n quiet").success();
    repo.exp("log quiet")
        .refused(128)
        .says("there is no log of 'quiet': ");
    repo.check();
}

#[test]
fn shows_so_far_and_follows() {
    let repo = project();
    repo.exp("log")
        .refused(128)
        .says("no run has printed anything yet");
    let mut run = start_paused(&repo, "run -n calm");
    wait_for("the first step", || {
        log(&repo, "calm").contains("step 0\r").then_some(())
    });
    assert!(!log(&repo, "calm").contains("trained"));
    let mut follower = repo.start_exp("log --follow calm");
    follower.wait_for("Checkpoint experiment iteration", 1);
    assert!(!follower.is_gone());
    repo.write("go", "");
    assert_eq!(run.end().0, 0);
    let (status, said) = follower.end();
    assert_eq!(status, 0);
    assert_eq!(said, log(&repo, "calm"));
    assert!(said.contains("trained\n"), "{said}");
    assert_eq!(repo.exp("log -f calm").success().text().len(), said.len());
    repo.check();
}

#[test]
fn a_terminal_stays_one() {
    let repo = project();
    let show = "git exp run -n calm; echo status $?; stty size";
    let script = format!("stty cols 87 rows 33; {show}");
    repo.write(
        "size.sh",
        "stty size < /dev/fd/1; stty -a < /dev/fd/1 | head -1\n",
    );
    let trainer = format!(
        "sh size.sh\nps -o stat= -p $$ | tr -d 'A-Zs<Nl\\n'; echo ' foreground'\n{TRAINER}"
    );
    repo.write("train.sh", trainer);
    repo.git("add .").success();
    repo.git("commit -qm size").success();
    let Some(mut terminal) = repo.start_in_terminal(&script) else {
        return;
    };
    let (_, said) = terminal.end();
    let said = said.replace("\r\n", "\n");
    assert!(said.contains("> exec sh train.sh\n33 87\n"), "{said}");
    assert!(
        said.contains("out is a terminal\nerr is a terminal\nstep 0\rerror 0\n"),
        "{said}"
    );
    assert!(said.contains("+ foreground\n"), "{said}");
    assert!(said.contains("status 0\n33 87\n"), "{said}");
    let kept = log(&repo, "calm");
    assert!(
        kept.contains("out is a terminal\nerr is a terminal\nstep 0\rerror 0\n"),
        "{kept:?}"
    );
    assert!(said.contains(&kept), "{kept:?}");
}

#[test]
fn nobody_dies_of_a_killed_relay() {
    let repo = project();
    let mut run = start_paused(&repo, "run -n calm");
    let pid = wait_for("the relay", || relay(&repo));
    kill_process(pid, Signal::KILL).unwrap();
    repo.write("go", "");
    let (status, said) = run.end();
    assert_eq!(status, 0, "{said}");
    assert_eq!(repo.checkpoints("calm").len(), 2);
    assert!(
        said.contains("step 1\r") && said.contains("error 1\n"),
        "{said}"
    );
    assert!(
        said.contains("trained\n") && said.contains("Ran experiment 'calm'"),
        "{said}"
    );
    repo.check();
}

#[test]
fn training_that_outlives_its_runner_prints_on() {
    let repo = project();
    let mut run = start_paused(&repo, "run -n calm");
    let (runner, trainer) = repo.processes().unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    run.wait_until("the end of the runner", || !repo.is_running());
    repo.write("go", "");
    repo.exp("resume --attach").code(1);
    wait_for("the end of training", || {
        has_ended(trainer.as_raw_nonzero().get()).then_some(())
    });
    wait_for("the end of the relay", || {
        relay(&repo).is_none().then_some(())
    });
    let kept = log(&repo, "calm");
    assert!(
        kept.ends_with("error 1\ntrained\n") || kept.ends_with("step 1\rtrained\n"),
        "{kept}"
    );
    assert_eq!(repo.checkpoints("calm").len(), 2);
    repo.check();
}

#[test]
fn who_reads_no_further_ends_nothing() {
    let repo = project();
    repo.write("train.sh", format!("seq 1 100000\n{TRAINER}"));
    repo.sh("git exp run -n calm | head -n 3").success();
    wait_for("the end of the run", || (!repo.is_running()).then_some(()));
    wait_for("the end of the relay", || {
        relay(&repo).is_none().then_some(())
    });
    assert_eq!(repo.checkpoints("calm").len(), 2);
    assert!(log(&repo, "calm").contains("\n100000\nout is none\n"));
    repo.sh("git exp run >&- 2>&-").success();
    assert_eq!(repo.checkpoints("calm").len(), 4);
    repo.check();
}

#[test]
fn of_much_output_head_and_tail_stay() {
    let repo = project();
    repo.write("train.sh", format!("seq 1 1000000\n{TRAINER}"));
    repo.sh("git exp run -n calm > /dev/null").success();
    let kept = log(&repo, "calm");
    assert!(
        kept.starts_with("Experiment 'calm': new\n"),
        "{}",
        &kept[..100]
    );
    assert!(kept.contains("\n1000000\nout is none\n"));
    assert!(kept.contains("\n[") && kept.contains(" bytes are left out here]\n"));
    assert!(
        kept.len() > 2 << 20 && kept.len() < (3 << 20) + 100,
        "{}",
        kept.len()
    );
}

#[test]
fn gc_takes_the_logs_of_experiments_that_are_gone() {
    let repo = project();
    repo.exp("run -n calm").success();
    repo.exp("run --temp --reset -n bold").success();
    repo.write("train.sh", "echo no; exit 1\n");
    repo.exp("run --temp -n none").code(1);
    assert!(
        log(&repo, "").ends_with(
            "no\nerror: stage 'train' failed: 'exec sh train.sh' exited with status 1\n"
        )
    );
    let count = || {
        std::fs::read_dir(repo.root().join(".git/git-exp/logs"))
            .unwrap()
            .count()
    };
    assert_eq!(count(), 3);
    repo.exp("remove bold").success();
    repo.sh("find .git/git-exp/logs -exec touch -d '2 hours ago' {} +")
        .success();
    repo.git("commit -q --allow-empty -m on").success();
    repo.exp("gc -w -f").success();
    // What can be taken back keeps its log.
    assert_eq!(count(), 2);
    repo.exp("undo").success();
    assert!(log(&repo, "calm").contains("trained"));
    repo.exp("undo").success();
    assert!(log(&repo, "bold").contains("trained"));
}

#[test]
fn a_run_that_has_nothing_to_do_leaves_no_log() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  s:\n    cmd: echo made > out\n    outs:\n    - out\n",
    );
    repo.git("add .").success();
    repo.git("commit -qm one").success();
    repo.exp("run -n first").success();
    let kept = log(&repo, "first");
    assert!(
        kept.starts_with("Experiment 'first': new\nRunning stage 's'"),
        "{kept}"
    );
    repo.exp("run")
        .success()
        .prints("Stage 's' didn't change, skipping");
    assert_eq!(log(&repo, "first"), kept);
}
