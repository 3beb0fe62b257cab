//! How a measured row is judged and printed.

use crate::measure::{Pairs, least, median};

/// What a row must reach; every part that is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct Target {
    /// At most this many times the floor …
    pub times: Option<f64>,
    /// … and this much more, in the row's unit.
    pub plus: f64,
    /// At most this, in the row's unit, whatever the floor.
    pub most: Option<f64>,
}

impl Target {
    /// At most `times` the floor.
    pub fn times(times: f64) -> Self {
        Target {
            times: Some(times),
            ..Target::default()
        }
    }

    /// At most `most` of the row's unit.
    pub fn most(most: f64) -> Self {
        Target {
            most: Some(most),
            ..Target::default()
        }
    }

    /// And `plus` of the row's unit more than the times.
    pub fn plus(self, plus: f64) -> Self {
        Target { plus, ..self }
    }

    /// And at most `most` of the row's unit.
    pub fn and_most(self, most: f64) -> Self {
        Target {
            most: Some(most),
            ..self
        }
    }

    fn is_reached(&self, ours: f64, floor: Option<f64>) -> bool {
        let by_floor = match (self.times, floor) {
            (Some(times), Some(floor)) => ours <= times * floor + self.plus,
            _ => true,
        };
        by_floor && self.most.is_none_or(|most| ours <= most)
    }

    fn text(&self, unit: &str) -> String {
        let mut parts = Vec::new();
        if let Some(times) = self.times {
            let plus = match self.plus {
                0.0 => String::new(),
                plus => format!(" + {plus} {unit}"),
            };
            parts.push(format!("{times}x{plus}"));
        }
        parts.extend(self.most.map(|most| format!("{most} {unit}")));
        match parts.is_empty() {
            true => "-".to_owned(),
            false => parts.join(", "),
        }
    }
}

/// Prints the heading.
pub fn header() {
    println!(
        "{:<50} {:>10} {:>10} {:>10} {:>6}  {:<16} {:<5} floor",
        "what", "median", "least", "floor", "ratio", "at most", ""
    );
}

/// Prints one row of times, in milliseconds. The median counts; the least says what a busy machine
/// has added to it.
pub fn times(what: &str, floor: &str, pairs: &Pairs, target: Target) {
    row(
        what,
        "ms",
        median(&pairs.ours),
        Some(least(&pairs.ours)),
        (!pairs.floor.is_empty()).then(|| (floor, median(&pairs.floor))),
        target,
    );
}

/// Prints one row of something else.
pub fn figure(what: &str, unit: &str, ours: f64, floor: Option<(&str, f64)>, target: Target) {
    row(what, unit, ours, None, floor, target);
}

/// Prints a row that cannot be measured here, and why.
pub fn skipped(what: &str, reason: &str) {
    println!("{what:<50} not measured: {reason}");
}

fn row(
    what: &str,
    unit: &str,
    ours: f64,
    least: Option<f64>,
    floor: Option<(&str, f64)>,
    target: Target,
) {
    let verdict = match target.is_reached(ours, floor.map(|(_, floor)| floor)) {
        _ if target.times.is_none() && target.most.is_none() => "",
        true => "ok",
        false => "over",
    };
    let value = |value: f64| match value {
        value if value < 10.0 => format!("{value:.2} {unit}"),
        value if value < 100.0 => format!("{value:.1} {unit}"),
        value => format!("{value:.0} {unit}"),
    };
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    println!(
        "{what:<50} {:>10} {:>10} {:>10} {:>6}  {:<16} {verdict:<5} {}",
        value(ours),
        or_dash(least.map(value)),
        or_dash(floor.map(|(_, floor)| value(floor))),
        or_dash(floor.map(|(_, floor)| format!("{:.2}", ours / floor))),
        target.text(unit),
        floor.map_or("", |(name, _)| name),
    );
}
