//! Numbers out of texts and other values, for the functions `integer`,
//! `float`, `decimal` and `hex`.

use num_bigint::BigInt;
use pipewright_entity::{Value, number};

use super::arithmetic::{self, MAX_DIGITS};

/// A value as an integer: fractions are cut off, texts are read by
/// [`parse_integer`]. None if it is none.
pub(crate) fn integer(value: &Value) -> Option<Value> {
    match value {
        Value::Int(_) | Value::BigInt(_) => Some(value.clone()),
        Value::Float(number) => arithmetic::float_to_integer(number.trunc()),
        Value::Decimal(number) => arithmetic::decimal_to_integer(number),
        Value::String(text) => parse_integer(text),
        _ => None,
    }
}

/// A value as a float. None if it is no finite one.
pub(crate) fn float(value: &Value) -> Option<Value> {
    let number = match value {
        Value::String(text) => {
            let text = text.trim();
            is_decimal(text).then(|| text.parse().ok())??
        }
        other => arithmetic::float(other)?,
    };
    number.is_finite().then_some(Value::Float(number))
}

/// A value as a decimal. None if it is none.
pub(crate) fn decimal(value: &Value) -> Option<Value> {
    match value {
        Value::Decimal(_) => Some(value.clone()),
        Value::String(text) => {
            let text = text.trim();
            is_decimal(text).then(|| number::parse_decimal(text))?.map(Value::decimal)
        }
        other => arithmetic::decimal(other).map(|number| Value::decimal(number.into_owned())),
    }
}

/// Digits with an optional sign, or `0x` and the hexadecimal digits of a
/// number in two's complement: the first bit says whether it is negative. An
/// odd number of digits is read as if a zero came first.
fn parse_integer(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.len() > MAX_DIGITS.unsigned_abs() as usize {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        let digits = if digits.len() % 2 == 0 { digits.to_owned() } else { format!("0{digits}") };
        let bytes: Option<Vec<u8>> = digits
            .as_bytes()
            .chunks(2)
            .map(|pair| {
                let high = char::from(pair[0]).to_digit(16)?;
                let low = char::from(*pair.get(1)?).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()
            })
            .collect();
        let bytes = bytes.filter(|bytes| !bytes.is_empty())?;
        return Some(Value::integer(BigInt::from_signed_bytes_be(&bytes)));
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    match text.parse() {
        Ok(small) => Some(Value::Int(small)),
        Err(_) => text.parse().ok().map(Value::integer),
    }
}

/// Whether a text is written as a number: `1`, `-1.5`, `.5`, `1.`, `1e-3`.
fn is_decimal(text: &str) -> bool {
    fn digits(text: &str) -> (usize, &str) {
        let count = text.bytes().take_while(u8::is_ascii_digit).count();
        (count, &text[count..])
    }
    if text.len() > MAX_DIGITS.unsigned_abs() as usize {
        return false;
    }
    let (before, rest) = digits(text.strip_prefix(['+', '-']).unwrap_or(text));
    let (after, rest) = match rest.strip_prefix('.') {
        Some(fraction) => digits(fraction),
        None => (0, rest),
    };
    let exponent = match rest.strip_prefix(['e', 'E']) {
        Some(exponent) => digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (1, rest),
    };
    before + after > 0 && exponent.0 > 0 && exponent.1.is_empty()
}

/// `0x` and the shortest two's complement form of an integer in whole bytes.
/// None if the value is neither an integer nor the text of one.
pub(crate) fn hex(value: &Value) -> Option<String> {
    let integer = match value {
        Value::String(text) => parse_integer(text)?,
        other => other.clone(),
    };
    let bytes = match integer {
        Value::Int(number) => BigInt::from(number).to_signed_bytes_be(),
        Value::BigInt(number) => number.to_signed_bytes_be(),
        _ => return None,
    };
    Some(bytes.iter().fold(String::from("0x"), |text, byte| format!("{text}{byte:02x}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cast(to: fn(&Value) -> Option<Value>, value: &str) -> String {
        let value = Value::from_transit(value.as_bytes()).unwrap();
        to(&value).map_or("-".to_owned(), |value| value.to_transit())
    }

    #[test]
    fn integers() {
        for (value, expected) in [
            ("124.4", "124"),
            ("-1.9", "-1"),
            ("1e20", "100000000000000000000"),
            (r#""~f-1.9""#, "-1"),
            (r#""~f1E99999""#, "-"),
            (r#"" -12 ""#, "-12"),
            (r#""123456789012345678901234567890""#, "123456789012345678901234567890"),
            (r#""0x00ff""#, "255"),
            (r#""0xff""#, "-1"),
            (r#""0xfff""#, "4095"),
            (r#""0x""#, "-"),
            (r#""0xåå""#, "-"),
            (r#""-0x1""#, "-"),
            (r#""10^2""#, "-"),
            (r#""1_000""#, "-"),
            (r#""1.5""#, "-"),
            (r#""-""#, "-"),
            ("true", "-"),
            ("null", "-"),
            (r#""~r1""#, "-"),
        ] {
            assert_eq!(cast(integer, value), expected, "{value}");
        }
    }

    #[test]
    fn floats_and_decimals() {
        for (value, as_float, as_decimal) in [
            ("1", "1.0", r#""~f1""#),
            ("2.1", "2.1", r#""~f2.1""#),
            (r#""1.0""#, "1.0", r#""~f1.0""#),
            (r#""~f2.50""#, "2.5", r#""~f2.50""#),
            (r#"" 1e2 ""#, "100.0", r#""~f1E+2""#),
            (r#""1e999""#, "-", r#""~f1E+999""#),
            (r#""1e999999999999999999999""#, "-", "-"),
            (r#"".5""#, "0.5", r#""~f0.5""#),
            (r#""inf""#, "-", "-"),
            (r#""nan""#, "-", "-"),
            (r#""1_0""#, "-", "-"),
            (r#"".""#, "-", "-"),
            (r#""1e""#, "-", "-"),
            ("false", "-", "-"),
        ] {
            assert_eq!(cast(float, value), as_float, "{value}");
            assert_eq!(cast(decimal, value), as_decimal, "{value}");
        }
    }

    #[test]
    fn hexadecimal_digits() {
        for (value, expected) in [
            (0, "0x00"),
            (1, "0x01"),
            (127, "0x7f"),
            (128, "0x0080"),
            (255, "0x00ff"),
            (-129, "0xff7f"),
        ] {
            assert_eq!(hex(&Value::Int(value)).unwrap(), expected);
            assert_eq!(parse_integer(expected), Some(Value::Int(value)));
        }
        assert_eq!(hex(&Value::from("12345")).unwrap(), "0x3039");
        assert_eq!(hex(&Value::Float(1.0)), None);
    }
}
