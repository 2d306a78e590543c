//! Reading several datasets, one after the other
//! (`configuration-sources-union-datasets`).

use pipewright_entity::{Value, format_text};
use pipewright_store::{Reader, Select};

use super::{Places, Portion};
use crate::RunError;
use crate::chain::Incoming;
use crate::plan::UnionSource;

pub(crate) struct UnionFeed<'p> {
    source: &'p UnionSource,
    places: Places,
}

impl<'p> UnionFeed<'p> {
    pub(super) fn new(source: &'p UnionSource, since: Option<&Value>) -> UnionFeed<'p> {
        UnionFeed { source, places: Places::new(&source.datasets, since) }
    }

    pub(super) fn next(
        &mut self,
        reader: &Reader,
        size: usize,
    ) -> Result<Option<Portion>, RunError> {
        for (place, id) in self.source.datasets.iter().enumerate() {
            let Some(end) = reader.dataset(id)?.and_then(|dataset| dataset.last_offset()) else {
                continue;
            };
            let since = self.places.get(place);
            if since.is_some_and(|since| since >= end) {
                continue;
            }
            let select =
                Select { history: self.source.include_previous_versions, ..Select::default() };
            let limit = u64::try_from(size).unwrap_or(u64::MAX);
            let mut entities = Vec::with_capacity(size);
            let mut reached = end;
            for version in reader.changes(id, since, Some(limit), select)? {
                let version = version?;
                reached = version.updated;
                let before = version.previous.map(|previous| (id.clone(), previous));
                let mut entity = version.with_metadata();
                if self.source.prefix_ids {
                    let prefixed = format_text!("{id}:{}", entity.id());
                    entity = entity.with_id(prefixed);
                }
                entities.push(Incoming { before, ..Incoming::entity(entity) });
            }
            self.places.set(place, if entities.len() < size { end } else { reached });
            let offset = Some(self.places.offset());
            return Ok(Some(Portion { entities, offset, state: Vec::new() }));
        }
        Ok(None)
    }
}
