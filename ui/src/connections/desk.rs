//! The connections this window knows.
//!
//! In the desktop window the shell keeps the list and the tokens. In a browser
//! the screens belong to the node the page came from; others can be reached
//! from them, with tokens that the tab knows until it is closed.

use std::collections::BTreeSet;

use leptos::prelude::*;
use pipewright_protocol::{
    shell::{
        self, Connection, Download, Downloaded, Mark, NewProject, Open, Picked, Target, TokenPlace,
    },
    studio::{PROJECT, Project, encode},
};
use serde::{Deserialize, Serialize};

use crate::{
    client::{Browser, Client, Desktop, Failure},
    state::{remember, remembered},
};

const LAST: &str = "pipewright.connection";
/// Nodes elsewhere that this tab has reached, with their tokens.
const OTHERS: &str = "pipewright.others";
/// Nodes that are marked as production in this browser, by their addresses.
const PRODUCTION: &str = "production";

/// The window's connections. Copies are the same.
#[derive(Clone, Copy)]
pub struct Desk {
    shell: StoredValue<Option<Client>>,
    /// The open one; in a browser always `None`.
    pub current: RwSignal<Option<Connection>>,
    /// All that are known, the most recently used first.
    pub known: RwSignal<Vec<Connection>>,
    /// Why they could not be read.
    pub failure: RwSignal<Option<Failure>>,
}

/// A node elsewhere that a browser tab has reached.
#[derive(Clone, Serialize, Deserialize)]
struct Other {
    url: String,
    name: String,
    token: String,
}

/// The window's connections.
pub fn use_desk() -> Desk {
    expect_context()
}

impl Desk {
    /// Finds out where the page runs.
    pub fn start() -> Self {
        let shell = Desktop::new(shell::SHELL).map(Client::new);
        let desk = Desk {
            shell: StoredValue::new(shell),
            current: RwSignal::new(None),
            known: RwSignal::default(),
            failure: RwSignal::new(None),
        };
        if !desk.is_desktop() {
            desk.known.set(others_known());
        }
        desk
    }

    /// Whether this is the desktop window.
    pub fn is_desktop(self) -> bool {
        self.shell.with_value(Option::is_some)
    }

    /// The id of the open connection; in a browser the node's own address.
    /// Tracked.
    pub fn current_id(self) -> Option<String> {
        if !self.is_desktop() {
            return Some(own_id());
        }
        self.current.with(|current| current.as_ref().map(|current| current.id.clone()))
    }

    /// The way to the open connection; `None` while none is open.
    pub fn client(self) -> Option<Client> {
        let id = self.current_id()?;
        let client = if self.is_desktop() {
            Desktop::new(&id).map(Client::new)?
        } else {
            Client::new(Browser::new())
        };
        Some(self.guarded(client, id))
    }

    /// The way to a connection that is open, or that this tab has a token for.
    pub fn client_of(self, id: &str) -> Option<Client> {
        let client = if self.is_desktop() {
            Desktop::new(id).map(Client::new)?
        } else {
            let url = id.strip_prefix("node:")?;
            let other = others().into_iter().find(|other| other.url == url)?;
            Client::new(Browser::to(url, &other.token))
        };
        Some(self.guarded(client, id.to_owned()))
    }

    fn guarded(self, client: Client, id: String) -> Client {
        client.read_only_while(Signal::derive(move || self.is_production(&id)))
    }

    /// Whether a connection is marked as production. Tracked.
    pub fn is_production(self, id: &str) -> bool {
        let listed = self
            .known
            .with(|known| known.iter().find(|known| known.id == id).map(|known| known.production));
        listed.unwrap_or_else(|| !self.is_desktop() && production().contains(id))
    }

    /// A connection of the list.
    fn connection(self, id: &str) -> Option<Connection> {
        self.known.with_untracked(|known| known.iter().find(|known| known.id == id).cloned())
    }

    /// The desktop around this page.
    pub fn shell(self) -> Result<Client, Failure> {
        self.shell
            .get_value()
            .ok_or_else(|| Failure::Unreachable("there is no desktop around this page".into()))
    }

    /// Reads the list; opens what this window showed last if it is open still,
    /// or the only open one.
    pub async fn read(self) {
        let known = match self.shell() {
            Ok(shell) => shell.get::<Vec<Connection>>(shell::CONNECTIONS).await,
            Err(failure) => Err(failure),
        };
        match known {
            Ok(known) => {
                if self.current.with_untracked(Option::is_none) {
                    let last =
                        session_storage().and_then(|storage| storage.get_item(LAST).ok().flatten());
                    let open = known.iter().filter(|connection| connection.open);
                    let mut open: Vec<&Connection> = open.collect();
                    open.sort_by_key(|connection| Some(&connection.id) != last.as_ref());
                    if let Some(connection) = open.first() {
                        self.switch((*connection).clone());
                    }
                }
                self.failure.set(None);
                self.known.set(known);
            }
            Err(failure) => self.failure.set(Some(failure)),
        }
    }

    /// Shows a connection that is open.
    pub fn switch(self, connection: Connection) {
        if let Some(storage) = session_storage() {
            // Without it a reload asks which one to open.
            let _ = storage.set_item(LAST, &connection.id);
        }
        // The same one again is no other session.
        let same = self
            .current
            .with_untracked(|current| current.as_ref().is_some_and(|it| it.id == connection.id));
        if !same {
            self.current.set(Some(connection));
        }
    }

    /// Opens a folder or node and shows it.
    pub async fn open(self, open: Open) -> Result<(), Failure> {
        let connection = self.connect(open).await?;
        self.switch(connection);
        Ok(())
    }

    /// Opens a folder or node without showing it.
    pub async fn connect(self, open: Open) -> Result<Connection, Failure> {
        if self.is_desktop() {
            let connection: Connection = self.shell()?.post(shell::CONNECTIONS, &open).await?;
            self.read().await;
            return Ok(connection);
        }
        let (url, token) = match open {
            Open::Node { url, token, .. } => (url, token),
            Open::Known(id) => match self.connection(&id) {
                Some(connection) => return Ok(connection),
                None => return Err(unknown()),
            },
            Open::Folder(_) => return Err(unknown()),
        };
        let project: Project = Client::new(Browser::to(&url, &token)).get(PROJECT).await?;
        let mut all = others();
        all.retain(|other| other.url != url);
        all.insert(0, Other { url: url.clone(), name: project.name, token });
        keep_others(&all);
        self.known.set(others_known());
        self.connection(&format!("node:{url}")).ok_or_else(unknown)
    }

    /// Shows a connection in this window. In a browser the tab goes to the
    /// studio that the other node serves.
    pub async fn show(self, id: &str) -> Result<(), Failure> {
        if self.is_desktop() {
            return self.open(Open::Known(id.to_owned())).await;
        }
        let url = id.strip_prefix("node:").ok_or_else(unknown)?;
        let other = others().into_iter().find(|other| other.url == url);
        go_to(url, other.as_ref().map_or("", |other| &other.token));
        Ok(())
    }

    /// Shows a connection in a window of its own.
    pub async fn open_window(self, id: &str) -> Result<(), Failure> {
        self.shell()?.tell(shell::WINDOWS, &id).await
    }

    /// Marks a connection as production, or takes the mark off.
    pub async fn mark(self, id: &str, production: bool) -> Result<(), Failure> {
        if self.is_desktop() {
            let path = format!("{}/{}", shell::CONNECTIONS, encode(id));
            self.shell()?.put(&path, &Mark { production }).await?;
            self.read().await;
            return Ok(());
        }
        let mut all = self::production();
        if production {
            all.insert(id.to_owned());
        } else {
            all.remove(id);
        }
        let text: Vec<&str> = all.iter().map(String::as_str).collect();
        remember(PRODUCTION, &text.join("\n"));
        // Tells everybody who looks at a mark.
        self.known.set(others_known());
        Ok(())
    }

    /// Makes a project from a template and shows it.
    pub async fn create(self, new: &NewProject) -> Result<(), Failure> {
        let picked: Picked = self.shell()?.post(shell::PROJECTS, new).await?;
        match picked.folder {
            Some(folder) => self.open(Open::Folder(folder)).await,
            None => Ok(()),
        }
    }

    /// Lets the user choose a folder; `None` when it was cancelled.
    pub async fn pick_folder(self) -> Result<Option<String>, Failure> {
        let picked: Picked = self.shell()?.post(shell::PICK_FOLDER, &()).await?;
        Ok(picked.folder)
    }

    /// Lets the user choose a file; `None` when it was cancelled.
    pub async fn pick_file(self) -> Result<Option<String>, Failure> {
        let picked: Picked = self.shell()?.post(shell::PICK_FILE, &()).await?;
        Ok(picked.folder)
    }

    /// Writes what the open node answers into a file that the user names; the
    /// file, or `None` when it was cancelled. In a browser it is handed to the
    /// browser as it hands out every file.
    pub async fn download(
        self,
        client: &Client,
        path: &str,
        name: &str,
    ) -> Result<Option<String>, Failure> {
        if !self.is_desktop() {
            let bytes = client.bytes(path).await?;
            crate::client::hand_out(&bytes, name)?;
            return Ok(Some(name.to_owned()));
        }
        let connection = untrack(|| self.current_id()).unwrap_or_default();
        let download = Download { connection, path: path.to_owned(), name: name.to_owned() };
        let done: Downloaded = self.shell()?.post(shell::DOWNLOADS, &download).await?;
        Ok(done.file)
    }

    /// Takes a connection off the list.
    pub async fn forget(self, id: &str) -> Result<(), Failure> {
        if !self.is_desktop() {
            let mut all = others();
            all.retain(|other| format!("node:{}", other.url) != id);
            keep_others(&all);
            self.known.set(others_known());
            return Ok(());
        }
        let path = format!("{}/{}", shell::CONNECTIONS, encode(id));
        self.shell()?.delete(&path).await?;
        self.read().await;
        Ok(())
    }
}

/// The tab goes to the studio that a node serves.
pub(super) fn go_to(url: &str, token: &str) {
    let link = if token.is_empty() { url.to_owned() } else { format!("{url}/#token={token}") };
    // Fails only for addresses that were refused before.
    let _ = window().location().assign(&link);
}

fn unknown() -> Failure {
    Failure::Refused {
        status: 0,
        code: "unknown-connection".into(),
        message: "This connection is not known any more.".into(),
    }
}

/// What the node of this page is called among the connections of a browser.
fn own_id() -> String {
    let origin = window().location().origin().unwrap_or_default();
    format!("node:{origin}")
}

fn production() -> BTreeSet<String> {
    let text = remembered(PRODUCTION).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn others() -> Vec<Other> {
    let text = session_storage().and_then(|storage| storage.get_item(OTHERS).ok().flatten());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn keep_others(others: &[Other]) {
    if let (Some(storage), Ok(text)) = (session_storage(), serde_json::to_string(others)) {
        // Full or forbidden: then they are asked for again.
        let _ = storage.set_item(OTHERS, &text);
    }
}

/// The nodes that this tab has reached, as connections.
fn others_known() -> Vec<Connection> {
    let production = production();
    let connection = |other: Other| {
        let id = format!("node:{}", other.url);
        Connection {
            production: production.contains(&id),
            id,
            name: other.name,
            target: Target::Node(other.url),
            open: true,
            token: Some(TokenPlace::Session),
            authority: None,
        }
    };
    others().into_iter().map(connection).collect()
}

fn session_storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok().flatten()
}
