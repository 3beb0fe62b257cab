//! `git exp init`: the files of `dvc init`, and nothing else.

use crate::support::TestRepo;
use snapbox::str;

#[test]
fn makes_a_repository_ready_and_stages_nothing() {
    let repo = TestRepo::empty();
    repo.exp("init").success().stdout(str![]).stderr(str![[r#"
Initialized '.dvc'.

To track it with git, run:

	git add .dvc/.gitignore .dvc/config .dvcignore

"#]]);
    // the bytes of DVC 2.58.2
    assert_eq!(
        repo.read(".dvc/.gitignore"),
        "/config.local\n/tmp\n/cache\n"
    );
    assert_eq!(repo.read(".dvc/config"), "");
    assert_eq!(
        repo.read(".dvcignore"),
        "# Add patterns of files dvc should ignore, which could improve\n\
         # the performance. Learn more at\n\
         # https://dvc.org/doc/user-guide/dvcignore\n"
    );
    assert!(repo.exists(".dvc/tmp"));
    assert_eq!(
        repo.ask("status --porcelain --untracked-files=all"),
        "?? .dvc/.gitignore\n?? .dvc/config\n?? .dvcignore"
    );
    repo.check();
}

#[test]
fn a_project_is_left_alone_without_force() {
    let repo = TestRepo::empty();
    repo.exp("init -q").success().stderr(str![]);
    repo.write(".dvc/config", "[core]\n    remote = s\n")
        .write(".dvc/cache/files/md5/ab/cd", "weights")
        .write(".dvcignore", "mine\n");
    repo.exp("init").refused(128).stderr(str![[r#"
fatal: this is a project already: '.dvc' exists
hint: use --force to make its config new; the cache is kept

"#]]);
    repo.exp("init --dvc-format 2")
        .refused(128)
        .stderr(str![[r#"
fatal: this is a project already: '.dvc' exists
hint: git config exp.dvcFormat 2
hint: use --force to make its config new; the cache is kept

"#]]);
    repo.exp("init --force").success().stderr(str![[r#"
Initialized '.dvc'.
The old config is in '.dvc/tmp/config.old.1'.

To track it with git, run:

	git add .dvc/.gitignore .dvc/config .dvcignore

"#]]);
    assert_eq!(repo.read(".dvc/config"), "");
    assert_eq!(
        repo.read(".dvc/tmp/config.old.1"),
        "[core]\n    remote = s\n"
    );
    assert_eq!(repo.read(".dvc/cache/files/md5/ab/cd"), "weights");
    assert_eq!(repo.read(".dvcignore"), "mine\n");
}

#[test]
fn a_folder_below_the_top_has_to_be_meant() {
    let repo = TestRepo::empty();
    repo.write("sub/file", "");
    repo.sh("cd sub && git exp init")
        .refused(128)
        .stderr(str![[r#"
fatal: '[ROOT]/repo/sub' is not the top of the work tree
hint: cd '[ROOT]/repo'
hint: use --subdir to make a project in a subdirectory

"#]]);
    assert!(!repo.exists("sub/.dvc"));
    repo.sh("cd sub && git exp init --subdir --quiet").success();
    assert!(repo.exists("sub/.dvc/config") && repo.exists("sub/.dvcignore"));
    assert!(!repo.exists(".dvc"));
}

#[test]
fn the_format_goes_into_the_config_of_git() {
    let repo = TestRepo::empty();
    repo.exp("init --quiet --dvc-format 2").success();
    assert_eq!(repo.ask("config --local exp.dvcFormat"), "2");
    let repo = TestRepo::empty();
    repo.exp("init --quiet").success();
    repo.git("config --local exp.dvcFormat").code(1);
    repo.exp("init --force --dvc-format 4").refused(129);
}

#[test]
fn what_git_ignores_is_no_place_for_a_project() {
    let repo = TestRepo::empty();
    repo.write(".gitignore", ".*\n");
    repo.exp("init").refused(128).stderr(str![[r#"
fatal: git ignores '.dvc'
hint: git check-ignore -v '.dvc'
hint: add '!.dvc' to '.gitignore'

"#]]);
    assert!(!repo.exists(".dvc"));
}

#[test]
fn without_a_repository_the_way_to_one_is_named() {
    let repo = TestRepo::empty();
    repo.sh("mkdir ../plain && cd ../plain && git exp init")
        .refused(128)
        .stderr(str![[r#"
fatal: not a git repository (or any of the parent directories): .git
hint: git init

"#]]);
}
