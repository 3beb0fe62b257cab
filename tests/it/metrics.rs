//! `git exp metrics`: the numbers of the workspace and of commits, and what differs.

use crate::support::{TestRepo, oracle};
use snapbox::str;

/// Two commits, `v1` and the one after it, and a workspace with another param.
pub fn two_states() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.write(
        "metrics.json",
        r#"{"loss": 1.5789474515235498, "acc": 0.5, "small": 3.7e-07, "step": 3, "ok": true, "same": 1, "list": [1]}"#,
    );
    repo.git("add -f metrics.json").success();
    repo.git("commit -q -m one").success();
    repo.git("tag v1").success();
    repo.write(
        "metrics.json",
        r#"{"loss": 0.20689655315101071, "acc": 0.75, "small": 1e-9, "step": 5, "ok": false, "same": 1, "new": 7}"#,
    );
    repo.write("params.yaml", "seed: 473987\nlr: 0.1\nlayers: [1, 2]\n");
    repo.git("commit -q -a -m two").success();
    repo.write("params.yaml", "seed: 1\nlr: 1e-05\nlayers: [1, 3]\n");
    repo
}

#[test]
fn what_differs_has_five_digits_and_nothing_vanishes() {
    let repo = two_states();
    repo.exp("metrics diff v1 HEAD").success().stdout(str![[r#"
Path          Metric    Old      New     Change
metrics.json  acc       0.5      0.75    0.25
metrics.json  loss      1.5789   0.2069  -1.3721
metrics.json  new       -        7       -
metrics.json  ok        True     False   -1
metrics.json  small     3.7e-07  1e-09   -3.69e-07
metrics.json  step      3        5       2

"#]]);
    repo.exp("metrics diff v1 --no-path --precision 2 --md")
        .success()
        .stdout(str![[r#"
| Metric   | Old     | New   | Change   |
|----------|---------|-------|----------|
| acc      | 0.5     | 0.75  | 0.25     |
| loss     | 1.6     | 0.21  | -1.4     |
| new      | -       | 7     | -        |
| ok       | True    | False | -1       |
| small    | 3.7e-07 | 1e-09 | -3.7e-07 |
| step     | 3       | 5     | 2        |


"#]]);
    repo.exp("metrics diff").success().stdout("").stderr("");
    repo.check();
}

#[test]
fn json_is_sorted_and_exact() {
    let repo = two_states();
    repo.exp("metrics diff --json v1").success().stdout(str![[r#"
{"metrics.json": {"acc": {"old": 0.5, "new": 0.75, "diff": 0.25}, "loss": {"old": 1.5789474515235498, "new": 0.20689655315101071, "diff": -1.372050898372539}, "new": {"old": null, "new": 7}, "ok": {"old": true, "new": false, "diff": -1}, "small": {"old": 3.7e-07, "new": 1e-09, "diff": -3.69e-07}, "step": {"old": 3, "new": 5, "diff": 2}}}

"#]]);
    repo.exp("metrics diff --json").success().stdout("{}\n");
    repo.exp("metrics show --json").success().stdout(str![[r#"
{"": {"data": {"metrics.json": {"data": {"loss": 0.20689655315101071, "acc": 0.75, "small": 1e-09, "step": 5, "ok": false, "same": 1, "new": 7}}}}}

"#]]);
}

#[test]
fn many_commits_share_one_table() {
    let repo = two_states();
    repo.exp("metrics show").success().stdout(str![[r#"
Path          acc    loss    new    ok     same    small    step
metrics.json  0.75   0.2069  7      False  1       1e-09    5

"#]]);
    repo.exp("metrics show -a -T").success().stdout(str![[r#"
Revision    Path          acc    loss    new    ok     same    small    step
main        metrics.json  0.75   0.2069  7      False  1       1e-09    5
v1          metrics.json  0.5    1.5789  -      True   1       3.7e-07  3

"#]]);
    let tags = repo.exp("metrics show -T").success().text();
    assert!(tags.contains("\nworkspace   metrics.json  0.75 "), "{tags}");
    let all = repo.exp("metrics show -A").success().text();
    assert!(all.contains(&repo.ask("rev-parse --short=7 v1")), "{all}");
    repo.write("metrics.json", "{\"acc\": 1}");
    let more = repo.exp("metrics show -T").success().text();
    assert!(more.contains("\nworkspace   metrics.json  1 "), "{more}");
}

#[test]
fn targets_need_not_be_declared_and_are_relative_to_the_folder() {
    let repo = two_states();
    repo.write("sub/extra.yaml", "f1: 0.5\n");
    let diff = "cd sub && git exp metrics diff --targets extra.yaml ../metrics.json -- v1";
    repo.sh(diff).success().stdout(str![[r#"
Path            Metric    Old      New     Change
metrics.json    acc       0.5      0.75    0.25
metrics.json    loss      1.5789   0.2069  -1.3721
metrics.json    new       -        7       -
metrics.json    ok        True     False   -1
metrics.json    small     3.7e-07  1e-09   -3.69e-07
metrics.json    step      3        5       2
sub/extra.yaml  f1        -        0.5     -

"#]]);
    repo.exp("metrics diff --targets nope.json")
        .refused(128)
        .stderr(str![[r#"
fatal: no file 'nope.json' in 'HEAD' and 'workspace'

"#]]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let repo = two_states();
    repo.exp("metrics diff nope").refused(128);
    repo.write("metrics.json", "{\"acc\": ");
    let said = repo.exp("metrics diff").success().said();
    assert!(
        said.starts_with("warning: cannot read 'metrics.json' of 'workspace': "),
        "{said}"
    );
}

#[test]
fn checkpoints_are_compared_by_any_name() {
    let repo = TestRepo::tutorial();
    repo.epochs(3);
    repo.exp("run -n calm").success();
    let tip = repo.tip("calm");
    let short = &tip[..7];
    let expected = str![[r#"
Path          Metric    Old    New     Change
metrics.json  acc       0      0.6667  0.6667
metrics.json  loss      1      0.3333  -0.6667
metrics.json  step      0      2       2

"#]];
    for sides in [
        "calm~2 calm",
        &format!("{short}~2 {short}"),
        "calm@{first} calm@{last}",
    ] {
        let out = repo.exp(&format!("metrics diff {sides}")).success();
        out.stdout(expected.clone());
    }
    repo.check();
}

#[test]
fn json_is_what_dvc_prints() {
    let Some(dvc) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = two_states();
    let read = |text: &str| -> serde_json::Value { serde_json::from_str(text).unwrap() };
    for words in [
        "metrics diff --json v1",
        "metrics diff --json --all",
        "metrics diff --json v1 HEAD",
        "metrics show --json",
        "metrics show --json -T",
        "params diff --json v1",
        "params diff --json --all --deps",
    ] {
        let ours = repo.exp(words).success().text();
        let theirs = repo.sh(&format!("{} {words}", dvc.display()));
        assert_eq!(read(&ours), read(&theirs.success().text()), "{words}");
    }
    let ours = repo.exp("diff --json v1").success().text();
    let theirs = repo.sh(&format!("{} exp diff --json v1", dvc.display()));
    assert_eq!(read(&ours), read(&theirs.success().text()));
    let ours = repo.exp("params diff --md v1 --all").success().text();
    let theirs = repo.sh(&format!("{} params diff --md v1 --all", dvc.display()));
    let theirs = theirs.success().text();
    // the same cells under other headings
    let cells = |text: &str| -> Vec<String> {
        let rows = text.lines().skip(2);
        rows.map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    assert_eq!(cells(&ours), cells(&theirs));
}
