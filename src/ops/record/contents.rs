//! The bytes of an output: hashed once, stored in the cache, described for `dvc.lock` and the note.

use super::recorder::Recording;
use super::unread::Unread;
use crate::capture::{AsOf, CapturedContent, Content};
use crate::checkpoint::NoteOutput;
use crate::digest::{self, DirDigest, FileDigest, Format, Md5Hex, PathDigest};
use crate::error::{Context, Error, Result};
use crate::lockfile::{LockedHash, LockedPath};
use crate::pipeline::paths::is_url;
use crate::pipeline::{Output, OutputKind, Stage};
use crate::store::cache::Cache;
use crate::store::hash::NOT_WORTH_A_MEMO;
use crate::store::memo;
use crate::store::objects::{Batch, TreeChange};
use crate::store::side_by_side::each;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// Files of a folder that are hashed side by side before the next ones are looked at.
const READ_AT_ONCE: usize = 1024;

/// A finished file on the cache's file system.
struct NewFile {
    /// Relative if it lies in the recording's folder of copies.
    path: PathBuf,
    md5: Md5Hex,
    md5_text: Option<Box<Md5Hex>>,
    /// Of a copy of the capture; `None` for a file that was made of its bytes.
    copy: Option<Box<FileDigest>>,
}

impl NewFile {
    /// Returns its name in the cache.
    fn name(&self, format: Format) -> Md5Hex {
        match (format, &self.md5_text) {
            (Format::V2, Some(text)) => **text,
            _ => self.md5,
        }
    }
}

/// An output as a capture has it.
pub(super) struct Taken<'a> {
    pub output: &'a Output,
    pub content: CapturedContent,
    /// Whether the cache gets it, be it that git has it as well.
    pub is_stored: bool,
}

impl Recording {
    /// Takes an output into the cache, or into `changes` of the tree. Returns what `dvc.lock` says of it,
    /// `None` if it is not there. `before` is what `dvc.lock` has of it.
    pub(super) fn output(
        &mut self,
        batch: &Batch<'_>,
        taken: Taken<'_>,
        before: Option<&LockedHash>,
        changes: &mut Vec<TreeChange>,
    ) -> Result<Option<LockedHash>> {
        let Taken {
            output,
            content,
            is_stored,
        } = taken;
        let tree_path = self.store().tree_path(&output.path);
        if !output.cache {
            self.tree_changes(batch, &tree_path, &content, changes)?;
        }
        self.show_output(&output.path, &content);
        let Some((mut digest, files)) = self.digest(output, content, before)? else {
            self.outs.shift_remove(&output.path);
            self.digests.remove(&output.path);
            return Ok(None);
        };
        let format = kept_format(before, &digest).unwrap_or(self.format);
        if is_stored && format == Format::V3 {
            if let PathDigest::File { digest, .. } = &digest {
                self.pending.single.push(digest.clone());
            }
            self.pending.files.reserve(files.len());
            for file in files {
                let name = file.name(format);
                if let (Some(digest), Some(entry)) = (file.copy, self.entry) {
                    let copy = (entry, file.path.clone(), *digest);
                    self.pending.copies.push(copy);
                }
                self.pending.files.push((file.path, name));
            }
            if let PathDigest::Dir(_) = &digest {
                self.pending.listings.push(output.path.clone());
            }
        } else if is_stored {
            if let Some(entry) = self.entry {
                let copy = |file: &NewFile| {
                    let digest = file.copy.as_deref()?;
                    Some((file.path.clone(), digest.clone()))
                };
                let copies: Vec<_> = files.iter().filter_map(copy).collect();
                self.journal.add_digests(entry, &copies)?;
            }
            let named = |file: NewFile| {
                let name = file.name(format);
                (file.path, name)
            };
            let named: Vec<(PathBuf, Md5Hex)> = files.into_iter().map(named).collect();
            // A text of other line ends may stand there under DVC 2's name: the note tells its sha256.
            let inserted = self.cache.insert_all(&self.copies, &named, format)?;
            self.cache.remember(&inserted, format, digest.files());
            for (name, stored) in inserted.twins {
                tell_stored(&mut digest, format, &name, &stored);
            }
            if let PathDigest::Dir(directory) = &digest {
                self.cache.insert_listing(format, directory)?;
            }
        }
        let hash = LockedHash {
            format,
            md5: digest.md5(format),
            size: Some(digest.size()),
            nfiles: digest.nfiles(),
            isexec: digest.isexec(),
        };
        if output.kind == OutputKind::Out {
            self.outs.insert(
                output.path.clone(),
                NoteOutput {
                    md5: Some(hash.md5.clone()),
                    sha256: output.cache.then(|| digest.sha256()),
                    size: hash.size,
                    nfiles: hash.nfiles,
                    cache: output.cache,
                    data_source: false,
                },
            );
        }
        self.digests.insert(output.path.clone(), digest);
        Ok(Some(hash))
    }

    /// Describes the outputs outside of the project for `dvc.lock` and the note, as they are now: nothing
    /// of them is kept.
    pub(super) fn outside_outputs(&mut self, stage: &Stage) -> Result<Vec<LockedPath>> {
        let project = self.store().project()?.to_owned();
        let entry = self.lockfiles.entry(stage).cloned().unwrap_or_default();
        let mut locked = Vec::new();
        for output in &stage.outside_outs {
            let path = stage.written(&output.path);
            let before = entry.out(path);
            if is_url(&output.path) {
                locked.extend(before.cloned());
                continue;
            }
            let hash = self
                .cache
                .digest(&project.join(&output.path))?
                .map(|digest| {
                    let before = before.and_then(|before| before.hash.as_ref());
                    let format = kept_format(before, &digest).unwrap_or(self.format);
                    LockedHash {
                        format,
                        md5: digest.md5(format),
                        size: Some(digest.size()),
                        nfiles: digest.nfiles(),
                        isexec: digest.isexec(),
                    }
                });
            self.note_outside(stage, output, hash.as_ref());
            locked.push(LockedPath {
                path: path.to_owned(),
                hash,
                ..LockedPath::default()
            });
        }
        Ok(locked)
    }

    /// Tells the note what an output outside of the project is.
    pub(super) fn note_outside(
        &mut self,
        stage: &Stage,
        output: &Output,
        hash: Option<&LockedHash>,
    ) {
        if let (OutputKind::Out, Some(hash)) = (output.kind, hash) {
            let note = NoteOutput {
                md5: Some(hash.md5.clone()),
                sha256: None,
                size: hash.size,
                nfiles: hash.nfiles,
                cache: false,
                data_source: false,
            };
            self.outs.insert(stage.noted(&output.path), note);
        }
    }

    /// Hashes captured files; returns those whose bytes are not known yet, as files with their md5 names.
    fn digest(
        &mut self,
        output: &Output,
        content: CapturedContent,
        before: Option<&LockedHash>,
    ) -> Result<Option<(PathDigest, Vec<NewFile>)>> {
        let path = &output.path;
        let lost = || Error::corrupt(format!("the last copy of '{path}' could not be recorded"));
        // Should this fail, nothing is known of it: the next capture is a complete one.
        let known = match self.digests.remove(path) {
            Some(known) => Some(known),
            None => self.recall(output, before)?,
        };
        let mut files = Vec::new();
        let digest = match content {
            CapturedContent::Missing => return Ok(None),
            CapturedContent::File(file) => {
                let isexec = file.executable;
                match (file.content, known) {
                    (Content::Unchanged, Some(PathDigest::File { digest, .. })) => {
                        PathDigest::File { digest, isexec }
                    }
                    (Content::Unchanged, _) => return Err(lost()),
                    (content, _) => {
                        let read = read(&content, &self.unread)?;
                        let digest = self.name(content, read, &mut files)?;
                        let as_of = file.as_of.filter(|it| it.size > NOT_WORTH_A_MEMO);
                        self.cache
                            .remember_captured(as_of.map(|as_of| (as_of, &digest)));
                        PathDigest::File { digest, isexec }
                    }
                }
            }
            CapturedContent::Directory {
                complete,
                changed,
                removed,
            } => {
                let mut directory = match known {
                    Some(PathDigest::Dir(directory)) if !complete => directory.files,
                    _ if complete => IndexMap::with_capacity(changed.len()),
                    _ => return Err(lost()),
                };
                files.reserve_exact(changed.len());
                for gone in removed {
                    directory.shift_remove(&gone);
                }
                let mut as_of = Vec::new();
                let mut changed = changed.into_iter();
                while changed.len() > 0 {
                    if as_of.len() >= memo::TOGETHER {
                        remember(&self.cache, &mut as_of, &directory);
                    }
                    let some: Vec<_> = changed.by_ref().take(READ_AT_ONCE).collect();
                    let read = each(&some, |(_, file)| read(&file.content, &self.unread))?;
                    for ((relative, file), read) in some.into_iter().zip(read) {
                        let digest = self.name(file.content, read, &mut files)?;
                        let (at, _) = directory.insert_full(relative, digest);
                        as_of.extend(file.as_of.map(|it| (it, at)));
                    }
                }
                remember(&self.cache, &mut as_of, &directory);
                PathDigest::Dir(DirDigest::of(directory))
            }
        };
        Ok(Some((digest, files)))
    }

    /// Makes a file of captured bytes; takes a copy, which hashes to `read`, as it is.
    fn name(
        &mut self,
        content: Content,
        read: Option<FileDigest>,
        files: &mut Vec<NewFile>,
    ) -> Result<FileDigest> {
        let (digest, path, is_copy) = match content {
            Content::Bytes(bytes) => {
                let path = PathBuf::from(format!("r{}", self.next_copy));
                self.next_copy += 1;
                fs_err::write(self.copies.join(&path), &bytes)
                    .context(|| "cannot write to the cache's file system".to_owned())?;
                (digest::bytes(&bytes), path, false)
            }
            Content::Copy { path, .. } => match read {
                Some(digest) => (digest, path, true),
                None => return self.moved(&path),
            },
            Content::Unchanged | Content::Link(_) => {
                return Err(Error::io("a captured file has no bytes"));
            }
        };
        files.push(NewFile {
            path,
            md5: digest.md5,
            md5_text: digest.md5_text.clone(),
            copy: is_copy.then(|| Box::new(digest.clone())),
        });
        Ok(digest)
    }

    /// Returns what a copy hashes to that is not there any more because it is in the cache already.
    fn moved(&self, copy: &Path) -> Result<FileDigest> {
        let is_stored = |digest: &&FileDigest| {
            let mut formats = [Format::V2, Format::V3].into_iter();
            formats.any(|format| {
                let md5 = digest.md5(format);
                self.cache.has(format, md5, Some(digest.size))
            })
        };
        let digest = self.moved.get(copy).filter(is_stored).cloned();
        digest.ok_or_else(|| Error::corrupt("a captured copy is gone"))
    }
}

/// Has the memo know the files of a folder by what they were when they were captured, and forgets that.
fn remember(cache: &Cache, as_of: &mut Vec<(AsOf, usize)>, folder: &IndexMap<String, FileDigest>) {
    let captured = as_of.drain(..).filter_map(|(as_of, at)| {
        let (_, digest) = folder.get_index(at)?;
        Some((as_of, digest))
    });
    cache.remember_captured(captured);
}

/// Hashes a captured copy; `None` if it is not there any more, or nothing that was copied.
fn read(content: &Content, unread: &Unread) -> Result<Option<FileDigest>> {
    let Content::Copy { path, .. } = content else {
        return Ok(None);
    };
    let doing = || "cannot read a captured copy".to_owned();
    match fs_err::File::open(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        file => digest::read(unread.count(file.context(doing)?))
            .context(doing)
            .map(Some),
    }
}

/// Takes over the sha256 of what the cache holds under `name` instead of our bytes.
fn tell_stored(digest: &mut PathDigest, format: Format, name: &str, stored: &FileDigest) {
    let tell = |file: &mut FileDigest| {
        if file.md5(format) == name {
            file.sha256 = stored.sha256;
        }
    };
    match digest {
        PathDigest::File { digest, .. } => tell(digest),
        PathDigest::Dir(directory) => directory.files.values_mut().for_each(tell),
    }
}

/// Returns the format of an entry that still describes this content: unchanged entries keep their form.
pub(super) fn kept_format(before: Option<&LockedHash>, digest: &PathDigest) -> Option<Format> {
    let before = before?;
    (digest.md5(before.format) == before.md5).then_some(before.format)
}
