//! What no pipeline may have: an output written twice, outputs inside outputs, cycles.

use super::graph::{self, Walk, Writers};
use super::paths::is_within;
use super::schema::File;
use super::stage::Stage;
use crate::error::Result;
use crate::yaml::read::Node;

/// Where a stage and its paths stand in the file.
pub(super) struct Placed<'n> {
    /// Its name.
    pub name: &'n Node,
    /// The paths of its outputs, in the order of [`Stage::outs`].
    pub outs: Vec<&'n Node>,
    /// What it reads, with the place that says so.
    pub inputs: Vec<(String, &'n Node)>,
}

impl<'n> Placed<'n> {
    /// A stage of which only the name is known.
    pub fn new(name: &'n Node) -> Self {
        Placed {
            name,
            outs: Vec::new(),
            inputs: Vec::new(),
        }
    }
}

/// Refuses outputs that are written twice, that overlap, and that their own stage reads.
pub(super) fn outputs(file: File<'_>, stages: &[Stage], placed: &[Placed<'_>]) -> Result<()> {
    let writers = Writers::of(stages);
    for (number, (stage, place)) in stages.iter().zip(placed).enumerate() {
        for (position, (out, node)) in stage.outs.iter().zip(&place.outs).enumerate() {
            let clash = writers
                .overlapping(&out.path)
                .into_iter()
                .filter(|other| *other != (number, position))
                // of two that clash the later one is reported
                .find(|other| *other < (number, position));
            let Some((first, at)) = clash else {
                continue;
            };
            let other = &stages[first].outs[at].path;
            let line = file.line(placed[first].outs[at]);
            let owner = match first == number {
                true => format!("the same stage{line}"),
                false => format!("stage '{}'{line}", stages[first].name),
            };
            let (path, name) = (&out.path, &stage.name);
            let what = if other == path {
                format!("output '{path}' of stage '{name}' is also an output of {owner}")
            } else if is_within(path, other) {
                format!("output '{path}' of stage '{name}' lies inside output '{other}' of {owner}")
            } else {
                format!("output '{path}' of stage '{name}' holds output '{other}' of {owner}")
            };
            return Err(file
                .error(node, what)
                .hint("each output needs a path of its own, outside of all others"));
        }
        for (path, node) in &place.inputs {
            let own = writers
                .overlapping(path)
                .into_iter()
                .find(|(owner, _)| *owner == number);
            if let Some((_, at)) = own {
                let out = &stage.outs[at].path;
                let name = &stage.name;
                let what = if out == path {
                    format!("stage '{name}' both reads and writes '{path}'")
                } else {
                    format!("stage '{name}' reads '{path}' and writes '{out}', which overlap")
                };
                return Err(file.error(node, what).hint(
                    "an output that is read again is a checkpoint: list it in 'outs' only, with 'checkpoint: true'",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses stages that depend on each other.
pub(super) fn cycles(file: File<'_>, stages: &[Stage], placed: &[Placed<'_>]) -> Result<()> {
    let Walk::Cycle(cycle) = graph::walk(&graph::dependencies(stages), 0..stages.len()) else {
        return Ok(());
    };
    let writers = Writers::of(stages);
    // each reads from the next; people think along the data, so turn it around
    let mut path: Vec<usize> = cycle;
    path.reverse();
    let earliest = (0..path.len()).min_by_key(|&at| path[at]);
    path.rotate_left(earliest.unwrap_or_default());
    let Some(&first) = path.first() else {
        return Ok(());
    };
    path.push(first);
    let names: Vec<&str> = path.iter().map(|&n| stages[n].name.as_str()).collect();
    let mut error = file.error(
        placed[first].name,
        format!("the stages form a cycle: {}", names.join(" -> ")),
    );
    for pair in path.windows(2) {
        let [from, to] = pair else { continue };
        let read = stages[*to].inputs().find(|path| {
            let found = writers.overlapping(path);
            found.iter().any(|(owner, _)| owner == from)
        });
        if let Some(read) = read {
            let (from, to) = (&stages[*from].name, &stages[*to].name);
            error = error.hint(format!("'{from}' writes '{read}', which '{to}' reads"));
        }
    }
    Err(error)
}
