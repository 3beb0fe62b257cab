//! Tracked files that nobody could watch: looked at when a capture is recorded, a moment after it.

use super::recorder::Recording;
use crate::capture::PathList;
use crate::error::Result;
use crate::store::bstr::{BString, ByteSlice};
use crate::store::objects::{Batch, TreeChange};
use crate::store::scan::FileState;
use std::os::unix::ffi::OsStrExt;

impl Recording {
    /// Takes what was written to `tracked` into `changes`; what training reports was captured already.
    ///
    /// What it finds is found again until [`Recording::late_saved`].
    pub(super) fn look_late(
        &mut self,
        batch: &Batch<'_>,
        tracked: &PathList,
        changes: &mut Vec<TreeChange>,
    ) -> Result<()> {
        let prefix = self.store().tree_path("");
        let is_reported = |path: &[u8]| {
            let inner = path
                .strip_prefix(prefix.as_bytes())
                .map(|path| path.to_str());
            matches!(inner, Some(Ok(path)) if self.reported.covers(path))
        };
        let paths = tracked.iter().map(|path| path.as_os_str().as_bytes());
        let looked_at: Vec<&[u8]> = paths.filter(|path| !is_reported(path)).collect();
        let scan = self.scanner.scan_paths(batch, looked_at)?;
        // The record before this one was lost, and with it what the look before this one found.
        for path in std::mem::take(&mut self.late) {
            let state = self.scanner.store_current(batch, path.as_bstr())?;
            changes.push(change(&path, state));
            self.late.insert(path);
        }
        for found in scan.changes {
            changes.push(change(&found.path, found.new));
            self.late.insert(found.path);
        }
        Ok(())
    }

    /// What the looks have found is part of a tree that will not be lost.
    pub(super) fn late_saved(&mut self) {
        self.late.clear();
    }
}

fn change(path: &BString, state: Option<FileState>) -> TreeChange {
    TreeChange {
        path: path.to_vec(),
        entry: state.map(|state| (state.kind, state.id)),
    }
}
