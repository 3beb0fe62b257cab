//! Keys that nobody knows, at every level of the files.

use super::{Place, read};
use std::collections::BTreeMap;

const OUTPUT: &[&str] = &[
    "cache",
    "persist",
    "checkpoint",
    "remote",
    "push",
    "desc",
    "type",
    "labels",
    "meta",
];
const PLOT: &[&str] = &[
    "template", "x", "y", "x_label", "y_label", "title", "header",
];
const STAGE: &[&str] = &[
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
const LOCKED: &[&str] = &[
    "path",
    "hash",
    "md5",
    "size",
    "nfiles",
    "isexec",
    "etag",
    "checksum",
    "version_id",
    "cloud",
    "files",
    "dataset",
];
const ADDED: &[&str] = &[
    "path",
    "md5",
    "hash",
    "size",
    "nfiles",
    "isexec",
    "cache",
    "remote",
    "push",
    "persist",
    "desc",
    "type",
    "labels",
    "meta",
    "etag",
    "checksum",
    "version_id",
    "cloud",
    "files",
    "fs_config",
    "metric",
    "plot",
    "checkpoint",
];
const IMPORTED: &[&str] = &[
    "path",
    "md5",
    "hash",
    "size",
    "nfiles",
    "isexec",
    "persist",
    "etag",
    "checksum",
    "version_id",
    "cloud",
    "files",
    "fs_config",
    "repo",
    "db",
];

/// Every level that has keys of its own: a text with an unknown one at §, how it is called, what it may be.
fn levels() -> Vec<(&'static str, &'static str, &'static str, Vec<&'static str>)> {
    let plot = [OUTPUT, PLOT].concat();
    vec![
        (
            "dvc.yaml",
            "§: x\n",
            "the file",
            vec![
                "stages",
                "vars",
                "params",
                "metrics",
                "plots",
                "artifacts",
                "datasets",
            ],
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    cmd: x\n    §: x\n",
            "stage 'a'",
            STAGE.to_vec(),
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    foreach: [k]\n    do: {cmd: x}\n    §: x\n",
            "stage 'a'",
            vec!["foreach", "do"],
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    foreach: [k]\n    do:\n      cmd: x\n      §: x\n",
            "stage 'a@k'",
            STAGE.to_vec(),
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    matrix: {m: [k]}\n    cmd: x\n    §: x\n",
            "stage 'a@k'",
            STAGE.to_vec(),
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    cmd: x\n    outs:\n    - m:\n        §: x\n",
            "'m' in 'outs' of stage 'a'",
            OUTPUT.to_vec(),
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    cmd: x\n    metrics:\n    - m: {§: x}\n",
            "'m' in 'metrics' of stage 'a'",
            OUTPUT.to_vec(),
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    cmd: x\n    plots:\n    - m: {§: x}\n",
            "'m' in 'plots' of stage 'a'",
            plot.clone(),
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    cmd: x\n    plots:\n    - m:\n      - §: x\n",
            "an item of 'm' in 'plots' of stage 'a'",
            plot,
        ),
        (
            "dvc.yaml",
            "stages:\n  a:\n    cmd: x\n    live:\n      logs: {§: x}\n",
            "'live' of stage 'a'",
            vec!["summary", "html", "cache", "type"],
        ),
        (
            "dvc.yaml",
            "plots:\n- p:\n    §: x\n",
            "plot 'p'",
            vec!["x", "y", "x_label", "y_label", "title", "template"],
        ),
        (
            "dvc.yaml",
            "artifacts:\n  m:\n    path: p\n    §: x\n",
            "artifact 'm'",
            vec!["path", "desc", "type", "labels", "meta"],
        ),
        (
            "dvc.lock",
            "schema: '2.0'\n§: x\n",
            "the file",
            vec!["schema", "stages", "datasets"],
        ),
        (
            "dvc.lock",
            "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    §: x\n",
            "stage 'a'",
            vec!["cmd", "deps", "params", "outs"],
        ),
        (
            "dvc.lock",
            "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    deps:\n    - path: d\n    - path: e\n      §: x\n",
            "entry 2 of 'deps' of stage 'a'",
            LOCKED.to_vec(),
        ),
        (
            "dvc.lock",
            "schema: '2.0'\nstages:\n  a:\n    cmd: x\n    outs:\n    - path: d\n      §: x\n",
            "entry 1 of 'outs' of stage 'a'",
            LOCKED.to_vec(),
        ),
        (
            "d.dvc",
            "outs: []\n§: x\n",
            "the file",
            vec![
                "outs",
                "deps",
                "wdir",
                "frozen",
                "md5",
                "desc",
                "meta",
                "always_changed",
                "locked",
            ],
        ),
        (
            "d.dvc",
            "outs:\n- path: m\n  §: x\n",
            "entry 1 of 'outs'",
            ADDED.to_vec(),
        ),
        (
            "d.dvc",
            "deps:\n- path: m\n  §: x\nouts: []\n",
            "entry 1 of 'deps'",
            IMPORTED.to_vec(),
        ),
    ]
}

/// How people mistype a word: a letter less, one twice, two swapped, in capitals, with a dash.
fn mistyped(word: &str) -> Vec<String> {
    let mut found = vec![word.to_uppercase()];
    if word.len() > 2 {
        found.push(word[..word.len() - 1].to_owned());
        found.push(format!("{}{word}", &word[..1]));
        found.push(format!(
            "{}{}{}",
            &word[..word.len() - 2],
            &word[word.len() - 1..],
            &word[word.len() - 2..word.len() - 1]
        ));
        found.push(word.replace('_', "-"));
    }
    found.retain(|typed| typed != word);
    found
}

#[test]
fn an_unknown_key_is_named_with_those_that_are_allowed_and_the_nearest() {
    let mut count = 0;
    for (file, text, whole, allowed) in levels() {
        let place = Place {
            file: file.to_owned(),
            text: text.to_owned(),
            says: String::new(),
            allowed: String::new(),
            items: String::new(),
            only: String::new(),
            verdicts: BTreeMap::new(),
        };
        let (line, column) = place.start();
        for word in &allowed {
            for typed in mistyped(word)
                .into_iter()
                .filter(|typed| !allowed.contains(&typed.as_str()))
            {
                let error = read(file, &place.with(&typed)).expect_err(&typed);
                assert_eq!(
                    error.to_string(),
                    format!(
                        "cannot parse '{file}', line {line}, column {column}: unknown key '{typed}' in {whole}"
                    )
                );
                let [meant, choice] = error.hints() else {
                    panic!("{typed} in {whole}: {:?}", error.hints());
                };
                // 'des' is as near to 'deps' as to 'desc', 'ffiles' to 'nfiles' as to 'files'
                let is_near = |near: &&&str| *meant == format!("did you mean '{near}'?");
                let near = allowed.iter().find(is_near).expect(meant);
                let is_short = |word: &str| word.len() < 6;
                assert!(
                    near == word || is_short(word) || is_short(near),
                    "{typed}: {meant}"
                );
                assert_eq!(*choice, format!("allowed there: {}", allowed.join(", ")));
                count += 1;
            }
        }
        let error = read(file, &place.with("nothing_like_it")).expect_err(whole);
        assert_eq!(error.hints().len(), 1, "{:?}", error.hints());
    }
    assert!(count > 500, "{count}");
}
