//! `git exp run --temp`: in a worktree of its own, which leaves nothing but the experiment.

use crate::support::{Running, TestRepo, has_ended, wait_for};
use rustix::process::{Signal, kill_process};
use std::path::PathBuf;

/// The tutorial with a trainer that says where it is, to who started it.
fn tutorial() -> TestRepo {
    let repo = TestRepo::tutorial();
    let trainer = repo.read("train.sh").replace(
        "set -eu\n",
        "set -eu\n[ -z \"${TELL-}\" ] || { pwd > \"$TELL.new\" && mv \"$TELL.new\" \"$TELL\"; }\n",
    );
    repo.write("train.sh", trainer);
    repo.git("commit -qam 'tell'").success();
    repo
}

/// Starts an isolated run that pauses at a step, and returns the folder in which it trains.
fn start_paused(repo: &TestRepo, words: &str, name: &str, at: u32) -> (Running, PathBuf) {
    start_paused_after(repo, words, name, at, at)
}

/// The same where the model has steps already, and so many are added.
fn start_paused_after(
    repo: &TestRepo,
    words: &str,
    name: &str,
    at: u32,
    added: u32,
) -> (Running, PathBuf) {
    let place = repo.base().join(format!("place-{name}"));
    repo.env("TELL", place.to_str().unwrap())
        .env("PAUSE_AT", &at.to_string());
    let mut run = repo.start_exp(&format!("run --temp -n {name} {words}"));
    repo.env("TELL", "").env("PAUSE_AT", "");
    run.wait_until("the folder", || place.exists());
    run.wait_for("Checkpoint experiment iteration", added as usize);
    let folder = std::fs::read_to_string(&place).unwrap();
    (run, folder.trim_end().into())
}

/// Every file of the work tree and its bytes.
fn workspace(repo: &TestRepo) -> String {
    let list = "find . -path ./.git -prune -o -path ./.dvc/cache -prune -o -type f -print0 \
                | sort -z | xargs -0 md5sum; find . -path './.git' -prune -o -type d -print \
                | grep -v '^./.dvc/cache' | sort; md5sum .git/index .git/HEAD";
    repo.sh(list).success().text()
}

/// Nothing is left of any temporary worktree, and git agrees.
fn nothing_is_left(repo: &TestRepo) {
    for folder in [".git/git-exp/temp", ".git/worktrees", ".dvc/cache/git-exp"] {
        let entries = std::fs::read_dir(repo.root().join(folder));
        assert_eq!(entries.map_or(0, Iterator::count), 0, "{folder}");
    }
    let worktrees = repo.ask("worktree list --porcelain");
    assert_eq!(worktrees.matches("worktree ").count(), 1, "{worktrees}");
    assert_eq!(repo.ask("worktree prune -v"), "");
    repo.check();
}

fn in_tip(repo: &TestRepo, name: &str, path: &str) -> Option<String> {
    let tip = repo.tip(name);
    let there = repo.ask(&format!("ls-tree --name-only {tip} -- {path}"));
    (!there.is_empty()).then(|| repo.ask(&format!("show {tip}:{path}")))
}

#[test]
fn runs_what_the_workspace_has_and_leaves_it_alone() {
    let repo = tutorial();
    repo.write("params.yaml", "seed: 1\nlr: 0.0001\nweight_decay: 0\n")
        .write("helper.py", "x = 1\n")
        .write("staged.txt", "new\n")
        .write("notes.txt", "mine\n")
        .write("model.pt", "half done\n")
        .write("metrics.json", "{\"step\": 77}\n");
    repo.git("add staged.txt").success();
    let before = workspace(&repo);
    let (mut run, folder) = start_paused(&repo, "-S lr=0.5", "away", 1);

    // Everybody sees it at work, and nobody takes its worktree away.
    assert!(folder.starts_with(repo.root().join(".git/git-exp/temp")));
    for look in ["worktree prune", "gc -q --prune=now", "fsck --strict"] {
        repo.git(look).success();
    }
    let worktrees = repo.ask("worktree list --porcelain");
    let folder_text = folder.to_str().unwrap();
    let entry = worktrees.split("\n\n").find(|it| it.contains(folder_text));
    let entry = entry.unwrap_or_else(|| panic!("{worktrees}"));
    assert!(
        entry.contains("\ndetached\nlocked a run of git exp"),
        "{entry}"
    );
    repo.git(&format!("worktree remove --force {folder_text}"))
        .code(128);
    let status = repo
        .sh(&format!("cd '{folder_text}' && git status --porcelain"))
        .success()
        .text();
    assert!(!status.contains("D "), "{status}");
    repo.exp("status")
        .success()
        .prints("running  away")
        .prints("/.git/git-exp/temp/exp-");
    repo.exp("show").success().prints("Running");
    assert_eq!(
        repo.ask("status --porcelain"),
        " M params.yaml\nA  staged.txt\n?? helper.py\n?? metrics.json\n?? notes.txt"
    );
    assert_eq!(workspace(&repo), before);

    std::fs::write(folder.join("go"), "").unwrap();
    let (status, said) = run.end();
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("Experiment 'away': new\n"), "{said}");
    assert!(said.contains("\tgit exp apply away\n"), "{said}");
    assert!(
        !said.contains("git add") && !said.contains("uses the cache"),
        "{said}"
    );
    assert_eq!(workspace(&repo), before);
    nothing_is_left(&repo);
    assert_eq!(repo.checkpoints("away").len(), 3);
    assert_eq!(repo.note("away")["status"], "done");
    let params = "seed: 1\nlr: 0.5\nweight_decay: 0";
    assert_eq!(in_tip(&repo, "away", "params.yaml").unwrap(), params);
    assert_eq!(in_tip(&repo, "away", "helper.py").unwrap(), "x = 1");
    assert_eq!(in_tip(&repo, "away", "staged.txt").unwrap(), "new");
    assert_eq!(in_tip(&repo, "away", "notes.txt"), None);
    assert_eq!(repo.exp("undo --list").success().text(), "");

    // A plain run knows nothing of it; to apply it is what brings it here.
    repo.exp("run -n here")
        .success()
        .prints("Experiment 'here': new");
    repo.exp("apply --force away").success();
    assert_eq!(repo.read("model.pt").lines().count(), 3);
}

#[test]
fn goes_on_from_where_the_workspace_is() {
    let repo = tutorial();
    repo.exp("run -n calm").success();
    let before = workspace(&repo);
    repo.exp("run --temp -n other")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(repo.checkpoints("calm").len(), 6);
    repo.exp("run --temp -n bold -S lr=0.7")
        .success()
        .prints("Experiment 'bold': fork of checkpoint");
    assert_eq!(repo.checkpoints("bold").len(), 6);
    repo.exp("run --temp --reset -n anew")
        .success()
        .prints("Experiment 'anew': new\n");
    assert_eq!(repo.checkpoints("anew").len(), 3);
    assert_eq!(workspace(&repo), before);
    repo.exp("run --temp --reset -n anew")
        .refused(128)
        .says("experiment 'anew' already exists");
    repo.exp("run --temp --reset -n anew -f -S seed=2")
        .success();
    let said = repo.exp("undo --list").success().text();
    assert!(said.contains("run anew"), "{said}");
    nothing_is_left(&repo);
}

#[test]
fn a_revision_says_what_to_run() {
    let repo = tutorial();
    repo.exp("run -n calm").success();
    let trunk = repo.ask("rev-parse HEAD");
    repo.git("commit -q --allow-empty -m 'moved on'").success();
    // What is edited here is no part of it.
    repo.write("train.sh", "exit 1\n")
        .write("params.yaml", "lr: x\n");
    repo.git("tag old HEAD~1").success();
    let before = workspace(&repo);
    let short = &repo.tip("calm")[..7];
    for (revision, words, first) in [
        ("calm", "", "Experiment 'calm': resume from checkpoint"),
        (short, "-n one", "Experiment 'one': fork of checkpoint"),
        ("calm~1", "-n two", "Experiment 'two': fork of checkpoint"),
        (
            "calm@{best:-loss}",
            "-n three -S lr=1",
            "Experiment 'three': fork of checkpoint",
        ),
        (
            "calm@{first}",
            "-n four",
            "Experiment 'four': fork of checkpoint",
        ),
        ("old", "-n five", "Experiment 'five': new"),
        (&trunk[..8], "-n six", "Experiment 'six': new"),
    ] {
        repo.exp(&format!("run --temp --rev {revision} {words}"))
            .success()
            .prints(first);
    }
    assert_eq!(workspace(&repo), before);
    let (two, rest) = trunk.split_at(2);
    for (name, count) in [
        ("calm", 6),
        ("two", 8),
        ("three", 9),
        ("four", 4),
        ("five", 3),
        ("six", 3),
    ] {
        let tip = repo.ask(&format!("rev-parse refs/exps/{two}/{rest}/{name}"));
        let chain = repo.ask(&format!("rev-list --count {trunk}..{tip}"));
        assert_eq!(chain, count.to_string(), "{name}");
    }
    assert_eq!(
        in_tip(&repo, "three", "params.yaml").unwrap(),
        "seed: 473987\nlr: 1\nweight_decay: 0"
    );
    // The commit itself, as it is.
    repo.exp("run --temp --rev HEAD -n last").success();
    assert_eq!(repo.checkpoints("last").len(), 3);
    nothing_is_left(&repo);
}

#[test]
fn refuses_before_it_makes_anything() {
    let repo = tutorial();
    repo.write("data.bin", "x");
    let usage = [
        "run --rev HEAD",
        "run -C data.bin",
        "run --temp --rev HEAD --reset",
        "run --temp -S lr",
    ];
    for words in usage {
        repo.exp(words).refused(129);
    }
    for (words, why) in [
        ("run --temp --rev nowhere", "unknown revision 'nowhere'"),
        ("run --temp none", "no stage 'none' in 'dvc.yaml'"),
        ("run --temp -C absent", "there is no 'absent' to copy"),
        (
            "run --temp -C ..",
            "cannot copy '..': it is outside of the work tree",
        ),
        ("run --temp -n a/b", "a/b"),
    ] {
        repo.exp(words).refused(128).says(why);
    }
    assert_eq!(
        repo.exp("run --temp --dry").success().text(),
        "Running stage 'train': not in dvc.lock\n> sh train.sh\n"
    );
    nothing_is_left(&repo);
    assert_eq!(repo.ask("for-each-ref refs/exps"), "");
}

const WITH_DATA: &str = "\
stages:
  prepare:
    cmd: echo prepare >> $LOG && tr a-z A-Z < raw.txt > clean.txt
    deps:
    - raw.txt
    outs:
    - clean.txt
  train:
    cmd: cat clean.txt extra/* > model.pt && echo '{\"n\":1}' > metrics.json
    deps:
    - clean.txt
    - extra
    params:
    - lr
    outs:
    - model.pt
    metrics:
    - metrics.json:
        cache: false
";

#[test]
fn data_comes_from_the_cache_or_by_name() {
    let repo = TestRepo::project();
    let log = repo.base().join("log");
    repo.env("LOG", log.to_str().unwrap());
    repo.write("dvc.yaml", WITH_DATA)
        .write("params.yaml", "lr: 1\n")
        .write("raw.txt", "words\n")
        .write(".gitignore", "/extra\n")
        .write("extra/deep/er", "ignored\n")
        .write("extra/a", "first\n");
    repo.git("add .").success();
    repo.git("commit -qm pipeline").success();
    repo.sh("rm extra/deep/er && rmdir extra/deep").success();
    repo.exp("run -n here").success();
    // What a stage wrote need not be made again: it comes out of the cache.
    let missing = repo.exp("run --temp -S lr=2 -n away").refused(128);
    missing
        .says("dependency 'extra' of stage 'train' is in the workspace only: neither git nor the cache has it")
        .says("hint: add --copy-paths 'extra'");
    let before = workspace(&repo);
    repo.exp("run --temp -S lr=2 -n away -C extra")
        .success()
        .prints("Stage 'prepare' didn't change, skipping");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "prepare\n");
    assert_eq!(workspace(&repo), before);
    repo.exp("apply away").success();
    assert_eq!(repo.read("model.pt"), "WORDS\nfirst\n");
    // From a folder below, by its own names, and a link's target.
    repo.sh("rm -r extra && mkdir far && echo linked > far/b && ln -s far extra")
        .success();
    repo.sh("mkdir sub && cd sub && git exp run --temp -S lr=3 -n third -C ../extra")
        .success();
    repo.exp("apply third").success();
    assert_eq!(repo.read("model.pt"), "WORDS\nlinked\n");
    nothing_is_left(&repo);
}

#[test]
fn a_folder_has_its_own_pipeline_and_data_files_their_data() {
    let repo = TestRepo::project();
    repo.write("sub/data.dvc", "outs:\n- md5: 5d41402abc4b2a76b9719d911017c592\n  size: 5\n  hash: md5\n  path: data\n")
        .write("sub/.gitignore", "/data\n/model\n")
        .write("sub/data", "hello")
        .write(".dvc/cache/files/md5/5d/41402abc4b2a76b9719d911017c592", "hello")
        .write("sub/dvc.yaml", "stages:\n  s:\n    cmd: tr a-z A-Z < data > model\n    deps:\n    - data\n    outs:\n    - model\n")
        .write("dvc.yaml", "stages:\n  other:\n    cmd: exit 1\n");
    repo.git("add .").success();
    repo.git("commit -qm one").success();
    let before = workspace(&repo);
    repo.sh("cd sub && git exp run --temp -n away s").success();
    assert_eq!(workspace(&repo), before);
    let lock = in_tip(&repo, "away", "sub/dvc.lock").unwrap();
    assert!(lock.contains("path: model"), "{lock}");
    // Its lockfile comes along, and what it wrote.
    repo.exp("apply away").success();
    let again = repo.sh("cd sub && git exp run --temp -n again s").success();
    again.prints("Stage 's' didn't change, skipping");
    nothing_is_left(&repo);
}

#[test]
fn works_from_a_linked_worktree_and_below_a_folder() {
    let repo = TestRepo::empty();
    repo.write("proj/.dvc/config", "")
        .write("proj/.dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
        .write("proj/.dvc/config.local", "[core]\n    remote = there\n")
        .write("proj/dvc.yaml", "stages:\n  s:\n    cmd: cp .dvc/config.local model && pwd >> model\n    outs:\n    - model\n");
    repo.git("add .").success();
    repo.git("commit -qm one").success();
    repo.git("worktree add -q ../linked").success();
    let linked = repo.beside("linked");
    linked.sh("cd proj && git exp run --temp -n away").success();
    let cache = repo.root().join("proj/.dvc/cache");
    linked.sh("cd proj && git exp apply away").success();
    let model = linked.read("proj/model");
    assert!(
        model.contains(&format!("dir = \"{}\"\n", cache.display())),
        "{model}"
    );
    assert!(model.contains("/.git/git-exp/temp/exp-"), "{model}");
    repo.sh("cd proj && git exp run --temp -n main").success();
    repo.sh("cd proj && git exp apply main").success();
    assert!(repo.read("proj/model").contains("remote = there"));
    let worktrees = repo.ask("worktree list --porcelain");
    assert_eq!(worktrees.matches("worktree ").count(), 2, "{worktrees}");
    linked.check();
    repo.check();
}

#[test]
fn several_at_once_do_not_notice_each_other() {
    let repo = tutorial();
    repo.env("PAUSE_AT", "1");
    let mut here = repo.start_exp("run -n here");
    here.wait_for("Checkpoint experiment iteration", 1);
    let (mut one, first) = start_paused(&repo, "--reset -S lr=0.1", "one", 1);
    let (mut two, second) = start_paused(&repo, "--reset -S lr=0.2", "two", 2);
    // No code differs, but the experiment grows elsewhere.
    let (mut third, place) = start_paused_after(&repo, "", "three", 2, 1);
    let status = repo.ask("exp status --porcelain");
    let running = status.lines().filter(|line| line.starts_with("running\t"));
    assert_eq!(running.count(), 4, "{status}");
    let shown = repo.exp("show").success().text();
    assert_eq!(shown.matches("Running").count(), 4, "{shown}");
    repo.exp("run")
        .refused(128)
        .says("while experiment 'here' is running here");
    repo.exp("remove one").refused(128);
    for folder in [&first, &second, &place] {
        std::fs::write(folder.join("go"), "").unwrap();
    }
    for run in [&mut one, &mut two, &mut third] {
        let (status, said) = run.end();
        assert_eq!(status, 0, "{said}");
        assert!(!said.contains("warning"), "{said}");
    }
    assert!(repo.is_running());
    repo.write("go", "");
    let (status, said) = here.end();
    assert_eq!((status, said.contains("warning")), (0, false), "{said}");
    for (name, count) in [("here", 3), ("one", 3), ("two", 3), ("three", 4)] {
        assert_eq!(repo.checkpoints(name).len(), count, "{name}");
        assert_eq!(repo.note(name)["status"], "done");
    }
    repo.exp("run --temp")
        .success()
        .prints("Experiment 'here': resume from");
    nothing_is_left(&repo);
}

#[test]
fn signals_end_it_in_order() {
    let repo = tutorial();
    for (name, signal) in [("int", Signal::INT), ("term", Signal::TERM)] {
        let (mut run, _) = start_paused(&repo, "", name, 2);
        run.signal_group(signal);
        let (_, said) = run.end();
        assert_eq!(run.died_of(), Some(signal.as_raw()), "{said}");
        assert!(
            said.contains(&format!("Ran experiment '{name}': 2 new checkpoints")),
            "{said}"
        );
        assert_eq!(repo.checkpoints(name).len(), 2);
        assert_eq!(repo.note(name)["status"], "interrupted");
        nothing_is_left(&repo);
    }
    repo.env("FAIL_AT", "1");
    repo.exp("run --temp -n bad")
        .code(1)
        .says("stage 'train' failed: 'sh train.sh' exited with status 3");
    assert_eq!(repo.checkpoints("bad").len(), 1);
    repo.env("FAIL_AT", "0");
    repo.exp("run --temp -n none")
        .code(1)
        .says("no checkpoint was saved; what training wrote went with its worktree");
    nothing_is_left(&repo);
}

#[test]
fn the_next_command_finishes_what_a_kill_has_left() {
    let repo = tutorial();
    let (mut run, folder) = start_paused(&repo, "", "away", 1);
    // A git at work holds the ref: the second checkpoint is captured and cannot be recorded.
    let baseline = repo.ask("rev-parse HEAD");
    let (two, rest) = baseline.split_at(2);
    let lock = repo
        .root()
        .join(format!(".git/refs/exps/{two}/{rest}/away.lock"));
    std::fs::write(&lock, "").unwrap();
    std::fs::write(folder.join("go"), "").unwrap();
    run.wait_until("the third step", || {
        let model = std::fs::read_to_string(folder.join("model.pt"));
        model.is_ok_and(|text| text.lines().count() == 3)
    });
    run.signal_group(Signal::KILL);
    run.end();
    run.wait_until("the end of the runner", || !repo.is_running());
    std::fs::remove_file(&lock).unwrap();
    assert_eq!(repo.checkpoints("away").len(), 1);
    assert!(folder.exists());
    // Who only looks takes nothing away.
    repo.exp("show").success();
    repo.git("worktree prune").success();
    assert!(folder.exists());
    let said = repo.exp("run -n next").success().said();
    assert!(said.contains("recorded checkpoint 2 of 'away' ("), "{said}");
    assert!(repo.checkpoints("away").len() >= 2);
    nothing_is_left(&repo);
    // Another one may go on with it.
    repo.exp("run --temp --rev away")
        .success()
        .prints("resume from");
    nothing_is_left(&repo);
}

#[test]
fn training_that_outlives_its_runner_keeps_its_worktree() {
    let repo = tutorial();
    let (mut run, folder) = start_paused(&repo, "", "away", 1);
    let id = folder.file_name().unwrap().to_str().unwrap();
    let record = repo.read(&format!(".git/worktrees/{id}/git-exp/run.json"));
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    let pid = |value: &serde_json::Value| value.as_i64().unwrap() as i32;
    let runner = rustix::process::Pid::from_raw(pid(&record["pid"])).unwrap();
    kill_process(runner, Signal::KILL).unwrap();
    run.end();
    run.wait_until("the end of the runner", || !repo.is_running());
    repo.exp("status")
        .success()
        .prints("Orphaned: the command of away");
    repo.exp("run -n here").success();
    assert!(folder.join("train.sh").exists());
    repo.exp("resume --attach")
        .refused(128)
        .says("hint: cd [ROOT]/repo/.git/git-exp/temp/exp-");
    std::fs::write(folder.join("go"), "").unwrap();
    let attach = format!("cd '{}' && git exp resume --attach", folder.display());
    repo.sh(&attach)
        .code(1)
        .prints("Experiment 'away': attached to stage 'train'");
    wait_for("the end of training", || {
        has_ended(pid(&record["child"]["pid"])).then_some(())
    });
    assert_eq!(repo.checkpoints("away").len(), 3);
    repo.exp("apply away").success();
    nothing_is_left(&repo);
}
