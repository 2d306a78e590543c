//! Where clusters are remembered between runs.

use std::collections::BTreeMap;
use std::ops::Bound;

/// The state could not be read, or makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the merge state cannot be read: {0}")]
pub struct StateError(pub String);

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// A key and the value to set, or `None` to remove it.
pub type Write = (Vec<u8>, Option<Vec<u8>>);

/// An ordered map of byte strings that belongs to one pipe. Reading only:
/// writes are collected in an [`Overlay`] and join the commit of the batch.
pub trait State {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError>;

    /// Up to `limit` pairs in key order whose keys start with `prefix` and,
    /// when `after` is given, come after that key.
    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StateError>;
}

/// A state in memory: for tests and for previews.
#[derive(Clone, Debug, Default)]
pub struct MemoryState(BTreeMap<Vec<u8>, Vec<u8>>);

impl MemoryState {
    /// Takes over the writes of an overlay.
    pub fn apply(&mut self, writes: impl IntoIterator<Item = Write>) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }
}

impl State for MemoryState {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.0.get(key).cloned())
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StateError> {
        Ok(range(&self.0, prefix, after)
            .take(limit)
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect())
    }
}

/// A state with writes on top that are not stored yet.
pub struct Overlay<'a> {
    below: &'a dyn State,
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Overlay<'a> {
    /// No writes yet.
    pub fn new(below: &'a dyn State) -> Overlay<'a> {
        Overlay { below, writes: BTreeMap::new() }
    }

    /// Sets a key; seen by later reads of this overlay.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.writes.insert(key, Some(value));
    }

    /// Removes a key.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.writes.insert(key, None);
    }

    /// How many keys were written since the last [`Overlay::take`].
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// The writes, in key order. The overlay starts afresh, so what is below must have taken them over
    /// before it is read again.
    pub fn take(&mut self) -> Vec<Write> {
        std::mem::take(&mut self.writes).into_iter().collect()
    }
}

impl State for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        match self.writes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.below.get(key),
        }
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StateError> {
        let mut found = Vec::new();
        let mut mine = range(&self.writes, prefix, after).peekable();
        let mut cursor = after.map(<[u8]>::to_vec);
        while found.len() < limit {
            let wanted = limit - found.len();
            let page = self.below.scan(prefix, cursor.as_deref(), wanted)?;
            let is_last = page.len() < wanted;
            cursor = page.last().map(|(key, _)| key.clone());
            for (key, value) in page {
                while let Some((own, set)) = mine.next_if(|(own, _)| **own < key) {
                    found.extend(set.clone().map(|set| (own.clone(), set)));
                }
                match mine.next_if(|(own, _)| **own == key) {
                    Some((_, set)) => found.extend(set.clone().map(|set| (key, set))),
                    None => found.push((key, value)),
                }
            }
            if is_last {
                found.extend(mine.filter_map(|(own, set)| Some((own.clone(), set.clone()?))));
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

fn range<'m, V>(
    map: &'m BTreeMap<Vec<u8>, V>,
    prefix: &[u8],
    after: Option<&[u8]>,
) -> impl Iterator<Item = (&'m Vec<u8>, &'m V)> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after.to_vec()),
        _ => Bound::Included(prefix.to_vec()),
    };
    let prefix = prefix.to_vec();
    map.range((from, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(&prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn writes() -> impl Strategy<Value = Vec<Write>> {
        let key = prop::collection::vec(0u8..3, 0..3);
        let value = prop::option::of(prop::collection::vec(0u8..2, 0..2));
        prop::collection::vec((key, value), 0..20)
    }

    proptest! {
        /// An overlay reads as if its writes were stored.
        #[test]
        fn overlay_equals_applied(
            below in writes(), above in writes(),
            prefix in prop::collection::vec(0u8..3, 0..2),
            after in prop::option::of(prop::collection::vec(0u8..3, 0..3)),
            limit in 0usize..8,
        ) {
            let mut state = MemoryState::default();
            state.apply(below);
            let mut applied = state.clone();
            applied.apply(above.clone());
            let mut overlay = Overlay::new(&state);
            for (key, value) in above {
                match value {
                    Some(value) => overlay.put(key, value),
                    None => overlay.remove(key),
                }
            }
            let after = after.as_deref();
            prop_assert_eq!(
                overlay.scan(&prefix, after, limit).unwrap(),
                applied.scan(&prefix, after, limit).unwrap()
            );
            prop_assert_eq!(overlay.get(&prefix).unwrap(), applied.get(&prefix).unwrap());
        }
    }
}
