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
        "rm -f ../log; strace -f -y -qq -z -o ../log -e trace=open,openat git-exp-{words}"
    ))
    .success();
    let log = std::fs::read_to_string(repo.base().join("log")).unwrap();
    assert!(log.contains("/HEAD"), "{log}");
    let is_reading = |line: &&str| line.contains("O_RDONLY") && !line.contains("O_DIRECTORY");
    // What was opened stands behind the number that it has got: '= 3</path>'.
    let opened = |line: &str| Some(line.rsplit_once('<')?.1.trim_end_matches('>').to_owned());
    let paths = log.lines().filter(is_reading).filter_map(opened);
    paths.filter(|path| path.contains(part)).collect()
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

/// A stage that makes a folder, and one that reads it.
const MAKE: &str = "\
stages:
  make:
    cmd: mkdir parts && seq COUNT | (cd parts && split -l 1 -a 4 - f)
    params: [lr]
    outs: [parts]
  names:
    cmd: ls parts > names.txt
    deps: [parts]
    metrics:
    - names.txt:
        cache: false
";

fn makes_parts(count: usize, links: &str) -> TestRepo {
    let repo = TestRepo::project();
    repo.write("dvc.yaml", MAKE.replace("COUNT", &count.to_string()))
        .write("params.yaml", "lr: 1\n")
        .write(".dvc/config", format!("[cache]\n    type = {links}\n"))
        .write(".gitignore", "/parts\n");
    repo.git("add .").success();
    repo.git("commit -qm make").success();
    repo
}

#[test]
fn an_output_folder_that_apply_brought_back() {
    if !can_see_reads() {
        return;
    }
    for (links, count) in [("copy", FILES), ("hardlink", 300), ("symlink", 300)] {
        let repo = makes_parts(count, links);
        let read = |words: &str| {
            let read = read_by(&repo, words, "");
            let of_parts = read.iter().filter(|path| path.contains("/parts/f"));
            of_parts.count() + objects(&repo, &read)
        };
        // Captured when 'make' ends, and not read for 'names', nor later.
        assert_eq!(read("run -n one"), count, "{links}");
        assert_eq!(read("run -n two"), 0, "{links}");
        repo.sh("rm -r parts").success();
        repo.exp("apply one").success();
        for words in ["run -n three", "run -n four -s -f names"] {
            assert_eq!(read(words), 0, "{links}: {words}");
        }
        repo.check();
    }
}

/// How many of these paths are objects of the cache that a listing of it names.
fn objects(repo: &TestRepo, paths: &[String]) -> usize {
    let listing = repo.sh("cat .dvc/cache/files/md5/*/*.dir").success().text();
    let objects = paths.iter().filter_map(|path| {
        let (_, name) = path.split_once("/files/md5/")?;
        Some(name.replace('/', ""))
    });
    objects
        .filter(|md5| md5.len() == 32 && listing.contains(md5))
        .count()
}

#[test]
fn nor_where_links_or_copies_are_made_of_it() {
    if !can_see_reads() {
        return;
    }
    const COUNT: usize = 300;
    for links in ["copy", "hardlink", "symlink"] {
        let copied = if links == "copy" { COUNT } else { 0 };
        let repo = makes_parts(COUNT, links);
        repo.exp("run -n one").success();
        repo.git("add dvc.lock").success();
        repo.git("commit -qm made").success();
        // In a worktree of its own, again and again.
        for words in [
            "run --temp -n two -s -f names",
            "run --temp -n three -s -f names",
        ] {
            let read = read_by(&repo, words, "");
            let of_parts = read.iter().filter(|path| path.contains("/parts/f"));
            assert_eq!(of_parts.count(), 0, "{links}: {words}");
            assert_eq!(objects(&repo, &read), copied, "{links}: {words}");
        }
        repo.git("worktree add -q ../other").success();
        let other = repo.beside("other");
        let read = read_by(&other, "run -n four", "");
        assert_eq!(objects(&repo, &read), copied, "{links}");
        assert_eq!(
            read_by(&other, "run -n five -s -f names", "/parts/f").len(),
            0
        );

        // What somebody else has put into the cache is read once.
        repo.sh("rm -r .git/git-exp/memo").success();
        for (words, unknown) in [
            ("run --temp -n six -s -f names", COUNT),
            ("run --temp -n seven -s -f names", 0),
        ] {
            let read = read_by(&repo, words, "");
            let of_parts = read.iter().filter(|path| path.contains("/parts/f"));
            assert_eq!(of_parts.count(), 0, "{links}: {words}");
            assert_eq!(objects(&repo, &read), copied + unknown, "{links}: {words}");
        }
        repo.check();
    }
}

#[test]
fn a_large_output_that_the_next_stage_reads() {
    if !can_see_reads() {
        return;
    }
    let repo = TestRepo::project();
    let pipeline = "\
stages:
  make:
    cmd: head -c 20000000 /dev/zero > big
    outs: [big]
  size:
    cmd: wc -c big > size.txt
    deps: [big]
    outs: [size.txt]
";
    repo.write("dvc.yaml", pipeline)
        .write(".gitignore", "/big\n/size.txt\n");
    repo.git("add .").success();
    repo.git("commit -qm big").success();
    // Opened and copied at the end of the stage, and read by 'wc'.
    assert_eq!(read_by(&repo, "run -n one", "/repo/big").len(), 3);
    assert_eq!(read_by(&repo, "run -n two", "/repo/big").len(), 0);
    repo.check();
}
