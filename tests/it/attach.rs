//! `git exp resume --attach`: training that outlives its killed runner.

use crate::support::{Running, TestRepo};
use rustix::process::{Signal, kill_process, test_kill_process};
use snapbox::str;

/// The tutorial, whose trainer says where it pauses.
fn tutorial() -> TestRepo {
    let repo = TestRepo::tutorial();
    let code = repo.read("train.sh");
    let pause = "while [ ! -e go ]";
    assert!(code.contains(pause));
    repo.write(
        "train.sh",
        code.replace(pause, &format!(": > paused; {pause}")),
    );
    repo.git("commit -qam 'say where it pauses'").success();
    repo
}

/// Kills the runner, and it only. Its trainer lives.
fn kill_runner(repo: &TestRepo, run: &mut Running) {
    // Training may be quicker than the record of its process.
    run.wait_until("the record", || repo.processes().is_some());
    let (runner, command) = repo.processes().unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    run.wait_until("the end of the runner", || !repo.is_running());
    test_kill_process(command).unwrap();
}

impl TestRepo {
    fn steps(&self, name: &str) -> Vec<String> {
        let commits = self.checkpoints(name);
        let metrics = commits
            .iter()
            .map(|id| self.ask(&format!("show {id}:metrics.json")));
        metrics
            .map(|text| text.split(',').next().unwrap().replace("{\"step\": ", ""))
            .collect()
    }

    /// Each checkpoint's `dvc.lock` names the model of its step, and the cache has it.
    fn models_are_of_their_steps(&self, name: &str) {
        for (step, id) in self.checkpoints(name).iter().enumerate() {
            let lock = self.ask(&format!("show {id}:dvc.lock"));
            let model = &lock[lock.find("path: model.pt").unwrap()..];
            let md5 = &model[model.find("md5: ").unwrap()..];
            // `hash: md5` stands before it.
            let md5 = md5
                .lines()
                .find_map(|line| line.trim().strip_prefix("md5: "));
            let md5 = md5.unwrap();
            let object = format!(".dvc/cache/files/md5/{}/{}", &md5[..2], &md5[2..]);
            assert_eq!(self.read(&object).lines().count(), step + 1, "{id}");
        }
    }
}

#[test]
fn training_that_outlives_its_runner_is_found_and_answered_again() {
    let repo = tutorial();
    repo.epochs(4).env("PAUSE_AT", "2");
    let mut run = repo.start_exp("run -n calm -M 'my words'");
    run.wait_for("Checkpoint experiment iteration", 2);
    run.wait_until("the pause", || repo.exists("paused"));
    kill_runner(&repo, &mut run);

    // Everybody says so, and nobody touches anything.
    let (_, command) = repo.processes().unwrap();
    repo.exp("status")
        .success()
        .prints("Orphaned: the command of calm, stage 'train' still runs")
        .prints("git exp resume --attach");
    for words in ["run", "apply calm~1", "resume"] {
        repo.exp(words)
            .refused(128)
            .says("the runner of 'calm' died, but its training goes on (process ")
            .says("hint: git exp resume --attach");
    }

    // It signals, and nobody answers.
    repo.write("go", "");
    run.wait_until("the signal", || repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    assert_eq!(repo.checkpoints("calm").len(), 2);
    let id = |repo: &TestRepo| {
        repo.ask(&format!(
            "log -1 --format=%(trailers:key=Exp-Id) {}",
            repo.tip("calm")
        ))
    };
    let before = id(&repo);

    let attached = repo.exp("resume --attach").code(1);
    let said = attached.text();
    assert!(
        said.starts_with(&format!(
            "Experiment 'calm': attached to stage 'train' (process {})\n",
            command.as_raw_nonzero()
        )),
        "{said}"
    );
    assert_eq!(said.matches("Checkpoint experiment iteration").count(), 2);
    attached
        .says("error: stage 'train' has ended, and how is not known: the run that started it was killed")
        .says("hint: 'git exp run' trains on from the last checkpoint");
    assert_eq!(repo.steps("calm"), ["0", "1", "2", "3"]);
    assert_eq!(id(&repo), before);
    repo.models_are_of_their_steps("calm");
    repo.check();
}

#[test]
fn there_must_be_something_to_attach_to() {
    let repo = tutorial();
    let nothing =
        "fatal: nothing to attach to: no training of a killed run goes on in this worktree";
    repo.exp("resume --attach").refused(128).says(nothing);
    repo.epochs(3).env("PAUSE_AT", "1");
    let mut run = repo.start_exp("run -n calm");
    run.wait_until("the pause", || repo.exists("paused"));
    repo.exp("resume --attach")
        .refused(128)
        .says("fatal: cannot attach while experiment 'calm' is running here (process ");
    // Both are killed: that is no matter of attaching.
    run.signal_group(Signal::KILL);
    run.end();
    run.wait_until("the end of the runner", || !repo.is_running());
    repo.exp("resume --attach")
        .refused(128)
        .says(nothing)
        .says("hint: git exp resume");
    repo.epochs(2).env("PAUSE_AT", "");
    repo.exp("run")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(repo.steps("calm"), ["0", "1", "2"]);
    repo.exp("resume --attach calm").refused(129);
    repo.check();
}

#[test]
fn the_experiment_is_what_it_was_when_it_started() {
    let repo = tutorial();
    repo.write("log.txt", "begun\n");
    repo.git("add log.txt").success();
    repo.git("commit -qm 'a log'").success();
    repo.epochs(2).exp("run -n calm").success();
    let fork_point = repo.tip("calm");
    repo.env("PAUSE_AT", "2");
    // A fork with a param of its own, killed before its first checkpoint.
    let mut run = repo.start_exp("run -n bold -S lr=0.5");
    run.wait_until("the pause", || repo.exists("paused"));
    kill_runner(&repo, &mut run);

    let code = repo.read("train.sh");
    repo.write("train.sh", format!("{code}# better\n"));
    repo.write("params.yaml", "lr: 9\nseed: 9\nweight_decay: 9\n");
    repo.write("log.txt", "trained\n").write("go", "");
    run.wait_until("the signal", || repo.exists(".dvc/tmp/DVC_CHECKPOINT"));
    repo.exp("resume --attach").code(1).says(
        "warning: 'train.sh' was edited while training runs: the edit is not part of this experiment",
    );
    assert_eq!(repo.steps("bold"), ["0", "1", "2", "3"]);
    let [_, _, one, two] = &repo.checkpoints("bold")[..] else {
        panic!("four checkpoints");
    };
    assert_eq!(repo.ask(&format!("rev-parse {one}^")), fork_point);
    let message = repo.ask(&format!("log -1 --format=%B {one}"));
    assert!(
        message.contains(&format!("Exp-Fork-Of: {fork_point} ")),
        "{message}"
    );
    for id in [one, two] {
        let params = repo.ask(&format!("show {id}:params.yaml"));
        assert!(params.contains("lr: 0.5"), "{params}");
        let lock = repo.ask(&format!("show {id}:dvc.lock"));
        assert!(lock.contains("lr: 0.5"), "{lock}");
        assert!(!repo.ask(&format!("show {id}:train.sh")).contains("better"));
        assert_eq!(repo.ask(&format!("show {id}:log.txt")), "trained");
    }
    repo.models_are_of_their_steps("bold");
    repo.check();
    // The edits are what comes next.
    repo.env("PAUSE_AT", "")
        .exp("run -n next")
        .success()
        .prints("Experiment 'next': fork of checkpoint");
}

#[test]
fn the_other_stages_are_named_not_run() {
    let repo = tutorial();
    let train = repo.read("dvc.yaml");
    let train = train.strip_prefix("stages:\n").unwrap();
    let train = train.replace("    - data\n", "    - data\n    - made.txt\n");
    repo.write(
        "dvc.yaml",
        format!(
            "stages:\n  make:\n    cmd: cat data/digits.csv > made.txt\n    deps: [data]\n    outs: [made.txt]\n{train}  judge:\n    cmd: cat model.pt > verdict.txt\n    deps: [model.pt]\n    outs: [verdict.txt]\n"
        ),
    );
    repo.write(".gitignore", "/model.pt\n/made.txt\n/verdict.txt\n");
    repo.git("commit -qam 'three stages'").success();
    repo.epochs(2).env("PAUSE_AT", "0");
    let mut run = repo.start_exp("run -n calm");
    run.wait_until("the pause", || repo.exists("paused"));
    kill_runner(&repo, &mut run);
    repo.write("go", "");
    repo.exp("resume --attach")
        .code(1)
        .says("hint: if it has finished: git exp run --single-item judge");
    assert_eq!(repo.steps("calm"), ["0", "1"]);
    // What was made before the kill belongs to it.
    let first = &repo.checkpoints("calm")[0];
    let lock = repo.ask(&format!("show {first}:dvc.lock"));
    assert!(
        lock.contains("  make:\n") && lock.contains("path: made.txt"),
        "{lock}"
    );
    let note = repo.ask(&format!(
        "notes --ref={} show {first}",
        notes_ref(&repo, "calm")
    ));
    assert!(note.contains("\"made.txt\""), "{note}");
    assert!(!repo.exists("verdict.txt"));
    repo.check();
    repo.exp("run --single-item judge").success();
    assert_eq!(repo.read("verdict.txt").lines().count(), 2);
    repo.check();
}

fn notes_ref(repo: &TestRepo, name: &str) -> String {
    let refs = repo.ask("for-each-ref --format=%(refname) refs/notes/exps");
    refs.lines()
        .find(|line| line.ends_with(name))
        .unwrap()
        .to_owned()
}

#[test]
fn an_interrupt_reaches_training() {
    let repo = tutorial();
    repo.epochs(4).env("PAUSE_AT", "2");
    let mut run = repo.start_exp("run -n calm");
    run.wait_until("the pause", || repo.exists("paused"));
    kill_runner(&repo, &mut run);
    let (_, command) = repo.processes().unwrap();
    // Its own group, as in another terminal: nobody but us gets the signal.
    let mut attached = repo.start_exp("resume --attach");
    attached.wait_for("attached to stage 'train'", 1);
    attached.signal_group(Signal::TERM);
    let (status, said) = attached.end();
    assert_eq!(status, 128 + Signal::TERM.as_raw(), "{said}");
    run.wait_until("the end of training", || {
        test_kill_process(command).is_err() || is_zombie(command)
    });
    repo.exp("status")
        .success()
        .prints("* interrupted  calm  checkpoint 2");
    repo.check();
}

fn is_zombie(process: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn one_that_is_killed_as_well_is_attached_to_again() {
    let repo = tutorial();
    repo.epochs(4).env("PAUSE_AT", "1");
    let mut run = repo.start_exp("run -n calm");
    run.wait_until("the pause", || repo.exists("paused"));
    kill_runner(&repo, &mut run);
    let (first, command) = repo.processes().unwrap();
    let mut attached = repo.start_exp("resume --attach");
    attached.wait_for("attached to stage 'train'", 1);
    let (second, _) = repo.processes().unwrap();
    assert_ne!(first, second);
    kill_process(second, Signal::KILL).unwrap();
    attached.wait_until("its end", || !repo.is_running());
    assert_eq!(repo.processes().unwrap().1, command);
    repo.write("go", "");
    repo.exp("resume --attach").code(1);
    assert_eq!(repo.steps("calm"), ["0", "1", "2", "3"]);
    repo.models_are_of_their_steps("calm");
    // Nothing is left that would be recorded twice.
    repo.env("PAUSE_AT", "").epochs(1);
    let run = repo.exp("run").success();
    assert!(
        !run.said().contains("recorded checkpoint"),
        "{}",
        run.said()
    );
    assert_eq!(repo.steps("calm"), ["0", "1", "2", "3", "4"]);
    repo.check();
}

#[test]
fn other_worktrees_leave_it_alone_and_say_where_it_is() {
    let repo = tutorial();
    repo.epochs(3).env("PAUSE_AT", "2");
    repo.git("worktree add -q ../linked").success();
    let linked = repo.beside("linked");
    let mut run = repo.start_exp("run -n calm");
    run.wait_for("Checkpoint experiment iteration", 2);
    run.wait_until("the pause", || repo.exists("paused"));
    kill_runner(&repo, &mut run);
    linked.exp("resume --attach").refused(128).stderr(str![[r#"
fatal: nothing to attach to: no training of a killed run goes on in this worktree
hint: cd [ROOT]/repo

"#]]);
    let status = linked.exp("status --porcelain").success().text();
    assert!(status.starts_with("orphaned\t"), "{status}");
    linked.exp("resume calm").refused(128).says(
        "fatal: the runner of 'calm' in '[ROOT]/repo' died, but its training goes on (process ",
    );
    linked.exp("remove calm").refused(128).says("calm");
    repo.write("go", "");
    repo.exp("resume --attach").code(1);
    assert_eq!(repo.steps("calm"), ["0", "1", "2"]);
    repo.check();
}
