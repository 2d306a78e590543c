//! OpenPGP messages (RFC 9580), as GnuPG and others read and write them.

use std::io::Read;

use pgp::composed::{
    ArmorOptions, Deserializable, Message, MessageBuilder, SignedPublicKey, SignedSecretKey,
};
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{KeyFlags, Signature, SignatureType};
use pgp::types::{EncryptionKey, KeyDetails, Password, Tag};
use rand_core::OsRng;

use super::Refused;

/// How long a text may become when it is unpacked, in bytes.
const LONGEST: u64 = 64 << 20;

/// A public key, ready for use.
pub(crate) struct PublicKey {
    key: SignedPublicKey,
    /// The parts of it that may encrypt, the newest first.
    usable: Vec<Usable>,
}

/// A part of a public key that may encrypt.
struct Usable {
    /// Which subkey; `None` for the primary key.
    subkey: Option<usize>,
    made: u64,
    /// When it expires, in seconds since 1970.
    ends: Option<u64>,
}

impl PublicKey {
    /// Reads a key in its form as text.
    pub(crate) fn read(armored: &str) -> Result<PublicKey, Refused> {
        let (key, _) = SignedPublicKey::from_string(armored.trim()).map_err(
            |_| "the public key is no OpenPGP key as text (\"BEGIN PGP PUBLIC KEY BLOCK\")",
        )?;
        let primary = &key.primary_key;
        let revocations = &key.details.revocation_signatures;
        if revocations.iter().any(|revocation| revocation.verify_key(primary).is_ok()) {
            return Err("the public key is revoked");
        }
        let mut usable = Vec::new();
        for (at, subkey) in key.public_subkeys.iter().enumerate() {
            let bindings = subkey.signatures.iter();
            let bindings: Vec<&Signature> = bindings
                .filter(|binding| binding.verify_subkey_binding(primary, &subkey.key).is_ok())
                .collect();
            let revoked = Some(SignatureType::SubkeyRevocation);
            if !bindings.iter().any(|binding| binding.typ() == revoked) {
                usable.extend(encrypting(&subkey.key, &bindings, Some(at)));
            }
        }
        let users = key.details.users.iter();
        let certified = users.flat_map(|user| {
            let own = user.signatures.iter();
            own.filter(|own| own.verify_certification(primary, Tag::UserId, &user.id).is_ok())
        });
        let direct = key.details.direct_signatures.iter();
        let direct = direct.filter(|direct| direct.verify_key(primary).is_ok());
        let own: Vec<&Signature> = certified.chain(direct).collect();
        usable.extend(encrypting(primary, &own, None));
        if usable.is_empty() {
            return Err("the public key has no part that may encrypt");
        }
        usable.sort_by_key(|part| std::cmp::Reverse((part.subkey.is_some(), part.made)));
        Ok(PublicKey { key, usable })
    }

    /// A message for the owner of the key, as text. `now` is the time since
    /// 1970 in seconds.
    pub(crate) fn encrypt(&self, text: &str, now: u64) -> Result<String, Refused> {
        let valid = self.usable.iter().find(|part| part.ends.is_none_or(|ends| now < ends));
        match valid.ok_or("the public key has expired")?.subkey {
            Some(at) => sealed(&self.key.public_subkeys[at].key, text),
            None => sealed(&self.key.primary_key, text),
        }
        .map_err(|_| "it cannot be encrypted with this key")
    }
}

/// A key or a part of one, if what is signed about it lets it encrypt.
fn encrypting(
    key: &impl KeyDetails,
    signed: &[&Signature],
    subkey: Option<usize>,
) -> Option<Usable> {
    let newest = signed.iter().max_by_key(|signature| signature.created())?;
    let flags = newest.key_flags();
    // Old keys do not say what they are for.
    let unsaid = subkey.is_some() && flags == KeyFlags::default();
    let meant = flags.encrypt_comms() || flags.encrypt_storage() || unsaid;
    let made = u64::from(key.created_at().as_secs());
    let lasts = newest.key_expiration_time().map(|lasts| u64::from(lasts.as_secs()));
    let ends = lasts.filter(|lasts| *lasts > 0).map(|lasts| made + lasts);
    (meant && key.algorithm().can_encrypt()).then_some(Usable { subkey, made, ends })
}

fn sealed(key: &impl EncryptionKey, text: &str) -> pgp::errors::Result<String> {
    // The container that every program reads.
    let mut message = MessageBuilder::from_bytes("", text.as_bytes().to_vec())
        .seipd_v1(OsRng, SymmetricKeyAlgorithm::AES256);
    message.encrypt_to_key(OsRng, key)?;
    message.to_armored_string(OsRng, ArmorOptions::default())
}

/// A private key, unlocked.
pub(crate) struct PrivateKey(SignedSecretKey);

impl PrivateKey {
    /// Reads a key in its form as text, and unlocks it.
    pub(crate) fn read(armored: &str, passphrase: &str) -> Result<PrivateKey, Refused> {
        let (mut key, _) = SignedSecretKey::from_string(armored.trim()).map_err(
            |_| "the private key is no OpenPGP key as text (\"BEGIN PGP PRIVATE KEY BLOCK\")",
        )?;
        // Here and not for each message: it is made to take long.
        let password = Password::from(passphrase);
        let primary = key.primary_key.remove_password(&password);
        let subkeys = key.secret_subkeys.iter_mut();
        let subkeys: Vec<_> = subkeys.map(|subkey| subkey.key.remove_password(&password)).collect();
        // The primary key may be kept elsewhere.
        let mut all = std::iter::once(primary).chain(subkeys);
        match all.any(|unlocked| unlocked.is_ok()) {
            true => Ok(PrivateKey(key)),
            false => Err("the passphrase does not unlock the private key"),
        }
    }

    /// The text of a message.
    pub(crate) fn decrypt(&self, message: &str) -> Result<String, Refused> {
        let (message, _) = Message::from_string(message.trim())
            .map_err(|_| "it is no OpenPGP message (\"BEGIN PGP MESSAGE\")")?;
        if !message.is_encrypted() {
            return Err("the OpenPGP message is not encrypted");
        }
        let opened = message.decrypt(&Password::empty(), &self.0);
        let mut opened =
            opened.map_err(|_| "it was not encrypted with the public half of this key")?;
        if opened.is_compressed() {
            opened = opened.decompress().map_err(|_| "it is damaged")?;
        }
        let mut text = Vec::new();
        opened.take(LONGEST + 1).read_to_end(&mut text).map_err(|_| "it is damaged")?;
        if text.len() as u64 > LONGEST {
            return Err("what was encrypted is too long");
        }
        String::from_utf8(text).map_err(|_| "what was encrypted is no text")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use pgp::composed::{EncryptionCaps, KeyType, SecretKeyParamsBuilder, SubkeyParamsBuilder};

    use super::*;

    /// A key pair as text: one part signs, another encrypts.
    fn pair(passphrase: &str, expires: Option<u32>) -> (String, String) {
        let locked = || (!passphrase.is_empty()).then(|| passphrase.to_owned());
        let subkey = SubkeyParamsBuilder::default()
            .key_type(KeyType::X25519)
            .can_encrypt(EncryptionCaps::All)
            .passphrase(locked())
            .build()
            .unwrap();
        let mut params = SecretKeyParamsBuilder::default();
        params
            .key_type(KeyType::Ed25519)
            .can_certify(true)
            .can_sign(true)
            .primary_user_id("Test <test@example.org>".into())
            .passphrase(locked())
            .subkey(subkey);
        let mut private = params.build().unwrap().generate(OsRng).unwrap();
        if let Some(lasts) = expires {
            let password = Password::from(passphrase);
            let signed = &mut private.secret_subkeys[0];
            signed.signatures = vec![expiring(&private.primary_key, &signed.key, &password, lasts)];
        }
        let public = private.to_public_key();
        let options = ArmorOptions::default;
        (
            public.to_armored_string(options()).unwrap(),
            private.to_armored_string(options()).unwrap(),
        )
    }

    fn expiring(
        primary: &pgp::packet::SecretKey,
        subkey: &pgp::packet::SecretSubkey,
        password: &Password,
        lasts: u32,
    ) -> Signature {
        use pgp::packet::{SignatureConfig, Subpacket, SubpacketData};
        use pgp::types::{Duration, Timestamp};
        let typ = SignatureType::SubkeyBinding;
        let mut config = SignatureConfig::from_key(OsRng, primary, typ).unwrap();
        let mut flags = KeyFlags::default();
        flags.set_encrypt_comms(true);
        config.hashed_subpackets = [
            SubpacketData::SignatureCreationTime(Timestamp::now()),
            SubpacketData::KeyFlags(flags),
            SubpacketData::KeyExpirationTime(Duration::from_secs(lasts)),
            SubpacketData::IssuerFingerprint(primary.fingerprint()),
        ]
        .map(|data| Subpacket::regular(data).unwrap())
        .into();
        let public = subkey.public_key();
        config.sign_subkey_binding(primary, primary.public_key(), password, public).unwrap()
    }

    #[test]
    fn what_is_encrypted_for_a_key_is_opened_with_it() {
        let (public, private) = pair("open sesame", None);
        let public = PublicKey::read(&public).unwrap();
        let sealed = public.encrypt("grüße 🔑\r\n", 0).unwrap();
        assert!(sealed.starts_with("-----BEGIN PGP MESSAGE-----\n"), "{sealed}");
        assert_ne!(sealed, public.encrypt("grüße 🔑\r\n", 0).unwrap());
        let unlocked = PrivateKey::read(&private, "open sesame").unwrap();
        assert_eq!(unlocked.decrypt(&sealed).unwrap(), "grüße 🔑\r\n");
        assert_eq!(unlocked.decrypt(&public.encrypt("", 0).unwrap()).unwrap(), "");
        let wrong = PrivateKey::read(&private, "open barley").err().unwrap();
        assert!(wrong.contains("passphrase"), "{wrong}");
    }

    #[test]
    fn keys_without_passphrase_and_wrong_keys() {
        let (public, private) = pair("", None);
        let sealed = PublicKey::read(&public).unwrap().encrypt("x", 0).unwrap();
        assert_eq!(PrivateKey::read(&private, "any").unwrap().decrypt(&sealed).unwrap(), "x");
        let other = PrivateKey::read(&pair("", None).1, "").unwrap();
        assert!(other.decrypt(&sealed).unwrap_err().contains("not encrypted with"));
        assert!(other.decrypt("-----BEGIN PGP MESSAGE-----").is_err());
        assert!(other.decrypt("no message").is_err());
        assert!(PublicKey::read(&private).is_err());
        assert!(PublicKey::read("").is_err());
        assert!(PrivateKey::read(&public, "").is_err());
    }

    #[test]
    fn nothing_is_encrypted_with_what_has_expired() {
        let (public, _) = pair("", Some(3600));
        let public = PublicKey::read(&public).unwrap();
        let made = public.usable[0].made;
        assert!(public.encrypt("x", made + 3599).is_ok());
        assert_eq!(public.encrypt("x", made + 3600), Err("the public key has expired"));
    }

    #[test]
    fn a_damaged_message_is_refused() {
        let (public, private) = pair("", None);
        let sealed = PublicKey::read(&public).unwrap().encrypt("some text", 0).unwrap();
        let unlocked = PrivateKey::read(&private, "").unwrap();
        let mut lines: Vec<String> = sealed.lines().map(str::to_owned).collect();
        let last = lines.len() - 3;
        let other = if lines[last].starts_with('A') { "B" } else { "A" };
        lines[last].replace_range(0..1, other);
        assert!(unlocked.decrypt(&lines.join("\n")).is_err());
    }
}
