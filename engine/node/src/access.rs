//! Who may call the node: bearer tokens with a role.
//!
//! A token is a JWT signed with a key that lies beside the store and never
//! leaves it. It carries no `principals`: the official client would take them
//! for a subscription of its vendor's cloud.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use pipewright_protocol::studio::Role;
use serde::{Deserialize, Serialize};

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
}

const AUDIENCE: &str = "pipewright";
const KEY_FILE: &str = "token.key";

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
}

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {cause}")]
pub struct KeyError {
    path: PathBuf,
    cause: io::Error,
}

/// Makes and checks the tokens of one node.
pub struct Tokens {
    sign: EncodingKey,
    check: DecodingKey,
}

impl Tokens {
    /// Tokens of the node whose store is the folder `store`, whose key is made
    /// at the first time.
    pub fn open(store: &Path) -> Result<Tokens, KeyError> {
        let path = store.join(KEY_FILE);
        let key = read_or_make(&path).map_err(|cause| KeyError { path, cause })?;
        Ok(Tokens { sign: EncodingKey::from_secret(&key), check: DecodingKey::from_secret(&key) })
    }

    /// A token for `whom`, made at `now` (seconds since 1970), valid for
    /// `seconds`, or without end.
    pub fn issue(&self, whom: &str, role: Role, now: u64, seconds: Option<u64>) -> String {
        let claims = Claims {
            sub: whom.to_owned(),
            role,
            iat: now,
            exp: seconds.map(|seconds| now.saturating_add(seconds)),
            aud: AUDIENCE.to_owned(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign)
            .expect("claims are plain JSON and HMAC takes any key")
    }

    /// What a token says, if it is one of ours and still valid.
    pub fn check(&self, token: &str) -> Result<Claims, Refused> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUDIENCE]);
        // A token without end has no `exp`; one that has it is held to it.
        validation.required_spec_claims.clear();
        validation.leeway = 0;
        jsonwebtoken::decode::<Claims>(token, &self.check, &validation)
            .map(|data| data.claims)
            .map_err(|_| Refused::Invalid)
    }
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
    #[cfg(unix)]
    fn nobody_else_may_read_the_key() {
        use std::os::unix::fs::PermissionsExt;
        let here = tempfile::tempdir().unwrap();
        Tokens::open(here.path()).unwrap();
        let mode = fs::metadata(here.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
