//! When a look at a file is final: git's "racy" rule, with stats as its index has them.

use gix::index::entry::{Stat, stat};

/// How much older than a look a file must be before the look is trusted, in nanoseconds.
const SETTLED: u64 = 20_000_000;

/// Returns the fields of a stat that git's index has.
pub(super) fn index_stat(found: &rustix::fs::Stat) -> Stat {
    // Truncation to 32 bits is the index's own.
    Stat {
        mtime: stat::Time {
            secs: found.st_mtime as u32,
            nsecs: found.st_mtime_nsec as u32,
        },
        ctime: stat::Time {
            secs: found.st_ctime as u32,
            nsecs: found.st_ctime_nsec as u32,
        },
        dev: found.st_dev as u32,
        ino: found.st_ino as u32,
        uid: found.st_uid,
        gid: found.st_gid,
        size: found.st_size as u32,
    }
}

/// Returns the moment before which a file must have been written for a look at it now to be final.
pub(super) fn settled_before_now() -> stat::Time {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let nanoseconds = (now.tv_sec as u64)
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec as u64)
        .saturating_sub(SETTLED);
    stat::Time {
        secs: (nanoseconds / 1_000_000_000) as u32,
        nsecs: (nanoseconds % 1_000_000_000) as u32,
    }
}

/// Whether a time stamp is safely before `checked`; whole seconds come from file systems that count in two of them.
pub(super) fn is_settled(time: stat::Time, checked: stat::Time) -> bool {
    if time.nsecs == 0 {
        time.secs.saturating_add(2) <= checked.secs
    } else {
        time < checked
    }
}
