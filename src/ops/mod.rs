//! The verbs, without a terminal: they take a store and plain arguments, emit events, return reports.

pub mod apply;
pub mod branch;
pub mod checkpoint;
pub mod claim;
pub mod collect;
pub mod diff;
pub mod gc;
pub mod ignore;
pub mod init;
pub mod keep;
pub mod list;
pub mod log;
pub mod metrics;
pub mod outputs;
pub mod plots;
pub mod record;
pub mod remove;
pub mod reported;
pub mod request;
pub mod resume;
pub mod run;
pub mod stage;
pub mod state;
pub mod status;
mod sweep;
pub mod undo;
