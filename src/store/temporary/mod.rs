//! Linked worktrees that a run makes for itself and takes away again.
//!
//! The work tree is `<common dir>/git-exp/temp/<id>`, where neither `git status` nor `git clean` comes
//! by. Its git directory is what `git worktree add --detach` would make, `<common dir>/worktrees/<id>`,
//! locked so that nothing prunes it, with a marker in our state. Until it is complete, and from the
//! moment its run is over, that directory stands beside the work tree as `<id>.admin` instead: git
//! knows a whole worktree or none. Its run lock is held from its first moment to its last, so one whose
//! lock is free was left behind by a kill.

mod contents;

use super::lock::RunLock;
use super::{Store, durable};
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Below the git directory that all worktrees share.
const FOLDER: &str = "git-exp/temp";
/// What the git directory of one that git does not know is called beside the work tree.
const ADMIN: &str = ".admin";
/// Below a worktree's git directory: says that it is one of these, and whose undo entries it writes.
const MARKER: &str = "git-exp/temporary";
/// What `git worktree list` shows as the reason of its lock.
const REASON: &str = "a run of git exp works here\n";

/// One of them, with its run lock.
#[derive(Debug)]
pub struct Temporary {
    common_dir: PathBuf,
    id: String,
    _lock: RunLock,
}

impl Store {
    /// Whether this worktree is one that a run made for itself.
    pub fn is_temporary(&self) -> bool {
        self.git_dir.join(MARKER).is_file()
    }

    /// Returns whose undo entries this worktree writes, if not its own.
    pub(super) fn made_for(&self) -> Option<String> {
        let text = fs_err::read_to_string(self.git_dir.join(MARKER)).ok()?;
        text.lines().next().map(str::to_owned)
    }

    /// Makes a worktree whose HEAD is `head`, detached, and whose index and files are those of `tree`.
    ///
    /// What is outside of this worktree's sparse checkout stays outside of that one's. On an error
    /// nothing is left of it.
    pub fn make_temporary(&self, head: ObjectId, tree: ObjectId) -> Result<Temporary> {
        let made = self.prepare(head)?;
        let filled = made.register().and_then(|()| {
            let store = Store::open_linked(&made.top(), "")?;
            contents::fill(&store, tree, &self.skipped()?)?;
            self.lend_config(&made.top())
        });
        match filled {
            Ok(()) => Ok(made),
            Err(error) => {
                made.remove()?;
                Err(error)
            }
        }
    }

    /// Returns, each with its lock, the temporary worktrees of this repository whose run was killed.
    pub fn left_temporaries(&self) -> Result<Vec<Temporary>> {
        let mut ids = BTreeSet::new();
        for name in names(&self.common_dir.join(FOLDER))? {
            ids.insert(name.strip_suffix(ADMIN).unwrap_or(&name).to_owned());
        }
        let worktrees = self.common_dir.join("worktrees");
        let marked = |name: &String| worktrees.join(name).join(MARKER).is_file();
        ids.extend(names(&worktrees)?.into_iter().filter(marked));
        let mut left = Vec::new();
        for id in ids {
            let place = Place::new(&self.common_dir, &id);
            for git_dir in [&place.admin, &place.git_dir] {
                // Taking the lock would make its folder.
                if !git_dir.is_dir() {
                    continue;
                }
                if let Some(lock) = RunLock::try_take_in(git_dir)? {
                    left.push(Temporary {
                        common_dir: self.common_dir.clone(),
                        id: id.clone(),
                        _lock: lock,
                    });
                    break;
                }
            }
        }
        Ok(left)
    }

    /// Makes all of it but what makes git know it.
    fn prepare(&self, head: ObjectId) -> Result<Temporary> {
        let folder = self.common_dir.join(FOLDER);
        let doing = || format!("cannot make a temporary worktree in '{}'", folder.display());
        fs_err::create_dir_all(&folder).context(doing)?;
        // Who looks for leftovers may take the lock first; a fresh name is free.
        for _ in 0..10 {
            let admin = tempfile::Builder::new()
                .prefix("exp-")
                .suffix(ADMIN)
                .tempdir_in(&folder)
                .context(doing)?
                .keep();
            let name = admin.file_name().and_then(|name| name.to_str());
            let Some(id) = name.and_then(|name| name.strip_suffix(ADMIN)) else {
                continue;
            };
            let Some(lock) = RunLock::try_take_in(&admin)? else {
                continue;
            };
            let made = Temporary {
                common_dir: self.common_dir.clone(),
                id: id.to_owned(),
                _lock: lock,
            };
            if made.place().git_dir.exists() {
                made.remove()?;
                continue;
            }
            if let Err(error) = self.write_admin(&made.place(), head) {
                made.remove()?;
                return Err(error).context(doing);
            }
            return Ok(made);
        }
        Err(Error::io(doing()))
    }

    /// Writes the files of the git directory as git does, and the work tree's way to it.
    fn write_admin(&self, place: &Place, head: ObjectId) -> Result<()> {
        let write = |name: &str, bytes: &[u8]| {
            let path = place.admin.join(name);
            fs_err::write(&path, bytes).context(|| format!("cannot write '{}'", path.display()))
        };
        fs_err::create_dir(place.admin.join("refs"))
            .and_then(|()| fs_err::create_dir(&place.top))
            .context(|| format!("cannot create '{}'", place.top.display()))?;
        let link = place.top.join(".git");
        write("locked", REASON.as_bytes())?;
        write("HEAD", format!("{head}\n").as_bytes())?;
        write("commondir", b"../..\n")?;
        write("gitdir", &line(&link))?;
        let marker = format!("{}\n{}\n", self.undo_worktree(), self.prefix);
        write(MARKER, marker.as_bytes())?;
        if let Some(config) = self.worktree_config()? {
            write("config.worktree", &config)?;
        }
        let sparse = self.git_dir.join("info/sparse-checkout");
        if let Ok(patterns) = fs_err::read(&sparse) {
            fs_err::create_dir(place.admin.join("info"))
                .context(|| "cannot copy the sparse checkout".to_owned())?;
            write("info/sparse-checkout", &patterns)?;
        }
        let text = [&b"gitdir: "[..], &line(&place.git_dir)].concat();
        fs_err::write(&link, text).context(|| format!("cannot write '{}'", link.display()))
    }
}

impl Temporary {
    /// Whether it was completed and is not about to go: a run may have been at work in it.
    pub fn is_whole(&self) -> bool {
        let project = |folder: String| self.top().join(folder).join(".dvc/config.local");
        self.folder().is_ok_and(|folder| project(folder).is_file())
    }

    /// Returns the top of its work tree.
    pub fn top(&self) -> PathBuf {
        self.place().top
    }

    /// Opens it, in the folder of the project that it was made for.
    pub fn open(&self) -> Result<Store> {
        Store::open_linked(&self.top(), &self.folder()?)
    }

    /// Opens it for a run that says how far it is as `store` does.
    pub fn open_for(&self, store: &Store) -> Result<Store> {
        Ok(Store {
            progress: store.progress.clone(),
            ..self.open()?
        })
    }

    /// Returns the folder of the project in it, as git knows it only.
    fn folder(&self) -> Result<String> {
        let marker = self.place().git_dir.join(MARKER);
        let text = fs_err::read_to_string(&marker)
            .context(|| format!("cannot read '{}'", marker.display()))?;
        Ok(text.lines().nth(1).unwrap_or_default().to_owned())
    }

    /// Removes it with everything in it.
    pub fn remove(self) -> Result<()> {
        let place = self.place();
        let doing = || format!("cannot remove '{}'", place.top.display());
        if place.git_dir.is_dir() {
            fs_err::rename(&place.git_dir, &place.admin).context(doing)?;
            // As git does: others may need it.
            let _not_empty = fs_err::remove_dir(durable::parent(&place.git_dir));
        }
        for folder in [&place.top, &place.admin] {
            match fs_err::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).context(doing);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes git know it, in one step.
    fn register(&self) -> Result<()> {
        let place = self.place();
        let doing = || format!("cannot make the worktree '{}'", place.top.display());
        let worktrees = durable::parent(&place.git_dir);
        // The last worktree to go takes the folder with it.
        for _ in 0..10 {
            fs_err::create_dir_all(worktrees).context(doing)?;
            match fs_err::rename(&place.admin, &place.git_dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                renamed => return renamed.context(doing),
            }
        }
        Err(Error::io(doing()))
    }

    fn place(&self) -> Place {
        Place::new(&self.common_dir, &self.id)
    }
}

/// Where the parts of one are.
struct Place {
    top: PathBuf,
    admin: PathBuf,
    git_dir: PathBuf,
}

impl Place {
    fn new(common_dir: &Path, id: &str) -> Self {
        let folder = common_dir.join(FOLDER);
        Place {
            top: folder.join(id),
            admin: folder.join(format!("{id}{ADMIN}")),
            git_dir: common_dir.join("worktrees").join(id),
        }
    }
}

/// A path and the end of its line, as git writes it.
fn line(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    [path.as_os_str().as_bytes(), b"\n"].concat()
}

/// The names in a folder that are text; none where there is no folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let doing = || format!("cannot list '{}'", folder.display());
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context(doing)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.context(doing)?.file_name().into_string());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    fn sandbox() -> (Sandbox, ObjectId, ObjectId) {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        sandbox.write(".dvc/.gitignore", "/config.local\n");
        sandbox.write("sub/file", "text\n");
        sandbox.write("other/file", "more\n");
        sandbox.write("run.sh", "exit\n");
        sandbox.git(&["add", "."]);
        sandbox.git(&["update-index", "--chmod=+x", "run.sh"]);
        sandbox.commit("one");
        let (head, tree) = (sandbox.id("HEAD"), sandbox.id("HEAD^{tree}"));
        (sandbox, head, tree)
    }

    fn entries(sandbox: &Sandbox) -> usize {
        let count = |folder| names(&sandbox.path(folder)).unwrap().len();
        count(".git/worktrees") + count(".git/git-exp/temp")
    }

    #[test]
    fn is_what_git_would_have_made() {
        let (sandbox, head, tree) = sandbox();
        sandbox.git(&["config", "extensions.worktreeConfig", "true"]);
        sandbox.git(&["config", "--worktree", "user.name", "Here Only"]);
        sandbox.git(&["config", "--worktree", "core.bare", "false"]);
        let store = sandbox.store();
        let made = store.make_temporary(head, tree).unwrap();
        let own = made.open().unwrap();
        assert!(own.is_temporary() && !store.is_temporary());
        assert_eq!(own.head().unwrap().commit, Some(head));
        assert_eq!(own.undo_worktree(), "main");
        let top = made.top().display().to_string();
        let git = |words: &[&str]| sandbox.git(&[&["-C", &top], words].concat());
        assert_eq!(git(&["status", "--porcelain"]), "");
        assert_eq!(git(&["config", "user.name"]), "Here Only\n");
        assert_eq!(git(&["ls-files", "-s"]), sandbox.git(&["ls-files", "-s"]));
        let list = sandbox.git(&["worktree", "list", "--porcelain"]);
        let ours =
            format!("worktree {top}\nHEAD {head}\ndetached\nlocked a run of git exp works here\n");
        assert!(list.contains(&ours), "{list}");
        assert_eq!(sandbox.git(&["worktree", "prune", "-v"]), "");
        assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
        made.remove().unwrap();
        let list = sandbox.git(&["worktree", "list", "--porcelain"]);
        assert_eq!(list.matches("worktree ").count(), 1, "{list}");
        assert_eq!(entries(&sandbox), 0);
    }

    #[test]
    fn what_is_outside_of_the_sparse_checkout_stays_outside() {
        let (sandbox, head, tree) = sandbox();
        sandbox.git(&["sparse-checkout", "set", "sub", ".dvc"]);
        let made = sandbox.store().make_temporary(head, tree).unwrap();
        let top = made.top();
        assert!(top.join("sub/file").exists() && !top.join("other").exists());
        let status = ["-C", top.to_str().unwrap(), "status", "--porcelain"];
        assert_eq!(sandbox.git(&status), "");
    }

    #[test]
    fn only_what_nobody_holds_is_left_over() {
        let (sandbox, head, tree) = sandbox();
        let store = sandbox.store();
        assert!(store.left_temporaries().unwrap().is_empty());
        let running = store.make_temporary(head, tree).unwrap();
        let killed = store.make_temporary(head, tree).unwrap();
        let unfinished = store.prepare(head).unwrap();
        let (whole, half) = (killed.id.clone(), unfinished.id.clone());
        drop((killed, unfinished));
        sandbox.git(&["worktree", "add", "-q", "mine"]);
        // A process that another test forks right now has the locks until it executes.
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let mut found = std::collections::BTreeMap::new();
        while found.len() < 2 {
            assert!(std::time::Instant::now() < patience);
            for left in store.left_temporaries().unwrap() {
                found.insert(left.id.clone(), left);
            }
        }
        assert!(found[&whole].is_whole() && !found[&half].is_whole());
        assert!(store.left_temporaries().unwrap().is_empty());
        for left in found.into_values() {
            left.remove().unwrap();
        }
        assert!(running.is_whole());
        running.remove().unwrap();
        assert_eq!(names(&sandbox.path(".git/worktrees")).unwrap(), ["mine"]);
    }

    #[test]
    fn nothing_is_left_of_one_that_cannot_be_made() {
        let (sandbox, head, _) = sandbox();
        let blob = sandbox.id("HEAD:run.sh");
        assert!(sandbox.store().make_temporary(head, blob).is_err());
        assert_eq!(entries(&sandbox), 0);
    }
}
