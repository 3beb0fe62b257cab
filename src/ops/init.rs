//! Makes a repository ready: `.dvc/` and `.dvcignore`, the same bytes that `dvc init` writes.

use crate::digest::Format;
use crate::error::{Context, Error, Result};
use crate::store::{Store, durable};
use std::path::Path;

const GITIGNORE: &str = "/config.local\n/tmp\n/cache\n";
const DVCIGNORE: &str = "\
# Add patterns of files dvc should ignore, which could improve
# the performance. Learn more at
# https://dvc.org/doc/user-guide/dvcignore
";

/// What [`init`] is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whether the project may lie below the top of the work tree.
    pub subdir: bool,
    /// Whether a `.dvc` that is there is made new.
    pub force: bool,
    /// Sets `exp.dvcFormat`: `Some(None)` to `auto`.
    pub format: Option<Option<Format>>,
}

/// What [`init`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Made {
    /// Files to commit, relative to the folder.
    pub files: Vec<String>,
    /// Where the old config went, relative to the folder, if it said anything.
    pub old_config: Option<String>,
}

/// Makes `folder` (absolute) a project. Stages nothing.
pub fn init(store: &Store, folder: &Path, options: Options) -> Result<Made> {
    let folder =
        fs_err::canonicalize(folder).context(|| format!("cannot read '{}'", folder.display()))?;
    if folder != store.worktree() && !options.subdir {
        return Err(Error::refused(format!(
            "'{}' is not the top of the work tree",
            folder.display()
        ))
        .hint(format!("cd '{}'", store.worktree().display()))
        .hint("use --subdir to make a project in a subdirectory"));
    }
    let dvc = folder.join(".dvc");
    let in_tree = dvc
        .strip_prefix(store.worktree())
        .ok()
        .and_then(Path::to_str)
        .ok_or_else(|| Error::refused(format!("bad name of a folder: '{}'", folder.display())))?;
    if store.is_ignored(in_tree, true)? {
        return Err(Error::refused("git ignores '.dvc'")
            .hint(format!("git check-ignore -v '{in_tree}'"))
            .hint("add '!.dvc' to '.gitignore'"));
    }
    let config = dvc.join("config");
    let mut made = Made::default();
    if dvc.symlink_metadata().is_ok() {
        if !options.force {
            let mut error = Error::refused("this is a project already: '.dvc' exists");
            if let Some(format) = options.format {
                error = error.hint(format!("git config exp.dvcFormat {}", word(format)));
            }
            return Err(error.hint("use --force to make its config new; the cache is kept"));
        }
        made.old_config = set_aside(&dvc, &config)?;
    }
    // unlike DVC's --force: what the cache holds may be the only copy of a checkpoint
    durable::create_dir_all(&dvc.join("tmp"))?;
    durable::write(&dvc.join(".gitignore"), GITIGNORE.as_bytes())?;
    durable::write(&config, b"")?;
    let dvcignore = folder.join(".dvcignore");
    if dvcignore.symlink_metadata().is_err() {
        durable::write(&dvcignore, DVCIGNORE.as_bytes())?;
    }
    if let Some(format) = options.format {
        store.set_setting("dvcFormat", word(format))?;
    }
    made.files = [".dvc/.gitignore", ".dvc/config", ".dvcignore"]
        .map(str::to_owned)
        .to_vec();
    Ok(made)
}

/// Moves a config that says something into `.dvc/tmp`; returns its new name.
fn set_aside(dvc: &Path, config: &Path) -> Result<Option<String>> {
    let text = match fs_err::read(config) {
        Ok(text) if !text.is_empty() => text,
        _ => return Ok(None),
    };
    durable::create_dir_all(&dvc.join("tmp"))?;
    for number in 1.. {
        let name = format!("config.old.{number}");
        let target = dvc.join("tmp").join(&name);
        if target.symlink_metadata().is_err() {
            durable::write(&target, &text)?;
            return Ok(Some(format!(".dvc/tmp/{name}")));
        }
    }
    Ok(None)
}

/// Returns what `exp.dvcFormat` says for a format.
fn word(format: Option<Format>) -> &'static str {
    match format {
        None => "auto",
        Some(Format::V2) => "2",
        Some(Format::V3) => "3",
    }
}
