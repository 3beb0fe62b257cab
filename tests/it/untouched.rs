//! HEAD, branch, index, stash and hooks are never touched: not before, not after, and not while
//! training waits.

use crate::support::TestRepo;

/// Looks at what must not change all the time while it waits for an answer.
const TRAINER: &str = r#"set -eu
signal="$DVC_ROOT/.dvc/tmp/DVC_CHECKPOINT"
git_dir=$(git rev-parse --absolute-git-dir)
look() {
    cat "$git_dir/HEAD"
    git rev-parse HEAD refs/stash
    git symbolic-ref -q HEAD || echo detached
    md5sum < "$git_dir/index"
    git branch --format='%(refname) %(objectname)'
    git reflog --all | md5sum
    git status --porcelain -- tracked.txt staged.txt edited.txt train.sh
}
look > "$LOOK.first"
for n in 1 2 3; do
    echo "$n" >> model.pt
    : > "$signal"
    while [ -e "$signal" ]; do
        look > "$LOOK.$n"
        cmp "$LOOK.first" "$LOOK.$n"
    done
    look > "$LOOK.$n"
    cmp "$LOOK.first" "$LOOK.$n"
done
"#;

const PIPELINE: &str = "\
stages:
  train:
    cmd: exec sh train.sh
    deps:
    - train.sh
    outs:
    - model.pt:
        checkpoint: true
";

/// Every hook that git knows; each leaves a mark.
const HOOKS: [&str; 17] = [
    "applypatch-msg",
    "commit-msg",
    "post-applypatch",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "post-rewrite",
    "post-update",
    "pre-auto-gc",
    "pre-commit",
    "pre-merge-commit",
    "pre-rebase",
    "prepare-commit-msg",
    "push-to-checkout",
    "reference-transaction",
    "update",
];

/// A project with a stash, a staged file, an edited one, and hooks.
fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.write("train.sh", TRAINER)
        .write("dvc.yaml", PIPELINE)
        .write(".gitignore", "/model.pt\n")
        .write("tracked.txt", "one\n")
        .write("edited.txt", "one\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo.write("tracked.txt", "stashed\n");
    repo.git("stash -q").success();
    repo.write("staged.txt", "staged\n")
        .write("edited.txt", "edited\n");
    repo.git("add staged.txt").success();
    for hook in HOOKS {
        let path = format!(".git/hooks/{hook}");
        repo.write(&path, "#!/bin/sh\necho \"$0\" >> \"$HOOKED\"\n");
        repo.sh(&format!("chmod +x {path}")).success();
    }
    let beside = |name: &str| repo.base().join(name).display().to_string();
    repo.env("LOOK", &beside("look"))
        .env("HOOKED", &beside("hooked"));
    repo.remember();
    repo
}

#[track_caller]
fn no_hook_ran(repo: &TestRepo) {
    let marks = std::fs::read_to_string(repo.base().join("hooked")).unwrap_or_default();
    assert_eq!(marks, "");
}

#[test]
fn by_a_run_from_its_first_moment_to_its_last() {
    let repo = project();
    repo.exp("run -n calm").success();
    repo.check();
    repo.exp("run -S +new=1").refused(128);
    repo.exp("run").success();
    repo.check();
    no_hook_ran(&repo);
    assert_eq!(repo.checkpoints("calm").len(), 6);
    // What is staged is in the experiment, and still staged.
    let staged = repo.ask(&format!("show {}:staged.txt", repo.tip("calm")));
    assert_eq!(staged, "staged");
    assert!(repo.ask("status --porcelain staged.txt").starts_with("A "));
}

#[test]
fn by_any_other_command() {
    let repo = project();
    repo.exp("run -n calm").success();
    for command in [
        "apply calm~2",
        "undo",
        "apply --force calm~1",
        "undo",
        "show",
        "status",
        "diff calm~1 calm",
        "resume calm~1 -n bold",
        "remove bold",
        "undo",
        "gc -w -f",
        "branch calm kept",
    ] {
        repo.exp(command).success();
        repo.check();
    }
    no_hook_ran(&repo);
}

#[test]
fn a_detached_head_stays_detached() {
    let repo = project();
    repo.env("HOOKED", "/dev/null");
    repo.git("checkout -q --detach").success();
    repo.exp("run -n calm").success();
    repo.check();
    repo.git("symbolic-ref -q HEAD").code(1);
}

#[test]
fn locks_on_them_are_in_nobodys_way() {
    let repo = project();
    for lock in ["index", "HEAD", "refs/heads/main", "refs/stash"] {
        repo.write(&format!(".git/{lock}.lock"), "");
    }
    repo.exp("run -n calm").success();
    repo.exp("apply calm~1").success();
    repo.exp("undo").success();
    repo.check();
    no_hook_ran(&repo);
    assert!(repo.exists(".git/index.lock") && repo.exists(".git/HEAD.lock"));
}
