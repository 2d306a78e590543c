//! The merge source against an oracle: connected components from scratch.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pipewright_entity::{Dict, Entity, Key, Value};
use pipewright_sync::merge::{
    Contents, Expression, Identity, MemberId, Merge, MergeError, Spec, Strategy as Combine, Term,
    unify,
};
use pipewright_sync::{MemoryState, StateError};
use proptest::prelude::*;

/// The values of one property.
struct Property(&'static str);

impl Expression for Property {
    fn text(&self) -> &str {
        self.0
    }

    fn keys(&self, entity: &Entity, to: &mut Vec<Key>) {
        let mut values = Vec::new();
        self.values(entity, &mut values);
        to.extend(values.iter().map(Value::key));
    }

    fn values(&self, entity: &Entity, to: &mut Vec<Value>) {
        let value = entity.get(self.0).unwrap_or(&Value::Null);
        to.extend(value.as_slice().iter().filter(|value| !value.is_null()).cloned());
    }
}

fn term(dataset: usize, property: &'static str) -> Term {
    Term { dataset, expression: Arc::new(Property(property)) }
}

fn spec(identity: Identity) -> Spec {
    Spec {
        datasets: vec!["A".into(), "B".into(), "C".into()],
        sets: unify(vec![vec![term(0, "x"), term(1, "x")], vec![term(1, "y"), term(2, "y")]]),
        identity,
        strategy: Combine::Default,
        namespaced_ids: false,
        include_internal_properties: false,
        max_merged: 100,
        ids_overlap: true,
    }
}

#[derive(Default, Clone)]
struct Datasets(BTreeMap<(usize, String), Entity>);

impl Contents for Datasets {
    fn entity(&self, dataset: usize, id: &str) -> Result<Option<Entity>, StateError> {
        Ok(self.0.get(&(dataset, id.to_owned())).cloned())
    }
}

/// Applies what the source hands out, as a dataset sink would.
#[derive(Default)]
struct Target(BTreeMap<String, Entity>);

impl Target {
    fn write(&mut self, entities: Vec<Entity>) {
        for entity in entities {
            self.0.insert(entity.id().to_string(), entity);
        }
    }

    fn live(&self) -> BTreeMap<String, String> {
        let live = self.0.iter().filter(|(_, entity)| !entity.is_deleted());
        live.map(|(id, entity)| (id.clone(), format!("{entity:?}"))).collect()
    }
}

fn entity(json: &str) -> Entity {
    Entity::from_value(Value::from_transit(json.as_bytes()).unwrap()).unwrap()
}

/// Feeds changes one by one and hands out at the given places.
struct Run<'s> {
    spec: &'s Spec,
    state: MemoryState,
    datasets: Datasets,
    target: Target,
}

impl<'s> Run<'s> {
    fn new(spec: &'s Spec) -> Run<'s> {
        let (state, datasets, target) = Default::default();
        Run { spec, state, datasets, target }
    }

    fn change(&mut self, dataset: usize, entity: Entity) {
        let key = (dataset, entity.id().to_string());
        self.datasets.0.insert(key, entity.clone());
        let mut merge = Merge::new(self.spec, &self.state);
        merge.change(dataset, &entity).unwrap();
        let writes = merge.take();
        self.state.apply(writes);
    }

    fn emit(&mut self, limit: usize) -> Result<Vec<Entity>, MergeError> {
        let mut all = Vec::new();
        loop {
            let mut merge = Merge::new(self.spec, &self.state);
            let batch = merge.emit(limit, &self.datasets)?;
            let pending = merge.is_pending()?;
            let writes = merge.take();
            self.state.apply(writes);

            self.target.write(batch.clone());
            all.extend(batch);
            if !pending {
                return Ok(all);
            }
        }
    }
}

/// The partition from scratch: entities that share a value under a rule.
fn components(spec: &Spec, datasets: &Datasets) -> BTreeSet<BTreeSet<(usize, String)>> {
    let keys = |(dataset, _): &(usize, String), entity: &Entity| {
        let mut all = BTreeSet::new();
        for (set, terms) in spec.sets.iter().enumerate() {
            for term in terms.iter().filter(|term| term.dataset == *dataset) {
                let mut keys = Vec::new();
                term.expression.keys(entity, &mut keys);
                all.extend(keys.into_iter().map(|key| (set, key.to_vec())));
            }
        }
        all
    };
    let live: Vec<_> = datasets.0.iter().filter(|(_, entity)| !entity.is_deleted()).collect();
    let mut parts: Vec<BTreeSet<(usize, String)>> = Vec::new();
    for (id, entity) in &live {
        let mine = keys(id, entity);
        let touches = |part: &BTreeSet<(usize, String)>| {
            part.iter().any(|other| !keys(other, &datasets.0[other]).is_disjoint(&mine))
        };
        let (joined, rest): (Vec<_>, Vec<_>) = parts.into_iter().partition(touches);
        let mut part: BTreeSet<_> = joined.into_iter().flatten().collect();
        part.insert((*id).clone());
        parts = rest;
        parts.push(part);
    }
    parts.into_iter().collect()
}

#[derive(Clone, Debug)]
enum Step {
    Change(usize, Entity),
    Emit(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop_oneof![
        2 => Just(Value::Null),
        6 => (0i64..4).prop_map(Value::Int),
        1 => Just(Value::list([])),
        2 => prop::collection::vec((0i64..4).prop_map(Value::Int), 2).prop_map(Value::list),
    ];
    let change = (0usize..3, 0u8..4, value.clone(), value, prop::bool::weighted(0.2)).prop_map(
        |(dataset, id, x, y, deleted)| {
            let mut dict = Dict::default();
            dict.insert("_id".into(), Value::string(format!("e{id}")));
            dict.insert("x".into(), x);
            dict.insert("y".into(), y);
            if deleted {
                dict.insert("_deleted".into(), Value::Bool(true));
            }
            Step::Change(dataset, Entity::from_dict(dict).unwrap())
        },
    );
    let step = prop_oneof![5 => change, 1 => (1usize..4).prop_map(Step::Emit)];
    prop::collection::vec(step, 1..40)
}

fn check(steps: Vec<Step>, identity: Identity) {
    let spec = spec(identity);
    let mut run = Run::new(&spec);
    for step in steps {
        match step {
            Step::Change(dataset, entity) => run.change(dataset, entity),
            Step::Emit(limit) => {
                let mut merge = Merge::new(&spec, &run.state);
                let batch = merge.emit(limit, &run.datasets).unwrap();
                let writes = merge.take();
                run.state.apply(writes);
                run.target.write(batch);
            }
        }
    }
    run.emit(1).unwrap();

    // Clusters are the connected components.
    let merge = Merge::new(&spec, &run.state);
    let mut found: BTreeMap<_, BTreeSet<(usize, String)>> = BTreeMap::new();
    for ((dataset, id), entity) in &run.datasets.0 {
        if !entity.is_deleted() {
            let member = MemberId { dataset: u16::try_from(*dataset).unwrap(), id: id.into() };
            let cluster = merge.cluster_of(&member).unwrap().expect("every live entity is out");
            found.entry(cluster).or_default().insert((*dataset, id.clone()));
        }
    }
    let found_parts: BTreeSet<_> = found.values().cloned().collect();
    assert_eq!(found_parts, components(&spec, &run.datasets));

    // No id is live twice: as many live ids as clusters, and the same ones.
    let live: BTreeSet<String> = run.target.live().into_keys().collect();
    assert_eq!(live, found.keys().map(ToString::to_string).collect::<BTreeSet<_>>());

    // Every link of an explanation is real, and together they reach everyone.
    for (id, members) in &found {
        let why = merge.explain(id, &run.datasets).unwrap().unwrap();
        assert_eq!(why.members.len(), members.len());
        let mut reached = BTreeSet::from([why.members[0].clone()]);
        for _ in &why.links {
            for link in &why.links {
                if reached.contains(&link.from) || reached.contains(&link.to) {
                    reached.extend([link.from.clone(), link.to.clone()]);
                }
            }
        }
        assert_eq!(reached.len(), members.len());
    }

    // The same as a run from scratch, entity by entity.
    let mut scratch = Run::new(&spec);
    for ((dataset, _), entity) in run.datasets.0.clone() {
        scratch.change(dataset, entity);
    }
    scratch.emit(100).unwrap();
    assert_eq!(run.target.live(), scratch.target.live());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn incremental_equals_scratch_with_first(steps in steps()) {
        check(steps, Identity::First);
    }

    #[test]
    fn incremental_equals_scratch_with_composite(steps in steps()) {
        check(steps, Identity::Composite);
    }
}

/// The example of the merge source's page.
#[test]
fn documented_example() {
    let lower = || -> Arc<dyn Expression> { Arc::new(Lower) };
    let mut spec = spec(Identity::Composite);
    spec.sets = unify(vec![
        vec![term(0, "f1"), term(1, "f1")],
        vec![term(1, "f2"), Term { dataset: 2, expression: lower() }],
    ]);
    let mut run = Run::new(&spec);
    for (dataset, json) in [
        (0, r#"{"_id":"a1","f1":1}"#),
        (0, r#"{"_id":"a2","f1":2}"#),
        (1, r#"{"_id":"b1","f1":1,"f2":"x"}"#),
        (1, r#"{"_id":"b2","f1":3}"#),
        (2, r#"{"_id":"c1","f3":"X"}"#),
        (2, r#"{"_id":"c2","_deleted":true,"f3":"Y"}"#),
        (2, r#"{"_id":"c3","_deleted":true,"f3":"X"}"#),
    ] {
        run.change(dataset, entity(json));
    }
    let expected = [
        r#"{"$ids":["a1","b1","c1"],"_id":"0|a1|1|b1|2|c1","f1":[1,1],"f2":"x","f3":"X"}"#,
        r#"{"$ids":["a2"],"_id":"0|a2","f1":2}"#,
        r#"{"$ids":["b2"],"_id":"1|b2","f1":3}"#,
        r#"{"$ids":["c2"],"_deleted":true,"_id":"2|c2","f3":"Y"}"#,
        r#"{"$ids":["c3"],"_deleted":true,"_id":"2|c3","f3":"X"}"#,
    ]
    .map(entity);
    assert_eq!(run.emit(100).unwrap(), expected);

    // b1 leaves: a1 stands alone under a new id, b1 keeps c1, the old id ends.
    run.change(1, entity(r#"{"_id":"b1","f1":9,"f2":"x"}"#));
    let ids: Vec<_> = run
        .emit(100)
        .unwrap()
        .into_iter()
        .map(|entity| {
            (entity.id().to_string(), entity.is_deleted(), entity.get("$replaced").is_some())
        })
        .collect();
    assert_eq!(
        ids,
        [
            ("0|a1".into(), false, false),
            ("0|a1|1|b1|2|c1".into(), true, true),
            ("1|b1|2|c1".into(), false, false),
        ]
    );

    // A change hands out its own cluster and nothing else.
    run.change(0, entity(r#"{"_id":"a2","f1":2,"note":"new"}"#));
    let out = run.emit(100).unwrap();
    assert_eq!(out.iter().map(|entity| entity.id().as_str()).collect::<Vec<_>>(), ["0|a2"]);
    assert_eq!(run.emit(100).unwrap(), []);

    let merge = Merge::new(&spec, &run.state);
    let why = merge.explain("1|b1|2|c1", &run.datasets).unwrap().unwrap();
    assert_eq!(why.links.len(), 1);
    assert_eq!(why.links[0].expressions, ("f2".into(), "lower f3".into()));
    assert_eq!(why.links[0].value, Value::string("x"));
    assert_eq!(why.links[0].set, 1);
}

struct Lower;

impl Expression for Lower {
    fn text(&self) -> &str {
        "lower f3"
    }

    fn keys(&self, entity: &Entity, to: &mut Vec<Key>) {
        let mut values = Vec::new();
        self.values(entity, &mut values);
        to.extend(values.iter().map(Value::key));
    }

    fn values(&self, entity: &Entity, to: &mut Vec<Value>) {
        let text = entity.get("f3").and_then(Value::as_str);
        to.extend(text.map(|text| Value::string(text.to_lowercase())));
    }
}

fn merged(strategy: Combine, members: [&str; 3]) -> Entity {
    let spec = Spec {
        strategy,
        sets: unify(vec![vec![term(0, "k"), term(1, "k"), term(2, "k")]]),
        ..spec(Identity::First)
    };
    let mut run = Run::new(&spec);
    for (dataset, json) in members.into_iter().enumerate() {
        run.change(dataset, entity(json));
    }
    run.emit(100).unwrap().remove(0)
}

const DOCUMENTED: [&str; 3] = [
    r#"{"_id":"1","k":7,"x":1}"#,
    r#"{"_id":"2","k":7,"y":[2,1]}"#,
    r#"{"_id":"3","k":7,"y":2,"z":[3,3]}"#,
];

#[test]
fn strategies_combine_as_documented() {
    let default = merged(Combine::Default, DOCUMENTED);
    let expected = r#"{"_id":"1","k":[7,7,7],"x":1,"y":[2,1,2],"z":[3,3],"$ids":["1","2","3"]}"#;
    assert_eq!(default, entity(expected));

    let compact = merged(Combine::Compact, DOCUMENTED);
    let expected = r#"{"_id":"1","k":7,"x":1,"y":[2,1],"z":3,"$ids":["1","2","3"]}"#;
    assert_eq!(compact, entity(expected));

    let list = merged(Combine::List, DOCUMENTED);
    let parts: Vec<Entity> = DOCUMENTED.into_iter().map(entity).collect();
    assert_eq!(list.get("$merged"), Some(&Value::list(parts.into_iter().map(Entity::into_value))));
}

#[test]
fn original_ids_are_kept_through_a_second_merge() {
    let twice = merged(
        Combine::Default,
        [
            r#"{"_id":"m","k":7,"$ids":["a","b"]}"#,
            r#"{"_id":"n","k":7}"#,
            r#"{"_id":"o","k":7,"$ids":["b","c"]}"#,
        ],
    );
    assert_eq!(twice.get("$ids"), entity(r#"{"_id":"","i":["a","b","n","c"]}"#).get("i"));
}

#[test]
fn a_deleted_leader_stands_alone_and_the_next_one_leads() {
    let spec = spec(Identity::First);
    let mut run = Run::new(&spec);
    run.change(0, entity(r#"{"_id":"a1","x":1}"#));
    run.change(1, entity(r#"{"_id":"b1","x":1}"#));
    run.emit(100).unwrap();
    assert_eq!(run.target.live().into_keys().collect::<Vec<_>>(), ["a1"]);

    run.change(0, entity(r#"{"_id":"a1","x":1,"_deleted":true}"#));
    let out = run.emit(100).unwrap();
    assert_eq!(run.target.live().into_keys().collect::<Vec<_>>(), ["b1"]);
    let deleted = out.iter().find(|entity| entity.id() == "a1").unwrap();
    assert!(deleted.is_deleted() && deleted.get("$replaced").is_none());
    assert_eq!(deleted.get("x"), Some(&Value::Int(1)));
}

#[test]
fn too_many_is_an_error_that_names_the_cluster() {
    let spec = Spec { max_merged: 1, ..spec(Identity::First) };
    let mut run = Run::new(&spec);
    run.change(0, entity(r#"{"_id":"a1","x":1}"#));
    run.change(1, entity(r#"{"_id":"b1","x":1}"#));
    let error = run.emit(100).unwrap_err();
    assert!(error.to_string().contains("\"a1\""), "{error}");
}

#[test]
fn overlapping_sets_are_one() {
    let sets = unify(vec![
        vec![term(0, "x"), term(1, "x")],
        vec![term(2, "z"), term(3, "z")],
        vec![term(1, "x"), term(2, "y")],
        vec![term(2, "y"), term(2, "z")],
    ]);
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0].len(), 5);
}

#[test]
fn an_id_of_two_datasets_is_an_error_where_it_may_come_from_one_only() {
    let strict = Spec { ids_overlap: false, ..spec(Identity::First) };
    let mut run = Run::new(&strict);
    run.change(0, entity(r#"{"_id":"1","x":1}"#));
    run.change(1, entity(r#"{"_id":"1","x":1}"#));
    assert_eq!(run.emit(100).unwrap().len(), 1, "they are one");
    run.change(1, entity(r#"{"_id":"1","x":2}"#));
    let error = run.emit(100).unwrap_err();
    assert!(error.to_string().contains("more than one dataset"), "{error}");
    let composite = Spec { identity: Identity::Composite, ..strict };
    let mut run = Run::new(&composite);
    run.change(0, entity(r#"{"_id":"1","x":1}"#));
    run.change(1, entity(r#"{"_id":"1","x":2}"#));
    assert_eq!(run.emit(100).unwrap().len(), 2);
}
