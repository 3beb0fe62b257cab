//! The screen: tables, colours, JSON. Never reads a repository.

pub mod created;
pub mod csv;
pub mod diff;
pub mod experiments;
pub mod json;
pub mod markdown;
pub mod out;
pub mod pager;
pub mod plain;
pub mod plots_page;
pub mod progress;
pub mod reasons;
pub mod shell;
pub mod size;
pub mod style;
pub mod table;
