//! What the number types have in common: one decimal reading of each.
//!
//! Comparing and keying numbers of different types goes through decimals. A
//! float reads as the shortest decimal that names it, so `0.1` and `~f0.1` are
//! one value. Exponents are never expanded: `1e99999` costs no more than `1`.

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use num_bigint::{BigInt, Sign};
use num_traits::{ToPrimitive, Zero};

use crate::Value;

/// The largest exponent a decimal may be written with. It bounds what
/// arithmetic on two decimals can cost.
pub const MAX_EXPONENT: i64 = 100_000;

/// Reads decimal text such as `1.25`, `-3` or `0E-8`, keeping its scale.
/// `None` for other text and for exponents beyond [`MAX_EXPONENT`].
pub fn parse_decimal(text: &str) -> Option<BigDecimal> {
    if text.is_empty()
        || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
    {
        return None;
    }
    if let Some(at) = text.find(['e', 'E']) {
        let exponent: i64 = text[at + 1..].parse().ok()?;
        if exponent.abs() > MAX_EXPONENT {
            return None;
        }
    }
    BigDecimal::from_str(text).ok()
}

/// Writes a decimal so that [`parse_decimal`] gives back the same digits and
/// scale: plain where that is short, else scientific (`0E-8`, `1E+5`).
pub fn decimal_text(number: &BigDecimal) -> String {
    let (digits, scale) = number.as_bigint_and_scale();
    let negative = digits.sign() == Sign::Minus;
    let digits = digits.magnitude().to_str_radix(10);
    let adjusted = digits.len() as i64 - 1 - scale;
    let mut text = String::with_capacity(digits.len() + 8);
    if negative {
        text.push('-');
    }
    if scale == 0 {
        text.push_str(&digits);
    } else if scale > 0 && adjusted >= -6 {
        let scale = scale as usize;
        if digits.len() > scale {
            text.push_str(&digits[..digits.len() - scale]);
            text.push('.');
            text.push_str(&digits[digits.len() - scale..]);
        } else {
            text.push_str("0.");
            text.extend(std::iter::repeat_n('0', scale - digits.len()));
            text.push_str(&digits);
        }
    } else {
        text.push_str(&digits[..1]);
        if digits.len() > 1 {
            text.push('.');
            text.push_str(&digits[1..]);
        }
        text.push_str(&format!("E{adjusted:+}"));
    }
    text
}

/// A number read as `digits × 10^-scale`, or as one of the values that have
/// no digits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Nan,
    NegativeInfinity,
    Infinity,
    /// Whole and small: the common case, kept cheap.
    Small(i64),
    /// Everything else. Never a value that [`Reading::Small`] could hold;
    /// digits have no trailing zero.
    Large {
        negative: bool,
        digits: String,
        scale: i64,
    },
}

impl Reading {
    /// `None` when `value` is not a number.
    pub(crate) fn of(value: &Value) -> Option<Reading> {
        Some(match value {
            Value::Int(number) => Reading::Small(*number),
            Value::BigInt(number) => large(number, 0),
            Value::Float(number) => of_float(*number),
            Value::Decimal(number) => {
                let (digits, scale) = number.as_bigint_and_scale();
                large(&digits, scale)
            }
            _ => return None,
        })
    }

    /// Power of ten of the first digit: which of two numbers is longer.
    fn adjusted(&self) -> Option<(bool, i64, String)> {
        match self {
            Reading::Small(0) => None,
            Reading::Small(number) => {
                let digits = number.unsigned_abs().to_string();
                Some((*number < 0, digits.len() as i64, digits))
            }
            Reading::Large { negative, digits, scale } => {
                Some((*negative, digits.len() as i64 - scale, digits.clone()))
            }
            _ => None,
        }
    }
}

fn of_float(number: f64) -> Reading {
    if number.is_nan() {
        return Reading::Nan;
    }
    if number.is_infinite() {
        return if number > 0.0 { Reading::Infinity } else { Reading::NegativeInfinity };
    }
    // Below 2^53 every whole float is that integer and prints as it.
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return Reading::Small(number as i64);
    }
    // `{:e}` is the shortest text that reads back as the same float.
    let text = format!("{number:e}");
    match BigDecimal::from_str(&text) {
        Ok(decimal) => {
            let (digits, scale) = decimal.as_bigint_and_scale();
            large(&digits, scale)
        }
        Err(_) => Reading::Nan,
    }
}

fn large(digits: &BigInt, scale: i64) -> Reading {
    if digits.is_zero() {
        return Reading::Small(0);
    }
    if scale == 0
        && let Some(small) = digits.to_i64()
    {
        return Reading::Small(small);
    }
    let negative = digits.sign() == Sign::Minus;
    let mut text = digits.magnitude().to_str_radix(10);
    let kept = text.trim_end_matches('0').len();
    let scale = scale - (text.len() - kept) as i64;
    text.truncate(kept);
    // A whole number of at most 19 digits may still fit.
    if scale <= 0 && text.len() as i64 - scale <= 19 {
        let mut whole = text.clone();
        whole.extend(std::iter::repeat_n('0', scale.unsigned_abs() as usize));
        if let Ok(magnitude) = whole.parse::<i128>() {
            let signed = if negative { -magnitude } else { magnitude };
            if let Ok(small) = i64::try_from(signed) {
                return Reading::Small(small);
            }
        }
    }
    Reading::Large { negative, digits: text, scale }
}

pub(crate) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => return a.cmp(b),
        (Value::Float(a), Value::Float(b)) if !a.is_nan() && !b.is_nan() => {
            // Shortest decimals keep the order of the floats they name.
            return a.partial_cmp(b).unwrap_or(Ordering::Equal);
        }
        _ => {}
    }
    match (Reading::of(a), Reading::of(b)) {
        (Some(a), Some(b)) => compare_readings(&a, &b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

fn compare_readings(a: &Reading, b: &Reading) -> Ordering {
    fn rank(reading: &Reading) -> u8 {
        match reading {
            Reading::Nan => 0,
            Reading::NegativeInfinity => 1,
            Reading::Small(_) | Reading::Large { .. } => 2,
            Reading::Infinity => 3,
        }
    }
    if rank(a) != 2 || rank(b) != 2 {
        return rank(a).cmp(&rank(b));
    }
    if let (Reading::Small(a), Reading::Small(b)) = (a, b) {
        return a.cmp(b);
    }
    match (a.adjusted(), b.adjusted()) {
        (None, None) => Ordering::Equal,
        (None, Some((negative, ..))) => {
            if negative {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (Some((negative, ..)), None) => {
            if negative {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (Some((true, ..)), Some((false, ..))) => Ordering::Less,
        (Some((false, ..)), Some((true, ..))) => Ordering::Greater,
        (Some((negative, a_long, a_digits)), Some((_, b_long, b_digits))) => {
            let order = a_long.cmp(&b_long).then_with(|| {
                // Same magnitude: digit by digit, missing digits being zeros.
                let longest = a_digits.len().max(b_digits.len());
                let digit =
                    |text: &str, at: usize| text.as_bytes().get(at).copied().unwrap_or(b'0');
                (0..longest)
                    .map(|at| digit(&a_digits, at).cmp(&digit(&b_digits, at)))
                    .find(|order| order.is_ne())
                    .unwrap_or(Ordering::Equal)
            });
            if negative { order.reverse() } else { order }
        }
    }
}
