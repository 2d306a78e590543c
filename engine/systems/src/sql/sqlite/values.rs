//! Values of SQLite and ours.
//!
//! SQLite knows five kinds of value and lets a column declare anything; what a
//! column declares decides what its values mean here: `BOOLEAN`, `DECIMAL` and
//! `NUMERIC`, `DATE`, `DATETIME` and `TIMESTAMP`.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use jiff::civil::{Date, DateTime as Clock};
use pipewright_entity::number::parse_decimal;
use pipewright_entity::{DateTime, Value};
use rusqlite::types::{Value as Sqlite, ValueRef};

use super::super::session::{Class, Kind, SqlError};
use crate::plain::plain;

/// What a declared type means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    AsStored,
    Boolean,
    Decimal,
    Date,
    DateTime,
}

impl Meaning {
    pub(super) fn of(declared: &str) -> Meaning {
        let word = declared.split(['(', ' ']).next().unwrap_or_default();
        match word.to_ascii_uppercase().as_str() {
            "BOOLEAN" | "BOOL" => Meaning::Boolean,
            "DECIMAL" | "NUMERIC" => Meaning::Decimal,
            "DATE" => Meaning::Date,
            "DATETIME" | "TIMESTAMP" => Meaning::DateTime,
            _ => Meaning::AsStored,
        }
    }
}

/// What a declared type means for writing.
pub(super) fn kind(declared: &str) -> Kind {
    match Meaning::of(declared) {
        Meaning::DateTime => Kind::LocalTime,
        Meaning::Date => Kind::Date,
        _ if declared.eq_ignore_ascii_case("TIME") => Kind::Time,
        _ if declared.eq_ignore_ascii_case("JSON") => Kind::Json,
        _ => Kind::Plain,
    }
}

pub(super) fn decode(value: ValueRef<'_>, meaning: Meaning) -> Result<Value, String> {
    Ok(match (value, meaning) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(number @ (0 | 1)), Meaning::Boolean) => Value::Bool(number == 1),
        (ValueRef::Integer(number), _) => Value::Int(number),
        (ValueRef::Real(number), Meaning::Decimal) => {
            // The shortest decimal that names the float.
            match BigDecimal::from_str(&number.to_string()) {
                Ok(decimal) => Value::decimal(decimal),
                Err(_) => Value::Float(number),
            }
        }
        (ValueRef::Real(number), _) => Value::Float(number),
        (ValueRef::Text(bytes), meaning) => {
            let text = std::str::from_utf8(bytes).map_err(|_| "is not valid UTF-8".to_owned())?;
            let meant = match meaning {
                Meaning::DateTime => clock(text).and_then(DateTime::from_utc),
                Meaning::Date => text.parse::<Date>().ok().and_then(DateTime::from_date),
                Meaning::Decimal => {
                    return Ok(parse_decimal(text).map_or(text.into(), Value::decimal));
                }
                Meaning::AsStored | Meaning::Boolean => None,
            };
            meant.map_or_else(|| Value::from(text), Value::DateTime)
        }
        (ValueRef::Blob(bytes), _) => Value::bytes(bytes.to_vec()),
    })
}

/// A date and time as SQLite's own functions write it, without a zone.
fn clock(text: &str) -> Option<Clock> {
    if text.len() < 16 {
        return text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0));
    }
    let text = text.strip_suffix('Z').unwrap_or(text);
    let has_zone = text.get(10..).is_some_and(|time| time.contains(['+', '-', '[']));
    if has_zone { None } else { text.parse().ok() }
}

pub(super) fn encoded(values: &[Value]) -> Result<Vec<Sqlite>, SqlError> {
    values.iter().map(encode).collect()
}

fn encode(value: &Value) -> Result<Sqlite, SqlError> {
    Ok(match value {
        Value::Null => Sqlite::Null,
        Value::Bool(flag) => Sqlite::Integer((*flag).into()),
        Value::Int(number) => Sqlite::Integer(*number),
        Value::Float(number) => Sqlite::Real(*number),
        Value::Bytes(bytes) => Sqlite::Blob(bytes.to_vec()),
        Value::DateTime(time) if !time.is_date_only() => {
            Sqlite::Text(time.utc().to_string().replace('T', " "))
        }
        other => match plain(other) {
            Some(text) => Sqlite::Text(text),
            None => {
                let message = format!("{} cannot be a parameter", other.described());
                return Err(SqlError::new(Class::Data, message));
            }
        },
    })
}
