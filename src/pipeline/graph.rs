//! Which stage reads what which stage writes, and the order that follows.

use super::paths::{ancestors, is_within};
use super::stage::Stage;
use super::{DataFile, Pipeline, reads};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// The outputs of a pipeline by path: stage and output, as positions in their lists.
pub(super) struct Writers<'a>(BTreeMap<&'a str, (usize, usize)>);

impl<'a> Writers<'a> {
    /// Collects the outputs of all stages, by their places in [`Stage::all_outs`]; of two outputs with one
    /// path the first counts.
    pub fn of(stages: impl IntoIterator<Item = &'a Stage>) -> Self {
        let mut writers = BTreeMap::new();
        for (number, stage) in stages.into_iter().enumerate() {
            for (position, out) in stage.all_outs().enumerate() {
                writers
                    .entry(out.path.as_str())
                    .or_insert((number, position));
            }
        }
        Writers(writers)
    }

    /// Lists the outputs that are `path`, hold it, or lie inside it.
    pub fn overlapping(&self, path: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = ancestors(path)
            .filter_map(|path| self.0.get(path).copied())
            .collect();
        let below = match path {
            "" => String::new(),
            _ => format!("{path}/"),
        };
        let inside = self
            .0
            .range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded))
            .take_while(|(out, _)| out.starts_with(&below))
            .filter(|(out, _)| is_within(out, path) && **out != path);
        found.extend(inside.map(|(_, place)| *place));
        found
    }
}

/// For each stage the stages that it reads from, as positions in `stages`, in the order of the file.
pub(super) fn dependencies(stages: &[Stage]) -> Vec<Vec<usize>> {
    let writers = Writers::of(stages);
    stages
        .iter()
        .map(|stage| {
            let mut found: Vec<usize> = stage
                .inputs()
                .flat_map(|path| writers.overlapping(path))
                .map(|(number, _)| number)
                .collect();
            found.sort_unstable();
            found.dedup();
            found
        })
        .collect()
}

impl Pipeline {
    /// As [`dependencies`], and those whose output a stage reads as a copy: an import between the two.
    pub(super) fn edges(&self) -> Vec<Vec<usize>> {
        let mut edges = dependencies(&self.stages);
        let writers = Writers::of(&self.stages);
        for data in &self.data {
            let source = data.follows().and_then(|it| it.path.as_deref());
            let found = source.map(|path| writers.overlapping(path));
            let found = found.filter(|found| !found.is_empty()).unwrap_or_default();
            for (stage, edges) in self.stages.iter().zip(&mut edges) {
                if !found.is_empty() && reads(stage, data) {
                    edges.extend(found.iter().map(|(number, _)| number));
                    edges.sort_unstable();
                    edges.dedup();
                }
            }
        }
        edges
    }

    /// Lists the imports that a stage reads and that are copies of what one of `writers` writes, each with
    /// that path and the writer.
    pub fn copies_between<'p>(
        &'p self,
        writers: &[&'p Stage],
        stage: &Stage,
    ) -> Vec<(&'p DataFile, &'p str, &'p Stage)> {
        let meet = |a: &str, b: &str| is_within(a, b) || is_within(b, a);
        let read = self.data.iter().filter(|data| reads(stage, data));
        let copy = |data: &'p DataFile| {
            let path = data.follows()?.path.as_deref()?;
            let writes = |it: &&&Stage| it.all_outs().any(|out| meet(&out.path, path));
            Some((data, path, *writers.iter().find(writes)?))
        };
        read.filter_map(copy).collect()
    }

    /// For each of `stages` those of them that it reads from, as positions among them.
    pub fn dependencies_among(&self, stages: &[&Stage]) -> Vec<Vec<usize>> {
        let addresses = stages.iter().map(|stage| stage.address());
        let positions: HashMap<String, usize> = addresses.zip(0..).collect();
        let known = self.stages.iter().map(Stage::address);
        let known: Vec<Option<usize>> = known.map(|it| positions.get(&it).copied()).collect();
        let mut found = vec![Vec::new(); stages.len()];
        for (at, edges) in known.iter().zip(self.edges()) {
            if let Some(at) = at {
                found[*at] = edges.iter().filter_map(|&edge| known[edge]).collect();
            }
        }
        found
    }
}

/// What a walk found.
pub(super) enum Walk {
    /// Every stage that was reached, dependencies first, else in the order of the file.
    Order(Vec<usize>),
    /// Stages that depend on each other: each reads from the next, the last from the first.
    Cycle(Vec<usize>),
}

/// Walks from `starts` along `edges`, in their order.
pub(super) fn walk(edges: &[Vec<usize>], starts: impl IntoIterator<Item = usize>) -> Walk {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    let mut order = Vec::new();
    for start in starts {
        if marks[start] != Mark::New {
            continue;
        }
        // not a recursion: a chain may be as long as the file
        let mut path = vec![(start, 0)];
        marks[start] = Mark::Open;
        while let Some((stage, next)) = path.last_mut() {
            let Some(&target) = edges[*stage].get(*next) else {
                marks[*stage] = Mark::Done;
                order.push(*stage);
                path.pop();
                continue;
            };
            *next += 1;
            match marks[target] {
                Mark::Done => {}
                Mark::New => {
                    marks[target] = Mark::Open;
                    path.push((target, 0));
                }
                Mark::Open => {
                    let on_path = path.iter().map(|(stage, _)| *stage);
                    return Walk::Cycle(on_path.skip_while(|stage| *stage != target).collect());
                }
            }
        }
    }
    Walk::Order(order)
}

/// Adds to edges the way back: what is connected is then what can be reached.
pub(super) fn both_ways(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut both = reversed(edges);
    for (all, more) in both.iter_mut().zip(edges) {
        all.extend(more);
    }
    both
}

/// Turns edges around, each list in the order of the file.
pub(super) fn reversed(edges: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut reversed = vec![Vec::new(); edges.len()];
    for (from, targets) in edges.iter().enumerate() {
        for &to in targets {
            reversed[to].push(from);
        }
    }
    reversed
}
