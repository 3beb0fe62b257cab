//! Where the page and the pictures are written.

use crate::error::{Context, Result};
use crate::plot::Image;
use crate::store::{Store, durable};
use std::path::Path;

/// Returns where `plots.out_dir` says pages go, else `dvc_plots`; relative to the current folder.
pub fn default_folder(store: &Store) -> Result<String> {
    let config = store.dvc_config()?;
    let folder = config.get("plots", "out_dir").unwrap_or("dvc_plots");
    Ok(folder.to_owned())
}

/// Writes the page as `index.html` in `folder` and returns its `file://` address.
///
/// A folder that is made for it gets a `.gitignore`: a page is megabytes that git should not have.
pub fn write_page(folder: &Path, page: &str) -> Result<String> {
    let is_new = !folder.exists();
    durable::create_dir_all(folder)?;
    if is_new {
        durable::write_unsynced(&folder.join(".gitignore"), b"*\n")?;
    }
    let folder = folder
        .canonicalize()
        .context(|| format!("cannot find '{}'", folder.display()))?;
    let file = folder.join("index.html");
    durable::write_unsynced(&file, page.as_bytes())?;
    Ok(address(&file))
}

/// Writes the pictures of plots into `folder` as `<revision>_<path>`, and returns their paths in order.
pub fn write_images(folder: &Path, images: &[Image]) -> Result<Vec<String>> {
    durable::create_dir_all(folder)?;
    let folder = folder
        .canonicalize()
        .context(|| format!("cannot find '{}'", folder.display()))?;
    let mut written = Vec::new();
    for image in images {
        let name = format!("{}_{}", image.revision, image.file).replace(['/', '\\'], "_");
        let file = folder.join(name);
        durable::write_unsynced(&file, &image.bytes)?;
        written.push(file.to_string_lossy().into_owned());
    }
    Ok(written)
}

fn address(file: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut address = "file://".to_owned();
    for byte in file.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => address.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => address.push(char::from(*byte)),
            byte => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_no_character_that_ends_it() {
        assert_eq!(
            address(Path::new("/tmp/a b/é#%/index.html")),
            "file:///tmp/a%20b/%C3%A9%23%25/index.html"
        );
    }

    #[test]
    fn a_new_folder_ignores_itself_and_an_old_one_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("deep/plots");
        let said = write_page(&new, "<p>").unwrap();
        assert!(said.ends_with("/deep/plots/index.html") && said.starts_with("file:///"));
        assert_eq!(
            fs_err::read_to_string(new.join(".gitignore")).unwrap(),
            "*\n"
        );
        write_page(folder.path(), "<p>").unwrap();
        assert!(!folder.path().join(".gitignore").exists());
    }
}
