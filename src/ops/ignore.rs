//! `.gitignore` entries of cached outputs, as DVC writes them.

use crate::error::{Context, Result};
use crate::pipeline::Output;
use crate::store::tracked::IgnoreRules;
use crate::store::{Store, durable};

/// What [`outputs`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ignored {
    /// The `.gitignore` files that were written, relative to the project's root, sorted.
    pub files: Vec<String>,
    /// Outputs whose folder is not there yet: their entry is made when a stage has made the folder.
    pub later: Vec<String>,
}

/// Makes git ignore the cached ones of `outs`, each in the `.gitignore` of its own folder.
///
/// What is ignored already is left alone. Entries go to the end, in the given order, as `/<name>`.
pub fn outputs<'o>(store: &Store, outs: impl IntoIterator<Item = &'o Output>) -> Result<Ignored> {
    outputs_by(&mut store.ignore_rules()?, store, outs)
}

/// As [`outputs`], by rules that have been read.
pub fn outputs_by<'o>(
    rules: &mut IgnoreRules<'_>,
    store: &Store,
    outs: impl IntoIterator<Item = &'o Output>,
) -> Result<Ignored> {
    let project = store.project()?;
    let mut ignored = Ignored::default();
    for out in outs.into_iter().filter(|out| out.cache) {
        let (folder, name) = out.path.rsplit_once('/').unwrap_or(("", &out.path));
        let path = project.join(&out.path);
        if rules.matches(&store.tree_path(&out.path), path.is_dir())? {
            continue;
        }
        let folder_path = project.join(folder);
        // a folder that is a link out of the work tree has no '.gitignore' that git would read
        let is_ours = folder_path
            .canonicalize()
            .is_ok_and(|folder| folder.is_dir() && folder.starts_with(store.worktree()));
        if !is_ours {
            ignored.later.push(out.path.clone());
            continue;
        }
        let file = folder_path.join(".gitignore");
        let doing = || format!("cannot read '{}'", file.display());
        let mut text = match fs_err::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error).context(doing),
        };
        let entry = entry(name);
        if text
            .split(|byte| *byte == b'\n')
            .any(|line| line == entry.as_bytes())
        {
            continue;
        }
        if text.last().is_some_and(|byte| *byte != b'\n') {
            text.push(b'\n');
        }
        text.extend_from_slice(entry.as_bytes());
        text.push(b'\n');
        durable::write(&file, &text)?;
        let written = match folder {
            "" => ".gitignore".to_owned(),
            folder => format!("{folder}/.gitignore"),
        };
        ignored.files.push(written);
    }
    ignored.files.sort();
    ignored.files.dedup();
    Ok(ignored)
}

/// Returns the line that means exactly the file `name` beside the `.gitignore`.
///
/// DVC escapes the same letters but a backslash and a blank at the end, and git then ignores nothing.
fn entry(name: &str) -> String {
    let mut entry = String::from("/");
    let kept = name.trim_end_matches(' ').len();
    for (at, letter) in name.char_indices() {
        if "[]!*#?\\".contains(letter) || at >= kept {
            entry.push('\\');
        }
        entry.push(letter);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::OutputKind;
    use crate::store::testing::Sandbox;

    fn outs(paths: &[&str]) -> Vec<Output> {
        paths
            .iter()
            .map(|path| Output::new(*path, OutputKind::Out))
            .collect()
    }

    #[test]
    fn writes_each_entry_once_into_its_folder() {
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        sandbox.write(".gitignore", "*.log");
        sandbox.write("sub/here", "");
        let store = sandbox.store();
        let mut outs = outs(&["model.pt", "a.log", "sub/x", "none/yet", "git.json"]);
        outs[4].cache = false;
        let ignored = outputs(&store, &outs).unwrap();
        assert_eq!(ignored.files, [".gitignore", "sub/.gitignore"]);
        assert_eq!(ignored.later, ["none/yet"]);
        let read = |path: &str| fs_err::read_to_string(sandbox.path(path)).unwrap();
        assert_eq!(read(".gitignore"), "*.log\n/model.pt\n");
        assert_eq!(read("sub/.gitignore"), "/x\n");
        let again = outputs(&store, &outs[..3]).unwrap();
        assert_eq!(again, Ignored::default());
    }

    #[test]
    fn git_ignores_exactly_the_output() {
        let names = [
            "a[1].pt", "*.x", "q?.y", "#h", "!e", "b\\c", "é.pt", "trail ", " lead", "a b",
        ];
        let sandbox = Sandbox::new();
        sandbox.write(".dvc/config", "");
        for name in names {
            sandbox.write(name, "x");
        }
        for other in ["a1.pt", "b.x", "qq.y", "bc", "trail", "sub/a b"] {
            sandbox.write(other, "x");
        }
        outputs(&sandbox.store(), &outs(&names)).unwrap();
        let seen = sandbox.git(&["ls-files", "-z", "--others", "--exclude-standard"]);
        let mut seen: Vec<&str> = seen.split_terminator('\0').collect();
        seen.sort();
        assert_eq!(
            seen,
            [
                ".dvc/config",
                ".gitignore",
                "a1.pt",
                "b.x",
                "bc",
                "qq.y",
                "sub/a b",
                "trail"
            ]
        );
    }
}
