//! Encryption: bytes in, bytes out. The algorithms are those of libraries;
//! here is only what the functions of the language put around them.

#[cfg(feature = "encryption")]
pub(crate) mod fernet;
#[cfg(feature = "openpgp")]
pub(crate) mod openpgp;
#[cfg(feature = "encryption")]
pub(crate) mod rsa;

/// Why something was not encrypted or decrypted. Never holds a key.
pub(crate) type Refused = &'static str;
