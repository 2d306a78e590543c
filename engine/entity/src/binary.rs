//! The binary form of values and entities: compact, self-describing, exact.
//!
//! `decode(encode(v)) == v` for every value. The first byte of an entity is the
//! version of the form, so that it can change without a store being rewritten.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use uuid::Uuid;

use crate::{DateTime, Dict, Entity, Hash, MAX_DEPTH, NotAnEntity, Text, Value};

/// The version of the form that is written.
pub const FORM: u8 = 1;

/// Why bytes are not a value in binary form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Truncated,
    /// The bytes do not follow the form.
    #[error("the bytes do not follow the binary form ({0})")]
    Malformed(&'static str),
    /// The form is newer than this program.
    #[error("binary form {0} is newer than this program knows")]
    UnknownForm(u8),
    /// The value is not an entity.
    #[error(transparent)]
    NotAnEntity(#[from] NotAnEntity),
}

const NANOSECONDS: i128 = 1_000_000_000;
/// The largest scale of a decimal that is read. None that can be written as
/// text or computed comes near it, and what works with one need not ask whether
/// a scale and a number of digits overflow.
const LARGEST_SCALE: u64 = 1 << 32;

mod tag {
    pub(super) const NULL: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INT: u8 = 3;
    pub(super) const BIG_INT: u8 = 4;
    pub(super) const FLOAT: u8 = 5;
    pub(super) const DECIMAL: u8 = 6;
    pub(super) const DATE_TIME: u8 = 7;
    pub(super) const DATE: u8 = 8;
    pub(super) const UUID: u8 = 9;
    pub(super) const NI: u8 = 10;
    pub(super) const URI: u8 = 11;
    pub(super) const STRING: u8 = 12;
    pub(super) const DICT: u8 = 13;
    pub(super) const LIST: u8 = 14;
    pub(super) const TUPLE: u8 = 15;
    pub(super) const BYTES: u8 = 16;
}

impl Entity {
    /// The entity in binary form, its version first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        bytes.push(FORM);
        write_dict(self.dict(), false, &mut bytes);
        bytes
    }

    /// Reads what [`Entity::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Entity, BinaryError> {
        Decoder::default().entity(bytes)
    }
}

/// Writes the contents of entities, one after the other. Quicker where they are
/// alike: what follows from their names is worked out once.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The names of the last entity that count for the hash, as they stood ...
    names: Vec<Text>,
    /// ... and their places in the order of the names.
    order: Vec<u32>,
    /// Where each of them was written.
    spans: Vec<(usize, usize)>,
    hashed: Vec<u8>,
}

impl Encoder {
    /// Appends what [`Entity::to_bytes`] of [`Entity::content`] gives, and gives
    /// the [`Entity::content_hash`].
    pub fn content(&mut self, entity: &Entity, to: &mut Vec<u8>) -> Hash {
        let dict = entity.dict();
        to.push(FORM);
        write_varint(
            dict.iter().filter(|(name, value)| is_content(name, value)).count() as u64,
            to,
        );
        self.spans.clear();
        let mut is_alike = true;
        let mut holds_dicts = false;
        for (name, value) in dict.iter() {
            let start = to.len();
            if !name.starts_with('_') {
                match self.names.get(self.spans.len()) {
                    Some(known) if known == name => {}
                    _ => {
                        is_alike = false;
                        self.names.truncate(self.spans.len());
                        self.names.push(name.clone());
                    }
                }
                write_bytes(name.as_bytes(), to);
                write_value(value, false, to);
                holds_dicts |= !value.is_scalar();
                self.spans.push((start, to.len()));
            } else if is_content(name, value) {
                write_bytes(name.as_bytes(), to);
                write_value(value, false, to);
            }
        }
        if !is_alike || self.names.len() != self.spans.len() {
            self.names.truncate(self.spans.len());
            self.order.clear();
            self.order.extend(0..self.names.len() as u32);
            let names = &self.names;
            self.order.sort_unstable_by(|a, b| names[*a as usize].cmp(&names[*b as usize]));
        }
        let hashed = &mut self.hashed;
        hashed.clear();
        write_bytes(entity.id().as_bytes(), hashed);
        hashed.push(u8::from(entity.is_deleted()));
        for place in &self.order {
            let place = *place as usize;
            let (start, end) = self.spans[place];
            if holds_dicts {
                // The properties of a dict count in the order of their names.
                let name = &self.names[place];
                write_bytes(name.as_bytes(), hashed);
                if let Some(value) = dict.get(name) {
                    write_value(value, true, hashed);
                }
            } else {
                hashed.extend_from_slice(&to[start..end]);
            }
        }
        Hash(xxhash_rust::xxh3::xxh3_128(hashed).to_be_bytes())
    }
}

/// Whether a property is kept in a dataset: all whose names do not start with
/// `_`, and of the others `_id` and a `_deleted` that is true.
pub(crate) fn is_content(name: &str, value: &Value) -> bool {
    !name.starts_with('_')
        || name == "_id"
        || (name == "_deleted" && matches!(value, Value::Bool(true)))
}

/// Reads entities, one after the other. Quicker where they are alike: names that
/// stand where they stood in the last one are not read again.
#[derive(Debug, Default)]
pub struct Decoder {
    /// The names of the last entity, which differ.
    names: Vec<Text>,
}

impl Decoder {
    /// Reads what [`Entity::to_bytes`] wrote.
    pub fn entity(&mut self, bytes: &[u8]) -> Result<Entity, BinaryError> {
        let mut reader = Reader { rest: bytes };
        match reader.byte()? {
            FORM => {}
            other => return Err(BinaryError::UnknownForm(other)),
        }
        let dict = self.dict(&mut reader)?;
        reader.end()?;
        Ok(Entity::from_dict(dict)?)
    }

    fn dict(&mut self, reader: &mut Reader<'_>) -> Result<Dict, BinaryError> {
        let count = reader.count()?;
        let mut dict = Dict::with_capacity(believed(count) + RESERVED);
        for place in 0..count {
            let name = reader.bytes()?;
            match self.names.get(place).filter(|known| known.as_bytes() == name) {
                Some(known) => {
                    let name = known.clone();
                    dict.push(name, reader.value(1)?);
                }
                None => {
                    let name = text(name)?;
                    // What was remembered from here on may be here already.
                    self.names.truncate(place);
                    let value = reader.value(1)?;
                    if dict.insert(name.clone(), value).is_none() && self.names.len() == place {
                        self.names.push(name);
                    }
                }
            }
        }
        Ok(dict)
    }
}

/// How many reserved properties an entity gets that is read from a dataset:
/// `_deleted`, `_updated`, `_previous`, `_ts`, `_hash`.
const RESERVED: usize = 5;

/// Appends a value in binary form.
pub fn write(value: &Value, to: &mut Vec<u8>) {
    write_value(value, false, to);
}

/// Reads one value, which must be all there is.
pub fn read(bytes: &[u8]) -> Result<Value, BinaryError> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// Appends a value; with `canonical` the properties of dicts go by name, so
/// that equal values give equal bytes.
pub(crate) fn write_value(value: &Value, canonical: bool, to: &mut Vec<u8>) {
    match value {
        Value::Null => to.push(tag::NULL),
        Value::Bool(false) => to.push(tag::FALSE),
        Value::Bool(true) => to.push(tag::TRUE),
        Value::Int(number) => {
            to.push(tag::INT);
            write_signed(*number, to);
        }
        Value::BigInt(number) => {
            to.push(tag::BIG_INT);
            write_bytes(&number.to_signed_bytes_be(), to);
        }
        Value::Float(number) => {
            to.push(tag::FLOAT);
            to.extend(number.to_le_bytes());
        }
        Value::Decimal(number) => {
            to.push(tag::DECIMAL);
            let (digits, scale) = number.as_bigint_and_scale();
            write_signed(scale, to);
            write_bytes(&digits.to_signed_bytes_be(), to);
        }
        Value::DateTime(value) => {
            to.push(if value.is_date_only() { tag::DATE } else { tag::DATE_TIME });
            // Seconds, then the nanoseconds past them; both fit 64 bits by far.
            let at = value.as_nanosecond();
            write_signed(at.div_euclid(NANOSECONDS) as i64, to);
            write_signed(at.rem_euclid(NANOSECONDS) as i64, to);
        }
        Value::Uuid(value) => {
            to.push(tag::UUID);
            to.extend(value.as_bytes());
        }
        Value::Ni(text) => write_text(tag::NI, text, to),
        Value::Uri(text) => write_text(tag::URI, text, to),
        Value::String(text) => write_text(tag::STRING, text, to),
        Value::Dict(dict) => {
            to.push(tag::DICT);
            write_dict(dict, canonical, to);
        }
        Value::List(items) => write_items(tag::LIST, items, canonical, to),
        Value::Tuple(items) => write_items(tag::TUPLE, items, canonical, to),
        Value::Bytes(bytes) => {
            to.push(tag::BYTES);
            write_bytes(bytes, to);
        }
    }
}

fn write_dict(dict: &Dict, canonical: bool, to: &mut Vec<u8>) {
    write_varint(dict.len() as u64, to);
    let mut property = |name: &Text, value: &Value| {
        write_bytes(name.as_bytes(), to);
        write_value(value, canonical, to);
    };
    if canonical {
        crate::order::sorted(dict).into_iter().for_each(|(name, value)| property(name, value));
    } else {
        dict.iter().for_each(|(name, value)| property(name, value));
    }
}

fn write_items(tag: u8, items: &[Value], canonical: bool, to: &mut Vec<u8>) {
    to.push(tag);
    write_varint(items.len() as u64, to);
    for item in items {
        write_value(item, canonical, to);
    }
}

fn write_text(tag: u8, text: &str, to: &mut Vec<u8>) {
    to.push(tag);
    write_bytes(text.as_bytes(), to);
}

pub(crate) fn write_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    write_varint(bytes.len() as u64, to);
    to.extend(bytes);
}

fn write_signed(number: i64, to: &mut Vec<u8>) {
    write_varint(((number << 1) ^ (number >> 63)) as u64, to);
}

/// Appends a number in groups of seven bits, the lowest first.
pub(crate) fn write_varint(mut number: u64, to: &mut Vec<u8>) {
    while number >= 0x80 {
        to.push((number as u8) | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// A count may claim more than follows: no more than this is believed.
fn believed(count: usize) -> usize {
    count.min(1024)
}

fn text(bytes: &[u8]) -> Result<Text, BinaryError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Text::new(text)),
        Err(_) => Err(BinaryError::Malformed("a text is not UTF-8")),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, BinaryError> {
        let (first, rest) = self.rest.split_first().ok_or(BinaryError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], BinaryError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BinaryError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BinaryError> {
        self.take(N)?.try_into().map_err(|_| BinaryError::Truncated)
    }

    fn varint(&mut self) -> Result<u64, BinaryError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(BinaryError::Malformed("a length is too long"))
    }

    fn signed(&mut self) -> Result<i64, BinaryError> {
        let number = self.varint()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A count of things of at least one byte each, which bounds what may be
    /// set aside for them.
    fn count(&mut self) -> Result<usize, BinaryError> {
        let count = self.varint()? as usize;
        if count > self.rest.len() { Err(BinaryError::Truncated) } else { Ok(count) }
    }

    fn bytes(&mut self) -> Result<&'a [u8], BinaryError> {
        let length = self.count()?;
        self.take(length)
    }

    fn text(&mut self) -> Result<Text, BinaryError> {
        text(self.bytes()?)
    }

    fn end(&self) -> Result<(), BinaryError> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(BinaryError::Malformed("bytes follow the value"))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, BinaryError> {
        if depth > MAX_DEPTH {
            return Err(BinaryError::Malformed("nested too deep"));
        }
        Ok(match self.byte()? {
            tag::NULL => Value::Null,
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INT => Value::Int(self.signed()?),
            tag::BIG_INT => Value::integer(BigInt::from_signed_bytes_be(self.bytes()?)),
            tag::FLOAT => Value::Float(f64::from_le_bytes(self.array()?)),
            tag::DECIMAL => {
                let scale = self.signed()?;
                if scale.unsigned_abs() > LARGEST_SCALE {
                    return Err(BinaryError::Malformed("a decimal is out of range"));
                }
                Value::decimal(BigDecimal::new(BigInt::from_signed_bytes_be(self.bytes()?), scale))
            }
            tag @ (tag::DATE_TIME | tag::DATE) => {
                let (seconds, nanoseconds) = (self.signed()?, self.signed()?);
                let at = i128::from(seconds) * NANOSECONDS + i128::from(nanoseconds);
                let time = DateTime::from_nanosecond(at).and_then(|time| {
                    if tag == tag::DATE {
                        DateTime::from_date(time.utc().date())
                    } else {
                        Some(time)
                    }
                });
                Value::DateTime(time.ok_or(BinaryError::Malformed("a time is out of range"))?)
            }
            tag::UUID => Value::Uuid(Uuid::from_bytes(self.array()?)),
            tag::NI => Value::Ni(self.text()?),
            tag::URI => Value::Uri(self.text()?),
            tag::STRING => Value::String(self.text()?),
            tag::DICT => Value::Dict(Arc::new(self.dict(depth)?)),
            tag::LIST => Value::List(Arc::new(self.items(depth)?)),
            tag::TUPLE => Value::Tuple(Arc::new(self.items(depth)?)),
            tag::BYTES => Value::bytes(self.bytes()?.to_vec()),
            _ => return Err(BinaryError::Malformed("unknown kind of value")),
        })
    }

    fn items(&mut self, depth: usize) -> Result<Vec<Value>, BinaryError> {
        let count = self.count()?;
        (0..count).map(|_| self.value(depth + 1)).collect()
    }

    fn dict(&mut self, depth: usize) -> Result<Dict, BinaryError> {
        let count = self.count()?;
        let mut dict = Dict::with_capacity(believed(count));
        for _ in 0..count {
            let name = self.text()?;
            let value = self.value(depth + 1)?;
            dict.insert(name, value);
        }
        Ok(dict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_with_absurd_scales_are_refused() {
        let decimal = |scale: i64| {
            let mut bytes = vec![tag::DECIMAL];
            write_signed(scale, &mut bytes);
            write_bytes(&[1], &mut bytes);
            read(&bytes)
        };
        for scale in [i64::MIN, i64::MAX, -(1 << 33), 1 << 33] {
            assert!(matches!(decimal(scale), Err(BinaryError::Malformed(_))), "{scale}");
        }
        for scale in [-100_000, 0, 100_000, 1 << 32] {
            let value = decimal(scale).unwrap_or_else(|error| panic!("{scale}: {error}"));
            // Written as text and compared without harm.
            assert!(value.to_transit().len() < 100, "{scale}");
            assert_eq!(value.key(), value.key());
        }
    }
}
