//! The binary form of the state.
//!
//! | key | value |
//! | --- | --- |
//! | `m` dataset id | [`Member`] |
//! | `k` set, length of key, key, dataset id | nothing: this member has this key |
//! | `d` number | the member that is marked under the number |
//! | `n` | the next number |
//! | `o` id | the leader of the live cluster that was handed out under the id |
//!
//! `dataset id` is the place of the dataset (two bytes) and the entity's id up
//! to the end. Numbers are big-endian, so that order is kept.

use pipewright_entity::Text;

use super::MemberId;
use crate::StateError;

pub(super) const MEMBERS: &[u8] = b"m";
pub(super) const MARKS: &[u8] = b"d";
pub(super) const NEXT_MARK: &[u8] = b"n";

/// A key under an equality set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SetKey {
    pub(super) set: u16,
    pub(super) key: Vec<u8>,
}

/// What an entity was last handed out as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Out {
    /// The `_id`.
    pub(super) id: Text,
    /// Whether it stood alone as deleted.
    pub(super) deleted: bool,
}

/// What is kept of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) deleted: bool,
    /// The number it is marked under, if it is.
    pub(super) mark: Option<u64>,
    pub(super) keys: Vec<SetKey>,
    pub(super) out: Option<Out>,
}

impl Member {
    pub(super) fn write(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(32);
        to.push(u8::from(self.deleted));
        match self.mark {
            Some(mark) => {
                to.push(1);
                to.extend(mark.to_be_bytes());
            }
            None => to.push(0),
        }
        write_length(self.keys.len(), &mut to);
        for key in &self.keys {
            to.extend(key.set.to_be_bytes());
            write_length(key.key.len(), &mut to);
            to.extend(&key.key);
        }
        if let Some(out) = &self.out {
            to.push(u8::from(out.deleted));
            to.extend(out.id.as_bytes());
        }
        to
    }

    pub(super) fn read(bytes: &[u8]) -> Result<Member, StateError> {
        let mut from = Reader(bytes);
        let deleted = from.byte()? == 1;
        let mark = match from.byte()? {
            0 => None,
            _ => Some(from.number()?),
        };
        let count = from.length()?;
        let mut keys = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            let set = from.short()?;
            let length = from.length()?;
            keys.push(SetKey { set, key: from.take(length)?.to_vec() });
        }
        let out = if from.0.is_empty() {
            None
        } else {
            let deleted = from.byte()? == 1;
            Some(Out { id: text(from.0)?, deleted })
        };
        Ok(Member { deleted, mark, keys, out })
    }
}

pub(super) fn member_key(id: &MemberId) -> Vec<u8> {
    let mut key = MEMBERS.to_vec();
    write_member(id, &mut key);
    key
}

pub(super) fn postings(key: &SetKey) -> Vec<u8> {
    let mut to = vec![b'k'];
    to.extend(key.set.to_be_bytes());
    write_length(key.key.len(), &mut to);
    to.extend(&key.key);
    to
}

pub(super) fn posting(key: &SetKey, id: &MemberId) -> Vec<u8> {
    let mut to = postings(key);
    write_member(id, &mut to);
    to
}

pub(super) fn posted(key: &[u8], prefix: &[u8]) -> Result<MemberId, StateError> {
    Reader(&key[prefix.len()..]).member()
}

pub(super) fn mark(number: u64) -> Vec<u8> {
    let mut to = MARKS.to_vec();
    to.extend(number.to_be_bytes());
    to
}

/// The member that a mark is on, from the mark's value.
pub(super) fn marked(value: &[u8]) -> Result<MemberId, StateError> {
    Reader(value.get(1..).unwrap_or_default()).member()
}

pub(super) fn owner(id: &str) -> Vec<u8> {
    let mut to = vec![b'o'];
    to.extend(id.as_bytes());
    to
}

pub(super) fn write_owner(leader: &MemberId) -> Vec<u8> {
    let mut to = Vec::new();
    write_member(leader, &mut to);
    to
}

pub(super) fn read_owner(value: &[u8]) -> Result<MemberId, StateError> {
    Reader(value).member()
}

pub(super) fn number(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(super) fn read_number(bytes: &[u8]) -> Result<u64, StateError> {
    Reader(bytes).number()
}

fn write_member(id: &MemberId, to: &mut Vec<u8>) {
    to.extend(id.dataset.to_be_bytes());
    to.extend(id.id.as_bytes());
}

fn write_length(length: usize, to: &mut Vec<u8>) {
    to.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

fn text(bytes: &[u8]) -> Result<Text, StateError> {
    std::str::from_utf8(bytes).map(Text::from).map_err(|_| broken())
}

fn broken() -> StateError {
    StateError("an entry is damaged; reset the pipe to build the clusters anew".into())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], StateError> {
        let (head, rest) = self.0.split_at_checked(length).ok_or_else(broken)?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        self.take(N)?.try_into().map_err(|_| broken())
    }

    fn byte(&mut self) -> Result<u8, StateError> {
        self.array().map(|[byte]| byte)
    }

    fn short(&mut self) -> Result<u16, StateError> {
        self.array().map(u16::from_be_bytes)
    }

    fn length(&mut self) -> Result<usize, StateError> {
        self.array().map(|bytes| u32::from_be_bytes(bytes) as usize)
    }

    fn number(&mut self) -> Result<u64, StateError> {
        self.array().map(u64::from_be_bytes)
    }

    fn member(mut self) -> Result<MemberId, StateError> {
        Ok(MemberId { dataset: self.short()?, id: text(self.0)? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn members_come_back_as_they_were() {
        let id = MemberId { dataset: 3, id: "a|b:ø".into() };
        let key = SetKey { set: 7, key: vec![0, 1, 255] };
        let members = [
            Member::default(),
            Member {
                deleted: true,
                mark: Some(9),
                keys: vec![key.clone(), SetKey { set: 0, key: vec![] }],
                out: Some(Out { id: "x".into(), deleted: true }),
            },
        ];
        for member in members {
            assert_eq!(Member::read(&member.write()).unwrap(), member);
        }
        assert_eq!(posted(&posting(&key, &id), &postings(&key)).unwrap(), id);
        assert_eq!(marked(&member_key(&id)).unwrap(), id);
        assert!(Member::read(&[1]).is_err());
    }
}
