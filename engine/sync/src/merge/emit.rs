//! Recomputing what changes touched.

use std::collections::BTreeMap;

use pipewright_entity::{Entity, Text, Value, format_text};
use rustc_hash::{FxHashMap, FxHashSet};

use super::record::{self, Member, Out, SetKey};
use super::{Contents, Identity, MemberId, Merge, MergeError, PAGE, golden, index};
use crate::{State, StateError};

/// Whole clusters that must be looked at together.
#[derive(Default)]
struct Area {
    /// In the order of the datasets, then of the ids.
    members: BTreeMap<MemberId, Member>,
    walked: FxHashSet<SetKey>,
    namesakes: FxHashSet<Text>,
}

/// What the members of an area form.
pub(super) struct Formation {
    /// Live clusters in the order of their leaders: id and members.
    pub(super) clusters: Vec<(Text, Vec<MemberId>)>,
    /// Deleted members and the id each is handed out under.
    deleted: Vec<(Text, MemberId)>,
    /// Ids that are in question: others may have them too.
    contested: Vec<Text>,
    /// Ids that several live clusters begin with.
    shared: Vec<Text>,
}

impl Merge<'_> {
    /// Hands out what changed, clusters in the order they were marked, until
    /// there are `limit` entities or nothing is left to emit. A cluster is
    /// never cut, so there may be a few more.
    pub fn emit(
        &mut self,
        limit: usize,
        contents: &dyn Contents,
    ) -> Result<Vec<Entity>, MergeError> {
        let mut out = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        while out.len() < limit {
            let page = self.state.scan(record::MARKS, after.as_deref(), PAGE.min(limit))?;
            if page.is_empty() {
                break;
            }
            for (mark, marked) in page {
                if out.len() >= limit {
                    break;
                }
                // An earlier cluster of the page may have taken it along.
                if self.state.get(&mark)?.is_some() {
                    self.emit_around(record::marked(&marked)?, contents, &mut out)?;
                    self.state.remove(mark.clone());
                }
                after = Some(mark);
            }
        }
        Ok(out)
    }

    fn emit_around(
        &mut self,
        seed: MemberId,
        contents: &dyn Contents,
        to: &mut Vec<Entity>,
    ) -> Result<(), MergeError> {
        let (mut area, formation) = self.area(seed)?;
        let mut gone: Vec<Text> = Vec::new();
        for out in area.members.values().filter_map(|member| member.out.as_ref()) {
            if !out.deleted && !gone.contains(&out.id) {
                gone.push(out.id.clone());
            }
        }

        if let Some(id) = formation.shared.first().filter(|_| !self.spec.ids_overlap) {
            return Err(MergeError::SharedId { id: id.clone() });
        }
        for (id, members) in &formation.clusters {
            gone.retain(|other| other != id);
            if members.len() > self.spec.max_merged {
                let limit = self.spec.max_merged;
                return Err(MergeError::TooMany { id: id.clone(), count: members.len(), limit });
            }
            let out = Out { id: id.clone(), deleted: false };
            if !self.settle(members, Some(&out), &mut area)? {
                continue;
            }
            let mut entities = Vec::with_capacity(members.len());
            for member in members {
                entities.extend(contents.entity(member.dataset.into(), &member.id)?);
            }
            self.state.put(record::owner(id), record::write_owner(&members[0]));
            to.push(golden::record(self.spec, id, &entities));
        }

        let mut handed_out = FxHashSet::default();
        for (id, member) in &formation.deleted {
            let out = Out { id: id.clone(), deleted: true };
            let changed = self.settle(std::slice::from_ref(member), Some(&out), &mut area)?;
            handed_out.insert(id.clone());
            if !changed && !gone.contains(id) {
                continue;
            }
            if let Some(entity) = contents.entity(member.dataset.into(), &member.id)? {
                to.push(golden::deleted(self.spec, id, &entity));
            }
        }
        for id in gone {
            if self.state.get(&record::owner(&id))?.is_some() {
                self.state.remove(record::owner(&id));
                if !handed_out.contains(&id) {
                    to.push(replaced(&id));
                }
            }
        }

        // Deleted members whose id belongs to something else are not handed
        // out; they are done with all the same.
        let rest = area.members.iter().filter(|(_, member)| member.mark.is_some());
        let rest: Vec<MemberId> = rest.map(|(id, _)| id.clone()).collect();
        self.settle(&rest, None, &mut area)?;
        Ok(())
    }

    /// Notes what members were handed out as, and that they are done with.
    /// Whether anything about them changed.
    fn settle(
        &mut self,
        members: &[MemberId],
        out: Option<&Out>,
        area: &mut Area,
    ) -> Result<bool, MergeError> {
        let mut changed = false;
        for id in members {
            let Some(member) = area.members.get_mut(id) else { continue };
            if member.mark.is_none() && member.out.as_ref() == out {
                continue;
            }
            changed = true;
            if let Some(mark) = member.mark.take() {
                self.state.remove(record::mark(mark));
            }
            member.out = out.cloned();
            self.state.put(record::member_key(id), member.write());
        }
        Ok(changed)
    }

    /// Everything that must be looked at together with one member.
    fn area(&self, seed: MemberId) -> Result<(Area, Formation), MergeError> {
        let mut area = Area::default();
        let mut queue = vec![seed];
        loop {
            self.grow(&mut area, queue)?;
            let formation = self.form(&area.members);
            queue = self.namesakes(&mut area, &formation)?;
            if queue.is_empty() {
                return Ok((area, formation));
            }
        }
    }

    /// Adds members with all that share a key with them.
    fn grow(&self, area: &mut Area, mut queue: Vec<MemberId>) -> Result<(), MergeError> {
        while let Some(id) = queue.pop() {
            if area.members.contains_key(&id) {
                continue;
            }
            let Some(member) = self.member(&id)? else { continue };
            for key in &member.keys {
                if area.walked.insert(key.clone()) {
                    self.members_with(key, &mut queue)?;
                }
            }
            area.members.insert(id, member);
        }
        Ok(())
    }

    pub(super) fn members_with(
        &self,
        key: &SetKey,
        to: &mut Vec<MemberId>,
    ) -> Result<(), StateError> {
        let prefix = record::postings(key);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.state.scan(&prefix, after.as_deref(), PAGE)?;
            for (posting, _) in &page {
                to.push(record::posted(posting, &prefix)?);
            }
            if page.len() < PAGE {
                return Ok(());
            }
            after = page.into_iter().last().map(|(posting, _)| posting);
        }
    }

    /// Members with an id that is in question: with [`Identity::First`] a
    /// former id may still be led by an entity that is no longer tied to the
    /// others, and datasets may have ids in common. A composite id names its
    /// members, so it is in question for them only.
    fn namesakes(
        &self,
        area: &mut Area,
        formation: &Formation,
    ) -> Result<Vec<MemberId>, MergeError> {
        let mut found = Vec::new();
        if self.spec.identity != Identity::First {
            return Ok(found);
        }
        let former = area.members.values().filter_map(|member| member.out.as_ref());
        let ids: Vec<Text> =
            former.map(|out| out.id.clone()).chain(formation.contested.iter().cloned()).collect();
        for id in ids {
            if !area.namesakes.insert(id.clone()) {
                continue;
            }
            for dataset in 0..self.spec.datasets.len() {
                let member = MemberId { dataset: index(dataset)?, id: id.clone() };
                if !area.members.contains_key(&member)
                    && self.state.get(&record::member_key(&member))?.is_some()
                {
                    found.push(member);
                }
            }
        }
        Ok(found)
    }

    /// The clusters that members form, and their ids.
    pub(super) fn form(&self, members: &BTreeMap<MemberId, Member>) -> Formation {
        let live: Vec<(&MemberId, &Member)> =
            members.iter().filter(|(_, member)| !member.deleted).collect();
        let mut parents: Vec<usize> = (0..live.len()).collect();
        let mut first_with: FxHashMap<&SetKey, usize> = FxHashMap::default();
        for (place, (_, member)) in live.iter().enumerate() {
            for key in &member.keys {
                let other = *first_with.entry(key).or_insert(place);
                let (a, b) = (root(&mut parents, place), root(&mut parents, other));
                // The smaller root wins, so that it is the leader.
                parents[a.max(b)] = a.min(b);
            }
        }
        let mut clusters: BTreeMap<usize, Vec<MemberId>> = BTreeMap::new();
        for (place, (id, _)) in live.iter().enumerate() {
            clusters.entry(root(&mut parents, place)).or_default().push((*id).clone());
        }

        let mut taken: FxHashSet<Text> = FxHashSet::default();
        let (mut contested, mut shared) = (Vec::new(), Vec::new());
        let mut named = Vec::with_capacity(clusters.len());
        for members in clusters.into_values() {
            let mut id = match self.spec.identity {
                Identity::Composite => composite(&members),
                Identity::First => members[0].id.clone(),
            };
            contested.push(id.clone());
            if taken.contains(&id) {
                shared.push(id);
                id = composite(&members);
            }
            taken.insert(id.clone());
            named.push((id, members));
        }
        let mut deleted = Vec::new();
        for member in members.iter().filter(|(_, member)| member.deleted).map(|(id, _)| id) {
            let id = match self.spec.identity {
                Identity::Composite => composite(std::slice::from_ref(member)),
                Identity::First => member.id.clone(),
            };
            contested.push(id.clone());
            if taken.insert(id.clone()) {
                deleted.push((id, member.clone()));
            }
        }
        Formation { clusters: named, deleted, contested, shared }
    }
}

fn root(parents: &mut [usize], mut place: usize) -> usize {
    while parents[place] != place {
        parents[place] = parents[parents[place]];
        place = parents[place];
    }
    place
}

fn composite(members: &[MemberId]) -> Text {
    let parts: Vec<String> =
        members.iter().map(|member| format!("{}|{}", member.dataset, member.id)).collect();
    format_text!("{}", parts.join("|"))
}

/// The end of an id that leads no cluster any more.
fn replaced(id: &Text) -> Entity {
    Entity::new(id.clone()).with("_deleted", Value::Bool(true)).with("$replaced", Value::Bool(true))
}
