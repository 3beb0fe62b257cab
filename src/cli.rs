//! `main` of every binary: context, global options, errors, exit status.
//!
//! This is the one place where an [`crate::error::Error`] becomes a message and an exit status, and where the
//! repository is opened. Everything a person reads is worded in git's manner: usage errors exit
//! with 129, `-h` with 0, a closed pipe ends silently, and a process that was stopped by a signal
//! dies of that signal, as shells and git expect of it.

use crate::error::{Kind, Result};
use crate::store::Store;
use crate::ui::out::Out;
use crate::ui::progress;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::cell::OnceCell;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// What a command is given.
#[derive(Default)]
pub struct Context {
    /// The screen.
    pub out: Out,
    store: OnceCell<Store>,
}

impl Context {
    /// Opens the repository of the current folder, once. Errors outside of one.
    pub fn store(&self) -> Result<&Store> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let store = Store::open(Path::new("."))?;
        progress::show(store.progress(), &self.out);
        Ok(self.store.get_or_init(|| store))
    }
}

/// Parses the arguments, runs, maps errors to messages and exit status.
pub fn main<A: clap::Parser>(run: fn(&mut Context, A) -> Result<()>) -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let mut context = Context::default();
    let command = with_global_options(A::command());
    if let Some(answer) = completion_answer(&command, &words) {
        return finish(&context.out, context.out.print(&answer));
    }
    let arguments = command.try_get_matches_from(words).and_then(|mut matches| {
        context.out.quiet = global_flag(&matches, QUIET);
        context.out.verbose = global_flag(&matches, VERBOSE);
        A::from_arg_matches_mut(&mut matches)
    });
    let result = match arguments {
        Ok(arguments) => run(&mut context, arguments),
        Err(stop) => return answer_clap(&context.out, &stop),
    };
    finish(&context.out, result)
}

const QUIET: &str = "git-exp-quiet";
const VERBOSE: &str = "git-exp-verbose";

/// Returns `command` with what every command accepts: `-q`, `-v` and `--version`.
///
/// Manual pages and completions are made from this, so that they show what is accepted.
pub fn with_global_options(command: Command) -> Command {
    let flag = |id: &'static str, short, long, help| {
        Arg::new(id)
            .short(short)
            .long(long)
            .help(help)
            .action(ArgAction::SetTrue)
            .global(true)
            .display_order(1000)
    };
    command
        .arg(flag(
            QUIET,
            'q',
            "quiet",
            "Print results and errors, no status",
        ))
        .arg(flag(VERBOSE, 'v', "verbose", "Print more about what is done").overrides_with(QUIET))
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(
            Arg::new("git-exp-version")
                .long("version")
                .help("Print the version")
                .action(ArgAction::Version)
                .display_order(1001),
        )
        .disable_help_subcommand(true)
        .subcommand_help_heading("Commands")
}

/// Returns whether a global flag stands before or behind a subcommand.
fn global_flag(matches: &ArgMatches, id: &str) -> bool {
    let here = matches
        .try_get_one::<bool>(id)
        .is_ok_and(|flag| flag.copied().unwrap_or(false));
    here || matches
        .subcommand()
        .is_some_and(|(_, below)| global_flag(below, id))
}

/// Prints what clap has to say: help and version to standard output, errors in git's manner.
fn answer_clap(out: &Out, stop: &clap::Error) -> ExitCode {
    if !stop.use_stderr() {
        let text = stop.render();
        let text = if out.colour() {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        return finish(out, out.print(&text));
    }
    out.usage_error(&in_gits_words(&stop.render().to_string()));
    ExitCode::from(Kind::Usage.exit_status())
}

/// Rewords clap's `tip:`, `Usage:` and pointer to `--help` as git says them.
fn in_gits_words(text: &str) -> String {
    let mut reworded = String::new();
    let mut hints = String::new();
    for line in text.lines() {
        if let Some(tip) = line.trim_start().strip_prefix("tip: ") {
            hints.push_str(&format!("hint: {tip}\n"));
        } else if let Some(usage) = line.strip_prefix("Usage: ") {
            reworded.push_str(&format!("usage: {usage}\n"));
        } else if !line.is_empty() && !line.starts_with("For more information") {
            reworded.push_str(line);
            reworded.push('\n');
        }
    }
    reworded + &hints
}

/// Says what went wrong and returns the exit status; does not return where a signal ended the work.
fn finish(out: &Out, result: Result<()>) -> ExitCode {
    let Err(error) = result else {
        return ExitCode::SUCCESS;
    };
    out.error(&error);
    if let Kind::Interrupted(signal) = error.kind() {
        die_of(signal);
    }
    ExitCode::from(error.kind().exit_status())
}

/// Ends this process by `signal`, so that the shell (or git) sees what happened.
///
/// Returns only where the default action of the signal is not to end a process.
fn die_of(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

/// Answers `--git-completion-helper`, as git's own completion asks it of every command.
///
/// The answer is what git's parse-options prints: options in one line, those with a value ending in
/// `=`, subcommands first. Words before it name a subcommand (`git exp-metrics diff --git-…`).
fn completion_answer(command: &Command, words: &[OsString]) -> Option<String> {
    let asked = |word: &OsString| {
        word == "--git-completion-helper" || word == "--git-completion-helper-all"
    };
    if !words.last().is_some_and(asked) {
        return None;
    }
    let mut command = command.clone();
    command.build();
    let mut at = &command;
    for word in words.iter().skip(1).filter_map(|word| word.to_str()) {
        at = at.find_subcommand(word).unwrap_or(at);
    }
    let subcommands = at
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .map(|sub| sub.get_name().to_owned());
    let options = at
        .get_arguments()
        .filter(|arg| !arg.is_hide_set())
        .filter_map(|arg| {
            let takes_value = arg.get_action().takes_values();
            arg.get_long()
                .map(|long| format!("--{long}{}", if takes_value { "=" } else { "" }))
        });
    let answer: Vec<String> = subcommands.chain(options).collect();
    Some(format!("{}\n", answer.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, FromArgMatches, Parser};

    /// Try things
    #[derive(Debug, Parser)]
    #[command(name = "git-exp-try", bin_name = "git exp try")]
    struct Args {
        /// Force it
        #[arg(short, long)]
        force: bool,
        /// Name it
        #[arg(short, long)]
        name: Option<String>,
        #[command(subcommand)]
        verb: Option<Verb>,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Verb {
        /// Look
        Show {
            /// How
            #[arg(long)]
            json: bool,
        },
    }

    fn answer(words: &[&str]) -> Option<String> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        completion_answer(&with_global_options(Args::command()), &words)
    }

    #[test]
    fn answers_the_completion_helper_for_commands_and_subcommands() {
        assert_eq!(
            answer(&["git-exp-try", "--git-completion-helper"]).as_deref(),
            Some("show --force --name= --quiet --verbose --version --help\n")
        );
        let below = answer(&["git-exp-try", "show", "--git-completion-helper-all"]).unwrap();
        assert!(below.starts_with("--json "), "{below}");
        assert_eq!(answer(&["git-exp-try", "show"]), None);
    }

    #[test]
    fn accepts_quiet_before_and_behind_a_subcommand() {
        for words in [["try", "-q", "show"], ["try", "show", "-q"]] {
            let matches = with_global_options(Args::command())
                .try_get_matches_from(words)
                .unwrap();
            assert!(global_flag(&matches, QUIET), "{words:?}");
            assert!(!global_flag(&matches, VERBOSE), "{words:?}");
            assert!(matches!(
                Args::from_arg_matches(&matches).unwrap().verb,
                Some(Verb::Show { json: false })
            ));
        }
    }

    #[test]
    fn words_usage_errors_as_git_does() {
        let stop = with_global_options(Args::command())
            .try_get_matches_from(["try", "--forse"])
            .unwrap_err();
        assert_eq!(
            in_gits_words(&stop.render().to_string()),
            "error: unexpected argument '--forse' found\n\
             usage: git exp try --force\n\
             hint: a similar argument exists: '--force'\n"
        );
    }

    #[test]
    fn global_options_leave_the_command_valid() {
        with_global_options(Args::command()).debug_assert();
    }
}
