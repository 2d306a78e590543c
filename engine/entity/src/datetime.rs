//! Points in time, as transit JSON writes them behind `~t`.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A point in time with nanoseconds, always in UTC.
///
/// A value that was written as a date alone (`~t2015-12-31`) stands for the
/// midnight it begins with, and is written as a date again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    at: Timestamp,
    date_only: bool,
}

/// The text is not a date or a date and time in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date (2015-12-31) or a date and time with zone (2015-12-31T23:59:59.5Z)")]
pub struct InvalidDateTime;

impl DateTime {
    /// The point in time `at`.
    pub fn new(at: Timestamp) -> DateTime {
        DateTime { at, date_only: false }
    }

    /// The midnight (UTC) with which `date` begins, written as a date alone.
    /// `None` where the date lies outside what a timestamp can hold.
    pub fn from_date(date: Date) -> Option<DateTime> {
        let at = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Some(DateTime { at, date_only: true })
    }

    /// The point in time.
    pub fn timestamp(self) -> Timestamp {
        self.at
    }

    /// Whether only the date was given.
    pub fn is_date_only(self) -> bool {
        self.date_only
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn as_nanosecond(self) -> i128 {
        self.at.as_nanosecond()
    }

    /// From nanoseconds since 1970-01-01T00:00:00Z; `None` outside the years
    /// that can be written.
    pub fn from_nanosecond(nanoseconds: i128) -> Option<DateTime> {
        Timestamp::from_nanosecond(nanoseconds).ok().map(DateTime::new)
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.date_only {
            write!(f, "{}", self.at.to_zoned(TimeZone::UTC).date())
        } else {
            write!(f, "{}", self.at)
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
        // A bracketed zone name is Temporal's extension, not part of the format.
        if text.contains('[') {
            return Err(InvalidDateTime);
        }
        text.parse().map(DateTime::new).map_err(|_| InvalidDateTime)
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
    fn other_text_is_refused() {
        for text in ["", "yesterday", "2015-13-01", "2015-07-28T09:46:00", "2015-02-30"] {
            assert_eq!(text.parse::<DateTime>(), Err(InvalidDateTime), "{text}");
        }
    }
}
