//! `-S` beside DVC: the same assignments, the same files and the same `dvc.lock`.

use super::{copy, dvc, dvc_ends};
use crate::support::{TestRepo, oracle};

const PIPELINE: &str = "\
stages:
  train:
    cmd: sed -n 's/^lr://p' params.yaml >model.txt
    params:
    - lr
    - train
    - conf.json:
    - c.toml:
      - t.x
    outs:
    - model.txt:
        cache: false
";

fn project() -> TestRepo {
    let repo = TestRepo::project();
    repo.git("config exp.dvcFormat 2").success();
    repo.write("dvc.yaml", PIPELINE)
        .write(
            "params.yaml",
            "# rates\nlr: 0.1\nname: adam\ntrain:\n  # of them\n  opt:\n    name: sgd\n  n: 3\nseed: 1\n",
        )
        .write("conf.json", "{\"a\": 1, \"b\": {\"c\": [1, 2.5]}}")
        .write("c.toml", "[t]\nx = 1 # one\ny = \"z\"\n");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    repo
}

#[test]
fn assignments_write_what_dvc_writes() {
    let Some(two) = oracle("GIT_EXP_DVC2") else {
        return;
    };
    let repo = project();
    let all: [&[&str]; 14] = [
        &["lr=0.00001", "name=two words", "seed=10"],
        &[
            "train.opt.name=adam",
            "train.n=5",
            "+train.opt.beta=0.90",
            "+new=1.0",
        ],
        &[
            "lr=1e-3",
            "conf.json:a=2",
            "conf.json:b.c=[3, x]",
            "c.toml:t.x=true",
        ],
        &["params.yaml:lr=1", "~seed", "++name='12'", "train.n=1_000"],
        &["lr=nope", "name=true", "conf.json:b.c.0=null"],
        &["rl=1"],
        &["+lr=1"],
        &["lr=${train.n}", "name=v${seed}.${lr}", "seed=7"],
        &[
            "train.opt.name=${..n}",
            "conf.json:a=${b.c[1]}",
            "c.toml:t.x=v${.y}",
        ],
        &[
            "lr=str(1e-5)",
            "name=str(true)",
            "conf.json:b.c=sort([2,1.5])",
        ],
        &["name='${train.${name}}'"],
        &["lr=${nope}"],
        &["lr=${lr}"],
        &["lr=sort([a,1])"],
    ];
    for (number, assignments) in all.into_iter().enumerate() {
        let [ours, theirs] = ["ours", "theirs"].map(|who| copy(&repo, &format!("{who}{number}")));
        let mut words = String::from("run -n calm");
        let mut command = theirs.command(two.to_str().unwrap());
        command.args(["exp", "run", "-n", "calm"]);
        for assignment in assignments {
            words += &format!(" -S \"{assignment}\"");
            command.args(["-S", assignment]);
        }
        let output = command.output().unwrap();
        let ran = ours.exp(&words);
        if !output.status.success() {
            let usage = ["lr=sort([a,1])"].contains(&assignments[0]);
            ran.refused(if usage { 129 } else { 128 });
            assert_eq!(ours.ask("status --porcelain"), "", "{words}");
            continue;
        }
        ran.success();
        for file in ["params.yaml", "c.toml", "dvc.lock", "model.txt"] {
            assert_eq!(ours.read(file), theirs.read(file), "{file} after {words}");
        }
        let [ours, theirs] = [&ours, &theirs].map(|repo| -> serde_json::Value {
            serde_json::from_str(&repo.read("conf.json")).unwrap()
        });
        assert_eq!(ours, theirs, "{words}");
    }
    // what DVC would queue is refused as well
    let (code, _, _) = dvc_ends(&two, &repo, "exp run -S lr=1,2");
    assert_eq!(code, 255);
    repo.exp("run -S lr=1,2")
        .refused(128)
        .says("sweeps need a queue");
}

#[test]
fn params_of_python_and_toml_files_are_locked_as_dvc_locks_them() {
    let Some(three) = oracle("GIT_EXP_DVC3") else {
        return;
    };
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  some:\n    cmd: 'true'\n    params:\n    - p.py:\n      - a\n      - t\n      - t.0\n      - d.n.m\n      - \
         Train\n      - Train.Inner.z\n      - Train.foo\n    - c.toml:\n      - train.opt\n      - l.0.x\n  \
         all:\n    cmd: 'true'\n    params:\n    - p.py:\n    - c.toml:\n    - conf.json:\n",
    )
    .write(
        "p.py",
        "'''doc'''\na = 1\nb: float = 0.5\nt = (1, 2, (3,))\ns = \"x\" 'y'\nd = {\"k\": 1, \"n\": {\"m\": 1e-5}}\n\
         class Train:\n    epochs = 3\n    class Inner:\n        z = 1\n    def __init__(self, x):\n        \
         self.foo = x\n        self.foo = 5\ndef f():\n    z = 1\n",
    )
    .write(
        "c.toml",
        "lr = 1e-5\nbig = 1_000\n[train]\nbetas = [0.9, inf]\nopt.name = 'adam'\n[[l]]\nx = 0x1F\n",
    )
    .write("conf.json", "{\"c\": [1, 2.0, null], \"a\": {\"b\": 1e16}}");
    repo.git("add .").success();
    repo.git("commit -q -m 'created pipeline'").success();
    let [ours, theirs] = ["ours", "theirs"].map(|who| copy(&repo, who));
    ours.exp("run").success();
    dvc(&three, &theirs, "repro");
    assert_eq!(ours.read("dvc.lock"), theirs.read("dvc.lock"));
}
