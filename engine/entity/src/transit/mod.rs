//! Transit JSON: how values are written in configuration and on the wire.
//!
//! JSON, with a mark in front of strings that stand for other types: `~f`
//! decimal, `~t` date or time, `~r` URI, `~u` UUID, `~b` base64, `~:`
//! namespaced identifier (documentation page
//! `hub/documentation/data-management/entity-data-model`). A marked string that does
//! not hold what its mark says, and any other mark, is an ordinary string.
//! There is no escape, so an ordinary string that looks marked reads back as
//! the typed value.

mod read;
mod stream;
mod write;

pub use read::{Everything, Objects, TransitError, Wanted, typed_string};
pub use stream::{Entities, StreamError};
pub(crate) use write::serialize_dict;
pub use write::{write, write_dict};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{Objects, Wanted};
    use crate::Value;

    fn round_trip(text: &str) {
        assert_eq!(Value::from_transit(text.as_bytes()).unwrap().to_transit(), text);
    }

    #[test]
    fn each_type_survives() {
        round_trip(
            r#"{"a":1,"b":-1.5,"c":"~f1.50","d":"~f0E-8","e":"~t2015-12-31","f":"~t2015-12-31T23:59:59.5Z","g":"~rhttp://x.example/","h":"~u6d9cc3c2-6c1f-4b3c-9d0b-1a2b3c4d5e6f","i":"~bYWJj","j":"~:crm:1","k":[null,true,false,[]],"l":{}}"#,
        );
        round_trip("123456789012345678901234567890");
        round_trip(r#""a \"quoted\" line\nand \u0001""#);
        round_trip("1.0");
        round_trip("1e+300");
    }

    #[test]
    fn both_ways_of_writing_give_the_same_text() {
        for text in [
            r#"{"a":1,"b":-1.5,"c":"~f1.50","d":"~f0E-8","e":"~t2015-12-31","f":"~t2015-12-31T23:59:59.5Z","g":"~rhttp://x.example/\"","h":"~u6d9cc3c2-6c1f-4b3c-9d0b-1a2b3c4d5e6f","i":"~bYWJj","j":"~:crm:\u0001","k":[null,true,false,[]],"l":{}}"#,
            "[0,9,10,-1,9223372036854775807,-9223372036854775808,123456789012345678901234567890]",
            "[1e300,1.0,-0.0,5e-324,0.1]",
        ] {
            let value = Value::from_transit(text.as_bytes()).unwrap();
            assert_eq!(value.to_transit(), serde_json::to_string(&value).unwrap());
        }
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        let value = Value::from(format!("x{all}\u{1F600}"));
        assert_eq!(value.to_transit(), serde_json::to_string(&value).unwrap());
        assert_eq!(Value::from_transit(value.to_transit().as_bytes()).unwrap(), value);
        assert_eq!(Value::Float(f64::NAN).to_transit(), "null");
    }

    #[test]
    fn properties_that_nobody_wants_are_left_out() {
        let mut objects = Objects::default();
        /// Names with an `a`, down to here.
        #[derive(Clone, Copy)]
        struct Names(usize);
        impl Wanted for Names {
            fn below(self, name: &str) -> Option<Names> {
                name.contains('a').then_some(Names(self.0.checked_sub(1)?))
            }
        }
        let mut read = |text: &str| {
            let value = objects.read(text.as_bytes(), Names(2));
            value.map(|value| value.to_transit()).map_err(|error| error.to_string())
        };
        let text = r#"{"x":{"y":[1,"\u00e5"]},"a":[{"b":"~f1.0","a":{"a":1}},2],"ab":1,"z":null} "#;
        assert_eq!(read(text), Ok(r#"{"a":[{"a":{}},2],"ab":1}"#.into()));
        assert_eq!(read("[1]"), Ok("[1]".into()));
        // What is left out must be JSON all the same.
        for text in [r#"{"x":nope}"#, r#"{"x":{"y":[1,]}}"#, r#"{"x":1"#, r#"{"x":1} 2"#] {
            let why = Value::from_transit(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(read(text), Err(why));
        }
        assert!(read(&format!(r#"{{"x":{}}}"#, "[".repeat(100_000))).is_err());
    }

    #[test]
    fn what_its_mark_does_not_fit_stays_a_string() {
        for text in ["~fabc", "~tyesterday", "~u123", "~b!", "~x", "~", "~~", "~f1E999999999"] {
            let json = format!("{text:?}");
            assert_eq!(Value::from_transit(json.as_bytes()).unwrap(), Value::from(text));
        }
    }

    #[test]
    fn plain_json_has_no_marks() {
        let text = br#"{"a":["~rhttp://x.example/",123456789012345678901234567890,"~f1"]}"#;
        let value = Value::from_plain_json(text).unwrap();
        let items = value.as_dict().unwrap()["a"].as_list().unwrap();
        assert_eq!(items[0], Value::from("~rhttp://x.example/"));
        assert!(matches!(items[1], Value::BigInt(_)));
        assert_eq!(items[2], Value::from("~f1"));
        assert!(Value::from_plain_json(b"NaN").is_err());
    }

    #[test]
    fn errors_say_where() {
        let error = Value::from_transit(b"{\"a\": 1,\n \"b\": nope}").unwrap_err();
        assert_eq!((error.line, error.column), (2, 8));
        assert!(Value::from_transit(b"1 2").is_err());
        assert!(Value::from_transit(b"").is_err());
    }

    #[test]
    fn numbers_beyond_floats_are_decimals() {
        let value = Value::from_transit(b"[1e400, -12.5E+1000]").unwrap();
        let items = value.as_list().unwrap();
        assert!(items.iter().all(|item| matches!(item, Value::Decimal(_))), "{items:?}");
        assert_eq!(Value::from_transit(value.to_transit().as_bytes()).unwrap(), value);
        let error = Value::from_transit(b"1e999999999999").unwrap_err();
        assert_eq!(error.what, "a number is too large");
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        let text = "[".repeat(100_000);
        assert!(Value::from_transit(text.as_bytes()).is_err());
    }

    #[test]
    fn the_last_of_two_equal_names_wins() {
        let value = Value::from_transit(br#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(value.to_transit(), r#"{"a":2}"#);
    }

    #[test]
    fn json_values_convert_both_ways() {
        let json = serde_json::json!({"a": [1, 1.5, "~f2"], "n": null});
        let value = Value::from_json(&json);
        assert_eq!(value.to_transit(), json.to_string());
        assert_eq!(value.to_json(), json);
        assert_eq!(serde_json::to_string(&value).unwrap(), json.to_string());
    }
}
