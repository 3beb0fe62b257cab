//! `--pull`: objects that neither the workspace nor the cache has come from a remote.

use super::Options;
use super::cached::Restorable;
use crate::digest::Format;
use crate::error::{Context, Result};
use crate::event::{Event, Events};
use crate::lockfile::LockedHash;
use crate::pipeline::Output;
use crate::store::Store;
use crate::store::cache::Cache;
use crate::store::fetch::RemoteFolder;
use std::cell::RefCell;
use std::collections::BTreeMap;

type Fetch = fn(&Cache, &RemoteFolder, Format, &str) -> Result<Option<usize>>;

/// Fetches what is asked for, or says whether it could.
pub struct Puller<'a> {
    store: &'a Store,
    cache: &'a Cache,
    /// None where nothing shall be changed: programs that never fetch do without the code for it.
    fetch: Option<Fetch>,
    /// How many objects came from which remote, and nobody was told yet.
    fetched: RefCell<BTreeMap<String, usize>>,
}

impl<'a> Puller<'a> {
    /// Makes one that fetches nothing, and knows what could be fetched.
    pub fn dry(store: &'a Store, cache: &'a Cache) -> Self {
        Puller {
            store,
            cache,
            fetch: None,
            fetched: RefCell::default(),
        }
    }

    /// Makes the one of a run; `None` where nothing shall be pulled.
    pub fn asked_for(options: &Options, store: &'a Store, cache: &'a Cache) -> Option<Self> {
        options.pull.then(|| Puller {
            fetch: (!options.dry).then_some(Cache::fetch as Fetch),
            ..Puller::dry(store, cache)
        })
    }

    /// Fetches what the cache lacks of these outputs. Returns whether it has all of them then.
    ///
    /// Refused where a remote that is needed cannot be fetched from.
    pub fn pull(&self, outputs: &[Restorable<'_>]) -> Result<bool> {
        for (output, hash) in outputs {
            if !self.pull_one(output, hash)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// As [`Puller::pull`], of one output.
    pub fn pull_one(&self, output: &Output, hash: &LockedHash) -> Result<bool> {
        let (format, md5) = (hash.format, hash.md5.as_str());
        let missing = self.cache.missing(format, md5);
        if missing.is_ok_and(|missing| missing.is_empty()) {
            return Ok(true);
        }
        let doing = || format!("'{}' cannot be pulled", output.path);
        let remote = self.store.remote_folder(output.remote.as_deref());
        let remote = remote.context(doing)?;
        let Some(fetch) = self.fetch else {
            return remote.can_complete(self.cache, format, md5);
        };
        let Some(count) = fetch(self.cache, &remote, format, md5).context(doing)? else {
            return Ok(false);
        };
        let mut fetched = self.fetched.borrow_mut();
        *fetched.entry(remote.name().to_owned()).or_default() += count;
        Ok(true)
    }

    /// Says what was fetched since the last time.
    pub fn say(&self, events: &mut dyn Events) {
        for (remote, count) in std::mem::take(&mut *self.fetched.borrow_mut()) {
            let objects = if count == 1 { "object" } else { "objects" };
            events.emit(Event::Status(format!(
                "Fetched {count} {objects} from remote '{remote}'"
            )));
        }
    }
}
