//! Values of Microsoft SQL Server and ours.

use std::borrow::Cow;

use bigdecimal::BigDecimal;
use jiff::SignedDuration;
use jiff::civil::{Date as Day, DateTime as Clock, Time as Hour};
use pipewright_entity::{DateTime, Value};
use tiberius::time::{Date, DateTime2, Time};
use tiberius::{ColumnData, ColumnType};

use crate::plain::plain;
use crate::sql::session::{Class, SqlError};

/// What the server counts newer dates from.
const FIRST: Day = Day::constant(1, 1, 1);
/// What it counts older ones from.
const OLD: Clock = Clock::constant(1900, 1, 1, 0, 0, 0, 0);

/// Whether values of a type can be read.
pub(super) fn is_known(kind: ColumnType) -> bool {
    !matches!(kind, ColumnType::Udt | ColumnType::SSVariant)
}

/// Whether its times have no zone.
pub(super) fn is_local(kind: ColumnType) -> bool {
    matches!(
        kind,
        ColumnType::Datetime
            | ColumnType::Datetime4
            | ColumnType::Datetimen
            | ColumnType::Datetime2
    )
}

pub(super) fn decode(data: &ColumnData<'_>) -> Result<Value, String> {
    let value = match data {
        ColumnData::U8(number) => number.map(|number| Value::Int(number.into())),
        ColumnData::I16(number) => number.map(|number| Value::Int(number.into())),
        ColumnData::I32(number) => number.map(|number| Value::Int(number.into())),
        ColumnData::I64(number) => number.map(Value::Int),
        ColumnData::F32(number) => match number {
            // By its shortest text, so that 0.1 stays 0.1.
            Some(number) => number.to_string().parse().ok().map(Value::Float),
            None => None,
        },
        ColumnData::F64(number) => number.map(Value::Float),
        ColumnData::Bit(flag) => flag.map(Value::Bool),
        ColumnData::String(text) => text.as_deref().map(Value::from),
        ColumnData::Guid(id) => id.map(|id| Value::from(id.to_string())),
        ColumnData::Binary(bytes) => bytes.as_deref().map(|bytes| Value::bytes(bytes.to_vec())),
        ColumnData::Numeric(number) => number.map(|number| {
            Value::decimal(BigDecimal::new(number.value().into(), i64::from(number.scale())))
        }),
        ColumnData::Xml(document) => document.as_ref().map(|xml| Value::from(xml.to_string())),
        ColumnData::Date(date) => match date {
            // Documented as text.
            Some(date) => Some(Value::from(day(*date)?.to_string())),
            None => None,
        },
        ColumnData::Time(time) => match time {
            Some(time) => Some(Value::from(hour(*time)?.to_string())),
            None => None,
        },
        ColumnData::DateTime2(time) => match time {
            Some(time) => Some(at(clock(*time)?)?),
            None => None,
        },
        ColumnData::DateTimeOffset(time) => match time {
            // The clock is that of Greenwich; the offset says how it is shown.
            Some(time) => Some(at(clock(time.datetime2())?)?),
            None => None,
        },
        ColumnData::DateTime(time) => match time {
            Some(time) => {
                let parts = i64::from(time.seconds_fragments());
                // Three hundredths of a second, told in milliseconds.
                let millis = (parts * 10 + 1) / 3;
                Some(at(old(time.days().into(), SignedDuration::from_millis(millis))?)?)
            }
            None => None,
        },
        ColumnData::SmallDateTime(time) => match time {
            Some(time) => {
                let minutes = i64::from(time.seconds_fragments());
                Some(at(old(time.days().into(), SignedDuration::from_mins(minutes))?)?)
            }
            None => None,
        },
    };
    Ok(value.unwrap_or(Value::Null))
}

fn odd<T>(_: T) -> String {
    "is a time outside the years 1 to 9999".to_owned()
}

fn at(clock: Clock) -> Result<Value, String> {
    DateTime::from_utc(clock).map(Value::DateTime).ok_or_else(|| odd(()))
}

fn day(date: Date) -> Result<Day, String> {
    FIRST.checked_add(SignedDuration::from_hours(i64::from(date.days()) * 24)).map_err(odd)
}

fn hour(time: Time) -> Result<Hour, String> {
    let nanos = u128::from(time.increments()) * 1_000_000_000
        / 10_u128.checked_pow(time.scale().into()).ok_or_else(|| odd(()))?;
    let nanos = i64::try_from(nanos).map_err(odd)?;
    Hour::midnight().checked_add(SignedDuration::from_nanos(nanos)).map_err(odd)
}

fn clock(time: DateTime2) -> Result<Clock, String> {
    Ok(day(time.date())?.to_datetime(hour(time.time())?))
}

fn old(days: i64, time: SignedDuration) -> Result<Clock, String> {
    let days = SignedDuration::from_hours(days * 24);
    OLD.checked_add(days).and_then(|day| day.checked_add(time)).map_err(odd)
}

/// A value on its way to the server, which turns texts into numbers, dates and
/// ids by itself, as the column needs.
pub(super) fn encode(value: &Value) -> Result<ColumnData<'static>, SqlError> {
    Ok(match value {
        Value::Null => ColumnData::String(None),
        Value::Bool(flag) => ColumnData::Bit(Some(*flag)),
        Value::Int(number) => ColumnData::I64(Some(*number)),
        Value::Float(number) if number.is_finite() => ColumnData::F64(Some(*number)),
        Value::Bytes(bytes) => ColumnData::Binary(Some(Cow::Owned(bytes.to_vec()))),
        Value::DateTime(time) if !time.is_date_only() => {
            let clock = time.utc();
            let since = clock.date().duration_since(FIRST).as_hours() / 24;
            // Tenths of a microsecond are what the server counts.
            let ticks = clock.time().duration_since(Hour::midnight()).as_nanos() / 100;
            match (u32::try_from(since), u64::try_from(ticks)) {
                (Ok(days), Ok(ticks)) => {
                    let time = DateTime2::new(Date::new(days), Time::new(ticks, 7));
                    ColumnData::DateTime2(Some(time))
                }
                _ => return Err(SqlError::new(Class::Data, "a time before the year 1")),
            }
        }
        other => match plain(other) {
            Some(text) => ColumnData::String(Some(Cow::Owned(text))),
            None => {
                let message = format!("{} cannot be stored", other.described());
                return Err(SqlError::new(Class::Data, message));
            }
        },
    })
}

/// Whether it is nothing, which is written into the statement rather than sent.
pub(super) fn is_null(data: &ColumnData<'_>) -> bool {
    matches!(data, ColumnData::String(None))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tiberius::numeric::Numeric;
    use tiberius::time::{DateTime as OldTime, DateTimeOffset, SmallDateTime};

    use super::*;

    fn text(data: ColumnData<'_>) -> String {
        let value = decode(&data).unwrap();
        value
            .as_str()
            .map_or_else(|| value.to_transit(), str::to_owned)
            .trim_matches('"')
            .to_owned()
    }

    #[test]
    fn values_are_read() {
        assert_eq!(decode(&ColumnData::I32(None)).unwrap(), Value::Null);
        assert_eq!(decode(&ColumnData::U8(Some(200))).unwrap(), Value::Int(200));
        assert_eq!(decode(&ColumnData::F32(Some(0.1))).unwrap(), Value::Float(0.1));
        assert_eq!(decode(&ColumnData::Bit(Some(true))).unwrap(), Value::Bool(true));
        let number = Numeric::new_with_scale(-12_345, 2);
        assert_eq!(text(ColumnData::Numeric(Some(number))), "~f-123.45");
        let day = Date::new(738_886);
        assert_eq!(text(ColumnData::Date(Some(day))), "2024-01-02");
        let time = Time::new(453_000_000_001, 7);
        assert_eq!(text(ColumnData::Time(Some(time))), "12:35:00.0000001");
        let both = DateTime2::new(day, Time::new(45_300_123, 3));
        assert_eq!(text(ColumnData::DateTime2(Some(both))), "~t2024-01-02T12:35:00.123Z");
        let east = DateTimeOffset::new(both, 120);
        assert_eq!(text(ColumnData::DateTimeOffset(Some(east))), "~t2024-01-02T12:35:00.123Z");
        // A day and a third of a second after the server's beginning.
        let old = OldTime::new(1, 100);
        assert_eq!(text(ColumnData::DateTime(Some(old))), "~t1900-01-02T00:00:00.333Z");
        let small = SmallDateTime::new(2, 61);
        assert_eq!(text(ColumnData::SmallDateTime(Some(small))), "~t1900-01-03T01:01:00Z");
        let far = DateTime2::new(Date::new(9_999_999), time);
        assert!(decode(&ColumnData::DateTime2(Some(far))).is_err());
    }

    #[test]
    fn times_come_back_as_they_went() {
        let written = "~t2024-02-29T23:59:59.1234567Z";
        let value = Value::from_transit(format!("\"{written}\"").as_bytes()).unwrap();
        let sent = encode(&value).unwrap();
        assert_eq!(text(sent), written);
        assert_eq!(text(encode(&Value::from("x")).unwrap()), "x");
        assert!(is_null(&encode(&Value::Null).unwrap()));
    }
}
