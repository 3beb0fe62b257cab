//! What `.dvc` files track, before the stages that read it: as DVC's experiments do, what was changed is
//! recorded, and what is missing comes from the cache, or with `--pull` from the remote. Imports of paths
//! follow them unless they are frozen; other sources are not asked.

use super::followed::{self, Followed};
use super::inputs::Inputs;
use super::judge::Foreseen;
use super::pull::Puller;
use super::{facts, place};
use crate::checkpoint::NoteOutput;
use crate::digest::{Format, PathDigest};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::lockfile::LockedHash;
use crate::pipeline::paths::is_within;
use crate::pipeline::{DataFile, Output, Stage, paths, reads};
use crate::store::Store;
use crate::store::cache::Cache;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What has to be done about the `.dvc` files of a run; nothing is done yet.
#[derive(Debug, Default)]
pub struct Data {
    /// New texts of `.dvc` files, by file.
    pub edits: BTreeMap<String, String>,
    /// What each tracked path is, for the notes.
    pub outs: Vec<(String, NoteOutput)>,
    saves: Vec<Save>,
    imports: Vec<Import>,
    restores: Vec<Restore>,
    said: Vec<Event>,
}

#[derive(Debug)]
struct Save {
    path: String,
    digest: PathDigest,
    format: Format,
}

#[derive(Debug)]
struct Restore {
    path: String,
    hash: LockedHash,
}

/// A copy of a source that is to be made.
#[derive(Debug)]
struct Import {
    from: String,
    to: String,
    digest: PathDigest,
    format: Format,
}

impl Data {
    /// Looks at what `files` track; `stages` are those that will run.
    ///
    /// Refused is what a stage reads and neither the workspace nor the cache has, and an import from another
    /// repository or an address that was changed though it is not frozen: what it is then, its source has
    /// to say.
    pub fn look(
        store: &Store,
        (cache, format): (&Cache, Format),
        inputs: &Inputs,
        files: &[&DataFile],
        stages: &[&Stage],
        puller: Option<&Puller<'_>>,
    ) -> Result<Self> {
        let project = store.project()?;
        let mut data = Data::default();
        let found = |out: &Output, hash: &LockedHash| match puller {
            Some(puller) => puller.pull_one(out, hash),
            None => Ok(cache.missing(hash.format, &hash.md5)?.is_empty()),
        };
        let outs = files.iter().flat_map(|file| &file.stage.outs);
        let paths: Vec<PathBuf> = outs.map(|out| project.join(&out.path)).collect();
        cache.read_ahead(&paths);
        for file in files {
            let shown = paths::from(&inputs.pipeline.folder, file.path());
            let is_needed = stages.iter().any(|stage| reads(stage, file));
            let source = Followed::look(store, cache, inputs, file, is_needed)?;
            let mut changed = Vec::new();
            for (position, out) in file.stage.outs.iter().enumerate() {
                let recorded = file.recorded[position].as_ref();
                let digest = cache.digest(&project.join(&out.path))?;
                let is_recorded = |digest: &PathDigest| {
                    recorded.is_some_and(|hash| digest.md5(hash.format) == hash.md5)
                };
                let is_edited = digest.as_ref().is_some_and(|digest| !is_recorded(digest));
                if let Some(source) = source.as_ref().filter(|_| !is_edited)
                    && (source.is_changed || digest.is_none() && !is_cached(cache, recorded)?)
                {
                    if let Some(digest) = digest {
                        data.keep(
                            cache,
                            out,
                            digest,
                            recorded.map_or(format, |hash| hash.format),
                        );
                    }
                    changed.push((position, source.digest.clone()));
                    data.import(source, out, format);
                    continue;
                }
                let Some(digest) = digest else {
                    let there = match recorded.filter(|_| out.cache) {
                        Some(hash) if found(out, hash)? => Some(hash),
                        _ => None,
                    };
                    data.absent(file, &shown, out, there, is_needed)?;
                    continue;
                };
                if is_edited {
                    if source.is_none() && file.is_import() && !file.stage.frozen {
                        return Err(changed_import(&shown, &out.path));
                    }
                    data.save(out, &digest, format);
                    changed.push((position, digest));
                    continue;
                }
                let format = recorded.map_or(format, |hash| hash.format);
                data.note(out, &digest, format);
                data.keep(cache, out, digest, format);
            }
            let again = !changed.is_empty();
            if again {
                let changed: Vec<(usize, &PathDigest)> =
                    changed.iter().map(|(at, digest)| (*at, digest)).collect();
                for (position, digest) in &changed {
                    data.note(&file.stage.outs[*position], digest, format);
                }
                let source = match source {
                    Some(source) => Some(source.digest),
                    None => followed::beside(store, cache, file)?,
                };
                let sources: Vec<(usize, &PathDigest)> =
                    source.iter().map(|digest| (0, digest)).collect();
                let text = file.with_contents(&changed, &sources, format)?;
                data.edits.insert(file.path().to_owned(), text);
            }
            let is_followed = file.stage.frozen || file.sources.iter().all(|it| it.path.is_some());
            if !is_followed {
                data.said.push(Event::Status(format!(
                    "'{shown}' is an import: whether its source has changed is not looked at"
                )));
            }
            data.said.push(Event::DataChecked {
                file: shown,
                changed: again,
            });
        }
        Ok(data)
    }

    fn note(&mut self, out: &Output, digest: &PathDigest, format: Format) {
        let note = NoteOutput {
            md5: Some(digest.md5(format)),
            sha256: out.cache.then(|| digest.sha256()),
            size: Some(digest.size()),
            nfiles: digest.nfiles(),
            cache: out.cache,
            data_source: true,
        };
        self.outs.push((out.path.clone(), note));
    }

    fn save(&mut self, out: &Output, digest: &PathDigest, format: Format) {
        if out.cache {
            self.saves.push(Save {
                path: out.path.clone(),
                digest: digest.clone(),
                format,
            });
        }
    }

    /// Saves what was added with '--no-commit', or lost since: the checkpoint needs it.
    fn keep(&mut self, cache: &Cache, out: &Output, digest: PathDigest, format: Format) {
        let missing = cache.missing(format, &digest.md5(format));
        if missing.map_or(true, |missing| !missing.is_empty()) {
            self.save(out, &digest, format);
        }
    }

    fn import(&mut self, source: &Followed<'_>, out: &Output, format: Format) {
        self.said.push(Event::Status(format!(
            "Importing '{}' -> '{}'",
            source.written, out.path
        )));
        self.imports.push(Import {
            from: source.path.to_owned(),
            to: out.path.clone(),
            digest: source.digest.clone(),
            format,
        });
    }

    /// Takes what is not in the workspace; `there` is what the cache has in its place.
    fn absent(
        &mut self,
        file: &DataFile,
        shown: &str,
        out: &Output,
        there: Option<&LockedHash>,
        is_needed: bool,
    ) -> Result<()> {
        let path = &out.path;
        if let Some(hash) = there {
            let note = NoteOutput {
                md5: Some(hash.md5.clone()),
                sha256: None,
                size: hash.size,
                nfiles: hash.nfiles,
                cache: true,
                data_source: true,
            };
            self.outs.push((path.clone(), note));
            self.restores.push(Restore {
                path: path.clone(),
                hash: hash.clone(),
            });
            return Ok(());
        }
        if !is_needed {
            return Ok(());
        }
        let what = format!("'{path}' of '{shown}' is neither in the workspace nor in the cache");
        Err(match !file.sources.is_empty() {
            true => Error::missing(format!("{what}, and imports are not fetched here"))
                .hint(format!("dvc pull {shown}"))
                .hint(format!("dvc update {shown}")),
            false => Error::missing(what).hint(format!("dvc pull {shown}")),
        })
    }

    /// Fills cache and workspace, and says so. The texts of `.dvc` files are the caller's to write.
    pub fn carry_out(self, cache: &Cache, project: &Path, events: &mut dyn Events) -> Result<()> {
        self.store(cache, project)?;
        for import in &self.imports {
            let (format, digest) = (import.format, &import.digest);
            let md5 = digest.md5(format);
            cache.materialise(format, &md5, digest.isexec(), &project.join(&import.to))?;
        }
        for Restore { path, hash } in &self.restores {
            // Stages read it next, by its hash: who reads the object needs not read each copy of it.
            if cache.digest_stored(hash.format, &hash.md5)?.is_none() {
                let md5 = &hash.md5;
                return Err(Error::corrupt(format!(
                    "cache object '{md5}' of '{path}' is damaged"
                )));
            }
            cache.materialise(hash.format, &hash.md5, hash.isexec, &project.join(path))?;
            events.emit(Event::Status(format!(
                "'{path}' was missing and is restored from the cache"
            )));
        }
        self.say(events);
        Ok(())
    }

    /// Returns what `stages` read of what is not in the workspace yet, by path.
    pub fn foreseen<'s>(
        &self,
        cache: &Cache,
        format: Format,
        stages: &[&'s Stage],
    ) -> Result<Foreseen<'s>> {
        let mut foreseen = Foreseen::new();
        for dep in stages.iter().flat_map(|stage| &stage.deps) {
            let mut restores = self.restores.iter();
            let mut imports = self.imports.iter();
            let found = if let Some(it) = restores.find(|it| is_within(dep, &it.path)) {
                if *dep == it.path {
                    foreseen.insert(dep, it.hash.clone());
                    continue;
                }
                let whole = cache.digest_stored(it.hash.format, &it.hash.md5)?;
                whole.and_then(|whole| place::part(whole, &dep[it.path.len() + 1..]))
            } else if let Some(it) = imports.find(|it| is_within(dep, &it.to)) {
                match *dep == it.to {
                    true => Some(it.digest.clone()),
                    false => place::part(it.digest.clone(), &dep[it.to.len() + 1..]),
                }
            } else {
                None
            };
            if let Some(digest) = found {
                foreseen.insert(dep, facts::locked(&digest, None, format));
            }
        }
        Ok(foreseen)
    }

    /// Fills the cache only.
    pub fn store(&self, cache: &Cache, project: &Path) -> Result<()> {
        for save in &self.saves {
            cache.save(&project.join(&save.path), &save.digest, save.format)?;
        }
        for import in &self.imports {
            cache.save(&project.join(&import.from), &import.digest, import.format)?;
        }
        Ok(())
    }

    /// Says what has been found, and does nothing.
    pub fn say(self, events: &mut dyn Events) {
        self.said.into_iter().for_each(|event| events.emit(event));
    }
}

fn is_cached(cache: &Cache, recorded: Option<&LockedHash>) -> Result<bool> {
    match recorded {
        Some(hash) => Ok(cache.missing(hash.format, &hash.md5)?.is_empty()),
        None => Ok(false),
    }
}

fn changed_import(shown: &str, path: &str) -> Error {
    Error::refused(format!(
        "'{path}' is not what the import '{shown}' recorded"
    ))
    .hint(format!("dvc commit {shown} keeps the change"))
    .hint(format!("dvc checkout {shown} brings the import back"))
}
