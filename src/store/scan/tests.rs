use super::*;
use crate::store::testing::Sandbox;
use std::os::unix::fs::{PermissionsExt, symlink};

fn scanner(sandbox: &Sandbox, outputs: &[&str]) -> Scanner {
    Scanner::new(&sandbox.store(), PathSet::new(outputs)).unwrap()
}

fn scan(sandbox: &Sandbox, scanner: &mut Scanner) -> Scan {
    let store = sandbox.store();
    let batch = Batch::new(&store);
    let scan = scanner.scan(&batch).unwrap();
    batch.sync().unwrap();
    scan
}

/// What git would record of all index paths, by a private copy of the index.
fn oracle(sandbox: &Sandbox) -> ObjectId {
    let index = sandbox.path(".git/index");
    let before = fs_err::read(&index).unwrap();
    sandbox.git(&["add", "-u"]);
    let tree = sandbox.git(&["write-tree"]);
    fs_err::write(&index, before).unwrap();
    ObjectId::from_hex(tree.trim().as_bytes()).unwrap()
}

fn changed(scan: &Scan) -> Vec<String> {
    scan.changes
        .iter()
        .map(|change| change.path.to_string())
        .collect()
}

#[test]
fn builds_the_tree_that_git_would() {
    let sandbox = Sandbox::new();
    for path in [
        "a.py",
        "dir/b.py",
        "dir/sub/c.txt",
        "gone.py",
        "gone/all.py",
        "run.sh",
    ] {
        sandbox.write(path, path);
    }
    symlink("a.py", sandbox.path("link")).unwrap();
    sandbox.commit("one");
    let head = sandbox.id("HEAD^{tree}");
    let mut clean = scanner(&sandbox, &[]);
    let found = scan(&sandbox, &mut clean);
    assert_eq!(found.tree, head);
    assert_eq!(found.changes, []);

    sandbox.write("a.py", "changed");
    sandbox.write("dir/sub/new.py", "staged");
    sandbox.git(&["add", "dir/sub/new.py"]);
    sandbox.write("dir/sub/new.py", "staged, then changed");
    sandbox.write("untracked.py", "not there");
    fs_err::remove_file(sandbox.path("gone.py")).unwrap();
    fs_err::remove_dir_all(sandbox.path("gone")).unwrap();
    fs_err::remove_file(sandbox.path("link")).unwrap();
    symlink("dir/b.py", sandbox.path("link")).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(sandbox.path("run.sh"), executable).unwrap();
    let mut scanner = scanner(&sandbox, &[]);
    let index = fs_err::read(sandbox.path(".git/index")).unwrap();
    let found = scan(&sandbox, &mut scanner);
    assert_eq!(fs_err::read(sandbox.path(".git/index")).unwrap(), index);
    assert_eq!(found.tree, oracle(&sandbox));
    assert_eq!(
        changed(&found),
        [
            "a.py",
            "dir/sub/new.py",
            "gone.py",
            "gone/all.py",
            "link",
            "run.sh"
        ]
    );
    assert_eq!(found.changes[2].new, None);
    assert_eq!(scan(&sandbox, &mut scanner).changes, []);
    let status = sandbox.git(&["status", "--porcelain"]);
    assert!(status.contains("AM dir/sub/new.py"), "{status}");
    sandbox.fsck();
}

#[test]
fn a_second_look_sees_every_change() {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "1");
    sandbox.write("b.py", "1");
    sandbox.commit("one");
    let mut scanner = scanner(&sandbox, &[]);
    scan(&sandbox, &mut scanner);
    // The same size within the same tick of the clock: only reading tells.
    for round in 2..30 {
        let text = (round % 10).to_string();
        sandbox.write("a.py", &text);
        let found = scan(&sandbox, &mut scanner);
        assert_eq!(changed(&found), ["a.py"], "round {round}");
        assert_eq!(found.tree, oracle(&sandbox));
    }
    let old = scanner.tree();
    sandbox.write("a.py", "1");
    sandbox.write("b.py", "2");
    let store = sandbox.store();
    let batch = Batch::new(&store);
    let found = scanner.scan_paths(&batch, ["b.py", "unknown"]).unwrap();
    assert_eq!(changed(&found), ["b.py"]);
    assert_ne!(found.tree, old);
    assert_eq!(changed(&scanner.scan(&batch).unwrap()), ["a.py"]);
    assert_eq!(scanner.tree(), oracle(&sandbox));
}

#[test]
fn outputs_stay_as_head_has_them() {
    let sandbox = Sandbox::new();
    sandbox.write("metrics.json", "{}");
    sandbox.write("plots/a.json", "[]");
    sandbox.write("plots2", "");
    sandbox.commit("one");
    sandbox.write("metrics.json", "{1}");
    sandbox.write("plots/a.json", "[1]");
    sandbox.write("plots2", "1");
    sandbox.write("plots/b.json", "[2]");
    sandbox.git(&["add", "."]);
    let mut scanner = scanner(&sandbox, &["metrics.json", "plots/"]);
    assert_eq!(changed(&scan(&sandbox, &mut scanner)), ["plots2"]);
}

#[test]
fn what_left_the_index_leaves_the_tree() {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "1");
    sandbox.write("b.py", "1");
    sandbox.commit("one");
    sandbox.git(&["rm", "-q", "--cached", "a.py"]);
    let mut scanner = scanner(&sandbox, &[]);
    let found = scan(&sandbox, &mut scanner);
    assert_eq!(changed(&found), ["a.py"]);
    assert_eq!(found.tree, oracle(&sandbox));
    // Taken as an untracked file, it is back.
    scanner.take(["a.py"]);
    assert_eq!(scan(&sandbox, &mut scanner).tree, sandbox.id("HEAD^{tree}"));
}

#[test]
fn files_and_directories_change_places() {
    let sandbox = Sandbox::new();
    sandbox.write("a/b", "1");
    sandbox.write("c", "1");
    sandbox.commit("one");
    fs_err::remove_dir_all(sandbox.path("a")).unwrap();
    fs_err::remove_file(sandbox.path("c")).unwrap();
    sandbox.write("a", "now a file");
    sandbox.write("c/d", "now a directory");
    let mut scanner = scanner(&sandbox, &[]);
    scanner.take(["a", "c/d"]);
    let found = scan(&sandbox, &mut scanner);
    sandbox.git(&["add", "-A"]);
    let tree = sandbox.git(&["write-tree"]);
    assert_eq!(found.tree.to_string(), tree.trim());
}

#[test]
fn filters_and_line_ends_are_gits() {
    let sandbox = Sandbox::new();
    sandbox.git(&["config", "filter.upper.clean", "tr a-z A-Z"]);
    sandbox.git(&["config", "filter.upper.smudge", "tr A-Z a-z"]);
    sandbox.write(".gitattributes", "*.up filter=upper\n*.txt text eol=crlf\n");
    sandbox.write("one.up", "abc\n");
    sandbox.write("two.txt", "x\r\ny\r\n");
    sandbox.commit("one");
    sandbox.write("one.up", "abcd\n");
    sandbox.write("two.txt", "x\r\nyy\r\n");
    let mut scanner = scanner(&sandbox, &[]);
    let found = scan(&sandbox, &mut scanner);
    assert_eq!(found.tree, oracle(&sandbox));
    assert_eq!(changed(&found), ["one.up", "two.txt"]);
    let store = sandbox.store();
    let batch = Batch::new(&store);
    let blob = scanner.blob(&batch, b"two.txt", b"x\r\nyy\r\n").unwrap();
    assert_eq!(found.changes[1].new.map(|state| state.id), Some(blob));
}

#[test]
fn submodules_and_sparse_paths_stay() {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "1");
    sandbox.write("far/b.py", "1");
    sandbox.commit("one");
    let commit = sandbox.id("HEAD").to_string();
    let gitlink = format!("160000,{commit},module");
    sandbox.git(&["update-index", "--add", "--cacheinfo", &gitlink]);
    sandbox.git(&["commit", "-q", "-m", "two"]);
    sandbox.git(&["update-index", "--skip-worktree", "far/b.py"]);
    fs_err::remove_file(sandbox.path("far/b.py")).unwrap();
    sandbox.write("a.py", "2");
    let mut scanner = scanner(&sandbox, &[]);
    let found = scan(&sandbox, &mut scanner);
    assert_eq!(changed(&found), ["a.py"]);
    let listing = sandbox.git(&["ls-tree", "-r", "--name-only", &found.tree.to_string()]);
    assert_eq!(listing, "a.py\nfar/b.py\nmodule\n");
}

#[test]
fn an_unmerged_index_is_refused_by_name() {
    let sandbox = Sandbox::new();
    sandbox.write("a.py", "base\n");
    sandbox.commit("base");
    sandbox.git(&["checkout", "-q", "-b", "other"]);
    sandbox.write("a.py", "other\n");
    sandbox.commit("other");
    sandbox.git(&["checkout", "-q", "main"]);
    sandbox.write("a.py", "main\n");
    sandbox.commit("main");
    assert!(!sandbox.git_raw(&["merge", "other"]).status.success());
    let refused = Scanner::new(&sandbox.store(), PathSet::default());
    let error = refused.err().unwrap();
    assert_eq!(error.to_string(), "the index has unmerged files: 'a.py'");
}

#[test]
fn a_path_set_covers_what_is_below() {
    let set = PathSet::new(["a", "b/c/"]);
    for (path, covered) in [
        ("a", true),
        ("a/x", true),
        ("ab", false),
        ("b", false),
        ("b/c", true),
        ("b/c/d/e", true),
        ("b/cd", false),
    ] {
        assert_eq!(set.covers(path.as_bytes()), covered, "{path}");
    }
    assert_eq!(set.covering(b"b/c/d").unwrap(), "b/c");
}
