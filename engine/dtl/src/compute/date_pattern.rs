//! Format strings for dates: the tokens of `datetime-parse` and
//! `datetime-format` (`%Y`, `%m`, `%d` …).

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

use jiff::civil;
use jiff::tz::Offset;
use regex::Regex;
use rustc_hash::FxHashMap;
use thiserror::Error;

/// Format strings longer than this are refused; compiling them would cost more
/// than any date is worth.
const LONGEST: usize = 1000;

/// Why a format string cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum PatternError {
    /// A `%` followed by something that is not a documented token.
    #[error(
        "the format string has no token `%{0}`; known are %d %e %H %I %m %M %p %S %f %y %Y %z %%"
    )]
    UnknownToken(char),
    /// A `%` at the end.
    #[error("the format string ends in a single `%`; write `%%` for a percent sign")]
    Unfinished,
    /// `%z` followed by more.
    #[error("`%z` must be the last token of the format string")]
    OffsetNotLast,
    /// The format string is too long to be compiled.
    #[error("the format string is longer than {LONGEST} bytes")]
    TooLong,
}

/// A compiled format string.
#[derive(Debug)]
pub(crate) struct DatePattern {
    pieces: Vec<Piece>,
    reader: Regex,
}

/// What a text says when read with a format string: a clock reading, and the
/// distance to UTC if the text names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) clock: civil::DateTime,
    pub(crate) offset: Option<Offset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(char),
    Day,
    UnpaddedDay,
    Hour,
    HourOfHalf,
    Month,
    Minute,
    Half,
    Second,
    Microsecond,
    YearOfCentury,
    Year,
    Offset,
}

impl Piece {
    /// The texts a token stands for when reading. The longest is tried first,
    /// so `%H%M` reads `0930`, and `930` too.
    fn expression(self) -> &'static str {
        match self {
            Piece::Literal(_) => "",
            Piece::Day | Piece::UnpaddedDay => "(3[01]|[12][0-9]|0[1-9]|[1-9]| [1-9])",
            Piece::Hour => "(2[0-3]|[01][0-9]|[0-9])",
            Piece::HourOfHalf => "(1[0-2]|0[1-9]|[1-9])",
            Piece::Month => "(1[0-2]|0[1-9]|[1-9])",
            Piece::Minute | Piece::Second => "([0-5][0-9]|[0-9])",
            Piece::Half => "([aApP][mM])",
            Piece::Microsecond => "([0-9]{1,6})",
            Piece::YearOfCentury => "([0-9]{2})",
            Piece::Year => "([0-9]{4})",
            Piece::Offset => "(Z|[+-][0-9]{2}:?[0-5][0-9])",
        }
    }
}

impl DatePattern {
    /// Compiles a format string.
    pub(crate) fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > LONGEST {
            return Err(PatternError::TooLong);
        }
        let mut pieces = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let piece = match character {
                '%' => match characters.next().ok_or(PatternError::Unfinished)? {
                    'd' => Piece::Day,
                    'e' => Piece::UnpaddedDay,
                    'H' => Piece::Hour,
                    'I' => Piece::HourOfHalf,
                    'm' => Piece::Month,
                    'M' => Piece::Minute,
                    'p' => Piece::Half,
                    'S' => Piece::Second,
                    'f' => Piece::Microsecond,
                    'y' => Piece::YearOfCentury,
                    'Y' => Piece::Year,
                    'z' => Piece::Offset,
                    '%' => Piece::Literal('%'),
                    unknown => return Err(PatternError::UnknownToken(unknown)),
                },
                plain => Piece::Literal(plain),
            };
            pieces.push(piece);
        }
        if pieces.iter().rev().skip(1).any(|piece| *piece == Piece::Offset) {
            return Err(PatternError::OffsetNotLast);
        }
        let mut expression = String::from(r"\A");
        for piece in &pieces {
            match piece {
                Piece::Literal(literal) => {
                    expression.push_str(&regex::escape(literal.encode_utf8(&mut [0; 4])));
                }
                token => expression.push_str(token.expression()),
            }
        }
        expression.push_str(r"\z");
        let reader = Regex::new(&expression).map_err(|_| PatternError::TooLong)?;
        Ok(Self { pieces, reader })
    }

    /// Reads a text; none if it does not match the format string or names a
    /// day or time that does not exist. What the format string leaves out is
    /// 1 January 1900, midnight.
    pub(crate) fn read(&self, text: &str) -> Option<Reading> {
        let found = self.reader.captures(text)?;
        let (mut year, mut month, mut day) = (1900, 1, 1);
        let (mut hour, mut minute, mut second, mut nanosecond) = (0, 0, 0, 0);
        let (mut half_hour, mut afternoon, mut offset) = (None, false, None);
        let tokens = self.pieces.iter().filter(|piece| !matches!(piece, Piece::Literal(_)));
        for (token, text) in tokens.zip(found.iter().skip(1)) {
            let text = text?.as_str();
            let small = || text.trim_start().parse::<i8>().ok();
            match token {
                Piece::Literal(_) => {}
                Piece::Day | Piece::UnpaddedDay => day = small()?,
                Piece::Hour => (hour, half_hour) = (small()?, None),
                Piece::HourOfHalf => half_hour = Some(small()?),
                Piece::Month => month = small()?,
                Piece::Minute => minute = small()?,
                Piece::Half => afternoon = text.starts_with(['p', 'P']),
                Piece::Second => second = small()?,
                // A fraction: `.5` is half a second, so zeros follow.
                Piece::Microsecond => nanosecond = format!("{text:0<9}").parse().ok()?,
                Piece::YearOfCentury => {
                    // POSIX: 69 to 99 lie in the 1900s, 0 to 68 in the 2000s.
                    let short = i16::from(small()?);
                    year = if short >= 69 { 1900 + short } else { 2000 + short };
                }
                Piece::Year => year = text.parse().ok()?,
                Piece::Offset => offset = Some(read_offset(text)?),
            }
        }
        if let Some(half_hour) = half_hour {
            hour = half_hour % 12 + if afternoon { 12 } else { 0 };
        }
        if year < 1 {
            return None;
        }
        let clock = civil::DateTime::new(year, month, day, hour, minute, second, nanosecond);
        Some(Reading { clock: clock.ok()?, offset })
    }

    /// Writes a clock reading that is `offset` away from UTC.
    pub(crate) fn write(&self, clock: civil::DateTime, offset: Offset) -> String {
        let mut out = String::with_capacity(self.pieces.len() * 2);
        for piece in &self.pieces {
            let written = match piece {
                Piece::Literal(literal) => {
                    out.push(*literal);
                    Ok(())
                }
                Piece::Day => write!(out, "{:02}", clock.day()),
                Piece::UnpaddedDay => write!(out, "{}", clock.day()),
                Piece::Hour => write!(out, "{:02}", clock.hour()),
                Piece::HourOfHalf => write!(out, "{:02}", (clock.hour() + 11) % 12 + 1),
                Piece::Month => write!(out, "{:02}", clock.month()),
                Piece::Minute => write!(out, "{:02}", clock.minute()),
                Piece::Half => out.write_str(if clock.hour() < 12 { "am" } else { "pm" }),
                Piece::Second => write!(out, "{:02}", clock.second()),
                Piece::Microsecond => write!(out, "{:06}", clock.subsec_nanosecond() / 1000),
                Piece::YearOfCentury => write!(out, "{:02}", clock.year().rem_euclid(100)),
                Piece::Year => write!(out, "{:04}", clock.year()),
                Piece::Offset => {
                    let seconds = offset.seconds();
                    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
                    write!(out, "{sign}{:02}{:02}", minutes / 60, minutes % 60)
                }
            };
            debug_assert!(written.is_ok(), "writing to a String does not fail");
        }
        out
    }
}

/// The compiled form of a format string. It is compiled once on each thread:
/// in a program it is the same constant for every entity.
pub(crate) fn cached(text: &str) -> Result<Rc<DatePattern>, PatternError> {
    thread_local! {
        static COMPILED: RefCell<FxHashMap<Box<str>, Rc<DatePattern>>> = RefCell::default();
    }
    // Format strings made from data must not pile up.
    const KEPT: usize = 100;
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(pattern) = compiled.get(text) {
            return Ok(pattern.clone());
        }
        let pattern = Rc::new(DatePattern::new(text)?);
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(text.into(), pattern.clone());
        Ok(pattern)
    })
}

/// Reads `Z`, `+HHMM` or `+HH:MM`.
pub(crate) fn read_offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'Z' if text.len() == 1 => return Some(Offset::UTC),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = digits.split_at(2);
    let minutes = hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?;
    Offset::from_seconds(sign * minutes * 60).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use jiff::civil::datetime;

    fn read(pattern: &str, text: &str) -> Option<civil::DateTime> {
        DatePattern::new(pattern).unwrap().read(text).map(|reading| reading.clock)
    }

    fn write(pattern: &str, clock: civil::DateTime) -> String {
        DatePattern::new(pattern).unwrap().write(clock, Offset::UTC)
    }

    #[test]
    fn documented_readings() {
        assert_eq!(
            read("%Y-%m-%dT%H:%M:%S.%fZ", "2015-07-28T09:46:00.12345Z"),
            Some(datetime(2015, 7, 28, 9, 46, 0, 123_450_000))
        );
        assert_eq!(read("%d.%m.%Y", "28.07.2015"), Some(datetime(2015, 7, 28, 0, 0, 0, 0)));
        let zoned = DatePattern::new("%Y-%m-%dT%H:%M:%S%z").unwrap();
        for text in ["2015-07-28T09:46:00+0200", "2015-07-28T09:46:00+02:00"] {
            let reading = zoned.read(text).unwrap();
            assert_eq!(reading.offset, Some(Offset::constant(2)));
            assert_eq!(reading.clock, datetime(2015, 7, 28, 9, 46, 0, 0));
        }
    }

    #[test]
    fn years_of_two_digits_follow_posix() {
        assert_eq!(read("%y", "68"), Some(datetime(2068, 1, 1, 0, 0, 0, 0)));
        assert_eq!(read("%y", "69"), Some(datetime(1969, 1, 1, 0, 0, 0, 0)));
        assert_eq!(write("%y", datetime(1950, 1, 1, 0, 0, 0, 0)), "50");
    }

    #[test]
    fn half_days() {
        for (text, hour) in [("12 AM", 0), ("12 pm", 12), ("1 Pm", 13), ("11 am", 11)] {
            assert_eq!(read("%I %p", text).unwrap().hour(), hour, "{text}");
        }
        for (hour, text) in [(0, "12 am"), (9, "09 am"), (12, "12 pm"), (23, "11 pm")] {
            assert_eq!(write("%I %p", datetime(2000, 1, 1, hour, 0, 0, 0)), text);
        }
    }

    #[test]
    fn tokens_without_separator_share_the_digits() {
        assert_eq!(read("%Y%m%d", "20150728"), read("%Y-%m-%d", "2015-7-28"));
        assert_eq!(read("%H%M", "930").unwrap().hour(), 9);
    }

    #[test]
    fn what_does_not_fit_is_not_read() {
        for (pattern, text) in [
            ("%Y-%m-%d", "2015-02-30"),
            ("%Y-%m-%d", "2015-07-28T"),
            ("%Y-%m-%d", " 2015-07-28"),
            ("%Y", "0000"),
            ("%Y", "215"),
            ("%S", "60"),
            ("%f", "1234567"),
            ("%z", "0200"),
            ("%z", "+9999"),
            ("%d", "٣"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn every_token_is_written() {
        let clock = datetime(987, 7, 5, 14, 5, 9, 1_999);
        let pattern = DatePattern::new("%d %e %H %I %m %M %p %S %f %y %Y %% %z").unwrap();
        assert_eq!(
            pattern.write(clock, Offset::from_seconds(-12_600).unwrap()),
            "05 5 14 02 07 05 pm 09 000001 87 0987 % -0330"
        );
    }

    #[test]
    fn unusable_format_strings_say_why() {
        let why = |text| DatePattern::new(text).map(|_| ()).unwrap_err();
        assert_eq!(why("%Y %Q"), PatternError::UnknownToken('Q'));
        assert_eq!(why("100%"), PatternError::Unfinished);
        assert_eq!(why("%z %Y"), PatternError::OffsetNotLast);
        assert_eq!(why(&"%Y".repeat(100_000)), PatternError::TooLong);
    }
}
