//! What a run writes beside its captures so that another process can go on where it was killed.
//!
//! Files in the run's [`CaptureDir`](super::capture_dir::CaptureDir):
//!
//! * `plan`: what the recording has come to, as JSON, apart from what its experiment's tip says. It is
//!   written when something is recorded that no commit holds yet, and appears by rename.
//! * `journal`: what happened, counted from 1, until it has been recorded; of a stage, as long as it
//!   runs. With a capture there is a line of JSON for each copy of it that moves into the cache next.
//!
//! Nothing is synced: it has to outlive a process, not the machine. The plan names the boot it is of,
//! and counts for no other.

mod log;

use super::state::boot_id;
use super::transition::{RefValue, hex_id};
use crate::checkpoint::{escape_path, unescape_path};
use crate::digest::{FileDigest, Format, Hex};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use log::Log;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const PLAN: &str = "plan";
const LOG: &str = "journal";
/// What tells the copies of a capture, under the number of the capture.
const DIGESTS: u8 = b'd';

/// What a recording needs to go on, beside its experiment's tip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The boot in which it was written.
    pub boot: String,
    /// The experiment's name.
    pub name: String,
    /// Its `Exp-Id`.
    pub id: String,
    /// Its baseline.
    #[serde(with = "hex_id")]
    pub baseline: ObjectId,
    /// The commit that the next checkpoint grows from.
    #[serde(with = "hex_id")]
    pub parent: ObjectId,
    /// Whether `parent` is the tip of the experiment; otherwise it has no checkpoint of its own yet.
    pub grows: bool,
    /// The number of the next checkpoint.
    pub number: u64,
    /// `Exp-Fork-Of` of the next checkpoint.
    pub fork_of: Option<String>,
    /// The tip of an experiment of its name that the first checkpoint replaces.
    pub replaces: Option<RefValue>,
    /// The code as it was when the run started.
    #[serde(with = "hex_id")]
    pub started: ObjectId,
    /// The tree of what has been recorded.
    #[serde(with = "hex_id")]
    pub tree: ObjectId,
    /// Objects of `tree` that no sync has reached.
    #[serde(default)]
    pub unsynced: Vec<RefValue>,
    /// The `dvc.lock` files of what has been recorded, by path.
    pub lockfiles: BTreeMap<String, String>,
    /// The note of what has been recorded.
    pub note: String,
    /// 2 or 3: which of DVC's formats new entries get.
    pub format: u8,
    /// What `-M` gave.
    pub message: Option<String>,
    /// The stages of this run, in order.
    pub stages: Vec<String>,
}

impl Plan {
    /// Returns the format of new entries.
    pub fn format(&self) -> Format {
        match self.format {
            2 => Format::V2,
            _ => Format::V3,
        }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A stage started.
    Stage,
    /// A stage did not have to run.
    Skipped,
    /// Training was captured.
    Capture,
}

impl EntryKind {
    const ALL: [EntryKind; 3] = [EntryKind::Stage, EntryKind::Skipped, EntryKind::Capture];

    fn letter(self) -> u8 {
        match self {
            EntryKind::Stage => b's',
            EntryKind::Skipped => b'n',
            EntryKind::Capture => b'c',
        }
    }
}

/// Something that happened and may not have been recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the order.
    pub number: u64,
    /// What it is.
    pub kind: EntryKind,
    /// Whatever was written.
    pub bytes: Vec<u8>,
}

/// The journal in one run's folder; a handle, cheap to clone.
#[derive(Debug, Clone)]
pub struct Journal {
    dir: PathBuf,
    log: Arc<Mutex<Log>>,
}

/// What a copy hashes to.
#[derive(Serialize, Deserialize)]
struct HashedCopy {
    path: String,
    md5: String,
    md5_text: Option<String>,
    sha256: String,
    size: u64,
}

impl Journal {
    /// The journal in the folder `dir`.
    pub(super) fn at(dir: &Path) -> Self {
        Journal {
            dir: dir.to_owned(),
            log: Arc::new(Mutex::new(Log::new(dir.join(LOG)))),
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // A panic in the middle of a record leaves what a kill would.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an entry, whose bytes `fill` writes. Training may wait for this.
    pub fn add(
        &self,
        number: u64,
        kind: EntryKind,
        mut fill: impl FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let added = self.log().add((number, kind.letter()), &mut fill);
        added.context(|| "cannot write the journal of the run".to_owned())
    }

    /// Removes an entry that has been recorded, or that cannot be.
    pub fn remove(&self, number: u64, kind: EntryKind) -> Result<()> {
        let mut log = self.log();
        log.remove((number, kind.letter()))
            .and_then(|()| match kind {
                EntryKind::Capture => log.remove((number, DIGESTS)),
                EntryKind::Stage | EntryKind::Skipped => Ok(()),
            })
            .context(|| "cannot clear the journal of the run".to_owned())
    }

    /// Returns what an entry says.
    pub fn read(&self, number: u64, kind: EntryKind) -> Result<Vec<u8>> {
        let bytes = self.log().read((number, kind.letter()));
        bytes
            .and_then(|bytes| bytes.ok_or_else(|| io::ErrorKind::NotFound.into()))
            .context(|| "cannot read the journal of the run".to_owned())
    }

    /// Returns the entries in their order.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let doing = || "cannot read the journal of a run".to_owned();
        let mut entries = Vec::new();
        let mut log = self.log();
        for key in log.keys().context(doing)? {
            let (number, letter) = key;
            let mut kinds = EntryKind::ALL.into_iter();
            let Some(kind) = kinds.find(|kind| kind.letter() == letter) else {
                continue;
            };
            let bytes = log.read(key).context(doing)?.unwrap_or_default();
            entries.push(Entry {
                number,
                kind,
                bytes,
            });
        }
        Ok(entries)
    }

    /// Sets the plan.
    pub fn write_plan(&self, plan: &Plan) -> Result<()> {
        let write = || -> io::Result<()> {
            let unnamed = self.dir.join("unnamed-plan");
            fs_err::write(&unnamed, serde_json::to_vec(plan)?)?;
            fs_err::rename(&unnamed, self.dir.join(PLAN))
        };
        write().context(|| "cannot write the plan of the run".to_owned())
    }

    /// Removes the plan, so that nobody goes on from one that does not hold any more.
    pub fn remove_plan(&self) {
        // Nothing better can be done about a file that can neither be written nor removed.
        let _stays = fs_err::remove_file(self.dir.join(PLAN));
    }

    /// Returns the plan; `None` if there is none that can be understood, or it is of another boot.
    pub fn read_plan(&self) -> Option<Plan> {
        let bytes = fs_err::read(self.dir.join(PLAN)).ok()?;
        let plan: Plan = serde_json::from_slice(&bytes).ok()?;
        (plan.boot == boot_id()).then_some(plan)
    }

    /// Notes what copies of entry `number` hash to: their next place is the cache, where only a hash finds them.
    pub fn add_digests(&self, number: u64, copies: &[(PathBuf, FileDigest)]) -> Result<()> {
        if copies.is_empty() {
            return Ok(());
        }
        let mut text = Vec::new();
        for (path, digest) in copies {
            let copy = HashedCopy {
                path: escape_path(path.as_os_str().as_bytes()),
                md5: digest.md5.to_string(),
                md5_text: digest.md5_text.as_ref().map(|text| text.to_string()),
                sha256: digest.sha256.to_string(),
                size: digest.size,
            };
            text.extend(serde_json::to_vec(&copy).unwrap_or_default());
            text.push(b'\n');
        }
        let added = self
            .log()
            .add((number, DIGESTS), &mut |out| out.write_all(&text));
        added.context(|| "cannot write the journal of the run".to_owned())
    }

    /// Returns what is noted of the copies of entry `number`, by their paths.
    pub fn digests(&self, number: u64) -> HashMap<PathBuf, FileDigest> {
        let text = self.log().read((number, DIGESTS));
        let text = text.ok().flatten().unwrap_or_default();
        let lines = text
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<HashedCopy>(line).ok());
        lines
            .filter_map(|copy| {
                let path = OsStr::from_bytes(&unescape_path(&copy.path)).into();
                let digest = FileDigest {
                    md5: Hex::parse(&copy.md5)?,
                    md5_text: copy
                        .md5_text
                        .and_then(|text| Hex::parse(&text))
                        .map(Box::new),
                    sha256: Hex::parse(&copy.sha256)?,
                    size: copy.size,
                };
                Some((path, digest))
            })
            .collect()
    }
}

/// What [`new_copies`] makes in a new folder.
pub(super) const FIRST_COPIES: &str = "copies-1";

/// Makes the folder of the copies of one process in `dir`, so that those of the next do not meet them.
pub(super) fn new_copies(dir: &Path) -> io::Result<PathBuf> {
    for number in 1_u32.. {
        let copies = dir.join(format!("copies-{number}"));
        match fs_err::create_dir(&copies) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| copies),
        }
    }
    Err(io::Error::other("too many folders of copies"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest;
    use crate::store::cache::Cache;
    use crate::store::capture_dir::CaptureDir;

    fn folder() -> (tempfile::TempDir, CaptureDir) {
        let root = tempfile::tempdir().unwrap();
        fs_err::create_dir(root.path().join(".dvc")).unwrap();
        let cache = Cache::new(root.path().join(".dvc/cache"), root.path());
        let dir = cache.capture_dir().unwrap();
        dir.make(&cache, Path::new("/repo/.git")).unwrap();
        (root, dir)
    }

    fn plan() -> Plan {
        let id = ObjectId::null(gix::hash::Kind::Sha1);
        Plan {
            boot: boot_id(),
            name: "calm".to_owned(),
            id: "0".repeat(32),
            baseline: id,
            parent: id,
            grows: false,
            number: 1,
            fork_of: None,
            replaces: Some(RefValue(id)),
            started: id,
            tree: id,
            unsynced: vec![RefValue(id)],
            lockfiles: BTreeMap::from([("dvc.lock".to_owned(), "schema: '2.0'\n".to_owned())]),
            note: "{}".to_owned(),
            format: 3,
            message: Some("text".to_owned()),
            stages: vec!["train".to_owned()],
        }
    }

    #[test]
    fn entries_read_back_in_order() {
        let (_root, dir) = folder();
        let journal = dir.journal();
        for number in 1..=11 {
            let kind = EntryKind::ALL[number as usize % 3];
            let text = number.to_string();
            journal
                .add(number, kind, |out| out.write_all(text.as_bytes()))
                .unwrap();
        }
        journal.remove(1, EntryKind::ALL[1]).unwrap();
        journal.remove(1, EntryKind::ALL[1]).unwrap();
        let read = journal.entries().unwrap();
        let numbers: Vec<u64> = read.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (2..=11).collect::<Vec<_>>());
        assert_eq!(read[9].bytes, b"11");
        assert_eq!(read[9].kind, EntryKind::Capture);
    }

    #[test]
    fn a_plan_counts_for_its_own_boot() {
        let (_root, dir) = folder();
        let journal = dir.journal();
        assert_eq!(journal.read_plan(), None);
        journal.write_plan(&plan()).unwrap();
        assert_eq!(journal.read_plan(), Some(plan()));
        let other = Plan {
            boot: "of yesterday".to_owned(),
            ..plan()
        };
        journal.write_plan(&other).unwrap();
        assert_eq!(journal.read_plan(), None);
        fs_err::write(dir.path().join(PLAN), "{").unwrap();
        assert_eq!(journal.read_plan(), None);
        journal.remove_plan();
        journal.remove_plan();
    }

    #[test]
    fn digests_of_copies_read_back_and_go_with_their_entry() {
        let (_root, dir) = folder();
        let journal = dir.journal();
        let path = |bytes: &'static [u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let (one, two) = (path(b"/copies-1/0"), path(b"/copies-1/\xff%41"));
        journal
            .add_digests(4, &[(one.clone(), digest::bytes(b"a\r\nb"))])
            .unwrap();
        journal
            .add_digests(4, &[(two.clone(), digest::bytes(b"b"))])
            .unwrap();
        journal.add_digests(5, &[]).unwrap();
        let expected = [(one, digest::bytes(b"a\r\nb")), (two, digest::bytes(b"b"))];
        assert_eq!(journal.digests(4), expected.into());
        journal.remove(4, EntryKind::Capture).unwrap();
        assert!(journal.digests(4).is_empty());
    }

    #[test]
    fn each_process_has_copies_of_its_own() {
        let (_root, dir) = folder();
        let (one, two) = (dir.copies().unwrap(), dir.copies().unwrap());
        assert!(one.is_dir() && two.is_dir());
        assert_ne!(one, two);
    }
}
