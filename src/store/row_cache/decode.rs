//! Bytes to rows. Whatever the bytes are, the answer is a row or nothing.

use super::{ChainKey, magic};
use crate::checkpoint::{FileData, NoteDependency, NoteOutput, Status, Time};
use crate::digest::checksum;
use crate::id::ObjectId;
use crate::listing::{NotedRow, Row};
use crate::store::survey::LocalZone;
use crate::value::{Map, Value};
use indexmap::IndexMap;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// How deep values may be nested; the readers of files stop far earlier.
const DEEPEST: usize = 512;

/// A file whose checksum was right. Rows are decoded when they are asked for, once.
pub(super) struct File {
    bytes: Vec<u8>,
    zone: LocalZone,
    /// Where each text is.
    texts: Vec<Range<usize>>,
    /// Where each row is.
    rows: Vec<Range<usize>>,
    chains: HashMap<ChainKey, Vec<u32>>,
    decoded: RefCell<Vec<Option<NotedRow>>>,
    last_params: Last<IndexMap<String, FileData>>,
    last_deps: Last<IndexMap<String, NoteDependency>>,
}

/// What was decoded last, and from where: neighbours often have the same.
type Last<T> = RefCell<Option<(Range<usize>, Arc<T>)>>;

impl File {
    /// Reads the parts' positions.
    pub fn parse(bytes: Vec<u8>, zone: &LocalZone) -> Option<File> {
        let magic = magic();
        let rest = bytes.strip_prefix(magic.as_bytes())?;
        let (sum, body) = rest.split_first_chunk::<8>()?;
        if u64::from_le_bytes(*sum) != checksum(body) {
            return None;
        }
        let mut at = Reader {
            bytes: &bytes,
            at: magic.len() + 8,
        };
        let count = at.fixed()?;
        let lengths = at.many_fixed(count)?;
        let mut texts = Vec::with_capacity(count);
        let start = at.at;
        for length in lengths {
            texts.push(at.take(length)?);
        }
        // one check for all; ends between characters are found when a text is taken
        std::str::from_utf8(bytes.get(start..at.at)?).ok()?;
        let count = at.fixed()?;
        let ends = at.many_fixed(count)?;
        let mut rows = Vec::with_capacity(count);
        let mut from = 0;
        for end in ends {
            rows.push(at.take(end.checked_sub(from)?)?);
            from = end;
        }
        let count = at.number()?;
        let mut chains = HashMap::new();
        for _ in 0..count {
            let key = ChainKey {
                tip: at.commit()??,
                baseline: at.commit()??,
                notes: at.commit()?,
            };
            let length = at.number()?;
            let numbers = (0..length).map(|_| u32::try_from(at.number()?).ok());
            chains.insert(key, numbers.collect::<Option<Vec<u32>>>()?);
        }
        let decoded = RefCell::new(vec![None; rows.len()]);
        Some(File {
            bytes,
            zone: zone.clone(),
            texts,
            rows,
            chains,
            decoded,
            last_params: RefCell::default(),
            last_deps: RefCell::default(),
        })
    }

    pub fn chains(&self) -> impl Iterator<Item = &ChainKey> {
        self.chains.keys()
    }

    pub fn chain(&self, key: &ChainKey) -> Option<Vec<NotedRow>> {
        let numbers = self.chains.get(key)?.iter();
        numbers.map(|number| self.noted(*number as usize)).collect()
    }

    pub fn row(&self, commit: ObjectId, note: Option<ObjectId>) -> Option<NotedRow> {
        let number = self.first_of(commit)?;
        (number..self.rows.len())
            .map_while(|number| Some((number, self.ids(number)?)))
            .take_while(|(_, (found, _))| *found == commit)
            .find(|(_, (_, found))| *found == note)
            .and_then(|(number, _)| self.noted(number))
    }

    pub fn parent(&self, commit: ObjectId) -> Option<ObjectId> {
        self.noted(self.first_of(commit)?)?.row.parent
    }

    fn first_of(&self, commit: ObjectId) -> Option<usize> {
        let before = |range: &Range<usize>| {
            self.reader(range)
                .commit()
                .flatten()
                .is_some_and(|found| found < commit)
        };
        let number = self.rows.partition_point(before);
        (self.ids(number)?.0 == commit).then_some(number)
    }

    fn ids(&self, number: usize) -> Option<(ObjectId, Option<ObjectId>)> {
        let mut at = self.reader(self.rows.get(number)?);
        Some((at.commit()??, at.commit()?))
    }

    fn reader(&self, range: &Range<usize>) -> Reader<'_> {
        Reader {
            bytes: &self.bytes[..range.end],
            at: range.start,
        }
    }

    fn noted(&self, number: usize) -> Option<NotedRow> {
        if let Some(known) = self.decoded.borrow().get(number)? {
            return Some(known.clone());
        }
        let noted = self.decode(&mut self.reader(self.rows.get(number)?))?;
        if let Some(place) = self.decoded.borrow_mut().get_mut(number) {
            *place = Some(noted.clone());
        }
        Some(noted)
    }

    fn text(&self, at: &mut Reader<'_>) -> Option<&str> {
        let number = usize::try_from(at.number()?).ok()?;
        let bytes = self.bytes.get(self.texts.get(number)?.clone())?;
        std::str::from_utf8(bytes).ok()
    }

    fn optional_text(&self, at: &mut Reader<'_>) -> Option<Option<String>> {
        match at.byte()? {
            0 => Some(None),
            _ => Some(Some(self.text(at)?.to_owned())),
        }
    }

    fn decode(&self, at: &mut Reader<'_>) -> Option<NotedRow> {
        let id = at.commit()?;
        let note = at.commit()?;
        let parent = at.commit()?;
        let seconds = at.signed()?;
        let checkpoints = at.byte()? != 0;
        let status = match at.byte()? {
            1 => Some(Status::Done),
            2 => Some(Status::Failed),
            3 => Some(Status::Interrupted),
            _ => None,
        };
        let exit = match at.byte()? {
            0 => None,
            _ => Some(i32::try_from(at.signed()?).ok()?),
        };
        let incomplete = self.optional_text(at)?;
        let error = self.optional_text(at)?;
        let metrics = self.files(at)?;
        let params = self.shared(at, &self.last_params, |at| self.files(at))?;
        let deps = self.shared(at, &self.last_deps, |at| self.deps(at))?;
        let count = at.number()?;
        let mut outs = IndexMap::with_capacity(at.room_for(count));
        for _ in 0..count {
            let path = self.text(at)?.to_owned();
            let md5 = self.optional_text(at)?;
            let sha256 = self.optional_text(at)?;
            let size = at.optional()?;
            let nfiles = at.optional()?;
            let flags = at.byte()?;
            let output = NoteOutput {
                md5,
                sha256,
                size,
                nfiles,
                cache: flags & 1 != 0,
                data_source: flags & 2 != 0,
            };
            outs.insert(path, output);
        }
        Some(NotedRow {
            row: Arc::new(Row {
                id,
                parent,
                time: Some(self.zone.localise(Time { seconds, offset: 0 })),
                metrics,
                params,
                deps,
                outs,
                checkpoints,
                error,
            }),
            note,
            status,
            exit,
            incomplete,
        })
    }

    /// Decodes, or takes what the same bytes gave before: no encoding is the beginning of another one.
    fn shared<'b, T>(
        &self,
        at: &mut Reader<'b>,
        last: &Last<T>,
        decode: impl Fn(&mut Reader<'b>) -> Option<T>,
    ) -> Option<Arc<T>> {
        if let Some((range, value)) = &*last.borrow()
            && at.bytes[at.at..].starts_with(&self.bytes[range.clone()])
        {
            at.at += range.len();
            return Some(value.clone());
        }
        let start = at.at;
        let value = Arc::new(decode(at)?);
        *last.borrow_mut() = Some((start..at.at, value.clone()));
        Some(value)
    }

    fn deps(&self, at: &mut Reader<'_>) -> Option<IndexMap<String, NoteDependency>> {
        let count = at.number()?;
        let mut deps = IndexMap::with_capacity(at.room_for(count));
        for _ in 0..count {
            let path = self.text(at)?.to_owned();
            let dependency = NoteDependency {
                md5: self.optional_text(at)?,
                size: at.optional()?,
                nfiles: at.optional()?,
            };
            deps.insert(path, dependency);
        }
        Some(deps)
    }

    fn files(&self, at: &mut Reader<'_>) -> Option<IndexMap<String, FileData>> {
        let count = at.number()?;
        let mut files = IndexMap::with_capacity(at.room_for(count));
        for _ in 0..count {
            let path = self.text(at)?.to_owned();
            let data = match at.byte()? {
                0 => FileData::Data(self.value(at, 0)?),
                _ => FileData::Error {
                    kind: self.text(at)?.to_owned(),
                    message: self.text(at)?.to_owned(),
                },
            };
            files.insert(path, data);
        }
        Some(files)
    }

    fn value(&self, at: &mut Reader<'_>, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        Some(match at.byte()? {
            0 => Value::Null,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(at.signed()?),
            4 => Value::BigInt(self.text(at)?.to_owned()),
            5 => Value::Float(f64::from_bits(u64::from_le_bytes(at.array()?))),
            6 => Value::Str(self.text(at)?.to_owned()),
            7 => {
                let count = at.number()?;
                let mut items = Vec::with_capacity(at.room_for(count));
                for _ in 0..count {
                    items.push(self.value(at, depth + 1)?);
                }
                Value::from(items)
            }
            8 => {
                let count = at.number()?;
                let mut map = Map::with_capacity(at.room_for(count));
                for _ in 0..count {
                    let key = self.text(at)?.into();
                    map.insert(key, self.value(at, depth + 1)?);
                }
                Value::from(map)
            }
            _ => return None,
        })
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, length: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(length)?;
        if end > self.bytes.len() {
            return None;
        }
        let range = self.at..end;
        self.at = end;
        Some(range)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let range = self.take(N)?;
        self.bytes[range].try_into().ok()
    }

    fn fixed(&mut self) -> Option<usize> {
        usize::try_from(u32::from_le_bytes(self.array()?)).ok()
    }

    fn many_fixed(&mut self, count: usize) -> Option<Vec<usize>> {
        let mut found = Vec::with_capacity(self.room_for(count as u64));
        for _ in 0..count {
            found.push(self.fixed()?);
        }
        Some(found)
    }

    /// Returns a capacity for `count` things that the rest of the bytes could hold.
    fn room_for(&self, count: u64) -> usize {
        usize::try_from(count)
            .unwrap_or(usize::MAX)
            .min(self.bytes.len() - self.at)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn optional(&mut self) -> Option<Option<u64>> {
        match self.byte()? {
            0 => Some(None),
            _ => Some(Some(self.number()?)),
        }
    }

    /// Returns a commit, or the mark that there is none.
    fn commit(&mut self) -> Option<Option<ObjectId>> {
        match usize::from(self.byte()?) {
            0 => Some(None),
            length => {
                let range = self.take(length)?;
                Some(Some(ObjectId::try_from(&self.bytes[range]).ok()?))
            }
        }
    }
}
