//! Captured files that go into git, and what is told of those that are metrics or params.

use super::recorder::Recording;
use crate::capture::{CapturedContent, CapturedFile, Content};
use crate::error::Result;
use crate::pipeline::paths;
use crate::store::objects::{Batch, EntryKind, TreeChange};
use std::path::Path;

impl Recording {
    /// Takes an output that git has into `changes`.
    pub(super) fn tree_changes(
        &mut self,
        batch: &Batch<'_>,
        tree_path: &str,
        content: &CapturedContent,
        changes: &mut Vec<TreeChange>,
    ) -> Result<()> {
        let gone = |path: String| TreeChange {
            path: path.into_bytes(),
            entry: None,
        };
        match content {
            CapturedContent::Missing => changes.push(gone(tree_path.to_owned())),
            CapturedContent::File(file) => changes.extend(self.blob(batch, tree_path, file)?),
            CapturedContent::Directory {
                complete,
                changed,
                removed,
            } => {
                if *complete {
                    changes.push(gone(tree_path.to_owned()));
                }
                changes.extend(
                    removed
                        .iter()
                        .map(|path| gone(format!("{tree_path}/{path}"))),
                );
                for (path, file) in changed {
                    changes.extend(self.blob(batch, &format!("{tree_path}/{path}"), file)?);
                }
            }
        }
        Ok(())
    }

    /// Takes a file that is no output into `changes`; `None` is one that is gone.
    pub(super) fn file(
        &mut self,
        batch: &Batch<'_>,
        path: &Path,
        file: Option<CapturedFile>,
        changes: &mut Vec<TreeChange>,
    ) -> Result<()> {
        use std::os::unix::ffi::OsStrExt;
        let bytes = path.as_os_str().as_bytes();
        let text = path.to_string_lossy();
        if let Some(project_path) = text.strip_prefix(&self.store().tree_path("")) {
            self.show(project_path, file.as_ref());
        }
        match file {
            None => changes.push(TreeChange {
                path: bytes.to_vec(),
                entry: None,
            }),
            Some(file) => changes.extend(self.blob(batch, &text, &file)?),
        }
        Ok(())
    }

    fn blob(
        &mut self,
        batch: &Batch<'_>,
        path: &str,
        file: &CapturedFile,
    ) -> Result<Option<TreeChange>> {
        let kind = if file.executable {
            EntryKind::BlobExecutable
        } else {
            EntryKind::Blob
        };
        let entry = match &file.content {
            Content::Unchanged => return Ok(None),
            Content::Bytes(bytes) => (kind, self.scanner.blob(batch, path.as_bytes(), bytes)?),
            Content::Copy { path, .. } => (kind, batch.blob_from_file(path)?),
            Content::Link(target) => (EntryKind::Link, batch.blob(target)?),
        };
        Ok(Some(TreeChange {
            path: path.as_bytes().to_vec(),
            entry: Some(entry),
        }))
    }

    /// Takes over the metrics and params in an output.
    pub(super) fn show_output(&mut self, path: &str, content: &CapturedContent) {
        match content {
            CapturedContent::Missing => self.show(path, None),
            CapturedContent::File(file) => self.show(path, Some(file)),
            CapturedContent::Directory {
                changed, removed, ..
            } => {
                for relative in removed {
                    self.show(&format!("{path}/{relative}"), None);
                }
                for (relative, file) in changed {
                    self.show(&format!("{path}/{relative}"), Some(file));
                }
            }
        }
    }

    /// Takes over a metrics file, or a params file that training wrote; `None` is one that is gone.
    fn show(&mut self, path: &str, file: Option<&CapturedFile>) {
        let is = |list: &[String]| list.iter().any(|known| known == path);
        let is_metric = is(&self.metric_files) || is(&self.reported.metrics);
        let is_param = is(&self.reported.params);
        match file.map(|file| &file.content) {
            None => {
                let stays = |file: &String| !paths::is_within(file, path);
                self.metrics.retain(|file, _| stays(file));
                if is_param {
                    self.params.shift_remove(path);
                }
            }
            Some(Content::Bytes(bytes)) if is_metric => {
                let data = crate::metrics::file_data(path, bytes);
                self.metrics.insert(path.to_owned(), data);
            }
            Some(Content::Bytes(bytes)) if is_param => {
                let data = crate::params::file_data(path, bytes);
                self.params.insert(path.to_owned(), data);
            }
            Some(_) => {}
        }
    }
}
