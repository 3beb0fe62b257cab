//! `git exp show`: the table, and what scripts read.

use crate::support::TestRepo;
use snapbox::str;

#[test]
fn a_run_a_fork_and_a_fresh_start() {
    let repo = TestRepo::tutorial();
    repo.exp("show").success().stdout(str![[r#"
┏━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━┓
┃ Experiment ┃ Created      ┃ seed   ┃ lr     ┃ weight_decay ┃
┡━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━┩
│ workspace  │ -            │ 473987 │ 0.0001 │ 0            │
│ main       │ Apr 07, 2005 │ 473987 │ 0.0001 │ 0            │
└────────────┴──────────────┴────────┴────────┴──────────────┘

"#]]);
    repo.epochs(3).exp("run -n calm").success();
    repo.exp("show").success().stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━┓
┃ Experiment         ┃ Created      ┃ step ┃ loss   ┃ acc    ┃ seed   ┃ lr     ┃ weight_decay ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━┩
│ workspace          │ -            │ 2    │ 0.3333 │ 0.6667 │ 473987 │ 0.0001 │ 0            │
│ main               │ Apr 07, 2005 │ -    │ -      │ -      │ 473987 │ 0.0001 │ 0            │
│ │ ╓ id00003 [calm] │ Apr 07, 2005 │ 2    │ 0.3333 │ 0.6667 │ 473987 │ 0.0001 │ 0            │
│ │ ╟ id00002        │ Apr 07, 2005 │ 1    │ 0.5    │ 0.5    │ 473987 │ 0.0001 │ 0            │
│ ├─╨ id00001        │ Apr 07, 2005 │ 0    │ 1      │ 0      │ 473987 │ 0.0001 │ 0            │
└────────────────────┴──────────────┴──────┴────────┴────────┴────────┴────────┴──────────────┘

"#]]);

    repo.exp("apply calm~1").success();
    repo.epochs(2)
        .exp("run --set-param lr=0.00001 -n bold")
        .success();
    repo.epochs(1).exp("run --reset -n fresh").success();
    repo.exp("show").success().stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━━┓
┃ Experiment            ┃ Created      ┃ step ┃ loss   ┃ acc    ┃ seed   ┃ lr     ┃ weight_decay ┃
┡━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━━┩
│ workspace             │ -            │ 0    │ 1      │ 0      │ 473987 │ 1e-05  │ 0            │
│ main                  │ Apr 07, 2005 │ -    │ -      │ -      │ 473987 │ 0.0001 │ 0            │
│ ├── id00006 [fresh]   │ Apr 07, 2005 │ 0    │ 1      │ 0      │ 473987 │ 1e-05  │ 0            │
│ │ ╓ id00005 [bold]    │ Apr 07, 2005 │ 3    │ 0.25   │ 0.75   │ 473987 │ 1e-05  │ 0            │
│ │ ╟ id00004 (id00002) │ Apr 07, 2005 │ 2    │ 0.3333 │ 0.6667 │ 473987 │ 1e-05  │ 0            │
│ │ ╓ id00003 [calm]    │ Apr 07, 2005 │ 2    │ 0.3333 │ 0.6667 │ 473987 │ 0.0001 │ 0            │
│ │ ╟ id00002           │ Apr 07, 2005 │ 1    │ 0.5    │ 0.5    │ 473987 │ 0.0001 │ 0            │
│ ├─╨ id00001           │ Apr 07, 2005 │ 0    │ 1      │ 0      │ 473987 │ 0.0001 │ 0            │
└───────────────────────┴──────────────┴──────┴────────┴────────┴────────┴────────┴──────────────┘

"#]]);
    repo.check();
}

#[test]
fn a_fork_names_where_it_came_from_and_shared_rows_stand_once() {
    let repo = TestRepo::tutorial();
    repo.epochs(2);
    repo.exp("run -n calm").success();
    let from = repo.tip("calm");
    repo.exp("run -n bold -S lr=0.00001").success();
    let table = repo.exp("show").success().text();
    assert!(table.contains(&format!("({})", &from[..7])), "{table}");
    assert_eq!(table.matches(&from[..7]).count(), 2, "{table}");
}

#[test]
fn what_dvc_made_is_read_from_its_trees() {
    let repo = forked();
    let with_notes = repo.exp("show --json").success().text();
    let notes = repo.ask("for-each-ref --format=%(refname) refs/notes");
    for name in notes.lines() {
        repo.git(&format!("update-ref -d {name}")).success();
    }
    let without = repo.exp("show --json --force").success().text();
    assert_eq!(with_notes, without);
}

/// Two experiments, the second a fork of the first's oldest checkpoint.
fn forked() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(2).exp("run -n calm").success();
    repo.exp("apply calm~1").success();
    repo.epochs(1).exp("run -S lr=0.00001 -n bold").success();
    repo
}

#[test]
fn scripts_read_csv_and_json() {
    let repo = forked();
    repo.exp("show --csv").success().stdout(str![[r#"
Experiment,rev,typ,Created,parent,step,loss,acc,seed,lr,weight_decay,data,train.sh
,workspace,baseline,,,1,0.5,0.5,473987,1e-05,0,f5c46e1240ddd165b6c1cd4808668d3f.dir,3bb09fb1bd6bca86db7ff5d3773026ca
,main,baseline,2005-04-07T22:37:13,,,,,473987,0.0001,0,,
bold,id00003,checkpoint_tip,2005-04-07T22:52:13,id00001,1,0.5,0.5,473987,1e-05,0,f5c46e1240ddd165b6c1cd4808668d3f.dir,3bb09fb1bd6bca86db7ff5d3773026ca
calm,id00002,checkpoint_tip,2005-04-07T22:43:13,,1,0.5,0.5,473987,0.0001,0,f5c46e1240ddd165b6c1cd4808668d3f.dir,3bb09fb1bd6bca86db7ff5d3773026ca
,id00001,checkpoint_base,2005-04-07T22:43:13,,0,1.0,0.0,473987,0.0001,0,f5c46e1240ddd165b6c1cd4808668d3f.dir,3bb09fb1bd6bca86db7ff5d3773026ca

"#]]);
    repo.exp("show --csv --precision 2 --drop '*' --keep 'l*' --hide-workspace")
        .success()
        .stdout(str![[r#"
Experiment,rev,typ,parent,loss,lr
,main,baseline,,,0.0001
bold,id00003,checkpoint_tip,id00001,0.5,1e-05
calm,id00002,checkpoint_tip,,0.5,0.0001
,id00001,checkpoint_base,,1,0.0001

"#]]);
    let text = repo.exp("show --json").success().text();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json[1]["name"], "main");
    let revs = json[1]["experiments"][0]["revs"].as_array().unwrap();
    assert_eq!(revs.len(), 2, "the whole chain");
    assert_eq!(revs[0]["name"], "bold");
    let data = &revs[0]["data"];
    assert_eq!(data["metrics"]["metrics.json"]["data"]["step"], 1);
    assert_eq!(data["timestamp"].as_str().unwrap().len(), 19);
    let hidden = repo.exp("show --json --hide-workspace").success().text();
    let hidden: serde_json::Value = serde_json::from_str(&hidden).unwrap();
    assert_eq!(hidden[0], json[1]);
}

#[test]
fn markdown_sorting_and_columns() {
    let repo = forked();
    repo.exp("show --md --only-changed --sort-by lr --sha --drop Created")
        .success()
        .stdout(str![[r#"
| Experiment                   | step   | loss   | acc   | lr     |
|------------------------------|--------|--------|-------|--------|
| workspace                    | 1      | 0.5    | 0.5   | 1e-05  |
| a52984a                      | -      | -      | -     | 0.0001 |
| │ ╓ id00003 [bold] (id00001) | 1      | 0.5    | 0.5   | 1e-05  |
| │ ╓ id00002 [calm]           | 1      | 0.5    | 0.5   | 0.0001 |
| ├─╨ id00001                  | 0      | 1      | 0     | 0.0001 |


"#]]);
    repo.exp("show --md --only-changed --sort-by params.yaml:lr --sort-order desc --drop Created")
        .success()
        .stdout(str![[r#"
| Experiment                   | step   | loss   | acc   | lr     |
|------------------------------|--------|--------|-------|--------|
| workspace                    | 1      | 0.5    | 0.5   | 1e-05  |
| main                         | -      | -      | -     | 0.0001 |
| │ ╓ id00002 [calm]           | 1      | 0.5    | 0.5   | 0.0001 |
| ├─╨ id00001                  | 0      | 1      | 0     | 0.0001 |
| │ ╓ id00003 [bold] (id00001) | 1      | 0.5    | 0.5   | 1e-05  |


"#]]);
    repo.exp("show --sort-by nope")
        .refused(129)
        .stderr(str![[r#"
fatal: unknown sort column 'nope'
hint: git exp show --csv lists the columns in its first line

"#]]);
    repo.exp("show --drop '['").refused(129).stderr(str![[r#"
fatal: invalid column pattern '[': error parsing glob '[': unclosed character class; missing ']'

"#]]);
    repo.exp("show --json --csv").refused(129);
    repo.exp("show --rev nope").refused(128);
}

#[test]
fn a_narrow_screen_shows_what_differs() {
    let repo = forked();
    repo.env("COLUMNS", "60");
    repo.exp("show").success().stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━┳━━━┓
┃ Experiment                   ┃ Created      ┃ step ┃ … ┃
┡━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━╇━━━┩
│ workspace                    │ -            │ 1    │ … │
│ main                         │ Apr 07, 2005 │ -    │ … │
│ │ ╓ id00003 [bold] (id00001) │ Apr 07, 2005 │ 1    │ … │
│ │ ╓ id00002 [calm]           │ Apr 07, 2005 │ 1    │ … │
│ ├─╨ id00001                  │ Apr 07, 2005 │ 0    │ … │
└──────────────────────────────┴──────────────┴──────┴───┘

"#]]);
}

#[test]
fn a_failed_run_says_so_and_can_be_left_out() {
    let repo = TestRepo::tutorial();
    repo.env("FAIL_AT", "1");
    repo.exp("run -n broken").code(1);
    repo.exp("show --drop 'seed' --drop weight_decay")
        .success()
        .stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━┳━━━━━━┳━━━━━━┳━━━━━┳━━━━━━━━┓
┃ Experiment           ┃ Created      ┃ State  ┃ step ┃ loss ┃ acc ┃ lr     ┃
┡━━━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━╇━━━━━━╇━━━━━━╇━━━━━╇━━━━━━━━┩
│ workspace            │ -            │ -      │ 0    │ 1    │ 0   │ 0.0001 │
│ main                 │ Apr 07, 2005 │ -      │ -    │ -    │ -   │ 0.0001 │
│ └── id00001 [broken] │ Apr 07, 2005 │ Failed │ 0    │ 1    │ 0   │ 0.0001 │
└──────────────────────┴──────────────┴────────┴──────┴──────┴─────┴────────┘

"#]]);
    let table = repo.exp("show --hide-failed").success().text();
    assert!(!table.contains("broken"), "{table}");
}

#[test]
fn a_running_experiment_is_marked() {
    let repo = TestRepo::tutorial();
    repo.env("PAUSE_AT", "1");
    let mut run = repo.start_exp("run -n calm");
    run.wait_for("Checkpoint experiment iteration", 1);
    repo.exp("show --drop seed --drop weight_decay")
        .success()
        .stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━┳━━━━━━┳━━━━━┳━━━━━━━━┓
┃ Experiment         ┃ Created      ┃ State   ┃ Executor  ┃ step ┃ loss ┃ acc ┃ lr     ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━╇━━━━━━╇━━━━━╇━━━━━━━━┩
│ workspace          │ -            │ -       │ -         │ 0    │ 1    │ 0   │ 0.0001 │
│ main               │ Apr 07, 2005 │ -       │ -         │ -    │ -    │ -   │ 0.0001 │
│ └── id00001 [calm] │ Apr 07, 2005 │ Running │ Workspace │ 0    │ 1    │ 0   │ 0.0001 │
└────────────────────┴──────────────┴─────────┴───────────┴──────┴──────┴─────┴────────┘

"#]]);
    let text = repo.exp("show --json").success().text();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let executor = &json[1]["experiments"][0]["executor"];
    assert_eq!(executor["state"], "running");
    assert_eq!(executor["name"], "workspace");
    assert!(executor["local"]["pid"].as_u64().unwrap() > 1);
    repo.write("go", "");
    assert_eq!(run.end().0, 0);
    let table = repo.exp("show").success().text();
    assert!(!table.contains("Running"), "{table}");
}

#[test]
fn other_baselines_by_revision_branch_tag_and_all() {
    let repo = TestRepo::tutorial();
    repo.epochs(1).exp("run -n old").success();
    repo.git("tag v1").success();
    repo.git("add dvc.lock metrics.json predictions.json")
        .success();
    repo.git("commit -q -m 'keep it'").success();
    repo.exp("run -n new").success();
    let shows = |options: &str| -> Vec<bool> {
        let text = repo.exp(&format!("show --csv {options}")).success().text();
        ["old,", "new,", ",v1,", ",main,"]
            .map(|part| text.contains(part))
            .to_vec()
    };
    assert_eq!(shows(""), [false, true, false, true]);
    assert_eq!(shows("--rev v1"), [true, false, true, false]);
    assert_eq!(shows("--rev HEAD -n 2"), [true, true, true, true]);
    assert_eq!(shows("-T"), [true, false, true, false]);
    assert_eq!(shows("-a"), [false, true, false, true]);
    assert_eq!(shows("-A"), [true, true, true, true]);
    assert_eq!(shows("-n -1"), [true, true, true, true]);
    assert_eq!(shows("-A --sha"), [true, true, false, false]);
}

#[test]
fn one_bad_file_is_one_bad_cell_and_one_bad_commit_one_bad_row() {
    let repo = TestRepo::tutorial();
    repo.epochs(1).exp("run -n calm").success();
    repo.write("metrics.json", "{");
    repo.exp("show --drop seed --drop weight_decay")
        .success()
        .stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━┳━━━━━━┳━━━━━┳━━━━━━━━┓
┃ Experiment         ┃ Created      ┃ step ┃ loss ┃ acc ┃ lr     ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━╇━━━━━━╇━━━━━╇━━━━━━━━┩
│ workspace          │ -            │ !    │ !    │ !   │ 0.0001 │
│ main               │ Apr 07, 2005 │ -    │ -    │ -   │ 0.0001 │
│ └── id00001 [calm] │ Apr 07, 2005 │ 0    │ 1    │ 0   │ 0.0001 │
└────────────────────┴──────────────┴──────┴──────┴─────┴────────┘

"#]]);
    repo.write("dvc.yaml", "stages: [");
    repo.exp("show --drop seed --drop weight_decay")
        .success()
        .stdout(str![[r#"
┏━━━━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━┳━━━━━━┳━━━━━┳━━━━━━━━┓
┃ Experiment         ┃ Created      ┃ step ┃ loss ┃ acc ┃ lr     ┃
┡━━━━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━╇━━━━━━╇━━━━━╇━━━━━━━━┩
│ workspace          │ -            │ -    │ -    │ -   │ -      │
│ main               │ Apr 07, 2005 │ -    │ -    │ -   │ 0.0001 │
│ └── id00001 [calm] │ Apr 07, 2005 │ 0    │ 1    │ 0   │ 0.0001 │
└────────────────────┴──────────────┴──────┴──────┴─────┴────────┘

"#]])
        .stderr(str![[r#"
warning: in the workspace: cannot parse 'dvc.yaml', line 2, column 1: while parsing a node, did not find expected node content

"#]]);
}

/// DVCLive 2 writes a `dvc.yaml` of its own into its folder, with paths relative to that folder.
#[test]
fn metrics_that_training_declares_by_itself() {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml");
    let pipeline = pipeline.replace(
        "    metrics:\n",
        "    - live:\n        cache: false\n        persist: true\n    metrics:\n",
    );
    repo.write("dvc.yaml", pipeline)
        .write(
            "live/dvc.yaml",
            "metrics:\n- metrics.json\nparams:\n- params.yaml\n",
        )
        .write("live/metrics.json", "{\"train\": {\"acc\": 0.75}}\n")
        .write("live/params.yaml", "depth: 3\n");
    repo.exp("show --drop seed --drop weight_decay --drop Created")
        .success()
        .stdout(str![[r#"
┏━━━━━━━━━━━━┳━━━━━━━━━━━┳━━━━━━━┳━━━━━━━━┓
┃ Experiment ┃ train.acc ┃ depth ┃ lr     ┃
┡━━━━━━━━━━━━╇━━━━━━━━━━━╇━━━━━━━╇━━━━━━━━┩
│ workspace  │ 0.75      │ 3     │ 0.0001 │
│ main       │ -         │ -     │ 0.0001 │
└────────────┴───────────┴───────┴────────┘

"#]]);
    repo.git("add live dvc.yaml").success();
    repo.git("commit -q -m live").success();
    let text = repo.exp("show --csv --hide-workspace").success().text();
    assert!(text.contains("train.acc"), "{text}");
    assert!(text.contains(",0.75,"), "{text}");
}

#[test]
fn without_a_commit_there_is_a_workspace_and_without_a_project_a_hint() {
    let repo = TestRepo::empty();
    repo.exp("show").refused(128).stderr(str![[r#"
fatal: no '.dvc' directory in '[ROOT]/repo' or any of its parents in the work tree
hint: git exp init

"#]]);
    repo.write(".dvc/config", "")
        .write("params.yaml", "lr: 0.1\n");
    repo.exp("show").success().stdout(str![[r#"
┏━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━┓
┃ Experiment ┃ Created ┃ lr  ┃
┡━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━┩
│ workspace  │ -       │ 0.1 │
└────────────┴─────────┴─────┘

"#]]);
}

#[test]
fn of_one_second_the_last_run_comes_first() {
    let repo = TestRepo::tutorial();
    // git's clock stands still
    let [date, zone] = ["1112912000", "+0000"];
    repo.env("GIT_COMMITTER_DATE", &format!("{date} {zone}"));
    repo.epochs(3).exp("run -n zeal").success();
    repo.epochs(2).exp("run --reset -n dusk").success();
    repo.epochs(1).exp("run --reset -n oak").success();
    let shown = repo.exp("show --csv").success().text();
    let names: Vec<&str> = shown
        .lines()
        .filter_map(|line| line.split(',').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(names, ["Experiment", "oak", "dusk", "zeal"]);
}
