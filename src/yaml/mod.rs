//! YAML as DVC reads, prints and edits it.

mod block;
pub mod edit;
#[cfg(test)]
pub(crate) mod fixture;
pub mod print;
pub mod read;
mod resolve;
mod scalar;
#[cfg(test)]
mod tests;

pub use read::{Node, NodeKind, parse};
pub(crate) use resolve::{int, value as plain_scalar};
