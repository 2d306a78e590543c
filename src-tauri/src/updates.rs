//! Newer versions of the program: which there are, and how one gets here.
//!
//! A feed is a folder on a web server with one file a channel (`stable.json`
//! and so on), each of which names a version, where its package lies and how
//! it is signed. What is not signed with the key of the feed, or signed as
//! another version than it says, is never installed. Both come with the build
//! (`PIPEWRIGHT_UPDATE_FEED`, `PIPEWRIGHT_UPDATE_KEY` while it is compiled);
//! who hosts versions of their own names theirs by the same variables when the
//! program starts.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pipewright_protocol::shell::{NewVersion, UpdateChoice, Updates as Told};
use tauri::{
    AppHandle,
    utils::{config::BundleType, platform::bundle_type},
};
use tauri_plugin_updater::{Error as Cause, Update, UpdaterExt};

const FEED: &str = "PIPEWRIGHT_UPDATE_FEED";
const KEY: &str = "PIPEWRIGHT_UPDATE_KEY";
/// How long the feed may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a package may take to arrive.
const DOWNLOAD: Duration = Duration::from_secs(30 * 60);

/// Why there is no update.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateError {
    /// Nobody said where newer versions are.
    #[error("This build knows no feed of updates.")]
    NoFeed,
    /// The feed's address or its key is none.
    #[error("The feed of updates is not usable: {0}")]
    BadFeed(String),
    /// The feed does not answer, or not as a feed.
    #[error("The feed of updates cannot be read: {0}")]
    Unreachable(String),
    /// There is a newer version, but not for this kind of machine.
    #[error("The feed has no package for this machine: {0}")]
    NoPackage(String),
    /// Not made by those whose key this program knows.
    #[error(
        "The package of {version} is not signed as it must be, so it is not installed: {cause}"
    )]
    Signature {
        /// Which version.
        version: String,
        /// What is wrong.
        cause: String,
    },
    /// Somebody else looks after this program.
    #[error(
        "This program was not installed from a package, so it cannot replace itself. Get {0} the \
         way you got this one."
    )]
    NotPackaged(String),
    /// The package could not be installed.
    #[error("The package could not be installed: {0}")]
    Install(String),
    /// The feed was not asked, or has nothing newer.
    #[error("There is no newer version.")]
    Nothing,
}

impl UpdateError {
    /// Stable name of the failure.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            UpdateError::NoFeed => "no-feed",
            UpdateError::BadFeed(_) => "bad-feed",
            UpdateError::Unreachable(_) => "feed-unreachable",
            UpdateError::NoPackage(_) => "no-package",
            UpdateError::Signature { .. } => "bad-signature",
            UpdateError::NotPackaged(_) => "not-packaged",
            UpdateError::Install(_) => "not-installed",
            UpdateError::Nothing => "nothing-newer",
        }
    }
}

/// Where newer versions are, and who signs them.
struct Feed {
    base: String,
    key: String,
}

impl Feed {
    fn known() -> Option<Feed> {
        let value = |name, built: Option<&str>| {
            std::env::var(name).ok().or(built.map(str::to_owned)).filter(|text| !text.is_empty())
        };
        Some(Feed {
            base: value(FEED, option_env!("PIPEWRIGHT_UPDATE_FEED"))?,
            key: value(KEY, option_env!("PIPEWRIGHT_UPDATE_KEY"))?,
        })
    }
}

/// What is known of newer versions, and what the user wants of them.
pub(crate) struct Updates {
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    choice: UpdateChoice,
    asked: bool,
    found: Option<Update>,
    installed: bool,
}

impl Updates {
    /// Reads what the user chose; whoever chose nothing gets releases.
    pub(crate) fn read(file: PathBuf) -> Self {
        let choice = std::fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let state = State { choice: choice.unwrap_or_default(), ..State::default() };
        Self { file, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it is now.
    pub(crate) fn told(&self, app: &AppHandle) -> Told {
        let state = self.state();
        Told {
            version: app.package_info().version.to_string(),
            obstacle: Feed::known().is_none().then(|| UpdateError::NoFeed.to_string()),
            choice: state.choice,
            asked: state.asked,
            offered: state.found.as_ref().map(|update| NewVersion {
                version: update.version.clone(),
                notes: update.body.clone(),
            }),
            installed: state.installed,
        }
    }

    /// Keeps what the user wants. What another channel offered is forgotten.
    pub(crate) fn choose(&self, choice: UpdateChoice) {
        let mut state = self.state();
        if state.choice.channel != choice.channel {
            (state.found, state.asked) = (None, false);
        }
        state.choice = choice;
        let written = serde_json::to_vec(&choice)
            .map_err(std::io::Error::other)
            .and_then(|text| std::fs::write(&self.file, text));
        if let Err(error) = written {
            tracing::warn!("cannot write {}: {error}", self.file.display());
        }
    }

    /// Whether the feed is to be asked without being told to.
    pub(crate) fn is_automatic(&self) -> bool {
        self.state().choice.automatic && Feed::known().is_some()
    }

    /// Asks the feed of the chosen channel.
    pub(crate) async fn check(&self, app: &AppHandle) -> Result<(), UpdateError> {
        let feed = Feed::known().ok_or(UpdateError::NoFeed)?;
        let channel = self.state().choice.channel;
        let address = format!("{}/{}.json", feed.base.trim_end_matches('/'), channel.name());
        let address = address
            .parse()
            .map_err(|error| UpdateError::BadFeed(format!("{address} is no address: {error}")))?;
        let bad = |cause: Cause| UpdateError::BadFeed(cause.to_string());
        let updater = app.updater_builder().pubkey(feed.key).timeout(PATIENCE);
        let updater = updater.endpoints(vec![address]).and_then(|it| it.build()).map_err(bad)?;
        let found = updater.check().await.map_err(|cause| match cause {
            Cause::TargetNotFound(_) | Cause::TargetsNotFound(_) => {
                UpdateError::NoPackage(cause.to_string())
            }
            _ => UpdateError::Unreachable(cause.to_string()),
        })?;
        let mut state = self.state();
        // The user may have chosen another meanwhile.
        if state.choice.channel == channel {
            (state.found, state.asked) = (found, true);
        }
        Ok(())
    }

    /// Gets the newer version, sees that it is what it says, and installs it.
    pub(crate) async fn install(&self) -> Result<(), UpdateError> {
        let mut update = self.state().found.clone().ok_or(UpdateError::Nothing)?;
        update.timeout = Some(DOWNLOAD);
        let version = update.version.clone();
        let package = update.download(|_, _| {}, || {}).await.map_err(|cause| match cause {
            Cause::Network(_) | Cause::Reqwest(_) => UpdateError::Unreachable(cause.to_string()),
            _ => UpdateError::Signature { version: version.clone(), cause: cause.to_string() },
        })?;
        if !matches!(bundle_type(), Some(BundleType::Deb | BundleType::AppImage)) {
            return Err(UpdateError::NotPackaged(version));
        }
        // Asks for the password of who may install, and waits for it.
        let installing = tauri::async_runtime::spawn_blocking(move || update.install(package));
        let installed =
            installing.await.map_err(|error| UpdateError::Install(error.to_string()))?;
        installed.map_err(|cause| UpdateError::Install(cause.to_string()))?;
        self.state().installed = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pipewright_protocol::shell::Channel;

    use super::*;

    #[test]
    fn the_choice_outlives_the_program() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("updates.json");
        let choice = UpdateChoice { channel: Channel::Nightly, automatic: false };
        Updates::read(file.clone()).choose(choice);
        assert_eq!(Updates::read(file.clone()).state().choice, choice);
        std::fs::write(&file, "nonsense").unwrap();
        assert_eq!(Updates::read(file).state().choice, UpdateChoice::default());
    }
}
