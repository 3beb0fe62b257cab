//! The projects of `tests/fixtures/templating`, resolved by DVC 3.67.1.

use super::{Sources, Unpacking};
use crate::error::{Error, Result};
use crate::pipeline::{OutputKind, Pipeline, Stage, parse};
use crate::value::{Map, Value};
use crate::yaml::fixture;
use serde_json::json;

struct Project<'c>(&'c serde_json::Value);

impl Sources for Project<'_> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let text = self.0.get(path).and_then(serde_json::Value::as_str);
        Ok(text.map(|text| text.as_bytes().to_vec()))
    }

    fn unpacking(&self) -> Result<Unpacking> {
        let config = self.0["config"].as_str().unwrap_or_default();
        if config.contains("sometimes") {
            return Err(Error::refused("bad config"));
        }
        Ok(Unpacking {
            negates_false: config.contains("boolean_optional"),
            repeats_name: config.contains("append"),
        })
    }

    fn root(&self) -> &str {
        ""
    }

    fn remote(&self, _name: &str) -> Result<Option<String>> {
        Ok(None)
    }
}

fn resolve(files: &serde_json::Value) -> Result<Pipeline> {
    let text = files["dvc.yaml"].as_str().unwrap();
    parse::parse(text, "dvc.yaml", &Project(files))
}

/// Returns a stage as `generate.py` has it, but for what has types.
fn plain(stage: &Stage) -> serde_json::Value {
    let mut outs: Vec<_> = stage
        .outs
        .iter()
        .map(|out| {
            let kind = match out.kind {
                OutputKind::Out => "out",
                OutputKind::Metric => "metric",
                OutputKind::Plot => "plot",
            };
            json!([
                stage.written(&out.path),
                kind,
                out.cache,
                out.persist,
                out.remote
            ])
        })
        .collect();
    outs.sort_by_key(|out| out.to_string());
    let params: serde_json::Map<String, serde_json::Value> = stage
        .params
        .iter()
        .map(|params| {
            let keys = params.keys.clone().unwrap_or_default();
            (stage.written(&params.file).to_owned(), json!(keys))
        })
        .collect();
    let wdir = match stage.wdir.as_str() {
        "" => ".",
        wdir => wdir,
    };
    json!({
        "name": stage.name,
        "wdir": wdir,
        "deps": stage.deps.iter().map(|dep| stage.written(dep)).collect::<Vec<_>>(),
        "params": params,
        "outs": outs,
        "frozen": stage.frozen,
        "desc": stage.desc,
    })
}

/// Says how our reading of a project differs from DVC's; nothing if it does not.
fn difference(files: &serde_json::Value, theirs: &serde_json::Value) -> Option<String> {
    let ours = resolve(files);
    let theirs = match (&ours, theirs.get("refused")) {
        (Err(_), Some(_)) => return None,
        (Ok(_), Some(why)) => return Some(format!("DVC refuses: {why}")),
        (Err(error), None) => return Some(format!("we refuse: {error}")),
        (Ok(_), None) => theirs,
    };
    let ours = ours.unwrap();
    let stages = theirs["stages"].as_array().unwrap();
    let names = |stages: &mut dyn Iterator<Item = &str>| stages.collect::<Vec<_>>().join(" ");
    let our_names = names(&mut ours.stages.iter().map(|stage| stage.name.as_str()));
    let their_names = names(&mut stages.iter().map(|stage| stage["name"].as_str().unwrap()));
    if our_names != their_names {
        return Some(format!("stages: {our_names}\n   DVC: {their_names}"));
    }
    let mut used = Map::new();
    for (ours, theirs) in ours.stages.iter().zip(stages) {
        let mut rest = theirs.clone();
        let mut typed = |key: &str| {
            let value = rest.as_object_mut().unwrap().remove(key).unwrap();
            fixture::value(&value)
        };
        let (cmd, meta, vars) = (typed("cmd"), typed("meta"), typed("vars"));
        for (file, params) in vars.as_map().unwrap() {
            let known = used.entry(file.clone()).or_insert(Value::from(Map::new()));
            let Value::Map(known) = known else {
                unreachable!()
            };
            known.extend(params.as_map().unwrap().clone());
        }
        let our_cmd = ours.cmd.to_value();
        let our_meta = ours.meta.clone().unwrap_or(Value::Null);
        for (ours, theirs) in [(our_cmd, cmd), (our_meta, meta)] {
            if !fixture::identical(&ours, &theirs) {
                return Some(format!("{ours:?}\n   DVC: {theirs:?}"));
            }
        }
        let plain = plain(ours);
        if plain != rest {
            return Some(format!("{plain}\n   DVC: {rest}"));
        }
    }
    let our_used = ours.vars.iter();
    let our_used = our_used.map(|(file, params)| (file.into(), Value::from(params.clone())));
    let paths =
        |paths: &[String]| Value::List(paths.iter().map(|path| path.as_str().into()).collect());
    let plots = ours.plots.iter().map(|plot| match &plot.props {
        Value::Null => plot.id.as_str().into(),
        props => Value::from(Map::from_iter([(plot.id.as_str().into(), props.clone())])),
    });
    let pairs = [
        (Value::Map(our_used.collect()), Value::from(used)),
        (paths(&ours.metrics), fixture::value(&theirs["metrics"])),
        (paths(&ours.params), fixture::value(&theirs["params"])),
        (
            Value::List(plots.collect()),
            fixture::value(&theirs["plots"]),
        ),
        (
            Value::from(ours.artifacts),
            fixture::value(&theirs["artifacts"]),
        ),
    ];
    let differs = |(ours, theirs): &&(Value, Value)| !fixture::identical(ours, theirs);
    let (ours, theirs) = pairs.iter().find(differs)?;
    Some(format!("{ours:?}\n   DVC: {theirs:?}"))
}

#[test]
fn every_project_is_resolved_as_dvc_does_it() {
    let text = include_str!("../../../tests/fixtures/templating/resolved.json");
    let cases: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    assert!(cases.len() >= 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        let difference = difference(&case["files"], &case["dvc"]);
        match (case.get("ours"), difference) {
            (None, Some(difference)) => wrong.push(format!("{}: {difference}", case["name"])),
            (Some(_), None) => wrong.push(format!("{}: no difference any more", case["name"])),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The message and the hints, one a line.
fn said(dvc_yaml: &str) -> String {
    let files = json!({
        "dvc.yaml": dvc_yaml,
        "params.yaml": "lr: 0.1\nsizes: [1, 2]\nopt: {name: sgd, on: true}\nn: 3\n",
    });
    let error = resolve(&files).unwrap_err();
    let mut lines = vec![error.to_string()];
    lines.extend(error.hints().iter().cloned());
    lines.join("\n")
}

fn stage(line: &str) -> String {
    said(&format!("stages:\n  a:\n    cmd: echo\n    {line}\n"))
}

#[test]
fn names_the_place_and_what_is_wrong_there() {
    for (line, expected) in [
        (
            "deps: ['${lr2}']",
            "cannot parse 'dvc.yaml', line 4, column 12: '${lr2}' in 'deps' of stage 'a' has no value\n\
             did you mean '${lr}'?",
        ),
        (
            "desc: a ${zzzzzzz}",
            "cannot parse 'dvc.yaml', line 4, column 11: '${zzzzzzz}' in 'desc' of stage 'a' has no value\n\
             values come from 'params.yaml' and 'vars'; write '\\${' for a variable of the shell",
        ),
        (
            "desc: ${a..b}",
            "cannot parse 'dvc.yaml', line 4, column 11: '${a..b}' in 'desc' of stage 'a' is malformed\n\
             write ${name}, ${name.nested} or ${name[0]}, and '\\${' for a variable of the shell",
        ),
        (
            "outs: ['${sizes}']",
            "cannot parse 'dvc.yaml', line 4, column 12: '${sizes}' is a list, which cannot stand in 'outs' of stage 'a'",
        ),
        (
            "deps: ['${n}']",
            "cannot parse 'dvc.yaml', line 4, column 12: an item of 'deps' of stage 'a' must be a path, not '3' of the template '${n}'",
        ),
        (
            "frozen: ${opt.on}",
            "cannot parse 'dvc.yaml', line 4, column 13: 'frozen' of stage 'a' must be true or false, not 'true' of the template '${opt.on}'",
        ),
        (
            "vars: [b.yaml]",
            "cannot parse 'dvc.yaml', line 4, column 12: 'b.yaml' in 'vars' of stage 'a' does not exist",
        ),
        (
            "vars: [{opt: {name: x}}]",
            "cannot parse 'dvc.yaml', line 4, column 12: 'opt.name' of 'a.vars[0]' in 'vars' of stage 'a' is set twice\n\
             'params.yaml' has it already",
        ),
        (
            "matrix: {x: y}",
            "cannot parse 'dvc.yaml', line 4, column 17: 'x' in 'matrix' of stage 'a' must be a list, not text",
        ),
    ] {
        assert_eq!(stage(line), expected, "{line}");
    }
    assert_eq!(
        said("stages:\n  a:\n    foreach: [1]\n    cmd: x\n"),
        "cannot parse 'dvc.yaml', line 4, column 5: unknown key 'cmd' in stage 'a'\n\
         allowed there: foreach, do"
    );
    assert_eq!(
        said("stages:\n  a:\n    foreach: ${lr}\n    do: {cmd: x}\n"),
        "cannot parse 'dvc.yaml', line 3, column 14: 'foreach' of stage 'a' must be a list or a mapping, which '${lr}' is not"
    );
    assert_eq!(
        said("stages:\n  a:\n    foreach: [b@c]\n    do: {cmd: x}\n"),
        "cannot parse 'dvc.yaml', line 3, column 14: 'foreach' of stage 'a' makes a bad key 'b@c'\n\
         a key makes a name: not empty, and without '@'"
    );
    assert_eq!(
        said("stages:\n  a:\n    foreach: [b, c]\n    do: {cmd: x, dep: [y]}\n"),
        "cannot parse 'dvc.yaml', line 4, column 18: unknown key 'dep' in stage 'a@b'\n\
         did you mean 'deps'?\n\
         allowed there: cmd, wdir, deps, params, outs, metrics, plots, frozen, always_changed, desc, meta, live, vars, foreach, do, matrix"
    );
    let axes: Vec<String> = (0..20)
        .map(|axis| format!("a{axis}: [1, 2, 3, 4]"))
        .collect();
    let matrix = stage(&format!("matrix: {{{}}}", axes.join(", ")));
    assert!(
        matrix.ends_with("makes more than 100000 stages"),
        "{matrix}"
    );
}

#[test]
fn a_file_without_templates_needs_no_other() {
    let files =
        json!({"dvc.yaml": "stages:\n  a: {cmd: 'echo $HOME'}\n", "params.yaml": "[broken"});
    assert_eq!(resolve(&files).unwrap().stages.len(), 1);
    let files = json!({"dvc.yaml": "stages:\n  a: {cmd: 'echo ${x}'}\n", "params.yaml": "[broken"});
    let message = resolve(&files).unwrap_err().to_string();
    assert!(
        message.starts_with("cannot parse 'params.yaml', line 2"),
        "{message}"
    );
}
