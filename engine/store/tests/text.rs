//! Full text: whatever the index does, a search finds what looking through the
//! log would.
#![allow(clippy::unwrap_used)]

mod common;

use common::{entity, open};
use pipewright_entity::{Entity, Text};
use pipewright_store::{Compaction, Query, Reader, Store, Write};
use proptest::prelude::*;

/// The ids of what is found by the index, and behind it by looking.
fn found(reader: &Reader, typed: &str) -> Vec<Text> {
    let query = Query::parse(typed).unwrap();
    let text = reader.full_text("d").unwrap().unwrap();
    let mut ids = Vec::new();
    let mut since = None;
    if let Some(candidates) = reader.candidates(&query).unwrap() {
        let mut from = 0;
        loop {
            let places = from..text.built;
            let page = reader.candidates_in("d", &candidates, places, 3).unwrap();
            let Some(last) = page.last() else { break };
            from = last.updated + 1;
            let fits = page.into_iter().filter(|version| query.fits(&version.entity));
            ids.extend(fits.map(|version| version.entity.id().clone()));
        }
        since = text.built.checked_sub(1);
    }
    let select = pipewright_store::Select { deleted: false, ..Default::default() };
    for version in reader.changes("d", since, None, select).unwrap() {
        let version = version.unwrap();
        if query.fits(&version.entity) {
            ids.push(version.entity.id().clone());
        }
    }
    ids
}

/// The ids of what is found by looking alone.
fn looked(reader: &Reader, typed: &str) -> Vec<Text> {
    let query = Query::parse(typed).unwrap();
    let versions = reader.current("d").unwrap().map(Result::unwrap);
    versions
        .filter(|version| query.fits(&version.entity))
        .map(|version| version.entity.id().clone())
        .collect()
}

fn index(store: &Store) {
    while store.index_text("d").unwrap() {}
}

fn put(store: &Store, writes: impl IntoIterator<Item = Write>) {
    let mut batch = store.batch(1);
    writes.into_iter().for_each(|write| batch.append("d", write));
    store.commit(batch).unwrap();
}

#[test]
fn words_are_found_by_the_index_and_behind_it() {
    let (_dir, store) = open();
    put(&store, [entity(r#"{"_id":"a","name":"Ånn Doe"}"#).into()]);
    assert_eq!(store.reader().unwrap().full_text("d").unwrap(), None);
    // Off: there is nothing to do.
    assert!(!store.index_text("d").unwrap());

    store.set_full_text("d", true).unwrap();
    index(&store);
    let built = |store: &Store| store.reader().unwrap().full_text("d").unwrap().unwrap().built;
    assert_eq!(built(&store), 1);
    put(&store, [entity(r#"{"_id":"b","name":"John Doe"}"#).into()]);
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, "doe"), ["a", "b"]);
    assert_eq!(found(&reader, "ann"), ["a"]);

    // What is superseded or deleted goes at once, before the index follows.
    put(&store, [entity(r#"{"_id":"a","name":"Ann Roe"}"#).into(), Write::delete("b")]);
    assert_eq!(built(&store), 1);
    let query = Query::parse("doe").unwrap();
    let reader = store.reader().unwrap();
    let candidates = reader.candidates(&query).unwrap().unwrap();
    assert!(reader.candidates_in("d", &candidates, 0..10, 10).unwrap().is_empty());
    assert_eq!(found(&reader, "roe"), ["a"]);
    index(&store);
    assert_eq!(built(&store), 4);
    assert_eq!(found(&store.reader().unwrap(), "roe doe"), ["a"]);
}

#[test]
fn a_dataset_made_anew_is_indexed_anew_and_the_old_rows_go() {
    let (_dir, store) = open();
    let many = |name: &'static str| {
        (0..5_000).map(move |n| Write::new(Entity::new(n.to_string()).with("name", name)))
    };
    put(&store, many("old"));
    store.set_full_text("d", true).unwrap();
    index(&store);
    assert_eq!(found(&store.reader().unwrap(), "old").len(), 5_000);
    store.reset_dataset("d").unwrap();
    put(&store, many("new"));
    let reader = store.reader().unwrap();
    assert_eq!(reader.full_text("d").unwrap().unwrap().built, 0);
    assert_eq!(found(&reader, "new").len(), 5_000);
    drop(reader);
    index(&store);
    while store.purge(1_000).unwrap() {}
    let reader = store.reader().unwrap();
    assert!(found(&reader, "old").is_empty() && found(&reader, "new").len() == 5_000);
    drop(reader);

    // Off and on again before the rows were taken out.
    store.set_full_text("d", false).unwrap();
    assert_eq!(store.reader().unwrap().full_text("d").unwrap(), None);
    put(&store, [Write::delete("7")]);
    store.set_full_text("d", true).unwrap();
    index(&store);
    assert_eq!(found(&store.reader().unwrap(), "new").len(), 4_999);
    while store.purge(1_000).unwrap() {}
    assert_eq!(found(&store.reader().unwrap(), "new").len(), 4_999);
}

const WORDS: [&str; 6] = ["ann", "anna", "doe", "john", "jon", "x"];

#[derive(Clone, Debug)]
enum Step {
    Put(u8, Vec<usize>),
    Delete(u8),
    Index,
    Reset,
    Switch(bool),
    Compact,
    Purge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..8_u8, prop::collection::vec(0..WORDS.len(), 0..4)).prop_map(|(id, w)| Step::Put(id, w)),
        2 => (0..8_u8).prop_map(Step::Delete),
        3 => Just(Step::Index),
        1 => Just(Step::Reset),
        1 => any::<bool>().prop_map(Step::Switch),
        1 => Just(Step::Compact),
        1 => Just(Step::Purge),
    ]
}

fn asked() -> impl Strategy<Value = String> {
    let word = prop::sample::select(WORDS.to_vec());
    let leaf = prop_oneof![
        word.clone().prop_map(str::to_owned),
        word.clone().prop_map(|word| format!("{word}*")),
        word.clone().prop_map(|word| format!("{word}~1")),
        (word.clone(), word.clone(), 0..3_u8).prop_map(|(a, b, n)| format!("\"{a} {b}\"~{n}")),
        (word.clone(), word).prop_map(|(a, b)| format!("\"{a} {b}*\"")),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        (inner.clone(), inner, prop::sample::select(vec![" ", " + ", " | ", " -", " + -"]))
            .prop_map(|(a, b, between)| format!("({a}{between}{b})"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn a_search_by_index_is_one_by_looking(
        steps in prop::collection::vec(step(), 1..30),
        asked in prop::collection::vec(asked(), 1..4),
    ) {
        let (_dir, store) = open();
        store.create_dataset("d").unwrap();
        store.set_full_text("d", true).unwrap();
        for step in steps {
            match step {
                Step::Put(id, words) => {
                    let text: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
                    let entity = Entity::new(format!("e{id}")).with("text", text.join(" "));
                    put(&store, [entity.into()]);
                }
                Step::Delete(id) => put(&store, [Write::delete(format!("e{id}"))]),
                Step::Index => { store.index_text("d").unwrap(); }
                Step::Reset => store.reset_dataset("d").unwrap(),
                Step::Switch(on) => store.set_full_text("d", on).unwrap(),
                Step::Compact => {
                    let keep = Compaction { keep_versions: 1, ..Compaction::default() };
                    store.compact("d", keep, || true).unwrap();
                }
                Step::Purge => { store.purge(3).unwrap(); }
            }
        }
        store.set_full_text("d", true).unwrap();
        for typed in asked {
            let reader = store.reader().unwrap();
            prop_assert_eq!(found(&reader, &typed), looked(&reader, &typed), "{}", typed);
            drop(reader);
            index(&store);
            let reader = store.reader().unwrap();
            prop_assert_eq!(found(&reader, &typed), looked(&reader, &typed), "{} whole", typed);
        }
    }
}
