//! Sets of paths in which a path stands for all below it.

use gix::bstr::{BStr, BString, ByteSlice};
use std::collections::HashSet;

/// Paths, each standing for itself and all below it.
#[derive(Debug, Clone, Default)]
pub struct PathSet(HashSet<Vec<u8>>);

impl PathSet {
    /// Collects paths from the top of the work tree, `/` between parts.
    pub fn new<P: AsRef<[u8]>>(paths: impl IntoIterator<Item = P>) -> Self {
        PathSet(
            paths
                .into_iter()
                .map(|path| path.as_ref().trim_end_with(|c| c == '/').to_vec())
                .collect(),
        )
    }

    /// Adds another set's paths.
    pub fn extend(&mut self, other: PathSet) {
        self.0.extend(other.0);
    }

    /// Returns the outermost of the paths that `path` is, or is below; `None` if there is none.
    pub fn covering(&self, path: &[u8]) -> Option<BString> {
        path.iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
            .map(|(at, _)| &path[..at])
            .chain([path])
            .find(|part| self.0.contains(*part))
            .map(BString::from)
    }

    /// Returns the paths, in order.
    pub fn iter(&self) -> impl Iterator<Item = &BStr> {
        let mut paths: Vec<&BStr> = self.0.iter().map(|path| path.as_bstr()).collect();
        paths.sort();
        paths.into_iter()
    }

    /// Whether `path` is one of them or below one.
    pub fn covers(&self, path: &[u8]) -> bool {
        if self.0.is_empty() {
            return false;
        }
        self.0.contains(path)
            || path
                .iter()
                .enumerate()
                .any(|(at, byte)| *byte == b'/' && self.0.contains(&path[..at]))
    }
}
