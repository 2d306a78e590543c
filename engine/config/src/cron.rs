//! Cron expressions (documentation: cron-expressions): minutes, hours, day of
//! month, month, day of week and, if given, year, in UTC.
//!
//! Where both a day of the month and a day of the week are given, either is
//! enough, as cron has it. `L` is the last day of the month, `5L` in the day of
//! week the last Friday: days are counted from Sunday, 0, and 7 is Sunday too.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// When something is to be done again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minutes: u64,
    hours: u64,
    days: Days,
    months: u64,
    years: Vec<RangeInclusive<i16>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Days {
    /// Days of the month; all when not restricted.
    of_month: u64,
    last_of_month: bool,
    month_restricted: bool,
    /// Days of the week, Sunday first; all when not restricted.
    of_week: u64,
    /// Days of the week that count when they are the last in the month.
    last_of_week: u64,
    week_restricted: bool,
}

/// The text is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cron expression: {why}")]
pub struct InvalidCron {
    /// What is wrong with it.
    pub why: String,
}

fn invalid(why: impl Into<String>) -> InvalidCron {
    InvalidCron { why: why.into() }
}

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: RangeInclusive<i16> = 1970..=2099;

/// A part of a cron expression.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    /// Names of the numbers from `min` on.
    names: &'static [&'static str],
}

const MINUTES: Field = Field { name: "minutes", min: 0, max: 59, names: &[] };
const HOURS: Field = Field { name: "hours", min: 0, max: 23, names: &[] };
const DAYS: Field = Field { name: "day of month", min: 1, max: 31, names: &[] };
const MONTH: Field = Field { name: "month", min: 1, max: 12, names: &MONTHS };
const WEEK: Field = Field { name: "day of week", min: 0, max: 7, names: &WEEKDAYS };
const YEAR: Field = Field { name: "year", min: 1970, max: 2099, names: &[] };

impl Field {
    fn number(&self, text: &str) -> Result<u32, InvalidCron> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = match named {
            Some(place) => u32::try_from(place).ok().map(|place| place + self.min),
            None => text.parse().ok(),
        };
        number.filter(|number| (self.min..=self.max).contains(number)).ok_or_else(|| {
            invalid(format!(
                "the {} must be from {} to {}, not `{text}`",
                self.name, self.min, self.max
            ))
        })
    }

    /// The numbers of one item of the list: `*`, `5`, `1-5`, each with or
    /// without `/step`.
    fn item(&self, text: &str) -> Result<(RangeInclusive<u32>, u32), InvalidCron> {
        let (range, step) = match text.split_once('/') {
            None => (text, None),
            Some((range, step)) => (range, Some(step)),
        };
        let all = self.min..=self.max.min(if self.name == WEEK.name { 6 } else { self.max });
        let numbers = match range.split_once('-') {
            _ if range == "*" => all,
            None => {
                let start = self.number(range)?;
                // `5/10` goes on from 5.
                start..=if step.is_some() { *all.end() } else { start }
            }
            Some((start, end)) => {
                let (start, end) = (self.number(start)?, self.number(end)?);
                if start > end {
                    return Err(invalid(format!(
                        "in the {}, `{range}` ends before it begins",
                        self.name
                    )));
                }
                start..=end
            }
        };
        let step = match step {
            None => 1,
            Some(step) => step.parse().ok().filter(|step| *step > 0).ok_or_else(|| {
                invalid(format!("the step of the {} is a number from 1, not `{step}`", self.name))
            })?,
        };
        Ok((numbers, step))
    }

    /// All numbers of the field, as bits. What `special` knows is left to it.
    fn bits(
        &self,
        text: &str,
        mut special: impl FnMut(&str) -> Result<bool, InvalidCron>,
    ) -> Result<u64, InvalidCron> {
        let mut bits = 0u64;
        for item in text.split(',') {
            if special(item)? {
                continue;
            }
            let (numbers, step) = self.item(item)?;
            for number in numbers.step_by(step as usize) {
                bits |= 1 << number;
            }
        }
        Ok(bits)
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Cron, InvalidCron> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (minutes, hours, day, month, weekday, year) = match fields[..] {
            [minutes, hours, day, month, weekday] => (minutes, hours, day, month, weekday, "*"),
            [minutes, hours, day, month, weekday, year] => {
                (minutes, hours, day, month, weekday, year)
            }
            _ => return Err(invalid(format!("it has 5 or 6 parts, this has {}", fields.len()))),
        };
        let plain = |_: &str| Ok(false);
        let mut last_of_month = false;
        let of_month = DAYS.bits(if day == "?" { "*" } else { day }, |item| {
            last_of_month |= item == "L";
            Ok(item == "L")
        })?;
        let mut last_of_week = 0;
        let of_week = WEEK.bits(if weekday == "?" { "*" } else { weekday }, |item| {
            match item.strip_suffix(['L', 'l']) {
                None => Ok(false),
                Some("") => Err(invalid("the day before `L` is missing: 5L is the last Friday")),
                Some(day) => {
                    last_of_week |= 1 << (WEEK.number(day)? % 7);
                    Ok(true)
                }
            }
        })?;
        let mut years = Vec::new();
        for item in year.split(',') {
            let (numbers, step) = YEAR.item(item)?;
            if step != 1 {
                return Err(invalid("years have no step"));
            }
            // Both are between 1970 and 2099.
            years.push(*numbers.start() as i16..=*numbers.end() as i16);
        }
        Ok(Cron {
            text: fields.join(" "),
            minutes: MINUTES.bits(minutes, plain)?,
            hours: HOURS.bits(hours, plain)?,
            months: MONTH.bits(month, plain)?,
            years,
            days: Days {
                of_month,
                last_of_month,
                month_restricted: !matches!(day, "*" | "?"),
                // 7 is Sunday too.
                of_week: (of_week & 0x7f) | (of_week >> 7 & 1),
                last_of_week,
                week_restricted: !matches!(weekday, "*" | "?"),
            },
        })
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Cron {
    /// The first time after another one; `None` when there is none before the
    /// year 2100.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.to_zoned(TimeZone::UTC).datetime();
        let mut date = after.date();
        // Only a later minute will do: the first day counts from the next one.
        let first = (after.hour(), after.minute());
        let mut from = Some(first);
        while date.year() <= *YEARS.end() {
            if !self.years.iter().any(|years| years.contains(&date.year())) {
                date = Date::new(date.year().checked_add(1)?, 1, 1).ok()?;
                from = None;
                continue;
            }
            if self.months & (1 << date.month()) == 0 {
                date = date.last_of_month().tomorrow().ok()?;
                from = None;
                continue;
            }
            if self.days.contain(date)
                && let Some((hour, minute)) = self.time_after(from)
            {
                let time = DateTime::from_parts(date, jiff::civil::time(hour, minute, 0, 0));
                return Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp());
            }
            date = date.tomorrow().ok()?;
            from = None;
        }
        None
    }

    /// Whether a minute is one of its times; seconds do not count.
    pub fn contains(&self, at: Timestamp) -> bool {
        let at = at.to_zoned(TimeZone::UTC).datetime();
        self.years.iter().any(|years| years.contains(&at.year()))
            && self.months & (1 << at.month()) != 0
            && self.days.contain(at.date())
            && self.hours & (1 << at.hour()) != 0
            && self.minutes & (1 << at.minute()) != 0
    }

    /// The first hour and minute of a day that come after some; of the whole
    /// day when `None`.
    fn time_after(&self, after: Option<(i8, i8)>) -> Option<(i8, i8)> {
        let (hour, minute) = after.map_or((0, 0), |(hour, minute)| (hour, minute + 1));
        if self.hours & (1 << hour) != 0
            && let Some(minute) = at_least(self.minutes, minute)
        {
            return Some((hour, minute));
        }
        Some((at_least(self.hours, hour + 1)?, at_least(self.minutes, 0)?))
    }
}

/// The first number from `from` on whose bit is set.
fn at_least(bits: u64, from: i8) -> Option<i8> {
    let rest = bits.checked_shr(u32::try_from(from).ok()?)?;
    (rest != 0).then(|| from + rest.trailing_zeros() as i8)
}

impl Days {
    fn contain(&self, date: Date) -> bool {
        let last = date.days_in_month();
        let by_month =
            self.of_month & (1 << date.day()) != 0 || (self.last_of_month && date.day() == last);
        let weekday = 1u64 << date.weekday().to_sunday_zero_offset();
        let by_week = self.of_week & weekday != 0
            || (self.last_of_week & weekday != 0 && date.day() + 7 > last);
        match (self.month_restricted, self.week_restricted) {
            (true, true) => by_month || by_week,
            _ => by_month && by_week,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    /// The first times after one.
    fn times(cron: &str, after: &str, count: usize) -> Vec<String> {
        let cron: Cron = cron.parse().unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        let mut found = Vec::new();
        while found.len() < count {
            let Some(next) = cron.next_after(at) else { break };
            at = next;
            found.push(at.strftime("%F %H:%M %a").to_string());
        }
        found
    }

    #[test]
    fn the_documented_examples() {
        let after = "2024-02-28T23:59:30Z";
        let cases: [(&str, &[&str]); 14] = [
            ("0 12 * * ?", &["2024-02-29 12:00 Thu", "2024-03-01 12:00 Fri"]),
            ("15 10 ? * *", &["2024-02-29 10:15 Thu", "2024-03-01 10:15 Fri"]),
            ("15 10 * * ? 2016", &[]),
            ("15 10 * * ? 2026", &["2026-01-01 10:15 Thu", "2026-01-02 10:15 Fri"]),
            ("* 14 * * ?", &["2024-02-29 14:00 Thu", "2024-02-29 14:01 Thu"]),
            ("0/5 14 * * ?", &["2024-02-29 14:00 Thu", "2024-02-29 14:05 Thu"]),
            ("55/5 14,18 * * ?", &["2024-02-29 14:55 Thu", "2024-02-29 18:55 Thu"]),
            ("5-6 14 * * ?", &["2024-02-29 14:05 Thu", "2024-02-29 14:06 Thu"]),
            ("10,44 14 ? 3 WED", &["2024-03-06 14:10 Wed", "2024-03-06 14:44 Wed"]),
            ("15 10 ? * MON-FRI", &["2024-02-29 10:15 Thu", "2024-03-01 10:15 Fri"]),
            ("15 10 15 * ?", &["2024-03-15 10:15 Fri", "2024-04-15 10:15 Mon"]),
            ("15 10 L * ?", &["2024-02-29 10:15 Thu", "2024-03-31 10:15 Sun"]),
            ("15 10 ? * 5L", &["2024-03-29 10:15 Fri", "2024-04-26 10:15 Fri"]),
            ("0 12 1/5 * ?", &["2024-03-01 12:00 Fri", "2024-03-06 12:00 Wed"]),
        ];
        for (cron, expected) in cases {
            assert_eq!(times(cron, after, 2), expected, "{cron}");
        }
    }

    #[test]
    fn days_of_month_and_week_add_up_and_sunday_has_two_numbers() {
        assert_eq!(
            times("0 0 1 * MON", "2024-02-28T00:00:00Z", 3),
            ["2024-03-01 00:00 Fri", "2024-03-04 00:00 Mon", "2024-03-11 00:00 Mon"]
        );
        let sundays = times("0 0 * * 0", "2024-02-28T00:00:00Z", 3);
        assert_eq!(times("0 0 * * 7", "2024-02-28T00:00:00Z", 3), sundays);
        assert_eq!(times("0 0 * * sun", "2024-02-28T00:00:00Z", 3), sundays);
    }

    #[test]
    fn a_day_that_never_comes_has_no_next() {
        assert_eq!(times("0 0 30 2 ?", "2024-02-28T00:00:00Z", 1), Vec::<String>::new());
        assert_eq!(times("0 0 29 2 ?", "2096-03-01T00:00:00Z", 1), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_cron_expression_says_why() {
        for (text, why) in [
            ("* * * *", "it has 5 or 6 parts, this has 4"),
            ("60 * * * *", "the minutes must be from 0 to 59, not `60`"),
            ("* * * * * *  *", "it has 5 or 6 parts, this has 7"),
            ("5-1 * * * *", "in the minutes, `5-1` ends before it begins"),
            ("*/0 * * * *", "the step of the minutes is a number from 1, not `0`"),
            ("* * W * *", "the day of month must be from 1 to 31, not `W`"),
            ("* * * * 6#3", "the day of week must be from 0 to 7, not `6#3`"),
            ("* * * * L", "the day before `L` is missing: 5L is the last Friday"),
            ("* * ? foo ?", "the month must be from 1 to 12, not `foo`"),
        ] {
            assert_eq!(text.parse::<Cron>().unwrap_err().why, why, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_next_is_the_first_minute_that_fits(
            fields in ("[0-5][0-9]|\\*/[1-9]|0", "1?[0-9]|\\*", "[12][0-9]|\\*|L", "\\*|2|2-4", "[0-7]|\\*|3L"),
            seconds in 1_600_000_000i64..1_800_000_000,
        ) {
            let text = format!("{} {} {} {} {}", fields.0, fields.1, fields.2, fields.3, fields.4);
            let cron: Cron = text.parse().unwrap();
            let after = Timestamp::from_second(seconds).unwrap();
            let mut at = seconds - seconds % 60 + 60;
            // Look through two months minute by minute.
            let end = seconds + 60 * 24 * 3600;
            while at <= end && !cron.contains(Timestamp::from_second(at).unwrap()) {
                at += 60;
            }
            let next = cron.next_after(after).map(Timestamp::as_second);
            if at <= end {
                prop_assert_eq!(next, Some(at), "{}", text);
            } else {
                prop_assert!(next.is_none_or(|next| next > end), "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*|([0-9*,/L?-]{0,5} ){4,6}") {
            if let Ok(cron) = text.parse::<Cron>() {
                prop_assert_eq!(cron.to_string().parse::<Cron>().unwrap(), cron.clone());
                cron.next_after(Timestamp::UNIX_EPOCH);
            }
        }
    }
}
