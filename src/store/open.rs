//! Opening: which repository, with which settings, and whether we can work in it at all.

use super::Store;
use super::config::{self, Settings};
use crate::error::{Context, Error, Kind, Result};
use gix::bstr::{BString, ByteSlice, ByteVec};
use std::path::{Path, PathBuf};

/// Extensions of repository format 1 that do not change what we read or write.
const KNOWN_EXTENSIONS: &[&str] = &[
    "noop",
    "noop-v1",
    "preciousobjects",
    "partialclone",
    "worktreeconfig",
    "objectformat",
    "refstorage",
    "relativeworktrees",
];

/// What the environment says about the repository, read once.
#[derive(Debug, Default, Clone)]
pub(crate) struct Environment {
    /// `GIT_CONFIG_PARAMETERS`.
    pub config_parameters: Option<Vec<u8>>,
    /// Whether `GIT_DIR` is set.
    pub git_dir: bool,
    /// Whether `GIT_WORK_TREE` is set.
    pub work_tree: bool,
}

impl Environment {
    fn of_process() -> Self {
        Environment {
            config_parameters: std::env::var_os("GIT_CONFIG_PARAMETERS")
                .and_then(|text| Vec::from_os_string(text).ok()),
            git_dir: std::env::var_os("GIT_DIR").is_some(),
            work_tree: std::env::var_os("GIT_WORK_TREE").is_some(),
        }
    }
}

/// The one place that decides how gix runs for us: no reflogs (one file per notes ref, and racing
/// creation), and waits long enough for a hundred runs that share one packed-refs lock.
fn options(overrides: &[BString]) -> gix::open::Options {
    gix::open::Options::default()
        .config_overrides([
            "core.logAllRefUpdates=false",
            "core.filesRefLockTimeout=5000",
            "core.packedRefsTimeout=10000",
        ])
        .cli_overrides(overrides.iter().cloned())
}

impl Store {
    /// Opens the repository that `start` is in, obeying `GIT_DIR` and friends and `git -c`.
    ///
    /// Refuses reftable, untrusted, bare repositories and unknown extensions, each by name.
    pub fn open(start: &Path) -> Result<Self> {
        Self::open_with(start, &Environment::of_process())
    }

    pub(crate) fn open_with(start: &Path, environment: &Environment) -> Result<Self> {
        let start = fs_err::canonicalize(start)
            .context(|| format!("cannot read current directory '{}'", start.display()))?;
        let parameters = match &environment.config_parameters {
            Some(text) => config::parse_parameters(text)?,
            None => Vec::new(),
        };
        let repo = discover(&start, environment, &parameters)?;
        Self::of_repository(repo, &start, environment, &parameters)
    }

    /// Opens the linked worktree at `top` from a folder in it, whatever `GIT_DIR` and friends say.
    pub(super) fn open_linked(top: &Path, folder: &str) -> Result<Self> {
        let environment = Environment {
            git_dir: false,
            work_tree: false,
            ..Environment::of_process()
        };
        let parameters = match &environment.config_parameters {
            Some(text) => config::parse_parameters(text)?,
            None => Vec::new(),
        };
        let doing = || format!("cannot open the worktree '{}'", top.display());
        let options = options(&overrides(&parameters)).with(gix::sec::Trust::Full);
        let repo = gix::ThreadSafeRepository::open_opts(top, options)
            .context(doing)?
            .to_thread_local();
        // It would be that of the worktree that we were started in.
        if std::env::var_os("GIT_INDEX_FILE").is_some() {
            return Err(Error::refused(
                "a temporary worktree has an index of its own, and GIT_INDEX_FILE names another one",
            ));
        }
        let start = top.join(folder);
        let start = fs_err::canonicalize(&start).context(doing)?;
        Self::of_repository(repo, &start, &environment, &parameters)
    }

    fn of_repository(
        mut repo: gix::Repository,
        start: &Path,
        environment: &Environment,
        parameters: &[config::Parameter],
    ) -> Result<Self> {
        repo.make_paths_absolute()
            .context(|| "cannot find the repository".to_owned())?;
        check_trust(&repo, start)?;
        check_format(&repo)?;
        repo.clear_namespace();
        apply_unusual_parameters(&mut repo, parameters)?;

        let git_dir = canonical(repo.git_dir())?;
        let common_dir = canonical(repo.common_dir())?;
        if repo.workdir().is_none() {
            return Err(Error::refused(format!(
                "'{}' is a bare repository; experiments need a work tree",
                git_dir.display()
            ))
            .hint("git worktree add <path>"));
        }
        if environment.git_dir && !environment.work_tree && !has_configured_worktree(&repo) {
            // git takes the current directory as the top of the work tree then; gix takes the parent of '.git'.
            repo.set_workdir(start.to_owned())
                .context(|| format!("cannot read '{}'", start.display()))?;
        }
        let worktree = canonical(repo.workdir().unwrap_or(start))?;
        repo.set_workdir(worktree.clone())
            .context(|| format!("cannot read '{}'", worktree.display()))?;
        let inside = start.starts_with(&worktree) && !start.starts_with(&git_dir);
        if !inside && !environment.work_tree {
            return Err(Error::refused("this operation must be run in a work tree"));
        }
        let project = find_project(if inside { start } else { &worktree }, &worktree);
        let prefix = match &project {
            Some(project) => prefix_of(project, &worktree)?,
            None => String::new(),
        };
        let settings = Settings::read(repo.config_snapshot().plumbing())?;
        repo.object_cache_size_if_unset(4 << 20);
        Ok(Store {
            repo,
            git_dir,
            common_dir,
            worktree,
            project,
            prefix,
            settings,
            progress: Default::default(),
            later: Default::default(),
            dvc_config: Default::default(),
        })
    }
}

fn discover(
    start: &Path,
    environment: &Environment,
    parameters: &[config::Parameter],
) -> Result<gix::Repository> {
    let overrides = overrides(parameters);
    let trust = gix::sec::trust::Mapping {
        full: options(&overrides).with(gix::sec::Trust::Full),
        reduced: options(&overrides).with(gix::sec::Trust::Reduced),
    };
    let upwards = gix::discover::upwards::Options {
        match_ceiling_dir_or_error: false,
        ..Default::default()
    };
    match gix::ThreadSafeRepository::discover_with_environment_overrides_opts(start, upwards, trust)
    {
        Ok(repo) => Ok(repo.to_thread_local()),
        Err(error) if error.is_not_found() && environment.git_dir => {
            let named = std::env::var_os("GIT_DIR").unwrap_or_default();
            Err(Error::missing(format!(
                "not a git repository: '{}'",
                Path::new(&named).display()
            )))
        }
        Err(error)
            if error
                .downcast_any_ref::<gix::discover::upwards::Error>()
                .is_some() =>
        {
            Err(
                Error::missing("not a git repository (or any of the parent directories): .git")
                    .hint("git init"),
            )
        }
        Err(error) => Err(error)
            .context(|| format!("cannot open the git repository at '{}'", start.display())),
    }
}

/// Returns what `git -c` sets, as gix takes it.
fn overrides(parameters: &[config::Parameter]) -> Vec<BString> {
    let fitting = parameters.iter();
    let fitting = fitting.filter(|(key, _)| config::fits_override(key.as_bstr()));
    fitting
        .map(|(key, value)| match value {
            Some(value) => {
                let mut text = key.clone();
                text.push(b'=');
                text.push_str(value);
                text
            }
            None => key.clone(),
        })
        .collect()
}

fn check_trust(repo: &gix::Repository, start: &Path) -> Result<()> {
    if repo.git_dir_trust() == gix::sec::Trust::Full {
        return Ok(());
    }
    let place = repo.workdir().unwrap_or(repo.git_dir());
    let place = canonical(place).unwrap_or_else(|_| start.to_owned());
    Err(Error::refused(format!(
        "detected dubious ownership in repository at '{}'",
        place.display()
    ))
    .hint(format!(
        "git config --global --add safe.directory {}",
        place.display()
    )))
}

/// Refuses what gix opens and then misreads: other ref backends and formats it has never heard of.
fn check_format(repo: &gix::Repository) -> Result<()> {
    let snapshot = repo.config_snapshot();
    let config = snapshot.plumbing();
    let own = |meta: &gix::config::file::Metadata| meta.source == gix::config::Source::Local;
    let version = config
        .integer_filter("core.repositoryFormatVersion", own)
        .context(|| "bad numeric config value for 'core.repositoryformatversion'".to_owned())?
        .unwrap_or(0);
    let Some(sections) = config.sections_by_name_and_filter("extensions", own) else {
        return Ok(());
    };
    for section in sections {
        for name in section.value_names() {
            let name = name.to_string();
            let lower = name.to_ascii_lowercase();
            if lower == "refstorage" {
                let backend = section.value(&name).unwrap_or_default();
                if !backend.eq_ignore_ascii_case(b"files") {
                    return Err(Error::refused(format!(
                        "this repository keeps its refs in '{backend}', which git exp cannot read"
                    ))
                    .hint("git refs migrate --ref-format=files"));
                }
            }
            if version == 1 && !KNOWN_EXTENSIONS.contains(&lower.as_str()) {
                return Err(Error::refused(format!(
                    "unknown repository extension found: '{name}'"
                )));
            }
        }
    }
    Ok(())
}

fn has_configured_worktree(repo: &gix::Repository) -> bool {
    repo.config_snapshot().string("core.worktree").is_some()
}

/// Sets the `git -c` keys that gix's own overrides cannot carry, such as `url.<a=b>.insteadOf`.
fn apply_unusual_parameters(
    repo: &mut gix::Repository,
    parameters: &[config::Parameter],
) -> Result<()> {
    let unusual: Vec<_> = parameters
        .iter()
        .filter(|(key, _)| !config::fits_override(key.as_bstr()))
        .collect();
    if unusual.is_empty() {
        return Ok(());
    }
    let mut file =
        gix::config::File::new(gix::config::file::Metadata::from(gix::config::Source::Cli));
    for (key, value) in unusual {
        let bad = || Error::refused(format!("invalid key '{key}' in 'git -c'"));
        let first = key.find_byte(b'.').ok_or_else(bad)?;
        let last = key.rfind_byte(b'.').ok_or_else(bad)?;
        let section = key[..first].to_str().map_err(|_| bad())?;
        let name = key[last + 1..].to_str().map_err(|_| bad())?;
        let subsection = (last > first).then(|| key[first + 1..last].as_bstr());
        file.section_mut_or_create_new(section, subsection)
            .map_err(|_| bad())?
            .push(name, value.as_ref().map(|value| value.as_bstr()))
            .map_err(|_| bad())?;
    }
    let mut snapshot = repo.config_snapshot_mut();
    snapshot
        .append(file)
        .context(|| "cannot apply 'git -c'".to_owned())?;
    snapshot
        .commit()
        .context(|| "cannot apply 'git -c'".to_owned())?;
    Ok(())
}

fn canonical(path: &Path) -> Result<PathBuf> {
    fs_err::canonicalize(path).context(|| format!("cannot read '{}'", path.display()))
}

/// Returns the nearest folder with `.dvc` at or above `start`, not above `top`.
fn find_project(start: &Path, top: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .take_while(|folder| folder.starts_with(top))
        .find(|folder| folder.join(".dvc").is_dir())
        .map(Path::to_owned)
}

fn prefix_of(project: &Path, worktree: &Path) -> Result<String> {
    let relative = project.strip_prefix(worktree).unwrap_or(Path::new(""));
    let Some(text) = relative.to_str() else {
        return Err(Error::new(
            Kind::Refused,
            format!(
                "the path of the project '{}' is not utf-8",
                project.display()
            ),
        ));
    };
    Ok(if text.is_empty() {
        String::new()
    } else {
        format!("{text}/")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    fn message(error: Error) -> String {
        error.to_string()
    }

    #[test]
    fn opens_from_a_subfolder_project() {
        let sandbox = Sandbox::new();
        sandbox.write("a/b/.dvc/config", "");
        sandbox.write("a/b/c/file", "");
        let store = Store::open_with(&sandbox.path("a/b/c"), &Environment::default()).unwrap();
        assert_eq!(store.worktree(), sandbox.path(""));
        assert_eq!(store.project().unwrap(), sandbox.path("a/b"));
        assert_eq!(store.tree_path("dvc.yaml"), "a/b/dvc.yaml");
        assert_eq!(store.state_dir(), sandbox.path(".git/git-exp"));
        let top = Store::open_with(&sandbox.path(""), &Environment::default()).unwrap();
        assert_eq!(top.tree_path("dvc.yaml"), "dvc.yaml");
        assert_eq!(top.project().unwrap_err().hints(), ["git exp init"]);
    }

    #[test]
    fn opens_a_linked_worktree() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.git(&["worktree", "add", "-q", "-b", "side", "linked"]);
        let store = sandbox.store_at("linked");
        assert_eq!(store.git_dir(), sandbox.path(".git/worktrees/linked"));
        assert_eq!(store.common_dir(), sandbox.path(".git"));
        assert_eq!(store.head().unwrap().branch.as_deref(), Some("side"));
        let expected = vec![
            super::super::Worktree {
                git_dir: sandbox.path(".git"),
                path: Some(sandbox.path("").components().collect()),
                main: true,
            },
            super::super::Worktree {
                git_dir: sandbox.path(".git/worktrees/linked"),
                path: Some(sandbox.path("linked")),
                main: false,
            },
        ];
        assert_eq!(store.worktrees().unwrap(), expected);
        assert_eq!(sandbox.store().worktrees().unwrap(), expected);
    }

    #[test]
    fn knows_an_unborn_a_branch_and_a_detached_head() {
        let sandbox = Sandbox::new();
        let head = sandbox.store().head().unwrap();
        assert_eq!((head.commit, head.branch.as_deref()), (None, Some("main")));
        assert_eq!(
            message(head.require_commit().unwrap_err()),
            "your current branch 'main' does not have any commits yet"
        );
        let commit = sandbox.commit("one");
        assert_eq!(
            sandbox.store().head().unwrap().require_commit().unwrap(),
            commit
        );
        sandbox.git(&["checkout", "-q", "--detach"]);
        let head = sandbox.store().head().unwrap();
        assert_eq!((head.commit, head.branch), (Some(commit), None));
    }

    #[test]
    fn names_a_commit_as_people_do() {
        let sandbox = Sandbox::new();
        let one = sandbox.commit("one");
        let store = sandbox.store();
        assert_eq!(store.short_ref_name(one).unwrap(), "main");
        sandbox.git(&["branch", "old"]);
        let two = sandbox.commit("two");
        assert_eq!(store.short_ref_name(one).unwrap(), "old");
        sandbox.git(&["tag", "-a", "-m", "x", "v1", "old"]);
        assert_eq!(store.short_ref_name(one).unwrap(), "v1");
        sandbox.git(&["checkout", "-q", "--detach"]);
        sandbox.git(&["branch", "-q", "-D", "main"]);
        assert_eq!(store.short_ref_name(two).unwrap(), id_prefix(two));
    }

    fn id_prefix(id: crate::id::ObjectId) -> String {
        id.to_hex().to_string()[..7].to_owned()
    }

    #[test]
    fn refuses_what_it_cannot_serve() {
        let sandbox = Sandbox::new();
        let outside = tempfile::tempdir().unwrap();
        let error = Store::open_with(outside.path(), &Environment::default())
            .err()
            .unwrap();
        assert_eq!(
            message(error),
            "not a git repository (or any of the parent directories): .git"
        );
        let error = Store::open_with(&sandbox.path(".git/refs"), &Environment::default())
            .err()
            .unwrap();
        assert_eq!(message(error), "this operation must be run in a work tree");

        sandbox.git(&["init", "-q", "--bare", "bare"]);
        let error = Store::open_with(&sandbox.path("bare"), &Environment::default())
            .err()
            .unwrap();
        assert_eq!(
            message(error),
            format!(
                "'{}' is a bare repository; experiments need a work tree",
                sandbox.path("bare").display()
            )
        );
        sandbox.git(&["init", "-q", "--ref-format=reftable", "tables"]);
        let error = Store::open_with(&sandbox.path("tables"), &Environment::default())
            .err()
            .unwrap();
        assert_eq!(
            message(error),
            "this repository keeps its refs in 'reftable', which git exp cannot read"
        );
        sandbox.git(&["config", "core.repositoryformatversion", "1"]);
        sandbox.git(&["config", "extensions.Frobnicate", "true"]);
        let error = Store::open_with(&sandbox.path(""), &Environment::default())
            .err()
            .unwrap();
        assert_eq!(
            message(error).to_ascii_lowercase(),
            "unknown repository extension found: 'frobnicate'"
        );
        let config = fs_err::read_to_string(sandbox.path(".git/config")).unwrap();
        let config = config.replace("repositoryformatversion = 1", "repositoryformatversion = 2");
        sandbox.write(".git/config", config);
        let error = Store::open_with(&sandbox.path(""), &Environment::default())
            .err()
            .unwrap();
        assert!(
            error.chain().contains("repositoryFormatVersion"),
            "{}",
            error.chain()
        );
    }

    #[test]
    fn obeys_git_c() {
        let sandbox = Sandbox::new();
        let environment = Environment {
            config_parameters: Some(
                b"'exp.maxBlob'='7k' 'exp.sync'= 'url.a=b.insteadof'='c' 'committer.name'='C Line'"
                    .to_vec(),
            ),
            ..Default::default()
        };
        let store = Store::open_with(&sandbox.path(""), &environment).unwrap();
        assert_eq!(store.settings().max_blob, 7 << 10);
        assert!(store.settings().sync);
        assert_eq!(
            store
                .repo()
                .config_snapshot()
                .string("url.a=b.insteadOf")
                .unwrap(),
            "c"
        );
        let signature = store.signature(super::super::Role::Committer).unwrap();
        assert_eq!(signature.name, "C Line");
    }

    #[test]
    fn asks_for_an_identity() {
        let sandbox = Sandbox::new();
        sandbox.git(&["config", "user.name", ""]);
        let error = sandbox.store().check_identity().unwrap_err();
        assert_eq!(error.to_string(), "committer identity unknown");
        assert_eq!(error.hints().len(), 2);
    }

    #[test]
    fn dates_of_the_environment_rule() {
        let sandbox = Sandbox::new();
        sandbox.git(&[
            "config",
            "gitoxide.commit.committerDate",
            "1112911993 -0700",
        ]);
        let store = sandbox.store();
        let signature = store.signature(super::super::Role::Committer).unwrap();
        assert_eq!(
            (signature.time.seconds, signature.time.offset),
            (1112911993, -7 * 3600)
        );
        sandbox.git(&["config", "gitoxide.commit.committerDate", "when pigs fly"]);
        let error = sandbox
            .store()
            .signature(super::super::Role::Committer)
            .unwrap_err();
        assert_eq!(error.to_string(), "invalid date format: 'when pigs fly'");
    }

    #[test]
    fn reads_files_of_a_tree() {
        let sandbox = Sandbox::new();
        sandbox.write("dir/file", "text");
        let commit = sandbox.commit("one");
        let store = sandbox.store();
        assert_eq!(
            store.read_blob(commit, "dir/file").unwrap().unwrap(),
            b"text"
        );
        assert_eq!(store.read_blob(commit, "dir/none").unwrap(), None);
        assert_eq!(store.read_blob(commit, "dir").unwrap(), None);
    }
}
