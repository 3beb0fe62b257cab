//! Room on the disk: a copy must not take what training needs for its own next save.

use crate::store::capture_dir::free_space;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

/// Errors if a copy of `size` bytes in `folder` would leave too little. `copied` are the bytes of the
/// same output that were copied a moment ago.
pub fn check(folder: &Path, size: u64, copied: u64) -> Result<()> {
    let free = free_space(folder).map_err(Error::other)?;
    if leaves_enough(free, size, copied) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::StorageFull,
        format!(
            "a copy of {} would leave {} free at '{}', too little for its own next save",
            mebibytes(size),
            mebibytes(free.saturating_sub(size)),
            folder.display()
        ),
    ))
}

/// Whether twice the size of an output stays free of `free` bytes: training writes as much with its
/// next save, and often keeps the old file until that is done.
fn leaves_enough(free: u64, size: u64, copied: u64) -> bool {
    let wanted = size.saturating_add(copied).saturating_mul(2);
    free.saturating_sub(size) >= wanted
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twice_the_size_stays_free() {
        assert!(leaves_enough(300, 100, 0));
        assert!(!leaves_enough(299, 100, 0));
        assert!(!leaves_enough(50, 100, 0));
        assert!(leaves_enough(0, 0, 0));
        // A folder of files counts as a whole.
        assert!(leaves_enough(500, 100, 100));
        assert!(!leaves_enough(499, 100, 100));
        assert!(!leaves_enough(u64::MAX, u64::MAX, u64::MAX));
    }

    #[test]
    fn says_how_much_there_is() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), 1, 0).unwrap();
        let error = check(folder.path(), 1 << 60, 0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        let said = error.to_string();
        assert!(
            said.starts_with("a copy of 1099511627776.0 MiB would leave 0.0 MiB free at '"),
            "{said}"
        );
    }
}
