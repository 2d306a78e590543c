//! Points in time, as transit JSON writes them behind `~t`.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime as Clock, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A point in time with nanoseconds, always in UTC.
///
/// A value that was written as a date alone (`~t2015-12-31`) stands for the
/// midnight it begins with, and is written as a date again.
///
/// Kept as a clock reading and not as a [`Timestamp`]: that one ends 26 hours
/// before the year 9999 does, and the last day of that year is what many
/// systems write for "never".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    clock: Clock,
    date_only: bool,
}

/// The text is not a date or a date and time in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date (2015-12-31) or a date and time with zone (2015-12-31T23:59:59.5Z)")]
pub struct InvalidDateTime;

const EPOCH: Clock = Clock::constant(1970, 1, 1, 0, 0, 0, 0);
const NANOSECONDS: i128 = 1_000_000_000;

impl DateTime {
    /// The point in time `at`.
    pub fn new(at: Timestamp) -> DateTime {
        DateTime { clock: TimeZone::UTC.to_datetime(at), date_only: false }
    }

    /// The point in time at which clocks in UTC read `clock`. `None` outside
    /// the years 1 to 9999.
    pub fn from_utc(clock: Clock) -> Option<DateTime> {
        (clock.year() >= 1).then_some(DateTime { clock, date_only: false })
    }

    /// The midnight (UTC) with which `date` begins, written as a date alone.
    /// `None` outside the years 1 to 9999.
    pub fn from_date(date: Date) -> Option<DateTime> {
        let clock = date.to_datetime(Time::midnight());
        (date.year() >= 1).then_some(DateTime { clock, date_only: true })
    }

    /// What clocks in UTC read at this point in time.
    pub fn utc(self) -> Clock {
        self.clock
    }

    /// The point in time as a [`Timestamp`]; `None` in the last hours of the
    /// year 9999, which that type cannot hold.
    pub fn timestamp(self) -> Option<Timestamp> {
        TimeZone::UTC.to_timestamp(self.clock).ok()
    }

    /// Whether only the date was given.
    pub fn is_date_only(self) -> bool {
        self.date_only
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn as_nanosecond(self) -> i128 {
        self.clock.duration_since(EPOCH).as_nanos()
    }

    /// From nanoseconds since 1970-01-01T00:00:00Z; `None` outside the years
    /// 1 to 9999.
    pub fn from_nanosecond(nanoseconds: i128) -> Option<DateTime> {
        let seconds = i64::try_from(nanoseconds.div_euclid(NANOSECONDS)).ok()?;
        let rest = i32::try_from(nanoseconds.rem_euclid(NANOSECONDS)).ok()?;
        DateTime::from_utc(EPOCH.checked_add(SignedDuration::new(seconds, rest)).ok()?)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.date_only {
            write!(f, "{}", self.clock.date())
        } else {
            write!(f, "{}Z", self.clock)
        }
    }
}

impl FromStr for DateTime {
    type Err = InvalidDateTime;

    fn from_str(text: &str) -> Result<DateTime, InvalidDateTime> {
        if text.len() == 10 {
            let date: Date = text.parse().map_err(|_| InvalidDateTime)?;
            return DateTime::from_date(date).ok_or(InvalidDateTime);
        }
        let clock = match text.strip_suffix(['Z', 'z']) {
            // A clock reading and nothing else: the reader would skip a second
            // offset or a zone name.
            Some(clock)
                if clock.get(10..).is_some_and(|time| {
                    time.len() > 1 && !time.contains(['+', '-', '\u{2212}', '['])
                }) =>
            {
                clock.parse().ok()
            }
            Some(_) => None,
            // A bracketed zone name is Temporal's extension, not part of the format.
            None if text.contains('[') => None,
            None => text.parse().ok().map(|at| TimeZone::UTC.to_datetime(at)),
        };
        clock.and_then(DateTime::from_utc).ok_or(InvalidDateTime)
    }
}

impl From<Timestamp> for DateTime {
    fn from(at: Timestamp) -> DateTime {
        DateTime::new(at)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn text_survives_a_round_trip() {
        for text in [
            "2015-12-31",
            "2015-07-28T09:46:00Z",
            "2015-07-28T09:46:00.12Z",
            "2015-07-28T09:46:00.123456789Z",
            "0001-01-01T00:00:00Z",
            "9999-12-31",
            "9999-12-31T23:59:59.999999999Z",
        ] {
            assert_eq!(text.parse::<DateTime>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_offset_is_taken_to_utc() {
        let parsed: DateTime = "2015-07-28T09:46:00+02:00".parse().unwrap();
        assert_eq!(parsed.to_string(), "2015-07-28T07:46:00Z");
    }

    #[test]
    fn nanoseconds_count_from_1970() {
        for (text, nanoseconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59.999999999Z", -1),
            ("2015-07-28T09:46:00.12345Z", 1_438_076_760_123_450_000),
            ("9999-12-31T23:59:59.999999999Z", 253_402_300_799_999_999_999),
        ] {
            let time: DateTime = text.parse().unwrap();
            assert_eq!(time.as_nanosecond(), nanoseconds);
            assert_eq!(DateTime::from_nanosecond(nanoseconds), Some(time));
        }
        assert_eq!(DateTime::from_nanosecond(253_402_300_800_000_000_000), None);
        assert_eq!(DateTime::from_nanosecond(i128::MAX), None);
        assert_eq!(DateTime::from_nanosecond(i128::MIN), None);
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "yesterday",
            "2015-13-01",
            "2015-07-28T09:46:00",
            "2015-02-30",
            "2015-07-28Z",
            "2015-07-28TZ",
            "2015-07-28T09:46:00+02:00Z",
            "2015-07-28T09:46:00[UTC]Z",
            "0000-12-31",
            "-000001-01-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<DateTime>(), Err(InvalidDateTime), "{text}");
        }
    }
}
