//! People who share a node: each has a name and a role, is invited once, and
//! makes a token out of the invitation.
//!
//! They lie in a file beside the store, as tokens do. Of an invitation only its
//! hash is kept.

use std::sync::PoisonError;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pipewright_protocol::studio::{Invited, Login, Role, User};
use serde::{Deserialize, Serialize};

use super::{KeyError, Tokens, claims, read_list, write_list};

/// Where they are.
pub(super) const FILE: &str = "users.json";
/// How long an invitation can be accepted when nothing else is said.
const DAYS: u64 = 7;
/// Longer names are refused, in bytes.
const LONGEST: usize = 200;

/// A user as the file has them.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    name: String,
    pub(super) role: Role,
    made: u64,
    #[serde(default)]
    accepted: Option<u64>,
    #[serde(default)]
    invitation: Option<Open>,
}

/// An invitation that was not accepted yet.
#[derive(Clone, Serialize, Deserialize)]
struct Open {
    hash: String,
    ends: u64,
}

/// Why something cannot be done with a user.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// There is one of this name.
    #[error("there is a user {0:?} already")]
    Exists(String),
    /// There is none of this name.
    #[error("there is no user {0:?}")]
    Unknown(String),
    /// The name cannot be one.
    #[error("a user has a name of 1 to {LONGEST} bytes without control characters")]
    Name,
    /// Nobody is invited to less than looking.
    #[error("a user is an Admin, a Developer or a Reader")]
    Role,
    /// It was never handed out, was accepted already, or is too old.
    #[error("the invitation does not count, or no longer: ask for another one")]
    NotInvited,
    /// The files cannot be read or written.
    #[error(transparent)]
    File(#[from] KeyError),
}

impl Kept {
    fn show(&self) -> User {
        User {
            name: self.name.clone(),
            role: self.role,
            made: self.made,
            accepted: self.accepted,
            invited_until: self.invitation.as_ref().map(|open| open.ends),
        }
    }

    /// Opens an invitation in the place of any before it.
    fn invite(&mut self, now: u64, days: Option<u64>) -> Result<Invited, KeyError> {
        let mut secret = [0u8; 32];
        getrandom::fill(&mut secret)
            .map_err(|error| KeyError { path: FILE.into(), cause: std::io::Error::other(error) })?;
        let invitation = URL_SAFE_NO_PAD.encode(secret);
        let ends = now.saturating_add(days.unwrap_or(DAYS).saturating_mul(86_400));
        self.invitation = Some(Open { hash: hash(&invitation), ends });
        Ok(Invited { user: self.show(), invitation })
    }
}

fn hash(invitation: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, invitation.as_bytes()))
}

impl Tokens {
    /// The users, by their names.
    pub fn users(&self) -> Result<Vec<User>, KeyError> {
        let mut users: Vec<User> = self.kept()?.iter().map(Kept::show).collect();
        users.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(users)
    }

    /// Adds a user, at `now` (seconds since 1970), with an invitation that
    /// can be accepted for so many days.
    pub fn add_user(
        &self,
        name: &str,
        role: Role,
        now: u64,
        days: Option<u64>,
    ) -> Result<Invited, UserError> {
        if name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control) {
            return Err(UserError::Name);
        }
        named(role)?;
        self.change(|users| {
            if users.iter().any(|user| user.name == name) {
                return Err(UserError::Exists(name.to_owned()));
            }
            let id = uuid::Uuid::new_v4().simple().to_string();
            let name = name.to_owned();
            let mut user = Kept { id, name, role, made: now, accepted: None, invitation: None };
            let invited = user.invite(now, days)?;
            users.push(user);
            Ok(invited)
        })
    }

    /// Another invitation for a user; the one before it counts no more. Tokens
    /// they have go on.
    pub fn invite_again(
        &self,
        name: &str,
        now: u64,
        days: Option<u64>,
    ) -> Result<Invited, UserError> {
        self.change(|users| Ok(find(users, name)?.invite(now, days)?))
    }

    /// Gives a user another role, at once.
    pub fn set_role(&self, name: &str, role: Role) -> Result<User, UserError> {
        named(role)?;
        self.change(|users| {
            let user = find(users, name)?;
            user.role = role;
            Ok(user.show())
        })
    }

    /// Makes a token out of an invitation, which counts no more after that.
    pub fn accept(&self, invitation: &str, now: u64) -> Result<Login, UserError> {
        let hash = hash(invitation);
        let (user, id) = self.change(|users| {
            let invited = |user: &&mut Kept| {
                user.invitation.as_ref().is_some_and(|open| open.hash == hash && open.ends > now)
            };
            let user = users.iter_mut().find(invited).ok_or(UserError::NotInvited)?;
            user.invitation = None;
            user.accepted = Some(now);
            Ok((user.show(), user.id.clone()))
        })?;
        let mut claims = claims(&user.name, user.role, now, None);
        claims.user = Some(id);
        let token = self.keep(claims, now)?;
        Ok(Login { user, token })
    }

    /// Takes everything from a user: they are gone, and so is what they call
    /// with.
    pub fn remove_user(&self, name: &str) -> Result<(), UserError> {
        let id = self.change(|users| {
            let id = find(users, name)?.id.clone();
            users.retain(|user| user.id != id);
            Ok(id)
        })?;
        self.revoke_those(|claims| claims.user.as_ref() == Some(&id))?;
        Ok(())
    }

    fn kept(&self) -> Result<Vec<Kept>, KeyError> {
        read_list(&self.store, FILE)
    }

    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<Kept>) -> Result<T, UserError>,
    ) -> Result<T, UserError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut users = self.kept()?;
        let done = change(&mut users)?;
        write_list(&self.store, FILE, &users)?;
        Ok(done)
    }
}

fn find<'u>(users: &'u mut [Kept], name: &str) -> Result<&'u mut Kept, UserError> {
    let found = users.iter_mut().find(|user| user.name == name);
    found.ok_or_else(|| UserError::Unknown(name.to_owned()))
}

fn named(role: Role) -> Result<(), UserError> {
    match role {
        Role::Anonymous => Err(UserError::Role),
        Role::Admin | Role::Developer | Role::Reader => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const NOW: u64 = 4_000_000_000;

    #[test]
    fn an_invitation_becomes_a_token_once() {
        let here = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(here.path()).unwrap();
        let invited = tokens.add_user("ada", Role::Reader, NOW, None).unwrap();
        assert_eq!(invited.user.invited_until, Some(NOW + 7 * 86_400));
        let file = std::fs::read_to_string(here.path().join(FILE)).unwrap();
        assert!(!file.contains(&invited.invitation));
        assert!(matches!(tokens.accept("made up", NOW), Err(UserError::NotInvited)));
        let late = NOW + 8 * 86_400;
        assert!(matches!(tokens.accept(&invited.invitation, late), Err(UserError::NotInvited)));
        let login = tokens.accept(&invited.invitation, NOW + 1).unwrap();
        let claims = tokens.check(&login.token).unwrap();
        assert_eq!((claims.sub.as_str(), claims.role), ("ada", Role::Reader));
        let again = tokens.accept(&invited.invitation, NOW + 2);
        assert!(matches!(again, Err(UserError::NotInvited)));
        assert_eq!(tokens.users().unwrap()[0].accepted, Some(NOW + 1));
        assert!(matches!(
            tokens.add_user("ada", Role::Admin, NOW, None),
            Err(UserError::Exists(_))
        ));
        for name in ["", "a\nb", &"x".repeat(201)] {
            assert!(matches!(tokens.add_user(name, Role::Admin, NOW, None), Err(UserError::Name)));
        }
        let nobody = tokens.add_user("nobody", Role::Anonymous, NOW, None);
        assert!(matches!(nobody, Err(UserError::Role)));
    }

    #[test]
    fn what_a_user_may_do_changes_at_once() {
        let here = tempfile::tempdir().unwrap();
        let tokens = Tokens::open(here.path()).unwrap();
        let login = |name: &str| {
            let invited = tokens.add_user(name, Role::Developer, NOW, None).unwrap();
            tokens.accept(&invited.invitation, NOW).unwrap().token
        };
        let (ada, bo) = (login("ada"), login("bo"));
        assert_eq!(tokens.set_role("ada", Role::Reader).unwrap().role, Role::Reader);
        assert_eq!(tokens.check(&ada).unwrap().role, Role::Reader);
        // Another invitation takes the place of the one before.
        let first = tokens.invite_again("ada", NOW, Some(1)).unwrap().invitation;
        let second = tokens.invite_again("ada", NOW, Some(1)).unwrap().invitation;
        assert!(tokens.accept(&first, NOW).is_err());
        let other = tokens.accept(&second, NOW).unwrap().token;
        assert!(tokens.check(&other).is_ok() && tokens.check(&ada).is_ok());
        tokens.remove_user("ada").unwrap();
        assert!(tokens.check(&ada).is_err() && tokens.check(&other).is_err());
        assert!(tokens.list().unwrap().iter().filter(|issued| issued.revoked).count() == 2);
        assert_eq!(tokens.check(&bo).unwrap().role, Role::Developer);
        // One of the same name is somebody else.
        tokens.add_user("ada", Role::Admin, NOW, None).unwrap();
        assert!(tokens.check(&ada).is_err());
        assert!(matches!(tokens.remove_user("eve"), Err(UserError::Unknown(_))));
    }
}
