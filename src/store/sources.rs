//! Where the templates of a `dvc.yaml` find their files: the workspace, a tree, or what will be there.

use super::Store;
use super::checkout::Files;
use super::dvc_config::DvcConfig;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use crate::pipeline::template::{Sources, Unpacking};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

impl DvcConfig {
    /// Returns what `parsing.bool` and `parsing.list` say.
    pub fn unpacking(&self) -> Result<Unpacking> {
        let choice = |key: &str, usual: &str, other: &str| match self.get("parsing", key) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case(usual) => Ok(false),
            Some(value) if value.eq_ignore_ascii_case(other) => Ok(true),
            Some(value) => Err(Error::refused(format!(
                "bad value '{value}' of 'parsing.{key}' in DVC's config: expected {usual} or {other}"
            ))),
        };
        Ok(Unpacking {
            negates_false: choice("bool", "store_true", "boolean_optional")?,
            repeats_name: choice("list", "nargs", "append")?,
        })
    }
}

/// The files of a project on the disk.
pub struct InWorkspace<'p>(pub &'p Path);

impl Sources for InWorkspace<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match fs_err::read(self.0.join(path)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            Err(error) => Err(error).context(|| format!("cannot read '{path}'")),
        }
    }

    fn unpacking(&self) -> Result<Unpacking> {
        DvcConfig::load(&self.0.join(".dvc"))?.unpacking()
    }

    fn root(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    fn remote(&self, name: &str) -> Result<Option<String>> {
        DvcConfig::load(&self.0.join(".dvc"))?.place_of_remote(name)
    }
}

/// The project in a commit or tree; DVC's config is that of the workspace, and so is what lies outside
/// of the repository.
pub struct InTree<'s> {
    /// The repository.
    pub store: &'s Store,
    /// The commit or tree.
    pub tree: ObjectId,
}

impl Sources for InTree<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.store.read_with_outside(self.tree, path)
    }

    fn unpacking(&self) -> Result<Unpacking> {
        self.store.dvc_config()?.unpacking()
    }

    fn root(&self) -> &str {
        self.store.project_text()
    }

    fn remote(&self, name: &str) -> Result<Option<String>> {
        self.store.dvc_config()?.place_of_remote(name)
    }
}

/// The project in a list of files.
pub struct InFiles<'s> {
    /// The repository.
    pub store: &'s Store,
    /// The files.
    pub files: &'s Files,
}

impl Sources for InFiles<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.files.get(self.store.tree_path(path).as_bytes()) {
            Some(state) => self.store.read_object(state.id).map(Some),
            None if self.store.is_elsewhere(path) => read_outside(path),
            None => Ok(None),
        }
    }

    fn unpacking(&self) -> Result<Unpacking> {
        self.store.dvc_config()?.unpacking()
    }

    fn root(&self) -> &str {
        self.store.project_text()
    }

    fn remote(&self, name: &str) -> Result<Option<String>> {
        self.store.dvc_config()?.place_of_remote(name)
    }
}

/// The same with other texts of some files: those that `-S` makes.
pub struct Edited<'s> {
    /// The files as they are.
    pub files: &'s dyn Sources,
    /// The new texts by path.
    pub texts: &'s BTreeMap<String, String>,
}

impl Sources for Edited<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.texts.get(path) {
            Some(text) => Ok(Some(text.clone().into_bytes())),
            None => self.files.read(path),
        }
    }

    fn unpacking(&self) -> Result<Unpacking> {
        self.files.unpacking()
    }

    fn root(&self) -> &str {
        self.files.root()
    }

    fn remote(&self, name: &str) -> Result<Option<String>> {
        self.files.remote(name)
    }
}

impl Store {
    /// Returns the project's root as text; empty where it is none.
    pub fn project_text(&self) -> &str {
        let root = self.project().ok().and_then(Path::to_str);
        root.unwrap_or_default()
    }

    /// Reads a file of the project out of a commit or tree; one outside of the repository, of which
    /// there is only one, from the disk.
    pub fn read_with_outside(&self, treeish: ObjectId, path: &str) -> Result<Option<Vec<u8>>> {
        match self.is_elsewhere(path) {
            true => read_outside(path),
            false => self.read_blob(treeish, &self.tree_path(path)),
        }
    }
}

fn read_outside(path: &str) -> Result<Option<Vec<u8>>> {
    InWorkspace(Path::new("/")).read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(config: &str) -> Result<Unpacking> {
        let project = tempfile::tempdir().unwrap();
        fs_err::create_dir(project.path().join(".dvc")).unwrap();
        fs_err::write(project.path().join(".dvc/config"), config).unwrap();
        InWorkspace(project.path()).unpacking()
    }

    #[test]
    fn config_says_how_mappings_become_options() {
        assert_eq!(said("").unwrap(), Unpacking::default());
        let both = "[parsing]\n    bool = boolean_optional\n    list = append\n";
        let expected = Unpacking {
            negates_false: true,
            repeats_name: true,
        };
        assert_eq!(said(both).unwrap(), expected);
        assert_eq!(
            said("[parsing]\nlist = comma\n").unwrap_err().to_string(),
            "bad value 'comma' of 'parsing.list' in DVC's config: expected nargs or append"
        );
    }

    #[test]
    fn an_edit_hides_the_file() {
        let project = tempfile::tempdir().unwrap();
        fs_err::write(project.path().join("a"), "old").unwrap();
        let texts = BTreeMap::from([("a".to_owned(), "new".to_owned())]);
        let edited = Edited {
            files: &InWorkspace(project.path()),
            texts: &texts,
        };
        assert_eq!(edited.read("a").unwrap().as_deref(), Some(&b"new"[..]));
        assert_eq!(
            edited.files.read("a").unwrap().as_deref(),
            Some(&b"old"[..])
        );
        assert_eq!(edited.read("a/b").unwrap(), None);
    }
}
