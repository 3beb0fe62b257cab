//! Untracked files that belong to the code: found once per run, taken into every checkpoint.
//!
//! What is ignored, secret by its name, hidden, large or in a repository of its own never comes in
//! by itself. The suffix list says what counts as source or configuration.

use super::Store;
use super::config::Untracked;
use super::filter::os_path;
use super::scan::{PathSet, Scanner};
use crate::error::{Context, Result};
use gix::bstr::{BStr, BString, ByteSlice};
use gix::index::entry::Flags;
use std::collections::BTreeMap;

/// How many untracked files a checkpoint takes at most.
pub const MAX_FILES: usize = 500;

/// How many bytes of untracked files a checkpoint takes at most: 16 MiB.
pub const MAX_BYTES: u64 = 16 << 20;

/// What a search for untracked files found, each list in path order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Files that belong to the code.
    pub taken: Vec<BString>,
    /// Files that would, but for their size, number or name, with the reason.
    pub left_out: Vec<(BString, &'static str)>,
}

const SUFFIXES: &[&str] = &[
    // Python
    "py",
    "pyx",
    "pxd",
    "pxi",
    "pyi",
    "ipynb",
    // statistics and mathematics
    "r",
    "rmd",
    "qmd",
    "jl",
    "m",
    "stan",
    "do",
    "sas",
    // shells
    "sh",
    "bash",
    "zsh",
    "fish",
    "bat",
    "cmd",
    "ps1",
    "sbatch",
    "slurm",
    "awk",
    "sed",
    // systems and graphics processors
    "c",
    "h",
    "cc",
    "cpp",
    "cxx",
    "hh",
    "hpp",
    "hxx",
    "cu",
    "cuh",
    "cl",
    "metal",
    "rs",
    "go",
    "zig",
    "f",
    "f90",
    "f95",
    "f03",
    "for",
    "s",
    "asm",
    "mojo",
    "glsl",
    "wgsl",
    // other languages
    "java",
    "kt",
    "kts",
    "scala",
    "groovy",
    "gradle",
    "clj",
    "cs",
    "fs",
    "swift",
    "js",
    "mjs",
    "cjs",
    "ts",
    "tsx",
    "jsx",
    "lua",
    "pl",
    "pm",
    "rb",
    "php",
    "hs",
    "ml",
    "mli",
    "ex",
    "exs",
    "erl",
    "nim",
    "sql",
    "proto",
    "thrift",
    "capnp",
    "fbs",
    "css",
    "j2",
    "jinja",
    "jinja2",
    "tmpl",
    // configuration and builds
    "yaml",
    "yml",
    "toml",
    "json",
    "json5",
    "jsonc",
    "jsonnet",
    "libsonnet",
    "ini",
    "cfg",
    "conf",
    "config",
    "properties",
    "hcl",
    "tf",
    "nix",
    "xml",
    "gin",
    "cmake",
    "mk",
    "mak",
    "bzl",
    "bazel",
    "dockerfile",
    "dvc",
];

const NAMES: &[&str] = &[
    "makefile",
    "gnumakefile",
    "dockerfile",
    "containerfile",
    "justfile",
    "snakefile",
    "rakefile",
    "gemfile",
    "procfile",
    "pipfile",
    "cmakelists.txt",
    "build",
    "workspace",
    "description",
    "namespace",
    "mlproject",
];

/// Files that git or DVC reads: taken when named as extra, though they are hidden.
const HIDDEN_BUT_OURS: &[&str] = &[".gitignore", ".gitattributes", ".dvcignore"];

impl Scanner {
    /// Finds untracked files that belong to the code, by `exp.untracked`.
    ///
    /// `extra` are work tree paths (files or directories) that a stage names as dependencies or that
    /// belong to the pipeline: they need no suffix of source code, but all other rules hold.
    /// `outputs` given to [`Scanner::new`] are never among the result.
    pub fn untracked(&self, store: &Store, outputs: &PathSet, extra: &PathSet) -> Result<Found> {
        let mut found = Found::default();
        let mut files: BTreeMap<BString, u64> = BTreeMap::new();
        for (path, kind) in walk(store, self.index())? {
            use gix::dir::entry::Kind;
            if outputs.covers(&path) {
                continue;
            }
            let named = extra.covers(&path);
            let wanted = named
                || match store.settings.untracked {
                    Untracked::Code => is_code(path.as_bstr()),
                    Untracked::All => true,
                    Untracked::Never => false,
                };
            if !wanted {
                continue;
            }
            match kind {
                Kind::File | Kind::Symlink => {}
                Kind::Repository => {
                    found.left_out.push((path, "a repository of its own"));
                    continue;
                }
                Kind::Directory | Kind::Untrackable => continue,
            }
            if let Some(reason) = refusal(path.as_bstr(), named) {
                found.left_out.push((path, reason));
                continue;
            }
            let file = store.worktree.join(os_path(path.as_bstr())?);
            let Ok(metadata) = fs_err::symlink_metadata(&file) else {
                continue;
            };
            if metadata.len() > store.settings.max_blob {
                found.left_out.push((path, "larger than exp.maxBlob"));
                continue;
            }
            files.insert(path, metadata.len());
        }
        let mut bytes = 0;
        for (path, size) in files {
            if found.taken.len() >= MAX_FILES {
                found.left_out.push((path, "more than 500 files"));
            } else if bytes + size > MAX_BYTES {
                found.left_out.push((path, "more than 16 MiB in all"));
            } else {
                bytes += size;
                found.taken.push(path);
            }
        }
        found.left_out.sort();
        Ok(found)
    }
}

/// Lists what is neither tracked nor ignored.
fn walk(store: &Store, index: &gix::index::State) -> Result<Vec<(BString, gix::dir::entry::Kind)>> {
    let doing = || "cannot look for untracked files".to_string();
    let repo = &store.repo;
    // A copy for the time of the walk. Validated or not, everything in the index is tracked.
    let mut index = index.clone();
    for entry in index.entries_mut() {
        entry.flags.insert(Flags::UPTODATE);
    }
    let options = repo
        .dirwalk_options()
        .context(doing)?
        .emit_untracked(gix::dir::walk::EmissionMode::Matching);
    let mut collect = gix::dir::walk::delegate::Collect::default();
    let never = std::sync::atomic::AtomicBool::new(false);
    repo.dirwalk(&index, None::<&BStr>, &never, options, &mut collect)
        .context(doing)?;
    Ok(collect
        .into_entries_by_path()
        .into_iter()
        .filter(|(entry, _)| entry.status == gix::dir::entry::Status::Untracked)
        .filter_map(|(entry, _)| Some((entry.rela_path, entry.disk_kind?)))
        .collect())
}

/// Whether a path names code or configuration by its suffix or name.
pub fn is_code(path: &BStr) -> bool {
    let name = file_name(path).to_lowercase();
    if NAMES.iter().any(|known| name == known.as_bytes()) {
        return true;
    }
    if name.starts_with(b"requirements") && name.ends_with(b".txt") {
        return true;
    }
    if let Some(stem) = name.rsplitn_str(2, ".").nth(1)
        && (stem == b"dockerfile" || stem == b"makefile")
    {
        return true;
    }
    match name.rfind_byte(b'.') {
        Some(dot) if dot > 0 => SUFFIXES
            .iter()
            .any(|suffix| &name[dot + 1..] == suffix.as_bytes()),
        _ => false,
    }
}

/// Returns why a file never comes into a checkpoint by itself, or `None`.
fn refusal(path: &BStr, named: bool) -> Option<&'static str> {
    let lower = path.to_lowercase();
    let secret = |part: &[u8]| {
        part.ends_with(b".pem")
            || part.ends_with(b".key")
            || part.starts_with(b"id_")
            || part.contains_str("secret")
            || part.contains_str("credential")
    };
    if lower.split_str("/").any(secret) {
        return Some("its name says that it is secret");
    }
    let ours = HIDDEN_BUT_OURS
        .iter()
        .any(|known| file_name(path) == known.as_bytes());
    if named && ours {
        return None;
    }
    if lower.split_str("/").any(|part| part.starts_with(b".")) {
        return Some("hidden");
    }
    None
}

fn file_name(path: &BStr) -> &[u8] {
    match path.rfind_byte(b'/') {
        Some(slash) => &path[slash + 1..],
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    fn names(paths: &[BString]) -> Vec<String> {
        paths.iter().map(|path| path.to_string()).collect()
    }

    fn find(sandbox: &Sandbox, outputs: &[&str], extra: &[&str]) -> Found {
        let store = sandbox.store();
        let outputs = PathSet::new(outputs);
        let scanner = Scanner::new(&store, outputs.clone()).unwrap();
        scanner
            .untracked(&store, &outputs, &PathSet::new(extra))
            .unwrap()
    }

    #[test]
    fn takes_code_and_leaves_the_rest() {
        let sandbox = Sandbox::new();
        sandbox.write("tracked.py", "");
        sandbox.write(".gitignore", "ignored.py\n/build/\n");
        sandbox.commit("one");
        for path in [
            "new.py",
            "sub/deep/util.R",
            "Makefile",
            "conf/Dockerfile.gpu",
            "requirements-dev.txt",
            "data.csv",
            "notes.txt",
            "weights.pt",
            "ignored.py",
            "build/x.py",
            "data/raw.bin",
            "out/metrics.json",
            "model.json",
        ] {
            sandbox.write(path, "x");
        }
        let found = find(&sandbox, &["out", "model.json"], &["data", "build"]);
        assert_eq!(
            names(&found.taken),
            [
                "Makefile",
                "conf/Dockerfile.gpu",
                "data/raw.bin",
                "new.py",
                "requirements-dev.txt",
                "sub/deep/util.R"
            ]
        );
        assert_eq!(found.left_out, []);
    }

    #[test]
    fn secrets_never_come_in() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        for path in [
            "server.pem",
            "ssh.key",
            "id_rsa",
            "id_me.py",
            "my_secrets.yaml",
            "aws-Credentials.json",
            "credentials/a.py",
            ".env.py",
            ".hidden/b.py",
            "fine.py",
        ] {
            sandbox.write(path, "x");
        }
        let found = find(&sandbox, &[], &["server.pem", "ssh.key", "id_rsa"]);
        assert_eq!(names(&found.taken), ["fine.py"]);
        assert_eq!(found.left_out.len(), 9, "{:?}", found.left_out);
    }

    #[test]
    fn hidden_files_that_git_reads_come_when_named() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.write(".gitignore", "/model.pt\n");
        sandbox.write(".dvcignore", "");
        assert_eq!(find(&sandbox, &[], &[]).taken, Vec::<BString>::new());
        let found = find(&sandbox, &[], &[".gitignore", ".dvcignore"]);
        assert_eq!(names(&found.taken), [".dvcignore", ".gitignore"]);
    }

    #[test]
    fn limits_hold_and_are_named() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.git(&["config", "exp.maxBlob", "10"]);
        sandbox.write("big.py", "12345678901");
        sandbox.write("fits.py", "1234567890");
        for number in 0..MAX_FILES {
            sandbox.write(&format!("many/{number:03}.py"), "x");
        }
        let found = find(&sandbox, &[], &[]);
        assert_eq!(found.taken.len(), MAX_FILES);
        assert_eq!(
            found.left_out,
            [
                ("big.py".into(), "larger than exp.maxBlob"),
                ("many/499.py".into(), "more than 500 files"),
            ]
        );
    }

    #[test]
    fn the_setting_decides() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.write("a.py", "x");
        sandbox.write("b.csv", "x");
        sandbox.git(&["config", "exp.untracked", "all"]);
        assert_eq!(names(&find(&sandbox, &[], &[]).taken), ["a.py", "b.csv"]);
        sandbox.git(&["config", "exp.untracked", "false"]);
        assert_eq!(names(&find(&sandbox, &[], &[]).taken), Vec::<String>::new());
        assert_eq!(names(&find(&sandbox, &[], &["b.csv"]).taken), ["b.csv"]);
    }

    #[test]
    fn nested_repositories_are_left_alone() {
        let sandbox = Sandbox::new();
        sandbox.commit("one");
        sandbox.write("nested/a.py", "x");
        sandbox.git(&["init", "-q", "nested"]);
        sandbox.git(&["config", "exp.untracked", "all"]);
        let found = find(&sandbox, &[], &[]);
        assert_eq!(names(&found.taken), Vec::<String>::new());
        assert_eq!(
            found.left_out,
            [("nested".into(), "a repository of its own")]
        );
    }
}
