//! Properties that hold for every value.
#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use pipewright_entity::{DateTime, Dict, Entity, Text, Value, binary};
use proptest::prelude::*;
use uuid::Uuid;

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        (-3i64..4).prop_map(Value::Int),
        any::<i64>().prop_map(Value::Int),
        any::<[u8; 12]>().prop_map(|b| Value::integer(BigInt::from_signed_bytes_be(&b))),
        (-3i64..4).prop_map(|n| Value::Float(n as f64 / 2.0)),
        any::<f64>().prop_map(Value::Float),
        (any::<i32>(), -12i64..13).prop_map(|(d, s)| Value::decimal(BigDecimal::new(d.into(), s))),
        (-20i64..20, 0i64..3).prop_map(|(d, s)| Value::decimal(BigDecimal::new(d.into(), s))),
    ]
}

fn time() -> impl Strategy<Value = DateTime> {
    (-62_135_596_800i64..253_402_300_800, 0i32..1_000_000_000, any::<bool>()).prop_map(
        |(s, n, date)| {
            let at = i128::from(s) * 1_000_000_000 + i128::from(n);
            let time = DateTime::from_nanosecond(at).unwrap();
            if date { DateTime::from_date(time.utc().date()).unwrap() } else { time }
        },
    )
}

fn text() -> impl Strategy<Value = Text> {
    // A leading ~ has no escape in transit JSON: such a string reads back as
    // what it looks like.
    "[^~]{0,3}|[a-c]".prop_map(Text::from)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        time().prop_map(Value::DateTime),
        any::<u128>().prop_map(|n| Value::Uuid(Uuid::from_u128(n))),
        text().prop_map(Value::Ni),
        text().prop_map(Value::Uri),
        text().prop_map(Value::String),
        any::<Vec<u8>>().prop_map(Value::bytes),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::list),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|members| Value::dict(members.into_iter().collect::<Dict>())),
        ]
    })
}

fn has_unwritable_float(value: &Value) -> bool {
    match value {
        Value::Float(number) => !number.is_finite(),
        Value::List(items) => items.iter().any(has_unwritable_float),
        Value::Dict(dict) => dict.values().any(has_unwritable_float),
        _ => false,
    }
}

proptest! {
    #[test]
    fn binary_gives_back_the_same_value(value in value()) {
        let mut bytes = Vec::new();
        binary::write(&value, &mut bytes);
        prop_assert_eq!(binary::read(&bytes).unwrap(), value);
    }

    #[test]
    fn binary_never_panics(bytes in any::<Vec<u8>>()) {
        let _ = binary::read(&bytes);
        let _ = Entity::from_bytes(&bytes);
    }

    #[test]
    fn transit_gives_back_the_same_value(value in value()) {
        prop_assume!(!has_unwritable_float(&value));
        prop_assert_eq!(Value::from_transit(value.to_transit().as_bytes()).unwrap(), value);
    }

    #[test]
    fn the_order_is_total(a in value(), b in value(), c in value()) {
        prop_assert_eq!(a.compare(&a), Ordering::Equal);
        prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
        if a.compare(&b).is_le() && b.compare(&c).is_le() {
            prop_assert!(a.compare(&c).is_le());
        }
    }

    #[test]
    fn numbers_order_totally(a in number(), b in number(), c in number()) {
        prop_assert_eq!(a.compare(&b), b.compare(&a).reverse());
        if a.compare(&b).is_le() && b.compare(&c).is_le() {
            prop_assert!(a.compare(&c).is_le());
        }
        prop_assert_eq!(a.same(&b), a.key() == b.key(), "{:?} {:?}", a, b);
    }

    #[test]
    fn keys_are_the_equality_classes(a in value(), b in value()) {
        prop_assert_eq!(a.same(&b), a.key() == b.key());
        prop_assert_eq!(a.key(), a.clone().key());
    }

    #[test]
    fn the_hash_does_not_see_key_order_nor_reserved_properties(
        members in prop::collection::vec(("[a-d]{1,2}", value()), 0..5)
    ) {
        let forward: Dict = members.iter().map(|(k, v)| (Text::from(k.as_str()), v.clone())).collect();
        let mut backward: Dict = forward.iter().rev().map(|(k, v)| (k.clone(), v.clone())).collect();
        let entity = |mut dict: Dict| {
            dict.insert("_id".into(), "x".into());
            Entity::from_dict(dict).unwrap()
        };
        backward.insert("_ts".into(), Value::Int(7));
        prop_assert_eq!(entity(forward).content_hash(), entity(backward).content_hash());
    }

    /// What an encoder and a decoder remember of one entity does not show in the next.
    #[test]
    fn entities_one_after_the_other_are_as_alone(
        all in prop::collection::vec(
            prop::collection::vec(("_?[a-c]{1,2}|_deleted", value()), 0..5), 1..6,
        )
    ) {
        let (mut encoder, mut decoder) = (binary::Encoder::default(), binary::Decoder::default());
        for members in all {
            let mut dict: Dict = members.into_iter().map(|(k, v)| (Text::from(k), v)).collect();
            dict.insert("_id".into(), "x".into());
            let entity = Entity::from_dict(dict).unwrap();
            let mut bytes = Vec::new();
            prop_assert_eq!(encoder.content(&entity, &mut bytes), entity.content_hash());
            prop_assert_eq!(&bytes, &entity.content().to_bytes());
            prop_assert_eq!(decoder.entity(&bytes).unwrap(), entity.content());
        }
    }
}

#[test]
fn one_is_one_whatever_its_type() {
    let decimal = |text| Value::decimal(BigDecimal::from_str(text).unwrap());
    let ones = [Value::Int(1), Value::Float(1.0), decimal("1"), decimal("1.00"), decimal("1E0")];
    for a in &ones {
        for b in &ones {
            assert!(a.same(b));
            assert_eq!(a.key(), b.key());
        }
    }
    assert!(Value::Float(0.1).same(&decimal("0.1")));
    assert!(!Value::Int(1).same(&Value::Bool(true)));
    assert!(!Value::Int(1).same(&Value::from("1")));
    let huge = Value::integer(BigInt::from(10).pow(30));
    assert!(huge.same(&decimal("1E30")) && huge.same(&Value::Float(1e30)));
}

#[test]
fn a_huge_exponent_costs_nothing() {
    let huge = Value::decimal(BigDecimal::new(1.into(), -1_000_000_000_000));
    assert_eq!(huge.compare(&Value::Int(5)), Ordering::Greater);
    assert_ne!(huge.key(), Value::Int(5).key());
}

#[test]
fn types_order_as_documented() {
    let ascending = [
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::Float(f64::NEG_INFINITY),
        Value::Int(-5),
        Value::Float(2.5),
        Value::integer(BigInt::from(10).pow(30)),
        Value::DateTime("2015-12-31".parse().unwrap()),
        Value::Uuid(Uuid::nil()),
        Value::Ni("a:b".into()),
        Value::Uri("http://a.example".into()),
        Value::from("a"),
        Value::from("b"),
        Value::dict(Dict::default()),
        Value::list([Value::Int(1)]),
        Value::bytes(vec![0]),
    ];
    for pair in ascending.windows(2) {
        assert_eq!(pair[0].compare(&pair[1]), Ordering::Less, "{pair:?}");
    }
}

#[test]
fn deleting_and_content_change_the_hash_and_nothing_else_does() {
    let entity = Entity::new("1").with("name", "Ada");
    let hash = entity.content_hash();
    assert_eq!(hash.to_string().len(), 32);
    assert_eq!(entity.clone().with("_updated", 3i64).content_hash(), hash);
    assert_eq!(entity.clone().with("_deleted", false).content_hash(), hash);
    assert_ne!(entity.clone().with("_deleted", true).content_hash(), hash);
    assert_ne!(entity.clone().with("$ids", Value::list([])).content_hash(), hash);
    assert_ne!(entity.with("name", "Eve").content_hash(), hash);
}
