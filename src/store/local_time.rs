//! Now, with this machine's offset from UTC.
//!
//! gix asks for the zone by its name, and its library then lists all 600 zones of the system first:
//! a millisecond in each command that writes. The zone of the machine stands in one file.

use gix::date::Time;
use jiff::tz::TimeZone;
use std::sync::OnceLock;

/// Where the system keeps its zone.
const ZONE: &str = "/etc/localtime";

/// Returns the time of now in the local zone, in UTC where that is not known.
pub(super) fn now() -> Time {
    static LOCAL: OnceLock<Option<TimeZone>> = OnceLock::new();
    let local = LOCAL.get_or_init(|| {
        // A zone that the user names is looked up.
        if std::env::var_os("TZ").is_some() {
            return None;
        }
        TimeZone::tzif(ZONE, &fs_err::read(ZONE).ok()?).ok()
    });
    let Some(zone) = local else {
        return Time::now_local_or_utc();
    };
    let now = Time::now_utc();
    let offset = jiff::Timestamp::from_second(now.seconds).map(|at| zone.to_offset(at).seconds());
    Time::new(now.seconds, offset.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_system() {
        let (ours, theirs) = (now(), Time::now_local_or_utc());
        assert_eq!(ours.offset, theirs.offset);
        assert!((theirs.seconds - ours.seconds).abs() < 60);
    }
}
