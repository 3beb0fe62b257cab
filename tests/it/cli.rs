//! `git exp` itself, and what all commands have in common.

use crate::support::TestRepo;
use snapbox::str;

#[test]
fn an_unknown_command_is_named() {
    let repo = TestRepo::empty();
    repo.exp("frobnicate").refused(1).stderr(str![[r#"
git exp: 'frobnicate' is not a git exp command. See 'git exp'.

"#]]);
}

#[test]
fn an_unknown_option_of_the_dispatcher_is_a_usage_error() {
    let repo = TestRepo::empty();
    repo.exp("--frobnicate").refused(129).stderr(str![[r#"
error: unknown option '--frobnicate'
usage: git exp <command> [<arguments>]

"#]]);
}

#[test]
fn a_command_of_somebody_else_is_found_on_path() {
    let repo = TestRepo::empty();
    repo.write("bin/git-exp-theirs", "#!/bin/sh\necho \"theirs: $*\"\n");
    repo.sh("chmod +x bin/git-exp-theirs").success();
    repo.sh("PATH=$PATH:$PWD/bin git exp theirs -a b")
        .success()
        .stdout(str![[r#"
theirs: -a b

"#]]);
}

#[test]
fn the_version_is_printed() {
    let repo = TestRepo::empty();
    repo.exp("--version")
        .success()
        .stdout(format!("git-exp version {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn ctrl_c_reaches_a_command_through_git_and_the_dispatcher() {
    let repo = TestRepo::empty();
    repo.write("git-exp-wait", "#!/bin/sh\necho waiting\nexec sleep 60\n");
    repo.sh("chmod +x git-exp-wait").success();
    let mut running = repo.start_sh("PATH=$PATH:$PWD; exec git exp wait");
    running.wait_for("waiting", 1).interrupt();
    assert_eq!(running.end().0, 130);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let repo = TestRepo::empty();
    // The reader is gone before the writer starts.
    repo.sh("{ while ! [ -e gone ]; do sleep 0.01; done; git exp; echo $? >status; } | { exec <&-; : >gone; }")
        .success();
    assert_eq!(repo.read("status"), "0\n");
}

#[test]
fn a_setting_that_nobody_understands_is_refused_by_name() {
    let repo = TestRepo::tutorial();
    repo.git("-c exp.fsync=batch exp run")
        .refused(128)
        .stderr(str![[r#"
fatal: bad config value 'batch' for 'exp.fsync'
hint: 'exp.fsync' can be 'each' only, so far

"#]]);
    repo.git("config exp.onError ignore").success();
    repo.exp("run")
        .refused(128)
        .says("fatal: bad config value 'ignore' for 'exp.onError'");
    assert!(!repo.exists("model.pt"));
}
