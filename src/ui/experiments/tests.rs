use super::*;
use crate::checkpoint::{FileData, NoteDependency, Status};
use crate::listing::{ColumnPattern, RunningHere, sample};
use crate::ui::table::Screen;
use crate::value::Value;
use std::sync::Arc;

const SCREEN: Screen = Screen {
    width: None,
    colour: false,
    unicode: true,
};

fn format() -> Format {
    Format {
        digits: Some(5),
        now: sample::one_o_clock(),
        unicode: true,
    }
}

fn draw(listing: &Listing, columns: &Columns) -> String {
    table(listing, columns, &format()).draw(SCREEN)
}

fn patterns(words: &[&str]) -> Vec<ColumnPattern> {
    let parse = |word: &&str| ColumnPattern::parse(word).unwrap();
    words.iter().map(parse).collect()
}

#[test]
fn the_tutorials_table() {
    assert_eq!(
        draw(&sample::tutorial(), &Columns::default()),
        "\
┏━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━┳━━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━┓
┃ Experiment              ┃ Created  ┃ step ┃ loss    ┃ acc    ┃ seed   ┃ lr     ┃ weight_decay ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━╇━━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━┩
│ workspace               │ -        │ 8    │ 0.83515 │ 0.8185 │ 473987 │ 1e-05  │ 0            │
│ main                    │ 01:19 PM │ -    │ -       │ -      │ 473987 │ 0.0001 │ 0            │
│ │ ╓ 726d32f [exp-3b52b] │ 01:38 PM │ 8    │ 0.83515 │ 0.8185 │ 473987 │ 1e-05  │ 0            │
│ │ ╟ 3f8efc5             │ 01:38 PM │ 7    │ 0.85    │ 0.81   │ 473987 │ 1e-05  │ 0            │
│ │ ╟ ea2d11b (963b396)   │ 01:37 PM │ 2    │ 1.1833  │ 0.7847 │ 473987 │ 1e-05  │ 0            │
│ │ ╓ d90179a [exp-02ba1] │ 01:24 PM │ 6    │ 0.33246 │ 0.9044 │ 473987 │ 0.0001 │ 0            │
│ │ ╟ 5eb4025             │ 01:24 PM │ 5    │ 0.36601 │ 0.8943 │ 473987 │ 0.0001 │ 0            │
│ │ ╟ 963b396             │ 01:23 PM │ 1    │ 1.2537  │ 0.7738 │ 473987 │ 0.0001 │ 0            │
│ ├─╨ d99d81c             │ 01:23 PM │ 0    │ 1.9428  │ 0.5715 │ 473987 │ 0.0001 │ 0            │
└─────────────────────────┴──────────┴──────┴─────────┴────────┴────────┴────────┴──────────────┘
"
    );
}

#[test]
fn a_narrow_screen_loses_what_does_not_vary_first() {
    let screen = Screen {
        width: Some(82),
        ..SCREEN
    };
    let text = table(&sample::tutorial(), &Columns::default(), &format()).draw(screen);
    let lines: Vec<&str> = text.lines().take(4).collect();
    assert_eq!(
        lines,
        [
            "┏━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━┳━━━━━━━━━┳━━━━━━━━┳━━━┳━━━━━━━━┳━━━┓",
            "┃ Experiment              ┃ Created  ┃ step ┃ loss    ┃ acc    ┃ … ┃ lr     ┃ … ┃",
            "┡━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━╇━━━━━━━━━╇━━━━━━━━╇━━━╇━━━━━━━━╇━━━┩",
            "│ workspace               │ -        │ 8    │ 0.83515 │ 0.8185 │ … │ 1e-05  │ … │",
        ]
    );
}

/// Single checkpoints, a fork of one, running, failed and incomplete ones, in ASCII.
#[test]
fn states_and_single_checkpoints_in_ascii() {
    let mut listing = sample::tutorial();
    let baseline = &mut listing.baselines[0];
    baseline.experiments[0].chain.drain(..2);
    baseline.experiments[0].own = 1;
    baseline.experiments[0].running = Some(RunningHere {
        pid: 7,
        worktree: "/w".into(),
    });
    baseline.experiments[1].status = Some(Status::Failed);
    let row = (*baseline.experiments[1].chain[0]).clone();
    let mut single = sample::experiment("one", vec![row.clone()]);
    single.incomplete = Some("no space left on device".into());
    baseline.experiments.push(single);
    baseline
        .experiments
        .push(sample::experiment("two", vec![row]));
    let columns = Columns {
        drop: patterns(&["Created", "s*", "acc", "weight_decay"]),
        keep: patterns(&["step"]),
        ..Columns::default()
    };
    let ascii = Format {
        unicode: false,
        ..format()
    };
    let screen = Screen {
        unicode: false,
        ..SCREEN
    };
    assert_eq!(
        table(&listing, &columns, &ascii).draw(screen),
        "\
+-----------------------------------+------------+-----------+------+---------+--------+
| Experiment                        | State      | Executor  | step | loss    | lr     |
+===================================+============+===========+======+=========+========+
| workspace                         | -          | -         | 8    | 0.83515 | 1e-05  |
| main                              | -          | -         | -    | -       | 0.0001 |
| | , ea2d11b [exp-3b52b] (963b396) | Running    | Workspace | 2    | 1.1833  | 1e-05  |
| | , d90179a [exp-02ba1]           | Failed     | -         | 6    | 0.33246 | 0.0001 |
| | | 5eb4025                       | -          | -         | 5    | 0.36601 | 0.0001 |
| | | 963b396                       | -          | -         | 1    | 1.2537  | 0.0001 |
| |-' d99d81c                       | -          | -         | 0    | 1.9428  | 0.0001 |
| |-- d90179a [one]                 | Incomplete | -         | 6    | 0.33246 | 0.0001 |
| `-- d90179a [two]                 | -          | -         | 6    | 0.33246 | 0.0001 |
+-----------------------------------+------------+-----------+------+---------+--------+
"
    );
}

#[test]
fn a_run_without_a_checkpoint_and_a_second_name_of_a_tip_have_their_lines() {
    let mut listing = sample::tutorial();
    let baseline = &mut listing.baselines[0];
    let mut running = sample::experiment("fresh", vec![listing.workspace.clone()]);
    running.running = Some(RunningHere {
        pid: 7,
        worktree: "/w".into(),
    });
    let mut alias = baseline.experiments[1].clone();
    (alias.name, alias.own) = ("alias".into(), 0);
    baseline.experiments = vec![running, alias];
    let columns = Columns {
        drop: patterns(&["*"]),
        keep: patterns(&["State", "step"]),
        ..Columns::default()
    };
    assert_eq!(
        draw(&listing, &columns),
        "\
┏━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━┓
┃ Experiment            ┃ State   ┃ step ┃
┡━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━┩
│ workspace             │ -       │ 8    │
│ main                  │ -       │ -    │
│ ├── workspace [fresh] │ Running │ 8    │
│ └── d90179a [alias]   │ -       │ 6    │
└───────────────────────┴─────────┴──────┘
"
    );
}

#[test]
fn headings_say_the_file_only_where_they_must() {
    let mut listing = sample::tutorial();
    let row = &mut listing.workspace;
    row.metrics = sample::file(
        "a.json",
        &[
            ("lr", Value::Int(1)),
            ("Created", Value::Bool(true)),
            (
                "list",
                Value::from(vec![Value::Float(0.5), Value::from("x")]),
            ),
        ],
    );
    row.metrics
        .insert("plain.json".into(), FileData::Data(Value::Float(0.25)));
    row.metrics.insert(
        "bad.json".into(),
        FileData::Error {
            kind: "JSONFileCorruptedError".into(),
            message: "broken".into(),
        },
    );
    row.params = sample::file(
        "p.yaml",
        &[
            ("lr", Value::Null),
            ("opt", sample::map(&[("beta", Value::from("two\nlines"))])),
        ],
    )
    .into();
    listing.baselines.clear();
    assert_eq!(
        draw(&listing, &Columns::default()),
        "\
┏━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━━━━━┓
┃ Experiment ┃ Created ┃ a.json:lr ┃ a.json:Created ┃ list       ┃ plain.json ┃ bad.json ┃ p.yaml:lr ┃ opt.beta  ┃
┡━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━━━━━┩
│ workspace  │ -       │ 1         │ True           │ [0.5, 'x'] │ 0.25       │ !        │ -         │ two lines │
└────────────┴─────────┴───────────┴────────────────┴────────────┴────────────┴──────────┴───────────┴───────────┘
"
    );
}

#[test]
fn an_unreadable_file_marks_all_its_columns() {
    let mut listing = sample::tutorial();
    listing.workspace.metrics.insert(
        "dvclive.json".into(),
        FileData::Error {
            kind: "JSONFileCorruptedError".into(),
            message: "broken".into(),
        },
    );
    let columns = Columns {
        only_changed: true,
        ..Columns::default()
    };
    let text = draw(&listing, &columns);
    let lines: Vec<&str> = text.lines().skip(1).take(3).collect();
    assert_eq!(
        lines,
        [
            "┃ Experiment              ┃ Created  ┃ step ┃ loss    ┃ acc    ┃ lr     ┃",
            "┡━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━╇━━━━━━╇━━━━━━━━━╇━━━━━━━━╇━━━━━━━━┩",
            "│ workspace               │ -        │ !    │ !       │ !      │ 1e-05  │",
        ]
    );
}

fn with_deps(rows: &mut Listing) {
    let dependency = |md5: &str| NoteDependency {
        md5: Some(md5.into()),
        ..NoteDependency::default()
    };
    let set = |row: &mut grid_row::Row, code: &str| {
        let deps = Arc::make_mut(&mut row.deps);
        deps.insert("train.py".into(), dependency(code));
        deps.insert("data".into(), dependency("0123456789abcdef"));
    };
    set(&mut rows.workspace, "763e4c0aa1");
    for experiment in &mut rows.baselines[0].experiments {
        experiment.chain.truncate(1);
        experiment.own = 1;
        set(Arc::make_mut(&mut experiment.chain[0]), "11111111aa");
    }
}

use crate::listing as grid_row;

#[test]
fn dependencies_show_when_their_content_differs_or_when_asked_for() {
    let mut listing = sample::tutorial();
    with_deps(&mut listing);
    let columns = Columns {
        drop: patterns(&[
            "Created",
            "step",
            "loss",
            "acc",
            "seed",
            "lr",
            "weight_decay",
        ]),
        ..Columns::default()
    };
    assert_eq!(
        draw(&listing, &columns),
        "\
┏━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━┓
┃ Experiment              ┃ train.py ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━┩
│ workspace               │ 763e4c0  │
│ main                    │ -        │
│ ├── 726d32f [exp-3b52b] │ 1111111  │
│ └── d90179a [exp-02ba1] │ 1111111  │
└─────────────────────────┴──────────┘
"
    );
    let all = Columns {
        keep: patterns(&["data"]),
        ..columns
    };
    assert_eq!(grid::grid(&listing, &all).columns.len(), 2);
}

#[test]
fn csv_has_dvcs_columns_full_precision_and_all_dependencies() {
    let mut listing = sample::tutorial();
    with_deps(&mut listing);
    let columns = Columns {
        drop: patterns(&["acc", "seed", "weight_decay"]),
        ..Columns::default()
    };
    assert_eq!(
        csv(&listing, &columns, None),
        "\
Experiment,rev,typ,Created,parent,step,loss,lr,data,train.py\r
,workspace,baseline,,,8,0.83515,1e-05,0123456789abcdef,763e4c0aa1\r
,main,baseline,2021-03-24T13:19:00,,,,0.0001,,\r
exp-3b52b,726d32f,branch_commit,2021-03-24T13:38:00,,8,0.83515,1e-05,0123456789abcdef,11111111aa\r
exp-02ba1,d90179a,branch_base,2021-03-24T13:24:00,,6,0.332461234,0.0001,0123456789abcdef,11111111aa\r
"
    );
    let text = csv(&sample::tutorial(), &columns, Some(3));
    let types: Vec<_> = text
        .lines()
        .map(|line| {
            let fields: Vec<_> = line.split(',').collect();
            [fields[0], fields[1], fields[2], fields[4], fields[6]].join(" ")
        })
        .collect();
    assert_eq!(
        types,
        [
            "Experiment rev typ parent loss",
            " workspace baseline  0.835",
            " main baseline  ",
            "exp-3b52b 726d32f checkpoint_tip  0.835",
            " 3f8efc5 checkpoint_commit  0.85",
            " ea2d11b checkpoint_commit 963b396 1.18",
            "exp-02ba1 d90179a checkpoint_tip  0.332",
            " 5eb4025 checkpoint_commit  0.366",
            " 963b396 checkpoint_commit  1.25",
            " d99d81c checkpoint_base  1.94",
        ]
    );
}

#[test]
fn markdown_is_the_same_table() {
    let columns = Columns {
        drop: patterns(&["Created", "acc", "seed", "weight_decay"]),
        ..Columns::default()
    };
    let text = markdown(&sample::tutorial(), &columns, &format());
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(
        lines[..5],
        [
            "| Experiment              | step   | loss    | lr     |",
            "|-------------------------|--------|---------|--------|",
            "| workspace               | 8      | 0.83515 | 1e-05  |",
            "| main                    | -      | -       | 0.0001 |",
            "| │ ╓ 726d32f [exp-3b52b] | 8      | 0.83515 | 1e-05  |",
        ]
    );
    assert!(text.ends_with("|\n\n"));
}
