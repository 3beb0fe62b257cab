//! Cut at every point: a command is killed by signal 9 at its N-th rename, link, unlink, sync or record
//! of its journal, for N = 1, 2, … until it survives, and nothing that was printed is lost.
//!
//! strace kills. It counts each call of each thread for itself, so a point is a call, a number and a
//! thread: the main one, or the recorder. `GIT_EXP_CUT=all` takes every point, and goes on until the
//! command survives; otherwise each test takes some, spread evenly, so that all of them stay quick.

use crate::support::{TestRepo, group_is_gone, program, skip, wait_for};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Where a kill may leave something half done: every way to say it.
const POINTS: &str =
    "rename,renameat,renameat2,link,linkat,unlink,unlinkat,fsync,fdatasync,pwrite64";

/// How many points a sweep takes where not all were asked for.
const SOME: usize = 8;

/// Makes steps until there are `STEPS` (2), and ends when nobody is there to answer it.
const TRAINER: &str = r#"set -eu
signal="$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
step=0
[ ! -e model.pt ] || step=$(wc -l < model.pt)
while [ -e ../wait ]; do sleep 0.01; done
while [ "$step" -lt "${STEPS:-2}" ]; do
    echo "step $step" >> model.pt
    echo "{\"step\": $step}" > metrics.json
    echo "$step" >> history.csv
    : > "$signal"
    while [ -e "$signal" ]; do kill -0 "$RUNNER"; sleep 0.002; done
    step=$((step + 1))
done
"#;

const PIPELINE: &str = "\
stages:
  train:
    cmd: RUNNER=$PPID exec sh train.sh
    deps:
    - train.sh
    params:
    - lr
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
    plots:
    - history.csv:
        cache: false
        persist: true
";

/// Which thread dies; the others of the process die with it.
#[derive(Clone, Copy)]
enum Thread {
    /// Everything but recording: preparing, restoring, answering signals, the end.
    Main,
    /// Cache objects, git objects, refs, `dvc.lock`.
    Recorder,
}

/// How a command that was to be killed ended.
struct Cut {
    survived: bool,
    printed: String,
}

/// Returns a project with the trainer above, or `None` where strace is missing.
fn template() -> Option<TestRepo> {
    if program("strace").is_none() {
        skip("there is no strace to kill with");
        return None;
    }
    let repo = TestRepo::project();
    repo.write("train.sh", TRAINER)
        .write("dvc.yaml", PIPELINE)
        .write("params.yaml", "lr: 1\n")
        .write(".gitignore", "/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    Some(repo)
}

/// As `template`, after a run of two checkpoints called `calm`.
fn trained() -> Option<TestRepo> {
    let repo = template()?;
    repo.exp("run -n calm").success();
    Some(repo)
}

/// Runs `git-exp-<words>` and kills it at its `at.1`-th call of `at.0`; `None` only logs the calls.
fn cut(repo: &TestRepo, words: &str, thread: Thread, at: Option<(&str, usize)>) -> Cut {
    let out = repo.base().join("printed");
    let words: Vec<&str> = words.split(' ').collect();
    let program = format!("git-exp-{}", words[0]);
    let mut child = match thread {
        Thread::Main => {
            let mut command = repo.command("strace");
            command
                .args(strace(repo, at))
                .arg(program)
                .args(&words[1..]);
            start(command, &out)
        }
        Thread::Recorder => {
            std::fs::write(repo.base().join("wait"), "").unwrap();
            let mut command = repo.command(&program);
            command.args(&words[1..]);
            let child = start(command, &out);
            let recorder = wait_for("the recorder", || recorder_of(child.id()));
            let mut command = repo.command("strace");
            command
                .args(strace(repo, at))
                .args(["-p", &recorder.to_string()])
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut tracer = command.spawn().unwrap();
            wait_for("strace", || is_traced(child.id(), recorder).then_some(()));
            std::fs::remove_file(repo.base().join("wait")).unwrap();
            std::thread::spawn(move || tracer.wait().unwrap());
            child
        }
    };
    let pid = Pid::from_child(&child);
    let status = child.wait().unwrap();
    // Training dies with its runner, as on a machine that is switched off.
    let _nobody_left = kill_process_group(pid, Signal::KILL);
    wait_for("the end of training", || group_is_gone(pid).then_some(()));
    let printed = std::fs::read_to_string(&out).unwrap();
    let killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
    assert!(
        status.success() || (at.is_some() && killed),
        "{} at {at:?} ended with {status}:\n{printed}",
        words.join(" ")
    );
    Cut {
        survived: status.success(),
        printed,
    }
}

fn strace(repo: &TestRepo, at: Option<(&str, usize)>) -> Vec<String> {
    let log = repo.base().join("points").display().to_string();
    let expression = match at {
        None => format!("trace={POINTS}"),
        Some((call, at)) => format!("inject={call}:signal=KILL:when={at}"),
    };
    ["-qq", "-o", &log, "-e", &expression]
        .map(str::to_owned)
        .to_vec()
}

/// Starts a process group whose output, all of it, goes to a file.
fn start(mut command: Command, out: &Path) -> std::process::Child {
    let out = std::fs::File::create(out).unwrap();
    command
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .process_group(0)
        .spawn()
        .unwrap()
}

fn recorder_of(process: u32) -> Option<u32> {
    std::fs::read_dir(format!("/proc/{process}/task"))
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .find(|thread: &u32| {
            std::fs::read_to_string(format!("/proc/{process}/task/{thread}/comm"))
                .is_ok_and(|name| name.trim() == "recorder")
        })
}

fn is_traced(process: u32, thread: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/task/{thread}/status"))
        .is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
}

/// Kills `git-exp-<words>` in copies of `template` at one point after the other; `after` looks at each.
fn sweep(template: &TestRepo, words: &str, thread: Thread, after: impl Fn(&TestRepo, &str)) {
    let all = std::env::var("GIT_EXP_CUT").is_ok_and(|value| value == "all");
    let copy = |name: &str| {
        template.sh(&format!("cp -a . ../{name}")).success();
        template.beside(name)
    };
    let uncut = copy("uncut");
    let printed = cut(&uncut, words, thread, None).printed;
    let counts = points(template);
    after(&uncut, &printed);
    let total: usize = counts.values().sum();
    let step = if all { 1 } else { total.div_ceil(SOME) };
    let mut killed = BTreeMap::new();
    for (call, count) in &counts {
        for at in (1..).step_by(step) {
            if at > *count && !all {
                break;
            }
            let repo = copy("cut");
            let Cut { survived, printed } = cut(&repo, words, thread, Some((call, at)));
            after(&repo, &printed);
            std::fs::remove_dir_all(repo.root()).unwrap();
            if survived {
                // How often a folder is synced depends on random names.
                assert!(at * 2 > *count, "'{words}' survived {call} {at} of {count}");
                break;
            }
            *killed.entry(call).or_insert(0) += 1;
        }
    }
    let list: Vec<String> = killed
        .iter()
        .map(|(call, count)| format!("{call} {count}"))
        .collect();
    let sum: usize = killed.values().sum();
    let who = match thread {
        Thread::Main => "the main thread",
        Thread::Recorder => "the recorder",
    };
    eprintln!(
        "'{words}' was killed at {sum} of {total} points of {who}: {}",
        list.join(", ")
    );
    assert!(sum * 2 >= total.min(SOME), "{list:?}");
}

/// Returns how often each call was made in the run before.
fn points(repo: &TestRepo) -> BTreeMap<String, usize> {
    let log = std::fs::read_to_string(repo.base().join("points")).unwrap();
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        if let Some((call, _)) = line.split_once('(') {
            *counts.entry(call.to_owned()).or_insert(0) += 1;
        }
    }
    assert!(!counts.is_empty(), "{log}");
    counts
}

/// Runs a program that must succeed, and returns all it printed.
#[track_caller]
fn ok(repo: &TestRepo, program: &str, words: &[&str]) -> String {
    let output = repo.command(program).args(words).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(
        output.status.success(),
        "{program} {}: {}\n{}",
        words.join(" "),
        output.status,
        text.concat()
    );
    text.concat()
}

/// Returns the short ids of the checkpoints that a run said were saved.
fn saved(printed: &str) -> Vec<&str> {
    let mark = "Checkpoint experiment iteration '";
    printed
        .lines()
        .filter_map(|line| line.strip_prefix(mark)?.strip_suffix("'."))
        .collect()
}

fn steps(count: usize) -> String {
    (0..count).map(|step| format!("step {step}\n")).collect()
}

fn history(count: usize) -> String {
    (0..count).map(|step| format!("{step}\n")).collect()
}

/// Model, metrics and history are those of step `count - 1`.
#[track_caller]
fn holds(repo: &TestRepo, count: usize) {
    assert_eq!(repo.read("model.pt"), steps(count));
    assert_eq!(repo.read("history.csv"), history(count));
    assert_eq!(
        repo.read("metrics.json"),
        format!("{{\"step\": {}}}\n", count - 1)
    );
}

/// No lock, no temporary file (but for those that go when they are old), no record of something unfinished is left.
fn clean(repo: &TestRepo) {
    let left = repo.sh(
        "find .git -name '*.lock' ! -path .git/git-exp/run.lock; find . -path ./.git -prune -o -path ./.dvc/cache/git-exp -prune -o -name '.git-exp-*' -print; \
         find .git/git-exp -path '*/locks/*' -o -name intent -o -name run.json; \
         find .dvc -path '*/git-exp/run-*/owner'; ls .dvc/tmp/DVC_CHECKPOINT 2>/dev/null; true",
    );
    assert_eq!(left.success().text(), "");
}

/// Plain git can do everything that takes locks.
fn git_works(repo: &TestRepo) {
    for line in ok(
        repo,
        "git",
        &["for-each-ref", "--format=%(objectname) %(refname)"],
    )
    .lines()
    {
        let (id, name) = line.split_once(' ').unwrap();
        ok(repo, "git", &["update-ref", name, id, id]);
    }
    ok(
        repo,
        "git",
        &["commit", "-q", "--allow-empty", "-m", "after"],
    );
    ok(repo, "git", &["gc", "-q", "--prune=now"]);
    ok(repo, "git", &["fsck", "--strict"]);
}

/// Looks at a repository whose first run was killed: the story goes on as if it had been Ctrl-C.
fn run_goes_on(repo: &TestRepo, printed: &str) {
    let saved = saved(printed);
    let shown = ok(repo, "git", &["exp", "show", "--csv"]);
    for id in &saved {
        assert!(
            shown.contains(id),
            "{id} was printed, and is not in:\n{shown}"
        );
    }
    repo.check();
    let before = ok(
        repo,
        "git",
        &["for-each-ref", "--format=%(objectname)", "refs/exps"],
    );
    let again = ok(repo, "git", &["exp", "run"]);
    let from = again
        .lines()
        .find_map(|line| line.strip_prefix("Experiment 'calm': resume from checkpoint "));
    match (from, before.trim()) {
        (None, "") => assert!(again.contains(": new\n"), "{again}"),
        (None, _) => panic!("{again}"),
        // It was captured, and has been recorded by this run first.
        (Some(_), "") => {}
        (Some(from), tip) => {
            let line = ["merge-base", "--is-ancestor", tip, &from[..7]];
            ok(repo, "git", &line);
        }
    }
    holds(repo, 2);
    let tip = ok(
        repo,
        "git",
        &["for-each-ref", "--format=%(objectname)", "refs/exps"],
    );
    let tip = tip.trim();
    assert_eq!(tip.lines().count(), 1, "{tip}");
    let chain = ok(repo, "git", &["rev-list", &format!("HEAD..{tip}")]);
    assert_eq!(chain.lines().count(), 2, "{chain}");
    let recorded = ok(repo, "git", &["show", &format!("{tip}:dvc.lock")]);
    assert_eq!(repo.read("dvc.lock"), recorded);
    clean(repo);
    repo.check();
    for (count, commit) in chain.lines().rev().enumerate() {
        ok(repo, "git", &["exp", "apply", &commit[..7]]);
        holds(repo, count + 1);
    }
    for id in saved {
        assert!(
            chain.contains(id),
            "{id} was printed, and is not in:\n{chain}"
        );
    }
    git_works(repo);
}

#[test]
fn a_run_goes_on_wherever_it_was_killed() {
    let Some(template) = template() else { return };
    sweep(&template, "run -n calm", Thread::Main, run_goes_on);
}

#[test]
fn a_run_goes_on_wherever_its_recorder_was_killed() {
    let Some(template) = template() else { return };
    sweep(&template, "run -n calm", Thread::Recorder, run_goes_on);
}

#[test]
fn a_resumed_run_goes_on_wherever_it_was_killed() {
    let Some(template) = template() else { return };
    template.env("STEPS", "1").exp("run -n calm").success();
    template.env("STEPS", "").write("model.pt", BY_HAND);
    sweep(&template, "run", Thread::Main, |repo, printed| {
        comes_back(repo);
        run_goes_on(repo, printed);
    });
}

const BY_HAND: &str = "weights by hand\n";

/// The bytes that only the workspace had are there, or in an undo entry.
fn comes_back(repo: &TestRepo) {
    let here = |path: &str| std::fs::read_to_string(repo.root().join(path)).ok();
    if here("model.pt").as_deref() == Some(BY_HAND) {
        return;
    }
    let other = repo.root().with_file_name("look");
    ok(repo, "cp", &["-a", ".", &other.display().to_string()]);
    let copy = repo.beside("look");
    ok(&copy, "git", &["exp", "undo", "--force"]);
    assert_eq!(copy.read("model.pt"), BY_HAND);
    std::fs::remove_dir_all(other).unwrap();
}

#[test]
fn an_apply_is_finished_or_never_began() {
    let Some(template) = trained() else { return };
    template.write("model.pt", BY_HAND);
    sweep(&template, "apply calm~1", Thread::Main, |repo, _| {
        repo.check();
        comes_back(repo);
        // The next run has one state to start from, wherever that is.
        ok(repo, "git", &["exp", "run", "-n", "next"]);
        holds(repo, 2);
        clean(repo);
        repo.check();
        ok(repo, "git", &["exp", "apply", "calm"]);
        holds(repo, 2);
        git_works(repo);
    });
}

#[test]
fn an_undo_is_finished_or_never_began() {
    let Some(template) = trained() else { return };
    template.write("model.pt", BY_HAND);
    template.exp("apply calm~1").success();
    sweep(&template, "undo", Thread::Main, |repo, _| {
        repo.check();
        let again = repo.command("git").args(["exp", "undo"]).output().unwrap();
        let said = String::from_utf8(again.stderr).unwrap();
        let done = said.contains("nothing to undo");
        assert!(again.status.success() || done, "{said}");
        assert_eq!(repo.read("model.pt"), BY_HAND);
        assert_eq!(repo.read("history.csv"), history(2));
        ok(repo, "git", &["exp", "run"]);
        holds(repo, 2);
        clean(repo);
        git_works(repo);
    });
}

#[test]
fn a_remove_is_done_or_can_be_undone() {
    let Some(template) = trained() else { return };
    is_removed_or_not(&template);
}

#[test]
fn so_is_one_that_moves_refs_only() {
    let Some(template) = trained() else { return };
    // The resume point is another's, and what goes is packed.
    template.exp("run --reset -n other").success();
    template.git("pack-refs --all").success();
    is_removed_or_not(&template);
}

fn is_removed_or_not(template: &TestRepo) {
    let refs = template.ask("for-each-ref refs/exps refs/notes");
    sweep(template, "remove calm", Thread::Main, |repo, _| {
        let copy = repo.root().with_file_name("again");
        ok(repo, "cp", &["-a", ".", &copy.display().to_string()]);
        let again = repo.beside("again");
        let said = again
            .command("git")
            .args(["exp", "remove", "calm"])
            .output();
        let said = said.unwrap();
        let said = String::from_utf8(said.stderr).unwrap();
        assert!(
            said.is_empty() || said.contains("no experiment is called"),
            "{said}"
        );
        ok(&again, "git", &["exp", "run", "--reset", "-n", "calm"]);
        holds(&again, 2);
        clean(&again);
        again.check();
        git_works(&again);
        std::fs::remove_dir_all(copy).unwrap();

        let back = repo.command("git").args(["exp", "undo"]).output().unwrap();
        let said = String::from_utf8(back.stderr).unwrap();
        assert!(
            back.status.success() || said.contains("nothing to undo"),
            "{said}"
        );
        assert_eq!(repo.ask("for-each-ref refs/exps refs/notes"), refs);
        clean(repo);
        git_works(repo);
    });
}
