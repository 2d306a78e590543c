//! The runs of all pipes, as their execution logs have them.

use pipewright_protocol::studio::RunInfo;
use pipewright_store::{Reader, StoreError, names};

use crate::Node;
use crate::status;

/// How many of one pipe are told when all are asked for.
const OF_EACH: usize = 30;

/// The runs that ended last, of one pipe or of those that may be seen, the
/// newest first.
pub(crate) fn last(
    node: &Node,
    pipe: Option<&str>,
    limit: usize,
    seen: impl Fn(&str) -> bool,
) -> Result<Vec<RunInfo>, StoreError> {
    let (loaded, reader) = (node.loaded(), node.store().reader()?);
    let mut runs = Vec::new();
    for id in loaded.plans.keys().filter(|id| seen(id)) {
        match pipe {
            None => add(&reader, id, limit.min(OF_EACH), &mut runs)?,
            Some(pipe) if id == pipe => add(&reader, id, limit, &mut runs)?,
            Some(_) => {}
        }
    }
    runs.sort_by(|a, b| b.ended.cmp(&a.ended).then_with(|| a.pipe.cmp(&b.pipe)));
    runs.truncate(limit);
    Ok(runs)
}

fn add(reader: &Reader, pipe: &str, limit: usize, to: &mut Vec<RunInfo>) -> Result<(), StoreError> {
    let log = names::execution_log(pipe);
    if reader.dataset(&log)?.is_none() {
        return Ok(());
    }
    let begin = to.len();
    for end in ["pump-completed", "pump-failed"] {
        for line in reader.history(&log, end, limit)? {
            let run = status::run_of(&line.entity);
            to.push(RunInfo {
                pipe: pipe.to_owned(),
                offset: line.updated,
                state: run.state,
                started: run.started,
                ended: run.ended.unwrap_or(line.ts),
                took: run.took.unwrap_or_default(),
                kind: run.kind,
                processed: run.processed,
                counts: run.counts,
                message: run.message,
            });
        }
    }
    to[begin..].sort_by_key(|run| std::cmp::Reverse(run.offset));
    to.truncate(begin + limit);
    Ok(())
}
