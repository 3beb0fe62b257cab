//! The only test binary: what only the binaries can show, one file per command.
//!
//! `support` has the harness; read `support/mod.rs` first. `layers`, `suite` and `generated` watch
//! over the repository itself. Most tests are small and stand under the code they test, in `src/`.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods
)]

#[allow(dead_code, reason = "each test takes what it needs of the harness")]
mod support;

mod alternatives;
mod apply;
mod attach;
mod branch;
mod checkpoint;
mod cli;
mod completion;
mod concurrent;
mod consistent;
mod corpus;
mod crash;
mod data;
mod diff;
mod durable;
mod dvclive;
mod faults;
mod folders;
mod gc;
mod generated;
mod init;
mod interop;
mod interop_show;
mod interrupts;
mod isolated;
mod jobs;
mod killed;
mod layers;
mod layout;
mod list;
mod log;
mod metrics;
mod missed;
mod outside;
mod params;
mod plots;
mod refusals;
mod remove;
mod request;
mod resume;
mod run;
mod run_cache;
mod show;
mod stage;
mod status;
mod steps;
mod suite;
mod templates;
mod tutorial;
mod undo;
mod unread;
mod untouched;
mod unwatched;
mod visiting;
mod waiting;
mod why;
