//! One stage: its command, what it reads, what it writes.

use super::PIPELINE_FILE;
use super::paths::{below, climb, folder, is_outside, is_url};
use crate::value::Value;
use indexmap::IndexMap;

/// A named command with dependencies, params and outputs.
///
/// All paths are relative to the project's root, `/` between parts, without `.` and `..`, or absolute
/// where they lie outside of it; what `dvc.lock` must say instead is what [`Stage::written`] returns.
/// A dependency may be an address, too (`https://…`, `ds://…`), as it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stage {
    /// Its key under `stages`.
    pub name: String,
    /// The `dvc.yaml` that describes it, relative to the project's root. With the name this is what
    /// tells it from all other stages.
    pub file: String,
    /// What to run.
    pub cmd: Command,
    /// Directory of the command, relative to the project's root, empty for the root itself.
    pub wdir: String,
    /// Paths it reads, sorted by what was written; one that is written twice alike is there twice.
    pub deps: Vec<String>,
    /// All spellings of those dependencies that are written in several ways, or in another way than in
    /// the other lists: `data` and `./data`. `dvc.lock` has an entry of each.
    pub respelled: IndexMap<String, Vec<String>>,
    /// Params it reads: one entry per file, in the order of the file.
    pub params: Vec<ParamsDependency>,
    /// Outputs, metrics and plots in the project, in the order of the file.
    pub outs: Vec<Output>,
    /// Those outside of it, or at addresses: only `dvc.lock` knows them, they are neither stored nor
    /// restored.
    pub outside_outs: Vec<Output>,
    /// Never run again.
    pub frozen: bool,
    /// Run every time.
    pub always_changed: bool,
    /// `live:` of DVC before 2.58, where an old file has it.
    pub live: Option<Live>,
    /// Kept as written.
    pub desc: Option<String>,
    /// Kept as written.
    pub meta: Option<Value>,
    /// What `dvc.yaml` says for those of the paths above that it spells in another way than we do.
    pub spellings: IndexMap<String, String>,
}

/// A stage's `cmd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A string; each of its lines is run by itself.
    Text(String),
    /// A list; each item is run by itself.
    List(Vec<String>),
}

impl Default for Command {
    fn default() -> Self {
        Command::Text(String::new())
    }
}

impl Command {
    /// Returns what is run, one shell call each, in order.
    ///
    /// As in DVC, each line of a text is run by itself; blank ones are passed over. Items of a list
    /// are run as they are.
    pub fn lines(&self) -> Vec<&str> {
        match self {
            Command::Text(text) => text
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect(),
            Command::List(items) => items.iter().map(String::as_str).collect(),
        }
    }

    /// Returns the value that `dvc.lock` records.
    pub fn to_value(&self) -> Value {
        match self {
            Command::Text(text) => Value::Str(text.clone()),
            Command::List(items) => {
                Value::List(items.iter().map(|item| Value::Str(item.clone())).collect())
            }
        }
    }
}

/// Keys that a stage reads from one params file; no `keys` means the whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamsDependency {
    /// The file.
    pub file: String,
    /// Dotted keys.
    pub keys: Option<Vec<String>>,
}

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// `outs`.
    Out,
    /// `metrics`.
    Metric,
    /// `plots`.
    Plot,
}

/// One path that a stage writes.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The path, relative to the project's root, without a trailing slash.
    pub path: String,
    /// The list it stands in.
    pub kind: OutputKind,
    /// Whether its contents go to the cache (otherwise to git).
    pub cache: bool,
    /// Whether it stays before a run.
    pub persist: bool,
    /// Whether it carries training from one checkpoint to the next.
    pub checkpoint: bool,
    /// `remote`: where `push` sends it, if not to the default.
    pub remote: Option<String>,
    /// Whether `push` sends it.
    pub push: bool,
    /// Plot properties and annotations, as written: a map, a list of maps, or null without any.
    pub props: Value,
}

/// `live: {dir: {summary, html}}` of DVC 2.0 to 2.33.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The directory, relative to the project's root; it is among the outputs as a plot.
    pub path: String,
    /// Whether `<dir>.json` is written; it is then among the outputs as a metric.
    pub summary: bool,
    /// Whether `<dir>.html` is written.
    pub html: bool,
}

/// Returns the `dvc.lock` beside a `dvc.yaml`.
pub(super) fn lock_file(pipeline_file: &str) -> String {
    below(folder(pipeline_file), "dvc.lock")
}

/// Returns what names the stage called `name` in `file`, as DVC writes it.
pub(super) fn address(file: &str, name: &str) -> String {
    match file {
        _ if name.is_empty() => file.to_owned(),
        "" | PIPELINE_FILE => name.to_owned(),
        _ => format!("{file}:{name}"),
    }
}

impl Stage {
    /// Returns what names this stage from the project's root: `train`, `sub/dvc.yaml:train`.
    ///
    /// [`super::Pipeline::shown`] is what a person reads who stands elsewhere.
    pub fn address(&self) -> String {
        address(&self.file, &self.name)
    }

    /// Whether this is the stage that `other` was, whatever has become of its definition.
    pub fn is(&self, other: &Stage) -> bool {
        self.name == other.name && self.file == other.file
    }

    /// Returns the `dvc.lock` that records it, relative to the project's root.
    pub fn lock_file(&self) -> String {
        lock_file(&self.file)
    }

    /// Whether an output of this stage is a checkpoint.
    pub fn has_checkpoint(&self) -> bool {
        self.outs.iter().any(|out| out.checkpoint)
    }

    /// Whether its outputs follow from what it reads, so that those of an earlier run may stand in for
    /// a run: what DVC's run cache is for. Training that goes on from a checkpoint is no such stage.
    pub fn is_repeatable(&self) -> bool {
        let reads = !self.deps.is_empty() || !self.params.is_empty();
        let begins_anew = |out: &Output| !out.persist && !out.checkpoint;
        let writes = !self.outs.is_empty() && self.outside_outs.is_empty();
        reads && !self.always_changed && writes && self.outs.iter().all(begins_anew)
    }

    /// Whether the run cache gets its results: metrics and plots that git keeps go to the cache
    /// for it, other outputs that git keeps do not.
    pub fn saves_runs(&self) -> bool {
        let can_be_stored = |out: &Output| out.cache || out.kind != OutputKind::Out;
        let is_here = |dep: &String| !is_url(dep);
        self.is_repeatable() && self.outs.iter().all(can_be_stored) && self.deps.iter().all(is_here)
    }

    /// Returns a path of this stage (dependency, params file, output) as `dvc.yaml` spells it.
    ///
    /// That is what stands in `dvc.lock`: relative to `wdir`, `data/` with its slash.
    pub fn written<'a>(&'a self, path: &'a str) -> &'a str {
        self.spellings.get(path).map_or(path, String::as_str)
    }

    /// Lists its dependencies, each with what stands for it in `dvc.lock`: as [`Stage::written`], but for
    /// those with several spellings.
    pub fn written_deps(&self) -> impl Iterator<Item = (&str, &str)> {
        self.deps.iter().flat_map(|dep| {
            let several = self.respelled.get(dep);
            let one = several.is_none().then(|| self.written(dep));
            let several = several.into_iter().flatten().map(String::as_str);
            several.chain(one).map(move |written| (&**dep, written))
        })
    }

    /// Returns a path of this stage as notes have it, which must hold wherever the project is: one
    /// outside of it is relative to its root if it is written so.
    pub fn noted(&self, path: &str) -> String {
        match is_outside(path) {
            true => climb(&self.wdir, self.written(path)),
            false => path.to_owned(),
        }
    }

    /// Lists what this stage reads and writes outside of the project by a relative path: in another place
    /// it is something else.
    pub fn bound_paths(&self) -> impl Iterator<Item = &str> {
        let is_bound = |written: &str| !is_outside(written) && !is_url(written);
        let outs = self.outside_outs.iter().map(|out| out.path.as_str());
        self.inputs()
            .chain(outs)
            .filter(move |path| is_outside(path) && is_bound(self.written(path)))
    }

    /// Lists its outputs, then those outside of the project.
    pub fn all_outs(&self) -> impl Iterator<Item = &Output> {
        self.outs.iter().chain(&self.outside_outs)
    }

    /// Returns an output of this stage in the project by its path, or `None`.
    pub fn out(&self, path: &str) -> Option<&Output> {
        self.outs.iter().find(|out| out.path == path)
    }

    /// Lists what this stage reads: dependencies, then params files.
    pub fn inputs(&self) -> impl Iterator<Item = &str> {
        let params = self.params.iter().map(|params| params.file.as_str());
        self.deps.iter().map(String::as_str).chain(params)
    }
}
