//! One file per command: its arguments (whose doc comments are the manual) and `run`.

// Doc comments of arguments are manual pages, where '<name>' and '[…]' are what people read.
#![allow(rustdoc::invalid_html_tags, rustdoc::broken_intra_doc_links)]

pub mod apply;
pub mod baselines;
pub mod branch;
pub mod checkpoint;
pub mod comparing;
pub mod diff;
pub mod gc;
pub mod init;
pub mod list;
pub mod log;
pub mod metrics;
pub mod params;
pub mod plots;
pub mod remove;
pub mod resume;
pub mod run;
pub mod show;
pub mod stage;
pub mod status;
pub mod undo;
pub mod visiting;

use clap::{Command, CommandFactory};

/// What a command is for; the list that `git exp` prints is in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Make a repository and a pipeline ready.
    Start,
    /// Run, go on, signal.
    Run,
    /// Look at experiments and compare them.
    Look,
    /// Go back, keep, tidy.
    Keep,
    /// Work with others and with other machines.
    Share,
}

impl Group {
    /// Returns the heading of the group.
    pub fn heading(self) -> &'static str {
        match self {
            Group::Start => "start",
            Group::Run => "run and go on",
            Group::Look => "look and compare",
            Group::Keep => "go back, keep and tidy",
            Group::Share => "share and check",
        }
    }
}

/// One command of the suite.
pub struct Entry {
    /// The word after `git exp`.
    pub name: &'static str,
    /// Where it stands in the list.
    pub group: Group,
    arguments: fn() -> Command,
}

impl Entry {
    /// Returns the command line that the binary accepts, global options included.
    pub fn command(&self) -> Command {
        crate::cli::with_global_options((self.arguments)())
    }

    /// Returns the first line of its manual.
    pub fn about(&self) -> String {
        let command = (self.arguments)();
        command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

const fn entry<A: CommandFactory>(name: &'static str, group: Group) -> Entry {
    Entry {
        name,
        group,
        arguments: A::command,
    }
}

/// Every command, group by group, in the order in which people meet them.
///
/// The man pages, the completions, `command-list.txt` and the tests come from it;
/// `tests/it/suite.rs` names what is missing.
pub static ALL: &[Entry] = &[
    entry::<init::Args>("init", Group::Start),
    entry::<stage::Args>("stage", Group::Start),
    entry::<run::Args>("run", Group::Run),
    entry::<resume::Args>("resume", Group::Run),
    entry::<checkpoint::Args>("checkpoint", Group::Run),
    entry::<status::Args>("status", Group::Run),
    entry::<show::Args>("show", Group::Look),
    entry::<list::Args>("list", Group::Look),
    entry::<log::Args>("log", Group::Look),
    entry::<diff::Args>("diff", Group::Look),
    entry::<metrics::Args>("metrics", Group::Look),
    entry::<params::Args>("params", Group::Look),
    entry::<plots::Args>("plots", Group::Look),
    entry::<apply::Args>("apply", Group::Keep),
    entry::<undo::Args>("undo", Group::Keep),
    entry::<branch::Args>("branch", Group::Keep),
    entry::<remove::Args>("remove", Group::Keep),
    entry::<gc::Args>("gc", Group::Keep),
];
