//! Values of PostgreSQL and ours.
//!
//! Values come in the binary form of the protocol and go as text, which the
//! server reads for the column they are meant for: what does not fit it
//! refuses in its own words.

use std::error::Error;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::{BigInt, Sign};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime as Clock, Time};
use pipewright_entity::{DateTime, Text, Value};
use tokio_postgres::Row;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{Format, FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::plain::plain;

/// A parameter of a statement.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self.0 {
            Value::Null => return Ok(IsNull::Yes),
            Value::Bytes(bytes) => {
                out.extend_from_slice(b"\\x");
                for byte in bytes.iter() {
                    out.extend_from_slice(format!("{byte:02x}").as_bytes());
                }
            }
            Value::Float(number) if number.is_infinite() => {
                let text: &[u8] = if *number > 0.0 { b"Infinity" } else { b"-Infinity" };
                out.extend_from_slice(text);
            }
            other => match plain(other) {
                Some(text) if text.contains('\0') => {
                    return Err("text with a zero character cannot be stored".into());
                }
                Some(text) => out.extend_from_slice(text.as_bytes()),
                None => return Err(format!("{} cannot be stored", other.described()).into()),
            },
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// A value as the server sent it.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Raw<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// The type itself, or that which a domain narrows.
fn base(kind: &Type) -> &Type {
    match kind.kind() {
        Kind::Domain(inner) => base(inner),
        _ => kind,
    }
}

/// Whether values of a type can be read.
pub(super) fn is_known(kind: &Type) -> bool {
    let kind = base(kind);
    matches!(kind.kind(), Kind::Enum(_))
        || kind.name() == "citext"
        || matches!(
            *kind,
            Type::BOOL
                | Type::INT2
                | Type::INT4
                | Type::INT8
                | Type::OID
                | Type::FLOAT4
                | Type::FLOAT8
                | Type::NUMERIC
                | Type::TEXT
                | Type::VARCHAR
                | Type::BPCHAR
                | Type::NAME
                | Type::CHAR
                | Type::XML
                | Type::UNKNOWN
                | Type::JSON
                | Type::JSONB
                | Type::BYTEA
                | Type::UUID
                | Type::TIMESTAMP
                | Type::TIMESTAMPTZ
                | Type::DATE
                | Type::TIME
                | Type::TIMETZ
        )
}

/// The value at a place of a row.
pub(super) fn decode(row: &Row, at: usize) -> Result<Value, String> {
    let raw: Option<Raw<'_>> = row.try_get(at).map_err(|error| error.to_string())?;
    let Some(Raw(bytes)) = raw else { return Ok(Value::Null) };
    let kind = base(row.columns()[at].type_());
    value(kind, bytes).unwrap_or_else(|| Err(format!("is no {kind} as known here")))
}

/// `None`: the bytes are of another shape than the type has.
fn value(kind: &Type, bytes: &[u8]) -> Option<Result<Value, String>> {
    Some(Ok(match *kind {
        Type::BOOL => Value::Bool(*bytes.first()? != 0),
        Type::INT2 => Value::Int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::INT4 => Value::Int(int(bytes)?.into()),
        Type::INT8 => Value::Int(long(bytes)?),
        Type::OID => Value::Int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        Type::CHAR => Value::from(char::from(*bytes.first()?).to_string()),
        Type::FLOAT4 => {
            // By its shortest text, so that 0.1 stays 0.1.
            let number = f32::from_be_bytes(bytes.try_into().ok()?);
            Value::Float(number.to_string().parse().ok()?)
        }
        Type::FLOAT8 => Value::Float(f64::from_be_bytes(bytes.try_into().ok()?)),
        Type::NUMERIC => return numeric(bytes),
        Type::BYTEA => Value::bytes(bytes.to_vec()),
        Type::UUID => Value::from(Uuid::from_slice(bytes).ok()?.to_string()),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => match clock(long(bytes)?) {
            Some(time) => Value::DateTime(time),
            None => return Some(Err("is a time outside the years 1 to 9999".into())),
        },
        // Documented as text.
        Type::DATE => match date(int(bytes)?) {
            Some(date) => Value::from(date.to_string()),
            None => return Some(Err("is a date outside the years 1 to 9999".into())),
        },
        Type::TIME => Value::from(time(long(bytes)?)?),
        Type::TIMETZ => {
            let west = int(bytes.get(8..)?)?;
            Value::from(format!("{}{}", time(long(bytes.get(..8)?)?)?, zone(-west)))
        }
        Type::JSON => json(bytes)?,
        // The first byte is a version.
        Type::JSONB => json(bytes.get(1..)?)?,
        _ => Value::String(Text::new(std::str::from_utf8(bytes).ok()?)),
    }))
}

fn int(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(bytes.try_into().ok()?))
}

fn long(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

fn json(bytes: &[u8]) -> Option<Value> {
    Value::from_plain_json(bytes).ok()
}

/// What the server counts dates and times from.
const EPOCH: Clock = Clock::constant(2000, 1, 1, 0, 0, 0, 0);

fn clock(microseconds: i64) -> Option<DateTime> {
    DateTime::from_utc(EPOCH.checked_add(SignedDuration::from_micros(microseconds)).ok()?)
}

fn date(days: i32) -> Option<Date> {
    let date = EPOCH.date().checked_add(SignedDuration::from_hours(i64::from(days) * 24)).ok()?;
    (date.year() >= 1).then_some(date)
}

fn time(microseconds: i64) -> Option<String> {
    // The server knows the end of a day as 24:00:00.
    if microseconds == 86_400_000_000 {
        return Some("24:00:00".into());
    }
    let time = Time::midnight().checked_add(SignedDuration::from_micros(microseconds)).ok()?;
    Some(time.to_string())
}

/// Seconds east of Greenwich as `+02:00`.
fn zone(east: i32) -> String {
    let sign = if east < 0 { '-' } else { '+' };
    let minutes = east.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// Groups of four decimal digits, after their count, weight, sign and scale.
fn numeric(bytes: &[u8]) -> Option<Result<Value, String>> {
    let word = |at: usize| -> Option<u16> {
        Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
    };
    let (count, weight) = (word(0)?, word(2)?.cast_signed());
    let sign = match word(4)? {
        0x0000 => Sign::Plus,
        0x4000 => Sign::Minus,
        0xC000 => return Some(Ok(Value::Float(f64::NAN))),
        0xD000 => return Some(Ok(Value::Float(f64::INFINITY))),
        0xF000 => return Some(Ok(Value::Float(f64::NEG_INFINITY))),
        _ => return None,
    };
    let scale = i64::from(word(6)?);
    let mut digits = Vec::with_capacity(usize::from(count) * 4);
    for group in 0..usize::from(count) {
        digits.extend_from_slice(format!("{:04}", word(8 + group * 2)?).as_bytes());
    }
    let number = match digits.is_empty() {
        true => BigInt::from(0),
        false => BigInt::from_biguint(sign, BigInt::parse_bytes(&digits, 10)?.magnitude().clone()),
    };
    // What stands after the point, in digits.
    let fraction = (i64::from(count) - i64::from(weight) - 1) * 4;
    Some(Ok(Value::decimal(BigDecimal::new(number, fraction).with_scale(scale))))
}
