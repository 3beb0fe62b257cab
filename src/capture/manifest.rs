//! A capture as bytes: a line of JSON, then everything that was held in memory, in the order of the line.
//!
//! It is read back by the same program on the same machine, so there is nothing to be compatible
//! with; damage is an error, never a guess.

use super::{Capture, CapturedContent, Content, IN_MEMORY};
use crate::error::{Error, Result};
use std::io::Write;

impl Capture {
    /// Writes the manifest.
    pub fn write_manifest(&self, out: &mut impl Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, self)?;
        out.write_all(b"\n")?;
        self.contents().try_for_each(|content| match content {
            Content::Bytes(bytes) | Content::Link(bytes) => out.write_all(bytes),
            Content::Unchanged | Content::Copy { .. } => Ok(()),
        })
    }

    /// Reads a manifest.
    pub fn parse_manifest(manifest: &[u8]) -> Result<Self> {
        let damaged = || Error::corrupt("a captured checkpoint is damaged");
        let end = manifest.iter().position(|byte| *byte == b'\n');
        let (line, mut rest) = manifest.split_at(end.unwrap_or(manifest.len()));
        let mut capture: Capture =
            serde_json::from_slice(line).map_err(|error| damaged().caused_by(error))?;
        rest = rest.get(1..).unwrap_or_default();
        for content in capture.contents_mut() {
            if let Content::Bytes(bytes) | Content::Link(bytes) = content {
                let (ours, after) = rest.split_at_checked(bytes.len()).ok_or_else(damaged)?;
                bytes.copy_from_slice(ours);
                rest = after;
            }
        }
        match rest {
            [] => Ok(capture),
            _ => Err(damaged()),
        }
    }

    /// Returns how many bytes of it are in memory.
    pub fn in_memory(&self) -> u64 {
        let sizes = self.contents().map(|content| match content {
            Content::Bytes(bytes) | Content::Link(bytes) => bytes.len() as u64,
            Content::Unchanged | Content::Copy { .. } => 0,
        });
        sizes.sum()
    }

    fn contents(&self) -> impl Iterator<Item = &Content> {
        let outputs = self.outputs.iter().flat_map(|output| {
            let (file, files) = match &output.content {
                CapturedContent::Missing => (None, None),
                CapturedContent::File(file) => (Some(&file.content), None),
                CapturedContent::Directory { changed, .. } => (None, Some(changed)),
            };
            let files = files.into_iter().flatten();
            file.into_iter().chain(files.map(|(_, file)| &file.content))
        });
        let files = self.files.iter().filter_map(|path| path.file.as_ref());
        outputs.chain(files.map(|file| &file.content))
    }

    fn contents_mut(&mut self) -> impl Iterator<Item = &mut Content> {
        let outputs = self.outputs.iter_mut().flat_map(|output| {
            let (file, files) = match &mut output.content {
                CapturedContent::Missing => (None, None),
                CapturedContent::File(file) => (Some(&mut file.content), None),
                CapturedContent::Directory { changed, .. } => (None, Some(changed)),
            };
            let files = files.into_iter().flatten();
            file.into_iter()
                .chain(files.map(|(_, file)| &mut file.content))
        });
        let files = self.files.iter_mut().filter_map(|path| path.file.as_mut());
        outputs.chain(files.map(|file| &mut file.content))
    }
}

/// Bytes by their length; they follow behind the line.
pub(super) mod length {
    use super::IN_MEMORY;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        bytes.len().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        match usize::deserialize(deserializer)? {
            length if length as u64 <= IN_MEMORY => Ok(vec![0; length]),
            _ => Err(D::Error::custom(
                "longer than anything that is held in memory",
            )),
        }
    }
}

/// A path with what is not UTF-8 escaped.
pub(super) mod path {
    use crate::checkpoint::{escape_path, unescape_path};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape_path(path.as_os_str().as_bytes()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(OsStr::from_bytes(&unescape_path(&text)).into())
    }
}

/// What captures share in memory, each for itself.
pub(super) mod shared {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::sync::Arc;

    pub fn serialize<T: Serialize, S: Serializer>(
        value: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().serialize(serializer)
    }

    pub fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{CapturedFile, CapturedOutput, CapturedPath};
    use crate::pipeline::Reported;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::sync::Arc;

    fn file(content: Content) -> CapturedFile {
        CapturedFile {
            content,
            executable: true,
            as_of: None,
        }
    }

    fn capture() -> Capture {
        let output = |path: &str, content| CapturedOutput {
            path: path.to_owned(),
            content,
        };
        let other = |path: &[u8], file| CapturedPath {
            path: OsStr::from_bytes(path).into(),
            file,
        };
        let copy = Content::Copy {
            path: OsStr::from_bytes(b"/c\xff/0").into(),
            size: 1 << 30,
        };
        Capture {
            stage: "train".to_owned(),
            outputs: vec![
                output("gone", CapturedContent::Missing),
                output(
                    "small",
                    CapturedContent::File(file(Content::Bytes(b"a\nb".to_vec()))),
                ),
                output("large", CapturedContent::File(file(copy))),
                output(
                    "dir",
                    CapturedContent::Directory {
                        complete: false,
                        changed: vec![
                            (
                                "x/\u{e9}".to_owned(),
                                file(Content::Bytes(vec![0, 10, 255])),
                            ),
                            ("y".to_owned(), file(Content::Unchanged)),
                        ],
                        removed: vec!["z".to_owned()],
                    },
                ),
            ],
            files: vec![
                other(b"log\xff%41.txt", Some(file(Content::Bytes(Vec::new())))),
                other(b"link", Some(file(Content::Link(b"to\xfe".to_vec())))),
                other(b"removed", None),
            ],
            signalled: true,
            bytes: 7,
            reported: Arc::new(Reported {
                metrics: vec!["m.json".to_owned()],
                ..Reported::default()
            }),
            ..Capture::default()
        }
    }

    fn manifest(capture: &Capture) -> Vec<u8> {
        let mut bytes = Vec::new();
        capture.write_manifest(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_capture_reads_back() {
        for capture in [capture(), Capture::default()] {
            let read = Capture::parse_manifest(&manifest(&capture)).unwrap();
            assert_eq!(read, capture);
        }
    }

    #[test]
    fn a_damaged_one_is_an_error() {
        let whole = manifest(&capture());
        for end in 0..whole.len() {
            Capture::parse_manifest(&whole[..end]).unwrap_err();
        }
        let mut longer = whole.clone();
        longer.push(0);
        Capture::parse_manifest(&longer).unwrap_err();
        let huge = String::from_utf8_lossy(&whole).replacen("\"Bytes\":3", "\"Bytes\":99999999", 1);
        Capture::parse_manifest(huge.as_bytes()).unwrap_err();
    }
}
