//! JSON as the functions `json`, `json-transit` and `string` write it: a space
//! after every comma and colon, properties ordered by name, no escapes for
//! characters outside ASCII.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bigdecimal::BigDecimal;
use pipewright_entity::{Text, Value, format_text, number};

/// Whether values that JSON has no type for carry their transit mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    Plain,
    Transit,
}

/// A value as JSON text.
pub(crate) fn json(value: &Value, marks: Marks) -> String {
    let mut out = String::new();
    write(value, marks, &mut out);
    out
}

fn write(value: &Value, marks: Marks, out: &mut String) {
    let mut typed = |mark: &str, text: &str| match marks {
        Marks::Plain => quoted(text, out),
        Marks::Transit => quoted(&format!("~{mark}{text}"), out),
    };
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::BigInt(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float_text(*number)),
        Value::Decimal(number) if marks == Marks::Plain => out.push_str(&decimal_text(number)),
        Value::Decimal(number) => typed("f", &number::decimal_text(number)),
        Value::DateTime(value) => typed("t", &value.to_string()),
        Value::Uuid(value) => typed("u", &value.to_string()),
        Value::Ni(text) => typed(":", text),
        Value::Uri(text) => typed("r", text),
        Value::Bytes(bytes) => typed("b", &STANDARD.encode(bytes.as_slice())),
        Value::String(text) => quoted(text, out),
        Value::Dict(dict) => {
            let mut properties: Vec<_> = dict.iter().collect();
            properties.sort_unstable_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (at, (name, value)) in properties.into_iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                quoted(name, out);
                out.push_str(": ");
                write(value, marks, out);
            }
            out.push('}');
        }
        Value::List(items) | Value::Tuple(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write(item, marks, out);
            }
            out.push(']');
        }
    }
}

fn quoted(text: &str, out: &mut String) {
    // Text always is a JSON string.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// A value as the `string` function writes it: dicts and lists as plain JSON,
/// bytes read as UTF-8. None for null, and for bytes that are no text.
pub(crate) fn text(value: &Value) -> Option<Text> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) | Value::Uri(text) | Value::Ni(text) => text.clone(),
        Value::DateTime(value) => format_text!("{value}"),
        Value::Uuid(value) => format_text!("{value}"),
        Value::Bytes(bytes) => Text::new(std::str::from_utf8(bytes).ok()?),
        other => Text::from(json(other, Marks::Plain)),
    })
}

/// The shortest text that reads back as the same float; always with a point
/// or an exponent, so that it stays a float. `null` if it is not finite.
fn float_text(number: f64) -> String {
    // The same writer as for transit JSON.
    serde_json::to_string(&number).unwrap_or_default()
}

/// All digits of a decimal, without an exponent (changelog of the `string`
/// function: `1E2` is written `100`).
fn decimal_text(number: &BigDecimal) -> String {
    let (digits, scale) = number.as_bigint_and_scale();
    if scale.unsigned_abs() > number::MAX_EXPONENT.unsigned_abs() * 2 {
        return number::decimal_text(number);
    }
    match digits.sign() {
        // Plain text would lose the point of a zero with digits behind it.
        num_bigint::Sign::NoSign if scale <= 0 => "0".to_owned(),
        _ => number.to_plain_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn v(text: &str) -> Value {
        Value::from_transit(text.as_bytes()).unwrap()
    }

    const ALL: &str = r#"{"z": [1, 2.5, "~f1E2", "~:a:b"], "a": {"u": "~rhttp://x.example/",
        "t": "~t2015-07-28T09:46:00Z", "b": "~bYWJj", "q": "å\"\n", "n": null, "y": true}}"#;

    #[test]
    fn plain() {
        assert_eq!(
            json(&v(ALL), Marks::Plain),
            r#"{"a": {"b": "YWJj", "n": null, "q": "å\"\n", "t": "2015-07-28T09:46:00Z", "u": "http://x.example/", "y": true}, "z": [1, 2.5, 100, "a:b"]}"#
        );
    }

    #[test]
    fn transit_reads_back() {
        let text = json(&v(ALL), Marks::Transit);
        assert_eq!(v(&text), v(ALL));
        assert!(text.starts_with(r#"{"a": {"b": "~bYWJj", "n": null"#));
    }

    #[test]
    fn texts() {
        for (value, expected) in [
            ("1", "1"),
            ("1.0", "1.0"),
            ("1e300", "1e+300"),
            ("true", "true"),
            (r#""~f1E2""#, "100"),
            (r#""~f1E-3""#, "0.001"),
            (r#""~f-12.50""#, "-12.50"),
            (r#""~f0E+5""#, "0"),
            (r#""~bw6U=""#, "å"),
            (r#""~u9f598f65-eea5-4906-a8f5-82f6d8e69726""#, "9f598f65-eea5-4906-a8f5-82f6d8e69726"),
            (r#""~t2015-12-31""#, "2015-12-31"),
            (r#"[1, "a"]"#, r#"[1, "a"]"#),
        ] {
            assert_eq!(text(&v(value)).as_deref(), Some(expected));
        }
        assert_eq!(text(&Value::Null), None);
        assert_eq!(text(&Value::bytes(vec![0xff])), None);
    }
}
