//! Cases that are expressions or transforms: compiled as the default rule of
//! a program, and run once.

use std::path::Path as FilePath;

use pipewright_dtl::{
    Document, EvalError, FaultKind, Flow, Namespaces, Options, Path, RawOutcome, Severity, compile,
};
use pipewright_entity::{Dict, Text, Value};

use super::case::{Case, Kind, Stop};
use super::world::World;

/// The property that the value of an expression is added as.
const RESULT: &str = "result";

pub(super) fn check(case: &Case, folder: &FilePath) -> Result<(), Stop> {
    let options = options(case)?;
    let world = World::of(case, folder)?;
    let source = case.value("source")?.unwrap_or_else(|| Value::dict(Dict::default()));
    let target = case.dict("target")?.unwrap_or_default();
    let outcome = run(case, &options, &world, source, target);
    let stops = case.is_true("expect_error") || case.node("expect_outcome").is_some();
    if stops {
        check_outcome(case, &outcome)?;
    }
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(_) if stops => return Ok(()),
        Err(Ended::Refused(why)) => return Err(Stop::Failed(format!("does not compile: {why}"))),
        Err(Ended::Stopped(error)) => return Err(Stop::Failed(error.to_string())),
    };
    let comparison = case.comparison()?;
    let value = match case.kind {
        Kind::Expression => outcome.target.get(RESULT).cloned().unwrap_or(Value::Null),
        _ => Value::dict(outcome.target),
    };
    if let Some(wanted) = case.value("expect")? {
        let what = if case.kind == Kind::Expression { "the value" } else { "the target" };
        comparison.check(what, &wanted, &value)?;
    }
    if let Some(wanted) = case.value("expect_type")? {
        check_type(&wanted, &value)?;
    }
    let emitted = Value::list(outcome.emitted.into_iter().map(|entity| entity.into_value()));
    if let Some(wanted) = case.value("expect_emitted")? {
        comparison.check("what is emitted", &wanted, &emitted)?;
    }
    if case.is_true("expect_none") && emitted.as_list().is_some_and(|emitted| !emitted.is_empty()) {
        return Err(Stop::Failed(format!("nothing should be emitted: {}", emitted.to_transit())));
    }
    Ok(())
}

/// Why there is no outcome.
enum Ended {
    /// The text has errors.
    Refused(String),
    /// Running it failed.
    Stopped(EvalError),
}

fn run(
    case: &Case,
    options: &Options,
    world: &World,
    source: Value,
    target: Dict,
) -> Result<RawOutcome, Ended> {
    let document = Document::parse(rules(case));
    let Some(rules) = document.root.clone() else { return Err(Ended::Refused("no rules".into())) };
    let compiled = compile(&document, &rules, &Path::root(), options);
    let Some(program) = compiled.program else {
        let errors = compiled.diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let errors: Vec<_> = errors.map(|found| found.message.as_str()).collect();
        return Err(Ended::Refused(errors.join("; ")));
    };
    program.run_raw(source, target, world).map_err(Ended::Stopped)
}

/// The rules: those of the case, with its expression or its transforms as the
/// default rule.
fn rules(case: &Case) -> String {
    let expr = case.node("expr").map_or("null", |node| case.text(node));
    let default = match case.kind {
        // The result belongs to no namespace.
        Kind::Expression if is_namespaced(case) => format!("[\"add\", \"::{RESULT}\", {expr}]"),
        Kind::Expression => format!("[\"add\", \"{RESULT}\", {expr}]"),
        _ => expr.to_owned(),
    };
    let mut rules = format!("{{\"default\": {default}");
    for member in case.node("rules").map_or(&[][..], |node| node.members()) {
        if member.key != "default" {
            let name = Value::String(member.key.clone()).to_transit();
            rules.push_str(&format!(", {name}: {}", case.text(&member.value)));
        }
    }
    rules.push('}');
    rules
}

fn is_namespaced(case: &Case) -> bool {
    case.config("namespaced_identifiers").and_then(|node| node.as_bool()) == Some(true)
}

fn options(case: &Case) -> Result<Options, Stop> {
    let pipe = case.config("pipe_id").and_then(|node| node.as_text().cloned());
    let pipe = pipe.unwrap_or(Text::new_static("conformance"));
    let namespace = |which: &str| {
        let declared = case.config("namespaces").and_then(|node| node.get(which)?.as_text());
        declared.cloned().unwrap_or_else(|| pipe.clone())
    };
    let id_required = case.config("id_required").and_then(|node| node.as_bool()) != Some(false);
    let namespaces = Namespaces {
        enabled: is_namespaced(case),
        identity: namespace("identity"),
        property: namespace("property"),
    };
    Ok(Options { namespaces, id_required, ..Options::new(pipe) })
}

fn check_outcome(case: &Case, outcome: &Result<RawOutcome, Ended>) -> Result<(), Stop> {
    let found = match outcome {
        Ok(outcome) => match outcome.flow {
            Flow::Next => "kept",
            Flow::Filter => "filtered",
            Flow::Discard => "discarded",
        },
        Err(Ended::Stopped(error)) if error.kind == FaultKind::Tripped => "tripped",
        Err(Ended::Stopped(_)) => "failed",
        Err(Ended::Refused(_)) => "refused",
    };
    match case.node("expect_outcome").and_then(|node| node.as_str()) {
        Some(wanted) if wanted != found => {
            Err(Stop::Failed(format!("the entity is {found}, not {wanted}")))
        }
        None if outcome.is_ok() => Err(Stop::Failed("it should fail but does not".to_owned())),
        _ => Ok(()),
    }
}

/// `wanted` names a type, or one for each item.
fn check_type(wanted: &Value, found: &Value) -> Result<(), Stop> {
    let is = |wanted: &Value, found: &Value| {
        let name = match found {
            Value::Uuid(_) => "uuid",
            other => other.type_name(),
        };
        wanted.as_str() == Some(name)
    };
    let same = match (wanted, found) {
        (Value::List(wanted), Value::List(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found.iter()).all(|(a, b)| is(a, b))
        }
        (wanted, found) => is(wanted, found),
    };
    match same {
        true => Ok(()),
        false => {
            let (found, wanted) = (found.to_transit(), wanted.to_transit());
            Err(Stop::Failed(format!("the value is {found}, not of type {wanted}")))
        }
    }
}
