//! `tests/tutorial/checkpoints.md`, run: every command through the real git and our binaries.
//!
//! After each `git exp` that may write, git is asked whether all is well and untouched (`TestRepo::check`). How the
//! page is compared with what happens is said at its top.

mod page;

use crate::support::TestRepo;
use page::{Block, Known};
use std::path::Path;

const PAGE: &str = include_str!("../tutorial/checkpoints.md");

#[test]
fn every_step_does_what_the_page_says() {
    let repo = TestRepo::empty();
    repo.env("COLUMNS", "120").env("LC_ALL", "C.UTF-8");
    let mut known = Known::of(PAGE);
    for block in page::blocks(PAGE) {
        match block {
            Block::File { path, text } => {
                repo.write(&path, text);
            }
            Block::Same { path, text } => {
                let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(&path);
                let file = std::fs::read_to_string(file).unwrap();
                assert!(file.contains(&text), "'{path}' is not what the page has");
            }
            Block::Command { line, output } => step(&repo, &mut known, &line, &output),
        }
    }
}

fn step(repo: &TestRepo, known: &mut Known, line: &str, expected: &str) {
    let command = known.replaced(line);
    repo.remember();
    let (code, printed) = match expected.split_once("^C\n") {
        None => {
            let output = repo.command("sh").args(["-c", &merged(&command)]).output();
            let output = output.unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            (output.status.code().unwrap(), text)
        }
        Some((before, _)) => {
            let mut running = repo.start_sh(&merged(&command));
            let saved = "Checkpoint experiment iteration";
            running
                .wait_for(saved, before.matches(saved).count())
                .interrupt();
            let (code, text) = running.end();
            assert_eq!(code, 130, "{line}\n{text}");
            (0, text)
        }
    };
    assert_eq!(code, 0, "{line}\n{printed}");
    if let Err(why) = known.compare(&expected.replace("^C\n", ""), &printed) {
        panic!("{why}\n$ {line}\n{printed}");
    }
    let reads = ["git exp show", "git exp list", " diff "];
    if line.contains("git exp ") && !reads.iter().any(|read| line.contains(read)) {
        repo.check();
    }
}

/// Both streams in one, as on a terminal.
fn merged(command: &str) -> String {
    format!("{{ {command}\n}} 2>&1")
}
