//! Many paths in one piece of memory: a run keeps one for every file that git tracks.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Paths in the order in which they were collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathList {
    bytes: Vec<u8>,
    /// Where each path ends and the next one begins.
    ends: Vec<usize>,
}

impl PathList {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the paths in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        (0..self.len()).map(|at| Path::new(OsStr::from_bytes(self.at(at))))
    }

    /// Whether these bytes are one of the paths, which were collected in the order of their bytes.
    pub fn contains(&self, path: &[u8]) -> bool {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            match self.at(middle).cmp(path) {
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Equal => return true,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        false
    }

    fn at(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }
}

impl<'a> FromIterator<&'a Path> for PathList {
    fn from_iter<T: IntoIterator<Item = &'a Path>>(paths: T) -> Self {
        let mut list = PathList::default();
        for path in paths {
            list.bytes.extend(path.as_os_str().as_bytes());
            list.ends.push(list.bytes.len());
        }
        list.bytes.shrink_to_fit();
        list.ends.shrink_to_fit();
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn has_what_was_collected(
            paths in prop::collection::btree_set("[a-c/]{0,3}", 0..9),
            other in "[a-c/]{0,3}",
        ) {
            let list: PathList = paths.iter().map(Path::new).collect();
            prop_assert_eq!(list.len(), paths.len());
            let read: BTreeSet<String> =
                list.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
            prop_assert_eq!(&read, &paths);
            for path in &paths {
                prop_assert!(list.contains(path.as_bytes()));
            }
            prop_assert_eq!(list.contains(other.as_bytes()), paths.contains(&other));
        }
    }
}
