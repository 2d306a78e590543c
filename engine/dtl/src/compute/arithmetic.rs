//! Arithmetic on numbers of any type.
//!
//! The result has the more precise type of the two (changelog of 2016-10-04):
//! integers stay integers, except that dividing them gives a decimal; with a
//! float it is a float; with a decimal it is a decimal. What has no value
//! (division by zero, a float out of range, a root of a negative number) is
//! null. Integers and decimals are exact up to [`MAX_DIGITS`]; an endless
//! quotient is rounded half to even at [`QUOTIENT_DIGITS`] significant digits,
//! or at as many as both operands have together if those are more.

use std::borrow::Cow;
use std::num::NonZeroU64;

use bigdecimal::{BigDecimal, Context, RoundingMode};
use num_bigint::{BigInt, Sign};
use num_traits::{One, Pow, Signed, ToPrimitive, Zero};
use pipewright_entity::Value;
use thiserror::Error;

/// How many digits a result may have in front of its decimal point, and how
/// many behind it.
pub(crate) const MAX_DIGITS: i64 = 10_000;

/// How many significant digits an endless quotient or root keeps at least.
pub(crate) const QUOTIENT_DIGITS: i64 = 28;

/// The result is too long to be worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the result of the calculation has more than {MAX_DIGITS} digits")]
pub(crate) struct TooManyDigits;

/// What is done with two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// The remainder has the sign of the divisor.
    Remainder,
    Power,
}

/// Which neighbour a number is rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rounding {
    Down,
    Up,
    HalfToEven,
}

/// `left operation right`; null if one of them is no number or the result has
/// no value.
pub(crate) fn calculate(
    operation: Operation,
    left: &Value,
    right: &Value,
) -> Result<Value, TooManyDigits> {
    if let (Value::Int(a), Value::Int(b)) = (left, right)
        && let Some(small) = small(operation, *a, *b)
    {
        return Ok(Value::Int(small));
    }
    if let (Some(a), Some(b)) = (whole(left), whole(right)) {
        return integers(operation, &a, &b);
    }
    if matches!(left, Value::Decimal(_)) || matches!(right, Value::Decimal(_)) {
        return match (decimal(left), decimal(right)) {
            (Some(a), Some(b)) => decimals(operation, &a, &b),
            _ => Ok(Value::Null),
        };
    }
    Ok(match (float(left), float(right)) {
        (Some(a), Some(b)) => finite(floats(operation, a, b)),
        _ => Value::Null,
    })
}

/// The cases that need no more than 64 bits.
fn small(operation: Operation, a: i64, b: i64) -> Option<i64> {
    match operation {
        Operation::Add => a.checked_add(b),
        Operation::Subtract => a.checked_sub(b),
        Operation::Multiply => a.checked_mul(b),
        Operation::Divide => None,
        Operation::Remainder => {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        }
        Operation::Power => a.checked_pow(u32::try_from(b).ok()?),
    }
}

fn integers(operation: Operation, a: &BigInt, b: &BigInt) -> Result<Value, TooManyDigits> {
    let result = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => {
            within_bits(a.bits() + b.bits())?;
            a * b
        }
        Operation::Divide => {
            let (a, b) = (BigDecimal::from(a.clone()), BigDecimal::from(b.clone()));
            return decimals(operation, &a, &b);
        }
        Operation::Remainder => {
            if b.is_zero() {
                return Ok(Value::Null);
            }
            let rest = a % b;
            if !rest.is_zero() && rest.sign() != b.sign() { rest + b } else { rest }
        }
        Operation::Power => {
            if b.is_negative() {
                let base = BigDecimal::from(a.clone());
                return decimals(operation, &base, &BigDecimal::from(b.clone()));
            }
            power(a, b)?
        }
    };
    within_bits(result.bits())?;
    Ok(Value::integer(result))
}

fn decimals(operation: Operation, a: &BigDecimal, b: &BigDecimal) -> Result<Value, TooManyDigits> {
    within_digits(a)?;
    within_digits(b)?;
    let result = match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => product(a, b),
        Operation::Divide if b.is_zero() => return Ok(Value::Null),
        Operation::Divide => quotient(a, b),
        Operation::Remainder if b.is_zero() => return Ok(Value::Null),
        Operation::Remainder => {
            let rest = a % b;
            if !rest.is_zero() && rest.sign() != b.sign() { rest + b } else { rest }
        }
        Operation::Power => return decimal_power(a, b),
    };
    within_digits(&result)?;
    Ok(Value::decimal(result))
}

fn floats(operation: Operation, a: f64, b: f64) -> f64 {
    match operation {
        Operation::Add => a + b,
        Operation::Subtract => a - b,
        Operation::Multiply => a * b,
        Operation::Divide => a / b,
        Operation::Remainder => {
            let rest = a % b;
            if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
        }
        Operation::Power => a.powf(b),
    }
}

fn power(base: &BigInt, exponent: &BigInt) -> Result<BigInt, TooManyDigits> {
    if base.is_zero() || base.magnitude().is_one() {
        // The size of the exponent does not matter, only whether it is odd.
        return Ok(base.pow(if exponent.bit(0) {
            1u32
        } else if exponent.is_zero() {
            0
        } else {
            2
        }));
    }
    let exponent = exponent.to_u32().ok_or(TooManyDigits)?;
    // A base of n bits is at least 2 to the n-1.
    within_bits((base.bits() - 1).saturating_mul(u64::from(exponent)))?;
    Ok(base.pow(exponent))
}

fn decimal_power(base: &BigDecimal, exponent: &BigDecimal) -> Result<Value, TooManyDigits> {
    if !exponent.is_integer() {
        let approximate = base.to_f64().zip(exponent.to_f64()).map(|(a, b)| a.powf(b));
        return Ok(approximate.and_then(exact).map_or(Value::Null, Value::decimal));
    }
    if base.is_zero() && exponent.is_negative() {
        return Ok(Value::Null);
    }
    let (times, _) = exponent.with_scale(0).into_bigint_and_scale();
    let (digits, scale) = base.as_bigint_and_scale();
    let times_small = times.magnitude().to_i64();
    let scale = if scale == 0 {
        0
    } else {
        scale.checked_mul(times_small.ok_or(TooManyDigits)?).ok_or(TooManyDigits)?
    };
    let result =
        BigDecimal::from_bigint(power(&digits, &BigInt::from(times.magnitude().clone()))?, scale);
    within_digits(&result)?;
    let result =
        if exponent.is_negative() { quotient(&BigDecimal::one(), &result) } else { result };
    within_digits(&result)?;
    Ok(Value::decimal(result))
}

/// `a * b` with as many decimal places as both have together. The library's
/// own product drops trailing zeros when one factor is one, so that 1 * 2.50
/// would be written in another way than 3 * 2.50.
fn product(a: &BigDecimal, b: &BigDecimal) -> BigDecimal {
    let (a, a_scale) = a.as_bigint_and_scale();
    let (b, b_scale) = b.as_bigint_and_scale();
    BigDecimal::new(a.as_ref() * b.as_ref(), a_scale.saturating_add(b_scale))
}

/// `a / b` for a `b` that is not zero.
fn quotient(a: &BigDecimal, b: &BigDecimal) -> BigDecimal {
    let (dividend, a_scale) = a.as_bigint_and_scale();
    let (divisor, b_scale) = b.as_bigint_and_scale();
    let (a_digits, b_digits) = (digit_count(&dividend), digit_count(&divisor));
    let precision = QUOTIENT_DIGITS.max(a_digits + b_digits);
    let more = (precision + 1 - (a_digits - b_digits)).max(0);
    let dividend = dividend.as_ref() * ten_to(more);
    let whole = &dividend / divisor.as_ref();
    let inexact = !(&dividend % divisor.as_ref()).is_zero();
    let excess = (digit_count(&whole) - precision).max(0);
    let rounded = shed(whole, excess, Rounding::HalfToEven, inexact);
    trimmed(rounded, a_scale - b_scale + more - excess)
}

/// Without zeros at the end of the fraction.
fn trimmed(digits: BigInt, scale: i64) -> BigDecimal {
    if digits.is_zero() {
        return BigDecimal::zero();
    }
    let text = digits.magnitude().to_str_radix(10);
    let zeros = (text.len() - text.trim_end_matches('0').len()) as i64;
    let surplus = zeros.min(scale).max(0);
    BigDecimal::from_bigint(digits / ten_to(surplus), scale - surplus)
}

/// `digits` without its last `drop` digits, rounded. `inexact` says that the
/// number goes on behind its last digit.
fn shed(digits: BigInt, drop: i64, rounding: Rounding, inexact: bool) -> BigInt {
    let negative = digits.sign() == Sign::Minus;
    // More than all digits: no power of ten of that size needs to be made.
    let divisor = ten_to(drop.min(digit_count(&digits) + 1));
    let (kept, rest) = (&digits / &divisor, digits % &divisor);
    let away = match rounding {
        _ if rest.is_zero() && !inexact => false,
        Rounding::Down => negative,
        Rounding::Up => !negative,
        Rounding::HalfToEven => match (rest.abs() * 2u32).cmp(&divisor) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => inexact || kept.bit(0),
            std::cmp::Ordering::Greater => true,
        },
    };
    match (away, negative) {
        (false, _) => kept,
        (true, false) => kept + 1u32,
        (true, true) => kept - 1u32,
    }
}

/// Rounds to `places` behind the decimal point (before it, if negative). With
/// no places the result is an integer, else it has the type of `value`. Null
/// if `value` is no number.
pub(crate) fn round(
    value: &Value,
    places: i64,
    rounding: Rounding,
) -> Result<Value, TooManyDigits> {
    match value {
        Value::Int(_) | Value::BigInt(_) if places >= 0 => Ok(value.clone()),
        Value::Float(number) if places == 0 => {
            let rounded = match rounding {
                Rounding::Down => number.floor(),
                Rounding::Up => number.ceil(),
                Rounding::HalfToEven => number.round_ties_even(),
            };
            Ok(float_to_integer(rounded).unwrap_or(Value::Null))
        }
        _ => {
            let Some(number) = decimal(value) else { return Ok(Value::Null) };
            let (digits, scale) = number.as_bigint_and_scale();
            if places >= scale && places != 0 {
                return Ok(value.clone());
            }
            let rounded = if places >= scale {
                BigDecimal::from_bigint(digits.into_owned(), scale)
            } else {
                let drop = scale.checked_sub(places).ok_or(TooManyDigits)?;
                let digits = shed(digits.into_owned(), drop, rounding, false);
                let places = if digits.is_zero() { places.max(0) } else { places };
                BigDecimal::from_bigint(digits, places)
            };
            within_digits(&rounded)?;
            Ok(match value {
                Value::Float(_) => finite(decimal_to_float(&rounded)),
                Value::Decimal(_) if places != 0 => {
                    Value::decimal(rounded.with_scale(places.max(0)))
                }
                _ => Value::integer(rounded.with_scale(0).into_bigint_and_scale().0),
            })
        }
    }
}

/// The number without its sign; null if `value` is no number.
pub(crate) fn absolute(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::integer(BigInt::from(*number).abs()),
        Value::BigInt(number) => Value::integer(number.abs()),
        Value::Float(number) => Value::Float(number.abs()),
        Value::Decimal(number) => Value::decimal(number.abs()),
        _ => Value::Null,
    }
}

/// The square root: of a decimal a decimal, of other numbers a float. Null if
/// there is none.
pub(crate) fn square_root(value: &Value) -> Result<Value, TooManyDigits> {
    let Value::Decimal(number) = value else {
        return Ok(float(value).map_or(Value::Null, |number| finite(number.sqrt())));
    };
    within_digits(number)?;
    let digits = QUOTIENT_DIGITS.max(digit_count(&number.as_bigint_and_scale().0));
    let precision = NonZeroU64::new(digits.unsigned_abs()).unwrap_or(NonZeroU64::MIN);
    let context = Context::new(precision, RoundingMode::HalfEven);
    Ok(number.sqrt_with_context(&context).map_or(Value::Null, |root| {
        let (digits, scale) = root.into_bigint_and_scale();
        Value::decimal(trimmed(digits, scale))
    }))
}

/// A function of floats applied to any number; null if `value` is no number
/// or the result is not finite.
pub(crate) fn through_float(value: &Value, function: impl FnOnce(f64) -> f64) -> Value {
    float(value).map_or(Value::Null, |number| finite(function(number)))
}

fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Float(number) } else { Value::Null }
}

fn whole(value: &Value) -> Option<Cow<'_, BigInt>> {
    match value {
        Value::Int(number) => Some(Cow::Owned(BigInt::from(*number))),
        Value::BigInt(number) => Some(Cow::Borrowed(number)),
        _ => None,
    }
}

/// The float closest to a number.
pub(crate) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::BigInt(number) => number.to_f64(),
        Value::Float(number) => Some(*number),
        Value::Decimal(number) => Some(decimal_to_float(number)),
        _ => None,
    }
}

/// A number as a decimal. A float is taken as the shortest decimal that names
/// it, so `2.1` is 2.1; those that are not finite have none.
pub(crate) fn decimal(value: &Value) -> Option<Cow<'_, BigDecimal>> {
    match value {
        Value::Int(number) => Some(Cow::Owned(BigDecimal::from(*number))),
        Value::BigInt(number) => Some(Cow::Owned(BigDecimal::from(number.as_ref().clone()))),
        Value::Float(number) => exact(*number).map(Cow::Owned),
        Value::Decimal(number) => Some(Cow::Borrowed(number)),
        _ => None,
    }
}

fn exact(number: f64) -> Option<BigDecimal> {
    if !number.is_finite() {
        return None;
    }
    // `{:e}` keeps 1e300 short; `{}` keeps 2 from becoming 2.0 with an exponent.
    let plain = number == 0.0 || (1e-5..1e16).contains(&number.abs());
    let text = if plain { format!("{number}") } else { format!("{number:e}") };
    text.parse().ok()
}

fn decimal_to_float(number: &BigDecimal) -> f64 {
    let (digits, scale) = number.as_bigint_and_scale();
    // The reader of the standard library rounds correctly, whatever the length.
    format!("{digits}e{}", -i128::from(scale)).parse().unwrap_or(f64::NAN)
}

/// The integer that a float without fraction is.
pub(crate) fn float_to_integer(number: f64) -> Option<Value> {
    // 2^63 is the first float that an i64 cannot hold.
    if number.abs() < 9_223_372_036_854_775_808.0 {
        return Some(Value::Int(number as i64));
    }
    num_traits::FromPrimitive::from_f64(number).map(Value::integer)
}

/// The integer a decimal is without its fraction; none if it is too long.
pub(crate) fn decimal_to_integer(number: &BigDecimal) -> Option<Value> {
    within_digits(number).ok()?;
    Some(Value::integer(number.with_scale(0).into_bigint_and_scale().0))
}

fn ten_to(exponent: i64) -> BigInt {
    BigInt::from(10u32).pow(u32::try_from(exponent.max(0)).unwrap_or(u32::MAX))
}

/// How many decimal digits a whole number has; zero has one.
fn digit_count(digits: &BigInt) -> i64 {
    i64::try_from(BigDecimal::from_bigint(digits.clone(), 0).digits()).unwrap_or(i64::MAX)
}

/// Bounds a whole number by its length in bits, which costs nothing to ask.
fn within_bits(bits: u64) -> Result<(), TooManyDigits> {
    // log2(10) is a little less than 3.3220.
    if bits <= MAX_DIGITS.unsigned_abs() * 3322 / 1000 { Ok(()) } else { Err(TooManyDigits) }
}

fn within_digits(number: &BigDecimal) -> Result<(), TooManyDigits> {
    let (digits, scale) = number.as_bigint_and_scale();
    within_bits(digits.bits())?;
    let before = i64::try_from(digits.bits() * 1000 / 3322).unwrap_or(i64::MAX);
    if digits.is_zero() && scale.unsigned_abs() <= MAX_DIGITS.unsigned_abs()
        || scale <= MAX_DIGITS && before.saturating_sub(scale) <= MAX_DIGITS
    {
        Ok(())
    } else {
        Err(TooManyDigits)
    }
}

#[cfg(test)]
mod tests;
