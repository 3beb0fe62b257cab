//! A file of records that only grows: each has a number and a kind, and counts until it is taken back.
//!
//! Training waits until a record stands here, and to write at the end of a file that is open takes a
//! tenth of what a file of its own does.
//!
//! A record is a line of [`HEADER`] bytes, then its bytes. The line begins with `+`; with `.` where the
//! bytes may not all be there, so that it is the last one; and with `-`, without bytes, where the
//! records of this number and kind do not count any more. What follows a line that cannot be read is
//! not there. Nothing is synced.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes of the line before a record's bytes.
const HEADER: usize = 37;

/// Of a longer record the first bytes are written before the last ones are known.
const IN_MEMORY: usize = 64 * 1024;

/// A file beyond this is written anew once a quarter of it or less counts.
const WORTH_WRITING_ANEW: u64 = 1024 * 1024;

/// A record's number, and a letter for its kind.
pub(super) type Key = (u64, u8);

/// Writes a record's bytes.
pub(super) type Fill<'f> = &'f mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// The file, opened when it is first needed.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    /// Where the next record goes.
    end: u64,
    /// Whether there is something behind that, which could be taken for records one day.
    has_rest: bool,
    /// Where the bytes of what counts are; of one key there may be several.
    places: BTreeMap<Key, Vec<Place>>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: u64,
}

impl Log {
    /// The file at `path`, which may not be there yet.
    pub fn new(path: PathBuf) -> Self {
        Log { path, open: None }
    }

    /// Adds a record, of which nothing stays if that fails.
    pub fn add(&mut self, key: Key, fill: Fill<'_>) -> io::Result<()> {
        let open = self.opened(true)?.ok_or(io::ErrorKind::NotFound)?;
        open.add(key, fill)
    }

    /// Lets the records of a key count no more.
    pub fn remove(&mut self, key: Key) -> io::Result<()> {
        let Some(open) = self.opened(false)? else {
            return Ok(());
        };
        if open.places.remove(&key).is_none() {
            return Ok(());
        }
        open.cut_rest()?;
        open.file.write_all_at(&header(b'-', 0, key), open.end)?;
        open.end += HEADER as u64;
        if open.end > WORTH_WRITING_ANEW && open.counting() <= open.end / 4 {
            self.write_anew()?;
        }
        Ok(())
    }

    /// Returns the keys of what counts, in order.
    pub fn keys(&mut self) -> io::Result<Vec<Key>> {
        let open = self.opened(false)?;
        Ok(open.map_or(Vec::new(), |open| open.places.keys().copied().collect()))
    }

    /// Returns the bytes of the records of a key, one behind the other; `None` if none counts.
    pub fn read(&mut self, key: Key) -> io::Result<Option<Vec<u8>>> {
        match self.opened(false)? {
            Some(open) => open.read(key),
            None => Ok(None),
        }
    }

    fn opened(&mut self, create: bool) -> io::Result<Option<&mut Open>> {
        if self.open.is_none() {
            let mut options = fs_err::OpenOptions::new();
            options.read(true).write(true).create(create);
            match options.open(&self.path) {
                Ok(file) => self.open = Some(Open::scan(file.into_file())?),
                Err(error) if error.kind() == io::ErrorKind::NotFound && !create => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.open.as_mut())
    }

    /// Leaves out what does not count any more.
    fn write_anew(&mut self) -> io::Result<()> {
        let Some(old) = &mut self.open else {
            return Ok(());
        };
        let unnamed = self.path.with_extension("new");
        let mut new = Open::create(&unnamed)?;
        let keys: Vec<Key> = old.places.keys().copied().collect();
        for key in keys {
            let bytes = old.read(key)?.unwrap_or_default();
            new.add(key, &mut |out| out.write_all(&bytes))?;
        }
        fs_err::rename(&unnamed, &self.path)?;
        *old = new;
        Ok(())
    }
}

impl Open {
    fn create(path: &Path) -> io::Result<Self> {
        let mut options = fs_err::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(true);
        Ok(Open {
            file: options.open(path)?.into_file(),
            end: 0,
            has_rest: false,
            places: BTreeMap::new(),
        })
    }

    /// Reads what a file has.
    fn scan(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        let mut places: BTreeMap<Key, Vec<Place>> = BTreeMap::new();
        let mut reader = BufReader::new(&file);
        let mut end = 0;
        let mut line = [0; HEADER];
        while end + HEADER as u64 <= size {
            reader.read_exact(&mut line)?;
            let Some((mark, length, key)) = parse_header(&line) else {
                break;
            };
            let at = end + HEADER as u64;
            match mark {
                b'-' => drop(places.remove(&key)),
                b'+' if length <= size - at => {
                    places.entry(key).or_default().push(Place { at, length });
                    reader.seek(SeekFrom::Start(at + length))?;
                }
                _ => break,
            }
            end = at + length;
        }
        drop(reader);
        Ok(Open {
            has_rest: end < size,
            file,
            end,
            places,
        })
    }

    /// Removes what a kill or a failure has left behind the last record.
    fn cut_rest(&mut self) -> io::Result<()> {
        if self.has_rest {
            self.file.set_len(self.end)?;
            self.has_rest = false;
        }
        Ok(())
    }

    fn add(&mut self, key: Key, fill: Fill<'_>) -> io::Result<()> {
        self.cut_rest()?;
        let mut record = Record {
            file: &self.file,
            start: self.end,
            written: 0,
            rest: Vec::with_capacity(4096),
        };
        let done = record
            .write_all(&header(b'.', 0, key))
            .and_then(|()| fill(&mut record))
            .and_then(|()| record.finish(key));
        match done {
            Ok(length) => {
                let at = self.end + HEADER as u64;
                self.places
                    .entry(key)
                    .or_default()
                    .push(Place { at, length });
                self.end = at + length;
                Ok(())
            }
            Err(error) => {
                self.has_rest = true;
                let _next_time = self.cut_rest();
                Err(error)
            }
        }
    }

    fn read(&self, key: Key) -> io::Result<Option<Vec<u8>>> {
        let Some(places) = self.places.get(&key) else {
            return Ok(None);
        };
        let length: u64 = places.iter().map(|place| place.length).sum();
        let mut bytes = vec![0; length as usize];
        let mut rest = &mut bytes[..];
        for place in places {
            let (part, behind) = rest.split_at_mut(place.length as usize);
            self.file.read_exact_at(part, place.at)?;
            rest = behind;
        }
        Ok(Some(bytes))
    }

    /// Returns how many bytes count.
    fn counting(&self) -> u64 {
        let places = self.places.values().flatten();
        places.map(|place| place.length + HEADER as u64).sum()
    }
}

/// A record that is being written.
struct Record<'f> {
    file: &'f File,
    start: u64,
    /// Bytes that are in the file.
    written: u64,
    /// Bytes that are not yet.
    rest: Vec<u8>,
}

impl Record<'_> {
    fn write_rest(&mut self) -> io::Result<()> {
        self.file
            .write_all_at(&self.rest, self.start + self.written)?;
        self.written += self.rest.len() as u64;
        self.rest.clear();
        Ok(())
    }

    /// Completes the record; returns how many bytes it has.
    fn finish(&mut self, key: Key) -> io::Result<u64> {
        let length = self.written + self.rest.len() as u64 - HEADER as u64;
        let line = header(b'+', length, key);
        if self.written == 0 {
            self.rest[..HEADER].copy_from_slice(&line);
            self.write_rest()?;
        } else {
            self.write_rest()?;
            self.file.write_all_at(&line, self.start)?;
        }
        Ok(length)
    }
}

impl Write for Record<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        if self.rest.len() >= IN_MEMORY {
            self.write_rest()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn header(mark: u8, length: u64, (number, kind): Key) -> [u8; HEADER] {
    let mut line = [0; HEADER];
    let text = format!(
        "{}{}{length:016x} {number:016x} \n",
        mark as char, kind as char
    );
    line.copy_from_slice(text.as_bytes());
    line
}

fn parse_header(line: &[u8; HEADER]) -> Option<(u8, u64, Key)> {
    let hex = |range: std::ops::Range<usize>| {
        let digits = std::str::from_utf8(line.get(range)?).ok()?;
        u64::from_str_radix(digits, 16).ok()
    };
    let (mark, kind) = (line[0], line[1]);
    let is_line = line[18] == b' ' && line.ends_with(b" \n");
    let key = (hex(19..35)?, kind);
    is_line.then_some((mark, hex(2..18)?, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log() -> (tempfile::TempDir, Log) {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::new(folder.path().join("journal"));
        (folder, log)
    }

    fn add(log: &mut Log, key: Key, bytes: &[u8]) {
        log.add(key, &mut |out| out.write_all(bytes)).unwrap();
    }

    fn contents(log: &mut Log) -> Vec<(Key, Vec<u8>)> {
        let keys = log.keys().unwrap().into_iter();
        keys.map(|key| (key, log.read(key).unwrap().unwrap()))
            .collect()
    }

    #[test]
    fn what_counts_is_read_by_the_next_process() {
        let (_folder, mut log) = log();
        assert!(log.keys().unwrap().is_empty());
        log.remove((1, b'a')).unwrap();
        assert!(!log.path.exists());
        let long = vec![7; 3 * IN_MEMORY];
        add(&mut log, (2, b'b'), b"two");
        add(&mut log, (1, b'a'), &long);
        add(&mut log, (3, b'a'), b"");
        add(&mut log, (2, b'b'), b" times");
        add(&mut log, (4, b'a'), b"gone");
        log.remove((4, b'a')).unwrap();
        log.remove((4, b'a')).unwrap();
        let expected = vec![
            ((1, b'a'), long),
            ((2, b'b'), b"two times".to_vec()),
            ((3, b'a'), Vec::new()),
        ];
        assert_eq!(contents(&mut log), expected);
        let mut next = Log::new(log.path.clone());
        assert_eq!(contents(&mut next), expected);
        next.remove((3, b'a')).unwrap();
        add(&mut next, (3, b'a'), b"again");
        let mut third = Log::new(log.path);
        assert_eq!(third.read((3, b'a')).unwrap().unwrap(), b"again");
    }

    #[test]
    fn a_record_counts_when_all_of_it_is_there() {
        let (_folder, mut log) = log();
        add(&mut log, (1, b'a'), b"one");
        add(&mut log, (2, b'a'), &vec![1; IN_MEMORY + 5]);
        let whole = fs_err::read(&log.path).unwrap();
        let first = HEADER + 3;
        for cut in [
            first,
            first + 1,
            first + HEADER,
            first + HEADER + 9,
            whole.len() - 1,
        ] {
            fs_err::write(&log.path, &whole[..cut]).unwrap();
            let mut cut = Log::new(log.path.clone());
            assert_eq!(contents(&mut cut), [((1, b'a'), b"one".to_vec())]);
            add(&mut cut, (3, b'a'), b"three");
            let mut next = Log::new(log.path.clone());
            assert_eq!(next.keys().unwrap(), [(1, b'a'), (3, b'a')]);
            // Of what was cut nothing stays behind it.
            let size = fs_err::metadata(&log.path).unwrap().len();
            assert_eq!(size, (first + HEADER + 5) as u64);
        }
        // Killed before the line was completed.
        let mut begun = whole.clone();
        begun[first] = b'.';
        fs_err::write(&log.path, &begun).unwrap();
        assert_eq!(Log::new(log.path).keys().unwrap(), [(1, b'a')]);
    }

    #[test]
    fn of_a_record_that_fails_nothing_stays() {
        let (_folder, mut log) = log();
        add(&mut log, (1, b'a'), b"one");
        let failed = log.add((2, b'a'), &mut |out| {
            out.write_all(&vec![2; 2 * IN_MEMORY])?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(failed.is_err());
        assert_eq!(
            fs_err::metadata(&log.path).unwrap().len(),
            HEADER as u64 + 3
        );
        add(&mut log, (3, b'a'), b"three");
        assert_eq!(Log::new(log.path).keys().unwrap(), [(1, b'a'), (3, b'a')]);
    }

    #[test]
    fn it_does_not_grow_for_ever() {
        let (_folder, mut log) = log();
        add(&mut log, (0, b's'), b"stays");
        let piece = vec![3; 100_000];
        for number in 1..100 {
            add(&mut log, (number, b'a'), &piece);
            log.remove((number, b'a')).unwrap();
            let size = fs_err::metadata(&log.path).unwrap().len();
            assert!(size < 2 * WORTH_WRITING_ANEW, "{size}");
        }
        assert_eq!(contents(&mut log), [((0, b's'), b"stays".to_vec())]);
        assert_eq!(
            contents(&mut Log::new(log.path)),
            [((0, b's'), b"stays".to_vec())]
        );
    }
}
