//! Inputs by structure: values, and DTL that is nearly right.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use arbitrary::{Result, Unstructured};
use pipewright_dtl::functions::{Function, Kind, Many, Role, all};
use serde_json::{Map, Value as Json, json};

/// Counts inputs and those that were accepted, and says so now and then.
pub fn count(accepted: bool) {
    static ALL: AtomicU64 = AtomicU64::new(0);
    static ACCEPTED: AtomicU64 = AtomicU64::new(0);
    let accepted = ACCEPTED.fetch_add(u64::from(accepted), Ordering::Relaxed) + u64::from(accepted);
    let all = ALL.fetch_add(1, Ordering::Relaxed) + 1;
    if all.is_multiple_of(1 << 16) {
        eprintln!("accepted {accepted} of {all}: {} %", accepted * 100 / all);
    }
}

/// Texts that mean something to some reader or function.
const TEXTS: &[&str] = &[
    "", "a", "b", "c", "id", "_id", "x:y", "~:a:b", "~rhttp://example.org/x#y", "~f1.50", "~f-1E-100",
    "~f1E100000", "~t2015-07-28T09:46:00.123456789Z", "~t2015-12-31", "~t9999-12-31T23:59:59Z",
    "~u9f598f65-eea5-4906-a8f5-82f6d8e69726", "~bw6U=", "~", "~~", "~fNaN", "%Y-%m-%d", "%d.%m.%y %H:%M:%S.%f %z",
    "2015-07-28", "Europe/Oslo", "year", "murmur3", "0xff", "1e400", "NO", "+4722222222", "*a?", "[[[[1", "{\"a\": 1}",
    "é\u{0}\u{1F600}", "  pad ", "9223372036854775808",
];

/// A value as transit JSON.
pub fn value(u: &mut Unstructured<'_>, depth: usize) -> Result<Json> {
    Ok(match u.int_in_range(0..=if depth == 0 { 6 } else { 9 })? {
        0 => Json::Null,
        1 => Json::Bool(u.arbitrary()?),
        2 => json!(u.int_in_range(-3..=20)?),
        3 => json!(u.arbitrary::<i64>()?),
        4 => json!(u.arbitrary::<f64>()?),
        5 => json!(*u.choose(TEXTS)?),
        6 => json!(u.arbitrary::<&str>()?),
        7 | 8 => {
            let count = u.int_in_range(0..=4)?;
            Json::Array((0..count).map(|_| value(u, depth - 1)).collect::<Result<_>>()?)
        }
        _ => {
            let mut members = Map::new();
            for _ in 0..u.int_in_range(0..=4)? {
                let name = u.choose(TEXTS)?.to_string();
                members.insert(name, value(u, depth - 1)?);
            }
            Json::Object(members)
        }
    })
}

/// Rules and a source entity.
pub struct Case {
    pub rules: Json,
    pub source: Json,
}

/// A conformance case with some parts exchanged, or rules made up.
pub fn case(u: &mut Unstructured<'_>) -> Result<Case> {
    let cases = conformance();
    if u.ratio(1, 2)? && !cases.is_empty() {
        let (rules, source) = u.choose(cases)?;
        let mut case = Case { rules: rules.clone(), source: source.clone() };
        for _ in 0..u.int_in_range(0..=3)? {
            if let Some(Json::Array(steps)) = case.rules.get_mut("default") {
                exchange(u, steps, 4)?;
            }
        }
        if u.ratio(1, 3)? {
            case.source = source_entity(u)?;
        }
        return Ok(case);
    }
    let mut rules = Map::new();
    // A rule applies later ones only, most of the time, so that most end.
    for (number, name) in ["default", "r1", "r2"].into_iter().enumerate() {
        let mut made = Made { first: number + 1, hops: true };
        let steps = u.int_in_range(1..=4)?;
        let steps = (0..steps).map(|_| made.transform(u, 3)).collect::<Result<_>>()?;
        rules.insert(name.into(), Json::Array(steps));
    }
    Ok(Case { rules: Json::Object(rules), source: source_entity(u)? })
}

fn source_entity(u: &mut Unstructured<'_>) -> Result<Json> {
    let mut source = Map::new();
    source.insert("_id".into(), json!(*u.choose(&["1", "x:1", "e2"])?));
    for name in ["a", "b", "c"] {
        source.insert(name.into(), value(u, 3)?);
    }
    Ok(Json::Object(source))
}

/// Puts something else in the place of one argument, somewhere.
fn exchange(u: &mut Unstructured<'_>, call: &mut [Json], depth: usize) -> Result<()> {
    let Some(last) = call.len().checked_sub(1) else { return Ok(()) };
    let at = u.int_in_range(0..=last)?;
    match &mut call[at] {
        Json::Array(inner) if depth > 0 && !u.ratio(1, 3)? => exchange(u, inner, depth - 1),
        // The names of functions stay.
        Json::String(_) if at == 0 => Ok(()),
        Json::Array(inner) if inner.first().is_some_and(|f| transform_named(f).is_some()) => {
            call[at] = Made { first: 3, hops: false }.transform(u, 2)?;
            Ok(())
        }
        place => {
            *place = Made { first: 3, hops: false }.expression(u, 2, true)?;
            Ok(())
        }
    }
}

fn transform_named(name: &Json) -> Option<&'static Function> {
    let name = name.as_str()?;
    all().find(|f| f.role() == Role::Transform && f.name == name)
}

/// The conformance cases that are an expression or transforms: rules, source.
fn conformance() -> &'static [(Json, Json)] {
    static CASES: OnceLock<Vec<(Json, Json)>> = OnceLock::new();
    CASES.get_or_init(|| {
        let text = include_str!("../../tests/conformance/public.jsonl");
        let cases = text.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
        let rules = cases.filter_map(|case| {
            let written = case.get("expr")?.clone();
            let steps = match case.get("kind")?.as_str()? {
                "expr" => json!([["add", "result", written]]),
                "transform" => match written.get(0)?.is_array() {
                    true => written,
                    false => json!([written]),
                },
                _ => return None,
            };
            let mut rules = Map::new();
            rules.insert("default".into(), steps);
            for (name, rule) in case.get("rules").and_then(Json::as_object).into_iter().flatten() {
                rules.entry(name.clone()).or_insert_with(|| rule.clone());
            }
            let source = case.get("source").cloned().unwrap_or_else(|| json!({}));
            Some((Json::Object(rules), source))
        });
        rules.collect()
    })
}

/// DTL made of the catalogue.
struct Made {
    /// The first rule that may be applied: 1 or 2; none beyond.
    first: usize,
    hops: bool,
}

impl Made {
    fn expression(&mut self, u: &mut Unstructured<'_>, depth: usize, item: bool) -> Result<Json> {
        if depth == 0 || u.is_empty() || u.ratio(1, 4)? {
            return self.leaf(u, item);
        }
        static FUNCTIONS: OnceLock<Vec<&Function>> = OnceLock::new();
        let functions = FUNCTIONS.get_or_init(|| {
            let slow = ["sleep!"];
            all().filter(|f| f.role() == Role::Expression && !slow.contains(&f.name)).collect()
        });
        let function = *u.choose(functions)?;
        let rules = function.params.iter().any(|param| param.kind == Kind::Rule);
        let hops = function.params.iter().any(|param| param.kind == Kind::Hops);
        if rules && self.first > 2 || hops && !self.hops {
            return self.leaf(u, item);
        }
        self.call(u, function, depth, item)
    }

    fn leaf(&mut self, u: &mut Unstructured<'_>, item: bool) -> Result<Json> {
        const PATHS: &[&str] = &[
            "_S.a", "_S.b", "_S.c", "_S._id", "_S.", "_S.a.b", "_S.a.b.c", "_T.a", "_T.", "_T.b.a", "_P._S.a", "_P.",
            "_R._T.a", "_R.", "_B.x", "_S.'a.b'", "_S.$ids",
        ];
        Ok(match u.int_in_range(0..=3)? {
            0 | 1 => json!(*u.choose(PATHS)?),
            2 if item => json!(*u.choose(&["_.", "_.a", "_.value"])?),
            _ => match value(u, 2)? {
                // A list is a call where an expression stands.
                Json::Array(mut items) => {
                    items.insert(0, json!("list"));
                    items[1..].iter_mut().for_each(|item| {
                        if item.is_array() {
                            *item = Json::Null;
                        }
                    });
                    Json::Array(items)
                }
                other => other,
            },
        })
    }

    fn transform(&mut self, u: &mut Unstructured<'_>, depth: usize) -> Result<Json> {
        static TRANSFORMS: OnceLock<Vec<&Function>> = OnceLock::new();
        let transforms = TRANSFORMS.get_or_init(|| {
            let slow = ["sleep!"];
            all().filter(|f| f.role() == Role::Transform && !slow.contains(&f.name)).collect()
        });
        if u.ratio(1, 2)? {
            // Most say something.
            let name = *u.choose(&["a", "b", "c", "_id", "d"])?;
            return Ok(json!(["add", name, self.expression(u, depth, false)?]));
        }
        let function = *u.choose(transforms)?;
        self.call(u, function, depth, false)
    }

    fn call(
        &mut self,
        u: &mut Unstructured<'_>,
        function: &Function,
        depth: usize,
        item: bool,
    ) -> Result<Json> {
        let (least, most) = function.arity();
        let count = u.int_in_range(least..=most.unwrap_or(least + 2).max(least))?;
        let transforms = function.params.iter().any(|param| param.kind == Kind::Transforms);
        let mut call = vec![json!(function.name)];
        for at in 0..count {
            let param = function.param(at, count);
            let kind = param.map_or(Kind::Value, |param| param.kind);
            let pairs = transforms && param.is_some_and(|param| param.many == Many::Any);
            // Of pairs the second is what to do.
            let kind = if pairs && (count - at) % 2 == 1 { Kind::Transforms } else { kind };
            call.push(match kind {
                Kind::Transforms => self.transform(u, depth.saturating_sub(1))?,
                Kind::Rule => json!(*u.choose(&["r1", "r2"][self.first.clamp(1, 2) - 1..])?),
                Kind::Hops => hops(u)?,
                Kind::Literal => value(u, 2)?,
                Kind::Wildcard => json!(*u.choose(&["*", "a", "a*", "?", "_*", "*:*"])?),
                Kind::Function => self.expression(u, depth.saturating_sub(1), true)?,
                Kind::String if u.ratio(3, 4)? => json!(*u.choose(TEXTS)?),
                Kind::Integer if u.ratio(3, 4)? => json!(u.int_in_range(-5..=30)?),
                _ => self.expression(u, depth.saturating_sub(1), item)?,
            });
        }
        Ok(Json::Array(call))
    }
}

fn hops(u: &mut Unstructured<'_>) -> Result<Json> {
    let mut hops = json!({
        "datasets": ["things t"],
        "where": [["eq", *u.choose(&["_S.a", "_S._id", "_S.b", "_S."])?, *u.choose(&["t._id", "t.a", "t."])?]],
    });
    match u.int_in_range(0..=4)? {
        0 => hops["return"] = json!("t.a"),
        1 => hops["return"] = json!({"x": "t.b", "y": ["count", "_S.a"]}),
        2 => {
            hops["recurse"] = json!(true);
            hops["max_depth"] = json!(u.int_in_range(0..=3)?);
        }
        3 => hops["where"] = json!(["and", hops["where"][0].clone(), ["gt", "t.a", 1]]),
        _ => {}
    }
    Ok(hops)
}
