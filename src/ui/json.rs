//! A listing as `dvc exp show --json` of 2.58 and 3.67 prints it: the same keys, the same text.

use super::created;
use crate::checkpoint::{FileData, NoteDependency, NoteOutput, Status};
use crate::listing::{Baseline, ExperimentRows, Listing, Row};
use crate::value::Value;
use indexmap::IndexMap;
use std::fmt::Write;

/// Returns the document, one line.
pub fn listing(listing: &Listing, hide_workspace: bool) -> String {
    let mut out = String::from("[");
    if !hide_workspace {
        push_state(&mut out, &listing.workspace, None, None);
    }
    for baseline in &listing.baselines {
        if out.len() > 1 {
            out.push_str(", ");
        }
        push_state(
            &mut out,
            &baseline.row,
            baseline.name.as_deref(),
            Some(baseline),
        );
    }
    out.push_str("]\n");
    out
}

fn push_state(out: &mut String, row: &Row, name: Option<&str>, baseline: Option<&Baseline>) {
    out.push_str("{\"rev\": ");
    push_revision(out, row);
    out.push_str(", \"name\": ");
    push_optional_text(out, name);
    out.push_str(", \"data\": ");
    match &row.error {
        None => push_data(out, row),
        Some(_) => out.push_str("null"),
    }
    out.push_str(", \"error\": ");
    match &row.error {
        None => out.push_str("null"),
        Some(message) => {
            out.push_str("{\"msg\": ");
            push_text(out, message);
            out.push_str(", \"type\": \"YAMLValidationError\"}");
        }
    }
    out.push_str(", \"experiments\": ");
    match baseline.map(|baseline| baseline.experiments.as_slice()) {
        None | Some([]) => out.push_str("null"),
        Some(experiments) => {
            out.push('[');
            for (position, experiment) in experiments.iter().enumerate() {
                push_separator(out, position);
                push_range(out, experiment);
            }
            out.push(']');
        }
    }
    out.push('}');
}

fn push_range(out: &mut String, experiment: &ExperimentRows) {
    out.push_str("{\"revs\": [");
    for (position, row) in experiment.chain.iter().enumerate() {
        push_separator(out, position);
        let name = (position == 0).then_some(experiment.name.as_str());
        push_state(out, row, name, None);
    }
    out.push_str("], \"executor\": ");
    push_executor(out, experiment);
    out.push_str(", \"name\": ");
    push_text(out, &experiment.name);
    out.push('}');
}

fn push_executor(out: &mut String, experiment: &ExperimentRows) {
    let (state, name, root, pid, code) = match (&experiment.running, experiment.status) {
        (Some(run), _) => {
            let root = Some(run.worktree.as_str());
            ("running", Some("workspace"), root, Some(run.pid), None)
        }
        (None, Some(Status::Failed)) => ("failed", None, None, None, experiment.exit),
        _ => return out.push_str("null"),
    };
    let _ = write!(out, "{{\"state\": \"{state}\", \"name\": ");
    push_optional_text(out, name);
    out.push_str(", \"local\": {\"root\": ");
    push_optional_text(out, root);
    out.push_str(", \"log\": null, \"pid\": ");
    push_optional(out, pid);
    out.push_str(", \"returncode\": ");
    push_optional(out, code);
    out.push_str(", \"task_id\": null}}");
}

fn push_data(out: &mut String, row: &Row) {
    out.push_str("{\"rev\": ");
    push_revision(out, row);
    out.push_str(", \"timestamp\": ");
    match row.time {
        Some(time) => {
            let _ = write!(out, "\"{}\"", created::iso(time));
        }
        None => out.push_str("null"),
    }
    out.push_str(", \"params\": ");
    push_map(out, &row.params, push_file);
    out.push_str(", \"metrics\": ");
    push_map(out, &row.metrics, push_file);
    out.push_str(", \"deps\": ");
    push_map(out, &row.deps, push_dependency);
    out.push_str(", \"outs\": ");
    push_map(out, &row.outs, push_output);
    let _ = write!(
        out,
        ", \"meta\": {{\"has_checkpoints\": {}}}}}",
        row.checkpoints
    );
}

fn push_revision(out: &mut String, row: &Row) {
    let _ = match row.id {
        Some(id) => write!(out, "\"{id}\""),
        None => write!(out, "\"workspace\""),
    };
}

fn push_map<T>(out: &mut String, map: &IndexMap<String, T>, push: fn(&mut String, &T)) {
    out.push('{');
    for (position, (key, item)) in map.iter().enumerate() {
        push_separator(out, position);
        push_text(out, key);
        out.push_str(": ");
        push(out, item);
    }
    out.push('}');
}

fn push_file(out: &mut String, data: &FileData) {
    match data {
        FileData::Data(value) => {
            out.push_str("{\"data\": ");
            out.push_str(&value.to_python_json());
            out.push('}');
        }
        FileData::Error { kind, message } => {
            out.push_str("{\"error\": {\"type\": ");
            push_text(out, kind);
            out.push_str(", \"msg\": ");
            push_text(out, message);
            out.push_str("}}");
        }
    }
}

fn push_dependency(out: &mut String, dependency: &NoteDependency) {
    push_hash(
        out,
        dependency.md5.as_deref(),
        dependency.size,
        dependency.nfiles,
    );
    out.push('}');
}

fn push_output(out: &mut String, output: &NoteOutput) {
    push_hash(out, output.md5.as_deref(), output.size, output.nfiles);
    let _ = write!(
        out,
        ", \"use_cache\": {}, \"is_data_source\": {}}}",
        output.cache, output.data_source
    );
}

/// Leaves the object open.
fn push_hash(out: &mut String, md5: Option<&str>, size: Option<u64>, nfiles: Option<u64>) {
    out.push_str("{\"hash\": ");
    push_optional_text(out, md5);
    out.push_str(", \"size\": ");
    push_optional(out, size);
    out.push_str(", \"nfiles\": ");
    push_optional(out, nfiles);
}

fn push_text(out: &mut String, text: &str) {
    out.push_str(&Value::from(text).to_python_json());
}

/// Appends `, ` before every item but the first.
fn push_separator(out: &mut String, position: usize) {
    if position > 0 {
        out.push_str(", ");
    }
}

fn push_optional_text(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => push_text(out, text),
        None => out.push_str("null"),
    }
}

fn push_optional(out: &mut String, number: Option<impl std::fmt::Display>) {
    let _ = match number {
        Some(number) => write!(out, "{number}"),
        None => write!(out, "null"),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::{RunningHere, sample};
    use std::sync::Arc;

    #[test]
    fn has_dvcs_shape_and_text() {
        let mut listing = sample::tutorial();
        let workspace = &mut listing.workspace;
        workspace.params = Arc::default();
        Arc::make_mut(&mut workspace.deps).insert(
            "train.py".into(),
            NoteDependency {
                md5: Some("d14a".into()),
                size: Some(491),
                nfiles: None,
            },
        );
        workspace.outs.insert(
            "model.txt".into(),
            NoteOutput {
                cache: true,
                ..NoteOutput::default()
            },
        );
        listing.baselines[0].experiments.clear();
        listing.baselines[0].row.error = Some("bad 'dvc.yaml'".into());
        assert_eq!(
            super::listing(&listing, false),
            concat!(
                r#"[{"rev": "workspace", "name": null, "data": {"rev": "workspace", "timestamp": null, "params": {}, "#,
                r#""metrics": {"dvclive.json": {"data": {"step": 8, "loss": 0.83515, "acc": 0.8185}}}, "#,
                r#""deps": {"train.py": {"hash": "d14a", "size": 491, "nfiles": null}}, "#,
                r#""outs": {"model.txt": {"hash": null, "size": null, "nfiles": null, "use_cache": true, "is_data_source": false}}, "#,
                r#""meta": {"has_checkpoints": true}}, "error": null, "experiments": null}, "#,
                r#"{"rev": "3b0a1c2000000000000000000000000000000000", "name": "main", "data": null, "#,
                r#""error": {"msg": "bad 'dvc.yaml'", "type": "YAMLValidationError"}, "experiments": null}]"#,
                "\n"
            )
        );
    }

    #[test]
    fn ranges_hold_the_whole_chain_and_who_runs() {
        let mut listing = sample::tutorial();
        listing.baselines[0].experiments[0].running = Some(RunningHere {
            pid: 42,
            worktree: "/w".into(),
        });
        listing.baselines[0].experiments[1].status = Some(Status::Failed);
        listing.baselines[0].experiments[1].exit = Some(3);
        let parsed: serde_json::Value =
            serde_json::from_str(&super::listing(&listing, false)).unwrap();
        let ranges = parsed[1]["experiments"].as_array().unwrap();
        let revs = |range: &serde_json::Value| -> Vec<String> {
            let revs = range["revs"].as_array().unwrap().iter();
            revs.map(|rev| rev["rev"].as_str().unwrap()[..7].to_owned())
                .collect()
        };
        assert_eq!(
            revs(&ranges[0]),
            ["726d32f", "3f8efc5", "ea2d11b", "963b396", "d99d81c"]
        );
        assert_eq!(ranges[0]["revs"][0]["name"], "exp-3b52b");
        assert!(ranges[0]["revs"][1]["name"].is_null());
        assert_eq!(ranges[0]["executor"]["local"]["pid"], 42);
        assert_eq!(ranges[1]["executor"]["state"], "failed");
        assert_eq!(ranges[1]["executor"]["local"]["returncode"], 3);
        assert_eq!(
            parsed[1]["data"]["timestamp"], "2021-03-24T13:19:00",
            "local, without a zone"
        );
    }
}
