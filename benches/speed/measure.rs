//! Clocks and medians.

use std::process::{Command, Stdio};
use std::time::Instant;

/// Times in milliseconds, taken in turn.
#[derive(Debug, Default)]
pub struct Pairs {
    /// Of what is promised.
    pub ours: Vec<f64>,
    /// Of what it is compared with; empty if nothing is.
    pub floor: Vec<f64>,
}

impl Pairs {
    /// Measures `floor` and `ours` in turn, each once unmeasured and then `rounds` times.
    pub fn measure(
        rounds: usize,
        mut floor: impl FnMut() -> f64,
        mut ours: impl FnMut() -> f64,
    ) -> Self {
        floor();
        ours();
        let mut pairs = Pairs::default();
        for _ in 0..rounds {
            pairs.floor.push(floor());
            pairs.ours.push(ours());
        }
        pairs
    }

    /// Returns how many times the floor ours is, at best: what a busy machine adds is left out.
    pub fn least_ratio(&self) -> f64 {
        least(&self.ours) / least(&self.floor)
    }
}

/// Returns the middle value; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Returns the least value; NaN of nothing.
pub fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

/// Runs a command to its end and returns its wall time in milliseconds. Ends the program if it fails.
pub fn run(command: &mut Command) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status();
    let time = milliseconds(start);
    match status {
        Ok(status) if status.success() => time,
        other => panic!("{command:?}: {other:?}"),
    }
}

/// Returns the milliseconds since `start`.
pub fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}
