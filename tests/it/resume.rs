//! `git exp resume`: go on with what is named, wherever HEAD is.

use crate::support::TestRepo;
use snapbox::str;

/// The tutorial after a run of three epochs, for runs of two.
fn trained() -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.epochs(3).exp("run -n calm").success();
    repo.epochs(2);
    repo
}

/// Returns the steps of the models of an experiment's checkpoints, from its own metrics, oldest first.
fn steps(repo: &TestRepo, name: &str) -> Vec<String> {
    let tip = repo.tip(name);
    let commits = repo.ask(&format!("rev-list --reverse {tip} -- metrics.json"));
    let step = |commit: &str| {
        let metrics = repo.ask(&format!("show {commit}:metrics.json"));
        metrics[..metrics.find(',').unwrap()].replace("{\"step\": ", "")
    };
    commits.lines().map(step).collect()
}

/// Returns the parent of the tip after `count` new checkpoints.
fn back(repo: &TestRepo, name: &str, count: usize) -> String {
    repo.ask(&format!("rev-parse {}~{count}", repo.tip(name)))
}

#[test]
fn the_newest_checkpoint_lets_the_same_experiment_grow() {
    let repo = trained();
    let tip = repo.tip("calm");
    // Something else is in the workspace by now.
    repo.exp("run --reset -n other").success();
    repo.remember();
    repo.exp("resume calm")
        .success()
        .prints("Experiment 'calm': resume from checkpoint id00003, training loads model.pt ");
    assert_eq!(back(&repo, "calm", 2), tip);
    assert_eq!(steps(&repo, "calm"), ["0", "1", "2", "3", "4"]);
    assert_eq!(repo.read("model.pt").lines().count(), 5);
    repo.check();
}

#[test]
fn without_a_revision_it_goes_on_from_the_last_one() {
    let repo = trained();
    repo.exp("resume")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(steps(&repo, "calm"), ["0", "1", "2", "3", "4"]);
    // A middle one that was applied counts as well.
    repo.exp("apply calm~3").success();
    repo.exp("resume -n bold")
        .success()
        .prints("Experiment 'bold': fork of checkpoint");
    assert_eq!(steps(&repo, "bold"), ["0", "1", "2", "3"]);
    repo.check();
}

#[test]
fn goes_on_in_a_fresh_clone() {
    let repo = trained();
    repo.git("clone -q . ../clone").success();
    let clone = repo.beside("clone");
    clone.exp("resume").refused(128).stderr(str![[r#"
fatal: nothing was run or applied in this worktree yet
hint: git exp resume <experiment>
hint: git exp list --all-commits

"#]]);
    clone
        .git("fetch -q origin refs/exps/*:refs/exps/* refs/notes/exps/*:refs/notes/exps/*")
        .success();
    let refused = clone.exp("resume calm").refused(128);
    assert!(refused.said().contains("not in the cache"));
    assert!(!clone.exists("metrics.json"));

    clone.sh("cp -r ../repo/.dvc/cache .dvc/").success();
    clone.remember();
    clone
        .exp("resume calm")
        .success()
        .prints("Experiment 'calm': resume from checkpoint");
    assert_eq!(steps(&clone, "calm"), ["0", "1", "2", "3", "4"]);
    assert_eq!(back(&clone, "calm", 2), repo.tip("calm"));
    clone.check();
    // The same experiment, so both sides agree on what a push would do.
    let id = |repo: &TestRepo| {
        let message = repo.ask(&format!("log -1 --format=%B {}", repo.tip("calm")));
        let at = message.find("Exp-Id: ").unwrap();
        message[at..at + 40].to_owned()
    };
    assert_eq!(id(&clone), id(&repo));
}

#[test]
fn keeps_its_baseline_wherever_head_is() {
    let repo = trained();
    let tip = repo.tip("calm");
    let baseline = repo.ask("rev-parse HEAD");
    // The other branch has other code, and lacks a file.
    repo.git("checkout -q -b elsewhere").success();
    repo.write("later.py", "print()\n");
    repo.git("rm -q --cached params.yaml").success();
    repo.git("mv train.sh old.sh").success();
    repo.git("add later.py").success();
    repo.git("commit -qm elsewhere").success();
    repo.sh("rm -f params.yaml").success();
    repo.exp("resume calm")
        .success()
        .prints("Experiment 'calm': resume from checkpoint id00003");
    assert_eq!(back(&repo, "calm", 2), tip);
    let refs = repo.ask("for-each-ref --format=%(refname) refs/exps");
    let (two, rest) = baseline.split_at(2);
    assert_eq!(refs, format!("refs/exps/{two}/{rest}/calm"));
    // Its files are those of the experiment, not of the branch.
    let files = repo.ask(&format!("ls-tree -r --name-only {}", repo.tip("calm")));
    let files: Vec<_> = files.lines().collect();
    assert!(files.contains(&"train.sh") && files.contains(&"params.yaml"));
    assert!(!files.contains(&"later.py") && !files.contains(&"old.sh"));
    repo.check();

    // A plain run starts from HEAD, and says so.
    repo.sh("git checkout -q . && rm train.sh").success();
    repo.sh("git mv old.sh train.sh && printf 'seed: 1\nlr: 1\nweight_decay: 1\n' > params.yaml")
        .success();
    repo.exp("run -n fresh")
        .success()
        .says("HEAD has moved since checkpoint")
        .prints("Experiment 'fresh': new");
    // Without a revision, too, the experiment keeps its baseline.
    repo.exp("resume --force calm").success();
    repo.exp("resume")
        .success()
        .prints("Experiment 'calm': resume");
    assert_eq!(steps(&repo, "calm").len(), 9);
}

#[test]
fn an_earlier_checkpoint_is_forked() {
    let repo = trained();
    let middle = back(&repo, "calm", 1);
    repo.exp("resume calm~1 -n bold")
        .success()
        .prints("Experiment 'bold': fork of checkpoint id00002, training loads model.pt ");
    assert_eq!(back(&repo, "bold", 2), middle);
    assert_eq!(steps(&repo, "bold"), ["0", "1", "2", "3"]);
    assert_eq!(steps(&repo, "calm"), ["0", "1", "2"]);
    let message = repo.ask(&format!("log -1 --format=%B {}~1", repo.tip("bold")));
    assert!(
        message.contains(&format!("Exp-Fork-Of: {middle} ")),
        "{message}"
    );
    assert_eq!(repo.read("model.pt").lines().count(), 4);
    repo.check();
}

#[test]
fn a_changed_param_makes_a_fork() {
    let repo = trained();
    let tip = repo.tip("calm");
    repo.exp("resume calm -S lr=0.5 -n bold -M 'half a step'")
        .success()
        .prints("Experiment 'bold': fork of checkpoint id00003");
    assert_eq!(back(&repo, "bold", 2), tip);
    assert!(repo.read("params.yaml").contains("lr: 0.5\n"));
    assert_eq!(repo.read("model.pt").lines().last(), Some("step 4 lr 0.5"));
    let subject = repo.ask(&format!("log -1 --format=%s {}", repo.tip("bold")));
    assert_eq!(subject, "half a step");
    repo.check();
}

#[test]
fn edits_since_the_checkpoint_make_a_fork() {
    let repo = trained();
    repo.write("params.yaml", "seed: 473987\nlr: 0.5\nweight_decay: 0\n");
    repo.exp("resume calm -n bold")
        .success()
        .prints("Experiment 'bold': fork of checkpoint");
    // From elsewhere they would be lost, so that is refused.
    repo.write("params.yaml", "seed: 473987\nlr: 7\nweight_decay: 0\n");
    repo.exp("resume calm").refused(128).stderr(str![[r#"
fatal: apply would overwrite your unsaved changes: 'params.yaml'
hint: commit or stash them
hint: use --force to replace them; 'git exp undo' brings them back

"#]]);
    repo.exp("resume calm --force")
        .success()
        .says("Saved 'params.yaml' first; 'git exp undo' brings it back.");
    assert_eq!(steps(&repo, "calm").len(), 5);
    repo.exp("undo --force").success();
    assert!(repo.read("params.yaml").contains("lr: 7\n"));
    repo.check();
}

#[test]
fn refuses_before_anything_changes() {
    let repo = trained();
    repo.exp("run --reset -n other").success();
    let before = repo.read("model.pt");
    repo.exp("resume clam").refused(128).stderr(str![[r#"
fatal: unknown revision 'clam'
hint: did you mean 'calm'?

"#]]);
    repo.exp("resume main").refused(128).stderr(str![[r#"
fatal: 'main' is not a checkpoint of an experiment
hint: git exp show --all-commits

"#]]);
    repo.exp("resume calm~3").refused(128).stderr(str![[r#"
fatal: 'calm~3' is the baseline of experiment 'calm', not a checkpoint
hint: git exp run --reset

"#]]);
    repo.exp("resume calm~1 -n other")
        .refused(128)
        .stderr(str![[r#"
fatal: experiment 'other' already exists
hint: use --force to replace it, or --name to choose another name

"#]]);
    repo.exp("resume calm -S rl=1").refused(128);
    repo.exp("resume calm -S lr").refused(129);
    repo.exp("resume calm nowhere").refused(128);
    repo.exp("resume calm --single-item --downstream")
        .refused(129);
    repo.exp("resume --frobnicate").refused(129);
    assert_eq!(repo.read("model.pt"), before);
    assert_eq!(repo.ask("for-each-ref refs/git-exp"), "");
}

#[test]
fn a_removed_experiment_is_not_gone_on_with() {
    let repo = trained();
    let refs = repo.ask("for-each-ref --format=%(refname) refs/exps");
    repo.git(&format!("update-ref -d {refs}")).success();
    repo.exp("resume")
        .refused(128)
        .says("is not a checkpoint of an experiment");
}

#[test]
fn says_what_would_run() {
    let repo = trained();
    repo.exp("run --reset -n other").success();
    let before = repo.read("model.pt");
    repo.exp("resume calm --dry").success().stdout(str![[r#"
Running stage 'train': a checkpoint stage always runs
> sh train.sh

"#]]);
    repo.exp("resume calm~1 --dry -S lr=7 -S seed=1")
        .success()
        .stdout(str![[r#"
Running stage 'train': params.yaml: lr 0.0001 → 7, seed 473987 → 1
> sh train.sh

"#]]);
    assert_eq!(repo.read("model.pt"), before);
    assert_eq!(repo.ask("for-each-ref refs/git-exp"), "");
}

/// Stages of all sorts: what git has, what the cache has, folders and parts of them, `.dvc` files,
/// params that a stage writes, results of half a run.
const ALL_SORTS: &str = "\
stages:
  cut:
    cmd: mkdir -p parts/deep; head -n ${n} raw/in > parts/a; cat raw/in > parts/deep/b
    deps: [raw]
    params: [n]
    outs: [parts]
  pick: {cmd: 'echo \"k: ${n}\" > made.yaml', params: [n], outs: [{made.yaml: {cache: false}}]}
  made: {cmd: cat made.yaml > made, params: [{made.yaml: [k]}], outs: [made]}
  part: {cmd: cat parts/deep/b > part, deps: [parts/deep], outs: [part]}
  file: {cmd: cat parts/a > file, deps: [parts/a, lib/code], outs: [{file: {cache: false}}]}
  tracked: {cmd: cat added/x > tracked, deps: [added], outs: [tracked]}
  train: {cmd: sh train.sh, deps: [train.sh, file], params: [lr, seed], outs: [{model.pt: {checkpoint: true}}], metrics: [{metrics.json: {cache: false}}]}
  judge: {cmd: cat model.pt parts/a > judged, deps: [model.pt, parts, lib], outs: [judged]}
  always: {cmd: echo, always_changed: true, deps: [local]}
  ice: {cmd: cat raw/in > ice, deps: [raw], outs: [{ice: {cache: false}}], frozen: true}
";

#[test]
fn what_it_says_beforehand_is_what_it_says_with_the_checkpoint_in_the_workspace() {
    let repo = TestRepo::tutorial();
    repo.write("dvc.yaml", ALL_SORTS)
        .write(
            "params.yaml",
            "seed: 473987\nlr: 0.0001\nweight_decay: 0\nn: 1\n",
        )
        .write("raw/in", "1\n2\n3\n")
        .write("lib/code", "code\n")
        .write("lib/more/code", "more\n")
        .write("added/x", "x\n")
        .write("ice", "cold\n")
        .write("added.dvc", "outs:\n- path: added\n")
        .write(".gitignore", "/model.pt\n/added\n/local\n/cached\n")
        .write("local", "here only\n");
    repo.git("add .").success();
    repo.git("commit -q -m stages").success();
    repo.epochs(2);
    repo.exp("run -n one").success();
    repo.exp("run -n two -S n=2").success();
    repo.sh("rm -r lib/more && echo other > lib/code && echo y > added/y && echo 4 >> raw/in")
        .success();
    repo.exp("run -n three -S lr=0.5").success();
    repo.exp("run -n four --reset").success();
    let revisions = ["one", "one~1", "one~2", "two", "two~1", "three", "three~2"];
    let also = [
        "",
        "-S n=3",
        "-S lr=0.5",
        "--force-downstream -S n=2",
        "-f",
        "judge -s",
    ];
    let mut said = std::collections::BTreeSet::new();
    for (at, revision) in revisions.iter().enumerate() {
        for words in [also[at % 6], also[(at + 1) % 6]] {
            repo.exp("apply four -f").success();
            let before = repo.ask("status --porcelain --untracked-files=all");
            let beforehand = repo.exp(&format!("resume {revision} --dry {words}"));
            let beforehand = beforehand.success().text();
            assert_eq!(repo.ask("status --porcelain --untracked-files=all"), before);
            repo.exp(&format!("apply {revision}")).success();
            let there = repo.exp(&format!("resume {revision} --dry {words}"));
            assert_eq!(beforehand, there.success().text(), "{revision} {words}");
            said.extend(beforehand.lines().map(str::to_owned));
        }
    }
    assert!(said.len() > 40, "{said:#?}");

    // and what it does then; what a stage wrote may be one more reason
    repo.exp("apply four").success();
    let beforehand = repo.exp("resume two~1 --dry -S n=3").success();
    let run = repo.exp("resume two~1 -S n=3").success();
    let (sure, ran) = (beforehand.started(), run.started());
    assert_eq!(sure, ["cut", "pick", "train", "always"]);
    assert!(sure.iter().all(|stage| ran.contains(stage)), "{ran:?}");
    let why = "Running stage 'cut': cmd changed; params.yaml: n 2 → 3\n";
    assert!(beforehand.text().contains(why) && run.text().contains(why));
    repo.check();
}

#[test]
fn says_what_would_run_where_the_checkpoint_is_in_the_workspace() {
    let repo = trained();
    repo.exp("resume --dry").success().stdout(str![[r#"
Running stage 'train': a checkpoint stage always runs
> sh train.sh

"#]]);
    repo.exp("resume calm nowhere --dry").refused(128);
    assert_eq!(steps(&repo, "calm"), ["0", "1", "2"]);
}

#[test]
fn what_is_typed_reaches_the_run() {
    let repo = trained();
    repo.exp("resume -q calm~1 -n bold -M 'by hand' -S lr=0.5 -S seed=-1 train")
        .success()
        .stderr("");
    assert!(repo.read("params.yaml").contains("seed: -1\nlr: 0.5\n"));
    let subject = repo.ask(&format!("log -1 --format=%s {}", repo.tip("bold")));
    assert_eq!(subject, "by hand");
    repo.exp("resume bold train --single-item --force")
        .success();
    assert_eq!(steps(&repo, "bold").len(), 6);
    repo.check();
}

/// 'git exp resume' puts it there and becomes the run; in between somebody may apply another.
#[test]
fn a_run_goes_on_from_what_is_in_the_workspace_only() {
    let repo = trained();
    let middle = back(&repo, "calm", 1);
    repo.exp(&format!("run --from={middle}"))
        .refused(128)
        .says("is not in the workspace: another command changed it meanwhile");
    assert_eq!(steps(&repo, "calm"), ["0", "1", "2"]);
    repo.exp(&format!("run --from={middle} --reset"))
        .refused(129);
}

#[test]
fn a_running_experiment_is_left_alone() {
    let repo = trained();
    repo.env("PAUSE_AT", "4");
    let mut running = repo.start_exp("run");
    running.wait_for("Checkpoint experiment iteration", 1);
    repo.exp("resume calm")
        .refused(128)
        .says("fatal: cannot resume while experiment 'calm' is running here (process ");

    repo.git("worktree add -q ../linked").success();
    let linked = repo.beside("linked");
    linked.env("PAUSE_AT", "");
    let refused = linked.exp("resume calm").refused(128);
    let said = refused.said();
    assert!(said.contains("experiment 'calm' is running in '"), "{said}");
    assert!(
        said.contains("git exp resume calm~1 makes a fork"),
        "{said}"
    );
    assert!(!linked.exists("model.pt"));
    // A fork of it gets in nobody's way.
    linked.exp("resume calm -S lr=0.5 -n bold").success();
    assert_eq!(steps(&linked, "bold"), ["0", "1", "2", "3", "4", "5"]);

    repo.write("go", "");
    assert_eq!(running.end().0, 0);
    assert_eq!(steps(&repo, "calm"), ["0", "1", "2", "3", "4"]);
    repo.check();
}
