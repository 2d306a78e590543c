//! What a traced program tells, in the form of the API: places are those of
//! the text of the pipe's file.

use pipewright_config::Pipe;
use pipewright_dtl::trace::{Brief, Change, Done, Origin, Place, RuleRun, Valued};
use pipewright_dtl::{Flow, trace};
use pipewright_protocol::studio::{
    Ended, Json, Shown, Trace, TracedChange, TracedOrigin, TracedPlace, TracedRule, TracedRun,
    TracedStep, TracedValue,
};

use crate::api::Failed;
use crate::preview::in_file;

type Result<T> = serde_json::Result<T>;

/// The traces of a pipe's transforms.
pub(crate) fn traces(pipe: &Pipe, traces: &[trace::Trace]) -> std::result::Result<Trace, Failed> {
    let runs = traces.iter().map(|trace| traced(trace, Some(pipe))).collect::<Result<_>>();
    let runs = runs.map_err(|error| Failed::internal(error.to_string()))?;
    Ok(Trace { file: pipe.origin.file.path.to_string(), runs })
}

/// A trace in the form of the API. Of a pipe's transform the places are those
/// of the pipe's file, and else those of the text that was compiled.
///
/// # Errors
/// When a value has no JSON.
pub fn traced(trace: &trace::Trace, pipe: Option<&Pipe>) -> Result<TracedRun> {
    let place = |place: &Place| {
        let (path, span) = match pipe {
            Some(pipe) => in_file(pipe, Some(&place.path)),
            None => (place.path.clone(), place.span.clone()),
        };
        let (start, end) = (span.start, span.end);
        TracedPlace { path: path.to_string(), start, end, times: place.times }
    };
    Ok(TracedRun {
        places: trace.places.iter().map(place).collect(),
        rules: trace.rules.iter().map(rule).collect::<Result<_>>()?,
        values: trace.values.iter().map(value).collect::<Result<_>>()?,
        steps: trace.steps.iter().map(step).collect::<Result<_>>()?,
        cut: trace.is_cut,
    })
}

fn rule(rule: &RuleRun) -> Result<TracedRule> {
    let origin = |origin: &Origin| TracedOrigin {
        property: origin.property.to_string(),
        step: origin.step,
        reads: origin.reads.clone(),
    };
    Ok(TracedRule {
        place: rule.place,
        parent: rule.parent,
        call: rule.call,
        source: shown(&rule.source)?,
        target: shown(&rule.target)?,
        ended: ended(rule.flow),
        origins: rule.origins.iter().map(origin).collect(),
    })
}

fn value(valued: &Valued) -> Result<TracedValue> {
    let row = valued.row.iter().map(|(alias, id)| (alias.to_string(), id.to_string()));
    Ok(TracedValue {
        place: valued.place,
        rule: valued.rule,
        row: row.collect(),
        item: valued.item.as_ref().map(shown).transpose()?,
        value: valued.value.as_ref().ok().map(shown).transpose()?,
        failed: valued.value.as_ref().err().cloned(),
    })
}

fn step(done: &Done) -> Result<TracedStep> {
    let change = |change: &Change| -> Result<TracedChange> {
        Ok(TracedChange {
            property: change.property.to_string(),
            before: change.before.as_ref().map(shown).transpose()?,
            after: change.after.as_ref().map(shown).transpose()?,
        })
    };
    Ok(TracedStep {
        place: done.place,
        rule: done.rule,
        changes: done.changes.iter().map(change).collect::<Result<_>>()?,
        emitted: done.emitted,
        ended: ended(done.flow.as_ref().ok().copied()),
        failed: done.flow.as_ref().err().filter(|why| !why.is_empty()).cloned(),
    })
}

fn ended(flow: Option<Flow>) -> Ended {
    match flow {
        Some(Flow::Next) => Ended::Done,
        Some(Flow::Filter) => Ended::Filtered,
        Some(Flow::Discard) => Ended::Discarded,
        None => Ended::Failed,
    }
}

fn shown(brief: &Brief) -> Result<Shown> {
    Ok(Shown { json: Json::from_text(brief.value.to_transit())?, cut: brief.is_cut })
}
