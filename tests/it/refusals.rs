//! Bad input: one clear message that names the place, exit status 128 or 129, and nothing changed.
//!
//! What belongs to one command stands with that command; here is what is wrong with the repository, the
//! project or the machine.

use crate::support::{Looked, TestRepo, program, skip};
use snapbox::str;
use std::os::unix::fs::MetadataExt;

/// The command is refused with this status and one message, and changes nothing at all.
#[track_caller]
fn refused(repo: &TestRepo, status: i32, words: &str) -> Looked {
    let before = everything(repo);
    let looked = repo.exp(words).refused(status);
    let said = looked.said();
    let messages = said.lines().filter(|line| {
        let labels = ["fatal: ", "error: ", "warning: ", "git exp: "];
        labels.iter().any(|label| line.starts_with(label))
    });
    assert_eq!(messages.count(), 1, "{words}: {said}");
    assert_eq!(looked.text(), "", "{words}");
    assert_eq!(everything(repo), before, "{words} changed something");
    looked
}

/// Work tree, index, HEAD, refs, configuration, cache: every file with its hash, mode and inode, but for
/// objects that no ref reaches and the lock that stays.
fn everything(repo: &TestRepo) -> String {
    let list = repo.sh(
        "find . \\( -path ./.git/objects -o -path ./.git/git-exp/run.lock -o -path ./.git/git-exp/memo \\) \
         -prune -o -type f -printf '%p %m %i ' -exec md5sum {} \\; -o ! -name git-exp ! -name locks -printf '%p %m %l\\n' | sort; \
         git for-each-ref 2>&1; true",
    );
    let text = list.success().text();
    // The folder of our state may be new, with nothing in it.
    let folders = ["./.git ", "./.git/git-exp ", ". "];
    let lines = text
        .lines()
        .filter(|line| !folders.iter().any(|folder| line.starts_with(folder)));
    lines.collect::<Vec<_>>().join("\n")
}

fn pipeline(repo: &TestRepo, text: &str) {
    repo.write("dvc.yaml", text);
}

#[test]
fn a_broken_pipeline() {
    let repo = TestRepo::tutorial();
    pipeline(&repo, "stages:\n  train:\n    cmd: [x\n    deps: y\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 4, column 9: illegal placement of ':' indicator

"#]]);
    pipeline(&repo, "stages:\n  train:\n    cmd: x\n    cmd: y\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 4, column 5: duplicate key 'cmd'

"#]]);
    pipeline(&repo, "stages:\n  train:\n    deps: [x]\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 2, column 3: stage 'train' has no 'cmd'

"#]]);
    pipeline(
        &repo,
        "stages:\n  train:\n    foreach: ${sizes}\n    do:\n      cmd: x\n",
    );
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 3, column 14: '${sizes}' in 'foreach' of stage 'train' has no value
hint: values come from 'params.yaml' and 'vars'; write '/${' for a variable of the shell

"#]]);
    pipeline(&repo, "stages:\n  train:\n    cmd: echo ${rate}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 3, column 10: '${rate}' in 'cmd' of stage 'train' has no value
hint: values come from 'params.yaml' and 'vars'; write '/${' for a variable of the shell

"#]]);
    repo.sh("rm dvc.yaml").success();
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: there is no 'dvc.yaml' in this project
hint: git exp stage add --name <name> <command>

"#]]);
    std::fs::write(repo.root().join("dvc.yaml"), b"stages: \xff\n").unwrap();
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 1: not UTF-8

"#]]);
}

/// All keys and kinds: `src/pipeline/schema/tests.rs`.
#[test]
fn values_of_the_wrong_kind() {
    let repo = TestRepo::tutorial();
    repo.write("params.yaml", "seed: 1\nlr: 1\nweight_decay: 0\n");
    for (text, at) in [
        (
            "stages:\n  train:\n    cmd: {a: b}\n",
            "line 3, column 10: 'cmd' of stage 'train' must be a command or a list of commands, not a mapping",
        ),
        (
            "stages:\n  train: {cmd: x, frozen: 1}\n",
            "line 2, column 27: 'frozen' of stage 'train' must be true or false, not '1'",
        ),
        (
            "stages:\n  train: {cmd: x, outs: [{m: {push: [x]}}]}\n",
            "line 2, column 37: 'push' of 'm' in 'outs' of stage 'train' must be true or false, not a list",
        ),
        (
            "stages:\n  train:\n    cmd: x\n    plots:\n    - m: {titel: x}\n",
            "line 5, column 11: unknown key 'titel' in 'm' in 'plots' of stage 'train'\nhint: did you mean 'title'?",
        ),
        (
            "stages:\n  train: {cmd: x, deps: ['${lr}']}\n",
            "line 2, column 26: an item of 'deps' of stage 'train' must be a path, not '1' of the template '${lr}'",
        ),
        (
            "stages: {train: {cmd: x}}\nplots:\n- p: {y: {f: 1}}\n",
            "line 3, column 14: 'f' in 'y' of plot 'p' must be text or a list, not '1'",
        ),
        (
            "stages: {train: {cmd: x}}\nartifacts: {m: {path: p, label: [x]}}\n",
            "line 2, column 26: unknown key 'label' in artifact 'm'\nhint: did you mean 'labels'?",
        ),
    ] {
        pipeline(&repo, text);
        refused(&repo, 128, "run").says(&format!("fatal: cannot parse 'dvc.yaml', {at}"));
    }
    pipeline(&repo, "stages: {train: {cmd: x}}\n");
    for (file, text, at) in [
        (
            "dvc.lock",
            "schema: '2.0'\nstages:\n  train:\n    cmd: x\n    outs:\n    - {path: m, sise: 1}\n",
            "line 6, column 17: unknown key 'sise' in entry 1 of 'outs' of stage 'train'\nhint: did you mean 'size'?",
        ),
        (
            "dvc.lock",
            "schema: '2.0'\nstages:\n  train:\n    cmd: x\n    deps: d\n",
            "line 5, column 11: 'deps' of stage 'train' must be a list, not text",
        ),
        (
            "d.dvc",
            "outs:\n- path: d\n  isexec: 1\n",
            "line 3, column 11: 'isexec' of entry 1 of 'outs' must be true or false, not '1'",
        ),
    ] {
        repo.write(file, text);
        refused(&repo, 128, "run").says(&format!("fatal: cannot parse '{file}', {at}"));
        repo.sh(&format!("rm {file}")).success();
    }
}

#[test]
fn stages_that_do_not_fit_together() {
    let repo = TestRepo::tutorial();
    pipeline(
        &repo,
        "stages:\n  a: {cmd: x, deps: [one], outs: [two]}\n  b: {cmd: x, deps: [two], outs: [one]}\n",
    );
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 2, column 3: the stages form a cycle: a -> b -> a
hint: 'a' writes 'two', which 'b' reads
hint: 'b' writes 'one', which 'a' reads

"#]]);
    pipeline(
        &repo,
        "stages:\n  a: {cmd: x, outs: [one]}\n  b: {cmd: x, metrics: [one]}\n",
    );
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 3, column 25: output 'one' of stage 'b' is also an output of stage 'a', line 2
hint: each output needs a path of its own, outside of all others

"#]]);
    pipeline(
        &repo,
        "stages:\n  a: {cmd: x, outs: [dir]}\n  b: {cmd: x, outs: [dir/one]}\n",
    );
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 3, column 22: output 'dir/one' of stage 'b' lies inside output 'dir' of stage 'a', line 2
hint: each output needs a path of its own, outside of all others

"#]]);
    pipeline(&repo, "stages:\n  a: {cmd: x, deps: [one], outs: [one]}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.yaml', line 2, column 22: stage 'a' both reads and writes 'one'
hint: an output that is read again is a checkpoint: list it in 'outs' only, with 'checkpoint: true'

"#]]);
    pipeline(&repo, "stages:\n  a: {cmd: x, outs: [../one]}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: output '../one' of stage 'a' lies outside of the project and cannot be cached
hint: say 'cache: false' of it

"#]]);
    pipeline(&repo, "stages:\n  a: {cmd: x, outs: [train.sh]}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: output 'train.sh' of stage 'a' is already tracked by git
hint: git rm -r --cached 'train.sh'

"#]]);
    pipeline(&repo, "stages:\n  a: {cmd: x, outs: [data]}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: output 'data' of stage 'a' is already tracked by git
hint: git rm -r --cached 'data'

"#]]);
    pipeline(&repo, "stages:\n  a: {cmd: x, outs: [one]}\n");
    refused(&repo, 128, "run b").stderr(str![[r#"
fatal: no stage 'b' in 'dvc.yaml'
hint: did you mean 'a'?

"#]]);
}

#[test]
fn broken_params() {
    let repo = TestRepo::tutorial();
    repo.write("params.yaml", "lr: 1\nseed: [2\nweight_decay: 0\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'params.yaml', line 3, column 13: illegal placement of ':' indicator

"#]]);
    repo.write("params.yaml", "lr: 1\nweight_decay: 0\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: params 'seed' of stage 'train' are not in 'params.yaml'

"#]]);
    repo.sh("rm params.yaml").success();
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: params file 'params.yaml' of stage 'train' does not exist

"#]]);
    repo.write("params.yaml", "lr: 1\nseed: 1\nweight_decay: 0\n");
    refused(&repo, 128, "run -S rl=2").stderr(str![[r#"
fatal: there is no param 'rl' in 'params.yaml'
hint: use -S '+rl=2' to add it

"#]]);
    refused(&repo, 128, "run -S other.yaml:lr=2").stderr(str![[r#"
fatal: there is no params file 'other.yaml'

"#]]);
    refused(&repo, 129, "run -S lr").stderr(str![[r#"
fatal: cannot understand 'lr': there is no '='

"#]]);
}

#[test]
fn names_that_cannot_be() {
    let repo = TestRepo::tutorial();
    for name in ["'a b'", "-x", "a..b", "deadbeef", "a.lock"] {
        refused(&repo, 128, &format!("run --name={name}"));
    }
    refused(&repo, 128, "run --name=a/b").stderr(str![[r#"
fatal: 'a/b' cannot be the name of an experiment: it contains '/'

"#]]);
}

#[test]
fn revisions_that_mean_several_things() {
    let repo = TestRepo::tutorial();
    repo.epochs(1).exp("run -n calm").success();
    repo.git("add dvc.lock metrics.json predictions.json")
        .success();
    repo.git("commit -qm results").success();
    repo.exp("run --reset -n calm").success();
    repo.git("commit -q --allow-empty -m more").success();
    refused(&repo, 128, "apply calm").stderr(str![[r#"
fatal: 'calm' names several experiments
hint: refs/exps/3e/7f4492be6e21e8af0057631807eca5b4e8fcb8/calm  (of 3e7f449)
hint: refs/exps/a5/2984ad09160aaf4db2024f841d9e1e3bf730b6/calm  (of a52984a)

"#]]);
    refused(&repo, 128, "branch calm kept").stderr(str![[r#"
fatal: 'calm' names several experiments
hint: refs/exps/3e/7f4492be6e21e8af0057631807eca5b4e8fcb8/calm  (of 3e7f449)
hint: refs/exps/a5/2984ad09160aaf4db2024f841d9e1e3bf730b6/calm  (of a52984a)

"#]]);
    refused(&repo, 128, "diff calm");
    refused(&repo, 128, "resume calm");
    refused(&repo, 128, "remove calm").stderr(str![[r#"
fatal: 'calm' names several experiments
hint: refs/exps/3e/7f4492be6e21e8af0057631807eca5b4e8fcb8/calm  (of 3e7f449)
hint: refs/exps/a5/2984ad09160aaf4db2024f841d9e1e3bf730b6/calm  (of a52984a)

"#]]);
    refused(&repo, 128, "apply calm~7").stderr(str![[r#"
fatal: 'calm' names several experiments
hint: refs/exps/3e/7f4492be6e21e8af0057631807eca5b4e8fcb8/calm  (of 3e7f449)
hint: refs/exps/a5/2984ad09160aaf4db2024f841d9e1e3bf730b6/calm  (of a52984a)

"#]]);
    refused(&repo, 128, "apply calm@{best:nope}").stderr(str![[r#"
fatal: 'calm' names several experiments
hint: refs/exps/3e/7f4492be6e21e8af0057631807eca5b4e8fcb8/calm  (of 3e7f449)
hint: refs/exps/a5/2984ad09160aaf4db2024f841d9e1e3bf730b6/calm  (of a52984a)

"#]]);
    refused(&repo, 128, "metrics diff clam").stderr(str![[r#"
fatal: unknown revision 'clam'
hint: did you mean 'calm'?

"#]]);
}

#[test]
fn a_damaged_lockfile() {
    let repo = TestRepo::tutorial();
    repo.epochs(1).exp("run -n calm").success();
    repo.write("dvc.lock", "schema: '2.0'\nstages:\n  train: [\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.lock', line 4, column 1: while parsing a node, did not find expected node content

"#]]);
    repo.write(
        "dvc.lock",
        "schema: '2.0'\nstages:\n  train:\n    outs:\n    - md5: 1\n",
    );
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.lock', line 5, column 12: 'md5' of entry 1 of 'outs' of stage 'train' must be 32 hex digits, not '1'

"#]]);
    repo.write("dvc.lock", "schema: '3.0'\nstages: {}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: cannot parse 'dvc.lock', line 1, column 9: 'schema' must be '2.0', not '3.0'
hint: the file may be of another version of DVC

"#]]);
}

#[test]
fn damaged_configuration() {
    let repo = TestRepo::tutorial();
    repo.write(".dvc/config", "[core\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: bad config line 1 in '[ROOT]/repo/.dvc/config': not a section

"#]]);
    repo.write(".dvc/config", "");
    repo.git("config exp.dvcFormat 7").success();
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: bad config value '7' for 'exp.dvcFormat'
hint: 'exp.dvcFormat' can be 'auto', '2' or '3'

"#]]);
    repo.git("config exp.dvcFormat auto").success();
    repo.git("config exp.pending much").success();
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: bad numeric config value 'much' for 'exp.pending'
hint: sizes are bytes, or a number with k, m or g

"#]]);
}

#[test]
fn params_that_hydra_would_compose() {
    let repo = TestRepo::tutorial();
    repo.epochs(1).exp("run -n calm").success();
    repo.write(".dvc/config", "[hydra]\n    enabled = true\n");
    for words in [
        "run",
        "run -S lr=1",
        "run --temp",
        "resume calm",
        "run --dry",
    ] {
        refused(&repo, 128, words).stderr(str![[r#"
fatal: DVC's config has Hydra compose the params ('hydra.enabled'), which is not supported
hint: use --no-hydra to take the params as they are

"#]]);
    }
    repo.exp("run --no-hydra -S lr=1 -n bold").success();
    repo.exp("resume calm --no-hydra").success();
    repo.exp("run --temp --no-hydra -S lr=2").success();
    repo.check();
}

#[test]
fn damaged_cache_objects() {
    let repo = TestRepo::tutorial();
    repo.epochs(2).exp("run -n calm").success();
    let lockfile = repo.read("dvc.lock");
    let (_, model) = lockfile.split_once("path: model.pt").unwrap();
    let (_, md5) = model.split_once(" md5: ").unwrap();
    let md5 = md5[..32].to_owned();
    let object = format!(".dvc/cache/files/md5/{}/{}", &md5[..2], &md5[2..]);
    repo.exp("apply calm~1").success();
    // Cut off.
    repo.sh(&format!(
        "chmod u+w {object} && : > {object} && chmod a-w {object}"
    ))
    .success();
    refused(&repo, 128, "apply calm").stderr(str![[r#"
fatal: damaged in the cache: '8d1a70ef29cfcc4e591c11306d4b9b5c' of 'model.pt'

"#]]);
    // Of the right size, and writable, as nobody leaves an object.
    repo.sh(&format!(
        "chmod u+w {object} && printf 'step 0 lr 0.0001\\nstep 7 lr 0.0001\\n' > {object}"
    ))
    .success();
    refused(&repo, 128, "apply calm").stderr(str![[r#"
fatal: damaged in the cache: '8d1a70ef29cfcc4e591c11306d4b9b5c' of 'model.pt'

"#]]);
    // A folder in its place.
    repo.sh(&format!("rm -f {object} && mkdir {object}"))
        .success();
    refused(&repo, 128, "apply calm").stderr(str![[r#"
fatal: not in the cache: '8d1a70ef29cfcc4e591c11306d4b9b5c' of 'model.pt'

"#]]);
}

#[test]
fn an_output_that_was_edited_through_its_link() {
    let repo = TestRepo::tutorial();
    repo.write(".dvc/config", "[cache]\n    type = hardlink\n");
    repo.git("commit -qam links").success();
    repo.epochs(2).exp("run -n calm").success();
    repo.exp("apply calm~1").success();
    repo.exp("apply calm").success();
    // The object is another name of the very file.
    repo.sh("chmod u+w model.pt && echo mine >> model.pt && chmod a-w model.pt")
        .success();
    repo.exp("run -n next")
        .success()
        .says("is damaged or not in the cache; going on from")
        .prints("Experiment 'next': fork of checkpoint");
    assert!(!repo.read("model.pt").contains("mine"));
    assert_eq!(repo.read("model.pt").lines().count(), 3);
    repo.check();
}

#[test]
fn damaged_notes() {
    let repo = TestRepo::tutorial();
    repo.epochs(2).exp("run -n calm").success();
    let notes = repo.ask("for-each-ref --format=%(refname) refs/notes/exps");
    let tip = repo.tip("calm");
    for text in ["no json", "{\"version\": \"x\"}", "[]", "{\"version\": 99}"] {
        repo.git(&format!("notes --ref={notes} add -f -m '{text}' {tip}"))
            .success();
        // Trailers and tree tell as much.
        let shown = repo.exp("show --csv").success().text();
        assert!(shown.contains(&tip[..7]), "{text}: {shown}");
        repo.exp("status").success();
        repo.exp("apply calm~1").success();
        repo.exp("apply calm").success();
        repo.exp("metrics diff calm~1 calm").success();
    }
    repo.exp("run").success().prints("resume from checkpoint");
    // A ref that is no tree of notes.
    repo.git(&format!("update-ref {notes} {tip}")).success();
    repo.exp("show --csv").success();
    repo.exp("apply calm~1").success();
    repo.git(&format!("update-ref -d {notes}")).success();
    repo.exp("show --csv").success();
    repo.exp("apply calm~1").success();
}

#[test]
fn no_place_to_work_in() {
    let repo = TestRepo::empty();
    for command in [
        "run", "show", "apply x", "status", "list", "undo", "remove x", "resume", "diff",
    ] {
        let outside = repo.sh(&format!(
            "mkdir -p ../plain && cd ../plain && git exp {command}"
        ));
        outside.refused(128).stderr(str![[r#"
fatal: not a git repository (or any of the parent directories): .git
hint: git init

"#]]);
    }
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: your current branch 'main' does not have any commits yet
hint: git add . && git commit

"#]]);
    repo.write(".dvc/config", "");
    pipeline(&repo, "stages: {a: {cmd: echo}}\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: your current branch 'main' does not have any commits yet
hint: git add . && git commit

"#]]);
    refused(&repo, 128, "apply HEAD").stderr(str![[r#"
fatal: unknown revision 'HEAD'

"#]]);
    refused(&repo, 128, "resume").stderr(str![[r#"
fatal: nothing was run or applied in this worktree yet
hint: git exp resume <experiment>
hint: git exp list --all-commits

"#]]);
    repo.exp("show").success();
    repo.exp("list").success();
    repo.exp("status").success();
}

#[test]
fn nobody_to_commit_as() {
    let repo = TestRepo::tutorial();
    repo.git("config user.useConfigOnly true").success();
    for name in [
        "GIT_AUTHOR_NAME",
        "GIT_AUTHOR_EMAIL",
        "GIT_COMMITTER_NAME",
        "GIT_COMMITTER_EMAIL",
    ] {
        repo.env(name, " ");
    }
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: committer identity unknown
hint: git config --global user.name "Your Name"
hint: git config --global user.email "you@example.com"

"#]]);
    repo.exp("show").success();
}

#[test]
fn a_bare_repository() {
    let repo = TestRepo::tutorial();
    repo.git("clone -q --bare . ../bare").success();
    for command in ["run", "show", "status", "apply main"] {
        repo.sh(&format!("cd ../bare && git exp {command}"))
            .refused(128)
            .stderr(str![[r#"
fatal: '[ROOT]/bare' is a bare repository; experiments need a work tree
hint: git worktree add <path>

"#]]);
    }
}

#[test]
fn refs_in_another_format() {
    let repo = TestRepo::empty();
    let made = repo.sh("git init -q --ref-format=reftable ../tables 2>/dev/null || echo no");
    if made.success().text() == "no\n" {
        skip("this git makes no reftable repositories");
        return;
    }
    for command in ["run", "show", "init"] {
        repo.sh(&format!("cd ../tables && git exp {command}"))
            .refused(128)
            .stderr(str![[r#"
fatal: this repository keeps its refs in 'reftable', which git exp cannot read
hint: git refs migrate --ref-format=files

"#]]);
    }
}

#[test]
fn somebody_elses_repository() {
    let repo = TestRepo::tutorial();
    if std::fs::metadata(repo.root()).unwrap().uid() != 0 || program("chown").is_none() {
        skip("only root can give a repository to somebody else");
        return;
    }
    repo.sh("chown -R 65534 .").success();
    repo.exp("run").refused(128).stderr(str![[r#"
fatal: detected dubious ownership in repository at '[ROOT]/repo'
hint: git config --global --add safe.directory [ROOT]/repo

"#]]);
    repo.exp("show").refused(128).stderr(str![[r#"
fatal: detected dubious ownership in repository at '[ROOT]/repo'
hint: git config --global --add safe.directory [ROOT]/repo

"#]]);
    let own = repo.root().display().to_string();
    repo.sh(&format!(
        "git config --file ../home/.gitconfig safe.directory {own}"
    ))
    .success();
    repo.env(
        "GIT_CONFIG_GLOBAL",
        &repo.base().join("home/.gitconfig").display().to_string(),
    );
    repo.exp("show").success();
}

#[test]
fn a_merge_that_is_not_finished() {
    let repo = TestRepo::tutorial();
    repo.git("checkout -q -b side").success();
    repo.write("params.yaml", "seed: 1\nlr: 1\nweight_decay: 0\n");
    repo.git("commit -qam side").success();
    repo.git("checkout -q main").success();
    repo.write("params.yaml", "seed: 2\nlr: 2\nweight_decay: 0\n");
    repo.git("commit -qam main").success();
    repo.git("merge -q side").code(1);
    repo.write("params.yaml", "seed: 2\nlr: 2\nweight_decay: 0\n");
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: the index has unmerged files: 'params.yaml'
hint: resolve the conflicts, then 'git add' the files

"#]]);
}

#[test]
fn a_file_in_the_place_of_a_folder() {
    let repo = TestRepo::tutorial();
    repo.write("results", "mine\n");
    pipeline(
        &repo,
        "stages:\n  a:\n    cmd: echo > results/out\n    outs: [results/out]\n",
    );
    refused(&repo, 128, "run").stderr(str![[r#"
fatal: 'results' is in the way of output 'results/out' of stage 'a': it is not a folder

"#]]);
}
