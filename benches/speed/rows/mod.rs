//! The rows, in the order of the table.

mod commands;
mod many;
mod pipeline;
mod reading;
mod start;
mod training;

use crate::Choice;

/// Measures one row, or some that belong together, and prints them.
type Row = fn(&Choice);

/// Measures and prints every row that is wanted.
pub fn all(choice: &Choice) {
    let rows: [(&str, Row); 15] = [
        ("start", start::start),
        ("list", start::list),
        ("wait small", training::small),
        ("wait large", training::large),
        ("wait reflink", training::reflink),
        ("wait folder", training::folder),
        ("wait queue full", training::queue_full),
        ("later checkpoints", many::later),
        ("growth", many::growth),
        ("show", reading::show),
        ("apply", commands::apply),
        ("metrics diff, list, branch", reading::small_commands),
        ("gc", commands::gc),
        ("pipeline", pipeline::pipeline),
        ("show of DVC's history", reading::show_without_notes),
    ];
    for (name, row) in rows {
        if choice.wants(name) {
            row(choice);
        }
    }
}
