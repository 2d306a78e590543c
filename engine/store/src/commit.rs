//! One transaction for everything that waits to be committed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, TransactionBehavior};

use crate::append::Appender;
use crate::batch::{Batch, Committed};
use crate::error::Outcome;
use crate::index::Registry;
use crate::run::Run;
use crate::store::Inner;
use crate::{StoreError, dataset, state};

type Results = Vec<Result<Committed, StoreError>>;

/// Batches that wait. Whoever gets the writer first stores them all; the
/// others find their answer when the writer is free again.
#[derive(Default)]
pub(crate) struct Queue(Mutex<Vec<Ticket>>);

struct Ticket {
    batches: Vec<Batch>,
    answer: Arc<Mutex<Option<Results>>>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Vec<Ticket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    pub(crate) fn commit(&self, batches: Vec<Batch>) -> Results {
        let (count, answer) = (batches.len(), Arc::new(Mutex::new(None)));
        self.queue.lock().push(Ticket { batches, answer: answer.clone() });
        let take = || answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut writer = self.wait_for_writer();
        if let Some(results) = take() {
            return results;
        }
        let mut tickets = std::mem::take(&mut *self.queue.lock());
        let durability =
            tickets.iter().flat_map(|ticket| &ticket.batches).map(|batch| batch.durability).max();
        let mut results = match writer.settle(durability.unwrap_or_default()) {
            Ok(()) => store(&mut writer, &self.registry(), &mut tickets),
            Err(error) => vec![Err(StoreError::from(error)); total(&tickets)],
        }
        .into_iter();
        for ticket in tickets {
            let answer = results.by_ref().take(ticket.batches.len()).collect();
            *ticket.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
        }
        // What is committed is committed, whether this succeeds or not.
        let _ = writer.restrain_log(&self.dir);
        take().unwrap_or_else(|| vec![Err(StoreError::GivenUp); count])
    }
}

fn total(tickets: &[Ticket]) -> usize {
    tickets.iter().map(|ticket| ticket.batches.len()).sum()
}

/// Stores all batches; the ones that fail leave nothing behind.
fn store(connection: &mut Connection, registry: &Registry, tickets: &mut [Ticket]) -> Results {
    let count = total(tickets);
    let stored = (|| {
        let mut transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut results = Vec::with_capacity(count);
        for batch in tickets.iter_mut().flat_map(|ticket| &mut ticket.batches) {
            if count == 1 {
                // Nothing else to keep: dropping the transaction undoes it.
                results.push(Ok(apply(&transaction, registry, batch)?));
                break;
            }
            let savepoint = transaction.savepoint()?;
            match apply(&savepoint, registry, batch) {
                Ok(committed) => {
                    savepoint.commit()?;
                    results.push(Ok(committed));
                }
                // A full disk and the like end the whole transaction.
                Err(error) if savepoint.is_autocommit() => return Err(error),
                Err(error) => {
                    savepoint.finish()?;
                    results.push(Err(error.into()));
                }
            }
        }
        transaction.commit()?;
        Outcome::Ok(results)
    })();
    stored.unwrap_or_else(|error| vec![Err(StoreError::from(error)); count])
}

/// Everything a batch holds, inside a transaction.
fn apply(connection: &Connection, registry: &Registry, batch: &mut Batch) -> Outcome<Committed> {
    let mut run = Run::new(batch.run.take());
    let mut committed = Committed::default();
    for section in &batch.datasets {
        let dataset = dataset::get_or_create(connection, &section.dataset, registry)?;
        if let Some(full_run) = &section.full_run {
            full_run.check(&dataset)?;
        }
        let mut appender = Appender::new(
            connection,
            &mut run,
            batch.ts,
            dataset,
            registry,
            section.defer_indexes,
        )?;
        appender.write(&section.writes, section.full_run.as_ref())?;
        if let Some(full_run) = section.full_run.as_ref().filter(|_| section.delete_unseen) {
            appender.delete_unseen(full_run)?;
        }
        committed.datasets.push(appender.finish(section.populated, section.completeness)?);
    }
    run.finish(connection)?;
    state::apply(connection, std::mem::take(&mut batch.pipes))?;
    Ok(committed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use pipewright_entity::Entity;

    use super::*;
    use crate::{Durability, Store};

    fn limit(store: &Store, pages: i64) {
        let writer = store.inner().writer(Durability::Normal).unwrap();
        let set = format!("PRAGMA max_page_count = {pages}");
        writer.query_row(&set, [], |row| row.get::<_, i64>(0)).unwrap();
    }

    #[test]
    fn a_full_disk_spoils_nothing_and_the_store_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let batch = |count: usize| {
            let mut batch = store.batch(1);
            let filler = "x".repeat(1_000);
            for n in 0..count {
                batch.append("d", Entity::new(format!("{count}-{n}")).with("x", &*filler));
            }
            batch
        };
        store.commit(batch(3)).unwrap();
        limit(&store, 100);
        let length = || store.reader().unwrap().dataset("d").unwrap().unwrap().length;

        assert!(matches!(store.commit(batch(2_000)), Err(StoreError::DiskFull)));
        assert_eq!(length(), 3);
        // In a group the full disk may end what stands beside it as well, but
        // what is said to be stored is stored, and nothing else.
        let results = store.commit_all(vec![batch(4), batch(2_000), batch(5)]);
        assert!(matches!(results[1], Err(StoreError::DiskFull)));
        let stored = results.iter().flatten().map(|done| done.datasets[0].written);
        assert_eq!(length(), 3 + stored.sum::<u64>());

        limit(&store, 1 << 20);
        store.commit(batch(2_000)).unwrap();
        assert!(length() >= 2_003);
    }
}
