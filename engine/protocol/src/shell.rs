//! Between the studio's page and the desktop shell around it.
//!
//! The shell has one command, [`COMMAND`]. Its raw body is the request's body;
//! connection, method and path are headers of the invocation. Requests to a
//! real connection are handed to that node, unread. Requests to the connection
//! named [`SHELL`] are answered by the shell itself: which connections there
//! are, and the dialogs only a desktop has.

use serde::{Deserialize, Serialize};

/// The shell's only command.
pub const COMMAND: &str = "api";
/// Header: id of the connection the request is for, percent-encoded.
pub const CONNECTION: &str = "x-connection";
/// Header: the HTTP method, or [`STOP`].
pub const METHOD: &str = "x-method";
/// Header: path and query.
pub const PATH: &str = "x-path";
/// Header: content type of the body.
pub const CONTENT_TYPE: &str = "x-content-type";
/// Header: answer through this channel (`channel id:number`) as the body
/// arrives; the command itself then returns with the head alone. An empty
/// message says that the body ended.
pub const STREAM: &str = "x-stream";
/// Method that ends the stream named in [`STREAM`].
pub const STOP: &str = "STOP";

/// The connection that is the shell itself.
pub const SHELL: &str = "shell";
/// At the shell: `GET` → `Vec<Connection>`, most recently used first; `POST`
/// [`Open`] → [`Connection`]; below it `PUT` [`Mark`] → [`Connection`], and
/// `DELETE` forgets one.
pub const CONNECTIONS: &str = "/connections";
/// At the shell: `POST` shows the dialog to choose a folder → [`Picked`].
pub const PICK_FOLDER: &str = "/pick-folder";
/// At the shell: `GET` as a stream, one [`Happening`] a line.
pub const HAPPENINGS: &str = "/happenings";
/// At the shell: `PUT` `Vec<`[`Menu`]`>` gives the windows their menu.
pub const MENU: &str = "/menu";
/// At the shell: `POST` closes the window as its own button does.
pub const CLOSE: &str = "/close";
/// At the shell: `POST` stops what runs in this process and closes the window.
pub const LEAVE: &str = "/leave";
/// At the shell: `GET` → [`Updates`]; `PUT` [`UpdateChoice`] → [`Updates`].
pub const UPDATES: &str = "/updates";
/// At the shell: `POST` asks the feed for a newer version → [`Updates`].
pub const UPDATES_CHECK: &str = "/updates/check";
/// At the shell: `POST` downloads the newer version, checks who signed it and
/// installs it → [`Updates`].
pub const UPDATES_INSTALL: &str = "/updates/install";
/// At the shell: `POST` shows the dialog to choose a file → [`Picked`].
pub const PICK_FILE: &str = "/pick-file";
/// At the shell: `POST` [`NewProject`] makes it → [`Picked`], its folder.
pub const PROJECTS: &str = "/projects";
/// At the shell: `POST` the id of a connection opens a window that shows it.
pub const WINDOWS: &str = "/windows";
/// At the shell: `POST` [`Download`] → [`Downloaded`]: asks for the file, and
/// writes what arrives as it arrives.
pub const DOWNLOADS: &str = "/downloads";

/// How new the versions are that a user gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Releases.
    #[default]
    Stable,
    /// What is to become the next release, once a week.
    Weekly,
    /// What was made the day before.
    Nightly,
    /// Every change that passed its tests.
    Latest,
}

impl Channel {
    /// All of them, the calmest first.
    pub const ALL: [Channel; 4] =
        [Channel::Stable, Channel::Weekly, Channel::Nightly, Channel::Latest];

    /// As the feed is called.
    pub fn name(self) -> &'static str {
        match self {
            Channel::Stable => "stable",
            Channel::Weekly => "weekly",
            Channel::Nightly => "nightly",
            Channel::Latest => "latest",
        }
    }
}

/// What the user wants of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateChoice {
    /// Which versions.
    pub channel: Channel,
    /// Whether the feed is asked when the program starts.
    pub automatic: bool,
}

impl Default for UpdateChoice {
    fn default() -> Self {
        Self { channel: Channel::default(), automatic: true }
    }
}

/// How it is with updates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updates {
    /// The version that runs.
    pub version: String,
    /// Why there are none; `None` where a feed is known.
    pub obstacle: Option<String>,
    /// What the user wants.
    pub choice: UpdateChoice,
    /// Whether the feed was asked since the program started.
    pub asked: bool,
    /// The newer version that the feed offers.
    pub offered: Option<NewVersion>,
    /// Whether it is installed and runs from the next start on.
    pub installed: bool,
}

/// A version that is newer than the one that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewVersion {
    /// Its number.
    pub version: String,
    /// What is new in it.
    pub notes: Option<String>,
}

/// What comes to the page from outside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Happening {
    /// A line of the menu was chosen: the id of its command.
    Command(String),
    /// The program was started again, or a file was opened with it: what to
    /// show.
    Open {
        /// Opened already.
        connection: Connection,
        /// The file of the project to show, relative to its folder.
        file: Option<String>,
    },
    /// What was to be opened cannot be; why.
    Failed(String),
    /// The feed of updates offers a newer version.
    Newer(NewVersion),
    /// The window is about to be closed while these pipes run. It stays open
    /// until the page says [`LEAVE`].
    Leaving(Vec<String>),
}

/// One menu of the window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Menu {
    /// What it is called.
    pub title: String,
    /// Its lines; `None` parts them.
    pub lines: Vec<Option<MenuLine>>,
}

/// One line of a menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MenuLine {
    /// The command, as [`Happening::Command`] names it.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// The keys that run it, such as `Ctrl+Shift+K`.
    pub keys: Option<String>,
    /// Whether it can be done now.
    pub enabled: bool,
}

/// A project folder or a node the user has opened before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Names it towards the shell.
    pub id: String,
    /// What to call it.
    pub name: String,
    /// Where it is.
    pub target: Target,
    /// Whether it is open in this process.
    pub open: bool,
    /// Whether it is marked as production: it is shown as such, and nothing can
    /// be changed through it.
    #[serde(default)]
    pub production: bool,
    /// Where the access token of a node elsewhere is kept.
    #[serde(default)]
    pub token: Option<TokenPlace>,
    /// The file with the certificates that a node elsewhere is believed by,
    /// where the usual ones do not do.
    #[serde(default)]
    pub authority: Option<String>,
}

/// Where an access token is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenPlace {
    /// In the keychain of the desktop.
    Keychain,
    /// Nowhere: it is known until the program or the tab is closed.
    Session,
}

/// Changes what is kept of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whether it is production.
    pub production: bool,
}

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// A folder on this machine; its node runs in the shell.
    Folder(String),
    /// A node elsewhere, by its base address, such as `http://127.0.0.1:9042`.
    Node(String),
}

/// Asks the shell to open a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Open {
    /// Opens a folder.
    Folder(String),
    /// Opens a node elsewhere. The token is kept by the shell and never comes
    /// back to the page.
    Node {
        /// Its base address.
        url: String,
        /// What it asks for.
        token: String,
        /// A file with certificates to believe it by, besides the usual ones.
        #[serde(default)]
        authority: Option<String>,
    },
    /// Opens one of the known connections again.
    Known(String),
}

/// A project to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewProject {
    /// The folder that it is made in.
    pub parent: String,
    /// What its own folder is called.
    pub name: String,
    /// What it begins with.
    pub template: Template,
}

/// What a new project begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// Nothing.
    Empty,
    /// A CSV file that becomes a dataset.
    Csv,
    /// The example: a CRM, an ERP and a web shop.
    CrmErp,
}

/// An answer of a connection to be written into a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// The connection.
    pub connection: String,
    /// What is asked for, by `GET`.
    pub path: String,
    /// What the file is called unless the user says otherwise.
    pub name: String,
}

/// What became of a [`Download`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downloaded {
    /// The file; `None` when the dialog was cancelled.
    pub file: Option<String>,
}

/// What a dialog came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picked {
    /// The chosen folder or file; `None` when the dialog was cancelled.
    pub folder: Option<String>,
}

/// The head of an answer, in front of its body.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The HTTP status; 0 when there was no answer.
    pub status: u16,
    /// Why there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,
}

/// The bytes are no head and body.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Cut off.
    #[error("the answer is cut off")]
    Short,
    /// Not JSON of the expected form.
    #[error("the head of the answer: {0}")]
    Json(#[from] serde_json::Error),
}

impl Head {
    /// Length of the head (four bytes, little endian), the head, the body.
    pub fn join(&self, body: &[u8]) -> Result<Vec<u8>, HeadError> {
        let head = serde_json::to_vec(self)?;
        let length = u32::try_from(head.len()).map_err(|_| HeadError::Short)?;
        let mut out = Vec::with_capacity(4 + head.len() + body.len());
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&head);
        out.extend_from_slice(body);
        Ok(out)
    }

    /// Takes apart what [`Head::join`] put together.
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8]), HeadError> {
        let (length, rest) = bytes.split_first_chunk().ok_or(HeadError::Short)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| HeadError::Short)?;
        let (head, body) = rest.split_at_checked(length).ok_or(HeadError::Short)?;
        Ok((serde_json::from_slice(head)?, body))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn head_and_body_come_apart_again() {
        let head = Head { status: 200, unreachable: None };
        let bytes = head.join(b"[1]").unwrap();
        assert_eq!(Head::split(&bytes).unwrap(), (head, &b"[1]"[..]));
        assert!(Head::split(&bytes[..6]).is_err());
        assert!(Head::split(&[]).is_err());
    }
}
