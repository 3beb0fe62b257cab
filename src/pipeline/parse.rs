//! `dvc.yaml` to [`Pipeline`]: every error names file, line, column and key.
//!
//! What DVC knows and we do not yet (templates, `vars`, `foreach`, `matrix`, paths outside of the
//! project) is refused by name: a pipeline that is half understood would run the wrong thing.

use super::check::{self, Placed};
use super::outputs::Paths;
use super::schema::File;
use super::stage::{Command, OutputKind, ParamsDependency, Stage};
use super::{Pipeline, reports};
use crate::error::Result;
use crate::yaml::read::{self, Node};
use indexmap::IndexMap;

/// The params file of keys that name none.
pub const DEFAULT_PARAMS: &str = "params.yaml";

const TOP_KEYS: &[&str] = &[
    "stages",
    "params",
    "metrics",
    "plots",
    "artifacts",
    "datasets",
];
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
];
const LATER_KEYS: &[&str] = &["vars", "foreach", "do", "matrix"];

/// Parses the text of `origin` (its path, for messages) in the project's root.
pub fn parse(text: &str, origin: &str) -> Result<Pipeline> {
    parse_in(text, origin, "")
}

/// Parses the text of a `dvc.yaml` in `folder` (relative to the project's root, `/` between parts).
///
/// The paths of the result are relative to the project's root all the same. DVCLive 2 writes such
/// a file (`dvclive/dvc.yaml`): see [`Pipeline::absorb_reports`].
pub fn parse_in(text: &str, origin: &str, folder: &str) -> Result<Pipeline> {
    parse_file(
        text,
        File {
            origin,
            folder,
            is_draft: false,
        },
    )
}

/// Parses what `origin` is to say after a change; errors say what is wrong, without a line.
pub fn parse_draft(text: &str, origin: &str) -> Result<Pipeline> {
    parse_file(
        text,
        File {
            origin,
            folder: "",
            is_draft: true,
        },
    )
}

fn parse_file(text: &str, file: File<'_>) -> Result<Pipeline> {
    let root = read::parse(text, file.origin)?;
    let mut pipeline = Pipeline::default();
    if root.is_null() {
        return Ok(pipeline);
    }
    refuse_later_keys(file, &root, "at the top")?;
    let entries = file.known_map(&root, "the file", TOP_KEYS)?;
    file.refuse_templates(&root)?;
    let mut placed = Vec::new();
    for (key, _, node) in entries {
        match key {
            "stages" => {
                for (name, name_node, definition) in file.map(node, "'stages'")? {
                    let mut place = Placed::new(name_node);
                    let stage = stage(file, name, definition, &mut place)?;
                    pipeline.stages.push(stage);
                    placed.push(place);
                }
            }
            "params" => pipeline.params = reports::files(file, node, "top-level 'params'")?,
            "metrics" => pipeline.metrics = reports::files(file, node, "top-level 'metrics'")?,
            "plots" => pipeline.plots = reports::plots(file, node)?,
            "artifacts" => pipeline.artifacts = reports::artifacts(file, node)?,
            _ => {
                let items = file.list(node, "'datasets'")?;
                pipeline.datasets = items.iter().map(Node::to_value).collect();
            }
        }
    }
    check::outputs(file, &pipeline.stages, &placed)?;
    check::cycles(file, &pipeline.stages, &placed)?;
    Ok(pipeline)
}

/// Reads one stage, and where its parts stand into `place`.
fn stage<'n>(file: File<'_>, name: &str, node: &'n Node, place: &mut Placed<'n>) -> Result<Stage> {
    let whole = format!("stage '{name}'");
    if name.is_empty() {
        return Err(file.error(place.name, "a stage without a name"));
    }
    refuse_later_keys(file, node, &format!("in {whole}"))?;
    let entries = file.known_map(node, &whole, STAGE_KEYS)?;
    let find = |wanted| {
        let entry = entries.iter().find(|(key, _, _)| *key == wanted);
        entry.map(|(_, _, value)| *value)
    };
    let Some(command_node) = find("cmd") else {
        return Err(file.error(place.name, format!("{whole} has no 'cmd'")));
    };
    let mut stage = Stage {
        name: name.to_owned(),
        cmd: command(file, command_node, &whole)?,
        ..Stage::default()
    };
    stage.wdir = match find("wdir") {
        Some(node) => file.path(file.folder, node, &format!("'wdir' of {whole}"))?,
        None => file.folder.to_owned(),
    };
    let mut paths = Paths {
        file,
        base: stage.wdir.clone(),
        spellings: IndexMap::new(),
    };
    for (key, _, value) in &entries {
        let what = format!("'{key}' of {whole}");
        match *key {
            "deps" => {
                for item in file.list(value, &what)? {
                    let path = paths.read(item, &what)?;
                    place.inputs.push((path.clone(), item));
                    if !stage.deps.contains(&path) {
                        stage.deps.push(path);
                    }
                }
            }
            "params" => stage.params = params(&mut paths, value, &what, place)?,
            "frozen" => stage.frozen = file.flag(value, &what)?,
            "always_changed" => stage.always_changed = file.flag(value, &what)?,
            "desc" => stage.desc = Some(file.text(value, &what)?),
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
    (stage.outs, place.outs) = outs.into_iter().unzip();
    stage.spellings = paths.spellings;
    let mut deps = std::mem::take(&mut stage.deps);
    deps.sort_by(|a, b| stage.written(a).cmp(stage.written(b)));
    stage.deps = deps;
    Ok(stage)
}

fn command(file: File<'_>, node: &Node, whole: &str) -> Result<Command> {
    let what = format!("'cmd' of {whole}");
    let command = match node.as_list() {
        Some(items) => {
            let items: Result<Vec<String>> =
                items.iter().map(|item| file.text(item, &what)).collect();
            Command::List(items?)
        }
        None if node.as_map().is_some() || node.is_null() => {
            return Err(file.wrong(node, &what, "a command or a list of commands"));
        }
        None => Command::Text(file.text(node, &what)?),
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
fn params<'n>(
    paths: &mut Paths<'_>,
    node: &'n Node,
    what: &str,
    place: &mut Placed<'n>,
) -> Result<Vec<ParamsDependency>> {
    let file = paths.file;
    // by path: the keys, and whether the file is wanted as a whole
    let mut files: IndexMap<String, (Vec<String>, bool)> = IndexMap::new();
    for item in file.list(node, what)? {
        if item.as_map().is_none() {
            let key = file.text(item, what)?;
            let path = super::paths::join(&paths.base, DEFAULT_PARAMS)
                .map_err(|problem| file.bad_path(item, what, DEFAULT_PARAMS, problem))?;
            if path != DEFAULT_PARAMS {
                let written = DEFAULT_PARAMS.to_owned();
                paths.spellings.insert(path.clone(), written);
            }
            place.inputs.push((path.clone(), item));
            files.entry(path).or_default().0.push(key);
            continue;
        }
        for (written, path_node, keys) in file.map(item, what)? {
            let path = paths.read(path_node, what)?;
            place.inputs.push((path.clone(), path_node));
            let (all, whole) = files.entry(path).or_default();
            if keys.is_null() || keys.as_list().is_some_and(<[Node]>::is_empty) {
                *whole = true;
                continue;
            }
            let what = format!("'{written}' in {what}");
            for key in file.list(keys, &what)? {
                all.push(file.text(key, &what)?);
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

fn refuse_later_keys(file: File<'_>, node: &Node, place: &str) -> Result<()> {
    let Some(entries) = node.as_map() else {
        return Ok(());
    };
    for (key, _) in entries {
        if let Some(name) = key.as_str().filter(|name| LATER_KEYS.contains(name)) {
            return Err(file.unsupported(
                key,
                &format!("'{name}' {place} is not supported yet"),
                "write the stages and their values out",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, Kind};
    use crate::value::Value;
    use proptest::prelude::*;

    const TUTORIAL: &str = "\
stages:
  train:
    cmd: python train.py
    deps:
    - train.py
    - data/MNIST
    params:
    - seed
    - lr
    - other.yaml:
      - a.b
    - whole.toml:
    outs:
    - model.pt:
        checkpoint: true
    metrics:
    - dvclive/metrics.json:
        cache: false
        persist: true
    plots:
    - predictions.json:
        cache: false
        template: confusion
        x: actual
    desc: trains
    meta: {a: 1}
    frozen: false
    always_changed: true
";

    fn parsed(text: &str) -> Pipeline {
        parse(text, "dvc.yaml").unwrap()
    }

    fn refused(text: &str) -> Error {
        parse(text, "dvc.yaml").unwrap_err()
    }

    /// The message and the hints, one a line.
    fn said(text: &str) -> String {
        let error = refused(text);
        let mut lines = vec![error.to_string()];
        lines.extend(error.hints().iter().cloned());
        lines.join("\n")
    }

    /// A file with one stage that has this line in it.
    fn with(line: &str) -> String {
        format!("stages:\n  train:\n    cmd: echo\n    {line}\n")
    }

    #[test]
    fn reads_a_whole_stage() {
        let pipeline = parsed(TUTORIAL);
        let stage = &pipeline.stages[0];
        assert_eq!(stage.name, "train");
        assert_eq!(stage.cmd, Command::Text("python train.py".into()));
        assert_eq!(stage.deps, ["data/MNIST", "train.py"]);
        let params: Vec<_> = stage
            .params
            .iter()
            .map(|params| (params.file.as_str(), params.keys.clone()))
            .collect();
        assert_eq!(
            params,
            [
                ("params.yaml", Some(vec!["seed".into(), "lr".into()])),
                ("other.yaml", Some(vec!["a.b".into()])),
                ("whole.toml", None),
            ]
        );
        let outs: Vec<_> = stage
            .outs
            .iter()
            .map(|out| {
                (
                    out.path.as_str(),
                    out.kind,
                    out.cache,
                    out.persist,
                    out.checkpoint,
                )
            })
            .collect();
        assert_eq!(
            outs,
            [
                ("model.pt", OutputKind::Out, true, false, true),
                (
                    "dvclive/metrics.json",
                    OutputKind::Metric,
                    false,
                    true,
                    false
                ),
                ("predictions.json", OutputKind::Plot, false, false, false),
            ]
        );
        let props = stage.outs[2].props.as_map().unwrap();
        assert_eq!(props.get("template"), Some(&Value::from("confusion")));
        assert_eq!(props.len(), 2);
        assert_eq!(stage.outs[0].props, Value::Null);
        assert_eq!(stage.desc.as_deref(), Some("trains"));
        assert!(stage.meta.is_some() && stage.always_changed && !stage.frozen);
        assert!(stage.has_checkpoint());
        assert!(stage.spellings.is_empty());
    }

    #[test]
    fn joins_paths_to_wdir_and_remembers_how_they_were_written() {
        let pipeline = parsed(
            "stages:
  train:
    cmd: echo
    wdir: sub
    deps: [../data/, ./train.py]
    params: [lr]
    outs:
    - model.pt
    - /dev/../../x
"
            .replace("    - /dev/../../x\n", "")
            .as_str(),
        );
        let stage = &pipeline.stages[0];
        assert_eq!(stage.wdir, "sub");
        assert_eq!(stage.deps, ["data", "sub/train.py"]);
        assert_eq!(stage.written("data"), "../data/");
        assert_eq!(stage.written("sub/train.py"), "./train.py");
        assert_eq!(stage.written("sub/model.pt"), "model.pt");
        assert_eq!(stage.params[0].file, "sub/params.yaml");
        assert_eq!(stage.written("sub/params.yaml"), "params.yaml");
        assert_eq!(stage.written("elsewhere"), "elsewhere");
    }

    #[test]
    fn unescapes_what_dvc_would() {
        let pipeline = parsed(&with("deps: ['\\${x}']"));
        assert_eq!(pipeline.stages[0].deps, ["${x}"]);
        let pipeline = parsed("stages:\n  a:\n    cmd:\n    - echo \\${HOME}\n    - echo $HOME\n");
        assert_eq!(
            pipeline.stages[0].cmd.lines(),
            ["echo ${HOME}", "echo $HOME"]
        );
    }

    #[test]
    fn honours_live_of_old_files() {
        let pipeline = parsed(&with("live: {dvclive: {html: false}}"));
        let stage = &pipeline.stages[0];
        let live = stage.live.as_ref().unwrap();
        assert_eq!(
            (live.path.as_str(), live.summary, live.html),
            ("dvclive", true, false)
        );
        let outs: Vec<_> = stage
            .outs
            .iter()
            .map(|out| (out.path.as_str(), out.kind, out.cache, out.persist))
            .collect();
        assert_eq!(
            outs,
            [
                ("dvclive", OutputKind::Plot, false, true),
                ("dvclive.json", OutputKind::Metric, false, true),
            ]
        );
        let pipeline = parsed(&with("live: {logs/: {summary: false, cache: true}}"));
        let stage = &pipeline.stages[0];
        assert_eq!(stage.outs.len(), 1);
        assert!(stage.outs[0].cache);
        assert_eq!(
            parsed(&with("live: logs")).stages[0].outs[1].path,
            "logs.json"
        );
    }

    #[test]
    fn reads_what_stands_at_the_top() {
        let pipeline = parsed(
            "params: [dvclive/params.yaml]
metrics: [dvclive/metrics.json, ./dvclive/metrics.json]
plots:
- logs.csv
- dvclive/plots/metrics:
    x: step
- Both:
    x: {a.csv: step}
    y: {./a.csv: [acc, loss], b.csv: acc}
    title: Both
- empty.csv:
artifacts:
  best: {path: model.pt, type: model, labels: [a]}
datasets:
- {name: x, url: y}
",
        );
        assert_eq!(pipeline.params, ["dvclive/params.yaml"]);
        assert_eq!(pipeline.metrics, ["dvclive/metrics.json"]);
        let plots: Vec<_> = pipeline
            .plots
            .iter()
            .map(|plot| (plot.id.as_str(), plot.files.join(" ")))
            .collect();
        assert_eq!(
            plots,
            [
                ("logs.csv", "logs.csv".to_owned()),
                ("dvclive/plots/metrics", "dvclive/plots/metrics".to_owned()),
                ("Both", "a.csv b.csv".to_owned()),
                ("empty.csv", "empty.csv".to_owned()),
            ]
        );
        assert!(pipeline.artifacts.contains_key("best"));
        assert_eq!(pipeline.datasets.len(), 1);
        let map_form = parsed("plots:\n  a.csv:\n    x: s\n  b.csv:\n");
        assert_eq!(map_form.plots.len(), 2);
        assert_eq!(parsed("").stages, []);
        assert_eq!(parsed("stages: {}\n").stages, []);
    }

    #[test]
    fn takes_reports_of_a_file_in_a_folder() {
        let text = "params:\n- params.yaml\nmetrics:\n- metrics.json\nplots:\n- plots/metrics:\n    x: step\n";
        let other = parse_in(text, "dvclive/dvc.yaml", "dvclive").unwrap();
        let mut pipeline = parsed("metrics: [dvclive/metrics.json]\n");
        pipeline.absorb_reports(other);
        assert_eq!(pipeline.metric_files(), ["dvclive/metrics.json"]);
        assert_eq!(pipeline.params, ["dvclive/params.yaml"]);
        assert_eq!(pipeline.plots[0].files, ["dvclive/plots/metrics"]);
    }

    #[test]
    fn names_the_place_the_key_and_the_choice() {
        assert_eq!(
            said(&with("dep: [a]")),
            "cannot parse 'dvc.yaml', line 4, column 5: unknown key 'dep' in stage 'train'\n\
             did you mean 'deps'?\n\
             allowed there: cmd, wdir, deps, params, outs, metrics, plots, frozen, always_changed, desc, meta, live"
        );
        assert_eq!(
            said("stage:\n  a: {cmd: b}\n"),
            "cannot parse 'dvc.yaml', line 1, column 1: unknown key 'stage' in the file\n\
             did you mean 'stages'?\n\
             allowed there: stages, params, metrics, plots, artifacts, datasets"
        );
        assert_eq!(
            said(&with("outs: [{a: {cached: false}}]")),
            "cannot parse 'dvc.yaml', line 4, column 17: unknown key 'cached' in 'a' in 'outs' of stage 'train'\n\
             did you mean 'cache'?\n\
             allowed there: cache, persist, checkpoint, remote, push, desc, type, labels, meta"
        );
        assert_eq!(
            said(&with("deps: a")),
            "cannot parse 'dvc.yaml', line 4, column 11: 'deps' of stage 'train' must be a list, not text"
        );
        assert_eq!(
            said(&with("deps: [1]")),
            "cannot parse 'dvc.yaml', line 4, column 12: 'deps' of stage 'train' must be text, not '1'\n\
             put it in quotes: '1'"
        );
        assert_eq!(
            said(&with("outs: [{a: {cache: no}}]")),
            "cannot parse 'dvc.yaml', line 4, column 24: 'cache' of 'a' in 'outs' of stage 'train' must be true or false, not text"
        );
        assert_eq!(
            said(&with("outs:\n    - a:\n")),
            "cannot parse 'dvc.yaml', line 5, column 8: 'a' in 'outs' of stage 'train' must be a mapping, not nothing\n\
             write '- a' without a colon"
        );
        assert_eq!(
            said("stages:\n  a:\n    deps: [b]\n"),
            "cannot parse 'dvc.yaml', line 2, column 3: stage 'a' has no 'cmd'"
        );
        assert_eq!(
            said("stages:\n  a:\n    cmd: ''\n"),
            "cannot parse 'dvc.yaml', line 3, column 10: 'cmd' of stage 'a' is empty"
        );
        assert!(said("stages:\n  a:\n    cmd: [echo, ' ']\n").contains("is empty"));
        assert!(said("stages:\n  a:\n    cmd: []\n").contains("is empty"));
        assert!(
            said("stages:\n  a: {cmd: b}\n  a: {cmd: c}\n")
                .contains("line 3, column 3: duplicate key 'a'")
        );
        assert!(said("stages:\n  1: {cmd: b}\n").contains("must be text, not '1'"));
        assert!(said("stages:\n").contains("'stages' must be a mapping, not nothing"));
        assert!(said("- a\n").contains("the file must be a mapping, not a list"));
        assert!(said(&with("params: [2020-01-01]")).contains("not the date 2020-01-01"));
        assert!(said("artifacts: {a: {type: b}}\n").contains("artifact 'a' has no 'path'"));
        assert_eq!(refused(&with("dep: 1")).kind(), Kind::Corrupt);
    }

    #[test]
    fn refuses_what_is_not_built_yet_by_name() {
        for (text, name) in [
            ("vars: [a.yaml]\n".to_owned(), "'vars' at the top"),
            (with("vars: [a.yaml]"), "'vars' in stage 'train'"),
            (
                "stages:\n  a:\n    foreach: [1]\n    do: {cmd: b}\n".to_owned(),
                "'foreach' in stage 'a'",
            ),
            (with("matrix: {a: [1]}"), "'matrix' in stage 'train'"),
            (
                with("deps: ['${file}']"),
                "templating is not supported yet: '${file}'",
            ),
            (
                with("desc: a ${b} c"),
                "templating is not supported yet: '${b}'",
            ),
            (
                with("deps: [/etc/passwd]"),
                "path '/etc/passwd' in 'deps' of stage 'train' is absolute",
            ),
            (
                with("outs: [../x]"),
                "path '../x' in 'outs' of stage 'train' is outside of the project",
            ),
            (
                with("deps: ['s3://b/x']"),
                "path 's3://b/x' in 'deps' of stage 'train' is a URL",
            ),
            (
                "metrics: [../m.json]\n".to_owned(),
                "path '../m.json' in top-level 'metrics'",
            ),
        ] {
            let error = refused(&text);
            let message = error.to_string();
            assert!(message.starts_with(name), "{message}");
            assert!(message.contains("not supported yet"), "{message}");
            assert!(message.contains("('dvc.yaml', line "), "{message}");
            assert_eq!(error.kind(), Kind::Refused, "{message}");
            assert!(!error.hints().is_empty(), "{message}");
        }
    }

    #[test]
    fn refuses_outputs_that_clash() {
        assert_eq!(
            said(
                "stages:\n  a:\n    cmd: x\n    outs: [m]\n  b:\n    cmd: y\n    metrics: [./m]\n"
            ),
            "cannot parse 'dvc.yaml', line 7, column 15: output 'm' of stage 'b' is also an output of stage 'a', line 4\n\
             each output needs a path of its own, outside of all others"
        );
        assert!(
            said("stages:\n  a:\n    cmd: x\n    outs: [d]\n  b:\n    cmd: y\n    outs: [d/e/f]\n")
                .contains(
                    "output 'd/e/f' of stage 'b' lies inside output 'd' of stage 'a', line 4"
                )
        );
        assert!(
            said("stages:\n  a:\n    cmd: x\n    outs: [d/e]\n    plots: [d/]\n")
                .contains("output 'd' of stage 'a' holds output 'd/e' of the same stage, line 4")
        );
        assert!(
            said("stages:\n  a:\n    cmd: x\n    deps: [m]\n    outs: [m]\n")
                .contains("line 4, column 12: stage 'a' both reads and writes 'm'")
        );
        assert!(
            said("stages:\n  a:\n    cmd: x\n    deps: [d]\n    outs: [d/m]\n")
                .contains("stage 'a' reads 'd' and writes 'd/m', which overlap")
        );
        assert!(
            said(&with("outs: [.]"))
                .contains("output '.' in 'outs' of stage 'train' holds the pipeline itself")
        );
        assert!(said(&with("outs: [.git/x]")).contains("belongs to git and DVC"));
        assert!(said(&with("outs: [a/dvc.yaml]")).contains("is a file of the pipeline"));
        // neighbours, not clashes
        parsed("stages:\n  a:\n    cmd: x\n    outs: [d, d-e, d.json, de/f]\n");
    }

    #[test]
    fn refuses_cycles_and_shows_the_way() {
        assert_eq!(
            said(
                "stages:
  a: {cmd: x, deps: [three], outs: [one]}
  b: {cmd: x, deps: [one/part], outs: [two]}
  c: {cmd: x, deps: [two], outs: [three]}
  d: {cmd: x, deps: [one]}
"
            ),
            "cannot parse 'dvc.yaml', line 2, column 3: the stages form a cycle: a -> b -> c -> a\n\
             'a' writes 'one/part', which 'b' reads\n\
             'b' writes 'two', which 'c' reads\n\
             'c' writes 'three', which 'a' reads"
        );
    }

    #[test]
    fn a_long_chain_needs_no_deep_stack() {
        let mut text = String::from("stages:\n");
        for n in (0..20_000).rev() {
            text += &format!("  s{n}: {{cmd: x, deps: [f{n}], outs: [f{}]}}\n", n + 1);
        }
        let pipeline = parsed(&text);
        let order = pipeline.order(&[]).unwrap();
        assert_eq!(order[0].name, "s0");
        assert_eq!(order[19_999].name, "s19999");
    }

    /// Lines that meet in real files, cut and mixed.
    fn scrap() -> impl Strategy<Value = String> {
        let words = [
            "stages:",
            "a:",
            "b:",
            "cmd:",
            "deps:",
            "outs:",
            "params:",
            "metrics:",
            "plots:",
            "wdir:",
            "live:",
            "cache: false",
            "- x",
            "- a/b",
            "- x:",
            "- ../y",
            "[x, {y: z}]",
            "{}",
            "''",
            "${a}",
            "1",
            "~",
            "- - q",
            "foreach: [1]",
            "&m",
            "*m",
            "<<: *m",
            "|",
            "é",
            "2020-01-01",
            "\"\\0\"",
            "/",
            ".",
        ];
        let word = prop_oneof![
            8 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
            1 => ".{0,8}",
        ];
        let line = (0usize..5, word.clone(), proptest::option::of(word)).prop_map(
            |(depth, first, second)| {
                format!(
                    "{}{first} {}",
                    "  ".repeat(depth),
                    second.unwrap_or_default()
                )
            },
        );
        proptest::collection::vec(line, 0..14).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in ".{0,200}") {
            let _ = parse(&text, "dvc.yaml");
        }

        #[test]
        fn any_scrap_of_a_pipeline_parses_or_fails(text in scrap()) {
            if let Ok(pipeline) = parse(&text, "dvc.yaml") {
                let order = pipeline.order(&[]).unwrap();
                prop_assert_eq!(order.len(), pipeline.stages.len());
                let _ = (pipeline.metric_files(), pipeline.param_files(), pipeline.plot_entries());
            }
        }
    }
}
