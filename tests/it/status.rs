//! `git exp status`.

use crate::support::TestRepo;
use snapbox::str;

/// Makes experiments with git alone, as another clone's push would leave them.
const EXPERIMENTS: &str = r#"
baseline=$(git rev-parse HEAD)
for name in quiet-owl warm-lynx; do
    tip=$(git commit-tree -p HEAD -m "$name: checkpoint 1

Exp-Id: 0123456789abcdef0123456789abcdef
Exp-Checkpoint: 1" "HEAD^{tree}")
    path=exps/$(echo "$baseline" | sed 's|^..|&/|')/$name
    git update-ref "refs/$path" "$tip"
    case $name in quiet-owl) status=',"status":"done"' ;; *) status= ;; esac
    git notes --ref="$path" add -m "{\"version\":1,\"id\":\"0\",\"number\":1,\"time\":1$status}" "$tip"
done
"#;

#[test]
fn a_repository_without_experiments_says_what_to_do() {
    let repo = TestRepo::project();
    repo.exp("status").success().stdout(str![[r#"
On branch main at 4d9c750

No experiments yet (use "git exp run" to make one)

"#]]);
    repo.exp("status --porcelain").success().stdout(str![]);
}

#[test]
fn lists_the_experiments_of_the_baseline() {
    let repo = TestRepo::project();
    repo.sh(EXPERIMENTS).success();
    repo.exp("status").success().stdout(str![[r#"
On branch main at 4d9c750

  done        quiet-owl  checkpoint 1  id00001  3 minutes ago
  unfinished  warm-lynx  checkpoint 1  id00002  3 minutes ago

"#]]);
    repo.git("commit -q --allow-empty -m 'moved on'").success();
    repo.exp("status --porcelain").success().stdout(str![]);
    repo.check();
}

#[test]
fn porcelain_has_a_line_of_twelve_fields() {
    let repo = TestRepo::project();
    repo.sh(EXPERIMENTS).success();
    let text = repo.exp("status --porcelain").success().text();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split('\t').collect())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|fields| fields.len() == 12));
    let names: Vec<_> = lines.iter().map(|fields| (fields[0], fields[3])).collect();
    assert_eq!(names, [("done", "quiet-owl"), ("unfinished", "warm-lynx")]);
}

#[test]
fn an_unknown_option_is_a_usage_error() {
    let repo = TestRepo::project();
    repo.exp("status --frobnicate")
        .refused(129)
        .says("unexpected argument '--frobnicate'");
}
