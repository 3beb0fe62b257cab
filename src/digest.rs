//! Contents by their hashes: md5 and sha256 in one pass, DVC's text rule, DVC's directory listings.
//!
//! Nothing here opens a file: readers and bytes come in, hashes and bytes go out.

mod hex;

pub use hex::{Hex, Md5Hex, Sha256Hex};

use indexmap::IndexMap;
use md5::Md5;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, Read};

/// How much is read at once, in bytes; [`TEXT_CHUNK`] is a multiple of it.
const BUFFER: usize = 256 * 1024;
/// DVC 2 reads files in pieces of this many bytes and replaces line ends in each piece by itself.
const TEXT_CHUNK: u64 = 1024 * 1024;
/// DVC 2 looks at this many bytes to tell text from binary.
const TEXT_SAMPLE: usize = 512;

/// Which of DVC's two formats an entry or a cache object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// DVC 2.x: md5 after `\r\n` → `\n` in text, objects at `<cache>/<2>/<30>`, no `hash` key.
    V2,
    /// DVC 3.x: md5 of the bytes, objects at `<cache>/files/md5/<2>/<30>`, `hash: md5`.
    V3,
}

/// The hashes of one file's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// md5 of the bytes.
    pub md5: Md5Hex,
    /// md5 by DVC 2's text rule where that differs from `md5`.
    pub md5_text: Option<Box<Md5Hex>>,
    /// sha256 of the bytes.
    pub sha256: Sha256Hex,
    /// Bytes.
    pub size: u64,
}

/// The hashes of one output or dependency: a file, or a directory through its listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathDigest {
    /// A single file.
    File {
        /// Its hashes.
        digest: FileDigest,
        /// Its owner-execute bit.
        isexec: bool,
    },
    /// A directory.
    Dir(DirDigest),
}

/// A directory's files by relative path (`/` between parts), sorted by code point.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirDigest {
    /// Every file below the directory, recursively.
    pub files: IndexMap<String, FileDigest>,
}

impl FileDigest {
    /// Returns the md5 that names these bytes in `format`.
    pub fn md5(&self, format: Format) -> &Md5Hex {
        match (format, &self.md5_text) {
            (Format::V2, Some(text)) => text,
            _ => &self.md5,
        }
    }
}

impl PathDigest {
    /// Returns the md5 of `dvc.lock`: 32 hex digits, `.dir` behind them for a directory.
    pub fn md5(&self, format: Format) -> String {
        match self {
            PathDigest::File { digest, .. } => digest.md5(format).to_string(),
            PathDigest::Dir(dir) => dir.md5(format),
        }
    }

    /// Returns the sha256 of the note: of the file's bytes, or of [`DirDigest::sha256`]'s listing.
    pub fn sha256(&self) -> String {
        match self {
            PathDigest::File { digest, .. } => digest.sha256.to_string(),
            PathDigest::Dir(dir) => dir.sha256(),
        }
    }

    /// Returns the bytes of the file, or of all files of the directory.
    pub fn size(&self) -> u64 {
        match self {
            PathDigest::File { digest, .. } => digest.size,
            PathDigest::Dir(dir) => dir.size(),
        }
    }

    /// Returns the number of files of a directory, or `None` for a file.
    pub fn nfiles(&self) -> Option<u64> {
        match self {
            PathDigest::File { .. } => None,
            PathDigest::Dir(dir) => Some(dir.files.len() as u64),
        }
    }

    /// Returns the digest of the file, or of each file of the directory.
    pub fn files(&self) -> impl Iterator<Item = &FileDigest> {
        let (file, dir) = match self {
            PathDigest::File { digest, .. } => (Some(digest), None),
            PathDigest::Dir(dir) => (None, Some(dir)),
        };
        file.into_iter()
            .chain(dir.into_iter().flat_map(|dir| dir.files.values()))
    }

    /// Whether this is a file with its owner-execute bit set.
    pub fn isexec(&self) -> bool {
        matches!(self, PathDigest::File { isexec: true, .. })
    }
}

impl DirDigest {
    /// Builds a directory's digest from its files in any order.
    pub fn new(files: impl IntoIterator<Item = (String, FileDigest)>) -> Self {
        Self::of(files.into_iter().collect())
    }

    /// As [`DirDigest::new`], of a map that is there already.
    pub fn of(mut files: IndexMap<String, FileDigest>) -> Self {
        // The order of UTF-8 bytes is that of code points.
        files.sort_unstable_keys();
        DirDigest { files }
    }

    /// Returns the bytes of the listing object: `[{"md5": "…", "relpath": "…"}, …]` as Python's
    /// `json.dumps` prints it.
    pub fn listing(&self, format: Format) -> Vec<u8> {
        listing(self.files.iter().map(|(path, digest)| {
            [
                ("md5", digest.md5(format).to_string()),
                ("relpath", path.clone()),
            ]
        }))
    }

    /// Returns the name of the listing object: its md5 with `.dir` behind it.
    pub fn md5(&self, format: Format) -> String {
        // DVC 2's text rule changes nothing here: a carriage return in a path is escaped.
        format!("{}.dir", Md5Hex::of(&Md5::digest(self.listing(format))))
    }

    /// Returns the directory's sha256: of `[{"relpath": "…", "sha256": "…"}, …]`, printed and
    /// sorted as the listing is, with the sha256 of each file's bytes.
    pub fn sha256(&self) -> String {
        let listing = listing(self.files.iter().map(|(path, digest)| {
            [
                ("relpath", path.clone()),
                ("sha256", digest.sha256.to_string()),
            ]
        }));
        Sha256Hex::of(&Sha256::digest(listing)).to_string()
    }

    /// Returns the bytes of all files.
    pub fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

/// Reads to the end and returns the hashes of what was read. Errors are the reader's.
pub fn read(mut reader: impl Read) -> io::Result<FileDigest> {
    // Not zeroed: of the many small files of a folder each would pay for all of it.
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut hasher = Hasher::default();
    loop {
        buffer.clear();
        (&mut reader).take(BUFFER as u64).read_to_end(&mut buffer)?;
        hasher.update(&buffer);
        if buffer.len() < BUFFER {
            return Ok(hasher.finish());
        }
    }
}

/// Returns the hashes of `bytes`.
pub fn bytes(bytes: &[u8]) -> FileDigest {
    let mut hasher = Hasher::default();
    for piece in bytes.chunks(BUFFER) {
        hasher.update(piece);
    }
    hasher.finish()
}

/// Whether `text` is 32 lower-case hex digits.
pub fn is_md5(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns a hash that notices damage; nobody is kept from forging it.
pub fn checksum(bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word))
            .wrapping_mul(PRIME)
            .rotate_left(29);
    }
    hash
}

/// Whether DVC 2 takes a file that begins with `sample` (its first 512 bytes) for text.
fn is_text(sample: &[u8]) -> bool {
    let other = sample
        .iter()
        .filter(|byte| !matches!(byte, 0x20..=0x7e | b'\n' | b'\r' | b'\t' | 0x0c | 0x08))
        .count();
    sample.is_empty() || !sample.contains(&0) && other as f64 / sample.len() as f64 <= 0.30
}

/// All hashes of one stream that comes in pieces of [`BUFFER`] bytes, the last one shorter.
#[derive(Default)]
struct Hasher {
    md5: Md5,
    sha256: Sha256,
    size: u64,
    /// Whether it looks like text; unknown before the first bytes.
    text: Option<bool>,
    /// By the text rule, once the first `\r` that the rule may drop came by.
    md5_text: Option<Md5>,
    /// A `\r` at the end of the last piece, in doubt until the next byte is seen.
    held: bool,
}

impl Hasher {
    fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        if *self
            .text
            .get_or_insert_with(|| is_text(&piece[..piece.len().min(TEXT_SAMPLE)]))
        {
            self.update_text(piece);
        }
        self.md5.update(piece);
        self.size += piece.len() as u64;
    }

    /// Goes before `md5` is updated, so that both can share their beginning.
    fn update_text(&mut self, piece: &[u8]) {
        if self.md5_text.is_none() && !piece.contains(&b'\r') {
            return;
        }
        let text = self.md5_text.get_or_insert_with(|| self.md5.clone());
        if std::mem::take(&mut self.held) && piece.first() != Some(&b'\n') {
            text.update(b"\r");
        }
        let mut rest = piece;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\r') {
            text.update(&rest[..at]);
            let after = &rest[at + 1..];
            match after.first() {
                Some(b'\n') => {}
                Some(_) => text.update(b"\r"),
                None => self.held = true,
            }
            rest = after;
        }
        text.update(rest);
        // DVC does not look across the end of its own piece: a `\r\n` cut there stays.
        if self.held && (self.size + piece.len() as u64).is_multiple_of(TEXT_CHUNK) {
            text.update(b"\r");
            self.held = false;
        }
    }

    fn finish(mut self) -> FileDigest {
        if self.held
            && let Some(text) = &mut self.md5_text
        {
            text.update(b"\r");
        }
        let md5 = Hex::of(&self.md5.finalize());
        FileDigest {
            md5_text: self
                .md5_text
                .map(|text| Hex::of(&text.finalize()))
                .filter(|text| *text != md5)
                .map(Box::new),
            md5,
            sha256: Hex::of(&self.sha256.finalize()),
            size: self.size,
        }
    }
}

/// A list of flat objects as `json.dumps(…, sort_keys=True)` prints it; keys come sorted.
fn listing<const N: usize>(items: impl Iterator<Item = [(&'static str, String); N]>) -> Vec<u8> {
    let mut text = String::from("[");
    for (index, item) in items.enumerate() {
        text.push_str(if index == 0 { "{" } else { ", {" });
        for (index, (key, value)) in item.into_iter().enumerate() {
            text.push_str(if index == 0 { "\"" } else { ", \"" });
            text.push_str(key);
            text.push_str("\": ");
            push_json(&mut text, &value);
        }
        text.push('}');
    }
    text.push(']');
    text.into_bytes()
}

/// A string as `json.dumps` with `ensure_ascii` prints it.
fn push_json(text: &mut String, value: &str) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            ' '..='~' => text.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "\\u{unit:04x}");
                }
            }
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn md5_of(data: &[u8]) -> String {
        Md5Hex::of(&Md5::digest(data)).to_string()
    }

    /// DVC 2 by the book, slow.
    fn by_the_book(data: &[u8]) -> String {
        if !is_text(&data[..data.len().min(512)]) {
            return md5_of(data);
        }
        let mut unix = Vec::new();
        for chunk in data.chunks(1 << 20) {
            let mut bytes = chunk.iter().peekable();
            while let Some(byte) = bytes.next() {
                if !(*byte == b'\r' && bytes.peek() == Some(&&b'\n')) {
                    unix.push(*byte);
                }
            }
        }
        md5_of(&unix)
    }

    // All digests of files and directories in these tests were printed by DVC 2.58.2 and 3.67.1 (`dvc add`).
    #[test]
    fn hashes_small_files_as_both_versions_do() {
        let crlf = bytes(b"one\r\ntwo\r\n");
        assert_eq!(crlf.md5(Format::V2), "2094b601daac3d68f5aed51d3c20f7cd");
        assert_eq!(crlf.md5(Format::V3), "4e03dd5f05f68ca4f8941fd80c63e0b2");
        assert_eq!(crlf.size, 10);
        let mostly_not_ascii = bytes("ééé\r\n".as_bytes());
        assert_eq!(mostly_not_ascii.md5, "aa3c7f2ee0291cd636a306113fe0dcbc");
        assert_eq!(mostly_not_ascii.md5_text, None);
        let empty = bytes(b"");
        assert_eq!(empty.md5, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(empty.md5_text, None);
        assert_eq!(
            empty.sha256,
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn keeps_a_line_end_that_a_chunk_cuts_in_two() {
        let cut = |before: usize| {
            let mut data = vec![b'x'; before];
            data.extend_from_slice(b"\r\nrest\r\n");
            bytes(&data)
        };
        assert_eq!(
            cut((1 << 20) - 1).md5(Format::V2),
            "a186d70b39ca90a394ff69fbc801866b"
        );
        assert_eq!(
            cut((1 << 18) - 1).md5(Format::V2),
            "8c46affd4146a9a493c2c6d94740b8c8"
        );
        assert_eq!(
            cut(1 << 20).md5(Format::V2),
            "2694e4f138c284ea0ed4e39f0228549d"
        );
    }

    #[test]
    fn a_lone_carriage_return_at_the_end_stays() {
        assert_eq!(bytes(b"a\r").md5_text, None);
        let mut data = vec![b'x'; BUFFER - 1];
        data.push(b'\r');
        assert_eq!(bytes(&data).md5_text, None);
    }

    #[test]
    fn reads_as_it_hashes_bytes() {
        let data: Vec<u8> = (0..700_000u32)
            .map(|n| if n % 97 == 0 { b'\r' } else { b'\n' })
            .collect();
        assert_eq!(read(&data[..]).unwrap(), bytes(&data));
        assert_eq!(
            *read(&data[..]).unwrap().md5(Format::V2),
            by_the_book(&data)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_text_rule_is_dvcs(
            start in prop::sample::select(vec![0usize, BUFFER - 3, (1 << 20) - 3, (1 << 20) + BUFFER - 3]),
            tail in prop::collection::vec(prop::sample::select(vec![b'\r', b'\n', b'a', 0xe9u8]), 0..12),
            head in prop::sample::select(vec![b'a', b'\r', 0xe9u8]),
        ) {
            let mut data = vec![head; start];
            data.extend_from_slice(&tail);
            prop_assert_eq!(bytes(&data).md5(Format::V2).to_owned(), by_the_book(&data));
        }
    }

    #[test]
    fn lists_a_directory_as_dvc_does() {
        let dir = DirDigest::new([
            ("sub/h.txt".to_owned(), bytes(b"h\n")),
            ("n é.txt".to_owned(), bytes(b"n\n")),
            ("😀\t\"q\"".to_owned(), bytes(b"")),
            ("sub-x".to_owned(), bytes(b"one\r\ntwo\r\n")),
        ]);
        assert_eq!(
            String::from_utf8(dir.listing(Format::V2)).unwrap(),
            r#"[{"md5": "fe13119fb084fe8bbf5fe3ab7cc89b3b", "relpath": "n \u00e9.txt"}, {"md5": "2094b601daac3d68f5aed51d3c20f7cd", "relpath": "sub-x"}, {"md5": "01fbdc44ef819db6273bc30965a23814", "relpath": "sub/h.txt"}, {"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "\ud83d\ude00\t\"q\""}]"#
        );
        assert_eq!(dir.md5(Format::V2), "746ea06e620f76286dd8fc128c8df8c1.dir");
        assert_eq!(dir.md5(Format::V3), "b7c78a2feb284809c722e0f5b8bc4a94.dir");
        assert_eq!(dir.size(), 14);
        assert_eq!(PathDigest::Dir(dir).nfiles(), Some(4));
    }

    #[test]
    fn an_empty_directory_is_an_empty_list() {
        let dir = DirDigest::default();
        assert_eq!(dir.listing(Format::V3), b"[]");
        assert_eq!(dir.md5(Format::V3), "d751713988987e9331980363e24189ce.dir");
        assert_eq!(
            dir.sha256(),
            "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
        );
    }

    #[test]
    fn the_sha256_of_a_directory_covers_paths_and_contents() {
        let one = DirDigest::new([("a".to_owned(), bytes(b"1"))]);
        let listing = format!(
            "[{{\"relpath\": \"a\", \"sha256\": \"{}\"}}]",
            bytes(b"1").sha256
        );
        assert_eq!(bytes(listing.as_bytes()).sha256, one.sha256());
    }
}
