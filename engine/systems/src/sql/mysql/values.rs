//! Values of MySQL and ours.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use jiff::civil::{Date, DateTime as Clock};
use mysql_async::consts::{ColumnFlags, ColumnType};
use mysql_async::{Column, Value as Mysql};
use pipewright_entity::number::parse_decimal;
use pipewright_entity::{DateTime, Text, Value};

use crate::plain::plain;
use crate::sql::session::{Class, SqlError};

/// What the values of a column mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    AsSent,
    Text,
    Bytes,
    /// Bits, the highest first.
    Bits,
    Decimal,
    /// A float that is documented to be read as a decimal.
    Double,
    /// A date and time without a zone.
    LocalTime,
    /// Words divided by commas.
    Set,
    Json,
    Unknown,
}

/// The character set that stands for bytes.
const BINARY: u16 = 63;

impl Meaning {
    pub(super) fn of(column: &Column) -> Meaning {
        use ColumnType as Type;
        let flags = column.flags();
        match column.column_type() {
            Type::MYSQL_TYPE_NULL
            | Type::MYSQL_TYPE_TINY
            | Type::MYSQL_TYPE_SHORT
            | Type::MYSQL_TYPE_INT24
            | Type::MYSQL_TYPE_LONG
            | Type::MYSQL_TYPE_LONGLONG
            | Type::MYSQL_TYPE_YEAR
            | Type::MYSQL_TYPE_FLOAT
            | Type::MYSQL_TYPE_TIME
            | Type::MYSQL_TYPE_TIME2
            | Type::MYSQL_TYPE_DATE
            | Type::MYSQL_TYPE_NEWDATE
            | Type::MYSQL_TYPE_TIMESTAMP
            | Type::MYSQL_TYPE_TIMESTAMP2 => Meaning::AsSent,
            Type::MYSQL_TYPE_DOUBLE => Meaning::Double,
            Type::MYSQL_TYPE_DECIMAL | Type::MYSQL_TYPE_NEWDECIMAL => Meaning::Decimal,
            Type::MYSQL_TYPE_BIT => Meaning::Bits,
            Type::MYSQL_TYPE_DATETIME | Type::MYSQL_TYPE_DATETIME2 => Meaning::LocalTime,
            Type::MYSQL_TYPE_JSON => Meaning::Json,
            Type::MYSQL_TYPE_SET => Meaning::Set,
            Type::MYSQL_TYPE_ENUM => Meaning::Text,
            Type::MYSQL_TYPE_VARCHAR
            | Type::MYSQL_TYPE_VAR_STRING
            | Type::MYSQL_TYPE_STRING
            | Type::MYSQL_TYPE_TINY_BLOB
            | Type::MYSQL_TYPE_MEDIUM_BLOB
            | Type::MYSQL_TYPE_LONG_BLOB
            | Type::MYSQL_TYPE_BLOB => {
                if flags.contains(ColumnFlags::SET_FLAG) {
                    Meaning::Set
                } else if flags.contains(ColumnFlags::ENUM_FLAG) || column.character_set() != BINARY
                {
                    Meaning::Text
                } else {
                    Meaning::Bytes
                }
            }
            _ => Meaning::Unknown,
        }
    }
}

pub(super) fn decode(raw: Mysql, meaning: Meaning) -> Result<Value, String> {
    Ok(match raw {
        Mysql::NULL => Value::Null,
        Mysql::Int(number) => Value::Int(number),
        Mysql::UInt(number) => Value::integer(number.into()),
        Mysql::Float(number) => Value::Float(shortest(&number.to_string())?),
        Mysql::Double(number) if meaning == Meaning::Double => {
            match BigDecimal::from_str(&number.to_string()) {
                Ok(decimal) => Value::decimal(decimal),
                Err(_) => Value::Float(number),
            }
        }
        Mysql::Double(number) => Value::Float(number),
        Mysql::Date(year, month, day, hour, minute, second, micros) => {
            let clock = clock(
                [year, month.into(), day.into(), hour.into(), minute.into(), second.into()],
                micros,
            );
            // A date is documented as the midnight it begins with.
            match clock.and_then(DateTime::from_utc) {
                // The servers' own word for "no date".
                None if month == 0 && day == 0 => Value::Null,
                None => return Err(format!("{year:04}-{month:02}-{day:02} is no date")),
                Some(time) => Value::DateTime(time),
            }
        }
        Mysql::Time(negative, days, hours, minutes, seconds, micros) => {
            let sign = if negative { "-" } else { "" };
            let hours = days * 24 + u32::from(hours);
            let fraction = match micros {
                0 => String::new(),
                micros => format!(".{micros:06}"),
            };
            Value::from(format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{fraction}"))
        }
        Mysql::Bytes(bytes) => return decode_bytes(bytes, meaning),
    })
}

fn decode_bytes(bytes: Vec<u8>, meaning: Meaning) -> Result<Value, String> {
    if meaning == Meaning::Bytes {
        return Ok(Value::bytes(bytes));
    }
    if meaning == Meaning::Bits {
        let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        return Ok(Value::integer(number.into()));
    }
    let text = String::from_utf8(bytes).map_err(|_| "is not valid UTF-8".to_owned())?;
    Ok(match meaning {
        Meaning::Decimal => match parse_decimal(&text) {
            Some(decimal) => Value::decimal(decimal),
            None => return Err(format!("\"{text}\" is no number")),
        },
        Meaning::Set if text.is_empty() => Value::list([]),
        Meaning::Set => Value::list(text.split(',').map(Value::from)),
        Meaning::Json => Value::from_plain_json(text.as_bytes())
            .map_err(|error| format!("is not JSON: {error}"))?,
        _ => Value::String(Text::from(text)),
    })
}

fn shortest(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("\"{text}\" is no number"))
}

/// `None` for what no calendar has, such as the month 0.
fn clock([year, month, day, hour, minute, second]: [u16; 6], micros: u32) -> Option<Clock> {
    let small = |number: u16| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    let nanos = i32::try_from(micros).ok()?.checked_mul(1000)?;
    let time = jiff::civil::Time::new(small(hour)?, small(minute)?, small(second)?, nanos).ok()?;
    Some(date.to_datetime(time))
}

pub(super) fn encode(value: &Value) -> Result<Mysql, SqlError> {
    Ok(match value {
        Value::Null => Mysql::NULL,
        Value::Bool(flag) => Mysql::Int((*flag).into()),
        Value::Int(number) => Mysql::Int(*number),
        Value::Float(number) if number.is_finite() => Mysql::Double(*number),
        Value::Bytes(bytes) => Mysql::Bytes(bytes.to_vec()),
        Value::DateTime(time) if !time.is_date_only() => {
            Mysql::Bytes(time.utc().to_string().replace('T', " ").into_bytes())
        }
        other => match plain(other) {
            Some(text) => Mysql::Bytes(text.into_bytes()),
            None => {
                let message = format!("{} cannot be stored", other.described());
                return Err(SqlError::new(Class::Data, message));
            }
        },
    })
}
