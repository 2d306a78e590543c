//! Links to what a publisher gives, for those who have no token: each opens one
//! publisher, for reading, until it ends or is taken back.
//!
//! They lie in a file beside the store, as tokens do. The secret part of a link
//! is signed with the key of the tokens and is not kept.

use std::sync::PoisonError;

use jsonwebtoken::{Algorithm, Header, Validation};
use pipewright_protocol::studio::Role;
use serde::{Deserialize, Serialize};

use super::{Claims, KeyError, Refused, Tokens, claims, read_list, write_list};

/// Where they are.
pub(super) const FILE: &str = "links.json";
/// For which kind of service a link is: a token it is not.
const AUDIENCE: &str = "pipewright-link";
const DAY: u64 = 86_400;
/// How long a link counts when nothing else is said.
const USUAL_DAYS: u64 = 30;
/// How long a link counts at most.
const MOST_DAYS: u64 = 366;
/// Links of one node.
const MOST: usize = 10_000;
/// Longer descriptions are refused, in bytes.
const LONGEST: usize = 1_000;

/// A link as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    pub(super) pipe: String,
    exp: u64,
    /// Microseconds since 1970.
    made: i64,
    description: String,
    by: String,
}

/// A link to a publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: String,
    /// Seconds since 1970.
    pub(crate) exp: u64,
    /// Microseconds since 1970.
    pub(crate) made: i64,
    pub(crate) description: String,
    /// What opens the publisher.
    pub(crate) secret: String,
}

/// Why there is no such link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// It would count too long, or has ended already.
    #[error(
        "\"exp\" is when the link ends, in seconds since 1970: later than now and within \
         {MOST_DAYS} days"
    )]
    End,
    /// The description cannot be kept.
    #[error("a description has at most {LONGEST} bytes and no control characters but line ends")]
    Description,
    /// There are as many as can be.
    #[error("there are {MOST} links already: delete some")]
    TooMany,
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] KeyError),
}

#[derive(Serialize, Deserialize)]
struct Signed {
    aud: String,
    jti: String,
    pipe: String,
    exp: u64,
}

impl Tokens {
    /// The links to a publisher that count at `now` (microseconds since 1970).
    pub(crate) fn links(&self, pipe: &str, now: i64) -> Result<Vec<Link>, KeyError> {
        let kept = read_list::<Kept>(&self.store, FILE)?;
        let of_pipe = kept.into_iter().filter(|one| one.pipe == pipe && one.exp > seconds(now));
        Ok(of_pipe.map(|one| self.shown(one)).collect())
    }

    /// Makes a link to a publisher.
    pub(crate) fn add_link(
        &self,
        pipe: &str,
        exp: Option<u64>,
        description: &str,
        by: &str,
        now: i64,
    ) -> Result<Link, LinkError> {
        let today = seconds(now);
        let exp = exp.unwrap_or(today + USUAL_DAYS * DAY);
        if exp <= today || exp > today + MOST_DAYS * DAY {
            return Err(LinkError::End);
        }
        let strange = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if description.len() > LONGEST || description.contains(strange) {
            return Err(LinkError::Description);
        }
        let kept = Kept {
            id: uuid::Uuid::new_v4().simple().to_string(),
            pipe: pipe.to_owned(),
            exp,
            made: now,
            description: description.to_owned(),
            by: by.to_owned(),
        };
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = read_list::<Kept>(&self.store, FILE)?;
        // What has ended need not be remembered.
        list.retain(|one| one.exp > today);
        if list.len() >= MOST {
            return Err(LinkError::TooMany);
        }
        list.push(kept.clone());
        write_list(&self.store, FILE, &list)?;
        Ok(self.shown(kept))
    }

    /// Makes a link of a publisher count no more. Whether there was one.
    pub(crate) fn remove_link(&self, pipe: &str, id: &str) -> Result<bool, KeyError> {
        self.remove_links(|one| one.pipe == pipe && one.id == id)
    }

    /// Makes the links of publishers that are gone count no more.
    pub(crate) fn forget_links(&self, pipes: &[String]) -> Result<(), KeyError> {
        self.remove_links(|one| pipes.contains(&one.pipe)).map(drop)
    }

    fn remove_links(&self, which: impl Fn(&Kept) -> bool) -> Result<bool, KeyError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = read_list::<Kept>(&self.store, FILE)?;
        let before = list.len();
        list.retain(|one| !which(one));
        if list.len() == before {
            return Ok(false);
        }
        write_list(&self.store, FILE, &list)?;
        Ok(true)
    }

    /// Who comes by a link to this publisher, if it is one and still counts.
    pub(crate) fn check_link(&self, secret: &str, pipe: &str) -> Result<Claims, Refused> {
        self.refresh();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        validation.leeway = 0;
        let signed = jsonwebtoken::decode::<Signed>(secret, &known.check, &validation).ok();
        signed
            .map(|data| data.claims)
            .filter(|link| link.pipe == pipe)
            .filter(|link| known.links.get(&link.jti).is_some_and(|of| of == pipe))
            .map(|link| claims(&format!("link {}", link.jti), Role::Anonymous, 0, None))
            .ok_or(Refused::Invalid)
    }

    fn shown(&self, kept: Kept) -> Link {
        self.refresh();
        let signed = Signed {
            aud: AUDIENCE.to_owned(),
            jti: kept.id.clone(),
            pipe: kept.pipe,
            exp: kept.exp,
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let secret = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &signed, &known.sign)
            .expect("claims are plain JSON and HMAC takes any key");
        Link { id: kept.id, exp: kept.exp, made: kept.made, description: kept.description, secret }
    }
}

fn seconds(microseconds: i64) -> u64 {
    u64::try_from(microseconds / 1_000_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_link_opens_its_publisher_until_it_is_taken_back() {
        let here = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(here.path()).unwrap();
        let now = crate::time::now();
        let link = tokens.add_link("a", None, "for the board", "me", now).unwrap();
        assert_eq!(tokens.links("a", now).unwrap(), std::slice::from_ref(&link));
        assert!(tokens.links("b", now).unwrap().is_empty());
        let came = tokens.check_link(&link.secret, "a").unwrap();
        assert_eq!((came.role, came.sub), (Role::Anonymous, format!("link {}", link.id)));
        assert!(tokens.check_link(&link.secret, "b").is_err());
        // No token, and the other way round.
        assert!(tokens.check(&link.secret).is_err());
        let token = tokens.issue("me", Role::Admin, seconds(now), None);
        assert!(tokens.check_link(&token, "a").is_err());
        assert!(!tokens.remove_link("b", &link.id).unwrap());
        assert!(tokens.remove_link("a", &link.id).unwrap());
        assert!(tokens.check_link(&link.secret, "a").is_err());

        let other = tokens.add_link("a", None, "", "me", now).unwrap();
        tokens.forget_links(&["a".to_owned()]).unwrap();
        assert!(tokens.check_link(&other.secret, "a").is_err());
        let last = tokens.add_link("a", None, "", "me", now).unwrap();
        tokens.revoke_all().unwrap();
        assert!(tokens.check_link(&last.secret, "a").is_err());
        assert!(tokens.links("a", now).unwrap().is_empty());
    }

    #[test]
    fn a_link_ends() {
        let here = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(here.path()).unwrap();
        let now = crate::time::now();
        for exp in [0, seconds(now), seconds(now) + 367 * DAY, u64::MAX] {
            assert!(matches!(tokens.add_link("a", Some(exp), "", "me", now), Err(LinkError::End)));
        }
        let past = now - 100 * 1_000_000;
        let ended = tokens.add_link("a", Some(seconds(now) - 10), "", "me", past).unwrap();
        assert!(tokens.check_link(&ended.secret, "a").is_err());
        assert!(tokens.links("a", now).unwrap().is_empty());
        assert!(matches!(
            tokens.add_link("a", None, "a\0b", "me", now),
            Err(LinkError::Description)
        ));
    }
}
