#![allow(clippy::unwrap_used)]
use super::*;
use Operation::*;

fn v(text: &str) -> Value {
    Value::from_transit(text.as_bytes()).unwrap()
}

fn of(operation: Operation, left: &str, right: &str) -> String {
    calculate(operation, &v(left), &v(right)).unwrap().to_transit()
}

#[test]
fn types_of_results() {
    for (operation, left, right, result) in [
        (Add, "1", "2", "3"),
        (Add, "1", "2.5", "3.5"),
        (Add, "1.5", r#""~f1.5""#, r#""~f3.0""#),
        (Add, "1", r#""~f1.5""#, r#""~f2.5""#),
        (Multiply, "2.3", "2", "4.6"),
        (Multiply, "3", r#""~f2.50""#, r#""~f7.50""#),
        (Multiply, "1", r#""~f2.50""#, r#""~f2.50""#),
        (Multiply, r#""~f2.50""#, r#""~f1.0""#, r#""~f2.500""#),
        (Divide, "2", "1", r#""~f2""#),
        (Divide, "1", "2", r#""~f0.5""#),
        (Divide, "200", "2", r#""~f100""#),
        (Divide, "1.0", "2", "0.5"),
        (Divide, "0", "7", r#""~f0""#),
        (Power, "5", "2", "25"),
        (Power, "2", "-2", r#""~f0.25""#),
        (Power, "2", "0.5", "1.4142135623730951"),
        (Power, r#""~f1.5""#, "2", r#""~f2.25""#),
    ] {
        assert_eq!(of(operation, left, right), result, "{left} {operation:?} {right}");
    }
}

#[test]
fn what_has_no_value_is_null() {
    for (operation, left, right) in [
        (Divide, "5", "0"),
        (Divide, "5.0", "0"),
        (Divide, "5", r#""~f0.0""#),
        (Remainder, "5", "0"),
        (Remainder, "5.0", "0"),
        (Remainder, r#""~f5""#, "0"),
        (Power, "0", "-1"),
        (Power, r#""~f0""#, "-1"),
        (Power, "-8.0", "0.5"),
        (Power, r#""~f-8""#, r#""~f0.5""#),
        (Multiply, "1e308", "10"),
        (Add, "null", "1"),
        (Add, r#""1""#, "1"),
        (Add, "true", r#""~f1""#),
    ] {
        assert_eq!(of(operation, left, right), "null", "{left} {operation:?} {right}");
    }
}

#[test]
fn remainders_take_the_sign_of_the_divisor() {
    for (left, right, result) in [
        ("5", "3", "2"),
        ("-5", "3", "1"),
        ("5", "-3", "-1"),
        ("-5", "-3", "-2"),
        ("-9223372036854775808", "-1", "0"),
        ("-5.5", "3", "0.5"),
        (r#""~f-5""#, "3", r#""~f1""#),
        ("-100000000000000000000", "3", "2"),
    ] {
        assert_eq!(of(Remainder, left, right), result, "{left} % {right}");
    }
}

#[test]
fn integers_grow_past_64_bits_and_shrink_back() {
    assert_eq!(of(Add, "9223372036854775807", "1"), "9223372036854775808");
    assert_eq!(of(Subtract, "9223372036854775808", "1"), "9223372036854775807");
    assert!(matches!(
        calculate(Subtract, &v("9223372036854775808"), &v("1")).unwrap(),
        Value::Int(i64::MAX)
    ));
    assert_eq!(of(Multiply, "-9223372036854775808", "-1"), "9223372036854775808");
    assert_eq!(of(Power, "10", "30"), format!("1{}", "0".repeat(30)));
    assert_eq!(absolute(&Value::Int(i64::MIN)).to_transit(), "9223372036854775808");
}

#[test]
fn endless_quotients_are_cut_and_long_ones_are_exact() {
    assert_eq!(of(Divide, "1", "3"), format!(r#""~f0.{}""#, "3".repeat(28)));
    assert_eq!(of(Divide, "2", "-3"), format!(r#""~f-0.{}7""#, "6".repeat(27)));
    assert_eq!(of(Divide, "1", "1024"), r#""~f0.0009765625""#);
    let long = format!("1{}1", "0".repeat(40));
    assert_eq!(of(Divide, &long, "2"), format!(r#""~f5{}.5""#, "0".repeat(40)));
}

#[test]
fn absurd_sizes_are_refused_quickly() {
    for (operation, left, right) in [
        (Power, "10", "10000000"),
        (Power, "2", "9223372036854775807"),
        (Power, "2", "-9223372036854775808"),
        (Power, r#""~f1.1""#, "100000"),
        (Power, r#""~f0.1""#, "9223372036854775807"),
        (Add, r#""~f1E99999""#, r#""~f1E-99999""#),
        (Multiply, r#""~f1E9000""#, r#""~f1E9000""#),
        (Divide, r#""~f1E-9000""#, r#""~f1E9000""#),
    ] {
        let result = calculate(operation, &v(left), &v(right));
        assert_eq!(result, Err(TooManyDigits), "{left} {operation:?} {right}");
    }
    assert_eq!(of(Power, "-1", "9223372036854775807"), "-1");
    assert_eq!(of(Power, "1", "-9223372036854775807"), r#""~f1""#);
    assert_eq!(of(Power, "0", "0"), "1");
}

fn rounded(value: &str, places: i64, rounding: Rounding) -> String {
    round(&v(value), places, rounding).unwrap().to_transit()
}

#[test]
fn rounding() {
    use Rounding::*;
    for (value, places, rounding, result) in [
        ("2.2", 0, Up, "3"),
        ("2.2", 1, Up, "2.2"),
        ("4.778", 1, Up, "4.8"),
        ("2.299", 2, Up, "2.3"),
        ("2.299", 2, Down, "2.29"),
        ("6", 1, Up, "6"),
        ("-2.5", 0, Down, "-3"),
        ("-2.5", 0, Up, "-2"),
        ("-4.5", 0, HalfToEven, "-4"),
        ("-3.5", 0, HalfToEven, "-4"),
        ("0.5", 0, HalfToEven, "0"),
        ("2.675", 2, HalfToEven, "2.68"),
        ("1250", -2, HalfToEven, "1200"),
        ("1250", -2, Up, "1300"),
        ("1250.7", -2, Down, "1200.0"),
        ("-1", -3, Down, "-1000"),
        ("1", -3, HalfToEven, "0"),
        (r#""~f2.50""#, 0, HalfToEven, "2"),
        (r#""~f2.55""#, 1, HalfToEven, r#""~f2.6""#),
        (r#""~f2.5""#, 3, HalfToEven, r#""~f2.5""#),
        (r#""~f1250""#, -2, HalfToEven, r#""~f1200""#),
        (r#""~f1E3""#, 0, Up, "1000"),
        ("1e300", 0, Down, "1"),
        (r#""x""#, 0, Up, "null"),
    ] {
        let got = rounded(value, places, rounding);
        if value == "1e300" {
            assert!(got.len() == 301, "{got}");
        } else {
            assert_eq!(got, result, "{value} {places} {rounding:?}");
        }
    }
}

#[test]
fn rounding_to_absurd_places() {
    use Rounding::*;
    for value in ["1", "1.5", r#""~f1.5""#] {
        assert_eq!(round(&v(value), i64::MAX, Up).unwrap(), v(value));
        assert_eq!(round(&v(value), i64::MIN, Up), Err(TooManyDigits));
        assert_eq!(
            round(&v(value), -1_000_000, HalfToEven).map(|v| v.same(&Value::Int(0))),
            Ok(true)
        );
    }
    assert_eq!(round(&v(r#""~f1E99999""#), 0, Up), Err(TooManyDigits));
    assert_eq!(round(&Value::Int(0), i64::MIN + 1, Down), Ok(Value::Int(0)));
}

#[test]
fn roots_and_angles() {
    assert_eq!(square_root(&v("16")).unwrap().to_transit(), "4.0");
    assert_eq!(square_root(&v("-2")).unwrap(), Value::Null);
    assert_eq!(square_root(&v(r#""~f2.25""#)).unwrap().to_transit(), r#""~f1.5""#);
    assert_eq!(
        square_root(&v(r#""~f2""#)).unwrap().to_transit(),
        r#""~f1.414213562373095048801688724""#
    );
    assert_eq!(square_root(&v(r#""~f-2""#)).unwrap(), Value::Null);
    assert_eq!(through_float(&v("0"), f64::cos), Value::Float(1.0));
    assert_eq!(through_float(&v(r#""0""#), f64::cos), Value::Null);
}

proptest::proptest! {
    #[test]
    fn integers_calculate_as_wider_ones_do(a: i64, b: i64) {
        let (x, y) = (i128::from(a), i128::from(b));
        let expected = [
            (Add, x + y),
            (Subtract, x - y),
            (Multiply, x * y),
            (Remainder, if y == 0 { 0 } else { (x % y + y) % y }),
        ];
        for (operation, result) in expected {
            let found = calculate(operation, &Value::Int(a), &Value::Int(b)).unwrap();
            if operation == Remainder && b == 0 {
                proptest::prop_assert_eq!(found, Value::Null);
            } else {
                proptest::prop_assert_eq!(found, Value::integer(BigInt::from(result)));
            }
        }
    }

    #[test]
    fn quotients_multiply_back(a: i64, b in 1i64..1_000_000, places in 0i64..20) {
        let dividend = BigDecimal::from_bigint(BigInt::from(a), places);
        let divisor = BigDecimal::from(b);
        let back = quotient(&dividend, &divisor) * &divisor;
        // Half a unit of the last of at least 28 digits, times the divisor.
        let error = (back - &dividend).abs();
        let bound = (dividend.abs() + BigDecimal::from(1)) * BigDecimal::from_bigint(1.into(), 26);
        proptest::prop_assert!(error <= bound);
    }
}
