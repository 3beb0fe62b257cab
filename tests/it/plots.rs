//! `git exp plots`: the page, the JSON, the templates.

use crate::support::{TestRepo, program, skip};
use snapbox::str;

/// A history of steps 0, 10, 20 …, a matrix, a picture and a custom template; the tag `v1` has one row less.
fn logged() -> TestRepo {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml").replace(
        "    - predictions.json:\n        cache: false\n",
        "    - predictions.json:\n        cache: false\n        template: confusion\n        \
         x: actual\n        y: predicted\n    - logs:\n        cache: false\n",
    );
    repo.write("dvc.yaml", pipeline)
        .write(
            "predictions.json",
            r#"[{"actual": "cat", "predicted": "dog"}, {"actual": "cat", "predicted": "cat"}]"#,
        )
        .write("logs/loss.tsv", "step\tloss\n0\t1.5\n10\tnan\n")
        .write("logs/notes.txt", "not a plot\n")
        .write("logs/dot.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>")
        .write(
            ".dvc/plots/mine.json",
            r#"{"rows": "<DVC_METRIC_DATA>", "of": "<DVC_METRIC_TITLE>"}"#,
        );
    repo.git("add -A").success();
    repo.git("commit -q -m one").success();
    repo.git("tag v1").success();
    repo.write("logs/loss.tsv", "step\tloss\n0\t1.5\n10\t0.5\n20\t0.25\n");
    repo.git("commit -q -a -m two").success();
    repo
}

#[test]
fn the_page_is_one_file_that_names_revisions_as_typed() {
    let repo = logged();
    repo.exp("plots diff v1 HEAD~0").success().stdout(str![[r#"
file://[ROOT]/repo/dvc_plots/index.html

"#]]);
    let page = repo.read("dvc_plots/index.html");
    let start = page
        .find(r#"<script type="application/json" id="plots">"#)
        .unwrap();
    let data = &page[start..];
    let data = &data[data.find('>').unwrap() + 1..data.find("</script>").unwrap()];
    assert!(!data.contains('<'));
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["revisions"], serde_json::json!(["v1", "HEAD~0"]));
    let plots: Vec<String> = data["plots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plot| format!("{} {}", plot["kind"], plot["title"]))
        .collect();
    assert_eq!(
        plots,
        [
            r#""matrix" "predictions.json""#,
            r#""images" "logs/dot.svg""#,
            r#""lines" "logs/loss.tsv""#
        ]
    );
    assert_eq!(data["plots"][2]["series"][0]["y"].to_string(), "[1.5,null]");
    assert_eq!(
        data["plots"][2]["series"][1]["x"].to_string(),
        "[0.0,10.0,20.0]"
    );
    assert_eq!(repo.ask("status --porcelain"), "");
    repo.check();
}

#[test]
fn the_page_is_drawn_without_a_network() {
    if program("chromium").is_none() {
        return skip("no 'chromium' to draw the page");
    }
    let repo = logged();
    repo.exp("plots diff v1 HEAD").success();
    let script = "unshare -n true 2>/dev/null && offline='unshare -n'; \
        $offline chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync \
        --user-data-dir=$HOME/chromium --virtual-time-budget=15000 \
        --dump-dom file://$PWD/dvc_plots/index.html";
    let drawn = repo.sh(script).success().text();
    assert!(drawn.contains("<title>3 plots: v1, HEAD</title>"));
    assert!(drawn.matches("class=\"main-svg\"").count() >= 2);
}

#[test]
fn revisions_default_to_workspace_and_head() {
    let repo = logged();
    let revisions = |words: &str| {
        let text = repo.exp(words).success().text();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(json.get("errors").is_none(), "{text}");
        json["data"]["logs/loss.tsv"][0]["revisions"].to_string()
    };
    assert_eq!(revisions("plots diff --json"), r#"["HEAD","workspace"]"#);
    assert_eq!(revisions("plots diff --json v1"), r#"["v1","workspace"]"#);
    assert_eq!(revisions("plots diff --json v1 main"), r#"["main","v1"]"#);
    assert_eq!(revisions("plots show --json"), r#"["workspace"]"#);
    repo.exp("plots diff nope").refused(128);
}

#[test]
fn vega_fills_templates_and_has_no_nan() {
    let repo = logged();
    repo.exp("plots diff v1 HEAD --targets logs/loss.tsv --show-vega -t mine --title T")
        .success()
        .stdout(str![[r#"
{"rows": [{"step": "0", "loss": "1.5", "rev": "v1"}, {"step": "10", "loss": "nan", "rev": "v1"}, {"step": "0", "loss": "1.5", "rev": "HEAD"}, {"step": "10", "loss": "0.5", "rev": "HEAD"}, {"step": "20", "loss": "0.25", "rev": "HEAD"}], "of": "T"}

"#]]);
    repo.exp("plots show --show-vega").refused(129);
    repo.exp("plots show -t nope").refused(128).stderr(str![[r#"
fatal: no template 'nope'
hint: use 'git exp plots templates' to list them

"#]]);
    repo.exp("plots templates").success().stdout(str![[r#"
simple
linear
confusion
confusion_normalized
scatter
scatter_jitter
smooth
bar_horizontal_sorted
bar_horizontal

"#]]);
    let text = repo.exp("plots templates linear").success().text();
    let template: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(template["data"]["values"], "<DVC_METRIC_DATA>");
}

#[test]
fn what_cannot_be_drawn_is_said_and_the_rest_is_drawn() {
    let repo = logged();
    repo.write("logs/loss.tsv", b"\xff\xfe");
    repo.exp("plots diff -o page").success().stderr(str![[r#"
warning: cannot draw plot 'logs/loss.tsv' of 'workspace': 'logs/loss.tsv' is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0

"#]]);
    assert!(repo.exists("page/index.html"));
    repo.exp("plots show nope.csv").refused(128);
    repo.exp("plots diff -y nope --targets logs/loss.tsv -- v1 HEAD")
        .success();
}

#[test]
fn only_this_binary_carries_the_library() {
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_git-exp"))
        .parent()
        .unwrap();
    let mark = b"* plotly.js v";
    for entry in git_exp::command::ALL {
        let binary = std::fs::read(folder.join(format!("git-exp-{}", entry.name))).unwrap();
        let carries = binary.windows(mark.len()).any(|window| window == mark);
        assert_eq!(carries, entry.name == "plots", "git-exp-{}", entry.name);
    }
}

#[test]
fn outputs_in_the_cache_are_drawn_too() {
    let repo = TestRepo::tutorial();
    let pipeline = repo.read("dvc.yaml").replace(
        "    - predictions.json:\n        cache: false\n",
        "    - predictions.json\n",
    );
    repo.write("dvc.yaml", pipeline);
    repo.git("commit -q -a -m cached").success();
    repo.epochs(2);
    repo.exp("run -n calm").success();
    let tip = repo.tip("calm");
    assert_eq!(
        repo.ask(&format!("ls-tree --name-only {tip} predictions.json")),
        ""
    );
    let text = repo.exp("plots diff --json calm~1 calm").success().text();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = &json["data"]["predictions.json"][0]["datapoints"];
    assert_eq!(rows["calm~1"][0]["actual"], "0");
    assert_eq!(rows["calm"][0]["actual"], "1");
}
