//! Paths as `dvc.yaml` writes them to paths relative to the project's root, or absolute where they lie
//! outside of it.

use std::fmt;

/// Why a path cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathProblem {
    /// It is empty, or has a NUL in it.
    Malformed,
    /// It starts at the root of the file system.
    Absolute,
    /// It has a scheme: `s3://`, `remote://`.
    Url,
    /// It has a scheme that nobody knows.
    Scheme,
    /// It is in a remote that DVC's config does not have.
    Remote,
    /// It leaves the project.
    Outside,
}

impl PathProblem {
    /// Whether DVC would take it: then the refusal is ours, not the user's mistake.
    pub fn is_ours(self) -> bool {
        self == PathProblem::Url
    }
}

/// The kinds of addresses that DVC knows; `file` and `local` are none that it reads, all the same.
const SCHEMES: [&str; 16] = [
    "azure", "ds", "file", "gdrive", "gs", "hdfs", "http", "https", "local", "memory", "oss",
    "remote", "s3", "ssh", "webdav", "webdavs",
];

impl fmt::Display for PathProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PathProblem::Malformed => "is not a path",
            PathProblem::Absolute => "is absolute",
            PathProblem::Url => "is a URL, which only dependencies and outputs can be",
            PathProblem::Scheme => "is a URL of an unknown kind",
            PathProblem::Remote => "is in a remote that DVC's config does not have",
            PathProblem::Outside => "is outside of the project",
        })
    }
}

/// Joins `written` to `base` (relative to the project's root, empty for the root itself).
///
/// The result has no `.`, `..`, empty part or trailing slash, and is empty for the root itself.
/// Symbolic links are not looked at.
pub fn join(base: &str, written: &str) -> Result<String, PathProblem> {
    if written.is_empty() || written.contains('\0') {
        return Err(PathProblem::Malformed);
    }
    if is_url(written) {
        return Err(PathProblem::Url);
    }
    if written.starts_with('/') {
        return Err(PathProblem::Absolute);
    }
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in written.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or(PathProblem::Outside)?;
            }
            _ => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

/// Joins `written` to `base` as [`join`] does, in a project whose root is `root`, an absolute path.
///
/// What lies outside of the project comes back absolute; what lies inside never does, however it is
/// written. Without a root (empty) nothing outside can be named.
pub fn resolve(root: &str, base: &str, written: &str) -> Result<String, PathProblem> {
    match join(base, written) {
        Err(PathProblem::Absolute | PathProblem::Outside) if !root.is_empty() => {}
        joined if !is_outside(base) => return joined,
        _ if is_url(written) => return Err(PathProblem::Url),
        _ if written.is_empty() || written.contains('\0') => return Err(PathProblem::Malformed),
        _ => {}
    }
    let start = match (written.starts_with('/'), is_outside(base)) {
        (true, _) => String::new(),
        (false, true) => base.to_owned(),
        (false, false) => format!("{root}/{base}"),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in start.split('/').chain(written.split('/')) {
        match part {
            "" | "." => {}
            // above the top there is only the top
            ".." => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    let full = format!("/{}", parts.join("/"));
    Ok(match full.strip_prefix(root) {
        Some("") => String::new(),
        Some(below) if below.starts_with('/') => below[1..].to_owned(),
        _ => full,
    })
}

/// Whether a path that [`resolve`] returned lies outside of the project.
pub fn is_outside(path: &str) -> bool {
    path.starts_with('/')
}

/// Returns how one who stands at the project's root writes what `written` in `base` leads out to,
/// wherever the project is: `../data`; an absolute path and an address as they are.
pub fn climb(base: &str, written: &str) -> String {
    if is_outside(written) || is_url(written) {
        return written.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(written.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

/// Returns what `path`, relative to `folder`, is from the folder above: both without `..`.
pub fn below(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

/// Returns the folder of a path; empty for what lies at the top.
pub fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns how one who stands in `folder` writes `path`, both relative to the same place: `../a`.
/// What lies outside of the project stays absolute.
pub fn from(folder: &str, path: &str) -> String {
    if is_outside(path) {
        return path.to_owned();
    }
    let mut here: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let mut there: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let shared = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
    here.drain(..shared);
    there.drain(..shared);
    let up = here.iter().map(|_| "..");
    let parts: Vec<&str> = up.chain(there).collect();
    match parts.is_empty() {
        true => ".".to_owned(),
        false => parts.join("/"),
    }
}

/// Whether `path` is `folder` or lies below it; all of the project lies below the empty folder.
pub fn is_within(path: &str, folder: &str) -> bool {
    if folder.is_empty() {
        return !is_outside(path);
    }
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Lists `path` itself, then each folder that holds it, innermost first; not the project's root.
pub fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let start = Some(path).filter(|path| !path.is_empty());
    std::iter::successors(start, |path| {
        path.rsplit_once('/')
            .map(|(folder, _)| folder)
            .filter(|folder| !folder.is_empty())
    })
}

/// Whether `written` is an address: `https://…`, `remote://…`, `ds://…`.
pub fn is_url(written: &str) -> bool {
    scheme(written).is_some()
}

/// Refuses an address of which DVC does not know the kind.
pub fn check_scheme(url: &str) -> Result<(), PathProblem> {
    match scheme(url) {
        Some(scheme) if !SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            Err(PathProblem::Scheme)
        }
        _ => Ok(()),
    }
}

/// Returns the name in `ds://<name>`, the address of a dataset; `None` for anything else.
pub fn dataset(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("ds://")?;
    rest.split('/').next()
}

/// Returns remote and path of `remote://<remote>/<path>`; `None` for anything else.
pub fn in_remote(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("remote://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

fn scheme(written: &str) -> Option<&str> {
    let (scheme, _) = written.split_once("://")?;
    let is_scheme = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter));
    is_scheme.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_and_normalises() {
        assert_eq!(join("", "model.pt").unwrap(), "model.pt");
        assert_eq!(join("", "./a//b/").unwrap(), "a/b");
        assert_eq!(join("sub", "../data").unwrap(), "data");
        assert_eq!(join("sub/deep", ".").unwrap(), "sub/deep");
        assert_eq!(join("sub", "..").unwrap(), "");
        assert_eq!(join("", "a/../../x"), Err(PathProblem::Outside));
        assert_eq!(join("sub", "../../x"), Err(PathProblem::Outside));
        assert_eq!(join("", "/tmp/x"), Err(PathProblem::Absolute));
        assert_eq!(join("", "s3://bucket/x"), Err(PathProblem::Url));
        assert_eq!(join("", "a: b://x").unwrap(), "a: b:/x");
        assert_eq!(join("", ""), Err(PathProblem::Malformed));
        assert_eq!(join("", "a\0b"), Err(PathProblem::Malformed));
    }

    #[test]
    fn finds_what_lies_outside() {
        let root = "/home/me/project";
        let outside = |base, written| resolve(root, base, written).unwrap();
        assert_eq!(outside("", "/data/x/"), "/data/x");
        assert_eq!(outside("", "../other//data"), "/home/me/other/data");
        assert_eq!(outside("sub/deep", "../../../other"), "/home/me/other");
        assert_eq!(outside("", "../../../../../../x"), "/x");
        assert_eq!(outside("", "/home/me/other/../x"), "/home/me/x");
        assert_eq!(outside("/home/me", "x/../y"), "/home/me/y");
        // inside after all
        assert_eq!(outside("", "../project/data"), "data");
        assert_eq!(outside("sub", "/home/me/project/./data"), "data");
        assert_eq!(outside("", "/home/me/project"), "");
        assert_eq!(outside("/home/me", "project/data"), "data");
        assert_eq!(outside("", "../project-2/data"), "/home/me/project-2/data");
        assert_eq!(resolve(root, "", "s3://b/x"), Err(PathProblem::Url));
        assert_eq!(resolve(root, "/a", ""), Err(PathProblem::Malformed));
        assert_eq!(resolve("", "", "../x"), Err(PathProblem::Outside));
        assert_eq!(resolve("", "", "/x"), Err(PathProblem::Absolute));
        assert_eq!(climb("sub", "../../other/./data/"), "../other/data");
        assert_eq!(climb("", "../../x/../y"), "../../y");
        assert_eq!(climb("sub", "/data/x"), "/data/x");
        assert_eq!(climb("sub", "remote://r/x"), "remote://r/x");
        assert_eq!(from("sub", "/data/x"), "/data/x");
        assert!(!is_within("/data", ""));
        assert_eq!(ancestors("/a/b").collect::<Vec<_>>(), ["/a/b", "/a"]);
    }

    #[test]
    fn knows_addresses() {
        assert!(is_url("s3://b/x") && !is_url("a: b://x") && !is_url("data/x"));
        assert_eq!(check_scheme("HTTPS://x"), Ok(()));
        assert_eq!(check_scheme("ftp://x"), Err(PathProblem::Scheme));
        assert_eq!(check_scheme("data"), Ok(()));
        assert_eq!(dataset("ds://cats"), Some("cats"));
        assert_eq!(dataset("data"), None);
        assert_eq!(in_remote("remote://r/a/b"), Some(("r", "a/b")));
        assert_eq!(in_remote("remote://r"), Some(("r", "")));
        assert_eq!(in_remote("s3://r/a"), None);
    }

    #[test]
    fn says_where_things_are_from_a_folder() {
        assert_eq!(from("", "a/b"), "a/b");
        assert_eq!(from("a", "a/b"), "b");
        assert_eq!(from("a/c", "a/b"), "../b");
        assert_eq!(from("ab", "a/b"), "../a/b");
        assert_eq!(from("a/b", "a/b"), ".");
        assert_eq!(below("", "a"), "a");
        assert_eq!(below("a", "b/c"), "a/b/c");
        assert_eq!((folder("a/b/c"), folder("c")), ("a/b", ""));
    }

    #[test]
    fn knows_what_lies_where() {
        assert!(is_within("a/b", "a"));
        assert!(is_within("a", "a"));
        assert!(is_within("a", ""));
        assert!(!is_within("a-b", "a"));
        assert!(!is_within("a", "a/b"));
        assert_eq!(
            ancestors("a/b/c").collect::<Vec<_>>(),
            ["a/b/c", "a/b", "a"]
        );
        assert_eq!(ancestors("").count(), 0);
    }
}
