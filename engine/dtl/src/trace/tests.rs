#![allow(clippy::unwrap_used)]

use std::cell::RefCell;

use pipewright_entity::{Dict, Entity, Value};

use super::*;
use crate::functions::{Example, Role, all};
use crate::memory::MemoryDatasets;
use crate::syntax::Document;
use crate::{Context, Datasets, NoContext, Options, compile};

#[derive(Default)]
struct World {
    datasets: MemoryDatasets,
    traces: RefCell<Vec<Trace>>,
}

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.datasets
    }

    fn secret(&self, name: &str) -> Option<Value> {
        (name == "key").then(|| Value::from("hush"))
    }

    fn traced(&self, trace: Trace) {
        self.traces.borrow_mut().push(trace);
    }
}

fn value(text: &str) -> Value {
    Value::from_transit(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn entity(text: &str) -> Entity {
    Entity::from_value(value(text)).unwrap()
}

struct Traced {
    text: String,
    trace: Trace,
    outcome: Result<String, String>,
}

fn trace_in(mut world: World, rules: &str, source: &str) -> Traced {
    let document = Document::parse(rules);
    let root = document.root.clone().unwrap();
    let options = Options { traced: true, ..Options::new("test") };
    let compiled = compile(&document, &root, &Path::root(), &options);
    let Some(program) = compiled.program else { panic!("{:#?}", compiled.diagnostics) };
    let outcome = program.run_raw(value(source), Dict::default(), &world);
    let mut traces = std::mem::take(world.traces.get_mut());
    assert_eq!(traces.len(), 1, "one run, one trace");
    Traced {
        text: rules.to_owned(),
        trace: traces.remove(0),
        outcome: outcome
            .map(|raw| Value::dict(raw.target).to_transit())
            .map_err(|error| error.to_string()),
    }
}

fn trace(rules: &str, source: &str) -> Traced {
    trace_in(World::default(), rules, source)
}

impl Traced {
    /// The config text at a place.
    fn at(&self, place: usize) -> &str {
        &self.text[self.trace.places[place].span.clone()]
    }

    /// The values of the expression that is written so.
    fn values(&self, text: &str) -> Vec<String> {
        let values = self.trace.values.iter().filter(|value| self.at(value.place) == text);
        values
            .map(|valued| match &valued.value {
                Ok(brief) => brief.value.to_transit(),
                Err(why) => format!("failed: {why}"),
            })
            .collect()
    }

    /// What transforms did, as lines.
    fn steps(&self) -> Vec<String> {
        let show = |value: &Option<Brief>| {
            value.as_ref().map_or("-".to_owned(), |brief| brief.value.to_transit())
        };
        let steps = self.trace.steps.iter();
        steps
            .map(|step| {
                let mut line = format!("{}: {:?}", self.at(step.place), step.flow);
                for Change { property, before, after } in &step.changes {
                    line += &format!(" {property} {} > {}", show(before), show(after));
                }
                line
            })
            .collect()
    }

    /// Where the properties of the target of a run came from, as lines.
    fn origins(&self, rule: usize) -> Vec<String> {
        let origins = self.trace.rules[rule].origins.iter();
        origins
            .map(|origin| {
                let step = origin.step.map_or("-", |step| self.at(step));
                let reads: Vec<&str> = origin.reads.iter().map(|place| self.at(*place)).collect();
                format!("{} by {step} from {}", origin.property, reads.join(" "))
            })
            .collect()
    }
}

#[cfg(feature = "encryption")]
#[test]
fn what_comes_from_secrets_is_not_shown() {
    let traced = trace(
        r#"{"default": [
            ["add", "plain", "_S.word"],
            ["add", "open", ["decrypt", "$SECRET(key)", ["encrypt", "hush", "_S.word"]]],
            ["add", "same", ["eq", "_T.open", "swordfish"]],
            ["add", "up", ["upper", "_T.open"]],
            ["add", "parts", ["list", ["upper", "_T.open"], "plain"]],
            ["add", "below", ["apply", "below", "_T.up"]],
            ["add", "other", ["apply", "below", "seen"]],
            ["if", ["eq", "_T.up", "x"], ["add", "yes", 1], ["add", "no", 2]],
            ["add", "twice", ["map", ["concat", "_.", "!"], "_T.up"]],
            ["add", "same", "seen"],
            ["add", ["concat", "_T.up", "-name"], 1]
        ], "below": [
            ["add", "twice", ["concat", "_S.", "-", "_S."]],
            ["add", "was", ["concat", "_S.", ""]]
        ]}"#,
        r#"{"word": "swordfish"}"#,
    );
    let outcome = traced.outcome.clone().unwrap();
    assert!(outcome.contains("SWORDFISH-SWORDFISH") && outcome.contains("SWORDFISH-name"));
    let shown = format!("{:?}", traced.trace);
    assert!(!shown.contains("SWORDFISH"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
    let call = r#"["decrypt", "$SECRET(key)", ["encrypt", "hush", "_S.word"]]"#;
    assert_eq!(traced.values(call), [r#""(secret)""#]);
    assert_eq!(traced.values(r#"["eq", "_T.open", "swordfish"]"#), [r#""(secret)""#]);
    assert_eq!(traced.values(r#""_T.up""#)[0], r#""(secret)""#);
    let steps = traced.steps();
    assert!(steps[0].ends_with(r#"plain - > "swordfish""#), "{steps:#?}");
    assert!(steps[2].ends_with(r#"same - > "(secret)""#), "{steps:#?}");
    assert!(steps.iter().any(|step| step.ends_with(r#"no - > 2"#)), "{steps:#?}");
    assert!(steps.iter().any(|step| step.ends_with(r#"same "(secret)" > "seen""#)), "{steps:#?}");
    let applied = &traced.trace.rules[2];
    assert_eq!(applied.source.value.to_transit(), r#""seen""#);
    assert_eq!(applied.target.value.to_transit(), r#"{"twice":"seen-seen","was":"seen"}"#);
}

#[test]
fn a_traced_program_gives_what_a_plain_one_gives() {
    for function in all() {
        for Example { text, source, .. } in function.examples {
            let step = match function.role() {
                Role::Expression => format!(r#"["add", "result", {text}]"#),
                Role::Transform => (*text).to_owned(),
            };
            let rules = format!(r#"{{"default": [{step}]}}"#);
            let source = if source.is_empty() { "{}" } else { source };
            let traced = trace(&rules, source);
            let document = Document::parse(rules);
            let root = document.root.clone().unwrap();
            let plain = compile(&document, &root, &Path::root(), &Options::new("test")).program;
            let plain = plain.unwrap().run_raw(value(source), Dict::default(), &NoContext);
            let plain = plain.map(|raw| Value::dict(raw.target).to_transit());
            assert_eq!(traced.outcome, plain.map_err(|e| e.to_string()), "{text}");
            assert!(!traced.trace.is_cut, "{text}");
        }
    }
}

#[test]
fn values_by_their_place_in_the_text() {
    let traced = trace(
        r#"{"default": [["add", "n", ["upper", ["concat", "_S.first", " ", ["lower", "X"]]]]]}"#,
        r#"{"first": "jo"}"#,
    );
    assert_eq!(traced.values(r#""_S.first""#), [r#""jo""#]);
    assert_eq!(traced.values(r#"["lower", "X"]"#), [r#""x""#], "folded when it runs plain");
    assert_eq!(traced.values(r#"["concat", "_S.first", " ", ["lower", "X"]]"#), [r#""jo x""#]);
    assert_eq!(
        traced.values(r#"["upper", ["concat", "_S.first", " ", ["lower", "X"]]]"#),
        [r#""JO X""#]
    );
    assert_eq!(traced.values(r#"" ""#), [""; 0], "a constant tells nothing");
    let place = &traced.trace.places[traced.trace.values[0].place];
    assert_eq!((place.path.to_string().as_str(), place.times), ("$.default[0][2][1][1]", 1));
}

#[test]
fn items_rules_and_branches() {
    let traced = trace(
        r#"{
  "default": [
    ["add", "all", ["apply", "line", "_S.lines"]],
    ["if", ["gt", ["count", "_S.lines"], 5], ["add", "many", true], ["add", "few", true]],
    ["add", "doubled", ["map", ["*", "_.", 2], ["list", 1, 3]]]
  ],
  "line": [["add", "sum", ["*", "_S.n", "_S.price"]], ["filter", ["gt", "_T.sum", 10]]]
}"#,
        r#"{"lines": [{"n": 2, "price": 3}, {"n": 4, "price": 5}]}"#,
    );
    assert_eq!(
        traced.outcome.clone().unwrap(),
        r#"{"all":[{"sum":20}],"few":true,"doubled":[2,6]}"#
    );
    // The rule ran twice, once without a result.
    let runs: Vec<_> = traced.trace.rules.iter().map(|rule| (rule.parent, rule.flow)).collect();
    let next = Some(Flow::Next);
    assert_eq!(runs, [(None, next), (Some(0), Some(Flow::Filter)), (Some(0), next)]);
    let call = traced.trace.rules[1].call.unwrap();
    assert_eq!(traced.at(call), r#"["apply", "line", "_S.lines"]"#);
    assert_eq!(traced.trace.rules[2].source.value.to_transit(), r#"{"n":4,"price":5}"#);
    assert_eq!(traced.values(r#"["*", "_S.n", "_S.price"]"#), ["6", "20"]);
    let rules: Vec<_> = traced.trace.values.iter().map(|value| value.rule).collect();
    assert!(rules.contains(&1) && rules.contains(&2));
    // Each item of a function expression.
    let mapped = traced.trace.values.iter().filter(|v| traced.at(v.place) == r#"["*", "_.", 2]"#);
    let items: Vec<_> = mapped.map(|v| v.item.as_ref().unwrap().value.to_transit()).collect();
    assert_eq!(items, ["1", "3"]);
    // What transforms did: branches tell for themselves.
    assert_eq!(
        traced.steps(),
        [
            r#"["add", "sum", ["*", "_S.n", "_S.price"]]: Ok(Next) sum - > 6"#,
            r#"["filter", ["gt", "_T.sum", 10]]: Ok(Filter)"#,
            r#"["add", "sum", ["*", "_S.n", "_S.price"]]: Ok(Next) sum - > 20"#,
            r#"["filter", ["gt", "_T.sum", 10]]: Ok(Next)"#,
            r#"["add", "all", ["apply", "line", "_S.lines"]]: Ok(Next) all - > [{"sum":20}]"#,
            r#"["add", "few", true]: Ok(Next) few - > true"#,
            r#"["if", ["gt", ["count", "_S.lines"], 5], ["add", "many", true], ["add", "few", true]]: Ok(Next)"#,
            r#"["add", "doubled", ["map", ["*", "_.", 2], ["list", 1, 3]]]: Ok(Next) doubled - > [2,6]"#,
        ]
    );
    assert_eq!(
        traced.origins(0),
        [
            r#"all by ["add", "all", ["apply", "line", "_S.lines"]] from "_S.lines" "_S.n" "_S.price" "_T.sum""#,
            r#"few by ["add", "few", true] from "#,
            r#"doubled by ["add", "doubled", ["map", ["*", "_.", 2], ["list", 1, 3]]] from "_.""#,
        ]
    );
}

#[test]
fn rows_of_hops() {
    let mut world = World::default();
    let orders = [
        r#"{"_id": "o1", "who": "p", "sum": 5}"#,
        r#"{"_id": "o2", "who": "p", "sum": 50}"#,
        r#"{"_id": "o3", "who": "q", "sum": 500}"#,
    ];
    world.datasets.write("orders", orders.map(entity));
    let traced = trace_in(
        world,
        r#"{"default": [["add", "sums", ["hops", {
            "datasets": ["orders o"],
            "where": [["eq", "o.who", "_S._id"], ["gt", "o.sum", 10]],
            "return": "o.sum"}]]]}"#,
        r#"{"_id": "p"}"#,
    );
    assert_eq!(traced.outcome.clone().unwrap(), r#"{"sums":[50]}"#);
    let rows = |text: &str| -> Vec<String> {
        let values = traced.trace.values.iter().filter(|v| traced.at(v.place) == text);
        let row = |v: &Valued| v.row.iter().map(|(alias, id)| format!("{alias}={id}")).collect();
        values.map(row).collect()
    };
    assert_eq!(rows(r#""orders o""#), ["o=o1", "o=o2"], "what the join found");
    assert_eq!(traced.values(r#"["gt", "o.sum", 10]"#), ["false", "true"]);
    assert_eq!(rows(r#"["gt", "o.sum", 10]"#), ["o=o1", "o=o2"]);
    assert_eq!(traced.values(r#""_S._id""#), [r#""p""#]);
    let origins = traced.origins(0);
    assert!(origins[0].contains("\"orders o\"") && origins[0].contains("\"o.sum\""), "{origins:?}");
}

#[test]
fn what_a_property_was_before() {
    let traced = trace(
        r#"{"default": [["copy", "a*"], ["add", "a", 2], ["default", "a", 3], ["remove", "ab"]]}"#,
        r#"{"a": 1, "ab": true}"#,
    );
    assert_eq!(
        traced.steps(),
        [
            r#"["copy", "a*"]: Ok(Next) a - > 1 ab - > true"#,
            r#"["add", "a", 2]: Ok(Next) a 1 > 2"#,
            r#"["default", "a", 3]: Ok(Next)"#,
            r#"["remove", "ab"]: Ok(Next) ab true > -"#,
        ]
    );
    assert_eq!(traced.origins(0), [r#"a by ["add", "a", 2] from "#]);
}

#[test]
fn a_failed_run_tells_how_far_it_came() {
    let traced = trace(
        r#"{"default": [["add", "a", 1], ["add", "b", ["upper", ["datetime-parse", "%Y", "_S.x"]]],
            ["if", true, ["fail!", ["concat", "no ", "_S.x"]]]]}"#,
        r#"{"x": "go"}"#,
    );
    assert!(traced.outcome.is_err());
    let failed = traced.steps().into_iter().filter(|line| line.contains("Err")).collect::<Vec<_>>();
    assert_eq!(failed.len(), 2, "the transform, and what ran it: {failed:?}");
    assert!(failed[0].contains(r#"Err("no go")"#) && failed[1].contains(r#"Err("")"#));
    assert_eq!(traced.trace.rules[0].flow, None);
    assert!(traced.trace.rules[0].target.value.to_transit().starts_with(r#"{"a":1"#));
}

#[test]
fn a_fault_is_told_once_by_the_innermost_expression() {
    let traced = trace(
        r#"{"default": ["add", "x", ["concat", ["lookup-entity", "nowhere", "_S.id"], "a"]],
           "again": ["comment"]}"#,
        r#"{"id": "1"}"#,
    );
    // Without datasets in memory the lookup finds nothing; a rule without end
    // is a fault everywhere.
    assert!(traced.outcome.is_ok());
    let endless = trace(
        r#"{"default": ["add", "x", ["apply", "r", "_S."]],
            "r": ["add", "y", ["list", ["apply", "r", "_S."]]]}"#,
        "{}",
    );
    let why = endless.outcome.unwrap_err();
    assert!(why.contains("nested deeper"), "{why}");
    let told = endless.trace.values.iter().filter(|value| value.value.is_err()).count();
    let told = told
        + endless.trace.steps.iter().filter(|s| matches!(&s.flow, Err(w) if !w.is_empty())).count();
    assert!(told <= 1, "told {told} times");
}

#[test]
fn a_trace_is_bounded_whatever_runs() {
    let traced = trace(
        r#"{"default": [
            ["add", "many", ["apply", "r", ["range", 0, 20000]]],
            ["add", "long", ["apply", "long", ["range", 0, 20]]]],
          "r": [["add", "i", "_S."], ["add", "more", ["list", "_S.", "_S."]]],
          "long": [["add", "text", ["join", "", ["map", "_R._S.text", ["range", 0, 100]]]]]}"#,
        &format!(r#"{{"text": "{}"}}"#, "long ".repeat(1000)),
    );
    assert!(traced.outcome.is_ok());
    let trace = &traced.trace;
    assert!(trace.is_cut);
    assert!(trace.values.len() <= limit::VALUES);
    assert!(trace.rules.len() <= limit::RULES);
    assert!(trace.steps.len() <= limit::STEPS);
    let count = |text: &str| {
        let place = (0..trace.places.len()).find(|place| traced.at(*place) == text).unwrap();
        (trace.places[place].times, trace.values.iter().filter(|v| v.place == place).count())
    };
    assert_eq!(count(r#"["list", "_S.", "_S."]"#), (20_000, limit::PER_PLACE));
    let largest = |value: &Value| value.to_transit().len();
    let values = trace.values.iter().filter_map(|v| v.value.as_ref().ok());
    assert!(values.map(|brief| largest(&brief.value)).max().unwrap() < 50_000);
}
