//! One entry of `stages`: its command, what it reads, what it writes.

use super::super::PIPELINE_FILE;
use super::super::check::{Placed, Spot};
use super::super::outputs::Paths;
use super::super::paths;
use super::super::schema::{File, item_of};
use super::super::stage::{Command, OutputKind, ParamsDependency, Stage};
use super::DEFAULT_PARAMS;
use crate::error::Result;
use crate::yaml::Node;
use indexmap::IndexMap;
use std::fmt::Display;

const STAGE_KEYS: &[&str] = &[
    "cmd",
    "wdir",
    "deps",
    "params",
    "outs",
    "metrics",
    "plots",
    "frozen",
    "always_changed",
    "desc",
    "meta",
    "live",
    "vars",
    "foreach",
    "do",
    "matrix",
];

/// Reads one stage, and where its parts stand into `place`.
pub(super) fn read(
    file: File<'_>,
    (name, name_node): (&str, &Node),
    node: &Node,
    place: &mut Placed,
) -> Result<Stage> {
    let whole = format!("stage '{name}'");
    if name.is_empty() {
        return Err(file.error(name_node, "a stage without a name"));
    }
    let entries = file.known_map(node, &whole, STAGE_KEYS)?;
    let find = |wanted| {
        let entry = entries.iter().find(|(key, _, _)| *key == wanted);
        entry.map(|(_, _, value)| *value)
    };
    let Some(command_node) = find("cmd") else {
        return Err(file.error(name_node, format!("{whole} has no 'cmd'")));
    };
    let mut stage = Stage {
        name: name.to_owned(),
        file: paths::below(file.folder, PIPELINE_FILE),
        cmd: command(file, command_node, &whole)?,
        ..Stage::default()
    };
    stage.wdir = match find("wdir") {
        Some(node) => file.inner_path(file.folder, node, &format!("'wdir' of {whole}"))?,
        None => file.folder.to_owned(),
    };
    let mut paths = Paths {
        file,
        base: stage.wdir.clone(),
        spellings: IndexMap::new(),
    };
    // as they are written, by path
    let mut deps: IndexMap<String, Vec<String>> = IndexMap::new();
    for (key, _, value) in &entries {
        let what = format_args!("'{key}' of {whole}");
        match *key {
            "deps" => {
                for item in file.list(value, &what)? {
                    file.text_as(item, &item_of(&what), "a path")?;
                    let path = paths.dependency(item, &what)?;
                    if paths::is_outside(&path) && paths::is_within(file.sources.root(), &path) {
                        let written = file.text(item, &what)?;
                        let what = format!("'{written}' in {what} holds the project itself");
                        return Err(file.error(item, what));
                    }
                    place.inputs.push((path.clone(), Spot::of(file, item)));
                    let written = paths.written(&path, item, &what)?;
                    deps.entry(path).or_default().push(written);
                }
            }
            "params" => stage.params = params(&mut paths, value, &what, place)?,
            "frozen" => stage.frozen = file.flag(value, &what)?,
            "always_changed" => stage.always_changed = file.flag(value, &what)?,
            "desc" => stage.desc = Some(file.label(value, &what, "text")?),
            "meta" => stage.meta = Some(value.to_value()),
            _ => {}
        }
    }
    // DVC looks at these lists in this order, whatever the order of the file
    let kinds = [
        ("outs", OutputKind::Out),
        ("metrics", OutputKind::Metric),
        ("plots", OutputKind::Plot),
    ];
    let mut outs = Vec::new();
    for (key, kind) in kinds {
        if let Some(node) = find(key) {
            outs.extend(paths.outputs(node, kind, &format!("'{key}' of {whole}"))?);
        }
    }
    if let Some(node) = find("live") {
        let (live, written) = paths.live(node, &format!("'live' of {whole}"))?;
        stage.live = Some(live);
        outs.extend(written);
    }
    // those in the project first, see [`Stage::all_outs`]
    let is_elsewhere = |path: &str| paths::is_outside(path) || paths::is_url(path);
    outs.sort_by_key(|(out, _)| is_elsewhere(&out.path));
    let spots = outs.iter().map(|(_, node)| Spot::of(file, node));
    place.outs = spots.collect();
    let outs = outs.into_iter().map(|(out, _)| out);
    (stage.outside_outs, stage.outs) = outs.partition(|out| is_elsewhere(&out.path));
    stage.spellings = paths.spellings;
    stage.take_deps(deps);
    Ok(stage)
}

impl Stage {
    /// Takes its dependencies, by path how they are written, after all its other paths.
    ///
    /// As by DVC, each is recorded as often as it is written, and as it is.
    fn take_deps(&mut self, deps: IndexMap<String, Vec<String>>) {
        let mut sorted = Vec::new();
        for (path, written) in deps {
            let is_one = written.iter().all(|other| *other == written[0]);
            let is_params = self.params.iter().any(|params| params.file == path);
            match is_one && (!is_params || self.written(&path) == written[0]) {
                true => {
                    if written[0] != path {
                        self.spellings.insert(path.clone(), written[0].clone());
                    }
                    sorted.extend(written.into_iter().map(|written| (written, path.clone())));
                }
                false => {
                    sorted.push((written[0].clone(), path.clone()));
                    self.respelled.insert(path, written);
                }
            }
        }
        sorted.sort();
        self.deps = sorted.into_iter().map(|(_, path)| path).collect();
    }
}

fn command(file: File<'_>, node: &Node, whole: &str) -> Result<Command> {
    let what = format_args!("'cmd' of {whole}");
    let command = match node.as_list() {
        Some(items) => {
            let items: Result<Vec<String>> = items
                .iter()
                .map(|item| file.text(item, &item_of(&what)))
                .collect();
            Command::List(items?)
        }
        None => Command::Text(file.text_as(node, &what, "a command or a list of commands")?),
    };
    let lines = command.lines();
    if lines.is_empty() || lines.iter().any(|line| line.trim().is_empty()) {
        return Err(file.error(node, format!("{what} is empty")));
    }
    if lines.iter().any(|line| line.contains('\0')) {
        return Err(file.error(node, format!("{what} has a NUL character")));
    }
    Ok(command)
}

/// Reads `params`: keys of `params.yaml`, and `{file: [keys]}`; no keys mean the whole file.
fn params(
    paths: &mut Paths<'_>,
    node: &Node,
    what: &dyn Display,
    place: &mut Placed,
) -> Result<Vec<ParamsDependency>> {
    let file = paths.file;
    // by path: the keys, and whether the file is wanted as a whole
    let mut files: IndexMap<String, (Vec<String>, bool)> = IndexMap::new();
    for item in file.list(node, what)? {
        if item.as_map().is_none() {
            let key = file.text_as(item, &item_of(what), "a key or a mapping")?;
            let path = paths::join(&paths.base, DEFAULT_PARAMS)
                .map_err(|problem| file.bad_path(item, what, DEFAULT_PARAMS, problem))?;
            if path != DEFAULT_PARAMS {
                let written = DEFAULT_PARAMS.to_owned();
                paths.spellings.insert(path.clone(), written);
            }
            place.inputs.push((path.clone(), Spot::of(file, item)));
            files.entry(path).or_default().0.push(key);
            continue;
        }
        for (written, path_node, keys) in file.map(item, what)? {
            let path = paths.read_params(path_node, what)?;
            place.inputs.push((path.clone(), Spot::of(file, path_node)));
            let (all, whole) = files.entry(path).or_default();
            if keys.is_null() || keys.as_list().is_some_and(<[Node]>::is_empty) {
                *whole = true;
                continue;
            }
            let what = format_args!("'{written}' in {what}");
            for key in file.list(keys, &what)? {
                all.push(file.text_as(key, &item_of(&what), "a key")?);
            }
        }
    }
    Ok(files
        .into_iter()
        .map(|(file, (mut keys, whole))| {
            let mut seen = std::collections::HashSet::new();
            keys.retain(|key| seen.insert(key.clone()));
            ParamsDependency {
                file,
                keys: (!whole).then_some(keys),
            }
        })
        .collect())
}
