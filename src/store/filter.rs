//! git's content filters: what a work tree file is inside git, and the way back.
//!
//! `autocrlf`, `eol`, `ident`, `working-tree-encoding` and the drivers of `filter.*` (git-lfs among
//! them) are gix's; this file only ties them to one worktree. Round-trip checks of `core.safecrlf`
//! are off: a checkpoint must not fail on a line ending that `git add` would only warn about.

use super::Store;
use super::scan::FileState;
use crate::error::{Context, Result};
use gix::bstr::{BStr, ByteSlice};
use gix::filter::plumbing::pipeline;
use gix::objs::Find;
use std::io::Read;

/// The filters of one worktree, with its attributes.
pub(crate) struct Filter {
    pipeline: gix::filter::plumbing::Pipeline,
    attributes: gix::worktree::Stack,
}

/// A work tree file as git stores it.
pub(crate) enum Clean<R> {
    /// No filter applies: the reader, untouched.
    Unchanged(R),
    /// What the filters made of it.
    Bytes(Vec<u8>),
}

#[allow(
    clippy::wrong_self_convention,
    reason = "named after git's conversions; they keep state"
)]
impl Filter {
    /// Reads the configuration; attributes come from the work tree, and from `index` where a file is absent.
    pub fn new(repo: &gix::Repository, index: &gix::index::State) -> Result<Self> {
        let doing = || "cannot set up git's filters".to_string();
        let attributes = repo
            .attributes_only(
                index,
                gix::worktree::stack::state::attributes::Source::WorktreeThenIdMapping,
            )
            .context(doing)?
            .detach();
        let mut options = gix::filter::Pipeline::options(repo).context(doing)?;
        options.crlf_roundtrip_check = pipeline::CrlfRoundTripCheck::Skip;
        let pipeline = gix::filter::plumbing::Pipeline::new(
            repo.command_context().context(doing)?,
            repo.object_hash(),
            options,
        );
        Ok(Filter {
            pipeline,
            attributes,
        })
    }

    /// Converts the bytes that `source` yields to what git stores at `path`.
    pub fn clean<R: Read>(
        &mut self,
        repo: &gix::Repository,
        index: &gix::index::State,
        path: &BStr,
        source: R,
    ) -> Result<Clean<R>> {
        let doing = || format!("cannot filter '{path}' for git");
        let entry = self
            .attributes
            .at_entry(path, None, &repo.objects)
            .context(doing)?;
        let rela_path = gix::path::from_bstr(path);
        let outcome = self
            .pipeline
            .convert_to_git(
                source,
                rela_path.context(doing)?.as_ref(),
                &mut |_, attributes| {
                    entry.matching_attributes(attributes);
                },
                &mut |buffer| {
                    let Some(entry) = index.entry_by_path(path) else {
                        return Ok(None);
                    };
                    let object = repo.objects.try_find(&entry.id, buffer)?;
                    Ok(object
                        .filter(|object| object.kind == gix::objs::Kind::Blob)
                        .map(|_| ()))
                },
            )
            .context(doing)?;
        match outcome {
            pipeline::convert::ToGitOutcome::Unchanged(source) => Ok(Clean::Unchanged(source)),
            pipeline::convert::ToGitOutcome::Buffer(bytes) => Ok(Clean::Bytes(bytes.to_vec())),
            pipeline::convert::ToGitOutcome::Process(mut read) => {
                let mut bytes = Vec::new();
                read.read_to_end(&mut bytes).context(doing)?;
                Ok(Clean::Bytes(bytes))
            }
        }
    }

    /// Converts a blob's bytes to what stands at `path` in the work tree; `None` if they are the same.
    pub fn smudge(
        &mut self,
        repo: &gix::Repository,
        path: &BStr,
        blob: &[u8],
    ) -> Result<Option<Vec<u8>>> {
        let doing = || format!("cannot filter '{path}' for the work tree");
        let entry = self
            .attributes
            .at_entry(path, None, &repo.objects)
            .context(doing)?;
        let mut outcome = self
            .pipeline
            .convert_to_worktree(
                blob,
                path,
                &mut |_, attributes| {
                    entry.matching_attributes(attributes);
                },
                Default::default(),
            )
            .context(doing)?;
        if !outcome.is_changed() {
            return Ok(None);
        }
        if let Some(bytes) = outcome.as_bytes() {
            return Ok(Some(bytes.to_vec()));
        }
        let mut bytes = Vec::new();
        if let Some(read) = outcome.as_read() {
            read.read_to_end(&mut bytes).context(doing)?;
        }
        Ok(Some(bytes))
    }
}

impl Store {
    /// Returns the bytes that a checkout would write for a file at a path from the top of the work tree.
    pub fn as_checked_out(&self, path: &str, state: FileState) -> Result<Vec<u8>> {
        let index = self
            .repo
            .index_or_empty()
            .context(|| "cannot read the index".to_string())?;
        let blob = self.read_object(state.id)?;
        let smudged = Filter::new(&self.repo, &index)?.smudge(&self.repo, path.into(), &blob)?;
        Ok(smudged.unwrap_or(blob))
    }
}

/// Returns a tree path as a path of the operating system.
pub(crate) fn os_path(path: &BStr) -> Result<std::path::PathBuf> {
    Ok(path
        .to_path()
        .map_err(|cause| {
            crate::error::Error::refused(format!("'{path}' is no path on this system"))
                .caused_by(cause)
        })?
        .to_owned())
}
