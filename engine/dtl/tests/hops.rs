//! Hops against nested loops, and the way back that dependencies describe.
//!
//! The oracle takes every combination of entities and keeps those for which
//! every condition holds, by the rules of the documentation page
//! `hub/dtl/joins`: an `eq` with one alias on each side holds when any values
//! overlap, everything else is an ordinary condition.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pipewright_dtl::memory::MemoryDatasets;
use pipewright_dtl::{
    Context, Datasets, Dependency, Document, Options, Path, Program, Route, compile,
};
use pipewright_entity::{Dict, Entity, Text, Value};
use proptest::prelude::*;
use proptest::sample::select;

const DATASETS: [&str; 3] = ["x", "y", "z"];
const PROPERTIES: [&str; 3] = ["_id", "p", "q"];
const ALIASES: [&str; 3] = ["a", "b", "c"];

/// A dataset by id.
type Rows = BTreeMap<Text, Entity>;
/// All datasets, by name.
type Data = BTreeMap<&'static str, Rows>;

struct World(MemoryDatasets);

impl World {
    fn of(data: &Data) -> World {
        let mut datasets = MemoryDatasets::new();
        for (name, rows) in data {
            datasets.write(name, rows.values().cloned());
        }
        World(datasets)
    }
}

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.0
    }
}

// What is tried.

/// An entity of a row: 0 is `_S`, the others are aliases.
type Who = usize;

#[derive(Clone, Debug)]
enum Side {
    Path(Who, &'static str),
    /// The values of two properties, of one entity or of two.
    Combined(Who, Who),
}

#[derive(Clone, Debug)]
enum Condition {
    Eq(Side, Side),
    Constant(&'static str, Side, Value),
    Neq(Side, Side),
    Either(Box<Condition>, Box<Condition>),
    Not(Box<Condition>),
}

#[derive(Clone, Debug)]
enum Return {
    Default,
    Aliases(Vec<usize>),
    Path(Who, &'static str),
    Ids,
}

#[derive(Clone, Debug)]
struct Spec {
    /// The dataset of each alias.
    datasets: Vec<&'static str>,
    /// The order in which they are written.
    order: Vec<usize>,
    conditions: Vec<Condition>,
    /// Whether the conditions stand in one `and`.
    wrapped: bool,
    subset: Option<(usize, Value)>,
}

/// Few enough values that joins often meet.
fn scalar() -> impl Strategy<Value = Value> {
    let one_of = |texts: &'static [&'static str]| {
        select(texts).prop_map(|text| Value::from_transit(text.as_bytes()).unwrap())
    };
    prop_oneof![
        4 => one_of(&["\"0\"", "\"1\"", "\"2\""]),
        4 => one_of(&["1", "1.0", "\"~f1\"", "\"~f1.00\""]),
        1 => one_of(&["null", "2", "true", "\"~:a:1\"", "{\"a\":1}"]),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        4 => prop::collection::vec(scalar(), 1..4).prop_map(Value::list),
        1 => scalar().prop_map(|item| Value::list([Value::list([item])])),
    ]
}

fn id() -> impl Strategy<Value = Text> {
    (0..3u8).prop_map(|id| Text::from(id.to_string()))
}

prop_compose! {
    fn entity()(
        id in id(),
        p in prop::option::weighted(0.9, value()),
        q in prop::option::weighted(0.9, value()),
        deleted in prop::bool::weighted(0.05),
    ) -> Entity {
        let mut entity = Entity::new(id);
        for (name, value) in [("p", p), ("q", q)] {
            if let Some(value) = value {
                entity = entity.with(name, value);
            }
        }
        if deleted { entity.with("_deleted", true) } else { entity }
    }
}

fn rows() -> impl Strategy<Value = Rows> {
    let entities = prop::collection::vec(entity(), 1..7);
    entities.prop_map(|entities| entities.into_iter().map(|e| (e.id().clone(), e)).collect())
}

fn data() -> impl Strategy<Value = Data> {
    (rows(), rows(), rows()).prop_map(|(x, y, z)| DATASETS.into_iter().zip([x, y, z]).collect())
}

fn side(who: Who) -> impl Strategy<Value = Side> {
    prop_oneof![
        1 => Just(Side::Path(who, "_id")),
        4 => select(&["p", "q"][..]).prop_map(move |name| Side::Path(who, name)),
        4 => Just(Side::Combined(who, who)),
    ]
}

fn any_side(aliases: usize) -> impl Strategy<Value = Side> {
    let mixed = (0..=aliases, 0..=aliases).prop_map(|(a, b)| Side::Combined(a, b));
    prop_oneof![3 => (0..=aliases).prop_flat_map(side), 1 => mixed]
}

/// An `eq` of two entities, either way round.
fn join(a: Who, b: Who) -> impl Strategy<Value = Condition> {
    (side(a), side(b), any::<bool>())
        .prop_map(|(a, b, turned)| if turned { Condition::Eq(b, a) } else { Condition::Eq(a, b) })
}

fn condition(aliases: usize) -> impl Strategy<Value = Condition> {
    let leaf = prop_oneof![
        (any_side(aliases), any_side(aliases)).prop_map(|(a, b)| Condition::Eq(a, b)),
        (select(&["eq", "neq"][..]), any_side(aliases), value())
            .prop_map(|(function, side, value)| Condition::Constant(function, side, value)),
        (any_side(aliases), any_side(aliases)).prop_map(|(a, b)| Condition::Neq(a, b)),
    ];
    let both = (leaf.clone(), leaf.clone());
    prop_oneof![
        3 => leaf.clone(),
        1 => both.prop_map(|(a, b)| Condition::Either(Box::new(a), Box::new(b))),
        1 => leaf.prop_map(|a| Condition::Not(Box::new(a))),
    ]
}

fn spec() -> impl Strategy<Value = Spec> {
    (1..=3usize).prop_flat_map(|count| {
        // Every alias joins with _S or an alias before it.
        let joins: Vec<_> = (1..=count)
            .map(|this| (0..this).prop_flat_map(move |from| join(from, this)).boxed())
            .collect();
        let conditions = (joins, prop::collection::vec(condition(count), 0..2))
            .prop_map(|(joins, more)| joins.into_iter().chain(more).collect::<Vec<_>>());
        (
            prop::collection::vec(select(&DATASETS[..]), count),
            Just((0..count).collect::<Vec<_>>()).prop_shuffle(),
            conditions.prop_shuffle(),
            any::<bool>(),
            prop::option::weighted(0.1, (0..count, value())),
        )
            .prop_map(|(datasets, order, conditions, wrapped, subset)| Spec {
                datasets,
                order,
                conditions,
                wrapped,
                subset,
            })
    })
}

fn returns(count: usize) -> impl Strategy<Value = Return> {
    prop_oneof![
        Just(Return::Default),
        prop::collection::vec(0..count, 1..=count).prop_map(Return::Aliases),
        (1..=count, select(&PROPERTIES[..])).prop_map(|(who, name)| Return::Path(who, name)),
        Just(Return::Ids),
    ]
}

// How it is written.

fn name_of(who: Who) -> &'static str {
    if who == 0 { "_S" } else { ALIASES[who - 1] }
}

fn write_side(side: &Side) -> String {
    match side {
        Side::Path(who, name) => format!("\"{}.{name}\"", name_of(*who)),
        Side::Combined(p, q) => {
            format!("[\"combine\", \"{}.p\", \"{}.q\"]", name_of(*p), name_of(*q))
        }
    }
}

/// A value as an expression.
fn write_value(value: &Value) -> String {
    match value {
        Value::List(items) => {
            let items: String =
                items.iter().map(|item| format!(", {}", write_value(item))).collect();
            format!("[\"list\"{items}]")
        }
        scalar => scalar.to_transit(),
    }
}

fn write_condition(condition: &Condition) -> String {
    match condition {
        Condition::Eq(a, b) => format!("[\"eq\", {}, {}]", write_side(a), write_side(b)),
        Condition::Neq(a, b) => format!("[\"neq\", {}, {}]", write_side(a), write_side(b)),
        Condition::Constant(function, a, value) => {
            format!("[\"{function}\", {}, {}]", write_side(a), write_value(value))
        }
        Condition::Either(a, b) => {
            format!("[\"or\", {}, {}]", write_condition(a), write_condition(b))
        }
        Condition::Not(a) => format!("[\"not\", {}]", write_condition(a)),
    }
}

fn write_spec(spec: &Spec, returns: &Return) -> String {
    let aliases: Vec<&str> = spec.order.iter().map(|at| ALIASES[*at]).collect();
    let datasets: Vec<String> = spec
        .order
        .iter()
        .map(|at| format!("\"{} {}\"", spec.datasets[*at], ALIASES[*at]))
        .collect();
    let conditions: Vec<String> = spec.conditions.iter().map(write_condition).collect();
    let conditions = conditions.join(", ");
    let conditions = match spec.wrapped {
        true => format!("[\"and\", {conditions}]"),
        false => format!("[{conditions}]"),
    };
    let returns = match returns {
        Return::Default => String::new(),
        Return::Aliases(which) => {
            let names: Vec<&str> = which.iter().map(|at| ALIASES[*at]).collect();
            format!(", \"return\": \"{}\"", names.join(", "))
        }
        Return::Path(who, name) => format!(", \"return\": \"{}.{name}\"", name_of(*who)),
        Return::Ids => {
            let ids = aliases.iter().map(|alias| format!(", \"{alias}\": \"{alias}._id\""));
            format!(", \"return\": {{\"s\": \"_S._id\"{}}}", ids.collect::<String>())
        }
    };
    let subset = spec.subset.as_ref().map_or(String::new(), |(at, value)| {
        format!(
            ", \"subsets\": {{\"{}\": [\"eq\", \"_S.q\", {}]}}",
            ALIASES[*at],
            write_value(value)
        )
    });
    format!("{{\"datasets\": [{}], \"where\": {conditions}{returns}{subset}}}", datasets.join(", "))
}

fn program(rules: &str) -> Arc<Program> {
    let document = Document::parse(rules);
    let root = document.root.clone().unwrap();
    let compiled = compile(&document, &root, &Path::root(), &Options::new("test"));
    compiled.program.unwrap_or_else(|| panic!("{rules}: {:#?}", compiled.diagnostics))
}

fn result(program: &Program, world: &World, source: &Entity) -> Vec<Value> {
    let source = Value::Dict(source.dict().clone());
    let outcome = program.run_raw(source, Dict::default(), world).unwrap();
    outcome.target["result"].as_list().unwrap().to_vec()
}

// What must come out.

/// The entities of a row by [`Who`].
type Row<'a> = Vec<&'a Entity>;

fn property(entity: &Entity, name: &str) -> Value {
    entity.get(name).cloned().unwrap_or(Value::Null)
}

fn side_value(side: &Side, row: &Row<'_>) -> Value {
    match side {
        Side::Path(who, name) => property(row[*who], name),
        Side::Combined(p, q) => {
            Value::list([(*p, "p"), (*q, "q")].iter().flat_map(|(who, name)| {
                match property(row[*who], name) {
                    Value::Null => Vec::new(),
                    Value::List(items) => items.to_vec(),
                    scalar => vec![scalar],
                }
            }))
        }
    }
}

fn overlap(a: &Value, b: &Value) -> bool {
    let pairs = a.as_slice().iter().flat_map(|a| b.as_slice().iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| !a.is_null() && a.same(b))
}

fn equal(a: &Value, b: &Value) -> bool {
    if a.is_null() || b.is_null() {
        return a.is_null() && b.is_null();
    }
    let (a, b) = (a.as_slice(), b.as_slice());
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
}

/// The only entity that a side is about, if there is but one.
fn only(side: &Side) -> Option<Who> {
    match side {
        Side::Path(who, _) => Some(*who),
        Side::Combined(p, q) => (p == q).then_some(*p),
    }
}

fn is_join(a: &Side, b: &Side) -> bool {
    match (only(a), only(b)) {
        (Some(a), Some(b)) => a != b,
        _ => false,
    }
}

/// Whether a condition holds; `joins` where an `eq` may be a join.
fn holds(condition: &Condition, row: &Row<'_>, joins: bool) -> bool {
    match condition {
        Condition::Eq(a, b) => {
            let (left, right) = (side_value(a, row), side_value(b, row));
            if joins && is_join(a, b) { overlap(&left, &right) } else { equal(&left, &right) }
        }
        Condition::Neq(a, b) => !equal(&side_value(a, row), &side_value(b, row)),
        Condition::Constant(function, a, value) => {
            equal(&side_value(a, row), value) == (*function == "eq")
        }
        Condition::Either(a, b) => holds(a, row, false) || holds(b, row, false),
        Condition::Not(a) => !holds(a, row, false),
    }
}

fn naive_rows<'a>(spec: &Spec, data: &'a Data, source: &'a Entity) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = vec![vec![source]];
    for (at, dataset) in spec.datasets.iter().enumerate() {
        let entities = data[dataset].values().filter(|entity| !entity.is_deleted());
        let entities: Vec<&Entity> = entities
            .filter(|entity| match &spec.subset {
                Some((alias, value)) if *alias == at => overlap(&property(entity, "q"), value),
                _ => true,
            })
            .collect();
        rows = rows
            .into_iter()
            .flat_map(|row| {
                entities.iter().map(move |entity| row.iter().copied().chain([*entity]).collect())
            })
            .collect();
    }
    rows.retain(|row| spec.conditions.iter().all(|condition| holds(condition, row, true)));
    rows
}

fn naive(spec: &Spec, returns: &Return, data: &Data, source: &Entity) -> Vec<Value> {
    let whole = |entity: &Entity| Value::Dict(entity.dict().clone());
    let mut results = Vec::new();
    for row in naive_rows(spec, data, source) {
        match returns {
            Return::Default => results.push(whole(row[spec.order[spec.order.len() - 1] + 1])),
            Return::Aliases(which) => results.extend(which.iter().map(|at| whole(row[at + 1]))),
            Return::Path(who, name) => match property(row[*who], name) {
                Value::Null => {}
                Value::List(items) => results.extend(items.iter().cloned()),
                scalar => results.push(scalar),
            },
            Return::Ids => {
                let mut dict = Dict::default();
                dict.insert("s".into(), property(row[0], "_id"));
                for at in &spec.order {
                    dict.insert(ALIASES[*at].into(), property(row[at + 1], "_id"));
                }
                results.push(Value::dict(dict));
            }
        }
    }
    results
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() }
}

fn sorted(values: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = values.iter().map(Value::to_transit).collect();
    texts.sort();
    texts
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hops_give_what_nested_loops_give(
        (spec, returns) in spec().prop_flat_map(|spec| {
            let count = spec.datasets.len();
            (Just(spec), returns(count))
        }),
        data in data(),
        sources in rows(),
    ) {
        let written = write_spec(&spec, &returns);
        let program = program(&format!("{{\"default\": [\"add\", \"result\", [\"hops\", {written}]]}}"));
        for source in sources.values() {
            let found = result(&program, &World::of(&data), source);
            prop_assert_eq!(
                sorted(&found),
                sorted(&naive(&spec, &returns, &data, source)),
                "{} on {:?}", written, source
            );
        }
    }

    #[test]
    fn specifications_go_on_from_the_ones_before(
        first in spec(),
        second in spec(),
        data in data(),
        sources in rows(),
    ) {
        let (one, two) = (write_spec(&first, &Return::Default), write_spec(&second, &Return::Ids));
        let program = program(&format!("{{\"default\": [\"add\", \"result\", [\"hops\", {one}, {two}]]}}"));
        for source in sources.values() {
            let found = result(&program, &World::of(&data), source);
            let mut wanted = Vec::new();
            for between in naive(&first, &Return::Default, &data, source) {
                let between = Entity::from_value(between).unwrap();
                wanted.extend(naive(&second, &Return::Ids, &data, &between));
            }
            prop_assert_eq!(sorted(&found), sorted(&wanted), "{} {} on {:?}", one, two, source);
        }
    }
}

// The way back.

/// The ids of the source entities that a change concerns, by the program's
/// own account.
fn concerned(
    program: &Program,
    data: &Data,
    sources: &Rows,
    dataset: &str,
    versions: &[&Entity],
) -> BTreeSet<Text> {
    let mut ids = BTreeSet::new();
    for dependency in program.dependencies().iter().filter(|d| d.dataset == dataset) {
        let Route::Joins(joins) = &dependency.route else { panic!("{dependency:?}") };
        let mut at_hand: Vec<Entity> = versions.iter().map(|version| (*version).clone()).collect();
        for join in joins {
            let mut keys = Vec::new();
            at_hand.iter().for_each(|entity| join.near.keys(entity, &mut keys));
            let next = match join.far.dataset.as_str() {
                Dependency::SOURCE => sources,
                dataset => &data[dataset],
            };
            let meets = |entity: &&Entity| {
                let mut far = Vec::new();
                join.far.keys(entity, &mut far);
                far.iter().any(|key| keys.contains(key))
            };
            at_hand = next.values().filter(meets).cloned().collect();
        }
        ids.extend(at_hand.iter().map(|entity| entity.id().clone()));
    }
    ids
}

fn changed(program: &Program, sources: &Rows, before: &Data, after: &Data) -> BTreeSet<Text> {
    let (before, after) = (World::of(before), World::of(after));
    let differs = |source: &&Entity| {
        let results = |world| sorted(&result(program, world, source));
        results(&before) != results(&after)
    };
    sources.values().filter(differs).map(|source| source.id().clone()).collect()
}

/// A specification, and some of its aliases to return.
fn with_aliases(spec: Spec) -> impl Strategy<Value = (Spec, Return)> {
    let count = spec.datasets.len();
    let which = prop::collection::vec(0..count, 1..=count).prop_map(Return::Aliases);
    (Just(spec), prop_oneof![Just(Return::Default), which])
}

/// Rules with hops of several shapes.
fn rules() -> impl Strategy<Value = String> {
    prop_oneof![
        spec().prop_map(|spec| {
            let spec = write_spec(&spec, &Return::Ids);
            format!("{{\"default\": [\"add\", \"result\", [\"hops\", {spec}]]}}")
        }),
        (spec(), spec()).prop_map(|(one, two)| {
            let (one, two) = (write_spec(&one, &Return::Default), write_spec(&two, &Return::Ids));
            format!("{{\"default\": [\"add\", \"result\", [\"hops\", {one}, {two}]]}}")
        }),
        (spec().prop_flat_map(with_aliases), spec()).prop_map(|((one, which), two)| {
            let (one, two) = (write_spec(&one, &which), write_spec(&two, &Return::Ids));
            format!(
                "{{\"default\": [\"add\", \"result\", [\"apply-hops\", \"r\", {one}]],
                   \"r\": [[\"copy\", \"*\"], [\"add\", \"more\", [\"hops\", {two}]]]}}"
            )
        }),
    ]
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn dependencies_lead_back_to_what_changes(
        rules in rules(),
        before in data(),
        sources in rows(),
        dataset in select(&DATASETS[..]),
        new in entity(),
    ) {
        let program = program(&rules);
        let mut after = before.clone();
        let old = after.get_mut(dataset).unwrap().insert(new.id().clone(), new.clone());
        let versions: Vec<&Entity> = old.iter().chain([&new]).collect();
        let concerned = concerned(&program, &before, &sources, dataset, &versions);
        let missed: Vec<_> =
            changed(&program, &sources, &before, &after).difference(&concerned).cloned().collect();
        prop_assert!(missed.is_empty(), "{:?} are missed, {} with {:?}", missed, rules, new);
    }
}
