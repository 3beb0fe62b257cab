//! A git branch at a commit.

use super::Store;
use crate::error::{Context, Error, Result};
use crate::id::ObjectId;
use gix::refs::Target;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};

impl Store {
    /// Creates the branch `name` at `commit`, with `reason` as the first line of its reflog.
    ///
    /// Refused if the name is not one for a branch, or taken.
    pub fn create_branch(&self, name: &str, commit: ObjectId, reason: &str) -> Result<()> {
        let full = format!("refs/heads/{name}");
        let invalid = || Error::refused(format!("'{name}' is not a valid branch name"));
        if name.starts_with('-') || name == "HEAD" {
            return Err(invalid());
        }
        let full_name: gix::refs::FullName = full.as_str().try_into().map_err(|cause| {
            let cause: gix::validate::reference::name::Error = cause;
            invalid().caused_by(cause)
        })?;
        let taken = |name: &str| Error::refused(format!("a branch named '{name}' already exists"));
        if self.find_ref(&full)?.is_some() {
            return Err(taken(name));
        }
        // 'a' and 'a/b' cannot both be files below refs/heads.
        for (slash, _) in name.match_indices('/') {
            if self
                .find_ref(&format!("refs/heads/{}", &name[..slash]))?
                .is_some()
            {
                return Err(taken(&name[..slash]));
            }
        }
        let doing = || format!("cannot create branch '{name}'");
        let below = format!("{full}/");
        let references = self.repo.references().context(doing)?;
        let mut clash = references
            .prefixed(gix::bstr::BStr::new(&below))
            .context(doing)?;
        if let Some(Ok(clash)) = clash.next() {
            return Err(taken(&clash.name().shorten().to_string()));
        }
        let edit = RefEdit {
            change: Change::Update {
                log: LogChange {
                    mode: RefLog::AndReference,
                    force_create_reflog: true,
                    message: reason.into(),
                },
                expected: PreviousValue::MustNotExist,
                new: Target::Object(commit),
            },
            name: full_name,
            deref: false,
        };
        let signature = self.signature(super::Role::Committer)?;
        let mut buffer = Default::default();
        // Our handles write no reflogs, for there is one ref per experiment; branches have one.
        let mut repo = self.repo.clone();
        repo.refs.write_reflog = gix::refs::store::WriteReflog::Normal;
        repo.edit_references_as([edit], Some(signature.to_ref(&mut buffer)))
            .context(doing)?;
        Ok(())
    }
}
