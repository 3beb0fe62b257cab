//! Who may know whom: the rooms of ARCHITECTURE.md, read off the sources.
//!
//! A room uses the rooms below it; the store and the screen never meet; each names only the packages
//! that its work is about. Names are looked for in code, not in comments, and test modules are left
//! out: a test may use anything.

use std::collections::BTreeSet;
use std::path::Path;

struct Room {
    name: &'static str,
    /// Top-level modules of the library.
    modules: &'static [&'static str],
    /// Rooms it may use, besides itself.
    below: &'static [&'static str],
    /// Packages it may name.
    packages: &'static [&'static str],
}

const ROOMS: &[Room] = &[
    Room {
        name: "ground",
        modules: &["error", "id", "digest"],
        below: &[],
        packages: &[
            "gix",
            "getrandom",
            "indexmap",
            "md5",
            "rustix",
            "sha2",
            "fs_err",
        ],
    },
    Room {
        name: "domain",
        modules: &[
            "capture",
            "change",
            "checkpoint",
            "event",
            "experiment",
            "listing",
            "lockfile",
            "metrics",
            "nearest",
            "params",
            "pipeline",
            "plot",
            "progress",
            "reason",
            "revision",
            "value",
            "yaml",
        ],
        below: &["ground"],
        packages: &[
            // The rules of ref names, not a repository.
            "gix",
            "globset",
            "indexmap",
            "saphyr_parser",
            "serde",
            "serde_json",
            "sha2",
            "toml_edit",
        ],
    },
    Room {
        name: "store",
        modules: &["store"],
        below: &["ground", "domain"],
        packages: &[
            "fs_err",
            "gix",
            "globset",
            "indexmap",
            // As gix has it: the zone of the machine.
            "jiff",
            "rayon",
            "reflink_copy",
            "rustix",
            "serde",
            "serde_json",
            "tempfile",
        ],
    },
    Room {
        name: "runner",
        modules: &["runner"],
        below: &["ground", "domain", "store"],
        packages: &[
            "fs_err",
            "indexmap",
            "reflink_copy",
            "rustix",
            "signal_hook",
            "tempfile",
        ],
    },
    Room {
        name: "ops",
        modules: &["ops"],
        below: &["ground", "domain", "store", "runner"],
        packages: &["fs_err", "indexmap", "rayon"],
    },
    Room {
        name: "ui",
        modules: &["ui"],
        below: &["ground", "domain"],
        packages: &[
            "indexmap",
            "owo_colors",
            "plotly",
            "rustix",
            "serde_json",
            "similar",
            "unicode_width",
        ],
    },
    Room {
        name: "command",
        modules: &["command", "cli"],
        below: &["ground", "domain", "store", "runner", "ops", "ui"],
        packages: &["clap", "signal_hook", "globset", "indexmap"],
    },
];

/// What no room may call, but those named.
const ONLY: &[(&str, &[&str])] = &[
    ("process::Command", &["runner"]),
    // The age of files; the time of commits comes from git.
    ("SystemTime::now", &["store", "runner"]),
    ("println!", &[]),
    ("io::stdout", &["ui"]),
    ("io::stderr", &["ui"]),
];

#[test]
fn rooms_know_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packages = packages(root);
    let mut wrong = Vec::new();
    for (path, text) in sources(&root.join("src")) {
        let path = path.strip_prefix("src/").unwrap();
        let module = path.trim_end_matches(".rs").split('/').next().unwrap();
        if module == "lib" {
            continue;
        }
        let Some(room) = ROOMS.iter().find(|room| room.modules.contains(&module)) else {
            wrong.push(format!(
                "src/{path}: which room is '{module}' in? see tests/it/layers.rs"
            ));
            continue;
        };
        let code = code(&text);
        for used in used_modules(&code) {
            let known = ROOMS
                .iter()
                .find(|other| other.modules.contains(&used.as_str()));
            let allowed = known
                .is_none_or(|other| other.name == room.name || room.below.contains(&other.name));
            if !allowed {
                wrong.push(format!(
                    "src/{path}: {} must not know 'crate::{used}'",
                    room.name
                ));
            }
        }
        for package in &packages {
            let named = names(&code, package);
            if named && !room.packages.contains(&package.as_str()) {
                wrong.push(format!(
                    "src/{path}: {} must not name the package {package}",
                    room.name
                ));
            }
        }
        for (call, rooms) in ONLY {
            if code.contains(call) && !rooms.contains(&room.name) {
                wrong.push(format!("src/{path}: {} must not use {call}", room.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Dependencies as code names them: `-` is `_`, and `md-5` is `md5`.
fn packages(root: &Path) -> BTreeSet<String> {
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let manifest: toml_edit::DocumentMut = manifest.parse().unwrap();
    let names = manifest["dependencies"].as_table().unwrap().iter();
    names
        .map(|(name, _)| {
            if name == "md-5" {
                "md5".into()
            } else {
                name.replace('-', "_")
            }
        })
        .collect()
}

/// Every Rust file below `folder`, as `src/…` with `/`, with its text.
pub fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
                let text = std::fs::read_to_string(&path).unwrap();
                files.push((name.display().to_string(), text));
            }
        }
    }
    files.sort();
    files
}

/// Returns the code before the unit tests, without comments.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]").next().unwrap();
    text.lines()
        .map(|line| line.split("//").next().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the top-level modules in `crate::x` and `crate::{x::y, z}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            None => {
                modules.insert(word(rest));
            }
            Some(list) => {
                let mut depth = 1;
                let mut start = true;
                for (at, letter) in list.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 1 => start = true,
                        letter if depth == 1 && start && !letter.is_whitespace() => {
                            modules.insert(word(&list[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
        }
    }
    modules
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .collect()
}

/// Whether code uses `package::…`, and not the end of a longer name or a path within another crate.
fn names(code: &str, package: &str) -> bool {
    code.match_indices(&format!("{package}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_' || letter == ':')
    })
}

#[test]
fn uses_are_seen_in_every_form() {
    let code = code(
        "use crate::ui::out;\nlet x = crate::store::Store; // crate::ops\nuse crate::{cli::{a, b}, id};\n\n#[cfg(test)]\nmod tests { use crate::runner; }",
    );
    let seen: Vec<String> = used_modules(&code).into_iter().collect();
    assert_eq!(seen, ["cli", "id", "store", "ui"]);
    assert!(names("use gix::object;", "gix") && names("\ngix::open(x)", "gix"));
    assert!(!names("my_gix::open", "gix") && !names("similar::gix::x", "gix"));
}
