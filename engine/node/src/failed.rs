//! Entities that failed, over all pipes.

use std::sync::Arc;

use pipewright_entity::Text;
use pipewright_protocol::studio::{FailedAct, FailedEntity, FailedInfo, FailedPage, SettleFailed};
use pipewright_pump::Operation;
use pipewright_store::Retry;

use crate::api::Failed;
use crate::{Node, wire};

/// How many are read at once.
const PAGE: usize = 1_000;

/// All that failed, the last first.
pub(crate) fn all(node: &Node) -> Result<FailedPage, Failed> {
    let (loaded, reader) = (node.loaded(), node.store().reader()?);
    let mut page = FailedPage::default();
    for pipe in loaded.plans.keys() {
        let counts = reader.retry_counts(pipe)?;
        let count = counts.waiting + counts.dead;
        page.total += count;
        let mut left = usize::try_from(count).unwrap_or(usize::MAX).min(FailedPage::MOST);
        let mut after: Option<Text> = None;
        while left > 0 {
            let retries = reader.retries(pipe, after.as_deref(), left.min(PAGE))?;
            let Some(last) = retries.last() else { break };
            after = Some(last.id.clone());
            left -= retries.len();
            page.entities.extend(retries.iter().map(|retry| info(pipe, retry)));
        }
    }
    page.entities.sort_by(|a, b| b.failed.cmp(&a.failed).then_with(|| a.id.cmp(&b.id)));
    page.entities.truncate(FailedPage::MOST);
    Ok(page)
}

/// One of them, whole.
pub(crate) fn one(node: &Node, pipe: &str, id: &str) -> Result<FailedEntity, Failed> {
    let retry = node.store().reader()?.retry(pipe, id)?;
    let retry = retry.ok_or_else(|| {
        Failed::not_found(format!("no entity {id:?} of the pipe {pipe:?} waits or was given up"))
    })?;
    Ok(FailedEntity {
        info: info(pipe, &retry),
        entity: wire::json(&retry.entity)?,
        detail: wire::value(&retry.detail)?,
    })
}

/// Tries some again, or gives them up; `by` is who wants it.
pub(crate) fn settle(node: &Arc<Node>, settle: SettleFailed, by: &str) -> Result<(), Failed> {
    let SettleFailed { pipe, ids, act } = settle;
    if !node.loaded().plans.contains_key(pipe.as_str()) {
        return Err(Failed::not_found(format!("there is no pipe {pipe:?}")));
    }
    let ids = ids.into_iter().map(Text::from).collect();
    match act {
        FailedAct::Retry if !node.is_trusted() => Err(Failed::not_trusted()),
        FailedAct::Retry => {
            node.operate(&pipe, &Operation::TryAgain(ids), by)?;
            node.start(&[pipe], false)
        }
        FailedAct::Discard { why } => {
            let why = why.filter(|why| !why.trim().is_empty());
            node.operate(&pipe, &Operation::DiscardRetries { ids, why }, by)
        }
    }
}

fn info(pipe: &str, retry: &Retry) -> FailedInfo {
    FailedInfo {
        pipe: pipe.to_owned(),
        id: retry.id.to_string(),
        attempts: retry.attempts,
        failed: retry.failed,
        dead: retry.dead,
        reason: retry.reason.clone(),
    }
}
