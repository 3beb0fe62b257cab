//! `git exp`: checkpoints for training runs, inside git.
//!
//! The modules stand in layers; a layer uses the ones above it in this list, never the ones below
//! (`tests/it/layers.rs` enforces it).
//!
//! * **Ground**: [`error`], [`id`], [`digest`].
//! * **Domain**: values and rules, without disk, clock or git. [`value`], [`yaml`], [`pipeline`],
//!   [`lockfile`], [`params`], [`metrics`], [`experiment`], [`checkpoint`], [`revision`],
//!   [`capture`], [`event`], [`progress`], [`reason`], [`listing`], [`change`], [`plot`].
//! * **Store**: [`store`], gix and the disk.
//! * **Runner**: [`runner`], child processes, the signal file, what training waits for.
//! * **Operations**: [`ops`], the verbs, without a terminal. They return reports and emit events.
//! * **Screen**: [`ui`], a terminal without verbs.
//! * **Commands**: [`command`] and [`cli`], clap, and the only place where operations meet the screen.

pub mod digest;
pub mod error;
pub mod id;

pub mod capture;
pub mod change;
pub mod checkpoint;
pub mod event;
pub mod experiment;
pub mod listing;
pub mod lockfile;
pub mod metrics;
pub mod nearest;
pub mod params;
pub mod pipeline;
pub mod plot;
pub mod progress;
pub mod reason;
pub mod revision;
pub mod value;
pub mod yaml;

pub mod store;

pub mod runner;

pub mod ops;

pub mod ui;

pub mod cli;
pub mod command;
