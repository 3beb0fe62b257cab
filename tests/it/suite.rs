//! A command is complete: binary, row in `ALL`, man page, completion, test. Names what is missing.

use crate::layers::sources;
use git_exp::command::ALL;
use std::collections::BTreeSet;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_default()
}

/// Names of the files in a folder that start and end so, without both.
fn stems(folder: &str, start: &str, end: &str) -> BTreeSet<String> {
    let files = std::fs::read_dir(root().join(folder)).unwrap();
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_prefix(start)?.strip_suffix(end)?.to_owned()))
        .collect()
}

#[test]
fn every_command_has_all_its_parts() {
    let mut missing = Vec::new();
    let mut demand = |there: bool, what: String| {
        if !there {
            missing.push(what);
        }
    };
    let listed: BTreeSet<String> = ALL.iter().map(|entry| entry.name.to_owned()).collect();
    let binaries = stems("bin", "git-exp-", ".rs");
    let stanzas = binary_stanzas();
    for name in listed.union(&binaries).chain(&stanzas) {
        demand(
            listed.contains(name),
            format!("src/command/mod.rs: no row in ALL for '{name}'"),
        );
        demand(binaries.contains(name), format!("bin/git-exp-{name}.rs"));
        demand(
            stanzas.contains(name),
            format!("Cargo.toml: no [[bin]] git-exp-{name}"),
        );
        let file = read(&format!("bin/git-exp-{name}.rs"));
        let calls = format!("git_exp::cli::main(git_exp::command::{name}::run)");
        demand(
            file.contains(&calls),
            format!("bin/git-exp-{name}.rs: does not call '{calls}'"),
        );
        demand(
            file.lines().count() <= 5,
            format!("bin/git-exp-{name}.rs: more than a call"),
        );
        let own = [
            format!("src/command/{name}.rs"),
            format!("src/command/{name}/mod.rs"),
        ];
        demand(
            own.iter().any(|path| root().join(path).exists()),
            own[0].clone(),
        );
        demand(
            !read(&format!("man/git-exp-{name}.1")).is_empty(),
            format!("man/git-exp-{name}.1 (GENERATE=1)"),
        );
        demand(
            !read(&format!("tests/it/{name}.rs")).is_empty(),
            format!("tests/it/{name}.rs"),
        );
    }
    missing.dedup();
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

fn binary_stanzas() -> BTreeSet<String> {
    let manifest: toml_edit::DocumentMut = read("Cargo.toml").parse().unwrap();
    let stanzas = manifest["bin"].as_array_of_tables().unwrap();
    let names: Vec<&str> = stanzas
        .iter()
        .map(|bin| bin["name"].as_str().unwrap())
        .collect();
    assert!(
        names.is_sorted(),
        "Cargo.toml: the [[bin]] stanzas are not in the order of the alphabet"
    );
    for bin in stanzas.iter() {
        let path = format!("bin/{}.rs", bin["name"].as_str().unwrap());
        assert_eq!(bin["path"].as_str(), Some(path.as_str()));
        // Cargo would build the harness of unit tests for it, twenty times, and run nothing.
        for key in ["test", "bench"] {
            let value = bin.get(key).and_then(|value| value.as_bool());
            assert_eq!(value, Some(false), "Cargo.toml: {path}: no '{key} = false'");
        }
    }
    names
        .iter()
        .filter_map(|name| name.strip_prefix("git-exp-"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_setting_is_in_the_manual() {
    let code = read("src/store/config.rs");
    let code = code.split("#[cfg(test)]").next().unwrap();
    let read_here: BTreeSet<&str> = code
        .split("(\"exp.")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !name.is_empty())
        .collect();
    let manual = read("man/overview.roff");
    let (_, section) = manual.split_once(".SH CONFIGURATION").unwrap();
    let described: BTreeSet<&str> = section
        .split("\n.TP\nexp.")
        .skip(1)
        .filter_map(|rest| rest.lines().next())
        .collect();
    assert!(read_here.len() > 5, "{read_here:?}");
    assert_eq!(read_here, described);
}

#[test]
fn every_command_reads_well() {
    for entry in ALL {
        let command = entry.command();
        command.clone().debug_assert();
        assert_eq!(command.get_name(), format!("git-exp-{}", entry.name));
        assert_eq!(
            command.get_bin_name(),
            Some(format!("git exp {}", entry.name).as_str())
        );
        let about = entry.about();
        let first = about.chars().next().expect("a first line of the manual");
        assert!(
            first.is_uppercase() && !about.ends_with('.') && about.len() <= 72,
            "{}: '{about}'",
            entry.name
        );
        let mut built = command;
        built.build();
        undocumented(&built);
    }
}

fn undocumented(command: &clap::Command) {
    for argument in command.get_arguments() {
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            !help.is_empty() && !help.ends_with('.'),
            "{}: '{}' says '{help}'",
            command.get_bin_name().unwrap_or_default(),
            argument.get_id()
        );
    }
    for below in command.get_subcommands() {
        assert!(
            below.get_about().is_some(),
            "{}: no first line",
            below.get_name()
        );
        undocumented(below);
    }
}

#[test]
fn groups_stand_together() {
    let mut headings: Vec<&str> = ALL.iter().map(|entry| entry.group.heading()).collect();
    headings.dedup();
    let different: BTreeSet<&str> = headings.iter().copied().collect();
    assert_eq!(headings.len(), different.len(), "{headings:?}");
}

#[test]
fn every_test_file_is_part_of_the_tests() {
    let main = read("tests/it/main.rs");
    for (path, _) in sources(&root().join("tests/it")) {
        let Some(name) = path
            .strip_prefix("tests/it/")
            .and_then(|name| name.strip_suffix(".rs"))
        else {
            continue;
        };
        if !name.contains('/') && name != "main" {
            assert!(
                main.contains(&format!("mod {name};")),
                "tests/it/main.rs: no 'mod {name};'"
            );
        }
    }
}

#[test]
fn bash_completes_through_git() {
    let text = read("completions/git-exp.bash");
    assert!(
        text.contains("_git_exp ()"),
        "git's completion calls _git_exp"
    );
    assert!(text.contains("--git-completion-helper"));
}
