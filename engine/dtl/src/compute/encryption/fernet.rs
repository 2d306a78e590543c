//! Fernet: AES-128 in CBC mode with an HMAC, in the token form that other
//! Fernet libraries read (<https://github.com/fernet/spec>).
//!
//! A key may be a Fernet key (32 bytes as URL-safe base64): then the token is
//! all there is, and other programs can read it. Any other key is a password:
//! keys are derived from it with a salt, which stands before the token.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{hmac, pbkdf2, rand};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};

use super::Refused;

/// The first byte of a token.
const VERSION: u8 = 0x80;
const SALT: usize = 16;
const IV: usize = 16;
/// Version and time.
const HEAD: usize = 1 + 8;
const TAG: usize = 32;
/// How often a password is hashed: enough to make trying many slow, and few
/// enough for a preview after every change of a rule.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(100_000).unwrap();
/// Derived keys kept at hand: data written by as many runs decrypts quickly.
const KEPT: usize = 16;

/// A key, ready for use.
pub(crate) enum Key {
    /// A Fernet key.
    Plain(Box<Pair>),
    /// A password and the keys derived from it, the last used at the end.
    Password { password: Vec<u8>, derived: Vec<([u8; SALT], Pair)> },
}

impl Key {
    /// A Fernet key or a password.
    pub(crate) fn new(text: &str) -> Key {
        let bytes = URL_SAFE.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text));
        match bytes.ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()) {
            Some(bytes) => Key::Plain(Box::new(Pair::new(&bytes))),
            None => Key::Password { password: text.as_bytes().to_vec(), derived: Vec::new() },
        }
    }

    /// Encrypts; `seconds` since 1970 become part of the token.
    pub(crate) fn encrypt(&mut self, data: &[u8], seconds: u64) -> Result<Vec<u8>, Refused> {
        match self {
            Key::Plain(pair) => Ok(pair.seal(data, seconds)?.into_bytes()),
            Key::Password { password, derived } => {
                if derived.is_empty() {
                    let mut salt = [0; SALT];
                    rand::fill(&mut salt).map_err(|_| "there is no randomness to be had")?;
                    derived.push((salt, Pair::derive(password, &salt)));
                }
                let [.., (salt, pair)] = derived.as_slice() else { return Err("there is no key") };
                Ok([&salt[..], pair.seal(data, seconds)?.as_bytes()].concat())
            }
        }
    }

    /// What was encrypted with the key.
    pub(crate) fn decrypt(&mut self, data: &[u8]) -> Result<Vec<u8>, Refused> {
        match self {
            Key::Plain(pair) => pair.open(data),
            Key::Password { password, derived } => {
                let Some((salt, token)) = data.split_first_chunk::<SALT>() else {
                    return Err("it is too short to be encrypted data");
                };
                match derived.iter().position(|(known, _)| known == salt) {
                    Some(at) => derived[at..].rotate_left(1),
                    None => {
                        if derived.len() >= KEPT {
                            derived.remove(0);
                        }
                        derived.push((*salt, Pair::derive(password, salt)));
                    }
                }
                let [.., (_, pair)] = derived.as_slice() else { return Err("there is no key") };
                pair.open(token)
            }
        }
    }
}

/// The two halves of a Fernet key.
pub(crate) struct Pair {
    signing: hmac::Key,
    encrypting: [u8; 16],
}

impl Pair {
    fn new(bytes: &[u8; 32]) -> Pair {
        let mut encrypting = [0; 16];
        encrypting.copy_from_slice(&bytes[16..]);
        Pair { signing: hmac::Key::new(hmac::HMAC_SHA256, &bytes[..16]), encrypting }
    }

    fn derive(password: &[u8], salt: &[u8]) -> Pair {
        let mut bytes = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, password, &mut bytes);
        Pair::new(&bytes)
    }

    fn seal(&self, data: &[u8], seconds: u64) -> Result<String, Refused> {
        let mut iv = [0; IV];
        rand::fill(&mut iv).map_err(|_| "there is no randomness to be had")?;
        self.seal_with(data, seconds, iv)
    }

    fn seal_with(&self, data: &[u8], seconds: u64, iv: [u8; IV]) -> Result<String, Refused> {
        const FAILED: Refused = "it cannot be encrypted";
        let key = UnboundCipherKey::new(&AES_128, &self.encrypting).map_err(|_| FAILED)?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| FAILED)?;
        let mut text = data.to_vec();
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        key.less_safe_encrypt(&mut text, context).map_err(|_| FAILED)?;
        let mut token = Vec::with_capacity(HEAD + IV + text.len() + TAG);
        token.push(VERSION);
        token.extend(seconds.to_be_bytes());
        token.extend(iv);
        token.extend(text);
        let tag = hmac::sign(&self.signing, &token);
        token.extend(tag.as_ref());
        Ok(URL_SAFE.encode(token))
    }

    fn open(&self, token: &[u8]) -> Result<Vec<u8>, Refused> {
        const FAILED: Refused = "it was not encrypted with this key, or was changed since";
        let token = URL_SAFE.decode(token).map_err(|_| FAILED)?;
        let signed = token.len().checked_sub(TAG).ok_or(FAILED)?;
        let (signed, tag) = token.split_at(signed);
        hmac::verify(&self.signing, signed, tag).map_err(|_| FAILED)?;
        if signed.first() != Some(&VERSION) {
            return Err(FAILED);
        }
        let rest = signed.get(HEAD..).ok_or(FAILED)?;
        let (iv, text) = rest.split_first_chunk::<IV>().ok_or(FAILED)?;
        let key = UnboundCipherKey::new(&AES_128, &self.encrypting).map_err(|_| FAILED)?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| FAILED)?;
        let mut text = text.to_vec();
        let context = DecryptionContext::Iv128(FixedLength::from(iv));
        Ok(key.decrypt(&mut text, context).map_err(|_| FAILED)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// The test vector of the specification.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7\
                         JcbmrR64jVmpU4IwqDA==";
    const TIME: u64 = 499_162_800;

    #[test]
    fn tokens_are_those_of_the_specification() {
        let Key::Plain(pair) = Key::new(KEY) else { panic!("a Fernet key is taken as such") };
        let iv: Vec<u8> = (0..16).collect();
        assert_eq!(pair.seal_with(b"hello", TIME, iv.try_into().unwrap()).unwrap(), TOKEN);
        assert_eq!(Key::new(KEY).decrypt(TOKEN.as_bytes()).unwrap(), b"hello");
    }

    #[test]
    fn what_was_changed_is_refused() {
        let mut key = Key::new(KEY);
        for at in [0, 10, 40, TOKEN.len() - 4] {
            let mut token = TOKEN.as_bytes().to_vec();
            token[at] = if token[at] == b'A' { b'B' } else { b'A' };
            assert!(key.decrypt(&token).is_err(), "{at}");
        }
        for end in 0..TOKEN.len() {
            assert!(key.decrypt(&TOKEN.as_bytes()[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn passwords_open_what_they_closed() {
        let mut one = Key::new("secret");
        let sealed = one.encrypt(b"data", TIME).unwrap();
        assert_ne!(sealed, one.encrypt(b"data", TIME).unwrap(), "the same text looks different");
        assert_eq!(Key::new("secret").decrypt(&sealed).unwrap(), b"data");
        assert!(Key::new("other").decrypt(&sealed).is_err());
        assert!(one.decrypt(&sealed[..20]).is_err());
    }
}
