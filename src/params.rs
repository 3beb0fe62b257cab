//! Param files, and assignments to them: `[file:]key=value`, numbers kept as typed.
//!
//! A file's suffix says what it is, as for DVC: JSON, TOML, Python, else YAML.

mod assign;
mod assignment;
mod cast;
mod file;
mod json;
mod python;
mod reference;
#[cfg(test)]
mod tests;
mod toml;

pub use assign::assign;
pub use assignment::{Assignment, Operation};
pub use file::{ParamsFile, Selection, file_data};

/// The params file where none is named.
pub const DEFAULT_FILE: &str = "params.yaml";
