//! Experiments as people and scripts see them: the table of `git exp show`, Markdown, CSV.
//!
//! ```text
//! │ main                    │      the baseline
//! │ │ ╓ 726d32f [exp-3b52b] │      the newest experiment first; its tip
//! │ │ ╟ ea2d11b (963b396)   │      the oldest of a fork, and the commit it grew from
//! │ │ ╓ d90179a [exp-02ba1] │
//! │ │ ╟ 963b396             │
//! │ ├─╨ d99d81c             │      the oldest, a child of the baseline
//! │ └── 5b91186 [one]       │      an experiment of a single checkpoint
//! ```

pub mod grid;

use super::created;
use super::csv;
use super::markdown;
use super::style::Role;
use super::table::{Column, Row, Table};
use crate::checkpoint::Time;
use crate::listing::Listing;
use grid::{Columns, Grid, GridCell, GridRow, Kind, Position};

/// How values and times are written.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Significant digits of floats; `None` for as many as they need.
    pub digits: Option<usize>,
    /// Now, with the offset of the reader's zone.
    pub now: Time,
    /// Whether more than ASCII may be drawn.
    pub unicode: bool,
}

/// Returns the table.
pub fn table(listing: &Listing, columns: &Columns, format: &Format) -> Table {
    let grid = grid::grid(listing, columns);
    let mut rows: Vec<Row> = Vec::with_capacity(grid.rows.len());
    for (index, row) in grid.rows.iter().enumerate() {
        let above = rows.last().and_then(|drawn| {
            let arranged = grid.rows.get(index.checked_sub(1)?)?;
            Some((arranged, drawn))
        });
        let drawn = cells(&grid, row, above, format);
        rows.push(drawn);
    }
    Table {
        columns: headings(&grid),
        rows,
    }
}

/// Returns the table as GitHub's Markdown, with an empty line behind it, as DVC has it.
pub fn markdown(listing: &Listing, columns: &Columns, format: &Format) -> String {
    let table = table(listing, columns, format);
    let headers: Vec<&str> = table.columns.iter().map(|c| c.header.as_str()).collect();
    let texts = |row: &Row| row.texts().map(str::to_owned).collect();
    let rows: Vec<Vec<String>> = table.rows.iter().map(texts).collect();
    let mut text = markdown::table(&headers, &rows);
    text.push('\n');
    text
}

/// Returns CSV with DVC's columns; floats in full unless `digits` are given.
pub fn csv(listing: &Listing, columns: &Columns, digits: Option<usize>) -> String {
    let columns = Columns {
        all_deps: true,
        ..columns.clone()
    };
    let grid = grid::grid(listing, &columns);
    let mut out = String::new();
    let fixed = [
        ("Experiment", true),
        ("rev", true),
        ("typ", true),
        ("Created", grid.created),
        ("parent", true),
        ("State", grid.state),
        ("Executor", grid.executor),
    ];
    let names = fixed
        .iter()
        .filter(|(_, shown)| *shown)
        .map(|(name, _)| *name);
    csv::push_record(
        &mut out,
        names.chain(grid.columns.iter().map(|c| c.header.as_str())),
    );
    let mut fields: Vec<String> = Vec::new();
    for row in &grid.rows {
        fields.clear();
        fields.push(row.name.unwrap_or_default().to_owned());
        fields.push(row.revision.clone());
        fields.push(row.position.word().to_owned());
        if grid.created {
            fields.push(row.time.map(created::iso).unwrap_or_default());
        }
        fields.push(row.fork_point.clone().unwrap_or_default());
        if grid.state {
            fields.push(row.state.unwrap_or_default().to_owned());
        }
        if grid.executor {
            fields.push(row.executor.unwrap_or_default().to_owned());
        }
        fields.extend(row.cells.iter().map(|cell| cell.text(digits, "")));
        csv::push_record(&mut out, fields.iter().map(String::as_str));
    }
    out
}

fn headings(grid: &Grid<'_>) -> Vec<Column> {
    let column = |header: &str, role, rank| Column {
        header: header.to_owned(),
        role,
        rank,
    };
    let mut columns = vec![column("Experiment", Some(Role::Heading), 0)];
    for (name, shown, rank) in [
        ("Created", grid.created, 1),
        ("State", grid.state, 1),
        ("Executor", grid.executor, 2),
    ] {
        if shown {
            columns.push(column(name, Some(Role::Heading), rank));
        }
    }
    for found in &grid.columns {
        // what changes is what people look for
        let (role, rank) = match (found.kind, found.varies) {
            (Kind::Metric, true) => (Some(Role::Metric), 3),
            (Kind::Param, true) => (Some(Role::Param), 4),
            (Kind::Metric, false) => (Some(Role::Metric), 5),
            (Kind::Param, false) => (Some(Role::Param), 6),
            (Kind::Dependency, _) => (Some(Role::Faint), 7),
        };
        columns.push(column(&found.header, role, rank));
    }
    columns
}

/// Writes a row. `above` is the one before it, from which it may have values: they are not written anew.
fn cells(
    grid: &Grid<'_>,
    row: &GridRow<'_>,
    above: Option<(&GridRow<'_>, &Row)>,
    format: &Format,
) -> Row {
    let role = (row.position == Position::Baseline).then_some(Role::Heading);
    let mut cells = Row::with_room(4 + row.cells.len());
    label(&mut cells, row, role, format.unicode);
    cells.end();
    if grid.created {
        let time = row.time.map(|time| created::short(time, format.now));
        cells.cell(time.as_deref().unwrap_or("-"), role);
    }
    if grid.state {
        match row.state {
            None => cells.cell("-", role),
            Some("Running") => cells.cell("Running", Some(Role::Added)),
            Some(other) => cells.cell(other, Some(Role::Removed)),
        }
    }
    if grid.executor {
        cells.cell(row.executor.unwrap_or("-"), role);
    }
    let first = cells.count();
    for (column, cell) in row.cells.iter().enumerate() {
        let same = above.filter(|(arranged, _)| {
            let above = arranged.cells.get(column);
            above.is_some_and(|above| above.is_shared(cell))
        });
        if let Some(text) = same.and_then(|(_, drawn)| drawn.text(first + column)) {
            cells.cell(text, role);
            continue;
        }
        match cell {
            GridCell::Hash(hash) => {
                let end = hash.char_indices().nth(7).map_or(hash.len(), |(at, _)| at);
                cells.cell(&hash[..end], role);
            }
            cell => {
                let text = cell.text(format.digits, "-");
                const BREAKS: [char; 3] = ['\n', '\r', '\t'];
                match text.contains(BREAKS) {
                    true => cells.cell(&text.replace(BREAKS, " "), role),
                    false => cells.cell(&text, role),
                }
            }
        }
    }
    cells
}

fn label(cell: &mut Row, row: &GridRow<'_>, role: Option<Role>, unicode: bool) {
    if row.position == Position::Baseline {
        return cell.push(&row.revision, role);
    }
    cell.push(glyphs(row.position, unicode), None);
    cell.push(&row.revision, Some(Role::Id));
    if let Some(name) = row.name {
        cell.push(" [", None);
        cell.push(name, Some(Role::Name));
        cell.push("]", None);
    }
    if let Some(fork_point) = &row.fork_point {
        cell.push(" (", None);
        cell.push(fork_point, Some(Role::Id));
        cell.push(")", None);
    }
}

fn glyphs(position: Position, unicode: bool) -> &'static str {
    match (position, unicode) {
        (Position::Baseline, _) => "",
        (Position::Tip, true) => "│ ╓ ",
        (Position::Inner, true) => "│ ╟ ",
        (Position::Base, true) => "├─╨ ",
        (Position::Single, true) => "├── ",
        (Position::LastSingle, true) => "└── ",
        (Position::Tip, false) => "| , ",
        (Position::Inner, false) => "| | ",
        (Position::Base, false) => "|-' ",
        (Position::Single, false) => "|-- ",
        (Position::LastSingle, false) => "`-- ",
    }
}

#[cfg(test)]
mod tests;
