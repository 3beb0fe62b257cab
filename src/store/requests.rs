//! Requests for a checkpoint from outside of a run: a file each, in the git directory of its worktree.
//!
//! A request is an empty file in `git-exp/requests`. The run removes it when the checkpoint is taken,
//! or replaces it by the reason why there will be none.

use super::Store;
use super::durable;
use super::lock::RunProbe;
use crate::error::{Context, Result};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tempfile::TempPath;

/// Below a worktree's git directory.
const REQUESTS: &str = "git-exp/requests";

/// The run's side.
#[derive(Debug)]
pub struct Requests {
    folder: PathBuf,
    is_ready: bool,
}

impl Requests {
    /// Returns the folder that requests appear in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes the folder ready for a run: what is there was for another one. Does nothing the second time.
    pub fn prepare(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.is_ready, true) {
            return Ok(());
        }
        let folder = &self.folder;
        let cannot = || format!("cannot prepare '{}'", folder.display());
        fs_err::create_dir_all(folder).context(cannot)?;
        for entry in fs_err::read_dir(folder).context(cannot)?.flatten() {
            let path = entry.path();
            // Gone would mean taken to who still waits, if anybody does.
            if waits(&entry) {
                self.answer(&path, Some("the run that was asked has ended"))?;
            } else {
                fs_err::remove_file(&path).context(cannot)?;
            }
        }
        Ok(())
    }

    /// Returns the requests that wait, each a file to be given to [`Requests::answer`].
    pub fn waiting(&self) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(&self.folder).into_iter().flatten();
        let files = entries.flatten().filter(waits);
        files.map(|entry| entry.path()).collect()
    }

    /// Answers a request: its checkpoint is taken, or, with the reason, cannot be.
    pub fn answer(&self, request: &Path, refused: Option<&str>) -> Result<()> {
        let answered = match refused {
            None => fs_err::remove_file(request),
            // Whoever has stopped waiting must not leave an answer for ever.
            Some(_) if !request.exists() => Ok(()),
            Some(reason) => return durable::write_unsynced(request, reason.as_bytes()),
        };
        match answered {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).context(|| "cannot answer a request for a checkpoint".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Whether a file is a request; one with a text is an answer that nobody has read yet.
fn waits(entry: &fs_err::DirEntry) -> bool {
    let stat = entry.metadata();
    stat.is_ok_and(|stat| stat.is_file() && stat.len() == 0)
}

/// The asker's side. Dropping it takes the request back.
#[derive(Debug)]
pub struct Request {
    file: TempPath,
    probe: RunProbe,
}

/// What has become of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Nothing yet.
    Waits,
    /// The checkpoint is taken.
    Taken,
    /// There will be none, and why.
    Refused(String),
}

impl Request {
    /// Asks the run of the worktree whose git directory this is.
    pub fn new(git_dir: &Path) -> Result<Self> {
        let folder = git_dir.join(REQUESTS);
        let file = tempfile::Builder::new()
            .prefix("request-")
            .tempfile_in(&folder)
            .context(|| format!("cannot write to '{}'", folder.display()))?;
        Ok(Request {
            file: file.into_temp_path(),
            probe: RunProbe::of(git_dir),
        })
    }

    /// Returns the answer.
    pub fn answer(&self) -> Result<Answer> {
        match fs_err::read_to_string(&self.file) {
            Ok(text) if text.is_empty() => Ok(Answer::Waits),
            Ok(reason) => Ok(Answer::Refused(reason)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Answer::Taken),
            Err(error) => Err(error).context(|| "cannot read the answer".to_owned()),
        }
    }

    /// Whether the run still is at work.
    pub fn is_heard(&self) -> Result<bool> {
        self.probe.is_held()
    }
}

impl Store {
    /// Returns the requests to runs in this worktree.
    pub fn requests(&self) -> Requests {
        Requests {
            folder: self.git_dir.join(REQUESTS),
            is_ready: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::lock::RunLock;
    use crate::store::testing::Sandbox;

    #[test]
    fn is_asked_and_answered() {
        let sandbox = Sandbox::new();
        let store = sandbox.store();
        assert!(Request::new(store.git_dir()).is_err());
        sandbox.write(".git/git-exp/requests/of-another-run", "");
        let mut requests = store.requests();
        requests.prepare().unwrap();
        assert_eq!(requests.waiting(), Vec::<PathBuf>::new());
        let left = sandbox.path(".git/git-exp/requests/of-another-run");
        let told = fs_err::read_to_string(&left).unwrap();
        assert_eq!(told, "the run that was asked has ended");
        let mut requests = store.requests();
        requests.prepare().unwrap();
        assert!(!left.exists());

        let request = Request::new(store.git_dir()).unwrap();
        assert!(!request.is_heard().unwrap());
        let _lock = RunLock::try_take(&store).unwrap();
        assert!(request.is_heard().unwrap());
        assert_eq!(request.answer().unwrap(), Answer::Waits);
        let waiting = requests.waiting();
        assert_eq!(waiting.len(), 1);
        requests.answer(&waiting[0], Some("no")).unwrap();
        assert_eq!(request.answer().unwrap(), Answer::Refused("no".into()));
        assert_eq!(requests.waiting(), Vec::<PathBuf>::new());
        drop(request);

        let request = Request::new(store.git_dir()).unwrap();
        requests.answer(&requests.waiting()[0], None).unwrap();
        assert_eq!(request.answer().unwrap(), Answer::Taken);

        let gone = Request::new(store.git_dir()).unwrap();
        let waiting = requests.waiting();
        drop(gone);
        for refused in [None, Some("no")] {
            requests.answer(&waiting[0], refused).unwrap();
        }
        assert_eq!(fs_err::read_dir(requests.folder()).unwrap().count(), 0);
    }
}
