//! What no pipeline may have: an output written twice, outputs inside outputs, cycles.

use super::Pipeline;
use super::graph::{self, Walk, Writers};
use super::paths::is_within;
use super::schema::File;
use super::stage::Stage;
use crate::error::{Error, Result};
use crate::yaml::{self, Node};
use std::rc::Rc;

/// A place in a file that says something.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    file: Rc<str>,
    /// Line and column; `None` where nobody can look at the text yet.
    at: Option<(usize, usize)>,
}

impl Spot {
    /// Returns the place of a node.
    pub fn of(file: File<'_>, node: &Node) -> Self {
        Spot {
            file: file.origin.into(),
            at: (!file.is_draft).then_some((node.line, node.column)),
        }
    }

    /// An error about what stands there.
    pub fn error(&self, what: impl AsRef<str>) -> Error {
        match self.at {
            Some((line, column)) => yaml::error_at(&self.file, line, column, what.as_ref()),
            None => Error::refused(what.as_ref()),
        }
    }

    /// Returns `, line n` behind the name of something, for one who reads `beside`.
    fn line(&self, beside: &Spot) -> String {
        match self.at {
            Some((line, _)) if self.file == beside.file => format!(", line {line}"),
            Some((line, _)) => format!(" in '{}', line {line}", self.file),
            None => String::new(),
        }
    }
}

/// Where a stage and its paths stand.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    /// Its name.
    pub name: Spot,
    /// The paths of its outputs, in the order of [`Stage::all_outs`].
    pub outs: Vec<Spot>,
    /// What it reads, with the place that says so.
    pub inputs: Vec<(String, Spot)>,
}

impl Placed {
    /// A stage of which only the name is known.
    pub fn new(name: Spot) -> Self {
        Placed {
            name,
            outs: Vec::new(),
            inputs: Vec::new(),
        }
    }
}

/// Refuses outputs that are written twice, that overlap, and that their own stage reads.
pub(super) fn outputs(stages: &[&Stage], placed: &[Placed]) -> Result<()> {
    let writers = Writers::of(stages.iter().copied());
    for (number, (stage, place)) in stages.iter().zip(placed).enumerate() {
        for (position, (out, spot)) in stage.all_outs().zip(&place.outs).enumerate() {
            let clash = writers
                .overlapping(&out.path)
                .into_iter()
                .filter(|other| *other != (number, position))
                // of two that clash the later one is reported
                .find(|other| *other < (number, position));
            let Some((first, at)) = clash else {
                continue;
            };
            let Some(other) = stages[first].all_outs().nth(at) else {
                continue;
            };
            let other = &other.path;
            let line = placed[first].outs[at].line(spot);
            let owner = match first == number {
                true => format!("the same stage{line}"),
                false => format!("stage '{}'{line}", stages[first].address()),
            };
            let (path, name) = (&out.path, stage.address());
            let what = if other == path {
                format!("output '{path}' of stage '{name}' is also an output of {owner}")
            } else if is_within(path, other) {
                format!("output '{path}' of stage '{name}' lies inside output '{other}' of {owner}")
            } else {
                format!("output '{path}' of stage '{name}' holds output '{other}' of {owner}")
            };
            return Err(spot
                .error(what)
                .hint("each output needs a path of its own, outside of all others"));
        }
        for (path, spot) in &place.inputs {
            let own = writers
                .overlapping(path)
                .into_iter()
                .find(|(owner, _)| *owner == number);
            if let Some(out) = own.and_then(|(_, at)| stage.all_outs().nth(at)) {
                let out = &out.path;
                let name = stage.address();
                let what = if out == path {
                    format!("stage '{name}' both reads and writes '{path}'")
                } else {
                    format!("stage '{name}' reads '{path}' and writes '{out}', which overlap")
                };
                return Err(spot.error(what).hint(
                    "an output that is read again is a checkpoint: list it in 'outs' only, with 'checkpoint: true'",
                ));
            }
        }
    }
    Ok(())
}

/// Refuses stages that depend on each other.
pub(super) fn cycles(pipeline: &Pipeline, placed: &[Placed]) -> Result<()> {
    let stages = &pipeline.stages;
    let Walk::Cycle(cycle) = graph::walk(&pipeline.edges(), 0..stages.len()) else {
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
    let names: Vec<String> = path.iter().map(|&n| stages[n].address()).collect();
    let mut error = placed[first]
        .name
        .error(format!("the stages form a cycle: {}", names.join(" -> ")));
    for pair in path.windows(2) {
        let [from, to] = pair else { continue };
        let read = stages[*to].inputs().find(|path| {
            let found = writers.overlapping(path);
            found.iter().any(|(owner, _)| owner == from)
        });
        if let Some(read) = read {
            let (from, to) = (stages[*from].address(), stages[*to].address());
            error = error.hint(format!("'{from}' writes '{read}', which '{to}' reads"));
        }
    }
    Err(error)
}
