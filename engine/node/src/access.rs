//! Who may call the node: bearer tokens with a role.
//!
//! A token is a JWT signed with a key that lies beside the store and never
//! leaves it. It carries no `principals`: the official client would take them
//! for a subscription of its vendor's cloud.

mod links;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use pipewright_protocol::studio::Role;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub(crate) use links::{Link, LinkError};
pub use users::UserError;

/// What a token says of its bearer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Whom it was made for, in words.
    pub sub: String,
    /// What it allows.
    pub role: Role,
    /// When it was made, seconds since 1970.
    pub iat: u64,
    /// When it ends, seconds since 1970; `None` never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<u64>,
    /// For which kind of service.
    pub aud: String,
    /// Names the token, to list and revoke it by.
    #[serde(default)]
    pub jti: String,
    /// The user whose it is, by an id that no other ever has. Their role counts
    /// then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

const AUDIENCE: &str = "pipewright";
const KEY_FILE: &str = "token.key";
/// The tokens that were given out to keep, and those that count no more.
const LIST_FILE: &str = "tokens.json";

/// Why a token is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no token.
    #[error("a token is needed: send it as `Authorization: Bearer …`")]
    Missing,
    /// Not one of ours, or no longer.
    #[error("the token is not valid for this node, or has expired")]
    Invalid,
    /// It does not allow this.
    #[error("the token's role {role:?} does not allow this")]
    NotAllowed {
        /// What the token allows.
        role: Role,
    },
    /// The permissions in config do not allow this.
    #[error("permissions in the config do not allow {what}")]
    Denied {
        /// What was to be done with what.
        what: String,
    },
}

impl Claims {
    /// A caller without a token.
    pub(crate) fn anonymous() -> Claims {
        claims("anonymous", Role::Anonymous, 0, None)
    }
}

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}")]
pub struct KeyError {
    path: PathBuf,
    cause: io::Error,
}

/// A token that was given out to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// What it says.
    #[serde(flatten)]
    pub claims: Claims,
    /// Whether it counts no more.
    #[serde(default)]
    pub revoked: bool,
}

/// Makes and checks the tokens of one node.
///
/// Key and list lie in files beside the store, which other processes change,
/// too: they are read again when they have changed.
pub struct Tokens {
    store: PathBuf,
    known: RwLock<Known>,
    /// Held while a list changes: one change after the other.
    changing: Mutex<()>,
}

/// Key and list as they were last read.
struct Known {
    stamps: [Stamp; 4],
    sign: EncodingKey,
    check: DecodingKey,
    revoked: BTreeSet<String>,
    /// The roles of the users, by their ids.
    users: BTreeMap<String, Role>,
    /// The publishers that links open, by the ids of the links.
    links: BTreeMap<String, String>,
    /// What webhooks of this node are known by.
    key: hmac::Key,
}

/// Tells whether a file has changed; `None` when it is not there.
type Stamp = Option<(SystemTime, u64)>;

impl Tokens {
    /// Tokens of the node whose store is the folder `store`, whose key is made
    /// at the first time.
    pub fn open(store: &Path) -> Result<Tokens, KeyError> {
        let known = RwLock::new(Known::read(store)?);
        Ok(Tokens { store: store.to_path_buf(), known, changing: Mutex::default() })
    }

    /// A token for `whom`, made at `now` (seconds since 1970), valid for
    /// `seconds`, or without end. It is not listed.
    pub fn issue(&self, whom: &str, role: Role, now: u64, seconds: Option<u64>) -> String {
        self.sign(&claims(whom, role, now, seconds))
    }

    /// A token as [`Tokens::issue`] makes it that is listed and can be revoked
    /// by its name.
    pub fn create(
        &self,
        whom: &str,
        role: Role,
        now: u64,
        seconds: Option<u64>,
    ) -> Result<String, KeyError> {
        self.keep(claims(whom, role, now, seconds), now)
    }

    /// Puts a token on the list.
    fn keep(&self, claims: Claims, now: u64) -> Result<String, KeyError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = self.list()?;
        // What has ended need not be remembered.
        list.retain(|issued| issued.claims.exp.is_none_or(|end| end > now));
        list.push(Issued { claims: claims.clone(), revoked: false });
        self.write(&list)?;
        Ok(self.sign(&claims))
    }

    /// The tokens that were given out to keep, the oldest first.
    pub fn list(&self) -> Result<Vec<Issued>, KeyError> {
        read_list(&self.store, LIST_FILE)
    }

    /// Makes a token count no more. Whether there is one of this name.
    pub fn revoke(&self, name: &str) -> Result<bool, KeyError> {
        self.revoke_those(|claims| claims.jti == name)
    }

    fn revoke_those(&self, which: impl Fn(&Claims) -> bool) -> Result<bool, KeyError> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list = self.list()?;
        let mut found = false;
        for issued in list.iter_mut().filter(|issued| which(&issued.claims)) {
            issued.revoked = true;
            found = true;
        }
        if found {
            self.write(&list)?;
        }
        Ok(found)
    }

    /// Makes every token count no more, listed or not, by a new key.
    pub fn revoke_all(&self) -> Result<(), KeyError> {
        self.write(&[])?;
        write_list::<links::Kept>(&self.store, links::FILE, &[])?;
        let path = self.store.join(KEY_FILE);
        let renewed = fs::remove_file(&path).and_then(|()| read_or_make(&path));
        renewed.map(drop).map_err(|cause| KeyError { path, cause })
    }

    /// What a token says, if it is one of ours and still valid.
    pub fn check(&self, token: &str) -> Result<Claims, Refused> {
        self.refresh();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        // A token without end has no `exp`; one that has it is held to it.
        validation.required_spec_claims.clear();
        validation.leeway = 0;
        jsonwebtoken::decode::<Claims>(token, &known.check, &validation)
            .map(|data| data.claims)
            .ok()
            .filter(|claims| !known.revoked.contains(&claims.jti))
            .and_then(|claims| match &claims.user {
                None => Some(claims),
                // What the user may do now, whatever it was once.
                Some(user) => known.users.get(user).map(|role| Claims { role: *role, ..claims }),
            })
            .ok_or(Refused::Invalid)
    }

    /// What another node must say to be heard about a subscription of a pipe:
    /// the same for as long as the pipe reads the same.
    pub(crate) fn webhook_token(&self, pipe: &str, source: &str) -> String {
        self.refresh();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let text = format!("webhook\0{pipe}\0{source}");
        let tag = hmac::sign(&known.key, text.as_bytes());
        URL_SAFE_NO_PAD.encode(tag)
    }

    fn sign(&self, claims: &Claims) -> String {
        self.refresh();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &known.sign)
            .expect("claims are plain JSON and HMAC takes any key")
    }

    fn refresh(&self) {
        let stamps = stamps(&self.store);
        if self.known.read().unwrap_or_else(PoisonError::into_inner).stamps == stamps {
            return;
        }
        match Known::read(&self.store) {
            Ok(known) => *self.known.write().unwrap_or_else(PoisonError::into_inner) = known,
            Err(error) => tracing::error!(%error, "the tokens cannot be read again"),
        }
    }

    fn write(&self, list: &[Issued]) -> Result<(), KeyError> {
        write_list(&self.store, LIST_FILE, list)
    }
}

impl Known {
    fn read(store: &Path) -> Result<Known, KeyError> {
        let path = store.join(KEY_FILE);
        let key = read_or_make(&path).map_err(|cause| KeyError { path, cause })?;
        // Before the list is read: what changes meanwhile is seen next time.
        let stamps = stamps(store);
        let revoked = read_list::<Issued>(store, LIST_FILE)?;
        let revoked = revoked.into_iter().filter(|issued| issued.revoked);
        let users = read_list::<users::Kept>(store, users::FILE)?;
        let links = read_list::<links::Kept>(store, links::FILE)?;
        Ok(Known {
            stamps,
            sign: EncodingKey::from_secret(&key),
            check: DecodingKey::from_secret(&key),
            revoked: revoked.map(|issued| issued.claims.jti).collect(),
            users: users.into_iter().map(|user| (user.id, user.role)).collect(),
            links: links.into_iter().map(|link| (link.id, link.pipe)).collect(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
        })
    }
}

fn claims(whom: &str, role: Role, now: u64, seconds: Option<u64>) -> Claims {
    Claims {
        sub: whom.to_owned(),
        role,
        iat: now,
        exp: seconds.map(|seconds| now.saturating_add(seconds)),
        aud: AUDIENCE.to_owned(),
        jti: uuid::Uuid::new_v4().simple().to_string(),
        user: None,
    }
}

fn stamps(store: &Path) -> [Stamp; 4] {
    [KEY_FILE, LIST_FILE, users::FILE, links::FILE].map(|file| {
        let metadata = fs::metadata(store.join(file)).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    })
}

pub(crate) fn read_list<T: DeserializeOwned>(store: &Path, file: &str) -> Result<Vec<T>, KeyError> {
    let path = store.join(file);
    let list = match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(cause) => Err(cause),
    };
    list.map_err(|cause| KeyError { path, cause })
}

pub(crate) fn write_list<T: Serialize>(
    store: &Path,
    file: &str,
    list: &[T],
) -> Result<(), KeyError> {
    let path = store.join(file);
    let partial = path.with_extension("partial");
    let write = || -> io::Result<()> {
        let _ = fs::remove_file(&partial);
        let mut file = private_file(&partial)?;
        file.write_all(&serde_json::to_vec_pretty(list)?)?;
        file.sync_all()?;
        fs::rename(&partial, &path)
    };
    write().map_err(|cause| KeyError { path: path.clone(), cause })
}

/// The key in a file that only its owner may read, which is made at the first
/// time.
pub(crate) fn read_or_make(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Ok(key) if key.len() >= 32 => return Ok(key),
        Ok(_) => {
            return Err(io::Error::other(
                "the key is too short: delete the file to make a new one",
            ));
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        Err(cause) => return Err(cause),
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    match private_file(path) {
        Ok(mut file) => {
            file.write_all(&key)?;
            file.sync_all()?;
            Ok(key.to_vec())
        }
        // Another process made it in the meantime.
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => fs::read(path),
        Err(cause) => Err(cause),
    }
}

/// A new file that only its owner may read.
pub(crate) fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_valid_where_it_was_made_and_until_it_ends() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let tokens = Tokens::open(here.path()).unwrap();
        let now = 4_000_000_000;
        let token = tokens.issue("me", Role::Reader, now, Some(60));
        assert_eq!(tokens.check(&token).unwrap().role, Role::Reader);
        assert_eq!(Tokens::open(here.path()).unwrap().check(&token).unwrap().sub, "me");
        assert!(Tokens::open(there.path()).unwrap().check(&token).is_err());
        assert!(tokens.check(&tokens.issue("me", Role::Admin, 1, Some(60))).is_err());
        assert!(tokens.check(&tokens.issue("me", Role::Admin, 1, None)).is_ok());
        assert!(tokens.check("a.b.c").is_err());
    }

    #[test]
    fn a_revoked_token_is_refused_wherever_the_store_is_open() {
        let here = tempfile::tempdir().unwrap();
        let (node, line) = (Tokens::open(here.path()).unwrap(), Tokens::open(here.path()).unwrap());
        let keep = line.create("keep", Role::Reader, 1, None).unwrap();
        let lose = line.create("lose", Role::Developer, 1, None).unwrap();
        let unlisted = node.issue("link", Role::Admin, 1, None);
        let list = line.list().unwrap();
        assert_eq!(
            list.iter().map(|one| one.claims.sub.as_str()).collect::<Vec<_>>(),
            ["keep", "lose"]
        );
        assert!(node.check(&lose).is_ok());
        assert!(line.revoke(&list[1].claims.jti).unwrap());
        assert!(!line.revoke("nothing").unwrap());
        assert!(node.check(&lose).is_err() && node.check(&keep).is_ok());
        assert!(line.list().unwrap()[1].revoked);
        line.revoke_all().unwrap();
        for token in [&keep, &unlisted] {
            assert!(node.check(token).is_err());
        }
        assert!(node.check(&line.issue("new", Role::Admin, 1, None)).is_ok());
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let here = tempfile::tempdir().unwrap();
        Tokens::open(here.path()).unwrap();
        let mode = fs::metadata(here.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
