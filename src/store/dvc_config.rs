//! DVC's own config: the keys of `.dvc/config` and `.dvc/config.local` that we obey.
//!
//! Four INI files, later ones win: the system's, the user's, `.dvc/config`, `.dvc/config.local`.

use super::Store;
use super::cache::{Cache, LinkType};
use super::durable;
use super::ini::{self, remote_name};
use super::memo::Memo;
use crate::error::{Context, Error, Result};
use crate::pipeline::paths::in_remote;
use indexmap::IndexMap;
use std::borrow::Cow;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// All files merged: section, key, value. Sections and keys are lower case, names of remotes too;
/// a remote's section is `remote "name"`; a list is joined by commas; paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DvcConfig {
    sections: IndexMap<String, IndexMap<String, String>>,
}

impl DvcConfig {
    /// Reads all files for the project whose `.dvc` is `dvc_dir`. Files that are not there are empty;
    /// an error names file and line.
    pub fn load(dvc_dir: &Path) -> Result<Self> {
        let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mut config = DvcConfig::default();
        for dir in shared_dirs(env) {
            config.merge(&dir.join("config"))?;
        }
        config.merge(&dvc_dir.join("config"))?;
        config.merge(&dvc_dir.join("config.local"))?;
        Ok(config)
    }

    /// Returns a value, or `None`.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        Some(self.sections.get(section)?.get(key)?)
    }

    /// Returns a boolean; `default` if it is not set, an error if it is neither `true` nor `false`.
    pub fn bool(&self, section: &str, key: &str, default: bool) -> Result<bool> {
        match self.get(section, key) {
            None => Ok(default),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(value) => Err(Error::refused(format!(
                "bad value '{value}' of '{section}.{key}' in DVC's config: expected true or false"
            ))),
        }
    }

    /// Returns `cache.dir`, absolute, or `None`.
    pub fn cache_dir(&self) -> Option<&Path> {
        self.get("cache", "dir").map(Path::new)
    }

    /// Returns the ways of `cache.type` in order; reflink, then copy if it is not set.
    pub fn cache_types(&self) -> Result<Vec<LinkType>> {
        let Some(value) = self.get("cache", "type") else {
            return Ok(vec![LinkType::Reflink, LinkType::Copy]);
        };
        value
            .split(',')
            .map(|word| match word.trim() {
                "reflink" => Ok(LinkType::Reflink),
                "hardlink" => Ok(LinkType::Hardlink),
                "symlink" => Ok(LinkType::Symlink),
                "copy" => Ok(LinkType::Copy),
                other => Err(Error::refused(format!(
                    "bad value '{other}' of 'cache.type' in DVC's config: \
                     expected reflink, hardlink, symlink or copy"
                ))),
            })
            .collect()
    }

    /// Whether `cache.shared` is `group`.
    pub fn cache_shared(&self) -> Result<bool> {
        match self.get("cache", "shared") {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("group") => Ok(true),
            Some(value) => Err(Error::refused(format!(
                "bad value '{value}' of 'cache.shared' in DVC's config: expected group"
            ))),
        }
    }

    /// Returns the name of the default remote, `core.remote`, or `None`.
    pub fn default_remote(&self) -> Option<&str> {
        self.get("core", "remote")
    }

    /// Returns the options of a remote (upper and lower case are alike), `url` among them, or `None`.
    pub fn remote(&self, name: &str) -> Option<&IndexMap<String, String>> {
        self.sections
            .get(&format!("remote \"{}\"", name.to_lowercase()))
    }

    /// Returns where a remote is: an absolute path, or an address; `None` if there is no such remote.
    ///
    /// One whose url is in another remote, `remote://<name>/<path>`, is below that one.
    pub fn place_of_remote(&self, name: &str) -> Result<Option<String>> {
        let mut rest = String::new();
        let mut name = name.to_owned();
        // no chain is longer than there are remotes
        for _ in 0..=self.sections.len() {
            let Some(url) = self.remote(&name).and_then(|remote| remote.get("url")) else {
                return Ok(None);
            };
            let Some((base, path)) = in_remote(url) else {
                return Ok(Some(format!("{url}{rest}")));
            };
            rest = format!("/{path}{rest}");
            name = base.to_owned();
        }
        Err(Error::refused(format!(
            "remote '{name}' of DVC's config is in itself"
        )))
    }

    /// Returns the names of all remotes, in the order of the files.
    pub fn remotes(&self) -> impl Iterator<Item = &str> {
        self.sections
            .keys()
            .filter_map(|section| remote_name(section))
    }

    fn merge(&mut self, file: &Path) -> Result<()> {
        let text = match fs_err::read_to_string(file) {
            Ok(text) => text,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(());
            }
            Err(error) => {
                return Err(error).context(|| format!("cannot read '{}'", file.display()));
            }
        };
        let dir = durable::parent(file);
        for (section, values) in ini::parse(&text, file)? {
            let is_remote = remote_name(&section).is_some();
            let merged = self.sections.entry(section.clone()).or_default();
            for (key, value) in values {
                let is_path = (section == "cache" && key == "dir")
                    || (is_remote && REMOTE_PATHS.contains(&key.as_str()));
                let value = if is_path { absolute(dir, value) } else { value };
                merged.insert(key, value);
            }
        }
        Ok(())
    }
}

/// Keys of a remote that are relative to the config file.
pub(super) const REMOTE_PATHS: [&str; 7] = [
    "url",
    "gdrive_user_credentials_file",
    "gdrive_service_account_json_file_path",
    "credentialpath",
    "keyfile",
    "cert_path",
    "key_path",
];

impl Store {
    /// Returns DVC's config for this project, as it was when this store first read it.
    pub fn dvc_config(&self) -> Result<Arc<DvcConfig>> {
        let mut known = self.dvc_config.borrow_mut();
        if let Some(config) = &*known {
            return Ok(config.clone());
        }
        let config = Arc::new(DvcConfig::load(&self.project()?.join(".dvc"))?);
        Ok(known.insert(config).clone())
    }

    /// Opens the project's cache as `cache.dir`, `cache.type`, `cache.shared` and design.md §4
    /// (linked worktrees) say. Creates nothing.
    pub fn cache(&self) -> Result<Cache> {
        let config = self.dvc_config()?;
        let project = self.project()?;
        let dir = match config.cache_dir() {
            Some(dir) => dir.to_owned(),
            None => match self.shared_cache_dir()? {
                Some(dir) => dir,
                None => project.join(".dvc/cache"),
            },
        };
        Ok(Cache {
            dir,
            types: config.cache_types()?,
            shared: config.cache_shared()?,
            project: project.to_owned(),
            memo: match self.settings.trust_stat {
                true => Memo::at(self.memo_dir()),
                false => Memo::default(),
            },
            hashed: Default::default(),
            progress: Arc::clone(&self.progress),
            later: self.later.clone(),
        })
    }

    /// Call before the first write to the cache. In a linked worktree without `cache.dir`, points
    /// `.dvc/config.local` at the cache of the main worktree, which `git worktree remove` does not
    /// delete, and returns that directory, to be told to the user; `None` if there was nothing to do.
    pub fn settle_cache(&self) -> Result<Option<PathBuf>> {
        if self.dvc_config()?.cache_dir().is_some() {
            return Ok(None);
        }
        let Some(dir) = self.shared_cache_dir()? else {
            return Ok(None);
        };
        let file = self.project()?.join(".dvc/config.local");
        let cannot = || format!("cannot read '{}'", file.display());
        let text = match fs_err::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).context(cannot),
        };
        let Some(value) = dir.to_str().filter(|dir| !dir.contains(['"', '\n'])) else {
            return Err(Error::refused(format!(
                "DVC's config cannot hold the path '{}'",
                dir.display()
            ))
            .hint("set cache.dir in .dvc/config.local"));
        };
        durable::write(&file, with_entry(&text, "cache", "dir", value).as_bytes())?;
        self.dvc_config.take();
        Ok(Some(dir))
    }

    /// Returns the main worktree's cache if this is a linked worktree, `None` if it is the main one.
    fn shared_cache_dir(&self) -> Result<Option<PathBuf>> {
        if self.git_dir == self.common_dir {
            return Ok(None);
        }
        let main = self
            .repo
            .main_repo()
            .context(|| format!("cannot open '{}'", self.common_dir.display()))?;
        let Some(worktree) = main.workdir() else {
            return Ok(Some(self.common_dir.join("git-exp/cache")));
        };
        let dvc_dir = normalise(&worktree.join(&self.prefix).join(".dvc"));
        let config = DvcConfig::load(&dvc_dir)?;
        Ok(Some(match config.cache_dir() {
            Some(dir) => dir.to_owned(),
            None => dvc_dir.join("cache"),
        }))
    }
}

/// The system's and the user's config folder, as DVC finds them.
fn shared_dirs(env: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let home = env("HOME").map(PathBuf::from);
    let (system, global) = if cfg!(target_os = "macos") {
        let library = "Library/Application Support/dvc";
        (
            Some(Path::new("/").join(library)),
            home.map(|home| home.join(library)),
        )
    } else {
        let first = |list: OsString| std::env::split_paths(&list).next();
        (
            Some(
                env("XDG_CONFIG_DIRS")
                    .and_then(first)
                    .unwrap_or_else(|| PathBuf::from("/etc/xdg"))
                    .join("dvc"),
            ),
            env("XDG_CONFIG_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(home?.join(".config")))
                .map(|dir| dir.join("dvc")),
        )
    };
    let system = env("DVC_SYSTEM_CONFIG_DIR").map(PathBuf::from).or(system);
    let global = env("DVC_GLOBAL_CONFIG_DIR").map(PathBuf::from).or(global);
    system.into_iter().chain(global).collect()
}

/// Returns `text` with an entry in a section, which is appended if there is none.
pub(super) fn with_entry(text: &str, section: &str, key: &str, value: &str) -> String {
    let entry = format!("    {key} = \"{value}\"\n");
    let mut new = String::new();
    let mut done = false;
    for line in text.split_inclusive('\n') {
        new.push_str(line);
        if !done && ini::is_section(line, section) {
            if !line.ends_with('\n') {
                new.push('\n');
            }
            new.push_str(&entry);
            done = true;
        }
    }
    if !done {
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        let header = match remote_name(section) {
            Some(_) => format!("['{section}']\n"),
            None => format!("[{section}]\n"),
        };
        new.push_str(&header);
        new.push_str(&entry);
    }
    new
}

fn absolute(dir: &Path, value: String) -> String {
    let scheme = value.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'_')
    });
    if scheme || Path::new(&value).is_absolute() {
        return value;
    }
    let home = std::env::var("HOME")
        .ok()
        .filter(|home| home.starts_with('/'));
    if let (Some(home), Some(rest)) = (home, value.strip_prefix('~'))
        && (rest.is_empty() || rest.starts_with('/'))
    {
        return format!("{}{rest}", home.trim_end_matches('/'));
    }
    // The text was UTF-8; a folder that is not keeps what can be shown of it.
    normalise(&dir.join(value)).to_string_lossy().into_owned()
}

/// Resolves `..` in the text of a path, as DVC does.
fn normalise(path: &Path) -> PathBuf {
    let normal = gix::path::normalize(Cow::Borrowed(path), Path::new("/"));
    normal.map_or_else(|| path.to_owned(), |normal| normal.components().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    fn config(text: &str) -> Result<DvcConfig> {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("config"), text).unwrap();
        let mut config = DvcConfig::default();
        config.merge(&dir.path().join("config"))?;
        Ok(config)
    }

    fn error(text: &str) -> String {
        let error = config(text).unwrap_err().to_string();
        error.split_once(" in '").unwrap().0.to_owned() + error.rsplit_once("':").unwrap().1
    }

    // What DVC's parser, configobj 5.0.9, makes of the same text.
    #[test]
    fn reads_values_as_configobj_does() {
        let config = config(concat!(
            "# c\n[Core]\n    remote = my store   # the one\n    analytics=a#b\n",
            "    \"q k\" = 'x # y'\n    it = it's\n    empty =\n    e2 = \"\"\n",
            "['remote \"a B\"'] # with ]\n    url = \"/x, y\"\n    list = a, b ,\"c\"\n",
            "[ cache ]\ndir = /a b/c\n  TYPE = hardlink, copy\n slow = a,\n",
        ))
        .unwrap();
        let get = |section, key| config.get(section, key).unwrap();
        assert_eq!(get("core", "remote"), "my store");
        assert_eq!(get("core", "analytics"), "a");
        assert_eq!(get("core", "q k"), "x # y");
        assert_eq!(get("core", "it"), "it's");
        assert_eq!(get("core", "empty"), "");
        assert_eq!(get("core", "e2"), "");
        assert_eq!(config.remote("a B").unwrap()["url"], "/x, y");
        assert_eq!(config.remote("a B").unwrap()["list"], "a,b,c");
        assert_eq!(config.remotes().collect::<Vec<_>>(), ["a b"]);
        assert_eq!(config.cache_dir(), Some(Path::new("/a b/c")));
        assert_eq!(
            config.cache_types().unwrap(),
            [LinkType::Hardlink, LinkType::Copy]
        );
        assert_eq!(get("cache", "slow"), "a");
        assert_eq!(config.get("core", "nothing"), None);
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        assert_eq!(
            error("[x]\na\n"),
            "bad config line 2 neither a section nor 'key = value'"
        );
        assert_eq!(error("\n[x\n"), "bad config line 2 not a section");
        assert_eq!(error("[[x]]\n"), "bad config line 1 not a section");
        assert_eq!(
            error("[x]\nk=1\nK=2\n"),
            "bad config line 3 the key is there twice"
        );
        assert_eq!(
            error("[x]\nk='abc\n"),
            "bad config line 2 the value's quotes do not match"
        );
    }

    #[test]
    fn refuses_values_that_dvc_refuses() {
        let wrong =
            config("[cache]\ntype = hard\nshared = all\n[core]\nautostage = yes\n").unwrap();
        assert!(wrong.cache_types().is_err());
        assert!(wrong.cache_shared().is_err());
        assert_eq!(
            wrong
                .bool("core", "autostage", false)
                .unwrap_err()
                .to_string(),
            "bad value 'yes' of 'core.autostage' in DVC's config: expected true or false"
        );
        let fine = config("[cache]\nshared = Group\n[core]\nautostage = True\n").unwrap();
        assert!(fine.cache_shared().unwrap());
        assert!(fine.bool("core", "autostage", false).unwrap());
        assert!(!fine.bool("core", "no_scm", false).unwrap());
    }

    #[test]
    fn later_files_win_and_paths_are_relative_to_their_file() {
        let root = tempfile::tempdir().unwrap();
        let dvc = root.path().join("sub/.dvc");
        fs_err::create_dir_all(&dvc).unwrap();
        let remote = "['remote \"s\"']\nurl = ../../store\n['remote \"c\"']\nurl = s3://b/../p\n";
        fs_err::write(
            dvc.join("config"),
            format!("[core]\nremote = s\n[cache]\ndir = x\n{remote}"),
        )
        .unwrap();
        fs_err::write(dvc.join("config.local"), "[cache]\ndir = ../../big\n").unwrap();
        let config = DvcConfig::load(&dvc).unwrap();
        assert_eq!(config.cache_dir(), Some(&*root.path().join("big")));
        assert_eq!(config.default_remote(), Some("s"));
        let url = |name| Path::new(&config.remote(name).unwrap()["url"]);
        assert_eq!(url("s"), root.path().join("store"));
        assert_eq!(url("c"), Path::new("s3://b/../p"));
    }

    #[test]
    fn looks_where_dvc_looks() {
        let env = |pairs: &'static [(&'static str, &'static str)]| {
            shared_dirs(move |name| {
                let found = pairs.iter().find(|(key, _)| *key == name)?;
                Some(found.1.into())
            })
        };
        if cfg!(target_os = "linux") {
            assert_eq!(
                env(&[("HOME", "/h")]),
                [Path::new("/etc/xdg/dvc"), Path::new("/h/.config/dvc")]
            );
            assert_eq!(
                env(&[("XDG_CONFIG_DIRS", "/a:/b"), ("XDG_CONFIG_HOME", "/c")]),
                [Path::new("/a/dvc"), Path::new("/c/dvc")]
            );
        }
        assert_eq!(
            env(&[
                ("DVC_SYSTEM_CONFIG_DIR", "/s"),
                ("DVC_GLOBAL_CONFIG_DIR", "/g")
            ]),
            [Path::new("/s"), Path::new("/g")]
        );
    }

    #[test]
    fn adds_the_cache_and_keeps_the_rest() {
        let with_cache_dir = |text: &str, dir: &str| with_entry(text, "cache", "dir", dir);
        assert_eq!(with_cache_dir("", "/c"), "[cache]\n    dir = \"/c\"\n");
        assert_eq!(
            with_cache_dir("[core]\n    remote = s", "/c"),
            "[core]\n    remote = s\n[cache]\n    dir = \"/c\"\n"
        );
        assert_eq!(
            with_cache_dir("[cache] # mine\n    type = copy\n[core]\n", "/c"),
            "[cache] # mine\n    dir = \"/c\"\n    type = copy\n[core]\n"
        );
        let with_url = |text: &str| with_entry(text, "remote \"a\"", "url", "/r");
        assert_eq!(with_url(""), "['remote \"a\"']\n    url = \"/r\"\n");
        assert_eq!(
            with_url("['remote   \"A\"']\nurl = x\n"),
            "['remote   \"A\"']\n    url = \"/r\"\nurl = x\n"
        );
    }

    #[test]
    fn a_remote_may_be_in_another_one_or_at_home() {
        let root = tempfile::tempdir().unwrap();
        let remote = |name: &str, url: &str| format!("['remote \"{name}\"']\nurl = {url}\n");
        let text = [
            remote("base", "../store"),
            remote("in", "remote://Base/sub"),
            remote("deep", "remote://in/x"),
            remote("net", "s3://b"),
            remote("round", "remote://round/x"),
            remote("lost", "remote://nowhere/x"),
        ];
        fs_err::write(root.path().join("config"), text.concat()).unwrap();
        let config = DvcConfig::load(root.path()).unwrap();
        let place = |name: &str| config.place_of_remote(name).unwrap();
        let base = root.path().parent().unwrap().join("store");
        let base = base.to_str().unwrap();
        assert_eq!(place("base").unwrap(), base);
        assert_eq!(place("deep").unwrap(), format!("{base}/sub/x"));
        assert_eq!(place("net").as_deref(), Some("s3://b"));
        assert_eq!((place("lost"), place("none")), (None, None));
        assert!(config.place_of_remote("round").is_err());
        if let Ok(home) = std::env::var("HOME") {
            let home = home.trim_end_matches('/');
            assert_eq!(absolute(root.path(), "~/r".into()), format!("{home}/r"));
        }
    }

    /// A project with one commit; `.dvc/config` has the given text.
    fn project(config: &str) -> Sandbox {
        let sandbox = Sandbox::new();
        sandbox.write("sub/.dvc/config", config);
        sandbox.commit("one");
        sandbox
    }

    #[test]
    fn the_main_worktree_has_its_own_cache() {
        let sandbox = project("");
        let store = sandbox.store_at("sub");
        let cache = store.cache().unwrap();
        assert_eq!(cache.dir(), sandbox.path("sub/.dvc/cache"));
        assert_eq!(store.settle_cache().unwrap(), None);
        assert!(!sandbox.path("sub/.dvc/config.local").exists());
        assert!(!cache.dir().exists());
    }

    #[test]
    fn a_linked_worktree_shares_the_cache_of_the_main_one() {
        let sandbox = project("");
        sandbox.git(&["worktree", "add", "-q", "../linked"]);
        let linked = sandbox.store_at("../linked/sub");
        let shared = sandbox.path("sub/.dvc/cache");
        assert_eq!(linked.cache().unwrap().dir(), shared);
        let file = sandbox.path("../linked/sub/.dvc/config.local");
        assert!(!file.exists());
        assert_eq!(linked.settle_cache().unwrap(), Some(shared.clone()));
        assert_eq!(
            fs_err::read_to_string(&file).unwrap(),
            format!("[cache]\n    dir = \"{}\"\n", shared.display())
        );
        assert_eq!(linked.settle_cache().unwrap(), None);
        assert_eq!(linked.cache().unwrap().dir(), shared);
    }

    #[test]
    fn a_linked_worktree_follows_the_local_config_of_the_main_one() {
        let sandbox = project("");
        sandbox.write("sub/.dvc/config.local", "[cache]\ndir = ../../big\n");
        sandbox.git(&["worktree", "add", "-q", "../linked"]);
        let linked = sandbox.store_at("../linked/sub");
        assert_eq!(linked.cache().unwrap().dir(), sandbox.path("big"));
    }

    #[test]
    fn a_worktree_of_a_bare_repository_keeps_the_cache_in_it() {
        let sandbox = project("");
        sandbox.git(&["clone", "-q", "--bare", ".", "../bare.git"]);
        sandbox.git(&[
            "-C",
            "../bare.git",
            "worktree",
            "add",
            "-q",
            "../linked",
            "main",
        ]);
        let linked = sandbox.store_at("../linked/sub");
        assert_eq!(
            linked.cache().unwrap().dir(),
            sandbox
                .path("../bare.git")
                .canonicalize()
                .unwrap()
                .join("git-exp/cache")
        );
    }

    #[test]
    fn cache_dir_rules_in_every_worktree() {
        let sandbox = project("[cache]\ndir = ../store\ntype = symlink\nshared = group\n");
        sandbox.git(&["worktree", "add", "-q", "../linked"]);
        let linked = sandbox.store_at("../linked/sub");
        let cache = linked.cache().unwrap();
        let top = sandbox.path("../linked").canonicalize().unwrap();
        assert_eq!(cache.dir(), top.join("sub/store"));
        assert_eq!(cache.types, [LinkType::Symlink]);
        assert!(cache.shared);
        assert_eq!(linked.settle_cache().unwrap(), None);
    }
}
