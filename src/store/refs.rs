//! Experiment and notes refs: list, create, compare-and-swap, delete. See `man/gitexp-layout.5`.
//!
//! gix renames ref files without syncing them, and lets "must not exist" pass where the ref exists
//! with the very value. Both are mended here, between its two phases: while all locks are held, the
//! locks' contents are synced and absence is checked again.

use super::Store;
use super::intent::{self, Intent};
use crate::error::{Context, Error, Result};
use crate::experiment::{self, Experiment, ExperimentName};
use crate::id::ObjectId;
use gix::bstr::BStr;
use gix::lock::acquire::Fail;
use gix::refs::file::transaction::prepare;
use gix::refs::transaction::{PreviousValue, RefEdit};
use gix::refs::{FullName, Target};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long one attempt waits for another process's lock on a ref, and on packed-refs.
const REF_PATIENCE: Duration = Duration::from_secs(5);
const PACKED_PATIENCE: Duration = Duration::from_secs(10);

/// How often a transaction starts again because another process was in the way.
const ATTEMPTS: usize = 4;

/// What a ref must be for an update to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It does not exist.
    Absent,
    /// It exists with this value.
    Is(ObjectId),
    /// Whatever it is.
    Any,
}

/// Why a ref did not move.
#[derive(Debug)]
pub enum MoveError {
    /// Somebody else moved, made or removed it; its value now.
    Moved(Option<ObjectId>),
    /// Anything else.
    Other(Error),
}

impl MoveError {
    /// Returns an error for callers to whom a lost race is a failure like any other.
    pub fn into_error(self, name: &str) -> Error {
        match self {
            MoveError::Other(error) => error,
            MoveError::Moved(Some(_)) => {
                Error::refused(format!("'{name}' was changed by another process"))
            }
            MoveError::Moved(None) => {
                Error::refused(format!("'{name}' was removed by another process"))
            }
        }
    }
}

impl From<Error> for MoveError {
    fn from(error: Error) -> Self {
        MoveError::Other(error)
    }
}

/// One ref's change in a transaction.
#[derive(Debug, Clone)]
pub struct RefChange {
    /// Full name.
    pub name: String,
    /// New value; `None` deletes.
    pub new: Option<ObjectId>,
    /// What it must be before.
    pub expected: Expected,
}

impl RefChange {
    /// Makes a ref that must not exist.
    pub fn create(name: impl Into<String>, new: ObjectId) -> Self {
        RefChange {
            name: name.into(),
            new: Some(new),
            expected: Expected::Absent,
        }
    }

    /// Moves a ref from a value to another; from `None`, it must not exist.
    pub fn update(name: impl Into<String>, old: Option<ObjectId>, new: ObjectId) -> Self {
        RefChange {
            name: name.into(),
            new: Some(new),
            expected: old.map_or(Expected::Absent, Expected::Is),
        }
    }

    /// Deletes a ref that has this value.
    pub fn delete(name: impl Into<String>, old: ObjectId) -> Self {
        RefChange {
            name: name.into(),
            new: None,
            expected: Expected::Is(old),
        }
    }
}

/// The notes of one experiment; the experiment itself may be gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotesRef {
    /// The experiment's baseline.
    pub baseline: ObjectId,
    /// The experiment's name.
    pub name: ExperimentName,
    /// The notes commit.
    pub tip: ObjectId,
}

/// Why one attempt failed.
enum Failure {
    Final(MoveError),
    /// Another process was in the way.
    Busy(gix::Error),
}

impl Store {
    /// Lists all experiments, in ref order; refs that are not experiments are passed over.
    pub fn experiments(&self) -> Result<Vec<Experiment>> {
        self.list(experiment::REFS, |name, tip| {
            let (baseline, name) = experiment::parse_experiment_ref(name)?;
            Some(Experiment {
                baseline,
                name,
                tip,
            })
        })
    }

    /// Lists the notes of all experiments, in ref order.
    pub fn notes_refs(&self) -> Result<Vec<NotesRef>> {
        self.list(experiment::NOTES_REFS, |name, tip| {
            let (baseline, name) = experiment::parse_notes_ref(name)?;
            Some(NotesRef {
                baseline,
                name,
                tip,
            })
        })
    }

    /// Lists all refs below `prefix` (which ends in `/`) with their values, in ref order. Symbolic and
    /// broken ones are passed over.
    pub fn refs_below(&self, prefix: &str) -> Result<Vec<(String, ObjectId)>> {
        self.list(prefix, |name, tip| {
            Some((std::str::from_utf8(name).ok()?.to_owned(), tip))
        })
    }

    fn list<T>(&self, prefix: &str, make: impl Fn(&[u8], ObjectId) -> Option<T>) -> Result<Vec<T>> {
        let doing = || format!("cannot list '{prefix}'");
        let references = self.repo.references().context(doing)?;
        let references = references.prefixed(BStr::new(prefix)).context(doing)?;
        Ok(references
            .filter_map(|reference| {
                let reference = reference.ok()?;
                let id = reference.target().try_id()?.to_owned();
                make(reference.name().as_bstr(), id)
            })
            .collect())
    }

    /// Returns the value of a ref, following symbolic ones, or `None`.
    pub fn find_ref(&self, name: &str) -> Result<Option<ObjectId>> {
        let doing = || format!("cannot read ref '{name}'");
        let full = full_name(name)?;
        // gix goes on to look in five other places, 'refs/tags/refs/…' among them.
        let is_missing = |path: &Path| {
            fs_err::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        if name.starts_with("refs/")
            && self.repo.refs.namespace.is_none()
            && is_missing(&self.common_dir.join(name))
            && is_missing(&self.git_dir.join(name))
            && is_missing(&self.repo.refs.packed_refs_path())
        {
            return Ok(None);
        }
        let Some(mut reference) = self.repo.try_find_reference(full.as_ref()).context(doing)?
        else {
            return Ok(None);
        };
        // 'refs/exps/x' would also find 'refs/heads/refs/exps/x'.
        if reference.name() != full.as_ref() {
            return Ok(None);
        }
        while reference.target().try_id().is_none() {
            match reference.follow() {
                None => return Ok(None),
                Some(Ok(next)) => reference = next,
                Some(Err(error)) if error.is_not_found() => return Ok(None),
                Some(Err(error)) => return Err(error).context(doing),
            }
        }
        Ok(reference.target().try_id().map(ToOwned::to_owned))
    }

    /// Changes all refs or none, waiting for other git processes up to some seconds.
    ///
    /// What is new is on disk when this returns.
    pub fn change_refs(&self, changes: &[RefChange]) -> Result<(), MoveError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut attempt = 1;
        loop {
            match self.try_change_refs(changes) {
                Ok(()) => return Ok(()),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Busy(_)) if attempt < ATTEMPTS => {
                    // Whoever was in the way may have been killed there.
                    self.clear_stale_locks()?;
                    intent::clear_locks_before_boot(&self.common_dir, changes)
                        .context(|| "cannot clear stale locks".to_owned())?;
                    attempt += 1;
                }
                Err(Failure::Busy(error)) => return Err(MoveError::Other(busy(changes, error))),
            }
        }
    }

    fn try_change_refs(&self, changes: &[RefChange]) -> Result<(), Failure> {
        let edits = changes
            .iter()
            .filter_map(|change| edit(change).transpose())
            .collect::<Result<Vec<_>>>()?;
        let intent = Intent::declare(&self.common_dir, changes)
            .context(|| "cannot write to the git directory".to_owned())?;
        let folders = self.folders_to_sync(changes);
        let prepared = self
            .repo
            .refs
            .transaction()
            .prepare(
                edits,
                Fail::AfterDurationWithBackoff(REF_PATIENCE),
                Fail::AfterDurationWithBackoff(PACKED_PATIENCE),
            )
            .map_err(|error| self.classify(changes, error))?;
        for change in changes {
            if change.expected == Expected::Absent
                && let Some(value) = self.find_ref(&change.name)?
            {
                return Err(Failure::Final(MoveError::Moved(Some(value))));
            }
        }
        let doing = || {
            let names: Vec<_> = changes.iter().map(|change| change.name.as_str()).collect();
            format!("cannot write ref '{}'", names.join("', '"))
        };
        for change in changes.iter().filter(|change| change.new.is_some()) {
            sync(&lock_path(&self.common_dir, &change.name)).context(doing)?;
        }
        prepared.commit(None).context(doing)?;
        if changes.iter().any(|change| change.new.is_none()) {
            sync(&self.common_dir.join("packed-refs")).context(doing)?;
        }
        for folder in folders {
            sync(&folder).context(doing)?;
        }
        drop(intent);
        Ok(())
    }

    /// Returns the folders whose entries a transaction changes: those of the refs, the parents of
    /// those it makes, and that of packed-refs when something is deleted.
    fn folders_to_sync(&self, changes: &[RefChange]) -> BTreeSet<PathBuf> {
        let mut folders = BTreeSet::new();
        for change in changes {
            if change.new.is_none() {
                folders.insert(self.common_dir.clone());
            }
            let path = self.common_dir.join(&change.name);
            for folder in path.ancestors().skip(1) {
                // One that is there already has led to all above it.
                if !folders.insert(folder.to_owned()) || folder.is_dir() {
                    break;
                }
            }
        }
        folders
    }

    fn classify(&self, changes: &[RefChange], error: gix::Error) -> Failure {
        let seen = error
            .downcast_any_ref::<prepare::ReferenceOutOfDate>()
            .map(|moved| &moved.actual)
            .or_else(|| {
                error
                    .downcast_any_ref::<prepare::MustNotExist>()
                    .map(|exists| &exists.actual)
            });
        if let Some(target) = seen {
            return Failure::Final(MoveError::Moved(target.try_id().map(ToOwned::to_owned)));
        }
        if error.is_not_found() {
            // Either the ref is gone, or the folder of its lock went while we made it.
            let gone = changes.iter().any(|change| {
                matches!(change.expected, Expected::Is(_))
                    && matches!(self.find_ref(&change.name), Ok(None))
            });
            return match gone {
                true => Failure::Final(MoveError::Moved(None)),
                false => Failure::Busy(error),
            };
        }
        if error.is_retryable() {
            return Failure::Busy(error);
        }
        let names: Vec<_> = changes.iter().map(|change| change.name.as_str()).collect();
        Failure::Final(MoveError::Other(
            Error::io(format!("cannot write ref '{}'", names.join("', '"))).caused_by(error),
        ))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Final(MoveError::Other(error))
    }
}

fn busy(changes: &[RefChange], error: gix::Error) -> Error {
    let names: Vec<_> = changes.iter().map(|change| change.name.as_str()).collect();
    Error::io(format!(
        "cannot lock ref '{}': another git process is busy",
        names.join("', '")
    ))
    .caused_by(error)
}

/// Returns what gix has to do; `None` where a ref that must not exist is to be deleted.
fn edit(change: &RefChange) -> Result<Option<RefEdit>> {
    let name = full_name(&change.name)?;
    let expected = match change.expected {
        Expected::Absent => PreviousValue::MustNotExist,
        Expected::Is(value) => PreviousValue::MustExistAndMatch(Target::Object(value)),
        Expected::Any => PreviousValue::Any,
    };
    Ok(match change.new {
        Some(new) => Some(RefEdit::update(name, new, expected, "git-exp")),
        None if change.expected == Expected::Absent => None,
        None => Some(RefEdit::delete(name, expected)),
    })
}

fn full_name(name: &str) -> Result<FullName> {
    FullName::try_from(name)
        .map_err(|_| Error::refused(format!("'{name}' is not a valid ref name")))
}

/// Returns where git and gix lock a ref.
pub(super) fn lock_path(common_dir: &Path, name: &str) -> PathBuf {
    common_dir.join(format!("{name}.lock"))
}

/// Syncs a file or folder; one that is not there needs nothing.
fn sync(path: &Path) -> std::io::Result<()> {
    match fs_err::File::open(path) {
        Ok(file) => file.sync_all(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Sandbox;

    struct Refs {
        sandbox: Sandbox,
        store: Store,
        one: ObjectId,
        two: ObjectId,
    }

    fn refs() -> Refs {
        let sandbox = Sandbox::new();
        let one = sandbox.commit("one");
        let two = sandbox.commit("two");
        Refs {
            store: sandbox.store(),
            sandbox,
            one,
            two,
        }
    }

    fn name(text: &str) -> ExperimentName {
        ExperimentName::parse(text).unwrap()
    }

    fn moved(result: Result<(), MoveError>) -> Option<ObjectId> {
        match result {
            Err(MoveError::Moved(value)) => value,
            other => panic!("{other:?}"),
        }
    }

    fn locks(sandbox: &Sandbox) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![sandbox.path(".git")];
        while let Some(folder) = folders.pop() {
            for entry in fs_err::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|suffix| suffix == "lock")
                    || path.parent().unwrap().ends_with("git-exp/locks")
                {
                    found.push(path.display().to_string());
                }
            }
        }
        found
    }

    #[test]
    fn refs_move_by_compare_and_swap() {
        for packed in [false, true] {
            let Refs {
                sandbox,
                store,
                one,
                two,
            } = refs();
            let experiment = experiment::experiment_ref(one, &name("mine"));
            let pack = || {
                if packed {
                    sandbox.git(&["pack-refs", "--all"]);
                }
            };
            pack();
            assert_eq!(store.find_ref(&experiment).unwrap(), None);
            assert_eq!(
                moved(store.change_refs(&[RefChange::update(&experiment, Some(one), two)])),
                None
            );
            store
                .change_refs(&[RefChange::create(&experiment, one)])
                .unwrap();
            assert_eq!(store.find_ref(&experiment).unwrap(), Some(one));
            pack();
            // gix would let the second of these pass.
            for new in [two, one] {
                assert_eq!(
                    moved(store.change_refs(&[RefChange::create(&experiment, new)])),
                    Some(one)
                );
            }
            assert_eq!(
                moved(store.change_refs(&[RefChange::update(&experiment, Some(two), one)])),
                Some(one)
            );
            store
                .change_refs(&[RefChange::update(&experiment, Some(one), two)])
                .unwrap();
            pack();
            assert_eq!(
                moved(store.change_refs(&[RefChange::delete(&experiment, one)])),
                Some(two)
            );
            store
                .change_refs(&[RefChange::delete(&experiment, two)])
                .unwrap();
            assert_eq!(
                moved(store.change_refs(&[RefChange::delete(&experiment, two)])),
                None
            );
            assert_eq!(sandbox.git(&["for-each-ref", "refs/exps"]), "");
            assert_eq!(locks(&sandbox), Vec::<String>::new());
            sandbox.fsck();
        }
    }

    #[test]
    fn all_refs_change_or_none() {
        let Refs {
            sandbox,
            store,
            one,
            two,
        } = refs();
        store
            .change_refs(&[RefChange::create("refs/git-exp/a", one)])
            .unwrap();
        let result = store.change_refs(&[
            RefChange::create("refs/git-exp/b", one),
            RefChange::update("refs/git-exp/a", Some(two), one),
        ]);
        assert_eq!(moved(result), Some(one));
        assert_eq!(store.find_ref("refs/git-exp/b").unwrap(), None);
        let any = |name: &str, new| RefChange {
            name: name.to_owned(),
            new,
            expected: Expected::Any,
        };
        store
            .change_refs(&[
                any("refs/git-exp/a", Some(two)),
                any("refs/git-exp/none", None),
            ])
            .unwrap();
        assert_eq!(store.find_ref("refs/git-exp/a").unwrap(), Some(two));
        let absent = RefChange {
            expected: Expected::Absent,
            ..any("refs/git-exp/none", None)
        };
        store.change_refs(&[absent]).unwrap();
        assert_eq!(locks(&sandbox), Vec::<String>::new());
    }

    #[test]
    fn lists_experiments_and_their_notes() {
        let Refs {
            sandbox,
            store,
            one,
            two,
        } = refs();
        let (a, b) = (name("a-loose"), name("b-packed"));
        for (name, packed) in [(&b, true), (&a, false)] {
            store
                .change_refs(&[
                    RefChange::create(experiment::notes_ref(one, name), two),
                    RefChange::create(experiment::experiment_ref(one, name), two),
                ])
                .unwrap();
            if packed {
                sandbox.git(&["pack-refs", "--all"]);
            }
        }
        let head = two.to_hex().to_string();
        for name in [
            "refs/exps/exec/EXEC_APPLY",
            "refs/exps/stash",
            "refs/exps/foo/bar/baz",
        ] {
            sandbox.git(&["update-ref", name, &head]);
        }
        sandbox.git(&[
            "symbolic-ref",
            "refs/exps/exec/EXEC_BRANCH",
            "refs/exps/stash",
        ]);
        let found = store.experiments().unwrap();
        assert_eq!(
            found.iter().map(|it| &it.name).collect::<Vec<_>>(),
            [&a, &b]
        );
        assert!(found.iter().all(|it| it.baseline == one && it.tip == two));
        let notes = store.notes_refs().unwrap();
        assert_eq!(
            notes.iter().map(|it| &it.name).collect::<Vec<_>>(),
            [&a, &b]
        );
        assert_eq!(
            store.find_ref("refs/exps/exec/EXEC_BRANCH").unwrap(),
            Some(two)
        );
        assert_eq!(store.refs_below("refs/exps/exec/").unwrap().len(), 1);
        // Notes refs have no reflog: one file less for each experiment.
        assert!(!sandbox.path(".git/logs/refs/notes").exists());
    }

    #[test]
    fn a_ref_of_another_place_is_not_found() {
        let Refs {
            sandbox,
            store,
            one,
            ..
        } = refs();
        sandbox.git(&[
            "update-ref",
            "refs/heads/refs/git-exp/x",
            &one.to_hex().to_string(),
        ]);
        assert_eq!(store.find_ref("refs/git-exp/x").unwrap(), None);
    }

    #[test]
    fn exactly_one_of_many_wins() {
        let Refs {
            sandbox,
            store,
            one,
            two,
        } = refs();
        for packed in [false, true] {
            if packed {
                sandbox.git(&["pack-refs", "--all"]);
            }
            for round in 0..10 {
                // The same value for all: the case that gix lets pass.
                let reference = format!("refs/git-exp/race-{packed}-{round}");
                let winners = std::thread::scope(|scope| {
                    let racers: Vec<_> = (0..4)
                        .map(|_| {
                            let (store, reference) = (store.clone(), reference.clone());
                            scope.spawn(move || {
                                store
                                    .change_refs(&[RefChange::create(reference, one)])
                                    .is_ok()
                            })
                        })
                        .collect();
                    racers
                        .into_iter()
                        .filter(|_| true)
                        .map(|it| it.join().unwrap())
                        .filter(|won| *won)
                        .count()
                });
                assert_eq!(winners, 1);
                let winners = std::thread::scope(|scope| {
                    let racers: Vec<_> = (0..4)
                        .map(|_| {
                            let (store, reference) = (store.clone(), reference.clone());
                            scope.spawn(move || {
                                store
                                    .change_refs(&[RefChange::update(reference, Some(one), two)])
                                    .is_ok()
                            })
                        })
                        .collect();
                    racers
                        .into_iter()
                        .map(|it| it.join().unwrap())
                        .filter(|won| *won)
                        .count()
                });
                assert_eq!(winners, 1);
            }
        }
        assert_eq!(locks(&sandbox), Vec::<String>::new());
    }

    #[test]
    fn many_writers_of_different_refs_all_succeed() {
        let Refs {
            sandbox,
            store,
            one,
            two,
        } = refs();
        sandbox.git(&["pack-refs", "--all"]);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let store = store.clone();
                scope.spawn(move || {
                    let name = experiment::experiment_ref(one, &name(&format!("writer-{writer}")));
                    for _ in 0..10 {
                        store.change_refs(&[RefChange::create(&name, one)]).unwrap();
                        store
                            .change_refs(&[RefChange::update(&name, Some(one), two)])
                            .unwrap();
                        store.change_refs(&[RefChange::delete(&name, two)]).unwrap();
                    }
                });
            }
        });
        assert_eq!(sandbox.git(&["for-each-ref", "refs/exps"]), "");
        assert_eq!(locks(&sandbox), Vec::<String>::new());
        sandbox.fsck();
    }
}
