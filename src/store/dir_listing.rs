//! The listing object of a directory, read: `[{"md5": "…", "relpath": "…"}, …]`.
//!
//! [`crate::digest::DirDigest`] writes it. A listing may come from a remote, and what it names is
//! written to the work tree, so nothing in it is believed.

use crate::digest::Md5Hex;
use crate::error::{Error, Result};
use serde::Deserialize;

/// One file of a stored listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path below the directory, `/` between parts.
    pub relpath: String,
    /// The name of its object.
    pub md5: Md5Hex,
}

/// An item as it stands there.
#[derive(Deserialize)]
struct Item {
    relpath: String,
    md5: String,
}

/// Parses a listing object; keys that are not known are passed over.
///
/// Refuses paths that would leave the directory, and git's own folder, which DVC never lists: such a
/// listing was made to do harm.
pub fn parse(bytes: &[u8]) -> Result<Vec<ListedFile>> {
    let not_a_listing = || Error::corrupt("not a directory listing");
    let items: Vec<Item> =
        serde_json::from_slice(bytes).map_err(|error| not_a_listing().caused_by(error))?;
    items.into_iter().map(check).collect()
}

fn check(item: Item) -> Result<ListedFile> {
    let harmless = item.relpath.split('/').all(|part| {
        !matches!(part, "" | "." | "..")
            && !part.eq_ignore_ascii_case(".git")
            && !part.contains('\0')
    });
    let relpath = item.relpath;
    let wrong = match (harmless, Md5Hex::parse(&item.md5)) {
        (true, Some(md5)) => return Ok(ListedFile { relpath, md5 }),
        (true, None) => ("md5", item.md5),
        (false, _) => ("path", relpath),
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
    use crate::digest::{self, DirDigest, Format};
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
