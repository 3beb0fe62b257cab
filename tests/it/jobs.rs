//! `git exp run --jobs`: stages beside each other, and all that is recorded as if they were not.

use crate::support::{Looked, Running, TestRepo, has_ended, oracle, wait_for};
use rustix::process::{Signal, kill_process};
use std::path::PathBuf;

/// What all stages here run: says that it is at work, does what the test wants of it (a file beside the
/// repository, which no checkpoint knows), writes its output, says that it is done.
const STAGE: &str = r#"set -eu
await() {
    looks=0
    until [ -e "../$1" ]; do
        looks=$((looks + 1))
        [ $looks -lt 6000 ]
        sleep 0.01 || :
    done
}
mkdir -p ../at
: > "../at/$1"
: > "../$1.begun"
[ ! -e "../do.$1" ] || . "../do.$1"
echo "made by $1" > "$1.txt"
rm "../at/$1"
: > "../$1.done"
"#;

/// Stages that write `<name>.txt`; each after its name what it reads.
fn project(stages: &[(&str, &[&str])]) -> TestRepo {
    let mut pipeline = "stages:\n".to_owned();
    for (name, reads) in stages {
        let reads: String = reads.iter().map(|read| format!(", {read}.txt")).collect();
        pipeline += &format!(
            "  {name}:\n    cmd: exec sh stage.sh {name}\n    deps: [stage.sh{reads}]\n    outs: [{name}.txt]\n"
        );
    }
    let repo = TestRepo::project();
    repo.write("stage.sh", STAGE)
        .write("dvc.yaml", pipeline)
        .write(".gitignore", "/*.txt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

impl TestRepo {
    /// What a stage does before it writes its output.
    fn stage_does(&self, name: &str, script: &str) -> &Self {
        self.write(&format!("../do.{name}"), script)
    }

    fn beside_path(&self, name: &str) -> PathBuf {
        self.base().join(name)
    }

    /// The stages of `dvc.lock`, in its order.
    fn locked(&self) -> Vec<String> {
        let lock = self.read("dvc.lock");
        let names = lock.lines().filter_map(|line| {
            let name = line.strip_prefix("  ")?.strip_suffix(':')?;
            (!name.starts_with(' ')).then(|| name.to_owned())
        });
        names.collect()
    }
}

/// Waits until these stages are at work.
fn at_work(repo: &TestRepo, names: &[&str]) {
    for name in names {
        wait_for(name, || {
            repo.beside_path(&format!("at/{name}"))
                .exists()
                .then_some(())
        });
    }
}

#[test]
fn independent_stages_are_at_work_at_the_same_time() {
    let repo = project(&[("a", &[]), ("b", &[]), ("c", &["a", "b"]), ("d", &["c"])]);
    // Each waits for the other; a third place stays empty, since nothing else can start.
    repo.stage_does("a", "await b.begun; await b.here; : > ../a.here")
        .stage_does("b", ": > ../b.here; await a.here")
        .stage_does(
            "c",
            "[ -e ../a.done ] && [ -e ../b.done ]; [ ! -e ../at/d ]",
        )
        .stage_does("d", "[ -e ../c.done ]");
    repo.exp("run -j 3 -n calm").success();
    assert_eq!(repo.locked(), ["a", "b", "c", "d"]);
    let again = repo.exp("run --jobs=3").success();
    assert_eq!(again.started(), Vec::<String>::new());
    assert!(again.text().contains("Stage 'd' didn't change, skipping"));
    repo.check();
}

#[test]
fn no_more_than_that_many() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let repo = project(&names.map(|name| (name, &[][..])));
    for name in names {
        repo.stage_does(name, "ls ../at >> ../counted; echo >> ../counted");
    }
    // The first one stays until the last one has come, so there are two at all times.
    repo.stage_does("a", "await f.done; ls ../at >> ../counted");
    repo.exp("run -j 2").success();
    let counted = std::fs::read_to_string(repo.beside_path("counted")).unwrap();
    let counts = counted
        .split("\n\n")
        .map(|names| names.trim().lines().count());
    assert_eq!(counts.max(), Some(2), "{counted}");
    assert_eq!(repo.locked(), names);
}

#[test]
fn what_is_recorded_does_not_depend_on_the_number() {
    const PIPELINE: &str = "\
stages:
  one:
    cmd: exec sh stage.sh one
    params: [lr]
    outs: [one.txt]
    metrics:
    - one.json: {cache: false}
  two:
    cmd: exec sh stage.sh two
    deps: [raw]
    outs: [two.txt, folder]
  three:
    cmd: exec sh stage.sh three
    outs: [three.txt]
  train:
    cmd: exec sh stage.sh train
    deps: [three.txt]
    outs:
    - train.txt: {checkpoint: true}
  each:
    foreach: [x, y, z]
    do:
      cmd: exec sh stage.sh ${item}
      deps: [raw]
      outs: ['${item}.txt']
  last:
    cmd: exec sh stage.sh last
    deps: [x.txt, folder/inner]
    outs: [last.txt]
metrics: [one.json, seen.json]
";
    // All of them write to one tracked file, and none of its states looks like an earlier one.
    let scripts = [
        ("one", "echo '{\"acc\": 1}' > one.json; echo x >> log"),
        (
            "two",
            "mkdir -p folder/inner; echo 2 > folder/inner/f; echo x >> log",
        ),
        ("three", "echo x >> log"),
        (
            "train",
            "echo '{\"seen\": 1}' > seen.json; ls ../at > train.txt; signal=.dvc/tmp/DVC_CHECKPOINT; \
             : > $signal; while [ -e $signal ]; do sleep 0.01; done; echo x >> log",
        ),
        ("x", ":"),
        ("y", ":"),
    ];
    // The first of the pipeline are the last to end.
    let reversed = [("one", "two"), ("two", "three"), ("x", "y"), ("y", "z")];
    let run = |jobs: &str| {
        let repo = project(&[]);
        repo.write("dvc.yaml", PIPELINE)
            .write("params.yaml", "lr: 1\n")
            .write("raw", "raw\n")
            .write("log", "begun\n");
        repo.git("add .").success();
        repo.git("commit -qm 'more of it'").success();
        for (name, script) in scripts {
            let after = reversed.iter().find(|(first, _)| *first == name);
            let wait = after.map_or(String::new(), |(_, after)| format!("await {after}.done; "));
            let wait = if jobs == "-j 1" { "" } else { &wait };
            repo.stage_does(name, &format!("{wait}{script}"));
        }
        let first = repo.exp(&format!("run {jobs} -n calm")).success();
        let ran = [
            "one", "two", "three", "train", "each@x", "each@y", "each@z", "last",
        ];
        assert_eq!(first.started(), ran, "{jobs}");
        repo.sh("rm ../*.done; echo rawer > raw").success();
        let wait = "await two.done; ";
        let alone = scripts[0].1;
        repo.stage_does(
            "one",
            &format!("{}{alone}", if jobs == "-j 1" { "" } else { wait }),
        );
        repo.stage_does("two", scripts[1].1);
        let second = repo.exp(&format!("run {jobs} -n bold -S lr=2")).success();
        second.prints("Stage 'three' didn't change, skipping");
        repo.sh("rm -r x.txt folder two.txt").success();
        let third = repo.exp(&format!("run {jobs} -s two last")).success();
        third
            .prints("Stage 'two' is cached")
            .prints("Stage 'last' didn't change, skipping");
        repo
    };
    let (alone, beside) = (run("-j 1"), run("-j 4"));
    assert_eq!(alone.read("dvc.lock"), beside.read("dvc.lock"));
    assert_eq!(beside.read("log").lines().count(), 8);
    for name in ["calm", "bold"] {
        let all = [&alone, &beside].map(|repo| recorded(repo, name));
        assert!(all[0].len() > 1, "{name}");
        assert_eq!(all[0], all[1], "{name}");
    }
    for repo in [&alone, &beside] {
        repo.check();
        if let Some(dvc) = oracle("GIT_EXP_DVC3") {
            let mut status = repo.command(dvc.to_str().unwrap());
            let said = status.arg("status").output().unwrap().stdout;
            assert_eq!(
                String::from_utf8_lossy(&said),
                "Data and pipelines are up to date.\n"
            );
        }
    }
}

/// Tree, message and note of each checkpoint, without what is random.
fn recorded(repo: &TestRepo, name: &str) -> Vec<[String; 3]> {
    let notes = repo.ask(&format!(
        "for-each-ref --format=%(refname) refs/notes/exps/*/*/{name}"
    ));
    let commits = repo.checkpoints(name);
    let commits = commits.iter().map(|commit| {
        let tree = repo.ask(&format!("ls-tree -r {commit}"));
        let message = repo.ask(&format!("log -1 --format=%B {commit}"));
        let note = repo.ask(&format!("notes --ref={notes} show {commit}"));
        let ids = repo.ask(&format!(
            "log --format=%H%n%(trailers:key=Exp-Id,valueonly) {commit}"
        ));
        let plain = |mut text: String| {
            for id in ids.lines().filter(|id| !id.is_empty()) {
                text = text.replace(id, "ID");
            }
            text
        };
        [tree, plain(message), plain(note)]
    });
    commits.collect()
}

#[test]
fn lines_are_whole_and_say_whose_they_are() {
    const PRINTER: &str = "trap 'echo end >&2' EXIT; i=0; while [ $i -lt 500 ]; do \
        printf 'out %s of ' $i; printf '%s\\n' $1; printf 'err %s of ' $i >&2; printf '%s\\n' $1 >&2; \
        i=$((i + 1)); done; read line || printf 'nothing to read'";
    let repo = project(&[]);
    repo.write(
        "dvc.yaml",
        "stages:\n  a: {cmd: exec sh stage.sh a, outs: [a.txt]}\n  \
         b:\n    matrix: {it: [x]}\n    cmd: exec sh stage.sh b@${item.it}\n    outs: ['b@${item.it}.txt']\n",
    );
    for name in ["a", "b@x"] {
        repo.stage_does(name, PRINTER);
    }
    for log in ["", "-c exp.log=false "] {
        let mut command = repo.command("sh");
        command.args([
            "-c",
            &format!("echo typed | git {log}exp run -f -j 2 -n calm"),
        ]);
        let output = command.output().unwrap();
        let streams = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        for name in ["a", "b@x"] {
            let label = format!("{name} | ");
            for (stream, word) in streams.iter().zip(["out", "err"]) {
                let lines = stream.lines().filter_map(|line| line.strip_prefix(&label));
                let lines: Vec<&str> = lines.filter(|line| line.starts_with(word)).collect();
                let expected: Vec<String> =
                    (0..500).map(|i| format!("{word} {i} of {name}")).collect();
                assert_eq!(lines, expected, "{stream}");
            }
            // What did not end in a new line has one, and nothing was read.
            assert!(
                streams[0].contains(&format!("\n{label}nothing to read\n")),
                "{streams:?}"
            );
            assert!(streams[1].contains(&format!("{label}end\n")), "{streams:?}");
            assert!(
                streams[0].contains(&format!("\n{label}> exec sh stage.sh {name}\n")),
                "{streams:?}"
            );
        }
        let stray = streams[1]
            .lines()
            .find(|line| !line.starts_with("a | ") && !line.starts_with("b@x | "));
        assert_eq!(stray, None);
        if log.is_empty() {
            let log = repo.exp("log calm").success().text();
            for line in [
                "a | out 499 of a",
                "b@x | err 499 of b@x",
                "a | nothing to read",
            ] {
                assert!(log.lines().any(|printed| printed == line), "{line}: {log}");
            }
            repo.exp("remove calm").success();
        }
    }
    // One after the other they have what was there before.
    repo.stage_does("a", "read line; printf \"$line\"")
        .stage_does("b@x", "printf two");
    let printed = repo
        .sh("echo typed | git exp run -f -j 1 -n calm")
        .success();
    printed
        .prints("> exec sh stage.sh a\ntyped")
        .prints("\ntwo");
}

#[test]
fn labels_have_colours_where_the_terminal_has() {
    let repo = project(&[("a", &[]), ("b", &[])]);
    for name in ["a", "b"] {
        repo.stage_does(name, "[ ! -t 1 ] && [ ! -t 2 ] && echo done >&2");
    }
    repo.env("TERM", "xterm");
    let Some(mut running) = repo.start_in_terminal("git exp run -j 2 -n calm") else {
        return;
    };
    running.wait_for("Ran experiment 'calm'", 1);
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("ma\u{1b}[0m\u{1b}[2m | \u{1b}[0mdone"),
        "{said:?}"
    );
    assert!(
        !repo
            .sh("git exp run -f -j 2 2>&1")
            .success()
            .text()
            .contains('\u{1b}')
    );
}

/// A stage that fails while `b` is at work and `c` waits for a place, and one that reads what it writes.
fn failing() -> (TestRepo, &'static str) {
    let repo = project(&[
        ("a", &[]),
        ("b", &[]),
        ("c", &[]),
        ("d", &["a"]),
        ("e", &["b"]),
    ]);
    repo.stage_does("a", "await b.begun; exit 7")
        .stage_does("b", "await go");
    (
        repo,
        "stage 'a' failed: 'exec sh stage.sh a' exited with status 7",
    )
}

#[test]
fn when_one_fails_the_others_are_let_end_and_no_further_one_starts() {
    let (repo, message) = failing();
    let mut running = repo.start_exp("run -j 2 -n calm");
    running.wait_for(&format!("warning: {message}"), 1);
    running.wait_for("waiting for 'b'", 1);
    std::fs::write(repo.beside_path("go"), "").unwrap();
    let (code, said) = running.end();
    assert_eq!(code, 1, "{said}");
    assert!(said.ends_with(&format!("error: {message}\n")), "{said}");
    assert_eq!(repo.locked(), ["b"]);
    assert_eq!(repo.ask("for-each-ref refs/exps"), "");
    for name in ["c", "d", "e"] {
        assert!(
            !repo.beside_path(&format!("at/{name}")).exists()
                && !repo.exists(&format!("{name}.txt"))
        );
    }
    // The one that has ended is up to date.
    repo.stage_does("a", ":");
    let again = repo.exp("run -j 2 -n calm").success();
    let mut started = again.started();
    started.sort();
    assert_eq!(started, ["a", "c", "d", "e"]);
    assert_eq!(repo.locked(), ["b", "a", "c", "d", "e"]);
    repo.check();
}

#[test]
fn others_go_on_if_asked_to() {
    for (words, code, locked) in [
        ("--keep-going", 1, &["b", "c", "e"][..]),
        ("--ignore-errors", 0, &["b", "c", "d", "e"]),
    ] {
        let (repo, message) = failing();
        // It was there before the stage that writes it failed.
        repo.stage_does("a", "await b.begun; : > a.txt; exit 7");
        std::fs::write(repo.beside_path("go"), "").unwrap();
        let run = repo.exp(&format!("run -j 3 -n calm {words}")).code(code);
        run.says(&format!("warning: {message}"));
        assert_eq!(repo.locked(), locked, "{words}");
        repo.check();
    }
    let (repo, _) = failing();
    std::fs::write(repo.beside_path("go"), "").unwrap();
    repo.stage_does("c", "exit 8");
    let run = repo.exp("run -j 3 -k").code(1);
    run.says("warning: stage 'd' is left out: it reads what 'a' writes")
        .says("warning: stage 'c' failed: 'exec sh stage.sh c' exited with status 8")
        .says("error: 2 stages failed");
}

/// Two stages that wait until a test lets them go on, and one for which there is no place.
fn waiting(trap: &str) -> TestRepo {
    let repo = project(&[("a", &[]), ("b", &[]), ("c", &[])]);
    for name in ["a", "b"] {
        repo.stage_does(
            name,
            &format!("{trap}\necho $$ > ../pid.{name}; while [ -z \"${{stop-}}\" ] && [ -e stage.sh ] && [ ! -e ../go ]; do sleep 0.01 || :; done"),
        );
    }
    repo
}

fn pid(repo: &TestRepo, name: &str) -> i32 {
    wait_for("the process", || {
        let text = std::fs::read_to_string(repo.beside_path(&format!("pid.{name}"))).ok()?;
        text.trim().parse().ok()
    })
}

#[test]
fn ctrl_c_lets_all_of_them_end() {
    for (signal, number) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let repo = waiting(
            "for name in INT TERM HUP; do trap \"echo $name >> ../caught; stop=1\" $name; done",
        );
        let mut running = repo.start_program("git-exp-run -j 2 -n calm");
        let all = ["a", "b"].map(|name| pid(&repo, name));
        // To us alone: all of them get it from us.
        let (code, said) = running.signal(signal).end();
        assert_eq!(code, number, "{said}");
        assert!(all.into_iter().all(has_ended));
        let caught = std::fs::read_to_string(repo.beside_path("caught")).unwrap();
        assert_eq!(caught.lines().count(), 2, "{caught}{said}");
        assert!(repo.exists("dvc.lock"), "{said}");
        assert_eq!(repo.locked(), ["a", "b"]);
        assert!(!repo.exists("c.txt"));
        assert_eq!(repo.note("calm")["status"], "interrupted");
        repo.check();
    }
    // From a terminal all have it already, and it ends those that do nothing about it.
    let repo = waiting("");
    let mut running = repo.start_exp("run -j 2 -n calm");
    for name in ["a", "b"] {
        pid(&repo, name);
    }
    let (code, said) = running.interrupt().end();
    assert_eq!(code, 130, "{said}");
    assert_eq!(repo.ask("for-each-ref refs/exps"), "");
    assert!(running.is_gone());
    repo.check();
}

#[test]
fn a_second_ctrl_c_kills_all_of_them() {
    let repo = waiting("trap '' INT TERM HUP; setsid sleep 600 & echo $! > ../helper.$1");
    let mut running = repo.start_program("git-exp-run -j 2 -n calm");
    let mut all = ["a", "b"].map(|name| pid(&repo, name)).to_vec();
    for name in ["a", "b"] {
        let helper = std::fs::read_to_string(repo.beside_path(&format!("helper.{name}")));
        all.push(helper.unwrap().trim().parse().unwrap());
    }
    let group = running.pid();
    running.wait_until("the end", || {
        let _gone = rustix::process::kill_process_group(group, Signal::INT);
        crate::support::group_is_gone(group)
    });
    let (code, said) = running.end();
    assert_eq!(code, 130, "{said}");
    running.wait_until("the end of the helpers", || {
        all.iter().all(|id| has_ended(*id))
    });
    assert!(!repo.exists("dvc.lock"));
    repo.check();
}

#[test]
fn a_stage_with_checkpoints_is_alone() {
    let repo = project(&[("a", &[]), ("b", &[]), ("train", &[]), ("c", &[])]);
    let pipeline = repo.read("dvc.yaml");
    let pipeline = pipeline.replace("[train.txt]", "[train.txt: {checkpoint: true}]");
    repo.write("dvc.yaml", pipeline);
    let signal =
        "s=$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT; : > $s; while [ -e $s ]; do sleep 0.01; done";
    repo.stage_does("a", "await b.begun")
        .stage_does("b", &format!("await a.begun; {signal}; {signal}"))
        .stage_does("train", &format!("[ \"$(ls ../at)\" = train ]; echo $DVC_CHECKPOINT is set; echo 1 > train.txt; {signal}"))
        .stage_does("c", "[ \"$(ls ../at)\" = c ]");
    let run = repo.exp("run -j 4 -n calm").success();
    // With the terminal, and as it is.
    let run = run
        .prints("\n> exec sh stage.sh train\n1 is set\n")
        .prints("\nc | > exec sh stage.sh c\n");
    let warning = "signals checkpoints, but has no output with 'checkpoint: true'";
    assert_eq!(run.said().matches(warning).count(), 1, "{}", run.said());
    assert_eq!(repo.checkpoints("calm").len(), 2);
    let lock = |at: usize| repo.ask(&format!("show {}:dvc.lock", repo.checkpoints("calm")[at]));
    assert!(!lock(0).contains("  c:\n") && lock(1).contains("  c:\n"));
    repo.check();
}

#[test]
fn a_request_from_outside_is_turned_down() {
    let repo = waiting("");
    let mut running = repo.start_exp("run -j 2 -n calm");
    at_work(&repo, &["a", "b"]);
    repo.exp("checkpoint --run calm")
        .refused(128)
        .says("the run of 'calm' cannot take a checkpoint: stages 'a', 'b' have no output with 'checkpoint: true'");
    repo.exp("status")
        .success()
        .prints("Running: calm, stages 'a', 'b', for ");
    std::fs::write(repo.beside_path("go"), "").unwrap();
    assert_eq!(running.end().0, 0);
}

/// Kills the runner of [`waiting`] when `c` has ended too, and the other two wait.
fn orphaned() -> (TestRepo, Running) {
    let repo = waiting("");
    let mut running = repo.start_exp("run -j 3 -n calm");
    for name in ["a", "b"] {
        pid(&repo, name);
    }
    // What it has left is in the journal of the run, behind what the first ones have not left yet.
    wait_for("the end of c", || {
        let folders = std::fs::read_dir(repo.root().join(".dvc/cache/git-exp")).ok()?;
        let journals = folders
            .flatten()
            .map(|folder| folder.path().join("journal"));
        let mut journals = journals.filter_map(|journal| std::fs::read(journal).ok());
        journals.find(|journal| journal.windows(2).any(|mark| mark == b"+c"))
    });
    let (runner, _) = repo.processes().unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    running.wait_until("the end of the runner", || !repo.is_running());
    (repo, running)
}

#[test]
fn what_outlives_its_runner_is_attended_again() {
    let (repo, mut running) = orphaned();
    let ids = ["a", "b"].map(|name| repo.processes_of(name));
    let both = format!("(processes {}, {})", ids[0], ids[1]);
    repo.exp("status")
        .success()
        .prints("Orphaned: the command of calm, stages 'a', 'b' still runs");
    repo.exp("run")
        .refused(128)
        .says(&format!(
            "cannot run: the runner of 'calm' died, but its training goes on {both}"
        ))
        .says(&format!("hint: kill {} {}\n", ids[0], ids[1]));
    let mut attached = repo.start_exp("resume --attach");
    attached.wait_for("Experiment 'calm': attached to stage '", 2);
    std::fs::write(repo.beside_path("go"), "").unwrap();
    let (code, said) = attached.end();
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("error: stages 'a', 'b' have ended, and how is not known: the run that started them was killed"),
        "{said}"
    );
    // They could print all the time, and what had ended is recorded.
    assert!(repo.exists("a.txt") && repo.exists("b.txt"));
    running.end();
    assert_eq!(repo.locked(), ["c"]);
    let again = repo.exp("run -j 2").success();
    assert_eq!(again.started(), ["a", "b"]);
    repo.check();
}

#[test]
fn what_was_killed_with_its_runner_runs_again() {
    let (repo, mut running) = orphaned();
    let mut attached = repo.start_exp("resume --attach");
    attached.wait_for("attached to stage", 2);
    // Its own group: nobody but us gets the signal.
    let (code, said) = attached.signal(Signal::TERM).end();
    assert_eq!(code, 143, "{said}");
    wait_for("the end of both", || {
        ["a", "b"]
            .iter()
            .all(|name| has_ended(pid(&repo, name)))
            .then_some(())
    });
    running.end();
    std::fs::write(repo.beside_path("go"), "").unwrap();
    let again: Looked = repo.exp("run -n calm -j 2").success();
    assert_eq!(again.started(), ["a", "b"]);
    repo.check();
}

impl TestRepo {
    /// The process of a stage's command, as the run has it.
    fn processes_of(&self, stage: &str) -> i64 {
        let record: serde_json::Value =
            serde_json::from_str(&self.read(".git/git-exp/run.json")).unwrap();
        let beside = record["beside"].as_array().unwrap().iter();
        let mut all = [&record].into_iter().chain(beside);
        all.find(|it| it["stage"] == stage).unwrap()["child"]["pid"]
            .as_i64()
            .unwrap()
    }
}

#[test]
fn a_number_is_needed() {
    let repo = project(&[("a", &[])]);
    for words in [
        "-j 0", "-j x", "-j -1", "--jobs=", "-j", "-j 1.5", "-j 2 -i",
    ] {
        repo.exp(&format!("run {words}")).code(129);
        repo.exp(&format!("resume {words}")).code(129);
    }
    assert!(!repo.exists("a.txt"));
    repo.exp("run --dry -j 4").success();
    assert!(!repo.exists("a.txt"));
    repo.exp("run -n calm").success();
    let run = repo.exp("resume -f -j 2 calm").success();
    run.prints("\na | > exec sh stage.sh a\n");
}

#[test]
fn what_waits_for_long_is_recorded_whole() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let repo = project(&names.map(|name| (name, &[][..])));
    // More than waits in memory, behind the first one, which is the last to end.
    repo.stage_does("a", "for name in b c d e f g h; do await $name.done; done");
    for name in &names[1..] {
        repo.stage_does(
            name,
            "head -c 1000000 /dev/zero > $1.big; echo $1 >> $1.big",
        );
    }
    let pipeline = repo.read("dvc.yaml");
    let outs = |name: &&str| {
        (
            format!("[{name}.txt]\n"),
            format!("[{name}.txt, {name}.big]\n"),
        )
    };
    let pipeline = names[1..]
        .iter()
        .map(outs)
        .fold(pipeline, |text, (old, new)| text.replace(&old, &new));
    repo.write("dvc.yaml", pipeline)
        .write(".gitignore", "/*.txt\n/*.big\n");
    repo.exp("run -j 3 -n calm").success();
    assert_eq!(repo.locked(), names);
    repo.sh("rm *.big *.txt").success();
    repo.exp("apply --force calm").success();
    for name in &names[1..] {
        let big = repo.read(&format!("{name}.big"));
        assert!(big.len() > 1_000_000 && big.ends_with(&format!("\0{name}\n")));
    }
    repo.check();
}

/// Two stages that print before and after the test lets them go on.
fn printing() -> TestRepo {
    let repo = project(&[("a", &[]), ("b", &[])]);
    for name in ["a", "b"] {
        repo.stage_does(
            name,
            "echo before; printf half; await go; echo ' and half'; echo after",
        );
    }
    repo
}

#[track_caller]
fn has_printed(said: &str) {
    for name in ["a", "b"] {
        for line in ["before", "half and half", "after"] {
            let line = format!("{name} | {line}");
            assert!(
                said.lines().any(|printed| printed == line),
                "{line}: {said}"
            );
        }
    }
}

#[test]
fn lines_arrive_if_the_relay_is_killed() {
    let repo = printing();
    let mut running = repo.start_exp("run -j 2 -n calm");
    running.wait_for(" | before", 2);
    let relay = crate::log::relay(&repo).unwrap();
    kill_process(relay, Signal::KILL).unwrap();
    std::fs::write(repo.beside_path("go"), "").unwrap();
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
    // What it had of a line is gone with it.
    for name in ["a", "b"] {
        assert!(said.contains(&format!("\n{name} | after\n")), "{said}");
    }
    repo.check();
}

#[test]
fn lines_arrive_without_a_relay() {
    let repo = printing();
    // The program alone: there is no other of its build beside it.
    let ours = env!("CARGO_BIN_EXE_git-exp-run");
    let alone = repo.beside_path("git-exp-run");
    if std::fs::hard_link(ours, &alone).is_err() {
        std::fs::copy(ours, &alone).unwrap();
    }
    std::fs::write(repo.beside_path("go"), "").unwrap();
    let mut running = repo.start_program(&format!("{} -j 2 -n calm", alone.display()));
    let (code, said) = running.end();
    assert_eq!(code, 0, "{said}");
    has_printed(&said);
    assert_eq!(repo.locked(), ["a", "b"]);
    repo.check();
}

#[test]
fn in_a_worktree_of_its_own_too() {
    let repo = printing();
    let go = repo.beside_path("go").display().to_string();
    // Where the stages look for it: above that worktree.
    repo.write(
        "stage.sh",
        repo.read("stage.sh").replace("../", &go.replace("go", "")),
    );
    std::fs::write(&go, "").unwrap();
    let run = repo.exp("run --temp -j 2 -n calm").success();
    has_printed(&run.text());
    assert!(!repo.exists("a.txt"));
    repo.exp("apply calm").success();
    assert_eq!(repo.locked(), ["a", "b"]);
    repo.check();
}

#[test]
fn a_record_that_fails_ends_all_if_that_is_wanted() {
    let repo = project(&[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])]);
    repo.git("config exp.onError stop").success();
    // The cache is away when 'a' has ended; nobody lets the others go on.
    repo.stage_does(
        "a",
        "await b.begun; await c.begun; mv .dvc/cache/files ../away; : > .dvc/cache/files",
    )
    .stage_does("b", "await never")
    .stage_does("c", "await never");
    repo.sh("mkdir -p .dvc/cache/files").success();
    let run = repo.exp("run -j 3 -n calm").code(1);
    run.says("warning: stage 'b' was stopped: ")
        .says("warning: stage 'c' was stopped: ")
        .says("error: 2 stages failed");
    assert!(!repo.beside_path("at/d").exists());
}

/// A dependency that takes seconds to hash and no room: all of it is one hole.
fn large_dependency(repo: &TestRepo, stage: &str, bytes: u64) {
    let file = std::fs::File::create(repo.root().join("large.bin")).unwrap();
    file.set_len(bytes).unwrap();
    let pipeline = repo.read("dvc.yaml");
    let (this, large) = (format!("sh stage.sh {stage}\n    deps: ["), "large.bin, ");
    assert!(pipeline.contains(&this));
    let pipeline = pipeline.replace(&this, &format!("{this}{large}"));
    repo.write("dvc.yaml", pipeline)
        .write(".gitignore", "/*.txt\n/large.bin\n");
    repo.git("commit -q -a -m 'reads a large file'").success();
}

#[test]
fn others_start_while_a_large_file_is_read() {
    let repo = project(&[("a", &[]), ("b", &[]), ("c", &["a"])]);
    large_dependency(&repo, "a", 128 << 20);
    // 'b' ends when 'a' has begun: neither waits for the other.
    repo.stage_does("b", "await a.begun\n");
    let looked = repo.exp("run -j 2 -n beside").success();
    assert_eq!(looked.started(), ["b", "a", "c"]);
    assert_eq!(repo.locked(), ["a", "b", "c"]);
    let again = repo.exp("run -j 2").success();
    assert!(again.started().is_empty(), "{}", again.text());
    repo.check();
}

#[test]
#[cfg(target_os = "linux")]
fn ctrl_c_is_heard_while_a_large_file_is_read() {
    for jobs in ["", " -j 2"] {
        let repo = project(&[("a", &[]), ("b", &["a"])]);
        // Nobody waits until it is read.
        large_dependency(&repo, "b", 64 << 30);
        let mut running = repo.start_exp(&format!("run{jobs} -n cut"));
        let reads = || {
            let (runner, _) = repo.processes()?;
            let tasks = format!("/proc/{}/task", runner.as_raw_nonzero());
            let mut tasks = std::fs::read_dir(tasks).ok()?.flatten();
            let is_reader = |name: String| name.trim_end() == "reader";
            tasks
                .any(|task| std::fs::read_to_string(task.path().join("comm")).is_ok_and(is_reader))
                .then_some(())
        };
        wait_for("a thread that reads", reads);
        let (code, said) = running.signal(Signal::INT).end();
        assert_eq!(code, 130, "{said}");
        assert!(!said.contains("Running stage 'b'"), "{said}");
        assert_eq!(repo.locked(), ["a"]);
        repo.check();
    }
}
