//! What outputs hold that neither the cache nor a commit has: it goes to an undo entry before it is replaced.

use super::restore::Restorer;
use crate::digest::Format;
use crate::error::{Context, Result};
use crate::event::{Event, Events};
use crate::id::ObjectId;
use crate::ops::keep::keep;
use crate::pipeline::Output;
use crate::store::bstr::BString;
use crate::store::scan::PathSet;

impl Restorer<'_> {
    /// Puts what `outputs` hold, and nothing else does, into one undo entry.
    pub(super) fn keep_unsaved<'o>(
        &self,
        outputs: impl Iterator<Item = &'o Output>,
        events: &mut dyn Events,
    ) -> Result<()> {
        // All that is there is a copy.
        if self.store.is_temporary() {
            return Ok(());
        }
        let (mut files, mut cached): (Vec<BString>, Vec<BString>) = (Vec::new(), Vec::new());
        for output in outputs {
            if output.cache {
                if self.is_unsaved(output)? {
                    cached.push(self.store.tree_path(&output.path).into());
                }
            } else {
                files.extend(self.unsaved_files(output)?);
            }
        }
        let subject = self.origin.experiment.name.as_str();
        if keep(self.store, "run", subject, &files, &cached, self.format)?.is_some() {
            let names: Vec<String> = files
                .iter()
                .chain(&cached)
                .map(|path| format!("'{path}'"))
                .collect();
            let them = if names.len() == 1 { "it" } else { "them" };
            events.emit(Event::Status(format!(
                "Saved {} first; 'git exp undo --force' brings {them} back.",
                names.join(", ")
            )));
        }
        Ok(())
    }

    fn is_unsaved(&self, output: &Output) -> Result<bool> {
        let place = self.store.project()?.join(&output.path);
        let Some(digest) = self
            .cache
            .digest(&place)?
            .filter(|now| now.nfiles() != Some(0))
        else {
            return Ok(false);
        };
        let holds = |format: Format| {
            self.cache
                .has(format, &digest.md5(format), Some(digest.size()))
        };
        // A listing's size is not that of its files.
        let holds_listing = |format: Format| self.cache.has(format, &digest.md5(format), None);
        let saved = match digest.nfiles() {
            None => holds(Format::V3) || holds(Format::V2),
            Some(_) => holds_listing(Format::V3) || holds_listing(Format::V2),
        };
        Ok(!saved)
    }

    /// Returns the files of an output in git's care whose bytes no commit has that we know of.
    fn unsaved_files(&self, output: &Output) -> Result<Vec<BString>> {
        let resumed = self.store.current_point()?.map(|point| point.checkpoint);
        let head = self.store.head()?.commit;
        let holders: Vec<ObjectId> = [self.origin.from, resumed, head]
            .into_iter()
            .flatten()
            .collect();
        let mut unsaved = Vec::new();
        for path in self
            .store
            .files_below(&PathSet::new([self.store.tree_path(&output.path)]))?
        {
            let text = path.to_string();
            let place = self.store.worktree().join(&text);
            let bytes = fs_err::read(&place).context(|| format!("cannot read '{text}'"))?;
            // A commit that is gone holds nothing.
            let holds = |commit: &ObjectId| {
                self.store
                    .read_blob(*commit, &text)
                    .ok()
                    .flatten()
                    .is_some_and(|blob| blob == bytes)
            };
            if !holders.iter().any(holds) {
                unsaved.push(path);
            }
        }
        Ok(unsaved)
    }
}
