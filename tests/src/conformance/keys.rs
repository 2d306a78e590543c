//! Key pairs for the cases of encryption, made anew each time: any will do, for
//! what one function seals another opens.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgp::composed::{
    ArmorOptions, EncryptionCaps, KeyType, SecretKeyParamsBuilder, SubkeyParamsBuilder,
};
use rand_core::OsRng;

/// What the cases open their private key with.
const PASSPHRASE: &str = "valid-password";

type Pair = Option<(String, String)>;

/// The key that a case names as a file; `None` for any other file.
pub(super) fn made(file: &str) -> Option<&'static str> {
    static RSA: LazyLock<Pair> = LazyLock::new(rsa);
    static OPENPGP: LazyLock<Pair> = LazyLock::new(openpgp);
    let private = |pair: &'static Pair| Some(pair.as_ref()?.0.as_str());
    let public = |pair: &'static Pair| Some(pair.as_ref()?.1.as_str());
    match file {
        "fixtures/rsa_private.pem" => private(&RSA),
        "fixtures/rsa_public.pem" => public(&RSA),
        "fixtures/pgp_private.asc" => private(&OPENPGP),
        "fixtures/pgp_public.asc" => public(&OPENPGP),
        _ => None,
    }
}

/// A private and a public key in PEM form.
fn rsa() -> Pair {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).ok()?;
    let private: Pkcs8V1Der<'_> = key.as_der().ok()?;
    let public: PublicKeyX509Der<'_> = key.public_key().as_der().ok()?;
    Some((pem("PRIVATE KEY", private.as_ref()), pem("PUBLIC KEY", public.as_ref())))
}

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<&str> =
        (0..body.len()).step_by(64).map(|at| &body[at..body.len().min(at + 64)]).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// A private and a public key as text: one part signs, another encrypts.
fn openpgp() -> Pair {
    let locked = || Some(PASSPHRASE.to_owned());
    let mut part = SubkeyParamsBuilder::default();
    part.key_type(KeyType::X25519).can_encrypt(EncryptionCaps::All).passphrase(locked());
    let mut params = SecretKeyParamsBuilder::default();
    params
        .key_type(KeyType::Ed25519)
        .can_certify(true)
        .can_sign(true)
        .primary_user_id("Cases <cases@example.org>".into())
        .passphrase(locked())
        .subkey(part.build().ok()?);
    let private = params.build().ok()?.generate(OsRng).ok()?;
    let public = private.to_public_key();
    let text = |armored: pgp::errors::Result<String>| armored.ok();
    Some((
        text(private.to_armored_string(ArmorOptions::default()))?,
        text(public.to_armored_string(ArmorOptions::default()))?,
    ))
}
