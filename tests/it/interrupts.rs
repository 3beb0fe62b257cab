//! Ctrl-C, TERM, a closed terminal, a closed pipe while a stage runs: what is saved stays, nobody is
//! left behind, and who started us sees the signal.

use crate::support::{ONE_STAGE, Running, TestRepo, group_is_gone, has_ended, skip, wait_for};
use rustix::process::{Signal, kill_process_group};

/// What trainers here share: two steps, then a rest until the test lets them go on.
const TRAINER: &str = r#"set -eu
signal="$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
n=0
[ ! -e model.pt ] || n=$(wc -l < model.pt)
step() {
    echo "step $n" >> model.pt
    echo "{\"step\": $n}" > metrics.json
    n=$((n + 1))
    : > "$signal"
    while [ -e "$signal" ]; do sleep 0.005 || :; done
}
rest() {
    echo $$ > ../resting
    while [ -z "${stop-}" ] && [ -e train.sh ] && [ ! -e ../go ]; do sleep 0.01 || :; done
}
"#;

/// Dies of signals as programs do that know nothing of them.
const PLAIN: &str = "step; step; rest; step\n";

/// Writes down each signal, then makes a last step and ends well.
const GRACEFUL: &str = "\
for name in INT TERM HUP; do trap \"echo $name >> ../caught; stop=1\" $name; done
step; step; rest; step
";

/// Hears nothing, and has a helper in a session of its own.
const DEAF: &str = "\
trap '' INT TERM HUP
setsid sh -c 'echo $$ > ../helper; while [ -e train.sh ] && [ ! -e ../go ]; do sleep 0.01; done' &
while [ ! -s ../helper ]; do sleep 0.01; done
step; step; rest; step
";

fn project(behaviour: &str) -> TestRepo {
    let repo = TestRepo::project();
    repo.write("train.sh", format!("{TRAINER}{behaviour}"))
        .write("dvc.yaml", ONE_STAGE)
        .write(".gitignore", "/model.pt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

/// Waits until the trainer rests and its two checkpoints are saved.
fn rests(repo: &TestRepo) {
    wait_for("the rest", || trainer(repo));
    wait_for("the second checkpoint", || {
        let tip = repo.ask("for-each-ref --format=%(objectname) refs/exps/*/*/calm");
        (!tip.is_empty() && repo.ask(&format!("rev-list HEAD..{tip}")).lines().count() == 2)
            .then_some(())
    });
}

fn trainer(repo: &TestRepo) -> Option<i32> {
    pid(repo, "resting")
}

fn pid(repo: &TestRepo, file: &str) -> Option<i32> {
    let text = std::fs::read_to_string(repo.base().join(file)).ok()?;
    text.trim().parse().ok()
}

fn caught(repo: &TestRepo) -> String {
    std::fs::read_to_string(repo.base().join("caught")).unwrap_or_default()
}

/// The run said its summary, left `checkpoints` and nobody behind, and the next one goes on.
#[track_caller]
fn ended_in_order(repo: &TestRepo, running: &mut Running, said: &str, checkpoints: usize) {
    let summary = format!("Ran experiment 'calm': {checkpoints} new checkpoints, the tip is ");
    assert!(said.contains(&summary), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    running.wait_until("the end of all processes", || {
        trainer(repo).is_none_or(has_ended)
    });
    stands(repo, checkpoints);
}

#[track_caller]
fn stands(repo: &TestRepo, checkpoints: usize) {
    assert_eq!(repo.note("calm")["status"], "interrupted");
    assert_eq!(repo.checkpoints("calm").len(), checkpoints);
    assert!(!repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    repo.check();
    std::fs::write(repo.base().join("go"), "").unwrap();
    repo.exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(repo.checkpoints("calm").len(), checkpoints + 3);
    assert_eq!(repo.note("calm")["status"], "done");
    repo.check();
}

#[test]
fn ctrl_c_ends_training_and_keeps_what_it_saved() {
    let repo = project(PLAIN);
    let mut running = repo.start_exp("run -n calm");
    rests(&repo);
    let (status, said) = running.interrupt().end();
    assert_eq!(status, 130, "{said}");
    assert!(running.is_gone());
    ended_in_order(&repo, &mut running, &said, 2);
}

#[test]
fn a_shell_sees_the_signal() {
    for (signal, number) in [(Signal::INT, 2), (Signal::TERM, 15), (Signal::HUP, 1)] {
        let repo = project(PLAIN);
        let mut running = repo.start_program("git-exp-run -n calm");
        rests(&repo);
        // To us alone, as 'kill' and a job's time limit do: training gets it from us.
        let (_, said) = running.signal(signal).end();
        assert_eq!(running.died_of(), Some(number), "{said}");
        ended_in_order(&repo, &mut running, &said, 2);
    }
}

#[test]
fn training_that_ends_well_has_its_last_step_saved() {
    for (signal, name, status) in [(Signal::INT, "INT", 130), (Signal::TERM, "TERM", 143)] {
        let repo = project(GRACEFUL);
        let mut running = repo.start_program("git-exp-run -n calm");
        rests(&repo);
        let (code, said) = running.signal(signal).end();
        assert_eq!(code, status, "{said}");
        assert_eq!(caught(&repo), format!("{name}\n"));
        ended_in_order(&repo, &mut running, &said, 3);
    }
}

#[test]
fn a_shell_in_between_waits_for_training() {
    let repo = project(GRACEFUL);
    // No shell becomes the last command of such a line.
    let line = "sh train.sh || exit $?";
    repo.write("dvc.yaml", ONE_STAGE.replace("exec sh train.sh", line));
    let mut running = repo.start_program("git-exp-run -n calm");
    rests(&repo);
    let (code, said) = running.signal(Signal::TERM).end();
    assert_eq!(code, 143, "{said}");
    assert_eq!(caught(&repo), "TERM\n");
    ended_in_order(&repo, &mut running, &said, 3);
}

#[test]
fn a_signal_to_git_reaches_training_once() {
    let repo = project(GRACEFUL);
    let mut running = repo.start_exp("run -n calm");
    rests(&repo);
    let (code, said) = running.signal(Signal::TERM).end();
    assert_eq!(code, 143, "{said}");
    assert_eq!(caught(&repo), "TERM\n");
    ended_in_order(&repo, &mut running, &said, 3);
}

#[test]
fn two_within_a_millisecond_are_one() {
    let repo = project(GRACEFUL);
    let mut running = repo.start_exp("run -n calm");
    rests(&repo);
    let (code, said) = running.interrupt().interrupt().end();
    assert_eq!(code, 130, "{said}");
    // Killed, training could not have made its last step.
    ended_in_order(&repo, &mut running, &said, 3);
}

#[test]
fn a_second_ctrl_c_kills_training_and_all_it_started() {
    let repo = project(DEAF);
    let mut running = repo.start_program("git-exp-run -n calm");
    rests(&repo);
    let helper = pid(&repo, "helper").unwrap();
    // Pressed again and again, as people do.
    let pid = running.pid();
    running.wait_until("the end", || {
        let _gone = kill_process_group(pid, Signal::INT);
        group_is_gone(pid)
    });
    let (code, said) = running.end();
    assert_eq!(code, 130, "{said}");
    running.wait_until("the end of the helper", || has_ended(helper));
    ended_in_order(&repo, &mut running, &said, 2);
}

#[test]
fn before_the_first_checkpoint_there_is_no_experiment() {
    let repo = project("rest; step\n");
    let mut running = repo.start_exp("run -n calm");
    wait_for("the rest", || trainer(&repo));
    let (code, said) = running.interrupt().end();
    assert_eq!(code, 130, "{said}");
    assert_eq!(repo.ask("for-each-ref refs/exps refs/notes"), "");
    assert!(running.is_gone());
    repo.check();
}

#[test]
fn no_further_command_starts() {
    let repo = project(GRACEFUL);
    let more = "    cmd:\n    - exec sh train.sh\n    - echo >> ../second\n";
    let last = "  last:\n    cmd: echo >> ../last\n    deps: [model.pt]\n";
    let pipeline = ONE_STAGE.replace("    cmd: exec sh train.sh\n", more) + last;
    repo.write("dvc.yaml", pipeline);
    let mut running = repo.start_exp("run -n calm");
    rests(&repo);
    let (code, said) = running.interrupt().end();
    assert_eq!(code, 130, "{said}");
    assert_eq!(repo.note("calm")["status"], "interrupted");
    assert_eq!(repo.checkpoints("calm").len(), 3);
    for file in ["second", "last"] {
        assert!(!repo.base().join(file).exists(), "{file}: {said}");
    }
    repo.check();
}

#[test]
fn a_terminal_tells_all_and_training_hears_it_once() {
    let repo = project(GRACEFUL);
    let Some(mut running) = repo.start_in_terminal("git exp run -n calm; echo ended with $?")
    else {
        return;
    };
    rests(&repo);
    running.type_in("\u{3}");
    running.wait_for("Ran experiment 'calm': 3 new checkpoints", 1);
    let (_, said) = running.end();
    assert_eq!(caught(&repo), "INT\n", "{said}");
    stands(&repo, 3);
}

#[test]
fn a_closed_terminal_is_ctrl_c() {
    for session in ["git exp run -n calm; true", "exec git-exp-run -n calm"] {
        let repo = project(GRACEFUL);
        let Some(mut running) = repo.start_in_terminal(session) else {
            return;
        };
        rests(&repo);
        running.signal(Signal::KILL).end();
        let end = trainer(&repo).unwrap();
        running.wait_until("the end of training", || has_ended(end));
        running.wait_until("the status", || {
            repo.note("calm")["status"] == "interrupted"
        });
        assert_eq!(caught(&repo).lines().next(), Some("HUP"), "{session}");
        wait_for("the end of the run", || {
            let status = repo.ask("exp status --porcelain");
            (!status.contains("running")).then_some(())
        });
        stands(&repo, 3);
    }
}

#[test]
fn what_was_ignored_stays_ignored() {
    let repo = project(PLAIN);
    let mut running = repo.start_sh("exec nohup git-exp-run -n calm");
    rests(&repo);
    running.signal_group(Signal::HUP);
    std::fs::write(repo.base().join("go"), "").unwrap();
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
    assert_eq!(repo.checkpoints("calm").len(), 3);
    assert_eq!(repo.note("calm")["status"], "done");
    repo.check();
}

#[test]
fn a_container_that_began_no_session_is_no_hindrance() {
    const NAMESPACE: &str = "unshare --user --map-root-user --pid --fork --mount-proc";
    let repo = project(PLAIN);
    let possible = repo.sh(&format!("{NAMESPACE} echo yes 2>&1; true"));
    if possible.success().text() != "yes\n" {
        return skip("no process namespace can be made");
    }
    // Its session and its process group are of the outside, as those of a container are.
    repo.write(
        "../inside.sh",
        "git-exp-run -n calm &\nwhile [ ! -e ../hang-up ]; do sleep 0.01; done\n\
         kill -HUP $!; wait $! || echo $? > ../status\n",
    );
    let mut running = repo.start_sh(&format!("exec {NAMESPACE} sh ../inside.sh"));
    rests(&repo);
    std::fs::write(repo.base().join("hang-up"), "").unwrap();
    let (_, said) = running.end();
    assert_eq!(pid(&repo, "status"), Some(129), "{said}");
    assert!(running.is_gone());
    stands(&repo, 2);
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let repo = project(PLAIN);
    let mut running = repo.start_sh(
        "{ git exp run -n calm; echo $? > ../status; } | { read -r line; exec <&-; : > ../closed; sleep 0; }",
    );
    rests(&repo);
    running.wait_until("the end of the reader", || {
        repo.base().join("closed").exists()
    });
    std::fs::write(repo.base().join("go"), "").unwrap();
    running.wait_until("the end of the run", || pid(&repo, "status").is_some());
    assert_eq!(pid(&repo, "status"), Some(0));
    assert_eq!(repo.checkpoints("calm").len(), 3);
    repo.check();
}

#[test]
fn without_any_place_to_print_it_runs_all_the_same() {
    for way in [">&-", ">&- 2>&-", ">/dev/full 2>/dev/full"] {
        let repo = project(PLAIN);
        std::fs::write(repo.base().join("go"), "").unwrap();
        let outcome = repo.sh(&format!("git exp run -n calm {way}"));
        assert_eq!(outcome.success().text(), "");
        assert_eq!(repo.checkpoints("calm").len(), 3);
        assert_eq!(repo.note("calm")["status"], "done");
        repo.check();
    }
}
