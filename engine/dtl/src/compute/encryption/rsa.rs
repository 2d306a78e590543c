//! RSA with OAEP padding.

use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{PrivateKeyDer, SubjectPublicKeyInfoDer};

use super::Refused;

/// A public key, ready for use.
pub(crate) struct PublicKey(OaepPublicEncryptingKey);

impl PublicKey {
    /// Reads a key in PEM form.
    pub(crate) fn read(pem: &str) -> Result<PublicKey, Refused> {
        const FAILED: Refused = "the public key is no RSA key in PEM form (\"BEGIN PUBLIC KEY\") \
                                 of 2048 bits or more";
        let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).map_err(|_| FAILED)?;
        let key = PublicEncryptingKey::from_der(&der).map_err(|_| FAILED)?;
        Ok(PublicKey(OaepPublicEncryptingKey::new(key).map_err(|_| FAILED)?))
    }

    /// Encrypts as many bytes as the key takes, or fewer.
    pub(crate) fn encrypt(&self, data: &[u8]) -> Result<Vec<u8>, Refused> {
        if data.len() > self.0.max_plaintext_size(&OAEP_SHA256_MGF1SHA256) {
            return Err("it is longer than the key can encrypt: use \"encrypt-pgp\"");
        }
        let mut sealed = vec![0; self.0.ciphertext_size()];
        let sealed = self.0.encrypt(&OAEP_SHA256_MGF1SHA256, data, &mut sealed, None);
        Ok(sealed.map_err(|_| "it cannot be encrypted with this key")?.to_vec())
    }
}

/// A private key, ready for use.
pub(crate) struct PrivateKey(OaepPrivateDecryptingKey);

impl PrivateKey {
    /// Reads a key in PEM form.
    pub(crate) fn read(pem: &str) -> Result<PrivateKey, Refused> {
        const FAILED: Refused = "the private key is no RSA key in PEM form (\"BEGIN RSA PRIVATE \
                                 KEY\" or \"BEGIN PRIVATE KEY\", without password) of 2048 bits \
                                 or more";
        let key = match PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| FAILED)? {
            PrivateKeyDer::Pkcs1(key) => {
                PrivateDecryptingKey::from_pkcs8(&wrapped(key.secret_pkcs1_der()))
            }
            PrivateKeyDer::Pkcs8(key) => PrivateDecryptingKey::from_pkcs8(key.secret_pkcs8_der()),
            _ => return Err(FAILED),
        };
        let key = key.map_err(|_| FAILED)?;
        Ok(PrivateKey(OaepPrivateDecryptingKey::new(key).map_err(|_| FAILED)?))
    }

    /// What was encrypted with the public key: by us, or with the older
    /// variant that other programs have as their default.
    pub(crate) fn decrypt(&self, data: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut text = vec![0; self.0.min_output_size()];
        for algorithm in [&OAEP_SHA256_MGF1SHA256, &OAEP_SHA1_MGF1SHA1] {
            if let Ok(opened) = self.0.decrypt(algorithm, data, &mut text, None) {
                return Ok(opened.to_vec());
            }
        }
        Err("it was not encrypted with the public half of this key")
    }
}

/// A bare RSA key (PKCS #1) in the form that says what it is (PKCS #8): the
/// version, the name of the algorithm, and the key as a string of bytes.
fn wrapped(key: &[u8]) -> Vec<u8> {
    const VERSION_AND_RSA: [u8; 18] = [
        0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
        0x01, 0x05, 0x00,
    ];
    let tagged = |tag: u8, content: &[u8]| {
        let length = content.len().to_be_bytes();
        let zeros = length.iter().take_while(|byte| **byte == 0).count();
        let length = &length[zeros..];
        let mut out = vec![tag];
        match length {
            [short @ 0..0x80] => out.push(*short),
            // A length has at most as many bytes as a `usize`.
            long => {
                out.push(0x80 | long.len() as u8);
                out.extend(long);
            }
        }
        out.extend(content);
        out
    };
    tagged(0x30, &[&VERSION_AND_RSA[..], &tagged(0x04, key)].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
    use aws_lc_rs::rsa::KeySize;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn pem(name: &str, der: &[u8]) -> String {
        let text = STANDARD.encode(der);
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN {name}-----\n{}\n-----END {name}-----\n", lines.join("\n"))
    }

    #[test]
    fn either_form_of_a_private_key_opens_what_the_public_key_closed() {
        let pair = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).unwrap();
        let public = AsDer::<PublicKeyX509Der<'_>>::as_der(&pair.public_key()).unwrap();
        let public = PublicKey::read(&pem("PUBLIC KEY", public.as_ref())).unwrap();
        let sealed = public.encrypt("blåbær".as_bytes()).unwrap();
        // Sequence and length, version and algorithm, string and length.
        let pkcs1 = &pkcs8.as_ref()[4 + 18 + 4..];
        assert_eq!(wrapped(pkcs1), pkcs8.as_ref());
        for pem in [pem("PRIVATE KEY", pkcs8.as_ref()), pem("RSA PRIVATE KEY", pkcs1)] {
            let private = PrivateKey::read(&pem).unwrap();
            assert_eq!(private.decrypt(&sealed).unwrap(), "blåbær".as_bytes());
            assert!(private.decrypt(&sealed[1..]).is_err());
            let mut older = vec![0; 256];
            let older = public.0.encrypt(&OAEP_SHA1_MGF1SHA1, b"old", &mut older, None).unwrap();
            assert_eq!(private.decrypt(older).unwrap(), b"old");
        }
        assert!(public.encrypt(&[b'x'; 190]).is_ok());
        assert!(public.encrypt(&[b'x'; 191]).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "secret", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"] {
            assert!(PublicKey::read(text).is_err());
            assert!(PrivateKey::read(text).is_err());
        }
    }
}
