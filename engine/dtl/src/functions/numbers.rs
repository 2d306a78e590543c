//! Numbers and their types (documentation page `hub/dtl/dtl-functions-numbers`).

use pipewright_entity::Value;

use super::args::{first, spread};
use super::casts::cast;
use super::{Body, Function, Kind, PLAIN, Param, example, one, optional};
use crate::compute::number_text;

const AREA: &str = "numbers";

const CAST: &[Param] = &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "decimal",
        area: AREA,
        params: CAST,
        summary: "Values as decimals, numbers of any precision. What does not convert is left \
                  out, or replaced by FUNCTION if that is given.",
        examples: &[
            example(r#"["decimal", "1.0"]"#, r#""~f1.0""#),
            example(
                r#"["decimal", ["list", "1.0", "~rhttp://www.example.org/", 2.2, "one"]]"#,
                r#"["~f1.0", "~f2.2"]"#,
            ),
            example(
                r#"["decimal", ["boolean", false], ["list", "1.0", 2.1, "~rhttp://www.example.org/", "124.4", "FALSE"]]"#,
                r#"["~f1.0", "~f2.1", false, "~f124.4", false]"#,
            ),
            example(
                r#"["decimal", ["string", "n/a"], ["list", "1.0", 2.5, "~rhttp://www.example.org/", "124.4"]]"#,
                r#"["~f1.0", "~f2.5", "n/a", "~f124.4"]"#,
            ),
            example(
                r#"["decimal", ["string", "_."], ["list", "1.0", "~rhttp://www.example.org/", "2.5"]]"#,
                r#"["~f1.0", "http://www.example.org/", "~f2.5"]"#,
            ),
        ],
        body: Body::Lazy(|eval, args| cast(eval, args, number_text::decimal)),
        ..PLAIN
    },
    Function {
        name: "float",
        area: AREA,
        params: CAST,
        summary: "Values as floats, IEEE 754 numbers of 64 bits. Decimals can lose precision. \
                  What does not convert is left out, or replaced by FUNCTION if that is given.",
        examples: &[
            example(r#"["float", "1.0"]"#, "1.0"),
            example(
                r#"["float", ["list", "1.0", "~rhttp://www.example.org/", 2.2, "one"]]"#,
                "[1.0, 2.2]",
            ),
            example(
                r#"["float", ["boolean", false], ["list", "1.0", 2.1, "~rhttp://www.example.org/", "124.4", "FALSE"]]"#,
                "[1.0, 2.1, false, 124.4, false]",
            ),
            example(
                r#"["float", ["string", "n/a"], ["list", "1.0", 2.0, "~rhttp://www.example.org/", "124.4"]]"#,
                r#"[1.0, 2.0, "n/a", 124.4]"#,
            ),
            example(
                r#"["float", ["string", "_."], ["list", "1.0", 2.0, "~rhttp://www.example.org/", "2.5"]]"#,
                r#"[1.0, 2.0, "http://www.example.org/", 2.5]"#,
            ),
        ],
        body: Body::Lazy(|eval, args| cast(eval, args, number_text::float)),
        ..PLAIN
    },
    Function {
        name: "hex",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Integers in hexadecimal, in the fewest whole bytes of two's complement. What is \
                  no integer is left out.",
        examples: &[
            example(r#"["hex", 1]"#, r#""0x01""#),
            example(r#"["hex", 255]"#, r#""0x00ff""#),
            example(r#"["hex", -1]"#, r#""0xff""#),
            example(
                r#"["hex", ["list", 1, "~rhttp://www.example.org/", 124.4, 12345]]"#,
                r#"["0x01", "0x3039"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            Ok(spread(&args[0], |value| number_text::hex(value).map(Value::from)))
        }),
        ..PLAIN
    },
    Function {
        name: "integer",
        area: AREA,
        params: CAST,
        summary: "Values as integers; fractions of numbers are cut off. A string that begins with \
                  0x is hexadecimal in two's complement. What does not convert is left out, or \
                  replaced by FUNCTION if that is given.",
        examples: &[
            example(r#"["integer", "1"]"#, "1"),
            example(
                r#"["integer", ["list", "1", "~rhttp://www.example.org/", 124.4, 12345]]"#,
                "[1, 124, 12345]",
            ),
            example(
                r#"["integer", ["integer", 0], ["list", "1", "~rhttp://www.example.org/", "10^2", 12345]]"#,
                "[1, 0, 0, 12345]",
            ),
            example(
                r#"["integer", ["string", "n/a"], ["list", "1", "~rhttp://www.example.org/", "10^2", 12345]]"#,
                r#"[1, "n/a", "n/a", 12345]"#,
            ),
            example(
                r#"["integer", ["string", "_."], ["list", "1", "~rhttp://www.example.org/", "10^2", 12345]]"#,
                r#"[1, "http://www.example.org/", "10^2", 12345]"#,
            ),
            example(r#"["integer", "0x00ff"]"#, "255"),
            example(r#"["integer", "0xff"]"#, "-1"),
        ],
        body: Body::Lazy(|eval, args| cast(eval, args, number_text::integer)),
        ..PLAIN
    },
    Function {
        name: "is-decimal",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a decimal.",
        examples: &[
            example(r#"["is-decimal", 1.0]"#, "false"),
            example(r#"["is-decimal", ["decimal", "1.23"]]"#, "true"),
            example(r#"["is-decimal", 1]"#, "false"),
            example(r#"["is-decimal", ["list", 1.0, "12345"]]"#, "false"),
            example(r#"["is-decimal", ["list", "1.0", 2.0]]"#, "false"),
            example(r#"["is-decimal", ["list", ["decimal", "-1.0"], 1234]]"#, "true"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Decimal(_))))),
        ..PLAIN
    },
    Function {
        name: "is-float",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a float.",
        examples: &[
            example(r#"["is-float", 1.0]"#, "true"),
            example(r#"["is-float", ["decimal", "1.23"]]"#, "false"),
            example(r#"["is-float", 1]"#, "false"),
            example(r#"["is-float", ["list", 1.0, "12345"]]"#, "true"),
            example(r#"["is-float", ["list", "1.0", 2.0]]"#, "false"),
            example(r#"["is-float", ["list", ["decimal", "-1.0"], 123.4]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Float(_))))),
        ..PLAIN
    },
    Function {
        name: "is-integer",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is an integer.",
        examples: &[
            example(r#"["is-integer", 1]"#, "true"),
            example(r#"["is-integer", "1"]"#, "false"),
            example(r#"["is-integer", ["list", 1, "12345"]]"#, "true"),
            example(r#"["is-integer", ["list", "1", 2]]"#, "false"),
            example(r#"["is-integer", ["list", ["integer", "1"], 2]]"#, "true"),
        ],
        body: Body::Eager(|_, args| {
            Ok(Value::Bool(matches!(first(&args[0]), Value::Int(_) | Value::BigInt(_))))
        }),
        ..PLAIN
    },
];
