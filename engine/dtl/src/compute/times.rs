//! Points in time: reading them, moving them, and what clocks elsewhere say.

use jiff::tz::{Offset, TimeZone};
use jiff::{Span, Timestamp};
use num_bigint::BigInt;
use pipewright_entity::{DateTime, Value};

use super::date_pattern::{DatePattern, read_offset};

/// The parts of a date that one can count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Months(i64),
    Nanoseconds(i128),
}

impl DatePart {
    /// The names that `datetime-plus` and `datetime-diff` know.
    pub(crate) const NAMES: [&'static str; 10] = [
        "year",
        "month",
        "week",
        "day",
        "hour",
        "minute",
        "second",
        "millisecond",
        "microsecond",
        "nanosecond",
    ];

    /// The part with this name.
    pub(crate) fn named(name: &str) -> Option<DatePart> {
        const SECOND: i128 = 1_000_000_000;
        Some(match name {
            "year" => DatePart::Months(12),
            "month" => DatePart::Months(1),
            "week" => DatePart::Nanoseconds(7 * 86_400 * SECOND),
            "day" => DatePart::Nanoseconds(86_400 * SECOND),
            "hour" => DatePart::Nanoseconds(3_600 * SECOND),
            "minute" => DatePart::Nanoseconds(60 * SECOND),
            "second" => DatePart::Nanoseconds(SECOND),
            "millisecond" => DatePart::Nanoseconds(1_000_000),
            "microsecond" => DatePart::Nanoseconds(1_000),
            "nanosecond" => DatePart::Nanoseconds(1),
            _ => return None,
        })
    }

    /// `time` moved by `count` of this part; none outside the years 1 to 9999.
    /// A day that the month reached does not have becomes its last day.
    pub(crate) fn add(self, time: DateTime, count: i64) -> Option<DateTime> {
        match self {
            DatePart::Months(months) => {
                let span = Span::new().try_months(months.checked_mul(count)?).ok()?;
                DateTime::from_utc(time.utc().checked_add(span).ok()?)
            }
            DatePart::Nanoseconds(nanoseconds) => {
                let moved = nanoseconds.checked_mul(i128::from(count))?;
                DateTime::from_nanosecond(time.as_nanosecond().checked_add(moved)?)
            }
        }
    }

    /// How many whole parts `later` is after `earlier`; negative if before.
    pub(crate) fn between(self, later: DateTime, earlier: DateTime) -> Value {
        let count = match self {
            DatePart::Nanoseconds(nanoseconds) => {
                (later.as_nanosecond() - earlier.as_nanosecond()) / nanoseconds
            }
            DatePart::Months(months) => i128::from(whole_months(later, earlier) / months),
        };
        Value::integer(BigInt::from(count))
    }
}

fn whole_months(later: DateTime, earlier: DateTime) -> i64 {
    let (a, b) = (later.utc(), earlier.utc());
    let months = (i64::from(a.year()) - i64::from(b.year())) * 12 + i64::from(a.month())
        - i64::from(b.month());
    // The month of `a` is reached, its day and time perhaps not.
    let Some(reached) = DatePart::Months(1).add(earlier, months) else { return months };
    match (months.signum(), reached.utc().cmp(&a)) {
        (1, std::cmp::Ordering::Greater) => months - 1,
        (-1, std::cmp::Ordering::Less) => months + 1,
        _ => months,
    }
}

/// A time zone by its name in the tz database, such as `Europe/Oslo`. Without
/// the feature `timezones` only `UTC` is known.
pub(crate) fn zone(name: &str) -> Option<TimeZone> {
    if name.eq_ignore_ascii_case("UTC") {
        return Some(TimeZone::UTC);
    }
    if cfg!(feature = "timezones") { TimeZone::get(name).ok() } else { None }
}

/// The point in time at which clocks in `zone` read `clock`. A reading that
/// occurs twice means the second time, one that is skipped is read with the
/// distance to UTC from before.
fn at(zone: &TimeZone, clock: jiff::civil::DateTime) -> Option<DateTime> {
    if *zone == TimeZone::UTC {
        return DateTime::from_utc(clock);
    }
    zone.to_ambiguous_timestamp(clock).later().ok().and_then(in_range)
}

fn in_range(at: Timestamp) -> Option<DateTime> {
    DateTime::from_nanosecond(at.as_nanosecond())
}

/// What clocks in `zone` read at `time`, and their distance to UTC.
fn clock(zone: &TimeZone, time: DateTime) -> (jiff::civil::DateTime, Offset) {
    match time.timestamp() {
        Some(at) if *zone != TimeZone::UTC => {
            let offset = zone.to_offset(at);
            (offset.to_datetime(at), offset)
        }
        _ => (time.utc(), Offset::UTC),
    }
}

/// `time` as a text in the form of `pattern`, on a clock in `zone`.
pub(crate) fn format(zone: &TimeZone, pattern: &DatePattern, time: DateTime) -> String {
    let (clock, offset) = clock(zone, time);
    pattern.write(clock, offset)
}

/// The point in time a text in the form of `pattern` names, read on a clock in
/// `zone` unless it has a distance to UTC of its own.
pub(crate) fn parse(zone: &TimeZone, pattern: &DatePattern, text: &str) -> Option<DateTime> {
    let reading = pattern.read(text)?;
    match reading.offset {
        Some(offset) if offset != Offset::UTC => {
            offset.to_timestamp(reading.clock).ok().and_then(in_range)
        }
        Some(_) => DateTime::from_utc(reading.clock),
        None => at(zone, reading.clock),
    }
}

/// Takes what `time` reads in UTC for the reading of a clock in `from`, and
/// gives what a clock in `to` reads then.
pub(crate) fn shift(from: &TimeZone, to: &TimeZone, time: DateTime) -> Option<DateTime> {
    DateTime::from_utc(clock(to, at(from, time.utc())?).0)
}

/// A value as a point in time: an integer counts nanoseconds since 1970, a
/// text is ISO 8601 (a date, or a date and a time, in UTC unless it says
/// otherwise). None if it is none.
pub(crate) fn datetime(value: &Value) -> Option<DateTime> {
    match value {
        Value::DateTime(time) => DateTime::from_utc(time.utc()),
        Value::Int(nanoseconds) => DateTime::from_nanosecond(i128::from(*nanoseconds)),
        Value::BigInt(nanoseconds) => {
            DateTime::from_nanosecond(i128::try_from(nanoseconds.as_ref()).ok()?)
        }
        Value::String(text) => {
            let text = text.trim();
            if let Ok(time) = text.parse::<DateTime>() {
                return DateTime::from_utc(time.utc());
            }
            // No zone, or one that the standard form does not allow (`+0200`).
            let (date, time) = text.split_at_checked(10)?;
            let (clock, offset) = match time.find(['+', '-', 'Z']) {
                Some(at) => (&time[..at], read_offset(&time[at..])?),
                None => (time, Offset::UTC),
            };
            let plain = clock.starts_with(['T', ' '])
                && clock[1..].bytes().all(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'));
            let clock = plain.then(|| format!("{date}{clock}").parse().ok())??;
            if offset == Offset::UTC {
                return DateTime::from_utc(clock);
            }
            offset.to_timestamp(clock).ok().and_then(in_range)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn t(text: &str) -> DateTime {
        text.parse().unwrap()
    }

    fn add(part: &str, count: i64, time: &str) -> Option<String> {
        DatePart::named(part).unwrap().add(t(time), count).map(|time| time.to_string())
    }

    fn between(part: &str, later: &str, earlier: &str) -> Value {
        DatePart::named(part).unwrap().between(t(later), t(earlier))
    }

    #[test]
    fn moving() {
        for (part, count, from, to) in [
            ("day", 1, "2015-07-28", Some("2015-07-29T00:00:00Z")),
            ("hour", -1, "2016-03-01", Some("2016-02-29T23:00:00Z")),
            ("year", 1, "1971-01-01", Some("1972-01-01T00:00:00Z")),
            ("year", 1, "2016-02-29", Some("2017-02-28T00:00:00Z")),
            ("month", 1, "2015-01-31", Some("2015-02-28T00:00:00Z")),
            ("month", -1, "2015-03-31T12:00:00Z", Some("2015-02-28T12:00:00Z")),
            ("year", 1, "9999-01-01", None),
            ("year", -1, "0001-01-01", None),
            ("year", i64::MAX, "2000-01-01", None),
            ("week", i64::MIN, "2000-01-01", None),
            ("nanosecond", 1, "9999-12-31", Some("9999-12-31T00:00:00.000000001Z")),
        ] {
            assert_eq!(add(part, count, from).as_deref(), to, "{from} {count} {part}");
        }
        assert!(DatePart::NAMES.iter().all(|name| DatePart::named(name).is_some()));
    }

    #[test]
    fn differences_round_towards_zero() {
        for (part, later, earlier, count) in [
            ("day", "2015-07-28", "2015-07-29", -1),
            ("year", "2015-03-02", "2016-07-29", -1),
            ("month", "2015-03-02", "2016-07-29", -16),
            ("year", "2015-12-01", "2015-01-01", 0),
            ("year", "2015-01-01", "2015-12-01", 0),
            ("week", "2015-07-09", "2015-07-01", 1),
            ("month", "2015-02-28", "2015-01-31", 1),
            ("month", "2015-02-27", "2015-01-31", 0),
            ("month", "2015-01-31", "2015-02-28", 0),
            ("month", "2015-03-01T00:00:00Z", "2015-02-01T00:00:01Z", 0),
            ("nanosecond", "2015-07-29", "2015-07-28", 86_400_000_000_000),
        ] {
            assert_eq!(
                between(part, later, earlier),
                Value::Int(count),
                "{later} {earlier} {part}"
            );
        }
        let longest = between("nanosecond", "9999-12-31", "0001-01-01");
        assert_eq!(longest.to_transit(), "315537811200000000000");
    }

    #[test]
    fn casts() {
        for (value, expected) in [
            (Value::from("2015-07-28T09:46:00.12345Z"), Some("2015-07-28T09:46:00.12345Z")),
            (Value::from("2015-07-28T09:46:00+02:00"), Some("2015-07-28T07:46:00Z")),
            (Value::from("2015-07-28T09:46:00-0330"), Some("2015-07-28T13:16:00Z")),
            (Value::from("2015-07-28 09:46:00"), Some("2015-07-28T09:46:00Z")),
            (Value::from("2015-07-28"), Some("2015-07-28T00:00:00Z")),
            (Value::from("9999-12-31T23:59:59Z"), Some("9999-12-31T23:59:59Z")),
            (Value::from("2015-07-28T"), None),
            (Value::from("2015-07-28Tå"), None),
            (Value::from("å015-07-28T09"), None),
            (Value::from("20150728"), None),
            (Value::from("hello"), None),
            (Value::Int(-1), Some("1969-12-31T23:59:59.999999999Z")),
            (Value::integer(BigInt::from(10u32).pow(30)), None),
            (Value::integer(BigInt::from(10u32).pow(100)), None),
            (Value::Float(1.0), None),
        ] {
            let got = datetime(&value).map(|time| time.to_string());
            assert_eq!(got.as_deref(), expected, "{value:?}");
        }
    }

    #[cfg(feature = "timezones")]
    #[test]
    fn zones() {
        let oslo = zone("Europe/Oslo").unwrap();
        let pattern = DatePattern::new("%Y-%m-%d %H:%M").unwrap();
        let parsed = |text: &str| parse(&oslo, &pattern, text).unwrap().to_string();
        assert_eq!(parsed("2018-08-18 12:39"), "2018-08-18T10:39:00Z");
        assert_eq!(format(&oslo, &pattern, t("2018-08-18T12:39:00Z")), "2018-08-18 14:39");
        assert_eq!(format(&oslo, &pattern, t("9999-12-31")), "9999-12-31 00:00");
        // Skipped in spring; there twice in autumn.
        assert_eq!(parsed("2018-03-25 02:30"), "2018-03-25T01:30:00Z");
        assert_eq!(parsed("2018-10-28 02:30"), "2018-10-28T01:30:00Z");
        let moved =
            |from: &TimeZone, to: &TimeZone, text| shift(from, to, t(text)).unwrap().to_string();
        assert_eq!(moved(&oslo, &TimeZone::UTC, "2015-07-28T09:46:00Z"), "2015-07-28T07:46:00Z");
        assert_eq!(moved(&TimeZone::UTC, &oslo, "2015-07-28T09:46:00Z"), "2015-07-28T11:46:00Z");
        assert!(zone("Europe/Atlantis").is_none());
    }

    #[test]
    fn an_offset_in_the_text_goes_before_the_zone() {
        let pattern = DatePattern::new("%Y-%m-%dT%H:%M%z").unwrap();
        let parsed = parse(&TimeZone::UTC, &pattern, "2015-07-28T09:46+0200").unwrap();
        assert_eq!(parsed.to_string(), "2015-07-28T07:46:00Z");
    }
}
