//! The connections this window knows.
//!
//! In a browser there is one, the node the page came from. In the desktop
//! window the shell keeps the list and the tokens.

use leptos::prelude::*;
use pipewright_protocol::shell::{self, Connection, Open, Picked};

use crate::client::{Browser, Client, Desktop, Failure};

const LAST: &str = "pipewright.connection";

/// The window's connections. Copies are the same.
#[derive(Clone, Copy)]
pub struct Desk {
    shell: StoredValue<Option<Client>>,
    /// The open one; in a browser always `None`.
    pub current: RwSignal<Option<Connection>>,
    /// All the shell knows, the most recently used first.
    pub known: RwSignal<Vec<Connection>>,
    /// Why they could not be read.
    pub failure: RwSignal<Option<Failure>>,
}

/// The window's connections.
pub fn use_desk() -> Desk {
    expect_context()
}

impl Desk {
    /// Finds out where the page runs.
    pub fn start() -> Self {
        let shell = Desktop::new(shell::SHELL).map(Client::new);
        Desk {
            shell: StoredValue::new(shell),
            current: RwSignal::new(None),
            known: RwSignal::default(),
            failure: RwSignal::new(None),
        }
    }

    /// Whether this is the desktop window.
    pub fn is_desktop(self) -> bool {
        self.shell.with_value(Option::is_some)
    }

    /// The way to the open connection; `None` while none is open.
    pub fn client(self) -> Option<Client> {
        if !self.is_desktop() {
            return Some(Client::new(Browser::new()));
        }
        let id = self.current.with(|current| current.as_ref().map(|current| current.id.clone()))?;
        Desktop::new(&id).map(Client::new)
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
        self.current.set(Some(connection));
    }

    /// Opens a folder or node and shows it.
    pub async fn open(self, open: Open) -> Result<(), Failure> {
        let connection: Connection = self.shell()?.post(shell::CONNECTIONS, &open).await?;
        self.switch(connection);
        self.read().await;
        Ok(())
    }

    /// Lets the user choose a folder; `None` when it was cancelled.
    pub async fn pick_folder(self) -> Result<Option<String>, Failure> {
        let picked: Picked = self.shell()?.post(shell::PICK_FOLDER, &()).await?;
        Ok(picked.folder)
    }

    /// Fetches an answer as a file; where it is, or `None` when it was
    /// cancelled.
    pub async fn download(
        self,
        client: &Client,
        path: &str,
        name: &str,
    ) -> Result<Option<String>, Failure> {
        let bytes = client.bytes(path).await?;
        crate::client::hand_out(&bytes, name)?;
        Ok(Some(name.to_owned()))
    }

    /// Takes a connection off the list.
    pub async fn forget(self, id: &str) -> Result<(), Failure> {
        let path = format!("{}/{}", shell::CONNECTIONS, pipewright_protocol::studio::encode(id));
        self.shell()?.delete(&path).await?;
        self.read().await;
        Ok(())
    }
}

fn session_storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok().flatten()
}
