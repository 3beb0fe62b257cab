//! gitexp-layout(5) is a contract: what lies on disk and in refs is named there.

use crate::support::TestRepo;

const PAGE: &str = include_str!("../../man/gitexp-layout.5");

/// The names below a folder of the repository; none if it is not there.
fn names(repo: &TestRepo, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(repo.root().join(folder))
        .into_iter()
        .flatten();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn whatever_is_stored_is_named_in_the_page() {
    let repo = TestRepo::tutorial();
    repo.epochs(3).env("PAUSE_AT", "1");
    let mut running = repo.start_exp("run -n calm");
    running.wait_for("Checkpoint experiment iteration", 1);
    let captures = names(&repo, ".dvc/cache/git-exp");
    assert!(
        captures.iter().all(|name| name.starts_with("run-")),
        "{captures:?}"
    );
    let mut found = names(&repo, &format!(".dvc/cache/git-exp/{}", captures[0]));
    found.retain(|name| name == "lock" || name == "owner");
    assert_eq!(found.len(), 2);
    found.extend(names(&repo, ".git/git-exp"));
    repo.write("go", "");
    assert_eq!(running.end().0, 0);
    // an output that no checkpoint has, replaced
    repo.write("model.pt", "by hand\n");
    repo.exp("apply calm~1").success();
    repo.exp("show").success();
    found.extend(names(&repo, ".git/git-exp"));
    for name in ["run.lock", "run.json", "resume.json", "kept", "memo"] {
        assert!(
            found.iter().any(|found| found == name),
            "no '{name}': {found:?}"
        );
    }

    let page = PAGE
        .replace("\\-", "-")
        .replace("\\fI", "")
        .replace("\\fR", "");
    for name in found {
        assert!(page.contains(&name), "'{name}' is not in gitexp-layout(5)");
    }
    let refs = repo.ask("for-each-ref --format=%(refname)");
    for name in refs.lines().filter(|name| !name.starts_with("refs/heads/")) {
        let parts: Vec<&str> = name.split('/').collect();
        let known = match parts[..] {
            ["refs", "exps", two, rest, _] | ["refs", "notes", "exps", two, rest, _] => {
                two.len() == 2 && rest.len() == 38
            }
            ["refs", "git-exp", "undo", worktree, number] => {
                worktree == "main" && number.parse::<u32>().is_ok()
            }
            _ => false,
        };
        assert!(known, "{name} is of no shape in gitexp-layout(5)");
    }
    repo.check();
}
