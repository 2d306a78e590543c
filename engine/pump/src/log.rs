//! What runs leave in the execution log of their pipe
//! (`hub/documentation/operations/pump-execution`).
//!
//! The log is an ordinary dataset whose ids repeat: the latest version of an
//! id tells how things are, the versions before how they were.

use pipewright_entity::{DateTime, Dict, Entity, Text, Value};
use pipewright_store::Retry;

use crate::report::{Ending, Note, Report};
use crate::world::Hops;
use crate::{Counts, RunKind};

/// How long the parts of a run took, in microseconds, and what hops did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) source: i64,
    pub(crate) transform: i64,
    pub(crate) sink: i64,
    pub(crate) hops: Hops,
}

/// The begin of a run.
pub(crate) fn started(pipe: &str, kind: RunKind, at: i64) -> Entity {
    Line::new("pump-started", pipe)
        .with("start_time", time(at))
        .with("sync_type", kind.sync_type())
        .entity()
}

/// The end of a run. `location` is the place of its begin in the log,
/// `retries` whether something waits to be tried again.
pub(crate) fn ended(
    report: &Report,
    location: Option<u64>,
    retries: bool,
    times: &Times,
) -> Entity {
    let Counts { written, unchanged, failed, .. } = report.counts;
    let kind = match report.ending {
        Ending::Failed { .. } => "pump-failed",
        _ => "pump-completed",
    };
    let line = Line::new(kind, &report.pipe)
        .with("start_time", time(report.started))
        .with("end_time", time(report.ended))
        .with("total_time", seconds(report.ended - report.started))
        .with("sync_type", report.kind.sync_type())
        .with("pump_started_location", location.map_or(Value::Null, integer))
        .with("retry_entities_exist", retries)
        .with("entities_succeeded", integer(written + unchanged))
        .with("entities_failed", integer(failed))
        .with("metrics", metrics(&report.counts, times));
    let line = match report.notes.is_empty() {
        true => line,
        false => line.with("notes", Value::list(report.notes.iter().map(note))),
    };
    match &report.ending {
        Ending::Failed { reason, entity } => {
            let line = match entity {
                Some(id) => line.with("exception_entity", Entity::new(id.clone()).into_value()),
                None => line,
            };
            line.with("reason_why_stopped", reason.as_str())
                .with("original_error_message", reason.as_str())
                .entity()
        }
        Ending::Stopped => line.with("stopped", true).entity(),
        Ending::Completed | Ending::Held => line.entity(),
    }
}

/// Something that could not be read; `run` and `number` make its id.
pub(crate) fn unreadable(pipe: &str, run: &str, number: u64, at: i64, reason: &str) -> Entity {
    Line::new("read-error", pipe)
        .with("error_code", 1)
        .with("event_time", time(at))
        .with("original_error_message", reason)
        .entity()
        .with_id(format!("read-error:{run}:{number}"))
}

/// An entity that could not be transformed or written.
pub(crate) fn write_error(pipe: &str, retry: &Retry) -> Entity {
    error_line(pipe, retry)
        .with("retryable", !retry.dead)
        .with("resolved", false)
        .with("dead", retry.dead)
        .entity()
        .with_id(format!("write-error:{}", retry.id))
}

/// The end of such an error: a retry or a newer version succeeded.
pub(crate) fn resolved(pipe: &str, retry: &Retry, at: i64) -> Entity {
    error_line(pipe, retry)
        .with("event_time", time(at))
        .with("retryable", false)
        .with("resolved", true)
        .with("dead", false)
        .entity()
        .with_id(format!("write-error:{}", retry.id))
}

/// Another end of such an error: someone gave the entity up, and said why.
pub(crate) fn discarded(pipe: &str, retry: &Retry, by: &str, why: Option<&str>, at: i64) -> Entity {
    let line = error_line(pipe, retry)
        .with("event_time", time(at))
        .with("retryable", false)
        .with("resolved", true)
        .with("dead", false)
        .with("discarded", true)
        .with("user", dict([("user_id", Value::string(by))]));
    let line = match why {
        Some(why) => line.with("comment", why),
        None => line,
    };
    line.entity().with_id(format!("write-error:{}", retry.id))
}

/// Someone set where the pipe is in its source.
pub(crate) fn offset_set(
    pipe: &str,
    before: Option<Value>,
    offset: Option<Value>,
    by: &str,
    at: i64,
) -> Entity {
    let is_reset = offset.is_none();
    let shown = |offset: Option<Value>| offset.unwrap_or_else(|| Value::string(""));
    event("pump-offset-set", pipe, by, at)
        .with("is_reset", is_reset)
        .with("original_pipe_offset", shown(before))
        .with("pipe_offset", shown(offset))
}

/// Something that someone did to the pipe.
pub(crate) fn event(kind: &'static str, pipe: &str, by: &str, at: i64) -> Entity {
    Line::new(kind, pipe)
        .with("event_time", time(at))
        .with("user", dict([("user_id", Value::string(by))]))
        .entity()
}

fn error_line(pipe: &str, retry: &Retry) -> Line {
    Line::new("write-error", pipe)
        .with("error_code", 1)
        .with("event_time", time(retry.failed))
        .with("retry_attempts", i64::from(retry.attempts))
        .with("entity", retry.entity.clone().into_value())
        .with("original_error_message", retry.reason.as_str())
        .with("detail", retry.detail.clone())
}

/// Something about a run that a user should know.
fn note(note: &Note) -> Value {
    dict([("code", Value::string(note.code)), ("message", Value::string(note.message.as_str()))])
}

fn metrics(counts: &Counts, times: &Times) -> Value {
    let entities = [
        ("changes_last_run", integer(counts.written)),
        ("entities_last_run", integer(counts.read)),
        ("read_errors_last_run", integer(counts.unreadable)),
        ("write_errors_last_run", integer(counts.failed - counts.unreadable)),
        ("source_time", seconds(times.source)),
        ("transform_time", seconds(times.transform)),
        ("sink_time", seconds(times.sink)),
    ];
    let hops = [
        ("max-cardinality", integer(times.hops.most)),
        ("max-cardinality-last-run", integer(times.hops.most)),
        ("total-rows-last-run", integer(times.hops.total)),
    ];
    dict([("entities", dict(entities)), ("hops", dict(hops))])
}

fn dict<const N: usize>(pairs: [(&'static str, Value); N]) -> Value {
    Value::dict(pairs.into_iter().map(|(name, v)| (Text::new_static(name), v)).collect())
}

fn integer(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Microseconds since 1970 as ISO 8601 text.
fn time(at: i64) -> Value {
    match DateTime::from_nanosecond(i128::from(at) * 1000) {
        Some(time) => Value::string(time.to_string()),
        None => Value::Null,
    }
}

/// Microseconds as seconds.
fn seconds(time: i64) -> Value {
    Value::Float(time as f64 / 1e6)
}

/// A line on its way.
struct Line(Dict);

impl Line {
    fn new(kind: &'static str, pipe: &str) -> Line {
        let definition = pipewright_entity::format_text!("pump:{pipe}");
        Line(Dict::default())
            .with("_id", Value::string(kind))
            .with("event_type", kind)
            .with("pipe", pipe)
            .with("pump_definition", Value::String(definition))
    }

    fn with(mut self, name: &'static str, value: impl Into<Value>) -> Line {
        self.0.insert(Text::new_static(name), value.into());
        self
    }

    fn entity(self) -> Entity {
        // Every line begins with a string `_id`.
        Entity::from_dict(self.0).unwrap_or_else(|_| Entity::new(""))
    }
}
