//! A [`Listing`] as columns and rows, before anyone decides how it is drawn.
//!
//! Columns come in the order of DVC: metrics, params, dependencies; files and names as they were
//! first met. A heading is the bare name, `file:name` where that is not unique.

use crate::checkpoint::{FileData, Status, Time};
use crate::id;
use crate::listing::{ColumnPattern, ExperimentRows, Listing, Row, leaves};
use crate::value::Value;
use crate::value::python;
use indexmap::IndexMap;
use std::collections::HashMap;

/// Which columns are wanted.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Leave columns out whose cells are all alike.
    pub only_changed: bool,
    /// Stay whatever the others say.
    pub keep: Vec<ColumnPattern>,
    /// Go.
    pub drop: Vec<ColumnPattern>,
    /// Also dependencies that are the same everywhere.
    pub all_deps: bool,
    /// Leave the workspace's row out.
    pub hide_workspace: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A metric.
    Metric,
    /// A param.
    Param,
    /// The content of a dependency.
    Dependency,
}

/// One column of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GridColumn {
    /// What stands above it.
    pub header: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether its cells differ.
    pub varies: bool,
}

/// Where a row stands in its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The workspace or a baseline.
    Baseline,
    /// The newest of several checkpoints.
    Tip,
    /// One in the middle, or the oldest of a fork.
    Inner,
    /// The oldest of several, a child of the baseline.
    Base,
    /// The only one, with more experiments below it.
    Single,
    /// The only one, with nothing below it.
    LastSingle,
}

impl Position {
    /// Returns DVC's word in the `typ` column of its CSV.
    pub fn word(self) -> &'static str {
        match self {
            Position::Baseline => "baseline",
            Position::Tip => "checkpoint_tip",
            Position::Inner => "checkpoint_commit",
            Position::Base => "checkpoint_base",
            Position::Single => "branch_commit",
            Position::LastSingle => "branch_base",
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GridCell<'l> {
    /// Nothing is known.
    Missing,
    /// The file could not be read.
    Unreadable,
    /// A value.
    Value(&'l Value),
    /// The hash of a dependency.
    Hash(&'l str),
}

impl GridCell<'_> {
    /// Whether both are one value in memory, as in rows that share their params.
    pub fn is_shared(&self, other: &Self) -> bool {
        matches!((self, other), (GridCell::Value(a), GridCell::Value(b)) if std::ptr::eq(*a, *b))
    }

    /// Returns its text; `missing` where there is none.
    pub fn text(self, digits: Option<usize>, missing: &str) -> String {
        match self {
            GridCell::Missing | GridCell::Value(Value::Null) => missing.to_owned(),
            GridCell::Unreadable => "!".to_owned(),
            GridCell::Value(value) => python::text(value, digits),
            GridCell::Hash(hash) => hash.to_owned(),
        }
    }
}

/// One row.
#[derive(Debug, Clone)]
pub struct GridRow<'l> {
    /// Where it stands.
    pub position: Position,
    /// The experiment's name on its tip.
    pub name: Option<&'l str>,
    /// `workspace`, a branch, a tag or 7 hex digits.
    pub revision: String,
    /// 7 hex digits of the commit that a fork's oldest checkpoint grew from.
    pub fork_point: Option<String>,
    /// When it was made.
    pub time: Option<Time>,
    /// `Running`, `Failed` or `Incomplete`.
    pub state: Option<&'static str>,
    /// Who runs it.
    pub executor: Option<&'static str>,
    /// A cell for each column.
    pub cells: Vec<GridCell<'l>>,
}

/// Columns and rows.
#[derive(Debug, Clone, Default)]
pub struct Grid<'l> {
    /// Columns of values.
    pub columns: Vec<GridColumn>,
    /// Workspace, then baselines with their experiments.
    pub rows: Vec<GridRow<'l>>,
    /// Whether `Created` is wanted.
    pub created: bool,
    /// Whether `State` is wanted and says anything.
    pub state: bool,
    /// Whether `Executor` is wanted and says anything.
    pub executor: bool,
}

/// Arranges a listing.
pub fn grid<'l>(listing: &'l Listing, wanted: &Columns) -> Grid<'l> {
    let mut names = Names::default();
    let mut rows = Vec::new();
    let mut cells = Vec::new();
    each_row(listing, |row, data| {
        if wanted.hide_workspace && data.id.is_none() && row.name.is_none() {
            return;
        }
        rows.push(row);
        cells.push(names.cells(data));
    });
    let chosen = choose(names.columns(&cells), wanted);
    let places = names.places(&chosen);
    for (row, found) in rows.iter_mut().zip(cells) {
        row.cells = vec![GridCell::Missing; chosen.len()];
        for (id, cell) in found {
            for place in &places[id] {
                row.cells[*place] = cell;
            }
        }
    }
    let shown = |name: &str| wanted_by_name(name, wanted);
    Grid {
        columns: chosen.into_iter().map(|(_, column)| column).collect(),
        created: shown("Created"),
        state: shown("State") && rows.iter().any(|row| row.state.is_some()),
        executor: shown("Executor") && rows.iter().any(|row| row.executor.is_some()),
        rows,
    }
}

fn wanted_by_name(name: &str, wanted: &Columns) -> bool {
    let any = |patterns: &[ColumnPattern]| patterns.iter().any(|pattern| pattern.matches(name));
    any(&wanted.keep) || !any(&wanted.drop)
}

/// Walks the listing in display order; rows come without cells.
fn each_row<'l>(listing: &'l Listing, mut visit: impl FnMut(GridRow<'l>, &'l Row)) {
    let bare = |position, revision, row: &Row| GridRow {
        position,
        name: None,
        revision,
        fork_point: None,
        time: row.time,
        state: None,
        executor: None,
        cells: Vec::new(),
    };
    let revision = |row: &Row| match &row.id {
        Some(id) => id::short(id),
        None => "workspace".to_owned(),
    };
    let workspace = &listing.workspace;
    visit(
        bare(Position::Baseline, revision(workspace), workspace),
        workspace,
    );
    for baseline in &listing.baselines {
        let row = &baseline.row;
        let name = baseline.name.clone().unwrap_or_else(|| revision(row));
        visit(bare(Position::Baseline, name, row), row);
        let last = baseline.experiments.len();
        for (number, experiment) in baseline.experiments.iter().enumerate() {
            let is_last = number + 1 == last;
            // a ref on a commit that another experiment shows still has its own line
            let shown = experiment.own.max(1).min(experiment.chain.len());
            for (index, data) in experiment.chain[..shown].iter().enumerate() {
                let mut row = bare(
                    position(experiment, index, is_last),
                    revision(data.as_ref()),
                    data,
                );
                if index == 0 {
                    row.name = Some(&experiment.name);
                    row.state = state(experiment);
                    row.executor = experiment.running.as_ref().map(|_| "Workspace");
                }
                if index + 1 == experiment.own {
                    row.fork_point = experiment.fork_point().map(|id| id::short(&id));
                }
                visit(row, data);
            }
        }
    }
}

fn position(experiment: &ExperimentRows, index: usize, is_last: bool) -> Position {
    let forked = experiment.own > 0 && experiment.own < experiment.chain.len();
    match (experiment.own, index) {
        (0 | 1, _) if !forked && is_last => Position::LastSingle,
        (0 | 1, _) if !forked => Position::Single,
        (_, 0) => Position::Tip,
        (own, index) if index + 1 == own && !forked => Position::Base,
        _ => Position::Inner,
    }
}

fn state(experiment: &ExperimentRows) -> Option<&'static str> {
    if experiment.running.is_some() {
        Some("Running")
    } else if experiment.status == Some(Status::Failed) {
        Some("Failed")
    } else if experiment.incomplete.is_some() {
        Some("Incomplete")
    } else {
        None
    }
}

/// The columns met so far, numbered in the order in which they were met.
#[derive(Default)]
struct Names<'l> {
    metrics: IndexMap<&'l str, FileNames>,
    params: IndexMap<&'l str, FileNames>,
    deps: HashMap<&'l str, usize>,
    count: usize,
    /// How many cells the row before had: most rows have as many.
    room: usize,
}

/// Columns of one file by name, and whether it could not be read somewhere.
#[derive(Default)]
struct FileNames {
    ids: IndexMap<String, usize>,
    /// The column that says so when it could be read nowhere.
    unreadable: Option<usize>,
}

impl FileNames {
    /// Returns the column of a name, a new one if it was not met before. Most rows have the same names in
    /// the same order, so `position` is where it is looked for first.
    fn id(&mut self, name: &str, position: usize, count: &mut usize) -> usize {
        match self.ids.get_index(position) {
            Some((known, id)) if known == name => return *id,
            _ => {}
        }
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = *count;
        self.ids.insert(name.to_owned(), id);
        *count += 1;
        id
    }
}

type Found<'l> = Vec<(usize, GridCell<'l>)>;

impl<'l> Names<'l> {
    fn cells(&mut self, row: &'l Row) -> Found<'l> {
        let mut found = Vec::with_capacity(self.room);
        for (files, names) in [
            (&row.metrics, &mut self.metrics),
            (&row.params, &mut self.params),
        ] {
            for (path, data) in files {
                let names = names.entry(path).or_default();
                match data {
                    FileData::Data(value) => {
                        let mut position = 0;
                        leaves(value, &mut |name, value| {
                            let id = names.id(name, position, &mut self.count);
                            found.push((id, GridCell::Value(value)));
                            position += 1;
                        });
                    }
                    FileData::Error { .. } => {
                        let id = *names.unreadable.get_or_insert_with(|| {
                            self.count += 1;
                            self.count - 1
                        });
                        found.push((id, GridCell::Unreadable));
                    }
                }
            }
        }
        for (path, dependency) in &*row.deps {
            let id = *self.deps.entry(path).or_insert_with(|| {
                self.count += 1;
                self.count - 1
            });
            if let Some(md5) = &dependency.md5 {
                found.push((id, GridCell::Hash(md5)));
            }
        }
        self.room = found.len();
        found
    }

    /// Returns the columns in display order with their numbers.
    fn columns(&self, cells: &[Found<'l>]) -> Vec<(usize, GridColumn)> {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for fixed in [
            "Experiment",
            "rev",
            "typ",
            "Created",
            "parent",
            "State",
            "Executor",
        ] {
            seen.insert(fixed, 1);
        }
        for files in [&self.metrics, &self.params] {
            for name in files.values().flat_map(|names| names.ids.keys()) {
                *seen.entry(name).or_default() += 1;
            }
        }
        let mut columns = Vec::with_capacity(self.count);
        for (kind, files) in [(Kind::Metric, &self.metrics), (Kind::Param, &self.params)] {
            for (path, names) in files {
                for (name, id) in &names.ids {
                    let header = match seen.get(name.as_str()) {
                        _ if name.is_empty() => (*path).to_owned(),
                        Some(1) => name.clone(),
                        _ => format!("{path}:{name}"),
                    };
                    columns.push((*id, header, kind));
                }
                if let (Some(id), true) = (names.unreadable, names.ids.is_empty()) {
                    columns.push((id, (*path).to_owned(), kind));
                }
            }
        }
        let mut deps: Vec<_> = self.deps.iter().collect();
        deps.sort_unstable();
        for (path, id) in deps {
            columns.push((*id, (*path).to_owned(), Kind::Dependency));
        }
        let varies = self.varying(cells);
        let columns = columns.into_iter().map(|(id, header, kind)| {
            let varies = varies[id];
            (
                id,
                GridColumn {
                    header,
                    kind,
                    varies,
                },
            )
        });
        columns.collect()
    }

    /// Returns for every number whether two rows differ in it. A missing cell differs from all
    /// others, except that of a dependency, which a baseline lacks whenever it was never run.
    fn varying(&self, cells: &[Found<'l>]) -> Vec<bool> {
        let mut first: Vec<Option<GridCell<'_>>> = vec![None; self.count];
        let mut present = vec![0; self.count];
        let mut varies = vec![false; self.count];
        for (id, cell) in cells.iter().flatten() {
            present[*id] += 1;
            match &first[*id] {
                None => first[*id] = Some(*cell),
                Some(other) if other != cell => varies[*id] = true,
                Some(_) => {}
            }
        }
        for id in self.deps.values() {
            present[*id] = cells.len();
        }
        for (varies, present) in varies.iter_mut().zip(present) {
            *varies |= present < cells.len();
        }
        varies
    }

    /// Returns for every number the places of a row that its cell fills: its own, or those of all
    /// the columns of a file that could not be read.
    fn places(&self, chosen: &[(usize, GridColumn)]) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new(); self.count];
        for (place, (id, _)) in chosen.iter().enumerate() {
            places[*id].push(place);
        }
        for names in self.metrics.values().chain(self.params.values()) {
            if let Some(unreadable) = names.unreadable {
                let of_file: Vec<usize> = names
                    .ids
                    .values()
                    .flat_map(|id| places[*id].iter().copied())
                    .collect();
                places[unreadable].extend(of_file);
            }
        }
        places
    }
}

fn choose(columns: Vec<(usize, GridColumn)>, wanted: &Columns) -> Vec<(usize, GridColumn)> {
    let keep = |column: &GridColumn| {
        if wanted
            .keep
            .iter()
            .any(|pattern| pattern.matches(&column.header))
        {
            return true;
        }
        if wanted
            .drop
            .iter()
            .any(|pattern| pattern.matches(&column.header))
        {
            return false;
        }
        let same_may_stay = match column.kind {
            Kind::Dependency => wanted.all_deps && !wanted.only_changed,
            _ => !wanted.only_changed,
        };
        column.varies || same_may_stay
    };
    columns
        .into_iter()
        .filter(|(_, column)| keep(column))
        .collect()
}
