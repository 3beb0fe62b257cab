//! The tutorial's listing, for the tests of everything that shows it.

use super::*;
use crate::value::Map;

/// Returns a mapping value.
pub(crate) fn map(entries: &[(&str, Value)]) -> Value {
    let mut map = Map::new();
    for (key, value) in entries {
        map.insert((*key).into(), value.clone());
    }
    Value::from(map)
}

/// Returns one file's data.
pub(crate) fn file(path: &str, entries: &[(&str, Value)]) -> IndexMap<String, FileData> {
    IndexMap::from([(path.to_owned(), FileData::Data(map(entries)))])
}

/// Returns the commit id whose hex digits start with `start`.
pub(crate) fn commit(start: &str) -> ObjectId {
    ObjectId::from_hex(format!("{start:0<40}").as_bytes()).unwrap()
}

/// Returns a finished experiment, all of whose rows are its own.
pub(crate) fn experiment(name: &str, rows: Vec<Row>) -> ExperimentRows {
    ExperimentRows {
        name: name.into(),
        own: rows.len(),
        chain: rows.into_iter().map(Arc::new).collect(),
        running: None,
        status: None,
        exit: None,
        incomplete: None,
    }
}

/// Returns 13:00 of the day of the tutorial, the moment from which [`tutorial`] counts minutes.
pub(crate) fn one_o_clock() -> Time {
    Time {
        seconds: 1_616_590_800,
        offset: 0,
    }
}

fn row(id: Option<&str>, parent: &str, minute: i64, lr: f64) -> Row {
    let mut start = one_o_clock();
    start.seconds += minute * 60;
    Row {
        id: id.map(commit),
        parent: id.map(|_| commit(parent)),
        time: id.map(|_| start),
        params: file(
            "params.yaml",
            &[
                ("seed", Value::Int(473_987)),
                ("lr", Value::Float(lr)),
                ("weight_decay", Value::Int(0)),
            ],
        )
        .into(),
        checkpoints: true,
        ..Row::default()
    }
}

fn with_metrics(mut row: Row, step: i64, loss: f64, acc: f64) -> Row {
    let entries = [
        ("step", Value::Int(step)),
        ("loss", Value::Float(loss)),
        ("acc", Value::Float(acc)),
    ];
    row.metrics = file("dvclive.json", &entries);
    row
}

/// Returns the tutorial's second table: `exp-3b52b` was forked from the second checkpoint of `exp-02ba1`.
pub(crate) fn tutorial() -> Listing {
    let low = 1e-5;
    let step = |id, parent, minute, lr, step, loss, acc| {
        with_metrics(row(Some(id), parent, minute, lr), step, loss, acc)
    };
    let older: Vec<Arc<Row>> = [
        step("d90179a", "5eb4025", 24, 1e-4, 6, 0.332461234, 0.9044),
        step("5eb4025", "8b1a2c3", 24, 1e-4, 5, 0.36601, 0.8943),
        step("963b396", "d99d81c", 23, 1e-4, 1, 1.25371, 0.7738),
        step("d99d81c", "3b0a1c2", 23, 1e-4, 0, 1.9428, 0.5715),
    ]
    .into_iter()
    .map(Arc::new)
    .collect();
    let newer: Vec<Arc<Row>> = [
        step("726d32f", "3f8efc5", 38, low, 8, 0.83515, 0.8185),
        step("3f8efc5", "ea2d11b", 38, low, 7, 0.85, 0.81),
        step("ea2d11b", "963b396", 37, low, 2, 1.1833, 0.7847),
    ]
    .into_iter()
    .map(Arc::new)
    .chain(older[2..].iter().cloned())
    .collect();
    let mut fork = experiment("exp-3b52b", vec![]);
    (fork.chain, fork.own) = (newer, 3);
    let mut origin = experiment("exp-02ba1", vec![]);
    (origin.chain, origin.own) = (older, 4);
    Listing {
        workspace: with_metrics(row(None, "", 0, low), 8, 0.83515, 0.8185),
        baselines: vec![Baseline {
            name: Some("main".into()),
            row: row(Some("3b0a1c2"), "1111111", 19, 1e-4),
            experiments: vec![fork, origin],
        }],
    }
}
