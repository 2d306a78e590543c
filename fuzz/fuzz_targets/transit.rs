#![no_main]
//! Transit JSON.

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use pipewright_entity::Value;
use pipewright_entity::transit::{Everything, Objects, Wanted};
use pipewright_fuzz::{count, value};

/// Leaves out every property with a name of odd length.
#[derive(Clone, Copy)]
struct Even;

impl Wanted for Even {
    fn below(self, name: &str) -> Option<Even> {
        name.len().is_multiple_of(2).then_some(Even)
    }
}

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    let text = match u.ratio(7, 8) {
        Ok(true) => match value(&mut u, 6) {
            Ok(json) => json.to_string().into_bytes(),
            Err(_) => return,
        },
        _ => u.take_rest().to_vec(),
    };
    let read = Value::from_transit(&text);
    let other = Objects::default().read(&text, Everything);
    count(read.is_ok());
    match (&read, &other) {
        (Ok(one), Ok(two)) => assert_eq!(one, two),
        (one, two) => assert_eq!(one.is_err(), two.is_err(), "{one:?} {two:?}"),
    }
    let _ = Value::from_plain_json(&text);
    let _ = Objects::default().read(&text, Even);
    let Ok(value) = read else { return };
    let written = value.to_transit();
    assert_eq!(written, serde_json::to_string(&value).unwrap_or_default());
    let again = Value::from_transit(written.as_bytes());
    assert_eq!(again.as_ref(), Ok(&value));
    assert!(value.same(&value));
});
