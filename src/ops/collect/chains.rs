//! Chains of checkpoints to rows: a note each, a tree where there is none. Every commit is read once.

use super::declared;
use super::source::{Commit, Memo, Workspace};
use crate::checkpoint::{Checkpoint, Note, ParsedNote};
use crate::error::Result;
use crate::experiment::{Experiment, ExperimentName};
use crate::id::ObjectId;
use crate::listing::{ExperimentRows, NotedRow, Row};
use crate::store::Store;
use crate::store::notes::NotesTree;
use crate::store::row_cache::{ChainKey, RowCache};
use crate::store::survey::LocalZone;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Looking through so many trees for pipelines is worth remembering like a row.
const TREES_PER_ROW: usize = 4;

/// A thread that reads fewer chains than this takes longer to start than it saves.
const CHAINS_PER_THREAD: usize = 16;
/// More of them wait for each other's memory.
const MOST_THREADS: usize = 8;

/// Reads rows and remembers them, also from one command to the next.
pub(super) struct Reader<'s> {
    store: &'s Store,
    zone: &'s LocalZone,
    memo: Memo,
    /// Only params that stages declare: notes have all, so only trees can tell.
    param_deps: bool,
    /// Notes commits by experiment.
    notes: HashMap<(ObjectId, ExperimentName), ObjectId>,
    cache: RowCache,
    /// What was read anew, by commit and note: forks share it.
    known: HashMap<(ObjectId, Option<ObjectId>), NotedRow>,
}

impl<'s> Reader<'s> {
    /// Looks up where the notes are. With `fresh`, what was read by earlier commands does not count.
    pub fn open(
        store: &'s Store,
        zone: &'s LocalZone,
        memo: Memo,
        param_deps: bool,
        fresh: bool,
    ) -> Result<Self> {
        let notes = store.notes_refs()?.into_iter();
        Ok(Reader {
            store,
            zone,
            memo,
            param_deps,
            notes: notes
                .map(|notes| ((notes.baseline, notes.name), notes.tip))
                .collect(),
            cache: match param_deps || fresh {
                true => RowCache::default(),
                false => RowCache::load(store, zone),
            },
            known: HashMap::new(),
        })
    }

    /// Reads a commit from its tree.
    pub fn commit(&mut self, id: ObjectId) -> Result<Arc<Row>> {
        let key = ChainKey::alone(id);
        if let Some(row) = self.cache.chain(&key).and_then(|mut rows| rows.pop()) {
            return Ok(row.row);
        }
        let trees = self.memo.trees_read;
        let checkpoint = self.store.checkpoint(id)?;
        let row = self.tree_row(&checkpoint)?;
        let effort = 1 + (self.memo.trees_read - trees) / TREES_PER_ROW;
        self.cache.put(key, vec![row.clone()], effort);
        Ok(row.row)
    }

    /// Reads an experiment's chain from its tip back to its baseline. All rows count as its own.
    pub fn experiment(&mut self, experiment: &Experiment) -> Result<ExperimentRows> {
        let key = self.key(experiment);
        let found = match self.cache.chain(&key) {
            Some(rows) => rows,
            None => self.read(key)?,
        };
        let tip = found.first().cloned();
        Ok(ExperimentRows {
            name: experiment.name.as_str().to_owned(),
            own: found.len(),
            chain: found.into_iter().map(|known| known.row).collect(),
            running: None,
            status: tip.as_ref().and_then(|tip| tip.status),
            exit: tip.as_ref().and_then(|tip| tip.exit),
            incomplete: tip.and_then(|tip| tip.incomplete),
        })
    }

    /// Reads many chains of which nothing is known, on all processors. Whatever cannot be read is
    /// left to [`Reader::experiment`], which says why.
    pub fn read_ahead<'e>(&mut self, experiments: impl Iterator<Item = &'e Experiment>) {
        if !self.cache.is_empty() {
            return;
        }
        let keys: Vec<ChainKey> = experiments.map(|experiment| self.key(experiment)).collect();
        let threads = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MOST_THREADS)
            .min(keys.len() / CHAINS_PER_THREAD);
        if threads < 2 {
            return;
        }
        let share = keys.len().div_ceil(threads);
        let workers = keys.chunks(share).map(|keys| {
            // a repository may move to another thread, but not be shared with it
            let (store, zone, param_deps) = (self.store.clone(), self.zone, self.param_deps);
            move || {
                let mut reader = Reader {
                    store: &store,
                    zone,
                    memo: Memo::default(),
                    param_deps,
                    notes: HashMap::new(),
                    cache: RowCache::default(),
                    known: HashMap::new(),
                };
                let read = |key: &ChainKey| Some((*key, reader.read(*key).ok()?));
                keys.iter().filter_map(read).collect::<Vec<_>>()
            }
        });
        let found = std::thread::scope(|scope| {
            let running: Vec<_> = workers.map(|worker| scope.spawn(worker)).collect();
            let ended = running.into_iter().map(|thread| thread.join());
            ended.flatten().flatten().collect::<Vec<_>>()
        });
        for (key, rows) in found {
            let read_anew = rows.len();
            self.cache.put(key, rows, read_anew);
        }
    }

    fn key(&self, experiment: &Experiment) -> ChainKey {
        let notes_key = (experiment.baseline, experiment.name.clone());
        ChainKey {
            tip: experiment.tip,
            baseline: experiment.baseline,
            notes: match self.param_deps {
                true => None,
                false => self.notes.get(&notes_key).copied(),
            },
        }
    }

    /// Reads the files of another worktree's project.
    pub fn workspace(&mut self, project: &Path) -> Result<Row> {
        let source = Workspace::new(project, Vec::new());
        declared::row(self.store, &source, self.param_deps)
    }

    /// Ends the reading, and remembers it for the next command where that pays.
    pub fn close(self) {
        self.cache.save(self.store);
    }

    /// Reads a chain of which something is new: a run adds one checkpoint to many known ones.
    fn read(&mut self, key: ChainKey) -> Result<Vec<NotedRow>> {
        let mut notes = match key.notes {
            Some(notes) => Some(self.store.notes_tree(notes)?),
            None => None,
        };
        let mut rows = Vec::new();
        let mut read_anew = 0;
        for commit in self.walk(key)? {
            let note = match &mut notes {
                Some(notes) => notes.find(commit.id())?,
                None => None,
            };
            let id = (commit.id(), note);
            let known = self.known.get(&id).cloned();
            let row = match known.or_else(|| self.cache.row(id.0, id.1)) {
                Some(row) => row,
                None => {
                    read_anew += 1;
                    let row = self.noted(&commit.read(self.store)?, note, notes.as_mut())?;
                    self.known.insert(id, row.clone());
                    row
                }
            };
            rows.push(row);
        }
        self.cache.put(key, rows.clone(), read_anew);
        Ok(rows)
    }

    /// Lists a chain's commits, tip first; those with known rows are not read.
    fn walk(&self, key: ChainKey) -> Result<Vec<Step>> {
        let mut steps = Vec::new();
        let mut next = key.tip;
        while next != key.baseline {
            let Some(parent) = self.cache.parent(next) else {
                // how a chain ends that never meets its baseline is the store's to say
                let rest = self.store.chain(next, key.baseline)?;
                steps.extend(rest.into_iter().map(|commit| Step::Read(Box::new(commit))));
                break;
            };
            steps.push(Step::Known(next));
            next = parent;
        }
        Ok(steps)
    }

    fn noted(
        &mut self,
        checkpoint: &Checkpoint,
        note: Option<ObjectId>,
        notes: Option<&mut NotesTree<'_>>,
    ) -> Result<NotedRow> {
        let text = match (note, notes) {
            (Some(_), Some(notes)) => notes.read(checkpoint.id)?,
            _ => None,
        };
        // a note that cannot be read is for fsck to report; the tree has the same values
        let parsed = text.and_then(|text| Note::parse(&text, checkpoint.id).ok());
        let Some(parsed) = parsed.and_then(ParsedNote::known) else {
            let row = self.tree_row(checkpoint)?;
            return Ok(NotedRow { note, ..row });
        };
        Ok(NotedRow {
            row: Arc::new(Row {
                metrics: parsed.metrics,
                params: parsed.params.into(),
                deps: parsed.deps.into(),
                outs: parsed.outs,
                // only stages with checkpoint outputs make more than one, and all of ours may
                checkpoints: true,
                ..self.described(checkpoint)
            }),
            note,
            status: parsed.status,
            exit: parsed.exit,
            incomplete: parsed.incomplete,
        })
    }

    fn described(&self, checkpoint: &Checkpoint) -> Row {
        Row {
            id: Some(checkpoint.id),
            parent: checkpoint.parent,
            time: Some(self.zone.localise(checkpoint.time)),
            ..Row::default()
        }
    }

    fn tree_row(&mut self, checkpoint: &Checkpoint) -> Result<NotedRow> {
        let source = Commit::new(self.store, checkpoint.tree, &mut self.memo)?;
        let row = declared::row(self.store, &source, self.param_deps)?;
        let described = self.described(checkpoint);
        Ok(NotedRow {
            row: Arc::new(Row {
                id: described.id,
                parent: described.parent,
                time: described.time,
                ..row
            }),
            note: None,
            status: None,
            exit: None,
            incomplete: None,
        })
    }
}

/// A commit of a chain.
enum Step {
    /// Its row is known for some note.
    Known(ObjectId),
    Read(Box<Checkpoint>),
}

impl Step {
    fn id(&self) -> ObjectId {
        match self {
            Step::Known(id) => *id,
            Step::Read(checkpoint) => checkpoint.id,
        }
    }

    fn read(self, store: &Store) -> Result<Checkpoint> {
        match self {
            Step::Known(id) => store.checkpoint(id),
            Step::Read(checkpoint) => Ok(*checkpoint),
        }
    }
}
