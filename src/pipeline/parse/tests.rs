use super::super::stage::{Command, Output, OutputKind};
use super::super::template::Alone;
use super::*;
use crate::error::{Error, Kind};
use crate::pipeline::project::Project;
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
    parse(text, "dvc.yaml", &Alone).unwrap()
}

fn refused(text: &str) -> Error {
    parse(text, "dvc.yaml", &Alone).unwrap_err()
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
- {name: x, type: url, url: y}
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
    let text =
        "params:\n- params.yaml\nmetrics:\n- metrics.json\nplots:\n- plots/metrics:\n    x: step\n";
    let mut project = Project::new("");
    project.add("dvc.yaml", "metrics: [dvclive/metrics.json]\n", &Alone);
    project.add("dvclive/dvc.yaml", text, &Alone);
    let pipeline = project.finish().unwrap();
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
             allowed there: cmd, wdir, deps, params, outs, metrics, plots, frozen, always_changed, desc, meta, live, vars, foreach, do, matrix"
    );
    assert_eq!(
        said("stage:\n  a: {cmd: b}\n"),
        "cannot parse 'dvc.yaml', line 1, column 1: unknown key 'stage' in the file\n\
             did you mean 'stages'?\n\
             allowed there: stages, vars, params, metrics, plots, artifacts, datasets"
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
        "cannot parse 'dvc.yaml', line 4, column 12: an item of 'deps' of stage 'train' must be a path, not '1'\n\
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
fn addresses_are_for_dependencies_and_outputs() {
    let pipeline = parsed(&with("deps: ['s3://b/x', 'ds://cats', 'HTTPS://y/z', in]"));
    assert_eq!(
        pipeline.stages[0].deps,
        ["HTTPS://y/z", "ds://cats", "in", "s3://b/x"]
    );
    let message = said(&with("deps: ['remote://r/x']"));
    assert!(message.contains("is in a remote that DVC's config does not have"));
    // whether anybody can keep such an output is for the run to say
    let pipeline = parsed(&with("outs: ['s3://b/x', out]"));
    assert_eq!(pipeline.stages[0].outs[0].path, "out");
    assert_eq!(pipeline.stages[0].outside_outs[0].path, "s3://b/x");
    let error = refused(&with("wdir: s3://b/x"));
    let message = error.to_string();
    assert!(
        message.starts_with("path 's3://b/x' in 'wdir' of stage 'train' is a URL"),
        "{message}"
    );
    assert!(message.contains("('dvc.yaml', line "), "{message}");
    assert_eq!(error.kind(), Kind::Refused, "{message}");
    assert!(!error.hints().is_empty(), "{message}");
}

#[test]
fn an_output_that_stands_twice_in_a_list_has_the_flags_of_both() {
    let pipeline = parsed(
        "stages:\n  a:\n    cmd: x\n    outs: [{m: {cache: false, desc: d}}, m, {m: {persist: true, desc: e}}]\n    plots: [{p: {x: a, y: b}}, {p: {x: c}}]\n",
    );
    let outs = &pipeline.stages[0].outs;
    let flags = |out: &Output| (out.path.clone(), out.cache, out.persist);
    let found: Vec<_> = outs.iter().map(flags).collect();
    assert_eq!(
        found,
        [("m".to_owned(), false, true), ("p".to_owned(), true, false)]
    );
    assert_eq!(outs[0].props.to_python_json(), r#"{"desc": "e"}"#);
    assert_eq!(outs[1].props.to_python_json(), r#"{"x": "c", "y": "b"}"#);
    // DVC stumbles over these
    assert!(
        said("stages:\n  a:\n    cmd: x\n    plots: [{p: [{x: a}]}, {p: {x: c}}]\n")
            .contains("output 'p' of stage 'a' is also an output of the same stage, line 4")
    );
}

#[test]
fn refuses_outputs_that_clash() {
    assert_eq!(
        said("stages:\n  a:\n    cmd: x\n    outs: [m]\n  b:\n    cmd: y\n    metrics: [./m]\n"),
        "cannot parse 'dvc.yaml', line 7, column 15: output 'm' of stage 'b' is also an output of stage 'a', line 4\n\
             each output needs a path of its own, outside of all others"
    );
    assert!(
        said("stages:\n  a:\n    cmd: x\n    outs: [d]\n  b:\n    cmd: y\n    outs: [d/e/f]\n")
            .contains("output 'd/e/f' of stage 'b' lies inside output 'd' of stage 'a', line 4")
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
        "foreach: ${a}",
        "do: {cmd: \"${item} ${key}\"}",
        "matrix: {a: [1, ${b}], b: ${a}}",
        "vars: [{a: [1, {b: 2}], b: x}]",
        "vars: [a.yaml, \"b:c\"]",
        "cmd: x ${a[0]} \\${b} ${a",
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
    let line =
        (0usize..5, word.clone(), proptest::option::of(word)).prop_map(|(depth, first, second)| {
            format!(
                "{}{first} {}",
                "  ".repeat(depth),
                second.unwrap_or_default()
            )
        });
    proptest::collection::vec(line, 0..14).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn any_text_parses_or_fails(text in ".{0,200}") {
        if let Err(error) = parse(&text, "dvc.yaml", &Alone) {
            prop_assert!(error.chain().contains("'dvc.yaml', line "), "{}", error.chain());
        }
    }

    #[test]
    fn any_scrap_of_a_pipeline_parses_or_fails(text in scrap()) {
        match parse(&text, "dvc.yaml", &Alone) {
            Ok(pipeline) => {
                let order = pipeline.order(&[]).unwrap();
                prop_assert_eq!(order.len(), pipeline.stages.len());
                let _ = (pipeline.metric_files(), pipeline.param_files(), pipeline.plot_entries());
            }
            Err(error) => {
                prop_assert!(error.chain().contains("line "), "{}", error.chain());
            }
        }
    }
}
