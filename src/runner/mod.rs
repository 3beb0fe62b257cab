//! Child processes, the signal file, and what training waits for.
//!
//! [`Runner::run_stage`] is one event loop per stage: it waits for the signal file, for the end of the
//! command, for Ctrl-C and for the recorder; [`Runner::next_end`] is that of stages that run beside each
//! other. It captures (see [`capture`]) and hands captures to a
//! [`Recorder`]; it never hashes, never syncs, never writes refs or notes itself.

mod answer;
mod aside;
mod beside;
pub mod browser;
pub mod capture;
pub mod children;
pub mod command;
pub mod interrupts;
pub mod maintenance;
pub mod order;
mod outside;
pub mod program;
pub mod relay;
pub mod release;
pub mod reports;
pub mod room;
pub mod stage;
mod stage_run;
pub mod stat;
pub mod step_file;
pub mod still;
mod turn_down;
mod unsaved;
pub mod wake;
pub mod watch;
pub mod written;

pub use crate::capture::{Capture, CapturedFile, CapturedOutput};
pub use beside::{Beside, EndedBeside, Group, Next};
pub use interrupts::Interrupts;
pub use stage::{Recorder, Runner, StageEnd, StageRun};
