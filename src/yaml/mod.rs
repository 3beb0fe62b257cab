//! YAML as DVC reads, prints and edits it.

mod anchors;
mod block;
pub mod edit;
mod end;
#[cfg(test)]
pub(crate) mod fixture;
mod node;
mod old;
pub mod print;
pub mod read;
mod resolve;
mod scalar;
#[cfg(test)]
mod tests;

pub use node::{Node, NodeKind, error_at};
pub use read::parse;
pub(crate) use resolve::{int, value as plain_scalar};
