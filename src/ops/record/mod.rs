//! Makes checkpoints of captures, in order, on a thread of its own: hash, cache, commit, note, refs.
//!
//! The experiment ref moves last and by compare-and-swap: that is the moment a checkpoint exists. A
//! failure, a panic included, is reported and costs that checkpoint only.

mod late;
mod queue;
mod recorder;
mod skipped;

pub use queue::{OnProcess, Queue};
pub use recorder::{Experiment, Finish, Recorded, Recording, StageFacts, free_name};
