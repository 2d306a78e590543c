#![no_main]
//! The binary form.

use arbitrary::Unstructured;
use libfuzzer_sys::fuzz_target;
use pipewright_entity::{Entity, Value, binary};
use pipewright_fuzz::{count, value};

fuzz_target!(|data: &[u8]| {
    let mut u = Unstructured::new(data);
    if let Ok(true) = u.ratio(7, 8) {
        let Ok(json) = value(&mut u, 6) else { return };
        let value = Value::from_json(&json);
        let mut bytes = Vec::new();
        binary::write(&value, &mut bytes);
        assert_eq!(binary::read(&bytes).as_ref(), Ok(&value));
        if let Ok(entity) = Entity::from_value(value) {
            let again = Entity::from_bytes(&entity.to_bytes());
            assert_eq!(again.as_ref().map(Entity::content_hash), Ok(entity.content_hash()));
        }
        // Some bytes of it changed.
        let length = bytes.len();
        for _ in 0..u.int_in_range(0_usize..=4).unwrap_or(0).saturating_sub(2) {
            let at = u.int_in_range(0..=length - 1).unwrap_or(0);
            bytes[at] = u.arbitrary().unwrap_or(0);
        }
        return read(&bytes);
    }
    read(u.take_rest());
});

/// Whatever can be read is written and read again as the same.
fn read(bytes: &[u8]) {
    let _ = Entity::from_bytes(bytes);
    let value = binary::read(bytes);
    count(value.is_ok());
    let Ok(value) = value else { return };
    let mut written = Vec::new();
    binary::write(&value, &mut written);
    assert_eq!(binary::read(&written).as_ref(), Ok(&value));
    let _ = value.to_transit();
    let _ = value.key();
}
