//! What runs printed, per experiment: the beginning and the newest part of it.
//!
//! `<common dir>/git-exp/logs/<Exp-Id>/` has segments, each named by the number of bytes printed
//! before it. A segment that is full is followed by another; of more than three, the first and the last
//! two stay. So a log has at least the first and the last [`SEGMENT`] bytes, and never more than three
//! times as many. Nothing is synced: a log tells what happened, no checkpoint rests on it.

use super::{Store, leftovers};
use crate::error::{Context, Result};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How long a segment gets.
pub const SEGMENT: u64 = 1 << 20;
/// The first one and the newest.
const KEPT: usize = 3;
/// Digits of a segment's name, so that names sort as numbers do.
const DIGITS: usize = 16;

/// The log of one experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLog {
    folder: PathBuf,
}

/// A piece of a log, as it is read.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// What was printed.
    Bytes(Vec<u8>),
    /// So many bytes are not there any more.
    Gap(u64),
}

impl Store {
    /// Returns the log of the experiment with this `Exp-Id`; it may not exist.
    pub fn output_log(&self, id: &str) -> OutputLog {
        OutputLog {
            folder: self.logs().join(id),
        }
    }

    /// Returns the log that was written to last.
    pub fn newest_output_log(&self) -> Result<Option<OutputLog>> {
        let logs = self.output_logs()?.into_iter();
        let dated = logs.filter_map(|(_, log)| Some((log.changed()?, log)));
        Ok(dated.max_by_key(|(time, _)| *time).map(|(_, log)| log))
    }

    /// Returns the logs to which nothing was written for long, by `Exp-Id`: the others may be those of runs
    /// that nobody knows yet.
    pub fn old_output_logs(&self) -> Result<Vec<(String, OutputLog)>> {
        let mut logs = self.output_logs()?;
        logs.retain(|(_, log)| leftovers::is_old(&log.folder) && !log.is_young());
        Ok(logs)
    }

    fn output_logs(&self) -> Result<Vec<(String, OutputLog)>> {
        let folder = self.logs();
        let doing = || format!("cannot list '{}'", folder.display());
        let entries = match fs_err::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.context(doing)?,
        };
        let mut logs = Vec::new();
        for entry in entries {
            if let Ok(id) = entry.context(doing)?.file_name().into_string() {
                logs.push((id.clone(), self.output_log(&id)));
            }
        }
        Ok(logs)
    }

    fn logs(&self) -> PathBuf {
        self.common_dir.join("git-exp/logs")
    }
}

impl OutputLog {
    /// Takes the folder of a log.
    pub fn at(folder: PathBuf) -> Self {
        OutputLog { folder }
    }

    /// Returns its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether anything was ever written to it.
    pub fn exists(&self) -> bool {
        self.segments().is_ok_and(|segments| !segments.is_empty())
    }

    /// Opens it to write on where it ends.
    pub fn append(&self) -> io::Result<Writer> {
        fs_err::create_dir_all(&self.folder)?;
        let (start, size) = self.segments()?.pop().unwrap_or_default();
        Ok(Writer {
            log: self.clone(),
            file: self.open(start)?,
            start,
            size,
        })
    }

    /// Opens it to read from its beginning.
    pub fn read(&self) -> Reader {
        Reader {
            log: self.clone(),
            at: 0,
        }
    }

    /// Makes it the log of another experiment, too: of one that another process forced to go on under
    /// another name.
    pub fn share(&self, other: &OutputLog) -> io::Result<()> {
        fs_err::create_dir_all(&other.folder)?;
        for (start, _) in self.segments()? {
            match fs_err::hard_link(self.path(start), other.path(start)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes all of the log.
    pub fn remove(&self) -> Result<()> {
        fs_err::remove_dir_all(&self.folder)
            .context(|| format!("cannot remove '{}'", self.folder.display()))
    }

    fn is_young(&self) -> bool {
        let last = self.segments().ok().and_then(|mut segments| segments.pop());
        last.is_some_and(|(start, _)| !leftovers::is_old(&self.path(start)))
    }

    fn changed(&self) -> Option<SystemTime> {
        let (last, _) = self.segments().ok()?.pop()?;
        fs_err::metadata(self.path(last)).ok()?.modified().ok()
    }

    fn open(&self, start: u64) -> io::Result<File> {
        let mut options = fs_err::OpenOptions::new();
        let file = options.create(true).append(true).open(self.path(start))?;
        Ok(file.into_file())
    }

    fn path(&self, start: u64) -> PathBuf {
        self.folder.join(format!("{start:0DIGITS$}"))
    }

    /// Lists where segments start and how long they are, in order.
    fn segments(&self) -> io::Result<Vec<(u64, u64)>> {
        let entries = match fs_err::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut segments = Vec::new();
        for entry in entries {
            let entry = entry?;
            let start = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            // One that goes meanwhile is not there.
            if let (Some(start), Ok(stat)) = (start, entry.metadata()) {
                segments.push((start, stat.len()));
            }
        }
        segments.sort_unstable();
        Ok(segments)
    }
}

/// Writes to a log.
#[derive(Debug)]
pub struct Writer {
    log: OutputLog,
    file: File,
    start: u64,
    size: u64,
}

impl Writer {
    /// Writes on, into new segments as old ones fill up.
    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.size >= SEGMENT {
                self.start += self.size;
                self.size = 0;
                self.file = self.log.open(self.start)?;
                let segments = self.log.segments()?;
                let going = segments.len().saturating_sub(KEPT);
                for (start, _) in segments.iter().skip(1).take(going) {
                    fs_err::remove_file(self.log.path(*start))?;
                }
            }
            let room = usize::try_from(SEGMENT - self.size).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            self.file.write_all(now)?;
            self.size += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }
}

/// Reads a log, which may grow meanwhile.
#[derive(Debug)]
pub struct Reader {
    log: OutputLog,
    at: u64,
}

impl Reader {
    /// Returns the next piece; `None` at the end of what there is so far.
    pub fn piece(&mut self) -> io::Result<Option<Piece>> {
        let segments = self.log.segments()?;
        let next = segments
            .into_iter()
            .find(|(start, size)| start + size > self.at);
        let Some((start, _)) = next else {
            return Ok(None);
        };
        if start > self.at {
            let gap = start - self.at;
            self.at = start;
            return Ok(Some(Piece::Gap(gap)));
        }
        let mut file = match fs_err::File::open(self.log.path(start)) {
            Ok(file) => file,
            // It has just gone: look again.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Some(Piece::Gap(0)));
            }
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.at - start))?;
        let mut bytes = Vec::new();
        file.take(1 << 16).read_to_end(&mut bytes)?;
        self.at += bytes.len() as u64;
        Ok(Some(Piece::Bytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reader: &mut Reader) -> (Vec<u8>, Vec<u64>) {
        let (mut bytes, mut gaps) = (Vec::new(), Vec::new());
        while let Some(piece) = reader.piece().unwrap() {
            match piece {
                Piece::Bytes(more) => bytes.extend(more),
                Piece::Gap(gap) => gaps.push(gap),
            }
        }
        (bytes, gaps)
    }

    #[test]
    fn goes_on_where_it_ended_and_is_read_as_it_grows() {
        let dir = tempfile::tempdir().unwrap();
        let log = OutputLog::at(dir.path().join("a/b"));
        assert!(!log.exists());
        let mut reader = log.read();
        assert_eq!(read(&mut reader), (Vec::new(), Vec::new()));
        log.append().unwrap().write(b"one\n").unwrap();
        assert_eq!(read(&mut reader).0, b"one\n");
        let mut writer = log.append().unwrap();
        writer.write(b"two\n").unwrap();
        assert_eq!(read(&mut reader).0, b"two\n");
        let other = OutputLog::at(dir.path().join("c"));
        log.share(&other).unwrap();
        log.share(&other).unwrap();
        writer.write(b"three\n").unwrap();
        assert_eq!(read(&mut other.read()).0, b"one\ntwo\nthree\n");
    }

    #[test]
    fn of_a_long_one_head_and_tail_stay() {
        let dir = tempfile::tempdir().unwrap();
        let log = OutputLog::at(dir.path().to_owned());
        let mut writer = log.append().unwrap();
        let lines: Vec<u8> = (0..1_000_000u32)
            .flat_map(|number| format!("{number:06}\n").into_bytes())
            .collect();
        for part in lines.chunks(99_999) {
            writer.write(part).unwrap();
        }
        let (bytes, gaps) = read(&mut log.read());
        let segment = SEGMENT as usize;
        assert!(bytes.len() > 2 * segment && bytes.len() <= 3 * segment);
        assert_eq!(bytes.len() as u64 + gaps.iter().sum::<u64>(), 7_000_000);
        assert_eq!(gaps.len(), 1);
        assert_eq!(bytes[..segment], lines[..segment]);
        assert!(lines.ends_with(&bytes[segment..]));
    }
}
