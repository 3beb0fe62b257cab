//! The listing object of a directory, read: `[{"md5": "…", "relpath": "…"}, …]`.
//!
//! [`crate::digest::DirDigest`] writes it. A listing may come from a remote, and what it names is
//! written to the work tree, so nothing in it is believed.

use crate::digest;
use crate::error::{Error, Result};
use serde_json::Value;

/// One file of a stored listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path below the directory, `/` between parts.
    pub relpath: String,
    /// The name of its object, 32 hex digits.
    pub md5: String,
}

/// Parses a listing object; keys that are not known are passed over.
///
/// Refuses paths that would leave the directory, and git's own folder, which DVC never lists: such a
/// listing was made to do harm.
pub fn parse(bytes: &[u8]) -> Result<Vec<ListedFile>> {
    let not_a_listing = || Error::corrupt("not a directory listing");
    let value: Value =
        serde_json::from_slice(bytes).map_err(|error| not_a_listing().caused_by(error))?;
    let Value::Array(items) = value else {
        return Err(not_a_listing());
    };
    items
        .iter()
        .map(|item| {
            let text = |key| item.get(key).and_then(Value::as_str).map(str::to_owned);
            let file = ListedFile {
                relpath: text("relpath").ok_or_else(not_a_listing)?,
                md5: text("md5").ok_or_else(not_a_listing)?,
            };
            check(&file)?;
            Ok(file)
        })
        .collect()
}

fn check(file: &ListedFile) -> Result<()> {
    let harmless = file.relpath.split('/').all(|part| {
        !matches!(part, "" | "." | "..")
            && !part.eq_ignore_ascii_case(".git")
            && !part.contains('\0')
    });
    let wrong = if !harmless {
        ("path", &file.relpath)
    } else if !digest::is_md5(&file.md5) {
        ("md5", &file.md5)
    } else {
        return Ok(());
    };
    Err(Error::corrupt(format!(
        "a directory listing has the {} '{}'",
        wrong.0,
        wrong.1.escape_debug()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{DirDigest, Format};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_listing_reads_back(
            paths in prop::collection::btree_set("[^/.\u{0}]{1,4}(/[^/.\u{0}]{1,4})?", 0..5)
        ) {
            let files = paths.iter().map(|path| (path.clone(), digest::bytes(path.as_bytes())));
            let listed = parse(&DirDigest::new(files).listing(Format::V3)).unwrap();
            let listed: Vec<_> = listed.into_iter().map(|file| file.relpath).collect();
            prop_assert_eq!(listed, paths.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_parse_or_fail(data in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&data);
        }
    }

    #[test]
    fn refuses_a_listing_that_leaves_its_directory() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        for path in ["../x", "/etc/passwd", "a//b", "a/./b", "", ".GIT/hooks/x"] {
            let listing = format!(r#"[{{"md5": "{md5}", "relpath": "{path}"}}]"#);
            let error = parse(listing.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("a directory listing has the path '{path}'")
            );
        }
        let error = parse(br#"[{"md5": "../../x", "relpath": "a"}]"#).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a directory listing has the md5 '../../x'"
        );
        for text in ["{}", "[1]", "[{\"md5\": \"d\"}]", "["] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), "not a directory listing");
        }
    }
}
