//! Makes checkpoints of captures, in order, on a thread of its own: hash, cache, commit, note, refs.
//!
//! The experiment ref moves last and by compare-and-swap: that is the moment a checkpoint exists. A
//! failure, a panic included, is reported and costs that checkpoint only.

mod commit;
mod contents;
mod in_git;
mod job;
mod late;
mod plan;
mod queue;
mod recorder;
mod recover;
mod settle;
mod skipped;
mod turns;
mod unread;
mod worker;

pub use commit::free_name;
pub use plan::pipeline_of;
pub use queue::{OnProcess, Queue};
pub use recorder::{Experiment, Finish, Recorded, Recording, StageFacts};
pub use recover::{Backlog, recover};
pub use turns::Place;
