//! What stages read outside of the project: no tree has it, so `dvc.lock` and the notes tell.

use crate::support::TestRepo;

/// Training that goes on from its model, and reads what lies beside the repository.
fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("../near/data.txt", "1\n")
        .write("../near/params.yaml", "lr: 0.1\n")
        .write(
            "dvc.yaml",
            "\
stages:
  train:
    cmd: cat ../near/data.txt >> model.pt
    deps: [../near/data.txt]
    params: [{../near/params.yaml: [lr]}]
    outs: [model.pt: {checkpoint: true}]
",
        );
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    repo
}

#[test]
fn a_change_outside_makes_a_fork() {
    let repo = project();
    repo.exp("run -n one").success();
    repo.exp("run").success();
    assert_eq!(repo.checkpoints("one").len(), 2);
    assert_eq!(repo.read("model.pt"), "1\n1\n");
    repo.write("../near/data.txt", "2\n");
    repo.exp("run -n two").success();
    // the chain of the fork holds what it goes on from
    assert_eq!(repo.checkpoints("two").len(), 3);
    assert_eq!(repo.checkpoints("one").len(), 2);
    repo.write("../near/params.yaml", "lr: 0.2\n");
    repo.exp("run -n three").success();
    assert_eq!(repo.checkpoints("three").len(), 4);

    // by where it is from the project, wherever that is
    let note = repo.note("two");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, ["../near/data.txt"]);
    assert_eq!(note["params"]["../near/params.yaml"]["data"]["lr"], 0.1);
    let note = repo.note("three");
    assert_eq!(note["params"]["../near/params.yaml"]["data"]["lr"], 0.2);
    let shown = repo.ask("exp show --json");
    assert!(shown.contains("\"../near/data.txt\""), "{shown}");
    let base = repo.base().to_str().unwrap();
    assert!(!shown.contains(base), "{shown}");
    repo.exp("apply one").success();
    repo.check();
}

#[test]
fn nothing_is_written_there() {
    let repo = project();
    repo.exp("run -S ../near/params.yaml:lr=0.5")
        .refused(128)
        .says("'../near/params.yaml' is outside of the project");
    std::fs::remove_file(repo.base().join("near/data.txt")).unwrap();
    repo.exp("run")
        .refused(128)
        .says("near/data.txt' of stage 'train' does not exist");
    let params = repo.base().join("near/params.yaml");
    assert_eq!(std::fs::read_to_string(params).unwrap(), "lr: 0.1\n");
}

#[test]
fn a_worktree_of_its_own_reads_the_same_or_nothing() {
    let repo = project();
    repo.exp("run --temp -n one")
        .refused(128)
        .says("'../near/data.txt' of stage 'train' leads out of the repository");
    let there = repo.base().join("near/data.txt");
    let there = there.to_str().unwrap();
    let text = format!("stages:\n  a: {{cmd: cp {there} a, deps: [{there}], outs: [a]}}\n");
    repo.write("dvc.yaml", text);
    repo.exp("run --temp -n two").success();
    repo.exp("apply two").success();
    assert_eq!(repo.read("a"), "1\n");
    let note = repo.note("two");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, [there]);
    // what a template needs is not found there
    let text = "vars: [../near/params.yaml]\nstages:\n  a: {cmd: 'echo ${lr} > a', outs: [a]}\n";
    repo.write("dvc.yaml", text);
    repo.exp("run -n three").success();
    assert_eq!(
        repo.note("three")["params"]["../near/params.yaml"]["data"]["lr"],
        0.1
    );
    repo.exp("run --temp -n four")
        .refused(128)
        .says("'../near/params.yaml' in 'vars' does not exist")
        .says("it is looked for in");
    repo.check();
}

#[test]
fn the_rest_of_the_repository_comes_along() {
    let repo = TestRepo::empty();
    repo.write("p/.dvc/config", "")
        .write("p/.dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
        .write("lib/train.py", "one\n")
        .write("lib/vars.yaml", "lr: 1\n")
        .write(
            "p/dvc.yaml",
            "\
vars: [../lib/vars.yaml]
stages:
  train:
    cmd: cat ../lib/train.py >> model.pt; echo ${lr} >> model.pt
    deps: [../lib]
    outs: [model.pt: {checkpoint: true}]
",
        );
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    let run = |words: &str| repo.sh(&format!("cd p && git exp {words}"));
    run("run -n one").success();
    run("run").success();
    assert_eq!(repo.checkpoints("one").len(), 2);
    // the code of an experiment, wherever in the repository it lies
    repo.write("lib/train.py", "two\n");
    run("run -n two").success();
    assert_eq!(repo.read("p/model.pt"), "one\n1\none\n1\ntwo\n1\n");
    let tip = repo.tip("two");
    assert_eq!(repo.ask(&format!("show {tip}:lib/train.py")), "two");
    repo.write("lib/train.py", "three\n");
    run("run --temp --reset -n three").success();
    let note = repo.note("three");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, ["../lib"]);
    run("show").success();
    repo.check();
}

/// What another tool recorded of the stages that read addresses.
const RECORDED: &str = "\
schema: '2.0'
stages:
  fetch:
    cmd: echo fetched > data.txt
    deps:
    - path: https://example.invalid/data.txt
      checksum: '\"abc\"'
      size: 5
    - path: in.txt
      hash: md5
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
    outs:
    - path: data.txt
      hash: md5
      md5: b026324c6904b2a9cb4b88d6d61c81d1
      size: 2
";

#[test]
fn addresses_are_not_looked_at() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "\
stages:
  fetch:
    cmd: echo fetched > data.txt
    deps: [https://example.invalid/data.txt, in.txt]
    outs: [data.txt: {cache: false}]
  read:
    cmd: cat data.txt > read.txt
    deps: [data.txt]
    outs: [read.txt]
  other:
    cmd: echo other > other.txt
    outs: [other.txt]
",
    )
    .write("in.txt", "1\n")
    .write("data.txt", "1\n")
    .write("dvc.lock", RECORDED);
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    repo.exp("run read")
        .refused(128)
        .says("stage 'fetch' reads 'https://example.invalid/data.txt'")
        .says("hint: '--allow-missing' takes it as unchanged");
    // as in DVC, others do not care
    let other = repo.exp("run other").success();
    assert_eq!(other.started(), ["other"]);
    let read = repo.exp("run -s read").success();
    assert_eq!(read.started(), ["read"]);
    let entry = &RECORDED[RECORDED.find("  fetch:").unwrap()..];
    let kept = |repo: &TestRepo| assert!(repo.read("dvc.lock").contains(entry));
    kept(&repo);
    let all = repo.exp("run --allow-missing").success();
    assert!(all.started().is_empty());
    kept(&repo);
    repo.write("in.txt", "2\n");
    repo.exp("run --allow-missing")
        .refused(128)
        .says("stage 'fetch' reads 'https://example.invalid/data.txt'");
    let text = repo.read("dvc.yaml");
    let frozen = text.replace("  fetch:\n", "  fetch:\n    frozen: true\n");
    repo.write("dvc.yaml", frozen);
    let all = repo.exp("run").success();
    assert!(all.started().is_empty());
    kept(&repo);
    repo.exp("show").success();
    repo.check();
}

#[test]
fn remotes_on_the_disk_are_where_they_are() {
    let repo = TestRepo::project();
    repo.write("../near/store/x", "1\n")
        .write(
            ".dvc/config",
            "['remote \"near\"']\n    url = ../../near/store\n",
        )
        .write(
            ".dvc/config.local",
            "['remote \"more\"']\n    url = ../../near/\n",
        )
        .write("../near/y", "y\n")
        .write(
            "dvc.yaml",
            format!(
                "stages:\n  a: {{cmd: 'cat {} > a', deps: [remote://near/x, remote://more/y], outs: [a]}}\n",
                repo.base().join("near/store/x").display()
            ),
        );
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    repo.exp("run --temp -n one").success();
    repo.exp("apply one").success();
    let recorded = repo.read("dvc.lock");
    assert!(recorded.contains("- path: remote://near/x\n"), "{recorded}");
    let note = repo.note("one");
    let deps: Vec<&String> = note["deps"].as_object().unwrap().keys().collect();
    assert_eq!(deps, ["remote://more/y", "remote://near/x"]);
    let again = repo.exp("run").success();
    assert!(again.started().is_empty());
    repo.write("../near/store/x", "2\n");
    let again = repo.exp("run").success();
    assert_eq!(again.started(), ["a"]);
    // the worktree of its own left the config of this one alone
    repo.git("diff --exit-code .dvc").success();
    repo.check();
}

#[test]
fn a_dataset_that_was_updated_makes_a_fork() {
    let repo = TestRepo::project();
    let locked = |rev: &str| {
        format!(
            "schema: '2.0'\ndatasets:\n- name: cats\n  url: https://example.invalid/r\n  type: dvc\n  rev_lock: '{rev}'\n"
        )
    };
    repo.write(
        "dvc.yaml",
        "\
datasets:
- {name: cats, type: dvc, url: https://example.invalid/r}
stages:
  train:
    cmd: echo more >> model.pt
    deps: [ds://cats]
    outs: [model.pt: {checkpoint: true}]
",
    )
    .write("dvc.lock", locked("one") + "stages: {}\n");
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    repo.exp("run -n one").success();
    repo.exp("run").success();
    assert_eq!(repo.checkpoints("one").len(), 2);
    let text = repo.read("dvc.lock");
    let (_, stages) = text.split_once("stages:").unwrap();
    let updated = format!("{}stages:{stages}", locked("two"));
    repo.write("dvc.lock", &updated);
    repo.exp("run -n two").success();
    assert_eq!(repo.checkpoints("two").len(), 3);
    let text = repo.read("dvc.lock");
    assert_eq!(text.matches("rev_lock: two").count(), 2, "{text}");
    assert!(
        text.starts_with(&locked("two").replace("'two'", "two")),
        "{text}"
    );
    repo.check();
}

#[test]
fn outputs_out_there_are_hashed_and_left_alone() {
    let repo = TestRepo::project();
    repo.write("../near/keep", "").write("in.txt", "1\n").write(
        "dvc.yaml",
        "\
stages:
  write:
    cmd: test ! -e ../near/made && cp in.txt ../near/made
    deps: [in.txt]
    outs: [../near/made: {cache: false}]
  read:
    cmd: cp ../near/made read.txt
    deps: [../near/made]
    outs: [read.txt]
",
    );
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    // what nobody knows of is not lost
    repo.write("../near/made", "mine\n");
    let first = repo.exp("run -n first").success();
    first.says("'../near/made' was not what 'dvc.lock' records; it is in the cache as d92bf619dc8282f474be4bfbce48183f");
    assert_eq!(repo.read("read.txt"), "1\n");
    let again = repo.exp("run").success();
    assert!(again.started().is_empty());
    assert_eq!(repo.note("first")["outs"]["../near/made"]["cache"], false);
    let tip = repo.tip("first");
    assert!(
        !repo
            .ask(&format!("ls-tree -r --name-only {tip}"))
            .contains("made")
    );
    repo.write("../near/made", "edited\n");
    let again = repo.exp("run").success();
    assert_eq!(again.started(), ["write"]);
    assert_eq!(repo.read("../near/made"), "1\n");
    repo.exp("run --temp")
        .refused(128)
        .says("'../near/made' of stage 'write' leads out of the repository");
    repo.exp("apply first").success();
    repo.check();
}
