//! What a run writes beside its captures so that another process can go on where it was killed.
//!
//! Files in the run's [`CaptureDir`]:
//!
//! * `plan`: what the recording has come to, as JSON, apart from what its experiment's tip says. It is
//!   written when something is recorded that no commit holds yet.
//! * `entry-<n>.stage`, `.skipped`, `.capture`: what happened, counted from 1, until it has been recorded.
//!   The `.stage` entry stays as long as its stage runs.
//! * `entry-<n>.digests`: a line of JSON for each copy of a capture that moves into the cache next.
//!
//! A file appears by rename and nothing is synced: it has to outlive a process, not the machine. The
//! plan names the boot it is of, and counts for no other.

use super::capture_dir::CaptureDir;
use super::state::boot_id;
use super::transition::{RefValue, hex_id};
use crate::checkpoint::{escape_path, unescape_path};
use crate::digest::{FileDigest, Format, Hex};
use crate::error::{Context, Result};
use crate::id::ObjectId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const PLAN: &str = "plan";
/// Where a file is written before it gets its name; a journal has one writer at a time per kind.
const UNNAMED: &str = "unnamed";

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

    fn as_str(self) -> &'static str {
        match self {
            EntryKind::Stage => "stage",
            EntryKind::Skipped => "skipped",
            EntryKind::Capture => "capture",
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
}

/// One line of a `.digests` file.
#[derive(Serialize, Deserialize)]
struct HashedCopy {
    path: String,
    md5: String,
    md5_text: Option<String>,
    sha256: String,
    size: u64,
}

impl CaptureDir {
    /// Returns the journal that lies in the folder.
    pub fn journal(&self) -> Journal {
        Journal {
            dir: self.path().to_owned(),
        }
    }
}

impl Journal {
    /// Adds an entry, whose bytes `write` writes. Training may wait for this.
    pub fn add(
        &self,
        number: u64,
        kind: EntryKind,
        write: impl FnOnce(&mut BufWriter<fs_err::File>) -> io::Result<()>,
    ) -> Result<()> {
        self.put(&name(number, kind), UNNAMED, write)
            .context(|| "cannot write the journal of the run".to_owned())
    }

    /// Removes an entry that has been recorded, or that cannot be.
    pub fn remove(&self, number: u64, kind: EntryKind) -> Result<()> {
        let gone = |name: String| match fs_err::remove_file(self.dir.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        };
        gone(name(number, kind))
            .and_then(|()| match kind {
                EntryKind::Capture => gone(digests_name(number)),
                EntryKind::Stage | EntryKind::Skipped => Ok(()),
            })
            .context(|| "cannot clear the journal of the run".to_owned())
    }

    /// Returns what an entry says.
    pub fn read(&self, number: u64, kind: EntryKind) -> Result<Vec<u8>> {
        let bytes = fs_err::read(self.dir.join(name(number, kind)));
        bytes.context(|| "cannot read the journal of the run".to_owned())
    }

    /// Returns the entries in their order.
    pub fn entries(&self) -> Result<Vec<Entry>> {
        let doing = || "cannot read the journal of a run".to_owned();
        let mut entries = Vec::new();
        for file in fs_err::read_dir(&self.dir).context(doing)? {
            let file = file.context(doing)?;
            let Some((number, kind)) = parse_name(&file.file_name()) else {
                continue;
            };
            let bytes = fs_err::read(file.path()).context(doing)?;
            entries.push(Entry {
                number,
                kind,
                bytes,
            });
        }
        entries.sort_by_key(|entry| entry.number);
        Ok(entries)
    }

    /// Sets the plan.
    pub fn write_plan(&self, plan: &Plan) -> Result<()> {
        self.put(PLAN, "unnamed-plan", |out| {
            serde_json::to_writer(out, plan).map_err(io::Error::from)
        })
        .context(|| "cannot write the plan of the run".to_owned())
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
        let append = || -> io::Result<()> {
            let mut open = fs_err::OpenOptions::new();
            let mut file = open
                .append(true)
                .create(true)
                .open(self.dir.join(digests_name(number)))?;
            file.write_all(&text)
        };
        append().context(|| "cannot write the journal of the run".to_owned())
    }

    /// Returns what is noted of the copies of entry `number`, by their paths.
    pub fn digests(&self, number: u64) -> HashMap<PathBuf, FileDigest> {
        let text = fs_err::read(self.dir.join(digests_name(number))).unwrap_or_default();
        // A kill may have cut the last line: its copies have not moved yet.
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

    fn put(
        &self,
        name: &str,
        before: &str,
        write: impl FnOnce(&mut BufWriter<fs_err::File>) -> io::Result<()>,
    ) -> io::Result<()> {
        let unnamed = self.dir.join(before);
        let mut out = BufWriter::new(fs_err::File::create(&unnamed)?);
        write(&mut out)?;
        out.flush()?;
        drop(out);
        fs_err::rename(&unnamed, self.dir.join(name))
    }
}

fn name(number: u64, kind: EntryKind) -> String {
    format!("entry-{number}.{}", kind.as_str())
}

fn digests_name(number: u64) -> String {
    format!("entry-{number}.digests")
}

fn parse_name(name: &OsStr) -> Option<(u64, EntryKind)> {
    let (number, word) = name.to_str()?.strip_prefix("entry-")?.split_once('.')?;
    let kind = EntryKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)?;
    Some((number.parse().ok()?, kind))
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
        fs_err::write(dir.path().join("entry-x.capture"), "").unwrap();
        fs_err::write(dir.path().join("unnamed"), "cut off").unwrap();
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
        let file = dir.path().join(digests_name(4));
        let mut text = fs_err::read_to_string(&file).unwrap();
        text.push_str("{\"path\": \"/cop");
        fs_err::write(&file, text).unwrap();
        let expected = [(one, digest::bytes(b"a\r\nb")), (two, digest::bytes(b"b"))];
        assert_eq!(journal.digests(4), expected.into());
        journal.remove(4, EntryKind::Capture).unwrap();
        assert!(!file.exists());
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
