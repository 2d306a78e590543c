//! Why entities are one.

use std::collections::BTreeMap;

use pipewright_entity::{Entity, Text, Value};
use rustc_hash::FxHashSet;

use super::record::{self, Member, SetKey};
use super::{Contents, MemberId, Merge, MergeError, PAGE, golden};
use crate::State;

/// A cluster and what holds it together.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The id that the cluster has.
    pub id: Text,
    /// The members in order; the first one leads.
    pub members: Vec<MemberId>,
    /// What ties them: as many links as are needed to reach every member.
    pub links: Vec<Link>,
}

/// Two members that share a value under an equality set.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The one that comes first in the order of the datasets and ids.
    pub from: MemberId,
    /// The other one.
    pub to: MemberId,
    /// The place of the equality set in [`super::Spec::sets`].
    pub set: usize,
    /// The expressions that give the value for `from` and for `to`.
    pub expressions: (Text, Text),
    /// The value they share.
    pub value: Value,
}

impl Merge<'_> {
    /// The id that an entity is part of, as last handed out; `None` when it
    /// is not known or not handed out.
    pub fn cluster_of(&self, member: &MemberId) -> Result<Option<Text>, MergeError> {
        Ok(self.member(member)?.and_then(|member| member.out).map(|out| out.id))
    }

    /// The live clusters by id, as last handed out, with the number of their
    /// members.
    pub fn sizes(&self) -> Result<BTreeMap<Text, u64>, MergeError> {
        let mut sizes = BTreeMap::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.state.scan(record::MEMBERS, after.as_deref(), PAGE)?;
            for (_, member) in &page {
                if let Some(out) = Member::read(member)?.out.filter(|out| !out.deleted) {
                    *sizes.entry(out.id).or_default() += 1;
                }
            }
            if page.len() < PAGE {
                return Ok(sizes);
            }
            after = page.into_iter().last().map(|(key, _)| key);
        }
    }

    /// The cluster that was handed out under an id, as it is now; `None` when
    /// no live cluster has that id.
    pub fn explain(
        &self,
        id: &str,
        contents: &dyn Contents,
    ) -> Result<Option<Explanation>, MergeError> {
        let Some(owner) = self.state.get(&record::owner(id))? else { return Ok(None) };
        let leader = record::read_owner(&owner)?;
        let members = self.reach(leader)?;
        let links = self.links(&members, contents)?;
        let members = members.into_keys().collect();
        Ok(Some(Explanation { id: id.into(), members, links }))
    }

    /// The golden record of a cluster, as its members are now; `None` when no
    /// live cluster has that id.
    pub fn golden(&self, id: &str, contents: &dyn Contents) -> Result<Option<Entity>, MergeError> {
        let Some(owner) = self.state.get(&record::owner(id))? else { return Ok(None) };
        let mut entities = Vec::new();
        for member in self.reach(record::read_owner(&owner)?)?.into_keys() {
            entities.extend(contents.entity(member.dataset.into(), &member.id)?);
        }
        Ok(Some(golden::record(self.spec, &id.into(), &entities)))
    }

    /// A member and all that are the same.
    fn reach(&self, from: MemberId) -> Result<BTreeMap<MemberId, Member>, MergeError> {
        let mut found = BTreeMap::new();
        let mut walked: FxHashSet<SetKey> = FxHashSet::default();
        let mut queue = vec![from];
        while let Some(id) = queue.pop() {
            if found.contains_key(&id) {
                continue;
            }
            let Some(member) = self.member(&id)? else { continue };
            for key in &member.keys {
                if walked.insert(key.clone()) {
                    self.members_with(key, &mut queue)?;
                }
            }
            found.insert(id, member);
        }
        Ok(found)
    }

    fn links(
        &self,
        members: &BTreeMap<MemberId, Member>,
        contents: &dyn Contents,
    ) -> Result<Vec<Link>, MergeError> {
        let mut holders: BTreeMap<&SetKey, Vec<&MemberId>> = BTreeMap::new();
        for (id, member) in members {
            for key in &member.keys {
                holders.entry(key).or_default().push(id);
            }
        }
        let mut links = Vec::new();
        for (key, holders) in holders.iter().filter(|(_, holders)| holders.len() > 1) {
            let first = holders[0];
            let Some((left, value)) = self.side(key, first, contents)? else { continue };
            for other in &holders[1..] {
                let Some((right, _)) = self.side(key, other, contents)? else { continue };
                links.push(Link {
                    from: first.clone(),
                    to: (*other).clone(),
                    set: key.set.into(),
                    expressions: (left.clone(), right),
                    value: value.clone(),
                });
            }
        }
        Ok(links)
    }

    /// Which expression of a set gives a member the key, and the value.
    fn side(
        &self,
        key: &SetKey,
        member: &MemberId,
        contents: &dyn Contents,
    ) -> Result<Option<(Text, Value)>, MergeError> {
        let dataset = usize::from(member.dataset);
        let entity: Option<Entity> = contents.entity(dataset, &member.id)?;
        let Some((entity, terms)) = entity.zip(self.spec.sets.get(usize::from(key.set))) else {
            return Ok(None);
        };
        let mut values = Vec::new();
        for term in terms.iter().filter(|term| term.dataset == dataset) {
            values.clear();
            term.expression.values(&entity, &mut values);
            if let Some(value) = values.iter().find(|value| value.key()[..] == key.key[..]) {
                return Ok(Some((term.expression.text().into(), value.clone())));
            }
        }
        Ok(None)
    }
}
