//! How old a file is: by the file system's clock, which no variable of git sets.

use super::Store;
use std::time::{Duration, SystemTime};

impl Store {
    /// Returns when a ref was last moved, finer than commits tell; `None` once it is packed.
    ///
    /// Good for nothing but to tell apart what was made in one second.
    pub fn moved_at(&self, name: &str) -> Option<SystemTime> {
        let file = self.common_dir.join(name);
        fs_err::symlink_metadata(file).ok()?.modified().ok()
    }
}

/// Returns the time by which files are marked.
#[expect(
    clippy::disallowed_methods,
    reason = "times of files are not times of commits; GIT_COMMITTER_DATE does not rule them"
)]
pub(super) fn now() -> SystemTime {
    SystemTime::now()
}

/// Returns how long ago `time` was; nothing when it is to come.
pub(super) fn since(time: SystemTime) -> Duration {
    now().duration_since(time).unwrap_or_default()
}

/// Returns when this machine was started; `None` where the kernel does not say.
pub(super) fn boot() -> Option<SystemTime> {
    #[cfg(target_os = "linux")]
    {
        use rustix::time::{ClockId, clock_gettime};
        let up = clock_gettime(ClockId::Boottime);
        now().checked_sub(Duration::from_secs(up.tv_sec.try_into().ok()?))
    }
    #[cfg(not(target_os = "linux"))]
    None
}
