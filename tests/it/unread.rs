//! Nothing that is unchanged is read to be hashed, however many files it is.

use crate::support::{TestRepo, program, skip, wait_for};
use std::path::Path;
use std::time::{Duration, SystemTime};

const FILES: usize = 10_000;

/// Makes a folder of so many small files, older than the clock's grain when it returns.
fn fill(folder: &Path, count: usize) {
    std::fs::create_dir_all(folder).unwrap();
    for number in 0..count {
        std::fs::write(folder.join(format!("f{number}")), format!("{number}\n")).unwrap();
    }
    grow_old(&folder.join(format!("f{}", count - 1)));
}

/// Waits until a write now would show in the times of a file that was written like this one.
fn grow_old(file: &Path) {
    let written = file.metadata().unwrap().modified().unwrap();
    wait_for("the clock", || {
        let age = SystemTime::now().duration_since(written).ok()?;
        (age > Duration::from_millis(30)).then_some(())
    });
}

/// Runs `words`, and returns the paths with `part` in them that were opened for reading, folders left out.
fn read_by(repo: &TestRepo, words: &str, part: &str) -> Vec<String> {
    repo.sh(&format!(
        "rm -f ../log; strace -f -qq -z -o ../log -e trace=open,openat git-exp-{words}"
    ))
    .success();
    let log = std::fs::read_to_string(repo.base().join("log")).unwrap();
    assert!(log.contains("/.git/HEAD"), "{log}");
    let is_reading = |line: &&str| line.contains("O_RDONLY") && !line.contains("O_DIRECTORY");
    let paths = log.lines().filter(is_reading);
    let paths = paths.filter_map(|line| line.split('"').nth(1));
    let paths = paths.filter(|path| path.contains(part));
    paths.map(str::to_owned).collect()
}

fn can_see_reads() -> bool {
    let can = program("strace").is_some();
    if !can {
        skip("there is no strace to see reads with");
    }
    can
}

const COUNT: &str = "\
stages:
  count:
    cmd: ls data | wc -l > count.txt
    deps: [data]
    outs: [count.txt]
";

#[test]
fn a_dependency_of_ten_thousand_files() {
    if !can_see_reads() {
        return;
    }
    let repo = TestRepo::project();
    repo.write("dvc.yaml", COUNT)
        .write(".gitignore", "/data\n/count.txt\n");
    repo.git("add .").success();
    repo.git("commit -qm count").success();
    fill(&repo.root().join("data"), FILES);
    assert_eq!(read_by(&repo, "run -n first", "/data/f").len(), FILES);
    for words in ["run -n second", "run -n third -f", "run --dry"] {
        assert_eq!(read_by(&repo, words, "/data/f").len(), 0, "{words}");
    }
    // One that changed is read, alone; and so is one that may have.
    repo.write("data/f7", "8\n");
    grow_old(&repo.root().join("data/f7"));
    assert_eq!(read_by(&repo, "run -n fourth", "/data/f").len(), 1);
    repo.sh("touch data/f8").success();
    grow_old(&repo.root().join("data/f8"));
    assert_eq!(read_by(&repo, "run -n fifth", "/data/f").len(), 1);
    assert_eq!(read_by(&repo, "run -n sixth", "/data/f").len(), 0);
    repo.check();
}

#[test]
fn nor_in_another_worktree_that_has_links_to_it() {
    if !can_see_reads() {
        return;
    }
    let repo = TestRepo::project();
    repo.write("dvc.yaml", COUNT)
        .write(".gitignore", "/data\n/count.txt\n");
    repo.git("add .").success();
    repo.git("commit -qm count").success();
    fill(&repo.root().join("data"), 100);
    assert_eq!(read_by(&repo, "run -n first", "/data/f").len(), 100);
    repo.git("worktree add -q ../other").success();
    let other = repo.beside("other");
    other.sh("ln -s ../repo/data data").success();
    assert_eq!(read_by(&other, "run -n second", "/data/f").len(), 0);
    // What one worktree has learned, the others know.
    other.sh("rm data; cp -r ../repo/data data").success();
    grow_old(&other.root().join("data/f99"));
    let copies = read_by(&other, "run -n third", "/data/f");
    assert_eq!(copies.len(), 100);
    assert_eq!(read_by(&repo, "run -n fourth", "/data/f").len(), 0);
    assert_eq!(read_by(&other, "run -n fifth", "/data/f").len(), 0);
    repo.check();
}
