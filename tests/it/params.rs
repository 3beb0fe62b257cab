//! `git exp params diff`: what went in, as it was written.

use crate::metrics::two_states;
use crate::support::TestRepo;
use snapbox::str;

#[test]
fn values_are_shown_as_they_are() {
    let repo = two_states();
    repo.exp("params diff v1").success().stdout(str![[r#"
Path         Param         Old     New
params.yaml  layers        -       [1, 3]
params.yaml  lr            0.0001  1e-05
params.yaml  seed          473987  1
params.yaml  weight_decay  0       -

"#]]);
    repo.exp("params diff v1 HEAD --deps --no-path")
        .success()
        .stdout(str![[r#"
Param         Old     New
lr            0.0001  0.1
weight_decay  0       -

"#]]);
    repo.exp("params diff HEAD HEAD").success().stdout("");
    repo.exp("params diff HEAD --json").success().stdout(str![[r#"
{"params.yaml": {"layers": {"old": "[1, 2]", "new": "[1, 3]"}, "lr": {"old": 0.1, "new": 1e-05, "diff": -0.09999000000000001}, "seed": {"old": 473987, "new": 1, "diff": -473986}}}

"#]]);
    repo.check();
}

#[test]
fn unchanged_values_and_other_files_can_be_shown() {
    let repo = two_states();
    repo.write("other.toml", "[net]\ndepth = 3\n");
    repo.exp("params diff --all --targets other.toml -- HEAD workspace")
        .success()
        .stdout(str![[r#"
Path        Param      Old    New
other.toml  net.depth  -      3

"#]]);
    repo.exp("params diff --all --md v1 v1")
        .success()
        .stdout(str![[r#"
| Path        | Param        | Old    | New    |
|-------------|--------------|--------|--------|
| params.yaml | lr           | 0.0001 | 0.0001 |
| params.yaml | seed         | 473987 | 473987 |
| params.yaml | weight_decay | 0      | 0      |


"#]]);
}

const CODE: &str = "\
import os

LR: float = 1e-3  # rate
BETAS = (0.9, 0.99)
NAME = os.name


class Train:
    opt = {'name': \"adam\", 'k': None}

    def __init__(self):
        self.epochs = 3
";

#[test]
fn params_come_from_python_files() {
    let repo = TestRepo::project();
    repo.write(
        "dvc.yaml",
        "stages:\n  some:\n    cmd: 'true'\n    params:\n    - p.py:\n      - LR\n      - Train.epochs\n  \
         all:\n    cmd: 'true'\n    params:\n    - p.py:\n",
    )
    .write("p.py", CODE);
    repo.git("add .").success();
    repo.git("commit -q -m code").success();
    repo.exp("run -n code -S p.py:LR=1e-5 -S p.py:Train.opt.name=sgd -S p.py:BETAS=[1]")
        .success();
    let changed = CODE
        .replace("1e-3", "1e-05")
        .replace("\"adam\"", "\"sgd\"")
        .replace("(0.9, 0.99)", "(1,)");
    assert_eq!(repo.read("p.py"), changed);
    assert_eq!(
        repo.read("dvc.lock"),
        "schema: '2.0'\nstages:\n  some:\n    cmd: 'true'\n    params:\n      p.py:\n        LR: 1e-05\n        \
         Train.epochs: 3\n  all:\n    cmd: 'true'\n    params:\n      p.py:\n        BETAS:\n        - 1\n        \
         LR: 1e-05\n        Train:\n          opt:\n            name: sgd\n            k:\n          epochs: 3\n"
    );
    repo.exp("params diff").success().stdout(str![[r#"
Path    Param           Old          New
p.py    BETAS           [0.9, 0.99]  [1]
p.py    LR              0.001        1e-05
p.py    Train.opt.name  adam         sgd

"#]]);
    for (assignment, message) in [
        (
            "p.py:Train=1",
            "cannot change 'Train' in 'p.py': it is a class",
        ),
        ("p.py:+NEW=1", "only values of Python files can be changed"),
        ("p.py:NAME=x", "there is no param 'NAME' in 'p.py'"),
    ] {
        repo.exp(&format!("run -S {assignment}"))
            .refused(128)
            .says(message);
    }
    repo.write("p.py", "LR = 1\nTrain = {'epochs': 1}\nALL = {1, 2}\n");
    repo.exp("run all")
        .refused(128)
        .says("the param 'ALL' of 'p.py' is a set");
    repo.write("p.py", "LR = [1\n");
    repo.exp("run some")
        .refused(128)
        .says("cannot parse 'p.py', line 1, column 6: the '[' is not closed");
    repo.check();
}
