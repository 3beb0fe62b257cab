//! Both DVCs on experiments that we made: 2.58 where the format is 2, 3.67 where it is 3.

use super::{dvc, dvc_ends, same_json};
use crate::support::{TestRepo, oracle};
use std::path::Path;

/// A chain of three and a fork of its second checkpoint.
fn experiments(format: &str) -> TestRepo {
    let repo = TestRepo::tutorial();
    repo.git(&format!("config exp.dvcFormat {format}"))
        .success();
    repo.epochs(3).exp("run -n calm").success();
    repo.exp("apply calm~1").success();
    repo.epochs(2).exp("run -n bold -S lr=0.5").success();
    repo
}

fn reads_and_changes_ours(program: &Path, format: &str) {
    let repo = experiments(format);
    let [calm, bold] = ["calm", "bold"].map(|name| repo.tip(name));
    let second = repo.checkpoints("calm")[1].clone();

    // what it shows
    let (theirs, _) = dvc(program, &repo, "exp show --json -f");
    same_json(&repo.exp("show --json").success().text(), &theirs);
    let (names, _) = dvc(program, &repo, "exp list --name-only");
    assert_eq!(names, repo.exp("list --name-only").success().text());
    for words in [
        "exp diff --json calm bold",
        "metrics diff --json calm bold",
        "params diff --json calm bold",
    ] {
        let (theirs, _) = dvc(program, &repo, words);
        let ours = words.strip_prefix("exp ").unwrap_or(words);
        same_json(&repo.exp(ours).success().text(), &theirs);
    }

    // any checkpoint can be applied, with its model
    for (revision, steps, rate) in [
        ("calm", 3, "0.0001"),
        (&second[..7], 2, "0.0001"),
        ("bold", 4, "0.5"),
    ] {
        dvc(program, &repo, &format!("exp apply {revision}"));
        let model = repo.read("model.pt");
        assert_eq!(model.lines().count(), steps, "{revision}: {model}");
        assert!(
            model.ends_with(&format!(" lr {rate}\n")),
            "{revision}: {model}"
        );
        assert!(repo.read("params.yaml").contains(&format!("lr: {rate}\n")));
        let (said, _) = dvc(program, &repo, "diff --json");
        assert!(!said.contains("not in cache\": [{"), "{said}");
    }

    // branches and removals are seen by us
    dvc(program, &repo, "exp branch calm mine");
    assert_eq!(repo.ask("rev-parse mine"), calm);
    let (code, _, said) = dvc_ends(program, &repo, "exp branch calm mine");
    assert_eq!(code, 255, "{said}");
    dvc(program, &repo, "exp remove calm");
    repo.exp("list --name-only").success().stdout("bold\n");
    assert_eq!(repo.tip("bold"), bold);
    // what it shares with the removed one is still described
    let note = repo.ask(&format!("log -1 --notes=exps/* --format=%N {second}"));
    assert!(note.contains("\"number\": 2"), "{note}");
    let shown = repo.exp("show --csv").success().text();
    assert_eq!(shown.lines().count(), 1 + 2 + 4, "{shown}");
    assert_eq!(repo.ask("fsck --strict --no-dangling"), "");
}

#[test]
fn dvc_2_works_with_our_experiments() {
    if let Some(program) = oracle("GIT_EXP_DVC2") {
        reads_and_changes_ours(&program, "2");
    }
}

#[test]
fn dvc_3_works_with_our_experiments() {
    if let Some(program) = oracle("GIT_EXP_DVC3") {
        reads_and_changes_ours(&program, "3");
    }
}
