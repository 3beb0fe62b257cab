//! Times as `show` has them, in the zone that comes with them.

use crate::checkpoint::Time;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Returns `01:19 PM` for a time on the day of `now`, else `Nov 23, 2026`.
pub fn short(time: Time, now: Time) -> String {
    let local = Local::of(time);
    if local.day_number == Local::of(now).day_number {
        let half = if local.hour < 12 { "AM" } else { "PM" };
        let hour = match local.hour % 12 {
            0 => 12,
            hour => hour,
        };
        format!("{hour:02}:{:02} {half}", local.minute)
    } else {
        let (year, month, day) = local.date();
        format!("{} {day:02}, {year}", MONTHS[month - 1])
    }
}

/// Returns `2026-11-23T08:54:21`: what Python's `isoformat` prints, without a zone.
pub fn iso(time: Time) -> String {
    let local = Local::of(time);
    let (year, month, day) = local.date();
    let Local {
        hour,
        minute,
        second,
        ..
    } = local;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// A time on the clock of its zone.
struct Local {
    /// Days since 1970-01-01.
    day_number: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Local {
    fn of(time: Time) -> Local {
        let seconds = time.seconds.saturating_add(i64::from(time.offset));
        let of_day = seconds.rem_euclid(86_400);
        Local {
            day_number: seconds.div_euclid(86_400),
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        }
    }

    /// Returns year, month from 1 and day from 1 of the Gregorian calendar.
    fn date(&self) -> (i64, usize, i64) {
        // Years are counted from March, so that the leap day is the last one of its year.
        let day = self.day_number + 719_468;
        let era = day.div_euclid(146_097);
        let day_of_era = day.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = (from_march + 2) % 12 + 1;
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        (year, usize::try_from(month).unwrap_or(1), day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, hours: i32) -> Time {
        Time {
            seconds,
            offset: hours * 3_600,
        }
    }

    #[test]
    fn today_shows_the_time_and_other_days_the_date() {
        let now = at(1_795_503_600, 0); // 2026-11-24 07:00:00
        assert_eq!(short(at(1_795_478_781, 0), now), "12:06 AM");
        assert_eq!(short(at(1_795_521_981, 0), now), "12:06 PM");
        assert_eq!(short(at(1_795_526_100, 0), now), "01:15 PM");
        assert_eq!(short(at(1_795_478_399, 0), now), "Nov 23, 2026");
        // the same moment is yesterday further west
        let west = at(1_795_503_600, -8);
        assert_eq!(short(at(1_795_478_781, -8), west), "04:06 PM");
    }

    #[test]
    fn leap_days_and_the_years_around_them() {
        assert_eq!(iso(at(0, 0)), "1970-01-01T00:00:00");
        assert_eq!(iso(at(-1, 0)), "1969-12-31T23:59:59");
        assert_eq!(iso(at(951_782_400, 0)), "2000-02-29T00:00:00");
        assert_eq!(iso(at(951_868_800, 0)), "2000-03-01T00:00:00");
        assert_eq!(iso(at(1_112_911_993, -7)), "2005-04-07T15:13:13");
        assert_eq!(iso(at(4_107_542_400, 0)), "2100-03-01T00:00:00");
    }
}
