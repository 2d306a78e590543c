//! From keys to current versions.

use pipewright_entity::binary::Decoder;
use pipewright_entity::{Key, Version};
use rusqlite::Connection;

use super::{LONG, Registered, Row, stored};
use crate::StoreError;
use crate::dataset::Dataset;
use crate::error::Outcome;
use crate::versions;

/// The index in this snapshot, complete or an error.
pub(crate) fn ready(
    connection: &Connection,
    dataset: &Dataset,
    registered: &Registered,
) -> Outcome<i64> {
    let Some(row) = Row::find(connection, dataset.number, &registered.expression)?
        .filter(|row| row.revision == registered.keys.revision())
    else {
        let (dataset, expression) = (dataset.id.clone(), registered.expression.clone());
        return Err(StoreError::NoIndex { dataset, expression }.into());
    };
    if !row.is_complete(dataset.length) {
        return Err(StoreError::IndexBehind {
            dataset: dataset.id.clone(),
            expression: registered.expression.clone(),
            built: row.built,
            length: dataset.length,
        }
        .into());
    }
    Ok(row.number)
}

/// The current versions for each key, in log order.
pub(crate) fn many(
    connection: &Connection,
    dataset: &Dataset,
    registered: &Registered,
    keys: &[Key],
) -> Outcome<Vec<Vec<Version>>> {
    let lookup = ready(connection, dataset, registered)?;
    let mut order: Vec<usize> = (0..keys.len()).collect();
    order.sort_unstable_by(|a, b| keys[*a].cmp(&keys[*b]));
    let mut found: Vec<Vec<Version>> = vec![Vec::new(); keys.len()];
    let mut statement = connection.prepare_cached(versions::select!(
        "entry e CROSS JOIN version v ON v.at = ? + e.updated \
         WHERE e.lookup = ? AND e.key = ? ORDER BY e.updated"
    ))?;
    let mut decoder = Decoder::default();
    for (nth, &index) in order.iter().enumerate() {
        let key = &keys[index];
        if nth > 0 && keys[order[nth - 1]] == *key {
            found[index] = found[order[nth - 1]].clone();
            continue;
        }
        let mut rows = statement.query((dataset.at(0), lookup, stored(key).as_ref()))?;
        while let Some(row) = rows.next()? {
            let version = versions::from_row(&mut decoder, dataset, row)?;
            if key.len() < LONG || registered.has(&version.entity, key) {
                found[index].push(version);
            }
        }
    }
    Ok(found)
}
