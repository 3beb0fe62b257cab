//! Pipelines as real repositories have them: each small project of `tests/fixtures/corpus` is run by DVC
//! and by us, and must come to the same: stages and their order, resolved commands, `dvc.lock` files
//! byte for byte, `.dvc` files, objects of the cache. A second run finds nothing to do, a change reruns
//! the same stages, and each tool calls the other's work done.

mod fixture;

use crate::support::{TestRepo, oracle};
use fixture::Fixture;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A DVC that answers requests.
struct Dvc {
    /// Its home.
    _home: TestRepo,
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Dvc {
    fn start(program: &Path) -> Dvc {
        let home = TestRepo::empty();
        let python = program.with_file_name("python");
        let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/corpus/driver.py");
        let mut process = home
            .command(python.to_str().unwrap())
            .arg(driver)
            .env("DVC_NO_ANALYTICS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Dvc {
            _home: home,
            process,
            answers,
        }
    }

    fn ask(&mut self, repo: &TestRepo, fixture: &Fixture, what: &str) {
        let request = json!({
            "dir": repo.root().join(&fixture.folder),
            "do": what,
            "targets": fixture.targets,
        });
        let input = self.process.stdin.as_mut().unwrap();
        writeln!(input, "{request}").unwrap();
    }

    fn answer(&mut self) -> Value {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Dvc {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ended = self.process.wait();
    }
}

/// What stands in a fixture for a folder outside of all repositories, the same for both tools.
const OUTSIDE: &str = "[OUTSIDE]";

fn write(repo: &TestRepo, files: &[(String, String)], outside: &Path) {
    let outside = outside.to_str().unwrap();
    for (path, text) in files {
        let path = path.replace(OUTSIDE, outside);
        repo.write(&path, text.replace(OUTSIDE, outside));
    }
}

fn project(fixture: &Fixture, format: &str, outside: &Path) -> TestRepo {
    let repo = match fixture.project.as_str() {
        "" => TestRepo::project(),
        folder => {
            let repo = TestRepo::empty();
            repo.write(&format!("{folder}/.dvc/config"), "");
            let ignored = "/config.local\n/tmp\n/cache\n";
            repo.write(&format!("{folder}/.dvc/.gitignore"), ignored);
            repo
        }
    };
    write(&repo, &fixture.files, outside);
    repo.git("add .").success();
    repo.git("commit -q -m project").success();
    repo.git(&format!("config exp.dvcFormat {format}"))
        .success();
    repo
}

/// Returns the stages that a run of ours started, in order.
fn run(repo: &TestRepo, fixture: &Fixture, words: &str) -> Vec<String> {
    let here = match fixture.folder.as_str() {
        "" => ".",
        folder => folder,
    };
    let targets = fixture.targets.join(" ");
    let run = repo.sh(&format!("cd {here} && git exp run {words} {targets}"));
    run.success().started()
}

fn set(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

fn names(answer: &Value, key: &str, about: &str) -> Vec<String> {
    let list = answer[key].as_array();
    let list = list.unwrap_or_else(|| panic!("{about}: DVC says {answer}"));
    let names = list.iter().map(|name| name.as_str().unwrap().to_owned());
    names.collect()
}

/// Returns the files that say what was run: by path their bytes.
///
/// DVC 2 runs stages that do not wait for each other in any order, and records them in that.
fn records(repo: &TestRepo, format: &str) -> BTreeMap<PathBuf, String> {
    let root = repo.root();
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_str().unwrap();
            if entry.file_type().unwrap().is_dir() {
                if name != ".git" && name != ".dvc" {
                    folders.push(path);
                }
            } else if name == "dvc.lock" || name.ends_with(".dvc") || name == ".gitignore" {
                let mut text = std::fs::read_to_string(&path).unwrap();
                if name == ".gitignore" {
                    // stages that do not wait for each other come in any order
                    let mut lines: Vec<&str> = text.lines().collect();
                    lines.sort_unstable();
                    text = lines.join("\n");
                } else if name == "dvc.lock" && format == "2" {
                    text = with_sorted_stages(&text);
                }
                found.insert(path.strip_prefix(root).unwrap().to_owned(), text);
            }
        }
    }
    found
}

fn with_sorted_stages(text: &str) -> String {
    let mut stages: Vec<String> = Vec::new();
    for line in text.lines() {
        let is_name = line.starts_with("  ") && !line.starts_with("   ");
        match stages.last_mut() {
            Some(stage) if !is_name => {
                stage.push('\n');
                stage.push_str(line);
            }
            _ => stages.push(line.to_owned()),
        }
    }
    stages.sort_unstable();
    stages.join("\n")
}

/// Returns the objects of the cache, without what only the run cache needs, and without the listings
/// that DVC 3 makes in passing of folders that DVC 2 recorded.
fn objects(project: &Path, format: &str) -> BTreeSet<String> {
    let cache = project.join(".dvc/cache");
    let mut found = BTreeSet::new();
    let mut folders = vec![cache.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().unwrap() != "runs" {
                    folders.push(path);
                }
            } else {
                let name = path.strip_prefix(&cache).unwrap();
                let name = name.to_str().unwrap();
                let is_in_passing = !name.starts_with("files") && name.ends_with(".dir");
                if format == "2" || !is_in_passing {
                    found.insert(name.to_owned());
                }
            }
        }
    }
    found
}

fn alone(fixture: &Fixture) {
    let about = &fixture.name;
    let outside = tempfile::tempdir().unwrap();
    let repo = project(fixture, "auto", outside.path());
    if let Some(why) = &fixture.refused {
        let here = repo.root().join(&fixture.folder);
        let targets = fixture.targets.join(" ");
        repo.sh(&format!("cd {} && git exp run {targets}", here.display()))
            .refused(128)
            .says(why);
        return;
    }
    run(&repo, fixture, "");
    let recorded = records(&repo, "auto");
    let again = run(&repo, fixture, "");
    let always: Vec<String> = fixture.always.clone();
    assert_eq!(set(&again), set(&always), "{about}: a second run");
    assert_eq!(records(&repo, "auto"), recorded, "{about}: a second run");
    write(&repo, &fixture.changes, outside.path());
    let rerun = run(&repo, fixture, "");
    let reruns: BTreeSet<&str> = set(&fixture.reruns).union(&set(&always)).copied().collect();
    assert_eq!(set(&rerun), reruns, "{about}: after the change");
}

/// Runs a project with both, and compares after each step.
fn beside(dvc: &mut Dvc, fixture: &Fixture, format: &str) {
    let about = &format!("{} ({format})", fixture.name);
    let outside = tempfile::tempdir().unwrap();
    let make = || project(fixture, format, outside.path());
    let (ours, theirs) = (make(), make());
    if fixture.refused.is_some() {
        dvc.ask(&theirs, fixture, "reproduce");
        let answer = dvc.answer();
        assert!(
            answer["error"].is_string(),
            "{about}: DVC runs it: {answer}"
        );
        return;
    }
    for step in ["first", "second", "changed"] {
        let about = &format!("{about}, {step}");
        if step == "changed" {
            for repo in [&ours, &theirs] {
                write(repo, &fixture.changes, outside.path());
            }
        }
        dvc.ask(&theirs, fixture, "reproduce");
        let started = run(&ours, fixture, "");
        let done = dvc.answer();
        let ran = names(&done, "ran", about);
        assert_eq!(set(&started), set(&ran), "{about}");
        let said = [&fixture.reruns[..], &fixture.always].concat();
        match step {
            "first" => {}
            "second" => assert_eq!(set(&started), set(&fixture.always), "{about}"),
            _ => assert_eq!(set(&started), set(&said), "{about}"),
        }
        let (own, other) = (records(&ours, format), records(&theirs, format));
        for (path, text) in &other {
            let ours = own.get(path).map(String::as_str).unwrap_or_default();
            assert_eq!(ours, text, "{about}: {}", path.display());
        }
        assert_eq!(own.len(), other.len(), "{about}: {own:?}");
        if step == "second" {
            continue;
        }
        for edge in done["edges"].as_array().unwrap() {
            let place = |name: &Value| started.iter().position(|it| name == it);
            if let (Some(reader), Some(writer)) = (place(&edge[0]), place(&edge[1])) {
                assert!(writer < reader, "{about}: {edge} in {started:?}");
            }
        }
        let uncached = names(&done, "uncached", about);
        let is_cached = |name: &&String| {
            let md5 = name.replace("files/md5/", "").replace('/', "");
            !uncached.contains(&md5)
        };
        let cached = |repo: &TestRepo| objects(&repo.root().join(&fixture.project), format);
        let (own, other) = (cached(&ours), cached(&theirs));
        assert_eq!(
            own.iter().filter(is_cached).collect::<Vec<_>>(),
            other.iter().filter(is_cached).collect::<Vec<_>>(),
            "{about}: the cache"
        );
        dvc.ask(&ours, fixture, "status");
        let left = run(&theirs, fixture, "--dry");
        assert_eq!(set(&left), set(&fixture.always), "{about}: left by DVC");
        let status = dvc.answer();
        // what lies outside is named in full
        let base = |repo: &TestRepo| repo.base().to_str().unwrap().to_owned();
        let there = status["status"].to_string();
        assert_eq!(
            there.replace(&base(&ours), &base(&theirs)),
            done["status"].to_string(),
            "{about}: the status of our run, and of DVC's"
        );
    }
}

/// How many projects are at work at a time: most of it is waiting for the disk.
const WORKERS: usize = 4;

/// Calls a check of each worker with each project, and fails in the end if one has failed.
fn for_all<C: FnMut(&Fixture)>(corpus: &[Fixture], worker: impl Fn() -> C + Sync) {
    assert!(!corpus.is_empty());
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(BTreeSet::new());
    let work = || {
        let mut check = worker();
        while let Some(fixture) = corpus.get(next.fetch_add(1, Ordering::Relaxed)) {
            if catch_unwind(AssertUnwindSafe(|| check(fixture))).is_err() {
                failed.lock().unwrap().insert(&fixture.name);
                // whatever it was asked last is not an answer to what comes
                check = worker();
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed: {failed:?}");
}

#[test]
fn each_project_runs_once_and_again_after_a_change() {
    if std::env::var_os("GIT_EXP_DVC3").is_some() {
        // beside DVC the same is looked at, and more
        return;
    }
    for_all(&Fixture::all(), || alone);
}

#[test]
fn dvc_3_and_we_come_to_the_same() {
    let Some(program) = oracle("GIT_EXP_DVC3") else {
        return;
    };
    for_all(&Fixture::all(), || {
        let mut dvc = Dvc::start(&program);
        move |fixture: &Fixture| beside(&mut dvc, fixture, "3")
    });
}

#[test]
fn dvc_2_and_we_come_to_the_same() {
    let Some(program) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let corpus = Fixture::all().into_iter();
    let corpus: Vec<Fixture> = corpus.filter(|fixture| !fixture.is_for_3).collect();
    for_all(&corpus, || {
        let mut dvc = Dvc::start(&program);
        move |fixture: &Fixture| beside(&mut dvc, fixture, "2")
    });
}
