//! Secrets at rest: what `$SECRET(name)` in config stands for.
//!
//! They lie beside the store, each value sealed for itself (AES-256-GCM) and
//! bound to its name and system, so that none can be put in the place of
//! another. The key lies elsewhere: in the user's settings, or in an environment
//! variable where nobody has settings. Whoever copies a project folder with its
//! store has the names, and nothing else.
//!
//! Values are written and used, never read back: no call gives them out.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::Settings;
use crate::access::{private_file, read_or_make};

/// Names the key of the secrets where there are no user's settings: 32 bytes in
/// base64.
pub const SECRETS_KEY_VARIABLE: &str = "PIPEWRIGHT_SECRETS_KEY";

pub(crate) const FILE: &str = "secrets.json";
const KEY_FILE: &str = "secrets.key";
const KEY_LEN: usize = 32;

/// Why secrets cannot be kept or used.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// A file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
    /// The key is no key.
    #[error("{from}: the key must be 32 bytes in base64")]
    Key {
        /// Where it comes from.
        from: String,
    },
    /// A value was sealed with another key, or somebody changed it.
    #[error("the secret {name:?} was kept with another key: set it again")]
    Sealed {
        /// Its name.
        name: String,
    },
    /// A name that config cannot name.
    #[error("{name:?} cannot be the name of a secret: it is empty or has a parenthesis")]
    Name {
        /// The name.
        name: String,
    },
}

/// The secrets of a node and of its systems.
pub struct Secrets {
    file: PathBuf,
    key_file: PathBuf,
    kept: RwLock<Kept>,
}

/// What the file holds. Names can be read, values not.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Kept {
    /// Of the node: name to sealed value.
    #[serde(default)]
    node: BTreeMap<String, String>,
    /// Of systems, by the id of the system.
    #[serde(default)]
    systems: BTreeMap<String, BTreeMap<String, String>>,
}

impl Kept {
    fn of(&self, system: Option<&str>) -> Option<&BTreeMap<String, String>> {
        match system {
            None => Some(&self.node),
            Some(system) => self.systems.get(system),
        }
    }

    fn of_mut(&mut self, system: Option<&str>) -> &mut BTreeMap<String, String> {
        match system {
            None => &mut self.node,
            Some(system) => self.systems.entry(system.to_owned()).or_default(),
        }
    }
}

impl Secrets {
    /// The secrets of the node whose store is the folder `store`. The key is
    /// made in `settings` when a secret is set for the first time.
    pub fn open(store: &Path, settings: &Settings) -> Result<Secrets, SecretsError> {
        let file = store.join(FILE);
        let kept = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(cause) => Err(cause),
        };
        let kept = kept.map_err(|cause| SecretsError::File { path: file.clone(), cause })?.into();
        Ok(Secrets { file, key_file: settings.folder().join(KEY_FILE), kept })
    }

    /// The names of the secrets of a system, or of the node, in order.
    pub fn names(&self, system: Option<&str>) -> Vec<String> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.of(system).map(|secrets| secrets.keys().cloned().collect()).unwrap_or_default()
    }

    /// The systems that have secrets.
    pub fn systems(&self) -> Vec<String> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.systems.keys().cloned().collect()
    }

    /// Sets secrets of a system, or of the node; others stay.
    pub fn set(
        &self,
        system: Option<&str>,
        values: &BTreeMap<String, String>,
    ) -> Result<(), SecretsError> {
        let sealed = self.seal(system, values)?;
        self.change(|kept| kept.of_mut(system).extend(sealed))
    }

    /// Makes these the only secrets of a system, or of the node.
    pub fn replace(
        &self,
        system: Option<&str>,
        values: &BTreeMap<String, String>,
    ) -> Result<(), SecretsError> {
        let sealed = self.seal(system, values)?;
        self.change(|kept| *kept.of_mut(system) = sealed)
    }

    /// Forgets a secret. Whether there was one.
    pub fn remove(&self, system: Option<&str>, name: &str) -> Result<bool, SecretsError> {
        let mut found = false;
        self.change(|kept| found = kept.of_mut(system).remove(name).is_some())?;
        Ok(found)
    }

    /// The value of a secret: one of the system if it has it, else one of the
    /// node.
    pub(crate) fn value(
        &self,
        system: Option<&str>,
        name: &str,
    ) -> Result<Option<String>, SecretsError> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let own =
            system.filter(|_| kept.of(system).is_some_and(|secrets| secrets.contains_key(name)));
        let Some(sealed) = kept.of(own).and_then(|secrets| secrets.get(name)) else {
            return Ok(None);
        };
        let other = || SecretsError::Sealed { name: name.to_owned() };
        let mut bytes = STANDARD.decode(sealed).map_err(|_| other())?;
        let (nonce, text) = bytes.split_at_mut_checked(NONCE_LEN).ok_or_else(other)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| other())?;
        let Some(key) = self.key(false)? else { return Err(other()) };
        let text = key.open_in_place(nonce, bound_to(own, name), text).map_err(|_| other())?;
        String::from_utf8(text.to_vec()).map(Some).map_err(|_| other())
    }

    fn seal(
        &self,
        system: Option<&str>,
        values: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, SecretsError> {
        if values.is_empty() {
            return Ok(BTreeMap::new());
        }
        if let Some(name) = values.keys().find(|name| name.is_empty() || name.contains(['(', ')']))
        {
            return Err(SecretsError::Name { name: name.clone() });
        }
        let broken = || SecretsError::Key { from: self.key_file.display().to_string() };
        let key = self.key(true)?.ok_or_else(broken)?;
        let seal = |(name, value): (&String, &String)| {
            let mut text = value.clone().into_bytes();
            let nonce = key
                .seal_in_place_append_tag(bound_to(system, name), &mut text)
                .map_err(|_| broken())?;
            let sealed = STANDARD.encode([&nonce.as_ref()[..], &text].concat());
            Ok((name.clone(), sealed))
        };
        values.iter().map(seal).collect()
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) -> Result<(), SecretsError> {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = kept.clone();
        change(&mut new);
        new.systems.retain(|_, secrets| !secrets.is_empty());
        let write = || -> io::Result<()> {
            let partial = self.file.with_extension("partial");
            match fs::remove_file(&partial) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
            let mut file = private_file(&partial)?;
            file.write_all(&serde_json::to_vec_pretty(&new)?)?;
            file.sync_all()?;
            fs::rename(&partial, &self.file)
        };
        write().map_err(|cause| SecretsError::File { path: self.file.clone(), cause })?;
        *kept = new;
        Ok(())
    }

    /// The key. `None` if there is none and none is to be made.
    fn key(&self, make: bool) -> Result<Option<RandomizedNonceKey>, SecretsError> {
        let (from, bytes) = match std::env::var(SECRETS_KEY_VARIABLE) {
            Ok(text) => {
                (SECRETS_KEY_VARIABLE.to_owned(), STANDARD.decode(text.trim()).unwrap_or_default())
            }
            Err(_) if !make && !self.key_file.exists() => return Ok(None),
            Err(_) => {
                let bytes = read_or_make(&self.key_file)
                    .map_err(|cause| SecretsError::File { path: self.key_file.clone(), cause })?;
                (self.key_file.display().to_string(), bytes)
            }
        };
        if bytes.len() != KEY_LEN {
            return Err(SecretsError::Key { from });
        }
        match RandomizedNonceKey::new(&AES_256_GCM, &bytes) {
            Ok(key) => Ok(Some(key)),
            Err(_) => Err(SecretsError::Key { from }),
        }
    }
}

/// What a sealed value belongs to.
fn bound_to(system: Option<&str>, name: &str) -> Aad<Vec<u8>> {
    let place = match system {
        Some(system) => ["system", system, name].join("\0"),
        None => ["node", name].join("\0"),
    };
    Aad::from(place.into_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tempfile::TempDir;

    use super::*;

    struct Place {
        store: TempDir,
        home: TempDir,
    }

    impl Place {
        fn new() -> Place {
            Place { store: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() }
        }

        fn open(&self) -> Secrets {
            Secrets::open(self.store.path(), &Settings::in_folder(self.home.path())).unwrap()
        }
    }

    fn one(name: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn a_systems_secret_goes_before_the_nodes() {
        let place = Place::new();
        let secrets = place.open();
        secrets.set(None, &one("password", "of the node")).unwrap();
        secrets.set(Some("crm"), &one("password", "of the system")).unwrap();
        secrets.set(Some("crm"), &one("user", "ane")).unwrap();
        let again = place.open();
        let value = |system, name| again.value(system, name).unwrap();
        assert_eq!(value(Some("crm"), "password").as_deref(), Some("of the system"));
        assert_eq!(value(Some("erp"), "password").as_deref(), Some("of the node"));
        assert_eq!(value(None, "password").as_deref(), Some("of the node"));
        assert_eq!(value(None, "user"), None);
        assert_eq!(again.names(Some("crm")), ["password", "user"]);
        assert_eq!(again.systems(), ["crm"]);
        again.replace(Some("crm"), &one("token", "t")).unwrap();
        assert_eq!(again.names(Some("crm")), ["token"]);
        assert!(again.remove(Some("crm"), "token").unwrap());
        assert!(!again.remove(Some("crm"), "token").unwrap());
        assert!(place.open().systems().is_empty());
    }

    #[test]
    fn no_file_says_a_value_and_only_the_owner_reads_them() {
        let place = Place::new();
        place.open().set(Some("crm"), &one("password", "swordfish")).unwrap();
        for file in [place.store.path().join(FILE), place.home.path().join(KEY_FILE)] {
            let bytes = fs::read(&file).unwrap();
            let found = bytes.windows(9).any(|window| window == b"swordfish");
            assert!(!found, "{}", file.display());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let mode = fs::metadata(&file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", file.display());
            }
        }
    }

    #[test]
    fn another_key_or_another_place_opens_nothing() {
        let place = Place::new();
        let secrets = place.open();
        secrets
            .set(None, &BTreeMap::from([("a".into(), "1".into()), ("b".into(), "2".into())]))
            .unwrap();
        // Somebody swaps the values of two secrets.
        let mut kept = secrets.kept.read().unwrap().clone();
        let (a, b) = (kept.node["a"].clone(), kept.node["b"].clone());
        kept.node = BTreeMap::from([("a".into(), b), ("b".into(), a)]);
        fs::write(place.store.path().join(FILE), serde_json::to_vec(&kept).unwrap()).unwrap();
        let error = place.open().value(None, "a").unwrap_err();
        assert!(matches!(&error, SecretsError::Sealed { name } if name == "a"), "{error}");
        // The folder on another machine.
        let other = Place { home: tempfile::tempdir().unwrap(), ..place };
        assert_eq!(other.open().names(None), ["a", "b"]);
        assert!(other.open().value(None, "b").is_err());
        other.open().set(None, &one("b", "3")).unwrap();
        assert_eq!(other.open().value(None, "b").unwrap().as_deref(), Some("3"));
    }

    #[test]
    fn a_name_that_no_config_can_name_is_refused() {
        let place = Place::new();
        for name in ["", "a)b"] {
            let error = place.open().set(None, &one(name, "x")).unwrap_err();
            assert!(matches!(error, SecretsError::Name { .. }), "{error}");
        }
    }
}
