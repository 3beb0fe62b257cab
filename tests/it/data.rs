//! Data that `dvc add` tracks: recorded when it changed, restored when it is missing, fetched with --pull only.

use crate::support::TestRepo;

const PIPELINE: &str = "\
stages:
  count:
    cmd: cat raw/* one.csv > all.txt
    deps: [raw, one.csv]
    outs: [all.txt]
";

/// A project with a folder and a file that are added, as DVC 3 and DVC 2 write it; in the cache.
fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", PIPELINE)
        .write("raw/a", "a\n")
        .write("raw/b", "b\n")
        .write("one.csv", "1\n")
        .write(".gitignore", "/raw\n/one.csv\n/all.txt\n")
        // not what is there: the first run records it
        .write("raw.dvc", "outs:\n- md5: 00000000000000000000000000000000.dir\n  size: 0\n  nfiles: 1\n  hash: md5\n  path: raw\n")
        .write("one.csv.dvc", "# kept\nouts:\n- path: one.csv\n  desc: numbers\n  md5: 00000000000000000000000000000000\n  size: 1\n");
    repo.git("add .").success();
    repo.git("commit -q -m data").success();
    repo
}

#[test]
fn what_was_changed_is_recorded_before_the_stages() {
    let repo = project();
    repo.exp("run -n first")
        .success()
        .prints("'one.csv.dvc' changed, recording what it tracks\n")
        .prints("Running stage 'count'");
    let raw = "outs:\n- md5: 562ee692a592790b08e880eff9046f72.dir\n  size: 4\n  nfiles: 2\n  hash: md5\n  path: raw\n";
    assert_eq!(repo.read("raw.dvc"), raw);
    assert_eq!(
        repo.read("one.csv.dvc"),
        "# kept\nouts:\n- path: one.csv\n  desc: numbers\n  md5: b026324c6904b2a9cb4b88d6d61c81d1\n  size: 2\n  hash: md5\n"
    );
    let tip = repo.tip("first");
    assert_eq!(repo.ask(&format!("show {tip}:raw.dvc")), raw.trim_end());
    assert!(repo.exists(".dvc/cache/files/md5/56/2ee692a592790b08e880eff9046f72.dir"));
    let note = repo.note("first");
    assert_eq!(note["outs"]["raw"]["data_source"], true);
    assert_eq!(note["outs"]["raw"]["nfiles"], 2);
    repo.exp("run")
        .success()
        .prints("'raw.dvc' didn't change, skipping\nStage 'count' didn't change, skipping\n");

    // other data is another experiment, and going back brings the first one
    repo.write("raw/c", "c\n");
    repo.exp("run -n second")
        .success()
        .prints("Experiment 'second': new");
    assert_eq!(repo.read("all.txt"), "a\nb\nc\n1\n");
    repo.exp("apply first").success();
    assert!(!repo.exists("raw/c"));
    assert_eq!(repo.read("raw.dvc"), raw);
    repo.check();
}

#[test]
fn what_is_read_above_a_single_stage_is_recorded_too() {
    let repo = project();
    let pipeline =
        format!("{PIPELINE}  last: {{cmd: cp all.txt last, deps: [all.txt], outs: [last]}}\n");
    repo.write("dvc.yaml", pipeline);
    repo.exp("run -n first").success();
    repo.write("one.csv", "2\n");
    // as in DVC: it is what the next run of 'count' reads
    repo.exp("run -s last")
        .success()
        .prints("'one.csv.dvc' changed, recording what it tracks")
        .prints("Stage 'last' didn't change, skipping");
    assert!(
        repo.read("one.csv.dvc")
            .contains("26ab0db90d72e28ad0ba1e22ee510510")
    );
    assert_eq!(repo.read("all.txt"), "a\nb\n1\n");
    repo.check();
}

#[test]
fn what_is_missing_comes_from_the_cache() {
    let repo = project();
    repo.exp("run -n first").success();
    repo.sh("rm -r raw one.csv").success();
    // what comes back before the stages is no reason to run one
    repo.exp("run --dry")
        .success()
        .prints("Stage 'count' didn't change, skipping");
    assert!(!repo.exists("raw"));
    repo.exp("run")
        .success()
        .says("'one.csv' was missing and is restored from the cache")
        .prints("Stage 'count' didn't change, skipping");
    assert_eq!(repo.read("raw/b"), "b\n");

    // a damaged object is not trained on
    repo.sh("rm one.csv; cd .dvc/cache/files/md5/b0/; f=26324c6904b2a9cb4b88d6d61c81d1; chmod u+w $f; echo 2 > $f; chmod a-w $f")
        .success();
    repo.exp("run")
        .refused(128)
        .says("fatal: cache object 'b026324c6904b2a9cb4b88d6d61c81d1' of 'one.csv' is damaged\n");
    assert!(!repo.exists("one.csv"));
    repo.write("one.csv", "1\n");

    repo.sh("rm -r raw .dvc/cache/files/md5/56").success();
    let before = repo.read("raw.dvc");
    repo.exp("run").refused(128).says(
        "fatal: 'raw' of 'raw.dvc' is neither in the workspace nor in the cache\nhint: dvc pull raw.dvc",
    );
    assert_eq!(repo.read("raw.dvc"), before);
    repo.write(
        ".dvc/config.local",
        "[core]\n    remote = near\n['remote \"near\"']\n    url = near\n",
    );
    repo.exp("run --pull")
        .refused(128)
        .says("fatal: 'raw' of 'raw.dvc' is neither in the workspace nor in the cache");
    // a stage that does not need it runs
    repo.write(
        "dvc.yaml",
        "stages:\n  other: {cmd: echo x > x, outs: [x]}\n",
    );
    repo.exp("run").success().prints("Running stage 'other'");
    repo.check();
}

#[test]
fn what_is_missing_comes_from_a_remote() {
    let repo = project();
    repo.write(
        "dvc.yaml",
        "stages:\n  count: {cmd: cat raw/a one.csv > all.txt, deps: [raw/a, one.csv], outs: [all.txt]}\n",
    );
    repo.write(
        ".dvc/config.local",
        "[core]\n    remote = near\n['remote \"near\"']\n    url = ../../near\n",
    );
    repo.exp("run -n first").success();
    let tip = repo.tip("first");
    repo.sh("mkdir ../near; mv .dvc/cache/files ../near/; rm -r raw one.csv all.txt")
        .success();
    repo.exp("run").refused(128).says("hint: dvc pull");
    repo.exp("run --temp --pull -n aside")
        .success()
        .says("Fetched 4 objects from remote 'near'")
        .prints("Stage 'count' is cached");
    assert!(!repo.exists("raw"));
    repo.sh("rm -r .dvc/cache/files").success();
    repo.exp("run --pull")
        .success()
        .says("'raw' was missing and is restored from the cache")
        .prints("Stage 'count' is cached");
    assert_eq!(repo.read("all.txt"), "a\n1\n");
    assert_eq!(repo.tip("first"), tip);
    // a part of what comes back is foreseen, too
    repo.sh("rm -r raw").success();
    repo.exp("run --dry")
        .success()
        .prints("Stage 'count' didn't change, skipping");
    repo.check();
}

#[test]
fn imports_are_not_fetched() {
    let repo = project();
    repo.exp("run -n first").success();
    let import = "frozen: true\ndeps:\n- path: one.csv\n  repo:\n    url: ../elsewhere\n    rev_lock: 0123456789abcdef0123456789abcdef01234567\n";
    let outs = repo.read("one.csv.dvc");
    repo.write("one.csv.dvc", format!("{import}{outs}"));
    repo.exp("run")
        .success()
        .prints("'one.csv.dvc' didn't change, skipping");
    // as in DVC, which fetches one that is not frozen again, and keeps an edit of one that is
    repo.write("one.csv", "edited\n");
    let text = repo.read("one.csv.dvc");
    let thawed = text.replace("frozen: true\n", "");
    repo.write("one.csv.dvc", &thawed);
    repo.exp("run").refused(128).says(
        "fatal: 'one.csv' is not what the import 'one.csv.dvc' recorded\nhint: dvc commit one.csv.dvc keeps the change",
    );
    repo.write("one.csv.dvc", &text);
    repo.exp("run")
        .success()
        .prints("'one.csv.dvc' changed, recording what it tracks");
    let edited = repo.read("one.csv.dvc");
    let (kept, sum) = edited.rsplit_once("md5: ").unwrap();
    assert!(
        kept.starts_with("frozen: true\n") && !kept.contains("b026324c"),
        "{edited}"
    );
    assert_eq!(sum.len(), 33, "{edited}");
    repo.write("one.csv.dvc", &text);
    repo.sh("rm -r one.csv .dvc/cache/files/md5/b0").success();
    repo.exp("run")
        .refused(128)
        .says("and imports are not fetched here\nhint: dvc pull one.csv.dvc");
    repo.write("one.csv", "1\n");
    repo.write(
        "one.csv.dvc",
        outs.replace("path: one.csv", "path: all.txt"),
    );
    repo.exp("run").refused(128).says(
        "cannot parse 'one.csv.dvc', line 3, column 9: output 'all.txt' of stage 'one.csv.dvc' is also an output of stage 'count' in 'dvc.yaml', line 5",
    );
    repo.check();
}

/// A project with a copy of what lies beside it, as 'dvc import-url' and 'dvc unfreeze' leave it.
fn with_import() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("../near/data", "1\n")
        .write(
            "data.dvc",
            "deps:\n- path: ../near/data\nouts:\n- path: data\n",
        )
        .write(".gitignore", "/data\n/all.txt\n")
        .write(
            "dvc.yaml",
            "stages:\n  read: {cmd: cp data all.txt, deps: [data], outs: [all.txt]}\n",
        );
    repo.git("add .").success();
    repo.git("commit -q -m import").success();
    repo
}

#[test]
fn an_import_of_a_path_follows_it() {
    let repo = with_import();
    let first = repo.exp("run -n first").success();
    first.says("Importing '../near/data' -> 'data'\n");
    assert_eq!(repo.read("all.txt"), "1\n");
    repo.exp("run --dry")
        .success()
        .prints("'data.dvc' didn't change, skipping\n");
    repo.sh("rm data").success();
    repo.exp("run").success();
    assert_eq!(repo.read("data"), "1\n");

    // one that was edited is what it is, and where it comes from is recorded as it is
    repo.write("data", "edited\n").write("../near/data", "2\n");
    repo.exp("run").success();
    assert_eq!(repo.read("all.txt"), "edited\n");
    assert!(
        repo.read("data.dvc")
            .contains("26ab0db90d72e28ad0ba1e22ee510510")
    );
    repo.write("../near/data", "3\n");
    repo.exp("run -n third").success();
    assert_eq!(repo.read("all.txt"), "3\n");
    // what it was before is in the cache
    repo.exp("apply first").success();
    assert_eq!(repo.read("data"), "1\n");

    let frozen = format!("frozen: true\n{}", repo.read("data.dvc"));
    repo.write("data.dvc", &frozen);
    let run = repo.exp("run").success();
    assert!(run.started().is_empty());
    assert_eq!(repo.read("data.dvc"), frozen);
    repo.check();
}

#[test]
fn an_isolated_run_brings_a_copy_up_to_date_for_itself() {
    let repo = with_import();
    repo.exp("run -n first").success();
    let before = repo.read("data.dvc");
    repo.write("../near/data", "2\n");
    repo.exp("run --temp -n second").success();
    assert_eq!(
        (repo.read("data").as_str(), &repo.read("data.dvc")),
        ("1\n", &before)
    );
    repo.exp("apply --force second").success();
    assert_eq!(repo.read("all.txt"), "2\n");
    assert_eq!(repo.read("data"), "2\n");
    repo.check();
}

#[test]
fn what_an_import_comes_from_has_to_be_there() {
    let repo = with_import();
    std::fs::remove_file(repo.base().join("near/data")).unwrap();
    repo.exp("run")
        .refused(128)
        .says("'../near/data', of which 'data.dvc' is a copy, does not exist")
        .says("hint: dvc freeze data.dvc");
    let stages = "stages:\n  write: {cmd: echo 1 > made, outs: [made]}\n  read: {cmd: cp data all.txt, deps: [data], outs: [all.txt]}\n";
    repo.write("dvc.yaml", stages)
        .write("data.dvc", "deps:\n- path: made\nouts:\n- path: data\n");
    repo.exp("run")
        .refused(128)
        .says("'made', of which 'data.dvc' is a copy, does not exist")
        .says("hint: git exp run write");
    repo.exp("run write").success();
    repo.check();
}

#[test]
fn a_copy_of_what_a_stage_writes_is_brought_up_to_date_by_the_next_run() {
    let repo = with_import();
    let stages = "stages:\n  read: {cmd: cp data all.txt, deps: [data], outs: [all.txt]}\n  write: {cmd: cp source made, deps: [source], outs: [made]}\n";
    repo.write("dvc.yaml", stages)
        .write("data.dvc", "deps:\n- path: made\nouts:\n- path: data\n")
        .write("source", "1\n");
    repo.exp("run write").success();
    let run = repo.exp("run").success();
    assert!(run.said().contains("Importing 'made' -> 'data'\n"));
    assert_eq!(run.started(), ["read"]);
    assert!(repo.exp("run").success().started().is_empty());

    for words in ["run", "run -k -j 2"] {
        repo.write("source", words);
        let dry = repo.exp("run --dry").success();
        dry.prints("Running stage 'read' if stage 'write' changes 'made':\n");
        let run = repo.exp(words).refused(128);
        run.says("'data.dvc' is a copy of 'made', which stage 'write' has just written anew");
        let run = repo.exp("run").success();
        assert_eq!(run.started(), ["read"]);
        assert_eq!(repo.read("all.txt"), words);
    }
    // what it writes is what was there
    repo.exp("run -f").success();

    let stages = stages.replace("deps: [source]", "deps: [source, all.txt]");
    repo.write("dvc.yaml", stages);
    repo.exp("run")
        .refused(128)
        .says("the stages form a cycle: read -> write -> read");
    repo.check();
}

#[test]
fn data_is_a_target() {
    let repo = project();
    repo.exp("run one.csv.dvc -n only")
        .success()
        .prints("'one.csv.dvc' changed, recording what it tracks");
    assert!(!repo.exists("all.txt"));
    let listed = repo.exp("stage list --all").success();
    assert_eq!(
        listed.text(),
        "count        Outputs all.txt\none.csv.dvc  Outputs one.csv\nraw.dvc      Outputs raw\n"
    );
    repo.exp("stage list raw.dvc")
        .success()
        .stdout("raw.dvc  Outputs raw\n");
    repo.exp("run --downstream raw.dvc --dry")
        .success()
        .prints("'raw.dvc' changed, recording what it tracks\n")
        .prints("Running stage 'count'");
    repo.exp("run ra.dvc")
        .refused(128)
        .says("fatal: there is no 'ra.dvc'");
    repo.check();
}

#[test]
fn an_isolated_run_records_what_was_changed_without_touching_it() {
    let repo = project();
    repo.exp("run -n first").success();
    let before = repo.read("raw.dvc");
    repo.write("raw/c", "c\n");
    repo.exp("run --temp -n second").success();
    assert_eq!(repo.read("raw.dvc"), before);
    assert_eq!(repo.read("all.txt"), "a\nb\n1\n");
    repo.exp("apply --force second").success();
    assert_eq!(repo.read("all.txt"), "a\nb\nc\n1\n");
    assert_ne!(repo.read("raw.dvc"), before);
    repo.check();
}
