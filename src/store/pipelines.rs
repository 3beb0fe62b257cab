//! The pipeline files of a project and the lockfiles beside them: on the disk, or in a tree.
//!
//! Found as DVC finds them: in all folders that neither git nor `.dvcignore` ignores, that are no
//! output and no project of their own; links to folders are not followed.

use super::Store;
use super::dvc_ignore::DvcIgnore;
use super::sources::{InTree, InWorkspace};
use super::tracked::IgnoreRules;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use crate::lockfile::Lockfiles;
use crate::pipeline::Pipeline;
use crate::pipeline::paths;
use crate::pipeline::project::{Project, is_data_file, is_pipeline_file};
use crate::pipeline::template::Sources;
use gix::objs::tree::EntryKind;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

impl Store {
    /// Reads the pipeline of the workspace for one who stands in `folder`, relative to the project's
    /// root; templates take their files from `sources`.
    pub fn pipeline(&self, folder: &str, sources: &dyn Sources) -> Result<Pipeline> {
        let root = self.project()?;
        let mut walk = Walk {
            store: self,
            root,
            project: Project::new(folder),
            rules: self.ignore_rules()?,
            ignore: DvcIgnore::empty(root),
            sources,
        };
        walk.visit("")?;
        walk.project.refuse_ignored(|path| walk.hides(path))?;
        walk.project.finish()
    }

    /// Reads the pipeline of the workspace as it is.
    pub fn current_pipeline(&self) -> Result<Pipeline> {
        self.pipeline(&self.standing()?, &InWorkspace(self.project()?))
    }

    /// Reads the pipeline of a commit or tree.
    pub fn pipeline_in(&self, treeish: ObjectId) -> Result<Pipeline> {
        let tree = treeish;
        self.pipeline_with(treeish, &InTree { store: self, tree })
    }

    /// As [`Store::pipeline_in`], with other `sources` of templates.
    pub fn pipeline_with(&self, treeish: ObjectId, sources: &dyn Sources) -> Result<Pipeline> {
        let standing = self.standing().unwrap_or_default();
        let mut project = Project::new(&standing);
        let mut ignore = DvcIgnore::empty(Path::new(""));
        let mut tree = Some(self.root_tree(treeish)?);
        for part in self.prefix().split('/').filter(|part| !part.is_empty()) {
            let entries = self.entries(tree)?;
            let folder = entries.get(part.as_bytes() as &[u8]);
            tree = folder
                .filter(|state| state.kind == EntryKind::Tree)
                .map(|state| state.id);
            if tree.is_none() {
                return project.finish();
            }
        }
        self.visit_tree(tree, "", &mut project, &mut ignore, sources)?;
        project.finish()
    }

    fn visit_tree(
        &self,
        tree: Option<ObjectId>,
        folder: &str,
        project: &mut Project,
        ignore: &mut DvcIgnore,
        sources: &dyn Sources,
    ) -> Result<()> {
        let entries = self.entries(tree)?;
        let name = |name: &str| entries.get(name.as_bytes() as &[u8]);
        if !folder.is_empty() && name(".dvc").is_some_and(|it| it.kind == EntryKind::Tree) {
            return Ok(());
        }
        if let Some(state) = name(".dvcignore") {
            ignore.add(folder, &self.read_object(state.id)?)?;
        }
        let mut folders = Vec::new();
        for (name, state) in &entries {
            let Ok(name) = std::str::from_utf8(name) else {
                continue;
            };
            let path = paths::below(folder, name);
            let is_dir = state.kind == EntryKind::Tree;
            if !(is_dir || is_pipeline_file(name) || is_data_file(name))
                || ignore.is_ignored(Path::new(&path), is_dir)
            {
                continue;
            }
            if is_dir {
                folders.push((path, state.id));
            } else {
                let text = text(&path, self.read_object(state.id)?)?;
                project.add(&path, &text, sources);
            }
        }
        for (path, tree) in folders {
            if !project.is_output(&path) {
                self.visit_tree(Some(tree), &path, project, ignore, sources)?;
            }
        }
        Ok(())
    }

    /// Returns the folder where the user stands, relative to the project's root; the root itself for
    /// one who stands outside of it.
    pub fn standing(&self) -> Result<String> {
        let project = self.project()?;
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let below = here.ok().and_then(|here| {
            let below = here.strip_prefix(project).ok()?;
            below.to_str().map(str::to_owned)
        });
        Ok(below.unwrap_or_default())
    }

    /// Returns the texts of the workspace's lockfiles of a pipeline, by path; of those that are there.
    pub fn lockfile_texts(&self, pipeline: &Pipeline) -> Result<BTreeMap<String, String>> {
        let project = self.project()?;
        let mut texts = BTreeMap::new();
        for path in pipeline.lock_files() {
            if let Some(bytes) = read_optional(&project.join(&path), &path)? {
                texts.insert(path.clone(), text(&path, bytes)?);
            }
        }
        Ok(texts)
    }

    /// Returns the lockfiles of a pipeline as a commit or tree has them.
    pub fn lockfiles_in(&self, treeish: ObjectId, pipeline: &Pipeline) -> Result<Lockfiles> {
        let texts = self.lockfile_texts_in(treeish, pipeline)?;
        Lockfiles::parse(texts.iter().map(|(path, text)| (&**path, &**text)))
    }

    /// Returns the texts of the lockfiles of a pipeline in a commit or tree, by path.
    pub fn lockfile_texts_in(
        &self,
        treeish: ObjectId,
        pipeline: &Pipeline,
    ) -> Result<BTreeMap<String, String>> {
        let mut texts = BTreeMap::new();
        for path in pipeline.lock_files() {
            if let Some(bytes) = self.read_blob(treeish, &self.tree_path(&path))? {
                texts.insert(path, String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Ok(texts)
    }
}

/// A walk through the folders of the workspace.
struct Walk<'w> {
    store: &'w Store,
    root: &'w Path,
    project: Project,
    rules: IgnoreRules<'w>,
    ignore: DvcIgnore,
    sources: &'w dyn Sources,
}

impl Walk<'_> {
    fn visit(&mut self, folder: &str) -> Result<()> {
        let full = self.root.join(folder);
        let doing = || format!("cannot list '{}'", full.display());
        let entries = match fs_err::read_dir(&full) {
            Ok(entries) => entries,
            // it is gone since its parent was listed, or not ours to read: DVC passes it over, too
            Err(error)
                if !folder.is_empty()
                    && matches!(
                        error.kind(),
                        ErrorKind::NotFound | ErrorKind::PermissionDenied
                    ) =>
            {
                return Ok(());
            }
            Err(error) => return Err(error).context(doing),
        };
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let mut has_rules = false;
        for entry in entries {
            let entry = entry.context(doing)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let is_dir = entry.file_type().context(doing)?.is_dir();
            match (name, is_dir) {
                (".dvc", true) if !folder.is_empty() => return Ok(()),
                (".git" | ".dvc" | ".hg", true) => {}
                (".dvcignore", false) => has_rules = true,
                (_, true) => folders.push(paths::below(folder, name)),
                (_, false) if is_pipeline_file(name) || is_data_file(name) => {
                    files.push(paths::below(folder, name));
                }
                (_, false) => {}
            }
        }
        if has_rules {
            self.ignore.enter(&full)?;
        }
        files.sort_unstable();
        folders.sort_unstable();
        for path in files {
            let full = self.root.join(&path);
            if self.is_ignored(&path, false)? || !full.is_file() {
                continue;
            }
            if let Some(bytes) = read_optional(&full, &path)? {
                self.project.add(&path, &text(&path, bytes)?, self.sources);
            }
        }
        for path in folders {
            if !self.project.is_output(&path) && !self.is_ignored(&path, true)? {
                self.visit(&path)?;
            }
        }
        Ok(())
    }

    /// Whether `.dvcignore` files hide an output, or a folder above it.
    fn hides(&self, path: &str) -> bool {
        let full = self.root.join(path);
        let mut above = paths::ancestors(path).skip(1);
        self.ignore.is_ignored(&full, false)
            || (self.ignore.is_ignored(&full, true) && full.is_dir())
            || above.any(|folder| self.ignore.is_ignored(&self.root.join(folder), true))
    }

    fn is_ignored(&mut self, path: &str, is_dir: bool) -> Result<bool> {
        if self.ignore.is_ignored(&self.root.join(path), is_dir) {
            return Ok(true);
        }
        // a broken or unreadable set of rules is for git to complain about, not for a reader
        self.rules.matches(&self.store.tree_path(path), is_dir)
    }
}

/// Returns the bytes of a file, or `None` if there is none.
fn read_optional(full: &Path, path: &str) -> Result<Option<Vec<u8>>> {
    match fs_err::read(full) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).context(|| format!("cannot read '{path}'")),
    }
}

fn text(path: &str, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Error::corrupt(format!("cannot parse '{path}', line {line}: not UTF-8"))
    })
}

#[cfg(test)]
mod tests {
    use crate::store::testing::Sandbox;

    #[test]
    fn finds_what_dvc_finds_on_the_disk_and_in_a_tree() {
        let sandbox = Sandbox::new();
        let stage = |name: &str| format!("stages:\n  {name}: {{cmd: x, outs: [made]}}\n");
        sandbox.write(".dvc/config", "");
        sandbox.write("dvc.yaml", stage("root"));
        sandbox.write("b/deep/dvc.yaml", stage("deep"));
        sandbox.write("a/dvc.yaml", stage("a"));
        sandbox.write("other/.dvc/config", "");
        sandbox.write("other/dvc.yaml", stage("other"));
        sandbox.write("made/dvc.yaml", "nonsense");
        sandbox.write("skipped/dvc.yaml", "nonsense");
        sandbox.write("b/.dvcignore", "/old\n");
        sandbox.write("b/old/dvc.yaml", "nonsense");
        sandbox.write(".dvcignore", "skipped\n");
        sandbox.commit("one");
        let store = sandbox.store();
        let expected = ["dvc.yaml", "a/dvc.yaml", "b/deep/dvc.yaml"];
        assert_eq!(store.current_pipeline().unwrap().files, expected);
        let head = sandbox.id("HEAD");
        assert_eq!(store.pipeline_in(head).unwrap().files, expected);

        // git's rules count on the disk: what they hide is nobody's
        sandbox.write(".gitignore", "/venv/\nb/deep/dvc.yaml\n");
        sandbox.write("venv/dvc.yaml", "nonsense");
        let now = store.current_pipeline().unwrap();
        assert_eq!(now.files, ["dvc.yaml", "a/dvc.yaml"]);
        sandbox.write("a/dvc.yaml", "stages: 3\n");
        assert_eq!(
            store.current_pipeline().unwrap_err().to_string(),
            "cannot parse 'a/dvc.yaml', line 1, column 9: 'stages' must be a mapping, not '3'"
        );
    }

    #[test]
    fn a_project_in_a_folder_is_found_in_a_tree() {
        let sandbox = Sandbox::new();
        sandbox.write("p/q/.dvc/config", "");
        sandbox.write("p/q/sub/dvc.yaml", "stages:\n  a: {cmd: x}\n");
        sandbox.write("dvc.yaml", "nonsense");
        sandbox.commit("one");
        let store = sandbox.store_at("p/q");
        let head = sandbox.id("HEAD");
        assert_eq!(store.pipeline_in(head).unwrap().files, ["sub/dvc.yaml"]);
    }
}
