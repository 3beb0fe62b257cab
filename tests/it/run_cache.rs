//! Stages that need not run: an earlier run with the same inputs, or `dvc.lock`, says what they write.

use crate::support::TestRepo;
use crate::why::{stages, three_stages};

/// How often each stage of [`three_stages`] really ran: they leave a line in a log.
fn logged() -> TestRepo {
    let repo = three_stages();
    for name in ["prep", "train"] {
        let file = format!("{name}.sh");
        let code = format!("echo {name} >> \"$LOG\"\n{}", repo.read(&file));
        repo.write(&file, code);
    }
    let log = repo.base().join("log");
    repo.env("LOG", log.to_str().unwrap());
    repo.exp("run -n logged").success();
    repo.git("commit -q -a -m 'log runs'").success();
    std::fs::write(log, "").unwrap();
    repo
}

fn log(repo: &TestRepo) -> String {
    let log = std::fs::read_to_string(repo.base().join("log")).unwrap();
    log.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn assert_says(repo: &TestRepo, words: &str, expected: &[&str]) {
    let said = repo.exp(words).success().text();
    assert_eq!(stages(&said), expected.join("\n"), "{words}\n{said}");
}

#[test]
fn what_was_seen_before_is_not_run_again() {
    let repo = logged();
    let [model, lock] = ["model.txt", "dvc.lock"].map(|file| repo.read(file));
    repo.exp("run -S lr=0.2 -n other").success();
    assert_eq!(log(&repo), "train");
    repo.sh("rm m.json").success();
    assert_says(
        &repo,
        "run --dry -S lr=0.1",
        &[
            "Stage 'prep' didn't change, skipping",
            "Stage 'train' is cached - skipping run, checking out outputs: params.yaml: lr 0.2 → 0.1",
            "Stage 'last' is cached - skipping run, checking out outputs: model.txt changed",
        ],
    );
    // What an earlier run stands in for counts as one that ran, as in DVC.
    assert_says(
        &repo,
        "run --dry --force-downstream -S lr=0.1",
        &[
            "Stage 'prep' didn't change, skipping",
            "Stage 'train' is cached - skipping run, checking out outputs: params.yaml: lr 0.2 → 0.1",
            "Running stage 'last': 'train' ran",
        ],
    );
    assert!(!repo.exists("m.json"));
    assert_says(
        &repo,
        "run -S lr=0.1 -n back",
        &[
            "Stage 'prep' didn't change, skipping",
            "Stage 'train' is cached - skipping run, checking out outputs: params.yaml: lr 0.2 → 0.1",
            "Stage 'last' is cached - skipping run, checking out outputs: model.txt changed",
        ],
    );
    assert_eq!(log(&repo), "train");
    assert_eq!(
        [repo.read("model.txt"), repo.read("dvc.lock")],
        [model, lock]
    );
    assert_eq!(repo.read("m.json"), "{\"acc\": 1}\n");
    // the checkpoint is a complete project, with the metrics of that run
    let tip = repo.tip("back");
    let files = repo.ask(&format!("ls-tree -r --name-only {tip}"));
    assert!(files.lines().any(|file| file == "m.json"), "{files}");
    assert_eq!(
        repo.ask(&format!("show {tip}:dvc.lock")) + "\n",
        repo.read("dvc.lock")
    );
    repo.sh("rm model.txt last.txt").success();
    repo.exp("apply back --force").success();
    assert_eq!(repo.read("last.txt"), repo.read("model.txt"));

    // asked for, it runs
    repo.exp("run --no-run-cache -S lr=0.2").success();
    assert_eq!(log(&repo), "train train");
    repo.exp("run --force -s train").success();
    assert_eq!(log(&repo), "train train train");
    repo.check();
}

#[test]
fn outputs_that_are_gone_or_changed_come_from_the_cache() {
    let repo = logged();
    repo.sh("rm -r data && echo more >> model.txt").success();
    let said = repo.exp("run").success();
    assert_eq!(
        stages(&said.text()),
        "Stage 'prep' is cached - skipping run, checking out outputs: data is missing\n\
         Stage 'train' is cached - skipping run, checking out outputs: model.txt changed\n\
         Stage 'last' didn't change, skipping"
    );
    let said = said.said();
    assert!(
        said.contains("Saved 'model.txt' first; 'git exp undo --force' brings it back."),
        "{said}"
    );
    assert_eq!(log(&repo), "");
    repo.exp("undo --force").success();
    assert!(repo.read("model.txt").ends_with("more\n"));

    // not without the object, nor if it is damaged
    repo.exp("run").success();
    let object = "object=.dvc/cache/files/md5/$(sed -n '/path: model.txt/,/md5: [0-9a-f]/s/.*md5: \\(..\\)/\\1\\//p' dvc.lock | tail -n 1)";
    repo.sh(&format!(
        "{object}; rm model.txt; chmod u+w $object; echo x > $object; chmod u-w $object"
    ))
    .success();
    repo.exp("run")
        .success()
        .says("warning: the cache object for 'model.txt' is damaged");
    assert_eq!(log(&repo), "train");
    assert_eq!(repo.read("model.txt"), repo.read("last.txt"));
    repo.sh(&format!("{object}; rm -f $object")).success();
    assert_says(
        &repo,
        "run",
        &[
            "Stage 'prep' didn't change, skipping",
            "Running stage 'train': model.txt is not in the cache",
            "Stage 'last' didn't change, skipping",
        ],
    );
    assert_eq!(log(&repo), "train train");
}

#[test]
fn only_repeatable_stages_are_kept() {
    let repo = TestRepo::tutorial();
    repo.write(
        "dvc.yaml",
        "\
stages:
  keeps: {cmd: cat in > a, deps: [in], outs: [{a: {persist: true}}]}
  always: {cmd: cat in > b, deps: [in], outs: [b], always_changed: true}
  in-git: {cmd: cat in > c, deps: [in], outs: [{c: {cache: false}}]}
  no-outs: {cmd: cat in, deps: [in]}
  no-deps: {cmd: echo > e, outs: [e]}
  trains: {cmd: cat in > f, deps: [in], outs: [{f: {checkpoint: true}}]}
  repeats: {cmd: cat in > g, deps: [in], metrics: [{g: {cache: false}}]}
",
    )
    .write("in", "{}\n");
    repo.exp("run").success();
    let kept = repo.sh("cat .dvc/cache/runs/*/*/*").success().text();
    assert_eq!(kept.matches("cmd: ").count(), 1, "{kept}");
    assert!(kept.starts_with("cmd: cat in > g\n"), "{kept}");
    assert_eq!(
        repo.sh("ls .dvc/cache/files/md5/*/* | wc -l")
            .success()
            .text()
            .trim(),
        // 'in' is what each of them wrote, 'e' an empty line
        "2"
    );
    // a result that is damaged is no result
    repo.write("in", "1\n").exp("run repeats").success();
    repo.sh("for file in .dvc/cache/runs/*/*/*; do echo '[' > $file; done")
        .success();
    repo.write("in", "{}\n")
        .exp("run repeats")
        .success()
        .prints("Running stage 'repeats': in changed");
    repo.write("in", "1\n").exp("run repeats").success();
    repo.write("in", "{}\n")
        .exp("run repeats")
        .success()
        .prints("Stage 'repeats' is cached - skipping run, checking out outputs: in changed");
    assert_eq!(repo.read("g"), "{}\n");
}

#[test]
fn a_run_that_is_killed_later_has_told_of_what_it_restored() {
    let repo = logged();
    repo.exp("run -S lr=0.2").success();
    let pipeline = repo.read("dvc.yaml")
        + "  train2:\n    cmd: sh train2.sh\n    deps: [last.txt]\n    outs: [{w.txt: {checkpoint: true}}]\n";
    repo.write("dvc.yaml", pipeline).write(
        "train2.sh",
        "echo 1 > w.txt\n: > \"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT\"\nwhile [ -e \"$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT\" ]; do sleep 0.01; done\nwhile :; do sleep 0.01; done\n",
    );
    let mut running = repo.start_exp("run -S lr=0.1 -n calm");
    running.wait_for("Checkpoint experiment iteration", 1);
    let lock = repo.ask(&format!("show {}:dvc.lock", repo.tip("calm")));
    assert!(lock.contains("lr: 0.1"), "{lock}");
    assert!(lock.contains("path: w.txt"), "{lock}");
    let metrics = repo.ask(&format!("show {}:m.json", repo.tip("calm")));
    assert_eq!(metrics, "{\"acc\": 1}");
    running.interrupt().end();
    repo.check();
}
