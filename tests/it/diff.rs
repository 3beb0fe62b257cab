//! `git exp diff`: metrics, params and code of two experiments.

use crate::metrics::two_states;
use crate::support::TestRepo;
use snapbox::str;

#[test]
fn two_tables_under_the_names_as_typed() {
    let repo = two_states();
    repo.exp("diff v1").success().stdout(str![[r#"
Path          Metric    v1       workspace    Change
metrics.json  acc       0.5      0.75         0.25
metrics.json  loss      1.5789   0.2069       -1.3721
metrics.json  new       -        7            diff not supported
metrics.json  ok        True     False        -1
metrics.json  small     3.7e-07  1e-09        -3.69e-07
metrics.json  step      3        5            2

Path         Param         v1      workspace    Change
params.yaml  layers        -       [1, 3]       diff not supported
params.yaml  lr            0.0001  1e-05        -9e-05
params.yaml  seed          473987  1            -473986
params.yaml  weight_decay  0       -            diff not supported

"#]]);
    repo.exp("diff --param-deps --no-path")
        .success()
        .stdout(str![[r#"
Param    HEAD    workspace    Change
lr       0.1     1e-05        -0.09999
seed     473987  1            -473986

"#]]);
    repo.exp("diff v1 v1").success().stdout("");
    repo.exp("diff v1 v1 --json")
        .success()
        .stdout("{\"metrics\": {}, \"params\": {}}\n");
    repo.exp("diff v1 nope").refused(128);
    repo.check();
}

#[test]
fn code_follows_as_git_prints_it() {
    let repo = TestRepo::tutorial();
    repo.epochs(1);
    repo.exp("run -n calm").success();
    repo.exp("run -n bold -S lr=0.5").success();
    repo.exp("diff calm bold --code --no-path")
        .success()
        .stdout(str![[r#"
Metric    calm    bold    Change
acc       0       0.5     0.5
loss      1       0.5     -0.5
step      0       1       1

Param    calm    bold    Change
lr       0.0001  0.5     0.4999

diff --git a/params.yaml b/params.yaml
--- a/params.yaml
+++ b/params.yaml
@@ -1,3 +1,3 @@
 seed: 473987
-lr: 0.0001
+lr: 0.5
 weight_decay: 0

"#]]);
    repo.check();
}
