//! Format strings for dates: the tokens of `datetime-parse` and
//! `datetime-format` (`%Y`, `%m`, `%d` …).

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

use jiff::civil;
use jiff::tz::Offset;
use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

/// Format strings longer than this are refused; reading with them would cost
/// more than any date is worth.
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
    /// The format string is too long to be read with.
    #[error("the format string is longer than {LONGEST} bytes")]
    TooLong,
}

/// A compiled format string.
#[derive(Debug)]
pub(crate) struct DatePattern {
    pieces: Vec<Piece>,
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
    /// How many bytes of a text the piece may stand for when reading, in the
    /// order in which they are tried. The longest comes first, so `%H%M` reads
    /// `0930`, and `930` too.
    fn lengths(self, text: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let digit = |at: usize| text.get(at).filter(|byte| byte.is_ascii_digit());
        let number = |range: std::ops::RangeInclusive<u8>| {
            let first = digit(0).map(|first| first - b'0');
            let both = first.zip(digit(1)).map(|(first, second)| first * 10 + second - b'0');
            let fits = |number: Option<u8>| number.is_some_and(|number| range.contains(&number));
            [2 * usize::from(fits(both)), usize::from(fits(first))]
        };
        let all = |count: usize| count * usize::from((0..count).all(|at| digit(at).is_some()));
        let [first, second] = match self {
            Piece::Literal(literal) => {
                let mut bytes = [0; 4];
                let bytes = literal.encode_utf8(&mut bytes).as_bytes();
                [bytes.len() * usize::from(text.starts_with(bytes)), 0]
            }
            Piece::Day | Piece::UnpaddedDay => match text {
                [b' ', b'1'..=b'9', ..] => [2, 0],
                _ => number(1..=31),
            },
            Piece::Hour => number(0..=23),
            Piece::HourOfHalf | Piece::Month => number(1..=12),
            Piece::Minute | Piece::Second => number(0..=59),
            Piece::Half => match text {
                [b'a' | b'A' | b'p' | b'P', b'm' | b'M', ..] => [2, 0],
                _ => [0, 0],
            },
            Piece::Microsecond => [(0..6).take_while(|at| digit(*at).is_some()).count(), 0],
            Piece::YearOfCentury => [all(2), 0],
            Piece::Year => [all(4), 0],
            Piece::Offset => [offset_length(text), 0],
        };
        // Of a fraction any beginning will do.
        let shorter = if self == Piece::Microsecond { first } else { 0 };
        let lengths = [first, second].into_iter().filter(|length| *length > 0);
        lengths.chain((1..shorter).rev())
    }
}

/// What a text has said so far.
#[derive(Clone, Copy)]
struct Said {
    year: i16,
    month: i8,
    day: i8,
    hour: i8,
    /// The hour of a half day, if that was the last to be said.
    half_hour: Option<i8>,
    afternoon: bool,
    minute: i8,
    second: i8,
    nanosecond: i32,
    offset: Option<Offset>,
}

impl Said {
    /// What the format string leaves out.
    const NOTHING: Said = Said {
        year: 1900,
        month: 1,
        day: 1,
        hour: 0,
        half_hour: None,
        afternoon: false,
        minute: 0,
        second: 0,
        nanosecond: 0,
        offset: None,
    };

    /// And a piece that stands for this text.
    fn and(mut self, piece: Piece, text: &[u8]) -> Said {
        let digits = text.iter().filter(|byte| byte.is_ascii_digit());
        let number = digits.fold(0_i32, |number, digit| number * 10 + i32::from(digit - b'0'));
        // No piece but the fraction has more than four digits, or two and then
        // is no year.
        let small = number as i8;
        match piece {
            Piece::Literal(_) => {}
            Piece::Day | Piece::UnpaddedDay => self.day = small,
            Piece::Hour => (self.hour, self.half_hour) = (small, None),
            Piece::HourOfHalf => self.half_hour = Some(small),
            Piece::Month => self.month = small,
            Piece::Minute => self.minute = small,
            Piece::Half => self.afternoon = text[0].eq_ignore_ascii_case(&b'p'),
            Piece::Second => self.second = small,
            // A fraction: `.5` is half a second, so zeros follow.
            Piece::Microsecond => self.nanosecond = number * 10_i32.pow(9 - text.len() as u32),
            // POSIX: 69 to 99 lie in the 1900s, 0 to 68 in the 2000s.
            Piece::YearOfCentury => {
                self.year = number as i16 + if number >= 69 { 1900 } else { 2000 }
            }
            Piece::Year => self.year = number as i16,
            Piece::Offset => {
                self.offset = std::str::from_utf8(text).ok().and_then(read_offset);
            }
        }
        self
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
        Ok(Self { pieces })
    }

    /// Reads a text; none if it does not match the format string or names a
    /// day or time that does not exist. What the format string leaves out is
    /// 1 January 1900, midnight.
    pub(crate) fn read(&self, text: &str) -> Option<Reading> {
        let said = self.match_from(0, text.as_bytes(), Said::NOTHING, &mut FxHashSet::default())?;
        let hour = match said.half_hour {
            Some(half_hour) => half_hour % 12 + if said.afternoon { 12 } else { 0 },
            None => said.hour,
        };
        if said.year < 1 {
            return None;
        }
        let Said { year, month, day, minute, second, nanosecond, offset, .. } = said;
        let clock = civil::DateTime::new(year, month, day, hour, minute, second, nanosecond);
        Some(Reading { clock: clock.ok()?, offset })
    }

    /// Reads the whole of a text with the pieces from `first` on. What was
    /// tried in vain is noted by piece and length of text and not tried again:
    /// the time is linear in both.
    fn match_from(
        &self,
        first: usize,
        text: &[u8],
        said: Said,
        in_vain: &mut FxHashSet<(usize, usize)>,
    ) -> Option<Said> {
        let (mut first, mut text) = (first, text);
        while let Some(piece @ Piece::Literal(_)) = self.pieces.get(first) {
            text = &text[piece.lengths(text).next()?..];
            first += 1;
        }
        let Some(piece) = self.pieces.get(first) else { return text.is_empty().then_some(said) };
        if in_vain.contains(&(first, text.len())) {
            return None;
        }
        for length in piece.lengths(text) {
            let (here, rest) = text.split_at(length);
            let said = said.and(*piece, here);
            // A distance that no clock has.
            if *piece == Piece::Offset && said.offset.is_none() {
                continue;
            }
            if let Some(found) = self.match_from(first + 1, rest, said, in_vain) {
                return Some(found);
            }
        }
        in_vain.insert((first, text.len()));
        None
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

/// How many bytes of a text are `Z`, `+HHMM` or `+HH:MM`; 0 if it begins with
/// none of them.
fn offset_length(text: &[u8]) -> usize {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    match text {
        [b'Z', ..] => 1,
        [b'+' | b'-', h1, h2, b':', m1 @ b'0'..=b'5', m2, ..] if digits(&[*h1, *h2, *m1, *m2]) => 6,
        [b'+' | b'-', h1, h2, m1 @ b'0'..=b'5', m2, ..] if digits(&[*h1, *h2, *m1, *m2]) => 5,
        _ => 0,
    }
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
            ("%d", "32"),
            ("%d", "0"),
            ("%H", "24"),
            ("%m", "13"),
            ("%p", "xm"),
            ("%z", "+02:60"),
            ("", "x"),
            ("a%%", "a%%"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn a_token_takes_less_when_others_need_the_rest() {
        assert_eq!(read("%H%M%S", "1234"), Some(datetime(1900, 1, 1, 12, 3, 4, 0)));
        assert_eq!(read("%f%Y", "1232015"), Some(datetime(2015, 1, 1, 0, 0, 0, 123_000_000)));
        assert_eq!(read("%d%m", " 112"), Some(datetime(1900, 12, 1, 0, 0, 0, 0)));
        // The 3rd and then the 2nd, of which the last counts.
        assert_eq!(read("%d%d", "32"), Some(datetime(1900, 1, 2, 0, 0, 0, 0)));
        assert_eq!(read("%e. %m", " 1. 2"), Some(datetime(1900, 2, 1, 0, 0, 0, 0)));
        assert_eq!(read("", ""), Some(datetime(1900, 1, 1, 0, 0, 0, 0)));
    }

    #[test]
    fn many_ways_to_share_the_digits_are_not_all_tried() {
        // Each could take 1 to 6 digits: more ways than could ever be tried.
        let pattern = "%f".repeat(400);
        assert_eq!(read(&pattern, &"1".repeat(2401)), None);
        assert!(read(&pattern, &"1".repeat(1000)).is_some());
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
