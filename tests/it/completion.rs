//! Completions, tried in the shells themselves: commands, verbs, options and names of experiments.

use crate::support::{TestRepo, program, skip};
use std::path::Path;

/// What is typed, and what it becomes. Blanks at the end differ from shell to shell.
const TYPED: &[(&str, &str)] = &[
    ("git exp chec", "git exp checkpoint"),
    ("git exp metrics di", "git exp metrics diff"),
    ("git exp gc --dry-r", "git exp gc --dry-run"),
    (
        "git exp metrics diff --no-pa",
        "git exp metrics diff --no-path",
    ),
    ("git exp apply sil", "git exp apply silken-swallow"),
    (
        "git exp checkpoint --run sil",
        "git exp checkpoint --run silken-swallow",
    ),
];

fn trained() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(1).exp("run -n silken-swallow").success();
    repo
}

fn completions() -> String {
    format!("{}/completions", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a script that prints the completed words of each line of `TYPED`, a line each.
#[track_caller]
fn assert_completes(repo: &TestRepo, shell: &[&str], script: &str) {
    let mut command = repo.command(shell[0]);
    command.args(&shell[1..]).arg(script).arg(completions());
    let output = command.args(TYPED.iter().map(|(typed, _)| typed)).output();
    let output = output.unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = printed.lines().map(str::trim_end).collect();
    let expected: Vec<&str> = TYPED.iter().map(|(_, completed)| *completed).collect();
    assert_eq!(lines, expected, "{said}");
}

#[test]
fn bash_completes_commands_options_and_names() {
    const GIT: &str = "/usr/share/bash-completion/completions/git";
    if program("bash").is_none() || !Path::new(GIT).exists() {
        return skip("no 'bash' with git's completion");
    }
    let script = r#"
source /usr/share/bash-completion/completions/git
source "$0/git-exp.bash"
for COMP_LINE in "$@"; do
    COMP_WORDS=($COMP_LINE) COMP_POINT=${#COMP_LINE} COMPREPLY=()
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    __git_wrap__git_main
    unset 'COMP_WORDS[COMP_CWORD]'
    echo "${COMP_WORDS[*]} ${COMPREPLY[*]}"
done
"#;
    assert_completes(&trained(), &["bash", "--norc", "-c"], script);
}

#[test]
fn zsh_completes_commands_options_and_names() {
    if program("zsh").is_none() {
        return skip("no 'zsh'");
    }
    // a terminal of its own: what stands there after Tab
    let script = r#"
zmodload zsh/zpty
zpty -b z "zsh -f -i"
zpty -w z "unset zle_bracketed_paste; PS1=; fpath=($0 \$fpath); autoload -U compinit; compinit -u -D"
zpty -w z "show() { print -r -- \"<\$BUFFER>\"; BUFFER= }; zle -N show; bindkey '^X' show; print REA''DY"
zpty -r -m z out '*READY*'
for line in "$@"; do
    zpty -n -w z "$line"$'\t\x18'
    zpty -r -m z out '*<git*>*'
    out=${out##*<}
    print -r -- "${out%%>*}"
done
zpty -d z
"#;
    assert_completes(&trained(), &["zsh", "-f", "-c"], script);
}

#[test]
fn fish_completes_commands_options_and_names() {
    if program("fish").is_none() {
        return skip("no 'fish'");
    }
    let script = r#"
source $argv[1]/git-exp.fish
for line in $argv[2..]
    set -l found (complete -C $line | string split -f 1 \t)
    echo (string replace -r '[^ ]*$' '' -- $line)$found
end
"#;
    assert_completes(&trained(), &["fish", "-c"], script);
}
