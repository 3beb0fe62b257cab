//! One change of the workspace, the refs and the resume point that is done as a whole or taken back.
//!
//! A [`Transition`] says for every file, cached output and ref what it was and what it becomes. It is
//! written down before the first change (`<git dir>/git-exp/intent`) and removed after the last, so
//! the next command can finish what a kill cut off: every step may be done twice. Turned around, it
//! is what `git exp undo` does.

use super::Store;
use super::checkout::Targets;
use super::durable;
use super::filter::os_path;
use super::refs::{Expected, MoveError, RefChange};
use super::scan::{FileState, PathSet, Scanner};
use super::state::ResumePoint;
use crate::digest::Format;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use gix::bstr::{BString, ByteSlice};
use gix::objs::tree::EntryKind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What was, and what shall be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step<T> {
    /// Before; `None` if there was nothing.
    pub before: Option<T>,
    /// After; `None` if there is nothing.
    pub after: Option<T>,
}

/// A file of the work tree that is (or could be) in git.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedFile {
    /// As in a tree: `100644`, `100755`, `120000`, in octal digits.
    mode: Mode,
    #[serde(with = "hex_id")]
    id: ObjectId,
}

/// A cached output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedOutput {
    /// 2 or 3: which of DVC's formats names it.
    format: u8,
    /// 32 hex digits, with `.dir` for a directory.
    pub md5: String,
    /// Its owner-execute bit.
    pub isexec: bool,
}

/// Where a ref points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefValue(#[serde(with = "hex_id")] pub ObjectId);

/// The resume point, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedResume {
    #[serde(with = "hex_id")]
    checkpoint: ObjectId,
    #[serde(with = "hex_id")]
    baseline: ObjectId,
    name: String,
    experiment_id: String,
}

/// Everything that one operation changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Transition {
    /// Files by path from the top of the work tree.
    #[serde(default)]
    pub files: Vec<(SavedPath, Step<SavedFile>)>,
    /// Cached outputs by path from the top of the work tree.
    #[serde(default)]
    pub outputs: Vec<(SavedPath, Step<SavedOutput>)>,
    /// Refs by full name.
    #[serde(default)]
    pub refs: Vec<(String, Step<RefValue>)>,
    /// The resume point; absent where the operation does not set it.
    #[serde(default)]
    pub resume: Option<Step<SavedResume>>,
    /// An undo entry's ref that goes at the end, once it is taken back.
    #[serde(default)]
    pub drops: Option<String>,
    /// Where objects that the cache may have lost are kept.
    #[serde(default)]
    pub kept: Option<PathBuf>,
}

/// A path; bytes that are not UTF-8, and `%`, are percent-escaped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct SavedPath(pub BString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Mode {
    #[serde(rename = "100644")]
    File,
    #[serde(rename = "100755")]
    Executable,
    #[serde(rename = "120000")]
    Link,
    #[serde(rename = "160000")]
    Submodule,
}

impl SavedFile {
    /// Describes a file's state.
    pub fn new(state: FileState) -> Self {
        let mode = match state.kind {
            EntryKind::Link => Mode::Link,
            EntryKind::BlobExecutable => Mode::Executable,
            EntryKind::Commit => Mode::Submodule,
            EntryKind::Blob | EntryKind::Tree => Mode::File,
        };
        SavedFile { mode, id: state.id }
    }

    /// Returns the file's state.
    pub fn state(self) -> FileState {
        let kind = match self.mode {
            Mode::Link => EntryKind::Link,
            Mode::Executable => EntryKind::BlobExecutable,
            Mode::Submodule => EntryKind::Commit,
            Mode::File => EntryKind::Blob,
        };
        FileState { kind, id: self.id }
    }
}

impl SavedOutput {
    /// Names an object of the cache.
    pub fn new(format: Format, md5: String, isexec: bool) -> Self {
        let format = match format {
            Format::V2 => 2,
            Format::V3 => 3,
        };
        SavedOutput {
            format,
            md5,
            isexec,
        }
    }

    /// Returns the format that names it.
    pub fn format(&self) -> Format {
        match self.format {
            2 => Format::V2,
            _ => Format::V3,
        }
    }
}

impl SavedResume {
    /// Describes a resume point.
    pub fn new(point: &ResumePoint) -> Self {
        SavedResume {
            checkpoint: point.checkpoint,
            baseline: point.baseline,
            name: point.name.clone(),
            experiment_id: point.experiment_id.clone(),
        }
    }

    /// Returns the resume point.
    pub fn point(&self) -> ResumePoint {
        ResumePoint {
            checkpoint: self.checkpoint,
            baseline: self.baseline,
            name: self.name.clone(),
            experiment_id: self.experiment_id.clone(),
        }
    }
}

impl<T> Step<T> {
    fn turned(self) -> Self {
        Step {
            before: self.after,
            after: self.before,
        }
    }
}

impl Transition {
    /// Returns the way back.
    pub fn turned(self) -> Self {
        Transition {
            files: turn(self.files),
            outputs: turn(self.outputs),
            refs: turn(self.refs),
            resume: self.resume.map(Step::turned),
            drops: None,
            kept: self.kept,
        }
    }

    /// Whether it moves refs and changes no file, neither the work tree's nor ours.
    pub fn is_refs_only(&self) -> bool {
        !self.touches_files() && self.resume.is_none()
    }

    /// Whether it touches the work tree.
    pub fn touches_files(&self) -> bool {
        !self.files.is_empty() || !self.outputs.is_empty()
    }
}

fn turn<K, T>(steps: Vec<(K, Step<T>)>) -> Vec<(K, Step<T>)> {
    steps
        .into_iter()
        .map(|(key, step)| (key, step.turned()))
        .collect()
}

impl Store {
    /// Does it all: intent, refs, files, outputs, resume point. The caller has checked everything.
    ///
    /// Refs move first and together, by compare-and-swap; if one has moved since it was read, nothing
    /// is changed.
    pub(crate) fn perform(&self, transition: &Transition) -> Result<()> {
        // Refs alone need no intent: they move together or not at all.
        if !transition.is_refs_only() {
            let text = serde_json::to_vec_pretty(transition)
                .map_err(|cause| Error::io("cannot describe the change").caused_by(cause))?;
            durable::create_dir_all(&self.state_dir())?;
            // A power cut may take it: the undo entry is on disk, and has all that is needed.
            durable::write_unsynced(&self.intent_file(), &text)?;
        }
        let moved = self.change_refs(&ref_changes(&transition.refs));
        if let Err(failed) = moved {
            self.remove_intent()?;
            return Err(ref_error(failed));
        }
        self.complete(transition)
    }

    /// Finishes a change that was cut off. Returns whether there was one.
    ///
    /// The caller holds the run lock. A file that is neither what it was nor what it shall be was
    /// changed by somebody since; it is left alone.
    pub fn recover(&self) -> Result<bool> {
        let file = self.intent_file();
        let text = match fs_err::read(&file) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(cause) => {
                return Err(cause).context(|| format!("cannot read '{}'", file.display()));
            }
        };
        let transition: Transition = match serde_json::from_slice(&text) {
            Ok(transition) => transition,
            Err(cause) => {
                return Err(Error::corrupt(format!(
                    "'{}' is damaged: the last 'git exp apply' or 'git exp undo' was cut off",
                    file.display()
                ))
                .caused_by(cause)
                .hint("look at 'git status', then remove the file"));
            }
        };
        let mut refs = Vec::new();
        for (name, step) in &transition.refs {
            let now = self.find_ref(name)?;
            if now != step.after.map(|value| value.0) {
                if now != step.before.map(|value| value.0) {
                    continue;
                }
                refs.push((name.clone(), step.clone()));
            }
        }
        self.change_refs(&ref_changes(&refs)).map_err(ref_error)?;
        self.clear_leftovers_in(self.folders(&transition)?)?;
        self.complete(&transition)?;
        Ok(true)
    }

    fn complete(&self, transition: &Transition) -> Result<()> {
        self.move_files(transition)?;
        self.move_outputs(transition)?;
        if let Some(resume) = &transition.resume {
            let point = resume.after.as_ref().map(SavedResume::point);
            self.set_resume_point(point.as_ref())?;
        }
        if let Some(name) = &transition.drops {
            self.drop_undo(name)?;
        }
        self.remove_intent()
    }

    /// Returns the folders in which files of the work tree are replaced.
    fn folders(&self, transition: &Transition) -> Result<BTreeSet<PathBuf>> {
        let files = transition.files.iter().map(|(path, _)| path);
        let outputs = transition.outputs.iter().map(|(path, _)| path);
        files
            .chain(outputs)
            .map(|path| {
                let place = self.path_of(path.0.as_bstr())?;
                Ok(durable::parent(&place).to_owned())
            })
            .collect()
    }

    fn remove_intent(&self) -> Result<()> {
        let file = self.intent_file();
        match fs_err::remove_file(&file) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(cause).context(|| format!("cannot remove '{}'", file.display()))
            }
            _ => Ok(()),
        }
    }

    fn move_files(&self, transition: &Transition) -> Result<()> {
        if transition.files.is_empty() {
            return Ok(());
        }
        let mut scanner = Scanner::new(self, PathSet::default())?;
        scanner.take(transition.files.iter().map(|(path, _)| path.0.clone()));
        let mut targets = Targets::new();
        for (path, step) in &transition.files {
            let now = scanner.current(path.0.as_bstr())?;
            let before = step.before.map(SavedFile::state);
            let after = step.after.map(SavedFile::state);
            if now != after && (now == before || now.is_none()) {
                targets.insert(path.0.clone(), after);
            }
        }
        self.check_out(&targets)
    }

    fn move_outputs(&self, transition: &Transition) -> Result<()> {
        if transition.outputs.is_empty() {
            return Ok(());
        }
        let cache = self.cache()?;
        for (path, step) in &transition.outputs {
            let dest = self.worktree.join(os_path(path.0.as_bstr())?);
            match &step.after {
                Some(object) => {
                    if let Some(kept) = &transition.kept {
                        super::undo::put_back(&cache, kept, object)?;
                    }
                    if let Some(parent) = dest.parent() {
                        fs_err::create_dir_all(parent)
                            .context(|| format!("cannot create the directory of '{}'", path.0))?;
                    }
                    cache.materialise_now(object.format(), &object.md5, object.isexec, &dest)?;
                }
                None => remove_output(&dest).context(|| format!("cannot remove '{}'", path.0))?,
            }
        }
        Ok(())
    }

    fn intent_file(&self) -> PathBuf {
        self.state_dir().join("intent")
    }
}

fn remove_output(dest: &std::path::Path) -> std::io::Result<()> {
    match fs_err::symlink_metadata(dest) {
        Ok(found) if found.is_dir() => fs_err::remove_dir_all(dest),
        Ok(_) => fs_err::remove_file(dest),
        Err(_) => Ok(()),
    }
}

pub(super) fn ref_changes(refs: &[(String, Step<RefValue>)]) -> Vec<RefChange> {
    refs.iter()
        .map(|(name, step)| RefChange {
            name: name.clone(),
            new: step.after.map(|value| value.0),
            expected: match step.before {
                Some(value) => Expected::Is(value.0),
                None => Expected::Absent,
            },
        })
        .collect()
}

/// Says that a ref moved, or why it could not.
pub(crate) fn ref_error(failed: MoveError) -> Error {
    match failed {
        MoveError::Moved(_) => {
            Error::refused("a ref was changed by somebody else at the same time")
                .hint("look at 'git exp show', then try again")
        }
        MoveError::Other(error) => error,
    }
}

impl From<String> for SavedPath {
    fn from(text: String) -> Self {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            let escaped = (*first == b'%')
                .then(|| tail.get(..2))
                .flatten()
                .and_then(|digits| std::str::from_utf8(digits).ok())
                .and_then(|digits| u8::from_str_radix(digits, 16).ok());
            match escaped {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &tail[2..];
                }
                None => {
                    bytes.push(*first);
                    rest = tail;
                }
            }
        }
        SavedPath(bytes.into())
    }
}

impl From<SavedPath> for String {
    fn from(path: SavedPath) -> Self {
        let mut text = String::with_capacity(path.0.len());
        for chunk in path.0.utf8_chunks() {
            text.push_str(&chunk.valid().replace('%', "%25"));
            for byte in chunk.invalid() {
                text.push_str(&format!("%{byte:02X}"));
            }
        }
        text
    }
}

pub(super) mod hex_id {
    use crate::id::ObjectId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &ObjectId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&id.to_hex())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectId, D::Error> {
        let text = String::deserialize(deserializer)?;
        ObjectId::from_hex(text.as_bytes()).map_err(|_| D::Error::custom("not an object id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    #[test]
    fn paths_survive_as_text() {
        for bytes in [
            &b"a/b.py"[..],
            b"100%",
            b"%41",
            b"\xff\xfe/x",
            "\u{e9}%".as_bytes(),
        ] {
            let path = SavedPath(bytes.into());
            let text = String::from(path.clone());
            assert_eq!(SavedPath::from(text), path);
        }
        assert_eq!(String::from(SavedPath(b"a\xff%".into())), "a%FF%25");
    }

    #[test]
    fn refs_move_with_their_way_back_or_not_at_all() {
        let sandbox = Sandbox::new();
        let [one, two] = ["one", "two"].map(|message| sandbox.commit(message));
        let store = sandbox.store();
        for name in ["refs/exps/a", "refs/exps/b"] {
            let change = RefChange::create(name, one);
            store.change_refs(&[change]).expect("creates");
        }
        let goes = |name: &str, before| {
            let step = Step {
                before: Some(RefValue(before)),
                after: None,
            };
            (name.to_owned(), step)
        };
        // one of them is another's by now
        let mut stale = Transition {
            refs: vec![goes("refs/exps/a", one), goes("refs/exps/b", two)],
            ..Transition::default()
        };
        store
            .perform_undoable("remove", "a b", &mut stale)
            .expect_err("has moved");
        assert_eq!(store.undo_entries().expect("lists").len(), 0);
        assert_eq!(sandbox.id("refs/exps/a"), one);

        let mut transition = Transition {
            refs: vec![goes("refs/exps/a", one), goes("refs/exps/b", one)],
            ..Transition::default()
        };
        let entry = store.perform_undoable("remove", "a b", &mut transition);
        let entry = entry.expect("moves");
        assert_eq!(sandbox.git(&["for-each-ref", "refs/exps"]), "");
        assert_eq!(store.newest_undo().expect("reads"), Some(entry));
        sandbox.fsck();
    }

    #[test]
    fn reads_back_what_it_writes() {
        let id = ObjectId::empty_blob(gix::hash::Kind::Sha1);
        let file = SavedFile::new(FileState {
            kind: EntryKind::BlobExecutable,
            id,
        });
        let transition = Transition {
            files: vec![(
                SavedPath(b"a".into()),
                Step {
                    before: None,
                    after: Some(file),
                },
            )],
            outputs: vec![(
                SavedPath(b"m".into()),
                Step {
                    before: Some(SavedOutput::new(Format::V2, "00".into(), true)),
                    after: None,
                },
            )],
            refs: vec![(
                "refs/x".into(),
                Step {
                    before: Some(RefValue(id)),
                    after: None,
                },
            )],
            ..Default::default()
        };
        let text = serde_json::to_string(&transition).unwrap();
        assert!(text.contains("\"100755\""), "{text}");
        let read: Transition = serde_json::from_str(&text).unwrap();
        assert_eq!(read, transition);
        let back = read.clone().turned();
        assert_eq!(back.files[0].1.before, Some(file));
        assert_eq!(back.refs[0].1.after, Some(RefValue(id)));
        assert_eq!(back.turned(), read);
    }
}
