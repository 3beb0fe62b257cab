//! Writing `exp.*` into git's config.

use super::Store;
use crate::error::{Context, Result};

impl Store {
    /// Sets `exp.<name>` in the repository's own config, which all its worktrees share.
    ///
    /// The rest of the file, comments included, stays as it is. An open [`Store`] does not see it.
    pub fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let path = self.common_dir().join("config");
        let doing = || format!("cannot set 'exp.{name}' in '{}'", path.display());
        let mut file = self.repo.config_file_mut(&path).context(doing)?;
        file.set_raw_value_by("exp", None, name, value)
            .context(doing)?;
        file.commit().context(doing)
    }
}

#[cfg(test)]
mod tests {
    use crate::store::testing::Sandbox;

    #[test]
    fn git_reads_what_is_set() {
        let sandbox = Sandbox::new();
        let config = sandbox.path(".git/config");
        let before = fs_err::read_to_string(&config).unwrap() + "# mine\n";
        fs_err::write(&config, &before).unwrap();
        let store = sandbox.store();
        store.set_setting("dvcFormat", "2").unwrap();
        store.set_setting("dvcFormat", "3").unwrap();
        assert_eq!(
            sandbox.git(&["config", "--get-all", "exp.dvcFormat"]),
            "3\n"
        );
        let after = fs_err::read_to_string(&config).unwrap();
        assert!(after.starts_with(&before), "{after}");
        assert!(!sandbox.path(".git/config.lock").exists());
    }
}
