//! What is made from the commands' arguments: man pages, completions, the dispatcher's list.
//!
//! `GENERATE=1 cargo test --test it generated` writes the files, without it the test compares. They
//! are committed, so that nobody needs this project's tools to install it. Same input, same bytes:
//! the date stands still.

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use git_exp::command::{ALL, Entry};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stands in every page; changes by hand, with a release.
const DATE: &str = "2026-01-01";

#[test]
fn generated_files_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files();
    let write = std::env::var_os("GENERATE").is_some();
    let mut stale: Vec<String> = leftovers(root, &files)
        .into_iter()
        .map(|path| {
            if write {
                std::fs::remove_file(root.join(&path)).unwrap();
            }
            format!("{path}: no command makes it any more")
        })
        .collect();
    for (path, text) in &files {
        let path = Path::new(path);
        let there = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        if there != *text {
            stale.push(format!("{}: not as the arguments say", path.display()));
            if write {
                std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
                std::fs::write(root.join(path), text).unwrap();
            }
        }
    }
    assert!(
        write || stale.is_empty(),
        "run 'GENERATE=1 cargo test --test it generated' and commit:\n{}",
        stale.join("\n")
    );
}

/// Returns every generated file: its path in the repository and its text.
pub fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    files.insert("command-list.txt".into(), command_list());
    files.insert("man/git-exp.1".into(), overview_page());
    for entry in ALL {
        files.insert(format!("man/git-exp-{}.1", entry.name), page(entry));
    }
    files.insert("completions/_git-exp".into(), zsh());
    files.insert("completions/git-exp.fish".into(), fish());
    files
}

/// Man pages in section 1 that belong to no command.
fn leftovers(root: &Path, files: &BTreeMap<String, String>) -> Vec<String> {
    let pages = std::fs::read_dir(root.join("man")).into_iter().flatten();
    pages
        .map(|page| {
            PathBuf::from("man")
                .join(page.unwrap().file_name())
                .display()
                .to_string()
        })
        .filter(|path| path.ends_with(".1") && !files.contains_key(path))
        .collect()
}

/// The text that the dispatcher prints: `# heading` lines, and `name<TAB>what it does`.
fn command_list() -> String {
    let mut text = String::new();
    let mut heading = "";
    for entry in ALL {
        if entry.group.heading() != heading {
            heading = entry.group.heading();
            text.push_str(&format!("# {heading}\n"));
        }
        text.push_str(&format!("{}\t{}\n", entry.name, entry.about()));
    }
    text
}

fn page(entry: &Entry) -> String {
    let mut text = String::new();
    let command = entry.command();
    let man = man(command.clone(), &format!("git-exp-{}", entry.name));
    render(&mut text, |out| man.render_title(out));
    render(&mut text, |out| man.render_name_section(out));
    render(&mut text, |out| man.render_synopsis_section(out));
    render(&mut text, |out| man.render_description_section(out));
    let mut built = command;
    built.build();
    for below in built.get_subcommands().filter(|below| !below.is_hide_set()) {
        text.push_str(&subcommand(below));
    }
    render(&mut text, |out| man.render_options_section(out));
    if built.get_after_long_help().is_some() || built.get_after_help().is_some() {
        let mut extra = String::new();
        render(&mut extra, |out| man.render_extra_section(out));
        text.push_str(&extra.replacen(".SH EXTRA", ".SH NOTES", 1));
    }
    text.push_str(EXIT_STATUS);
    text.push_str(&see_also(entry));
    text.push_str(SUITE);
    text
}

/// One verb of a command that has several: a section of its command's page.
fn subcommand(command: &Command) -> String {
    let mut text = String::new();
    let man = Man::new(command.clone());
    render(&mut text, |out| man.render_synopsis_section(out));
    let mut rest = String::new();
    render(&mut rest, |out| man.render_description_section(out));
    render(&mut rest, |out| man.render_options_section(out));
    let heading = format!(".SH \"THE COMMAND {}\"", command.get_name().to_uppercase());
    let text = text.replacen(".SH SYNOPSIS", &heading, 1);
    text + &rest
        .replacen(".SH DESCRIPTION", ".PP", 1)
        .replace(".SH OPTIONS", ".SS Options")
}

fn man(command: Command, title: &str) -> Man {
    Man::new(command.display_name(title.to_owned()))
        .title(title.to_uppercase())
        .date(DATE)
        .source(concat!("git-exp ", env!("CARGO_PKG_VERSION")))
        .manual("git-exp manual")
}

fn render(text: &mut String, section: impl Fn(&mut dyn std::io::Write) -> std::io::Result<()>) {
    let mut bytes = Vec::new();
    section(&mut bytes).unwrap();
    // Each piece starts with the same definition for old readers; once is enough.
    let piece = String::from_utf8(bytes).unwrap();
    let piece = if text.is_empty() {
        piece
    } else {
        piece.replacen(".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n", "", 1)
    };
    text.push_str(&piece);
}

const EXIT_STATUS: &str = "\
.SH \"EXIT STATUS\"
.TP
0
Done.
.TP
1
The command of a stage failed.
.TP
3
The pipeline finished, but a checkpoint could not be saved.
.TP
128
Refused, missing, damaged, or the system failed; nothing was half done.
.TP
129
The command line is wrong.
.PP
A process that was stopped by a signal dies of that signal.
";

const SUITE: &str = "\
.SH GIT\\-EXP
Part of the \\fBgit\\-exp\\fR(1) suite
";

/// The overview, the layout, and the other commands of the same group.
fn see_also(entry: &Entry) -> String {
    let near = ALL
        .iter()
        .filter(|other| other.group == entry.group && other.name != entry.name)
        .map(|other| format!("\\fBgit\\-exp\\-{}\\fR(1)", other.name));
    let pages = [
        "\\fBgit\\-exp\\fR(1)".to_owned(),
        "\\fBgitexp\\-layout\\fR(5)".to_owned(),
    ];
    let list: Vec<String> = pages.into_iter().chain(near).collect();
    format!(".SH \"SEE ALSO\"\n{}\n", list.join(",\n"))
}

/// The page that `git help exp` shows.
fn overview_page() -> String {
    let mut text = String::new();
    let man = man(
        Command::new("git-exp").about("Checkpoints for training runs, inside git"),
        "git-exp",
    );
    render(&mut text, |out| man.render_title(out));
    render(&mut text, |out| man.render_name_section(out));
    text.push_str(".SH SYNOPSIS\n\\fBgit exp\\fR <command> [<arguments>]\n");
    text.push_str(include_str!("../../man/overview.roff"));
    let mut heading = "";
    text.push_str(".SH COMMANDS\n");
    for entry in ALL {
        if entry.group.heading() != heading {
            heading = entry.group.heading();
            text.push_str(&format!(".SS {heading}\n"));
        }
        text.push_str(&format!(
            ".TP\n\\fBgit\\-exp\\-{}\\fR(1)\n{}\n",
            entry.name,
            entry.about().replace('-', "\\-")
        ));
    }
    text.push_str(EXIT_STATUS);
    text.push_str(
        ".SH \"SEE ALSO\"\n\\fBgitexp\\-layout\\fR(5),\n\\fBgit\\fR(1),\n\\fBgit\\-notes\\fR(1)\n",
    );
    text
}

/// All commands as one, as the shells see `git-exp`.
fn suite() -> Command {
    let commands = ALL.iter().map(|entry| entry.command().name(entry.name));
    Command::new("git-exp")
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .subcommands(commands)
}

fn completion(shell: Shell) -> String {
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut suite(), "git-exp", &mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let hidden = hidden_options();
    let is_hidden = |line: &&str| {
        hidden.iter().any(|long| {
            let spellings = [
                format!("--{long}["),
                format!("--{long}=["),
                format!("-l {long} "),
            ];
            spellings.iter().any(|spelling| line.contains(spelling))
        })
    };
    let lines = text.lines().filter(|line| !is_hidden(line));
    lines.map(|line| format!("{line}\n")).collect()
}

/// What one command asks of another; nobody types it, and no other option is called so.
fn hidden_options() -> Vec<String> {
    let (mut hidden, mut shown) = (Vec::new(), Vec::new());
    for option in ALL.iter().flat_map(|entry| options(entry.command())) {
        match option.is_hide_set() {
            true => hidden.extend(option.get_long().map(str::to_owned)),
            false => shown.extend(option.get_long().map(str::to_owned)),
        }
    }
    hidden.retain(|long| !shown.contains(long));
    hidden
}

fn options(command: Command) -> Vec<clap::Arg> {
    let own: Vec<clap::Arg> = command.get_opts().cloned().collect();
    let below = command.get_subcommands().cloned().flat_map(options);
    own.into_iter().chain(below).collect()
}

/// zsh calls `_git-exp` for `git exp`; revisions complete to experiments.
fn zsh() -> String {
    let mut text = String::new();
    for line in completion(Shell::Zsh).lines() {
        let names = ["revision", "experiment"];
        let line = match line.strip_suffix(":_default' \\") {
            Some(head) if names.iter().any(|name| head.contains(name)) => {
                format!(
                    "{head}:{{compadd -- ${{(f)\"$(git exp list --name-only 2>/dev/null)\"}}}}' \\"
                )
            }
            _ => line.to_owned(),
        };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// fish completes `git exp …` as `git-exp …`; revisions complete to experiments.
fn fish() -> String {
    let mut text = completion(Shell::Fish);
    let takes_names: Vec<&str> = ALL
        .iter()
        .filter(|entry| {
            entry.command().get_positionals().any(|argument| {
                let name = argument.get_id().as_str();
                name.contains("revision") || name.contains("experiment")
            })
        })
        .map(|entry| entry.name)
        .collect();
    for entry in ALL {
        let command = entry.command();
        let options = command.get_opts().filter(|option| {
            let mut values = option.get_value_names().into_iter().flatten();
            values.any(|name| name.as_str() == "experiment")
        });
        for long in options.filter_map(|option| option.get_long()) {
            let line = format!(
                "complete -c git-exp -n \"__fish_seen_subcommand_from {}\" -l {long} -x -a \"(git exp list --name-only 2>/dev/null)\"\n",
                entry.name
            );
            text.push_str(&line);
        }
    }
    if !takes_names.is_empty() {
        text.push_str(&format!(
            "complete -c git-exp -n \"__fish_seen_subcommand_from {}\" -f -a \"(git exp list --name-only 2>/dev/null)\"\n",
            takes_names.join(" ")
        ));
    }
    text.push_str(FISH_UNDER_GIT);
    text
}

/// fish hands 'git exp …' on to 'git-exp …' in some versions only.
const FISH_UNDER_GIT: &str = r#"
# 'git exp …' is completed as 'git-exp …': source this file from config.fish.
function __fish_git_exp_under_git
    set -l words (commandline -opc)
    test (count $words) -ge 2; and test "$words[2]" = exp
end

function __fish_git_exp_words_under_git
    set -l words (commandline -opc)
    complete -C (string join ' ' -- git-exp $words[3..] (commandline -ct))
end

complete -c git -n __fish_git_exp_under_git -f -a "(__fish_git_exp_words_under_git)"
"#;

#[test]
fn pages_have_no_warnings() {
    if crate::support::program("man").is_none() {
        return crate::support::skip("no 'man' to check the pages with");
    }
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    for page in std::fs::read_dir(pages).unwrap() {
        let page = page.unwrap().path();
        if page.extension().is_some_and(|kind| kind == "roff") {
            continue;
        }
        let output = std::process::Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&page)
            .env("MANWIDTH", "80")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "{}: {said}",
            page.display()
        );
    }
}
