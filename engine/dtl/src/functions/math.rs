//! Calculations (documentation page `hub/dtl/dtl-functions-math`).
//!
//! The functions with names apply their first argument to one or more values;
//! the symbols calculate with two numbers in their natural order.

use pipewright_entity::Value;

use super::args::{first, integer, try_spread};
use super::{Body, Function, Kind, PLAIN, Param, example, one, optional};
use crate::Fault;
use crate::compute::arithmetic::{
    Operation, Rounding, TooManyDigits, absolute, calculate, round, square_root, through_float,
};

const AREA: &str = "math";

const NUMBERS: &[Param] = &[one("VALUES", Kind::Value)];

const ROUNDING: &[Param] = &[optional("DIGITS", Kind::Integer), one("VALUES", Kind::Value)];

impl From<TooManyDigits> for Fault {
    fn from(error: TooManyDigits) -> Fault {
        Fault::limit(error.to_string())
    }
}

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "-",
        area: AREA,
        params: &[one("VALUE1", Kind::Value), one("VALUE2", Kind::Value)],
        summary: "VALUE1 - VALUE2. Of a list the first item counts.",
        examples: &[
            example(r#"["-", 1, ["list", 1, 2, 3]]"#, "0"),
            example(r#"["-", 10, 12]"#, "-2"),
        ],
        body: Body::Eager(|_, args| natural(Operation::Subtract, args)),
        ..PLAIN
    },
    Function {
        name: "*",
        area: AREA,
        params: &[one("VALUE", Kind::Value), one("MULTIPLIER", Kind::Value)],
        summary: "VALUE * MULTIPLIER. Of a list the first item counts.",
        examples: &[
            example(r#"["*", 2, ["list", 2, 4, 6]]"#, "4"),
            example(r#"["*", 10, 20]"#, "200"),
            example(r#"["*", ["list", 2.3, 14], 2]"#, "4.6"),
        ],
        body: Body::Eager(|_, args| natural(Operation::Multiply, args)),
        ..PLAIN
    },
    Function {
        name: "/",
        area: AREA,
        params: &[one("DIVIDEND", Kind::Value), one("DIVISOR", Kind::Value)],
        summary: "DIVIDEND / DIVISOR; of integers a decimal. Null if DIVISOR is zero. Of a list \
                  the first item counts.",
        examples: &[
            example(r#"["/", 2, ["list", 4, 6, 8]]"#, r#""~f0.5""#),
            example(r#"["/", 10, 20]"#, r#""~f0.5""#),
            example(r#"["/", ["list", -3, 10, 100], 2]"#, r#""~f-1.5""#),
            example(r#"["/", ["list", 3, 8], ["list", -2, 6]]"#, r#""~f-1.5""#),
            example(r#"["/", 5, 0]"#, "null"),
        ],
        body: Body::Eager(|_, args| natural(Operation::Divide, args)),
        ..PLAIN
    },
    Function {
        name: "%",
        area: AREA,
        params: &[one("DIVIDEND", Kind::Value), one("DIVISOR", Kind::Value)],
        summary: "The remainder of DIVIDEND divided by DIVISOR, with the sign of DIVISOR. Of a \
                  list the first item counts.",
        examples: &[
            example(r#"["%", 2, ["list", 2, 5, 6]]"#, "0"),
            example(r#"["%", 5, 3]"#, "2"),
            example(r#"["%", ["list", 5, 8, 9], 3]"#, "2"),
            example(r#"["%", ["list", 5, 8, 9], ["list", 3, -2.3]]"#, "2"),
        ],
        body: Body::Eager(|_, args| natural(Operation::Remainder, args)),
        ..PLAIN
    },
    Function {
        name: "^",
        area: AREA,
        params: &[one("VALUE", Kind::Value), one("EXPONENT", Kind::Value)],
        summary: "VALUE to the power of EXPONENT. Of a list the first item counts.",
        examples: &[
            example(r#"["^", 2, ["list", 2, 5, 6]]"#, "4"),
            example(r#"["^", 5, 2]"#, "25"),
            example(r#"["^", ["list", 2, 8, 9], 3]"#, "8"),
            example(r#"["^", ["list", 2, 8, 9], ["list", 3, -2.3]]"#, "8"),
        ],
        body: Body::Eager(|_, args| natural(Operation::Power, args)),
        ..PLAIN
    },
    Function {
        name: "+",
        area: AREA,
        params: &[one("VALUE1", Kind::Value), one("VALUE2", Kind::Value)],
        summary: "VALUE1 + VALUE2. Of a list the first item counts.",
        examples: &[
            example(r#"["+", 10, 3]"#, "13"),
            example(r#"["+", 10, ["list", 10, 20, 30]]"#, "20"),
        ],
        body: Body::Eager(|_, args| natural(Operation::Add, args)),
        ..PLAIN
    },
    Function {
        name: "abs",
        area: AREA,
        params: NUMBERS,
        summary: "Numbers without their sign.",
        examples: &[
            example(r#"["abs", ["list", -2, 4, -6]]"#, "[2, 4, 6]"),
            example(r#"["abs", 2]"#, "2"),
            example(r#"["abs", -2.23]"#, "2.23"),
        ],
        body: Body::Eager(|_, args| each_number(&args[0], |number| Ok(absolute(number)))),
        ..PLAIN
    },
    Function {
        name: "ceil",
        area: AREA,
        params: ROUNDING,
        summary: "Numbers rounded up to DIGITS behind the decimal point; to integers if DIGITS is \
                  0 or not given.",
        examples: &[
            example(r#"["ceil", ["list", 2.2, 4.778, 6]]"#, "[3, 5, 6]"),
            example(r#"["ceil", 1, ["list", 2.2, 4.778, 6]]"#, "[2.2, 4.8, 6]"),
            example(r#"["ceil", 2, 2.299]"#, "2.3"),
            example(r#"["ceil", 2.299]"#, "3"),
        ],
        body: Body::Eager(|_, args| rounded(Rounding::Up, args)),
        ..PLAIN
    },
    Function {
        name: "cos",
        area: AREA,
        params: NUMBERS,
        summary: "The cosine of angles in radians.",
        examples: &[example(r#"["cos", 0.0]"#, "1.0")],
        body: Body::Eager(|_, args| {
            each_number(&args[0], |number| Ok(through_float(number, f64::cos)))
        }),
        ..PLAIN
    },
    Function {
        name: "divide",
        area: AREA,
        params: &[one("DIVISOR", Kind::Value), one("DIVIDENDS", Kind::Value)],
        summary: "DIVIDENDS divided by DIVISOR; integers become decimals.",
        examples: &[
            example(r#"["divide", 2, ["list", 2, 4, 6]]"#, r#"["~f1", "~f2", "~f3"]"#),
            example(r#"["divide", 10, 20]"#, r#""~f2""#),
            example(r#"["divide", ["list", 2, 8], 3]"#, r#""~f1.5""#),
        ],
        body: Body::Eager(|_, args| mapped(Operation::Divide, args)),
        ..PLAIN
    },
    Function {
        name: "floor",
        area: AREA,
        params: ROUNDING,
        summary: "Numbers rounded down to DIGITS behind the decimal point; to integers if DIGITS \
                  is 0 or not given.",
        examples: &[
            example(r#"["floor", ["list", 2.2, 4.778, 6]]"#, "[2, 4, 6]"),
            example(r#"["floor", 1, ["list", 2.2, 4.778, 6]]"#, "[2.2, 4.7, 6]"),
            example(r#"["floor", 2, 2.299]"#, "2.29"),
            example(r#"["floor", 2.299]"#, "2"),
        ],
        body: Body::Eager(|_, args| rounded(Rounding::Down, args)),
        ..PLAIN
    },
    Function {
        name: "minus",
        area: AREA,
        params: &[one("DECREMENT", Kind::Value), one("VALUES", Kind::Value)],
        summary: "VALUES less DECREMENT.",
        examples: &[
            example(r#"["minus", 1, ["list", 1, 2, 3]]"#, "[0, 1, 2]"),
            example(r#"["minus", 10, 12]"#, "2"),
        ],
        body: Body::Eager(|_, args| mapped(Operation::Subtract, args)),
        ..PLAIN
    },
    Function {
        name: "mod",
        area: AREA,
        params: &[one("DIVISOR", Kind::Value), one("VALUES", Kind::Value)],
        summary: "The remainders of VALUES divided by DIVISOR, with the sign of DIVISOR.",
        examples: &[
            example(r#"["mod", 2, ["list", 2, 5, 6]]"#, "[0, 1, 0]"),
            example(r#"["mod", 3, 5]"#, "2"),
        ],
        body: Body::Eager(|_, args| mapped(Operation::Remainder, args)),
        ..PLAIN
    },
    Function {
        name: "multiply",
        area: AREA,
        params: &[one("MULTIPLIER", Kind::Value), one("VALUES", Kind::Value)],
        summary: "VALUES times MULTIPLIER.",
        examples: &[
            example(r#"["multiply", 2, ["list", 2, 4, 6]]"#, "[4, 8, 12]"),
            example(r#"["multiply", 10, 20]"#, "200"),
            example(r#"["multiply", 2.3, 2]"#, "4.6"),
        ],
        body: Body::Eager(|_, args| mapped(Operation::Multiply, args)),
        ..PLAIN
    },
    Function {
        name: "plus",
        area: AREA,
        params: &[one("INCREMENT", Kind::Value), one("VALUES", Kind::Value)],
        summary: "VALUES plus INCREMENT.",
        examples: &[
            example(r#"["plus", 10, ["list", 1, 2, 3]]"#, "[11, 12, 13]"),
            example(r#"["plus", 10, 10]"#, "20"),
        ],
        body: Body::Eager(|_, args| mapped(Operation::Add, args)),
        ..PLAIN
    },
    Function {
        name: "pow",
        area: AREA,
        params: &[one("EXPONENT", Kind::Value), one("VALUES", Kind::Value)],
        summary: "VALUES to the power of EXPONENT.",
        examples: &[
            example(r#"["pow", 2, ["list", 2, 5, 6]]"#, "[4, 25, 36]"),
            example(r#"["pow", 3, 10]"#, "1000"),
        ],
        body: Body::Eager(|_, args| mapped(Operation::Power, args)),
        ..PLAIN
    },
    Function {
        name: "round",
        area: AREA,
        params: ROUNDING,
        summary: "Numbers rounded to DIGITS behind the decimal point; to integers if DIGITS is 0 \
                  or not given. Halves go to the even neighbour.",
        examples: &[
            example(r#"["round", ["list", 2.2, 3.5, 4.5]]"#, "[2, 4, 4]"),
            example(r#"["round", 1, ["list", 2.2, 4.778, 6]]"#, "[2.2, 4.8, 6]"),
            example(r#"["round", 2, 2.299]"#, "2.3"),
            example(r#"["round", -4.5]"#, "-4"),
            example(r#"["round", -3.5]"#, "-4"),
        ],
        body: Body::Eager(|_, args| rounded(Rounding::HalfToEven, args)),
        ..PLAIN
    },
    Function {
        name: "sin",
        area: AREA,
        params: NUMBERS,
        summary: "The sine of angles in radians.",
        examples: &[example(r#"["sin", 0.0]"#, "0.0")],
        body: Body::Eager(|_, args| {
            each_number(&args[0], |number| Ok(through_float(number, f64::sin)))
        }),
        ..PLAIN
    },
    Function {
        name: "sqrt",
        area: AREA,
        params: NUMBERS,
        summary: "Square roots; null for negative numbers.",
        examples: &[
            example(r#"["sqrt", ["list", 4, 9, 16]]"#, "[2.0, 3.0, 4.0]"),
            example(r#"["sqrt", -2]"#, "null"),
            example(r#"["sqrt", 9.0]"#, "3.0"),
        ],
        body: Body::Eager(|_, args| each_number(&args[0], |number| Ok(square_root(number)?))),
        ..PLAIN
    },
    Function {
        name: "tan",
        area: AREA,
        params: NUMBERS,
        summary: "The tangent of angles in radians; null where it grows without bound.",
        examples: &[
            example(r#"["tan", 0.0]"#, "0.0"),
            example(r#"["tan", 1.5707963267948966]"#, "null"),
        ],
        body: Body::Eager(|_, args| {
            each_number(&args[0], |number| Ok(through_float(number, tangent)))
        }),
        ..PLAIN
    },
];

/// A tangent that has no value at odd multiples of half pi. Floats never hit
/// these exactly: as close as neighbouring floats are counts as there.
fn tangent(angle: f64) -> f64 {
    if angle.cos().abs() < 1e-15 * angle.abs().max(1.0) { f64::NAN } else { angle.tan() }
}

/// Two numbers in their natural order.
fn natural(operation: Operation, args: &[Value]) -> Result<Value, Fault> {
    let [left, right] = args else { return Ok(Value::Null) };
    Ok(calculate(operation, first(left), first(right))?)
}

/// The first argument applied to one or more values.
fn mapped(operation: Operation, args: &[Value]) -> Result<Value, Fault> {
    let [operand, values] = args else { return Ok(Value::Null) };
    let operand = first(operand);
    if !operand.is_number() {
        return Ok(Value::Null);
    }
    each_number(values, |number| Ok(calculate(operation, number, operand)?))
}

/// Applies a calculation to a number or to the numbers of a list. A number
/// for which there is no result gives null there; other values are left out.
fn each_number(
    values: &Value,
    calculation: impl Fn(&Value) -> Result<Value, Fault>,
) -> Result<Value, Fault> {
    try_spread(
        values,
        |value| {
            if value.is_number() { calculation(value).map(Some) } else { Ok(None) }
        },
    )
}

fn rounded(rounding: Rounding, args: &[Value]) -> Result<Value, Fault> {
    let (digits, values) = match args {
        [values] => (Some(0), values),
        [digits, values] => (integer(digits), values),
        _ => return Ok(Value::Null),
    };
    let Some(digits) = digits else { return Ok(Value::Null) };
    each_number(values, |number| Ok(round(number, digits, rounding)?))
}
