//! What a circuit breaker holds back from a dataset, read behind the rest of it
//! as if it were stored.

use pipewright_entity::Version;
use pipewright_store::{Reader, Select, StoreError, names};

type Versions<'r> = Box<dyn Iterator<Item = Result<Version, StoreError>> + 'r>;

/// Whether anything is held back from a dataset.
pub(super) fn is_any(reader: &Reader, dataset: &str) -> Result<bool, StoreError> {
    Ok(reader.dataset(&names::uncommitted(dataset))?.is_some())
}

/// The version of an entity that is held back, if one is.
pub(super) fn version(
    reader: &Reader,
    dataset: &str,
    entity: &str,
) -> Result<Option<Version>, StoreError> {
    match is_any(reader, dataset)? {
        true => reader.get(&names::uncommitted(dataset), entity),
        false => Ok(None),
    }
}

/// The versions of a dataset and, behind them, those that are held back, whose
/// places count on from its own.
pub(super) fn versions<'r>(
    reader: &'r Reader,
    dataset: &'r str,
    since: Option<u64>,
    select: Select,
) -> Result<Versions<'r>, StoreError> {
    let aside = names::uncommitted(dataset);
    let length = reader.dataset(dataset)?.map_or(0, |dataset| dataset.length);
    let later = |place: Option<u64>| place.and_then(|place| place.checked_sub(length));
    let (history, reverse, before) = (select.history, select.reverse, select.before);

    let of_dataset: Versions<'r> = match later(since) {
        Some(_) => Box::new(std::iter::empty()),
        None => {
            let before = before.filter(|before| *before < length);
            let select = Select { before, ..select.clone() };
            let replaced = aside.clone();
            let stays = move |version: &Result<Version, StoreError>| {
                // What is held back is the latest of its entity.
                history
                    || version.as_ref().map_or(true, |version| {
                        !matches!(reader.get(&replaced, version.entity.id()), Ok(Some(_)))
                    })
            };
            Box::new(reader.changes(dataset, since, None, select)?.filter(stays))
        }
    };
    let held: Versions<'r> = match before {
        Some(before) if before <= length => Box::new(std::iter::empty()),
        before => {
            let select = Select { before: later(before), subset: None, ..select };
            let shifted = move |version: Result<Version, StoreError>| {
                let mut version = version?;
                version.updated += length;
                version.previous = version.previous.map(|place| place + length);
                Ok(version)
            };
            Box::new(reader.changes(&aside, later(since), None, select)?.map(shifted))
        }
    };
    Ok(match reverse {
        true => Box::new(held.chain(of_dataset)),
        false => Box::new(of_dataset.chain(held)),
    })
}
