//! `git exp show` beside both DVCs, over the same repository: JSON byte for byte, CSV line by line.

use crate::interop::same_json;
use crate::support::{TestRepo, oracle};
use std::path::Path;

/// A trainer that signals through DVC 2's own function.
const TRAINER: &str = "\
import json, os
from dvc.api import make_checkpoint
lr = float(next(l for l in open('params.yaml') if l.startswith('lr')).split()[1])
start = int(open('model.txt').read()) + 1 if os.path.exists('model.txt') else 0
for step in range(start, start + 2):
    open('model.txt', 'w').write(str(step))
    with open('metrics.json', 'w') as file:
        json.dump({'step': step, 'loss': 1 / (1 + step + lr), 'nested': {
            'acc': 0.123456789 * (step + 1), 'big': 411522.63033, 'small': 3.7e-7,
            'text': 'a,\\u00e9\\\"', 'ok': True, 'list': [1, 2], 'none': None}}, file)
    make_checkpoint()
";

const PIPELINE: &str = "\
stages:
  train:
    cmd: python3 train.py
    deps:
    - data
    - train.py
    params:
    - lr
    outs:
    - model.txt:
        checkpoint: true
    metrics:
    - metrics.json:
        cache: false
params:
- more.json
";

/// A repository with a chain and a fork of it that DVC 2 made.
fn made_by_dvc(dvc: &Path) -> TestRepo {
    let repo = TestRepo::project();
    // DVC's Python has the 'dvc' that the trainer imports
    let folder = dvc.parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    repo.env("PATH", &format!("{folder}:{}", with_ours(&path)))
        .env("COLUMNS", "200");
    repo.write("train.py", TRAINER)
        .write("dvc.yaml", PIPELINE)
        .write("data/a.txt", "a\n")
        .write("data/b.txt", "b\n")
        .write(
            "params.yaml",
            "lr: 0.1\nlist: [1, 2.5, x]\nin: {flag: true, none: null, text: 'a,b'}\nsmall: 1e-05\n",
        )
        .write("more.json", "{\"depth\": 3}\n")
        .write(".gitignore", "/model.txt\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    run(&repo, dvc, "exp run -n first");
    let middle = format!("{}~1", repo.tip("first"));
    run(&repo, dvc, &format!("exp apply {middle}"));
    run(&repo, dvc, "exp run -S lr=0.9 -n second");
    repo
}

/// The harness puts our binaries first; so must we, in front of DVC's.
fn with_ours(path: &str) -> String {
    let ours = Path::new(env!("CARGO_BIN_EXE_git-exp")).parent().unwrap();
    format!("{}:{path}", ours.display())
}

fn run(repo: &TestRepo, dvc: &Path, words: &str) -> String {
    let output = repo
        .command(dvc.to_str().unwrap())
        .args(words.split(' '))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "dvc {words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn prints_what_dvc_2_prints() {
    let Some(dvc) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = made_by_dvc(&dvc);
    let ours = repo.exp("show --json").success().text();
    assert_eq!(ours, run(&repo, &dvc, "exp show --json -f"));

    // DVC 2 repeats shared checkpoints and leaves the fork mark empty; all other lines are the same
    let theirs = run(&repo, &dvc, "exp show --csv");
    let ours = repo.exp("show --csv").success().text();
    let mut mark = 0;
    for line in ours.lines() {
        let same = theirs.lines().any(|other| other == line);
        let fields: Vec<&str> = line.split(',').collect();
        if !same && fields[4].len() == 7 {
            mark += 1;
            let unmarked = line.replacen(&format!(",{},", fields[4]), ",,", 1);
            assert!(theirs.lines().any(|other| other == unmarked), "{line}");
        } else {
            assert!(same, "{line}\nis not in\n{theirs}");
        }
    }
    assert_eq!(mark, 1, "{ours}");
    assert!(ours.contains("\r\n"));

    // names and order are DVC's as well
    let names = run(&repo, &dvc, "exp list --name-only");
    assert_eq!(repo.exp("list --name-only").success().text(), names);
}

#[test]
fn prints_what_dvc_3_prints() {
    let (Some(dvc2), Some(dvc3)) = (oracle("GIT_EXP_DVC2"), oracle("GIT_EXP_DVC3")) else {
        return;
    };
    let repo = made_by_dvc(&dvc2);
    // beside stages: a file that 'dvc add' tracks
    repo.write("loose.txt", "x").write(
        "loose.txt.dvc",
        "outs:\n- md5: 9dd4e461268c8034f5c8564e155c67a6\n  size: 1\n  path: loose.txt\n",
    );
    let ours = repo.exp("show --json").success().text();
    let theirs = run(&repo, &dvc3, "exp show --json -f");
    same_json(&ours, &theirs);
    let ours = repo.exp("list").success().text();
    assert_eq!(ours, run(&repo, &dvc3, "exp list"));
}
