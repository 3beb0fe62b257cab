//! How old a file is: by the file system's clock, which no variable of git sets.

use std::time::{Duration, SystemTime};

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
