//! What the user told this machine about folders. It lies in the user's own
//! settings, never in a project folder: a folder cannot vouch for itself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

/// Names the folder of the user's settings, for tests and portable use.
pub const HOME_VARIABLE: &str = "PIPEWRIGHT_HOME";

/// The user's settings about folders.
#[derive(Clone, Debug)]
pub struct Settings {
    file: PathBuf,
}

/// The settings cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The system does not say where the user's settings belong.
    #[error("no home folder; name one in {HOME_VARIABLE}")]
    NoHome,
    /// The file cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: io::Error,
    },
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    /// Folders whose pipes may run.
    #[serde(default)]
    trusted: BTreeSet<PathBuf>,
}

impl Settings {
    /// The settings of the user that runs this program.
    pub fn of_user() -> Result<Settings, SettingsError> {
        let folder = match std::env::var_os(HOME_VARIABLE) {
            Some(folder) => PathBuf::from(folder),
            None => etcetera::choose_base_strategy()
                .map_err(|_| SettingsError::NoHome)?
                .config_dir()
                .join("pipewright"),
        };
        Ok(Settings::in_folder(&folder))
    }

    /// Settings kept in a folder.
    pub fn in_folder(folder: &Path) -> Settings {
        Settings { file: folder.join("folders.json") }
    }

    /// The folder that holds them.
    pub(crate) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    /// Whether pipes of a project folder may run.
    pub fn is_trusted(&self, folder: &Path) -> Result<bool, SettingsError> {
        Ok(self.read()?.trusted.contains(&real(folder)))
    }

    /// Remembers whether pipes of a project folder may run.
    pub fn trust(&self, folder: &Path, trusted: bool) -> Result<(), SettingsError> {
        let mut kept = self.read()?;
        let folder = real(folder);
        let changed =
            if trusted { kept.trusted.insert(folder) } else { kept.trusted.remove(&folder) };
        if changed { self.write(&kept) } else { Ok(()) }
    }

    fn error(&self, cause: io::Error) -> SettingsError {
        SettingsError::File { path: self.file.clone(), cause }
    }

    fn read(&self) -> Result<Kept, SettingsError> {
        match fs::read(&self.file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| self.error(error.into())),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(cause) => Err(self.error(cause)),
        }
    }

    fn write(&self, kept: &Kept) -> Result<(), SettingsError> {
        let write = || -> io::Result<()> {
            if let Some(folder) = self.file.parent() {
                fs::create_dir_all(folder)?;
            }
            let partial = self.file.with_extension("partial");
            fs::write(&partial, serde_json::to_vec_pretty(kept)?)?;
            fs::rename(&partial, &self.file)
        };
        write().map_err(|cause| self.error(cause))
    }
}

fn real(folder: &Path) -> PathBuf {
    folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn trust_is_remembered_by_folder() {
        let home = tempfile::tempdir().unwrap();
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let settings = Settings::in_folder(home.path());
        assert!(!settings.is_trusted(a.path()).unwrap());
        settings.trust(a.path(), true).unwrap();
        assert!(settings.is_trusted(&a.path().join(".")).unwrap());
        assert!(!settings.is_trusted(b.path()).unwrap());
        settings.trust(a.path(), false).unwrap();
        assert!(!settings.is_trusted(a.path()).unwrap());
    }
}
