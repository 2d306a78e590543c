//! Phone numbers (documentation page `hub/dtl/dtl-functions-phonenumbers`).
//!
//! The rules of the world's numbering plans are large: without the feature
//! `phonenumbers` the functions are described, and fail when they run.

use pipewright_entity::Value;

use super::{Body, Feature, Function, Kind, PLAIN, example, one, optional};
use crate::Fault;

const AREA: &str = "phonenumbers";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "phonenumber-format",
        area: AREA,
        feature: Some(Feature::PhoneNumbers),
        params: &[one("FORMAT_STRING", Kind::String), one("VALUES", Kind::Value)],
        summary: "Phone numbers (URIs that begin with tel:) as strings. FORMAT_STRING is e164 \
                  (without plus sign), rfc3966, national, international, national-e164 (only the \
                  digits dialled in the country), isocode (the country) or country-code. What is \
                  no phone number is left out.",
        examples: &[
            example(
                r#"["phonenumber-format", "e164", "~rtel:+47-22-22-22-22"]"#,
                r#""4722222222""#,
            ),
            example(
                r#"["phonenumber-format", "national-e164", "~rtel:+47-22-22-22-22"]"#,
                r#""22222222""#,
            ),
            example(
                r#"["phonenumber-format", "national", "~rtel:+47-22-22-22-22"]"#,
                r#""22 22 22 22""#,
            ),
            example(
                r#"["phonenumber-format", "international", "~rtel:+47-22-22-22-22"]"#,
                r#""+47 22 22 22 22""#,
            ),
            example(
                r#"["phonenumber-format", "rfc3966", "~rtel:+47-22-22-22-22"]"#,
                r#""tel:+47-22-22-22-22""#,
            ),
            example(r#"["phonenumber-format", "isocode", "~rtel:+47-22-22-22-22"]"#, r#""NO""#),
            example(
                r#"["phonenumber-format", "country-code", "~rtel:+47-22-22-22-22"]"#,
                r#""47""#,
            ),
            example(
                r#"["phonenumber-format", "e164", ["list", "~rtel:+47-22-22-22-22", "~rtel:+47-22-22-55-55"]]"#,
                r#"["4722222222", "4722225555"]"#,
            ),
        ],
        body: Body::Eager(|_, args| plans::format(args)),
        ..PLAIN
    },
    Function {
        name: "phonenumber-parse",
        area: AREA,
        feature: Some(Feature::PhoneNumbers),
        params: &[optional("DEFAULT_REGION", Kind::String), one("VALUES", Kind::Value)],
        summary: "Strings and integers as phone numbers, which are URIs such as \
                  tel:+47-22-22-22-22. A number without country code belongs to DEFAULT_REGION, \
                  such as NO. What is no valid phone number is left out.",
        examples: &[
            example(r#"["phonenumber-parse", "+4722222222"]"#, r#""~rtel:+47-22-22-22-22""#),
            example(r#"["phonenumber-parse", "NO", "22225555"]"#, r#""~rtel:+47-22-22-55-55""#),
            example(
                r#"["phonenumber-parse", "NO", ["list", "22222222", "22225555"]]"#,
                r#"["~rtel:+47-22-22-22-22", "~rtel:+47-22-22-55-55"]"#,
            ),
        ],
        body: Body::Eager(|_, args| plans::parse(args)),
        ..PLAIN
    },
];

#[cfg(feature = "phonenumbers")]
mod plans {
    use pipewright_entity::{Text, format_text};
    use rlibphonenumber::enums::Region;
    use rlibphonenumber::{PhoneNumber, PhoneNumberFormat};

    use super::super::args::{spread, string};
    use super::{Fault, Value};

    /// Longer texts are no phone numbers.
    const LONGEST: usize = 250;

    pub(super) fn parse(args: &[Value]) -> Result<Value, Fault> {
        let (region, values) = match args {
            [values] => (None, values),
            [region, values] => (string(region), values),
            _ => return Ok(Value::Null),
        };
        let region = region.and_then(|code| Region::from_code(code).ok());
        Ok(spread(values, |value| {
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Int(number) => format_text!("{number}"),
                _ => return None,
            };
            let number = number(&text, region).filter(PhoneNumber::is_valid)?;
            Some(Value::Uri(Text::new(number.format_as(PhoneNumberFormat::RFC3966))))
        }))
    }

    fn number(text: &str, region: Option<Region>) -> Option<PhoneNumber> {
        if text.len() > LONGEST { None } else { PhoneNumber::parse(text, region).ok() }
    }

    pub(super) fn format(args: &[Value]) -> Result<Value, Fault> {
        let [form, values] = args else { return Ok(Value::Null) };
        let form: fn(&PhoneNumber) -> Option<Text> = match string(form) {
            Some("e164") => |number| {
                let text = number.format_as(PhoneNumberFormat::E164);
                Some(Text::new(text.trim_start_matches('+')))
            },
            Some("rfc3966") => |number| Some(number.format_as(PhoneNumberFormat::RFC3966).into()),
            Some("national") => |number| Some(number.format_as(PhoneNumberFormat::National).into()),
            Some("international") => {
                |number| Some(number.format_as(PhoneNumberFormat::International).into())
            }
            Some("national-e164") => |number| Some(number.get_national_significant_number().into()),
            Some("isocode") => |number| {
                let region = number.get_region_code().filter(|region| *region != Region::World)?;
                Some(format_text!("{region}"))
            },
            Some("country-code") => |number| Some(format_text!("{}", number.country_code)),
            _ => {
                return Err(Fault::failed(
                    "the form of a phone number is \"e164\", \"rfc3966\", \"national\", \
                     \"international\", \"national-e164\", \"isocode\" or \"country-code\"",
                ));
            }
        };
        Ok(spread(values, |value| match value {
            Value::Uri(uri) if uri.starts_with("tel:") => {
                form(&number(uri, None)?).map(Value::String)
            }
            _ => None,
        }))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn parsed(region: &str, value: impl Into<Value>) -> Value {
            parse(&[Value::from(region), value.into()]).unwrap_or(Value::Null)
        }

        fn formatted(form: &str, uri: &str) -> Value {
            format(&[Value::from(form), Value::Uri(uri.into())]).unwrap_or(Value::Null)
        }

        #[test]
        fn numbers_of_several_countries() {
            let uri = |text: &str| Value::Uri(text.into());
            assert_eq!(parsed("NO", 22_225_555), uri("tel:+47-22-22-55-55"));
            assert_eq!(parsed("gb", "020 7946 0018"), uri("tel:+44-20-7946-0018"));
            assert_eq!(parsed("NO", "+1 (650) 253-0000"), uri("tel:+1-650-253-0000"));
            for (region, none) in [("NO", "123"), ("NO", "abc"), ("XX", "22225555"), ("", "")] {
                assert_eq!(parsed(region, none), Value::Null, "{region} {none}");
            }
            assert_eq!(parsed("NO", "2".repeat(100_000)), Value::Null);
        }

        #[test]
        fn forms() {
            // Italian numbers keep their zero.
            assert_eq!(formatted("national-e164", "tel:+39-02-1234-5678"), "0212345678".into());
            assert_eq!(formatted("isocode", "tel:+800-1234-5678"), Value::Null);
            assert_eq!(formatted("e164", "http://example.org/"), Value::Null);
            assert!(format(&[Value::from("short"), Value::Null]).is_err());
        }
    }
}

#[cfg(not(feature = "phonenumbers"))]
mod plans {
    use super::{Fault, Value};

    pub(super) fn parse(_: &[Value]) -> Result<Value, Fault> {
        Err(Fault::failed("this build of Pipewright does not know phone numbers"))
    }

    pub(super) use parse as format;
}
