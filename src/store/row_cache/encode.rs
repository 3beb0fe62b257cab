//! Rows to bytes.

use super::{ChainKey, magic};
use crate::checkpoint::{FileData, Status};
use crate::digest::checksum;
use crate::id::ObjectId;
use crate::listing::NotedRow;
use crate::value::Value;
use indexmap::{IndexMap, IndexSet};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Returns the whole file; `None` if it grew beyond 4 GiB.
///
/// Chains that hold a mapping with keys that are not text are left out.
pub(super) fn file(chains: &HashMap<ChainKey, Vec<NotedRow>>) -> Option<Vec<u8>> {
    let mut texts = Texts::default();
    let mut rows: Vec<(ObjectId, Option<ObjectId>, Vec<u8>)> = Vec::new();
    let mut number_of: HashMap<(ObjectId, Option<ObjectId>), usize> = HashMap::new();
    let mut kept = Vec::new();
    for (key, chain) in chains {
        let mut ids = Vec::with_capacity(chain.len());
        for noted in chain {
            let Some(commit) = noted.row.id else { break };
            let id = (commit, noted.note);
            if let Entry::Vacant(place) = number_of.entry(id) {
                let Some(bytes) = row(noted, &mut texts) else {
                    break;
                };
                place.insert(rows.len());
                rows.push((commit, noted.note, bytes));
            }
            ids.push(id);
        }
        if ids.len() == chain.len() {
            kept.push((key, ids));
        }
    }
    rows.sort_unstable_by_key(|row| (row.0, row.1));
    for (number, (commit, note, _)) in rows.iter().enumerate() {
        number_of.insert((*commit, *note), number);
    }

    let mut body = Vec::new();
    texts.write(&mut body)?;
    fixed(&mut body, rows.len())?;
    let mut end = 0;
    for (_, _, bytes) in &rows {
        end += bytes.len();
        fixed(&mut body, end)?;
    }
    for (_, _, bytes) in &rows {
        body.extend_from_slice(bytes);
    }
    number(&mut body, kept.len() as u64);
    for (key, ids) in kept {
        commit(&mut body, key.tip);
        commit(&mut body, key.baseline);
        optional_commit(&mut body, key.notes);
        number(&mut body, ids.len() as u64);
        for id in ids {
            number(&mut body, *number_of.get(&id)? as u64);
        }
    }
    let mut bytes = magic().into_bytes();
    bytes.extend_from_slice(&checksum(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    Some(bytes)
}

/// Every text once.
#[derive(Default)]
struct Texts(IndexSet<String>);

impl Texts {
    fn number(&mut self, text: &str) -> u64 {
        let position = match self.0.get_index_of(text) {
            Some(position) => position,
            None => self.0.insert_full(text.to_owned()).0,
        };
        position as u64
    }

    fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        fixed(out, self.0.len())?;
        for text in &self.0 {
            fixed(out, text.len())?;
        }
        for text in &self.0 {
            out.extend_from_slice(text.as_bytes());
        }
        Some(())
    }
}

fn fixed(out: &mut Vec<u8>, value: usize) -> Option<()> {
    out.extend_from_slice(&u32::try_from(value).ok()?.to_le_bytes());
    Some(())
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small negative numbers stay small.
fn signed(out: &mut Vec<u8>, value: i64) {
    number(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn optional(out: &mut Vec<u8>, value: Option<u64>) {
    match value {
        Some(value) => {
            out.push(1);
            number(out, value);
        }
        None => out.push(0),
    }
}

fn commit(out: &mut Vec<u8>, id: ObjectId) {
    let bytes = id.as_bytes();
    out.push(bytes.len() as u8);
    out.extend_from_slice(bytes);
}

fn optional_commit(out: &mut Vec<u8>, id: Option<ObjectId>) {
    match id {
        Some(id) => commit(out, id),
        None => out.push(0),
    }
}

fn row(noted: &NotedRow, texts: &mut Texts) -> Option<Vec<u8>> {
    let row = &noted.row;
    let mut out = Vec::with_capacity(256);
    optional_commit(&mut out, row.id);
    optional_commit(&mut out, noted.note);
    optional_commit(&mut out, row.parent);
    signed(&mut out, row.time?.seconds);
    out.push(u8::from(row.checkpoints));
    out.push(match noted.status {
        None => 0,
        Some(Status::Done) => 1,
        Some(Status::Failed) => 2,
        Some(Status::Interrupted) => 3,
    });
    match noted.exit {
        Some(exit) => {
            out.push(1);
            signed(&mut out, exit.into());
        }
        None => out.push(0),
    }
    for text in [&noted.incomplete, &row.error] {
        optional(&mut out, text.as_ref().map(|text| texts.number(text)));
    }
    for files in [&row.metrics, &*row.params] {
        self::files(&mut out, files, texts)?;
    }
    number(&mut out, row.deps.len() as u64);
    for (path, dependency) in &*row.deps {
        number(&mut out, texts.number(path));
        optional(
            &mut out,
            dependency.md5.as_ref().map(|md5| texts.number(md5)),
        );
        optional(&mut out, dependency.size);
        optional(&mut out, dependency.nfiles);
    }
    number(&mut out, row.outs.len() as u64);
    for (path, output) in &row.outs {
        number(&mut out, texts.number(path));
        for hash in [&output.md5, &output.sha256] {
            optional(&mut out, hash.as_ref().map(|hash| texts.number(hash)));
        }
        optional(&mut out, output.size);
        optional(&mut out, output.nfiles);
        out.push(u8::from(output.cache) | u8::from(output.data_source) << 1);
    }
    Some(out)
}

fn files(out: &mut Vec<u8>, files: &IndexMap<String, FileData>, texts: &mut Texts) -> Option<()> {
    number(out, files.len() as u64);
    for (path, data) in files {
        number(out, texts.number(path));
        match data {
            FileData::Data(data) => {
                out.push(0);
                value(out, data, texts)?;
            }
            FileData::Error { kind, message } => {
                out.push(1);
                number(out, texts.number(kind));
                number(out, texts.number(message));
            }
        }
    }
    Some(())
}

fn value(out: &mut Vec<u8>, data: &Value, texts: &mut Texts) -> Option<()> {
    match data {
        Value::Null => out.push(0),
        Value::Bool(false) => out.push(1),
        Value::Bool(true) => out.push(2),
        Value::Int(int) => {
            out.push(3);
            signed(out, *int);
        }
        Value::BigInt(digits) => {
            out.push(4);
            number(out, texts.number(digits));
        }
        Value::Float(float) => {
            out.push(5);
            out.extend_from_slice(&float.to_bits().to_le_bytes());
        }
        Value::Str(text) => {
            out.push(6);
            number(out, texts.number(text));
        }
        Value::List(items) => {
            out.push(7);
            number(out, items.len() as u64);
            for item in items {
                value(out, item, texts)?;
            }
        }
        Value::Map(map) => {
            out.push(8);
            number(out, map.len() as u64);
            for (key, item) in map {
                if !key.is_text() {
                    return None;
                }
                number(out, texts.number(key));
                value(out, item, texts)?;
            }
        }
    }
    Some(())
}
