//! `git exp params diff`: what went in, as it was written.

use crate::metrics::two_states;
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
